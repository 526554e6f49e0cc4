//! The answers about the model in service.

use chrono::{DateTime, Utc};
use proto::v1;

use crate::{date::date, names::RefreshOutcome};

/// The model in service.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct ModelInfoResponse {
    /// The version of the service.
    pub version: String,
    /// When the model was trained.
    pub model_date: Option<DateTime<Utc>>,
    /// The name of the model version, as it stands in the volume's CURRENT.
    pub model_version: String,
    /// The name of the replica that answered.
    pub served_by: String,
    /// When the model version was published on the volume.
    pub published_date: Option<DateTime<Utc>>,
    /// When this replica brought the model into service.
    pub loaded_date: Option<DateTime<Utc>>,
    /// What the model was trained from.
    pub dataset: Option<Dataset>,
    /// How the model was trained.
    pub parameters: Option<Parameters>,
    /// What training found.
    pub counts: Option<Counts>,
    /// How good the model is; not set when it was not evaluated.
    pub evaluation: Option<Evaluation>,
    /// How the last look for another version ended.
    pub last_refresh: Option<Refresh>,
    /// The version of the trainer that made the model.
    pub trainer_version: String,
    /// The source revision of the trainer that made the model.
    pub trainer_revision: String,
    /// The source revision of the service.
    pub service_revision: String,
    /// How scores follow from rules; not set by a service that does not tell.
    pub scoring: Option<Scoring>,
    /// What the training did, in order.
    pub stages: Vec<Stage>,
}

impl ModelInfoResponse {
    pub(crate) fn from_wire(wire: v1::ModelInfoResponse) -> Self {
        Self {
            version: wire.version,
            model_date: date(wire.model_date),
            model_version: wire.model_version,
            served_by: wire.served_by,
            published_date: date(wire.published_date),
            loaded_date: date(wire.loaded_date),
            dataset: wire.dataset.map(Dataset::from_wire),
            parameters: wire.parameters.map(Parameters::from_wire),
            counts: wire.counts.map(Counts::from_wire),
            evaluation: wire.evaluation.map(Evaluation::from_wire),
            last_refresh: wire.last_refresh.map(Refresh::from_wire),
            trainer_version: wire.trainer_version,
            trainer_revision: wire.trainer_revision,
            service_revision: wire.service_revision,
            scoring: wire.scoring.map(Scoring::from_wire),
            stages: wire.stages.into_iter().map(Stage::from_wire).collect(),
        }
    }
}

/// A dataset of playlists.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Dataset {
    /// The URL or path, without user info and query.
    pub location: String,
    /// The server's ETag; empty when there was none.
    pub etag: String,
    /// The SHA-256 of its bytes as they were read, before decompression, in hexadecimal.
    pub sha256: String,
    /// The number of those bytes.
    pub bytes: u64,
    /// The number of rows, without the header.
    pub rows: u64,
    /// The number of rows that were left out because they could not be read or name no song.
    pub skipped_rows: u64,
    /// The number of playlists with at least one song.
    pub playlists: u32,
    /// The number of different songs.
    pub songs: u32,
    /// The number of different artists.
    pub artists: u32,
}

impl Dataset {
    pub(crate) fn from_wire(wire: v1::Dataset) -> Self {
        Self {
            location: wire.location,
            etag: wire.etag,
            sha256: wire.sha256,
            bytes: wire.bytes,
            rows: wire.rows,
            skipped_rows: wire.skipped_rows,
            playlists: wire.playlists,
            songs: wire.songs,
            artists: wire.artists,
        }
    }
}

/// The parameters of a training.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Parameters {
    /// What makes two rows the same song: `song` (artist and title), `title` or `uri`.
    pub item_key: String,
    /// The playlists in which an itemset must occur, as it was asked for: a count (`26`) or a share (`0.02`,
    /// `2%`).
    pub min_support: String,
    /// The same as a number of playlists.
    pub min_support_count: u32,
    /// The least confidence of an itemset rule, as it was asked for, 0 to 1.
    pub min_confidence: String,
    /// The playlists in which two songs must meet for a one-song rule; 0 when there are no such rules.
    pub min_pair_count: u32,
    /// The most one-song rules that were kept for an antecedent; 0 when there was no limit.
    pub max_rules_per_song: u32,
    /// The most songs in an itemset; 0 when there was no limit.
    pub max_length: u32,
    /// The most songs in the consequent of a rule from itemsets; 0 when the service does not tell. Rules with more than
    /// one are for who reads the model; answers come from those with one.
    pub max_consequent_length: u32,
}

impl Parameters {
    pub(crate) fn from_wire(wire: v1::Parameters) -> Self {
        Self {
            item_key: wire.item_key,
            min_support: wire.min_support,
            min_support_count: wire.min_support_count,
            min_confidence: wire.min_confidence,
            min_pair_count: wire.min_pair_count,
            max_rules_per_song: wire.max_rules_per_song,
            max_length: wire.max_length,
            max_consequent_length: wire.max_consequent_length,
        }
    }
}

/// What training found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Counts {
    /// The number of frequent itemsets.
    pub itemsets: u64,
    /// The number of frequent itemsets of one song, of two songs, and so on.
    pub itemsets_by_size: Vec<u64>,
    /// The rules derived from frequent itemsets.
    pub itemset_rules: u64,
    /// The rules from one song to another, from pairs of songs that met often enough; some of them are
    /// itemset rules too.
    pub one_song_rules: u64,
    /// The rules from an artist to a song.
    pub artist_rules: u64,
    /// The different rules with songs as antecedent: what `rules.parquet` holds.
    pub rules: u64,
    /// The rules with more than one song as consequent: what `longer_rules.parquet` holds. No answer comes from
    /// them.
    pub longer_rules: u64,
}

impl Counts {
    pub(crate) fn from_wire(wire: v1::Counts) -> Self {
        Self {
            itemsets: wire.itemsets,
            itemsets_by_size: wire.itemsets_by_size,
            itemset_rules: wire.itemset_rules,
            one_song_rules: wire.one_song_rules,
            artist_rules: wire.artist_rules,
            rules: wire.rules,
            longer_rules: wire.longer_rules,
        }
    }
}

/// How the score of a recommendation follows from the weights of the rules that fired for it. With the numbers of
/// `by_seeds` for the different seeds that the model knows:
///
/// ```text
/// R     = (1 − many_share) · weight_scale · Σ weight + many_share · many_weight_scale · Σ weight for many seeds
/// A     = artist_weight_scale · Σ weight of artist rules, those of an artist once for each seed of theirs
/// score = (R + artist_share · A) / support_count^damping    for Source::Rules
/// score = A / support_count^damping                         for Source::Artist
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Scoring {
    /// What one unit of `weight` in `rules.parquet` stands for, above 0.
    pub weight_scale: f64,
    /// What one unit of `many_weight` in `rules.parquet` stands for, above 0.
    pub many_weight_scale: f64,
    /// What one unit of `weight` in `artist_rules.parquet` stands for, above 0.
    pub artist_weight_scale: f64,
    /// What depends on the number of seeds, by ascending number of seeds. Between two entries each number is
    /// interpolated over the logarithm of the number of seeds; outside it is that of the nearest.
    pub by_seeds: Vec<SeedScoring>,
}

impl Scoring {
    pub(crate) fn from_wire(wire: v1::Scoring) -> Self {
        Self {
            weight_scale: wire.weight_scale,
            many_weight_scale: wire.many_weight_scale,
            artist_weight_scale: wire.artist_weight_scale,
            by_seeds: wire.by_seeds.into_iter().map(SeedScoring::from_wire).collect(),
        }
    }
}

/// How the weights of rules are put together for a number of seeds.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct SeedScoring {
    /// The number of seeds, at least 1.
    pub seeds: u32,
    /// The share of the weights for many seeds in what rules from songs add, in [0, 1].
    pub many_share: f64,
    /// The exponent of the song's support count by which a score is divided, in [0, 1].
    pub damping: f64,
    /// How much artist rules count beside rules from songs, at least 0.
    pub artist_share: f64,
}

impl SeedScoring {
    pub(crate) fn from_wire(wire: v1::SeedScoring) -> Self {
        Self {
            seeds: wire.seeds,
            many_share: wire.many_share,
            damping: wire.damping,
            artist_share: wire.artist_share,
        }
    }
}

/// A stage of a training.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Stage {
    /// Its name.
    pub stage: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The rows, of the dataset or of a table, that it went through in a second; not set where it goes through
    /// none.
    pub rows_per_second: Option<f64>,
    /// The most memory that the trainer had resident until the stage ended, in bytes; not set where the system
    /// does not tell.
    pub peak_memory_bytes: Option<u64>,
}

impl Stage {
    pub(crate) fn from_wire(wire: v1::Stage) -> Self {
        Self {
            stage: wire.stage,
            seconds: wire.seconds,
            rows_per_second: wire.rows_per_second,
            peak_memory_bytes: wire.peak_memory_bytes,
        }
    }
}

/// How good a model is: measured on playlists that were held out, with a twin that was trained without them.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Evaluation {
    /// The number of playlists that were held out.
    pub held_out_playlists: u32,
    /// The figures, by number of seeds and recommender.
    pub figures: Vec<EvaluationFigures>,
}

impl Evaluation {
    pub(crate) fn from_wire(wire: v1::Evaluation) -> Self {
        Self {
            held_out_playlists: wire.held_out_playlists,
            figures: wire.figures.into_iter().map(EvaluationFigures::from_wire).collect(),
        }
    }
}

/// The figures of one recommender with one number of seeds. Means over the held-out playlists, after the
/// definitions of the RecSys Challenge 2018.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct EvaluationFigures {
    /// The number of seeds that were given.
    pub seeds: u32,
    /// What was measured: `model` or, to compare with, `popularity`.
    pub recommender: String,
    /// The share of the hidden songs among as many recommendations, in [0, 1].
    pub r_precision: f64,
    /// The normalised discounted cumulative gain, in [0, 1].
    pub ndcg: f64,
    /// The share of playlists with a hidden song among the first 10 recommendations, in [0, 1].
    pub hit_rate_at_10: f64,
    /// The share of hidden songs among the first 10 recommendations, in [0, 1].
    pub precision_at_10: f64,
    /// The times one must ask for 10 more before a hidden song shows, 0 to 51.
    pub clicks: f64,
    /// The share of the catalogue that was recommended to anyone, in [0, 1].
    pub coverage: f64,
    /// The share of playlists that were answered from rules, in [0, 1].
    pub answered: f64,
}

impl EvaluationFigures {
    pub(crate) fn from_wire(wire: v1::EvaluationFigures) -> Self {
        Self {
            seeds: wire.seeds,
            recommender: wire.recommender,
            r_precision: wire.r_precision,
            ndcg: wire.ndcg,
            hit_rate_at_10: wire.hit_rate_at_10,
            precision_at_10: wire.precision_at_10,
            clicks: wire.clicks,
            coverage: wire.coverage,
            answered: wire.answered,
        }
    }
}

/// One look for another model version.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Refresh {
    /// When it ended.
    pub date: Option<DateTime<Utc>>,
    /// How it ended.
    pub outcome: RefreshOutcome,
    /// The version that the volume names; empty when it names none.
    pub model_version: String,
    /// For [`RefreshOutcome::Failed`], what failed, on what, and what to do; otherwise empty.
    pub reason: String,
}

impl Refresh {
    pub(crate) fn from_wire(wire: v1::Refresh) -> Self {
        Self {
            date: date(wire.date),
            outcome: RefreshOutcome::from_wire(wire.outcome),
            model_version: wire.model_version,
            reason: wire.reason,
        }
    }
}

/// The model version in service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct WatchModelResponse {
    /// The version of the service.
    pub version: String,
    /// When the model was trained.
    pub model_date: Option<DateTime<Utc>>,
    /// The name of the model version, as it stands in the volume's CURRENT.
    pub model_version: String,
    /// The name of the replica that answered.
    pub served_by: String,
    /// How the last look for another version ended.
    pub last_refresh: Option<Refresh>,
}

impl WatchModelResponse {
    pub(crate) fn from_wire(wire: v1::WatchModelResponse) -> Self {
        Self {
            version: wire.version,
            model_date: date(wire.model_date),
            model_version: wire.model_version,
            served_by: wire.served_by,
            last_refresh: wire.last_refresh.map(Refresh::from_wire),
        }
    }
}
