//! Songs that a visitor will think of bring songs of their theme.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

#[allow(dead_code, reason = "each file of tests uses a part of it")]
mod support;

use std::{collections::HashMap, fs, path::Path};

use client_lib::{Client, Match, Source};
use support::Serving;

/// What is typed, the artist that is meant, and the song's theme.
const SEEDS: [(&str, &str, &str); 20] = [
    ("Unforgettable", "French Montana", "hip-hop"),
    ("HUMBLE.", "Kendrick Lamar", "hip-hop"),
    ("Redbone", "Childish Gambino", "rnb"),
    ("Shape of You", "Ed Sheeran", "pop"),
    ("Take On Me", "a-ha", "80s-pop"),
    ("Stayin' Alive", "Bee Gees", "disco"),
    ("Superstition", "Stevie Wonder", "soul"),
    ("Hotel California", "Eagles", "classic-rock"),
    ("Wonderwall", "Oasis", "alternative"),
    ("1979", "The Smashing Pumpkins", "alternative"),
    ("1985", "Bowling for Soup", "punk"),
    ("Enter Sandman", "Metallica", "metal"),
    ("Skinny Love", "Bon Iver", "indie-folk"),
    ("Jolene", "Dolly Parton", "country"),
    ("Despacito", "Luis Fonsi", "latin"),
    ("Águas de Março", "Elis Regina", "brazil"),
    ("One More Time", "Daft Punk", "electronic"),
    ("Take Five", "The Dave Brubeck Quartet", "jazz"),
    ("My Heart Will Go On", "Céline Dion", "film"),
    ("Dynamite", "BTS", "k-pop"),
];

/// The theme of each song of the catalogue, by artist and title in lower case.
fn themes() -> HashMap<(String, String), String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample/songs.csv");
    csv::Reader::from_reader(fs::File::open(path).unwrap())
        .records()
        .map(|line| {
            let line = line.unwrap();
            ((line[1].to_lowercase(), line[2].to_lowercase()), line[0].to_owned())
        })
        .collect()
}

#[tokio::test]
async fn twenty_named_seeds_bring_songs_of_their_theme() {
    let themes = themes();
    let demo = Serving::start();
    let client = Client::connect(&demo.url).await.unwrap();
    for (seed, artist, theme) in SEEDS {
        let playlist = client.recommend([seed]).await.unwrap();
        let seed_match = &playlist.seeds[0];
        assert_eq!(seed_match.r#match, Match::Exact, "{seed}");
        assert_eq!(seed_match.song.as_ref().unwrap().artist, artist, "{seed}");

        assert_eq!(playlist.songs.len(), 10, "{seed}");
        let names = playlist.songs.iter().map(|recommendation| {
            assert_ne!(recommendation.source, Source::Popularity, "{seed}: {recommendation:?}");
            (recommendation.song.artist.to_lowercase(), recommendation.song.title.to_lowercase())
        });
        let of_theme = names.filter(|name| themes[name] == theme).count();
        assert!(of_theme >= 7, "{seed} brings {of_theme} songs of {theme}: {:#?}", playlist.songs);
    }
}
