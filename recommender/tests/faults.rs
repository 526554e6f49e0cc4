//! No fault of the volume takes a model out of service, is served, or stays unseen.
//!
//! `FAULT_ROUNDS` sets how many faults are made.
#![cfg(test)]
#![cfg(unix)]

mod service_support;

use std::{env, fs, os::unix::fs::symlink, path::Path, process::Command, time::Duration};

use chrono::{DateTime, Utc};
use model::{VersionName, Volume};
use proto::v1::{ModelInfoResponse, RefreshOutcome};
use service_support::{DEADLINE, TestServer, TestVolume, eventually, seeds, settings, trained_at};

/// Puts something where `CURRENT` belongs.
type Make<'a> = &'a dyn Fn(&Path);

fn rounds(default: usize) -> usize {
    env::var("FAULT_ROUNDS").map_or(default, |rounds| rounds.parse().expect("FAULT_ROUNDS is a number"))
}

/// A server that looks at the volume a thousand times a second, with the model of a training in service.
async fn serve(volume: &TestVolume) -> TestServer {
    let poll_interval = Duration::from_millis(1);
    let server =
        TestServer::start_with(recommender::Settings { poll_interval, ..settings(&volume.path()) }).await;
    server.wait_until_ready().await;
    server
}

/// Waits for a failed refresh that wanted `version` and gives a reason that holds `text`; `first` must answer meanwhile.
async fn rejected(server: &TestServer, first: &VersionName, version: Option<&VersionName>, text: &str) {
    let mut client = server.client().await;
    eventually(text, || {
        let mut client = client.clone();
        async move {
            let info: ModelInfoResponse =
                client.model_info(proto::v1::ModelInfoRequest {}).await.unwrap().into_inner();
            assert_eq!(info.model_version, first.as_str());
            let refresh = info.last_refresh.unwrap();
            refresh.outcome() == RefreshOutcome::Failed
                && refresh.reason.contains(text)
                && version.is_none_or(|version| refresh.model_version == version.as_str())
        }
    })
    .await;
    let answer = client.recommend(seeds(["DNA."])).await.unwrap().into_inner();
    assert_eq!(answer.model_version, first.as_str());
    assert_eq!(answer.songs[0].song.as_ref().unwrap().title, "HUMBLE. 1");
}

async fn unchanged(server: &TestServer) {
    eventually("all is well again", || async {
        server.model_info().await.last_refresh.unwrap().outcome() == RefreshOutcome::Unchanged
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_current_that_is_anything_else_is_told_and_the_next_one_is_followed() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = serve(&volume).await;
    let current = volume.path().join("CURRENT");
    let pipe = |path: &Path| assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
    let faults: [(&str, Make<'_>, &str); 9] = [
        ("missing", &|_| {}, "no `CURRENT` any more"),
        ("empty", &|path| fs::write(path, "").unwrap(), "does not name a version"),
        ("zeros", &|path| fs::write(path, [0; 4096]).unwrap(), "does not name a version"),
        // It takes no room on the disk.
        (
            "huge",
            &|path| fs::File::create(path).unwrap().set_len(1 << 40).unwrap(),
            "does not name a version",
        ),
        ("a folder", &|path| fs::create_dir(path).unwrap(), "could not read `<volume>/CURRENT`"),
        ("a pipe", &pipe, "could not read `<volume>/CURRENT`"),
        ("a device", &|path| symlink("/dev/zero", path).unwrap(), "could not read `<volume>/CURRENT`"),
        ("a link to itself", &|path| symlink(path, path).unwrap(), "could not read `<volume>/CURRENT`"),
        ("a link to nothing", &|path| symlink("nowhere", path).unwrap(), "no `CURRENT` any more"),
    ];
    for (what, make, reason) in faults {
        fs::remove_file(&current).unwrap();
        make(&current);
        println!("{what}");
        rejected(&server, &first, None, reason).await;
        let _ = fs::remove_file(&current).or_else(|_| fs::remove_dir(&current));
        volume.put_in_service_anyway(&first);
        unchanged(&server).await;
    }
    let second = volume.publish(2);
    server.wait_for(&second).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_that_is_damaged_anyhow_is_not_served_and_its_reason_is_told() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let second = volume.store(2);
    let server = serve(&volume).await;
    let files =
        ["manifest.json", "songs.parquet", "artists.parquet", "rules.parquet", "artist_rules.parquet"];
    let failed = r#"recommender_refreshes_total{outcome="failed"}"#;
    let rounds = rounds(150) / 10;
    for round in 0..rounds {
        let file = files[round % files.len()];
        let path = volume.file(&second, file);
        let intact = fs::read(&path).unwrap();
        let mut bytes = intact.clone();
        // A step that has no factor in common with most lengths.
        let at = round * 7_919 % bytes.len();
        match round / files.len() % 3 {
            0 => bytes.truncate(at),
            1 => bytes[at] ^= 1 << (round % 8),
            _ => bytes[at..].fill(0),
        }
        if bytes == intact {
            continue;
        }
        let before = server.metric(failed).await.unwrap_or(0.0);
        fs::write(&path, bytes).unwrap();
        volume.put_in_service_anyway(&second);
        rejected(&server, &first, Some(&second), file).await;
        assert!(server.metric(failed).await.unwrap() > before);
        volume.put_in_service_anyway(&first);
        unchanged(&server).await;
        fs::write(&path, intact).unwrap();
    }
    volume.put_in_service_anyway(&second);
    server.wait_for(&second).await;
    println!("{rounds} damaged versions tried, 0 served");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_current_that_flaps_between_versions_and_nonsense_changes_no_answer_but_which_version_it_is_from() {
    let volume = TestVolume::new();
    let versions = [volume.publish(1), volume.publish(2)];
    let server = serve(&volume).await;
    let flips = rounds(150) * 10;
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut calls = Vec::new();
    for _ in 0..2 {
        let (mut client, versions, stopped) = (server.client().await, versions.clone(), stopped.clone());
        calls.push(tokio::spawn(async move {
            let mut seen = [0_u32; 2];
            while !*stopped.borrow() {
                let answer = client.recommend(seeds(["DNA."])).await.unwrap().into_inner();
                let number = versions.iter().position(|it| it.as_str() == answer.model_version).unwrap();
                assert_eq!(answer.songs[0].song.as_ref().unwrap().title, format!("HUMBLE. {}", number + 1));
                assert_eq!(answer.model_date.unwrap().seconds, trained_at(number as u32 + 1).timestamp());
                seen[number] += 1;
            }
            seen
        }));
    }
    let current = volume.path().join("CURRENT");
    for flip in 0..flips {
        match flip % 16 {
            // Not by a rename: half of it may be seen.
            3 => fs::write(&current, format!("{}\n", versions[flip / 16 % 2])).unwrap(),
            7 => fs::write(&current, "nonsense").unwrap(),
            11 => fs::remove_file(&current).unwrap(),
            15 => fs::write(&current, "20260102T030405Z-0123456789abcdef\n").unwrap(),
            _ => volume.put_in_service_anyway(&versions[flip % 2]),
        }
        tokio::time::sleep(Duration::from_micros((flip as u64 * 37) % 3_000)).await;
    }
    stop.send(true).unwrap();
    let mut seen = [0, 0];
    for call in calls {
        let of_call = call.await.unwrap();
        seen = [seen[0] + of_call[0], seen[1] + of_call[1]];
    }
    println!("{flips} flips, {seen:?} answers of either version, all whole");
    assert!(seen[0] > 0 && seen[1] > 0, "{seen:?}");
    volume.put_in_service_anyway(&versions[0]);
    server.wait_for(&versions[0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_whose_versions_are_removed_serves_on_and_recovers() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = serve(&volume).await;
    let versions = volume.path().join("versions");

    // What is in memory needs no files.
    fs::remove_dir_all(&versions).unwrap();
    unchanged(&server).await;
    fs::write(volume.path().join("CURRENT"), "20260102T030405Z-0123456789abcdef\n").unwrap();
    rejected(&server, &first, None, "is not on the volume").await;

    // Something else stands where the versions were.
    fs::write(&versions, "").unwrap();
    rejected(&server, &first, None, "could not read `<volume>/versions/").await;
    fs::remove_file(&versions).unwrap();

    let second = volume.publish(2);
    server.wait_for(&second).await;
}

/// Stores `version` again with other dates, as a trainer would whose clock is wrong.
fn with_dates(
    volume: &Volume,
    version: &VersionName,
    trained_at: DateTime<Utc>,
    published_at: &str,
) -> VersionName {
    let mut model = volume.load(version).unwrap();
    model.manifest.metadata.trained_at = trained_at;
    let publication = volume.publication(DEADLINE).unwrap();
    let stored = publication.store(&model.manifest.metadata, &model.tables).unwrap();
    // The date of the publication is the clock's.
    let mut manifest = volume.manifest(&stored).unwrap();
    manifest.published_at = published_at.parse().unwrap();
    service_support::rename_to_manifest(volume, &stored, &manifest)
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_are_followed_whatever_their_dates_are() {
    let volume = TestVolume::new();
    let first = volume.publish(1);
    let server = serve(&volume).await;
    for (trained_at, published_at) in [
        (DateTime::UNIX_EPOCH, "1970-01-01T00:00:00Z"),
        ("9999-12-31T23:59:59.999999999Z".parse().unwrap(), "9999-12-31T23:59:59Z"),
        ("0001-01-01T00:00:00Z".parse().unwrap(), "0001-01-01T00:00:00Z"),
        ("1969-12-31T23:59:59.5Z".parse().unwrap(), "1969-12-31T23:59:59Z"),
        ("2016-12-31T23:59:60.5Z".parse().unwrap(), "2016-12-31T23:59:60Z"),
        (DateTime::<Utc>::MAX_UTC, "2026-01-01T00:00:00Z"),
        (DateTime::<Utc>::MIN_UTC, "2026-01-01T00:00:00Z"),
    ] {
        let version = with_dates(&volume.volume(), &first, trained_at, published_at);
        volume.put_in_service(&version);
        server.wait_for(&version).await;
        let answer = server.client().await.recommend(seeds(["DNA."])).await.unwrap().into_inner();
        let date = answer.model_date.unwrap();
        // All that RFC 3339 and the contract's dates can tell.
        assert!((-62_135_596_800..=253_402_300_799).contains(&date.seconds), "{trained_at}: {date:?}");
        assert!((0..1_000_000_000).contains(&date.nanos), "{trained_at}: {date:?}");
        assert!(server.get("/metrics").await.contains("recommender_model_trained_timestamp_seconds"));
    }
    // The one in service stays, and so do the latest; the order of publication does not matter.
    let before = volume.volume().versions().unwrap().len();
    let removed = volume.volume().publication(DEADLINE).unwrap().prune(2).unwrap();
    assert_eq!(removed.len(), before - 3);
    let current = volume.volume().current().unwrap().unwrap();
    volume.volume().load(&current).unwrap();
    unchanged(&server).await;
}
