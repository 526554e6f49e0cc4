//! The program on a pseudo-terminal, and a person at it.

#![allow(dead_code, reason = "each test file uses its part")]

use std::{path::Path, process::Command};

use rexpect::{
    reader::Options,
    session::{PtySession, spawn_with_options},
};

/// The program on a pseudo-terminal; escape sequences are left out of what is read.
pub(crate) fn terminal(url: &str, home: &Path, args: &[&str], keep_escapes: bool) -> PtySession {
    let mut command = Command::new(env!("CARGO_BIN_EXE_playlist"));
    command
        .args(args)
        .env_clear()
        .env("TZ", "<-03>3")
        .env("TERM", "xterm")
        .env("HOME", home)
        .env("PLAYLIST_SERVER", url);
    let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(!keep_escapes);
    spawn_with_options(command, options).unwrap()
}

/// The program in a window of so many columns, with other variables.
pub(crate) fn window(
    url: &str,
    home: &Path,
    columns: u32,
    variables: &[(&str, &str)],
    keep_escapes: bool,
) -> PtySession {
    let mut command = Command::new("sh");
    command
        .args(["-c", &format!("stty cols {columns} rows 30 && exec \"$0\""), env!("CARGO_BIN_EXE_playlist")])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap())
        .env("TZ", "<-03>3")
        .env("TERM", "xterm")
        .env("HOME", home)
        .env("PLAYLIST_SERVER", url)
        .envs(variables.iter().copied());
    let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(!keep_escapes);
    spawn_with_options(command, options).unwrap()
}

/// Presses keys that end no line.
#[track_caller]
pub(crate) fn press(terminal: &mut PtySession, keys: &str) {
    terminal.send(keys).unwrap();
    terminal.flush().unwrap();
}

/// Types a line once `prompt` is shown.
#[track_caller]
pub(crate) fn type_line(terminal: &mut PtySession, prompt: &str, line: &str) {
    terminal.exp_string(prompt).unwrap();
    terminal.send_line(line).unwrap();
}

#[track_caller]
pub(crate) fn expect(terminal: &mut PtySession, text: &str) {
    // rexpect takes each byte that it reads for a character.
    let bytes: String = text.bytes().map(char::from).collect();
    terminal.exp_string(&bytes).unwrap();
}

#[track_caller]
pub(crate) fn ends_well(mut terminal: PtySession) {
    terminal.exp_eof().unwrap();
    let status = terminal.process().wait().unwrap();
    assert!(format!("{status:?}").ends_with(", 0)"), "{status:?}");
}
