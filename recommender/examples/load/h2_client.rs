use std::{io, net::SocketAddr, rc::Rc, time::Duration};

use bytes::Bytes;
use h2::{Reason, RecvStream, client::SendRequest};
use http::{HeaderMap, HeaderValue, Request, Response, Uri, header};
use tokio::{net::TcpStream, sync::Mutex, time};

use crate::{
    calls::Attempt,
    record::{Outcome, Recorder},
};

const METHOD: &str = "/playlist.v1.PlaylistService/Recommend";

/// A gRPC client for one method, on one connection at a time. It has no more of a client than h2 gives.
pub(crate) struct Client {
    address: SocketAddr,
    uri: Uri,
    open: Mutex<Option<Open>>,
    recorder: Rc<Recorder>,
}

#[derive(Clone)]
struct Open {
    /// Tells this connection from those before.
    number: u64,
    requests: SendRequest<Bytes>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr, recorder: Rc<Recorder>) -> Self {
        Client { address, uri: uri(address), open: Mutex::default(), recorder }
    }

    pub(crate) async fn let_go(&self) {
        *self.open.lock().await = None;
    }

    pub(crate) async fn attempt(&self, body: &Bytes) -> Attempt {
        let open = match self.open().await {
            Ok(open) => open,
            Err(error) => {
                // So that a server that is away is not asked all the time.
                time::sleep(Duration::from_millis(50)).await;
                return Attempt::NotSeen(format!("connection: {error}"));
            }
        };
        let number = open.number;
        match call(open.requests, &self.uri, body).await {
            Ok(outcome) => Attempt::Ended(outcome),
            Err(Failure { error, is_sent }) => {
                self.forget(number).await;
                let was_refused = error.reason() == Some(Reason::REFUSED_STREAM)
                    || (error.is_go_away() && error.is_remote() && error.reason() == Some(Reason::NO_ERROR));
                if !is_sent || was_refused {
                    Attempt::NotSeen(format!("transport: {error}"))
                } else {
                    Attempt::Ended(Outcome::Failed(format!("transport: {error}")))
                }
            }
        }
    }

    /// The connection, opened if it is not open.
    async fn open(&self) -> io::Result<Open> {
        let mut open = self.open.lock().await;
        if let Some(open) = &*open {
            return Ok(open.clone());
        }
        let requests = connect(self.address, 1 << 20).await?;
        self.recorder.connected();
        let opened = Open { number: open_number(), requests };
        *open = Some(opened.clone());
        Ok(opened)
    }

    async fn forget(&self, number: u64) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| open.number == number) {
            *open = None;
        }
    }
}

fn open_number() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

fn uri(address: SocketAddr) -> Uri {
    format!("http://{address}{METHOD}").parse().unwrap()
}

async fn connect(address: SocketAddr, window: u32) -> io::Result<SendRequest<Bytes>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (requests, connection) = h2::client::Builder::new()
        .initial_window_size(window)
        .initial_connection_window_size(window.max(1 << 16).saturating_mul(16))
        .handshake(stream)
        .await
        .map_err(io::Error::other)?;
    tokio::task::spawn_local(async move {
        // What this ends with, the calls are told, too.
        let _ = connection.await;
    });
    Ok(requests)
}

struct Failure {
    error: h2::Error,
    is_sent: bool,
}

fn request(uri: &Uri) -> Request<()> {
    let mut request = Request::post(uri.clone()).body(()).unwrap();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    headers.insert(header::TE, HeaderValue::from_static("trailers"));
    request
}

async fn call(requests: SendRequest<Bytes>, uri: &Uri, body: &Bytes) -> Result<Outcome, Failure> {
    let not_sent = |error| Failure { error, is_sent: false };
    let sent = |error| Failure { error, is_sent: true };
    let mut requests = requests.ready().await.map_err(not_sent)?;
    let (response, mut stream) = requests.send_request(request(uri), false).map_err(not_sent)?;
    drop(requests);
    stream.send_data(body.clone(), true).map_err(sent)?;
    let (headers, mut stream) = split(response.await.map_err(sent)?);
    let mut message = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data.map_err(sent)?;
        message.extend_from_slice(&data);
        stream.flow_control().release_capacity(data.len()).map_err(sent)?;
    }
    let trailers = stream.trailers().await.map_err(sent)?.unwrap_or(headers);
    Ok(match status(&trailers) {
        "0" => Outcome::Answered { version: model_version(&message), bytes: message.len() },
        status => Outcome::Failed(format!("status {status}")),
    })
}

fn split(response: Response<RecvStream>) -> (HeaderMap, RecvStream) {
    let (head, stream) = response.into_parts();
    (head.headers, stream)
}

fn status(headers: &HeaderMap) -> &str {
    headers.get("grpc-status").map_or("missing", |status| status.to_str().unwrap_or("unreadable"))
}

/// The `model_version` of a RecommendResponse behind its 5 bytes of gRPC. Decoding all of it would take longer than answering it.
fn model_version(message: &[u8]) -> String {
    const MODEL_VERSION: u64 = 4;
    const LENGTH_DELIMITED: u64 = 2;
    let mut rest = message.get(5..).unwrap_or_default();
    while let Some((key, length)) = varint(&mut rest).and_then(|key| Some((key, varint(&mut rest)?))) {
        // All fields of the message have a length.
        if key & 7 != LENGTH_DELIMITED || length > rest.len() as u64 {
            break;
        }
        let (field, after) = rest.split_at(length as usize);
        if key >> 3 == MODEL_VERSION {
            return String::from_utf8_lossy(field).into_owned();
        }
        rest = after;
    }
    "unknown".to_owned()
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// A client with a small window, who takes his time to read: for ever, one request after the other.
pub(crate) async fn read_slowly(address: SocketAddr, bodies: Rc<[Bytes]>, recorder: Rc<Recorder>) {
    const WINDOW: u32 = 1024;
    const PAUSE: Duration = Duration::from_millis(50);
    let uri = uri(address);
    let mut open: Option<SendRequest<Bytes>> = None;
    for number in 0.. {
        let requests = match open.take() {
            Some(requests) => Ok(requests),
            None => connect(address, WINDOW).await,
        };
        let requests = match requests {
            Ok(requests) => requests,
            Err(error) => {
                recorder.slow(Err(format!("connection: {error}")));
                time::sleep(Duration::from_secs(1)).await;
                continue;
            }
        };
        let body = bodies[number % bodies.len()].clone();
        let read = async {
            let mut requests = requests.ready().await?;
            let (response, mut stream) = requests.send_request(request(&uri), false)?;
            stream.send_data(body, true)?;
            let (headers, mut stream) = split(response.await?);
            while let Some(data) = stream.data().await {
                let length = data?.len();
                time::sleep(PAUSE).await;
                stream.flow_control().release_capacity(length)?;
            }
            let trailers = stream.trailers().await?.unwrap_or(headers);
            open = Some(requests);
            Ok::<_, h2::Error>(status(&trailers).to_owned())
        };
        recorder.slow(match read.await {
            Ok(status) if status == "0" => Ok(()),
            Ok(status) => Err(format!("status {status}")),
            // The server lets the connection go.
            Err(error) if error.is_go_away() && error.reason() == Some(Reason::NO_ERROR) => continue,
            Err(error) => Err(format!("transport: {error}")),
        });
    }
}
