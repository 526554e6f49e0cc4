//! What Prometheus sees.
#![cfg(test)]

mod network_support;
mod service_support;

use std::time::Duration;

use network_support::frames::{RECOMMEND, call, connect};
use proto::v1::SearchSongsRequest;
use recommender::Settings;
use service_support::{DEADLINE, TestServer, TestVolume, eventually, http, seeds, settings, trained_at};
use tokio::{io::AsyncWriteExt as _, net::TcpStream};

#[tokio::test]
async fn metrics_and_the_probe_answer_without_a_model() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    assert_eq!(server.get("/healthz").await, "ok\n");
    assert_eq!(server.metric("recommender_model_loaded").await, Some(0.0));
    assert_eq!(server.metric("recommender_model_trained_timestamp_seconds").await, None);
    eventually("failed looks are counted", || async {
        server.metric(r#"recommender_refreshes_total{outcome="failed"}"#).await > Some(0.0)
    })
    .await;
    assert_eq!(server.metric("recommender_last_refresh_success_timestamp_seconds").await, Some(0.0));
    let text = server.get("/metrics").await;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let build = format!(
        r#"recommender_build_info{{version="{}",revision="{}"}} 1"#,
        env!("CARGO_PKG_VERSION"),
        model::REVISION
    );
    assert!(text.contains(&build), "{text}");
}

#[tokio::test]
async fn the_model_in_service_is_described() {
    let volume = TestVolume::new();
    let version = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    for (name, value) in [
        (&*format!(r#"recommender_model_info{{version="{version}"}}"#), 1.0),
        ("recommender_model_loaded", 1.0),
        ("recommender_model_trained_timestamp_seconds", trained_at(1).timestamp() as f64),
        ("recommender_model_format", f64::from(model::FORMAT)),
        ("recommender_model_load_duration_seconds_count", 1.0),
        ("recommender_model_songs", 4.0),
        ("recommender_model_rules", 3.0),
        ("recommender_model_artist_rules", 1.0),
        (r#"recommender_refreshes_total{outcome="swapped"}"#, 1.0),
    ] {
        assert_eq!(server.metric(name).await, Some(value), "{name}");
    }
    assert!(server.metric("recommender_last_refresh_success_timestamp_seconds").await > Some(1.7e9));
    for name in
        ["recommender_model_published_timestamp_seconds", "recommender_model_loaded_timestamp_seconds"]
    {
        assert!(server.metric(name).await > Some(1.7e9), "{name}");
    }

    let second = volume.publish(2);
    server.wait_for(&second).await;
    let text = server.get("/metrics").await;
    assert!(!text.contains(version.as_str()), "only the version in service is told: {text}");
}

#[tokio::test]
async fn calls_seeds_and_recommendations_are_counted() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;
    client.recommend(seeds(["DNA.", "qqqqqqqq"])).await.unwrap();
    client.recommend(seeds([])).await.unwrap_err();
    client.search_songs(SearchSongsRequest::default()).await.unwrap();

    for (name, value) in [
        (r#"recommender_requests_total{method="playlist.v1.PlaylistService/Recommend",code="OK"}"#, 1.0),
        (
            r#"recommender_requests_total{method="playlist.v1.PlaylistService/Recommend",code="INVALID_ARGUMENT"}"#,
            1.0,
        ),
        (r#"recommender_requests_total{method="playlist.v1.PlaylistService/SearchSongs",code="OK"}"#, 1.0),
        (r#"recommender_requests_in_flight{method="playlist.v1.PlaylistService/Recommend"}"#, 0.0),
        (
            r#"recommender_request_duration_seconds_count{method="playlist.v1.PlaylistService/Recommend"}"#,
            2.0,
        ),
        (r#"recommender_seeds_total{match="exact"}"#, 1.0),
        (r#"recommender_seeds_total{match="unknown"}"#, 1.0),
        (r#"recommender_seeds_total{match="fuzzy"}"#, 0.0),
        (r#"recommender_answers_total{kind="rules"}"#, 1.0),
        (r#"recommender_answers_total{kind="artist"}"#, 0.0),
        (r#"recommender_answers_total{kind="popularity"}"#, 0.0),
        (r#"recommender_recommendations_total{source="rules"}"#, 1.0),
        (r#"recommender_recommendations_total{source="artist"}"#, 1.0),
        (r#"recommender_recommendations_total{source="popularity"}"#, 1.0),
    ] {
        // A call is counted when its last byte is sent, which the client may see a little earlier.
        eventually(name, || async { server.metric(name).await == Some(value) }).await;
    }
}

#[tokio::test]
async fn answers_are_counted_by_the_best_source_in_them() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;
    // No rule leads from the last song and it has no artist; nothing is known of the other.
    client.recommend(seeds(["Águas de Março"])).await.unwrap();
    client.recommend(seeds(["qqqqqqqq"])).await.unwrap();
    client.recommend(seeds(["DNA."])).await.unwrap();
    let all_songs = ["HUMBLE. 1", "DNA.", "Congratulations", "Águas de Março"];
    client.recommend(seeds(all_songs)).await.unwrap();
    for (kind, count) in [("rules", 1.0), ("artist", 0.0), ("popularity", 2.0), ("empty", 1.0)] {
        let name = format!(r#"recommender_answers_total{{kind="{kind}"}}"#);
        assert_eq!(server.metric(&name).await, Some(count), "{name}");
    }
}

#[tokio::test]
async fn calls_of_methods_that_do_not_exist_are_counted_as_one() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    for path in ["/made.Up/One", "/made.Up/Two"] {
        let mut client = tonic::client::Grpc::new(server.channel().await);
        client.ready().await.unwrap();
        let codec = tonic_prost::ProstCodec::<SearchSongsRequest, SearchSongsRequest>::default();
        let request = tonic::Request::new(SearchSongsRequest::default());
        client.unary(request, path.parse().unwrap(), codec).await.unwrap_err();
    }
    let name = r#"recommender_requests_total{method="other",code="UNIMPLEMENTED"}"#;
    eventually(name, || async { server.metric(name).await == Some(2.0) }).await;
}

#[tokio::test]
async fn the_process_is_described_under_the_usual_names() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let value = async |name: &str| server.metric(name).await.unwrap_or_else(|| panic!("no {name}"));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs_f64();
    let began = value("process_start_time_seconds").await;
    assert!(began > now - 3600.0 && began < now + 2.0, "{began} at {now}");
    assert!(value("process_cpu_seconds_total").await > 0.0);
    assert!(value("process_threads").await >= 1.0);
    let (open, most) = (value("process_open_fds").await, value("process_max_fds").await);
    assert!(open >= 3.0 && open <= most, "{open} of {most}");
    let (resident, limit) =
        (value("process_resident_memory_bytes").await, value("recommender_memory_limit_bytes").await);
    assert!(resident > 1e6 && resident < limit, "{resident} of {limit}");
    assert!(value("process_virtual_memory_bytes").await >= resident);
}

#[tokio::test]
async fn metrics_come_in_the_format_that_the_client_asks_for() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let openmetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    let text = "text/plain; version=0.0.4; charset=utf-8";
    for (accept, content_type, described_as) in [
        ("Accept: application/openmetrics-text; version=1.0.0, */*;q=0.1", openmetrics, "recommender_seeds"),
        ("Accept: text/html, */*", text, "recommender_seeds_total"),
        ("X-Nothing: 1", text, "recommender_seeds_total"),
    ] {
        let (head, body) = http(server.metrics_address, "GET", "/metrics", accept).await;
        assert!(head.contains(&format!("content-type: {content_type}")), "{accept}: {head}");
        let is_described = body.contains(&format!("# TYPE {described_as} counter\n"));
        assert!(is_described && body.contains("\nrecommender_seeds_total{"), "{accept}: {body}");
        assert_eq!(body.ends_with("# EOF\n"), content_type == openmetrics, "{accept}");
    }
}

#[tokio::test]
async fn the_second_port_answers_get_and_head_on_its_pages_and_nothing_else() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    for (method, path, status) in [
        ("GET", "/metrics", 200),
        ("GET", "/healthz?verbose", 200),
        ("HEAD", "/metrics", 200),
        ("HEAD", "/healthz", 200),
        ("HEAD", "/readyz", 503),
        ("POST", "/metrics", 405),
        ("DELETE", "/readyz", 405),
        ("GET", "/", 404),
        ("POST", "/metrics/", 404),
    ] {
        let (head, body) = http(server.metrics_address, method, path, "X-Nothing: 1").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{method} {path}: {head}");
        assert_eq!(body.is_empty(), method == "HEAD", "{method} {path}: {body}");
        assert_eq!(head.contains("allow: GET, HEAD"), status == 405, "{method} {path}: {head}");
    }
}

#[tokio::test]
async fn readiness_follows_the_model_and_the_drain_and_tells_why_not() {
    let volume = TestVolume::new();
    let mut server = TestServer::start_with(Settings {
        drain_delay: DEADLINE,
        grace_period: Duration::ZERO,
        ..settings(&volume.path())
    })
    .await;
    let address = server.metrics_address;
    let readyz = async |status: &str, text: &str| {
        eventually(text, || async {
            let (head, body) = http(address, "GET", "/readyz", "X-Nothing: 1").await;
            head.starts_with(&format!("HTTP/1.1 {status}")) && body.contains(text)
        })
        .await;
    };
    readyz("503", "no model is in service: ").await;
    volume.publish(1);
    readyz("200", "ready").await;
    server.stop();
    readyz("503", "draining").await;
    assert_eq!(server.get("/healthz").await, "ok\n", "who drains is alive");
}

#[tokio::test]
async fn open_connections_are_counted_until_they_close() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let connections = async |count: f64| {
        eventually("connections", || async { server.metric("recommender_connections").await == Some(count) })
            .await;
    };
    let first = TcpStream::connect(server.address).await.unwrap();
    let second = TcpStream::connect(server.address).await.unwrap();
    connections(2.0).await;
    drop(first);
    connections(1.0).await;
    drop(second);
    connections(0.0).await;
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_its_request_is_no_fault_of_the_service() {
    const CALLS: &str = r#"recommender_requests_in_flight{method="playlist.v1.PlaylistService/Recommend"}"#;
    let ended = |code| {
        format!(
            r#"recommender_requests_total{{method="playlist.v1.PlaylistService/Recommend",code="{code}"}}"#
        )
    };
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut stream = connect(server.address, &[]).await.unwrap();
    for id in [1, 3, 5] {
        stream.write_all(&call(id, RECOMMEND)).await.unwrap();
    }
    eventually("the calls are in flight", || async { server.metric(CALLS).await == Some(3.0) }).await;

    drop(stream);

    eventually("the calls have ended", || async { server.metric(CALLS).await == Some(0.0) }).await;
    assert_eq!(server.metric(&ended("CANCELLED")).await, Some(3.0));
    assert_eq!(server.metric(&ended("INTERNAL")).await, None);
}
