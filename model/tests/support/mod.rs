//! Small models and volumes for the tests.
#![allow(dead_code, reason = "no test file uses all of it")]

use chrono::{TimeZone as _, Utc};
use model::{
    Artists, Counts, Dataset, Metadata, Parameters, Rule, Rules, Scoring, SeedScoring, Songs, Stage, Tables,
    TrainerBuild,
};

/// Three songs, two artists, four rules and one artist rule of ten playlists.
pub(crate) fn tables() -> Tables {
    let mut songs = Songs::default();
    songs.push("HUMBLE.", "Kendrick Lamar", ["sample:track:a", "sample:track:b"], 8).unwrap();
    songs.push("Águas de Março", "", [], 5).unwrap();
    songs.push("\"1985\", live", "Bowling for Soup", ["sample:track:c"], 3).unwrap();
    let mut artists = Artists::default();
    artists.push("Kendrick Lamar", 8, &[0]).unwrap();
    artists.push("Bowling for Soup", 3, &[2]).unwrap();
    let mut rules = Rules::default();
    for (antecedent, antecedent_count, consequent, support_count, weight, many_weight) in [
        (&[0][..], 8, 1, 4, 127, 12),
        (&[0], 8, 2, 2, 63, 0),
        (&[1], 5, 0, 4, 204, 300),
        (&[0, 1], 4, 2, 2, 65_535, 65_535),
    ] {
        rules
            .push(Rule { antecedent, antecedent_count, consequent, support_count, weight, many_weight })
            .unwrap();
    }
    let mut artist_rules = Rules::default();
    artist_rules
        .push(Rule {
            antecedent: &[0],
            antecedent_count: 8,
            consequent: 1,
            support_count: 4,
            weight: 127,
            many_weight: 0,
        })
        .unwrap();
    Tables { songs, artists, rules, artist_rules }
}

/// What goes with [`tables`]; `key` tells one training from another.
pub(crate) fn metadata(key: &str) -> Metadata {
    Metadata {
        trained_at: Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap(),
        key: key.to_owned(),
        trainer: TrainerBuild { version: "0.1.0".to_owned(), revision: "abc".to_owned() },
        dataset: Dataset {
            location: "https://example.org/playlists.csv".to_owned(),
            etag: Some("\"v1\"".to_owned()),
            sha256: "00".repeat(32),
            bytes: 1_234,
            rows: 20,
            skipped_rows: 1,
            playlists: 10,
            songs: 3,
            artists: 2,
        },
        parameters: Parameters {
            item_key: "song".to_owned(),
            min_support: "20%".to_owned(),
            min_support_count: 2,
            min_confidence: "0.5".to_owned(),
            min_pair_count: 2,
            max_rules_per_song: Some(500),
            max_length: None,
            max_consequent_length: 1,
        },
        counts: Counts {
            itemsets: 6,
            itemsets_by_size: vec![3, 2, 1],
            itemset_rules: 1,
            one_song_rules: 3,
            artist_rules: 1,
            rules: 4,
            ..Counts::default()
        },
        scoring: Scoring {
            weight_scale: 1.0 / 255.0,
            many_weight_scale: 1.0 / 1024.0,
            artist_weight_scale: 1.0 / 255.0,
            by_seeds: vec![
                SeedScoring { seeds: 1, many_share: 0.0, damping: 0.0, artist_share: 0.25 },
                SeedScoring { seeds: 25, many_share: 0.75, damping: 0.5, artist_share: 0.5 },
            ],
        },
        learning: None,
        evaluation: None,
        refusal: None,
        stages: vec![Stage { stage: "mine".to_owned(), seconds: 0.5, ..Stage::default() }],
    }
}

/// Random numbers: SplitMix64 (Steele, Lea and Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    /// Begins with `FAULT_SEED`, or anywhere; says where, so that what failed can be repeated.
    pub(crate) fn seeded() -> Self {
        let seed = match std::env::var("FAULT_SEED") {
            Ok(seed) => seed.parse().expect("FAULT_SEED is a number"),
            Err(_) => Utc::now().timestamp_micros().cast_unsigned(),
        };
        println!("FAULT_SEED={seed}");
        Random(seed)
    }

    /// 0 to `limit` - 1.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % limit as u64) as usize
    }
}
