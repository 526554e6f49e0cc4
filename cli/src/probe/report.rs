//! What a probe tells at its end.

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use chrono::{DateTime, Utc};
use serde::Serialize;

use crate::{
    layout::Style,
    output::{clean, local_date},
    probe::{
        ProbeArgs,
        events::{Event, in_words},
        record::{Outcome, Record, Sample},
        replicas::{Known, Served},
    },
};

/// What was done, beside what came of it.
pub(crate) struct Run<'a> {
    pub(crate) addresses: Vec<String>,
    pub(crate) probe: &'a ProbeArgs,
    pub(crate) timeout: Duration,
    /// Requests, those included that were not awaited.
    pub(crate) sent: usize,
    pub(crate) retries: u64,
    pub(crate) elapsed: Duration,
}

/// The report as JSON has it; seconds count from the start of the probe unless something else is said.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    seconds: f64,
    servers: Vec<String>,
    rate: f64,
    new_connection: bool,
    timeout_seconds: f64,
    requests: usize,
    answered: usize,
    failed: usize,
    /// Refused for overload.
    shed: usize,
    /// Not awaited when the probe was ended.
    unfinished: usize,
    /// Whether requests that the service may have seen were sent again, and how many times any request was.
    retries_allowed: bool,
    retries: u64,
    failures_by_code: BTreeMap<&'static str, usize>,
    downtime_seconds: f64,
    downtime: Vec<Span>,
    longest_gap_seconds: f64,
    latency_ms: Latency,
    since: DateTime<Utc>,
    /// The first change's, from `since`.
    first_change_seconds: Option<f64>,
    every_replica_seconds: Option<f64>,
    changes: Vec<Change>,
    replicas: Replicas,
    failures: Vec<Failure>,
    events: Vec<Event>,
}

/// The latencies of requests that were answered; nothing when none was.
#[derive(Debug, Serialize)]
struct Latency {
    p50: Option<f64>,
    p90: Option<f64>,
    p99: Option<f64>,
    p99_9: Option<f64>,
    max: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Span {
    started_at: DateTime<Utc>,
    ended_at: Option<DateTime<Utc>>,
    seconds: f64,
}

#[derive(Debug, Serialize)]
struct Change {
    #[serde(flatten)]
    served: Served,
    first_at: DateTime<Utc>,
    /// From `since`, as the other.
    first_seconds: f64,
    first_served_by: String,
    every_replica_at: Option<DateTime<Utc>>,
    every_replica_seconds: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Replicas {
    /// `answers` or `addresses`.
    known_by: &'static str,
    gone_after_seconds: Option<f64>,
    seen: Vec<String>,
    at_end: Vec<Replica>,
}

#[derive(Debug, Serialize)]
struct Replica {
    served_by: String,
    #[serde(flatten)]
    served: Served,
}

#[derive(Debug, Serialize)]
struct Failure {
    /// When the request was due.
    started_at: DateTime<Utc>,
    ended_at: DateTime<Utc>,
    seconds: f64,
    server: String,
    code: &'static str,
    reason: String,
}

impl Report {
    pub(crate) fn new(run: &Run<'_>, record: &Record) -> Self {
        let date = |at| record.date(at);
        let since = run.probe.since.unwrap_or(record.started());
        let from_since = |at| (date(at) - since).as_seconds_f64();
        let latencies = latencies(record.samples.iter());
        let in_ms = |percent| percentile(&latencies, percent).map(|latency| latency.as_secs_f64() * 1e3);
        let changes: Vec<_> = record
            .replicas
            .changes()
            .iter()
            .map(|change| Change {
                served: change.served.clone(),
                first_at: date(change.first),
                first_seconds: from_since(change.first),
                first_served_by: change.first_by.clone(),
                every_replica_at: change.every.map(date),
                every_replica_seconds: change.every.map(from_since),
            })
            .collect();
        let (known_by, gone_after) = match record.replicas.known() {
            Known::ByAnswers { gone_after } => ("answers", Some(gone_after.as_secs_f64())),
            Known::ByAddresses(_) => ("addresses", None),
        };
        let outages = &record.outages;
        Self {
            started_at: record.started(),
            ended_at: date(run.elapsed),
            seconds: run.elapsed.as_secs_f64(),
            servers: run.addresses.clone(),
            rate: run.probe.rate,
            new_connection: run.probe.new_connection,
            timeout_seconds: run.timeout.as_secs_f64(),
            requests: run.sent,
            answered: record.answered,
            failed: record.failed,
            shed: record.shed,
            unfinished: run.sent - record.samples.len(),
            retries_allowed: !run.probe.no_retries,
            retries: run.retries,
            failures_by_code: record.codes.clone(),
            downtime_seconds: outages.downtime(run.elapsed).as_secs_f64(),
            downtime: outages
                .spans()
                .iter()
                .map(|span| Span {
                    started_at: date(span.begin),
                    ended_at: span.end.map(date),
                    seconds: span.end.unwrap_or(run.elapsed).saturating_sub(span.begin).as_secs_f64(),
                })
                .collect(),
            longest_gap_seconds: outages.longest_gap(run.elapsed).as_secs_f64(),
            latency_ms: Latency {
                p50: in_ms(50.0),
                p90: in_ms(90.0),
                p99: in_ms(99.0),
                p99_9: in_ms(99.9),
                max: in_ms(100.0),
            },
            since,
            first_change_seconds: changes.first().map(|change| change.first_seconds),
            every_replica_seconds: changes.first().and_then(|change| change.every_replica_seconds),
            changes,
            replicas: Replicas {
                known_by,
                gone_after_seconds: gone_after,
                seen: record.names.clone(),
                at_end: record
                    .replicas
                    .present()
                    .map(|(name, served)| Replica { served_by: name.to_owned(), served: served.clone() })
                    .collect(),
            },
            failures: record
                .failures
                .iter()
                .map(|failed| Failure {
                    started_at: date(failed.due),
                    ended_at: date(failed.at),
                    seconds: failed.at.saturating_sub(failed.due).as_secs_f64(),
                    server: run.addresses[failed.server].clone(),
                    code: failed.refusal.code,
                    reason: failed.refusal.reason.clone(),
                })
                .collect(),
            events: record.events.clone(),
        }
    }

    pub(crate) fn text(&self, style: Style) -> String {
        let connections = if self.new_connection { ", a connection each" } else { "" };
        let mut rows = vec![
            (
                "Probed",
                format!(
                    "{} for {:.1} s, {} requests a second{connections}",
                    self.servers.join(", "),
                    self.seconds,
                    self.rate
                ),
            ),
            ("Requests", self.requests_in_words()),
            ("Latency", self.latency_in_words()),
            ("Downtime", self.downtime_in_words()),
            ("Replicas", self.replicas_in_words()),
        ];
        if !self.failures_by_code.is_empty() {
            let codes: Vec<_> =
                self.failures_by_code.iter().map(|(code, count)| format!("{code} {count}")).collect();
            rows.insert(2, ("", format!("not answered: {}", codes.join(", "))));
        }
        for (index, change) in self.changes.iter().enumerate() {
            let lead = if index == 0 { "Changes" } else { "" };
            rows.push((lead, format!("to {}:", in_words(&change.served))));
            rows.extend(self.times_in_words(change).into_iter().map(|line| ("", format!("  {line}"))));
        }
        if self.changes.is_empty() {
            rows.push(("Changes", "none of version and model".to_owned()));
        }
        let mut text = String::new();
        for (label, value) in rows {
            let _ = writeln!(text, "{} {value}", style.dim(&format!("{label:<9}")));
        }
        text
    }

    fn requests_in_words(&self) -> String {
        let Self { requests, answered, failed, shed, unfinished, retries, .. } = self;
        let unfinished = if *unfinished > 0 { format!(", {unfinished} not awaited") } else { String::new() };
        let resent = match retries {
            0 => "none was sent again".to_owned(),
            1 => "the client sent one again, once".to_owned(),
            _ => format!("the client sent some again, {retries} times in all"),
        };
        format!(
            "{requests}: {answered} answered, {failed} failed, {shed} shed for overload{unfinished}; {resent}"
        )
    }

    fn latency_in_words(&self) -> String {
        let Latency { p50, p90, p99, p99_9, max } = &self.latency_ms;
        [("p50", p50), ("p90", p90), ("p99", p99), ("p99.9", p99_9), ("max", max)]
            .map(|(name, value)| {
                let value = value.map(|value| Duration::from_secs_f64(value / 1e3));
                format!("{name} {}", milliseconds(value))
            })
            .join(", ")
    }

    fn downtime_in_words(&self) -> String {
        let downtime = match self.downtime.len() {
            0 => "none".to_owned(),
            1 => format!("{:.3} s in one span", self.downtime_seconds),
            spans => format!("{:.3} s in {spans} spans", self.downtime_seconds),
        };
        format!("{downtime}; at most {:.3} s from an answer to the next", self.longest_gap_seconds)
    }

    fn replicas_in_words(&self) -> String {
        let names = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| clean(name).into_owned()).collect::<Vec<_>>().join(", ")
        };
        let at_end = names(&mut self.replicas.at_end.iter().map(|replica| &replica.served_by));
        let seen = names(&mut self.replicas.seen.iter());
        let known = match self.replicas.gone_after_seconds {
            Some(seconds) if self.new_connection => {
                format!("known by answers, gone after {seconds} s without one")
            }
            Some(_) => {
                "known by answers on one connection, which stays with a replica; `--new-connection` meets all"
                    .to_owned()
            }
            None => "one at each address".to_owned(),
        };
        match (seen.as_str(), at_end.as_str()) {
            ("", _) => format!("none answered; {known}"),
            (seen, at_end) if seen == at_end => format!("{seen}; {known}"),
            (seen, "") => format!("none at the end, met were {seen}; {known}"),
            (seen, at_end) => format!("{at_end} at the end, met were {seen}; {known}"),
        }
    }

    fn times_in_words(&self, change: &Change) -> Vec<String> {
        let reference =
            if self.since == self.started_at { "the start".to_owned() } else { local_date(Some(self.since)) };
        let mut lines = vec![format!(
            "first answer {:.3} s after {reference}, from {}",
            change.first_seconds,
            clean(&change.first_served_by)
        )];
        lines.push(match change.every_replica_seconds {
            Some(seconds) => format!("served by every replica {seconds:.3} s after {reference}"),
            None => {
                let behind: Vec<_> = self
                    .replicas
                    .at_end
                    .iter()
                    .filter(|replica| replica.served != change.served)
                    .map(|replica| clean(&replica.served_by).into_owned())
                    .collect();
                match behind.len() {
                    0 => "not known to be served by every replica".to_owned(),
                    _ => format!("not served by every replica: at the end, not by {}", behind.join(", ")),
                }
            }
        });
        lines
    }
}

/// The latencies of requests that were answered, ascending.
pub(crate) fn latencies<'a>(samples: impl Iterator<Item = &'a Sample>) -> Vec<Duration> {
    let answered = samples.filter(|sample| matches!(sample.outcome, Outcome::Answered(_)));
    let mut latencies: Vec<_> = answered.map(|sample| sample.latency).collect();
    latencies.sort_unstable();
    latencies
}

/// The least latency that so many percent do not exceed.
pub(crate) fn percentile(ascending: &[Duration], percent: f64) -> Option<Duration> {
    let rank = (ascending.len() as f64 * percent / 100.0).ceil() as usize;
    ascending.get(rank.max(1) - 1).copied()
}

/// `1.25 ms`, `31 ms`.
pub(crate) fn milliseconds(latency: Option<Duration>) -> String {
    match latency.map(|latency| latency.as_secs_f64() * 1e3) {
        Some(ms) if ms < 10.0 => format!("{ms:.2} ms"),
        Some(ms) => format!("{ms:.0} ms"),
        None => "–".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_latency_that_was_measured() {
        let ascending: Vec<_> = (1..=1_000).map(Duration::from_millis).collect();
        for (percent, milliseconds) in [(50.0, 500), (99.0, 990), (99.9, 999), (100.0, 1_000)] {
            assert_eq!(percentile(&ascending, percent), Some(Duration::from_millis(milliseconds)));
        }
        assert_eq!(percentile(&ascending[..1], 50.0), Some(Duration::from_millis(1)));
        assert_eq!(percentile(&[], 50.0), None);
    }
}
