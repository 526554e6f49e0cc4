//! What the service answers arrives whole, and what is asked of it too.

#![allow(clippy::panic, clippy::unwrap_used, reason = "what is not expected fails the test")]

#[allow(dead_code, reason = "each test program uses a part of it")]
mod sample;

use std::sync::{Arc, Mutex};

use client_lib::{Client, Match, RecommendRequest, RefreshOutcome, SearchSongsRequest, Song, Source};
use proto::v1;
use sample::{Sample, Server};

/// An answer in which every field has another value.
mod full;

#[track_caller]
fn assert_song(song: &Song, title: &str) {
    assert_eq!(song.title, title);
    assert_eq!(song.artist, format!("artist of {title}"));
    assert_eq!(song.uri, format!("uri of {title}"));
    assert_eq!(song.support_count as usize, title.len());
}

#[tokio::test]
async fn a_playlist_arrives_with_all_its_fields() {
    let server =
        Server::start(Sample { recommend: Box::new(|_| Ok(full::recommend())), ..Sample::default() });
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.recommend("a seed").await.unwrap();

    assert_eq!(answer.version, "1.2.3");
    assert_eq!(answer.model_version, "the model");
    assert_eq!(answer.served_by, "the replica");
    assert_eq!(answer.unknown_songs, ["u1", "u2"]);
    let trained = answer.model_date.unwrap();
    assert_eq!(trained.to_rfc3339(), "2025-01-01T22:17:42.663201+00:00");

    assert_eq!(answer.songs.len(), 3);
    let best = &answer.songs[0];
    assert_song(&best.song, "best");
    assert_eq!(best.score, 7.5);
    assert_eq!(best.source, Source::Rules);
    let rule = &best.rules[0];
    assert_song(&rule.antecedent[0], "antecedent");
    assert_eq!(rule.antecedent_artist, "antecedent artist");
    assert_eq!(rule.support_count, 11);
    assert_eq!(rule.antecedent_count, 12);
    assert_eq!(rule.support, 0.125);
    assert_eq!(rule.confidence, 0.25);
    assert_eq!(rule.lift, 1.5);
    assert_eq!(answer.songs[1].source, Source::Artist);
    assert_eq!(answer.songs[2].source, Source::Popularity);

    let seed = &answer.seeds[0];
    assert_eq!(seed.seed, "sede");
    assert_eq!(seed.r#match, Match::Fuzzy);
    assert_song(seed.song.as_ref().unwrap(), "seed");
    assert_eq!(seed.similarity, 0.75);
    assert_song(&seed.suggestions[0], "suggestion");
    assert_eq!(answer.excluded_songs[0].r#match, Match::Unknown);
    assert_eq!(answer.excluded_songs[0].song, None);
}

#[tokio::test]
async fn a_page_of_songs_arrives_with_all_its_fields() {
    let server =
        Server::start(Sample { search_songs: Box::new(|_| Ok(full::search_songs())), ..Sample::default() });
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.search_songs("a").await.unwrap();

    assert_song(&answer.songs[0], "found");
    assert_eq!(answer.version, "1.2.3");
    assert_eq!(answer.model_date.unwrap().timestamp(), 1_735_769_862);
    assert_eq!(answer.model_version, "the model");
    assert_eq!(answer.served_by, "the replica");
    assert_eq!(answer.next_page_token, "the next");
}

#[tokio::test]
async fn the_model_arrives_with_all_its_fields() {
    let server =
        Server::start(Sample { model_info: Box::new(|_| Ok(full::model_info())), ..Sample::default() });
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.model_info().await.unwrap();

    assert_eq!(answer.version, "1.2.3");
    assert_eq!(answer.model_date.unwrap().timestamp(), 1_735_769_862);
    assert_eq!(answer.model_version, "the model");
    assert_eq!(answer.served_by, "the replica");
    assert_eq!(answer.published_date.unwrap().timestamp(), 2);
    assert_eq!(answer.loaded_date.unwrap().timestamp(), 3);
    assert_eq!(answer.trainer_version, "4.5.6");
    assert_eq!(answer.trainer_revision, "trainer revision");
    assert_eq!(answer.service_revision, "service revision");

    let dataset = answer.dataset.unwrap();
    assert_eq!(dataset.location, "location");
    assert_eq!(dataset.etag, "etag");
    assert_eq!(dataset.sha256, "digest");
    assert_eq!(dataset.bytes, u64::MAX);
    assert_eq!(dataset.rows, 21);
    assert_eq!(dataset.skipped_rows, 22);
    assert_eq!(dataset.playlists, 23);
    assert_eq!(dataset.songs, 24);
    assert_eq!(dataset.artists, 25);

    let parameters = answer.parameters.unwrap();
    assert_eq!(parameters.item_key, "song");
    assert_eq!(parameters.min_support, "2%");
    assert_eq!(parameters.min_support_count, 31);
    assert_eq!(parameters.min_confidence, "0.5");
    assert_eq!(parameters.min_pair_count, 32);
    assert_eq!(parameters.max_rules_per_song, 33);
    assert_eq!(parameters.max_length, 34);
    assert_eq!(parameters.max_consequent_length, 35);

    let counts = answer.counts.unwrap();
    assert_eq!(counts.itemsets, 41);
    assert_eq!(counts.itemsets_by_size, [42, 43]);
    assert_eq!(counts.itemset_rules, 44);
    assert_eq!(counts.one_song_rules, 45);
    assert_eq!(counts.artist_rules, 46);
    assert_eq!(counts.rules, 47);
    assert_eq!(counts.longer_rules, 48);

    let scoring = answer.scoring.unwrap();
    assert_eq!(scoring.weight_scale, 0.11);
    assert_eq!(scoring.many_weight_scale, 0.12);
    assert_eq!(scoring.artist_weight_scale, 0.13);
    let by_seeds = &scoring.by_seeds[0];
    assert_eq!(by_seeds.seeds, 71);
    assert_eq!(by_seeds.many_share, 0.14);
    assert_eq!(by_seeds.damping, 0.15);
    assert_eq!(by_seeds.artist_share, 0.16);

    let [mine, publish] = &answer.stages[..] else { panic!("{:?}", answer.stages) };
    assert_eq!(mine.stage, "mine");
    assert_eq!(mine.seconds, 0.17);
    assert_eq!(mine.rows_per_second, Some(0.18));
    assert_eq!(mine.peak_memory_bytes, Some(u64::MAX));
    assert_eq!(publish.rows_per_second, None);
    assert_eq!(publish.peak_memory_bytes, None);

    let evaluation = answer.evaluation.unwrap();
    assert_eq!(evaluation.held_out_playlists, 51);
    let figures = &evaluation.figures[0];
    assert_eq!(figures.seeds, 52);
    assert_eq!(figures.recommender, "model");
    assert_eq!(figures.r_precision, 0.1);
    assert_eq!(figures.ndcg, 0.2);
    assert_eq!(figures.hit_rate_at_10, 0.3);
    assert_eq!(figures.precision_at_10, 0.4);
    assert_eq!(figures.clicks, 0.5);
    assert_eq!(figures.coverage, 0.6);
    assert_eq!(figures.answered, 0.7);

    let refresh = answer.last_refresh.unwrap();
    assert_eq!(refresh.date.unwrap().timestamp(), 61);
    assert_eq!(refresh.outcome, RefreshOutcome::Failed);
    assert_eq!(refresh.model_version, "the other model");
    assert_eq!(refresh.reason, "the reason");
}

#[tokio::test]
async fn a_service_without_a_model_leaves_its_fields_unset() {
    let server = Server::start(Sample::default());
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.model_info().await.unwrap();

    assert_eq!(answer.model_date, None);
    assert_eq!(answer.dataset, None);
    assert_eq!(answer.parameters, None);
    assert_eq!(answer.counts, None);
    assert_eq!(answer.evaluation, None);
    assert_eq!(answer.last_refresh, None);
}

#[tokio::test]
async fn values_of_a_newer_or_broken_service_are_unset() {
    let server = Server::start(Sample {
        recommend: Box::new(|_| {
            Ok(v1::RecommendResponse {
                songs: vec![v1::Recommendation { source: 99, ..Default::default() }],
                model_date: Some(prost_types::Timestamp { seconds: i64::MAX, nanos: i32::MIN }),
                ..Default::default()
            })
        }),
        ..Sample::default()
    });
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.recommend("a seed").await.unwrap();

    assert_eq!(answer.songs[0].source, Source::Unspecified);
    assert_eq!(answer.songs[0].song.title, "");
    assert_eq!(answer.model_date, None);
}

#[tokio::test]
async fn every_field_of_a_request_reaches_the_service() {
    let recommends = Arc::new(Mutex::new(Vec::new()));
    let searches = Arc::new(Mutex::new(Vec::new()));
    let server = Server::start(Sample {
        recommend: {
            let recommends = Arc::clone(&recommends);
            Box::new(move |request| {
                recommends.lock().unwrap().push(request);
                Ok(v1::RecommendResponse::default())
            })
        },
        search_songs: {
            let searches = Arc::clone(&searches);
            Box::new(move |request| {
                searches.lock().unwrap().push(request);
                Ok(v1::SearchSongsResponse::default())
            })
        },
        ..Sample::default()
    });
    let client = Client::connect(server.url()).await.unwrap();

    let request = RecommendRequest::new(["a", "b"])
        .limit(1)
        .exclude_songs(["c"])
        .max_songs_per_artist(2)
        .max_rules_per_song(0);
    client.recommend(request).await.unwrap();
    client.recommend(vec!["a".to_owned()]).await.unwrap();
    let request = SearchSongsRequest::new("q").page_size(5).page_token("t");
    client.search_songs(request).await.unwrap();

    assert_eq!(
        *recommends.lock().unwrap(),
        [
            v1::RecommendRequest {
                songs: vec!["a".to_owned(), "b".to_owned()],
                limit: 1,
                exclude_songs: vec!["c".to_owned()],
                max_songs_per_artist: 2,
                max_rules_per_song: Some(0),
            },
            v1::RecommendRequest { songs: vec!["a".to_owned()], ..Default::default() },
        ]
    );
    assert_eq!(
        *searches.lock().unwrap(),
        [v1::SearchSongsRequest { query: "q".to_owned(), page_size: 5, page_token: "t".to_owned() }]
    );
}

#[tokio::test]
async fn the_largest_answer_that_a_request_can_ask_for_is_read() {
    let server = Server::start(Sample {
        recommend: Box::new(|_| {
            let mut answer = full::recommend();
            let rule = answer.songs[0].rules[0].clone();
            answer.songs[0].rules = vec![rule; 100];
            let song = answer.songs[0].clone();
            answer.songs = vec![song; 500];
            Ok(answer)
        }),
        ..Sample::default()
    });
    let client = Client::connect(server.url()).await.unwrap();
    let answer = client.recommend("a seed").await.unwrap();
    assert_eq!(answer.songs.len(), 500);
    assert_eq!(answer.songs[499].rules.len(), 100);
}
