//! A connection that cannot be had or is lost: what is told, and what is mended without a word.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::{
    error::Error as _,
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use client_lib::{Client, Error};
use http::{HeaderMap, HeaderValue, Response};
use sample::{Sample, Server};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// The messages of an error and of its causes.
fn chain(error: &Error) -> Vec<String> {
    let top: &(dyn std::error::Error + 'static) = error;
    std::iter::successors(Some(top), |&error| error.source()).map(ToString::to_string).collect()
}

/// Listens, and gives each connection, numbered from 0, to `serve`.
async fn listen<F>(serve: fn(usize, TcpStream) -> F) -> (String, Arc<AtomicUsize>)
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(counted.fetch_add(1, Ordering::SeqCst), stream));
        }
    });
    (url, connections)
}

/// Answers every call on the connection with these headers, this body, and these trailers, where there are
/// any.
async fn answer(stream: TcpStream, headers: Response<()>, body: &'static [u8], trailers: Option<HeaderMap>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let (parts, ()) = headers.clone().into_parts();
        let mut stream = respond.send_response(Response::from_parts(parts, ()), false).unwrap();
        stream.send_data(body.into(), trailers.is_none()).unwrap();
        if let Some(trailers) = &trailers {
            stream.send_trailers(trailers.clone()).unwrap();
        }
    }
}

fn grpc() -> Response<()> {
    Response::builder().header("content-type", "application/grpc").body(()).unwrap()
}

fn trailers(pairs: &[(&'static str, &'static str)]) -> Option<HeaderMap> {
    let mut trailers = HeaderMap::new();
    for (name, value) in pairs {
        trailers.insert(*name, HeaderValue::from_static(value));
    }
    Some(trailers)
}

/// An empty message, as gRPC frames it.
const EMPTY: &[u8] = &[0; 5];

#[tokio::test]
async fn a_refused_connection_says_so_down_to_the_operating_system() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);

    let eager = Client::connect(&url).await.unwrap_err();
    let lazy = Client::lazy(&url).unwrap().recommend("a seed").await.unwrap_err();
    for error in [eager, lazy] {
        assert!(matches!(error, Error::Connect { .. }), "{error:?}");
        assert!(error.is_retryable());
        let chain = chain(&error);
        assert!(chain[0].contains(&url), "{chain:?}");
        let last = chain.last().unwrap().to_lowercase();
        assert!(last.contains("connection refused"), "{chain:?}");
        assert!(!chain[0].to_lowercase().contains("refused"), "said twice: {chain:?}");

        let mut cause = error.source();
        while let Some(source) = cause.and_then(std::error::Error::source) {
            cause = Some(source);
        }
        let cause = cause.unwrap().downcast_ref::<io::Error>().unwrap();
        assert_eq!(cause.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[tokio::test]
async fn an_unknown_host_is_named() {
    let error = Client::connect("http://no-such-host.invalid:1").await.unwrap_err();
    assert!(matches!(error, Error::Connect { .. }), "{error:?}");
    assert!(error.to_string().contains("no-such-host.invalid"), "{error}");
}

#[tokio::test]
async fn a_service_that_does_not_answer_is_a_timeout_within_its_bound() {
    let server = Server::start(Sample::silent());
    let timeout = Duration::from_millis(300);
    let client = Client::builder(server.url()).timeout(timeout).connect().await.unwrap();
    let begin = Instant::now();
    let error = client.recommend("a seed").await.unwrap_err();

    assert!(begin.elapsed() >= timeout, "{:?}", begin.elapsed());
    assert!(begin.elapsed() < timeout + Duration::from_secs(2), "{:?}", begin.elapsed());
    assert!(matches!(error, Error::Timeout { after, .. } if after == timeout), "{error:?}");
    assert!(error.is_retryable());
    // The connection and other calls on it are none the worse.
    client.model_info().await.unwrap();
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_is_a_timeout() {
    let (url, _) = listen(|_, stream| async move {
        let _stream = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let client = Client::builder(&url).timeout(Duration::from_millis(300));
    let error = client.connect().await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_call_may_have_a_timeout_of_its_own() {
    let server = Server::start(Sample::silent());
    let client = Client::connect(server.url()).await.unwrap();
    let timeout = Duration::from_millis(100);
    let error = client.with_timeout(timeout).recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { after, .. } if after == timeout), "{error:?}");
}

#[tokio::test]
async fn timeouts_of_any_length_are_kept() {
    let server = Server::start(Sample::silent());
    let longest = Client::builder(server.url())
        .timeout(Duration::MAX)
        .connect_timeout(Duration::MAX)
        .connect()
        .await
        .unwrap();
    longest.search_songs("a").await.unwrap();

    let none = Client::builder(server.url()).timeout(Duration::ZERO).lazy().unwrap();
    let error = none.recommend("a seed").await.unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
}

#[tokio::test]
async fn a_restart_between_two_calls_goes_unnoticed() {
    let server = Server::start(Sample::default());
    let address = server.address();
    let client = Client::connect(server.url()).await.unwrap();
    client.recommend("a seed").await.unwrap();

    drop(server);
    let server = Server::start_on(address, Sample::default(), None);
    client.recommend("after a crash").await.unwrap();

    server.stop().await;
    let _server = Server::start_on(address, Sample::default(), None);
    client.recommend("after a stop").await.unwrap();
}

#[tokio::test]
async fn a_lazy_client_may_be_there_before_the_service_and_before_the_runtime() {
    let client = std::thread::spawn(|| Client::lazy("http://127.0.0.1:1").unwrap()).join().unwrap();
    assert!(client.recommend("a seed").await.is_err());

    let server = Server::start(Sample::default());
    let address = server.address();
    drop(server);
    let client = Client::lazy(&address.to_string()).unwrap();
    assert!(client.recommend("too early").await.is_err());
    let _server = Server::start_on(address, Sample::default(), None);
    client.recommend("in time").await.unwrap();
}

#[tokio::test]
async fn calls_survive_the_rotation_of_connections() {
    let age = Duration::from_millis(50);
    let address = ([127, 0, 0, 1], 0).into();
    let server = Server::start_on(address, Sample::default(), Some(age));
    let client = Client::connect(server.url()).await.unwrap();
    let end = Instant::now() + 20 * age;
    let callers: Vec<_> = (0..8)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let mut calls = 0;
                while Instant::now() < end {
                    client.recommend("a seed").await.unwrap();
                    calls += 1;
                }
                calls
            })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap() > 0);
    }
}

/// With more threads than processors, some stop in the middle of handing a call over.
#[tokio::test(flavor = "multi_thread", worker_threads = 16)]
async fn a_call_that_comes_at_the_moment_in_which_its_connection_ends_is_not_forgotten() {
    let age = Duration::from_millis(20);
    let server = Server::start_on(([127, 0, 0, 1], 0).into(), Sample::default(), Some(age));
    let client = Client::connect(server.url()).await.unwrap();
    let end = Instant::now() + Duration::from_secs(3);
    let mut callers = JoinSet::new();
    for _ in 0..400 {
        let client = client.clone();
        callers.spawn(async move {
            while Instant::now() < end {
                client.recommend("a seed").await.unwrap();
            }
        });
    }
    while let Some(caller) = callers.join_next().await {
        caller.unwrap();
    }
}

#[tokio::test]
async fn a_call_whose_connection_is_lost_twice_goes_out_a_third_time() {
    let (url, connections) = listen(|number, stream| async move {
        if number < 2 {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            connection.accept().await.unwrap().unwrap();
        } else {
            answer(stream, grpc(), EMPTY, trailers(&[("grpc-status", "0")])).await;
        }
    })
    .await;
    let client = Client::lazy(&url).unwrap();
    client.model_info().await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_connection_that_is_always_lost_is_told_after_the_fifth_time() {
    let (url, connections) = listen(|_, stream| async move {
        let mut connection = h2::server::handshake(stream).await.unwrap();
        connection.accept().await.unwrap().unwrap();
    })
    .await;
    let error = Client::lazy(&url).unwrap().model_info().await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(error.is_retryable());
    assert!(error.source().is_some(), "the cause is kept: {error:?}");
    assert_eq!(connections.load(Ordering::SeqCst), 5);
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_a_lost_connection() {
    let (url, _) = listen(|_, stream| answer(stream, grpc(), EMPTY, None)).await;
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(chain(&error).last().unwrap().contains("ended without"), "{error:?}");
}

#[tokio::test]
async fn an_http_1_server_is_no_recommender() {
    let (url, _) = listen(|_, mut stream| async move {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        // Whatever else comes is read, so that the answer is not lost to a reset.
        while matches!(stream.read(&mut request).await, Ok(1..)) {}
    })
    .await;
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    assert!(error.to_string().contains("does not speak gRPC"), "{error}");
    assert!(!error.is_retryable());
}

#[tokio::test]
async fn a_tls_server_is_no_recommender() {
    let (url, _) = listen(|_, mut stream| async move {
        let mut request = [0; 1024];
        let _ = stream.read(&mut request).await;
        // A TLS alert: unexpected message.
        let _ = stream.write_all(&[0x15, 3, 3, 0, 2, 2, 10, 0, 0, 0]).await;
        while matches!(stream.read(&mut request).await, Ok(1..)) {}
    })
    .await;
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
}

#[tokio::test]
async fn a_web_server_is_no_recommender() {
    let (url, _) = listen(|_, stream| async move {
        let page = Response::builder().status(404).header("content-type", "text/html").body(()).unwrap();
        answer(stream, page, b"<html>", None).await;
    })
    .await;
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Protocol { .. }), "{error:?}");
    assert!(error.to_string().contains("404"), "{error}");
    assert!(error.to_string().contains("text/html"), "{error}");
}

#[tokio::test]
async fn a_proxy_without_a_server_behind_it_is_unavailable() {
    let (url, _) = listen(|_, stream| async move {
        let page = Response::builder().status(503).body(()).unwrap();
        answer(stream, page, b"no upstream", None).await;
    })
    .await;
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Unavailable { .. }), "{error:?}");
    assert!(error.to_string().contains("503"), "{error}");
}

#[tokio::test]
async fn another_grpc_service_is_no_recommender() {
    let (url, _) = listen(|_, stream| async move {
        answer(stream, grpc(), b"", trailers(&[("grpc-status", "12")])).await;
    })
    .await;
    let error = Client::connect(&url).await.unwrap_err();
    assert!(matches!(error, Error::Unimplemented { .. }), "{error:?}");
}

#[tokio::test]
async fn unreadable_details_do_not_bring_the_client_down() {
    const BROKEN: &str = "%%% no base64 %%%";
    let (url, _) = listen(|number, stream| async move {
        if number == 0 {
            let in_trailers = [("grpc-status", "3"), ("grpc-status-details-bin", BROKEN)];
            answer(stream, grpc(), b"", trailers(&in_trailers)).await;
        } else {
            let mut in_headers = grpc();
            in_headers
                .headers_mut()
                .extend(trailers(&[("grpc-status", "3"), ("grpc-status-details-bin", BROKEN)]).unwrap());
            answer(stream, in_headers, b"", None).await;
        }
    })
    .await;
    for _ in 0..2 {
        let client = Client::lazy(&url).unwrap();
        let error = client.model_info().await.unwrap_err();
        assert!(matches!(error, Error::InvalidRequest { .. }), "{error:?}");
    }
}
