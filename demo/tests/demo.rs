//! The demo runs where there is no terminal, and shows how a model is swapped.

#![cfg(unix)]
#![expect(clippy::panic, clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

mod support;

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use client_lib::Client;
use support::{Serving, demo};
use tempfile::TempDir;
use trainer::Progress;

/// Runs the demo to its end, and returns what it printed.
fn stdout_of(mut command: Command) -> String {
    let Output { status, stdout, stderr } = command.output().unwrap();
    assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    assert_eq!(String::from_utf8_lossy(&stderr), "");
    String::from_utf8(stdout).unwrap()
}

/// The rest of the line that begins with `beginning`.
fn rest_of_line<'a>(stdout: &'a str, beginning: &str) -> &'a str {
    let line = stdout.lines().find_map(|line| line.strip_prefix(beginning));
    line.unwrap_or_else(|| panic!("no line begins with `{beginning}`: {stdout}"))
}

#[test]
fn without_a_terminal_it_prints_one_playlist_and_the_commands_to_go_on_with() {
    let mut command = demo();
    command.args(["--port", "0"]);
    let stdout = stdout_of(command);

    let place = rest_of_line(&stdout, "It is served on http://127.0.0.1:");
    let (port, volume) = place.split_once(", from the volume ").unwrap();
    let volume = Path::new(volume.trim_end_matches('.'));
    assert!(!volume.exists(), "the temporary folder is left behind");

    for number in 1..=10 {
        let is_numbered = |line: &&str| line.trim_start().starts_with(&format!("{number} "));
        assert!(stdout.lines().any(|line| is_numbered(&line)), "no song {number}: {stdout}");
    }
    for hint in [
        format!("open http://127.0.0.1:{port}/ in a browser"),
        format!("cargo demo -- --serve --port {port}"),
        format!("cargo run --package cli -- recommend Unforgettable --server http://127.0.0.1:{port}"),
        format!("curl -d '{{\"songs\":[\"Unforgettable\"]}}' http://127.0.0.1:{port}/api/recommend"),
        format!(
            "grpcurl -plaintext -d '{{\"songs\":[\"Unforgettable\"]}}' 127.0.0.1:{port} playlist.v1.PlaylistService/Recommend"
        ),
    ] {
        assert!(stdout.contains(&hint), "`{hint}` is missing: {stdout}");
    }
}

#[test]
fn a_port_that_is_taken_gives_way_to_another_and_the_demo_says_so() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    let mut command = demo();
    command.args(["--port", &port.to_string()]);
    let stdout = stdout_of(command);
    assert!(stdout.contains(&format!("Port {port} is taken, so this is another one.")), "{stdout}");
    assert!(!stdout.contains(&format!("http://127.0.0.1:{port},")), "{stdout}");
}

#[test]
fn a_folder_that_was_named_stays_and_is_used_again() {
    let folder = TempDir::new().unwrap();
    let run = || {
        let mut command = demo();
        command.args(["--port", "0", "--dir"]).arg(folder.path());
        rest_of_line(&stdout_of(command), "Trained model ").to_owned()
    };
    let first = run();
    assert!(folder.path().join("volume/CURRENT").exists());
    assert_eq!(run(), first, "the same dataset was trained again");
}

#[test]
fn a_file_that_is_not_the_sample_is_not_overwritten() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("playlists.csv");
    fs::write(&path, "mine").unwrap();
    let output = demo().args(["--port", "0", "--dir"]).arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains(path.to_str().unwrap()), "{stderr}");
    assert_eq!(fs::read_to_string(path).unwrap(), "mine");
}

#[tokio::test]
async fn training_the_update_while_it_serves_swaps_the_model() {
    let mut demo = Serving::start();
    let client = Client::connect(&demo.url).await.unwrap();
    let mut models = client.watch_model().await.unwrap();
    let before = models.next().await.unwrap().unwrap();
    let answer = client.recommend(["APT."]).await.unwrap();
    assert_eq!(answer.unknown_songs, ["APT."], "a song that only the update has");

    let volume = PathBuf::from(&demo.volume);
    let update = volume.with_file_name("playlists-update.csv");
    let command = demo.line("    cargo run --package trainer -- ");
    assert_eq!(command, format!("--dataset {} --model-dir {}", update.display(), volume.display()));
    let settings = trainer::Settings::new(update.as_path().into(), &volume);
    let report = tokio::task::spawn_blocking(move || trainer::train(&settings, &Progress::quiet()));
    let version = report.await.unwrap().unwrap().version.to_string();

    let after = models.next().await.unwrap().unwrap();
    assert_eq!(after.model_version, version);
    assert!(after.model_date > before.model_date);
    assert_eq!(
        demo.line(&format!("Model {version} is in service now; before, it was ")),
        format!("{}.", before.model_version)
    );
    let answer = client.recommend(["APT."]).await.unwrap();
    assert_eq!(answer.model_version, version);
    assert!(answer.unknown_songs.is_empty());

    drop((models, client));
    assert!(demo.stop("TERM").success());
    assert!(!volume.exists(), "the temporary folder is left behind");
}

#[test]
fn an_interrupt_ends_it_cleanly() {
    let mut demo = Serving::start();
    assert!(demo.stop("INT").success());
    assert!(!Path::new(&demo.volume).exists(), "the temporary folder is left behind");
}
