use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs::{self, File, TryLockError},
    io::{self, Write},
    path::{Path, PathBuf},
    process, thread,
    time::{Duration, Instant},
};

use chrono::Utc;
use parquet::errors::ParquetError;

use crate::{
    EncodedRules, EncodedTables, FORMAT, FileDigest, InvalidTable, Manifest, Metadata, Tables, VersionName,
    Volume, VolumeError,
    digest::{Digesting, sha256},
    model::{RowCounts, check_consistency},
    song_tables,
    volume::{CURRENT, MANIFEST, MAX_CURRENT_BYTES, VERSIONS, read_at_most},
};

/// Held by the writer.
const LOCK: &str = ".lock";
/// Begins the names of unfinished and half-removed files and folders.
const UNFINISHED: &str = ".unfinished-";
/// The version that a training run last put in service, and while that is under way, in a second line, the one before.
///
/// It tells a roll-back by hand from what a run did: `CURRENT` can be written by any means.
const LAST_PUBLISHED: &str = ".last-published";
/// A file for each key that was rolled back from, which holds the version.
const HOLDS: &str = "holds";

/// How often a waiting writer tries again.
const LOCK_POLL: Duration = Duration::from_millis(100);

/// The writer's side of a volume; made by [`Volume::publication`]. Dropping it lets the next writer in.
#[derive(Debug)]
pub struct Publication<'v> {
    volume: &'v Volume,
    /// Locked as long as it is open.
    _lock: File,
    /// What [`put_in_service`](Self::put_in_service) replaced.
    replaced: RefCell<Option<VersionName>>,
}

impl<'v> Publication<'v> {
    pub(crate) fn begin(volume: &'v Volume, wait: Duration) -> Result<Self, VolumeError> {
        let root = volume.root();
        for folder in [root.to_owned(), root.join(VERSIONS)] {
            make_folder(&folder)?;
        }
        let lock = lock(root, wait)?;
        let publication = Publication { volume, _lock: lock, replaced: RefCell::default() };
        publication.remove_unfinished()?;
        publication.note_roll_back_by_hand()?;
        Ok(publication)
    }

    /// Encodes the tables and writes them as a new version, as [`store_encoded`](Self::store_encoded) does.
    ///
    /// # Errors
    ///
    /// If the tables contradict each other or the metadata, or the volume cannot be written or is full; what was written is removed then.
    pub fn store(&self, metadata: &Metadata, tables: &Tables) -> Result<VersionName, VolumeError> {
        self.store_encoded(metadata, &tables.encode().map_err(inconsistent)?)
    }

    /// Writes a new version, which becomes visible whole or not at all. It is not in service yet.
    ///
    /// # Errors
    ///
    /// If the songs, artists and numbers of rules contradict each other or the metadata, or the volume cannot be written or is full; what
    /// was written is removed then. The encoders have checked the rules.
    pub fn store_encoded(
        &self,
        metadata: &Metadata,
        tables: &EncodedTables<'_>,
    ) -> Result<VersionName, VolumeError> {
        let rows = RowCounts {
            rules: tables.rules.len(),
            artist_rules: tables.artist_rules.len(),
            longer_rules: tables.longer_rules.as_ref().map_or(0, EncodedRules::len),
        };
        check_consistency(metadata, tables.songs, tables.artists, &rows).map_err(inconsistent)?;
        let published_at = Utc::now();
        let unfinished = self.volume.root().join(VERSIONS).join(format!(
            "{UNFINISHED}{}-{}",
            process::id(),
            published_at.format("%Y%m%dT%H%M%S%fZ")
        ));
        let stored = self.store_in(&unfinished, metadata, tables, published_at);
        if stored.is_err() {
            // The first error is the one to report; what stays is removed by the next writer.
            let _ = fs::remove_dir_all(&unfinished);
        }
        stored
    }

    fn store_in(
        &self,
        unfinished: &Path,
        metadata: &Metadata,
        tables: &EncodedTables<'_>,
        published_at: chrono::DateTime<Utc>,
    ) -> Result<VersionName, VolumeError> {
        make_folder(unfinished)?;
        let (songs, artists) = (tables.songs, tables.artists);
        let mut files = BTreeMap::from([
            write_table(unfinished, "songs.parquet", songs.len() as u64, |file| {
                song_tables::write_songs(songs, file)
            })?,
            write_table(unfinished, "artists.parquet", artists.len() as u64, |file| {
                song_tables::write_artists(artists, file)
            })?,
        ]);
        let rules = [
            ("rules.parquet", Some(&tables.rules)),
            ("artist_rules.parquet", Some(&tables.artist_rules)),
            ("longer_rules.parquet", tables.longer_rules.as_ref()),
        ];
        for (name, rules) in rules {
            if let Some(rules) = rules {
                let (name, digest) = write_table(unfinished, name, rules.len(), |mut file| {
                    file.write_all(&rules.bytes)?;
                    Ok(file)
                })?;
                files.insert(name, digest);
            }
        }

        let manifest = Manifest { format: FORMAT, published_at, metadata: metadata.clone(), files };
        let path = unfinished.join(MANIFEST);
        let mut json = match serde_json::to_vec_pretty(&manifest) {
            Ok(json) => json,
            Err(source) => return Err(VolumeError::BadManifest { path, source }),
        };
        json.push(b'\n');
        write_file(&path, &json)?;
        sync_folder(unfinished)?;

        let version = VersionName::new(published_at, &sha256(&json));
        let folder = self.volume.folder(&version);
        rename(unfinished, &folder)?;
        sync_folder(&self.volume.root().join(VERSIONS))?;
        Ok(version)
    }

    /// Makes `CURRENT` name `version`, as a training run does. The hold on its key, if there is one, ends.
    ///
    /// # Errors
    ///
    /// If the version is not there, was refused, or is damaged, or the volume cannot be written. `CURRENT` is then as before.
    pub fn put_in_service(&self, version: &VersionName) -> Result<(), VolumeError> {
        let manifest = self.accepted(version)?;
        let before = self.volume.current().ok().flatten();
        let line = before.as_ref().map(|before| format!("{before}\n"));
        let path = self.volume.root().join(LAST_PUBLISHED);
        // A run that is killed between the three steps must not look like a roll-back by hand.
        self.replace(&path, &format!("{version}\n{}", line.unwrap_or_default()))?;
        self.replace(&self.volume.root().join(CURRENT), &format!("{version}\n"))?;
        self.replace(&path, &format!("{version}\n"))?;
        self.replaced.replace(before);
        // In the end, so that the hold stays if this fails. The next writer ends it if this one is killed.
        self.release(&manifest.metadata.key)
    }

    /// Makes `CURRENT` name `version`, as a person does. Leaves a hold on the key of the version in service before, so that no training
    /// run brings it back by itself; the hold on the key of `version`, if there is one, ends.
    ///
    /// # Errors
    ///
    /// If the version is not there, was refused, or is damaged, or the volume cannot be written. `CURRENT` is then as before.
    pub fn roll_back(&self, version: &VersionName) -> Result<(), VolumeError> {
        let manifest = self.accepted(version)?;
        let before = self.volume.current().ok().flatten().filter(|before| before != version);
        if let Some(before) = before {
            self.put_hold(&before)?;
        }
        self.replace(&self.volume.root().join(CURRENT), &format!("{version}\n"))?;
        self.replace(&self.volume.root().join(LAST_PUBLISHED), &format!("{version}\n"))?;
        self.release(&manifest.metadata.key)
    }

    /// The version that was rolled back from, if there is a hold on `key`. It may have been removed since.
    ///
    /// # Errors
    ///
    /// If the hold cannot be read or does not name a version.
    pub fn hold(&self, key: &str) -> Result<Option<VersionName>, VolumeError> {
        let Some(path) = self.hold_path(key) else {
            return Ok(None);
        };
        match read_lines(&path)?.map(|lines| lines.into_iter().next()) {
            None => Ok(None),
            Some(Some(version)) => Ok(Some(version)),
            Some(None) => Err(VolumeError::BadHold { path }),
        }
    }

    /// Ends the hold on `key`; does nothing when there is none.
    ///
    /// # Errors
    ///
    /// If the hold cannot be removed.
    pub fn release(&self, key: &str) -> Result<(), VolumeError> {
        let Some(path) = self.hold_path(key) else {
            return Ok(());
        };
        match fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(VolumeError::Io { action: "remove", path, source })
            }
            _ => Ok(()),
        }
    }

    /// Removes all versions but the one in service and the `keep` latest of the others; returns what was removed. What this writer has replaced
    /// counts as the latest: it may be an old one that was put back, readers may still be loading it, and it is the one to go back to.
    ///
    /// # Errors
    ///
    /// If `CURRENT` cannot be read, so that it is not known which version is in service, or a version cannot be removed.
    pub fn prune(&self, keep: usize) -> Result<Vec<VersionName>, VolumeError> {
        let current = self.volume.current()?;
        let mut removed = Vec::new();
        let versions = self.volume.versions()?.into_iter().map(|(name, _)| name);
        let mut others: Vec<_> = versions.filter(|version| current.as_ref() != Some(version)).collect();
        let replaced = self.replaced.borrow();
        // Stable: the others stay in order.
        others.sort_by_key(|version| replaced.as_ref() != Some(version));
        for version in others.into_iter().skip(keep) {
            // A reader sees the version whole or not at all.
            let unfinished = self.volume.root().join(VERSIONS).join(format!("{UNFINISHED}{version}"));
            rename(&self.volume.folder(&version), &unfinished)?;
            remove(&unfinished)?;
            removed.push(version);
        }
        Ok(removed)
    }

    /// The manifest of a version that may be put in service.
    fn accepted(&self, version: &VersionName) -> Result<Manifest, VolumeError> {
        let manifest = self.volume.verify(version)?;
        match &manifest.metadata.refusal {
            None => Ok(manifest),
            Some(reason) => Err(VolumeError::Refused { version: version.clone(), reason: reason.clone() }),
        }
    }

    /// Writes the hold that says that `version` was rolled back from.
    fn put_hold(&self, version: &VersionName) -> Result<(), VolumeError> {
        // A version whose key cannot be read cannot be asked for again either.
        let Ok(manifest) = self.volume.manifest(version) else {
            return Ok(());
        };
        let Some(path) = self.hold_path(&manifest.metadata.key) else {
            return Ok(());
        };
        make_folder(&self.volume.root().join(HOLDS))?;
        self.replace(&path, &format!("{version}\n"))
    }

    /// Where a hold on `key` is. `None` for what is not the name of a file: no training has such a key, but a manifest that says so must not
    /// reach other files.
    fn hold_path(&self, key: &str) -> Option<PathBuf> {
        let is_name = !matches!(key, "" | "." | "..") && key.len() <= 255 && !key.contains(['/', '\\', '\0']);
        is_name.then(|| self.volume.root().join(HOLDS).join(key))
    }

    /// Leaves the hold that a person did not leave who wrote `CURRENT` without [`roll_back`](Self::roll_back).
    fn note_roll_back_by_hand(&self) -> Result<(), VolumeError> {
        let Ok(Some(current)) = self.volume.current() else {
            return Ok(());
        };
        let last_published = self.volume.root().join(LAST_PUBLISHED);
        let lines = read_lines(&last_published)?.unwrap_or_default();
        if !lines.contains(&current) {
            // Of two lines, either version may have been the one in service: a hold too many is told of, one too few undoes the roll-back.
            for last in &lines {
                self.put_hold(last)?;
            }
        }
        if lines != [current.clone()] {
            self.replace(&last_published, &format!("{current}\n"))?;
        }
        // Who brought the version back themselves has told otherwise.
        match self.volume.manifest(&current) {
            Ok(manifest) => self.release(&manifest.metadata.key),
            Err(_) => Ok(()),
        }
    }

    /// Replaces a small file whole or not at all.
    fn replace(&self, path: &Path, contents: &str) -> Result<(), VolumeError> {
        let unfinished = self.volume.root().join(format!("{UNFINISHED}{}", process::id()));
        let replaced = write_file(&unfinished, contents.as_bytes()).and_then(|()| rename(&unfinished, path));
        match replaced {
            Ok(()) => sync_folder(path.parent().unwrap_or(self.volume.root())),
            Err(error) => {
                let _ = fs::remove_file(&unfinished);
                Err(error)
            }
        }
    }

    fn remove_unfinished(&self) -> Result<(), VolumeError> {
        for folder in [self.volume.root().to_owned(), self.volume.root().join(VERSIONS)] {
            let error = |source| VolumeError::Io { action: "list", path: folder.clone(), source };
            for entry in fs::read_dir(&folder).map_err(error)? {
                let entry = entry.map_err(error)?;
                if entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
                    remove(&entry.path())?;
                }
            }
        }
        Ok(())
    }
}

fn lock(root: &Path, wait: Duration) -> Result<File, VolumeError> {
    let path = root.join(LOCK);
    let file = match File::options().create(true).truncate(false).write(true).open(&path) {
        Ok(file) => file,
        Err(source) => return Err(VolumeError::Io { action: "open", path, source }),
    };
    let begin = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            // A file system without locks, as some network volumes are: each step is atomic by itself.
            Err(TryLockError::Error(error)) if is_unsupported(&error) => return Ok(file),
            Err(TryLockError::Error(source)) => return Err(VolumeError::Io { action: "lock", path, source }),
            Err(TryLockError::WouldBlock) if begin.elapsed() < wait => thread::sleep(LOCK_POLL),
            Err(TryLockError::WouldBlock) => {
                return Err(VolumeError::Busy { root: root.to_owned(), lock: path, seconds: wait.as_secs() });
            }
        }
    }
}

/// EINVAL (22) and ENOTSUP (95) from a file system that cannot do what was asked; ENOLCK (37) from one without a lock server.
fn is_unsupported(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Unsupported || matches!(error.raw_os_error(), Some(22 | 37 | 95))
}

/// Makes a folder that all may read, whatever the umask; one that is there stays as it is.
fn make_folder(path: &Path) -> Result<(), VolumeError> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path).and_then(|()| set_mode(path, 0o755)).map_err(|source| VolumeError::Io {
        action: "create",
        path: path.to_owned(),
        source,
    })
}

/// Writes a file that all may read, whatever the umask, and waits until it is on the disk.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), VolumeError> {
    let write = || {
        let mut file = File::create(path)?;
        file.write_all(bytes)?;
        finish_file(&file, path)
    };
    write().map_err(|source| VolumeError::Io { action: "write", path: path.to_owned(), source })
}

/// Writes a file of a version as [`write_file`] does, piece by piece; returns its entry for the manifest.
fn write_table(
    folder: &Path,
    name: &str,
    rows: u64,
    write: impl FnOnce(Digesting<File>) -> parquet::errors::Result<Digesting<File>>,
) -> Result<(String, FileDigest), VolumeError> {
    let path = folder.join(name);
    let io_error = |source| VolumeError::Io { action: "write", path: path.clone(), source };
    let file = Digesting::new(File::create(&path).map_err(io_error)?);
    let file = write(file).map_err(|error| match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => io_error(*source),
            Err(source) => {
                VolumeError::BadTable { path: path.clone(), source: ParquetError::External(source) }
            }
        },
        source => VolumeError::BadTable { path: path.clone(), source },
    })?;
    let (file, bytes, sha256) = file.finish();
    finish_file(&file, &path).map_err(io_error)?;
    Ok((name.to_owned(), FileDigest { bytes, sha256, rows }))
}

fn finish_file(file: &File, path: &Path) -> io::Result<()> {
    set_mode(path, 0o644)?;
    file.sync_all()
}

fn inconsistent(source: InvalidTable) -> VolumeError {
    VolumeError::Inconsistent { version: String::new(), source }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

#[cfg(not(unix))]
fn set_mode(_path: &Path, _mode: u32) -> io::Result<()> {
    Ok(())
}

/// Waits until the names in a folder are on the disk. Some file systems cannot do that for folders, and say so with EINVAL or ENOTSUP.
fn sync_folder(path: &Path) -> Result<(), VolumeError> {
    match File::open(path).and_then(|folder| folder.sync_all()) {
        Err(source) if !matches!(source.raw_os_error(), Some(22 | 95)) => {
            Err(VolumeError::Io { action: "sync", path: path.to_owned(), source })
        }
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<(), VolumeError> {
    fs::rename(from, to).map_err(|source| VolumeError::Io { action: "replace", path: to.to_owned(), source })
}

/// Removes a file or folder; that another writer has done so is no error.
fn remove(path: &Path) -> Result<(), VolumeError> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(source) if source.kind() != io::ErrorKind::NotFound => {
            Err(VolumeError::Io { action: "remove", path: PathBuf::from(path), source })
        }
        _ => Ok(()),
    }
}

/// The versions that a file names, one a line, whatever else it holds; `None` when it is not there.
fn read_lines(path: &Path) -> Result<Option<Vec<VersionName>>, VolumeError> {
    match read_at_most(path, MAX_CURRENT_BYTES) {
        Ok(bytes) => {
            let lines = String::from_utf8_lossy(&bytes);
            Ok(Some(lines.lines().filter_map(|line| line.parse().ok()).collect()))
        }
        Err(source) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(VolumeError::Io { action: "read", path: path.to_owned(), source }),
    }
}
