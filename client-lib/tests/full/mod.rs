// Answers in which every field has a value of its own.

use proto::v1;

fn timestamp(seconds: i64) -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds, nanos: 0 })
}

fn trained() -> Option<prost_types::Timestamp> {
    Some(prost_types::Timestamp { seconds: 1_735_769_862, nanos: 663_201_000 })
}

fn song(title: &str) -> v1::Song {
    v1::Song {
        title: title.to_owned(),
        artist: format!("artist of {title}"),
        uri: format!("uri of {title}"),
        support_count: title.len() as u32,
    }
}

fn recommendation(title: &str, source: v1::Source) -> v1::Recommendation {
    v1::Recommendation {
        song: Some(song(title)),
        score: 7.5,
        source: source.into(),
        rules: vec![v1::Rule {
            antecedent: vec![song("antecedent")],
            antecedent_artist: "antecedent artist".to_owned(),
            support_count: 11,
            antecedent_count: 12,
            support: 0.125,
            confidence: 0.25,
            lift: 1.5,
        }],
    }
}

pub(crate) fn recommend() -> v1::RecommendResponse {
    v1::RecommendResponse {
        songs: vec![
            recommendation("best", v1::Source::Rules),
            recommendation("second", v1::Source::Artist),
            recommendation("third", v1::Source::Popularity),
        ],
        version: "1.2.3".to_owned(),
        model_date: trained(),
        model_version: "the model".to_owned(),
        served_by: "the replica".to_owned(),
        unknown_songs: vec!["u1".to_owned(), "u2".to_owned()],
        seeds: vec![v1::SeedMatch {
            seed: "sede".to_owned(),
            r#match: v1::Match::Fuzzy.into(),
            song: Some(song("seed")),
            similarity: 0.75,
            suggestions: vec![song("suggestion")],
        }],
        excluded_songs: vec![v1::SeedMatch {
            seed: "u1".to_owned(),
            r#match: v1::Match::Unknown.into(),
            ..Default::default()
        }],
    }
}

pub(crate) fn search_songs() -> v1::SearchSongsResponse {
    v1::SearchSongsResponse {
        songs: vec![song("found")],
        version: "1.2.3".to_owned(),
        model_date: trained(),
        model_version: "the model".to_owned(),
        served_by: "the replica".to_owned(),
        next_page_token: "the next".to_owned(),
    }
}

pub(crate) fn model_info() -> v1::ModelInfoResponse {
    v1::ModelInfoResponse {
        version: "1.2.3".to_owned(),
        model_date: trained(),
        model_version: "the model".to_owned(),
        served_by: "the replica".to_owned(),
        published_date: timestamp(2),
        loaded_date: timestamp(3),
        dataset: Some(v1::Dataset {
            location: "location".to_owned(),
            etag: "etag".to_owned(),
            sha256: "digest".to_owned(),
            bytes: u64::MAX,
            rows: 21,
            skipped_rows: 22,
            playlists: 23,
            songs: 24,
            artists: 25,
        }),
        parameters: Some(v1::Parameters {
            item_key: "song".to_owned(),
            min_support: "2%".to_owned(),
            min_support_count: 31,
            min_confidence: "0.5".to_owned(),
            min_pair_count: 32,
            max_rules_per_song: 33,
            max_length: 34,
            max_consequent_length: 35,
        }),
        counts: Some(v1::Counts {
            itemsets: 41,
            itemsets_by_size: vec![42, 43],
            itemset_rules: 44,
            one_song_rules: 45,
            artist_rules: 46,
            rules: 47,
            longer_rules: 48,
        }),
        evaluation: Some(v1::Evaluation {
            held_out_playlists: 51,
            figures: vec![v1::EvaluationFigures {
                seeds: 52,
                recommender: "model".to_owned(),
                r_precision: 0.1,
                ndcg: 0.2,
                hit_rate_at_10: 0.3,
                precision_at_10: 0.4,
                clicks: 0.5,
                coverage: 0.6,
                answered: 0.7,
            }],
        }),
        last_refresh: Some(v1::Refresh {
            date: timestamp(61),
            outcome: v1::RefreshOutcome::Failed.into(),
            model_version: "the other model".to_owned(),
            reason: "the reason".to_owned(),
        }),
        trainer_version: "4.5.6".to_owned(),
        trainer_revision: "trainer revision".to_owned(),
        service_revision: "service revision".to_owned(),
        scoring: Some(v1::Scoring {
            weight_scale: 0.11,
            many_weight_scale: 0.12,
            artist_weight_scale: 0.13,
            by_seeds: vec![v1::SeedScoring {
                seeds: 71,
                many_share: 0.14,
                damping: 0.15,
                artist_share: 0.16,
            }],
        }),
        stages: vec![
            v1::Stage {
                stage: "mine".to_owned(),
                seconds: 0.17,
                rows_per_second: Some(0.18),
                peak_memory_bytes: Some(u64::MAX),
            },
            v1::Stage { stage: "publish".to_owned(), seconds: 0.19, ..v1::Stage::default() },
        ],
    }
}
