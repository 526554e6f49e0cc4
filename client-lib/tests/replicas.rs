//! A client balances over all replicas that its URLs stand for, and calls none that is known to be dead.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what is not expected fails the test"
)]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use client_lib::{Client, ClientBuilder, Error};
use proto::v1;
use sample::{Sample, Server};
use tokio::{net::TcpListener, task::JoinSet, time};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A replica, and how many calls have come to it.
struct Replica {
    server: Server,
    calls: Arc<AtomicUsize>,
}

impl Replica {
    fn start() -> Self {
        Self::answering(|| Ok(v1::RecommendResponse::default()))
    }

    fn answering(answer: impl Fn() -> Result<v1::RecommendResponse, Status> + Send + Sync + 'static) -> Self {
        let calls = Arc::<AtomicUsize>::default();
        let counted = Arc::clone(&calls);
        let server = Server::start(Sample {
            recommend: Box::new(move |_| {
                counted.fetch_add(1, Ordering::SeqCst);
                answer()
            }),
            ..Sample::default()
        });
        Self { server, calls }
    }

    fn address(&self) -> SocketAddr {
        self.server.address()
    }

    fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }
}

/// What a name stands for, and how often it was asked for.
#[derive(Clone, Default)]
struct Names {
    addresses: Arc<Mutex<Vec<SocketAddr>>>,
    is_broken: Arc<AtomicBool>,
    look_ups: Arc<AtomicUsize>,
}

impl Names {
    fn set<'a>(&self, replicas: impl IntoIterator<Item = &'a Replica>) {
        *self.addresses.lock().unwrap() = replicas.into_iter().map(Replica::address).collect();
    }

    fn builder(&self) -> ClientBuilder {
        let names = self.clone();
        Client::builder("http://recommender:52023").resolver(move |host, port| {
            assert_eq!((host.as_str(), port), ("recommender", 52023));
            names.look_ups.fetch_add(1, Ordering::SeqCst);
            let answer = match names.is_broken.load(Ordering::SeqCst) {
                true => Err(io::Error::other("the name service is down")),
                false => Ok(names.addresses.lock().unwrap().clone()),
            };
            async { answer }
        })
    }
}

/// Calls until `enough`.
async fn call_until(client: &Client, enough: impl Fn() -> bool) {
    time::timeout(Duration::from_secs(30), async {
        while !enough() {
            client.recommend("a seed").await.unwrap();
        }
    })
    .await
    .expect("it never came to it");
}

#[tokio::test]
async fn calls_are_spread_over_all_addresses_of_a_name() {
    let replicas = [Replica::start(), Replica::start(), Replica::start()];
    let names = Names::default();
    names.set(&replicas);
    let client = names.builder().lazy().unwrap();
    call_until(&client, || replicas.iter().all(|replica| replica.calls() > 50)).await;
}

#[tokio::test]
async fn calls_are_spread_over_all_urls_of_a_list() {
    let replicas = [Replica::start(), Replica::start()];
    let urls = replicas.each_ref().map(|replica| replica.server.url());
    let client = Client::builder(&urls.join(",")).connect().await.unwrap();
    assert_eq!(client.url(), urls.join(","));
    call_until(&client, || replicas.iter().all(|replica| replica.calls() > 50)).await;
}

#[tokio::test]
async fn a_replica_that_dies_costs_no_call_and_gets_none_and_its_successor_is_found() {
    let mut replicas = vec![Replica::start(), Replica::start(), Replica::start()];
    let names = Names::default();
    names.set(&replicas);
    let client = names.builder().resolve_interval(Duration::from_secs(3600)).lazy().unwrap();
    call_until(&client, || replicas.iter().all(|replica| replica.calls() > 10)).await;

    let stop = Arc::<AtomicBool>::default();
    let mut callers = JoinSet::new();
    for _ in 0..8 {
        let (client, stop) = (client.clone(), Arc::clone(&stop));
        callers.spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                client.recommend("a seed").await.unwrap();
            }
        });
    }

    // Connections to the dead one are accepted, as by a tunnel, and closed.
    let dead = replicas.pop().unwrap();
    let address = dead.address();
    drop(dead);
    let listener = TcpListener::bind(address).await.unwrap();
    let attempts = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&attempts);
    tokio::spawn(async move {
        while listener.accept().await.is_ok() {
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    call_until(&client, || attempts.load(Ordering::SeqCst) > 1).await;

    // It is known to be dead now, so no call may be lost on it.
    let retries = client.retries();
    let attempts_before = attempts.load(Ordering::SeqCst);
    call_until(&client, || attempts.load(Ordering::SeqCst) > attempts_before + 2).await;
    for _ in 0..1_000 {
        client.recommend("a seed").await.unwrap();
    }
    assert_eq!(client.retries(), retries, "a call went to a replica that is known to be dead");

    // The failing connection makes the client look for what has come in its place.
    replicas.push(Replica::start());
    names.set(&replicas);
    call_until(&client, || replicas[2].calls() > 50).await;
    assert_eq!(client.retries(), retries);

    stop.store(true, Ordering::SeqCst);
    callers.join_all().await;
}

#[tokio::test]
async fn a_replica_that_comes_back_at_its_address_gets_calls_again() {
    let (stays, goes) = (Replica::start(), Replica::start());
    let names = Names::default();
    names.set([&stays, &goes]);
    let client = names.builder().lazy().unwrap();
    call_until(&client, || goes.calls() > 10).await;
    let address = goes.address();
    drop(goes);
    for _ in 0..100 {
        client.recommend("a seed").await.unwrap();
    }
    let calls = Arc::<AtomicUsize>::default();
    let counted = Arc::clone(&calls);
    let sample = Sample {
        recommend: Box::new(move |_| {
            counted.fetch_add(1, Ordering::SeqCst);
            Ok(v1::RecommendResponse::default())
        }),
        ..Sample::default()
    };
    let _back = Server::start_on(address, sample, None);
    call_until(&client, || calls.load(Ordering::SeqCst) > 10).await;
}

#[tokio::test]
async fn an_address_that_a_name_no_longer_has_gets_no_call() {
    let (stays, goes) = (Replica::start(), Replica::start());
    let names = Names::default();
    names.set([&stays, &goes]);
    let client = names.builder().resolve_interval(Duration::from_millis(20)).lazy().unwrap();
    call_until(&client, || goes.calls() > 10).await;
    names.set([&stays]);
    // The look after the next one has the answer of the next one behind it.
    let look_ups = names.look_ups.load(Ordering::SeqCst);
    call_until(&client, || names.look_ups.load(Ordering::SeqCst) > look_ups + 2).await;
    let calls = goes.calls();
    for _ in 0..200 {
        client.recommend("a seed").await.unwrap();
    }
    assert_eq!(goes.calls(), calls);
    assert_eq!(client.retries(), 0);
}

#[tokio::test]
async fn a_name_service_that_fails_later_changes_nothing() {
    let replica = Replica::start();
    let names = Names::default();
    names.set([&replica]);
    let client = names.builder().resolve_interval(Duration::from_millis(20)).lazy().unwrap();
    client.recommend("a seed").await.unwrap();
    names.is_broken.store(true, Ordering::SeqCst);
    let look_ups = names.look_ups.load(Ordering::SeqCst);
    call_until(&client, || names.look_ups.load(Ordering::SeqCst) > look_ups + 3).await;
    assert_eq!(client.retries(), 0);
}

#[tokio::test]
async fn a_name_that_is_unknown_at_first_is_asked_for_again() {
    let replica = Replica::start();
    let names = Names::default();
    let client = names.builder().max_attempts(1).lazy().unwrap();
    let error = client.recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap();
    assert_eq!(cause.to_string(), "no address is known for `recommender`");
    names.set([&replica]);
    client.recommend("a seed").await.unwrap();
}

#[tokio::test]
async fn a_call_that_a_replica_cannot_answer_goes_to_another_one() {
    let refuses = Replica::answering(|| Err(Status::unavailable("stopping")));
    let answers = Replica::start();
    let names = Names::default();
    names.set([&refuses, &answers]);
    let client = names.builder().max_attempts(2).lazy().unwrap();
    for _ in 0..300 {
        client.recommend("a seed").await.unwrap();
    }
    assert_eq!(answers.calls(), 300);
    // It is left alone for a second each time.
    assert!((1..100).contains(&refuses.calls()), "{}", refuses.calls());
}

#[tokio::test]
async fn a_replica_without_a_model_delays_no_call_that_another_one_can_answer() {
    let empty = Replica::answering(|| {
        let domain = "playlist.v1";
        let mut details = ErrorDetails::with_error_info("NO_MODEL", domain, HashMap::<String, String>::new());
        details.set_retry_info(Some(Duration::from_secs(3600)));
        Err(Status::with_error_details(Code::Unavailable, "no model", details))
    });
    let answers = Replica::start();
    let names = Names::default();
    names.set([&empty, &answers]);
    let client = names.builder().lazy().unwrap();
    call_until(&client, || empty.calls() > 0 && answers.calls() > 50).await;
}

#[tokio::test]
async fn when_all_are_dead_the_error_says_so() {
    let names = Names::default();
    let replicas = [Replica::start(), Replica::start(), Replica::start()];
    names.set(&replicas);
    let client = names.builder().max_attempts(2).lazy().unwrap();
    drop(replicas);
    let error = client.recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    let cause = std::error::Error::source(&error).unwrap();
    assert!(cause.to_string().ends_with(", nor to 2 more"), "{cause}");
    let cause = cause.source().unwrap();
    assert!(cause.to_string().contains("Connection refused"), "{cause}");
}

#[test]
fn a_client_outlives_the_runtime_of_its_first_call() {
    let replica = Replica::start();
    let client = Client::lazy(replica.server.url()).unwrap();
    for _ in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(client.recommend("a seed")).unwrap();
    }
}
