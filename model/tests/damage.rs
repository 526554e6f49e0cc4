//! A version that is not what was published is never loaded: not with a byte missing, a byte changed, or a file swapped.

#![cfg(test)]

mod support;

use std::{fs, path::PathBuf, time::Duration};

use model::{Manifest, VersionName, Volume, VolumeError};
use proptest::prelude::*;
use support::{metadata, tables};
use tempfile::TempDir;

const FILES: [&str; 5] =
    ["manifest.json", "songs.parquet", "artists.parquet", "rules.parquet", "artist_rules.parquet"];

struct Published {
    _folder: TempDir,
    volume: Volume,
    version: VersionName,
}

impl Published {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let volume = Volume::new(folder.path());
        let version = volume.publication(Duration::ZERO).unwrap().store(&metadata("one"), &tables()).unwrap();
        Published { _folder: folder, volume, version }
    }

    fn path(&self, file: &str) -> PathBuf {
        self.volume.root().join("versions").join(self.version.as_str()).join(file)
    }

    #[track_caller]
    fn assert_rejected(&self, file: &str) {
        let error = self.volume.load(&self.version).unwrap_err();
        assert!(error.to_string().contains(file), "{error}");
        self.volume.verify(&self.version).unwrap_err();
    }
}

#[test]
fn every_truncation_of_every_file_is_detected() {
    let published = Published::new();
    for file in FILES {
        let whole = fs::read(published.path(file)).unwrap();
        for len in 0..whole.len() {
            fs::write(published.path(file), &whole[..len]).unwrap();
            published.assert_rejected(file);
        }
        fs::write(published.path(file), whole).unwrap();
    }
    published.volume.load(&published.version).unwrap();
}

#[test]
fn every_changed_byte_of_every_file_is_detected() {
    let published = Published::new();
    for file in FILES {
        let mut bytes = fs::read(published.path(file)).unwrap();
        for position in 0..bytes.len() {
            bytes[position] ^= 1 << (position % 8);
            fs::write(published.path(file), &bytes).unwrap();
            published.assert_rejected(file);
            bytes[position] ^= 1 << (position % 8);
        }
        fs::write(published.path(file), bytes).unwrap();
    }
    published.volume.load(&published.version).unwrap();
}

#[test]
fn appended_bytes_are_detected() {
    let published = Published::new();
    for file in FILES {
        let whole = fs::read(published.path(file)).unwrap();
        fs::write(published.path(file), [&whole[..], b"\n"].concat()).unwrap();
        published.assert_rejected(file);
        fs::write(published.path(file), whole).unwrap();
    }
}

#[test]
fn a_missing_file_is_detected_and_a_completed_copy_is_accepted() {
    let published = Published::new();
    for file in FILES {
        let whole = fs::read(published.path(file)).unwrap();
        fs::remove_file(published.path(file)).unwrap();
        published.assert_rejected(file);
        fs::write(published.path(file), whole).unwrap();
        published.volume.load(&published.version).unwrap();
    }
}

#[test]
fn a_version_that_is_not_there_is_named() {
    let published = Published::new();
    let version: VersionName = "20260102T030405Z-0123456789abcdef".parse().unwrap();

    let error = published.volume.load(&version).unwrap_err();

    assert!(matches!(error, VolumeError::NoSuchVersion { .. }));
    assert!(error.to_string().contains(version.as_str()));
}

/// Writes a manifest with its right digest, as only a trainer of another release would.
fn store_manifest(published: &Published, change: impl FnOnce(&mut serde_json::Value)) -> VersionName {
    use sha2::{Digest as _, Sha256};

    let mut json: serde_json::Value =
        serde_json::from_slice(&fs::read(published.path("manifest.json")).unwrap()).unwrap();
    change(&mut json);
    let bytes = serde_json::to_vec(&json).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let version: VersionName = format!("other-{digest}").parse().unwrap();
    let folder = published.volume.root().join("versions").join(version.as_str());
    fs::create_dir(&folder).unwrap();
    for file in FILES {
        fs::copy(published.path(file), folder.join(file)).unwrap();
    }
    fs::write(folder.join("manifest.json"), bytes).unwrap();
    version
}

#[test]
fn a_manifest_of_a_later_format_is_refused_with_advice() {
    let published = Published::new();
    let version = store_manifest(&published, |json| {
        *json = serde_json::json!({ "format": 3, "anything": "else" });
    });

    let error = published.volume.load(&version).unwrap_err();

    assert!(matches!(error, VolumeError::UnsupportedFormat { found: 3, .. }), "{error:?}");
    assert!(error.to_string().contains("deploy the recommender"), "{error}");
}

#[test]
fn fields_that_a_reader_does_not_know_are_ignored() {
    let published = Published::new();
    let version = store_manifest(&published, |json| json["from_the_future"] = true.into());

    published.volume.load(&version).unwrap();
}

#[test]
fn a_version_that_contradicts_itself_is_rejected() {
    let published = Published::new();
    let check = |change: fn(&mut serde_json::Value)| {
        let version = store_manifest(&published, change);
        published.volume.load(&version).unwrap_err();
    };

    check(|json| json["dataset"]["songs"] = 4.into());
    check(|json| json["dataset"]["playlists"] = 1.into());
    check(|json| json["scoring"]["weight_scale"] = 0.into());
    check(|json| json["files"]["rules.parquet"]["rows"] = 5.into());
    check(|json| json["files"]["rules.parquet"] = json["files"]["artist_rules.parquet"].clone());
    check(|json| json["dataset"] = "none".into());
    check(|json| json["files"] = serde_json::json!({}));
}

#[test]
fn a_table_with_the_columns_of_another_is_rejected() {
    let published = Published::new();
    fs::copy(published.path("songs.parquet"), published.path("rules.parquet")).unwrap();
    let version = store_manifest(&published, |json| {
        json["files"]["rules.parquet"] = json["files"]["songs.parquet"].clone();
    });

    let error = published.volume.load(&version).unwrap_err();

    assert!(matches!(error, VolumeError::BadTable { .. }), "{error:?}");
}

#[test]
fn rules_with_the_columns_of_another_format_are_rejected() {
    let published = Published::new();
    let version = store_manifest(&published, |json| json["format"] = 1.into());
    let error = published.volume.load(&version).unwrap_err();
    assert!(matches!(error, VolumeError::BadTable { .. }), "{error:?}");

    fs::copy(published.path("artist_rules.parquet"), published.path("rules.parquet")).unwrap();
    let version = store_manifest(&published, |json| {
        json["files"]["rules.parquet"] = json["files"]["artist_rules.parquet"].clone();
    });
    let error = published.volume.load(&version).unwrap_err();
    assert!(matches!(error, VolumeError::BadTable { .. }), "{error:?}");
}

#[test]
fn a_changed_byte_with_its_right_digest_is_no_panic() {
    use sha2::{Digest as _, Sha256};

    let published = Published::new();
    let mut bytes = fs::read(published.path("rules.parquet")).unwrap();
    for position in 0..bytes.len() {
        bytes[position] ^= 1 << (position % 8);
        fs::write(published.path("rules.parquet"), &bytes).unwrap();
        let version = store_manifest(&published, |json| {
            let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            json["files"]["rules.parquet"]["sha256"] = sha256.into();
        });
        // Some bytes have no meaning, and a weight may be any.
        if let Ok(model) = published.volume.load(&version) {
            assert_eq!(model.tables.rules.len(), 4);
        }
        bytes[position] ^= 1 << (position % 8);
    }
}

proptest! {
    #[test]
    fn any_text_is_a_version_or_an_error_and_never_leaves_the_folder(text in ".{0,200}") {
        if let Ok(version) = text.parse::<VersionName>() {
            let path = std::path::Path::new(version.as_str());
            prop_assert_eq!(path.components().count(), 1);
        }
    }

    #[test]
    fn any_bytes_with_their_right_digest_are_an_error_and_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        use sha2::{Digest as _, Sha256};

        let published = Published::new();
        fs::write(published.path("rules.parquet"), &bytes).unwrap();
        let version = store_manifest(&published, |json| {
            let sha256: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            json["files"]["rules.parquet"] = serde_json::json!({ "bytes": bytes.len(), "sha256": sha256, "rows": 4 });
        });
        prop_assert!(published.volume.load(&version).is_err());
    }
}

/// Keeps the type in the public API honest: what is published can be read as what it is.
#[test]
fn the_manifest_round_trips_through_json() {
    let published = Published::new();
    let manifest = published.volume.manifest(&published.version).unwrap();
    let json = serde_json::to_string(&manifest).unwrap();
    assert_eq!(serde_json::from_str::<Manifest>(&json).unwrap(), manifest);
}

proptest! {
    #[test]
    fn numbers_of_a_manifest_are_read_as_they_were_written(number in 0.0..1e9) {
        let mut metadata = metadata("one");
        metadata.scoring.weight_scale = number;
        let json = serde_json::to_string(&metadata).unwrap();
        prop_assert_eq!(serde_json::from_str::<model::Metadata>(&json).unwrap(), metadata);
    }
}
