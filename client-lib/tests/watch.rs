//! A watch tells each model that comes into service, and ends when the replica stops.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use client_lib::{Client, Error, ModelWatch};
use futures_util::{Stream, StreamExt as _};
use proto::v1;
use sample::{Sample, Server};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

type Models = mpsc::Sender<Result<v1::WatchModelResponse, Status>>;

/// A service that tells its one watcher what is sent into the channel.
fn start() -> (Server, Models) {
    let (models, receiver) = mpsc::channel(4);
    let receiver = Mutex::new(Some(receiver));
    let server = Server::start(Sample {
        watch_model: Box::new(move |_| {
            let models = receiver.lock().unwrap().take().unwrap();
            Ok(ReceiverStream::new(models).boxed())
        }),
        ..Sample::default()
    });
    (server, models)
}

fn model(name: &str) -> Result<v1::WatchModelResponse, Status> {
    Ok(v1::WatchModelResponse {
        version: "1.2.3".to_owned(),
        model_date: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
        model_version: name.to_owned(),
        served_by: "the replica".to_owned(),
        last_refresh: Some(v1::Refresh::default()),
    })
}

#[tokio::test]
async fn each_model_arrives_when_it_comes_into_service() {
    let (server, models) = start();
    let client = Client::connect(server.url()).await.unwrap();
    models.send(model("first")).await.unwrap();
    let mut watch = client.watch_model().await.unwrap();

    let first = watch.next().await.unwrap().unwrap();
    assert_eq!(first.version, "1.2.3");
    assert_eq!(first.model_date.unwrap().timestamp(), 1);
    assert_eq!(first.model_version, "first");
    assert_eq!(first.served_by, "the replica");
    assert!(first.last_refresh.is_some());

    models.send(model("second")).await.unwrap();
    let second = watch.next().await.unwrap().unwrap();
    assert_eq!(second.model_version, "second");
}

#[tokio::test]
async fn a_watch_outlives_the_timeout_of_calls() {
    let (server, models) = start();
    let timeout = Duration::from_millis(500);
    let client = Client::builder(server.url()).timeout(timeout).lazy().unwrap();
    let mut watch = client.watch_model().await.unwrap();

    let silence = tokio::time::timeout(3 * timeout, watch.next()).await;
    assert!(silence.is_err(), "it ended early: {silence:?}");
    models.send(model("late")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().model_version, "late");
}

#[tokio::test]
async fn a_replica_that_stops_ends_the_watch_with_unavailable() {
    let (server, models) = start();
    let client = Client::connect(server.url()).await.unwrap();
    let mut watch = client.watch_model().await.unwrap();
    models.send(Err(Status::unavailable("stopping"))).await.unwrap();

    let last = watch.next().await.unwrap();
    assert!(matches!(last, Err(Error::Unavailable { .. })), "{last:?}");
    assert!(watch.next().await.is_none());
    assert!(watch.next().await.is_none(), "it stays at its end");
}

#[tokio::test]
async fn a_replica_that_crashes_ends_the_watch_with_unavailable() {
    let (server, models) = start();
    let client = Client::connect(server.url()).await.unwrap();
    models.send(model("first")).await.unwrap();
    let mut watch = client.watch_model().await.unwrap();
    watch.next().await.unwrap().unwrap();
    drop(server);

    let last = watch.next().await.unwrap();
    assert!(matches!(last, Err(Error::Unavailable { .. })), "{last:?}");
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn a_stream_that_ends_well_is_the_end() {
    let (server, models) = start();
    let client = Client::connect(server.url()).await.unwrap();
    let mut watch = client.watch_model().await.unwrap();
    drop(models);
    assert!(watch.next().await.is_none());
}

#[tokio::test]
async fn dropping_a_watch_tells_the_service() {
    let (server, models) = start();
    let client = Client::connect(server.url()).await.unwrap();
    let watch = client.watch_model().await.unwrap();
    drop(watch);
    tokio::time::timeout(Duration::from_secs(5), models.closed()).await.expect("the service still sends");
}

#[test]
fn clients_watches_and_futures_may_cross_threads() {
    fn crosses_threads<T: Send + 'static>(_: &T) {}
    fn is_shared<T: Send + Sync + 'static>() {}
    fn is_stream<T: Stream + Send + Unpin + 'static>() {}
    is_shared::<Client>();
    is_shared::<Error>();
    is_stream::<ModelWatch>();

    let client = Client::lazy("localhost:52023").unwrap();
    let client: &'static Client = Box::leak(Box::new(client));
    crosses_threads(&client.recommend("a seed"));
    crosses_threads(&client.search_songs("a"));
    crosses_threads(&client.model_info());
    crosses_threads(&client.watch_model());
    crosses_threads(&Client::connect("localhost:52023"));
    crosses_threads(&Arc::new(client));
}
