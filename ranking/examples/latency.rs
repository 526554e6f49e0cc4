//! Measures how long a recommendation takes.
//!
//! ```sh
//! cargo run --release -p ranking --example latency -- [songs] [rules of a song] [rules of an artist]
//! ```
//!
//! The rules are synthetic and always the same: as many for each song, to consequents of which most are popular, with both weights. There is an
//! artist for every seventh song. The time of a query is the least of several runs, on one thread; the median and the 99th percentile of
//! 2,000 queries are printed for 1, 5 and 25 seeds, with reasons.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement at a terminal")]

use std::{
    env,
    hint::black_box,
    time::{Duration, Instant},
};

use model::{Artists, Rule, Rules, Scoring, SeedScoring, SongId};
use ranking::{Query, Ranking, SongFacts};

const RUNS: usize = 5;
const QUERIES: usize = 2_000;
const SONGS_OF_ARTIST: usize = 7;

fn main() {
    let numbers: Vec<usize> = env::args().skip(1).map(|number| number.parse().unwrap()).collect();
    let number = |position: usize, default: usize| numbers.get(position).copied().unwrap_or(default);
    let (songs, of_song, of_artist) = (number(0, 5_600), number(1, 500), number(2, 500));

    let mut random = Random(1);
    let rules = rules(songs, songs, of_song, &mut random, true);
    println!("{} rules of {songs} songs", rules.len());
    let mut artists = Artists::default();
    for (first, artist) in (0..songs as SongId).step_by(SONGS_OF_ARTIST).zip(0..) {
        let songs: Vec<SongId> = (first..songs as SongId).take(SONGS_OF_ARTIST).collect();
        artists.push("", support_count(artist), &songs).unwrap();
    }
    let artist_rules = self::rules(artists.len(), songs, of_artist, &mut random, false);
    let scoring = Scoring {
        weight_scale: 1e-4,
        many_weight_scale: 1e-4,
        artist_weight_scale: 1e-4,
        by_seeds: vec![
            SeedScoring { seeds: 1, many_share: 0.0, damping: 0.0, artist_share: 0.1 },
            SeedScoring { seeds: 25, many_share: 0.5, damping: 0.3, artist_share: 0.1 },
        ],
    };
    let ranking = Ranking::build(rules, artist_rules, &artists, songs, scoring, 1_000_000);
    let support_counts: Vec<u32> = (0..songs).map(support_count).collect();
    let namesakes: Vec<SongId> = (0..songs as SongId).collect();
    let facts = SongFacts {
        support_counts: &support_counts,
        namesakes: &namesakes,
        artist_keys: &[],
        no_artist: None,
    };

    for seeds in [1, 5, 25] {
        let queries: Vec<Query> = (0..QUERIES)
            .map(|_| Query {
                seeds: (0..seeds).map(|_| random.popular(songs)).collect(),
                limit: 10,
                max_rules_per_song: 3,
                ..Query::default()
            })
            .collect();
        let mut latencies = vec![Duration::MAX; QUERIES];
        for _ in 0..RUNS {
            for (query, least) in queries.iter().zip(&mut latencies) {
                let begin = Instant::now();
                black_box(ranking.recommend(facts, query));
                *least = begin.elapsed().min(*least);
            }
        }
        latencies.sort_unstable();
        println!(
            "{seeds:>3} seeds: {:?} in the median, {:?} at p99",
            latencies[QUERIES / 2],
            latencies[QUERIES * 99 / 100]
        );
    }
}

/// For each antecedent so many rules, or one for every song if there are fewer.
fn rules(
    antecedents: usize,
    songs: usize,
    of_each: usize,
    random: &mut Random,
    has_many_weights: bool,
) -> Rules {
    let mut rules = Rules::default();
    let mut is_consequent = vec![false; songs];
    let mut consequents: Vec<SongId> = Vec::new();
    for antecedent in 0..antecedents as u32 {
        while consequents.len() < of_each.min(songs / 2) {
            let song = random.popular(songs);
            if !is_consequent[song as usize] {
                is_consequent[song as usize] = true;
                consequents.push(song);
            }
        }
        consequents.sort_unstable();
        let antecedent_count = support_count(antecedent as usize);
        for consequent in consequents.drain(..) {
            is_consequent[consequent as usize] = false;
            let most = antecedent_count.min(support_count(consequent as usize));
            let support_count = (2 + random.below(1 + most as usize / 50) as u32).min(most);
            let weight = (10_000 * support_count / antecedent_count) as u16;
            let many_weight = if has_many_weights { random.below(2_000) as u16 } else { 0 };
            rules
                .push(Rule {
                    antecedent: &[antecedent],
                    antecedent_count,
                    consequent,
                    support_count,
                    weight,
                    many_weight,
                })
                .unwrap();
        }
    }
    rules
}

fn support_count(rank: usize) -> u32 {
    (40_000.0 / (rank as f64 + 1.0).powf(0.7)) as u32 + 3
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
