//! What the service refuses becomes a typed error with the details that it sent.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::{collections::HashMap, error::Error as _, time::Duration};

use client_lib::{Client, Error};
use sample::{Sample, Server};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// What a client is told when the service answers with `status`.
async fn told(status: fn() -> Status) -> Error {
    let server = Server::start(Sample { recommend: Box::new(move |_| Err(status())), ..Sample::default() });
    let client = Client::builder(server.url()).max_attempts(1).connect().await.unwrap();
    let error = client.recommend("a seed").await.unwrap_err();
    let message = error.to_string();
    assert!(message.contains(server.url()), "{message}");
    assert!(error.source().is_none(), "the service answered: {error:?}");
    error
}

fn details(reason: &str) -> ErrorDetails {
    ErrorDetails::with_error_info(reason, "playlist.v1", HashMap::<String, String>::new())
}

#[tokio::test]
async fn a_refused_request_names_the_fields() {
    let error = told(|| {
        let mut details = details("INVALID_REQUEST");
        details.add_bad_request_violation("songs[7]", "is empty");
        details.add_bad_request_violation("limit", "is 501, more than 500");
        Status::with_error_details(Code::InvalidArgument, "`songs[7]` is empty", details)
    })
    .await;

    assert!(!error.is_retryable());
    assert!(error.to_string().contains("`songs[7]` is empty"), "{error}");
    let Error::InvalidRequest { violations, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(violations[0].field, "songs[7]");
    assert_eq!(violations[0].description, "is empty");
    assert_eq!(violations[1].field, "limit");
}

#[tokio::test]
async fn a_service_without_a_model_is_not_ready_and_says_when_to_ask_again() {
    let error = told(|| {
        let mut details = details("NO_MODEL");
        details.set_retry_info(Some(Duration::from_millis(1500)));
        Status::with_error_details(Code::Unavailable, "no model", details)
    })
    .await;

    assert!(matches!(error, Error::NotReady { .. }), "{error:?}");
    assert!(error.is_retryable());
    assert_eq!(error.retry_after(), Some(Duration::from_millis(1500)));
}

#[tokio::test]
async fn a_replica_that_stops_is_unavailable() {
    let error = told(|| {
        let mut details = details("DRAINING");
        details.set_retry_info(Some(Duration::ZERO));
        Status::with_error_details(Code::Unavailable, "stopping", details)
    })
    .await;

    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(error.is_retryable());
    assert_eq!(error.retry_after(), Some(Duration::ZERO));
}

#[tokio::test]
async fn an_overloaded_service_says_when_to_ask_again() {
    let error = told(|| {
        let mut details = details("OVERLOADED");
        details.set_retry_info(Some(Duration::from_secs(u64::MAX)));
        Status::with_error_details(Code::ResourceExhausted, "too much", details)
    })
    .await;

    assert!(matches!(error, Error::Overloaded { .. }), "{error:?}");
    assert!(error.is_retryable());
    assert!(error.retry_after() <= Some(Duration::from_secs(86_400)));
}

#[tokio::test]
async fn a_call_that_is_not_known_is_unimplemented() {
    let error = told(|| Status::unimplemented("")).await;
    assert!(matches!(error, Error::Unimplemented { .. }), "{error:?}");
    assert!(error.to_string().contains("`Recommend`"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_failure_of_the_service_keeps_its_code_and_message() {
    for (status, expected) in [
        ((|| Status::internal("why")) as fn() -> Status, "INTERNAL"),
        (|| Status::unknown("why"), "UNKNOWN"),
        (|| Status::permission_denied("why"), "PERMISSION_DENIED"),
        (|| Status::data_loss("why"), "DATA_LOSS"),
    ] {
        let error = told(status).await;
        let Error::Internal { code, message, .. } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(*code, expected);
        assert_eq!(message, "why");
        assert!(!error.is_retryable());
    }
}

#[tokio::test]
async fn a_deadline_of_the_service_is_a_timeout() {
    let error = told(|| Status::deadline_exceeded("late")).await;
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
    assert!(error.is_retryable());
}

#[tokio::test]
async fn a_request_above_four_mebibytes_is_refused() {
    let server = Server::start(Sample::default());
    let client = Client::connect(server.url()).await.unwrap();
    let error = client.recommend("x".repeat(5 << 20)).await.unwrap_err();
    assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
}

#[tokio::test]
async fn details_that_cannot_be_read_cost_no_more_than_themselves() {
    let error = told(|| {
        let details = vec![0xff; 20].into();
        Status::with_details(Code::InvalidArgument, "bad", details)
    })
    .await;
    let Error::InvalidRequest { violations, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(violations, []);
}

#[tokio::test]
async fn what_the_service_sends_cannot_control_a_terminal() {
    let error = told(|| Status::invalid_argument("red \u{1b}[31m alarm")).await;
    assert!(!error.to_string().contains('\u{1b}'), "{error:?}");
    assert!(error.to_string().contains("alarm"), "{error}");
}
