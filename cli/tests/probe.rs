//! A probe tells what requests met while something was changed: changes, failures, and how long each lasted.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]
#![cfg(unix)]

mod service;

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _},
    net::TcpListener,
    process::{Child, ChildStderr, Command, Stdio},
};

use rexpect::{reader::Options, session::spawn_with_options};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use service::{Service, playlist};

/// A probe that runs until it is interrupted, and tells events on standard error.
struct Probe {
    child: Child,
    events: BufReader<ChildStderr>,
}

impl Probe {
    /// With the service's answers as JSON; half a minute is longer than any test takes.
    fn start(server: &str, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_playlist"))
            .args(["probe", "--json", "--rate", "50", "--duration", "30s", "--server", server])
            .args(args)
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let events = BufReader::new(child.stderr.take().unwrap());
        Self { child, events }
    }

    /// Waits for an event that is told with these words.
    #[track_caller]
    fn wait_for(&mut self, words: &str) {
        let mut told = String::new();
        while !told.lines().last().is_some_and(|line| line.contains(words)) {
            assert!(self.events.read_line(&mut told).unwrap() > 0, "{words:?} was not told in\n{told}");
        }
    }

    /// Interrupts it, and returns its report and its exit code.
    fn end(mut self) -> (Value, Option<i32>) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
        let mut report = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut report).unwrap();
        let status = self.child.wait().unwrap();
        (serde_json::from_str(&report).unwrap(), status.code())
    }
}

/// What a probe that ends by itself reports, and its exit code.
fn report(command: &mut assert_cmd::Command) -> (Value, Option<i32>) {
    let output = command.output().unwrap();
    let report = serde_json::from_slice(&output.stdout);
    (report.unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&output.stderr))), output.status.code())
}

#[test]
fn a_change_of_the_model_is_told_with_its_time_and_no_request_failed() {
    let service = Service::with_model();
    let mut probe = Probe::start(&service.url, &["Unforgettable"]);
    probe.wait_for("replica-a answers, with API 0.1.0, model one");
    service.swap("two");
    probe.wait_for("replica serves API 0.1.0, model two");
    let (report, code) = probe.end();
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["failed"], 0);
    assert_eq!(report["answered"], report["requests"]);
    assert_eq!(report["downtime_seconds"], 0.0);
    assert_eq!(report["changes"].as_array().unwrap().len(), 1);
    let change = &report["changes"][0];
    assert_eq!(change["model_version"], "two");
    assert_eq!(change["model_date"], "2025-01-01T22:17:42.663201Z");
    assert_eq!(change["first_served_by"], "replica-a");
    assert!(change["first_seconds"].as_f64().unwrap() > 0.0);
    assert_eq!(change["first_seconds"], report["first_change_seconds"]);
    assert_eq!(change["every_replica_seconds"], report["every_replica_seconds"]);
    let events: Vec<_> = report["events"].as_array().unwrap().iter().map(|event| &event["event"]).collect();
    assert_eq!(events, ["replica_seen", "changed", "every_replica"]);
    assert!(report["latency_ms"]["p99_9"].as_f64().unwrap() > 0.0);
}

#[test]
fn seconds_count_from_a_commit_when_its_time_is_given() {
    let service = Service::with_model();
    let mut probe = Probe::start(&service.url, &["--since", "2026-01-01T00:00:00+01:00"]);
    probe.wait_for("answers");
    service.swap("two");
    probe.wait_for("serves");
    let (report, _) = probe.end();
    assert_eq!(report["since"], "2025-12-31T23:00:00Z");
    let date = |value: &Value| value.as_str().unwrap().parse::<chrono::DateTime<chrono::Utc>>().unwrap();
    let seconds = (date(&report["changes"][0]["first_at"]) - date(&report["since"])).as_seconds_f64();
    assert!((report["first_change_seconds"].as_f64().unwrap() - seconds).abs() < 0.001, "{report}");
}

#[test]
fn failures_have_a_code_and_a_length_and_make_the_exit_code_1() {
    let service = Service::with_model();
    let mut probe = Probe::start(&service.url, &["--no-retries"]);
    probe.wait_for("answers");
    service.withdraw(20);
    probe.wait_for("fails with NO_MODEL: ");
    service.swap("one");
    probe.wait_for("answers again");
    let (report, code) = probe.end();
    assert_eq!(code, Some(1));
    let failed = report["failed"].as_u64().unwrap();
    assert!(failed > 0);
    assert_eq!(report["failures_by_code"]["NO_MODEL"], failed);
    assert_eq!(report["failures"].as_array().unwrap().len() as u64, failed);
    let span = &report["downtime"][0];
    assert_eq!(span["seconds"], report["downtime_seconds"]);
    assert!(span["seconds"].as_f64().unwrap() > 0.0);
    let failures = report["failures"].as_array().unwrap();
    assert!(failures.iter().any(|failure| failure["started_at"] == span["started_at"]), "{report}");
    assert_eq!(report["retries"], 0);
    assert_eq!(report["changes"], Value::Array(Vec::new()), "it serves what it did before");
}

#[test]
fn what_the_client_sends_again_and_is_answered_is_counted_and_no_failure() {
    for connection in [&[][..], &["--new-connection"]] {
        let service = Service::with_model();
        let args = ["probe", "--json", "--rate", "50", "--duration", "100ms", "the second time"];
        let (report, code) = report(service.playlist(&args).args(connection));
        assert_eq!(code, Some(0), "{report}");
        assert_eq!((&report["requests"], &report["answered"]), (&5.into(), &5.into()));
        assert_eq!(report["retries"], 1);
        assert_eq!(report["downtime_seconds"], 0.0);
    }
}

#[test]
fn calls_that_were_shed_are_counted_apart() {
    let service = Service::with_model();
    let args = ["probe", "--json", "--rate", "100", "--duration", "100ms", "too much"];
    let (report, code) = report(&mut service.playlist(&args));
    assert_eq!(code, Some(1));
    assert_eq!(
        (&report["requests"], &report["shed"], &report["failed"]),
        (&10.into(), &10.into(), &0.into())
    );
    assert_eq!(report["failures_by_code"]["RESOURCE_EXHAUSTED"], 10);
    assert_eq!(report["latency_ms"]["max"], Value::Null);
}

#[test]
fn a_change_is_complete_when_every_address_serves_it() {
    let (first, second) = (Service::with_model(), Service::with_model());
    let mut probe = Probe::start(&first.url, &["--server", &second.url]);
    probe.wait_for("answers");
    first.swap("two");
    probe.wait_for("changed from");
    second.swap("two");
    probe.wait_for("all 2 replicas serve API 0.1.0, model two");
    let (report, code) = probe.end();
    assert_eq!(code, Some(0), "{report}");
    assert_eq!(report["replicas"]["known_by"], "addresses");
    assert!(report["every_replica_seconds"].as_f64() > report["first_change_seconds"].as_f64(), "{report}");
}

#[test]
fn songs_of_the_service_are_sent_when_none_is_named() {
    let service = Service::with_model();
    service.playlist(&["probe", "--duration", "10ms"]).assert().success();
    let songs = ["Post Malone - Congratulations", "Kendrick Lamar - HUMBLE."];
    assert_eq!(service.last_request().songs[..2], songs);
    service.playlist(&["probe", "--duration", "10ms", "-n", "7", "Passionfruit", "x"]).assert().success();
    assert_eq!(service.last_request().songs, ["Passionfruit", "x"]);
    assert_eq!(service.last_request().limit, 7);
}

#[test]
fn people_get_events_and_a_summary_on_a_pipe_and_no_live_line() {
    let service = Service::with_model();
    let args = ["probe", "--rate", "100", "--duration", "100ms", "--new-connection"];
    let output = service.playlist(&args).assert().success().get_output().clone();
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let text = String::from_utf8(output.stdout).unwrap();
    for part in [
        " s  replica-a answers, with API 0.1.0, model one of 2025-01-01T19:17:42.663201-03:00\n",
        "100 requests a second, a connection each\n",
        "Requests  10: 10 answered, 0 failed, 0 shed for overload; none was sent again\n",
        "Latency   p50 ",
        "Downtime  none; at most 0.",
        "Replicas  replica-a; known by answers, gone after 10 s without one\n",
        "Changes   none of version and model\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
}

#[test]
fn what_people_read_is_in_their_language_and_json_is_the_same() {
    let service = Service::with_model();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timeline.svg");
    let args = ["probe", "--rate", "50", "--duration", "100ms", "--timeline", file.to_str().unwrap()];
    let run = |args: &[&str]| {
        let output = service.playlist(args).env("LC_ALL", "pt_BR.UTF-8").output().unwrap();
        (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (text, _) = run(&args);
    for part in [
        " s  replica-a responde, com API 0.1.0, modelo one de 2025-01-01T19:17:42.663201-03:00\n",
        " s, 50 requisições por segundo\n",
        "Requisições  5: 5 com resposta, 0 com falha, 0 com recusa por sobrecarga; nenhuma foi reenviada\n",
        "Latência     p50 ",
        ", p99,9 ",
        "Fora do ar   nunca; no máximo 0,",
        "Réplicas     replica-a; pelo que dizem as respostas de uma conexão",
        "Mudanças     nenhuma de versão ou modelo\n",
    ] {
        assert!(text.contains(part), "{part:?} is missing in\n{text}");
    }
    let svg = fs::read_to_string(&file).unwrap();
    assert_is_well_formed(&svg);
    for part in [">5 requisições, 0 com falha, 0,00 s fora do ar<", ">segundos desde o início<", ">0,1<"] {
        assert!(svg.contains(part), "{part:?} is missing in\n{svg}");
    }

    let (text, _) = run(&["probe", "--duration", "100ms", "too much"]);
    let failing = "falha com RESOURCE_EXHAUSTED: o recommender em `http://127.0.0.1:";
    assert!(text.contains(failing), "{failing:?} is missing in\n{text}");

    let (json, events) = run(&["probe", "--json", "--duration", "100ms", "too much"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(report["failures_by_code"]["RESOURCE_EXHAUSTED"], 1);
    assert_eq!(report["events"][0]["event"], "failing");
    assert!(events.contains("falha com RESOURCE_EXHAUSTED: "), "{events}");
    let (_, misuse) = run(&["probe", "--rate", "1000", "--duration", "24h"]);
    assert!(misuse.contains("diminua `--rate` ou `--duration`"), "{misuse}");
}

#[test]
fn a_terminal_has_a_live_line() {
    let service = Service::with_model();
    let mut command = Command::new(env!("CARGO_BIN_EXE_playlist"));
    command.args(["probe", "--server", &service.url]).env_clear().env("TERM", "xterm");
    let options = Options::new().timeout_ms(Some(20_000)).strip_ansi_escape_codes(true);
    let mut terminal = spawn_with_options(command, options).unwrap();
    terminal.exp_regex("[1-9][0-9]* requests, 0 failed  p50 [0-9.]+ ms  p99 [0-9.]+ ms  1 replica").unwrap();
    terminal.send_control('c').unwrap();
    terminal.exp_string("answered, 0 failed").unwrap();
    terminal.exp_eof().unwrap();
}

#[test]
fn a_service_that_is_missing_ends_a_probe_that_has_no_songs_of_its_own() {
    let nowhere = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let output = playlist(&["probe", "--server", &nowhere]).assert().code(3).get_output().clone();
    assert!(String::from_utf8(output.stderr).unwrap().contains("a tunnel to the service may be missing"));

    let args = ["probe", "--json", "--no-retries", "--duration", "100ms", "--server", &nowhere, "HUMBLE."];
    let (report, code) = report(&mut playlist(&args));
    assert_eq!(code, Some(1));
    assert_eq!(report["failures_by_code"]["CONNECT"], report["requests"]);
    assert!(report["failures"][0]["reason"].as_str().unwrap().contains("refused"), "{report}");
}

#[test]
fn misuse_is_refused_before_anything_is_asked() {
    for (args, part) in [
        (&["--rate", "0"][..], "above 0"),
        (&["--rate", "1001"], "1000"),
        (&["--rate", "1000", "--duration", "24h"], "lower `--rate`"),
        (&["--duration", "5"], "500ms"),
        (&["--since", "yesterday"], "2025-01-01T19:17:42-03:00"),
        (&["--server", "http://a", "--server", "ftp://b"], "ftp://b"),
        (&["--limit", "501"], "501"),
    ] {
        let output = playlist(&["probe"]).args(args).assert().code(2).get_output().clone();
        let message = String::from_utf8(output.stderr).unwrap();
        assert!(message.contains(part), "{part:?} is missing in\n{message}");
    }
}

#[test]
fn a_timeline_shows_requests_failures_and_changes() {
    let service = Service::with_model();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("timeline.svg");
    let mut probe = Probe::start(&service.url, &["--no-retries", "--timeline", file.to_str().unwrap()]);
    probe.wait_for("answers");
    service.withdraw(20);
    probe.wait_for("fails");
    service.swap("two <&>");
    probe.wait_for("serves");
    let (report, _) = probe.end();
    let svg = fs::read_to_string(file).unwrap();
    assert_is_well_formed(&svg);
    for part in [
        &format!("{} requests, {} failed, ", report["requests"], report["failed"]),
        r#"class="dots r0""#,
        r#"class="failed""#,
        r#"class="down""#,
        r#"class="change""#,
        r#"class="every""#,
        ">seconds from the start<",
        ">latency from when a request was due<",
        ">replica-a<",
        "1  API 0.1.0, model two &lt;&amp;&gt;: first at ",
        "prefers-color-scheme:dark",
    ] {
        assert!(svg.contains(part), "{part:?} is missing in\n{svg}");
    }
}

#[test]
fn a_timeline_that_cannot_be_written_is_told_before_the_first_request() {
    let service = Service::with_model();
    let args = ["probe", "--timeline", "/nowhere/timeline.svg"];
    let output = service.playlist(&args).assert().code(1).get_output().clone();
    let message = String::from_utf8(output.stderr).unwrap();
    assert!(message.starts_with("error: `/nowhere/timeline.svg` cannot be written\n  cause: "), "{message}");
}

/// Every element ends, in order.
fn assert_is_well_formed(xml: &str) {
    let mut open = Vec::new();
    for tag in xml.split('<').skip(1) {
        let (tag, _) = tag.split_once('>').unwrap();
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(tag.split_whitespace().next().unwrap());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
