//! Who may ask over HTTP: tokens, and pages from elsewhere, whose browsers ask on their behalf.
#![cfg(test)]

mod service_support;
mod web_support;

use std::{fs, num::NonZero};

use bytes::Bytes;
use futures_util::future;
use http::{Method, Request, Response};
use recommender::{Limits, Security, Settings};
use service_support::{DEADLINE, TestServer, TestVolume, framed, seeds, settings};
use tokio::time::Instant;
use web_support::{error, get, post, send};

const TOKEN: &str = "a-token-for-tests-0123456789";
const DNA: &str = r#"{"songs": ["DNA."]}"#;
const RECOMMEND: &str = "/playlist.v1.PlaylistService/Recommend";

async fn served_with(security: Security) -> (TestVolume, TestServer) {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_with(Settings { security, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    (volume, server)
}

fn allowing(origins: &[&str]) -> Security {
    let cors_allow_origin = origins.iter().map(|origin| origin.parse().unwrap()).collect();
    Security { cors_allow_origin, ..Security::default() }
}

/// What a browser sends for a page of `origin`.
fn from_page(method: Method, path: &str, origin: &str, body: &str) -> Request<Bytes> {
    Request::builder().method(method).uri(path).header("origin", origin).body(body.to_owned().into()).unwrap()
}

async fn web(server: &TestServer, origin: &str) -> Response<Bytes> {
    let request = Request::post(RECOMMEND)
        .header("content-type", "application/grpc-web+proto")
        .header("origin", origin)
        .body(framed(&seeds(["DNA."])))
        .unwrap();
    send(server.address, request).await
}

#[tokio::test]
async fn without_a_token_it_is_told_what_to_send_and_health_and_the_page_need_none() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens");
    fs::write(&file, TOKEN).unwrap();
    let security = Security { token_file: Some(file), ..allowing(&["https://music.example"]) };
    let (_volume, server) = served_with(security).await;

    for (authorization, reason) in
        [(None, "TOKEN_MISSING"), (Some("Bearer wrong-wrong-wrong-1"), "TOKEN_INVALID")]
    {
        for (method, path) in [
            (Method::POST, "/api/recommend"),
            (Method::GET, "/api/songs"),
            (Method::GET, "/api/model"),
            (Method::GET, "/api/openapi.json"),
        ] {
            let mut request = from_page(method, path, "https://music.example", DNA);
            if let Some(authorization) = authorization {
                request.headers_mut().insert("authorization", authorization.parse().unwrap());
            }
            let answer = send(server.address, request).await;
            assert_eq!(error(&answer), (401, "UNAUTHENTICATED".to_owned(), reason.to_owned()), "{path}");
            assert_eq!(answer.headers()["www-authenticate"], "Bearer");
            // The page must be able to read that.
            assert_eq!(answer.headers()["access-control-allow-origin"], "https://music.example");
        }
    }
    for path in ["/", "/app.js", "/healthz", "/readyz"] {
        assert_eq!(get(server.address, path).await.status(), 200, "{path}");
    }
    // A browser asks without the token whether it may send one.
    let mut preflight = from_page(Method::OPTIONS, "/api/recommend", "https://music.example", "");
    preflight.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
    let answer = send(server.address, preflight).await;
    assert_eq!(answer.status(), 204);
    let headers = answer.headers()["access-control-allow-headers"].to_str().unwrap();
    assert!(headers.contains("authorization"), "{headers}");

    let request = Request::post("/api/recommend").header("authorization", format!("Bearer {TOKEN}"));
    assert_eq!(send(server.address, request.body(DNA.into()).unwrap()).await.status(), 200);
}

#[tokio::test]
async fn pages_from_elsewhere_may_not_ask_and_nothing_is_done_for_them() {
    let (_volume, server) = served_with(Security::default()).await;
    for (method, path) in [
        (Method::POST, "/api/recommend"),
        (Method::GET, "/api/songs"),
        (Method::GET, "/api/model"),
        (Method::OPTIONS, "/api/songs"),
    ] {
        for origin in ["https://music.example", "null", "http://localhost"] {
            let answer = send(server.address, from_page(method.clone(), path, origin, DNA)).await;
            let refused = (403, "PERMISSION_DENIED".to_owned(), "ORIGIN_NOT_ALLOWED".to_owned());
            assert_eq!(error(&answer), refused, "{method} {path} {origin}");
            assert!(!answer.headers().contains_key("access-control-allow-origin"));
        }
    }
    assert_eq!(web(&server, "https://music.example").await.headers()["grpc-status"], "7");
    assert_eq!(server.metric(r#"recommender_answers_total{kind="rules"}"#).await, Some(0.0));

    let own = format!("http://{}", server.address);
    assert_eq!(
        send(server.address, from_page(Method::POST, "/api/recommend", &own, DNA)).await.status(),
        200
    );
    assert!(!web(&server, &own).await.body().is_empty());
}

#[tokio::test]
async fn pages_that_are_named_may_ask_and_read() {
    let (_volume, server) = served_with(allowing(&["https://other.example", "https://music.example"])).await;
    for answer in [
        send(server.address, from_page(Method::POST, "/api/recommend", "https://music.example", DNA)).await,
        send(server.address, from_page(Method::POST, "/api/recommend", "https://music.example", "{}")).await,
        web(&server, "https://music.example").await,
    ] {
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://music.example");
        assert_eq!(answer.headers()["vary"], "origin");
        let exposed = answer.headers()["access-control-expose-headers"].to_str().unwrap();
        assert!(exposed.contains("grpc-status") && exposed.contains("x-request-id"), "{exposed}");
    }
    for path in ["/api/recommend", RECOMMEND] {
        let mut preflight = from_page(Method::OPTIONS, path, "https://music.example", "");
        preflight.headers_mut().insert("access-control-request-method", "POST".parse().unwrap());
        let answer = send(server.address, preflight).await;
        assert_eq!((answer.status().as_u16(), answer.body().len()), (204, 0), "{path}");
        assert_eq!(answer.headers()["access-control-allow-methods"], "POST, OPTIONS");
        assert_eq!(answer.headers()["access-control-allow-origin"], "https://music.example");
    }
    let elsewhere = from_page(Method::POST, "/api/recommend", "https://evil.example", DNA);
    assert_eq!(send(server.address, elsewhere).await.status(), 403);
    // Programs do not say where they come from.
    let program = post(server.address, "/api/recommend", DNA).await;
    assert!(program.status() == 200 && !program.headers().contains_key("access-control-allow-origin"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_can_be_answered_soon_is_a_429_and_health_answers() {
    let volume = TestVolume::new();
    volume.publish(1);
    let limits = Limits { max_queued_calls: NonZero::new(1).unwrap(), ..Limits::default() };
    let server = TestServer::start_with(Settings { limits, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    let (mut answered, mut refused) = (0, 0);
    let deadline = Instant::now() + DEADLINE;
    while answered == 0 || refused == 0 {
        assert!(Instant::now() < deadline, "{answered} answered, {refused} refused");
        let calls = future::join_all((0..300).map(|_| post(server.address, "/api/recommend", DNA)));
        let (answers, health) = future::join(calls, get(server.address, "/readyz")).await;
        assert_eq!(health.status(), 200);
        for answer in answers {
            if answer.status() == 200 {
                answered += 1;
                continue;
            }
            assert_eq!(error(&answer), (429, "RESOURCE_EXHAUSTED".to_owned(), "OVERLOADED".to_owned()));
            assert_eq!(answer.headers()["retry-after"], "1");
            refused += 1;
        }
    }
    let shed = server.metric(r#"recommender_requests_shed_total{reason="queue"}"#).await;
    assert_eq!(shed, Some(f64::from(refused)));
}
