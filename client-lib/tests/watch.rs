//! A watch tells each model that comes into service, whatever becomes of replicas and connections.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
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

/// A service that tells each of its watchers, one after the other, what is sent into the channel.
fn start() -> (Server, Models) {
    let (models, receiver) = mpsc::channel::<Result<v1::WatchModelResponse, Status>>(4);
    let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
    let server = Server::start(Sample {
        watch_model: Box::new(move |_| {
            let receiver = Arc::clone(&receiver);
            let next = move |is_over| {
                let receiver = Arc::clone(&receiver);
                async move {
                    if is_over {
                        return None;
                    }
                    let item = receiver.lock().await.recv().await?;
                    let is_over = item.is_err();
                    Some((item, is_over))
                }
            };
            Ok(futures_util::stream::unfold(false, next).boxed())
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

/// What interrupted a watch, as it is told.
fn listen(watch: ModelWatch) -> (ModelWatch, Arc<Mutex<Vec<String>>>) {
    let told = Arc::<Mutex<Vec<String>>>::default();
    let heard = Arc::clone(&told);
    let watch = watch.on_interruption(move |error| {
        assert!(error.is_retryable(), "{error:?}");
        heard.lock().unwrap().push(error.to_string());
    });
    (watch, told)
}

#[tokio::test]
async fn a_watch_goes_on_when_its_replica_stops_and_tells_no_model_twice() {
    let (server, models) = start();
    let client = Client::connect(server.url()).await.unwrap();
    let (mut watch, told) = listen(client.watch_model().await.unwrap());
    models.send(model("first")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().model_version, "first");

    models.send(Err(Status::unavailable("stopping"))).await.unwrap();
    models.send(model("first")).await.unwrap();
    models.send(model("second")).await.unwrap();
    assert_eq!(watch.next().await.unwrap().unwrap().model_version, "second");
    let told = told.lock().unwrap();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains("stopping"), "{told:?}");
}

#[tokio::test]
async fn a_watch_goes_on_when_its_replica_was_killed_and_came_back() {
    let (server, models) = start();
    let address = server.address();
    let client = Client::builder(server.url()).timeout(Duration::from_secs(1)).connect().await.unwrap();
    models.send(model("first")).await.unwrap();
    let (mut watch, told) = listen(client.watch_model().await.unwrap());
    watch.next().await.unwrap().unwrap();
    drop(server);

    let next = tokio::spawn(async move { watch.next().await });
    // It has found nobody for a while.
    while told.lock().unwrap().len() < 3 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let back = Sample {
        watch_model: Box::new(|_| Ok(futures_util::stream::iter([model("second")]).boxed())),
        ..Sample::default()
    };
    let _server = Server::start_on(address, back, None);
    assert_eq!(next.await.unwrap().unwrap().unwrap().model_version, "second");
}

#[tokio::test]
async fn a_watch_that_its_replica_ends_goes_on() {
    let n_watches = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&n_watches);
    let server = Server::start(Sample {
        watch_model: Box::new(move |_| {
            let number = counted.fetch_add(1, Ordering::SeqCst);
            Ok(futures_util::stream::iter([model(&number.to_string())]).boxed())
        }),
        ..Sample::default()
    });
    let mut watch = Client::lazy(server.url()).unwrap().watch_model().await.unwrap();
    for number in 0..3 {
        assert_eq!(watch.next().await.unwrap().unwrap().model_version, number.to_string());
    }
}

#[tokio::test]
async fn a_watch_ends_with_what_asking_again_cannot_mend() {
    let (server, models) = start();
    let mut watch = Client::lazy(server.url()).unwrap().watch_model().await.unwrap();
    models.send(Err(Status::unauthenticated("the token has ended"))).await.unwrap();
    let last = watch.next().await.unwrap();
    assert!(matches!(last, Err(Error::Unauthenticated { .. })), "{last:?}");
    assert!(watch.next().await.is_none());
    assert!(watch.next().await.is_none(), "it stays at its end");
}

#[tokio::test]
async fn dropping_a_watch_tells_the_service() {
    let (models, receiver) = mpsc::channel(4);
    let receiver = Mutex::new(Some(receiver));
    let server = Server::start(Sample {
        watch_model: Box::new(move |_| {
            let models = receiver.lock().unwrap().take().unwrap();
            Ok(ReceiverStream::new(models).boxed())
        }),
        ..Sample::default()
    });
    models.send(model("first")).await.unwrap();
    let watch = Client::connect(server.url()).await.unwrap().watch_model().await.unwrap();
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
