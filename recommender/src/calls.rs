//! What every call goes through, whatever its service: it is counted, has a deadline, and ends when the server drains.

use std::{
    convert::Infallible,
    future::Future,
    panic::AssertUnwindSafe,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::Router;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response};
use hyper::{
    body::{Body, Frame, Incoming, SizeHint},
    service::Service,
};
use tokio::{sync::watch, time};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::{Code, Status};

use crate::{metrics::Metrics, status, tokens::Authentication};

/// The longest time until a call is answered, which also bounds how slowly its request may be sent. A stream may go on for
/// as long as it likes once it has begun.
const MAX_TIME_TO_ANSWER: Duration = Duration::from_secs(30);

/// The methods that metrics tell apart; clients can make up any number of others.
const METHODS: [&str; 8] = [
    "/playlist.v1.PlaylistService/Recommend",
    "/playlist.v1.PlaylistService/SearchSongs",
    "/playlist.v1.PlaylistService/ModelInfo",
    "/playlist.v1.PlaylistService/WatchModel",
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
];

/// The services behind one connection.
#[derive(Clone)]
pub(crate) struct Calls {
    routes: Router,
    authentication: Authentication,
    metrics: Arc<Metrics>,
    /// The calls on this connection that have not ended.
    in_flight: Arc<watch::Sender<usize>>,
    /// Cancelled when streams that have nothing more to say shall end.
    closing: CancellationToken,
}

impl Calls {
    pub(crate) fn new(
        routes: Router,
        authentication: Authentication,
        metrics: Arc<Metrics>,
        closing: CancellationToken,
    ) -> Self {
        Calls { routes, authentication, metrics, in_flight: Arc::default(), closing }
    }

    /// The calls on this connection that have not ended.
    pub(crate) fn in_flight(&self) -> watch::Receiver<usize> {
        self.in_flight.subscribe()
    }
}

impl Service<Request<Incoming>> for Calls {
    type Response = Response<CallBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let mut call = Call::begin(request.uri().path(), &self.metrics, &self.in_flight);
        let (mut parts, body) = request.into_parts();
        let authenticated = self.authentication.check(parts.uri.path(), &mut parts.headers);
        let request = Request::from_parts(parts, body);
        let deadline = grpc_timeout(request.headers()).unwrap_or(Duration::MAX).min(MAX_TIME_TO_ANSWER);
        let closed = Box::pin(self.closing.clone().cancelled_owned());
        let mut routes = self.routes.clone();
        Box::pin(async move {
            let answer = async {
                match authenticated {
                    Ok(()) => tower::Service::call(&mut routes, request).await,
                    Err(status) => Ok(status.into_http()),
                }
            };
            let answer = AssertUnwindSafe(answer).catch_unwind();
            let response = match time::timeout(deadline, answer).await {
                Ok(Ok(Ok(response))) => response,
                Ok(Err(_panic)) => {
                    // The panic itself is on standard error already.
                    tracing::error!(method = call.method, "a call panicked");
                    status::internal().into_http()
                }
                Err(_elapsed) => Status::deadline_exceeded(format!(
                    "the call was not answered within {} ms",
                    deadline.as_millis()
                ))
                .into_http(),
            };
            call.answered(response.headers());
            Ok(response.map(|body| CallBody { body, call, closed, ended: false }))
        })
    }
}

/// The body of an answer. It ends with UNAVAILABLE when the server drains and the body waits for something to say: the
/// answer to a unary call never waits.
pub(crate) struct CallBody {
    body: axum::body::Body,
    call: Call,
    closed: Pin<Box<WaitForCancellationFutureOwned>>,
    ended: bool,
}

impl Body for CallBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                if let Some(trailers) = frame.as_ref().and_then(|it| it.as_ref().ok()?.trailers_ref()) {
                    self.call.note_status(trailers);
                }
                Poll::Ready(frame)
            }
            Poll::Pending => {
                std::task::ready!(self.closed.as_mut().poll(context));
                self.ended = true;
                let mut trailers = HeaderMap::new();
                if let Err(status) = status::draining().add_header(&mut trailers) {
                    return Poll::Ready(Some(Err(axum::Error::new(status))));
                }
                self.call.note_status(&trailers);
                Poll::Ready(Some(Ok(Frame::trailers(trailers))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A call from its first byte until its answer is sent or nobody waits for it any more, which is when this is dropped.
struct Call {
    method: &'static str,
    began: Instant,
    code: Option<Code>,
    metrics: Arc<Metrics>,
    in_flight: Arc<watch::Sender<usize>>,
}

impl Call {
    fn begin(path: &str, metrics: &Arc<Metrics>, in_flight: &Arc<watch::Sender<usize>>) -> Self {
        let method = METHODS.iter().find(|method| **method == path).map_or("other", |method| &method[1..]);
        metrics.call_began(method);
        in_flight.send_modify(|calls| *calls += 1);
        Call {
            method,
            began: Instant::now(),
            code: None,
            metrics: Arc::clone(metrics),
            in_flight: Arc::clone(in_flight),
        }
    }

    fn answered(&mut self, headers: &HeaderMap) {
        self.metrics.call_answered(self.method, self.began.elapsed());
        self.note_status(headers);
    }

    /// Notes the status, which is in the headers of an answer without a body, and else in the trailers.
    fn note_status(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = name_of(self.code.unwrap_or(Code::Cancelled));
        let milliseconds = self.began.elapsed().as_secs_f64() * 1e3;
        tracing::debug!(method = self.method, code, milliseconds, "call ended");
        self.metrics.call_ended(self.method, code);
        self.in_flight.send_modify(|calls| *calls -= 1);
    }
}

/// A code as the gRPC specification writes it.
fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

/// The time that the client gives the call: at most 8 digits and a unit. What is not of that form is ignored, as a client
/// that means it ends the call by itself.
fn grpc_timeout(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get("grpc-timeout")?.to_str().ok()?;
    let (number, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if number.len() > 8 || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: u64 = number.parse().ok()?;
    match unit {
        "H" => Some(Duration::from_secs(number * 60 * 60)),
        "M" => Some(Duration::from_secs(number * 60)),
        "S" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_millis(number)),
        "u" => Some(Duration::from_micros(number)),
        "n" => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeout_of(text: &'static str) -> Option<Duration> {
        grpc_timeout(&HeaderMap::from_iter([(
            http::HeaderName::from_static("grpc-timeout"),
            http::HeaderValue::from_static(text),
        )]))
    }

    #[test]
    fn the_timeout_of_a_call_has_at_most_eight_digits_and_a_unit() {
        assert_eq!(timeout_of("100m"), Some(Duration::from_millis(100)));
        assert_eq!(timeout_of("99999999H"), Some(Duration::from_secs(99_999_999 * 3600)));
        assert_eq!(timeout_of("5u"), Some(Duration::from_micros(5)));
        for wrong in ["", "S", "5", "5s", "+5S", "-5S", "123456789S", "5 S"] {
            assert_eq!(timeout_of(wrong), None, "{wrong:?}");
        }
    }
}
