//! The service follows the volume, and no failure takes a model out of service.
#![cfg(test)]

mod service_support;

use std::fs;

use model::VersionName;
use proto::v1::{Refresh, RefreshOutcome, WatchModelRequest};
use service_support::{TestServer, TestVolume, eventually, seeds, within_deadline};

/// Waits until the last refresh failed with a reason that holds `text`, and checks that `version` still answers.
async fn rejected(server: &TestServer, version: &VersionName, text: &str) -> Refresh {
    eventually(text, || async {
        let refresh = server.model_info().await.last_refresh.unwrap();
        refresh.outcome() == RefreshOutcome::Failed && refresh.reason.contains(text)
    })
    .await;
    assert!(server.metric(r#"recommender_refreshes_total{outcome="failed"}"#).await.unwrap() > 0.0);
    let answer = server.client().await.recommend(seeds(["DNA."])).await.unwrap().into_inner();
    assert_eq!(answer.model_version, version.as_str());
    server.model_info().await.last_refresh.unwrap()
}

#[tokio::test]
async fn another_version_comes_into_service_and_so_does_a_roll_back() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;

    let second = volume.publish(2);
    server.wait_for(&second).await;
    let answer = client.recommend(seeds(["DNA."])).await.unwrap().into_inner();
    assert_eq!(answer.songs[0].song.as_ref().unwrap().title, "HUMBLE. 2");

    // By any means that writes the line.
    fs::write(volume.path().join("CURRENT"), format!("{first}\n")).unwrap();
    server.wait_for(&first).await;
    let answer = client.recommend(seeds(["DNA."])).await.unwrap().into_inner();
    assert_eq!(answer.songs[0].song.as_ref().unwrap().title, "HUMBLE. 1");
}

#[tokio::test]
async fn a_damaged_version_stays_out_until_it_is_repaired() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;

    let second = volume.store(2);
    let intact = volume.damage(&second, "rules.parquet");
    volume.put_in_service_anyway(&second);

    let refresh = rejected(&server, &first, "rules.parquet").await;
    assert_eq!(refresh.model_version, second.as_str());
    assert!(refresh.reason.contains("`<volume>/versions/"), "{}", refresh.reason);
    let path = volume.path();
    assert!(!refresh.reason.contains(path.to_str().unwrap()), "{}", refresh.reason);

    fs::write(volume.file(&second, "rules.parquet"), intact).unwrap();
    server.wait_for(&second).await;
    eventually("the failure is over", || async {
        server.model_info().await.last_refresh.unwrap().outcome() == RefreshOutcome::Unchanged
    })
    .await;
}

#[tokio::test]
async fn another_name_is_tried_at_once_while_a_rejected_one_waits() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;

    let second = volume.store(2);
    volume.damage(&second, "songs.parquet");
    volume.put_in_service_anyway(&second);
    rejected(&server, &first, "songs.parquet").await;
    let third = volume.publish(3);

    server.wait_for(&third).await;
}

#[tokio::test]
async fn a_version_that_is_not_there_yet_is_waited_for() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;

    let second = volume.store(2);
    let folder = volume.path().join("versions").join(second.as_str());
    let elsewhere = volume.path().join("elsewhere");
    fs::rename(&folder, &elsewhere).unwrap();
    volume.put_in_service_anyway(&second);
    rejected(&server, &first, "is not on the volume").await;
    fs::rename(&elsewhere, &folder).unwrap();

    server.wait_for(&second).await;
}

#[tokio::test]
async fn a_volume_that_vanishes_and_returns_takes_no_model_out_of_service() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;

    let elsewhere = volume.path().with_file_name("elsewhere");
    fs::rename(volume.path(), &elsewhere).unwrap();
    rejected(&server, &first, "no folder `<volume>`").await;

    // As when the mount is gone and its folder is left.
    fs::create_dir(volume.path()).unwrap();
    rejected(&server, &first, "no `CURRENT` any more").await;

    fs::remove_dir(volume.path()).unwrap();
    fs::rename(&elsewhere, volume.path()).unwrap();
    eventually("the volume is back", || async {
        server.model_info().await.last_refresh.unwrap().outcome() == RefreshOutcome::Unchanged
    })
    .await;
}

#[tokio::test]
async fn a_damaged_current_is_a_failure_that_tells_what_it_holds() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    for contents in ["", "\0\0\0", "../../etc/passwd", "nonsense\n"] {
        fs::write(volume.path().join("CURRENT"), contents).unwrap();
        rejected(&server, &first, "`<volume>/CURRENT` does not name a version").await;
    }
}

#[tokio::test]
async fn the_date_of_the_last_refresh_moves_with_each_look() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let date = async || {
        let date = server.model_info().await.last_refresh.unwrap().date.unwrap();
        (date.seconds, date.nanos)
    };
    let before = date().await;
    eventually("another look", || async { date().await > before }).await;
}

#[tokio::test]
async fn a_watcher_hears_of_the_model_at_once_and_of_each_swap() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut watch = server.client().await.watch_model(WatchModelRequest {}).await.unwrap().into_inner();
    let message = within_deadline(watch.message()).await.unwrap().unwrap();
    assert_eq!(message.model_version, first.as_str());

    for number in 2..5 {
        let version = volume.publish(number);
        let message = within_deadline(watch.message()).await.unwrap().unwrap();
        assert_eq!(message.model_version, version.as_str());
        let refresh = message.last_refresh.unwrap();
        assert_eq!(refresh.outcome(), RefreshOutcome::Swapped);
        assert_eq!(refresh.model_version, version.as_str());
    }
}

#[tokio::test]
async fn no_call_fails_and_no_answer_mixes_two_models_while_versions_change() {
    let volume = TestVolume::new();
    let versions = [volume.publish(1), volume.publish(2)];
    let server = TestServer::start_ready(&volume).await;
    let calls: Vec<_> = {
        let mut calls = Vec::new();
        for _ in 0..4 {
            let mut client = server.client().await;
            let versions = versions.clone();
            calls.push(tokio::spawn(async move {
                let mut seen = [0_u32; 2];
                while seen[0] < 20 || seen[1] < 20 {
                    let answer = client.recommend(seeds(["DNA."])).await.unwrap().into_inner();
                    let title = &answer.songs[0].song.as_ref().unwrap().title;
                    let number = versions.iter().position(|it| it.as_str() == answer.model_version).unwrap();
                    assert_eq!(*title, format!("HUMBLE. {}", number + 1));
                    let seconds = answer.model_date.unwrap().seconds;
                    assert_eq!(seconds, service_support::trained_at(number as u32 + 1).timestamp());
                    seen[number] += 1;
                }
            }));
        }
        calls
    };
    let mut turn = 0;
    eventually("both models were seen by all", || {
        turn += 1;
        volume.put_in_service_anyway(&versions[turn % 2]);
        let done = calls.iter().all(|call| call.is_finished());
        async move { done }
    })
    .await;
    for call in calls {
        call.await.unwrap();
    }
}
