//! Under overload some calls are refused at once, the others are answered, and health and metrics answer.
#![cfg(test)]

mod service_support;

use std::{num::NonZero, time::Duration};

use futures_util::future;
use proto::v1::{ModelInfoRequest, RecommendRequest};
use recommender::{Limits, Settings};
use service_support::{
    DEADLINE, RawConnection, TestServer, TestVolume, check, code_of, eventually, framed, reason_of, seeds,
    settings, within_deadline,
};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_types::StatusExt as _;

/// A status that asks to come again, as a client has to read it.
#[track_caller]
fn assert_overloaded(status: &Status) {
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(reason_of(status), "OVERLOADED");
    let retry = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!(retry > Duration::ZERO && retry < Duration::from_secs(5), "{retry:?}");
}

async fn start_with_queue(volume: &TestVolume, calls: usize) -> TestServer {
    let limits = Limits { max_queued_calls: NonZero::new(calls).unwrap(), ..Limits::default() };
    let server = TestServer::start_with(Settings { limits, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    server
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_find_the_queue_full_are_refused_and_the_others_are_answered() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = start_with_queue(&volume, 2).await;
    let clients = future::join_all((0..8).map(|_| server.client())).await;
    let mut health = server.health().await;
    let (mut answered, mut refused) = (0, 0);
    let deadline = Instant::now() + DEADLINE;

    while answered == 0 || refused == 0 {
        assert!(Instant::now() < deadline, "{answered} answered, {refused} refused");
        let calls = clients.iter().flat_map(|client| {
            (0..100).map(|_| {
                let mut client = client.clone();
                async move { client.recommend(seeds(["DNA.", "HUMBLE. 1"])).await }
            })
        });
        let (answers, status) = future::join(future::join_all(calls), check(&mut health, "")).await;
        assert_eq!(status, ServingStatus::Serving);
        for answer in answers {
            match answer {
                Ok(answer) => {
                    assert_eq!(answer.into_inner().songs.len(), 2);
                    answered += 1;
                }
                Err(status) => {
                    assert_overloaded(&status);
                    refused += 1;
                }
            }
        }
    }

    let shed = server.metric(r#"recommender_requests_shed_total{reason="queue"}"#).await.unwrap();
    assert_eq!(shed, f64::from(refused));
    // Overload leaves nothing behind.
    server.client().await.recommend(seeds(["DNA."])).await.unwrap();
    server.client().await.model_info(ModelInfoRequest {}).await.unwrap();
}

#[tokio::test]
async fn large_requests_have_a_queue_of_their_own_that_small_ones_pass() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let misspelt: Vec<String> = (0..1_000).map(|number| format!("congratulatoins {number}")).collect();
    let large = RecommendRequest { songs: misspelt, ..Default::default() };
    let client = server.client().await;

    let calls = (0..2_000).map(|_| {
        let (mut client, large) = (client.clone(), large.clone());
        async move { client.recommend(large).await }
    });
    let calls = tokio::spawn(future::join_all(calls));
    let small = server.client().await.recommend(seeds(["DNA."])).await.unwrap();
    assert_eq!(small.into_inner().songs.len(), 3);

    let mut refused = 0;
    for answer in within_deadline(calls).await.unwrap() {
        if let Err(status) = answer {
            assert_overloaded(&status);
            refused += 1;
        }
    }
    assert!(refused > 0, "all were answered");
    let shed = server.metric(r#"recommender_requests_shed_total{reason="large_requests"}"#).await;
    assert_eq!(shed, Some(f64::from(refused)));
}

#[tokio::test]
async fn requests_that_do_not_fit_into_memory_are_refused() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    // 64 MiB in all; each is just below what one request may have, and does not end.
    let part = vec![0; 4_000_000];
    let mut connections = Vec::new();
    let mut open = Vec::new();
    for _ in 0..4 {
        let mut connection = RawConnection::open(server.address).await;
        for _ in 0..5 {
            let (body, answer) = connection.call("playlist.v1.PlaylistService/Recommend", "1M");
            let mut message = vec![0, 0, 0x3f, 0xff, 0xff];
            message.extend(&part);
            body.send(message.into()).unwrap();
            open.push((body, answer));
        }
        connections.push(connection);
    }

    eventually("a call is refused", || async {
        server.metric(r#"recommender_requests_shed_total{reason="memory"}"#).await > Some(0.0)
    })
    .await;
    eventually("its client knows", || {
        let ended = open.iter().any(|(_, answer)| answer.is_finished());
        async move { ended }
    })
    .await;
    // Small messages do not need that memory.
    server.client().await.recommend(seeds(["DNA."])).await.unwrap();
    let (_, refused) = open.into_iter().find(|(_, answer)| answer.is_finished()).unwrap();
    assert_eq!(code_of(refused.await.unwrap().unwrap()).await, Code::ResourceExhausted);
    drop(connections);

    // What the others held is free again when they have gone.
    let large = RecommendRequest { songs: vec!["x".repeat(1_000); 1_000], ..Default::default() };
    eventually("there is room again", || async {
        server.client().await.recommend(large.clone()).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn a_call_whose_time_is_over_before_it_begins_is_not_computed() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut connection = RawConnection::open(server.address).await;
    for method in ["Recommend", "SearchSongs"] {
        let (body, answer) = connection.call(&format!("playlist.v1.PlaylistService/{method}"), "0n");
        body.send(framed(&seeds(["DNA."]))).unwrap();
        drop(body);
        let answer = within_deadline(answer).await.unwrap().unwrap();
        assert_eq!(code_of(answer).await, Code::DeadlineExceeded);
    }
    assert_eq!(server.metric(r#"recommender_seeds_total{match="exact"}"#).await, Some(0.0));
}
