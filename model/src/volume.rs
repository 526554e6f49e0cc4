use std::{
    fs,
    io::{self, Read as _},
    panic,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::Bytes;
use parquet::errors::ParquetError;
use serde::Deserialize;

use crate::{
    FORMAT, FileDigest, Manifest, Model, Publication, Tables, VersionName, VolumeError,
    digest::{Digesting, sha256},
    model::{RowCounts, check_consistency, check_rules},
    order::Antecedents,
    rule_tables::{read_rules, read_song_rules},
    song_tables::{read_artists, read_songs},
};

/// The file that names the version in service.
pub(crate) const CURRENT: &str = "CURRENT";
/// The folder of the versions.
pub(crate) const VERSIONS: &str = "versions";
/// The file of a version that describes it.
pub(crate) const MANIFEST: &str = "manifest.json";

/// More than `CURRENT` ever holds: what is longer is not read.
pub(crate) const MAX_CURRENT_BYTES: u64 = 1024;

/// More than a manifest ever holds, which has some kilobytes and a few bytes for each of a thousand held-out playlists.
const MAX_MANIFEST_BYTES: u64 = 16 << 20;

/// A volume with model versions, as its readers see it.
///
/// Nothing is cached and nothing is held open: each call looks at the volume as it is now. Calls block.
#[derive(Clone, Debug)]
pub struct Volume {
    root: PathBuf,
}

impl Volume {
    /// The volume in the folder `root`, which is not looked at yet.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Volume { root: root.into() }
    }

    /// The volume's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The version in service: what `CURRENT` names. `None` when the volume is there and has no `CURRENT`, which is so until the first
    /// publication.
    ///
    /// Reads one small file. Whether the version exists is not looked at.
    ///
    /// # Errors
    ///
    /// If the volume's folder is not there, or `CURRENT` cannot be read or is not the name of a version.
    pub fn current(&self) -> Result<Option<VersionName>, VolumeError> {
        let path = self.root.join(CURRENT);
        match read_at_most(&path, MAX_CURRENT_BYTES) {
            Ok(bytes) => {
                let text = String::from_utf8_lossy(&bytes);
                // People write the file with editors and `echo`, which may add a carriage return or leave out the newline.
                let name = text.trim_end_matches(['\n', '\r']);
                match name.parse() {
                    Ok(version) => Ok(Some(version)),
                    Err(source) => Err(VolumeError::BadCurrent { path, source }),
                }
            }
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                if self.root.is_dir() {
                    Ok(None)
                } else {
                    Err(VolumeError::NoVolume { path: self.root.clone() })
                }
            }
            Err(source) => Err(VolumeError::Io { action: "read", path, source }),
        }
    }

    /// The manifest of `version`, which is checked against the digest in its name.
    ///
    /// # Errors
    ///
    /// If the version is not there, cannot be read, is damaged, or is of a later format.
    pub fn manifest(&self, version: &VersionName) -> Result<Manifest, VolumeError> {
        let path = self.folder(version).join(MANIFEST);
        // What is cut has another digest.
        let bytes = match read_at_most(&path, MAX_MANIFEST_BYTES) {
            Ok(bytes) => bytes,
            Err(source) if source.kind() == io::ErrorKind::NotFound => {
                return Err(VolumeError::NoSuchVersion { version: version.clone(), path });
            }
            Err(source) => return Err(VolumeError::Io { action: "read", path, source }),
        };
        let digest = sha256(&bytes);
        if !digest.starts_with(version.digest()) {
            let problem =
                format!("its SHA-256 begins with {}, not as its version's name ends", &digest[..16]);
            return Err(VolumeError::Damaged { path, problem });
        }

        /// What stays the same in all formats.
        #[derive(Deserialize)]
        struct AnyFormat {
            format: u64,
        }
        let found = serde_json::from_slice::<AnyFormat>(&bytes);
        let format = match found {
            Ok(AnyFormat { format }) => format,
            Err(source) => return Err(VolumeError::BadManifest { path, source }),
        };
        if !(1..=u64::from(FORMAT)).contains(&format) {
            return Err(VolumeError::UnsupportedFormat { path, found: format });
        }
        serde_json::from_slice(&bytes).map_err(|source| VolumeError::BadManifest { path, source })
    }

    /// Reads the whole of `version` into memory, and checks every digest, id and count.
    ///
    /// # Errors
    ///
    /// If the version is not there or not complete, cannot be read, is damaged in any byte, is of a later format, or contradicts itself.
    pub fn load(&self, version: &VersionName) -> Result<Model, VolumeError> {
        let manifest = self.manifest(version)?;
        let songs = self.table(version, &manifest, "songs.parquet", read_songs)?;
        let artists = self.table(version, &manifest, "artists.parquet", read_artists)?;
        let read_rules_of_songs = if manifest.format == 1 { read_rules } else { read_song_rules };
        let rules = self.table(version, &manifest, "rules.parquet", read_rules_of_songs)?;
        let artist_rules = self.table(version, &manifest, "artist_rules.parquet", read_rules)?;
        let rows = RowCounts {
            rules: rules.len() as u64,
            artist_rules: artist_rules.len() as u64,
            // They are not read.
            longer_rules: manifest.files.get("longer_rules.parquet").map_or(0, |file| file.rows),
        };
        check_consistency(&manifest.metadata, &songs, &artists, &rows)
            .and_then(|()| {
                check_rules(&rules, Antecedents::Songs(songs.support_counts()), songs.support_counts())
            })
            .and_then(|()| {
                check_rules(
                    &artist_rules,
                    Antecedents::Artists(artists.support_counts()),
                    songs.support_counts(),
                )
            })
            .map_err(|source| VolumeError::Inconsistent { version: version.to_string(), source })?;
        let tables = Tables { songs, artists, rules, artist_rules };
        Ok(Model { version: version.clone(), manifest, tables })
    }

    /// Checks the digests of all files of `version`.
    ///
    /// # Errors
    ///
    /// If the version is not there or not complete, cannot be read, is damaged in any byte, or is of a later format.
    pub fn verify(&self, version: &VersionName) -> Result<Manifest, VolumeError> {
        let manifest = self.manifest(version)?;
        for (name, expected) in &manifest.files {
            let path = self.folder(version).join(name);
            let digest = || {
                let mut digesting = Digesting::new(io::sink());
                io::copy(&mut open_file(&path)?.take(expected.bytes.saturating_add(1)), &mut digesting)?;
                Ok(digesting.finish())
            };
            match digest() {
                Ok((_, bytes, sha256)) => check_digest(path, expected, bytes, &sha256)?,
                Err(source) => return Err(VolumeError::Io { action: "read", path, source }),
            }
        }
        Ok(manifest)
    }

    /// The versions on the volume with their manifests, the latest publication first; then those whose manifest cannot be read.
    ///
    /// # Errors
    ///
    /// If the volume's folder is not there or cannot be read. A damaged version is not an error but in the list with its own.
    #[expect(clippy::type_complexity, reason = "a list of pairs, used once or twice")]
    pub fn versions(&self) -> Result<Vec<(VersionName, Result<Manifest, VolumeError>)>, VolumeError> {
        let mut versions: Vec<_> = self
            .version_names()?
            .into_iter()
            .map(|name| {
                let manifest = self.manifest(&name);
                (name, manifest)
            })
            .collect();
        let published_at = |manifest: &Result<Manifest, VolumeError>| {
            manifest.as_ref().ok().map(|manifest| manifest.published_at)
        };
        versions
            .sort_by(|(a_name, a), (b_name, b)| (published_at(b), b_name).cmp(&(published_at(a), a_name)));
        Ok(versions)
    }

    /// The writer's side of the volume: creates its folders if they are missing, takes its lock, waiting for another writer
    /// for at most `wait`, and removes what a killed writer left.
    ///
    /// Where the file system has no locks, none is taken: two writers then still cannot damage a version or `CURRENT`, for each of their steps
    /// is atomic.
    ///
    /// # Errors
    ///
    /// If the folders cannot be made or written, or another writer holds the lock for longer than `wait`.
    pub fn publication(&self, wait: Duration) -> Result<Publication<'_>, VolumeError> {
        Publication::begin(self, wait)
    }

    pub(crate) fn folder(&self, version: &VersionName) -> PathBuf {
        self.root.join(VERSIONS).join(version.as_str())
    }

    /// Hidden folders are unfinished, and other names are not ours.
    fn version_names(&self) -> Result<Vec<VersionName>, VolumeError> {
        let path = self.root.join(VERSIONS);
        let read_error = |source| VolumeError::Io { action: "list", path: path.clone(), source };
        let entries = match fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return if self.root.is_dir() {
                    Ok(Vec::new())
                } else {
                    Err(VolumeError::NoVolume { path: self.root.clone() })
                };
            }
            Err(error) => return Err(read_error(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(read_error)?;
            if let Some(name) = entry.file_name().to_str().and_then(|name| name.parse().ok()) {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn table<T>(
        &self,
        version: &VersionName,
        manifest: &Manifest,
        name: &str,
        read: fn(Bytes, u64) -> parquet::errors::Result<T>,
    ) -> Result<T, VolumeError> {
        let (bytes, rows) = self.file(version, manifest, name)?;
        // The library panics on some pages that no writer makes, and a file can have its right digest and yet be such.
        let table = panic::catch_unwind(|| read(bytes.into(), rows))
            .unwrap_or_else(|_| Err(ParquetError::General("its pages cannot be decoded".to_owned())));
        table.map_err(|source| VolumeError::BadTable { path: self.folder(version).join(name), source })
    }

    /// The bytes of a file of a version, checked against the manifest, and the rows that it shall have.
    fn file(
        &self,
        version: &VersionName,
        manifest: &Manifest,
        name: &str,
    ) -> Result<(Vec<u8>, u64), VolumeError> {
        let path = self.folder(version).join(name);
        let Some(expected) = manifest.files.get(name) else {
            let problem = "the manifest does not name it".to_owned();
            return Err(VolumeError::Damaged { path, problem });
        };
        // One byte more than expected is enough to see that a file is too long, however long it is.
        let bytes = match read_at_most(&path, expected.bytes.saturating_add(1)) {
            Ok(bytes) => bytes,
            Err(source) => return Err(VolumeError::Io { action: "read", path, source }),
        };
        check_digest(path, expected, bytes.len() as u64, &sha256(&bytes))?;
        Ok((bytes, expected.rows))
    }
}

/// Checks that a file has the size and SHA-256 that the manifest tells.
fn check_digest(path: PathBuf, expected: &FileDigest, bytes: u64, sha256: &str) -> Result<(), VolumeError> {
    let problem = if bytes != expected.bytes {
        let than = if bytes < expected.bytes { "shorter" } else { "longer" };
        format!("it is {than} than the {} bytes that were published", expected.bytes)
    } else if sha256 != expected.sha256 {
        "its SHA-256 is not that of what was published".to_owned()
    } else {
        return Ok(());
    };
    Err(VolumeError::Damaged { path, problem })
}

/// Opens what is a file: to open a named pipe would wait for a writer, perhaps for ever.
fn open_file(path: &Path) -> io::Result<fs::File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    fs::File::open(path)
}

/// The contents of a file, cut after `limit` bytes.
pub(crate) fn read_at_most(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = open_file(path)?;
    // The size is a hint for the allocation alone: it may be wrong by the time the file is read.
    let size = file.metadata()?.len().min(limit);
    let mut bytes = Vec::new();
    bytes
        .try_reserve(usize::try_from(size).unwrap_or(usize::MAX))
        .map_err(|_| io::Error::from(io::ErrorKind::OutOfMemory))?;
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
