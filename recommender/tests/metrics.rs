//! What Prometheus sees.
#![cfg(test)]

mod service_support;

use proto::v1::SearchSongsRequest;
use service_support::{TestServer, TestVolume, eventually, seeds, trained_at};
use tokio::net::TcpStream;

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
        ("recommender_model_songs", 4.0),
        ("recommender_model_rules", 3.0),
        ("recommender_model_artist_rules", 1.0),
        (r#"recommender_refreshes_total{outcome="swapped"}"#, 1.0),
    ] {
        assert_eq!(server.metric(name).await, Some(value), "{name}");
    }
    assert!(server.metric("recommender_last_refresh_success_timestamp_seconds").await > Some(1.7e9));
    assert!(server.metric("recommender_model_loaded_timestamp_seconds").await > Some(1.7e9));

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
        (r#"recommender_recommendations_total{source="rules"}"#, 1.0),
        (r#"recommender_recommendations_total{source="artist"}"#, 1.0),
        (r#"recommender_recommendations_total{source="popularity"}"#, 1.0),
    ] {
        // A call is counted when its last byte is sent, which the client may see a little earlier.
        eventually(name, || async { server.metric(name).await == Some(value) }).await;
    }
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
