//! Each command answers on standard output, in text and in JSON, and says the rest on standard error.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod service;

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use service::Service;

#[track_caller]
fn stdout(command: &mut assert_cmd::Command) -> String {
    let output = command.assert().success().get_output().clone();
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn stderr(command: &mut assert_cmd::Command) -> String {
    let output = command.assert().success().get_output().clone();
    String::from_utf8(output.stderr).unwrap()
}

#[track_caller]
fn json(command: &mut assert_cmd::Command) -> Value {
    serde_json::from_str(&stdout(command)).unwrap()
}

#[test]
fn recommend_prints_version_local_date_and_numbered_songs() {
    let service = Service::with_model();
    let text = stdout(&mut service.playlist(&["recommend", "Unforgettable"]));
    assert_eq!(
        text,
        "\
API version: 0.1.0
Latest Model Update Date: 2025-01-01T19:17:42.663201-03:00
Songs:
1 Congratulations  Post Malone
2 HUMBLE.          Kendrick Lamar (artist)
3 Evil\u{fffd}[31m\u{fffd}Title  Mallory (popular)
4 Passionfruit     (popular)
5 Unforgettable    Nat King Cole (popular)
"
    );
}

#[test]
fn every_option_of_recommend_reaches_the_service() {
    let service = Service::with_model();
    service
        .playlist(&["recommend", "Unforgettable", "HUMBLE.", "-n", "2", "--rules", "7"])
        .args(["--exclude", "Passionfruit", "--exclude", "x", "--max-songs-per-artist", "3"])
        .assert()
        .success();
    let request = service.last_request();
    assert_eq!(request.songs, ["Unforgettable", "HUMBLE."]);
    assert_eq!(request.limit, 2);
    assert_eq!(request.exclude_songs, ["Passionfruit", "x"]);
    assert_eq!(request.max_songs_per_artist, 3);
    assert_eq!(request.max_rules_per_song, Some(7));
}

#[test]
fn rules_are_shown_as_reasons_when_asked_for() {
    let service = Service::with_model();
    let reason = "    in 12 of the 40 playlists with Unforgettable (confidence 30 %, 4.2 times as often as anywhere)\n";
    let text = stdout(&mut service.playlist(&["recommend", "Unforgettable", "--rules", "1"]));
    assert!(text.contains(reason), "{text}");
    let text = stdout(&mut service.playlist(&["recommend", "Unforgettable"]));
    assert!(!text.contains("confidence"), "{text}");
}

#[test]
fn songs_come_from_standard_input_too() {
    let service = Service::with_model();
    let input = "Unforgettable\n\n  HUMBLE. \r\n";
    service.playlist(&["recommend"]).write_stdin(input).assert().success();
    assert_eq!(service.last_request().songs, ["Unforgettable", "HUMBLE."]);

    service.playlist(&["recommend", "Passionfruit", "-"]).write_stdin(input).assert().success();
    assert_eq!(service.last_request().songs, ["Passionfruit", "Unforgettable", "HUMBLE."]);

    service.playlist(&["recommend", "Passionfruit"]).write_stdin(input).assert().success();
    assert_eq!(service.last_request().songs, ["Passionfruit"]);
}

#[test]
fn songs_that_were_not_understood_letter_by_letter_are_told_on_standard_error() {
    let service = Service::with_model();
    let mut command =
        service.playlist(&["recommend", "humble", "Unforgetable", "Unforget", "x\u{1b}", "--exclude", "y"]);
    assert_eq!(
        stderr(&mut command),
        "\
`humble` was taken for Kendrick Lamar - HUMBLE.
`Unforgetable` was taken for French Montana - Unforgettable (96 % alike)
  did you mean Nat King Cole - Unforgettable
the model does not know `Unforget`
  did you mean French Montana - Unforgettable
               Nat King Cole - Unforgettable
the model does not know `x\u{fffd}`
excluded: the model does not know `y`
"
    );
    assert_eq!(stderr(&mut service.playlist(&["recommend", "Unforgettable"])), "");
}

#[test]
fn unknown_songs_alone_are_answered_all_the_same() {
    let service = Service::with_model();
    let text = stdout(&mut service.playlist(&["recommend", "nobody sang this", "-n", "1"]));
    assert!(text.ends_with("Songs:\n1 Congratulations  Post Malone\n"), "{text}");
}

#[test]
fn json_has_the_names_of_the_contract() {
    let service = Service::with_model();
    let mut command = service.playlist(&["recommend", "Unforgettable", "Unforget", "--json"]);
    let answer = json(&mut command);
    assert_eq!(answer["version"], "0.1.0");
    assert_eq!(answer["model_date"], "2025-01-01T22:17:42.663201Z");
    assert_eq!(answer["model_version"], "one");
    assert_eq!(answer["served_by"], "replica-a");
    assert_eq!(answer["unknown_songs"], serde_json::json!(["Unforget"]));
    let first = &answer["songs"][0];
    assert_eq!(first["song"]["title"], "Congratulations");
    assert_eq!(first["song"]["support_count"], 50);
    assert_eq!(first["source"], "SOURCE_RULES");
    assert_eq!(first["score"], 1.0);
    assert_eq!(first["rules"][0]["antecedent_count"], 40);
    assert_eq!(answer["seeds"][1]["match"], "MATCH_UNKNOWN");
    assert_eq!(answer["songs"][2]["song"]["title"], "Evil\u{1b}[31m\u{9b}Title");
    let raw = stdout(&mut command);
    assert!(!raw.contains(['\u{1b}', '\u{9b}']), "{raw:?}");
}

#[test]
fn info_tells_model_dataset_evaluation_and_a_rejected_version() {
    let service = Service::with_model();
    let text = stdout(&mut service.playlist(&["info"]));
    for line in [
        "API version  0.1.0 (revision abc123)\n",
        "Model        one\n",
        "Trained      2025-01-01T19:17:42.663201-03:00\n",
        "Dataset      https://example.org/playlists.csv\n",
        "             100 playlists, 6 songs, 4 artists; 1000 rows, 2 of them skipped\n",
        "min support 2% (2 playlists), min confidence 0.1, min pair count off",
        "max rules per song 100, max length unlimited, max consequent length 2\n",
        "Itemsets     11: 6 of 1 song, 4 of 2, 1 of 3\n",
        "3 from artists, 9 with longer consequents\n",
        "Weights      one unit is 0.0001 for a single seed, 0.0002 for many, 0.0003 of an artist\n",
        "two was rejected: `rules.parquet` is damaged\n",
        "Evaluated on 20 held-out playlists:\n",
        "    5  model              0.251",
        "Seeds  Many share  Damping  Artist share\n",
        "   25       0.500    0.250         0.500\n",
        "Stage    Seconds  Rows a second  Peak memory\n",
        "read        2.00        1234567     1536 MiB\n",
        "publish     0.25\n",
    ] {
        assert!(text.contains(line), "{line:?} is missing in\n{text}");
    }
    let answer = json(&mut service.playlist(&["info", "--json"]));
    assert_eq!(answer["dataset"]["rows"], 1_000);
    assert_eq!(answer["last_refresh"]["outcome"], "REFRESH_OUTCOME_FAILED");
    assert_eq!(answer["evaluation"]["figures"][0]["hit_rate_at_10"], 0.5);
    assert_eq!(answer["parameters"]["max_consequent_length"], 2);
    assert_eq!(answer["scoring"]["by_seeds"][1]["damping"], 0.25);
    assert_eq!(answer["stages"][0]["peak_memory_bytes"], 3 << 29);
}

#[test]
fn info_answers_without_a_model() {
    let service = Service::without_model();
    let text = stdout(&mut service.playlist(&["info"]));
    assert!(text.contains("Model        none yet\n"), "{text}");
    assert!(text.contains("no model was ever published\n"), "{text}");
}

#[test]
fn search_aligns_titles_artists_and_counts() {
    let service = Service::with_model();
    assert_eq!(
        stdout(&mut service.playlist(&["search", "unf"])),
        "\
Title          Artist          Playlists
Unforgettable  French Montana         40
Unforgettable  Nat King Cole           5
"
    );
}

#[test]
fn search_goes_on_over_pages_up_to_its_limit() {
    let service = Service::with_model();
    let titles = |args: &[&str]| {
        let answer = json(&mut service.playlist(args));
        (answer["songs"].as_array().unwrap().len(), answer["next_page_token"].clone())
    };
    assert_eq!(titles(&["search", "", "--json"]), (6, "".into()));
    assert_eq!(titles(&["search", "", "--json", "--limit", "5"]), (5, "5".into()));
    assert_eq!(titles(&["search", "", "--json", "--limit", "2"]), (2, "2".into()));
}

#[test]
fn a_search_that_finds_nothing_says_so_on_standard_error() {
    let service = Service::with_model();
    let mut command = service.playlist(&["search", "zzz"]);
    assert_eq!(stdout(&mut command), "");
    assert_eq!(stderr(&mut command), "no song was found\n");
}

/// The program with a standard output that is read line by line.
fn watching(service: &Service, args: &[&str]) -> (std::process::Child, impl Iterator<Item = String>) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_playlist"))
        .args(args)
        .args(["--server", &service.url])
        .env_clear()
        .env("TZ", "<-03>3")
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    (child, lines)
}

#[test]
fn watch_prints_one_line_now_and_one_per_model() {
    let service = Service::without_model();
    let (mut child, mut lines) = watching(&service, &["watch"]);
    let line = lines.next().unwrap();
    assert!(line.ends_with("no model yet, at replica-a"), "{line}");
    service.swap("one");
    let line = lines.next().unwrap();
    assert!(
        line.ends_with("model one, trained 2025-01-01T19:17:42.663201-03:00, served by replica-a"),
        "{line}"
    );
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn watch_goes_on_when_the_replica_stops_and_prints_one_json_object_per_line() {
    let service = Service::with_model();
    let (mut child, mut lines) = watching(&service, &["watch", "--json"]);
    let mut next = || -> Value { serde_json::from_str(&lines.next().unwrap()).unwrap() };
    assert_eq!(next()["model_version"], "one");
    service.swap("drain");
    service.wait_until_told("drain", 1);
    // What was printed already is not printed again.
    service.swap("one");
    service.wait_until_told("one", 2);
    service.swap("two");
    assert_eq!(next()["model_version"], "two");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_pipe_that_is_closed_early_ends_it_quietly() {
    let service = Service::with_model();
    for args in
        [&["recommend", "Unforgettable"][..], &["search", ""], &["info"], &["info", "--json"], &["watch"]]
    {
        let mut child = Command::new(env!("CARGO_BIN_EXE_playlist"))
            .args(args)
            .env_clear()
            .env("PLAYLIST_SERVER", &service.url)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{args:?}: {}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{args:?}");
    }
}

#[test]
fn a_watch_ends_when_its_reader_goes_though_no_model_comes() {
    let service = Service::with_model();
    let (mut child, mut lines) = watching(&service, &["watch"]);
    lines.next().unwrap();
    drop(lines);
    let deadline = Instant::now() + Duration::from_secs(20);
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
        }
        thread::sleep(Duration::from_millis(5));
    };
    assert!(status.success(), "{status}");
}

#[test]
fn an_answer_that_cannot_be_written_is_a_failure() {
    let Ok(full) = std::fs::File::options().write(true).open("/dev/full") else {
        eprintln!("skipped: there is no /dev/full");
        return;
    };
    let service = Service::with_model();
    let output = Command::new(env!("CARGO_BIN_EXE_playlist"))
        .args(["info", "--server", &service.url])
        .env_clear()
        .stdout(full)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(
        message.starts_with("error: the answer cannot be written to standard output\n  cause: "),
        "{message}"
    );
}
