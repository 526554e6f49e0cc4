//! The real program on a dataset and a volume of its own.
#![allow(dead_code, reason = "not every test needs all of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output, Stdio},
};

use model::{VersionName, Volume};
use tempfile::TempDir;

pub(crate) struct Run {
    folder: TempDir,
}

impl Run {
    pub(crate) fn new(csv: &str) -> Self {
        let run = Run { folder: tempfile::tempdir().unwrap() };
        run.dataset(csv);
        run
    }

    /// Replaces the dataset.
    pub(crate) fn dataset(&self, csv: &str) {
        fs::write(self.path("playlists.csv"), csv).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn volume(&self) -> Volume {
        Volume::new(self.path("volume"))
    }

    pub(crate) fn current(&self) -> VersionName {
        self.volume().current().unwrap().unwrap()
    }

    pub(crate) fn version_folder(&self) -> PathBuf {
        self.path("volume").join("versions").join(self.current().as_str())
    }

    /// The program without any setting.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_trainer"));
        command.env_clear().stdin(Stdio::null());
        command
    }

    pub(crate) fn trainer(&self, arguments: &[&str]) -> Output {
        self.command()
            .env("DATASET", self.path("playlists.csv"))
            .env("MODEL_DIR", self.path("volume"))
            .args(arguments)
            .output()
            .unwrap()
    }

    #[track_caller]
    pub(crate) fn train(&self, arguments: &[&str]) -> String {
        stdout(&self.trainer(arguments), 0)
    }
}

#[track_caller]
pub(crate) fn stdout(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[track_caller]
pub(crate) fn stderr(output: &Output, code: i32) -> String {
    assert_eq!(output.status.code(), Some(code), "{output:?}");
    String::from_utf8(output.stderr.clone()).unwrap()
}
