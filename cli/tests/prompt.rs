//! On a terminal, the prompt edits, completes, remembers, and goes on after every error.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![cfg(unix)]

mod service;
mod terminal;

use std::{fs, path::Path, process::Command};

use rexpect::{reader::Options, session::spawn_with_options};
use service::Service;
use terminal::{ends_well, expect, terminal, type_line, window};

#[test]
fn a_session_like_that_of_the_original() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = terminal(&service.url, home.path(), &[], false);
    expect(&mut terminal, "connected to http://127.0.0.1:");
    type_line(&mut terminal, "playlist> ", "Unforgettable");
    type_line(&mut terminal, "playlist[1]> ", "/send");
    expect(&mut terminal, "API version: 0.1.0\r\n");
    expect(&mut terminal, "Latest Model Update Date: 2025-01-01T19:17:42.663201-03:00\r\n");
    expect(&mut terminal, "Songs:\r\n");
    expect(&mut terminal, "1 Congratulations ");
    expect(&mut terminal, "2 HUMBLE. ");

    type_line(&mut terminal, "playlist[1]> ", "Unforget");
    type_line(&mut terminal, "playlist[2]> ", "/send");
    expect(&mut terminal, "the model does not know `Unforget`\r\n");
    expect(&mut terminal, "did you mean ?1 French Montana - Unforgettable\r\n");
    type_line(&mut terminal, "playlist[2]> ", "?1");
    expect(&mut terminal, "`French Montana - Unforgettable` stands for `Unforget` now");
    type_line(&mut terminal, "playlist[2]> ", "/list");
    expect(&mut terminal, "1 Unforgettable\r\n2 French Montana - Unforgettable\r\n");
    type_line(&mut terminal, "playlist[2]> ", "/sned");
    expect(&mut terminal, "did you mean `/send`?");
    type_line(&mut terminal, "playlist[2]> ", "/info");
    expect(&mut terminal, "https://example.org/playlists.csv");
    type_line(&mut terminal, "playlist[2]> ", "/clear");
    type_line(&mut terminal, "playlist> ", "/quit");
    ends_well(terminal);
}

#[test]
fn what_was_typed_is_kept_at_once_and_for_nobody_else() {
    use std::os::unix::fs::PermissionsExt as _;

    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let history = home.path().join(".local/state/playlist/history");
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let mut terminal = terminal(&service.url, home.path(), &[], false);
    type_line(&mut terminal, "playlist> ", "Unforgettable");
    type_line(&mut terminal, "playlist[1]> ", "/list");
    expect(&mut terminal, "1 Unforgettable\r\n");
    expect(&mut terminal, "playlist[1]> ");
    // The terminal may be closed now.
    assert!(fs::read_to_string(&history).unwrap().contains("\nUnforgettable\n/list\n"));
    assert_eq!((mode(&history), mode(history.parent().unwrap())), (0o600, 0o700));
    // A file that others can read, as a copy may be, is made private.
    fs::set_permissions(&history, fs::Permissions::from_mode(0o644)).unwrap();
    terminal.send_line("/clear").unwrap();
    type_line(&mut terminal, "playlist> ", "/quit");
    ends_well(terminal);
    assert_eq!(mode(&history), 0o600);
}

#[test]
fn the_prompt_speaks_the_language_of_the_locale() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let brazil = [("LANG", "pt_BR.UTF-8")];
    let mut terminal = window(&service.url, home.path(), 160, &brazil, false);
    expect(&mut terminal, "conectado a http://127.0.0.1:");
    type_line(&mut terminal, "playlist> ", "Unforget");
    type_line(&mut terminal, "playlist[1]> ", "/send 3");
    // What people and scripts know a playlist by is the same everywhere.
    expect(&mut terminal, "API version: 0.1.0\r\nLatest Model Update Date: ");
    expect(&mut terminal, "Songs:\r\n1 Congratulations ");
    expect(&mut terminal, "(artista)");
    expect(
        &mut terminal,
        "o modelo não conhece `Unforget`\r\n  você quis dizer ?1 French Montana - Unforgettable\r\n",
    );
    type_line(&mut terminal, "playlist[1]> ", "/lits");
    expect(&mut terminal, "erro: não existe o comando `/lits`; você quis dizer `/list`?");
    type_line(&mut terminal, "playlist[1]> ", "/why 2");
    expect(
        &mut terminal,
        "em 20 das 80 playlists com uma música de French Montana (confiança 25 %, 12 vezes",
    );
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn in_a_narrow_window_lines_are_broken_between_words_and_artists_stand_below() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 40, &[], false);
    type_line(&mut terminal, "playlist> ", "Unforgettable");
    type_line(&mut terminal, "playlist[1]> ", "/send");
    expect(&mut terminal, "1 Congratulations  Post Malone\r\n");
    expect(&mut terminal, "2 HUMBLE.\r\n    Kendrick Lamar (artist)\r\n");
    type_line(&mut terminal, "playlist[1]> ", "/why 1");
    expect(
        &mut terminal,
        "  in 12 of the 40 playlists with\r\n    Unforgettable (confidence 30 %, 4.2\r\n    times as often as anywhere)\r\n",
    );
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn tab_completes_songs_and_commands() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = terminal(&service.url, home.path(), &[], false);
    expect(&mut terminal, "playlist> ");
    terminal.send("hum\t").unwrap();
    terminal.flush().unwrap();
    expect(&mut terminal, "HUMBLE. - Kendrick Lamar");
    terminal.send_line("").unwrap();
    expect(&mut terminal, "playlist[1]> ");
    terminal.send("kendr\t").unwrap();
    terminal.flush().unwrap();
    expect(&mut terminal, "Kendrick Lamar - HUMBLE.");
    terminal.send_line("").unwrap();
    expect(&mut terminal, "playlist[2]> ");
    // Two songs have that title: both are shown.
    terminal.send("unf\t").unwrap();
    terminal.flush().unwrap();
    expect(&mut terminal, "Unforgettable - French Montana");
    expect(&mut terminal, "Unforgettable - Nat King Cole");
    terminal.send("nat\t").unwrap();
    terminal.flush().unwrap();
    terminal.send_control('c').unwrap();
    expect(&mut terminal, "Ctrl-D leaves");
    expect(&mut terminal, "playlist[2]> ");
    terminal.send("/se\t").unwrap();
    terminal.flush().unwrap();
    expect(&mut terminal, "/send");
    terminal.send_line("").unwrap();
    expect(&mut terminal, "API version: 0.1.0");
    assert_eq!(service.last_request().songs, ["HUMBLE. - Kendrick Lamar", "Kendrick Lamar - HUMBLE."]);
    expect(&mut terminal, "playlist[2]> ");
    terminal.send_control('d').unwrap();
    ends_well(terminal);
}

#[test]
fn the_arrow_brings_back_lines_of_the_session_before() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut first = terminal(&service.url, home.path(), &[], false);
    type_line(&mut first, "playlist> ", "Passionfruit");
    type_line(&mut first, "playlist[1]> ", "/quit");
    ends_well(first);

    let mut second = terminal(&service.url, home.path(), &[], false);
    expect(&mut second, "playlist> ");
    second.send("\x1b[A\x1b[A").unwrap();
    second.send_line("").unwrap();
    expect(&mut second, "playlist[1]> ");
    second.send_line("/list").unwrap();
    expect(&mut second, "1 Passionfruit\r\n");
    second.send_line("/quit").unwrap();
    ends_well(second);
}

#[test]
fn a_missing_service_does_not_end_the_prompt_and_may_come_later() {
    let home = tempfile::tempdir().unwrap();
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = reserved.local_addr().unwrap();
    drop(reserved);

    let mut terminal = terminal(&format!("http://{address}"), home.path(), &[], false);
    expect(&mut terminal, "a tunnel to the service may be missing");
    expect(&mut terminal, "playlist> ");
    // Completion finds nobody to ask, and typing goes on.
    terminal.send("Unf\t").unwrap();
    terminal.send_line("orgettable").unwrap();
    type_line(&mut terminal, "playlist[1]> ", "/send");
    expect(&mut terminal, "error: ");
    expect(&mut terminal, "kubectl");
    expect(&mut terminal, "playlist[1]> ");

    let _service = Service::with_model_at(address);
    terminal.send_line("/send").unwrap();
    expect(&mut terminal, "1 Congratulations");
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn what_is_typed_or_pasted_before_the_prompt_is_back_is_not_lost() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = terminal(&service.url, home.path(), &[], false);
    expect(&mut terminal, "playlist> ");
    terminal.send("Unforgettable\nHUMBLE.\n/send\nPassionfruit\n/list\n").unwrap();
    // As terminals mark what is pasted.
    terminal.send("\x1b[200~Congratulations\nnobody sang this\x1b[201~\n/send\n/quit\n").unwrap();
    terminal.flush().unwrap();
    expect(&mut terminal, "1 Unforgettable\r\n2 HUMBLE.\r\n3 Passionfruit\r\n");
    ends_well(terminal);
    assert_eq!(
        service.last_request().songs,
        ["Unforgettable", "HUMBLE.", "Passionfruit", "Congratulations", "nobody sang this"]
    );
}

#[test]
fn an_interrupt_ends_the_call_and_not_the_prompt() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = terminal(&service.url, home.path(), &[], false);
    type_line(&mut terminal, "playlist> ", "wait for ever");
    type_line(&mut terminal, "playlist[1]> ", "/send");
    service.wait_until_asked();
    terminal.send_control('c').unwrap();
    expect(&mut terminal, "(interrupted)");
    type_line(&mut terminal, "playlist[1]> ", "/remove 1");
    type_line(&mut terminal, "playlist> ", "Unforgettable");
    type_line(&mut terminal, "playlist[1]> ", "/send");
    expect(&mut terminal, "1 Congratulations");
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn a_history_that_cannot_be_saved_is_a_warning() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    // A file where the folder should be.
    fs::write(home.path().join(".local"), "").unwrap();
    let mut terminal = terminal(&service.url, home.path(), &[], false);
    type_line(&mut terminal, "playlist> ", "/quit");
    expect(&mut terminal, "warning: the history");
    ends_well(terminal);
}

#[test]
fn a_terminal_gets_colours_unless_no_color_is_set() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let args = ["recommend", "Unforgettable", "-n", "1"];
    let mut coloured = terminal(&service.url, home.path(), &args, true);
    expect(&mut coloured, "1 Congratulations  \x1b[2mPost Malone\x1b[0m");
    ends_well(coloured);

    let mut command = Command::new(env!("CARGO_BIN_EXE_playlist"));
    command
        .args(args)
        .env_clear()
        .env("TERM", "xterm")
        .env("NO_COLOR", "1")
        .env("PLAYLIST_SERVER", &service.url);
    let options = Options::new().timeout_ms(Some(20_000));
    let mut plain = spawn_with_options(command, options).unwrap();
    let text = plain.exp_eof().unwrap();
    assert!(text.contains("1 Congratulations  Post Malone"), "{text:?}");
    assert!(!text.contains('\x1b'), "{text:?}");
}
