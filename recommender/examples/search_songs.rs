//! Measures how long a search takes in a large catalogue.
//!
//! ```sh
//! cargo run --release -p recommender --example search_songs -- [songs]
//! ```
//!
//! The songs, 2,000,000 unless told, are synthetic and always the same, see `load_model`. Every query is made from a song that
//! was drawn, common ones more often, and asks for a page of 10; its time is the least of five.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement at a terminal")]

mod synthetic;

use std::{
    env,
    hint::black_box,
    time::{Duration, Instant},
};

use model::{Song, Volume};
use recommender::ServedModel;
use synthetic::{Random, songs, store};

const QUERIES: usize = 2_000;
const ROUNDS: usize = 5;
const PAGE: usize = 10;

/// A query made from a song.
type MakeQuery = fn(Song<'_>, &mut Random) -> String;

/// What is asked for, and how many songs come before the page.
const KINDS: [(&str, MakeQuery, usize); 15] = [
    ("1 letter", |song, _| beginning(song.title, 1), 0),
    ("2 letters", |song, _| beginning(song.title, 2), 0),
    ("3 letters", |song, _| beginning(song.title, 3), 0),
    ("5 letters", |song, _| beginning(song.title, 5), 0),
    ("the whole title", |song, _| song.title.to_owned(), 0),
    ("3 letters of an artist", |song, _| beginning(song.artist, 3), 0),
    ("artist and 3 letters", |song, _| format!("{} {}", song.artist, beginning(song.title, 3)), 0),
    ("title and 3 letters", |song, _| format!("{} {}", song.title, beginning(song.artist, 3)), 0),
    ("1 letter, 1,000 songs on", |song, _| beginning(song.title, 1), 1_000),
    ("1 letter, 50,000 songs on", |song, _| beginning(song.title, 1), 50_000),
    ("3 letters, 1,000 songs on", |song, _| beginning(song.title, 3), 1_000),
    ("a word further on", |song, _| song.title.split(' ').next_back().unwrap_or_default().to_owned(), 0),
    ("5 letters, one exchanged", |song, random| exchanged(&beginning(song.title, 5), random), 0),
    ("a misspelt title", |song, random| exchanged(song.title, random), 0),
    (
        "a misspelt artist and title",
        |song, random| exchanged(&format!("{} {}", song.artist, song.title), random),
        0,
    ),
];

fn main() {
    let count = env::args().nth(1).map_or(2_000_000, |count| count.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(folder.path());
    let (version, _) = store(&volume, &songs(count), 0);
    let model = ServedModel::build(volume.load(&version).unwrap());
    println!("{count} songs{:>37} {:>9} {:>9}", "median", "p99", "max");
    for (kind, make, offset) in KINDS {
        let mut random = Random(3);
        let queries: Vec<String> = (0..QUERIES)
            .map(|_| {
                let song = random.popular(count);
                make(model.song(song), &mut random)
            })
            .collect();
        let mut times = vec![Duration::MAX; QUERIES];
        for _ in 0..ROUNDS {
            for (query, least) in queries.iter().zip(&mut times) {
                let begin = Instant::now();
                black_box(model.search(query, offset, PAGE));
                *least = begin.elapsed().min(*least);
            }
        }
        times.sort_unstable();
        let [median, p99, max] = [QUERIES / 2, QUERIES * 99 / 100, QUERIES - 1]
            .map(|at| format!("{:.3} ms", times[at].as_secs_f64() * 1e3));
        println!("  {kind:<40} {median:>9} {p99:>9} {max:>9}");
    }
}

fn beginning(name: &str, length: usize) -> String {
    name.chars().take(length).collect()
}

/// The name with a letter exchanged for another.
fn exchanged(name: &str, random: &mut Random) -> String {
    let at = random.below(name.chars().count());
    name.chars().enumerate().map(|(i, c)| if i == at { 'x' } else { c }).collect()
}
