//! What a model is and how it lies on the volume.
//!
//! ```text
//! <volume>/CURRENT                  the name of the version in service, and a newline
//! <volume>/versions/<version>/      immutable once visible
//!     manifest.json                 what the version is; its SHA-256 is in the version's name
//!     songs.parquet  artists.parquet  rules.parquet  artist_rules.parquet
//!     longer_rules.parquet          only where a training was asked for it
//! <volume>/holds/<key>              the version of that key was rolled back from
//! ```
//!
//! [`Volume`] is the reader's side, [`Publication`] the writer's. A reader sees a version whole or not at all, and every
//! byte that differs from what was published is an error:
//!
//! ```
//! # fn main() -> Result<(), model::VolumeError> {
//! let folder = tempfile::tempdir().unwrap();
//! let volume = model::Volume::new(folder.path());
//! assert_eq!(volume.current()?, None);
//! # Ok(())
//! # }
//! ```

mod strings;
mod songs;
mod integers;
mod rules;
mod evaluation;
mod manifest;
mod version;
mod model;
mod error;
mod digest;
mod columns;
mod order;
mod song_tables;
mod rule_tables;
mod longer_rules;
mod volume;
mod publication;

pub use self::{
    error::VolumeError,
    evaluation::{Evaluation, EvaluationFigures, RPrecisions},
    integers::Weights,
    longer_rules::{LongerRule, LongerRulesEncoder},
    manifest::{
        Counts, Dataset, FORMAT, FileDigest, Learning, Manifest, Metadata, Parameters, Scoring, SeedScoring,
        Stage, TrainerBuild, WeightParts,
    },
    model::{EncodedTables, Model, Tables},
    publication::Publication,
    rule_tables::{Consequent, EncodedRules, RulesEncoder},
    rules::{Rule, RuleCounts, RuleGroup, Rules},
    songs::{Artist, ArtistId, Artists, InvalidTable, Song, SongId, Songs},
    strings::Strings,
    version::{InvalidVersionName, VersionName},
    volume::Volume,
};

/// The source revision that this build was made from, or `unknown`.
pub const REVISION: &str = env!("SOURCE_REVISION");
