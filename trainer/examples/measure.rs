//! Times one operation of the trainer inside a process, with the input in memory, and prints one line of JSON: `seconds` of each run, what
//! came out, and the memory in bytes: `before`, and `peak` with the operation. `benches/compare.py` holds it against other programs.
//!
//! ```text
//! cargo run --release -p trainer --example measure -- itemsets playlists.csv --min-count 26 --runs 3
//! ```
//!
//! Files are playlists as the trainer reads them, or, where the name has `.dat` in it, transactions of integers, one a line.

use std::{
    cmp::Reverse,
    collections::HashMap,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read as _, Write as _},
    num::NonZeroU32,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, bail};
use clap::Parser;
use flate2::bufread::MultiGzDecoder;
use serde_json::{Value, json};
use trainer::{
    Baskets, Ease, EaseTwin, Factors, ItemKey, Location, MinConfidence, PairRuleBatches, ReadOptions,
    count_itemsets, itemset_rules, mine_itemsets, read_dataset,
};

/// Times one operation of the trainer.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    operation: Operation,
    /// Runs in this process.
    #[arg(long, global = true, default_value_t = 1)]
    runs: usize,
    /// Threads to work with; default: as many as there are cores.
    #[arg(long, global = true, default_value_t = 0)]
    threads: usize,
    /// What makes two rows of playlists the same song.
    #[arg(long, global = true, default_value_t)]
    item_key: ItemKey,
}

#[derive(clap::Subcommand)]
enum Operation {
    /// Counts frequent itemsets by size.
    Itemsets {
        file: PathBuf,
        #[arg(long)]
        min_count: u32,
    },
    /// Mines frequent itemsets, keeps them all, and derives rules with one consequent.
    ItemsetRules {
        file: PathBuf,
        #[arg(long)]
        min_count: u32,
        #[arg(long, default_value_t)]
        min_confidence: MinConfidence,
    },
    /// Counts which songs meet, and uses all pairs that meet often enough.
    Pairs {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long)]
        min_pair_count: NonZeroU32,
        /// Most rules to keep for each song; 0 means all.
        #[arg(long, default_value_t = 0)]
        max_rules_per_song: u32,
    },
    /// Learns the weights of rules between the most common songs.
    Ease {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long)]
        songs: usize,
        /// The regularisation of a song, as a multiple of the root of its support count.
        #[arg(long)]
        lambda: f32,
    },
    /// Takes every so many-th playlist away from weights that were learned, and computes all of them anew.
    EaseTwin {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long)]
        songs: usize,
        /// The regularisation of a song, as a multiple of the root of its support count.
        #[arg(long)]
        lambda: f32,
        #[arg(long, default_value_t = 10)]
        every: usize,
    },
    /// Finds the latent factors of the most common songs.
    Factors {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long)]
        songs: u32,
        #[arg(long, default_value_t = Factors::RANK)]
        rank: usize,
    },
    /// Computes the weights of the rules from each of the most common songs to 500 others by latent factors.
    FactorWeights {
        #[arg(required = true)]
        files: Vec<PathBuf>,
        #[arg(long)]
        songs: u32,
        #[arg(long, default_value_t = Factors::RANK)]
        rank: usize,
    },
    /// Reads playlists into baskets.
    Read { file: PathBuf },
    /// Reads a file and counts its lines.
    Newlines { file: PathBuf },
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let pool = rayon::ThreadPoolBuilder::new().num_threads(args.threads).build()?;
    let result = pool.install(|| measure(&args))?;
    writeln!(io::stdout(), "{result}")?;
    Ok(())
}

fn measure(args: &Args) -> anyhow::Result<Value> {
    match &args.operation {
        Operation::Itemsets { file, min_count } => {
            let baskets = load(&[file], args.item_key)?;
            let count = || Ok(count_itemsets(&baskets, *min_count, None, u32::MAX)?);
            timed(args.runs, count, |by_size| json!({ "by_size": by_size }))
        }
        Operation::ItemsetRules { file, min_count, min_confidence } => {
            let baskets = load(&[file], args.item_key)?;
            let mine = || {
                let itemsets = mine_itemsets(&baskets, *min_count, None, u32::MAX)?;
                let rules = itemset_rules(&itemsets, min_confidence).len();
                Ok((itemsets, rules))
            };
            timed(args.runs, mine, |(itemsets, rules)| {
                let counts: u64 = itemsets.iter().map(|(_, count)| u64::from(count)).sum();
                json!({ "itemsets": itemsets.len(), "counts": counts, "rules": rules })
            })
        }
        Operation::Pairs { files, min_pair_count, max_rules_per_song } => {
            let baskets = load(files, args.item_key)?;
            let max_rules_per_song = NonZeroU32::new(*max_rules_per_song);
            // As in a training, each batch is used and given up when the next comes.
            let count = || {
                let (mut pairs, mut counts, mut checksum) = (0, 0u64, 0u64);
                let batches =
                    PairRuleBatches::of_songs(&baskets, *min_pair_count, max_rules_per_song, u32::MAX);
                for batch in batches {
                    let batch = batch?;
                    pairs += batch.len();
                    for rule in batch.iter() {
                        let pair = u64::from(rule.antecedent[0]) * 1_000_003 + u64::from(rule.consequent);
                        counts += u64::from(rule.support_count);
                        checksum = checksum.wrapping_add(pair.wrapping_mul(rule.support_count.into()));
                    }
                }
                Ok((pairs, counts, checksum))
            };
            timed(
                args.runs,
                count,
                |(pairs, counts, checksum)| json!({ "pairs": pairs, "counts": counts, "checksum": checksum }),
            )
        }
        Operation::Ease { files, songs, lambda } => {
            let baskets = load(files, args.item_key)?;
            let lambdas = lambdas(&baskets, *songs, *lambda);
            let fit = || Ok(Ease::fit(&baskets, &lambdas)?);
            timed(args.runs, fit, |ease| {
                let mut weights = Vec::new();
                let sum: f64 = (0..ease.len() as u32)
                    .map(|song| {
                        ease.row(song, &mut weights);
                        weights.iter().map(|&weight| f64::from(weight)).sum::<f64>()
                    })
                    .sum();
                json!({ "baskets": baskets.len(), "songs": ease.len(), "sum": sum })
            })
        }
        Operation::EaseTwin { files, songs, lambda, every } => {
            let baskets = load(files, args.item_key)?;
            let ease = Ease::fit(&baskets, &lambdas(&baskets, *songs, *lambda))?;
            let held_out: Vec<usize> = (0..baskets.len()).step_by(*every).collect();
            let antecedents: Vec<u32> = (0..ease.len() as u32).collect();
            let mut weights = Vec::new();
            let take_away = || {
                let twin = EaseTwin::new(&ease, &baskets, &held_out)?;
                let mut sum = 0.0;
                // As many rows at a time as fit into some megabytes.
                for antecedents in antecedents.chunks(256) {
                    twin.rows(antecedents, &mut weights);
                    sum += f64::from(weights[weights.len() / 2]);
                }
                Ok(sum)
            };
            timed(
                args.runs,
                take_away,
                |sum| json!({ "held_out": held_out.len(), "songs": ease.len(), "sum": sum }),
            )
        }
        Operation::Factors { files, songs, rank } => {
            let baskets = load(files, args.item_key)?;
            let fit = || Ok(Factors::fit(&baskets, &[], *songs, *rank)?);
            timed(args.runs, fit, |factors| {
                let values = factors.singular_values();
                let bytes = Factors::bytes(factors.len(), *rank, baskets.len(), baskets.total_len());
                json!({
                    "baskets": baskets.len(), "songs": factors.len(), "rank": values.len(),
                    "singular_values": [values.first(), values.last()], "bytes": bytes,
                })
            })
        }
        Operation::FactorWeights { files, songs, rank } => {
            let baskets = load(files, args.item_key)?;
            let factors = Factors::fit(&baskets, &[], *songs, *rank)?;
            let len = factors.len() as u32;
            let weigh = || {
                let (mut consequents, mut smooth, mut sharp) = (Vec::new(), Vec::new(), Vec::new());
                let mut sums = [0.0, 0.0];
                for antecedent in 0..len {
                    consequents.clear();
                    // Without a pattern, as those that it meets are.
                    consequents.extend((1..=500).map(|at| (antecedent + at * 7_919) % len));
                    factors.weights(antecedent, &consequents, &mut smooth, &mut sharp);
                    sums[0] += smooth.iter().map(|&weight| f64::from(weight)).sum::<f64>();
                    sums[1] += sharp.iter().map(|&weight| f64::from(weight)).sum::<f64>();
                }
                Ok(sums)
            };
            timed(args.runs, weigh, |sums| json!({ "songs": len, "sums": sums }))
        }
        Operation::Read { file } => {
            let options = ReadOptions { item_key: args.item_key, ..ReadOptions::default() };
            let location = Location::from(file.as_path());
            timed(
                args.runs,
                || Ok(read_dataset(&location, &options, &())?),
                |dataset| {
                    let facts = &dataset.facts;
                    json!({
                        "rows": facts.rows, "playlists": facts.playlists, "songs": facts.songs,
                        "items": dataset.baskets.total_len(),
                    })
                },
            )
        }
        Operation::Newlines { file } => {
            timed(args.runs, || Ok(newlines(file)?), |lines| json!({ "lines": lines }))
        }
    }
}

/// The regularisation of each of the most common songs.
fn lambdas(baskets: &Baskets, songs: usize, lambda: f32) -> Vec<f32> {
    let counts = baskets.support_counts().into_iter().take(songs);
    // Transactions may leave out numbers.
    counts.map(|count| lambda * (count.max(1) as f32).sqrt()).collect()
}

/// Runs an operation several times, and describes its result together with the seconds and the memory that it took.
fn timed<T>(
    runs: usize,
    mut run: impl FnMut() -> anyhow::Result<T>,
    describe: impl Fn(&T) -> Value,
) -> anyhow::Result<Value> {
    // The peak from here on: that of loading is forgotten.
    fs::write("/proc/self/clear_refs", "5").context("could not reset the peak of the memory")?;
    let before = memory("VmRSS:")?;
    let mut peak = 0;
    let mut seconds = Vec::new();
    let mut result = Value::Null;
    for _ in 0..runs {
        let begin = Instant::now();
        let output = run()?;
        seconds.push(begin.elapsed().as_secs_f64());
        // Of the first run alone: a later one finds memory that it left.
        if result.is_null() {
            peak = memory("VmHWM:")?;
        }
        result = describe(&output);
    }
    result["seconds"] = json!(seconds);
    result["threads"] = json!(rayon::current_num_threads());
    result["before"] = json!(before);
    result["peak"] = json!(peak);
    Ok(result)
}

/// A line of what the kernel knows of the memory of this process, in bytes.
fn memory(name: &str) -> anyhow::Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kibibytes: u64 =
        line.and_then(|line| line.trim().strip_suffix(" kB")).context("no such line")?.parse()?;
    Ok(kibibytes * 1024)
}

/// The baskets of all files, one file after the other.
fn load(files: &[impl AsRef<Path>], item_key: ItemKey) -> anyhow::Result<Baskets> {
    let read = |file: &Path| {
        let options = ReadOptions { item_key, ..ReadOptions::default() };
        read_dataset(&Location::from(file), &options, &())
    };
    if let [file] = files {
        let file = file.as_ref();
        if !file.to_string_lossy().contains(".dat") {
            return Ok(read(file)?.baskets);
        }
        return transactions(file).with_context(|| format!("could not read `{}`", file.display()));
    }
    let mut baskets: Vec<Vec<u32>> = Vec::new();
    let (mut items, mut counts) = (HashMap::new(), Vec::new());
    for file in files {
        let dataset = read(file.as_ref())?;
        let ids: Vec<u32> = dataset
            .songs
            .iter()
            .map(|(_, song)| {
                let name = match item_key {
                    ItemKey::Song => bail!("several files are put together by `title` or `uri` alone"),
                    ItemKey::Title => song.title,
                    ItemKey::Uri => song.uri,
                };
                let item = *items.entry(name.to_owned()).or_insert(counts.len());
                if item == counts.len() {
                    counts.push(0);
                }
                counts[item] += song.support_count;
                Ok(item as u32)
            })
            .collect::<anyhow::Result<_>>()?;
        baskets
            .extend(dataset.baskets.iter().map(|basket| basket.iter().map(|&id| ids[id as usize]).collect()));
    }
    // As the trainer numbers songs: by falling support.
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by_key(|&item| Reverse(counts[item]));
    let mut ids = vec![0; order.len()];
    for (id, item) in (0..).zip(order) {
        ids[item] = id;
    }
    Ok(baskets.iter().map(|basket| basket.iter().map(|&item| ids[item as usize])).collect())
}

/// Transactions of integers, one a line, plain or compressed with gzip.
fn transactions(file: &Path) -> anyhow::Result<Baskets> {
    let compressed = file.extension().is_some_and(|extension| extension == "gz");
    let mut reader: Box<dyn BufRead> = Box::new(BufReader::new(File::open(file)?));
    if compressed {
        reader = Box::new(BufReader::new(MultiGzDecoder::new(reader)));
    }
    let mut baskets = Baskets::default();
    let mut items = Vec::new();
    for line in reader.lines() {
        items.clear();
        for item in line?.split_ascii_whitespace() {
            items.push(item.parse()?);
        }
        if !items.is_empty() {
            baskets.push(&mut items);
        }
    }
    Ok(baskets)
}

/// The lines of a file, counted as fast as it can be read.
fn newlines(file: &Path) -> io::Result<u64> {
    let mut file = File::open(file)?;
    let mut buffer = vec![0; 1 << 20];
    let mut lines = 0;
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(lines);
        }
        lines += memchr::memchr_iter(b'\n', &buffer[..read]).count() as u64;
    }
}
