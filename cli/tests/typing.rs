//! What a person sees while they type: how the line may go on, and what happens meanwhile.

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

use std::time::{Duration, Instant};

use service::Service;
use terminal::{ends_well, expect, press, type_line, window};

#[test]
fn beside_the_line_stands_how_it_may_go_on_and_the_right_arrow_takes_it() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 80, &[], false);
    expect(&mut terminal, "playlist> ");
    press(&mut terminal, "hum");
    expect(&mut terminal, "BLE. - Kendrick Lamar");
    press(&mut terminal, "\x1b[C\n");
    expect(&mut terminal, "playlist[1]> ");
    press(&mut terminal, "/li");
    expect(&mut terminal, "st");
    press(&mut terminal, "\x1b[C\n");
    expect(&mut terminal, "1 humBLE. - Kendrick Lamar\r\n");
    // Without the arrow, only what was typed is taken.
    expect(&mut terminal, "playlist[1]> ");
    press(&mut terminal, "pass");
    expect(&mut terminal, "ionfruit");
    press(&mut terminal, "\n");
    type_line(&mut terminal, "playlist[2]> ", "/list");
    expect(&mut terminal, "2 pass\r\n");
    type_line(&mut terminal, "playlist[2]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn a_misspelling_is_asked_about_while_it_is_typed() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 80, &[], false);
    expect(&mut terminal, "playlist> ");
    press(&mut terminal, "humbel");
    expect(&mut terminal, "did you mean Kendrick Lamar - HUMBLE.? (Tab)");
    press(&mut terminal, "\t");
    expect(&mut terminal, "playlist> Kendrick Lamar - HUMBLE.");
    press(&mut terminal, "\n");
    type_line(&mut terminal, "playlist[1]> ", "/list");
    expect(&mut terminal, "1 Kendrick Lamar - HUMBLE.\r\n");
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn an_answer_that_comes_late_is_shown_without_another_key() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 80, &[], false);
    expect(&mut terminal, "playlist> ");
    press(&mut terminal, "congr");
    expect(&mut terminal, "playlist> congratulations - Post Malone");
    press(&mut terminal, "\n");
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn typing_waits_for_no_service_that_is_silent() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 80, &[], false);
    expect(&mut terminal, "playlist> ");
    let began = Instant::now();
    // If each key waited for the answer, these would take fourteen seconds.
    terminal.send_line("wait for none!! of these").unwrap();
    expect(&mut terminal, "playlist[1]> ");
    assert!(began.elapsed() < Duration::from_secs(5), "it took {:?}", began.elapsed());
    terminal.send_line("/quit").unwrap();
    ends_well(terminal);
}

#[test]
fn another_model_is_told_above_the_line_that_is_being_typed() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 120, &[], false);
    expect(&mut terminal, "playlist> ");
    // The watch has begun.
    service.wait_until_told("one", 1);
    press(&mut terminal, "Passion");
    expect(&mut terminal, "Passion");
    service.swap("two");
    expect(
        &mut terminal,
        "(another model is in service: two, trained 2025-01-01T19:17:42.663201-03:00; `/send` asks it)\r\n",
    );
    expect(&mut terminal, "playlist> Passion");
    press(&mut terminal, "fruit\n");
    type_line(&mut terminal, "playlist[1]> ", "/list");
    expect(&mut terminal, "1 Passionfruit\r\n");
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn a_service_that_goes_and_comes_back_is_told_and_asked_again() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let address = service.url.trim_start_matches("http://").parse().unwrap();
    let mut terminal = window(&service.url, home.path(), 80, &[], false);
    type_line(&mut terminal, "playlist> ", "Unforgettable");
    expect(&mut terminal, "playlist[1]> ");
    service.wait_until_told("one", 1);
    drop(service);
    expect(&mut terminal, "does not answer any more; trying again)\r\n");
    let _service = Service::with_model_at(address);
    expect(&mut terminal, "answers again)\r\n");
    expect(&mut terminal, "playlist[1]> ");
    terminal.send_line("/send").unwrap();
    expect(&mut terminal, "1 Congratulations");
    type_line(&mut terminal, "playlist[1]> ", "/quit");
    ends_well(terminal);
}

#[test]
fn a_replica_that_is_replaced_at_once_is_not_worth_a_word() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 120, &[], false);
    expect(&mut terminal, "playlist> ");
    service.wait_until_told("one", 1);
    service.swap("drain");
    service.wait_until_told("drain", 1);
    service.swap("one");
    service.wait_until_told("one", 2);
    service.swap("two");
    let before = terminal.exp_string("another model is in service: two").unwrap();
    assert!(!before.contains("answer") && !before.contains("another model"), "{before}");
    terminal.send_line("/quit").unwrap();
    ends_well(terminal);
}

#[test]
fn without_colours_what_stands_beside_is_in_brackets() {
    let (service, home) = (Service::with_model(), tempfile::tempdir().unwrap());
    let mut terminal = window(&service.url, home.path(), 80, &[("NO_COLOR", "1")], true);
    expect(&mut terminal, "playlist> ");
    press(&mut terminal, "hum");
    let mut seen = terminal.exp_string("[BLE. - Kendrick Lamar]").unwrap();
    press(&mut terminal, "\n");
    seen += &terminal.exp_string("playlist[1]> ").unwrap();
    terminal.send_line("/send").unwrap();
    seen += &terminal.exp_string("playlist[1]> ").unwrap();
    terminal.send_line("/lits").unwrap();
    seen += &terminal.exp_string("did you mean `/list`").unwrap();
    // Other sequences move the cursor.
    let is_colour =
        |part: &str| part.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m');
    assert!(!seen.split("\x1b[").skip(1).any(is_colour), "{seen:?}");
    terminal.send_line("/quit").unwrap();
    ends_well(terminal);
}
