//! Which calls are taken: those that soon get their turn and whose messages fit into memory. The others are refused at once,
//! for an answer that comes late is of no use, and a queue without a bound makes all of them late.

use std::{
    num::NonZero,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    thread,
};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;

use crate::{
    methods::Method,
    metrics::Metrics,
    queue::{Queue, Queued},
    status,
};

/// Bytes that the messages of all calls may have together: requests that are being received, and answers that their clients
/// have not taken. The largest answers have some 10 MB.
const MAX_MESSAGE_BYTES: usize = 64 * 1024 * 1024;

/// Bytes of each message that are not counted, more than usual ones have: large messages must not get in the way of small ones,
/// whose number is bounded by that of the calls.
const UNCOUNTED_BYTES: usize = 8 * 1024;

/// Calls that may be in flight, most of which wait for their clients: each takes some kilobytes. Health checks may be so many more,
/// for the one who asks decides whether the replica lives.
const MAX_CALLS: usize = 16_384;
const MAX_CALLS_WITH_CHECKS: usize = MAX_CALLS + 1_024;

/// Large requests that may wait for a core, for each core.
const MAX_LARGE_REQUESTS_WAITING: usize = 8;

/// Why a call was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shed {
    /// Too many calls are in flight.
    Calls,
    /// Too many calls wait for a thread.
    Queue,
    /// Too many large requests wait for a core.
    LargeRequests,
    /// The messages of all calls are too large together.
    Memory,
}

impl Shed {
    pub(crate) const ALL: [Shed; 4] = [Shed::Calls, Shed::Queue, Shed::LargeRequests, Shed::Memory];

    /// The reason, as metrics tell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Shed::Calls => "calls",
            Shed::Queue => "queue",
            Shed::LargeRequests => "large_requests",
            Shed::Memory => "memory",
        }
    }
}

/// Decides for all calls of the server.
#[derive(Debug)]
pub(crate) struct Admission {
    calls: AtomicUsize,
    max_queued: usize,
    queue: Queue,
    message_bytes: AtomicUsize,
    large_requests: Arc<Semaphore>,
    /// Large requests that are computed or wait.
    large_requests_in_flight: AtomicUsize,
    max_large_requests_in_flight: usize,
    metrics: Arc<Metrics>,
}

impl Admission {
    pub(crate) fn new(max_queued: NonZero<usize>, metrics: Arc<Metrics>) -> Self {
        // As many large requests are computed at a time as there are cores; more would only delay the small ones.
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Admission {
            calls: AtomicUsize::new(0),
            max_queued: max_queued.get(),
            queue: Queue::default(),
            message_bytes: AtomicUsize::new(0),
            large_requests: Arc::new(Semaphore::new(cores)),
            large_requests_in_flight: AtomicUsize::new(0),
            max_large_requests_in_flight: cores * (1 + MAX_LARGE_REQUESTS_WAITING),
            metrics,
        }
    }

    /// Takes a call, or refuses it if there are too many, or if its answer has to be computed and the queue is full.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXHAUSTED with RetryInfo.
    pub(crate) fn call(self: &Arc<Self>, method: Method) -> Result<Admitted, Status> {
        let most = if method.is_probe() { MAX_CALLS_WITH_CHECKS } else { MAX_CALLS };
        let before = self.calls.fetch_add(1, Relaxed);
        let admitted = Admitted(Arc::clone(self));
        if before >= most {
            return Err(self.shed(Shed::Calls));
        }
        if method.is_computed() {
            self.check_queue()?;
        }
        Ok(admitted)
    }

    /// Counts `call` in the queue whenever it could run and does not.
    pub(crate) fn queued<F>(&self, call: F) -> Queued<F> {
        Queued::new(call, &self.queue)
    }

    /// Refuses a call while the queue is full.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXHAUSTED with RetryInfo.
    pub(crate) fn check_queue(&self) -> Result<(), Status> {
        if self.queue.len() < self.max_queued { Ok(()) } else { Err(self.shed(Shed::Queue)) }
    }

    /// Waits for one of the cores that compute large requests.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXHAUSTED with RetryInfo when too many wait already.
    pub(crate) async fn large_request(self: &Arc<Self>) -> Result<LargeRequest, Status> {
        let in_flight = self.large_requests_in_flight.fetch_add(1, Relaxed);
        let mut place = LargeRequest { admission: Arc::clone(self), permit: None };
        if in_flight >= self.max_large_requests_in_flight {
            return Err(self.shed(Shed::LargeRequests));
        }
        // The semaphore is never closed.
        place.permit = Arc::clone(&self.large_requests).acquire_owned().await.ok();
        Ok(place)
    }

    /// Room for messages of a call, none at first.
    pub(crate) fn reservation(self: &Arc<Self>) -> Reservation {
        Reservation { admission: Arc::clone(self), bytes: 0 }
    }

    fn shed(&self, reason: Shed) -> Status {
        self.metrics.call_shed(reason);
        status::overloaded(match reason {
            Shed::Calls => "too many calls are in flight",
            Shed::Queue => "too many calls wait to be answered",
            Shed::LargeRequests => "too many requests with many songs wait to be answered",
            Shed::Memory => "the messages of the calls in flight take all the memory that is for them",
        })
    }
}

/// A call that was taken, until it has ended.
#[derive(Debug)]
pub(crate) struct Admitted(Arc<Admission>);

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.calls.fetch_sub(1, Relaxed);
    }
}

/// The right to compute a large request, or a place among those that wait for it.
#[derive(Debug)]
pub(crate) struct LargeRequest {
    admission: Arc<Admission>,
    permit: Option<OwnedSemaphorePermit>,
}

impl Drop for LargeRequest {
    fn drop(&mut self) {
        self.permit = None;
        self.admission.large_requests_in_flight.fetch_sub(1, Relaxed);
    }
}

/// Room that the messages of one call take, until it is dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    admission: Arc<Admission>,
    bytes: usize,
}

impl Reservation {
    /// Takes room for `bytes` more.
    ///
    /// # Errors
    ///
    /// RESOURCE_EXHAUSTED with RetryInfo when there is none.
    pub(crate) fn add(&mut self, bytes: usize) -> Result<(), Status> {
        let counted_before = self.counted();
        self.bytes += bytes;
        let counted = self.counted() - counted_before;
        if counted == 0 {
            return Ok(());
        }
        let before = self.admission.message_bytes.fetch_add(counted, Relaxed);
        if before + counted <= MAX_MESSAGE_BYTES { Ok(()) } else { Err(self.admission.shed(Shed::Memory)) }
    }

    fn counted(&self) -> usize {
        self.bytes.saturating_sub(UNCOUNTED_BYTES)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.counted() > 0 {
            self.admission.message_bytes.fetch_sub(self.counted(), Relaxed);
        }
    }
}
