//! What is known of a call wherever it is worked on: its request id, and the span of its log lines and of its trace.

use std::{future::Future, sync::Arc, time::Duration};

use http::{HeaderMap, HeaderValue};
use tokio::task;
use tonic::Code;
use tracing::{Instrument as _, Span};

use crate::{
    logging::LineLimit,
    request_id,
    telemetry::{self, Trace},
};

tokio::task_local! {
    static CURRENT: CallContext;
}

/// Lines about calls that failed by a fault of ours. A user may quote any of them, so many are let through.
static FAULTS: LineLimit = LineLimit::new(Duration::from_millis(100), 50);

/// Lines about calls that were shed, of which there are as many as clients like: one a second.
static SHED: LineLimit = LineLimit::new(Duration::from_secs(1), 1);

/// One call. A clone is the same call.
#[derive(Clone)]
pub(crate) struct CallContext(Arc<Inner>);

struct Inner {
    method: &'static str,
    request_id: HeaderValue,
    /// Of the log; disabled, which costs nothing, unless calls are logged.
    span: Span,
    trace: Trace,
    /// The trace that the client names, in case that a line is logged.
    traceparent: Option<HeaderValue>,
}

impl CallContext {
    /// The call of `method` with the metadata `headers`.
    pub(crate) fn begin(method: &'static str, headers: &HeaderMap) -> Self {
        let mut inner = Inner {
            method,
            request_id: request_id::of(headers),
            span: Span::none(),
            trace: Trace::default(),
            traceparent: headers.get("traceparent").cloned(),
        };
        inner.trace = Trace::of_call(method, inner.request_id(), headers);
        if tracing::enabled!(tracing::Level::DEBUG) {
            inner.span = inner.log_span();
        }
        CallContext(Arc::new(inner))
    }

    /// Works on the call: [`current`] is this one meanwhile.
    pub(crate) fn scope<F: Future>(&self, work: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.clone(), work.instrument(self.0.span.clone()))
    }

    /// Logs within the span of the call, even if calls are not logged.
    pub(crate) fn log(&self, line: impl FnOnce()) {
        if self.0.span.is_disabled() {
            self.0.log_span().in_scope(line);
        } else {
            self.0.span.in_scope(line);
        }
    }

    /// Puts the request id into the head of the answer and, if it tells of a fault of ours, into the message, so that a user
    /// who quotes it leads to the log.
    pub(crate) fn answer(&self, headers: &mut HeaderMap) {
        headers.insert(request_id::HEADER, self.0.request_id.clone());
        if code_in(headers) == Some(Code::Internal) {
            let message =
                headers.get("grpc-message").map_or(&b"an internal error"[..], HeaderValue::as_bytes);
            // The message is percent-encoded, and so a `%` in the id has to be.
            let id = self.0.request_id().replace('%', "%25");
            let message = [message, b" (request id ", id.as_bytes(), b")"].concat();
            if let Ok(message) = HeaderValue::from_bytes(&message) {
                headers.insert("grpc-message", message);
            }
        }
    }

    /// Tells the log of a status, in headers or trailers, that an operator should know of.
    pub(crate) fn note_status(&self, headers: &HeaderMap) {
        if let Some(code) = code_in(headers) {
            let message = || headers.get("grpc-message").and_then(|message| message.to_str().ok());
            self.note_code(code, message);
        }
    }

    /// Tells the log of a code that an operator should know of.
    pub(crate) fn note_code<'a>(&self, code: Code, message: impl FnOnce() -> Option<&'a str>) {
        match code {
            Code::Internal | Code::Unknown | Code::DataLoss => {
                if let Some(not_logged) = FAULTS.admit() {
                    let message = message();
                    self.log(|| tracing::error!(grpc_message = message, not_logged, "a call failed"));
                }
            }
            Code::ResourceExhausted => {
                if let Some(before) = SHED.admit() {
                    self.log(|| {
                        tracing::warn!(calls = before + 1, "calls were refused for want of resources")
                    });
                }
            }
            _ => {}
        }
    }

    /// The call has ended, with the code that is named `name`.
    pub(crate) fn ended(&self, code: Code, name: &'static str, after: Duration) {
        let milliseconds = after.as_secs_f64() * 1e3;
        self.0.span.in_scope(|| tracing::debug!(code = name, milliseconds, "call ended"));
        self.0.trace.end_call(code);
    }
}

impl CallContext {
    /// The id that the answer carries.
    pub(crate) fn request_id(&self) -> &str {
        self.0.request_id()
    }
}

impl Inner {
    fn request_id(&self) -> &str {
        self.request_id.to_str().unwrap_or_default()
    }

    fn log_span(&self) -> Span {
        let trace_id = self.trace.id().or_else(|| {
            let headers = HeaderMap::from_iter([(
                http::HeaderName::from_static("traceparent"),
                self.traceparent.clone()?,
            )]);
            telemetry::remote_trace_id(&headers)
        });
        tracing::error_span!(
            "call",
            request_id = self.request_id(),
            method = self.method,
            trace_id = trace_id.map(tracing::field::display)
        )
    }
}

/// The call that is being worked on here; `None` outside of one.
fn current() -> Option<CallContext> {
    CURRENT.try_with(CallContext::clone).ok()
}

/// Logs within the span of the current call, if there is one.
pub(crate) fn log(line: impl FnOnce()) {
    match current() {
        Some(call) => call.log(line),
        None => line(),
    }
}

/// Does `work`, a part of the current call, in a span of its own in the call's trace.
pub(crate) fn stage<T>(name: &'static str, work: impl FnOnce() -> T) -> T {
    let trace = CURRENT.try_with(|call| call.0.trace.clone()).unwrap_or_default();
    trace.stage(name, work)
}

/// Does a part of the current call on a thread of its own.
pub(crate) fn spawn_blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> task::JoinHandle<T> {
    match current() {
        Some(call) => task::spawn_blocking(move || {
            let span = call.0.span.clone();
            CURRENT.sync_scope(call, || span.in_scope(work))
        }),
        None => task::spawn_blocking(work),
    }
}

fn code_in(headers: &HeaderMap) -> Option<Code> {
    headers.get("grpc-status").map(|status| Code::from_bytes(status.as_bytes()))
}
