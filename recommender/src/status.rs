//! The errors that clients get, with their `google.rpc` details.

use std::{collections::HashMap, time::Duration};

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, FieldViolation, StatusExt as _};

const DOMAIN: &str = "playlist.v1";

/// When to ask again while there is no model: the volume is looked at about that often.
const RETRY_DELAY: Duration = Duration::from_secs(1);

/// `total` fields of a request are wrong; `violations` are the first of them, at least one.
pub(crate) fn invalid_request(violations: Vec<FieldViolation>, total: usize) -> Status {
    let first = violations
        .first()
        .map(|violation| format!("`{}` {}", violation.field, violation.description))
        .unwrap_or_default();
    let message = match total {
        0 | 1 => first,
        2 => format!("{first}; and 1 more violation, see the details"),
        _ => format!("{first}; and {} more violations, see the details", total - 1),
    };
    let mut details = with_reason("INVALID_REQUEST");
    details.set_bad_request(violations);
    Status::with_error_details(Code::InvalidArgument, message, details)
}

/// There is no model yet.
pub(crate) fn no_model() -> Status {
    let mut details = with_reason("NO_MODEL");
    details.set_retry_info(Some(RETRY_DELAY));
    Status::with_error_details(
        Code::Unavailable,
        "no model is in service yet; `ModelInfo` tells how the last look for one ended",
        details,
    )
}

/// When to ask again after a call was refused: the queue is short, so it is empty long before, and jitter is the client's.
const RETRY_DELAY_UNDER_OVERLOAD: Duration = Duration::from_millis(250);

/// More is asked than can be answered soon.
pub(crate) fn overloaded(what: &str) -> Status {
    let mut details = with_reason("OVERLOADED");
    details.set_retry_info(Some(RETRY_DELAY_UNDER_OVERLOAD));
    Status::with_error_details(
        Code::ResourceExhausted,
        format!("{what}; ask again after {} ms", RETRY_DELAY_UNDER_OVERLOAD.as_millis()),
        details,
    )
}

/// The connection has served its time, so a stream ends; on another connection it will go on.
pub(crate) fn connection_closes() -> Status {
    let mut details = with_reason("CONNECTION_CLOSES");
    details.set_retry_info(Some(Duration::ZERO));
    Status::with_error_details(
        Code::Unavailable,
        "the connection has served its time; ask again on another one",
        details,
    )
}

/// The replica stops, so a stream ends; another replica will go on with it.
pub(crate) fn draining() -> Status {
    let mut details = with_reason("DRAINING");
    details.set_retry_info(Some(Duration::ZERO));
    Status::with_error_details(
        Code::Unavailable,
        "the replica stops; ask again, another one will answer",
        details,
    )
}

/// The call has no token, and tokens are asked for.
pub(crate) fn token_missing() -> Status {
    Status::with_error_details(
        Code::Unauthenticated,
        "the call has no token; send one as the metadata `authorization: Bearer <token>`",
        with_reason("TOKEN_MISSING"),
    )
}

/// The call has a token that is not accepted.
pub(crate) fn token_invalid() -> Status {
    Status::with_error_details(
        Code::Unauthenticated,
        "the token is not accepted; send one of the service's tokens as the metadata `authorization: Bearer <token>`",
        with_reason("TOKEN_INVALID"),
    )
}

/// A body that is not what the route takes; `problem` says how.
pub(crate) fn invalid_body(problem: String) -> Status {
    Status::with_error_details(Code::InvalidArgument, problem, with_reason("INVALID_REQUEST"))
}

/// A body that is longer than any that is taken.
pub(crate) fn body_too_large(most: usize) -> Status {
    let message = format!("the body has more than {most} bytes; send fewer songs");
    Status::with_error_details(Code::OutOfRange, message, with_reason("BODY_TOO_LARGE"))
}

/// Nothing is served at the path of the request.
pub(crate) fn no_such_route() -> Status {
    Status::with_error_details(
        Code::NotFound,
        "there is nothing at this path; `/api/openapi.json` tells the routes",
        with_reason("NO_SUCH_ROUTE"),
    )
}

/// The route takes other methods of HTTP.
pub(crate) fn method_not_allowed(methods: &str) -> Status {
    Status::with_error_details(
        Code::Unimplemented,
        format!("the path takes {methods} alone"),
        with_reason("METHOD_NOT_ALLOWED"),
    )
}

/// A browser asks for a page that may not.
pub(crate) fn origin_not_allowed() -> Status {
    Status::with_error_details(
        Code::PermissionDenied,
        "pages from elsewhere may not ask; let the operator name their origin in `--cors-allow-origin`",
        with_reason("ORIGIN_NOT_ALLOWED"),
    )
}

/// The request ended before it was whole, as when its client goes.
pub(crate) fn cut_short() -> Status {
    Status::cancelled("the request ended before it was whole")
}

/// Something failed that no request should be able to cause. The cause is for the log only.
pub(crate) fn internal() -> Status {
    Status::internal("an internal error, which the log of the replica describes")
}

fn with_reason(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, DOMAIN, HashMap::<String, String>::new())
}
