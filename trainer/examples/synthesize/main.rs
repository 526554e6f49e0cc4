//! Writes synthetic playlists of any number, in the columns of the real ones, for benchmarks at sizes that we have no real data of.
//!
//! ```text
//! cargo run --release -p trainer --example synthesize -- --playlists 1000000 --seed 1 --output playlists.csv
//! ```
//!
//! The same seed and number of playlists give the same bytes, whatever the number of threads, and fewer playlists the beginning of
//! more. A million of them are 66 million rows of 2.2 million songs, 12 GB.

mod playlists;
mod random;
mod songs;

use std::{
    fs::File,
    io::{self, Write},
    path::PathBuf,
    sync::atomic::{AtomicU64, Ordering},
};

use anyhow::Context as _;
use clap::Parser;
use rayon::prelude::*;

use crate::{
    playlists::{Song, Taste},
    songs::{Catalogue, HEADER, Scratch, write_number},
};

/// Playlists that a thread makes at a time, less than a megabyte.
const CHUNK: u32 = 64;

/// Chunks that are held at a time; as many are being written.
const CHUNKS: u32 = 16;

/// Writes synthetic playlists as CSV.
#[derive(Parser)]
struct Args {
    /// How many playlists.
    #[arg(long)]
    playlists: u32,
    /// Which of all such datasets.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Where to write them; `-` is standard output.
    #[arg(long)]
    output: PathBuf,
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let counts = if args.output.as_os_str() == "-" {
        synthesize(args.playlists, args.seed, io::stdout())
    } else {
        File::create(&args.output).and_then(|file| synthesize(args.playlists, args.seed, file))
    };
    let Counts { rows, songs, bytes } =
        counts.with_context(|| format!("could not write `{}`", args.output.display()))?;
    writeln!(io::stderr(), "{} playlists, {rows} rows, {songs} songs, {bytes} bytes", args.playlists)?;
    Ok(())
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counts {
    rows: u64,
    /// By URI.
    songs: u64,
    bytes: u64,
}

/// Makes chunks on all threads while those before are written.
fn synthesize(playlists: u32, seed: u64, mut output: impl Write + Send) -> io::Result<Counts> {
    let (taste, catalogue) = (Taste::new(seed), Catalogue::new(seed));
    let seen: Vec<AtomicU64> = (0..Song::IDS.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
    let mut counts = Counts { rows: 0, songs: 0, bytes: HEADER.len() as u64 };
    output.write_all(HEADER)?;

    let mut made: Vec<Chunk> = Vec::new();
    let chunks: Vec<u32> = (0..playlists).step_by(CHUNK as usize).collect();
    // At the end once more, for the last ones to be written.
    for chunks in chunks.chunks(CHUNKS as usize).chain([&[][..]]) {
        let make = |&begin: &u32| {
            let end = playlists.min(begin.saturating_add(CHUNK));
            Chunk::new(begin..end, &taste, &catalogue, &seen)
        };
        let (written, next) = rayon::join(
            || made.iter().try_for_each(|chunk| output.write_all(&chunk.text)),
            || chunks.par_iter().map(make).collect(),
        );
        written?;
        for chunk in &made {
            counts.rows += chunk.rows;
            counts.bytes += chunk.text.len() as u64;
        }
        made = next;
    }
    output.flush()?;
    counts.songs = seen.iter().map(|bits| u64::from(bits.load(Ordering::Relaxed).count_ones())).sum();
    Ok(counts)
}

/// The rows of some playlists that follow each other.
struct Chunk {
    text: Vec<u8>,
    rows: u64,
}

impl Chunk {
    fn new(
        playlists: std::ops::Range<u32>,
        taste: &Taste,
        catalogue: &Catalogue,
        seen: &[AtomicU64],
    ) -> Self {
        let mut chunk = Chunk { text: Vec::with_capacity(1 << 20), rows: 0 };
        let (mut songs, mut pid, mut scratch) = (Vec::new(), Vec::new(), Scratch::default());
        for playlist in playlists {
            taste.playlist(playlist, &mut songs);
            pid.clear();
            write_number(playlist, &mut pid);
            for &song in &songs {
                catalogue.write_row(song, &pid, &mut chunk.text, &mut scratch);
                let (word, bit) = (song.id() / 64, 1 << (song.id() % 64));
                let word = &seen[word as usize];
                // The popular ones are not written again and again by all threads.
                if word.load(Ordering::Relaxed) & bit == 0 {
                    word.fetch_or(bit, Ordering::Relaxed);
                }
            }
            chunk.rows += songs.len() as u64;
        }
        chunk
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use trainer::{ItemKey, Location, ReadOptions, read_dataset};

    use super::*;

    const PLAYLISTS: u32 = 3_000;

    fn csv(playlists: u32, seed: u64, threads: usize) -> (Vec<u8>, Counts) {
        let mut text = Vec::new();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let counts = pool.install(|| synthesize(playlists, seed, &mut text)).unwrap();
        (text, counts)
    }

    #[test]
    fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads() {
        let one = csv(PLAYLISTS, 1, 1);
        assert!(one == csv(PLAYLISTS, 1, 3));
        assert_eq!(one.1.bytes, one.0.len() as u64);
        assert!(one.0 != csv(PLAYLISTS, 2, 1).0);
    }

    #[test]
    fn fewer_playlists_are_the_beginning_of_more() {
        assert!(csv(PLAYLISTS, 1, 2).0.starts_with(&csv(PLAYLISTS / 3, 1, 2).0));
    }

    #[test]
    fn the_trainer_uses_every_row() {
        let (text, counts) = csv(PLAYLISTS, 1, 2);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("playlists.csv");
        std::fs::write(&path, text).unwrap();
        let options = ReadOptions { item_key: ItemKey::Uri, ..ReadOptions::default() };
        let dataset = read_dataset(&Location::from(path.as_path()), &options, &()).unwrap();
        let facts = &dataset.facts;
        assert_eq!((facts.skipped_rows, dataset.first_skipped), (0, None));
        assert_eq!(
            (facts.rows, u64::from(facts.songs), facts.bytes),
            (counts.rows, counts.songs, counts.bytes)
        );
        assert_eq!(facts.playlists, PLAYLISTS);
    }

    #[test]
    fn the_playlists_are_like_the_real_ones() {
        let (text, counts) = csv(PLAYLISTS, 1, 2);
        let per_playlist = counts.rows as f64 / f64::from(PLAYLISTS);
        assert!((62.0..70.0).contains(&per_playlist), "{per_playlist} rows a playlist");
        let per_row = counts.bytes as f64 / counts.rows as f64;
        assert!((165.0..190.0).contains(&per_row), "{per_row} bytes a row");

        let mut lengths: HashMap<String, u32> = HashMap::new();
        let mut songs: HashMap<String, (HashSet<[String; 6]>, u32)> = HashMap::new();
        let mut titles: HashMap<[String; 2], HashSet<String>> = HashMap::new();
        for row in csv::Reader::from_reader(text.as_slice()).records() {
            let row = row.unwrap();
            let [uri, album, album_uri, artist, artist_uri, duration, pid, title] =
                [0, 1, 2, 3, 4, 5, 6, 7].map(|column| row[column].to_owned());
            for (uri, prefix) in
                [(&uri, "spotify:track:"), (&album_uri, "spotify:album:"), (&artist_uri, "spotify:artist:")]
            {
                let id = uri.strip_prefix(prefix).unwrap();
                assert!(id.len() == 22 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{uri}");
            }
            *lengths.entry(pid).or_default() += 1;
            titles.entry([artist.clone(), title.clone()]).or_default().insert(uri.clone());
            let song = songs.entry(uri).or_default();
            song.0.insert([album, album_uri, artist, artist_uri, duration, title]);
            song.1 += 1;
        }
        assert!(lengths.values().all(|length| (5..=250).contains(length)));
        assert!(songs.values().all(|(texts, _)| texts.len() == 1), "a song has one album, artist and title");
        let most = songs.values().map(|&(_, rows)| rows).max().unwrap();
        assert!((30..300).contains(&most), "the most popular song is in {most} of {PLAYLISTS} playlists");
        let several = titles.values().filter(|uris| uris.len() > 1).count();
        assert!(several > titles.len() / 1000, "{several} of {} songs have several URIs", titles.len());
    }
}
