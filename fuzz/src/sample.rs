use std::{fs, sync::OnceLock};

use model::{VersionName, Volume};
use recommender::ServedModel;
use tempfile::TempDir;
use trainer::{Location, MinConfidence, Progress, Settings, train};

/// Playlists that were made up for the tests: spellings, punctuation and scripts that real ones have, and rules of every kind.
pub const PLAYLISTS_CSV: &str = include_str!("playlists.csv");

/// A small volume with a version in service.
pub struct Sample {
    _folder: TempDir,
    /// The volume.
    pub volume: Volume,
    /// The version in service.
    pub version: VersionName,
    /// The model that it is.
    pub model: ServedModel,
}

/// The sample, which is trained at the first call.
pub fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let dataset = folder.path().join("playlists.csv");
        fs::write(&dataset, PLAYLISTS_CSV).unwrap();
        let location: Location = dataset.to_str().unwrap().parse().unwrap();
        let settings = Settings {
            min_confidence: "0.1".parse::<MinConfidence>().unwrap(),
            ..Settings::new(location, folder.path().join("volume"))
        };
        let report = train(&settings, &Progress::quiet()).unwrap();
        let volume = Volume::new(&settings.model_dir);
        let model = ServedModel::build(volume.load(&report.version).unwrap());
        Sample { _folder: folder, volume, version: report.version, model }
    })
}
