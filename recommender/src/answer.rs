//! What the service knows, in the words of the contract.

use std::ops::RangeInclusive;

use chrono::{DateTime, Utc};
use model::SongId;
use prost_types::Timestamp;
use proto::v1;

use crate::{
    Antecedent, FiredRule, MatchKind, Recommendation, SeedMatch, ServedModel, Source,
    live_model::{InService, Moment, Refresh, RefreshOutcome},
};

/// The version of the service, which every answer carries.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The first and the last second that a timestamp may tell, which are in the years 1 and 9999. A manifest may hold others.
const SECONDS: RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

pub(crate) fn timestamp(date: DateTime<Utc>) -> Timestamp {
    Timestamp {
        seconds: date.timestamp().clamp(*SECONDS.start(), *SECONDS.end()),
        // A leap second is written as a second of more than 10⁹ nanoseconds, which the format does not allow.
        nanos: date.timestamp_subsec_nanos().min(999_999_999).cast_signed(),
    }
}

pub(crate) fn song(model: &ServedModel, id: SongId) -> v1::Song {
    let song = model.song(id);
    v1::Song {
        title: song.title.to_owned(),
        artist: song.artist.to_owned(),
        uri: song.uri.to_owned(),
        support_count: song.support_count,
    }
}

fn songs(model: &ServedModel, ids: &[SongId]) -> Vec<v1::Song> {
    ids.iter().map(|&id| song(model, id)).collect()
}

/// How `text` was understood.
pub(crate) fn seed_match(model: &ServedModel, text: &str, found: &SeedMatch) -> v1::SeedMatch {
    let kind = match found.kind {
        MatchKind::Exact => v1::Match::Exact,
        MatchKind::Normalised => v1::Match::Normalised,
        MatchKind::Fuzzy => v1::Match::Fuzzy,
        MatchKind::Uri => v1::Match::Uri,
        MatchKind::Unknown => v1::Match::Unknown,
    };
    v1::SeedMatch {
        seed: text.to_owned(),
        r#match: kind.into(),
        song: found.song.map(|id| song(model, id)),
        similarity: found.similarity,
        suggestions: songs(model, &found.suggestions),
    }
}

fn rule(model: &ServedModel, rule: &FiredRule) -> v1::Rule {
    let (antecedent, antecedent_artist) = match &rule.antecedent {
        Antecedent::Songs(ids) => (songs(model, ids), String::new()),
        Antecedent::Artist(id) => (Vec::new(), model.artist_name(*id).to_owned()),
    };
    v1::Rule {
        antecedent,
        antecedent_artist,
        support_count: rule.counts.both,
        antecedent_count: rule.counts.antecedent,
        support: rule.counts.support(),
        confidence: rule.counts.confidence(),
        lift: rule.counts.lift(),
    }
}

fn recommendation(model: &ServedModel, recommendation: &Recommendation) -> v1::Recommendation {
    let source = match recommendation.source {
        Source::Rules => v1::Source::Rules,
        Source::Artist => v1::Source::Artist,
        Source::Popularity => v1::Source::Popularity,
    };
    v1::Recommendation {
        song: Some(song(model, recommendation.song)),
        score: recommendation.score,
        source: source.into(),
        rules: recommendation.rules.iter().map(|it| rule(model, it)).collect(),
    }
}

/// The answer to [`v1::RecommendRequest`], but for the matches.
pub(crate) fn recommend(
    in_service: &InService,
    served_by: &str,
    recommendations: &[Recommendation],
) -> v1::RecommendResponse {
    let model = &in_service.model;
    v1::RecommendResponse {
        songs: recommendations.iter().map(|it| recommendation(model, it)).collect(),
        version: VERSION.to_owned(),
        model_date: Some(timestamp(model.manifest().metadata.trained_at)),
        model_version: model.version().to_string(),
        served_by: served_by.to_owned(),
        unknown_songs: Vec::new(),
        seeds: Vec::new(),
        excluded_songs: Vec::new(),
    }
}

/// The answer to [`v1::SearchSongsRequest`].
pub(crate) fn search_songs(
    in_service: &InService,
    served_by: &str,
    found: &[SongId],
    next_page_token: String,
) -> v1::SearchSongsResponse {
    let model = &in_service.model;
    v1::SearchSongsResponse {
        songs: songs(model, found),
        version: VERSION.to_owned(),
        model_date: Some(timestamp(model.manifest().metadata.trained_at)),
        model_version: model.version().to_string(),
        served_by: served_by.to_owned(),
        next_page_token,
    }
}

/// The message of a [`v1::WatchModelRequest`]'s stream.
pub(crate) fn watch_model(now: &Moment, served_by: &str) -> v1::WatchModelResponse {
    let model = now.in_service.as_ref().map(|in_service| &in_service.model);
    v1::WatchModelResponse {
        version: VERSION.to_owned(),
        model_date: model.map(|model| timestamp(model.manifest().metadata.trained_at)),
        model_version: model.map(|model| model.version().to_string()).unwrap_or_default(),
        served_by: served_by.to_owned(),
        last_refresh: now.last_refresh.as_ref().map(refresh),
    }
}

/// The answer to [`v1::ModelInfoRequest`].
pub(crate) fn model_info(now: &Moment, served_by: &str) -> v1::ModelInfoResponse {
    let service = v1::ModelInfoResponse {
        version: VERSION.to_owned(),
        served_by: served_by.to_owned(),
        service_revision: model::REVISION.to_owned(),
        last_refresh: now.last_refresh.as_ref().map(refresh),
        ..Default::default()
    };
    let Some(in_service) = &now.in_service else {
        return service;
    };
    let manifest = in_service.model.manifest();
    let metadata = &manifest.metadata;
    v1::ModelInfoResponse {
        model_date: Some(timestamp(metadata.trained_at)),
        model_version: in_service.model.version().to_string(),
        published_date: Some(timestamp(manifest.published_at)),
        loaded_date: Some(timestamp(in_service.loaded_at)),
        dataset: Some(dataset(&metadata.dataset)),
        parameters: Some(parameters(&metadata.parameters)),
        counts: Some(counts(&metadata.counts)),
        evaluation: metadata.evaluation.as_ref().map(evaluation),
        trainer_version: metadata.trainer.version.clone(),
        trainer_revision: metadata.trainer.revision.clone(),
        scoring: Some(scoring(&metadata.scoring)),
        stages: metadata.stages.iter().map(stage).collect(),
        ..service
    }
}

fn refresh(refresh: &Refresh) -> v1::Refresh {
    let (outcome, reason) = match &refresh.outcome {
        RefreshOutcome::Unchanged => (v1::RefreshOutcome::Unchanged, ""),
        RefreshOutcome::Swapped => (v1::RefreshOutcome::Swapped, ""),
        RefreshOutcome::NothingPublished => (v1::RefreshOutcome::NothingPublished, ""),
        RefreshOutcome::Failed(reason) => (v1::RefreshOutcome::Failed, reason.as_str()),
    };
    v1::Refresh {
        date: Some(timestamp(refresh.date)),
        outcome: outcome.into(),
        model_version: refresh.version.as_ref().map(ToString::to_string).unwrap_or_default(),
        reason: reason.to_owned(),
    }
}

fn dataset(dataset: &model::Dataset) -> v1::Dataset {
    v1::Dataset {
        location: dataset.location.clone(),
        etag: dataset.etag.clone().unwrap_or_default(),
        sha256: dataset.sha256.clone(),
        bytes: dataset.bytes,
        rows: dataset.rows,
        skipped_rows: dataset.skipped_rows,
        playlists: dataset.playlists,
        songs: dataset.songs,
        artists: dataset.artists,
    }
}

fn parameters(parameters: &model::Parameters) -> v1::Parameters {
    v1::Parameters {
        item_key: parameters.item_key.clone(),
        min_support: parameters.min_support.clone(),
        min_support_count: parameters.min_support_count,
        min_confidence: parameters.min_confidence.clone(),
        min_pair_count: parameters.min_pair_count,
        max_rules_per_song: parameters.max_rules_per_song.unwrap_or(0),
        max_length: parameters.max_length.unwrap_or(0),
        max_consequent_length: parameters.max_consequent_length,
    }
}

fn counts(counts: &model::Counts) -> v1::Counts {
    v1::Counts {
        itemsets: counts.itemsets,
        itemsets_by_size: counts.itemsets_by_size.clone(),
        itemset_rules: counts.itemset_rules,
        one_song_rules: counts.one_song_rules,
        artist_rules: counts.artist_rules,
        rules: counts.rules,
        longer_rules: counts.longer_rules,
    }
}

fn scoring(scoring: &model::Scoring) -> v1::Scoring {
    let by_seeds = scoring.by_seeds.iter().map(|entry| v1::SeedScoring {
        seeds: entry.seeds,
        many_share: entry.many_share,
        damping: entry.damping,
        artist_share: entry.artist_share,
    });
    v1::Scoring {
        weight_scale: scoring.weight_scale,
        many_weight_scale: scoring.many_weight_scale,
        artist_weight_scale: scoring.artist_weight_scale,
        by_seeds: by_seeds.collect(),
    }
}

fn stage(stage: &model::Stage) -> v1::Stage {
    v1::Stage {
        stage: stage.stage.clone(),
        seconds: stage.seconds,
        rows_per_second: stage.rows_per_second,
        peak_memory_bytes: stage.peak_memory_bytes,
    }
}

fn evaluation(evaluation: &model::Evaluation) -> v1::Evaluation {
    let figures = evaluation.figures.iter().map(|figures| v1::EvaluationFigures {
        seeds: figures.seeds,
        recommender: figures.recommender.clone(),
        r_precision: figures.r_precision,
        ndcg: figures.ndcg,
        hit_rate_at_10: figures.hit_rate_at_10,
        precision_at_10: figures.precision_at_10,
        clicks: figures.clicks,
        coverage: figures.coverage,
        answered: figures.answered,
    });
    v1::Evaluation { held_out_playlists: evaluation.held_out_playlists, figures: figures.collect() }
}
