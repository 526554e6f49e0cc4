use super::*;

const GONE_AFTER: Duration = Duration::from_secs(10);

fn served(model: &str) -> Served {
    Served { version: "1".to_owned(), model_date: None, model_version: model.to_owned() }
}

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Replicas behind one address, met with a connection for each request.
fn behind_a_balancer() -> Replicas {
    Replicas::new(Known::ByAnswers { gone_after: GONE_AFTER }, false)
}

/// Tells of answers: when, whose, and of which model.
fn tell(replicas: &mut Replicas, answers: &[(u64, &str, &str)]) -> Vec<News> {
    let answers = answers.iter();
    answers.flat_map(|(at, by, model)| replicas.answered(s(*at), 0, by, &served(model))).collect()
}

fn spans(replicas: &Replicas) -> Vec<(&str, u64, Option<u64>)> {
    let change = |change: &'_ Change| (change.first.as_secs(), change.every.map(|every| every.as_secs()));
    let names = replicas.changes().iter().map(|one| one.served.model_version.as_str());
    names
        .zip(replicas.changes().iter().map(change))
        .map(|(name, (first, every))| (name, first, every))
        .collect()
}

#[test]
fn a_change_ends_when_the_last_replica_serves_it() {
    let mut replicas = behind_a_balancer();
    tell(&mut replicas, &[(0, "a", "one"), (1, "b", "one"), (2, "a", "two"), (3, "b", "one")]);
    assert_eq!(spans(&replicas), [("two", 2, None)]);
    let news = tell(&mut replicas, &[(4, "a", "two"), (5, "b", "two"), (6, "a", "two")]);
    assert_eq!(spans(&replicas), [("two", 2, Some(5))]);
    assert_eq!(
        news,
        [
            News::Changed { served_by: "b".to_owned(), before: served("one"), after: served("two") },
            News::Every { since: s(5), served: served("two"), replicas: 2 },
        ]
    );
}

#[test]
fn a_replica_that_stopped_holds_a_change_up_until_its_last_answer() {
    let mut replicas = behind_a_balancer();
    tell(
        &mut replicas,
        &[(0, "old-1", "one"), (1, "old-2", "one"), (2, "new-1", "two"), (3, "new-2", "two")],
    );
    tell(&mut replicas, &[(4, "old-2", "one"), (5, "new-1", "two"), (9, "new-2", "two")]);
    assert_eq!(spans(&replicas), [("two", 2, None)], "an old replica may be there still");
    assert_eq!(replicas.passed(s(11)), [News::Gone { served_by: "old-1".to_owned(), last: s(0) }]);
    let news = replicas.passed(s(15));
    assert_eq!(news[0], News::Gone { served_by: "old-2".to_owned(), last: s(4) });
    assert_eq!(spans(&replicas), [("two", 2, Some(5))]);
    assert_eq!(news[1], News::Every { since: s(5), served: served("two"), replicas: 2 });
}

#[test]
fn what_was_served_before_is_a_change_when_it_comes_back() {
    let mut replicas = behind_a_balancer();
    tell(&mut replicas, &[(0, "a", "one"), (0, "b", "one"), (1, "a", "two"), (1, "b", "two")]);
    tell(&mut replicas, &[(2, "a", "one"), (3, "b", "two"), (4, "a", "one"), (5, "b", "one")]);
    assert_eq!(spans(&replicas), [("two", 1, Some(1)), ("one", 2, Some(5))]);
}

#[test]
fn a_replica_on_its_way_to_the_latest_brings_no_change() {
    let mut replicas = behind_a_balancer();
    tell(&mut replicas, &[(0, "a", "one"), (0, "b", "one"), (1, "a", "two"), (2, "a", "three")]);
    tell(&mut replicas, &[(3, "b", "two"), (4, "b", "three")]);
    assert_eq!(spans(&replicas), [("two", 1, None), ("three", 2, Some(4))]);
}

#[test]
fn a_replica_that_is_met_late_and_lags_behind_brings_no_change() {
    let mut replicas = behind_a_balancer();
    tell(&mut replicas, &[(0, "a", "one"), (1, "b", "one"), (2, "a", "two"), (3, "c", "one")]);
    assert_eq!(spans(&replicas), [("two", 2, None)]);
}

#[test]
fn a_model_stays_the_same_when_a_replica_is_added_or_goes() {
    let mut replicas = behind_a_balancer();
    let news = tell(&mut replicas, &[(0, "a", "one"), (1, "b", "one"), (2, "a", "one"), (12, "a", "one")]);
    let seen = |name: &str| News::Seen { served_by: name.to_owned(), served: served("one") };
    assert_eq!(news, [seen("a"), seen("b"), News::Gone { served_by: "b".to_owned(), last: s(1) }]);
    assert_eq!(spans(&replicas), []);
}

#[test]
fn every_address_counts_until_it_answers() {
    let mut replicas = Replicas::new(Known::ByAddresses(2), true);
    let mut tell = |at: u64, server: usize, by: &str, model: &str| {
        let news = replicas.answered(s(at), server, by, &served(model));
        (news, replicas.changes().last().and_then(|change| change.every))
    };
    tell(0, 0, "a", "one");
    tell(1, 0, "a", "two");
    assert_eq!(tell(60, 0, "a", "two").1, None, "nothing is known of the other address");
    assert_eq!(tell(61, 1, "b", "two").1, Some(s(61)));
    // Another replica at an address is news, though it serves the same.
    let (news, _) = tell(62, 1, "c", "two");
    assert_eq!(news, [News::Seen { served_by: "c".to_owned(), served: served("two") }]);
}

#[test]
fn on_a_connection_that_stays_another_replica_is_news_whenever_it_answers() {
    let mut replicas = Replicas::new(Known::ByAnswers { gone_after: GONE_AFTER }, true);
    let news = tell(&mut replicas, &[(0, "a", "one"), (1, "b", "one"), (2, "a", "one"), (3, "a", "one")]);
    assert_eq!(news.len(), 3, "{news:?}");
}

#[test]
fn after_an_outage_of_all_replicas_the_next_answer_is_compared_with_the_last() {
    let mut replicas = behind_a_balancer();
    tell(&mut replicas, &[(0, "a", "one")]);
    replicas.passed(s(30));
    tell(&mut replicas, &[(31, "a", "two")]);
    assert_eq!(spans(&replicas), [("two", 31, Some(31))]);
}
