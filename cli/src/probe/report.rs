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
    texts::Lang,
};

/// What was done, beside what came of it.
pub(crate) struct Run<'a> {
    pub(crate) addresses: Vec<String>,
    pub(crate) probe: &'a ProbeArgs,
    /// That of the picture.
    pub(crate) lang: Lang,
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
        let lang = style.lang;
        let connections =
            if self.new_connection { format!(", {}", lang.connection_each()) } else { String::new() };
        let probed = lang.probed(
            &self.servers.join(", "),
            &lang.decimal(self.seconds, 1),
            &lang.number(self.rate),
            &connections,
        );
        let mut rows = vec![
            (lang.probed_label(), probed),
            (lang.requests_label(), self.requests_in_words(lang)),
            (lang.latency_label(), self.latency_in_words(lang)),
            (lang.downtime_label(), self.downtime_in_words(lang)),
            (lang.replicas_label(), self.replicas_in_words(lang)),
        ];
        let blank = String::new;
        if !self.failures_by_code.is_empty() {
            let codes: Vec<_> =
                self.failures_by_code.iter().map(|(code, count)| format!("{code} {count}")).collect();
            rows.insert(2, (blank(), lang.codes(&codes.join(", "))));
        }
        for (index, change) in self.changes.iter().enumerate() {
            let lead = if index == 0 { lang.changes_label() } else { blank() };
            rows.push((lead, lang.change_to(&in_words(&change.served, lang))));
            rows.extend(
                self.times_in_words(change, lang).into_iter().map(|line| (blank(), format!("  {line}"))),
            );
        }
        if self.changes.is_empty() {
            rows.push((lang.changes_label(), lang.no_changes()));
        }
        let width = rows.iter().map(|(label, _)| label.chars().count()).max().unwrap_or(0) + 1;
        let mut text = String::new();
        for (label, value) in rows {
            let _ = writeln!(text, "{} {value}", style.dim(&format!("{label:<width$}")));
        }
        text
    }

    fn requests_in_words(&self, lang: Lang) -> String {
        let Self { requests, answered, failed, shed, unfinished, retries, .. } = self;
        let unfinished = if *unfinished > 0 { lang.unfinished(*unfinished) } else { String::new() };
        let resent = match retries {
            0 => lang.none_resent(),
            1 => lang.one_resent(),
            _ => lang.some_resent(*retries),
        };
        lang.request_counts(*requests, *answered, *failed, *shed, &unfinished, &resent)
    }

    fn latency_in_words(&self, lang: Lang) -> String {
        let Latency { p50, p90, p99, p99_9, max } = &self.latency_ms;
        let (almost_all, longest) = (format!("p{}", lang.number(99.9)), lang.longest_latency());
        [("p50", p50), ("p90", p90), ("p99", p99), (&almost_all, p99_9), (&longest, max)]
            .map(|(name, value)| {
                let value = value.map(|value| Duration::from_secs_f64(value / 1e3));
                format!("{name} {}", milliseconds(value, lang))
            })
            .join(", ")
    }

    fn downtime_in_words(&self, lang: Lang) -> String {
        let seconds = lang.decimal(self.downtime_seconds, 3);
        let downtime = match self.downtime.len() {
            0 => lang.no_downtime(),
            1 => lang.downtime_in_one(&seconds),
            spans => lang.downtime_in_many(&seconds, spans),
        };
        lang.downtime_and_gap(&downtime, &lang.decimal(self.longest_gap_seconds, 3))
    }

    fn replicas_in_words(&self, lang: Lang) -> String {
        let names = |names: &mut dyn Iterator<Item = &String>| {
            names.map(|name| clean(name).into_owned()).collect::<Vec<_>>().join(", ")
        };
        let at_end = names(&mut self.replicas.at_end.iter().map(|replica| &replica.served_by));
        let seen = names(&mut self.replicas.seen.iter());
        let known = match self.replicas.gone_after_seconds {
            Some(seconds) if self.new_connection => lang.known_by_answers(&lang.number(seconds)),
            Some(_) => lang.known_by_one_connection(),
            None => lang.known_by_addresses(),
        };
        match (seen.as_str(), at_end.as_str()) {
            ("", _) => lang.replicas_none(&known),
            (seen, at_end) if seen == at_end => format!("{seen}; {known}"),
            (seen, "") => lang.replicas_none_at_end(seen, &known),
            (seen, at_end) => lang.replicas_at_end(at_end, seen, &known),
        }
    }

    fn times_in_words(&self, change: &Change, lang: Lang) -> [String; 2] {
        let after = if self.since == self.started_at {
            lang.after_start()
        } else {
            lang.after_date(&local_date(Some(self.since)))
        };
        let seconds = lang.decimal(change.first_seconds, 3);
        let first = lang.first_answer(&seconds, &after, &clean(&change.first_served_by));
        let every = match change.every_replica_seconds {
            Some(seconds) => lang.every_replica(&lang.decimal(seconds, 3), &after),
            None => {
                let behind: Vec<_> = self
                    .replicas
                    .at_end
                    .iter()
                    .filter(|replica| replica.served != change.served)
                    .map(|replica| clean(&replica.served_by).into_owned())
                    .collect();
                match behind.len() {
                    0 => lang.every_replica_unknown(),
                    _ => lang.not_every_replica(&behind.join(", ")),
                }
            }
        };
        [first, every]
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
pub(crate) fn milliseconds(latency: Option<Duration>, lang: Lang) -> String {
    match latency.map(|latency| latency.as_secs_f64() * 1e3) {
        Some(ms) if ms < 10.0 => format!("{} ms", lang.decimal(ms, 2)),
        Some(ms) => format!("{} ms", lang.decimal(ms, 0)),
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
