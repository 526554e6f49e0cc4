//! The replicas of a recommender: which there are, which are connected, and which one takes a call.
//!
//! A task looks the endpoints' addresses up, again and again, and has another task for each of them that keeps it
//! connected. What they know is in one place, [`Known`], from which calls take their replica and on which they wait
//! while there is none.

mod keeping;
mod known;
mod looking;

use std::{
    error::Error as StdError,
    fmt,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use hyper::client::conn::http2::SendRequest;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
    time::{self, Instant},
};
use tonic::body::Body;

use crate::connection::{BoxError, Endpoint};

use self::known::{Connected, Known};
pub(crate) use self::known::{Load, MAX_CALLS, Replica};

type Resolution = Pin<Box<dyn Future<Output = io::Result<Vec<SocketAddr>>> + Send>>;
/// Looks up the addresses of a host, to which the port belongs.
pub(crate) type Resolver = Arc<dyn Fn(String, u16) -> Resolution + Send + Sync>;

/// Asks the operating system.
pub(crate) fn system_resolver() -> Resolver {
    Arc::new(|host, port| {
        Box::pin(async move { Ok(tokio::net::lookup_host((host.as_str(), port)).await?.collect()) })
    })
}

/// An address, and the number of the endpoint that it was found for.
pub(crate) type ReplicaId = (SocketAddr, usize);

/// What the tasks need to know.
pub(crate) struct Settings {
    pub(crate) endpoints: Vec<Endpoint>,
    pub(crate) connect_timeout: Duration,
    pub(crate) resolver: Resolver,
    /// How long the answer of the resolver holds.
    pub(crate) resolve_interval: Duration,
}

struct Shared {
    settings: Settings,
    known: watch::Sender<Known>,
    /// Told when a call has ended.
    room: Arc<Notify>,
    /// Asks for another look before it is time, for a connection failed.
    look_again: Notify,
}

/// The replicas of a client.
pub(crate) struct Replicas {
    shared: Arc<Shared>,
    /// Begun by the first call, for that is on a runtime.
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Replicas {
    pub(crate) fn new(settings: Settings) -> Self {
        let (known, _) = watch::channel(Known::default());
        let shared = Arc::new(Shared { settings, known, room: Arc::default(), look_again: Notify::new() });
        Self { shared, task: Mutex::default() }
    }

    pub(crate) fn endpoint(&self, replica: &Replica) -> &Endpoint {
        let (_, endpoint) = replica.id;
        &self.shared.settings.endpoints[endpoint]
    }

    /// A call on a replica that is connected; if there is another one, not on that on which it failed last. Waits for `patience` when
    /// there is room on none.
    pub(crate) async fn take(
        &self,
        failed: Option<ReplicaId>,
        patience: Duration,
    ) -> Result<(Load, SendRequest<Body>), BoxError> {
        let began = Instant::now();
        loop {
            let Connected { replica, sender } = self.pick(failed).await?;
            if let Some(load) = Load::new(replica) {
                return Ok((load, sender));
            }
            // While it waits, its connection may end; see `Connected`.
            drop(sender);
            let left = patience.saturating_sub(began.elapsed());
            time::timeout(left, self.shared.room.notified()).await.map_err(|_elapsed| NoRoom)?;
        }
    }

    /// Waits while connections are being made. When none can be had, all of them are tried once more.
    async fn pick(&self, failed: Option<ReplicaId>) -> Result<Connected, NotConnected> {
        if let Some(replica) = self.shared.known.borrow().pick(failed) {
            return Ok(replica);
        }
        self.begin();
        let mut known = self.shared.known.subscribe();
        let mut has_asked = false;
        loop {
            let failure = {
                let known = known.borrow_and_update();
                if let Some(replica) = known.pick(failed) {
                    return Ok(replica);
                }
                known.failure()
            };
            match failure {
                Some(failure) if has_asked => return Err(failure),
                Some(_) => {
                    has_asked = true;
                    self.shared.known.send_if_modified(Known::try_now);
                }
                // It cannot fail, for the other end is here.
                None => known.changed().await.unwrap_or_default(),
            }
        }
    }

    /// Whether there is a replica to call besides `failed`.
    pub(crate) fn has_other(&self, failed: Option<ReplicaId>) -> bool {
        let picked = self.shared.known.borrow().pick(failed);
        picked.is_some_and(|Connected { replica, .. }| Some(replica.id) != failed && !replica.is_resting())
    }

    /// Starts the tasks, if they do not run: the first call came, or a runtime ended on which they ran.
    fn begin(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            self.shared.known.send_replace(Known::default());
            *task = Some(tokio::spawn(looking::look(Arc::clone(&self.shared))));
        }
    }
}

impl Drop for Replicas {
    fn drop(&mut self) {
        let task = self.task.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = task {
            task.abort();
        }
    }
}

/// As many calls are under way on each of the replicas as there may be.
#[derive(Debug)]
pub(crate) struct NoRoom;

impl fmt::Display for NoRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MAX_CALLS} calls of this client are under way on each of its replicas")
    }
}

impl StdError for NoRoom {}

/// No replica can be had.
#[derive(Clone, Debug)]
pub(crate) struct NotConnected {
    message: String,
    cause: Arc<BoxError>,
}

impl NotConnected {
    fn new(message: String, cause: BoxError) -> Self {
        Self { message, cause: Arc::new(cause) }
    }

    /// Whether nobody listens.
    fn is_refusal(&self) -> bool {
        let error = self.cause.downcast_ref::<io::Error>();
        error.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    }
}

impl fmt::Display for NotConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for NotConnected {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(&**self.cause)
    }
}
