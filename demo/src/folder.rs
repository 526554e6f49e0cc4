use std::{
    fs, io,
    path::{self, Path, PathBuf},
};

use anyhow::{Context as _, bail};
use tempfile::TempDir;

/// Where the demo keeps its files: a folder of the user's, or a temporary one that goes with this value.
pub(crate) struct Folder {
    path: PathBuf,
    _temporary: Option<TempDir>,
}

impl Folder {
    /// Makes the folder and writes the sample data to it.
    pub(crate) fn new(dir: Option<&Path>) -> anyhow::Result<Self> {
        let folder = match dir {
            Some(dir) => {
                // The commands that the demo shows shall work in any folder.
                let path = path::absolute(dir).with_context(|| format!("cannot find `{}`", dir.display()))?;
                fs::create_dir_all(&path).with_context(|| format!("cannot make `{}`", path.display()))?;
                Folder { path, _temporary: None }
            }
            None => {
                let temporary = tempfile::Builder::new()
                    .prefix("playlist-demo-")
                    .tempdir()
                    .context("cannot make a temporary folder; name another one with `--dir`")?;
                Folder { path: temporary.path().to_owned(), _temporary: Some(temporary) }
            }
        };
        write(&folder.dataset(), include_str!("../sample/playlists.csv"))?;
        write(&folder.update(), include_str!("../sample/playlists-update.csv"))?;
        Ok(folder)
    }

    /// The dataset that the demo trains.
    pub(crate) fn dataset(&self) -> PathBuf {
        self.path.join("playlists.csv")
    }

    /// The same some time later.
    pub(crate) fn update(&self) -> PathBuf {
        self.path.join("playlists-update.csv")
    }

    /// The volume with the models.
    pub(crate) fn volume(&self) -> PathBuf {
        self.path.join("volume")
    }
}

/// Writes a file of the sample, but does not take the place of another file of that name.
fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    match fs::read(path) {
        Ok(found) if found == text.as_bytes() => return Ok(()),
        Ok(_) => {
            bail!("`{}` is there and is not the sample; remove it or name another folder", path.display())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error).with_context(|| format!("cannot read `{}`", path.display())),
    }
    fs::write(path, text).with_context(|| format!("cannot write `{}`", path.display()))
}
