//! The server drains within a bound, whatever its clients do.
#![cfg(test)]

mod service_support;

use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use prost::Message as _;
use proto::v1::{RecommendResponse, WatchModelRequest};
use recommender::ServeError;
use service_support::{
    DEADLINE, TestServer, TestVolume, check, eventually, framed, open_call, reason_of, seeds, settings,
    within_deadline,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tonic::Code;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus};

#[tokio::test]
async fn silent_connections_and_open_streams_do_not_hold_up_the_end() {
    let volume = TestVolume::new();
    volume.publish(1);
    let grace_period = Duration::from_secs(4);
    let mut server =
        TestServer::start_with(recommender::Settings { grace_period, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    let mut half_a_preface = TcpStream::connect(server.address).await.unwrap();
    half_a_preface.write_all(b"PRI * HT").await.unwrap();
    let mut half_a_request = TcpStream::connect(server.address).await.unwrap();
    half_a_request.write_all(b"GET / HTTP/1.1\r\nHost:").await.unwrap();
    let mut idle = server.client().await;
    idle.recommend(seeds(["DNA."])).await.unwrap();
    let mut watch = server.client().await.watch_model(WatchModelRequest {}).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    let mut health = server.health().await;
    let request = HealthCheckRequest { service: String::new() };
    let mut health_watch = health.watch(request).await.unwrap().into_inner();
    let message = health_watch.message().await.unwrap().unwrap();
    assert_eq!(message.status(), ServingStatus::Serving);
    // A client that asks once and then keeps its side of the stream open, as graphical clients do.
    let question = tonic_reflection::pb::v1::ServerReflectionRequest::default();
    let mut reflection = tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient::new(
        server.channel().await,
    )
    .server_reflection_info(
        stream::iter([tonic_reflection::pb::v1::ServerReflectionRequest {
            message_request: Some(
                tonic_reflection::pb::v1::server_reflection_request::MessageRequest::ListServices(
                    String::new(),
                ),
            ),
            ..question
        }])
        .chain(stream::pending()),
    )
    .await
    .unwrap()
    .into_inner();
    reflection.message().await.unwrap().unwrap();

    let began = Instant::now();
    server.stop();
    let message = within_deadline(health_watch.message()).await.unwrap().unwrap();
    assert_eq!(message.status(), ServingStatus::NotServing);
    for status in [
        within_deadline(health_watch.message()).await.unwrap_err(),
        within_deadline(watch.message()).await.unwrap_err(),
        within_deadline(reflection.message()).await.unwrap_err(),
    ] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason_of(&status), "DRAINING");
    }
    assert_eq!(within_deadline(silent.read(&mut [0])).await.unwrap(), 0);
    server.ended().await.unwrap();
    // Half a request may come from a slow client, which is given half of the grace period. Nothing took all of it.
    assert!(began.elapsed() < grace_period, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_drain_with_well_behaved_clients_takes_no_time() {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;
    client.recommend(seeds(["DNA."])).await.unwrap();
    let _silent = TcpStream::connect(server.address).await.unwrap();

    let began = Instant::now();
    server.stop();
    server.ended().await.unwrap();

    assert!(began.elapsed() < DEADLINE / 4, "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_call_in_flight_is_answered_during_the_drain() {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut server = TestServer::start_ready(&volume).await;
    let (body, answer) = open_call(server.address, server.metrics_address).await;

    let address = server.address;
    server.stop();
    eventually("no more connections", || async { TcpStream::connect(address).await.is_err() }).await;
    body.send(framed(&seeds(["DNA."]))).unwrap();
    drop(body);

    let response = within_deadline(answer).await.unwrap().unwrap();
    let body = response.into_body().collect().await.unwrap();
    assert_eq!(body.trailers().unwrap()["grpc-status"], "0");
    let answer = RecommendResponse::decode(&body.to_bytes()[5..]).unwrap();
    assert_eq!(answer.songs[0].song.as_ref().unwrap().title, "HUMBLE. 1");
    server.ended().await.unwrap();
}

#[tokio::test]
async fn a_call_that_does_not_end_is_cut_off_at_the_hard_limit() {
    let volume = TestVolume::new();
    volume.publish(1);
    let grace_period = Duration::from_millis(300);
    let mut server =
        TestServer::start_with(recommender::Settings { grace_period, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    let (_body, answer) = open_call(server.address, server.metrics_address).await;

    server.stop();

    let error = server.ended().await.unwrap_err();
    assert!(matches!(error, ServeError::CutOff { calls: 1, .. }), "{error:?}");
    assert!(within_deadline(answer).await.unwrap().is_err());
}

#[tokio::test]
async fn during_the_drain_delay_calls_are_answered_and_health_tells_of_the_drain() {
    let volume = TestVolume::new();
    volume.publish(1);
    let mut server = TestServer::start_with(recommender::Settings {
        drain_delay: DEADLINE * 10,
        ..settings(&volume.path())
    })
    .await;
    server.wait_until_ready().await;
    let mut health = server.health().await;

    server.stop();
    eventually("not ready", || {
        let mut health = health.clone();
        async move { check(&mut health, "").await == ServingStatus::NotServing }
    })
    .await;

    assert_eq!(check(&mut health, "playlist.v1.PlaylistService").await, ServingStatus::NotServing);
    assert_eq!(check(&mut health, "liveness").await, ServingStatus::Serving);
    // A new connection, for load balancers have not noticed yet.
    server.client().await.recommend(seeds(["DNA."])).await.unwrap();
    assert_eq!(server.get("/healthz").await, "ok\n");
}

#[tokio::test]
async fn a_model_that_comes_into_service_during_the_drain_does_not_make_the_replica_ready() {
    let volume = TestVolume::new();
    let mut server = TestServer::start_with(recommender::Settings {
        drain_delay: DEADLINE * 10,
        ..settings(&volume.path())
    })
    .await;
    let mut health = server.health().await;
    // The stream tells when the drain has begun: its second message is that of the drain.
    let request = HealthCheckRequest { service: String::new() };
    let mut watch = health.watch(request).await.unwrap().into_inner();
    watch.message().await.unwrap().unwrap();
    server.stop();
    within_deadline(watch.message()).await.unwrap().unwrap();

    let version = volume.publish(1);
    server.wait_for(&version).await;

    assert_eq!(check(&mut health, "").await, ServingStatus::NotServing);
}
