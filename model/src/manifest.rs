use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::Evaluation;

/// The format of the versions that this build writes, and the latest that it reads; it reads all before it.
///
/// 2: song rules have a `many_weight`, and `scoring` tells for a number of seeds more than the damping.
pub const FORMAT: u32 = 2;

/// `manifest.json`: what a version is, and the digests of its files.
///
/// A reader ignores fields that it does not know; what an older reader must not ignore raises [`FORMAT`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// The format of the version.
    pub format: u32,
    /// When it was published on the volume.
    pub published_at: DateTime<Utc>,
    /// What the training says of it.
    #[serde(flatten)]
    pub metadata: Metadata,
    /// Its files, by name.
    pub files: BTreeMap<String, FileDigest>,
}

/// A file of a version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileDigest {
    /// Its size in bytes.
    pub bytes: u64,
    /// Its SHA-256 in lower-case hexadecimal.
    pub sha256: String,
    /// Its rows.
    pub rows: u64,
}

/// What a training says of the model that it made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// When the training ended.
    pub trained_at: DateTime<Utc>,
    /// What identifies the training: a digest of the dataset's digest, the parameters, and the trainer's version and revision. Two
    /// trainings with one key make the same tables.
    pub key: String,
    /// What made the model.
    pub trainer: TrainerBuild,
    /// What it was made from.
    pub dataset: Dataset,
    /// How it was made.
    pub parameters: Parameters,
    /// What was found.
    pub counts: Counts,
    /// How a recommendation's score follows from rule weights.
    pub scoring: Scoring,
    /// What the weights were learned from; `None` when they are confidences.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning: Option<Learning>,
    /// How good the model is; `None` when it was not evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub evaluation: Option<Evaluation>,
    /// Why the model was stored but must not be put in service; `None` for an accepted one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// How long each stage of the training took, in order.
    pub stages: Vec<Stage>,
}

/// The trainer that made a model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrainerBuild {
    /// Its version.
    pub version: String,
    /// The source revision that it was built from, or `unknown`.
    pub revision: String,
}

/// The dataset that a model was trained from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dataset {
    /// The URL or path, without user info and query.
    pub location: String,
    /// The server's ETag, if it sent one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The SHA-256 of its bytes as they were read, before decompression, in lower-case hexadecimal.
    pub sha256: String,
    /// The number of those bytes.
    pub bytes: u64,
    /// Rows, without the header.
    pub rows: u64,
    /// Rows that were left out because they could not be read or name no song.
    pub skipped_rows: u64,
    /// Playlists with at least one song: the N of every share.
    pub playlists: u32,
    /// Different songs.
    pub songs: u32,
    /// Different artists.
    pub artists: u32,
}

/// The parameters of a training.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parameters {
    /// What makes two rows the same song: `song`, `title` or `uri`.
    pub item_key: String,
    /// The support of itemsets as it was asked for: a count (`26`) or a share (`0.02`, `2%`).
    pub min_support: String,
    /// The same as a number of playlists.
    pub min_support_count: u32,
    /// The least confidence of itemset rules as it was asked for, a decimal from 0 to 1.
    pub min_confidence: String,
    /// Playlists in which two songs must meet for a one-song rule; 0: there are no such rules.
    pub min_pair_count: u32,
    /// One-song rules kept for an antecedent; `None`: all.
    pub max_rules_per_song: Option<u32>,
    /// Songs in an itemset; `None`: unlimited.
    pub max_length: Option<u32>,
    /// Songs in the consequent of a rule from itemsets; 1 unless longer ones were asked for.
    #[serde(default = "one")]
    pub max_consequent_length: u32,
}

fn one() -> u32 {
    1
}

/// What a training found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Frequent itemsets.
    pub itemsets: u64,
    /// Frequent itemsets of one song, of two, and so on.
    pub itemsets_by_size: Vec<u64>,
    /// Rules derived from frequent itemsets.
    pub itemset_rules: u64,
    /// Rules from one song to another by their pair count, some of which are itemset rules too.
    pub one_song_rules: u64,
    /// Rules from an artist to a song.
    pub artist_rules: u64,
    /// The different rules with songs as antecedent: the rows of `rules.parquet`.
    pub rules: u64,
    /// Rules with a consequent of more than one song: the rows of `longer_rules.parquet`, which is there if they were asked for.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub longer_rules: u64,
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What the weights of one-song rules were made of.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learning {
    /// The most common songs, between which EASE^R was solved; the part of other rules is 0.
    pub ease_songs: u32,
    /// The most common songs that have latent factors; the parts of rules of others are 0.
    pub factor_songs: u32,
    /// The latent factors of a song.
    pub factors: u32,
    /// What `weight` is the sum of, before it is divided by its scale and rounded.
    pub weight: WeightParts,
    /// What `many_weight` is the sum of, in the same way.
    pub many_weight: WeightParts,
}

/// By how much each part of a rule's weight was multiplied; at least 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct WeightParts {
    /// The confidence, where a playlist counts `1/√length`.
    pub confidence: f64,
    /// What the first 64 latent factors tell, the weaker ones less.
    pub smooth_factors: f64,
    /// What all latent factors tell.
    pub sharp_factors: f64,
    /// The weight of EASE^R.
    pub ease: f64,
}

/// How a recommendation's score follows from the weights of the rules that fired for it.
///
/// For a query of K different known seeds, with the numbers that [`at`](Self::at) gives for K:
///
/// ```text
/// R     = (1 − many_share) · weight_scale · Σ weight + many_share · many_weight_scale · Σ many_weight
/// A     = artist_weight_scale · Σ weight of artist rules, those of an artist once for each seed of theirs
/// score = (R + artist_share · A) / support_count^damping    where a rule from songs fired
/// score = A / support_count^damping                         where rules from artists alone fired: after all of the others
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scoring {
    /// What one unit of `weight` in `rules.parquet` stands for; above 0 and at most 10⁹.
    pub weight_scale: f64,
    /// What one unit of `many_weight` in `rules.parquet` stands for; above 0 and at most 10⁹. Format 1 has neither.
    #[serde(default = "unscaled")]
    pub many_weight_scale: f64,
    /// What one unit of `weight` in `artist_rules.parquet` stands for; above 0 and at most 10⁹.
    pub artist_weight_scale: f64,
    /// What depends on the number of seeds, by ascending number of seeds; not empty. Format 1 calls it `popularity_damping`.
    #[serde(alias = "popularity_damping")]
    pub by_seeds: Vec<SeedScoring>,
}

fn unscaled() -> f64 {
    1.0
}

/// How the weights of rules are put together for a number of seeds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SeedScoring {
    /// The number of seeds; at least 1.
    pub seeds: u32,
    /// The share of `many_weight` in what a rule from songs adds to a score, 0 to 1; the rest is that of `weight`. 0 in format 1.
    #[serde(default)]
    pub many_share: f64,
    /// The exponent of the consequent's support count by which a score is divided, 0 to 1. Format 1 calls it `exponent`.
    #[serde(alias = "exponent")]
    pub damping: f64,
    /// How much artist rules count beside rules from songs, 0 to 10³. 0 in format 1.
    #[serde(default)]
    pub artist_share: f64,
}

impl Scoring {
    /// What holds for `seeds` seeds, at least 1: between two entries each number is interpolated linearly over the logarithm of the number of
    /// seeds, outside it is that of the nearest.
    ///
    /// ```
    /// # use model::{Scoring, SeedScoring};
    /// let scoring = Scoring {
    ///     weight_scale: 1.0,
    ///     many_weight_scale: 1.0,
    ///     artist_weight_scale: 1.0,
    ///     by_seeds: vec![
    ///         SeedScoring { seeds: 1, many_share: 0.0, damping: 0.0, artist_share: 1.0 },
    ///         SeedScoring { seeds: 100, many_share: 1.0, damping: 0.5, artist_share: 0.0 },
    ///     ],
    /// };
    /// assert_eq!(scoring.at(1), scoring.by_seeds[0]);
    /// assert_eq!(scoring.at(10), SeedScoring { seeds: 10, many_share: 0.5, damping: 0.25, artist_share: 0.5 });
    /// assert_eq!(scoring.at(1000), SeedScoring { seeds: 1000, ..scoring.by_seeds[1] });
    /// ```
    pub fn at(&self, seeds: usize) -> SeedScoring {
        let seeds = u32::try_from(seeds).unwrap_or(u32::MAX).max(1);
        let next = self.by_seeds.partition_point(|entry| entry.seeds < seeds);
        let below = next.checked_sub(1).and_then(|last| self.by_seeds.get(last));
        match (below, self.by_seeds.get(next)) {
            (_, Some(&exact)) if exact.seeds == seeds => exact,
            (Some(below), Some(above)) => {
                let log = |seeds: u32| f64::from(seeds).ln();
                let share = (log(seeds) - log(below.seeds)) / (log(above.seeds) - log(below.seeds));
                let between = |below: f64, above: f64| below + share * (above - below);
                SeedScoring {
                    seeds,
                    many_share: between(below.many_share, above.many_share),
                    damping: between(below.damping, above.damping),
                    artist_share: between(below.artist_share, above.artist_share),
                }
            }
            (Some(&nearest), None) | (None, Some(&nearest)) => SeedScoring { seeds, ..nearest },
            // Such a manifest is not accepted.
            (None, None) => SeedScoring { seeds, many_share: 0.0, damping: 0.0, artist_share: 0.0 },
        }
    }

    pub(crate) fn problem(&self) -> Option<&'static str> {
        // Far above any that makes sense, and small enough that no sum of weights becomes infinite.
        let scale_is_valid = |scale: f64| scale > 0.0 && scale <= 1e9;
        let scales = [self.weight_scale, self.many_weight_scale, self.artist_weight_scale];
        if !scales.into_iter().all(scale_is_valid) {
            return Some("a weight scale is not a number above 0 and up to 1e9");
        }
        let entry_is_valid = |entry: &SeedScoring| {
            entry.seeds > 0
                && (0.0..=1.0).contains(&entry.many_share)
                && (0.0..=1.0).contains(&entry.damping)
                && (0.0..=1e3).contains(&entry.artist_share)
        };
        if self.by_seeds.is_empty()
            || !self.by_seeds.is_sorted_by(|a, b| a.seeds < b.seeds)
            || !self.by_seeds.iter().all(entry_is_valid)
        {
            return Some("`by_seeds` is empty, does not ascend, or is out of range");
        }
        None
    }
}

/// A stage of a training.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Stage {
    /// Its name.
    pub stage: String,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// The rows, of the dataset or of a table, that it went through in a second, where it goes through rows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows_per_second: Option<f64>,
    /// The most memory that the process had resident until the stage ended, in bytes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peak_memory_bytes: Option<u64>,
}
