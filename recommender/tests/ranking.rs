//! What is recommended, in which order, and why.

#![cfg(test)]

mod support;

use std::{collections::HashMap, num::NonZeroUsize};

use model::{RuleCounts, SeedScoring, SongId, Tables};
use proptest::prelude::*;
use recommender::{Antecedent, FiredRule, Query, Recommendation, ServedModel, Source};
use support::{PLAYLISTS, RuleRow, model, tables};

/// A model of songs `S0`, `S1`, … of artists `A0`, `A1`, …, with falling support counts from 100 on.
fn served(song_count: usize, rules: &[RuleRow<'_>]) -> ServedModel {
    let names: Vec<(String, String)> = (0..song_count).map(|i| (format!("S{i}"), format!("A{i}"))).collect();
    let songs: Vec<_> = (names.iter().zip((1..=100).rev()))
        .map(|((title, artist), count)| (title.as_str(), artist.as_str(), &[][..], count))
        .collect();
    ServedModel::build(model(tables(&songs, rules, &[])))
}

/// How scores are damped by the support count of a song, and nothing else.
fn damped(seeds: u32, damping: f64) -> SeedScoring {
    SeedScoring { seeds, many_share: 0.0, damping, artist_share: 0.0 }
}

fn query(seeds: &[SongId]) -> Query {
    Query { seeds: seeds.to_vec(), limit: 10, max_rules_per_song: 3, ..Query::default() }
}

fn songs(answer: &[Recommendation]) -> Vec<SongId> {
    answer.iter().map(|recommendation| recommendation.song).collect()
}

/// The songs that come from a source.
fn songs_from(answer: &[Recommendation], source: Source) -> Vec<SongId> {
    let from = answer.iter().filter(|recommendation| recommendation.source == source);
    from.map(|recommendation| recommendation.song).collect()
}

#[test]
fn a_rule_fires_when_its_antecedent_is_contained_in_the_seeds() {
    let served = served(9, &[(&[0], 5, 1, 1), (&[0, 1], 6, 1, 1), (&[0, 1, 2], 7, 1, 1), (&[1, 3], 8, 1, 1)]);
    let from_rules = |seeds: &[SongId]| {
        let mut songs = songs_from(&served.recommend(&query(seeds)), Source::Rules);
        songs.sort_unstable();
        songs
    };
    assert_eq!(from_rules(&[0]), [5]);
    assert_eq!(from_rules(&[1]), [0_u32; 0]);
    assert_eq!(from_rules(&[1, 0]), [5, 6]);
    assert_eq!(from_rules(&[0, 1, 2]), [5, 6, 7]);
    assert_eq!(from_rules(&[0, 2, 3]), [5]);
    assert_eq!(from_rules(&[3, 2, 1, 0]), [5, 6, 7, 8]);
}

#[test]
fn songs_come_by_falling_sum_of_the_weights_that_fired() {
    let served = served(6, &[(&[0], 3, 1, 5), (&[0], 4, 1, 4), (&[1], 4, 1, 4), (&[1], 5, 1, 7)]);
    let answer = served.recommend(&query(&[0, 1]));
    assert_eq!(songs_from(&answer, Source::Rules), [4, 5, 3]);
    assert_eq!(answer[0].score, 8.0);
}

#[test]
fn popular_songs_are_damped_as_the_model_says() {
    let mut model = model(tables(
        &[("A", "", &[], 400), ("B", "", &[], 100), ("C", "", &[], 100)],
        &[(&[2], 0, 1, 15), (&[2], 1, 1, 10)],
        &[],
    ));
    model.manifest.metadata.scoring.weight_scale = 0.5;
    model.manifest.metadata.scoring.by_seeds = vec![damped(1, 0.5)];
    let answer = ServedModel::build(model).recommend(&query(&[2]));
    assert_eq!(songs(&answer), [1, 0]);
    assert_eq!(answer[0].score, 0.5 * 10.0 / 10.0);
    assert_eq!(answer[1].score, 0.5 * 15.0 / 20.0);
}

#[test]
fn equal_scores_are_ordered_by_falling_support_count_then_by_id() {
    let songs_of_one_count = [("A", "", &[][..], 9), ("B", "", &[], 5), ("C", "", &[], 5), ("D", "", &[], 5)];
    let rules = [(&[1][..], 3, 1, 2), (&[1], 2, 1, 2), (&[1], 0, 1, 2)];
    let served = ServedModel::build(model(tables(&songs_of_one_count, &rules, &[])));
    assert_eq!(songs(&served.recommend(&query(&[1]))), [0, 2, 3]);
}

#[test]
fn a_rule_without_weight_still_fires() {
    let served = served(4, &[(&[0], 3, 1, 0)]);
    let answer = served.recommend(&query(&[0]));
    assert_eq!(songs_from(&answer, Source::Rules), [3]);
    assert_eq!(answer[0].score, 0.0);
}

#[test]
fn seeds_and_excluded_songs_are_never_recommended() {
    let served = served(5, &[(&[0], 1, 1, 9), (&[1], 0, 1, 9), (&[0], 2, 1, 9), (&[0], 3, 1, 1)]);
    let answer = served.recommend(&Query { excluded: vec![2], ..query(&[0, 1]) });
    assert_eq!(songs(&answer), [3, 4]);
}

#[test]
fn an_artist_and_title_are_recommended_once_and_not_beside_a_seed() {
    let rows = [
        ("HUMBLE.", "Kendrick Lamar", &["x:1"][..], 9),
        ("Humble", "KENDRICK LAMAR", &["x:2"], 8),
        ("DNA.", "Kendrick Lamar", &["x:3"], 7),
        ("dna", "Kendrick Lamar", &["x:4"], 6),
        ("DNA.", "Another", &["x:5"], 5),
        ("Alright", "Kendrick Lamar", &["x:6"], 4),
        ("ALRIGHT", "Kendrick Lamar", &["x:7"], 3),
    ];
    let rules = [(&[1][..], 0, 1, 9), (&[1], 2, 1, 1), (&[1], 3, 1, 2), (&[1], 4, 1, 1)];
    let served = ServedModel::build(model(tables(&rows, &rules, &[])));
    let answer = served.recommend(&Query { excluded: vec![6], ..query(&[1]) });
    assert_eq!(songs(&answer), [3, 4]);
}

#[test]
fn an_artist_has_no_more_songs_than_the_cap() {
    let rows = [
        ("A", "One", &[][..], 9),
        ("B", "ONE", &[], 8),
        ("C", "", &[], 7),
        ("D", "", &[], 6),
        ("E", "Two", &[], 5),
        ("F", "One", &[], 4),
        ("Seed", "Three", &[], 3),
    ];
    let rules = [(&[6][..], 1, 1, 9), (&[6], 5, 1, 8), (&[6], 2, 1, 7)];
    let served = ServedModel::build(model(tables(&rows, &rules, &[])));
    let capped = |cap| {
        let max_songs_per_artist = NonZeroUsize::new(cap);
        let capped = Query { max_songs_per_artist, ..query(&[6]) };
        songs(&served.recommend(&capped))
    };
    assert_eq!(capped(0), [1, 5, 2, 0, 3, 4]);
    assert_eq!(capped(1), [1, 2, 3, 4]);
    assert_eq!(capped(2), [1, 5, 2, 3, 4]);
}

#[test]
fn an_answer_is_filled_from_the_artists_rules_and_then_from_popularity() {
    let rows = [
        ("A", "", &[][..], 500),
        ("B", "", &[], 400),
        ("C", "", &[], 300),
        ("D", "", &[], 200),
        ("Seed", "One", &[], 100),
        ("Other seed", "One", &[], 100),
    ];
    let artist_rules = [("One", 1, 9, 3), ("One", 2, 90, 4), ("One", 3, 7, 255), ("One", 4, 100, 9)];
    let served = ServedModel::build(model(tables(&rows, &[(&[4], 3, 1, 1)], &artist_rules)));
    let answer = served.recommend(&query(&[4, 5]));
    let sources: Vec<Source> = answer.iter().map(|recommendation| recommendation.source).collect();
    assert_eq!(songs(&answer), [3, 2, 1, 0]);
    assert_eq!(sources, [Source::Rules, Source::Artist, Source::Artist, Source::Popularity]);
    assert_eq!(answer[1].score, 4.0, "an artist of two seeds speaks once");
    let fired = FiredRule {
        antecedent: Antecedent::Artist(0),
        counts: RuleCounts { both: 90, antecedent: 200, consequent: 300, baskets: PLAYLISTS },
    };
    assert_eq!(answer[1].rules, [fired]);
    assert_eq!(answer[3].score, 0.5);
    assert_eq!(answer[3].rules, []);

    let two = served.recommend(&Query { limit: 2, ..query(&[4, 5]) });
    assert_eq!(two, answer[..2]);
}

#[test]
fn without_a_known_seed_the_answer_is_the_commonest_songs() {
    let served = served(5, &[(&[0], 4, 1, 9)]);
    let answer = served.recommend(&Query { limit: 3, ..query(&[]) });
    assert_eq!(songs(&answer), [0, 1, 2]);
    assert_eq!(songs_from(&answer, Source::Popularity), [0, 1, 2]);
}

#[test]
fn a_limit_of_zero_is_an_empty_answer() {
    let served = served(5, &[(&[0], 4, 1, 9)]);
    assert_eq!(served.recommend(&Query { limit: 0, ..query(&[0]) }), []);
}

#[test]
fn a_recommendation_names_the_strongest_rules_that_fired() {
    let served = served(
        9,
        &[
            (&[0], 8, 10, 5),
            (&[1], 8, 11, 5),
            (&[2], 8, 11, 5),
            (&[3], 8, 1, 6),
            (&[1, 2], 8, 3, 5),
            (&[5], 8, 90, 99),
        ],
    );
    let answer = served.recommend(&Query { max_rules_per_song: 4, ..query(&[3, 2, 1, 0]) });
    let antecedents: Vec<&Antecedent> = answer[0].rules.iter().map(|rule| &rule.antecedent).collect();
    let expected = [vec![3], vec![1, 2], vec![1], vec![2]].map(Antecedent::Songs);
    assert_eq!(antecedents, expected.iter().collect::<Vec<_>>());
    let counts = RuleCounts { both: 3, antecedent: 3, consequent: 92, baskets: PLAYLISTS };
    assert_eq!(answer[0].rules[1].counts, counts);

    let unexplained = served.recommend(&Query { max_rules_per_song: 0, ..query(&[3]) });
    assert_eq!(unexplained[0].rules, []);
}

#[test]
fn repeated_and_unknown_ids_make_no_difference() {
    let served = served(6, &[(&[0], 4, 1, 9), (&[1], 5, 1, 10)]);
    let odd = Query { excluded: vec![99, u32::MAX], ..query(&[1, 0, 1, 77, u32::MAX]) };
    assert_eq!(served.recommend(&odd), served.recommend(&query(&[0, 1])));
}

#[test]
fn one_answer_leaves_no_trace_in_the_next() {
    let served = served(8, &[(&[0], 4, 1, 9), (&[1], 5, 1, 10), (&[0, 1], 6, 1, 3)]);
    let before = served.recommend(&query(&[0]));
    served.recommend(&Query { excluded: vec![4, 2], ..query(&[0, 1]) });
    assert_eq!(served.recommend(&query(&[0])), before);
}

/// What the rules say when each of them is looked at: the songs with their scores, in order.
fn brute_force(tables: &Tables, damping: &[SeedScoring], query: &Query) -> Vec<(SongId, f64, Source)> {
    let scoring = model::Scoring {
        weight_scale: 1.0 / 255.0,
        many_weight_scale: 1.0,
        artist_weight_scale: 1.0 / 100.0,
        by_seeds: damping.to_vec(),
    };
    let mut seeds = query.seeds.clone();
    seeds.sort_unstable();
    seeds.dedup();
    let name = |song: SongId| (tables.songs.get(song).artist, tables.songs.get(song).title);
    let artist = |song: SongId| tables.songs.get(song).artist;
    let artist_id = |song: SongId| {
        tables.artists.iter().find(|(_, artist)| artist.songs.contains(&song)).map(|(id, _)| id)
    };
    let artists: Vec<u32> = seeds.iter().filter_map(|&seed| artist_id(seed)).collect();
    let exponent = scoring.at(seeds.len()).damping;
    let support_count = |song: SongId| tables.songs.get(song).support_count;

    let mut ranked: Vec<(SongId, f64, Source)> = Vec::new();
    for (rules, held, scale, source) in [
        (&tables.rules, &seeds, scoring.weight_scale, Source::Rules),
        (&tables.artist_rules, &artists, scoring.artist_weight_scale, Source::Artist),
    ] {
        let mut sums: HashMap<SongId, u64> = HashMap::new();
        for rule in rules.iter() {
            if rule.antecedent.iter().all(|id| held.contains(id)) {
                *sums.entry(rule.consequent).or_default() += u64::from(rule.weight);
            }
        }
        let mut scored: Vec<(SongId, f64, Source)> = sums
            .into_iter()
            .map(|(song, sum)| {
                let damping = f64::from(support_count(song)).powf(exponent);
                (song, scale * sum as f64 / damping, source)
            })
            .collect();
        scored.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        ranked.extend(scored);
    }
    ranked.extend(
        tables
            .songs
            .iter()
            .map(|(id, song)| (id, f64::from(song.support_count) / f64::from(PLAYLISTS), Source::Popularity)),
    );

    let mut answer: Vec<(SongId, f64, Source)> = Vec::new();
    for (song, score, source) in ranked {
        let cap = query.max_songs_per_artist.map_or(usize::MAX, NonZeroUsize::get);
        let of_artist = answer.iter().filter(|other| artist(other.0) == artist(song)).count();
        let is_taken = (seeds.iter().chain(&query.excluded))
            .chain(answer.iter().map(|(other, ..)| other))
            .any(|&other| name(other) == name(song));
        if answer.len() < query.limit && !is_taken && (artist(song).is_empty() || of_artist < cap) {
            answer.push((song, score, source));
        }
    }
    answer
}

const SONGS: u32 = 14;

/// Songs of a few titles and artists, so that some have the same; the last artist is none.
fn any_tables() -> impl Strategy<Value = Tables> {
    let song = (0..8_u32, 0..4_u32, 1..6_u32);
    let rule = (prop::collection::btree_set(0..SONGS, 1..5), 0..SONGS, 0..4_u16);
    let artist_rule = (0..3_u32, 0..SONGS, 0..4_u16);
    (
        prop::collection::vec(song, SONGS as usize),
        prop::collection::btree_map(rule.clone().prop_map(|rule| (rule.0, rule.1)), 0..4_u16, 0..60),
        prop::collection::btree_map(artist_rule.prop_map(|rule| (rule.0, rule.1)), 0..4_u16, 0..20),
    )
        .prop_map(|(mut rows, rules, artist_rules)| {
            rows.sort_by_key(|row| std::cmp::Reverse(row.2));
            let artists = ["a", "b", "c", ""];
            let titles: Vec<String> = rows.iter().map(|row| format!("t{}", row.0)).collect();
            let songs: Vec<_> = (rows.iter().zip(&titles))
                .map(|(row, title)| (title.as_str(), artists[row.1 as usize], &[][..], row.2))
                .collect();
            let rules: Vec<(Vec<u32>, SongId, u16)> = rules
                .into_iter()
                .map(|((antecedent, consequent), weight)| {
                    (antecedent.into_iter().collect(), consequent, weight)
                })
                .collect();
            let rules: Vec<RuleRow<'_>> = rules.iter().map(|rule| (&rule.0[..], rule.1, 1, rule.2)).collect();
            let artist_rules: Vec<_> = artist_rules
                .into_iter()
                .map(|((artist, song), weight)| (artists[artist as usize], song, 1, weight))
                .filter(|rule| songs.iter().any(|song| song.1 == rule.0))
                .collect();
            tables(&songs, &rules, &artist_rules)
        })
}

proptest! {
    #[test]
    fn an_answer_is_what_looking_at_every_rule_gives(
        tables in any_tables(),
        seeds in prop::collection::vec(0..SONGS, 0..8),
        excluded in prop::collection::vec(0..SONGS, 0..3),
        limit in 0..16_usize,
        cap in 0..4_usize,
        exponents in (0.0..1.0_f64, 0.0..1.0_f64),
    ) {
        let damping = [damped(1, exponents.0), damped(5, exponents.1)];
        let mut model = model(tables.clone());
        model.manifest.metadata.scoring = model::Scoring {
            weight_scale: 1.0 / 255.0,
            many_weight_scale: 1.0,
            artist_weight_scale: 1.0 / 100.0,
            by_seeds: damping.to_vec(),
        };
        let query = Query {
            seeds,
            excluded,
            limit,
            max_songs_per_artist: NonZeroUsize::new(cap),
            max_rules_per_song: 3,
        };
        let answer = ServedModel::build(model).recommend(&query);
        let ranked: Vec<(SongId, f64, Source)> = answer
            .iter()
            .map(|recommendation| (recommendation.song, recommendation.score, recommendation.source))
            .collect();
        prop_assert_eq!(ranked, brute_force(&tables, &damping, &query));
        for recommendation in answer.iter().filter(|r| r.source != Source::Popularity) {
            prop_assert!(!recommendation.rules.is_empty());
            for rule in &recommendation.rules {
                if let Antecedent::Songs(antecedent) = &rule.antecedent {
                    prop_assert!(antecedent.iter().all(|song| query.seeds.contains(song)));
                }
            }
        }
    }
}
