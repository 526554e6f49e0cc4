//! The order of the rows and the compression do not change what a dataset is, but for the order of the baskets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, io::Write as _};

use flate2::write::GzEncoder;
use proptest::{collection::vec, prelude::*, sample::select};
use trainer::{Dataset, ItemKey, Location, ReadOptions, read_dataset};

/// Cells that meet often, in spellings that are equal or nearly so; some make a row that cannot be used.
type Row = (u8, &'static str, &'static str, &'static str);

fn row() -> impl Strategy<Value = Row> {
    (
        0_u8..6,
        select(vec!["Straße", "STRASSE", " Abba", "ABBA", "abba", "Beyoncé", "Beyonce\u{301}", ""]),
        select(vec!["Home", "HOME", "home ", "1985", "True", "a,b", "\"q\"", "two\nlines", ""]),
        select(vec!["u:1", "u:2", "u:3", ""]),
    )
}

fn csv(rows: &[Row]) -> Vec<u8> {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let mut text = String::from("pid,artist_name,track_name,track_uri\n");
    for &(pid, artist, title, uri) in rows {
        text += &format!("{pid},{},{},{uri}\n", quoted(artist), quoted(title));
    }
    text.into_bytes()
}

fn read(item_key: ItemKey, bytes: &[u8]) -> Option<Dataset> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("playlists");
    fs::write(&path, bytes).unwrap();
    let options = ReadOptions { item_key, max_skipped_share: 1.0, ..ReadOptions::default() };
    read_dataset(&Location::from(path.as_path()), &options, &()).ok()
}

/// All that must be equal.
fn comparable(dataset: &Dataset) -> impl PartialEq + std::fmt::Debug {
    let mut baskets: Vec<Vec<u32>> = dataset.baskets.iter().map(<[u32]>::to_vec).collect();
    baskets.sort_unstable();
    let facts = &dataset.facts;
    (
        baskets,
        dataset.songs.clone(),
        dataset.artists.clone(),
        dataset.song_artists.clone(),
        (facts.rows, facts.skipped_rows, facts.playlists, facts.songs, facts.artists),
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_the_rows_does_not_matter(
        (rows, shuffled) in vec(row(), 1..40).prop_flat_map(|rows| (Just(rows.clone()), Just(rows).prop_shuffle())),
        item_key in select(vec![ItemKey::Song, ItemKey::Title, ItemKey::Uri]),
    ) {
        let first = read(item_key, &csv(&rows));
        let second = read(item_key, &csv(&shuffled));
        prop_assert_eq!(first.as_ref().map(comparable), second.as_ref().map(comparable));
        if let Some(dataset) = first {
            prop_assert_eq!(dataset.baskets.support_counts(), dataset.songs.support_counts());
            prop_assert_eq!(dataset.song_artists.len(), dataset.songs.len());
        }
    }

    #[test]
    fn the_compression_does_not_matter(rows in vec(row(), 1..40), cut in 0_usize..40) {
        let plain = csv(&rows);
        let (head, tail) = plain.split_at(cut.min(plain.len()));
        let gzip = |bytes: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 1).unwrap();
        let expected = read(ItemKey::Song, &plain);
        for compressed in [[gzip(head), gzip(tail)].concat(), [zstd(head), zstd(tail)].concat()] {
            let dataset = read(ItemKey::Song, &compressed);
            prop_assert_eq!(dataset.as_ref().map(comparable), expected.as_ref().map(comparable));
            prop_assert_eq!(dataset.map(|dataset| dataset.baskets), expected.as_ref().map(|dataset| dataset.baskets.clone()));
        }
    }
}
