//! One connection to one address: TCP, TLS where the endpoint asks for it, and HTTP/2.

use std::{
    error::Error as StdError,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Duration,
};

use http::uri::{Authority, Scheme};
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{self, AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    sync::oneshot,
    task::JoinHandle,
};
use tokio_rustls::TlsConnector;
use tonic::body::Body;

pub(crate) type BoxError = Box<dyn StdError + Send + Sync>;

/// How long nothing may come from the other side before it is asked whether it still lives, so that a tunnel does
/// not close the connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(4);
/// How long it may take to answer that. Together they are less than the time that a call has by default: when a
/// host or a way to it falls silent, the calls on it go out again on another connection.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);

/// Where replicas are, as it stands in one URL: all addresses of the host are replicas.
#[derive(Clone)]
pub(crate) struct Endpoint {
    /// A name or an address, without the brackets of IPv6.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    pub(crate) tls: Option<Tls>,
}

/// Whom to trust, and the name that each replica of an endpoint has to prove.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) config: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// A connection on which a server of HTTP/2 has spoken.
pub(crate) struct Connection {
    pub(crate) sender: SendRequest<Body>,
    /// Ends when no further call can be sent; calls that were sent go on.
    pub(crate) end: JoinHandle<hyper::Result<()>>,
}

/// Connects, and waits for the greeting of the server: a tunnel whose far end is missing accepts connections, too.
pub(crate) async fn connect(endpoint: &Endpoint, address: SocketAddr) -> Result<Connection, BoxError> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    match &endpoint.tls {
        Some(Tls { config, name }) => {
            let connector = TlsConnector::from(Arc::clone(config));
            greet(connector.connect(name.clone(), stream).await?).await
        }
        None => greet(stream).await,
    }
}

async fn greet<S>(stream: S) -> Result<Connection, BoxError>
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let (greeting, greeted) = oneshot::channel();
    let stream = Greeting { stream, n_read: 0, greeting: Some(greeting) };
    let (sender, connection) = http2::Builder::new(TokioExecutor::new())
        .timer(TokioTimer::new())
        .keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
        .handshake(TokioIo::new(stream))
        .await?;
    let mut end = tokio::spawn(connection);
    tokio::select! {
        Ok(()) = greeted => Ok(Connection { sender, end }),
        // Without a greeting HTTP/2 has an end, and tells what it read instead.
        ended = &mut end => {
            ended??;
            Err("it accepted the connection and closed it".into())
        }
    }
}

/// A stream that tells when the other side has begun to send settings, which is how HTTP/2 begins.
struct Greeting<S> {
    stream: S,
    /// The bytes that were read before the type of the first frame.
    n_read: usize,
    greeting: Option<oneshot::Sender<()>>,
}

/// The place of the type in a frame, and the type of settings; see RFC 9113, sections 4.1 and 6.5.
const FRAME_TYPE: usize = 3;
const SETTINGS: u8 = 4;

impl<S: AsyncRead + Unpin> AsyncRead for Greeting<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let n_before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.greeting.is_some() {
            let new = buffer.filled().get(n_before..).unwrap_or_default();
            match new.get(FRAME_TYPE - self.n_read) {
                Some(frame_type) => {
                    // Dropped, it tells that there will be none.
                    let greeting = self.greeting.take();
                    if let Some(greeting) = greeting.filter(|_| *frame_type == SETTINGS) {
                        let _ = greeting.send(());
                    }
                }
                None => self.n_read += new.len(),
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Greeting<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[std::io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
