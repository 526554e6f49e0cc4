//! Measures what a model of one-song rules takes: on the volume, in memory, to load and index, and to answer from.
//!
//! ```sh
//! cargo run --release -p recommender --example load_model -- [songs] [rules]
//! ```
//!
//! The model is synthetic and always the same: Zipf support counts, consequents that are mostly popular, titles of a few words. It is
//! written to a temporary folder and loaded several times on one thread; times are seconds on a core, the least of these. Without songs, 100,000 and 2,000,000
//! are measured; rules are 10,000,000 unless told. What rules take is the difference to the same model without rules.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement at a terminal")]

use std::{
    env, fs,
    hint::black_box,
    time::{Duration, Instant},
};

use model::{
    Artists, Consequent, Counts, Dataset, EncodedTables, Metadata, Parameters, RulesEncoder, Scoring,
    SeedScoring, SongId, Songs, TrainerBuild, VersionName, Volume,
};
use recommender::{Query, ServedModel};

const RUNS: usize = 5;
const QUERIES: usize = 2_000;
const SEEDS: usize = 5;

fn main() {
    let numbers: Vec<usize> = env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let rules = numbers.get(1).copied().unwrap_or(10_000_000);
    let songs = numbers.first().map_or(vec![100_000, 2_000_000], |&songs| vec![songs]);
    for songs in songs {
        measure(songs, rules);
    }
}

fn measure(song_count: usize, rule_count: usize) {
    let folder = tempfile::tempdir().unwrap();
    let volume = Volume::new(folder.path());
    let songs = songs(song_count);
    let (bare, _) = store(&volume, &songs, 0);
    let (full, encoding) = store(&volume, &songs, rule_count);
    drop(songs);
    let manifest = volume.manifest(&full).unwrap();
    let rules = manifest.metadata.counts.rules as f64;
    let without = load(&volume, &bare);
    let with = load(&volume, &full);
    let per_rule = |bytes: u64| bytes as f64 / rules;
    println!("{rules} rules of {song_count} songs");
    println!("  encoding                 {:6.1} ns a rule", encoding.as_nanos() as f64 / rules);
    println!(
        "  on the volume            {:6.2} bytes a rule",
        per_rule(manifest.files["rules.parquet"].bytes)
    );
    println!("  in memory                {:6.2} bytes a rule", per_rule(with.rules));
    for (what, measured) in [("with rules", &with), ("without", &without)] {
        println!(
            "  {what:<12}  read and check {:5.2} s, index {:5.2} s, together {:5.2} s; {} MiB in the end, {} MiB at the peak",
            measured.read.as_secs_f64(),
            measured.index.as_secs_f64(),
            (measured.read + measured.index).as_secs_f64(),
            measured.resident >> 20,
            measured.peak >> 20,
        );
    }
    let of_rules = |of: fn(&Measured) -> Duration| of(&with).as_secs_f64() - of(&without).as_secs_f64();
    println!(
        "  the rules     read and check {:5.2} s, index {:5.2} s",
        of_rules(|measured| measured.read),
        of_rules(|measured| measured.index)
    );
    println!(
        "  {SEEDS} seeds: {:?} in the median, {:?} at p99",
        with.latencies[QUERIES / 2],
        with.latencies[QUERIES * 99 / 100]
    );
}

struct Measured {
    read: Duration,
    index: Duration,
    /// Bytes that the rules take. To index one-song rules takes none: they are searched where they are.
    rules: u64,
    /// Bytes that the whole model takes.
    resident: u64,
    /// The most bytes that loading it took.
    peak: u64,
    /// Ascending.
    latencies: Vec<Duration>,
}

fn load(volume: &Volume, version: &VersionName) -> Measured {
    let mut measured = Measured {
        read: Duration::MAX,
        index: Duration::MAX,
        rules: 0,
        resident: 0,
        peak: 0,
        latencies: vec![Duration::MAX; QUERIES],
    };
    for _ in 0..RUNS {
        // Resets the peak.
        fs::write("/proc/self/clear_refs", "5").unwrap();
        let before = memory("VmRSS:");
        let begin = cpu_time();
        let model = volume.load(version).unwrap();
        let loaded = cpu_time();
        measured.rules = model.tables.rules.memory_bytes() as u64;
        let model = ServedModel::build(model);
        measured.read = measured.read.min(loaded - begin);
        measured.index = measured.index.min(cpu_time() - loaded);
        measured.resident = memory("VmRSS:").saturating_sub(before);
        measured.peak = memory("VmHWM:").saturating_sub(before);
        for (latency, least) in latencies(&model).into_iter().zip(&mut measured.latencies) {
            *least = latency.min(*least);
        }
    }
    measured.latencies.sort_unstable();
    measured
}

fn latencies(model: &ServedModel) -> Vec<Duration> {
    let mut random = Random(7);
    (0..QUERIES)
        .map(|_| {
            let query = Query {
                seeds: (0..SEEDS).map(|_| random.popular(model.song_count())).collect(),
                limit: 10,
                max_rules_per_song: 3,
                ..Query::default()
            };
            let begin = Instant::now();
            black_box(model.recommend(&query));
            begin.elapsed()
        })
        .collect()
}

/// The time that this thread has spent on a core, whatever else the machine does.
fn cpu_time() -> Duration {
    let times = fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    Duration::from_nanos(times.split_whitespace().next().unwrap().parse().unwrap())
}

/// A line of `/proc/self/status`, in bytes.
fn memory(what: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with(what)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() << 10
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    /// One of so many songs; the popular ones, which have small ids, are likelier.
    fn popular(&mut self, songs: usize) -> SongId {
        let share = self.below(1 << 53) as f64 / (1_u64 << 53) as f64;
        (share.powi(3) * songs as f64) as SongId
    }
}

fn support_count(song: usize) -> u32 {
    (40_000.0 / (song as f64 + 1.0).powf(0.7)) as u32 + 3
}

fn songs(count: usize) -> Songs {
    let mut random = Random(1);
    let syllables =
        ["ba", "da", "ko", "li", "mo", "ne", "ra", "su", "ti", "va", "we", "yo", "chi", "sta", "tru", "an"];
    let words: Vec<String> = (0..30_000)
        .map(|_| (0..1 + random.below(3)).map(|_| syllables[random.below(syllables.len())]).collect())
        .collect();
    let name = |words: &[String], random: &mut Random, most: usize| {
        let mut name = String::new();
        for _ in 0..1 + random.below(most) {
            let word = &words[random.popular(words.len()) as usize];
            if !name.is_empty() {
                name.push(' ');
            }
            name.push_str(&word[..1].to_uppercase());
            name.push_str(&word[1..]);
        }
        name
    };
    let artists: Vec<String> = (0..count / 7 + 1).map(|_| name(&words, &mut random, 3)).collect();
    let mut songs = Songs::default();
    for song in 0..count {
        let mut title = name(&words, &mut random, 5);
        match random.below(20) {
            0 => title.push_str(" (feat. Somebody)"),
            1 => title.push_str(" - Remastered 2011"),
            2 => title.push_str(" Açúcar"),
            _ => {}
        }
        let artist = &artists[random.popular(artists.len()) as usize];
        let uri = format!("spotify:track:{:016x}{:06x}", random.next(), random.below(1 << 24));
        songs.push(&title, artist, [&uri[..]], support_count(song)).unwrap();
    }
    songs
}

/// Stores a model with so many rules; also gives the time in which these were encoded.
fn store(volume: &Volume, songs: &Songs, rule_count: usize) -> (VersionName, Duration) {
    let mut random = Random(2);
    let mut encoder = RulesEncoder::for_songs(songs).unwrap();
    let mut encoding = Duration::ZERO;
    let weight_of = |song: usize| (song as f64 + 10.0).powf(-0.5);
    let all: f64 = (0..songs.len()).map(weight_of).sum();
    let mut left = rule_count;
    for song in 0..songs.len() {
        let antecedent_count = support_count(song);
        let share = (rule_count as f64 * weight_of(song) / all).ceil() as usize;
        let mut consequents: Vec<SongId> = (0..share.min(left))
            .map(|_| random.popular(songs.len()))
            .filter(|&id| id as usize != song)
            .collect();
        consequents.sort_unstable();
        consequents.dedup();
        left -= consequents.len();
        let rules: Vec<Consequent> = consequents
            .into_iter()
            .map(|id| {
                let most = antecedent_count.min(support_count(id as usize));
                let support_count = 2 + (most - 2) / (8 + random.below(400) as u32) + random.below(2) as u32;
                let support_count = support_count.min(most);
                let weight = (10_000 * support_count / antecedent_count) as u16;
                // What is fitted for many seeds follows no count, and half of it is nothing.
                let many_weight = random.below(2_000).saturating_sub(1_000) as u16;
                Consequent { song: id, support_count, weight, many_weight }
            })
            .collect();
        let begin = Instant::now();
        encoder.push(&[song as SongId], antecedent_count, rules).unwrap();
        encoding += begin.elapsed();
    }
    let begin = Instant::now();
    let rules = encoder.finish().unwrap();
    encoding += begin.elapsed();
    let artists = Artists::default();
    let artist_rules = RulesEncoder::for_artists(&artists, songs).unwrap().finish().unwrap();
    let metadata = metadata(songs, rules.len());
    let tables = EncodedTables { songs, artists: &artists, rules, artist_rules, longer_rules: None };
    (volume.publication(Duration::ZERO).unwrap().store_encoded(&metadata, &tables).unwrap(), encoding)
}

fn metadata(songs: &Songs, rules: u64) -> Metadata {
    Metadata {
        trained_at: "2026-01-02T03:04:05Z".parse().unwrap(),
        key: "synthetic".to_owned(),
        trainer: TrainerBuild { version: "0.0.0".to_owned(), revision: "unknown".to_owned() },
        dataset: Dataset {
            location: "synthetic".to_owned(),
            etag: None,
            sha256: String::new(),
            bytes: 0,
            rows: 0,
            skipped_rows: 0,
            playlists: 1_000_000,
            songs: songs.len() as u32,
            artists: 0,
        },
        parameters: Parameters {
            item_key: "song".to_owned(),
            min_support: "1".to_owned(),
            min_support_count: 1,
            min_confidence: "0".to_owned(),
            min_pair_count: 2,
            max_rules_per_song: None,
            max_length: None,
            max_consequent_length: 1,
        },
        counts: Counts { rules, ..Counts::default() },
        scoring: Scoring {
            weight_scale: 1e-4,
            many_weight_scale: 1e-4,
            artist_weight_scale: 1.0 / 255.0,
            by_seeds: vec![SeedScoring { seeds: 1, many_share: 0.5, damping: 0.4, artist_share: 0.0 }],
        },
        evaluation: None,
        refusal: None,
        stages: Vec::new(),
    }
}
