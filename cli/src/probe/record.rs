//! What the requests of a probe met.

use std::{collections::BTreeMap, time::Duration};

use chrono::{DateTime, TimeDelta, Utc};

use crate::probe::{
    events::{Event, What},
    outages::Outages,
    replicas::{Known, News, Replicas, Served},
};

/// A request that ended. Times count from the start of the probe.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The place of its address.
    pub(crate) server: usize,
    pub(crate) due: Duration,
    pub(crate) at: Duration,
    pub(crate) outcome: Result<Answer, Refusal>,
}

/// What is of interest of an answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) served: Served,
    pub(crate) served_by: String,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    /// The name of the gRPC status, or what the client knows better.
    pub(crate) code: &'static str,
    pub(crate) reason: String,
    /// Whether the service had too much to do.
    pub(crate) is_shed: bool,
}

/// A request, as small as it can be kept.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sample {
    pub(crate) due: Duration,
    pub(crate) latency: Duration,
    pub(crate) outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Answered by a replica, by the place of its name.
    Answered(usize),
    Failed,
    Shed,
}

/// A request that was not answered.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) server: usize,
    pub(crate) due: Duration,
    pub(crate) at: Duration,
    pub(crate) refusal: Refusal,
}

/// All that a probe has seen.
#[derive(Debug)]
pub(crate) struct Record {
    started: DateTime<Utc>,
    pub(crate) samples: Vec<Sample>,
    pub(crate) answered: usize,
    pub(crate) failed: usize,
    pub(crate) shed: usize,
    /// The names of replicas, in the order in which they were met.
    pub(crate) names: Vec<String>,
    pub(crate) failures: Vec<Failed>,
    pub(crate) codes: BTreeMap<&'static str, usize>,
    pub(crate) outages: Outages,
    pub(crate) replicas: Replicas,
    pub(crate) events: Vec<Event>,
    /// When requests began to fail, and how many have, unless the last one was answered.
    failing: Option<(Duration, usize)>,
}

impl Record {
    pub(crate) fn new(started: DateTime<Utc>, known: Known, is_sticky: bool) -> Self {
        Self {
            started,
            samples: Vec::new(),
            answered: 0,
            failed: 0,
            shed: 0,
            names: Vec::new(),
            failures: Vec::new(),
            codes: BTreeMap::new(),
            outages: Outages::default(),
            replicas: Replicas::new(known, is_sticky),
            events: Vec::new(),
            failing: None,
        }
    }

    /// When the probe began.
    pub(crate) fn started(&self) -> DateTime<Utc> {
        self.started
    }

    /// A time of the probe as a date.
    pub(crate) fn date(&self, at: Duration) -> DateTime<Utc> {
        self.started + TimeDelta::from_std(at).unwrap_or(TimeDelta::MAX)
    }

    /// Notes a request that ended, and returns how many events there were before.
    pub(crate) fn note(&mut self, ended: Ended) -> usize {
        let n_before = self.events.len();
        let Ended { server, due, at, outcome } = ended;
        let kept = match outcome {
            Ok(answer) => {
                self.outages.answered(at);
                if let Some((since, requests)) = self.failing.take() {
                    let seconds = at.saturating_sub(since).as_secs_f64();
                    self.push(at, What::Answering { after_seconds: seconds, failed_requests: requests });
                }
                let news = self.replicas.answered(at, server, &answer.served_by, &answer.served);
                self.tell(at, news);
                Outcome::Answered(self.place(answer.served_by))
            }
            Err(refusal) => {
                self.outages.failed(due);
                *self.codes.entry(refusal.code).or_default() += 1;
                match &mut self.failing {
                    Some((since, requests)) => {
                        *since = (*since).min(due);
                        *requests += 1;
                    }
                    None => {
                        self.failing = Some((due, 1));
                        let reason = refusal.reason.clone();
                        self.push(at, What::Failing { code: refusal.code.to_owned(), reason });
                    }
                }
                let outcome = if refusal.is_shed { Outcome::Shed } else { Outcome::Failed };
                self.failures.push(Failed { server, due, at, refusal });
                outcome
            }
        };
        *match kept {
            Outcome::Answered(_) => &mut self.answered,
            Outcome::Failed => &mut self.failed,
            Outcome::Shed => &mut self.shed,
        } += 1;
        self.samples.push(Sample { due, latency: at.saturating_sub(due), outcome: kept });
        n_before
    }

    /// Notes that time has passed, and returns how many events there were before.
    pub(crate) fn passed(&mut self, now: Duration) -> usize {
        let n_before = self.events.len();
        let news = self.replicas.passed(now);
        self.tell(now, news);
        n_before
    }

    fn place(&mut self, name: String) -> usize {
        self.names.iter().position(|known| *known == name).unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        })
    }

    fn tell(&mut self, at: Duration, news: Vec<News>) {
        for one in news {
            let what = match one {
                News::Seen { served_by, served } => What::ReplicaSeen { served_by, served },
                News::Changed { served_by, before, after } => What::Changed { served_by, before, after },
                News::Gone { served_by, last } => {
                    What::ReplicaGone { served_by, last_answer_at: self.date(last) }
                }
                News::Every { since, served, replicas } => What::EveryReplica {
                    since: self.date(since),
                    since_seconds: since.as_secs_f64(),
                    replicas,
                    served,
                },
            };
            self.push(at, what);
        }
    }

    fn push(&mut self, at: Duration, what: What) {
        self.events.push(Event { at: self.date(at), seconds: at.as_secs_f64(), what });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::texts::Lang;

    fn record() -> Record {
        Record::new(DateTime::UNIX_EPOCH, Known::ByAnswers { gone_after: Duration::from_secs(10) }, false)
    }

    fn ended(due: u64, at: u64, outcome: Result<&str, bool>) -> Ended {
        let served = Served { version: "1".to_owned(), model_date: None, model_version: "one".to_owned() };
        Ended {
            server: 0,
            due: Duration::from_millis(due),
            at: Duration::from_millis(at),
            outcome: outcome
                .map(|name| Answer { served, served_by: name.to_owned() })
                .map_err(|is_shed| Refusal { code: "UNAVAILABLE", reason: "it is gone".to_owned(), is_shed }),
        }
    }

    #[test]
    fn failures_in_a_row_are_one_event_and_their_end_another() {
        let mut record = record();
        for (due, at, outcome) in
            [(0, 1, Ok("a")), (100, 101, Err(false)), (200, 201, Err(false)), (300, 302, Ok("a"))]
        {
            record.note(ended(due, at, outcome));
        }
        let whats: Vec<_> = record.events.iter().map(|event| &event.what).collect();
        assert!(matches!(
            whats.as_slice(),
            [What::ReplicaSeen { .. }, What::Failing { .. }, What::Answering { failed_requests: 2, .. }]
        ));
        assert_eq!(
            record.events[2].line(Lang::English),
            "+0.302 s  answers again, 0.202 s after the first of 2 requests that failed was due"
        );
        assert_eq!(record.codes["UNAVAILABLE"], 2);
    }

    #[test]
    fn calls_that_were_shed_are_counted_apart() {
        let mut record = record();
        for outcome in [Ok("a"), Err(true), Err(false), Err(true)] {
            record.note(ended(0, 1, outcome));
        }
        assert_eq!((record.answered, record.failed, record.shed), (1, 1, 2));
    }

    #[test]
    fn a_latency_counts_from_when_the_request_was_due() {
        let mut record = record();
        record.note(ended(100, 1_100, Ok("a")));
        assert_eq!(record.samples[0].latency, Duration::from_secs(1));
    }
}
