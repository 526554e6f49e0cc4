//! Prepares what a measurement of serving needs.
//!
//! ```sh
//! cargo run --release -p recommender --example serving_data -- seeds volume 10000 5 > seeds.jsonl
//! cargo run --release -p recommender --example serving_data -- store volume 3
//! cargo run --release -p recommender --example serving_data -- publish volume
//! ```
//!
//! `seeds` prints so many different sets of so many songs of the model in service, as `artist - title`, drawn by their support counts and always the same
//! for a model. `store` stores the model in service as so many more versions, which differ in their dates alone, without putting them in
//! service, and prints their names. `publish` does so once, puts the version in service and removes all but a few of the versions that are not.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a tool at a terminal")]

use std::{
    collections::HashSet,
    env,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use chrono::Utc;
use model::{Model, SongId, Songs, VersionName, Volume};

const KEPT_VERSIONS: usize = 5;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args[..] {
        ["seeds", volume, sets, of] => {
            print_seeds(&volume_at(volume), sets.parse().unwrap(), of.parse().unwrap())
        }
        ["store", volume, versions] => {
            let volume = volume_at(volume);
            let model = in_service(&volume);
            for _ in 0..versions.parse().unwrap() {
                println!("{}", store(&volume, &model));
            }
        }
        ["publish", volume] => {
            let volume = volume_at(volume);
            let version = store(&volume, &in_service(&volume));
            let publication = volume.publication(Duration::from_secs(60)).unwrap();
            publication.put_in_service(&version).unwrap();
            publication.prune(KEPT_VERSIONS).unwrap();
            let published = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
            println!("{}", serde_json::json!({ "version": version.as_str(), "unix_seconds": published }));
        }
        _ => panic!("say `seeds VOLUME SETS SONGS`, `store VOLUME VERSIONS` or `publish VOLUME`"),
    }
}

fn volume_at(path: &str) -> Volume {
    Volume::new(path)
}

fn in_service(volume: &Volume) -> Model {
    volume.load(&volume.current().unwrap().unwrap()).unwrap()
}

fn store(volume: &Volume, model: &Model) -> VersionName {
    let mut metadata = model.manifest.metadata.clone();
    metadata.trained_at = Utc::now();
    volume.publication(Duration::from_secs(60)).unwrap().store(&metadata, &model.tables).unwrap()
}

fn print_seeds(volume: &Volume, sets: usize, of: usize) {
    let songs = in_service(volume).tables.songs;
    let mut drawing = Drawing::new(&songs);
    let mut drawn: HashSet<Vec<SongId>> = HashSet::new();
    while drawn.len() < sets {
        let mut set = Vec::new();
        while set.len() < of.min(songs.len()) {
            let song = drawing.next();
            if !set.contains(&song) {
                set.push(song);
            }
        }
        let mut ascending = set.clone();
        ascending.sort_unstable();
        if drawn.insert(ascending) {
            let names: Vec<String> = set
                .iter()
                .map(|&song| {
                    let song = songs.get(song);
                    if song.artist.is_empty() {
                        song.title.to_owned()
                    } else {
                        format!("{} - {}", song.artist, song.title)
                    }
                })
                .collect();
            println!("{}", serde_json::json!(names));
        }
    }
}

/// Draws songs by their support counts.
struct Drawing {
    /// By song, the support counts up to it.
    sums: Vec<u64>,
    state: u64,
}

impl Drawing {
    fn new(songs: &Songs) -> Drawing {
        let sums = songs.support_counts().iter().scan(0, |sum, &count| {
            *sum += u64::from(count);
            Some(*sum)
        });
        Drawing { sums: sums.collect(), state: 1 }
    }

    fn next(&mut self) -> SongId {
        // SplitMix64 (Steele, Lea and Flood 2014).
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ (self.state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let number = (mixed ^ (mixed >> 31)) % self.sums.last().unwrap();
        self.sums.partition_point(|&sum| sum <= number) as SongId
    }
}
