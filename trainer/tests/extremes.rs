//! Data and settings at the ends of what there can be get right answers or clear errors.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests too")]

use std::{fmt::Write as _, fs, path::Path, process::Output};

use assert_cmd::Command;
use model::Volume;
use serde_json::Value;
use tempfile::TempDir;

/// Trains on `playlists`, each a run of song numbers, with the flags, on a volume of its own.
fn train(
    playlists: impl IntoIterator<Item = impl IntoIterator<Item = u32>>,
    flags: &[&str],
) -> (Output, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("pid,track_name\n");
    for (pid, playlist) in playlists.into_iter().enumerate() {
        for song in playlist {
            writeln!(csv, "{pid},s{song}").unwrap();
        }
    }
    let dataset = folder.path().join("playlists.csv");
    fs::write(&dataset, csv).unwrap();
    let output = Command::cargo_bin("trainer")
        .unwrap()
        .env_clear()
        .args(["--json", "--dataset"])
        .arg(&dataset)
        .arg("--model-dir")
        .arg(folder.path().join("volume"))
        .args(flags)
        .output()
        .unwrap();
    (output, folder)
}

#[track_caller]
fn counts(output: &Output) -> Value {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice::<Value>(&output.stdout).unwrap()["counts"].clone()
}

/// The message of a run that failed and published nothing.
#[track_caller]
fn failure(output: &Output, folder: &Path) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert_eq!(Volume::new(folder.join("volume")).current().unwrap(), None);
    stderr
}

#[test]
fn a_playlist_of_100_000_songs_is_one_playlist_like_others() {
    let playlists = [(0..100_000).collect::<Vec<u32>>(), vec![5, 99_999], vec![5, 70_000]];
    let (output, _folder) = train(playlists, &["--min-support", "2"]);
    let counts = counts(&output);
    // Only three songs are in two playlists, and two pairs of them.
    assert_eq!(counts["itemsets_by_size"], serde_json::json!([3, 2]));
    assert_eq!(counts["one_song_rules"], 4);
}

#[test]
fn a_million_playlists_of_one_song_have_no_rules() {
    let (output, _folder) = train((0..1_000_000).map(|pid| [pid % 1_000]), &["--min-support", "0.1%"]);
    let counts = counts(&output);
    assert_eq!(counts["itemsets_by_size"], serde_json::json!([1_000]));
    assert_eq!((&counts["rules"], &counts["artist_rules"]), (&0.into(), &0.into()));
}

#[test]
fn equal_playlists_have_every_itemset_up_to_the_length_that_is_asked_for() {
    let (output, _folder) = train(vec![0..200; 40], &["--max-length", "2"]);
    let counts = counts(&output);
    assert_eq!(counts["itemsets_by_size"], serde_json::json!([200, 19_900]));
    assert_eq!(counts["itemset_rules"], 200 * 199);
}

#[test]
fn itemsets_that_explode_end_the_training_with_an_estimate_and_advice() {
    let (output, folder) = train(vec![0..200; 40], &[]);
    let message = failure(&output, folder.path());
    // 200 songs have 200 + 19,900 + 1,313,400 itemsets of up to three.
    let words = ["more than 10^18 itemsets (an estimate)", "`--max-length 3` leaves 1,333,500"];
    assert!(words.iter().all(|words| message.contains(words)), "{message}");

    let (output, folder) = train(vec![0..200; 40], &["--max-memory", "64MiB"]);
    let message = failure(&output, folder.path());
    let words = ["with the memory that `--max-memory` leaves", "`--max-length 2` leaves 20,100"];
    assert!(words.iter().all(|words| message.contains(words)), "{message}");
}

#[test]
fn a_training_that_needs_more_memory_than_it_may_use_says_so_and_publishes_nothing() {
    let run = |max_memory| {
        train((0..50).map(|pid| pid..pid + 50), &["--max-length", "1", "--max-memory", max_memory])
    };
    let (output, folder) = run("1MiB");
    let message = failure(&output, folder.path());
    assert!(message.contains("1.0 MiB may be used") && message.contains("`--max-memory`"), "{message}");
    let (output, _folder) = run("1GiB");
    counts(&output);
}

#[test]
fn an_amount_of_memory_that_is_none_is_misuse() {
    for amount in ["0", "much", "1.5GiB"] {
        let (output, _folder) = train([[0, 1]], &["--max-memory", amount]);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(2) && stderr.contains("--max-memory"), "{stderr}");
    }
}
