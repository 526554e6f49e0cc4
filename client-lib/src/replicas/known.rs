//! What is known of the replicas.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, AtomicU64, Ordering},
    },
    time::Duration,
};

use hyper::client::conn::http2::SendRequest;
use tokio::{sync::Notify, time::Instant};
use tonic::body::Body;

use super::{NotConnected, ReplicaId};

/// How long a replica that is not available gets no call that another one can take.
const REST: Duration = Duration::from_secs(1);
/// How many calls may be under way on a replica: what the service works on at a time on one connection, 128 by default, and what
/// waits for its turn. Were there no limit, a service with too much to do would get each call when its time is almost up, and answer
/// none.
pub(crate) const MAX_CALLS: u32 = 1_000;

/// The replicas that there are, and what became of the last look for them.
#[derive(Default)]
pub(crate) struct Known {
    replicas: Vec<(ReplicaId, State)>,
    /// Why there are none, once that is known.
    unresolved: Option<NotConnected>,
}

pub(super) enum State {
    Connecting,
    Connected(Connected),
    /// It gets no call until it was connected again.
    Ejected(NotConnected),
}

impl Known {
    /// The replica for a call that failed on `failed` last: a random one of those that are connected or, of two, that
    /// which has less to do.
    pub(super) fn pick(&self, failed: Option<ReplicaId>) -> Option<Connected> {
        // Looked at once, for their calls come and go meanwhile.
        let mut choices: Vec<_> = self
            .replicas
            .iter()
            .filter_map(|(_, state)| match state {
                State::Connected(connected) if !connected.sender.is_closed() => {
                    let replica = &connected.replica;
                    let reluctance = (replica.is_resting(), replica.is_full(), Some(replica.id) == failed);
                    Some((reluctance, connected))
                }
                _ => None,
            })
            .collect();
        let least = choices.iter().map(|(reluctance, _)| *reluctance).min()?;
        choices.retain(|(reluctance, _)| *reluctance == least);
        let (_, one) = choices.swap_remove(fastrand::usize(..choices.len()));
        let other = fastrand::choice(&choices).map(|(_, other)| *other);
        let less = other.filter(|other| other.replica.n_calls() < one.replica.n_calls());
        Some(less.unwrap_or(one).clone())
    }

    /// Why no replica will be connected, unless that is still open.
    pub(super) fn failure(&self) -> Option<NotConnected> {
        if self.replicas.is_empty() {
            return self.unresolved.clone();
        }
        let mut failures = Vec::new();
        for (_, state) in &self.replicas {
            match state {
                State::Ejected(failure) => failures.push(failure),
                State::Connecting | State::Connected(_) => return None,
            }
        }
        // That nobody listens on one address of a host tells less than what failed on another.
        let most_telling = failures.iter().find(|failure| !failure.is_refusal()).or(failures.first())?;
        let mut failure = (*most_telling).clone();
        if let others @ 1.. = failures.len() - 1 {
            failure.message = format!("{}, nor to {others} more", failure.message);
        }
        Some(failure)
    }

    /// Lets those that failed be tried before it is time: whether there are any.
    pub(super) fn try_now(&mut self) -> bool {
        let is_any = self.failure().is_some();
        if is_any {
            self.unresolved = None;
            for (_, state) in &mut self.replicas {
                *state = State::Connecting;
            }
        }
        is_any
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replicas.is_empty()
    }

    /// Whether a look for addresses is waited for.
    pub(super) fn is_unresolved(&self) -> bool {
        self.replicas.is_empty() && self.unresolved.is_none()
    }

    pub(super) fn is_connecting(&self, id: ReplicaId) -> bool {
        self.replicas.iter().any(|(it, state)| *it == id && matches!(state, State::Connecting))
    }

    pub(super) fn set(&mut self, id: ReplicaId, new: State) {
        if let Some((_, state)) = self.replicas.iter_mut().find(|(it, _)| *it == id) {
            *state = new;
        }
    }

    pub(super) fn set_unresolved(&mut self, failure: NotConnected) {
        self.unresolved = Some(failure);
    }

    /// Goes on with the replicas `ids`, of which those that were not known are being connected.
    pub(super) fn set_ids(&mut self, ids: &[ReplicaId]) {
        self.unresolved = None;
        self.replicas.retain(|(id, _)| ids.contains(id));
        for id in ids {
            if self.replicas.iter().all(|(it, _)| it != id) {
                self.replicas.push((*id, State::Connecting));
            }
        }
    }
}

/// A replica that is connected, and the way to it.
///
/// A call must not hold the way while it waits for its answer: hyper can miss a call that comes at the moment in which the connection
/// ends, and tells that it was not sent when nobody could send another one, which otherwise the call itself could.
#[derive(Clone)]
pub(crate) struct Connected {
    pub(crate) replica: Arc<Replica>,
    pub(crate) sender: SendRequest<Body>,
}

/// What is known of a replica while it is connected.
pub(crate) struct Replica {
    pub(crate) id: ReplicaId,
    n_calls: AtomicU32,
    /// Told when a call has ended.
    room: Arc<Notify>,
    connected: Instant,
    /// In milliseconds since it was connected; 0 if it does not rest.
    rests_until: AtomicU64,
}

impl Replica {
    pub(super) fn new(id: ReplicaId, room: Arc<Notify>) -> Self {
        Self {
            id,
            n_calls: AtomicU32::new(0),
            room,
            connected: Instant::now(),
            rests_until: AtomicU64::new(0),
        }
    }

    /// The calls that are under way.
    fn n_calls(&self) -> u32 {
        self.n_calls.load(Ordering::Relaxed)
    }

    fn is_full(&self) -> bool {
        self.n_calls() >= MAX_CALLS
    }

    pub(super) fn is_resting(&self) -> bool {
        match self.rests_until.load(Ordering::Relaxed) {
            0 => false,
            until => self.connected.elapsed() < Duration::from_millis(until),
        }
    }

    /// Lets others take the calls for a while.
    pub(crate) fn rest(&self) {
        let until = (self.connected.elapsed() + REST).as_millis();
        self.rests_until.store(u64::try_from(until).unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}

/// A call that is under way on a replica, until it is dropped.
pub(crate) struct Load(Arc<Replica>);

impl Load {
    /// Nothing if there are as many as there may be.
    pub(super) fn new(replica: Arc<Replica>) -> Option<Self> {
        let add = |n_calls| (n_calls < MAX_CALLS).then_some(n_calls + 1);
        replica.n_calls.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add).ok()?;
        Some(Self(replica))
    }

    pub(crate) fn replica(&self) -> &Replica {
        &self.0
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.0.n_calls.fetch_sub(1, Ordering::Relaxed);
        // The call that came last has the room: when there is too much to do for long, calls are answered soon or not at all, and
        // not each of them late.
        self.0.room.notify_last();
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::atomic::AtomicBool, thread};

    use hyper::client::conn::http2;
    use hyper_util::rt::{TokioExecutor, TokioIo};

    use super::*;

    const ONE: u16 = 1;
    const OTHER: u16 = 2;

    fn id(port: u16) -> ReplicaId {
        (([127, 0, 0, 1], port).into(), 0)
    }

    /// Replicas on these ports; they are connected as long as what comes with them is kept.
    async fn connected(ports: &[u16]) -> (Known, Vec<Arc<Replica>>, impl Drop) {
        let mut known = Known::default();
        known.set_ids(&ports.iter().map(|port| id(*port)).collect::<Vec<_>>());
        let (mut replicas, mut connections) = (Vec::new(), Vec::new());
        for port in ports {
            let (stream, other_side) = tokio::io::duplex(1 << 10);
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            let replica = Arc::new(Replica::new(id(*port), Arc::default()));
            known.set(id(*port), State::Connected(Connected { replica: Arc::clone(&replica), sender }));
            replicas.push(replica);
            connections.push((connection, other_side));
        }
        (known, replicas, connections)
    }

    fn calls(n: u32, replica: &Arc<Replica>) -> Vec<Load> {
        (0..n).map(|_| Load::new(Arc::clone(replica)).unwrap()).collect()
    }

    /// The ports of the replicas that are picked, each once.
    fn picked(known: &Known, failed: Option<ReplicaId>) -> Vec<u16> {
        let mut ports: Vec<_> = (0..100).map(|_| known.pick(failed).unwrap().replica.id.0.port()).collect();
        ports.sort_unstable();
        ports.dedup();
        ports
    }

    #[tokio::test]
    async fn replicas_with_the_same_to_do_share_the_calls_and_else_that_with_less_has_them() {
        let (known, replicas, _connections) = connected(&[ONE, OTHER]).await;
        assert_eq!(picked(&known, None), [ONE, OTHER]);
        let _calls = calls(1, &replicas[0]);
        assert_eq!(picked(&known, None), [OTHER]);
    }

    #[tokio::test]
    async fn a_replica_is_the_less_wanted_for_a_failure_for_being_full_and_for_resting() {
        let (known, replicas, _connections) = connected(&[ONE, OTHER]).await;
        assert_eq!(picked(&known, Some(id(OTHER))), [ONE]);
        let _calls = calls(MAX_CALLS, &replicas[0]);
        assert_eq!(picked(&known, Some(id(OTHER))), [OTHER], "the other one is full");
        replicas[1].rest();
        assert_eq!(
            picked(&known, Some(id(OTHER))),
            [ONE],
            "a full one answers later, one that rests does not"
        );
        replicas[0].rest();
        assert_eq!(picked(&known, None), [OTHER]);
    }

    #[tokio::test]
    async fn a_replica_is_picked_whatever_becomes_of_its_calls_meanwhile() {
        let (known, replicas, _connections) = connected(&[ONE]).await;
        let _all_but_one = calls(MAX_CALLS - 1, &replicas[0]);
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    drop(calls(1, &replicas[0]));
                }
            });
            let n_missed = (0..1_000_000).filter(|_| known.pick(None).is_none()).count();
            is_done.store(true, Ordering::Relaxed);
            assert_eq!(n_missed, 0);
        });
    }
}
