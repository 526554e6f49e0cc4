//! Which playlists are held out, and which of their songs become seeds.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{collections::BTreeSet, fmt::Write as _, fs};

use trainer::{Dataset, HeldOut, HoldOut, ItemKey, Location, ReadOptions, SEEDS, read_dataset};

type Row = (String, String, String, String);

/// Playlists `p0`, `p1`, … with 2 to 41 of 500 songs each; song 7 is written in two ways.
fn rows(playlists: std::ops::Range<usize>) -> Vec<Row> {
    let mut rows = Vec::new();
    for playlist in playlists {
        for position in 0..2 + playlist * 7 % 40 {
            let song = (playlist * 31 + position * position * 3 + position) % 500;
            let title = if song == 7 && playlist % 2 == 0 { "SONG 7".into() } else { format!("Song {song}") };
            rows.push((
                format!("p{playlist}"),
                title,
                format!("Artist {}", song % 50),
                format!("uri:{song}"),
            ));
        }
    }
    rows
}

fn read(item_key: ItemKey, rows: &[Row]) -> (Dataset, HoldOut) {
    let mut csv = "pid,track_name,artist_name,track_uri\n".to_owned();
    for (pid, title, artist, uri) in rows {
        writeln!(csv, "{pid},{title},{artist},{uri}").unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("playlists.csv");
    fs::write(&path, csv).unwrap();
    let options = ReadOptions { item_key, ..ReadOptions::default() };
    let dataset = read_dataset(&Location::from(path.as_path()), &options, &()).unwrap();
    let hold_out = HoldOut::of(&dataset, item_key);
    (dataset, hold_out)
}

/// Held-out playlists as the hashes of their pids and the URIs of their songs, for ids differ between datasets.
fn told(dataset: &Dataset, held_out: &[HeldOut]) -> Vec<(u64, Vec<String>)> {
    let uri = |&song: &u32| dataset.songs.get(song).uri.to_owned();
    held_out
        .iter()
        .map(|held_out| {
            (dataset.pid_hashes[held_out.basket as usize], held_out.songs.iter().map(uri).collect())
        })
        .collect()
}

const ITEM_KEYS: [ItemKey; 3] = [ItemKey::Song, ItemKey::Title, ItemKey::Uri];

#[test]
fn about_a_tenth_is_held_out_to_test_with_and_another_to_fit_with() {
    let (dataset, hold_out) = read(ItemKey::Song, &rows(0..2_000));
    let test: BTreeSet<u32> = hold_out.test.iter().map(|held_out| held_out.basket).collect();
    let validation: BTreeSet<u32> = hold_out.validation.iter().map(|held_out| held_out.basket).collect();
    assert!((150..250).contains(&test.len()), "{}", test.len());
    assert!((150..250).contains(&validation.len()), "{}", validation.len());
    assert!(test.is_disjoint(&validation));
    assert_eq!((test.len(), validation.len()), (hold_out.test.len(), hold_out.validation.len()));
    for held_out in hold_out.test.iter().chain(&hold_out.validation) {
        let mut songs = held_out.songs.clone();
        songs.sort_unstable();
        assert_eq!(songs, dataset.baskets.get(held_out.basket as usize));
    }
}

#[test]
fn of_many_playlists_those_with_the_smallest_hashes_are_held_out() {
    let rows: Vec<Row> = (0..24_000)
        .flat_map(|playlist| {
            ["a", "b"].map(|song| (playlist.to_string(), song.into(), "".into(), song.into()))
        })
        .collect();
    let (dataset, hold_out) = read(ItemKey::Song, &rows);
    assert_eq!((hold_out.test.len(), hold_out.validation.len()), (1_000, 500));
    let mut hashes = dataset.pid_hashes.clone();
    hashes.sort_unstable();
    let test: Vec<u64> = told(&dataset, &hold_out.test).into_iter().map(|(hash, _)| hash).collect();
    assert_eq!(test, hashes[..1_000]);
}

#[test]
fn the_order_of_the_rows_does_not_matter() {
    for item_key in ITEM_KEYS {
        let mut rows = rows(0..300);
        let (dataset, hold_out) = read(item_key, &rows);
        rows.reverse();
        let (reversed, reversed_hold_out) = read(item_key, &rows);
        assert!(!hold_out.test.is_empty());
        assert_eq!(told(&dataset, &hold_out.test), told(&reversed, &reversed_hold_out.test));
        assert_eq!(told(&dataset, &hold_out.validation), told(&reversed, &reversed_hold_out.validation));
        assert_eq!(hold_out.digest, reversed_hold_out.digest);
    }
}

/// The added ones change ids, support counts, and how song 7 is mostly written.
#[test]
fn other_playlists_do_not_matter() {
    for item_key in [ItemKey::Song, ItemKey::Uri] {
        let (dataset, hold_out) = read(item_key, &rows(0..300));
        let mut more = rows(0..300);
        more.extend(rows(300..900));
        more.extend((0..400).map(|n| (format!("x{n}"), "SONG 7".into(), "Artist 7".into(), "uri:7".into())));
        let (more, more_hold_out) = read(item_key, &more);
        let (of_few, of_many) = (told(&dataset, &hold_out.test), told(&more, &more_hold_out.test));
        assert!(of_few.iter().all(|held_out| of_many.contains(held_out)), "by {item_key}");
        assert!(of_few.len() < of_many.len());
        assert_ne!(hold_out.digest, more_hold_out.digest);
    }
}

#[test]
fn a_playlist_with_one_song_is_never_held_out() {
    let mut rows: Vec<Row> =
        (0..300).map(|pid| (pid.to_string(), "a".into(), "x".into(), "uri:a".into())).collect();
    rows.extend(rows.clone()); // A repeat does not make it longer.
    let (_, hold_out) = read(ItemKey::Song, &rows);
    assert_eq!((hold_out.test, hold_out.validation), (vec![], vec![]));
}

#[test]
fn fewer_seeds_are_the_first_of_more_and_no_seed_is_hidden() {
    let (_, hold_out) = read(ItemKey::Song, &rows(0..1_000));
    let mut used = [0; 3];
    for held_out in &hold_out.test {
        for (seeds, used) in SEEDS.into_iter().zip(&mut used) {
            let Some((given, hidden)) = held_out.split(seeds) else {
                assert!(held_out.songs.len() <= seeds);
                continue;
            };
            *used += 1;
            assert_eq!(given.len(), seeds);
            assert_eq!([given, hidden].concat(), held_out.songs);
        }
    }
    assert!(used[0] == hold_out.test.len() && used[1] > used[2] && used[2] > 0, "{used:?}");
}

/// Playlists of one theme must not all give their commonest song first.
#[test]
fn the_seeds_differ_between_playlists_with_the_same_songs() {
    let rows: Vec<Row> = (0..1_000)
        .flat_map(|pid| {
            ["a", "b", "c", "d"].map(|song| (pid.to_string(), song.into(), "".into(), song.into()))
        })
        .collect();
    let (_, hold_out) = read(ItemKey::Song, &rows);
    let mut firsts = [0; 4];
    hold_out.test.iter().for_each(|held_out| firsts[held_out.songs[0] as usize] += 1);
    assert!(firsts.iter().all(|&first| first * 8 > hold_out.test.len()), "{firsts:?}");
}
