//! On a terminal, the demo opens the prompt on the model that it trained.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests may fail as tests do")]

use std::{path::Path, process::Command};

use rexpect::{
    reader::Options,
    session::{PtySession, spawn_with_options},
};
use tempfile::TempDir;

/// The demo on a pseudo-terminal.
fn terminal(home: &TempDir) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_demo"));
    command.args(["--port", "0"]).env("TERM", "xterm").env("HOME", home.path()).env_remove("XDG_STATE_HOME");
    let options = Options::new().timeout_ms(Some(60_000)).strip_ansi_escape_codes(true);
    spawn_with_options(command, options).unwrap()
}

/// The folder of the volume, from the lines before the prompt.
fn volume(terminal: &mut PtySession) -> String {
    terminal.exp_string("from the volume ").unwrap();
    let line = terminal.read_line().unwrap();
    line.trim_end().trim_end_matches('.').to_owned()
}

fn ends_well(mut terminal: PtySession, volume: &str) {
    terminal.exp_eof().unwrap();
    let status = terminal.process().wait().unwrap();
    assert!(format!("{status:?}").ends_with(", 0)"), "{status:?}");
    assert!(!Path::new(volume).exists(), "the temporary folder is left behind");
}

#[test]
fn songs_are_typed_and_sent_and_quit_ends_the_demo() {
    let home = TempDir::new().unwrap();
    let mut terminal = terminal(&home);
    let volume = volume(&mut terminal);
    terminal.exp_string("For the page, open http://127.0.0.1:").unwrap();
    terminal.exp_string("--model-dir ").unwrap();
    terminal.exp_string(&volume).unwrap();
    terminal.exp_string("604 songs").unwrap();
    terminal.exp_string("playlist> ").unwrap();
    terminal.send_line("Unforgettable").unwrap();
    terminal.exp_string("playlist[1]> ").unwrap();
    terminal.send_line("/send").unwrap();
    terminal.exp_string("API version: ").unwrap();
    terminal.exp_string("Latest Model Update Date: ").unwrap();
    terminal.exp_string("Songs:\r\n").unwrap();
    terminal.exp_string("10 ").unwrap();
    terminal.exp_string("playlist[1]> ").unwrap();
    terminal.send_line("/quit").unwrap();
    ends_well(terminal, &volume);
}

#[test]
fn the_end_of_input_ends_the_demo() {
    let home = TempDir::new().unwrap();
    let mut terminal = terminal(&home);
    let volume = volume(&mut terminal);
    terminal.exp_string("playlist> ").unwrap();
    terminal.send_control('d').unwrap();
    ends_well(terminal, &volume);
}
