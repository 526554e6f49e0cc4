//! What each line of a session asks for.

use super::*;

fn session(lines: &[&str]) -> Session {
    let mut session = Session::default();
    for line in lines {
        assert_eq!(session.take(line), Step::Nothing, "{line}");
    }
    session
}

#[track_caller]
fn assert_misuse(step: Step, reason: &str) {
    match step {
        Step::Misuse(text) => assert!(text.contains(reason), "{text}"),
        step => panic!("{step:?} is not a misuse"),
    }
}

fn sent(session: &mut Session) -> Vec<String> {
    match session.take("/send") {
        Step::Recommend { songs, .. } => songs,
        step => panic!("{step:?} asks for no playlist"),
    }
}

#[test]
fn songs_are_sent_in_the_order_in_which_they_were_typed() {
    let mut session = session(&["  Unforgettable ", "", "HUMBLE.", "1985"]);
    assert_eq!(sent(&mut session), ["Unforgettable", "HUMBLE.", "1985"]);
    assert_eq!(session.prompt(), "playlist[3]> ");
}

#[test]
fn the_list_is_kept_after_it_was_sent() {
    let mut session = session(&["Unforgettable"]);
    sent(&mut session);
    session.answered(10);
    assert_eq!(session.take("HUMBLE."), Step::Nothing);
    assert_eq!(sent(&mut session), ["Unforgettable", "HUMBLE."]);
}

#[test]
fn a_list_that_was_never_sent_is_told_from_one_that_was() {
    let mut session = session(&["Unforgettable", "HUMBLE."]);
    assert_eq!(session.unsent(), 2);
    sent(&mut session);
    session.answered(10);
    assert_eq!(session.unsent(), 0);
    session.take("/remove 1");
    assert_eq!(session.unsent(), 1);
}

#[test]
fn send_takes_the_number_of_songs_wished_for() {
    let mut session = session(&["Unforgettable"]);
    assert_eq!(
        session.take("/send 25"),
        Step::Recommend { songs: vec!["Unforgettable".to_owned()], limit: Some(25), cap: None }
    );
    for count in ["0", "501", "-1", "many", "99999999999"] {
        assert_misuse(session.take(&format!("/send {count}")), "from 1 to 500");
    }
}

#[test]
fn a_cap_holds_until_it_is_lifted() {
    let mut session = session(&["Unforgettable"]);
    let cap = |session: &mut Session| match session.take("/send") {
        Step::Recommend { cap, .. } => cap.map(NonZeroU32::get),
        step => panic!("{step:?} asks for no playlist"),
    };
    assert_eq!(cap(&mut session), None);
    assert_eq!(
        session.take("/cap 2"),
        Step::Remark("answers have at most 2 songs of one artist now".to_owned())
    );
    assert_eq!((cap(&mut session), cap(&mut session)), (Some(2), Some(2)));
    for count in ["0", "-1", "x", "99999999999"] {
        assert_misuse(session.take(&format!("/cap {count}")), "a number from 1 on");
    }
    assert_eq!(cap(&mut session), Some(2));
    session.take("/cap");
    assert_eq!(cap(&mut session), None);
}

#[test]
fn an_empty_list_is_not_sent() {
    assert_misuse(Session::default().take("/send"), "type a song first");
}

#[test]
fn why_takes_the_number_of_a_song_of_the_last_answer() {
    let mut session = session(&["Unforgettable"]);
    assert_misuse(session.take("/why 1"), "no answer yet; `/send`");
    session.answered(10);
    assert_eq!(session.take("/why 3"), Step::Why(2));
    assert_eq!(session.take("/why 10"), Step::Why(9));
    assert_misuse(session.take("/why"), "needs the number of a song");
    assert_misuse(session.take("/why HUMBLE."), "not `HUMBLE.`; `/why 1` to `/why 10`");
    for number in ["0", "11"] {
        assert_misuse(session.take(&format!("/why {number}")), "`/why 1` to `/why 10`");
    }
    for number in ["-1", "1.5", "99999999999999999999"] {
        assert_misuse(session.take(&format!("/why {number}")), "takes the number");
    }
    session.answered(1);
    assert_misuse(session.take("/why 2"), "it has one: `/why 1`");
    session.answered(0);
    assert_misuse(session.take("/why 1"), "has no songs");
}

#[test]
fn songs_are_removed_by_number_or_text() {
    let mut session = session(&["Unforgettable", "HUMBLE.", "1985"]);
    assert_eq!(session.take("/remove humble."), Step::Remark("`HUMBLE.` is off the list".to_owned()));
    session.take("/remove 1985");
    assert_misuse(session.take("/remove 2"), "not on the list");
    assert_misuse(session.take("/remove 0"), "not on the list");
    assert_misuse(session.take("/remove"), "needs the number");
    session.take("/remove 1");
    assert_misuse(session.take("/send"), "empty");
}

#[test]
fn the_list_shows_the_numbers_that_remove_takes() {
    let mut session = session(&["Unforgettable", "HUMBLE."]);
    assert_eq!(session.take("/list"), Step::Show("1 Unforgettable\n2 HUMBLE.\n".to_owned()));
}

#[test]
fn an_offer_takes_the_place_of_what_was_typed() {
    let mut session = session(&["Unforgetabel", "HUMBLE."]);
    session.answered(10);
    assert_eq!(session.offer("Unforgetabel", "French Montana - Unforgettable".to_owned()), 1);
    assert_eq!(session.offer("Unforgetabel", "Nat King Cole - Unforgettable".to_owned()), 2);
    session.take("?2");
    assert_eq!(sent(&mut session), ["Nat King Cole - Unforgettable", "HUMBLE."]);
    session.take("?1");
    assert_eq!(sent(&mut session), ["French Montana - Unforgettable", "HUMBLE."]);
    assert_misuse(session.take("?3"), "from `?1` to `?2`");
    assert_misuse(session.take("?0"), "from `?1` to `?2`");
    session.answered(10);
    assert_misuse(session.take("?1"), "nothing to choose");
}

#[test]
fn a_song_may_look_like_a_command_or_a_choice() {
    let mut session = session(&["?", "???", "? 1", "/add /send", "/add ?1"]);
    assert_eq!(sent(&mut session), ["?", "???", "? 1", "/send", "?1"]);
}

#[test]
fn an_unknown_command_brings_the_nearest_one() {
    let mut session = Session::default();
    for (typed, meant) in
        [("/sned", "/send"), ("/LIST", "/list"), ("/q", "/quit"), ("/rm", "`/help`"), ("/", "`/help`")]
    {
        assert_misuse(session.take(typed), meant);
    }
}

#[test]
fn a_command_that_takes_nothing_says_so() {
    for line in ["/quit now", "/clear all", "/info x", "/list 1"] {
        assert_misuse(Session::default().take(line), "takes nothing");
    }
}

#[test]
fn what_the_service_would_refuse_never_gets_on_the_list() {
    let mut session = Session::default();
    assert_misuse(session.take("a\u{1b}[31mb"), "control characters");
    assert_misuse(session.take(&"x".repeat(1_025)), "1025 bytes");
    assert_eq!(session.take(&"x".repeat(1_024)), Step::Nothing);
    for number in 1..1_000 {
        assert_eq!(session.take(&format!("song {number}")), Step::Nothing);
    }
    assert_misuse(session.take("one too many"), "full");
    assert_eq!(sent(&mut session).len(), 1_000);
}

#[test]
fn a_song_is_on_the_list_once() {
    let mut session = session(&["Unforgettable"]);
    assert_eq!(
        session.take("Unforgettable"),
        Step::Remark("`Unforgettable` is on the list already".to_owned())
    );
    assert_eq!(sent(&mut session).len(), 1);
}

#[test]
fn help_tells_every_command_in_every_language() {
    assert_eq!(Session::default().take("/help"), Step::Help);
    for lang in [Lang::English, Lang::Portuguese] {
        let text = help(Style { lang, ..Style::default() });
        for command in Command::ALL {
            let line = text.lines().find(|line| line.trim_start().starts_with(command.name()));
            assert!(line.is_some_and(|line| line.contains(lang.purpose(command))), "{text}");
        }
    }
}

#[test]
fn more_songs_need_an_answer_and_stay_within_what_the_service_gives() {
    let mut session = session(&["Unforgettable"]);
    assert_misuse(session.take("/more"), "no answer yet");
    session.answered(10);
    assert_eq!(session.take("/more"), Step::More(10));
    assert_eq!(session.take("/more 25"), Step::More(25));
    for count in ["0", "501", "-1", "many"] {
        assert_misuse(session.take(&format!("/more {count}")), "from 1 to 500");
    }
    session.extended(500);
    assert_misuse(session.take("/more"), "gives no more");
    assert_eq!(session.take("/why 500"), Step::Why(499));
}

#[test]
fn a_file_is_named_with_its_format() {
    let mut session = session(&["Unforgettable"]);
    assert_misuse(session.take("/save party.csv"), "no answer yet");
    session.answered(10);
    assert_eq!(session.take("/save my party.m3u8"), Step::Save("my party.m3u8".to_owned(), Format::M3u8));
    assert_misuse(session.take("/save"), "ends in `.m3u8`, `.csv` or `.json`");
    assert_misuse(session.take("/save party.txt"), "`party.txt` does not end in");
    session.answered(0);
    assert_misuse(session.take("/save party.csv"), "has no songs");
}

#[test]
fn commands_are_the_same_in_every_language() {
    let mut session = Session::new(Lang::Portuguese);
    assert_eq!(session.take("Evidências"), Step::Nothing);
    assert_misuse(session.take("/lits"), "você quis dizer `/list`");
    assert_eq!(session.take("/remove evidências"), Step::Remark("`Evidências` saiu da lista".to_owned()));
}
