//! A connection ends when it is old, idle, or one too many, and no call is lost by it.
#![cfg(test)]

mod service_support;

use std::{num::NonZero, time::Duration};

use proto::v1::WatchModelRequest;
use recommender::{Limits, Settings};
use service_support::{
    DEADLINE, RawConnection, TestServer, TestVolume, code_of, eventually, framed, reason_of, seeds, settings,
    within_deadline,
};
use tokio::{io::AsyncReadExt as _, net::TcpStream};
use tonic::Code;

async fn start_with(volume: &TestVolume, limits: Limits) -> TestServer {
    let server = TestServer::start_with(Settings { limits, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    server
}

#[tokio::test]
async fn an_old_connection_ends_after_its_calls() {
    let volume = TestVolume::new();
    volume.publish(1);
    let max_connection_age = Duration::from_millis(300);
    let server = start_with(&volume, Limits { max_connection_age, ..Limits::default() }).await;
    let mut connection = RawConnection::open(server.address).await;

    // Its request ends long after the connection has become old.
    let (body, answer) = connection.call("playlist.v1.PlaylistService/Recommend", "1M");
    let ended = r#"recommender_connections_ended_total{reason="age"}"#;
    eventually("the connection is old", || async { server.metric(ended).await >= Some(1.0) }).await;
    assert!(!answer.is_finished());
    body.send(framed(&seeds(["DNA."]))).unwrap();
    drop(body);

    let answer = within_deadline(answer).await.unwrap().unwrap();
    assert_eq!(code_of(answer).await, Code::Ok);
    within_deadline(connection.ended()).await.unwrap();
}

#[tokio::test]
async fn a_stream_on_an_old_connection_ends_with_the_advice_to_ask_again() {
    let volume = TestVolume::new();
    volume.publish(1);
    let max_connection_age = Duration::from_millis(300);
    let server = start_with(&volume, Limits { max_connection_age, ..Limits::default() }).await;
    let mut watch = server.client().await.watch_model(WatchModelRequest {}).await.unwrap().into_inner();
    within_deadline(watch.message()).await.unwrap().unwrap();

    let status = within_deadline(watch.message()).await.unwrap_err();

    assert_eq!(status.code(), Code::Unavailable);
    assert_eq!(reason_of(&status), "CONNECTION_CLOSES");
}

#[tokio::test]
async fn a_connection_without_calls_is_closed_and_one_with_a_stream_is_not() {
    let volume = TestVolume::new();
    volume.publish(1);
    let max_connection_idle = Duration::from_millis(300);
    let server = start_with(&volume, Limits { max_connection_idle, ..Limits::default() }).await;
    let mut watch = server.client().await.watch_model(WatchModelRequest {}).await.unwrap().into_inner();
    within_deadline(watch.message()).await.unwrap().unwrap();

    let mut idle = RawConnection::open(server.address).await;
    within_deadline(idle.ended()).await.unwrap();

    let version = volume.publish(2);
    let message = within_deadline(watch.message()).await.unwrap().unwrap();
    assert_eq!(message.model_version, version.as_str());
}

#[tokio::test]
async fn one_connection_too_many_is_closed_at_once_and_idle_ones_make_room() {
    let volume = TestVolume::new();
    volume.publish(1);
    let limits = Limits {
        max_connections: NonZero::new(3).unwrap(),
        max_connection_idle: DEADLINE * 10,
        ..Limits::default()
    };
    let server = TestServer::start_with(Settings { limits, ..settings(&volume.path()) }).await;
    let mut first = RawConnection::open(server.address).await;
    let _others = [RawConnection::open(server.address).await, RawConnection::open(server.address).await];
    let in_use = server.metric("recommender_connections").await;
    assert_eq!(in_use, Some(3.0));

    let mut refused = TcpStream::connect(server.address).await.unwrap();
    let closed = within_deadline(refused.read(&mut [0])).await;
    assert!(matches!(closed, Ok(0) | Err(_)), "{closed:?}");
    assert_eq!(server.metric("recommender_connections_refused_total").await, Some(1.0));

    within_deadline(first.ended()).await.unwrap();
    server.wait_until_ready().await;
}
