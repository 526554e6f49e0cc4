//! What every call goes through, whatever its service: it is counted, refused when too many wait, has a deadline, and ends when
//! the server or its connection does.

use std::{convert::Infallible, panic::AssertUnwindSafe, pin::Pin, sync::Arc, time::Instant};

use axum::Router;
use bytes::Bytes;
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
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
    dialect::Dialect,
    grpc_web,
    methods::Method,
    metrics::{Metrics, code_name},
    origins::Origins,
    queue::Queued,
    request_body::RequestBody,
    rest::{self, Rest},
    rest_errors,
    rim::Rim,
    status,
    tokens::Authentication,
};

/// What the calls of all connections go to.
pub(crate) struct Destination {
    /// Those of gRPC.
    pub(crate) routes: Router,
    pub(crate) rest: Rest,
    pub(crate) origins: Origins,
    pub(crate) authentication: Authentication,
    pub(crate) admission: Arc<Admission>,
    pub(crate) metrics: Arc<Metrics>,
    /// Cancelled when the server drains.
    pub(crate) draining: CancellationToken,
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
        let Destination { routes, rest, admission, closing, .. } = &*self.destination;
        let (method, dialect, version) = (call.method, call.dialect, request.version());
        let mut request =
            request.map(|body| RequestBody::new(body, admission, method, version, dialect.web()));
        request.extensions_mut().insert(deadline);
        if dialect.web().is_some() {
            grpc_web::as_grpc(request.headers_mut());
        }
        let answer = async {
            match dialect {
                Dialect::Rest { .. } => rest.answer(method, request).await,
                _ => match tower::Service::call(&mut routes.clone(), request).await {
                    Ok(response) => Ok(response),
                },
            }
        };
        let answer = AssertUnwindSafe(answer).catch_unwind();
        let response = match time::timeout(deadline.time_left(), answer).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Ok(Err(status))) => return refuse(&status, call),
            Ok(Err(_panic)) => {
                // The panic itself is in the log already.
                return refuse(&status::internal(), call);
            }
            Err(_elapsed) => return refuse(&deadline.exceeded(), call),
        };
        let (mut head, body) = response.into_parts();
        call.context.answer(&mut head.headers);
        dialect.tell(&mut head.headers);
        let body = if call.method.is_stream() {
            call.answered(&head.headers);
            AnswerBody::stream(body, call, self.leaving.clone(), closing.clone())
        } else {
            let message = match Encoded::read(body, admission.reservation()).await {
                Ok(message) => message,
                Err(status) => return refuse(&status, call),
            };
            call.answered(&head.headers);
            if matches!(dialect, Dialect::Rest { .. }) {
                call.code = Some(Code::Ok);
            }
            AnswerBody::encoded(message, call, self.activity.answer())
        };
        Response::from_parts(head, body.written_as(dialect.web()))
    }
}

/// The answer to a call, when it is there.
type Answer = Pin<Box<dyn Future<Output = Result<Response<AnswerBody>, Infallible>> + Send>>;

impl Service<Request<Incoming>> for Calls {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Queued<Answer>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let Destination { origins, authentication, admission, metrics, draining, .. } = &*self.destination;
        let method = Method::of_request(&request);
        let dialect = Dialect::of(method, &request);
        let mut call = Call::begin(method, dialect, request.headers(), metrics, self.activity.call());
        // Before anything is done for it.
        let authenticated = authentication.check(method, request.headers_mut());
        let (allowed_origin, asked) = match origins.check(&request) {
            Ok(allowed_origin) => (allowed_origin, Ok(())),
            Err(status) => (None, Err(status)),
        };
        let rim = Rim::of(&request, allowed_origin, &self.leaving, draining);
        let (answer, is_queued): (Answer, bool) =
            match asked.and(authenticated).and_then(|()| admission.call(method)) {
                Ok(admitted) => {
                    call.admitted = Some(admitted);
                    let deadline = Deadline::of(request.headers());
                    let context = call.context.clone();
                    let answer = context.scope(self.clone().answer(request, call, deadline).map(Ok));
                    (Box::pin(answer), method.is_computed())
                }
                Err(status) => (Box::pin(async move { Ok(refuse(&status, call)) }), false),
            };
        let answer = match rim {
            Some(rim) => Box::pin(rim.around(answer)),
            None => answer,
        };
        if is_queued { admission.queued(answer) } else { Queued::not_counted(answer) }
    }
}

/// Answers a call with an error.
fn refuse(status: &Status, mut call: Call) -> Response<AnswerBody> {
    let response = match call.dialect {
        Dialect::Rest { is_head } => {
            let mut response = rest_errors::response(status, call.context.request_id());
            if response.status() == StatusCode::METHOD_NOT_ALLOWED {
                let methods = HeaderValue::from_static(rest::methods(call.method));
                response.headers_mut().insert(header::ALLOW, methods);
            }
            rest::finish(response, is_head)
        }
        Dialect::Grpc | Dialect::GrpcWeb(_) => status.clone().into_http::<()>().map(|()| Bytes::new()),
    };
    let (mut head, text) = response.into_parts();
    call.context.answer(&mut head.headers);
    call.dialect.tell(&mut head.headers);
    call.answered(&head.headers);
    if let Dialect::Rest { .. } = call.dialect {
        call.code = Some(status.code());
        call.context.note_code(status.code(), || Some(status.message()));
    }
    Response::from_parts(head, AnswerBody::refusal(text, call))
}

/// A call from its first byte until its answer is sent or nobody waits for it any more, which is when this is dropped.
pub(crate) struct Call {
    method: Method,
    dialect: Dialect,
    context: CallContext,
    began: Instant,
    code: Option<Code>,
    metrics: Arc<Metrics>,
    _in_flight: CallInFlight,
    /// `None`: it was refused.
    admitted: Option<Admitted>,
}

impl Call {
    fn begin(
        method: Method,
        dialect: Dialect,
        headers: &HeaderMap,
        metrics: &Arc<Metrics>,
        in_flight: CallInFlight,
    ) -> Self {
        metrics.call_began(method);
        Call {
            method,
            dialect,
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
