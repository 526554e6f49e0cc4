//! Which songs are one song under several names, so that only one of them is recommended.

#![cfg(test)]

mod support;

use model::SongId;
use recommender::{Query, ServedModel};
use support::{SongRow, model, tables};

/// All songs that are recommended beside the first of these titles of one artist, when each is beside it equally often.
fn beside_first(titles: &[&str]) -> Vec<SongId> {
    let rows: Vec<SongRow<'_>> = (titles.iter().zip((1..=100).rev()))
        .map(|(title, count)| (*title, "Artist", &[][..], count))
        .collect();
    let rules: Vec<_> = (1..rows.len() as SongId).map(|song| (&[0][..], song, 1, 1)).collect();
    let served = ServedModel::build(model(tables(&rows, &rules, &[])));
    let answer = served.recommend(&Query { seeds: vec![0], limit: 100, ..Query::default() });
    answer.iter().map(|recommendation| recommendation.song).collect()
}

#[test]
fn a_recording_under_another_label_is_not_recommended_beside_a_seed() {
    let titles = [
        "Creep",
        "Creep - Remastered 2011",
        "CREEP (2017 Remaster)",
        "Creep (feat. Somebody)",
        "Creep ft. Somebody",
        "Creep - Radio Edit",
        "Creep - Single Version",
        "Creep - Mono Version / Remastered 2002",
        "Creep (From \"A Film\")",
        "Creep - Remastered - Bonus Track",
    ];
    assert_eq!(beside_first(&titles), [0_u32; 0]);
}

#[test]
fn other_recordings_are_other_songs() {
    let titles = [
        "Creep",
        "Creep - Live",
        "Creep - Acoustic",
        "Creep - Somebody Remix",
        "Creep (Somebody Radio Edit)",
        "Creep - Instrumental",
        "Creep (Anybody's Version)",
        "Creep Again",
    ];
    assert_eq!(beside_first(&titles), [1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn of_a_recording_under_several_labels_one_is_recommended() {
    let titles = [
        "Seed",
        "Creep (feat. Somebody)",
        "Creep - Radio Edit",
        "Creep - Live - Remastered 2011",
        "Creep (Live)",
        "Creep - Live [2012 Remaster]",
    ];
    assert_eq!(beside_first(&titles), [1, 3]);
}

#[test]
fn a_name_that_joins_two_others_makes_them_one() {
    // The second is `creep remastered` without punctuation, as the third is, which is the first under a label.
    assert_eq!(beside_first(&["Seed", "Creep", "Creep Remastered", "Creep (Remastered)"]), [1]);
}

#[test]
fn another_artist_makes_another_song() {
    let rows = [("Seed", "A", &[][..], 9), ("Creep", "A", &[], 8), ("Creep - Remastered", "B", &[], 7)];
    let served = ServedModel::build(model(tables(&rows, &[], &[])));
    let answer = served.recommend(&Query { seeds: vec![0], limit: 9, ..Query::default() });
    let songs: Vec<SongId> = answer.iter().map(|recommendation| recommendation.song).collect();
    assert_eq!(songs, [1, 2]);
}
