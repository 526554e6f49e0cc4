use std::sync::Arc;

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use model::VersionName;
use tokio::sync::watch;

use crate::ServedModel;

/// A model in service, and since when.
#[derive(Debug)]
pub(crate) struct InService {
    pub(crate) model: ServedModel,
    /// When this replica brought it into service.
    pub(crate) loaded_at: DateTime<Utc>,
}

/// One look for another model version.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Refresh {
    /// When it ended.
    pub(crate) date: DateTime<Utc>,
    /// The version that the volume names.
    pub(crate) version: Option<VersionName>,
    pub(crate) outcome: RefreshOutcome,
}

/// How a look for another model version ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RefreshOutcome {
    /// The volume names the version in service.
    Unchanged,
    /// Another version came into service.
    Swapped,
    /// No version was ever put in service on the volume.
    NothingPublished,
    /// The model in service stays, for this reason, which may be shown to clients.
    Failed(String),
}

/// What is so at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Moment {
    /// The model in service; `None` until the first one is there, never again afterwards.
    pub(crate) in_service: Option<Arc<InService>>,
    /// How the last look for another version ended; `None` before the first.
    pub(crate) last_refresh: Option<Refresh>,
}

/// The model in service, replaced while requests read it, and how the last look for another one ended.
///
/// A request takes one [`snapshot`](Self::snapshot) and answers from that alone. Replacing the model is one store of a
/// pointer: readers neither wait nor see a half. Only one task writes, see [`Refresher`](crate::refresh::Refresher).
#[derive(Debug, Default)]
pub(crate) struct LiveModel {
    now: ArcSwap<Moment>,
    /// Counts the swaps, to wake those who watch.
    swaps: watch::Sender<u64>,
}

impl LiveModel {
    /// The model in service, if there is one.
    pub(crate) fn snapshot(&self) -> Option<Arc<InService>> {
        self.now.load().in_service.clone()
    }

    /// The model in service and the last look for another one, which do not contradict each other.
    pub(crate) fn now(&self) -> Arc<Moment> {
        self.now.load_full()
    }

    /// How the last look for another version ended, if there was one.
    pub(crate) fn last_refresh(&self) -> Option<Refresh> {
        self.now.load().last_refresh.clone()
    }

    /// Puts `model` in service and returns the one before. Tells the watchers last, so that they see it all.
    pub(crate) fn replace(&self, model: ServedModel, refresh: Refresh) -> Option<Arc<InService>> {
        let in_service = Some(Arc::new(InService { model, loaded_at: refresh.date }));
        let before = self.now.swap(Arc::new(Moment { in_service, last_refresh: Some(refresh) }));
        self.swaps.send_modify(|swaps| *swaps += 1);
        before.in_service.clone()
    }

    /// Notes a look that brought no other model.
    pub(crate) fn note(&self, refresh: Refresh) {
        let in_service = self.snapshot();
        self.now.store(Arc::new(Moment { in_service, last_refresh: Some(refresh) }));
    }

    /// Changes whenever another model has come into service.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.swaps.subscribe()
    }
}
