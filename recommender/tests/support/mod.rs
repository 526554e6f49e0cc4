//! Small models for the tests.
#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a mistake in a test's model fails the test")]

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use model::{
    Artists, Counts, Dataset, FORMAT, Manifest, Metadata, Model, Parameters, Rule, Rules, Scoring,
    SeedScoring, SongId, Tables, TrainerBuild,
};

/// The playlists that small models are said to be trained from.
pub(crate) const PLAYLISTS: u32 = 1_000;

/// A song to be: title, artist, URIs, support count.
pub(crate) type SongRow<'a> = (&'a str, &'a str, &'a [&'a str], u32);

/// A rule to be: antecedent, consequent, support count, weight.
pub(crate) type RuleRow<'a> = (&'a [u32], SongId, u32, u16);

/// Makes tables. Songs come by falling support count; rules in any order. A one-song antecedent has its song's support count,
/// a longer one as much as its strongest rule. Artists and their counts follow from the songs.
pub(crate) fn tables(
    songs: &[SongRow<'_>],
    rules: &[RuleRow<'_>],
    artist_rules: &[(&str, SongId, u32, u16)],
) -> Tables {
    let mut tables = Tables::default();
    let mut songs_by_artist: BTreeMap<&str, Vec<SongId>> = BTreeMap::new();
    for &(title, artist, uris, support_count) in songs {
        let uris = uris.iter().copied();
        let id = tables.songs.push(title, artist, uris, support_count).unwrap();
        if !artist.is_empty() {
            songs_by_artist.entry(artist).or_default().push(id);
        }
    }
    let artist_count = |of: &[SongId]| {
        let sum: u32 = of.iter().map(|&song| songs[song as usize].3).sum();
        sum.min(PLAYLISTS)
    };
    let mut artists: Vec<(&str, Vec<SongId>)> = songs_by_artist.into_iter().collect();
    artists.sort_by_key(|(_, songs)| std::cmp::Reverse(artist_count(songs)));
    tables.artists = Artists::default();
    for (name, songs) in &artists {
        tables.artists.push(name, artist_count(songs), songs).unwrap();
    }
    tables.rules = sorted_rules(rules.to_vec(), |antecedent| match antecedent {
        &[song] => songs[song as usize].3,
        _ => rules.iter().filter(|rule| rule.0 == antecedent).map(|rule| rule.2).max().unwrap(),
    });
    let artist_id = |name: &str| artists.iter().position(|artist| artist.0 == name).unwrap() as u32;
    let antecedents: Vec<[u32; 1]> = artist_rules.iter().map(|rule| [artist_id(rule.0)]).collect();
    let artist_rules = artist_rules.iter().zip(&antecedents);
    tables.artist_rules = sorted_rules(
        artist_rules.map(|(rule, antecedent)| (&antecedent[..], rule.1, rule.2, rule.3)).collect(),
        |artist| artist_count(&artists[artist[0] as usize].1),
    );
    tables
}

fn sorted_rules(mut rows: Vec<RuleRow<'_>>, antecedent_count: impl Fn(&[u32]) -> u32) -> Rules {
    rows.sort_by_key(|&(antecedent, consequent, ..)| (antecedent.len(), antecedent.to_vec(), consequent));
    let mut rules = Rules::default();
    for (antecedent, consequent, support_count, weight) in rows {
        rules
            .push(Rule {
                antecedent,
                antecedent_count: antecedent_count(antecedent),
                consequent,
                support_count,
                weight,
                many_weight: 0,
            })
            .unwrap();
    }
    rules
}

/// The same rules with weights for many seeds, in the table's order.
pub(crate) fn with_many_weights(rules: &Rules, many_weights: &[u16]) -> Rules {
    assert_eq!(rules.len(), many_weights.len());
    let mut weighed = Rules::default();
    for (rule, &many_weight) in rules.iter().zip(many_weights) {
        weighed.push(Rule { many_weight, ..rule }).unwrap();
    }
    weighed
}

/// What a training would say of these tables. Scores are sums of weights, not damped.
pub(crate) fn metadata(tables: &Tables) -> Metadata {
    Metadata {
        trained_at: date("2026-01-02T03:04:05Z"),
        key: "0".repeat(64),
        trainer: TrainerBuild { version: "0.1.0".to_owned(), revision: "unknown".to_owned() },
        dataset: Dataset {
            location: "playlists.csv".to_owned(),
            etag: None,
            sha256: "0".repeat(64),
            bytes: 1,
            rows: 1,
            skipped_rows: 0,
            playlists: PLAYLISTS,
            songs: tables.songs.len() as u32,
            artists: tables.artists.len() as u32,
        },
        parameters: Parameters {
            item_key: "song".to_owned(),
            min_support: "1".to_owned(),
            min_support_count: 1,
            min_confidence: "0".to_owned(),
            min_pair_count: 1,
            max_rules_per_song: None,
            max_length: None,
            max_consequent_length: 1,
        },
        counts: Counts {
            rules: tables.rules.len() as u64,
            artist_rules: tables.artist_rules.len() as u64,
            ..Counts::default()
        },
        scoring: Scoring {
            weight_scale: 1.0,
            artist_weight_scale: 1.0,
            many_weight_scale: 1.0,
            by_seeds: vec![SeedScoring { seeds: 1, many_share: 0.0, damping: 0.0, artist_share: 0.0 }],
        },
        learning: None,
        evaluation: None,
        refusal: None,
        stages: Vec::new(),
    }
}

/// A model of these tables, as if it had been read from a volume.
pub(crate) fn model(tables: Tables) -> Model {
    Model {
        version: "20260102T030405Z-0123456789abcdef".parse().unwrap(),
        manifest: Manifest {
            format: FORMAT,
            published_at: date("2026-01-02T03:04:06Z"),
            metadata: metadata(&tables),
            files: BTreeMap::new(),
        },
        tables,
    }
}

fn date(rfc3339: &str) -> DateTime<Utc> {
    rfc3339.parse().unwrap()
}
