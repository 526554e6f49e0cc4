//! What a model is and how it lies on the volume.
//!
//! ```text
//! <volume>/CURRENT                  the name of the version in service, and a newline
//! <volume>/versions/<version>/      immutable once visible
//!     manifest.json                 what the version is; its SHA-256 is in the version's name
//!     songs.parquet  rules.parquet  artists.parquet  artist_rules.parquet
//! ```

mod manifest;
mod rules;
mod songs;
mod strings;
mod version;

pub use self::{
    manifest::{
        Counts, Damping, Dataset, Evaluation, EvaluationFigures, FORMAT, FileDigest, Manifest,
        Metadata, Parameters, Scoring, Stage, TrainerBuild,
    },
    rules::{Rule, RuleCounts, RuleGroup, Rules},
    songs::{Artist, ArtistId, Artists, InvalidTable, Song, SongId, Songs},
    strings::Strings,
    version::{InvalidVersionName, VersionName},
};
