//! What the service tells of its model.

use proto::v1::{self, RefreshOutcome};

use super::MODEL_DATE;

/// `answer`, with all that can be told of a model.
pub(super) fn with_model(answer: v1::ModelInfoResponse, model_version: String) -> v1::ModelInfoResponse {
    v1::ModelInfoResponse {
        model_date: Some(MODEL_DATE),
        model_version,
        published_date: Some(MODEL_DATE),
        loaded_date: Some(MODEL_DATE),
        dataset: Some(v1::Dataset {
            location: "https://example.org/playlists.csv".to_owned(),
            etag: "\"e1\"".to_owned(),
            sha256: "ab".repeat(32),
            bytes: 12_345,
            rows: 1_000,
            skipped_rows: 2,
            playlists: 100,
            songs: 6,
            artists: 4,
        }),
        parameters: Some(v1::Parameters {
            item_key: "song".to_owned(),
            min_support: "2%".to_owned(),
            min_support_count: 2,
            min_confidence: "0.1".to_owned(),
            min_pair_count: 0,
            max_rules_per_song: 100,
            max_length: 0,
            max_consequent_length: 2,
        }),
        counts: Some(v1::Counts {
            itemsets: 11,
            itemsets_by_size: vec![6, 4, 1],
            itemset_rules: 7,
            one_song_rules: 5,
            artist_rules: 3,
            rules: 8,
            longer_rules: 9,
        }),
        evaluation: Some(v1::Evaluation {
            held_out_playlists: 20,
            figures: vec![v1::EvaluationFigures {
                seeds: 5,
                recommender: "model".to_owned(),
                r_precision: 0.2512,
                ndcg: 0.3,
                hit_rate_at_10: 0.5,
                precision_at_10: 0.1,
                clicks: 1.5,
                coverage: 0.25,
                answered: 1.0,
            }],
        }),
        last_refresh: Some(v1::Refresh {
            date: Some(MODEL_DATE),
            outcome: RefreshOutcome::Failed.into(),
            model_version: "two".to_owned(),
            reason: "`rules.parquet` is damaged".to_owned(),
        }),
        trainer_version: "0.1.0".to_owned(),
        trainer_revision: "def456".to_owned(),
        scoring: Some(v1::Scoring {
            weight_scale: 0.0001,
            many_weight_scale: 0.0002,
            artist_weight_scale: 0.0003,
            by_seeds: vec![
                v1::SeedScoring { seeds: 1, many_share: 0.0, damping: 0.0, artist_share: 0.125 },
                v1::SeedScoring { seeds: 25, many_share: 0.5, damping: 0.25, artist_share: 0.5 },
            ],
        }),
        stages: vec![
            v1::Stage {
                stage: "read".to_owned(),
                seconds: 2.0,
                rows_per_second: Some(1_234_567.4),
                peak_memory_bytes: Some(3 << 29),
            },
            v1::Stage { stage: "publish".to_owned(), seconds: 0.25, ..v1::Stage::default() },
        ],
        ..answer
    }
}
