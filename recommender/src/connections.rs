//! Accepts connections, serves them, and closes them within a bound.
//!
//! tonic's own server waits for ever for a client that holds a silent connection or a stream open, so the accept loop and
//! the drain are ours. What is below them, from the connection to the method, is hyper's and tonic's.

use std::{io, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinSet,
    time,
};
use tokio_util::{either::Either, sync::CancellationToken};

use crate::{calls::Calls, metrics::Metrics, security::Gate, tls::TlsConnection};

/// How often an idle client is asked whether it is still there, and how long it may take to say so.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls that a client may have in flight on one connection; more wait on its side.
const MAX_CONCURRENT_STREAMS: u32 = 1_000;

/// The headers of a call in bytes; ours are some hundred.
const MAX_HEADER_LIST_SIZE: u32 = 16 * 1024;

/// What a client that speaks HTTP/2 sends first, see RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The time that a new connection is given to show which version of HTTP it speaks.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a connection that has sent a part of the preface is looked at; hardly any client sends it in parts.
const PREFACE_PAUSE: Duration = Duration::from_millis(50);

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
struct Shared {
    builder: auto::Builder<TokioExecutor>,
    routes: Router,
    gate: Gate,
    metrics: Arc<Metrics>,
    closing: CancellationToken,
    grace_period: Duration,
}

impl Connections {
    /// Those that `listener` will accept, through `gate`, for `routes`. They have `grace_period` to end when they are closed.
    pub(crate) fn new(
        listener: TcpListener,
        routes: Router,
        gate: Gate,
        metrics: Arc<Metrics>,
        grace_period: Duration,
    ) -> Self {
        let mut builder = auto::Builder::new(TokioExecutor::new());
        builder
            .http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST_SIZE);
        // With a timer, a client that sends its headers slowly is cut off after 30 seconds.
        builder.http1().timer(TokioTimer::new());
        let closing = CancellationToken::new();
        let shared = Shared { builder, routes, gate, metrics, closing, grace_period };
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
                        self.open.spawn(serve(Arc::clone(&self.shared), stream, peer));
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
                Some(_) = self.open.join_next() => {}
            }
        }
    }

    /// Accepts no more, ends streams, asks every client to go away and waits until it has, for at most the grace period.
    /// Returns the number of calls that were cut off then.
    pub(crate) async fn close(self) -> usize {
        let Connections { listener, mut open, shared } = self;
        drop(listener);
        shared.closing.cancel();
        let mut cut_off = 0;
        while let Some(ended) = open.join_next().await {
            cut_off += ended.unwrap_or_default();
        }
        cut_off
    }
}

/// Whether only the connection that was to be accepted failed.
fn is_of_one_connection(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Serves one connection to its end. Returns the number of its calls that were cut off.
async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) -> usize {
    let _open = OpenConnection::count(&shared.metrics);
    // Small answers must not wait for more to send. It fails only on a connection that has gone, which shows soon.
    let _ = stream.set_nodelay(true);

    // What has not sent so much has no call to lose.
    let begun = time::timeout(PREFACE_TIMEOUT, begin(stream, &shared.gate));
    let stream = match shared.closing.run_until_cancelled(begun).await {
        Some(Ok(Ok(stream))) => stream,
        Some(Ok(Err(error))) => {
            tracing::debug!(%peer, %error, "connection ended before it began");
            return 0;
        }
        Some(Err(_)) | None => return 0,
    };

    let calls = Calls::new(
        shared.routes.clone(),
        shared.gate.authentication.clone(),
        Arc::clone(&shared.metrics),
        shared.closing.clone(),
    );
    let mut in_flight = calls.in_flight();
    let mut connection = pin!(shared.builder.serve_connection(TokioIo::new(stream), calls));
    tokio::select! {
        result = connection.as_mut() => {
            if let Err(error) = result {
                tracing::debug!(%peer, %error, "connection ended with an error");
            }
            return 0;
        }
        () = shared.closing.cancelled() => connection.as_mut().graceful_shutdown(),
    }

    let deadline = time::sleep(shared.grace_period);
    let cut_off = tokio::select! {
        // Whatever the client makes of its connection now, its calls have ended.
        _ = connection => 0,
        // A client that does not go away when asked to cannot keep the server.
        () = idle(&mut in_flight, shared.grace_period / 2) => 0,
        () = deadline => *in_flight.borrow(),
    };
    if cut_off > 0 {
        tracing::error!(%peer, calls = cut_off, "cut off: the calls did not end within the grace period");
    }
    cut_off
}

/// Shakes hands where TLS is spoken, and waits until the client has shown which version of HTTP it speaks.
async fn begin(stream: TcpStream, gate: &Gate) -> io::Result<Either<TcpStream, TlsConnection>> {
    match &gate.handshakes {
        Some(handshakes) => handshakes.accept(stream, PREFACE).await.map(Either::Right),
        None => preface(&stream).await.map(|()| Either::Left(stream)),
    }
}

/// Waits until the client has sent the preface of HTTP/2, or something else. From then on hyper has time-outs of its own.
async fn preface(stream: &TcpStream) -> io::Result<()> {
    let mut sent = [0; PREFACE.len()];
    loop {
        // That a stream is readable may be a false alarm, so only a byte is a proof.
        let length = stream.peek(&mut sent).await?;
        let is_a_part = (1..PREFACE.len()).contains(&length) && PREFACE.starts_with(&sent[..length]);
        if !is_a_part {
            return Ok(());
        }
        // What was sent stays to be read, so there is no event to wait for.
        time::sleep(PREFACE_PAUSE).await;
    }
}

/// Ends when there has been no call in flight for `linger`.
async fn idle(in_flight: &mut watch::Receiver<usize>, linger: Duration) {
    loop {
        if in_flight.wait_for(|calls| *calls == 0).await.is_err() {
            return;
        }
        if time::timeout(linger, in_flight.changed()).await.is_err() {
            return;
        }
    }
}

/// Counts a connection for as long as it is open, even if its task is dropped.
struct OpenConnection(Arc<Metrics>);

impl OpenConnection {
    fn count(metrics: &Arc<Metrics>) -> Self {
        metrics.connection_opened();
        OpenConnection(Arc::clone(metrics))
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.0.connection_closed();
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::live_model::LiveModel;

    /// Sends `bytes` and then nothing; returns the time until the server ends the connection.
    async fn time_until_closed(bytes: &[u8]) -> Duration {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = Arc::new(Metrics::new(Arc::new(LiveModel::default())));
        let mut connections =
            Connections::new(listener, Router::new(), Gate::open(), metrics, Duration::from_secs(20));
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
        for bytes in [&b""[..], b"P", b"PRI * HT", &PREFACE[..23], b"GET / HT", PREFACE] {
            let time = time_until_closed(bytes).await;
            let expected = PREFACE_TIMEOUT..PREFACE_TIMEOUT + Duration::from_secs(5);
            assert!(expected.contains(&time), "{bytes:?}: {time:?}");
        }
    }
}
