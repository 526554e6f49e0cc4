//! What the service answers, with a model and without.
#![cfg(test)]

mod service_support;

use std::time::Duration;

use proto::v1::{
    self, Match, ModelInfoRequest, RefreshOutcome, SearchSongsRequest, Source, WatchModelRequest,
};
use service_support::{TestServer, TestVolume, check, eventually, reason_of, seeds, trained_at};
use tonic::Code;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt as _;

#[tokio::test]
async fn without_a_model_calls_are_unavailable_and_tell_when_to_retry() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let mut client = server.client().await;

    let recommend = client.recommend(seeds(["HUMBLE."])).await.unwrap_err();
    let search = client.search_songs(SearchSongsRequest::default()).await.unwrap_err();

    for status in [recommend, search] {
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(reason_of(&status), "NO_MODEL");
        let retry = status.get_details_retry_info().unwrap();
        assert_eq!(retry.retry_delay, Some(Duration::from_secs(1)));
    }
}

#[tokio::test]
async fn without_a_volume_the_model_info_and_the_watch_tell_what_is_missing() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    eventually("a look at the volume", || async { server.model_info().await.last_refresh.is_some() }).await;

    let info = server.model_info().await;
    assert_eq!(info.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(info.served_by, "replica-1");
    assert_eq!(info.service_revision, model::REVISION);
    assert_eq!((info.model_date, info.model_version.as_str(), info.dataset), (None, "", None));
    let refresh = info.last_refresh.unwrap();
    assert_eq!(refresh.outcome(), RefreshOutcome::Failed);
    assert!(refresh.reason.contains("no folder `<volume>`"), "{}", refresh.reason);

    let mut watch = server.client().await.watch_model(WatchModelRequest {}).await.unwrap().into_inner();
    let message = watch.message().await.unwrap().unwrap();
    assert_eq!((message.model_date, message.model_version.as_str()), (None, ""));
    assert_eq!(message.served_by, "replica-1");
    assert_eq!(message.last_refresh.unwrap().outcome(), RefreshOutcome::Failed);
}

#[tokio::test]
async fn an_empty_volume_is_told_from_a_missing_one() {
    let volume = TestVolume::new();
    std::fs::create_dir(volume.path()).unwrap();
    let server = TestServer::start(&volume).await;
    eventually("a look at the volume", || async {
        server.model_info().await.last_refresh.is_some_and(|refresh| {
            refresh.outcome() == RefreshOutcome::NothingPublished && refresh.reason.is_empty()
        })
    })
    .await;
}

#[tokio::test]
async fn the_first_publication_on_a_volume_that_was_missing_makes_the_service_ready() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let mut health = server.health().await;
    for service in ["", "playlist.v1.PlaylistService"] {
        assert_eq!(check(&mut health, service).await, ServingStatus::NotServing, "{service:?}");
    }
    assert_eq!(check(&mut health, "liveness").await, ServingStatus::Serving);

    let version = volume.publish(1);

    server.wait_until_ready().await;
    for service in ["", "playlist.v1.PlaylistService", "liveness"] {
        assert_eq!(check(&mut health, service).await, ServingStatus::Serving, "{service:?}");
    }
    assert_eq!(server.model_info().await.model_version, version.as_str());
}

#[tokio::test]
async fn every_answer_tells_the_service_the_model_and_the_replica() {
    let volume = TestVolume::new();
    let version = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;

    let recommend = client.recommend(seeds(["HUMBLE. 1"])).await.unwrap().into_inner();
    let search = client.search_songs(SearchSongsRequest::default()).await.unwrap().into_inner();
    let info = client.model_info(ModelInfoRequest {}).await.unwrap().into_inner();
    let mut watch = client.watch_model(WatchModelRequest {}).await.unwrap().into_inner();
    let watch = watch.message().await.unwrap().unwrap();

    let trained_at = Some(prost_types::Timestamp { seconds: trained_at(1).timestamp(), nanos: 0 });
    for (answer, model_version, model_date, service_version, served_by) in [
        ("Recommend", recommend.model_version, recommend.model_date, recommend.version, recommend.served_by),
        ("SearchSongs", search.model_version, search.model_date, search.version, search.served_by),
        ("ModelInfo", info.model_version, info.model_date, info.version, info.served_by),
        ("WatchModel", watch.model_version, watch.model_date, watch.version, watch.served_by),
    ] {
        assert_eq!(model_version, version.as_str(), "{answer}");
        assert_eq!(model_date, trained_at, "{answer}");
        assert_eq!(service_version, env!("CARGO_PKG_VERSION"), "{answer}");
        assert_eq!(served_by, "replica-1", "{answer}");
    }
}

#[tokio::test]
async fn recommendations_tell_where_they_come_from_and_why() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;

    let answer = client.recommend(seeds(["dna", "no such song at all"])).await.unwrap().into_inner();

    let songs: Vec<_> =
        answer.songs.iter().map(|it| (it.song.as_ref().unwrap().title.as_str(), it.source())).collect();
    assert_eq!(
        songs,
        [
            ("HUMBLE. 1", Source::Rules),
            ("Congratulations", Source::Artist),
            ("Águas de Março", Source::Popularity)
        ]
    );
    let [by_song] = answer.songs[0].rules.as_slice() else { panic!("{:?}", answer.songs[0].rules) };
    assert_eq!(by_song.antecedent[0].title, "DNA.");
    assert_eq!((by_song.support_count, by_song.antecedent_count), (4, 5));
    assert_eq!((by_song.support, by_song.confidence, by_song.lift), (0.4, 0.8, 1.0));
    let [by_artist] = answer.songs[1].rules.as_slice() else { panic!("{:?}", answer.songs[1].rules) };
    assert_eq!((by_artist.antecedent_artist.as_str(), by_artist.antecedent.len()), ("Kendrick Lamar", 0));
    assert!(answer.songs[2].rules.is_empty());
    assert_eq!(answer.songs[2].score, 0.2);

    assert_eq!(answer.unknown_songs, ["no such song at all"]);
    assert_eq!(answer.seeds[0].seed, "dna");
    assert_eq!(answer.seeds[0].r#match(), Match::Normalised);
    assert_eq!(answer.seeds[0].song.as_ref().unwrap().uri, "sample:track:c");
    assert_eq!(answer.seeds[1].r#match(), Match::Unknown);
    assert_eq!(answer.seeds[1].song, None);
}

#[tokio::test]
async fn a_request_is_answered_within_its_limits() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;
    let titles = |answer: &proto::v1::RecommendResponse| -> Vec<String> {
        answer.songs.iter().map(|it| it.song.clone().unwrap().title).collect()
    };

    let request =
        proto::v1::RecommendRequest { limit: 1, max_rules_per_song: Some(0), ..seeds(["sample:track:c"]) };
    let answer = client.recommend(request).await.unwrap().into_inner();
    assert_eq!(titles(&answer), ["HUMBLE. 1"]);
    assert!(answer.songs[0].rules.is_empty());
    assert_eq!(answer.seeds[0].r#match(), Match::Uri);

    let request = proto::v1::RecommendRequest {
        exclude_songs: vec!["HUMBLE. 1".to_owned()],
        ..seeds(["sample:track:c"])
    };
    let answer = client.recommend(request).await.unwrap().into_inner();
    assert_eq!(titles(&answer), ["Congratulations", "Águas de Março"]);
    assert_eq!(answer.excluded_songs[0].r#match(), Match::Exact);

    let request = proto::v1::RecommendRequest { max_songs_per_artist: 1, ..seeds(["Águas de Março"]) };
    let answer = client.recommend(request).await.unwrap().into_inner();
    assert_eq!(titles(&answer), ["HUMBLE. 1", "Congratulations"]);
}

#[tokio::test]
async fn a_thousand_seeds_are_answered_like_one() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;
    let few = client.recommend(seeds(["DNA."])).await.unwrap().into_inner();

    let mut request = seeds(["DNA."; 1_000]);
    for (number, song) in request.songs.iter_mut().enumerate().skip(1) {
        *song = format!("qqqq {number}");
    }
    let many = client.recommend(request).await.unwrap().into_inner();

    assert_eq!(many.songs, few.songs);
    assert_eq!((many.seeds.len(), many.unknown_songs.len()), (1_000, 999));
}

#[tokio::test]
async fn pages_of_a_search_make_up_the_whole() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;

    let mut titles = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = SearchSongsRequest { page_size: 3, page_token, ..Default::default() };
        let page = client.search_songs(request).await.unwrap().into_inner();
        titles.push(page.songs.into_iter().map(|song| song.title).collect::<Vec<_>>());
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }

    assert_eq!(titles, [vec!["HUMBLE. 1", "DNA.", "Congratulations"], vec!["Águas de Março"]]);
}

#[tokio::test]
async fn the_model_info_tells_what_the_manifest_tells() {
    let volume = TestVolume::new();
    let version = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let manifest = volume.volume().manifest(&version).unwrap();

    let info = server.model_info().await;

    let published_date = info.published_date.unwrap();
    assert_eq!(published_date.seconds, manifest.published_at.timestamp());
    assert!(info.loaded_date.unwrap().seconds >= published_date.seconds);
    let dataset = info.dataset.unwrap();
    assert_eq!(dataset.location, "https://example.org/playlists.csv");
    assert_eq!((dataset.bytes, dataset.rows, dataset.skipped_rows), (1_234, 20, 1));
    assert_eq!((dataset.playlists, dataset.songs, dataset.artists), (10, 4, 2));
    let parameters = info.parameters.unwrap();
    assert_eq!((parameters.min_support.as_str(), parameters.min_support_count), ("20%", 2));
    assert_eq!((parameters.max_rules_per_song, parameters.max_length), (500, 0));
    assert_eq!(parameters.max_consequent_length, 1);
    let counts = info.counts.unwrap();
    assert_eq!((counts.rules, counts.artist_rules, counts.itemsets_by_size), (3, 1, vec![4, 2]));
    assert_eq!(counts.longer_rules, 0);
    let scoring = info.scoring.unwrap();
    assert_eq!(scoring.weight_scale, manifest.metadata.scoring.weight_scale);
    assert_eq!((scoring.many_weight_scale, scoring.artist_weight_scale), (2.0, 3.0));
    let by_seeds = v1::SeedScoring { seeds: 1, many_share: 0.0, damping: 0.4, artist_share: 0.0 };
    assert_eq!(scoring.by_seeds, [by_seeds]);
    let mine = v1::Stage {
        stage: "mine".to_owned(),
        seconds: 0.5,
        rows_per_second: Some(40.0),
        peak_memory_bytes: Some(1 << 20),
    };
    assert_eq!(info.stages, [mine]);
    assert_eq!(info.evaluation, None);
    assert_eq!((info.trainer_version.as_str(), info.trainer_revision.as_str()), ("0.1.0", "abc"));
}

#[tokio::test]
async fn a_call_that_no_service_has_is_unimplemented() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let mut channel = server.channel().await;
    let request = http::Request::post("/playlist.v1.PlaylistService/NoSuchCall")
        .header("content-type", "application/grpc")
        .body(tonic::body::Body::empty())
        .unwrap();
    std::future::poll_fn(|context| tower::Service::<http::Request<_>>::poll_ready(&mut channel, context))
        .await
        .unwrap();

    let response = tower::Service::call(&mut channel, request).await.unwrap();

    assert_eq!(response.headers()["grpc-status"], "12");
}
