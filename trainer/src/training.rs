use std::{
    error::Error,
    num::NonZeroU32,
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::Utc;
use model::{EncodedTables, Manifest, Metadata, Publication, TrainerBuild, VersionName, Volume, VolumeError};
use tracing::{error, info, warn};

use crate::{
    dataset::{Dataset, DatasetError, ReadOptions, read_dataset},
    ease::EaseError,
    evaluation::EvaluationReport,
    factors::FactorsError,
    gate::{Decision, decide},
    itemsets::MiningError,
    key::{key, parameters},
    location::Location,
    memory::MemoryError,
    mining::{evaluate_alone, mine},
    progress::Progress,
    stages::Stages,
    support::{MinConfidence, MinSupport},
    unchanged::unchanged_version,
};

/// How long a run waits for another that is publishing; a publication takes seconds.
const LOCK_WAIT: Duration = Duration::from_secs(300);

/// Pairs that met only once are as often chance as taste, and there are eight times as many as of those that met twice.
pub(crate) const DEFAULT_MIN_PAIR_COUNT: u32 = 2;
/// With 500 R-precision is 0.003 less for 5 and more seeds, with all rules there are another 10 to 40 % of them for nothing that could be
/// measured; see docs/quality.md.
pub(crate) const DEFAULT_MAX_RULES_PER_SONG: u32 = 1000;
/// Enough to go back some weeks of daily runs that found something new.
pub(crate) const DEFAULT_KEEP_VERSIONS: usize = 10;

/// What to train and where to publish it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The dataset.
    pub dataset: Location,
    /// How to read it.
    pub read: ReadOptions,
    /// The folder of the volume; an evaluation touches none.
    pub model_dir: PathBuf,
    /// The support of itemsets.
    pub min_support: MinSupport,
    /// The confidence of itemset rules.
    pub min_confidence: MinConfidence,
    /// Songs in an itemset; `None`: any number.
    pub max_length: Option<NonZeroU32>,
    /// Songs in the consequent of an itemset rule; with 1, rules recommend, and with more there are others besides, which are stored in a
    /// table of their own.
    pub max_consequent_length: NonZeroU32,
    /// Playlists in which two songs must meet for a one-song rule; `None`: no such rules, and none from artists.
    pub min_pair_count: Option<NonZeroU32>,
    /// One-song rules kept for a song or an artist; `None`: all.
    pub max_rules_per_song: Option<NonZeroU32>,
    /// Versions to keep besides the one in service.
    pub keep_versions: usize,
    /// Whether to train even if the volume knows the key.
    pub force: bool,
    /// Whether to put the model in service even if the gate finds it clearly worse than the one there.
    pub publish_anyway: bool,
}

impl Settings {
    /// The settings that `trainer` has without flags.
    pub fn new(dataset: Location, model_dir: impl Into<PathBuf>) -> Self {
        Settings {
            dataset,
            read: ReadOptions::default(),
            model_dir: model_dir.into(),
            min_support: MinSupport::default(),
            min_confidence: MinConfidence::default(),
            max_length: None,
            max_consequent_length: NonZeroU32::MIN,
            min_pair_count: NonZeroU32::new(DEFAULT_MIN_PAIR_COUNT),
            max_rules_per_song: NonZeroU32::new(DEFAULT_MAX_RULES_PER_SONG),
            keep_versions: DEFAULT_KEEP_VERSIONS,
            force: false,
            publish_anyway: false,
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What the run did.
    pub outcome: Outcome,
    /// The version that it is about.
    pub version: VersionName,
    /// The manifest of that version.
    pub manifest: Manifest,
    /// What the gate said, if the run trained.
    pub gate: Option<Decision>,
}

/// What a run did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Published a new version, which is in service.
    Published,
    /// Nothing: the version in service has the key.
    UpToDate,
    /// Put a stored version that has the key back in service.
    PutBack,
    /// Stored a version that the gate refused, for this reason, or found one that has the key; the version in service is as before.
    Refused(String),
    /// Nothing: the version that has the key was rolled back by hand.
    Held,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrainError {
    /// The dataset could not be read.
    #[error("could not read the dataset")]
    Dataset(#[from] DatasetError),
    /// The dataset could not be mined.
    #[error("could not mine the dataset")]
    Mining(#[from] MiningError),
    /// It could be mined if more memory might be used.
    #[error("could not mine the dataset with the memory that `--max-memory` leaves")]
    MiningInMemory(#[source] MiningError),
    /// It would use more memory than it may.
    #[error("could not train within the memory")]
    Memory(#[from] MemoryError),
    /// The version that has the key was rolled back by hand, and cannot be read any more.
    #[error(
        "nothing done: version `{version}`, which has this dataset and these parameters, was rolled back by hand, \
         and cannot be read any more; `--force` trains it again"
    )]
    HeldVersionLost {
        /// The version.
        version: VersionName,
        /// Why it cannot be read.
        source: VolumeError,
    },
    /// The weights of rules between common songs could not be learned.
    #[error("could not learn the weights of the rules")]
    Ease(#[from] EaseError),
    /// The latent factors of the songs could not be found.
    #[error("could not find the latent factors of the songs")]
    Factors(#[from] FactorsError),
    /// What is measured are one-song and artist rules, and there shall be none.
    #[error("there is nothing to evaluate without one-song rules; leave `--min-pair-count 0` out")]
    NothingToEvaluate,
    /// The volume could not be read or written.
    #[error("could not publish")]
    Volume(#[from] VolumeError),
    /// What was mined is not a valid table: a fault of the trainer.
    #[error("the mined tables are not valid; please report this as a fault of the trainer")]
    Tables(#[from] model::InvalidTable),
}

/// Reads the dataset and publishes the model that it makes, unless the volume knows it already, or [the gate](decide) refuses it: then it
/// is stored with the reason and not put in service.
///
/// Mines on the threads of the current rayon pool. The same dataset bytes and parameters give the same tables on any number of
/// threads.
///
/// # Errors
///
/// If the dataset cannot be read, its itemsets are too many, or the volume cannot be written. The version in service is then as before.
pub fn train(settings: &Settings, progress: &Progress) -> Result<Report, TrainError> {
    let report = train_in_stages(settings, progress);
    progress.end();
    report
}

fn train_in_stages(settings: &Settings, progress: &Progress) -> Result<Report, TrainError> {
    let mut stages = Stages::default();
    let volume = Volume::new(&settings.model_dir);
    // A volume that cannot be written should be known before the work is done, not after.
    drop(volume.publication(LOCK_WAIT)?);

    if !settings.force {
        let key = |facts: &model::Dataset| key(facts, &parameters(settings, facts));
        let unchanged = unchanged_version(&volume, &settings.dataset, &settings.read.policy, key);
        if let Some(report) = unchanged.and_then(|(version, manifest)| up_to_date(&volume, version, manifest))
        {
            return Ok(report);
        }
    }

    progress.stage("read");
    let begin = Instant::now();
    let dataset = read_dataset(&settings.dataset, &settings.read, progress)?;
    stages.add("read", begin, dataset.facts.rows);
    report_dataset(&dataset);

    let parameters = parameters(settings, &dataset.facts);
    let key = key(&dataset.facts, &parameters);
    if !settings.force {
        let publication = volume.publication(LOCK_WAIT)?;
        if let Some(report) = reuse(settings, &volume, &publication, &key)? {
            return Ok(report);
        }
    }

    let found = mine(settings, &dataset, parameters.min_support_count, progress, &mut stages)?;
    let tables = EncodedTables {
        songs: &dataset.songs,
        artists: &dataset.artists,
        rules: found.rules,
        artist_rules: found.artist_rules,
        longer_rules: found.longer_rules,
    };
    let mut metadata = Metadata {
        trained_at: Utc::now(),
        key,
        trainer: this_build(),
        dataset: dataset.facts.clone(),
        parameters,
        counts: found.counts,
        scoring: found.scoring,
        learning: found.learning,
        evaluation: found.evaluation,
        refusal: None,
        stages: stages.0,
    };

    progress.stage("publish");
    let publication = volume.publication(LOCK_WAIT)?;
    if !settings.force {
        // Another run with the same key may have been faster.
        if let Some(report) = reuse(settings, &volume, &publication, &metadata.key)? {
            return Ok(report);
        }
    }
    let gate = pass_gate(settings, &volume, &mut metadata);
    let version = publication.store_encoded(&metadata, &tables)?;
    let outcome = match metadata.refusal {
        Some(reason) => Outcome::Refused(reason),
        None => {
            publication.put_in_service(&version)?;
            Outcome::Published
        }
    };
    // Before old versions are removed: of these a refused one may be the first.
    let manifest = volume.manifest(&version)?;
    match publication.prune(settings.keep_versions) {
        Ok(pruned) => {
            for version in pruned {
                info!(%version, "removed an old version");
            }
        }
        // The new version is stored all the same.
        Err(error) => warn!(error = &error as &dyn Error, "could not remove the old versions"),
    }
    Ok(Report { outcome, version, manifest, gate: Some(gate) })
}

/// Reads the dataset and measures the model that it makes, on playlists that are held out; publishes nothing and needs no volume.
///
/// # Errors
///
/// If the dataset cannot be read or needs too much memory, or if there are no one-song rules to measure.
pub fn evaluate_dataset(settings: &Settings, progress: &Progress) -> Result<EvaluationReport, TrainError> {
    let evaluate = || {
        progress.stage("read");
        let dataset = read_dataset(&settings.dataset, &settings.read, progress)?;
        report_dataset(&dataset);
        let evaluation = evaluate_alone(settings, &dataset, progress)?;
        Ok(EvaluationReport {
            evaluated_at: Utc::now(),
            trainer: this_build(),
            parameters: parameters(settings, &dataset.facts),
            dataset: dataset.facts,
            evaluation,
        })
    };
    let report = evaluate();
    progress.end();
    report
}

fn this_build() -> TrainerBuild {
    TrainerBuild { version: env!("CARGO_PKG_VERSION").to_owned(), revision: model::REVISION.to_owned() }
}

/// Asks the gate whether the model may replace the one in service, and notes in its manifest if it may not.
fn pass_gate(settings: &Settings, volume: &Volume, metadata: &mut Metadata) -> Decision {
    // Where `CURRENT` or what it names cannot be read there is nothing to compare with, and this run mends it.
    let published = volume.current().ok().flatten().and_then(|current| volume.manifest(&current).ok());
    let decision = decide(published.map(|manifest| manifest.metadata).as_ref(), metadata);
    match &decision {
        Decision::Accept(figures) => info!("the gate accepts the model: {figures}"),
        Decision::Abstain(why) => info!("the gate abstains: {why}"),
        Decision::Refuse(reason) if settings.publish_anyway => {
            warn!("published in spite of the gate, which refuses the model: {reason}");
        }
        Decision::Refuse(reason) => {
            error!("the gate refuses the model, which is stored and not put in service: {reason}");
            metadata.refusal = Some(reason.clone());
        }
    }
    decision
}

/// What a run does when the volume knows its key; `None` when it must train.
///
/// A refused version stays what it is, for a version never changes: to publish it anyway is to train it again, which makes the same tables.
fn reuse(
    settings: &Settings,
    volume: &Volume,
    publication: &Publication<'_>,
    key: &str,
) -> Result<Option<Report>, TrainError> {
    let report = |outcome, version, manifest| Some(Report { outcome, version, manifest, gate: None });
    // `CURRENT` may be unreadable: then no version is in service, and this run mends it.
    let current = volume.current().ok().flatten();
    if let Some(current) = current
        && let Ok(manifest) = volume.manifest(&current)
        && manifest.metadata.key == key
    {
        return Ok(up_to_date(volume, current, manifest));
    }
    if let Some(version) = publication.hold(key)? {
        return match volume.manifest(&version) {
            Ok(manifest) => Ok(report(Outcome::Held, version, manifest)),
            Err(source) => Err(TrainError::HeldVersionLost { version, source }),
        };
    }
    let known = volume.versions()?.into_iter().find_map(|(version, manifest)| {
        manifest.ok().filter(|manifest| manifest.metadata.key == key).map(|manifest| (version, manifest))
    });
    let Some((latest, manifest)) = known else {
        return Ok(None);
    };
    if let Some(refusal) = manifest.metadata.refusal.clone() {
        if settings.publish_anyway {
            return Ok(None);
        }
        warn!(version = %latest, "the gate has refused this version before: {refusal}");
        return Ok(report(Outcome::Refused(refusal), latest, manifest));
    }
    if let Err(error) = volume.verify(&latest) {
        warn!(version = %latest, %error, "the stored version is damaged; training it again");
        return Ok(None);
    }
    publication.put_in_service(&latest)?;
    Ok(report(Outcome::PutBack, latest, manifest))
}

/// There is nothing to do, as long as the version in service is whole; if it is not, `None`.
fn up_to_date(volume: &Volume, version: VersionName, manifest: Manifest) -> Option<Report> {
    match volume.verify(&version) {
        Ok(_) => Some(Report { outcome: Outcome::UpToDate, version, manifest, gate: None }),
        Err(error) => {
            warn!(%version, %error, "the version in service is damaged; training it again");
            None
        }
    }
}

fn report_dataset(dataset: &Dataset) {
    let facts = &dataset.facts;
    info!(
        rows = facts.rows,
        playlists = facts.playlists,
        songs = facts.songs,
        artists = facts.artists,
        "read the dataset"
    );
    if let Some(first) = &dataset.first_skipped {
        warn!(
            "{} of {} rows skipped, the first at line {}: {}",
            facts.skipped_rows, facts.rows, first.line, first.problem
        );
    }
}
