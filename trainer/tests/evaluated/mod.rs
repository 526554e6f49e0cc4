//! Made-up evaluations, and manifests that tell of them.
#![allow(dead_code, reason = "no test file uses all of it")]

use chrono::{TimeZone as _, Utc};
use model::{
    Counts, Dataset, Evaluation, EvaluationFigures, Metadata, Parameters, RPrecisions, Scoring, SeedScoring,
    TrainerBuild,
};

/// The figures of one recommender whose R-precisions are given; the others follow somehow.
pub(crate) fn figures(recommender: &str, seeds: u32, r_precisions: RPrecisions) -> EvaluationFigures {
    let r_precision = r_precisions.iter().flatten().sum::<f64>() / r_precisions.playlists().max(1) as f64;
    EvaluationFigures {
        seeds,
        recommender: recommender.to_owned(),
        r_precision,
        ndcg: r_precision * 1.75,
        hit_rate_at_10: (r_precision * 4.0).min(1.0),
        precision_at_10: r_precision * 1.25,
        clicks: 1.0 / r_precision.max(0.02),
        coverage: r_precision / 4.0,
        answered: if recommender == EvaluationFigures::MODEL { 1.0 } else { 0.0 },
        r_precisions,
    }
}

/// An evaluation on so many playlists with 1, 5 and 25 seeds; the values are given by number of seeds and playlist, those of the model and
/// of popularity.
pub(crate) fn evaluation(playlists: u32, values: impl Fn(u32, u32) -> [Option<f64>; 2]) -> Evaluation {
    let recommenders = [EvaluationFigures::MODEL, EvaluationFigures::POPULARITY];
    let figures = [1, 5, 25].into_iter().flat_map(|seeds| {
        let values = &values;
        (0..).zip(recommenders).map(move |(position, recommender)| {
            let r_precisions = (0..playlists).map(|playlist| values(seeds, playlist)[position]).collect();
            figures(recommender, seeds, r_precisions)
        })
    });
    Evaluation {
        held_out_playlists: playlists,
        validation_playlists: playlists,
        hold_out: "5eed".to_owned(),
        figures: figures.collect(),
    }
}

pub(crate) fn metadata(evaluation: Option<Evaluation>) -> Metadata {
    Metadata {
        trained_at: Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap(),
        key: "key".to_owned(),
        trainer: TrainerBuild { version: "0.1.0".to_owned(), revision: "abc".to_owned() },
        dataset: Dataset {
            location: "https://example.org/playlists.csv".to_owned(),
            etag: None,
            sha256: "00".repeat(32),
            bytes: 12_345_678,
            rows: 206_004,
            skipped_rows: 1,
            playlists: 2_729,
            songs: 5_600,
            artists: 1_234,
        },
        parameters: Parameters {
            item_key: "song".to_owned(),
            min_support: "0.05".to_owned(),
            min_support_count: 137,
            min_confidence: "0.5".to_owned(),
            min_pair_count: 2,
            max_rules_per_song: Some(500),
            max_length: None,
            max_consequent_length: 1,
        },
        counts: Counts::default(),
        scoring: Scoring {
            weight_scale: 1.0,
            artist_weight_scale: 1.0,
            many_weight_scale: 1.0,
            by_seeds: vec![SeedScoring { seeds: 1, many_share: 0.0, damping: 0.0, artist_share: 0.0 }],
        },
        learning: None,
        evaluation,
        refusal: None,
        stages: vec![],
    }
}
