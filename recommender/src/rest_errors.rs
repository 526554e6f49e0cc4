//! The errors of REST: the status of gRPC as JSON, with the status of HTTP that fits.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Value, json};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::metrics::code_name;

#[derive(Serialize)]
struct Body<'a> {
    error: Problem<'a>,
}

#[derive(Serialize)]
struct Problem<'a> {
    code: u16,
    status: &'static str,
    message: &'a str,
    details: Vec<Value>,
}

/// The status of HTTP for a code; each stands for one thing here.
fn http_status(code: Code) -> StatusCode {
    match code {
        Code::Ok => StatusCode::OK,
        Code::InvalidArgument => StatusCode::BAD_REQUEST,
        Code::Unauthenticated => StatusCode::UNAUTHORIZED,
        Code::PermissionDenied => StatusCode::FORBIDDEN,
        Code::NotFound => StatusCode::NOT_FOUND,
        Code::Unimplemented => StatusCode::METHOD_NOT_ALLOWED,
        Code::OutOfRange => StatusCode::PAYLOAD_TOO_LARGE,
        Code::ResourceExhausted => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::DeadlineExceeded => StatusCode::GATEWAY_TIMEOUT,
        // The client has gone, or its request was cut short.
        Code::Cancelled => StatusCode::BAD_REQUEST,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The answer that tells of `status`. A fault of ours has the request id in its message, which leads to the log.
pub(crate) fn response(status: &Status, request_id: &str) -> Response<Bytes> {
    let http_status = http_status(status.code());
    let details = status.get_error_details();
    let mut described = Vec::new();
    if let Some(info) = details.error_info() {
        described.push(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": info.reason,
            "domain": info.domain,
            "metadata": info.metadata,
        }));
    }
    if let Some(request) = details.bad_request() {
        let violations = request.field_violations.iter();
        let violations = violations.map(|it| json!({ "field": it.field, "description": it.description }));
        described.push(json!({
            "@type": "type.googleapis.com/google.rpc.BadRequest",
            "field_violations": violations.collect::<Vec<_>>(),
        }));
    }
    let retry_delay = details.retry_info().and_then(|info| info.retry_delay);
    if let Some(delay) = retry_delay {
        described.push(json!({
            "@type": "type.googleapis.com/google.rpc.RetryInfo",
            "retry_delay": format!("{:.3}s", delay.as_secs_f64()),
        }));
    }
    let message = match status.code() {
        Code::Internal => format!("{} (request id {request_id})", status.message()),
        _ => status.message().to_owned(),
    };
    let problem = Problem {
        code: http_status.as_u16(),
        status: code_name(status.code()),
        message: &message,
        details: described,
    };
    // Texts and numbers alone can always be written.
    let body = serde_json::to_vec(&Body { error: problem }).unwrap_or_default();

    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = http_status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(delay) = retry_delay {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(whole_seconds(delay)));
    }
    if http_status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    response
}

/// At least one, for the header knows no parts of seconds.
fn whole_seconds(delay: Duration) -> u64 {
    (delay.as_secs() + u64::from(delay.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::status;

    fn written(status: &Status) -> (Response<Bytes>, Value) {
        let response = response(status, "the-id");
        let body = serde_json::from_slice(response.body()).unwrap();
        (response, body)
    }

    #[test]
    fn an_error_tells_when_to_ask_again_in_whole_seconds_and_exactly() {
        let (response, body) = written(&status::overloaded("too much"));
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(body["error"]["status"], "RESOURCE_EXHAUSTED");
        assert_eq!(body["error"]["details"][1]["retry_delay"], "0.250s");
        assert_eq!(whole_seconds(Duration::ZERO), 1);
        assert_eq!(whole_seconds(Duration::from_millis(2_001)), 3);
    }

    #[test]
    fn only_a_fault_of_ours_quotes_the_request_id() {
        let (response, body) = written(&status::internal());
        assert_eq!(response.status(), 500);
        assert!(body["error"]["message"].as_str().unwrap().ends_with("(request id the-id)"), "{body}");
        let (response, body) = written(&status::no_such_route());
        assert_eq!(response.status(), 404);
        assert!(!body["error"]["message"].as_str().unwrap().contains("the-id"), "{body}");
    }

    #[test]
    fn who_has_no_token_is_told_what_to_send() {
        let (response, body) = written(&status::token_missing());
        assert_eq!(response.status(), 401);
        assert_eq!(response.headers()[header::WWW_AUTHENTICATE], "Bearer");
        assert_eq!(body["error"]["details"][0]["reason"], "TOKEN_MISSING");
    }
}
