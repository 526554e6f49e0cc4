//! Follows the volume: looks at `CURRENT` again and again, and puts the version that it names in service.

use std::{error::Error, path::Path, sync::Arc, time::Duration};

use chrono::Utc;
use model::{VersionName, Volume, VolumeError};
use tokio::time::{self, Instant, MissedTickBehavior};

use crate::{
    ServedModel,
    background::{self, BackgroundError, Priority, WhenIdle},
    live_model::{InService, LiveModel, Refresh, RefreshOutcome},
    metrics::Metrics,
    telemetry::Trace,
};

/// The longest wait before a version that was rejected is tried again, by which time a copy may be complete.
const MAX_BACK_OFF: Duration = Duration::from_secs(30);

/// After this time a volume that does not answer is told as a failure; a local disk needs microseconds.
const UNRESPONSIVE_AFTER: Duration = Duration::from_secs(10);

/// After this time so is a version that is still being loaded; ten million rules need seconds.
const SLOW_LOAD_AFTER: Duration = Duration::from_secs(60);

/// So long may a load wait for a processor that others leave. On a host that is half busy it waits for a second.
const STARVED_AFTER: Duration = Duration::from_secs(5);

/// Follows one volume. The model in service stays whenever anything fails.
pub(crate) struct Refresher {
    volume: Volume,
    live: Arc<LiveModel>,
    metrics: Arc<Metrics>,
    poll_interval: Duration,
    when_idle: WhenIdle,
    rejected: Option<Rejected>,
}

/// The version that could not be brought into service the last time it was tried.
struct Rejected {
    version: VersionName,
    reason: String,
    attempts: u32,
    try_again_at: Instant,
}

impl Refresher {
    pub(crate) fn new(
        volume: Volume,
        live: Arc<LiveModel>,
        metrics: Arc<Metrics>,
        poll_interval: Duration,
    ) -> Self {
        let when_idle = WhenIdle::new(STARVED_AFTER);
        Refresher { volume, live, metrics, poll_interval, when_idle, rejected: None }
    }

    /// Looks at the volume at once and then every `poll_interval`, for ever.
    pub(crate) async fn run(mut self) {
        let mut ticks = time::interval(self.poll_interval);
        // After a long load, the next look comes one interval later and not at once.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            self.refresh_once().await;
        }
    }

    /// Looks at the volume once, and swaps the model if the volume names another version: a roll-back is another version,
    /// too. How it ended is noted in the [`LiveModel`], the metrics and, when it is news, the log.
    async fn refresh_once(&mut self) {
        match self.current().await {
            Ok(Some(version)) => self.follow(version).await,
            Ok(None) if self.live.snapshot().is_none() => {
                self.rejected = None;
                self.note(None, RefreshOutcome::NothingPublished);
            }
            // A volume that blinks must not look like one that was never used.
            Ok(None) => {
                let failure = Failure::new(
                    "the volume has no `CURRENT` any more; restore the volume, or write the name of a version into `CURRENT`",
                );
                self.fail(None, failure);
            }
            Err(failure) => {
                self.fail(None, failure);
            }
        }
    }

    async fn follow(&mut self, version: VersionName) {
        let in_service = self.live.snapshot();
        if in_service.is_some_and(|in_service| *in_service.model.version() == version) {
            self.rejected = None;
            return self.note(Some(version), RefreshOutcome::Unchanged);
        }
        // Only this name has to wait: another one in CURRENT is tried at once.
        let attempts = match &self.rejected {
            Some(rejected) if rejected.version == version => {
                if Instant::now() < rejected.try_again_at {
                    let reason = rejected.reason.clone();
                    return self.note(Some(version), RefreshOutcome::Failed(reason));
                }
                rejected.attempts
            }
            _ => 0,
        };

        let started = Instant::now();
        let trace = Trace::of_refresh(version.as_str());
        match self.load(&version, &trace).await {
            Ok(model) => {
                self.rejected = None;
                self.metrics.model_loaded(started.elapsed());
                let metadata = model.manifest().metadata.clone();
                let refresh = refresh(Some(version.clone()), RefreshOutcome::Swapped);
                self.metrics.refreshed(&refresh);
                let before = trace.stage("swap", || self.live.replace(model, refresh));
                trace.end_refresh(None);
                tracing::info!(
                    %version,
                    seconds = started.elapsed().as_secs_f64(),
                    songs = metadata.dataset.songs,
                    rules = metadata.counts.rules,
                    artist_rules = metadata.counts.artist_rules,
                    trained_at = %metadata.trained_at,
                    "model in service"
                );
                if let Some(before) = before {
                    discard(before).await;
                }
            }
            Err(failure) => {
                let reason = self.fail(Some(version.clone()), failure);
                trace.end_refresh(Some(&reason));
                self.rejected = Some(Rejected {
                    version,
                    reason,
                    attempts: attempts.saturating_add(1),
                    try_again_at: Instant::now() + back_off(self.poll_interval, attempts),
                });
            }
        }
    }

    /// What `CURRENT` names.
    async fn current(&self) -> Result<Option<VersionName>, Failure> {
        let volume = self.volume.clone();
        let answer = async { self.result(background::run(Priority::Low, move || volume.current()).await) };
        let waiting = "the volume does not answer; check the storage behind it";
        self.wait_for(answer, UNRESPONSIVE_AFTER, None, waiting).await
    }

    async fn load(&self, version: &VersionName, trace: &Trace) -> Result<ServedModel, Failure> {
        let (volume, wanted, trace) = (self.volume.clone(), version.clone(), trace.clone());
        let work = move || {
            let loaded = trace.stage("load", || volume.load(&wanted))?;
            let model = trace.stage("index", || ServedModel::build(loaded));
            trace.stage("warm up", || model.warm_up());
            Ok::<_, VolumeError>(model)
        };
        let model = async {
            // Before the first model there is nobody to disturb.
            let model = match self.live.snapshot() {
                None => background::run(Priority::Same, work).await,
                Some(_) => self.when_idle.run(work).await,
            };
            self.result(model)
        };
        let waiting = "the version takes long to load; check the storage behind the volume";
        self.wait_for(model, SLOW_LOAD_AFTER, Some(version), waiting).await
    }

    /// Waits for what the volume answers. When that takes longer than `patience`, tells `waiting` as a failure and goes on
    /// waiting: another try would only block another thread.
    async fn wait_for<T>(
        &self,
        answer: impl Future<Output = Result<T, Failure>>,
        patience: Duration,
        version: Option<&VersionName>,
        waiting: &str,
    ) -> Result<T, Failure> {
        let mut answer = std::pin::pin!(answer);
        loop {
            match time::timeout(patience, &mut answer).await {
                Ok(answer) => return answer,
                Err(_) => {
                    self.fail(version.cloned(), Failure::new(waiting));
                }
            }
        }
    }

    /// What came of work in the background. A panic in it is a failure as any other.
    fn result<T, E: Error>(&self, done: Result<Result<T, E>, BackgroundError>) -> Result<T, Failure> {
        match done {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(Failure::of(&error, self.volume.root())),
            Err(error) => Err(Failure {
                reason: "the recommender failed while it read the volume, which is a fault of its own; see its log".to_owned(),
                detail: error.to_string(),
            }),
        }
    }

    /// Notes a failure, logs it unless the look before failed alike, and returns the reason.
    fn fail(&self, version: Option<VersionName>, failure: Failure) -> String {
        let is_news = self.live.last_refresh().is_none_or(|last| {
            last.outcome != RefreshOutcome::Failed(failure.reason.clone()) || last.version != version
        });
        if is_news {
            let in_service = self.live.snapshot();
            tracing::warn!(
                wanted = version.as_ref().map(VersionName::as_str),
                in_service = in_service.as_ref().map(|it| it.model.version().as_str()),
                reason = failure.detail,
                "no other model came into service; trying again"
            );
        }
        self.note(version, RefreshOutcome::Failed(failure.reason.clone()));
        failure.reason
    }

    fn note(&self, version: Option<VersionName>, outcome: RefreshOutcome) {
        let failed_before =
            self.live.last_refresh().is_some_and(|last| matches!(last.outcome, RefreshOutcome::Failed(_)));
        if failed_before && !matches!(outcome, RefreshOutcome::Failed(_)) {
            tracing::info!("the failure before is over");
        }
        let refresh = refresh(version, outcome);
        self.metrics.refreshed(&refresh);
        self.live.note(refresh);
    }
}

fn refresh(version: Option<VersionName>, outcome: RefreshOutcome) -> Refresh {
    Refresh { date: Utc::now(), version, outcome }
}

/// The wait after `attempts` earlier failures: it doubles from the poll interval on.
fn back_off(poll_interval: Duration, attempts: u32) -> Duration {
    let factor = 2_u32.saturating_pow(attempts.min(16));
    poll_interval.saturating_mul(factor).min(MAX_BACK_OFF.max(poll_interval))
}

/// Frees a model that is no longer in service, which takes long, away from the threads that serve. The requests that still
/// read it end first, so that none of them has to free it.
async fn discard(before: Arc<InService>) {
    const PAUSE: Duration = Duration::from_millis(5);
    const MOST_PAUSES: u32 = 1_000;
    for _ in 0..MOST_PAUSES {
        if Arc::strong_count(&before) == 1 {
            break;
        }
        time::sleep(PAUSE).await;
    }
    // The one error is a panic in a destructor; there is nothing left to do about it.
    let _ = background::run(Priority::Low, move || drop(before)).await;
}

/// Why a look for another version failed.
struct Failure {
    /// For clients: paths begin at the volume.
    reason: String,
    /// For the log.
    detail: String,
}

impl Failure {
    fn new(reason: &str) -> Self {
        Failure { reason: reason.to_owned(), detail: reason.to_owned() }
    }

    fn of(error: &dyn Error, root: &Path) -> Self {
        let mut detail = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            detail.push_str(": ");
            detail.push_str(&cause.to_string());
            source = cause.source();
        }
        Failure { reason: relative_to_volume(&detail, root), detail }
    }
}

/// Shows paths as `<volume>/CURRENT`: where the volume is mounted is nobody's business but the operator's. Messages put paths
/// in backticks.
fn relative_to_volume(text: &str, root: &Path) -> String {
    let root = root.display().to_string();
    let root = root.trim_end_matches('/');
    text.replace(&format!("`{root}/"), "`<volume>/").replace(&format!("`{root}`"), "`<volume>`")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn refresher(volume: &Path) -> Refresher {
        let live = Arc::new(LiveModel::default());
        let metrics = Arc::new(Metrics::new(Arc::clone(&live)));
        Refresher::new(Volume::new(volume), live, metrics, Duration::from_secs(1))
    }

    #[tokio::test]
    async fn a_panic_while_loading_is_a_failure() {
        let refresher = refresher(Path::new("/volume"));
        let done =
            background::run(Priority::Low, || -> Result<(), io::Error> { panic!("out of cheese") }).await;
        let failure = refresher.result(done).err().unwrap();
        assert!(failure.detail.contains("panicked"), "{}", failure.detail);
    }

    #[tokio::test(start_paused = true)]
    async fn a_volume_that_does_not_answer_is_told_of_while_it_is_waited_for() {
        let refresher = refresher(Path::new("/volume"));
        let version: VersionName = "20260102T030405Z-0123456789abcdef".parse().unwrap();
        let late = async {
            time::sleep(Duration::from_secs(25)).await;
            let last = refresher.live.last_refresh().unwrap();
            assert_eq!(last.outcome, RefreshOutcome::Failed("waiting".to_owned()));
            assert_eq!(last.version.as_ref(), Some(&version));
            Ok(7)
        };
        let answer = refresher.wait_for(late, Duration::from_secs(10), Some(&version), "waiting").await;
        assert_eq!(answer.ok(), Some(7));
    }

    #[tokio::test]
    async fn reasons_do_not_tell_where_the_volume_is() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        for root in [missing.clone(), missing.join("")] {
            let mut refresher = refresher(&root);
            refresher.refresh_once().await;
            let last = refresher.live.last_refresh().unwrap();
            let RefreshOutcome::Failed(reason) = &last.outcome else { panic!("{last:?}") };
            assert!(reason.contains("`<volume>"), "{reason}");
            assert!(!reason.contains("missing"), "{reason}");
        }
    }

    #[test]
    fn a_rejected_version_waits_longer_each_time_and_never_longer_than_half_a_minute() {
        let waits = [0, 1, 2, 5, u32::MAX].map(|n| back_off(Duration::from_secs(1), n).as_secs());
        assert_eq!(waits, [1, 2, 4, 30, 30]);
        assert_eq!(back_off(Duration::from_secs(60), 3).as_secs(), 60);
    }
}
