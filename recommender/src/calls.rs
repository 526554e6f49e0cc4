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
    call_context::CallContext,
    deadline::Deadline,
    methods::Method,
    metrics::{Metrics, code_name},
    queue::Queued,
    request_body::RequestBody,
    status,
    tokens::Authentication,
};

/// What the calls of all connections go to.
pub(crate) struct Destination {
    pub(crate) routes: Router,
    pub(crate) authentication: Authentication,
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
                // The panic itself is in the log already.
                return refuse(&status::internal(), call);
            }
            Err(_elapsed) => return refuse(&deadline.exceeded(), call),
        };
        let (mut head, body) = response.into_parts();
        call.context.answer(&mut head.headers);
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

/// The answer to a call, when it is there.
type Answer = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Calls {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Queued<Answer>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let method = Method::of(request.uri().path());
        let mut call =
            Call::begin(method, request.headers(), &self.destination.metrics, self.activity.call());
        let admission = &self.destination.admission;
        // Before anything is done for it.
        let taken = self.destination.authentication.check(method, request.headers_mut());
        match taken.and_then(|()| admission.call(method)) {
            Ok(admitted) => call.admitted = Some(admitted),
            Err(status) => return Queued::not_counted(Box::pin(async move { Ok(refuse(&status, call)) })),
        }
        let deadline = Deadline::of(request.headers());
        let context = call.context.clone();
        let answer: Answer = Box::pin(context.scope(self.clone().answer(request, call, deadline).map(Ok)));
        if method.is_computed() { admission.queued(answer) } else { Queued::not_counted(answer) }
    }
}

/// Answers a call with an error.
fn refuse(status: &Status, mut call: Call) -> Response<AnswerBody> {
    let mut response = status.clone().into_http::<()>();
    call.context.answer(response.headers_mut());
    call.answered(response.headers());
    response.map(|()| AnswerBody::empty(call))
}

/// A call from its first byte until its answer is sent or nobody waits for it any more, which is when this is dropped.
pub(crate) struct Call {
    method: Method,
    context: CallContext,
    began: Instant,
    code: Option<Code>,
    metrics: Arc<Metrics>,
    _in_flight: CallInFlight,
    /// `None`: it was refused.
    admitted: Option<Admitted>,
}

impl Call {
    fn begin(method: Method, headers: &HeaderMap, metrics: &Arc<Metrics>, in_flight: CallInFlight) -> Self {
        metrics.call_began(method);
        Call {
            method,
            context: CallContext::begin(method.name(), headers),
            began: Instant::now(),
            code: None,
            metrics: Arc::clone(metrics),
            _in_flight: in_flight,
            admitted: None,
        }
    }

    fn answered(&mut self, headers: &HeaderMap) {
        self.metrics.call_answered(self.method, self.began.elapsed());
        self.note_status(headers);
    }

    /// Notes the status, which is in the headers of an answer without a body, and else in the trailers.
    pub(crate) fn note_status(&mut self, headers: &HeaderMap) {
        if let Some(status) = headers.get("grpc-status") {
            self.code = Some(Code::from_bytes(status.as_bytes()));
            self.context.note_status(headers);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let code = self.code.unwrap_or(Code::Cancelled);
        self.context.ended(code, code_name(code), self.began.elapsed());
        self.metrics.call_ended(self.method, code);
    }
}
