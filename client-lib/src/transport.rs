//! What carries the calls: it chooses a replica for each, and checks what the library for gRPC takes for granted of the
//! other side.

use std::{
    error::Error as StdError,
    fmt,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

use http::{
    HeaderMap, HeaderName, HeaderValue, StatusCode, Uri,
    header::{CONTENT_TYPE, USER_AGENT},
};
use http_body::Frame;
use hyper::body::Incoming;
use tonic::{body::Body, metadata::MetadataMap};
use tower_service::Service;

use crate::{
    connection::{BoxError, Endpoint},
    replicas::{Load, ReplicaId, Replicas},
};

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_STATUS_DETAILS: &str = "grpc-status-details-bin";
/// The status of a replica that stops, or has no model.
const UNAVAILABLE: &[u8] = b"14";
/// As the service's log shows it.
const THIS_CLIENT: HeaderValue =
    HeaderValue::from_static(concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")));

/// The replica that a call was sent to last: it goes along with the request, so that the next attempt avoids it.
#[derive(Clone, Default)]
pub(crate) struct LastReplica(Arc<Mutex<Option<ReplicaId>>>);

impl LastReplica {
    fn get(&self) -> Option<ReplicaId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, id: ReplicaId) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(id);
    }
}

/// The longest timeout that the service is told of; a longer one is kept on this side only.
const LONGEST_ANNOUNCED_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);

/// The time that a call has: it goes along with the request.
#[derive(Clone, Copy)]
pub(crate) struct TimeLimit {
    pub(crate) began: Instant,
    pub(crate) timeout: Duration,
}

impl TimeLimit {
    pub(crate) fn left(self) -> Duration {
        self.timeout.saturating_sub(self.began.elapsed())
    }

    /// How long it may wait for room on a connection: what waits for longer would leave the service too little, and is better told of at
    /// once than sent in vain.
    fn patience(self) -> Duration {
        (self.timeout / 2).saturating_sub(self.began.elapsed())
    }

    /// Tells the service what is left, in the words of tonic.
    fn announce(self, headers: &mut HeaderMap) {
        let left = self.left();
        if left <= LONGEST_ANNOUNCED_TIMEOUT {
            let mut told = tonic::Request::new(());
            told.set_timeout(left);
            headers.extend(told.into_parts().0.into_headers());
        }
    }
}

/// Sends each call to one of the replicas.
#[derive(Clone)]
pub(crate) struct Transport {
    replicas: Arc<Replicas>,
}

impl Transport {
    pub(crate) fn new(replicas: Replicas) -> Self {
        Self { replicas: Arc::new(replicas) }
    }

    /// Whether a call that failed may be answered by another replica now.
    pub(crate) fn has_other(&self, last: &LastReplica) -> bool {
        self.replicas.has_other(last.get())
    }
}

impl Service<http::Request<Body>> for Transport {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    /// A replica is waited for in the call, where what fails keeps its cause.
    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: http::Request<Body>) -> Self::Future {
        let replicas = Arc::clone(&self.replicas);
        Box::pin(async move {
            let last = request.extensions().get::<LastReplica>().cloned().unwrap_or_default();
            let limit = request.extensions().get::<TimeLimit>().copied();
            let patience = limit.map_or(Duration::ZERO, TimeLimit::patience);
            let (load, mut sender) = replicas.take(last.get(), patience).await?;
            let replica = load.replica();
            last.set(replica.id);
            address(&mut request, replicas.endpoint(replica))?;
            if let Some(limit) = limit {
                limit.announce(request.headers_mut());
            }
            let answer = sender.send_request(request);
            drop(sender);
            checked(answer.await?, load).map_err(Into::into)
        })
    }
}

/// Writes the receiver and the sender on a request.
fn address(request: &mut http::Request<Body>, endpoint: &Endpoint) -> Result<(), http::Error> {
    let mut uri = Uri::builder().scheme(endpoint.scheme.clone()).authority(endpoint.authority.clone());
    if let Some(path) = request.uri().path_and_query() {
        uri = uri.path_and_query(path.clone());
    }
    *request.uri_mut() = uri.build()?;
    request.headers_mut().insert(USER_AGENT, THIS_CLIENT);
    Ok(())
}

/// An answer that gRPC can be read from.
fn checked(mut answer: http::Response<Incoming>, load: Load) -> Result<http::Response<Body>, NotGrpc> {
    let content_type = answer.headers().get(CONTENT_TYPE);
    if !content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        let not_grpc = NotGrpc {
            status: answer.status(),
            content_type: content_type
                .map(|value| value.as_bytes().escape_ascii().take(100).map(char::from).collect()),
        };
        if not_grpc.is_from_a_gateway() {
            load.replica().rest();
        }
        return Err(not_grpc);
    }
    remove_unreadable_details(answer.headers_mut());
    // With its status in the headers there is nothing to come.
    if let Some(status) = answer.headers().get(GRPC_STATUS) {
        rest_if_unavailable(status, &load);
        return Ok(answer.map(Body::new));
    }
    Ok(answer.map(|body| Body::new(CompleteBody { body, load, is_complete: false })))
}

fn rest_if_unavailable(status: &HeaderValue, load: &Load) {
    if status.as_bytes() == UNAVAILABLE {
        load.replica().rest();
    }
}

/// Removes details of a status that are not Base64, for tonic would panic on them.
fn remove_unreadable_details(headers: &mut HeaderMap) {
    let Some(details) = headers.get(GRPC_STATUS_DETAILS) else {
        return;
    };
    let mut only_details = HeaderMap::new();
    only_details.insert(GRPC_STATUS_DETAILS, details.clone());
    let is_readable = MetadataMap::from_headers(only_details)
        .get_bin(GRPC_STATUS_DETAILS)
        .is_some_and(|details| details.to_bytes().is_ok());
    if !is_readable {
        headers.remove(GRPC_STATUS_DETAILS);
    }
}

/// A body that ends with trailers or with an error.
///
/// hyper ends a body quietly when the connection goes away in the middle of it.
struct CompleteBody {
    body: Incoming,
    load: Load,
    is_complete: bool,
}

impl http_body::Body for CompleteBody {
    type Data = <Incoming as http_body::Body>::Data;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, BoxError>>> {
        if self.is_complete {
            return Poll::Ready(None);
        }
        Pin::new(&mut self.body).poll_frame(context).map(|frame| match frame {
            Some(Ok(mut frame)) => {
                if let Some(trailers) = frame.trailers_mut() {
                    remove_unreadable_details(trailers);
                    if let Some(status) = trailers.get(GRPC_STATUS) {
                        rest_if_unavailable(status, &self.load);
                    }
                    self.is_complete = true;
                }
                Some(Ok(frame))
            }
            Some(Err(error)) => {
                self.is_complete = true;
                Some(Err(error.into()))
            }
            None => {
                self.is_complete = true;
                Some(Err(Incomplete.into()))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.is_complete
    }
}

/// An answer broke off.
#[derive(Debug)]
struct Incomplete;

impl fmt::Display for Incomplete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer ended without a gRPC status")
    }
}

impl StdError for Incomplete {}

/// The other side answered, but not as a gRPC server does.
#[derive(Debug)]
pub(crate) struct NotGrpc {
    status: StatusCode,
    content_type: Option<String>,
}

impl NotGrpc {
    /// Whether a proxy says that the server behind it cannot be reached.
    pub(crate) fn is_from_a_gateway(&self) -> bool {
        matches!(
            self.status,
            StatusCode::TOO_MANY_REQUESTS
                | StatusCode::BAD_GATEWAY
                | StatusCode::SERVICE_UNAVAILABLE
                | StatusCode::GATEWAY_TIMEOUT
        )
    }
}

impl fmt::Display for NotGrpc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.status;
        match &self.content_type {
            Some(content_type) => {
                write!(f, "it answered with HTTP status {status} and `{content_type}`, not with gRPC")
            }
            None => write!(f, "it answered with HTTP status {status}, not with gRPC"),
        }
    }
}

impl StdError for NotGrpc {}
