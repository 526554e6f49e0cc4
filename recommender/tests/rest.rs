//! REST: what the clients of the service of old expect, and what else there is over HTTP without gRPC.
#![cfg(test)]

mod service_support;
mod web_support;

use bytes::Bytes;
use client_lib::Client;
use http::{Method, Request};
use recommender::{Security, Settings};
use serde_json::{Value, json as value};
use service_support::{TestServer, TestVolume, settings};
use web_support::{error, get, json, post, send, send_over_http2};

async fn served() -> (TestVolume, TestServer) {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    (volume, server)
}

async fn served_with(security: Security) -> (TestVolume, TestServer) {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_with(Settings { security, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    (volume, server)
}

async fn client(server: &TestServer) -> Client {
    Client::connect(&format!("http://{}", server.address)).await.unwrap()
}

const DNA: &str = r#"{"songs": ["DNA."]}"#;

#[tokio::test]
async fn a_playlist_is_titles_with_all_that_grpc_tells() {
    let (_volume, server) = served().await;
    let body = r#"{"songs": ["DNA.", "qqqqqqqq"], "exclude_songs": ["Congratulations"]}"#;
    let playlist = json(&post(server.address, "/api/recommend", body).await);

    let question = client_lib::RecommendRequest::new(["DNA.", "qqqqqqqq"]).exclude_songs(["Congratulations"]);
    let asked = client(&server).await.recommend(question).await;
    let mut expected = serde_json::to_value(asked.unwrap()).unwrap();
    let recommendations = expected["songs"].take();
    let titles = recommendations.as_array().unwrap().iter().map(|it| it["song"]["title"].clone());
    expected["songs"] = titles.collect();
    expected["recommendations"] = recommendations;
    assert_eq!(playlist, expected);
    assert_eq!(playlist["songs"], value!(["HUMBLE. 1", "Águas de Março"]));
    assert_eq!(playlist["model_date"], "2026-01-03T03:04:05Z");
    assert_eq!(playlist["seeds"][1]["song"], Value::Null);
}

#[tokio::test]
async fn a_request_is_read_as_json_whatever_it_claims_to_be_and_however_the_path_is_spelt() {
    let (_volume, server) = served().await;
    let expected = json(&post(server.address, "/api/recommend", DNA).await)["songs"].clone();
    assert_eq!(expected.as_array().unwrap().len(), 3);
    for content_type in [
        "application/x-www-form-urlencoded",
        "application/json",
        "text/plain",
        "application/grpc",
        "nonsense",
        "",
    ] {
        let request = Request::post("/api/recommend").header("content-type", content_type);
        let answer = send(server.address, request.body(DNA.into()).unwrap()).await;
        assert_eq!(json(&answer)["songs"], expected, "{content_type}");
    }
    for path in ["/api/recommend/", "/api/recommender", "/api/recommender/", "/api/recommend?x=1"] {
        assert_eq!(json(&post(server.address, path, DNA).await)["songs"], expected, "{path}");
    }
    let over_http2 =
        send_over_http2(server.address, Request::post("/api/recommend").body(DNA.into()).unwrap());
    assert_eq!(json(&over_http2.await)["songs"], expected);
}

#[tokio::test]
async fn the_fields_of_a_request_are_those_of_the_contract() {
    let (_volume, server) = served().await;
    let ask = async |body: &str| json(&post(server.address, "/api/recommend", body.to_owned()).await);
    assert_eq!(ask(r#"{"songs": ["DNA."], "limit": 1}"#).await["songs"].as_array().unwrap().len(), 1);
    let capped = ask(r#"{"songs": ["Congratulations"], "max_songs_per_artist": 1}"#).await;
    let artists: Vec<_> =
        capped["recommendations"].as_array().unwrap().iter().map(|it| &it["song"]["artist"]).collect();
    assert_eq!(artists.iter().filter(|artist| **artist == "Kendrick Lamar").count(), 1);
    let without_rules = ask(r#"{"songs": ["DNA."], "max_rules_per_song": 0}"#).await;
    assert_eq!(without_rules["recommendations"][0]["rules"], value!([]));
    assert_ne!(ask(DNA).await["recommendations"][0]["rules"], value!([]));
}

#[tokio::test]
async fn songs_and_the_model_are_told_as_grpc_does() {
    let (_volume, server) = served().await;
    let model = json(&get(server.address, "/api/model").await);
    let grpc = server.model_info().await;
    assert_eq!(model["model_version"], grpc.model_version);
    assert_eq!(model["dataset"]["bytes"], 1_234);
    assert_eq!(model["counts"]["itemsets_by_size"], value!([4, 2]));
    assert_eq!(model["evaluation"], Value::Null);
    assert_eq!(model["last_refresh"]["outcome"].as_str().unwrap().split_at(16).0, "REFRESH_OUTCOME_");
    assert_eq!(model["stages"][0]["peak_memory_bytes"], 1 << 20);

    let first = json(&get(server.address, "/api/songs?query=&page_size=3").await);
    assert_eq!(first["songs"].as_array().unwrap().len(), 3);
    let token = first["next_page_token"].as_str().unwrap();
    let second = json(&get(server.address, &format!("/api/songs?page_size=3&page_token={token}")).await);
    assert_eq!(second["songs"].as_array().unwrap().len(), 1);
    assert_eq!(second["next_page_token"], "");
    let found = json(&get(server.address, "/api/songs/?query=%C3%81guas+de").await);
    assert_eq!(
        found["songs"][0],
        value!({ "title": "Águas de Março", "artist": "", "uri": "", "support_count": 2 })
    );
}

#[tokio::test]
async fn what_is_wrong_with_a_request_is_told_field_by_field() {
    let (_volume, server) = served().await;
    let invalid = (400, "INVALID_ARGUMENT".to_owned(), "INVALID_REQUEST".to_owned());
    for (body, fields) in [
        ("", &[][..]),
        ("songs=DNA.", &[]),
        ("[\"DNA.\"]", &[]),
        ("{}", &["songs"]),
        (r#"{"songs": []}"#, &["songs"]),
        (r#"{"songs": ["DNA.", "", "\u0007"], "limit": 501}"#, &["songs[1]", "songs[2]", "limit"]),
        (r#"{"songs": [1985]}"#, &["songs[0]"]),
        (r#"{"songs": ["DNA."], "limit": "ten"}"#, &["limit"]),
    ] {
        let answer = post(server.address, "/api/recommend", body).await;
        assert_eq!(error(&answer), invalid, "{body}");
        let details = json(&answer)["error"]["details"].clone();
        let violations = details.as_array().unwrap().iter().flat_map(|it| it["field_violations"].as_array());
        let named: Vec<_> = violations.flatten().map(|it| it["field"].as_str().unwrap().to_owned()).collect();
        assert_eq!(named, fields, "{body}");
    }
    for path in ["/api/songs?page_size=101", "/api/songs?page_size=x", "/api/songs?page_token=x"] {
        assert_eq!(error(&get(server.address, path).await), invalid, "{path}");
    }
}

#[tokio::test]
async fn other_paths_and_methods_are_refused_with_what_there_is() {
    let (_volume, server) = served().await;
    for path in ["/api", "/api/", "/api/recommendations", "/favicon.ico", "/healthz/", "/../etc/passwd", "//"]
    {
        let (status, code, reason) = error(&get(server.address, path).await);
        assert_eq!((status, &*code, &*reason), (404, "NOT_FOUND", "NO_SUCH_ROUTE"), "{path}");
    }
    for (path, allowed) in [
        ("/api/recommend", "POST, OPTIONS"),
        ("/api/songs", "GET, HEAD, OPTIONS"),
        ("/api/model", "GET, HEAD, OPTIONS"),
        ("/healthz", "GET, HEAD, OPTIONS"),
        ("/", "GET, HEAD, OPTIONS"),
    ] {
        for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE, Method::PATCH] {
            if allowed.split(", ").any(|it| it == method.as_str()) {
                continue;
            }
            let request = Request::builder().method(&method).uri(path).body(Bytes::new()).unwrap();
            let answer = send(server.address, request).await;
            let (status, code, reason) = error(&answer);
            assert_eq!(
                (status, &*code, &*reason),
                (405, "UNIMPLEMENTED", "METHOD_NOT_ALLOWED"),
                "{method} {path}"
            );
            assert_eq!(answer.headers()["allow"], allowed, "{method} {path}");
        }
        let request = Request::options(path).body(Bytes::new()).unwrap();
        let answer = send(server.address, request).await;
        assert_eq!((answer.status().as_u16(), answer.headers()["allow"].to_str().unwrap()), (204, allowed));
        assert!(!answer.headers().contains_key("access-control-allow-methods"));
    }
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let (_volume, server) = served().await;
    for path in ["/", "/app.js", "/api/songs", "/api/openapi.json", "/healthz", "/readyz", "/none"] {
        let whole = get(server.address, path).await;
        for over_http2 in [false, true] {
            let request = Request::head(path).body(Bytes::new()).unwrap();
            let head = match over_http2 {
                true => send_over_http2(server.address, request).await,
                false => send(server.address, request).await,
            };
            assert_eq!(head.status(), whole.status(), "{path}");
            assert!(head.body().is_empty(), "{path}");
            assert_eq!(head.headers()["content-length"], whole.body().len().to_string(), "{path}");
        }
    }
}

#[tokio::test]
async fn a_body_may_have_four_megabytes() {
    let (_volume, server) = served().await;
    let body = |size: usize| {
        let mut body = DNA.to_owned().into_bytes();
        body.resize(size, b' ');
        body
    };
    assert_eq!(post(server.address, "/api/recommend", body(4 << 20)).await.status(), 200);
    let too_large = (413, "OUT_OF_RANGE".to_owned(), "BODY_TOO_LARGE".to_owned());
    let answer = post(server.address, "/api/recommend", body((4 << 20) + 1)).await;
    assert_eq!(error(&answer), too_large);
    // Without its length, it is known when it has come.
    let head = "POST /api/recommend HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunk = [b"10000\r\n", &[b' '; 0x10000][..], b"\r\n"].concat();
    let text = [head.as_bytes(), &chunk.repeat(65), b"0\r\n\r\n"].concat();
    let answer = web_support::raw(server.address, text).await;
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
}

#[tokio::test]
async fn without_a_model_it_is_told_when_to_ask_again_and_health_and_model_answer() {
    let server = TestServer::start(&TestVolume::new()).await;
    for answer in [
        post(server.address, "/api/recommend", DNA).await,
        get(server.address, "/api/songs").await,
        get(server.address, "/readyz").await,
    ] {
        let (status, code, reason) = error(&answer);
        assert_eq!((status, &*code, &*reason), (503, "UNAVAILABLE", "NO_MODEL"));
        assert_eq!(answer.headers()["retry-after"], "1");
    }
    assert_eq!(json(&get(server.address, "/healthz").await), value!({ "status": "SERVING" }));
    let model = json(&get(server.address, "/api/model").await);
    assert_eq!(
        (&model["model_version"], &model["model_date"], &model["dataset"]),
        (&value!(""), &Value::Null, &Value::Null)
    );
    // What is wrong with a request is wrong with and without a model.
    assert_eq!(post(server.address, "/api/recommend", "{}").await.status(), 400);
}

#[tokio::test]
async fn a_call_whose_time_is_over_is_a_504() {
    let (_volume, server) = served().await;
    let request = Request::post("/api/recommend").header("grpc-timeout", "0n").body(DNA.into()).unwrap();
    let (status, code, _) = error(&send(server.address, request).await);
    assert_eq!((status, &*code), (504, "DEADLINE_EXCEEDED"));
}

#[tokio::test]
async fn every_answer_has_a_request_id_and_is_counted_by_its_route() {
    let (_volume, server) = served().await;
    let request = Request::post("/api/recommender/").header("x-request-id", "mine").body(DNA.into()).unwrap();
    assert_eq!(send(server.address, request).await.headers()["x-request-id"], "mine");
    for path in ["/", "/api/model", "/none", "/api/songs?page_size=x"] {
        assert_eq!(get(server.address, path).await.headers()["x-request-id"].len(), 32, "{path}");
    }
    for (method, code) in [
        ("POST /api/recommend", "OK"),
        ("GET /", "OK"),
        ("GET /api/model", "OK"),
        ("GET /api/songs", "INVALID_ARGUMENT"),
        ("other", "NOT_FOUND"),
    ] {
        let name = format!(r#"recommender_requests_total{{method="{method}",code="{code}"}}"#);
        assert_eq!(server.metric(&name).await, Some(1.0), "{name}");
    }
    assert_eq!(server.metric(r#"recommender_answers_total{kind="rules"}"#).await, Some(1.0));
}

#[tokio::test]
async fn the_page_is_there_unless_it_is_switched_off() {
    let (_volume, server) = served().await;
    for (path, content_type) in [
        ("/", "text/html; charset=utf-8"),
        ("/app.js", "text/javascript; charset=utf-8"),
        ("/style.css", "text/css; charset=utf-8"),
        ("/icon.svg", "image/svg+xml"),
    ] {
        let answer = get(server.address, path).await;
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (200, &content_type.parse().unwrap())
        );
        let policy = answer.headers()["content-security-policy"].to_str().unwrap();
        assert_eq!(
            policy,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
             base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers()["referrer-policy"], "no-referrer");
        assert_eq!(answer.headers()["cache-control"], "no-cache");
        let again = Request::get(path).header("if-none-match", &answer.headers()["etag"]).body(Bytes::new());
        let again = send(server.address, again.unwrap()).await;
        assert_eq!((again.status().as_u16(), again.body().len()), (304, 0));
    }

    let (_volume, server) = served_with(Security { page: false, ..Security::default() }).await;
    for path in ["/", "/app.js"] {
        assert_eq!(error(&get(server.address, path).await).0, 404, "{path}");
    }
    assert_eq!(get(server.address, "/api/model").await.status(), 200);
}

#[tokio::test]
async fn the_document_describes_the_routes_that_there_are() {
    let (_volume, server) = served().await;
    let document = json(&get(server.address, "/api/openapi.json").await);
    assert_eq!(document["openapi"], "3.1.0");
    let mut routes = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let item = match item["$ref"].as_str() {
            Some(reference) => document.pointer(&reference[1..]).unwrap(),
            None => item,
        };
        let described: Vec<_> = item.as_object().unwrap().keys().map(|it| it.to_uppercase()).collect();
        let options = send(server.address, Request::options(path).body(Bytes::new()).unwrap()).await;
        let allowed = options.headers()["allow"].to_str().unwrap().to_owned();
        let allowed: Vec<_> = allowed.split(", ").filter(|it| !matches!(*it, "HEAD" | "OPTIONS")).collect();
        assert_eq!(described, allowed, "{path}");
        routes += 1;
    }
    assert_eq!(routes, 7);
    // Each field of an answer is described, and each that is described is there.
    for (name, answer) in [
        ("RecommendResponse", post(server.address, "/api/recommend", DNA).await),
        ("SearchSongsResponse", get(server.address, "/api/songs").await),
        ("ModelInfoResponse", get(server.address, "/api/model").await),
    ] {
        check_fields(&document["components"]["schemas"], name, &json(&answer));
    }
    let (_volume, server) = served_with(Security { reflection: false, ..Security::default() }).await;
    assert_eq!(error(&get(server.address, "/api/openapi.json").await).0, 404);
}

/// Holds the fields of `answer`, and of what is in it, against those that its schema requires.
#[track_caller]
fn check_fields(schemas: &Value, name: &str, answer: &Value) {
    let schema = &schemas[name];
    let mut required: Vec<_> =
        schema["required"].as_array().unwrap().iter().map(|it| it.as_str().unwrap()).collect();
    let mut fields: Vec<_> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    required.sort_unstable();
    fields.sort_unstable();
    assert_eq!(fields, required, "{name}");
    for (field, value) in answer.as_object().unwrap() {
        let property = &schema["properties"][field];
        let inner = [&property["$ref"], &property["items"]["$ref"], &property["anyOf"][0]["$ref"]];
        let Some(reference) = inner.into_iter().find_map(Value::as_str) else { continue };
        let name = reference.rsplit('/').next().unwrap();
        for item in value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice) {
            if item.is_object() {
                check_fields(schemas, name, item);
            }
        }
    }
}
