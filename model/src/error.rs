use std::{io, path::PathBuf};

use crate::{FORMAT, InvalidTable, InvalidVersionName, VersionName};

/// Why a volume could not be read or written. Every variant names the file or version that it is about.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VolumeError {
    /// The volume's folder is not there: it is not mounted, or its name is wrong.
    #[error("there is no folder `{}`; check that the volume is mounted there", path.display())]
    NoVolume {
        /// The volume's folder.
        path: PathBuf,
    },
    /// The operating system refused.
    #[error("could not {action} `{}`", path.display())]
    Io {
        /// What was tried, as `read`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// `CURRENT` does not hold the name of a version.
    #[error("`{}` does not name a version; write the name of one into it", path.display())]
    BadCurrent {
        /// The file `CURRENT`.
        path: PathBuf,
        /// What is wrong with it.
        source: InvalidVersionName,
    },
    /// A version is not on the volume.
    #[error("version `{version}` is not on the volume (no `{}`); it may still be being copied, or was pruned", path.display())]
    NoSuchVersion {
        /// The version.
        version: VersionName,
        /// Where its manifest would be.
        path: PathBuf,
    },
    /// A file of a version is not what was published.
    #[error("`{}` is damaged: {problem}; copy the version again, or roll back with `trainer versions rollback`", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// How it differs.
        problem: String,
    },
    /// A version is of a later format.
    #[error(
        "`{}` has format {found}, this build reads up to {FORMAT}; deploy the recommender that goes with the trainer, or roll back",
        path.display()
    )]
    UnsupportedFormat {
        /// The manifest.
        path: PathBuf,
        /// Its format.
        found: u64,
    },
    /// `manifest.json` has the right digest and yet is not a manifest.
    #[error("`{}` is not a manifest of a format up to {FORMAT}; the trainer that wrote it is at fault", path.display())]
    BadManifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// A Parquet file has the right digest and yet is not a table of a model, or could not be written.
    #[error("`{}` is not a table of a model; the trainer that wrote it is at fault", path.display())]
    BadTable {
        /// The Parquet file.
        path: PathBuf,
        /// What is wrong with it.
        source: parquet::errors::ParquetError,
    },
    /// The tables contradict each other or the manifest.
    #[error("version `{version}` contradicts itself; the trainer that wrote it is at fault")]
    Inconsistent {
        /// The version; empty for one that is being published.
        version: String,
        /// What contradicts what.
        source: InvalidTable,
    },
    /// A version was stored but must not be put in service.
    #[error("version `{version}` was refused when it was trained and cannot be put in service: {reason}")]
    Refused {
        /// The version.
        version: VersionName,
        /// Why it was refused.
        reason: String,
    },
    /// A hold does not name the version that was rolled back from.
    #[error("the hold `{}` does not name a version; remove the file to end the hold", path.display())]
    BadHold {
        /// The file of the hold.
        path: PathBuf,
    },
    /// Another process is publishing.
    #[error("another trainer is publishing on `{}`; it has held `{}` for longer than {seconds} s, run again later", root.display(), lock.display())]
    Busy {
        /// The volume.
        root: PathBuf,
        /// The file that is locked.
        lock: PathBuf,
        /// How long this process waited.
        seconds: u64,
    },
}
