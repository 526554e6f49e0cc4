//! A call that failed goes out again where that can help, and no more often than the service can bear.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use client_lib::{Client, Error, RecommendResponse};
use proto::v1;
use sample::{Sample, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
    task::JoinSet,
};
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A status with the time after which the call shall go out again.
fn later(code: Code, reason: &str, delay: Duration) -> Status {
    let mut details = ErrorDetails::with_error_info(reason, "playlist.v1", HashMap::<String, String>::new());
    details.set_retry_info(Some(delay));
    Status::with_error_details(code, "later", details)
}

/// A service whose `Recommend` fails so many times before it answers, and the number of times that it was called.
fn failing(times: usize, status: impl Fn() -> Status + Send + Sync + 'static) -> (Server, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let recommend = move |_| match counted.fetch_add(1, Ordering::SeqCst) {
        call if call < times => Err(status()),
        _ => Ok(v1::RecommendResponse::default()),
    };
    (Server::start(Sample { recommend: Box::new(recommend), ..Sample::default() }), calls)
}

/// Makes so many calls at once, and waits for all of them.
async fn call_at_once(client: &Client, n_calls: usize) -> Vec<Result<RecommendResponse, Error>> {
    let call = |_| {
        let client = client.clone();
        async move { client.recommend("a seed").await }
    };
    (0..n_calls).map(call).collect::<JoinSet<_>>().join_all().await
}

/// Listens; the first `count` connections go to `first`, later ones are given to a service that answers.
async fn behind<F>(count: usize, first: fn(TcpStream) -> F) -> (String, Arc<AtomicUsize>, Server)
where
    F: Future<Output = ()> + Send + 'static,
{
    let server = Server::start(Sample::default());
    let address = server.address();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            if counted.fetch_add(1, Ordering::SeqCst) < count {
                tokio::spawn(first(stream));
            } else {
                tokio::spawn(async move {
                    let mut server = TcpStream::connect(address).await.unwrap();
                    let _ = tokio::io::copy_bidirectional(&mut stream, &mut server).await;
                });
            }
        }
    });
    (url, connections, server)
}

/// A frame of HTTP/2 for the connection or for a stream, see RFC 9113, section 4.1.
fn frame(kind: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, 0], &stream.to_be_bytes(), payload].concat()
}

/// Reads frames until that which begins a call.
async fn read_to_the_first_call(stream: &mut TcpStream) {
    const HEADERS: u8 = 1;
    stream.read_exact(&mut [0; 24]).await.unwrap();
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; length.try_into().unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        if head[3] == HEADERS {
            return;
        }
    }
}

#[tokio::test]
async fn a_call_above_the_last_stream_of_a_goaway_goes_out_again_whatever_is_set() {
    const SETTINGS: u8 = 4;
    const GOAWAY: u8 = 7;
    // More often than a call may fail otherwise.
    let (url, connections, _server) = behind(7, |mut stream| async move {
        stream.write_all(&frame(SETTINGS, 0, &[])).await.unwrap();
        read_to_the_first_call(&mut stream).await;
        // The last stream that was looked at is 0, and there was no error.
        stream.write_all(&frame(GOAWAY, 0, &[0; 8])).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    let client = Client::builder(&url).max_attempts(1).lazy().unwrap();
    client.recommend("a seed").await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn a_refused_stream_goes_out_again_whatever_is_set() {
    let (url, _, _server) = behind(1, |stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        for _ in 0..7 {
            let (_, mut respond) = connection.accept().await.unwrap().unwrap();
            respond.send_reset(h2::Reason::REFUSED_STREAM);
        }
        // The eighth time there is no connection to refuse it on.
        connection.graceful_shutdown();
        while connection.accept().await.is_some() {}
    })
    .await;
    let client = Client::builder(&url).max_attempts(1).lazy().unwrap();
    client.recommend("a seed").await.unwrap();
}

#[tokio::test]
async fn a_connection_that_has_fallen_silent_is_replaced_within_the_default_timeout() {
    let (url, connections, _server) = behind(1, |mut stream| async move {
        // It takes everything and says nothing, as a host that is gone.
        let _ = stream.read_to_end(&mut Vec::new()).await;
    })
    .await;
    Client::connect(&url).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_service_that_comes_a_little_later_is_waited_for() {
    let server = Server::start(Sample::default());
    let address = server.address();
    drop(server);
    let client = Client::builder(&address.to_string()).max_attempts(1_000).lazy().unwrap();
    let mut call = Box::pin(client.recommend("a seed"));
    let early = tokio::time::timeout(Duration::from_millis(200), &mut call).await;
    assert!(early.is_err(), "there is nobody to answer: {early:?}");

    let _server = Server::start_on(address, Sample::default(), None);
    call.await.unwrap();
}

#[tokio::test]
async fn without_retries_there_is_one_attempt() {
    let (server, calls) = failing(1, || Status::unavailable("the upstream is gone"));
    let client = Client::builder(server.url()).max_attempts(1).lazy().unwrap();
    let error = client.recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_is_not_available_or_not_ready_or_overloaded_is_asked_again_when_it_says() {
    let delay = Duration::from_millis(100);
    for (code, reason) in [
        (Code::Unavailable, "DRAINING"),
        (Code::Unavailable, "NO_MODEL"),
        (Code::ResourceExhausted, "OVERLOADED"),
    ] {
        let (server, calls) = failing(4, move || later(code, reason, delay));
        let client = Client::lazy(server.url()).unwrap();
        let began = Instant::now();
        client.recommend("a seed").await.unwrap();
        assert!(began.elapsed() >= 4 * delay, "{reason}: {:?}", began.elapsed());
        assert_eq!(calls.load(Ordering::SeqCst), 5, "{reason}");
    }
}

#[tokio::test]
async fn a_time_to_wait_beyond_the_timeout_is_told_at_once() {
    let (server, calls) =
        failing(1, || later(Code::ResourceExhausted, "OVERLOADED", Duration::from_secs(3600)));
    let client = Client::builder(server.url()).timeout(Duration::from_secs(600)).lazy().unwrap();
    let error = client.recommend("a seed").await.unwrap_err();
    assert_eq!(error.retry_after(), Some(Duration::from_secs(3600)));
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn what_asking_again_cannot_mend_is_asked_once() {
    for status in [
        (|| Status::invalid_argument("")) as fn() -> Status,
        || Status::internal(""),
        || Status::deadline_exceeded(""),
        || Status::unimplemented(""),
        // Without a time to ask again it may mean that there is a quota.
        || Status::resource_exhausted(""),
    ] {
        let (server, calls) = failing(1, status);
        Client::lazy(server.url()).unwrap().recommend("a seed").await.unwrap_err();
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{:?}", status());
    }
}

#[tokio::test]
async fn that_there_is_too_much_to_do_says_more_than_that_it_took_long_to_ask_again() {
    let overloaded = || later(Code::ResourceExhausted, "OVERLOADED", Duration::from_millis(50));
    let server = Server::start(Sample {
        answers: Arc::new(Semaphore::new(1)),
        recommend: Box::new(move |_| Err(overloaded())),
        ..Sample::default()
    });
    let client = Client::builder(server.url()).timeout(Duration::from_secs(2)).lazy().unwrap();
    let error = client.recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::Overloaded { .. }), "{error:?}");
    assert_eq!(client.retries(), 1);
}

#[tokio::test]
async fn retries_do_not_multiply_the_load_of_a_service_that_has_too_much() {
    const CALLS: usize = 2_000;
    let (server, calls) =
        failing(usize::MAX, || later(Code::ResourceExhausted, "OVERLOADED", Duration::ZERO));
    let client = Client::builder(server.url()).timeout(Duration::from_secs(60)).lazy().unwrap();
    for error in call_at_once(&client, CALLS).await.into_iter().map(Result::unwrap_err) {
        assert!(matches!(error, Error::Overloaded { .. }), "{error:?}");
    }
    // All clones share one budget, of which nothing is left.
    assert_eq!(calls.load(Ordering::SeqCst), CALLS + 1_000);
}

#[tokio::test]
async fn a_connection_has_a_thousand_calls_at_most_and_those_for_which_there_is_no_room_are_told_of_overload()
{
    let server = Server::start(Sample::silent());
    let client = Client::builder(server.url()).timeout(Duration::from_secs(5)).lazy().unwrap();
    let mut n_timeouts = 0;
    for error in call_at_once(&client, 1_500).await.into_iter().map(Result::unwrap_err) {
        match &error {
            Error::Timeout { .. } => n_timeouts += 1,
            Error::Overloaded { message, retry_after: None, .. } => {
                assert!(message.contains("1000 calls of this client"), "{message}");
                assert!(error.is_retryable());
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(n_timeouts, 1_000);
}

#[tokio::test]
async fn calls_for_which_there_is_no_room_on_a_connection_wait_for_it() {
    let server = Server::start(Sample::default());
    let client = Client::builder(server.url()).timeout(Duration::from_secs(60)).lazy().unwrap();
    for answer in call_at_once(&client, 5_000).await {
        answer.unwrap();
    }
}

/// A thousand calls on the only connection, and those that wait for room, in their order. Needs a runtime of one thread.
async fn crowded<const N: usize>(
    client: &Client,
    waiting: [&'static str; N],
) -> JoinSet<(&'static str, Result<RecommendResponse, Error>)> {
    let begun = Arc::new(AtomicUsize::new(0));
    let mut calls = JoinSet::new();
    for seed in std::iter::repeat_n("a seed", 1_000).chain(waiting) {
        let (client, begun) = (client.clone(), Arc::clone(&begun));
        calls.spawn(async move {
            begun.fetch_add(1, Ordering::SeqCst);
            (seed, client.recommend(seed).await)
        });
    }
    // A task runs until it waits, which it does for its answer or for room.
    while begun.load(Ordering::SeqCst) < 1_000 + N {
        tokio::task::yield_now().await;
    }
    calls
}

#[tokio::test]
async fn a_call_that_waited_for_room_does_not_claim_that_time_again() {
    const WAITED: Duration = Duration::from_secs(1);
    let (answers, arrivals) = (Arc::new(Semaphore::new(0)), Arc::default());
    let sample =
        Sample { answers: Arc::clone(&answers), arrivals: Arc::clone(&arrivals), ..Sample::default() };
    let server = Server::start(sample);
    let client = Client::builder(server.url()).timeout(Duration::from_secs(60)).connect().await.unwrap();
    let mut calls = crowded(&client, ["late"]).await;
    tokio::time::sleep(WAITED).await;
    answers.add_permits(1_001);
    while let Some(answer) = calls.join_next().await {
        answer.unwrap().1.unwrap();
    }
    let arrivals = arrivals.lock().unwrap();
    let late = arrivals.iter().find(|arrival| arrival.seeds == ["late"]).unwrap();
    let timeout = late.timeout.as_deref().unwrap();
    let micros: u64 = timeout.strip_suffix('u').unwrap_or_else(|| panic!("{timeout}")).parse().unwrap();
    assert!(Duration::from_micros(micros) <= Duration::from_secs(60) - WAITED, "{timeout}");
}

#[tokio::test]
async fn when_there_is_room_the_call_that_came_last_has_it() {
    let answers = Arc::new(Semaphore::new(0));
    let server = Server::start(Sample { answers: Arc::clone(&answers), ..Sample::default() });
    let client = Client::builder(server.url()).timeout(Duration::from_secs(6)).connect().await.unwrap();

    let mut calls = crowded(&client, ["first", "last"]).await;
    answers.add_permits(1);
    let (seed, answer) = calls.join_next().await.unwrap().unwrap();
    assert_eq!(seed, "a seed");
    answer.unwrap();
    // That made room for one.
    for (seed, answer) in calls.join_all().await {
        match answer.unwrap_err() {
            Error::Timeout { .. } => assert_ne!(seed, "first"),
            Error::Overloaded { .. } => assert_eq!(seed, "first"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn the_service_is_told_of_the_time_that_is_left() {
    let timeouts: Arc<Mutex<Vec<u64>>> = Arc::default();
    let noted = Arc::clone(&timeouts);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            let (request, _) = connection.accept().await.unwrap().unwrap();
            let text = request.headers()["grpc-timeout"].to_str().unwrap();
            let micros = text.strip_suffix('u').unwrap_or_else(|| panic!("{text}"));
            noted.lock().unwrap().push(micros.parse().unwrap());
        }
    });
    let client = Client::builder(&url).timeout(Duration::from_secs(60)).max_attempts(3).lazy().unwrap();
    client.recommend("a seed").await.unwrap_err();
    let timeouts = timeouts.lock().unwrap();
    assert_eq!(timeouts.len(), 3);
    assert!(timeouts.is_sorted_by(|earlier, later| earlier > later), "{timeouts:?}");
    assert!(timeouts.iter().all(|micros| *micros <= 60_000_000), "{timeouts:?}");
}
