//! What a seed is taken for, and what a search finds.

#![cfg(test)]

mod support;

use model::SongId;
use proptest::prelude::*;
use recommender::{MatchKind, SearchPage, ServedModel};
use support::{SongRow, model, tables};

const SONGS: [SongRow<'_>; 22] = [
    ("HUMBLE.", "Kendrick Lamar", &["spotify:track:7KXjTSCq5nL1LoYtL7XAwS", "spotify:track:humble2"], 900),
    ("Unforgettable", "French Montana", &["spotify:track:3B54sVLJ402zGa6Xm4YGNe"], 800),
    ("Congratulations", "Post Malone", &["spotify:track:3a1lNhkSLSkpJE4MSHpDu9"], 700),
    ("Halo", "Beyonc\u{e9}", &["spotify:track:halo"], 600),
    ("Halo", "Depeche Mode", &["spotify:track:halo-dm"], 500),
    ("D\u{e9}j\u{e0} Vu", "Beyonc\u{e9}", &["spotify:track:dejavu"], 450),
    ("Ignition - Remix", "R. Kelly", &["spotify:track:ignition"], 440),
    ("Here Comes The Sun - Remastered 2009", "The Beatles", &["spotify:track:sun"], 430),
    ("(I Can't Get No) Satisfaction", "The Rolling Stones", &["spotify:track:stones"], 420),
    ("1985", "Bowling For Soup", &["spotify:track:1985"], 410),
    ("???", "Lil Punctuation", &["spotify:track:marks"], 400),
    ("\u{b124}\u{b9c8}", "\u{bc29}\u{d0c4}", &["spotify:track:hangul"], 390),
    ("AC/DC Tribute", "", &[], 380),
    ("Growing Up (feat. Ed Sheeran)", "Macklemore", &["spotify:track:growing"], 370),
    ("unforgettable", "Nat King Cole", &["spotify:track:unforgettable-nkc"], 360),
    ("Kendrick Lamar", "Tribute Band", &[], 350),
    ("Fix You", "Coldplay", &["https://music.example/songs/42"], 340),
    ("Losing You", "Solange", &[], 330),
    ("Loving You", "Minnie Riperton", &[], 320),
    ("Love Shack - Edit", "The B-52's", &[], 310),
    ("Shape of You - Acoustic", "Ed Sheeran", &[], 300),
    ("Shape of You", "Ed Sheeran", &[], 290),
];

fn served() -> ServedModel {
    ServedModel::build(model(tables(&SONGS, &[], &[])))
}

#[track_caller]
fn check(seed: &str, kind: MatchKind, song: impl Into<Option<SongId>>) {
    let found = served().resolve(seed);
    assert_eq!((found.kind, found.song), (kind, song.into()), "{seed:?}: {found:?}");
    match kind {
        MatchKind::Unknown => assert_eq!(found.similarity, 0.0),
        MatchKind::Fuzzy => assert!((0.6..1.0).contains(&found.similarity), "{found:?}"),
        _ => assert_eq!((found.similarity, found.suggestions), (1.0, Vec::new())),
    }
}

#[test]
fn a_title_letter_by_letter_is_exact() {
    check("HUMBLE.", MatchKind::Exact, 0);
    check("  HUMBLE. ", MatchKind::Exact, 0);
    check("1985", MatchKind::Exact, 9);
    check("???", MatchKind::Exact, 10);
    check("AC/DC Tribute", MatchKind::Exact, 12);
    check("Love Shack - Edit", MatchKind::Exact, 19);
    check("unforgettable", MatchKind::Exact, 14);
}

#[test]
fn artist_and_title_letter_by_letter_are_exact_in_either_order() {
    check("Kendrick Lamar - HUMBLE.", MatchKind::Exact, 0);
    check("HUMBLE. - Kendrick Lamar", MatchKind::Exact, 0);
    check("Depeche Mode - Halo", MatchKind::Exact, 4);
    check("The B-52's - Love Shack - Edit", MatchKind::Exact, 19);
    check("Lil Punctuation - ???", MatchKind::Exact, 10);
}

#[test]
fn of_several_songs_with_a_name_it_is_the_commonest() {
    check("Halo", MatchKind::Exact, 3);
    check("halo", MatchKind::Normalised, 3);
    check("UNFORGETTABLE", MatchKind::Normalised, 1);
}

#[test]
fn case_diacritics_and_punctuation_do_not_matter() {
    check("humble", MatchKind::Normalised, 0);
    check("deja vu", MatchKind::Normalised, 5);
    check("BEYONCE - DEJA VU", MatchKind::Normalised, 5);
    check("De\u{301}ja\u{300} Vu", MatchKind::Normalised, 5);
    check("kendrick lamar humble", MatchKind::Normalised, 0);
    check("halo depeche mode", MatchKind::Normalised, 4);
    check("Halo by Depeche Mode", MatchKind::Normalised, 4);
    check("kendrick lamar \u{2013} humble", MatchKind::Normalised, 0);
    check("i cant get no satisfaction", MatchKind::Normalised, 8);
    check("lil punctuation - ???", MatchKind::Normalised, 10);
    check("\u{1102}\u{1166}\u{1106}\u{1161}", MatchKind::Normalised, 11);
}

#[test]
fn additions_do_not_matter() {
    check("Here Comes The Sun", MatchKind::Normalised, 7);
    check("The Beatles - Here Comes The Sun", MatchKind::Normalised, 7);
    check("Here Comes The Sun - 2019 Mix", MatchKind::Normalised, 7);
    check("Ignition", MatchKind::Normalised, 6);
    check("Shape of You", MatchKind::Exact, 21);
    check("Growing Up", MatchKind::Normalised, 13);
    check("HUMBLE. (feat. Nobody)", MatchKind::Normalised, 0);
    check("Kendrick Lamar feat. Nobody - HUMBLE.", MatchKind::Normalised, 0);
}

#[test]
fn a_uri_or_a_link_is_looked_up_whatever_it_begins_with() {
    check("spotify:track:7KXjTSCq5nL1LoYtL7XAwS", MatchKind::Uri, 0);
    check("spotify:track:humble2", MatchKind::Uri, 0);
    check("https://music.example/songs/42", MatchKind::Uri, 16);
    check("https://open.spotify.com/track/7KXjTSCq5nL1LoYtL7XAwS?si=0a1b2c", MatchKind::Uri, 0);
    check("http://open.spotify.com/intl-pt/track/7KXjTSCq5nL1LoYtL7XAwS", MatchKind::Uri, 0);
    check("7KXjTSCq5nL1LoYtL7XAwS", MatchKind::Uri, 0);
    check("some:other:scheme:dejavu", MatchKind::Uri, 5);
}

#[test]
fn an_unknown_link_is_unknown() {
    check("https://open.spotify.com/track/0000000000000000000000", MatchKind::Unknown, None);
    check("spotify:track:7kxjtscq5nl1loytl7xaws", MatchKind::Unknown, None);
}

#[test]
fn a_single_close_song_is_taken() {
    check("Unforgetable", MatchKind::Fuzzy, 1);
    check("Humbel", MatchKind::Fuzzy, 0);
    check("congratulatoins", MatchKind::Fuzzy, 2);
    check("kendrik lamar - humbel", MatchKind::Fuzzy, 0);
    check("humbel by kendrick lamar", MatchKind::Fuzzy, 0);
    check("Here Comes The Son", MatchKind::Fuzzy, 7);
    check("Shape of Yu", MatchKind::Fuzzy, 21);
}

#[test]
fn what_is_close_to_several_songs_or_differs_in_a_number_is_unknown() {
    check("Lossing You", MatchKind::Fuzzy, 17);
    check("Loxing You", MatchKind::Unknown, None);
    check("1986", MatchKind::Unknown, None);
    check("Hola", MatchKind::Unknown, None);
}

#[test]
fn an_unknown_seed_brings_suggestions() {
    let served = served();
    let suggested = |seed: &str| served.resolve(seed).suggestions;
    assert_eq!(suggested("Loxing You")[..2], [17, 18]);
    assert_eq!(suggested("Beyonce"), [3, 5]);
    assert_eq!(suggested("Congrats"), [2]);
    assert_eq!(suggested("zzzzzz"), [0_u32; 0]);
}

#[test]
fn a_title_that_is_also_an_artist_is_the_title() {
    check("Kendrick Lamar", MatchKind::Exact, 15);
}

#[test]
fn text_without_meaning_is_unknown() {
    for seed in [
        "",
        " ",
        "\u{0}\u{1}\u{7f}",
        "\u{301}",
        "\u{200b}",
        ":",
        "/",
        "://",
        "- -",
        " - ",
        "()",
        "([",
        "feat.",
    ] {
        check(seed, MatchKind::Unknown, None);
    }
}

#[test]
fn a_long_seed_is_answered() {
    let served = served();
    for part in [
        "a",
        "a ",
        " - ",
        "(",
        "((",
        "[)",
        " - live",
        "feat. ",
        "\u{301}",
        "\u{1f525}",
        ".",
        "$!",
        "a - b ",
        "the love you ",
    ] {
        let seed = part.repeat(10_240 / part.len());
        assert_eq!(served.resolve(&seed).kind, MatchKind::Unknown, "{part:?}");
        served.search(&seed, 0, 10);
    }
}

#[track_caller]
fn check_search(query: &str, songs: &[SongId]) {
    assert_eq!(served().search(query, 0, 10).songs, songs, "{query:?}");
}

#[test]
fn a_search_finds_beginnings_first_and_the_commonest_of_them_first() {
    check_search("hal", &[3, 4]);
    check_search("un", &[1, 14]);
    check_search("kendrick", &[0, 15]);
    check_search("Kendrick Lamar - h", &[0, 15]);
    check_search("halo de", &[4]);
    check_search("beyonce d", &[5, 3]);
    check_search("\u{b124}", &[11]);
    check_search("?", &[10]);
}

#[test]
fn a_search_goes_on_with_words_further_on_and_with_close_names() {
    check_search("sun", &[7]);
    check_search("lamar", &[0, 15]);
    check_search("satisfaction", &[8]);
    check_search("humbel", &[0]);
    check_search("beyonse", &[3, 5]);
    check_search("loxing", &[17, 18]);
}

#[test]
fn a_blank_search_lists_all_songs() {
    let served = served();
    let page = |offset, count| served.search(" ", offset, count);
    assert_eq!(page(0, 3), SearchPage { songs: vec![0, 1, 2], more: true });
    assert_eq!(page(18, 3), SearchPage { songs: vec![18, 19, 20], more: true });
    assert_eq!(page(19, 3), SearchPage { songs: vec![19, 20, 21], more: false });
    assert_eq!(page(22, 3), SearchPage { songs: vec![], more: false });
    assert_eq!(page(usize::MAX, usize::MAX), SearchPage { songs: vec![], more: false });
}

#[test]
fn the_pages_of_a_search_make_up_the_whole() {
    // So many songs that walking and sorting both occur.
    let titles: Vec<String> =
        (0..6_000).map(|i| format!("{} {i}", ["love", "lover", "hate", "you"][i % 4])).collect();
    let rows: Vec<SongRow<'_>> = titles
        .iter()
        .enumerate()
        .map(|(i, title)| (title.as_str(), ["Lovers", "x"][i % 2], &[][..], 1))
        .collect();
    let served = ServedModel::build(model(tables(&rows, &[], &[])));
    for query in ["l", "love", "lover 1", "lovers ha", "lovr", "hate"] {
        let whole = served.search(query, 0, 10_000);
        assert!(!whole.more && !whole.songs.is_empty(), "{query}");
        let mut distinct = whole.songs.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), whole.songs.len(), "{query}: no song twice");
        let mut paged = Vec::new();
        loop {
            let page = served.search(query, paged.len(), 700);
            paged.extend(page.songs);
            if !page.more {
                break;
            }
        }
        assert_eq!(paged, whole.songs, "{query}");
    }
    let begin_with_l: Vec<SongId> = (0..6_000).filter(|i| i % 2 == 0 || i % 4 == 1).take(100).collect();
    assert_eq!(served.search("l", 0, 100).songs, begin_with_l);
}

proptest! {
    #[test]
    fn any_text_is_answered(text in any::<String>(), offset in 0..30_usize, count in 0..30_usize) {
        let served = served();
        let found = served.resolve(&text);
        prop_assert_eq!(found.song.is_none(), found.kind == MatchKind::Unknown);
        prop_assert!(found.suggestions.len() <= 5);
        prop_assert!(served.search(&text, offset, count).songs.len() <= count);
    }

    #[test]
    fn every_name_of_a_catalogue_resolves_to_its_commonest_song(
        names in prop::collection::vec(("[ -~\u{e9}\u{130}\u{b124}\u{1f525}]{0,8}", "[a-c(\\-]{0,2}"), 1..6),
    ) {
        let names: Vec<(String, String)> = names
            .into_iter()
            .map(|(title, artist)| (title.trim().to_owned(), artist))
            .filter(|(title, _)| !title.is_empty())
            .collect();
        let rows: Vec<SongRow<'_>> = names
            .iter()
            .map(|(title, artist)| (title.as_str(), artist.as_str(), &[][..], 1))
            .collect();
        let served = ServedModel::build(model(tables(&rows, &[], &[])));
        for (title, _) in &names {
            let commonest = names.iter().position(|(other, _)| other == title);
            let found = served.resolve(title);
            prop_assert_eq!(found.kind, MatchKind::Exact);
            prop_assert_eq!(found.song, commonest.map(|id| id as SongId));
        }
    }
}
