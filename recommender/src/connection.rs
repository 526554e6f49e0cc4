//! One connection: which protocol it speaks, what bounds it, and how it ends.

use std::{
    fmt,
    hash::{BuildHasher as _, Hasher as _, RandomState},
    io,
    net::SocketAddr,
    pin::{Pin, pin},
    sync::Arc,
    time::Duration,
};

use hyper::server::conn::{http1, http2};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::graceful::GracefulConnection,
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::oneshot,
    time,
};
use tokio_util::either::Either;

use crate::{
    activity::{Activity, Ailment},
    calls::Calls,
    connections::Shared,
    lingering,
    metrics::{Ending, Metrics},
    tls::{Handshakes, TlsConnection},
};

/// How often an idle client is asked whether it is still there, and how long it may take to say so.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(20);
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(10);

/// Calls that a client may have in flight on one connection; more wait on its side.
const MAX_CONCURRENT_STREAMS: u32 = 128;

/// The headers of a call in bytes; ours are some hundred, and a token has 4 KiB at most. Over HTTP/1.1, with the line before them.
const MAX_HEADER_LIST_SIZE: u32 = 16 * 1024;

/// The time that a client over HTTP/1.1 is given for the head of a request, from when it could send one on.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Bytes that a client may send before they are read, in one call and on one connection.
const STREAM_WINDOW: u32 = 128 * 1024;
const CONNECTION_WINDOW: u32 = 512 * 1024;

/// Calls that a client may have reset before they were looked at, and calls that it may have made the server reset. A client that
/// resets more is cut off (CVE-2023-44487). On a busy host the deadline of all calls of a connection may pass at once, which is no attack.
const MAX_PENDING_RESETS: usize = MAX_CONCURRENT_STREAMS as usize;
const MAX_LOCAL_RESETS: usize = 1_024;

/// What a client that speaks HTTP/2 sends first, see RFC 9113, section 3.4.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The time that a new connection is given to show which version of HTTP it speaks, and while the server drains.
const PREFACE_TIMEOUT: Duration = Duration::from_secs(10);
const PREFACE_TIMEOUT_OF_DRAIN: Duration = Duration::from_millis(250);

/// How often a connection that has sent a part of the preface is looked at; hardly any client sends it in parts.
const PREFACE_PAUSE: Duration = Duration::from_millis(50);

/// The time without a call after which a connection makes room for others.
const MAX_IDLE_WHEN_FULL: Duration = Duration::from_secs(5);

/// The time that a client is given to go away when its connection is old or idle, and its calls are given to end: more than a
/// call may take.
const TIME_TO_LEAVE: Duration = Duration::from_secs(10);
const TIME_TO_END_CALLS: Duration = Duration::from_secs(90);

/// The time that a client over HTTP/1.1 is given for a last request before its connection is closed: the answer tells it to go away, while
/// closing a connection may cross with a request, which then is lost.
const LAST_REQUEST: Duration = Duration::from_millis(500);

/// How connections are served, by the version of HTTP that their clients speak.
pub(crate) struct Protocols {
    http1: http1::Builder,
    http2: http2::Builder<TokioExecutor>,
}

impl Protocols {
    pub(crate) fn new() -> Self {
        let mut http2 = http2::Builder::new(TokioExecutor::new());
        http2
            .timer(TokioTimer::new())
            .keep_alive_interval(KEEP_ALIVE_INTERVAL)
            .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
            .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
            .max_header_list_size(MAX_HEADER_LIST_SIZE)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_LOCAL_RESETS);
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(MAX_HEADER_LIST_SIZE as usize);
        Protocols { http1, http2 }
    }
}

/// A version of HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Protocol {
    Http1,
    Http2,
}

/// Serves one connection to its end. Returns the number of its calls that were cut off by the end of a drain.
pub(crate) async fn serve(shared: Arc<Shared>, stream: TcpStream, peer: SocketAddr) -> usize {
    let metrics = &shared.destination.metrics;
    let _open = OpenConnection::count(metrics);
    // Small answers must not wait for more to send. It fails only on a connection that has gone, which shows soon.
    let _ = stream.set_nodelay(true);

    let Some((protocol, stream)) = begin_in_time(stream, &shared, peer).await else {
        return 0;
    };
    let activity = Activity::new();
    let leaving = shared.destination.closing.child_token();
    let calls = Calls::new(Arc::clone(&shared.destination), Arc::clone(&activity), leaving.clone());
    let (lent, returned) = lingering::lend(stream);
    let io = TokioIo::new(lent);
    let leave = || leaving.cancel();
    let lifetime = Lifetime { shared: &shared, activity: &activity, protocol, leave, peer };
    let Protocols { http1, http2 } = &shared.protocols;
    match protocol {
        Protocol::Http1 => lifetime.of(Box::pin(http1.serve_connection(io, calls)), returned).await,
        Protocol::Http2 => lifetime.of(Box::pin(http2.serve_connection(io, calls)), returned).await,
    }
}

/// What ends a connection, if its client does not.
struct Lifetime<'a, F> {
    shared: &'a Shared,
    activity: &'a Activity,
    protocol: Protocol,
    /// Ends streams and, over HTTP/1.1, the connection with its next answer.
    leave: F,
    peer: SocketAddr,
}

impl<F: Fn()> Lifetime<'_, F> {
    /// Serves `connection` to its end; then its stream is returned. Returns the number of its calls that were cut off by the end of
    /// a drain.
    async fn of<C, S>(&self, mut connection: Pin<Box<C>>, returned: oneshot::Receiver<S>) -> usize
    where
        C: GracefulConnection,
        C::Error: fmt::Display,
        S: AsyncRead + AsyncWrite + Unpin,
    {
        let Lifetime { shared, activity, peer, .. } = self;
        let metrics = &shared.destination.metrics;
        let max_idle = || match *shared.is_full.borrow() {
            true => MAX_IDLE_WHEN_FULL.min(shared.limits.max_connection_idle),
            false => shared.limits.max_connection_idle,
        };
        let ended_because = tokio::select! {
            result = connection.as_mut() => {
                if let Err(error) = result {
                    tracing::debug!(%peer, %error, "connection ended with an error");
                }
                metrics.connection_ended(Ending::Client);
                // Over HTTP/1.1 the server ends it, too: with what is not HTTP, or a body that it refused.
                if self.protocol == Protocol::Http1 {
                    drop(connection);
                    end(returned).await;
                }
                return 0;
            }
            () = shared.destination.closing.cancelled() => Ending::Drain,
            () = time::sleep(with_jitter(shared.limits.max_connection_age)) => Ending::Age,
            ailment = activity.ailment(max_idle) => match ailment {
                Ailment::Idle => Ending::Idle,
                Ailment::Stalled => {
                    tracing::debug!(%peer, "cut off: the client does not take its answers");
                    metrics.connection_ended(Ending::Stalled);
                    return 0;
                }
            },
        };
        metrics.connection_ended(ended_because);
        tracing::debug!(%peer, reason = ended_because.name(), "asking the client to go away");
        (self.leave)();
        // Whatever the client makes of its connection now, its calls have ended.
        let mut left = pin!(async {
            let has_ended = self.protocol == Protocol::Http1
                && ended_because != Ending::Idle
                && self.has_ended_by_itself(connection.as_mut()).await;
            if !has_ended {
                connection.as_mut().graceful_shutdown();
                let _ = connection.as_mut().await;
            }
            drop(connection);
            end(returned).await;
        });

        if ended_because != Ending::Drain {
            tokio::select! {
                () = left.as_mut() => return 0,
                () = activity.quiet(TIME_TO_LEAVE) => return 0,
                () = time::sleep(TIME_TO_END_CALLS) => {
                    tracing::warn!(%peer, calls = activity.in_flight(), "cut off: the calls did not end");
                    return 0;
                }
                () = shared.destination.closing.cancelled() => {}
            }
        }
        let cut_off = tokio::select! {
            () = left => 0,
            // A client that does not go away when asked to cannot keep the server.
            () = activity.quiet(shared.grace_period / 2) => 0,
            () = time::sleep(shared.grace_period) => activity.in_flight(),
        };
        if cut_off > 0 {
            tracing::error!(%peer, calls = cut_off, "cut off: the calls did not end within the grace period");
        }
        cut_off
    }
}

impl<F> Lifetime<'_, F> {
    /// Gives a client over HTTP/1.1 time for a last request, whose answer ends `connection`: as long as it likes to go on without one, or a moment when
    /// the server closes. Tells whether it has ended.
    async fn has_ended_by_itself<C: GracefulConnection>(&self, connection: Pin<&mut C>) -> bool {
        let closes = async {
            self.shared.destination.closing.cancelled().await;
            time::sleep(LAST_REQUEST.min(self.shared.grace_period / 4)).await;
        };
        tokio::select! {
            _ = connection => true,
            () = closes => false,
        }
    }
}

/// Ends the stream of a connection that has ended.
async fn end<S: AsyncRead + AsyncWrite + Unpin>(returned: oneshot::Receiver<S>) {
    if let Ok(stream) = returned.await {
        lingering::end(stream).await;
    }
}

/// Begins a connection; `None` if its client does not get so far in time. Then it has no call to lose.
async fn begin_in_time(
    stream: TcpStream,
    shared: &Shared,
    peer: SocketAddr,
) -> Option<(Protocol, Either<TcpStream, TlsConnection>)> {
    let mut begun = pin!(time::timeout(PREFACE_TIMEOUT, begin(stream, shared.handshakes.as_ref())));
    let in_time = match shared.destination.closing.run_until_cancelled(begun.as_mut()).await {
        Some(in_time) => in_time,
        // What a client has sent already is answered.
        None => time::timeout(PREFACE_TIMEOUT_OF_DRAIN, begun).await.ok()?,
    };
    match in_time.ok()? {
        Ok(begun) => Some(begun),
        Err(error) => {
            tracing::debug!(%peer, %error, "connection ended before it began");
            None
        }
    }
}

/// Shakes hands where TLS is spoken, and waits until the client has shown which version of HTTP it speaks.
async fn begin(
    stream: TcpStream,
    handshakes: Option<&Handshakes>,
) -> io::Result<(Protocol, Either<TcpStream, TlsConnection>)> {
    match handshakes {
        Some(handshakes) => {
            let (is_http2, stream) = handshakes.accept(stream, PREFACE).await?;
            let protocol = if is_http2 { Protocol::Http2 } else { Protocol::Http1 };
            Ok((protocol, Either::Right(stream)))
        }
        None => Ok((protocol_of(&stream).await?, Either::Left(stream))),
    }
}

/// Waits until the client has sent the preface of HTTP/2, or something else. From then on hyper has time-outs of its own.
async fn protocol_of(stream: &TcpStream) -> io::Result<Protocol> {
    let mut sent = [0; PREFACE.len()];
    loop {
        // That a stream is readable may be a false alarm, so only a byte is a proof.
        let length = stream.peek(&mut sent).await?;
        if length == PREFACE.len() && sent == *PREFACE {
            return Ok(Protocol::Http2);
        }
        if length == 0 || !PREFACE.starts_with(&sent[..length]) {
            return Ok(Protocol::Http1);
        }
        // What was sent stays to be read, so there is no event to wait for.
        time::sleep(PREFACE_PAUSE).await;
    }
}

/// A duration that is up to a tenth longer or shorter, so that clients which came together do not go together.
fn with_jitter(duration: Duration) -> Duration {
    // Each hasher of the standard library has a key of its own.
    let random = RandomState::new().build_hasher().finish();
    let share = (random % 2_001) as f64 / 10_000.0;
    duration.mul_f64(0.9 + share)
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
    use super::*;

    #[test]
    fn ages_differ_by_at_most_a_tenth() {
        let age = Duration::from_secs(1_000);
        let ages: Vec<_> = (0..100).map(|_| with_jitter(age)).collect();
        let bounds = Duration::from_secs(900)..=Duration::from_millis(1_100_001);
        assert!(ages.iter().all(|age| bounds.contains(age)), "{ages:?}");
        assert!(ages.iter().any(|other| *other != ages[0]));
    }
}
