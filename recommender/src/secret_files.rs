//! Certificates, keys and tokens: read from files, and read again when the files change.
//!
//! Nothing here shows what the files hold: not in errors, not in logs, not in `Debug`.

use std::{
    error::Error,
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tokio::{
    sync::watch,
    task,
    time::{self, MissedTickBehavior},
};

/// The largest file that is read, in bytes. A secret of Kubernetes is no larger.
const MAX_SIZE: u64 = 1 << 20;

/// The longest time between two looks at the files, however seldom the volume is looked at.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Why a file with a secret cannot be used. The message names the file and never repeats what it holds.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The file does not hold what it should.
    #[error("`{}` {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what to do.
        reason: String,
    },
}

/// What a file held.
#[derive(PartialEq)]
pub(crate) struct SecretFile {
    path: PathBuf,
    bytes: Vec<u8>,
}

impl SecretFile {
    /// Reads a regular file, or one that symbolic links lead to.
    pub(crate) fn read(path: &Path) -> Result<Self, SecretError> {
        let unreadable = |source| SecretError::Unreadable { path: path.to_owned(), source };
        // To open a pipe would wait for somebody to write into it.
        if !fs::metadata(path).map_err(unreadable)?.is_file() {
            return Err(SecretError::Unusable { path: path.to_owned(), reason: "is not a file".to_owned() });
        }
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_SIZE + 1).read_to_end(&mut bytes))
            .map_err(unreadable)?;
        let file = SecretFile { path: path.to_owned(), bytes };
        if file.bytes.len() as u64 > MAX_SIZE {
            return Err(file.unusable("is larger than 1 MiB"));
        }
        Ok(file)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The error that the file is not what it should be. `reason` must not repeat what it holds.
    pub(crate) fn unusable(&self, reason: impl Into<String>) -> SecretError {
        SecretError::Unusable { path: self.path.clone(), reason: reason.into() }
    }
}

/// Something that is made of files.
pub(crate) trait Secret: Sized + Send + Sync + 'static {
    /// What logs and metrics call the files.
    const FILES: &'static str;
    /// Where the files are.
    type Paths: Clone + Send + 'static;
    /// What they hold.
    type Contents: PartialEq + Send + Sync + 'static;

    fn read(paths: &Self::Paths) -> Result<Self::Contents, SecretError>;

    fn parse(contents: &Self::Contents) -> Result<Self, SecretError>;
}

/// The secret of some files, which is replaced when they change.
pub(crate) struct Watched<S: Secret> {
    paths: S::Paths,
    contents: Arc<S::Contents>,
    current: watch::Sender<Arc<S>>,
}

impl<S: Secret> Watched<S> {
    /// Reads the files for the first time, when nothing can stand in for them.
    pub(crate) fn open(paths: &S::Paths) -> Result<Self, SecretError> {
        let contents = S::read(paths)?;
        let secret = S::parse(&contents)?;
        Ok(Watched {
            paths: paths.clone(),
            contents: Arc::new(contents),
            current: watch::Sender::new(Arc::new(secret)),
        })
    }

    /// Where the secret of the moment can be had.
    pub(crate) fn current(&self) -> Current<S> {
        Current(self.current.subscribe())
    }

    /// Looks at the files every `pause`, or more often, for ever. What they hold is compared, because their dates tell
    /// little where a volume is replaced by a symbolic link. Files that cannot be used leave the secret as it is; that is
    /// counted at each look, and logged when it is news.
    pub(crate) async fn follow(mut self, pause: Duration, reloads: Reloads) {
        let files = S::FILES;
        let mut told = None;
        let mut ticks = time::interval(pause.min(LONGEST_PAUSE));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let (paths, before) = (self.paths.clone(), Arc::clone(&self.contents));
            match task::spawn_blocking(move || look::<S>(&paths, &before)).await {
                Ok(Ok(None)) => told = None,
                Ok(Ok(Some((contents, secret)))) => {
                    self.contents = Arc::new(contents);
                    self.current.send_replace(Arc::new(secret));
                    told = None;
                    reloads.count(files, "reloaded");
                    tracing::info!(files, "the files changed and were read again");
                }
                Ok(Err(error)) => {
                    reloads.count(files, "failed");
                    let error = chain(&error);
                    if told.as_ref() != Some(&error) {
                        tracing::error!(
                            files,
                            error,
                            "the files changed and cannot be used; what they held before stays"
                        );
                        told = Some(error);
                    }
                }
                // The panic itself is on standard error already.
                Err(_panic) => reloads.count(files, "failed"),
            }
        }
    }
}

/// What the files hold now, unless it is what they held before.
fn look<S: Secret>(paths: &S::Paths, before: &S::Contents) -> Result<Option<(S::Contents, S)>, SecretError> {
    let contents = S::read(paths)?;
    if contents == *before {
        return Ok(None);
    }
    let secret = S::parse(&contents)?;
    Ok(Some((contents, secret)))
}

fn chain(error: &SecretError) -> String {
    match error.source() {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Where the secret of the moment can be had.
pub(crate) struct Current<S>(watch::Receiver<Arc<S>>);

impl<S> Current<S> {
    /// The secret of the moment. It stays whole when the files change.
    pub(crate) fn get(&self) -> Arc<S> {
        Arc::clone(&self.0.borrow())
    }
}

impl<S> Clone for Current<S> {
    fn clone(&self) -> Self {
        Current(self.0.clone())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ReloadLabels {
    files: &'static str,
    outcome: &'static str,
}

/// Counts how files were read again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reloads(Family<ReloadLabels, Counter>);

impl Reloads {
    pub(crate) fn register(&self, registry: &mut Registry) {
        registry.register(
            "secret_reloads",
            "Looks at files with secrets that found them changed or unusable, by files and outcome",
            self.0.clone(),
        );
    }

    /// Shows the counters of a secret that is watched as 0 instead of absent.
    pub(crate) fn expect<S: Secret>(&self, _watched: &Watched<S>) {
        for outcome in ["reloaded", "failed"] {
            let _ = self.0.get_or_create(&ReloadLabels { files: S::FILES, outcome });
        }
    }

    fn count(&self, files: &'static str, outcome: &'static str) {
        self.0.get_or_create(&ReloadLabels { files, outcome }).inc();
    }
}
