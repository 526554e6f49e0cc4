use std::sync::Arc;

use arc_swap::ArcSwapOption;
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

/// The model in service, replaced while requests read it, and how the last look for another one ended.
///
/// A request takes one [`snapshot`](Self::snapshot) and answers from that alone. Replacing the model is one store of a
/// pointer: readers neither wait nor see a half.
#[derive(Debug, Default)]
pub(crate) struct LiveModel {
    in_service: ArcSwapOption<InService>,
    last_refresh: ArcSwapOption<Refresh>,
    /// Counts the swaps, to wake those who watch.
    swaps: watch::Sender<u64>,
}

impl LiveModel {
    /// The model in service; `None` until the first one is there, never again afterwards.
    pub(crate) fn snapshot(&self) -> Option<Arc<InService>> {
        self.in_service.load_full()
    }

    /// How the last look for another version ended; `None` before the first.
    pub(crate) fn last_refresh(&self) -> Option<Arc<Refresh>> {
        self.last_refresh.load_full()
    }

    /// Puts `model` in service and returns the one before. Tells the watchers last, so that they see it all.
    pub(crate) fn replace(&self, model: ServedModel, refresh: Refresh) -> Option<Arc<InService>> {
        let loaded_at = refresh.date;
        let before = self.in_service.swap(Some(Arc::new(InService { model, loaded_at })));
        self.note(refresh);
        self.swaps.send_modify(|swaps| *swaps += 1);
        before
    }

    /// Notes a look that brought no other model.
    pub(crate) fn note(&self, refresh: Refresh) {
        self.last_refresh.store(Some(Arc::new(refresh)));
    }

    /// Changes whenever another model has come into service.
    pub(crate) fn watch(&self) -> watch::Receiver<u64> {
        self.swaps.subscribe()
    }
}
