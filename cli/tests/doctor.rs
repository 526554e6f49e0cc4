//! `playlist doctor` tells what stands between a person and a playlist, and what to do about it.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod service;

use serde_json::Value;
use service::{Service, playlist};

/// The outcomes by check, and the whole.
#[track_caller]
fn examined(args: &[&str], code: i32) -> (Vec<(String, String)>, Value) {
    let output = playlist(args).args(["doctor", "--json"]).assert().code(code).get_output().clone();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let text = |check: &Value, name: &str| check[name].as_str().unwrap().to_owned();
    let checks = report["checks"].as_array().unwrap();
    let outcomes = checks.iter().map(|check| (text(check, "check"), text(check, "outcome"))).collect();
    assert_eq!(report["healthy"], code == 0);
    (outcomes, report)
}

/// What was found for a check, and what to do.
fn found(report: &Value, check: &str) -> String {
    let check = report["checks"].as_array().unwrap().iter().find(|one| one["check"] == check).unwrap();
    format!("{}; {}", check["found"].as_str().unwrap(), check["remedy"].as_str().unwrap_or("nothing to do"))
}

fn outcomes(expected: [&str; 9]) -> Vec<(String, String)> {
    let checks = ["name", "port", "tunnel", "tls", "service", "health", "reflection", "version", "model"];
    checks.into_iter().zip(expected).map(|(check, outcome)| (check.to_owned(), outcome.to_owned())).collect()
}

#[test]
fn nothing_is_wrong_with_a_service_that_answers() {
    let service = Service::with_model();
    let (found_outcomes, report) = examined(&["--server", &service.url], 0);
    // The sample's last refresh has failed.
    assert_eq!(
        found_outcomes,
        outcomes(["ok", "ok", "skipped", "skipped", "ok", "ok", "ok", "ok", "warning"]),
        "{report:#}"
    );
    assert!(found(&report, "reflection").contains("playlist.v1.PlaylistService"));
    assert!(found(&report, "version").starts_with("0.1.0 here, 0.1.0 there"));
    assert!(
        found(&report, "model").contains("another one was rejected: `rules.parquet` is damaged"),
        "{report:#}"
    );

    let text = service.playlist(&["doctor"]).assert().success().get_output().stdout.clone();
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().count(), 9, "{text}");
    assert!(text.contains("ok       health      SERVING\n"), "{text}");
}

#[test]
fn a_closed_port_is_told_from_a_name_that_is_not_known() {
    let (found_outcomes, report) = examined(&["--server", "http://127.0.0.1:1"], 1);
    let rest = "skipped";
    assert_eq!(found_outcomes, outcomes(["ok", "failed", rest, rest, rest, rest, rest, rest, rest]));
    assert!(found(&report, "port").contains("127.0.0.1:1: "), "{report:#}");
    assert!(found(&report, "port").contains("port-forward service/playlist-recommender 52023"));

    let (found_outcomes, report) = examined(&["--server", "http://nowhere.invalid:52023"], 1);
    assert_eq!(found_outcomes, outcomes(["failed", rest, rest, rest, rest, rest, rest, rest, rest]));
    assert!(found(&report, "name").contains("nowhere.invalid is not known"), "{report:#}");
    assert!(found(&report, "name").contains("--ssh"), "{report:#}");
}

#[test]
fn of_several_addresses_one_that_answers_is_enough_and_the_others_are_told() {
    let service = Service::with_model();
    let (found_outcomes, report) = examined(&["--server", &format!("{},http://127.0.0.1:1", service.url)], 0);
    assert_eq!(
        found_outcomes,
        outcomes(["ok", "warning", "skipped", "skipped", "ok", "ok", "ok", "ok", "warning"]),
        "{report:#}"
    );
    assert!(found(&report, "port").starts_with("127.0.0.1:1: "), "{report:#}");
    let (_, report) = examined(&["--server", "http://127.0.0.1:1,http://nowhere.invalid:52023"], 1);
    assert!(found(&report, "name").contains("nowhere.invalid is not known"), "{report:#}");
    assert!(found(&report, "port").contains("127.0.0.1:1: "), "{report:#}");
}

#[test]
fn a_service_without_a_model_is_not_healthy() {
    let service = Service::without_model();
    let (found_outcomes, report) = examined(&["--server", &service.url], 1);
    assert_eq!(
        found_outcomes,
        outcomes(["ok", "ok", "skipped", "skipped", "ok", "failed", "ok", "ok", "failed"]),
        "{report:#}"
    );
    assert!(found(&report, "health").contains("NOT_SERVING"), "{report:#}");
    assert!(found(&report, "model").contains("run the trainer"), "{report:#}");
}

#[test]
fn a_service_may_keep_to_itself_what_it_is() {
    let service = Service::without_reflection();
    let (found_outcomes, report) = examined(&["--server", &service.url], 0);
    assert!(found_outcomes.contains(&("reflection".to_owned(), "warning".to_owned())), "{report:#}");
    assert!(found(&report, "reflection").contains("--reflection true"), "{report:#}");
}

#[test]
fn tls_where_there_is_none_is_the_fault_of_tls() {
    let service = Service::with_model();
    let url = service.url.replace("http:", "https:");
    let (found_outcomes, report) = examined(&["--server", &url], 1);
    let rest = "skipped";
    assert_eq!(
        found_outcomes,
        outcomes(["ok", "ok", rest, "failed", rest, rest, rest, rest, rest]),
        "{report:#}"
    );
    assert!(found(&report, "tls").contains("--ca-cert"), "{report:#}");
}

#[test]
fn what_listens_may_be_something_else() {
    use std::{io::Write as _, net::TcpListener, thread};

    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for connection in listener.incoming() {
            let _ = connection.unwrap().write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        }
    });
    let (found_outcomes, report) = examined(&["--server", &url, "--timeout", "2s"], 1);
    assert!(found_outcomes.contains(&("service".to_owned(), "failed".to_owned())), "{report:#}");
}

#[test]
fn the_remedy_is_in_the_language_of_the_person() {
    let output = playlist(&["--server", "http://127.0.0.1:1", "doctor", "--lang", "pt-BR"])
        .assert()
        .code(1)
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("FALHOU") && text.contains("nada escuta ali: inicie o recommender"), "{text}");
}

#[test]
fn json_is_the_same_in_every_language_and_people_are_told_in_theirs_what_failed() {
    let service = Service::with_model();
    let url = service.url.replace("http:", "https:");
    let told = |args: &[&str]| {
        let output = playlist(&["--server", &url, "doctor"]).args(args).assert().code(1).get_output().clone();
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(told(&["--json", "--lang", "pt-BR"]), told(&["--json", "--lang", "en"]));
    let text = told(&["--lang", "pt-BR"]);
    assert!(text.contains("não foi possível conectar a `https://127.0.0.1:"), "{text}");
    assert!(!text.contains("cannot connect to `"), "{text}");
}
