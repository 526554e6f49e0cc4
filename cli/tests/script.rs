//! Without a terminal, the lines of a session are read from standard input, and only answers are on standard output.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod service;

use std::{
    io::{BufRead as _, BufReader, Write as _},
    process::{Command, Stdio},
};

use service::{Service, playlist};

const ANSWER: &str = "\
API version: 0.1.0
Latest Model Update Date: 2025-01-01T19:17:42.663201-03:00
Songs:
1 Congratulations  Post Malone
2 HUMBLE.          Kendrick Lamar (artist)
";

#[track_caller]
fn session(service: &Service, code: i32, lines: &str) -> (String, String) {
    let output = service.playlist(&[]).write_stdin(lines).assert().code(code).get_output().clone();
    (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_song_and_send_bring_a_playlist() {
    let service = Service::with_model();
    let (stdout, stderr) = session(&service, 0, "Unforgettable\n/send 2\n");
    assert_eq!(stdout, ANSWER);
    assert_eq!(stderr, "");
    let (stdout, _) = session(&service, 0, "Unforgettable\r\n/send");
    assert!(stdout.starts_with("API version: 0.1.0\n"), "{stdout}");
    assert_eq!(service.last_request().limit, 0);
}

#[test]
fn the_list_is_kept_from_one_send_to_the_next() {
    let service = Service::with_model();
    session(&service, 0, "Unforgettable\n/send\nHUMBLE.\n/remove 1\nPassionfruit\n/send\n");
    assert_eq!(service.last_request().songs, ["HUMBLE.", "Passionfruit"]);
}

#[test]
fn an_unknown_song_brings_numbered_offers_and_a_choice_takes_its_place() {
    let service = Service::with_model();
    let (stdout, stderr) = session(&service, 0, "Unforget\nHUMBLE.\n/send 1\n?2\n/list\n/send 1\n");
    assert!(stderr.contains("the model does not know `Unforget`\n"), "{stderr}");
    assert!(stderr.contains("  did you mean ?1 French Montana - Unforgettable\n"), "{stderr}");
    assert!(stderr.contains("               ?2 Nat King Cole - Unforgettable\n"), "{stderr}");
    assert!(stderr.contains("`Nat King Cole - Unforgettable` stands for `Unforget` now"), "{stderr}");
    assert!(stdout.contains("\n1 Nat King Cole - Unforgettable\n2 HUMBLE.\n"), "{stdout}");
    assert_eq!(service.last_request().songs, ["Nat King Cole - Unforgettable", "HUMBLE."]);
}

#[test]
fn a_cap_reaches_the_service() {
    let service = Service::with_model();
    session(&service, 0, "Unforgettable\n/cap 2\n/send\n");
    assert_eq!(service.last_request().max_songs_per_artist, 2);
}

#[test]
fn why_tells_what_spoke_for_a_song_of_the_last_answer() {
    let service = Service::with_model();
    let lines = "/why 1\nUnforgettable\n/send 3\nHUMBLE.\n/why 1\n/why 2\n/why 3\n/why 4\n/send 1\n/why 1\n";
    let (stdout, stderr) = session(&service, 2, lines);
    let (_, reasons) = stdout.split_once("3 Evil").unwrap();
    let (_, reasons) = reasons.split_once('\n').unwrap();
    let (reasons, again) = reasons.split_once("API version").unwrap();
    assert_eq!(
        reasons,
        "\
Post Malone - Congratulations
  in 12 of the 40 playlists with Unforgettable (confidence 30 %, 4.2 times as often as anywhere)
Kendrick Lamar - HUMBLE.
  in 20 of the 80 playlists with a song by French Montana (confidence 25 %, 12 times as often as anywhere)
Mallory - Evil\u{fffd}[31m\u{fffd}Title
  no rule spoke for it; it is popular: in 1 playlist, 33 % of all
"
    );
    assert!(again.contains("playlists with Unforgettable and HUMBLE. (confidence"), "{again}");
    assert!(stderr.contains("there is no answer yet; `/send` asks for one"), "{stderr}");
    assert!(stderr.contains("the last answer has no song 4; `/why 1` to `/why 3`"), "{stderr}");
    assert_eq!(service.last_request().max_rules_per_song, Some(10));
}

#[test]
fn info_list_and_help_are_answers() {
    let service = Service::with_model();
    let (stdout, stderr) = session(&service, 0, "/info\n/list\n/help\n/quit\nnever read\n");
    assert!(stdout.contains("Model        one\n"), "{stdout}");
    assert!(stdout.contains("the list is empty\n"), "{stdout}");
    assert!(stdout.contains("/remove"), "{stdout}");
    assert!(stdout.contains("/why N"), "{stdout}");
    assert_eq!(stderr, "");
}

#[test]
fn a_line_that_cannot_be_followed_does_not_end_the_session() {
    let service = Service::with_model();
    let (stdout, stderr) = session(&service, 2, "Unforgettable\n/sned\n/send 2\n");
    assert_eq!(stdout, ANSWER);
    assert!(stderr.contains("there is no command `/sned`; did you mean `/send`?"), "{stderr}");
}

#[test]
fn songs_that_were_never_sent_are_not_lost_silently() {
    let service = Service::with_model();
    let (stdout, stderr) = session(&service, 2, "Unforgettable\n");
    assert_eq!(stdout, "");
    assert!(stderr.contains("the input ended before 1 song was sent"), "{stderr}");
    assert_eq!(session(&service, 0, "").1, "");
}

#[test]
fn a_session_can_answer_in_json() {
    let service = Service::with_model();
    let output = service
        .playlist(&["--json"])
        .write_stdin("Unforgettable\n/send\n")
        .assert()
        .success()
        .get_output()
        .clone();
    let answer: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(answer["songs"][0]["song"]["title"], "Congratulations");
}

#[test]
fn a_service_that_is_missing_is_told_once_per_send() {
    let output = playlist(&["--server", "http://127.0.0.1:1"])
        .write_stdin("Unforgettable\n/send\n/list\n")
        .assert()
        .code(3)
        .get_output()
        .clone();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(stderr.matches("kubectl").count(), 1, "{stderr}");
    assert_eq!(output.stdout, b"1 Unforgettable\n");
}

#[test]
fn a_line_is_answered_before_the_next_one_is_written() {
    let service = Service::with_model();
    let mut child = Command::new(env!("CARGO_BIN_EXE_playlist"))
        .env_clear()
        .env("TZ", "<-03>3")
        .env("PLAYLIST_SERVER", &service.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    for _ in 0..2 {
        stdin.write_all(b"Unforgettable\n/send 1\n").unwrap();
        assert_eq!(lines.next().unwrap().unwrap(), "API version: 0.1.0");
        for _ in 0..3 {
            lines.next().unwrap().unwrap();
        }
    }
    // The reader leaves while the writer goes on.
    drop(lines);
    stdin.write_all(b"/send 1\n").unwrap();
    assert!(child.wait().unwrap().success());
}

#[test]
fn more_songs_are_those_that_follow_and_count_on() {
    let service = Service::with_model();
    let (stdout, stderr) = session(&service, 0, "Unforgettable\n/send 2\n/more 1\n/more\n/why 4\n/more\n");
    assert!(stdout.starts_with(ANSWER), "{stdout}");
    let rest = &stdout[ANSWER.len()..];
    assert_eq!(
        rest,
        "3 Evil�[31m�Title  Mallory (popular)\n\
         4 Passionfruit   (popular)\n5 Unforgettable  Nat King Cole (popular)\n\
         Passionfruit\n  no rule spoke for it; it is popular: in 30 playlists, 25 % of all\n"
    );
    assert_eq!(stderr, "the model knows no more songs that go with the list\n");
    // The whole is asked for, so that a cap holds for all of it.
    assert_eq!(service.last_request().limit, 15);
}

#[test]
fn more_goes_on_from_what_was_asked_and_not_from_what_was_typed_since() {
    let service = Service::with_model();
    session(&service, 2, "Unforgettable\n/cap 2\n/send 2\n/cap\nHUMBLE.\n/more 1\n");
    assert_eq!(service.last_request().songs, ["Unforgettable"]);
    assert_eq!(service.last_request().max_songs_per_artist, 2);
}

#[test]
fn another_model_between_is_told_and_nothing_is_shown_twice() {
    let service = Service::with_model();
    let mut child = Command::new(env!("CARGO_BIN_EXE_playlist"))
        .env_clear()
        .env("PLAYLIST_SERVER", &service.url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    stdin.write_all(b"Unforgettable\n/send 2\n").unwrap();
    lines.by_ref().find(|line| line.starts_with("2 ")).unwrap();
    service.swap("two");
    stdin.write_all(b"/more 1\n").unwrap();
    assert!(lines.next().unwrap().starts_with("3 Evil"));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(
        stderr,
        "the model has changed since the last answer; `/send` asks the new one from the start\n"
    );
}

#[test]
fn without_an_answer_there_is_nothing_more_and_nothing_to_save() {
    let service = Service::with_model();
    for line in ["/more", "/save party.csv"] {
        let (_, stderr) = session(&service, 2, line);
        assert!(stderr.contains("there is no answer yet"), "{stderr}");
    }
}
