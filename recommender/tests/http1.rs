//! HTTP/1.1 on the wire: what clients may do to a connection, how it ends, and that no request is lost with it.
#![cfg(test)]

mod network_support;
mod service_support;
mod web_support;

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use network_support::replica::Replica;
use recommender::{Limits, Settings};
use service_support::{TestServer, TestVolume, eventually, settings, within_deadline};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    task::JoinSet,
    time::{self, Instant},
};
use web_support::raw;

const IN_FLIGHT: &str = r#"recommender_requests_in_flight{method="POST /api/recommend"}"#;
const BODY: &str = r#"{"songs": ["DNA."]}"#;

/// A request for a playlist on a connection that stays open.
fn question() -> String {
    format!("POST /api/recommend HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{BODY}", BODY.len())
}

async fn served() -> (TestVolume, TestServer) {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    (volume, server)
}

/// The head and the body of the next answer; `None` when the server has ended the connection before one began.
async fn next_answer(stream: &mut TcpStream) -> Result<Option<(String, String)>, std::io::Error> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(error) if head.is_empty() && error.kind() == std::io::ErrorKind::UnexpectedEof => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        }
    }
    let head = String::from_utf8(head).unwrap();
    let length =
        head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ").map(str::to_owned));
    let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    Ok(Some((head, String::from_utf8(body).unwrap())))
}

fn is_last(head: &str) -> bool {
    head.to_lowercase().contains("connection: close\r\n")
}

#[tokio::test]
async fn requests_that_come_together_are_answered_in_their_order() {
    let (_volume, server) = served().await;
    let model = "GET /api/model HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let nowhere = "GET /none HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let last = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(format!("{}{model}{nowhere}{}{last}", question(), question()).as_bytes()).await.unwrap();
    let mut answers = Vec::new();
    while let Some(answer) = within_deadline(next_answer(&mut stream)).await.unwrap() {
        answers.push(answer);
    }
    let statuses: Vec<_> = answers.iter().map(|(head, _)| &head[9..12]).collect();
    assert_eq!(statuses, ["200", "200", "404", "200", "200"]);
    assert!(answers[1].1.contains("trainer_version") && answers[4].1.contains("SERVING"));
    assert_eq!(answers[0].1, answers[3].1);
}

/// What a proxy may take for a part of the body of the request before it, is never taken for a request here.
#[tokio::test]
async fn nothing_is_smuggled_behind_a_body_whose_length_is_told_twice() {
    let (_volume, server) = served().await;
    let smuggled = "GET /api/model HTTP/1.1\r\nHost: localhost\r\n\r\n";
    let chunked = format!("{:x}\r\n{BODY}\r\n0\r\n\r\n", BODY.len());
    for (headers, body) in [
        (
            format!("Content-Length: {}\r\nTransfer-Encoding: chunked", chunked.len() + smuggled.len()),
            chunked.as_str(),
        ),
        (
            format!("Transfer-Encoding: chunked\r\nContent-Length: {}", chunked.len() + smuggled.len()),
            &chunked,
        ),
        ("Transfer-Encoding: chunked".to_owned(), &chunked),
        ("Transfer-Encoding: chunked, identity\r\nContent-Length: 5".to_owned(), &chunked),
        ("Transfer-Encoding: xchunked".to_owned(), &chunked),
        ("Transfer-Encoding : chunked".to_owned(), &chunked),
        ("Content-Length: 5\r\nContent-Length: 6".to_owned(), "{}   "),
        ("Content-Length: +19".to_owned(), BODY),
        ("Content-Length: 19, 19".to_owned(), BODY),
        (" Content-Length: 19".to_owned(), BODY),
    ] {
        let text =
            format!("POST /api/recommend HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n\r\n{body}{smuggled}");
        let answer = raw(server.address, text).await;
        assert!(answer.matches("HTTP/1.1 ").count() <= 1, "{headers}: {answer}");
        assert!(!answer.contains("trainer_version"), "{headers}: {answer}");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 400 ") || is_last(&answer),
            "{headers}: {answer}"
        );
    }
    assert_eq!(server.metric(r#"recommender_requests_total{method="GET /api/model",code="OK"}"#).await, None);
}

#[tokio::test]
async fn what_is_not_http_or_too_large_is_refused_and_the_connection_ended() {
    let (_volume, server) = served().await;
    let huge =
        format!("GET /api/model HTTP/1.1\r\nHost: localhost\r\nX-Huge: {}\r\n\r\n", "a".repeat(64 << 10));
    let many = format!("GET /api/model HTTP/1.1\r\nHost: localhost\r\n{}\r\n", "A: b\r\n".repeat(1_000));
    let long = format!("GET /api/songs?query={} HTTP/1.1\r\nHost: localhost\r\n\r\n", "a".repeat(64 << 10));
    for (text, statuses) in [
        (&*huge, &["431"][..]),
        (&*many, &["431"]),
        (&*long, &["414", "431"]),
        ("GET /api/model HTTP/9.9\r\n\r\n", &["400", "505"]),
        ("nonsense\r\n\r\n", &["400"]),
        ("POST /api/recommend HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", &["400"]),
    ] {
        let answer = raw(server.address, text).await;
        let status = answer.get(9..12).unwrap_or_default();
        assert!(statuses.contains(&status), "{}: {answer}", &text[..text.len().min(60)]);
    }
}

/// A client that sends all before it reads must be able to read why its request was refused.
#[tokio::test]
async fn a_refusal_is_not_lost_with_the_connection() {
    let (_volume, server) = served().await;
    for _ in 0..20 {
        let mut text = b"POST /api/recommend HTTP/1.1\r\nHost: x\r\nContent-Length: 6000000\r\n\r\n".to_vec();
        text.resize(text.len() + 2_000_000, b' ');
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let _ = within_deadline(stream.write_all(&text)).await;
        let (head, _) = within_deadline(next_answer(&mut stream)).await.unwrap().unwrap();
        assert!(head.starts_with("HTTP/1.1 413 "), "{head}");
    }
}

#[tokio::test]
async fn a_client_that_waits_to_be_told_to_go_on_is() {
    let (_volume, server) = served().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let (head, body) =
        question().split_once("\r\n\r\n").map(|(head, body)| (head.to_owned(), body.to_owned())).unwrap();
    stream.write_all(format!("{head}\r\nExpect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    let (go_on, _) = within_deadline(next_answer(&mut stream)).await.unwrap().unwrap();
    assert!(go_on.starts_with("HTTP/1.1 100 "), "{go_on}");
    stream.write_all(body.as_bytes()).await.unwrap();
    let (head, _) = within_deadline(next_answer(&mut stream)).await.unwrap().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
}

#[tokio::test]
async fn a_client_that_goes_in_the_middle_of_its_request_is_not_waited_for() {
    let (_volume, server) = served().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(&question().as_bytes()[..question().len() - 3]).await.unwrap();
    eventually("the call is in flight", || async { server.metric(IN_FLIGHT).await == Some(1.0) }).await;
    drop(stream);
    eventually("the call has ended", || async { server.metric(IN_FLIGHT).await == Some(0.0) }).await;
    let ended = r#"recommender_requests_total{method="POST /api/recommend",code="CANCELLED"}"#;
    assert_eq!(server.metric(ended).await, Some(1.0));
}

#[tokio::test]
async fn a_request_in_flight_is_answered_in_a_drain_and_is_the_last_on_its_connection() {
    let (_volume, mut server) = served().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let text = question();
    let (first, second) = text.split_at(text.len() - 3);
    stream.write_all(first.as_bytes()).await.unwrap();
    eventually("the call is in flight", || async { server.metric(IN_FLIGHT).await == Some(1.0) }).await;
    server.stop();
    time::sleep(Duration::from_secs(1)).await;
    stream.write_all(second.as_bytes()).await.unwrap();
    let (head, body) = within_deadline(next_answer(&mut stream)).await.unwrap().unwrap();
    assert!(head.starts_with("HTTP/1.1 200 ") && is_last(&head), "{head}");
    assert!(body.contains("Congratulations"), "{body}");
    assert!(within_deadline(next_answer(&mut stream)).await.unwrap().is_none());
    server.ended().await.unwrap();
}

/// What became of clients that ask again and again over connections that they keep.
#[derive(Default)]
struct Tally {
    answers: AtomicUsize,
    /// Requests that were sent and never answered.
    lost: AtomicUsize,
    last_answers: AtomicUsize,
}

/// Asks without a pause until `stop`, over a connection that it keeps as long as the server does. Ends when nobody listens any more.
async fn keep_asking(address: SocketAddr, tally: Arc<Tally>, stop: Arc<AtomicBool>) {
    while let Ok(mut stream) = TcpStream::connect(address).await {
        for number in 0.. {
            if stop.load(Ordering::SeqCst) {
                return;
            }
            let answer = match stream.write_all(question().as_bytes()).await {
                Ok(()) => next_answer(&mut stream).await,
                Err(error) => Err(error),
            };
            let Ok(Some((head, _))) = answer else {
                // A connection that comes at the very moment in which the listener closes was never the server's.
                tally.lost.fetch_add(usize::from(number > 0), Ordering::SeqCst);
                break;
            };
            assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
            tally.answers.fetch_add(1, Ordering::SeqCst);
            if is_last(&head) {
                tally.last_answers.fetch_add(1, Ordering::SeqCst);
                break;
            }
        }
    }
}

/// The connections of clients that ask without a pause end with an answer, at whatever moment the server stops.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_in_a_drain() {
    let rounds = std::env::var("FAULT_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let volume = TestVolume::new();
    volume.publish(1);
    for round in 0..rounds {
        // With a delay connections are still accepted, and a client comes back to the replica that sent it away.
        let delay = if round % 2 == 0 { "0s" } else { "300ms" };
        let mut replica = Replica::start(&volume.path(), "replica", &["--drain-delay", delay]).await;
        let (tally, stop) = (Arc::<Tally>::default(), Arc::<AtomicBool>::default());
        let mut clients = JoinSet::new();
        for _ in 0..16 {
            clients.spawn(keep_asking(replica.address, Arc::clone(&tally), Arc::clone(&stop)));
        }
        eventually("many answers", || async { tally.answers.load(Ordering::SeqCst) > 500 }).await;
        replica.signal("TERM");
        let status = replica.ended(Duration::from_secs(20)).await;
        within_deadline(clients.join_all()).await;
        assert_eq!(status.code(), Some(0), "{}", replica.log());
        let (lost, last) = (tally.lost.load(Ordering::SeqCst), tally.last_answers.load(Ordering::SeqCst));
        assert_eq!(lost, 0, "round {round}: of {} requests", tally.answers.load(Ordering::SeqCst));
        assert!(last >= 16, "{last} clients were told to go");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_is_lost_when_a_connection_has_served_its_time() {
    let volume = TestVolume::new();
    volume.publish(1);
    let limits = Limits { max_connection_age: Duration::from_millis(100), ..Limits::default() };
    let server = TestServer::start_with(Settings { limits, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    let (tally, stop) = (Arc::<Tally>::default(), Arc::<AtomicBool>::default());
    let mut clients = JoinSet::new();
    for _ in 0..4 {
        clients.spawn(keep_asking(server.address, Arc::clone(&tally), Arc::clone(&stop)));
    }
    eventually("connections are old", || async { tally.last_answers.load(Ordering::SeqCst) > 40 }).await;
    stop.store(true, Ordering::SeqCst);
    clients.join_all().await;
    assert_eq!(tally.lost.load(Ordering::SeqCst), 0);
    assert!(server.metric(r#"recommender_connections_ended_total{reason="age"}"#).await.unwrap() >= 40.0);
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let (_volume, mut server) = served().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(question().as_bytes()).await.unwrap();
    within_deadline(next_answer(&mut idle)).await.unwrap().unwrap();
    let began = Instant::now();
    server.stop();
    assert!(within_deadline(next_answer(&mut idle)).await.unwrap().is_none());
    server.ended().await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}
