//! The blocking client makes the calls of the other one, on any thread.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::time::Duration;

use client_lib::{Error, blocking::Client};
use sample::{Sample, Server};

#[test]
fn each_call_is_answered() {
    let server = Server::start(Sample::default());
    let client = Client::connect(server.url()).unwrap();
    assert_eq!(client.recommend("a seed").unwrap().songs[0].song.title, "HUMBLE.");
    assert_eq!(client.search_songs("hum").unwrap().songs[0].title, "HUMBLE.");
    assert_eq!(client.model_info().unwrap().version, "1.0.0");
    assert!(client.watch_model().unwrap().next().unwrap().is_ok());
}

#[test]
fn errors_and_timeouts_are_those_of_the_other_client() {
    assert!(matches!(Client::connect("http://127.0.0.1:1").unwrap_err(), Error::Connect { .. }));
    assert!(matches!(Client::connect("no host").unwrap_err(), Error::InvalidUrl { .. }));

    let server = Server::start(Sample::silent());
    let client = Client::connect(server.url()).unwrap();
    let error = client.with_timeout(Duration::from_millis(50)).recommend("a seed").unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn it_may_be_used_and_dropped_on_a_thread_of_a_runtime() {
    let server = Server::start(Sample::default());
    let client = Client::connect(server.url()).unwrap();
    client.clone().recommend("a seed").unwrap();
    drop(client);
}

#[test]
fn a_watch_outlives_its_client() {
    let server = Server::start(Sample::default());
    let mut models = Client::connect(server.url()).unwrap().watch_model().unwrap();
    assert!(models.next().unwrap().is_ok());
}
