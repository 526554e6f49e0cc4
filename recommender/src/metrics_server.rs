//! The second port: metrics, and the probes for those who cannot ask over gRPC.
//!
//! It has to answer when the rest is at its limits, so no client of it can make others wait: there are few connections, each
//! for a short time, and when there are too many, the newest takes the place of the oldest.

use std::{collections::VecDeque, convert::Infallible, pin::pin, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::Full;
use hyper::{server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{AbortHandle, JoinSet},
    time,
};
use tokio_util::sync::CancellationToken;

use crate::{
    exposition,
    live_model::{LiveModel, RefreshOutcome},
    metrics::Metrics,
};

/// Connections at a time. A scraper, a probe and a curious person need one each.
const MAX_CONNECTIONS: usize = 64;

/// The time in which a request must have arrived, and after which an idle connection is closed.
const HEADER_TIMEOUT: Duration = Duration::from_secs(30);

/// The time after which a connection takes no more requests.
const MAX_AGE: Duration = Duration::from_secs(120);

/// The time that the last answer on a connection may take after that, or when the server stops.
const LAST_ANSWER: Duration = Duration::from_secs(5);

/// The longest head of a request in bytes; a scraper's is some hundred.
const MAX_HEAD: usize = 16 * 1024;

/// The pause after a connection could not be accepted, which happens when file descriptors run out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(200);

/// What there is to see.
pub(crate) struct Pages {
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) live: Arc<LiveModel>,
    /// Cancelled when the replica drains.
    pub(crate) draining: CancellationToken,
}

/// Serves `pages` until `closing` is cancelled and every answer that was begun then is sent, or 5 seconds have passed.
pub(crate) async fn serve(listener: TcpListener, pages: Arc<Pages>, closing: CancellationToken) {
    let mut connections = JoinSet::new();
    let mut by_age: VecDeque<AbortHandle> = VecDeque::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    by_age.retain(|connection| !connection.is_finished());
                    if by_age.len() >= MAX_CONNECTIONS && let Some(oldest) = by_age.pop_front() {
                        oldest.abort();
                    }
                    let connection = serve_connection(stream, Arc::clone(&pages), closing.clone());
                    by_age.push_back(connections.spawn(connection));
                }
                // Either the client has gone, or there are no file descriptors left, of which the other port tells.
                Err(_) => time::sleep(ACCEPT_PAUSE).await,
            },
            // Forgets the connections that have ended.
            Some(_) = connections.join_next() => {}
            () = closing.cancelled() => break,
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

async fn serve_connection(stream: TcpStream, pages: Arc<Pages>, closing: CancellationToken) {
    let answer = service_fn(move |request: Request<_>| {
        let response = pages.answer(request.method(), request.uri().path(), request.headers());
        async { Ok::<_, Infallible>(response) }
    });
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEADER_TIMEOUT).max_buf_size(MAX_HEAD);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), answer));
    tokio::select! {
        // Whatever a client does to its own connection concerns nobody else.
        _ = connection.as_mut() => return,
        () = time::sleep(MAX_AGE) => {}
        () = closing.cancelled() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = time::timeout(LAST_ANSWER, connection).await;
}

impl Pages {
    fn answer(&self, method: &Method, path: &str, headers: &HeaderMap) -> Response<Full<Bytes>> {
        if !matches!(path, "/metrics" | "/healthz" | "/readyz") {
            let text = "there are `/metrics`, `/healthz` and `/readyz`\n";
            return page(StatusCode::NOT_FOUND, exposition::PLAIN_TEXT, text);
        }
        // hyper leaves the body out of an answer to HEAD.
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut response =
                page(StatusCode::METHOD_NOT_ALLOWED, exposition::PLAIN_TEXT, "only GET and HEAD\n");
            response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            return response;
        }
        match path {
            "/metrics" => match self.metrics.encode() {
                Ok(text) => {
                    let (content_type, text) = exposition::negotiate(headers, text);
                    let mut response = page(StatusCode::OK, content_type, text);
                    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
                    response
                }
                Err(_) => {
                    let text = "the metrics could not be written\n";
                    page(StatusCode::INTERNAL_SERVER_ERROR, exposition::PLAIN_TEXT, text)
                }
            },
            "/readyz" => match self.not_ready() {
                None => page(StatusCode::OK, exposition::PLAIN_TEXT, "ready\n"),
                Some(reason) => {
                    page(StatusCode::SERVICE_UNAVAILABLE, exposition::PLAIN_TEXT, format!("{reason}\n"))
                }
            },
            _ => page(StatusCode::OK, exposition::PLAIN_TEXT, "ok\n"),
        }
    }

    /// Why the replica should get no calls; `None` when it should.
    fn not_ready(&self) -> Option<String> {
        if self.draining.is_cancelled() {
            return Some("draining".to_owned());
        }
        if self.live.snapshot().is_some() {
            return None;
        }
        let last_refresh = self.live.last_refresh();
        Some(match last_refresh.as_ref().map(|refresh| &refresh.outcome) {
            Some(RefreshOutcome::Failed(reason)) => format!("no model is in service: {reason}"),
            Some(RefreshOutcome::NothingPublished) => {
                "no model is in service: no version was ever put in service on the volume".to_owned()
            }
            _ => "no model is in service yet".to_owned(),
        })
    }
}

fn page(status: StatusCode, content_type: &'static str, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        time::Instant,
    };

    use super::*;

    async fn start() -> (SocketAddr, CancellationToken, JoinSet<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let live = Arc::new(LiveModel::default());
        let metrics = Arc::new(Metrics::new(Arc::clone(&live)));
        let pages = Pages { metrics, live, draining: CancellationToken::new() };
        let closing = CancellationToken::new();
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, Arc::new(pages), closing.clone()));
        (address, closing, tasks)
    }

    /// Reads until the server ends the connection, in whatever way.
    async fn rest(stream: &mut TcpStream) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = time::timeout(Duration::from_secs(600), stream.read_to_end(&mut rest))
            .await
            .expect("the connection stays open");
        rest
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_nothing_or_half_a_request_is_cut_off() {
        let (address, _closing, _tasks) = start().await;
        for sent in ["", "GET /metr", "GET /metrics HTTP/1.1\r\nHost: x\r\n"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let began = Instant::now();
            stream.write_all(sent.as_bytes()).await.unwrap();
            rest(&mut stream).await;
            let seconds = began.elapsed().as_secs();
            assert!((30..40).contains(&seconds), "{sent:?}: {seconds} s");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_goes_on_asking_is_sent_away_after_two_minutes() {
        let (address, _closing, _tasks) = start().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        let began = Instant::now();
        let mut buffer = [0; 4096];
        loop {
            if stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.is_err() {
                break;
            }
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(_) => time::sleep(Duration::from_secs(5)).await,
            }
            assert!(began.elapsed() < Duration::from_secs(150), "it may stay for ever");
        }
        assert!(began.elapsed() >= MAX_AGE);
    }

    #[tokio::test]
    async fn silent_clients_make_room_for_one_that_asks() {
        let (address, _closing, _tasks) = start().await;
        let mut silent = Vec::new();
        for _ in 0..2 * MAX_CONNECTIONS {
            silent.push(TcpStream::connect(address).await.unwrap());
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
        let answer = rest(&mut stream).await;
        assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", String::from_utf8_lossy(&answer));
        // The oldest had to go.
        rest(&mut silent[0]).await;
    }

    #[tokio::test]
    async fn idle_connections_do_not_hold_up_the_end() {
        let (address, closing, mut tasks) = start().await;
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 200");
        closing.cancel();
        tasks.join_next().await.unwrap().unwrap();
        rest(&mut stream).await;
    }
}
