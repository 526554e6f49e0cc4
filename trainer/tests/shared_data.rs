//! Real datasets have as many rows, playlists and songs as their README says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod real_data;

use real_data::real_data;
use trainer::{Dataset, ItemKey, Location, ReadOptions, read_dataset};

/// Reads a file of the shared data; `None`, and a line that says so, when they are not there.
fn read(file: &str, item_key: ItemKey) -> Option<Dataset> {
    let path = real_data(file)?;
    let options = ReadOptions { item_key, ..ReadOptions::default() };
    Some(read_dataset(&Location::from(path.as_path()), &options, &()).unwrap())
}

#[track_caller]
fn check(file: &str, item_key: ItemKey, rows: u64, playlists: u32, songs: u32) {
    let Some(dataset) = read(file, item_key) else { return };
    let facts = &dataset.facts;
    assert_eq!((facts.rows, facts.playlists, facts.songs), (rows, playlists, songs), "{file} by {item_key}");
    assert_eq!((facts.skipped_rows, dataset.first_skipped), (0, None));
    assert_eq!((dataset.baskets.len(), dataset.songs.len()), (playlists as usize, songs as usize));
}

#[test]
fn the_older_header_gives_the_known_numbers_of_titles() {
    check("course/playlist-sample-ds1.csv", ItemKey::Title, 21_761, 500, 15_009);
}

#[test]
fn empty_cells_are_skipped_within_the_limit() {
    let Some(dataset) = read("course/playlist-sample-ds2.csv", ItemKey::Title) else { return };
    assert_eq!((dataset.facts.rows, dataset.facts.playlists), (22_355, 500));
    assert!(dataset.facts.skipped_rows <= 4, "{:?}", dataset.first_skipped);
}

#[test]
fn compressed_data_give_the_known_numbers_of_uris() {
    // Both were cut to the same 5,600 songs; Python's csv module counts as many in each as these.
    check("mpd/dense-ds1-like.csv.gz", ItemKey::Uri, 96_863, 1_293, 5_599);
    check("mpd/dense-ds2-like.csv.gz", ItemKey::Uri, 109_141, 1_436, 5_598);
    check("mpd/ds1-like.csv.gz", ItemKey::Uri, 270_153, 2_763, 108_235);
    check("archive/snapshot-2020-05-09.csv.gz", ItemKey::Uri, 10_300, 97, 8_798);
}

#[test]
fn spellings_that_differ_in_case_are_one_song() {
    let Some(dataset) = read("mpd/dense-ds1-like.csv.gz", ItemKey::Song) else { return };
    let spelled: Vec<_> = dataset
        .songs
        .iter()
        .filter(|(_, song)| song.title.eq_ignore_ascii_case("look at me!"))
        .map(|(id, _)| dataset.songs.uris(id).len())
        .collect();
    assert_eq!(spelled.len(), 1);
    assert!(dataset.songs.len() <= 5_600);
}
