//! Accepts connections, at most so many, and closes them within a bound.
//!
//! tonic's own server waits for ever for a client that holds a silent connection or a stream open, so the accept loop and
//! the drain are ours. What is below them, from the connection to the method, is hyper's and tonic's.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time,
};

use crate::{
    calls::Destination,
    connection::{self, Protocols},
    limits::Limits,
    tls::Handshakes,
};

/// The pause after a connection could not be accepted, which happens when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// The connections of clients.
pub(crate) struct Connections {
    listener: TcpListener,
    /// Each ends with the number of its calls that were cut off.
    open: JoinSet<usize>,
    shared: Arc<Shared>,
}

/// What all connections share.
pub(crate) struct Shared {
    pub(crate) protocols: Protocols,
    /// `None`: the port is plain text.
    pub(crate) handshakes: Option<Handshakes>,
    pub(crate) destination: Arc<Destination>,
    pub(crate) limits: Limits,
    pub(crate) grace_period: Duration,
    /// Whether there are as many connections as there may be.
    pub(crate) is_full: watch::Sender<bool>,
}

impl Connections {
    /// Those that `listener` will accept. They have `grace_period` to end when they are closed.
    pub(crate) fn new(
        listener: TcpListener,
        handshakes: Option<Handshakes>,
        destination: Arc<Destination>,
        limits: Limits,
        grace_period: Duration,
    ) -> Self {
        let shared = Shared {
            protocols: Protocols::new(),
            handshakes,
            destination,
            limits,
            grace_period,
            is_full: watch::Sender::new(false),
        };
        Connections { listener, open: JoinSet::new(), shared: Arc::new(shared) }
    }

    /// The number of open connections.
    pub(crate) fn len(&self) -> usize {
        self.open.len()
    }

    /// Accepts and serves connections, for ever. What was accepted goes on being served when this future is dropped.
    pub(crate) async fn accept(&mut self) {
        let mut failing = false;
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => {
                        failing = false;
                        self.serve(stream, peer);
                    }
                    // The client has gone already.
                    Err(error) if is_of_one_connection(&error) => {}
                    Err(error) => {
                        if !failing {
                            tracing::error!(%error, "cannot accept connections; trying again");
                        }
                        failing = true;
                        time::sleep(ACCEPT_PAUSE).await;
                    }
                },
                // Forgets the connections that have ended.
                Some(_) = self.open.join_next() => self.note_whether_full(),
            }
        }
    }

    fn serve(&mut self, stream: TcpStream, peer: SocketAddr) {
        if self.open.len() >= self.shared.limits.max_connections.get() {
            if !*self.shared.is_full.borrow() {
                tracing::warn!(
                    connections = self.open.len(),
                    "there are as many connections as `--max-connections` allows; closing idle ones and refusing others"
                );
            }
            self.shared.destination.metrics.connection_refused();
            self.note_whether_full();
            return;
        }
        self.open.spawn(connection::serve(Arc::clone(&self.shared), stream, peer));
    }

    /// Full is when one was refused, until there is room again.
    fn note_whether_full(&self) {
        let is_full = self.open.len() >= self.shared.limits.max_connections.get();
        self.shared.is_full.send_if_modified(|before| std::mem::replace(before, is_full) != is_full);
    }

    /// Accepts those that wait and then no more, ends streams, asks every client to go away and waits until it has, for at most
    /// the grace period. Returns the number of calls that were cut off then.
    pub(crate) async fn close(mut self) -> usize {
        self.accept_waiting().await;
        let Connections { listener, mut open, shared } = self;
        drop(listener);
        shared.destination.closing.cancel();
        let mut cut_off = 0;
        while let Some(ended) = open.join_next().await {
            cut_off += ended.unwrap_or_default();
        }
        cut_off
    }

    /// Serves the connections that the kernel has accepted already. Closing the listener would reset them, and the calls that
    /// were sent on them would be lost.
    async fn accept_waiting(&mut self) {
        // One that comes at the same moment is lost still, as its client can tell: nothing was answered on it.
        const PATIENCE: Duration = Duration::from_millis(1);
        while let Ok(Ok((stream, peer))) = time::timeout(PATIENCE, self.listener.accept()).await {
            self.serve(stream, peer);
        }
    }
}

/// Whether only the connection that was to be accepted failed.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::{
        admission::Admission, connection::PREFACE, live_model::LiveModel, metrics::Metrics, origins::Origins,
        rest::Rest, service::Playlists, tokens::Authentication,
    };

    /// Sends `bytes` and then nothing; returns the time until the server ends the connection.
    async fn time_until_closed(bytes: &[u8]) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let limits = Limits::default();
        let metrics = Arc::new(Metrics::new(Arc::new(LiveModel::default())));
        let live = Arc::new(LiveModel::default());
        let admission = Arc::new(Admission::new(limits.max_queued_calls, Arc::clone(&metrics)));
        let playlists = Arc::new(Playlists::new(
            Arc::clone(&live),
            Arc::clone(&metrics),
            Arc::clone(&admission),
            "replica",
        ));
        let rest =
            Rest { playlists, live, draining: CancellationToken::new(), page: true, describes_itself: true };
        let destination = Destination {
            routes: Router::new(),
            rest,
            origins: Origins::new(Vec::new()),
            draining: CancellationToken::new(),
            authentication: Authentication::new(None),
            admission,
            metrics,
            closing: CancellationToken::new(),
        };
        let mut connections =
            Connections::new(listener, None, Arc::new(destination), limits, Duration::from_secs(20));
        let began = time::Instant::now();
        let client = async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(bytes).await.unwrap();
            let mut answer = Vec::new();
            let closed = stream.read_to_end(&mut answer);
            // Reset or ended, it is closed.
            _ = time::timeout(Duration::from_secs(120), closed).await.expect("it stays open");
        };
        tokio::select! {
            () = client => began.elapsed(),
            () = connections.accept() => unreachable!(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_say_what_it_speaks_is_cut_off() {
        for bytes in [&b""[..], b"P", b"PRI * HT", &PREFACE[..23]] {
            let time = time_until_closed(bytes).await;
            let expected = Duration::from_secs(10)..Duration::from_secs(15);
            assert!(expected.contains(&time), "{bytes:?}: {time:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_begins_to_speak_and_stops_is_cut_off() {
        const NEVER_WHOLE: &[u8] = b"POST /api/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{";
        const KEPT: &[u8] = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
        for bytes in [&b"GET / HT"[..], PREFACE, NEVER_WHOLE, KEPT] {
            let time = time_until_closed(bytes).await;
            let expected = Duration::from_secs(30)..Duration::from_secs(35);
            assert!(expected.contains(&time), "{bytes:?}: {time:?}");
        }
    }
}
