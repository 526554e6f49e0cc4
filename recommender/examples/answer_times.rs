//! Measures in process, on one thread, how long it takes to answer from a model.
//!
//! ```sh
//! cargo run --release -p recommender --example answer_times -- volume seeds.jsonl
//! ```
//!
//! Each line of the file of seeds is a JSON list of texts; the example `serving_data` makes one. The texts of a list are resolved, and 10 songs
//! recommended for them, without reasons and with 3. A time is the least of five runs, microseconds; the median and the 99th percentile of all
//! lists are printed as JSON.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement at a terminal")]

use std::{
    env, fs,
    hint::black_box,
    time::{Duration, Instant},
};

use mimalloc::MiMalloc;
use model::Volume;
use recommender::{Query, ServedModel};
use serde_json::{Value, json};

/// As the recommender has.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

const RUNS: usize = 5;

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let volume = Volume::new(&args[0]);
    let version = volume.current().unwrap().unwrap();
    let begin = Instant::now();
    let model = volume.load(&version).unwrap();
    let read = begin.elapsed();
    let model = ServedModel::build(model);
    let loaded = begin.elapsed();
    let lines = fs::read_to_string(&args[1]).unwrap();
    let lists: Vec<Vec<String>> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();

    let resolve =
        |texts: &Vec<String>| texts.iter().filter_map(|text| model.resolve(text).song).collect::<Vec<_>>();
    let queries = |rules: usize| -> Vec<Query> {
        let query =
            |texts| Query { seeds: resolve(texts), limit: 10, max_rules_per_song: rules, ..Query::default() };
        lists.iter().map(query).collect()
    };
    let (plain, with_reasons) = (queries(0), queries(3));
    let counts = &model.manifest().metadata.counts;
    let result = json!({
        "songs": model.song_count(),
        "rules": counts.rules,
        "artist_rules": counts.artist_rules,
        "lists": lists.len(),
        "read_seconds": read.as_secs_f64(),
        "load_seconds": loaded.as_secs_f64(),
        "resolve": quantiles(&lists, |texts| _ = black_box(resolve(texts))),
        "recommend": quantiles(&plain, |query| _ = black_box(model.recommend(query))),
        "recommend_with_reasons": quantiles(&with_reasons, |query| _ = black_box(model.recommend(query))),
    });
    println!("{result}");
}

fn quantiles<T>(inputs: &[T], mut run: impl FnMut(&T)) -> Value {
    let mut times = vec![Duration::MAX; inputs.len()];
    for _ in 0..RUNS {
        for (input, least) in inputs.iter().zip(&mut times) {
            let begin = Instant::now();
            run(input);
            *least = begin.elapsed().min(*least);
        }
    }
    times.sort_unstable();
    let at = |share: f64| times[(times.len() as f64 * share) as usize].as_secs_f64() * 1e6;
    json!({ "p50": at(0.5), "p99": at(0.99) })
}
