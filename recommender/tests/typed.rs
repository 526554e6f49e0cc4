//! What a title is taken for that was typed with small mistakes.

#![cfg(test)]

mod support;

use model::SongId;
use recommender::{MatchKind, ServedModel};
use support::{SongRow, model, tables};

/// A model of songs without URIs: title, artist, support count.
fn of_songs(songs: &[(&str, &str, u32)]) -> ServedModel {
    let rows: Vec<SongRow<'_>> =
        songs.iter().map(|&(title, artist, support_count)| (title, artist, &[][..], support_count)).collect();
    ServedModel::build(model(tables(&rows, &[], &[])))
}

/// Whether each text is taken for the song beside it.
#[track_caller]
fn check_taken(songs: &[(&str, &str, u32)], kind: MatchKind, texts: &[(&str, SongId)]) {
    let served = of_songs(songs);
    for &(text, song) in texts {
        let found = served.resolve(text);
        assert_eq!((found.kind, found.song), (kind, Some(song)), "{text:?}: {found:?}");
    }
}

#[test]
fn the_longer_a_name_the_more_slips_are_forgiven() {
    let songs = [
        ("Closing Time", "Semisonic", 90),
        ("Sorry", "Justin Bieber", 80),
        ("SOS", "Rihanna", 70),
        ("X", "Lil Uzi Vert", 60),
    ];
    let forgiven = [
        ("Cosing Tme", 0),
        ("Sory", 1),
        ("Sorrz", 1),
        ("osrry", 1),
        ("So rry", 1),
        ("SOPS", 2),
        ("Clsing Time by Semsionic", 0),
    ];
    check_taken(&songs, MatchKind::Fuzzy, &forgiven);
    let served = of_songs(&songs);
    for text in ["Cosng Tme", "Srry y", "SO", "Xx", "Y"] {
        assert_eq!(served.resolve(text).kind, MatchKind::Unknown, "{text}");
    }
}

#[test]
fn artist_and_title_must_both_be_close() {
    let songs = [("Hello", "Adele", 90), ("Run", "Leona Lewis", 80), ("One", "Ed Sheeran", 70)];
    let forgiven =
        [("Adelle - Helo", 0), ("hello adle", 0), ("Leona Lewes - Rum", 1), ("Onee bt Ed Sheeran", 2)];
    check_taken(&songs, MatchKind::Fuzzy, &forgiven);
    let served = of_songs(&songs);
    for text in ["Abba - Hello Hello", "Ed Sheeran - Dive", "Ed Sheeran - Run", "Leona Lewis - Lucky"] {
        assert_eq!(served.resolve(text).kind, MatchKind::Unknown, "{text}");
    }
}

#[test]
fn words_and_blanks_that_are_left_out_count_as_one_slip() {
    let songs = [
        ("Chained To The Rhythm", "Katy Perry", 90),
        ("Smoke & Retribution", "Flume", 80),
        ("Feeling Myself", "Nicki Minaj", 70),
        ("Here Comes The Sun", "The Beatles", 60),
    ];
    let forgiven = [
        ("Chained to Rhythm", 0),
        ("Smoke Retribution", 1),
        ("FeelingMyself", 2),
        ("feelingmyself nicki minaj", 2),
        ("Beatles - Here Comes Sun", 3),
        ("Here Coms Sun by Beatles", 3),
    ];
    check_taken(&songs, MatchKind::Fuzzy, &forgiven);
}

#[test]
fn of_close_names_the_far_commoner_is_meant() {
    let songs =
        [("Gold", "Kiiara", 100), ("Roses", "Chainsmokers", 90), ("Hold", "X", 40), ("Horses", "Y", 2)];
    check_taken(&songs, MatchKind::Fuzzy, &[("Gild", 0), ("Rosses", 1), ("Bold", 0)]);
    // At one edit less, it need not be commoner.
    check_taken(&songs, MatchKind::Fuzzy, &[("Hol", 2), ("Hrses", 3)]);
    let rivals = [("Gold", "Kiiara", 100), ("Hold", "X", 51)];
    let found = of_songs(&rivals).resolve("Bold");
    assert_eq!((found.kind, found.suggestions), (MatchKind::Unknown, vec![0, 1]));
}

#[test]
fn a_title_is_known_by_what_people_say_of_it() {
    let songs = [
        ("Single Ladies (Put a Ring on It)", "Beyonc\u{e9}", 90),
        ("(I Can't Get No) Satisfaction - Mono Version / Remastered 2002", "The Rolling Stones", 80),
        ("Absolutely (Story of a Girl) - Radio Mix", "Nine Days", 70),
    ];
    check_taken(
        &songs,
        MatchKind::Normalised,
        &[
            ("single ladies", 0),
            ("Satisfaction", 1),
            ("I Can't Get No Satisfaction", 1),
            ("Nine Days - Absolutely", 2),
        ],
    );
    check_taken(&songs, MatchKind::Fuzzy, &[("singel ladies", 0), ("satisfacton rolling stones", 1)]);
}

#[test]
fn a_song_with_additions_is_meant_when_it_is_far_commoner_than_the_one_with_the_very_title() {
    let songs = [("Low (feat. T-Pain)", "Flo Rida", 127), ("Low", "Juicy J", 14)];
    check_taken(&songs, MatchKind::Normalised, &[("Low", 0), ("low", 0), ("Low (feat. T-Pian)", 0)]);
    check_taken(&songs, MatchKind::Exact, &[("Juicy J - Low", 1)]);
    check_taken(
        &[("Low (feat. T-Pain)", "Flo Rida", 28), ("Low", "Juicy J", 14)],
        MatchKind::Exact,
        &[("Low", 1)],
    );
}

#[test]
fn additions_tell_which_of_several_songs_is_meant() {
    let songs = [
        ("All Night", "The Vamps", 150),
        ("All Night (feat. Knox Fortune)", "Chance The Rapper", 139),
        ("Feels", "Calvin Harris", 83),
        ("Feels", "Kiiara", 16),
    ];
    let meant = [
        ("All Night (feat. Knox Fortunee)", 1),
        ("all night feat knox fortune by chance the rapper", 1),
        ("All Night (feat. Nobody)", 0),
        ("Feels - Remastered 2011 by Kiiara", 3),
        ("Feels - Remastered 2011", 2),
    ];
    check_taken(&songs, MatchKind::Normalised, &meant);
}

#[test]
fn suggestions_come_by_likeness_and_popularity() {
    let songs = [
        ("Lotta That", "G-Eazy", 95),
        ("Lose", "Niki", 50),
        ("Lost", "Frank Ocean", 45),
        ("Lot to Learn", "Luke Christopher", 27),
    ];
    assert_eq!(of_songs(&songs).resolve("Losy").suggestions, [1, 2]);
    let found = of_songs(&songs).resolve("Lot");
    assert_eq!((found.song, found.suggestions), (Some(2), vec![0, 3]));
}
