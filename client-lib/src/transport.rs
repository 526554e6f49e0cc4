//! The connection to one recommender: it opens at the first call and opens again when it was lost.

use std::{
    error::Error as StdError,
    fmt,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderMap, HeaderName, StatusCode, Uri, header::CONTENT_TYPE};
use http_body::Frame;
use tonic::{
    body::Body,
    metadata::MetadataMap,
    transport::{Channel, Endpoint},
};
use tower::Service;

type BoxError = Box<dyn StdError + Send + Sync>;

/// How long nothing may come from the other side before it is asked whether it still lives, so that a tunnel does
/// not close the connection.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(4);
/// How long it may take to answer that. Together they are less than the time that a call has by default: when a
/// host or a way to it falls silent, the calls on it go out again on another connection.
const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(3);
/// The same for the operating system, which asks for connections that have nothing to say.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(20);

const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");
const GRPC_STATUS_DETAILS: &str = "grpc-status-details-bin";

/// How to connect to `uri`.
pub(crate) fn endpoint(uri: Uri, connect_timeout: Duration) -> Endpoint {
    Endpoint::from(uri)
        .connect_timeout(connect_timeout)
        .tcp_keepalive(Some(TCP_KEEP_ALIVE))
        .http2_keep_alive_interval(KEEP_ALIVE_INTERVAL)
        .keep_alive_timeout(KEEP_ALIVE_TIMEOUT)
        .keep_alive_while_idle(true)
}

/// tonic's channel, with what it takes for granted of the other side checked.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    channel: Channel,
}

impl Transport {
    /// Connects at the first call. Spawns a task, so it needs a tokio runtime.
    pub(crate) fn new(endpoint: &Endpoint) -> Self {
        Self { channel: endpoint.connect_lazy() }
    }
}

impl Service<http::Request<Body>> for Transport {
    type Response = http::Response<Body>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.channel.poll_ready(context).map_err(Into::into)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let answer = self.channel.call(request);
        Box::pin(async move { checked(answer.await?).map_err(Into::into) })
    }
}

/// An answer that gRPC can be read from.
fn checked(mut answer: http::Response<Body>) -> Result<http::Response<Body>, NotGrpc> {
    let content_type = answer.headers().get(CONTENT_TYPE);
    if !content_type.is_some_and(|value| value.as_bytes().starts_with(b"application/grpc")) {
        return Err(NotGrpc {
            status: answer.status(),
            content_type: content_type
                .map(|value| value.as_bytes().escape_ascii().take(100).map(char::from).collect()),
        });
    }
    remove_unreadable_details(answer.headers_mut());
    // With its status in the headers there is nothing to come.
    if answer.headers().contains_key(GRPC_STATUS) {
        return Ok(answer);
    }
    Ok(answer.map(|body| Body::new(CompleteBody { body, is_complete: false })))
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
    body: Body,
    is_complete: bool,
}

impl http_body::Body for CompleteBody {
    type Data = <Body as http_body::Body>::Data;
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
                    self.is_complete = true;
                }
                Some(Ok(frame))
            }
            Some(Err(status)) => {
                self.is_complete = true;
                Some(Err(status.into()))
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
