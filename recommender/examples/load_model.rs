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

mod synthetic;

use std::{
    env, fs,
    hint::black_box,
    time::{Duration, Instant},
};

use model::{VersionName, Volume};
use recommender::{Query, ServedModel};
use synthetic::{Random, songs, store};

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
