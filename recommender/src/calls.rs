//! What every call goes through, whatever its service: it is counted, refused when too many wait, has a deadline, and ends when
//! the server or its connection does.

use std::{convert::Infallible, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Instant};

use axum::Router;
use futures_util::FutureExt as _;
use http::{HeaderMap, Request, Response};
use hyper::{body::Incoming, service::Service};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use crate::{
    activity::{Activity, CallInFlight},
    admission::{Admission, Admitted},
    answer_body::{AnswerBody, Encoded},
    deadline::Deadline,
    methods::Method,
    metrics::Metrics,
    queue::Queued,
    request_body::RequestBody,
    status,
};

/// What the calls of all connections go to.
pub(crate) struct Destination {
    pub(crate) routes: Router,
    pub(crate) admission: Arc<Admission>,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when the server closes its connections.
    pub(crate) closing: CancellationToken,
}

/// The services behind one connection.
#[derive(Clone)]
pub(crate) struct Calls {
    destination: Arc<Destination>,
    activity: Arc<Activity>,
    /// Cancelled when streams on this connection that have nothing more to say shall end.
    leaving: CancellationToken,
}

impl Calls {
    pub(crate) fn new(
        destination: Arc<Destination>,
        activity: Arc<Activity>,
        leaving: CancellationToken,
    ) -> Self {
        Calls { destination, activity, leaving }
    }

    /// Has a call answered.
    async fn answer(
        self,
        request: Request<Incoming>,
        mut call: Call,
        deadline: Deadline,
    ) -> Response<AnswerBody> {
        let Destination { routes, admission, closing, .. } = &*self.destination;
        let mut request = request.map(|body| RequestBody::new(body, admission, call.method));
        request.extensions_mut().insert(deadline);
        let answer = tower::Service::call(&mut routes.clone(), request);
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let response = match time::timeout(deadline.time_left(), answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(_panic)) => {
                // The panic itself is on standard error already.
                tracing::error!(method = call.method.name(), "a call panicked");
                return refuse(&status::internal(), call);
            }
            Err(_elapsed) => return refuse(&deadline.exceeded(), call),
        };
        let (head, body) = response.into_parts();
        let body = if call.method.is_stream() {
            call.answered(&head.headers);
            AnswerBody::stream(body, call, self.leaving.clone(), closing.clone())
        } else {
            let message = match Encoded::read(body, admission.reservation()).await {
                Ok(message) => message,
                Err(status) => return refuse(&status, call),
            };
            call.answered(&head.headers);
            AnswerBody::encoded(message, call, self.activity.answer())
        };
        Response::from_parts(head, body)
    }
}

impl Service<Request<Incoming>> for Calls {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Queued<Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        let method = Method::of(request.uri().path());
        let mut call = Call::begin(method, &self.destination.metrics, self.activity.call());
        let admission = &self.destination.admission;
        // Before anything is done for it.
        match admission.call(method) {
            Ok(admitted) => call.admitted = Some(admitted),
            Err(status) => return Queued::not_counted(Box::pin(async move { Ok(refuse(&status, call)) })),
        }
        let deadline = Deadline::of(request.headers());
        let answer = Box::pin(self.clone().answer(request, call, deadline).map(Ok));
        if method.is_computed() { admission.queued(answer) } else { Queued::not_counted(answer) }
    }
}

/// Answers a call with an error.
fn refuse(status: &Status, mut call: Call) -> Response<AnswerBody> {
    let response = status.clone().into_http::<()>();
    call.answered(response.headers());
    response.map(|()| AnswerBody::empty(call))
}

/// A call from its first byte until its answer is sent or nobody waits for it any more, which is when this is dropped.
pub(crate) struct Call {
    method: Method,
    began: Instant,
    code: Option<Code>,
    metrics: Arc<Metrics>,
    _in_flight: CallInFlight,
    /// `None`: it was refused.
    admitted: Option<Admitted>,
}

impl Call {
    fn begin(method: Method, metrics: &Arc<Metrics>, in_flight: CallInFlight) -> Self {
        metrics.call_began(method.name());
        Call {
            method,
            began: Instant::now(),
            code: None,
            metrics: Arc::clone(metrics),
            _in_flight: in_flight,
            admitted: None,
        }
    }

    fn answered(&mut self, headers: &HeaderMap) {
        self.metrics.call_answered(self.method.name(), self.began.elapsed());
        self.note_status(headers);
    }

    /// Notes the status, which is in the headers of an answer without a body, and else in the trailers.
    pub(crate) fn note_status(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(status.as_bytes()));
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = name_of(self.code.unwrap_or(Code::Cancelled));
        let milliseconds = self.began.elapsed().as_secs_f64() * 1e3;
        tracing::debug!(method = self.method.name(), code, milliseconds, "call ended");
        self.metrics.call_ended(self.method.name(), code);
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
