//! A failure says what failed, why, and what to do, and its exit code is the one that `--help` tells.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod service;

use std::net::TcpListener;

use service::{Service, playlist};

#[track_caller]
fn fails(command: &mut assert_cmd::Command, code: i32) -> String {
    let output = command.assert().code(code).get_output().clone();
    assert!(output.stdout.is_empty(), "{}", String::from_utf8_lossy(&output.stdout));
    String::from_utf8(output.stderr).unwrap()
}

/// A port on which nothing listens.
fn unused_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

#[test]
fn an_unreachable_port_brings_the_cause_and_both_ways_to_open_a_tunnel() {
    let url = unused_url();
    for command in [&["recommend", "x"][..], &["info"], &["search", "x"], &["watch"]] {
        let message = fails(playlist(command).args(["--server", &url]), 3);
        assert!(message.starts_with("error: "), "{message}");
        for part in [
            url.as_str(),
            "refused",
            "a tunnel to the service may be missing",
            "ssh -N -L 52023:<cluster-ip>:52023 user@host",
            "kubectl -n playlist-recommender port-forward service/playlist-recommender 52023",
        ] {
            assert!(message.contains(part), "{part:?} is missing in\n{message}");
        }
    }
}

#[test]
fn a_service_that_never_answers_is_given_up_after_the_timeout() {
    // It accepts connections, for the backlog does, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let message = fails(&mut playlist(&["info", "--server", &url, "--timeout", "200ms"]), 3);
    assert!(message.contains("200ms"), "{message}");
}

#[test]
fn a_service_without_a_model_is_told_from_one_that_is_missing() {
    let service = Service::without_model();
    for args in [&["recommend", "x"][..], &["search", "x"]] {
        let message = fails(&mut service.playlist(args), 4);
        assert!(message.contains("no model"), "{message}");
        assert!(!message.contains("tunnel"), "{message}");
    }
}

#[test]
fn a_refused_request_names_the_field() {
    let service = Service::with_model();
    let message = fails(&mut service.playlist(&["recommend", "a", ""]), 2);
    assert!(message.contains("songs[1]"), "{message}");
    assert!(message.contains("it is empty"), "{message}");
}

#[test]
fn misuse_of_the_command_line_is_refused_before_anything_is_asked() {
    for (args, part) in [
        (&["recommend", "x", "--limit", "501"][..], "501"),
        (&["recommend", "x", "--limit", "0"], "0"),
        (&["recommend", "x", "--rules", "101"], "101"),
        (&["recommend", "-", "-"], "once"),
        (&["search"], "QUERY"),
        (&["search", "x", "--limit", "0"], "0"),
        (&["info", "--timeout", "5"], "500ms"),
        (&["info", "--server", "https://host", "--ca-cert", "nowhere.crt"], "nowhere.crt"),
        (&["info", "--server", "https://host", "--ca-cert", "Cargo.toml"], "no certificate in PEM"),
        (&["info", "--client-cert", "nowhere.crt"], "--client-key"),
        (&["info", "--client-key", "nowhere.key"], "--client-cert"),
        (&["info", "--token-file", "nowhere"], "nowhere"),
        (&["info", "--token-file", "/dev/null"], "holds no token"),
        (&["info", "--server", "ftp://host"], "http"),
        (&["info", "--ssh", "host", "--server", "one,two"], "leads to one address"),
        (&["sing"], "sing"),
    ] {
        let message = fails(&mut playlist(args), 2);
        assert!(message.contains(part), "{part:?} is missing in\n{message}");
    }
}

#[test]
fn misuse_that_the_command_line_does_not_tell_is_told_in_the_language_of_the_rest() {
    for (args, message) in [
        (&["recommend", "-", "-"][..], "erro: `-` só pode ser dado uma vez\n"),
        (&["recommend", "-"], "erro: a entrada padrão não tem nenhuma música; escreva uma por linha\n"),
        (&["info", "--client-cert", "nowhere.crt"], "erro: `--client-cert` precisa de `--client-key`\n"),
        (&["info", "--client-key", "nowhere.key"], "erro: `--client-key` precisa de `--client-cert`\n"),
        (&["info", "--token-file", "/dev/null"], "erro: `/dev/null` não tem nenhum token\n"),
    ] {
        assert_eq!(fails(playlist(args).args(["--lang", "pt-BR"]).write_stdin(""), 2), message);
    }
}

#[test]
fn input_without_a_song_is_misuse() {
    let message = fails(playlist(&["recommend"]).write_stdin("\n \n"), 2);
    assert!(message.contains("names no song"), "{message}");
    let message = fails(playlist(&["recommend", "-"]).write_stdin(""), 2);
    assert!(message.contains("names no song"), "{message}");
}

#[test]
fn input_that_is_not_text_is_refused() {
    let message = fails(playlist(&["recommend", "-"]).write_stdin(&b"a\xff\n"[..]), 1);
    assert!(message.contains("UTF-8"), "{message}");
}

#[test]
fn help_tells_the_exit_codes_and_the_environment() {
    let output = playlist(&["--help"]).assert().success().get_output().clone();
    let help = String::from_utf8(output.stdout).unwrap();
    for part in [
        "Exit codes:",
        "  0  ",
        "  1  ",
        "  2  ",
        "  3  ",
        "  4  ",
        "PLAYLIST_SERVER",
        "http://localhost:52023",
        "recommend",
        "info",
        "search",
        "watch",
    ] {
        assert!(help.contains(part), "{part:?} is missing in\n{help}");
    }
}
