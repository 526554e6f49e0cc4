//! From what gRPC and its transport report to what an application is told.

use std::{error::Error as StdError, fmt, io, time::Duration};

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::{
    address::HTTPS,
    credentials::{refusal, tls_failure},
    error::{Error, FieldViolation},
    replicas::{NoRoom, NotConnected},
    transport::NotGrpc,
};

/// The `ErrorInfo.domain` of the contract.
const DOMAIN: &str = "playlist.v1";
/// The `ErrorInfo.reason` of a service without a model.
const NO_MODEL: &str = "NO_MODEL";
/// The longest text of the other side that a message repeats, in characters.
const REPEATED: usize = 2_000;
/// The longest pause that the other side can ask for; more would be an error of its own.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

/// Tells what became of `call` on `url`, for which `timeout` was allowed.
pub(crate) fn error(status: &Status, call: &'static str, url: &str, timeout: Duration) -> Error {
    // A status that was sent has no source; one that the transport made up has the transport's error.
    match status.source() {
        Some(source) => transport_error(source, call, url),
        None => service_error(status, call, url, timeout),
    }
}

/// Whether the service surely has not seen a call that failed with `status`, though there was a connection.
pub(crate) fn is_unseen(status: &Status) -> bool {
    let Some(source) = status.source().filter(|source| find::<NotConnected>(*source).is_none()) else {
        return false;
    };
    // The connection closed while the call waited to be sent.
    let is_unsent = find::<hyper::Error>(source).is_some_and(hyper::Error::is_canceled);
    // A GOAWAY without an error reaches only the calls above its last stream, see RFC 9113, section 6.8, and
    // a refused stream was not looked at, see section 8.7.
    is_unsent
        || find::<h2::Error>(source).is_some_and(|error| match error.reason() {
            Some(h2::Reason::NO_ERROR) => error.is_go_away() && error.is_remote(),
            Some(h2::Reason::REFUSED_STREAM) => error.is_reset() && error.is_remote(),
            _ => false,
        })
}

fn transport_error(source: &(dyn StdError + 'static), call: &'static str, url: &str) -> Error {
    let url = url.to_owned();
    // In TLS 1.3 a client certificate is refused when the connection seems to be there already.
    if let Some(message) = tls_error(source) {
        return Error::Tls { url, message: message.to_owned(), source: causes(source) };
    }
    if let Some(answer) = find::<NotGrpc>(source) {
        let message = answer.to_string();
        return if answer.is_from_a_gateway() {
            let message = format!("{message}; try again");
            Error::Unavailable { url, message, retry_after: None, source: None }
        } else {
            Error::Protocol { url, message, source: None }
        };
    }
    // What this side's HTTP/2 found wrong with the other's bytes. An HTTP/1 answer reads as a frame that is
    // too long.
    let url_is_https = url.starts_with(HTTPS);
    if find::<h2::Error>(source).is_some_and(|error| error.is_library() && error.reason().is_some()) {
        return Error::Protocol {
            url,
            message: if url_is_https {
                "it does not speak gRPC (HTTP/2)".to_owned()
            } else {
                "it does not speak gRPC (HTTP/2 without TLS); write `https://` if it speaks TLS".to_owned()
            },
            source: Some(causes(source)),
        };
    }
    if let Some(no_room) = find::<NoRoom>(source) {
        return Error::Overloaded { url, message: no_room.to_string(), retry_after: None };
    }
    if find::<NotConnected>(source).is_some() {
        return Error::Connect { url, source: causes(source) };
    }
    Error::Unavailable {
        url,
        message: format!(
            "the connection was lost during `{call}`; try again, and see whether the recommender runs behind \
             the tunnel"
        ),
        retry_after: None,
        source: Some(causes(source)),
    }
}

fn service_error(status: &Status, call: &'static str, url: &str, timeout: Duration) -> Error {
    let url = url.to_owned();
    let message = readable(status.message());
    // Details that cannot be read count as none: code and message say enough.
    let details = status.get_error_details();
    let retry_after =
        details.retry_info().and_then(|info| info.retry_delay).map(|delay| delay.min(LONGEST_PAUSE));
    let has_no_model =
        details.error_info().is_some_and(|info| info.domain == DOMAIN && info.reason == NO_MODEL);

    match status.code() {
        Code::Unavailable if has_no_model => Error::NotReady { url, message, retry_after },
        // A call that was cancelled on the other side, though nobody here did it, met a replica or a proxy
        // that stops.
        Code::Unavailable | Code::Cancelled | Code::Aborted => {
            Error::Unavailable { url, message, retry_after, source: None }
        }
        Code::Unauthenticated => Error::Unauthenticated { url, call, message },
        Code::ResourceExhausted => Error::Overloaded { url, message, retry_after },
        Code::DeadlineExceeded => Error::Timeout { url, call, after: timeout },
        // The transport refuses a request of more than 4 MiB with `OUT_OF_RANGE`.
        Code::InvalidArgument | Code::OutOfRange | Code::FailedPrecondition => {
            let violations = details
                .bad_request()
                .map(|bad_request| bad_request.field_violations.as_slice())
                .unwrap_or_default()
                .iter()
                .map(|violation| FieldViolation {
                    field: readable(&violation.field),
                    description: readable(&violation.description),
                })
                .collect();
            Error::InvalidRequest { url, call, message, violations }
        }
        Code::Unimplemented => Error::Unimplemented { url, call },
        code => Error::Internal { url, call, code: name(code), message },
    }
}

/// The name of a code as the specification of gRPC writes it.
fn name(code: Code) -> &'static str {
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

/// Text of the other side, which may end on a terminal: control characters escaped, and cut.
fn readable(text: &str) -> String {
    if text.is_empty() {
        return "no reason was given".to_owned();
    }
    let mut readable = String::with_capacity(text.len().min(REPEATED));
    for character in text.chars().take(REPEATED) {
        if character.is_control() {
            readable.extend(character.escape_default());
        } else {
            readable.push(character);
        }
    }
    readable
}

/// The first error of type `E` in the chain.
fn find<'a, E: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a E> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| error.downcast_ref::<E>())
}

/// What TLS says is wrong, with advice, if an error in the chain is TLS's: an I/O error has it inside, and HTTP/2 keeps only the
/// text of an I/O error.
fn tls_error(error: &(dyn StdError + 'static)) -> Option<&'static str> {
    std::iter::successors(Some(error), |&error| error.source()).find_map(|error| {
        let io = match error.downcast_ref::<h2::Error>() {
            Some(error) => error.get_io(),
            None => error.downcast_ref::<io::Error>(),
        }?;
        match io.get_ref()?.downcast_ref::<rustls::Error>() {
            Some(error) => Some(tls_failure(error)),
            None => refusal(&io.to_string()),
        }
    })
}

/// A chain of the transport's errors, in words: their types are no business of the application's.
///
/// The last one, where it is the operating system's, stays an [`io::Error`] with its kind.
#[derive(Debug)]
struct Cause {
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// The causes from `error` downward.
fn causes(error: &(dyn StdError + 'static)) -> Box<dyn StdError + Send + Sync> {
    // Some layers repeat the one below; a status prints its causes itself.
    let mut chain: Vec<(String, Option<io::ErrorKind>)> = Vec::new();
    for error in std::iter::successors(Some(error), |&error| error.source()) {
        if error.is::<Status>() {
            continue;
        }
        let message = readable(&error.to_string());
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        match chain.last_mut() {
            Some(last) if last.0 == message => last.1 = last.1.or(kind),
            _ => chain.push((message, kind)),
        }
    }
    let mut causes: Option<Box<dyn StdError + Send + Sync>> = None;
    for (message, kind) in chain.into_iter().rev() {
        causes = Some(match (causes, kind) {
            (None, Some(kind)) => Box::new(io::Error::new(kind, message)),
            (source, _) => Box::new(Cause { message, source }),
        });
    }
    causes.unwrap_or_else(|| "the transport names no cause".into())
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for Cause {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
