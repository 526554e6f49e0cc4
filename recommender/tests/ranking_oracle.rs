//! An answer is what one gets who looks at every rule and every song.

#![cfg(test)]

mod support;

use std::{cmp::Reverse, num::NonZeroUsize};

use model::{RuleCounts, Scoring, SeedScoring, SongId, Tables};
use proptest::prelude::*;
use recommender::{Antecedent, FiredRule, Query, Recommendation, ServedModel, Source};
use support::{PLAYLISTS, RuleRow, model, tables, with_many_weights};

/// A rule that fired for a song, with its weights, and what it adds to the song's score before damping.
struct Reason {
    weight: u64,
    many_weight: u64,
    added: f64,
    rule: FiredRule,
}

struct Oracle<'a> {
    tables: &'a Tables,
    scoring: &'a Scoring,
    /// The different seeds.
    seeds: Vec<SongId>,
    /// What the scoring says for so many seeds.
    many_share: f64,
    damping: f64,
    artist_share: f64,
}

impl<'a> Oracle<'a> {
    fn new(tables: &'a Tables, scoring: &'a Scoring, seeds: &[SongId]) -> Self {
        let mut seeds = seeds.to_vec();
        seeds.sort_unstable();
        seeds.dedup();
        let [low, high] = scoring.by_seeds[..] else { panic!("two entries") };
        let log = |seeds: u32| f64::from(seeds).ln();
        let count = seeds.len().max(1) as u32;
        let share = (log(count) - log(low.seeds)) / (log(high.seeds) - log(low.seeds));
        let between = |of: fn(&SeedScoring) -> f64| match share {
            ..=0.0 => of(&low),
            1.0.. => of(&high),
            _ => of(&low) + share * (of(&high) - of(&low)),
        };
        Oracle {
            tables,
            scoring,
            seeds,
            many_share: between(|entry| entry.many_share),
            damping: between(|entry| entry.damping),
            artist_share: between(|entry| entry.artist_share),
        }
    }

    fn support_count(&self, song: SongId) -> u32 {
        self.tables.songs.get(song).support_count
    }

    fn counts(&self, rule: &model::Rule<'_>) -> RuleCounts {
        RuleCounts {
            both: rule.support_count,
            antecedent: rule.antecedent_count,
            consequent: self.support_count(rule.consequent),
            baskets: PLAYLISTS,
        }
    }

    fn song_rules(&self, weight: u64, many_weight: u64) -> f64 {
        (1.0 - self.many_share) * self.scoring.weight_scale * weight as f64
            + self.many_share * self.scoring.many_weight_scale * many_weight as f64
    }

    fn artist_rules(&self, weight: u64) -> f64 {
        self.scoring.artist_weight_scale * weight as f64
    }

    fn song_reasons(&self, song: SongId) -> Vec<Reason> {
        let rules = self.tables.rules.iter().filter(|rule| {
            rule.consequent == song && rule.antecedent.iter().all(|id| self.seeds.contains(id))
        });
        rules
            .map(|rule| Reason {
                weight: rule.weight.into(),
                many_weight: rule.many_weight.into(),
                added: self.song_rules(rule.weight.into(), rule.many_weight.into()),
                rule: FiredRule {
                    antecedent: Antecedent::Songs(rule.antecedent.to_vec()),
                    counts: self.counts(&rule),
                },
            })
            .collect()
    }

    fn artist_reasons(&self, song: SongId) -> Vec<Reason> {
        let rules = self.tables.artist_rules.iter().filter(|rule| rule.consequent == song);
        rules
            .filter_map(|rule| {
                let artist = rule.antecedent[0];
                let songs = self.tables.artists.get(artist).songs;
                let seeds = self.seeds.iter().filter(|seed| songs.contains(seed)).count();
                let weight = seeds as u64 * u64::from(rule.weight);
                (seeds > 0).then(|| Reason {
                    weight,
                    many_weight: 0,
                    added: self.artist_rules(weight),
                    rule: FiredRule { antecedent: Antecedent::Artist(artist), counts: self.counts(&rule) },
                })
            })
            .collect()
    }

    /// What speaks for a song, if anything does.
    fn recommendation(&self, song: SongId, most_rules: usize) -> Recommendation {
        let from_songs = self.song_reasons(song);
        let from_artists = self.artist_reasons(song);
        let sum = |reasons: &[Reason], of: fn(&Reason) -> u64| reasons.iter().map(of).sum();
        let by_artists = self.artist_rules(sum(&from_artists, |reason| reason.weight));
        let by_songs = self.song_rules(
            sum(&from_songs, |reason| reason.weight),
            sum(&from_songs, |reason| reason.many_weight),
        );
        let (source, score, mut reasons) = match (from_songs.is_empty(), from_artists.is_empty()) {
            (true, true) => {
                let score = f64::from(self.support_count(song)) / f64::from(PLAYLISTS);
                return Recommendation { song, score, source: Source::Popularity, rules: Vec::new() };
            }
            (true, false) => (Source::Artist, by_artists, from_artists),
            (false, _) => {
                let mixed = from_artists.into_iter().filter(|_| self.artist_share > 0.0);
                let mixed = mixed.map(|reason| Reason { added: self.artist_share * reason.added, ..reason });
                let reasons: Vec<Reason> = from_songs.into_iter().chain(mixed).collect();
                (Source::Rules, by_songs + self.artist_share * by_artists, reasons)
            }
        };
        let score = score / f64::from(self.support_count(song)).powf(self.damping);
        reasons.sort_by(|a, b| {
            let order = |reason: &Reason| match &reason.rule.antecedent {
                Antecedent::Songs(songs) => (Reverse(songs.len()), false, songs.clone()),
                Antecedent::Artist(artist) => (Reverse(1), true, vec![*artist]),
            };
            let ((a_len, a_artist, a_ids), (b_len, b_artist, b_ids)) = (order(a), order(b));
            (b.added.total_cmp(&a.added))
                .then(a_len.cmp(&b_len))
                .then(b.rule.counts.both.cmp(&a.rule.counts.both))
                .then(a_artist.cmp(&b_artist))
                .then(a_ids.cmp(&b_ids))
        });
        let rules = reasons.into_iter().map(|reason| reason.rule).take(most_rules).collect();
        Recommendation { song, score, source, rules }
    }

    fn answer(&self, query: &Query) -> Vec<Recommendation> {
        let songs = &self.tables.songs;
        let rules = if self.seeds.is_empty() { 0 } else { query.max_rules_per_song };
        let mut ranked: Vec<Recommendation> =
            songs.iter().map(|(id, _)| self.recommendation(id, rules)).collect();
        let source = |recommendation: &Recommendation| match recommendation.source {
            Source::Rules => 0,
            Source::Artist => 1,
            Source::Popularity => 2,
        };
        ranked.sort_by(|a, b| {
            (source(a).cmp(&source(b))).then(b.score.total_cmp(&a.score)).then(a.song.cmp(&b.song))
        });

        let name = |song: SongId| (songs.get(song).artist, songs.get(song).title);
        let cap = query.max_songs_per_artist.map_or(usize::MAX, NonZeroUsize::get);
        let mut answer: Vec<Recommendation> = Vec::new();
        for recommendation in ranked {
            let (artist, title) = name(recommendation.song);
            let of_artist = answer.iter().filter(|other| name(other.song).0 == artist).count();
            let is_taken = (self.seeds.iter().chain(&query.excluded))
                .chain(answer.iter().map(|other| &other.song))
                .any(|&other| name(other) == (artist, title));
            if answer.len() < query.limit && !is_taken && (artist.is_empty() || of_artist < cap) {
                answer.push(recommendation);
            }
        }
        answer
    }
}

const SONGS: u32 = 14;

/// Songs of a few titles and artists, so that some have the same; the last artist is none.
fn any_tables() -> impl Strategy<Value = Tables> {
    let song = (0..8_u32, 0..4_u32, 3..8_u32);
    let rule = (prop::collection::btree_set(0..SONGS, 1..5), 0..SONGS);
    // Few different ones, so that some are equal.
    let weights = (1..4_u32, 0..4_u16, 0..3_u16);
    (
        prop::collection::vec(song, SONGS as usize),
        prop::collection::btree_map(rule, weights, 0..60),
        prop::collection::btree_map((0..3_u32, 0..SONGS), (1..4_u32, 0..4_u16), 0..20),
    )
        .prop_map(|(mut rows, rules, artist_rules)| {
            rows.sort_by_key(|row| Reverse(row.2));
            let artists = ["a", "b", "c", ""];
            let titles: Vec<String> = rows.iter().map(|row| format!("t{}", row.0)).collect();
            let songs: Vec<_> = (rows.iter().zip(&titles))
                .map(|(row, title)| (title.as_str(), artists[row.1 as usize], &[][..], row.2))
                .collect();
            let mut rules: Vec<(Vec<u32>, SongId, _)> = rules
                .into_iter()
                .map(|((antecedent, consequent), weights)| {
                    (antecedent.into_iter().collect(), consequent, weights)
                })
                .collect();
            // The order of the table.
            rules.sort_by(|a, b| (a.0.len(), &a.0, a.1).cmp(&(b.0.len(), &b.0, b.1)));
            let rows: Vec<RuleRow<'_>> =
                rules.iter().map(|rule| (&rule.0[..], rule.1, rule.2.0, rule.2.1)).collect();
            let artist_rules: Vec<_> = artist_rules
                .into_iter()
                .map(|((artist, song), (count, weight))| (artists[artist as usize], song, count, weight))
                .filter(|rule| songs.iter().any(|song| song.1 == rule.0))
                .collect();
            let mut tables = tables(&songs, &rows, &artist_rules);
            let many_weights: Vec<u16> = rules.iter().map(|rule| rule.2.2).collect();
            tables.rules = with_many_weights(&tables.rules, &many_weights);
            tables
        })
}

fn any_entry(seeds: u32) -> impl Strategy<Value = SeedScoring> {
    let share = || prop_oneof![Just(0.0), Just(1.0), 0.0..1.0_f64];
    (share(), share(), prop_oneof![Just(0.0), 0.0..3.0_f64]).prop_map(
        move |(many_share, damping, artist_share)| SeedScoring { seeds, many_share, damping, artist_share },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn an_answer_is_what_looking_at_every_rule_gives(
        tables in any_tables(),
        seeds in prop::collection::vec(0..SONGS, 0..8),
        excluded in prop::collection::vec(0..SONGS, 0..3),
        limit in 0..16_usize,
        cap in 0..4_usize,
        most_rules in 0..5_usize,
        low in any_entry(2),
        high in any_entry(5),
    ) {
        let scoring = Scoring {
            weight_scale: 1.0 / 255.0,
            many_weight_scale: 1.0 / 100.0,
            artist_weight_scale: 1.0 / 77.0,
            by_seeds: vec![low, high],
        };
        let mut model = model(tables.clone());
        model.manifest.metadata.scoring = scoring.clone();
        let query = Query {
            seeds,
            excluded,
            limit,
            max_songs_per_artist: NonZeroUsize::new(cap),
            max_rules_per_song: most_rules,
        };

        let answer = ServedModel::build(model).recommend(&query);

        let expected = Oracle::new(&tables, &scoring, &query.seeds).answer(&query);
        prop_assert_eq!(answer, expected);
    }
}
