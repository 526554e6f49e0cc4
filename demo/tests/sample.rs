//! The sample dataset is what its composer makes of the catalogue, and looks like real playlists.

#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[path = "../examples/compose_sample/composer.rs"]
mod composer;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
    fs,
    path::Path,
};

use composer::THEMES;

const HEADER: &str = "track_uri,album_name,album_uri,artist_name,artist_uri,duration_ms,pid,track_name";

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample").join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()))
}

/// A row of a dataset or a line of the catalogue: text by column.
type Row = HashMap<String, String>;

fn rows(text: &str) -> Vec<Row> {
    csv::Reader::from_reader(text.as_bytes()).into_deserialize().collect::<Result<_, _>>().unwrap()
}

/// What makes two rows the same song.
fn song(row: &Row) -> (String, String) {
    (row["artist_name"].to_lowercase(), row["track_name"].to_lowercase())
}

/// The rows by playlist.
fn playlists(rows: &[Row]) -> BTreeMap<u32, Vec<&Row>> {
    let mut playlists = BTreeMap::<_, Vec<_>>::new();
    for row in rows {
        playlists.entry(row["pid"].parse().unwrap()).or_default().push(row);
    }
    playlists
}

/// The theme of each song, after the catalogue.
fn themes() -> HashMap<(String, String), String> {
    let catalogue = [rows(&read("songs.csv")), rows(&read("new-songs.csv"))].concat();
    let mut themes = HashMap::new();
    for line in catalogue {
        let song = (line["artist"].to_lowercase(), line["title"].to_lowercase());
        let theme = themes.entry(song.clone()).or_insert(line["theme"].clone());
        assert_eq!(*theme, line["theme"], "{song:?} has two themes");
    }
    themes
}

fn both_datasets() -> [Vec<Row>; 2] {
    ["playlists.csv", "playlists-update.csv"].map(|name| rows(&read(name)))
}

#[test]
fn the_shipped_files_are_what_the_composer_makes() {
    let sample = composer::compose(&read("songs.csv"), &read("new-songs.csv")).unwrap();
    let advice = "run `cargo run --package demo --example compose_sample`";
    assert!(sample.playlists == read("playlists.csv"), "playlists.csv differs: {advice}");
    assert!(sample.update == read("playlists-update.csv"), "playlists-update.csv differs: {advice}");
}

#[test]
fn the_files_are_small_and_have_the_current_header() {
    let texts = ["playlists.csv", "playlists-update.csv"].map(read);
    assert!(texts.iter().map(String::len).sum::<usize>() < 1_000_000);
    for text in texts {
        assert_eq!(text.lines().next(), Some(HEADER));
    }
}

#[test]
fn there_are_a_few_hundred_playlists_of_8_to_30_songs() {
    for rows in both_datasets() {
        let playlists = playlists(&rows);
        assert!((300..=400).contains(&playlists.len()), "{} playlists", playlists.len());
        for (pid, rows) in playlists {
            let songs: HashSet<_> = rows.iter().map(|row| song(row)).collect();
            assert!((8..=30).contains(&songs.len()), "playlist {pid} has {} songs", songs.len());
        }
    }
}

#[test]
fn every_song_of_the_catalogue_is_in_at_least_two_playlists() {
    let [base, update] = both_datasets();
    let songs = themes().into_keys().collect::<BTreeSet<_>>();
    assert!(songs.len() >= 400, "{} songs", songs.len());
    assert_eq!(update.iter().map(song).collect::<BTreeSet<_>>(), songs);
    for rows in [base, update] {
        let mut support_counts = HashMap::<_, u32>::new();
        for rows in playlists(&rows).into_values() {
            for song in rows.into_iter().map(song).collect::<HashSet<_>>() {
                *support_counts.entry(song).or_default() += 1;
            }
        }
        for (song, support_count) in support_counts {
            assert!(support_count >= 2, "{song:?} is in {support_count} playlists");
        }
    }
}

#[test]
fn songs_are_not_numbered() {
    let songs: BTreeSet<_> = both_datasets().concat().iter().map(song).collect();
    let mut without_numbers = HashMap::new();
    for (artist, title) in songs {
        if title.contains(|c: char| c.is_ascii_digit()) {
            let key = (artist, title.replace(|c: char| c.is_ascii_digit(), ""));
            let other = without_numbers.insert(key, title.clone());
            assert!(other.is_none(), "`{title}` and `{other:?}` differ by a number");
        }
    }
}

#[test]
fn a_uri_has_the_form_of_the_sample_and_names_one_thing() {
    let kinds: [(&str, &[&str]); 3] = [
        ("track", &["artist_name", "track_name", "album_name"]),
        ("album", &["artist_name", "album_name"]),
        ("artist", &["artist_name"]),
    ];
    for (kind, columns) in kinds {
        let mut names_by_uri = HashMap::new();
        let mut uris_by_name = HashMap::new();
        for row in both_datasets().concat() {
            let uri = row[&format!("{kind}_uri")].clone();
            let id = uri.strip_prefix(&format!("sample:{kind}:")).unwrap_or_else(|| panic!("{uri}"));
            assert_eq!(id.len(), 7, "{uri}");
            assert!(id.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase()), "{uri}");
            let names: Vec<_> = columns.iter().map(|&column| row[column].clone()).collect();
            assert_eq!(names_by_uri.entry(uri.clone()).or_insert(names.clone()), &names, "{uri}");
            assert_eq!(uris_by_name.entry(names.clone()).or_insert(uri.clone()), &uri, "{names:?}");
        }
    }
}

#[test]
fn durations_are_those_of_songs() {
    for row in both_datasets().concat() {
        let duration_ms: u32 = row["duration_ms"].parse().unwrap();
        assert!((90_000..=15 * 60_000).contains(&duration_ms), "{row:?}");
    }
}

#[test]
fn a_playlist_has_one_theme_and_borrows_from_its_neighbour_only() {
    let theme_of = themes();
    let mut borrowing = 0;
    for rows in both_datasets() {
        for (pid, rows) in playlists(&rows) {
            let mut n_by_theme = HashMap::<&str, usize>::new();
            for row in &rows {
                *n_by_theme.entry(&theme_of[&song(row)]).or_default() += 1;
            }
            let (&name, &n_own) = n_by_theme.iter().max_by_key(|(_, n)| **n).unwrap();
            assert!(3 * n_own > 2 * rows.len(), "playlist {pid}: {n_by_theme:?}");
            let theme = THEMES.iter().find(|theme| theme.name == name).unwrap();
            for other in n_by_theme.keys() {
                assert!([theme.name, theme.neighbour].contains(other), "playlist {pid}: {n_by_theme:?}");
            }
            borrowing += usize::from(n_by_theme.len() > 1);
        }
    }
    assert!(borrowing > 100, "{borrowing} playlists borrow");
}

#[test]
fn a_few_songs_of_a_theme_are_played_much_more_than_most() {
    let theme_of = themes();
    let [base, _] = both_datasets();
    for theme in &THEMES {
        let mut n_by_song = HashMap::<_, usize>::new();
        for song in base.iter().map(song).filter(|song| theme_of[song] == theme.name) {
            *n_by_song.entry(song).or_default() += 1;
        }
        let mut counts: Vec<_> = n_by_song.into_values().collect();
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let first_quarter: usize = counts[..counts.len() / 4].iter().sum();
        assert!(20 * first_quarter > 7 * counts.iter().sum::<usize>(), "{}: {counts:?}", theme.name);
    }
}

#[test]
fn the_quirks_of_real_datasets_are_there() {
    for rows in both_datasets() {
        let has = |artist: &str, title: &str| {
            let is_it = |row: &Row| row["artist_name"] == artist && row["track_name"] == title;
            assert!(rows.iter().any(is_it), "{artist} - {title} is missing");
        };
        // Titles that look like numbers, with quotes, commas and accents.
        has("Bowling for Soup", "1985");
        has("The Smashing Pumpkins", "1979");
        has("JAY-Z", "99 Problems");
        has("David Bowie", "\"Heroes\"");
        has("Duke Ellington", "Take the \"A\" Train");
        has("Fall Out Boy", "Sugar, We're Goin Down");
        has("Beyoncé", "Halo");
        has("Elis Regina", "Águas de Março");
        // A title by two artists.
        for title in ["Hallelujah", "Hurt", "Hello", "Crazy", "My Favorite Things"] {
            let artists: HashSet<_> =
                rows.iter().filter(|row| row["track_name"] == title).map(|row| &row["artist_name"]).collect();
            assert_eq!(artists.len(), 2, "{title}: {artists:?}");
        }
        // A song with two URIs, and one that is spelled in two ways.
        let of = |artist: &str, title: &str| {
            let key = (artist.to_lowercase(), title.to_lowercase());
            rows.iter().filter(move |row| song(row) == key)
        };
        let uris: HashSet<_> = of("Kendrick Lamar", "HUMBLE.").map(|row| &row["track_uri"]).collect();
        assert_eq!(uris.len(), 2, "{uris:?}");
        let spellings: HashSet<_> = of("Nirvana", "Come as You Are").map(|row| &row["track_name"]).collect();
        assert_eq!(spellings.len(), 2, "{spellings:?}");

        let repeats_a_song = |rows: &&Vec<&Row>| {
            let songs: HashSet<_> = rows.iter().map(|row| song(row)).collect();
            songs.len() < rows.len()
        };
        let repeats = playlists(&rows).values().filter(repeats_a_song).count();
        assert!((5..=40).contains(&repeats), "{repeats} playlists repeat a song");
        let pids: Vec<u32> = rows.iter().map(|row| row["pid"].parse().unwrap()).collect();
        assert!(!pids.is_sorted());
    }
}

#[test]
fn the_update_has_most_playlists_of_the_first_dataset_some_new_ones_and_new_songs() {
    let [base, update] = both_datasets();
    let songs_by_pid = |rows| -> BTreeMap<u32, BTreeSet<_>> {
        playlists(rows).into_iter().map(|(pid, rows)| (pid, rows.into_iter().map(song).collect())).collect()
    };
    let (before, after) = (songs_by_pid(&base), songs_by_pid(&update));
    let gone = before.keys().filter(|pid| !after.contains_key(pid)).count();
    let new = after.keys().filter(|pid| !before.contains_key(pid)).count();
    assert!((10..=50).contains(&gone) && (10..=50).contains(&new), "{gone} gone, {new} new");
    let mut grown = 0;
    for (pid, songs) in &before {
        if let Some(songs_after) = after.get(pid) {
            assert!(songs_after.is_superset(songs), "playlist {pid} lost a song");
            grown += usize::from(songs_after.len() > songs.len());
        }
    }
    assert!(grown >= 20, "{grown} playlists got a new song");

    let songs = |rows: &[Row]| rows.iter().map(song).collect::<BTreeSet<_>>();
    let new_songs: BTreeSet<_> = songs(&update).difference(&songs(&base)).cloned().collect();
    let expected: BTreeSet<_> = rows(&read("new-songs.csv"))
        .iter()
        .map(|line| (line["artist"].to_lowercase(), line["title"].to_lowercase()))
        .collect();
    assert_eq!(new_songs, expected);
}
