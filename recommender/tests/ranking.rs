//! What is recommended, in which order, and why.

#![cfg(test)]

mod support;

use std::num::NonZeroUsize;

use model::{RuleCounts, SeedScoring, SongId};
use recommender::{Antecedent, FiredRule, Query, Recommendation, ServedModel, Source};
use support::{PLAYLISTS, RuleRow, SongRow, model, tables, with_many_weights};

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

/// Songs of which 4 and 5 have rules from 0: of a weight for a single seed the one, for many seeds the other.
fn served_for_few_or_many(by_seeds: Vec<SeedScoring>) -> ServedModel {
    let songs: [SongRow<'_>; 6] = ["a", "b", "c", "d", "e", "f"].map(|title| (title, "", &[][..], 9));
    let mut tables = tables(&songs, &[(&[0], 4, 1, 8), (&[0], 5, 1, 0)], &[]);
    tables.rules = with_many_weights(&tables.rules, &[0, 24]);
    let mut model = model(tables);
    model.manifest.metadata.scoring.weight_scale = 0.5;
    model.manifest.metadata.scoring.many_weight_scale = 0.25;
    model.manifest.metadata.scoring.by_seeds = by_seeds;
    ServedModel::build(model)
}

#[test]
fn the_more_seeds_the_more_the_weights_for_many_seeds_count() {
    let share = |seeds, many_share| SeedScoring { many_share, ..damped(seeds, 0.0) };
    let served = served_for_few_or_many(vec![share(1, 0.0), share(4, 1.0)]);
    let ranked = |seeds: &[SongId]| {
        let answer = served.recommend(&query(seeds));
        let from_rules = answer.iter().filter(|recommendation| recommendation.source == Source::Rules);
        from_rules.map(|recommendation| (recommendation.song, recommendation.score)).collect::<Vec<_>>()
    };
    assert_eq!(ranked(&[0]), [(4, 4.0), (5, 0.0)]);
    assert_eq!(ranked(&[0, 1]), [(5, 3.0), (4, 2.0)]);
    assert_eq!(ranked(&[0, 1, 2, 3]), [(5, 6.0), (4, 0.0)]);
}

#[test]
fn the_number_of_seeds_is_that_of_different_known_ones() {
    let share = |seeds, many_share| SeedScoring { many_share, ..damped(seeds, 0.0) };
    let served = served_for_few_or_many(vec![share(1, 0.0), share(4, 1.0)]);
    assert_eq!(served.recommend(&query(&[0, 0, 0, 99])), served.recommend(&query(&[0])));
}

/// `S` is a seed of the artist One, as is `T`; the artist's rules speak for songs that `S` speaks for and for another.
fn served_with_artists(artist_share: f64) -> ServedModel {
    let rows = [
        ("A", "", &[][..], 9),
        ("B", "", &[], 9),
        ("C", "", &[], 9),
        ("S", "One", &[], 9),
        ("T", "One", &[], 9),
    ];
    let rules = [(&[3][..], 0, 2, 5), (&[3], 1, 1, 4)];
    let artist_rules = [("One", 1, 3, 6), ("One", 2, 2, 255)];
    let mut model = model(tables(&rows, &rules, &artist_rules));
    model.manifest.metadata.scoring.artist_weight_scale = 0.5;
    model.manifest.metadata.scoring.by_seeds = vec![SeedScoring { artist_share, ..damped(1, 0.0) }];
    ServedModel::build(model)
}

#[test]
fn artists_of_seeds_add_to_what_seeds_say_once_for_each_seed() {
    let ranked = |served: &ServedModel, seeds: &[SongId]| {
        let answer = served.recommend(&Query { limit: 3, ..query(seeds) });
        answer.iter().map(|it| (it.song, it.score, it.source)).collect::<Vec<_>>()
    };
    let mixed = served_with_artists(0.5);
    assert_eq!(
        ranked(&mixed, &[3]),
        [(1, 4.0 + 0.5 * 3.0, Source::Rules), (0, 5.0, Source::Rules), (2, 127.5, Source::Artist)]
    );
    assert_eq!(ranked(&mixed, &[3, 4])[0], (1, 4.0 + 0.5 * 2.0 * 3.0, Source::Rules));
    let unmixed = served_with_artists(0.0);
    assert_eq!(
        ranked(&unmixed, &[3, 4]),
        [(0, 5.0, Source::Rules), (1, 4.0, Source::Rules), (2, 255.0, Source::Artist)]
    );
}

#[test]
fn an_artist_is_among_the_reasons_where_it_adds_to_the_score() {
    let reasons = |artist_share: f64, seeds: &[SongId], song: SongId| {
        let answer = served_with_artists(artist_share).recommend(&query(seeds));
        let recommendation = answer.into_iter().find(|recommendation| recommendation.song == song).unwrap();
        recommendation.rules.into_iter().map(|rule| rule.antecedent).collect::<Vec<_>>()
    };
    let (songs, artist) = (Antecedent::Songs(vec![3]), Antecedent::Artist(0));
    assert_eq!(reasons(1.0, &[3], 1), [songs.clone(), artist.clone()]);
    assert_eq!(reasons(1.0, &[3, 4], 1), [artist.clone(), songs.clone()]);
    assert_eq!(reasons(0.0, &[3, 4], 1), [songs]);
    assert_eq!(reasons(0.0, &[3, 4], 2), [artist]);
}

#[test]
fn reasons_are_ordered_by_what_they_add_for_this_number_of_seeds() {
    let songs: [SongRow<'_>; 4] = ["a", "b", "c", "d"].map(|title| (title, "", &[][..], 9));
    let mut tables = tables(&songs, &[(&[0], 3, 1, 8), (&[1], 3, 1, 7)], &[]);
    tables.rules = with_many_weights(&tables.rules, &[1, 2]);
    let mut model = model(tables);
    let strongest = |many_share: f64| {
        model.manifest.metadata.scoring.by_seeds = vec![SeedScoring { many_share, ..damped(1, 0.0) }];
        let answer = ServedModel::build(model.clone()).recommend(&query(&[0, 1]));
        answer[0].rules[0].antecedent.clone()
    };
    let strongest: Vec<Antecedent> = [0.0, 0.25, 0.75, 1.0].map(strongest).to_vec();
    let expected = [0, 0, 1, 1].map(|song| Antecedent::Songs(vec![song]));
    assert_eq!(strongest, expected);
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
    assert_eq!(answer[1].score, 2.0 * 4.0, "an artist of two seeds speaks for each");
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
