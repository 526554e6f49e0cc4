use std::{
    cell::RefCell,
    collections::BTreeMap,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use hdrhistogram::Histogram;
use serde_json::{Value, json};
use tokio::sync::Notify;

/// How a request ended.
pub(crate) enum Outcome {
    /// It was answered by this version of the model.
    Answered { version: String, bytes: usize },
    /// It failed: a status, or what happened to the connection.
    Failed(String),
}

/// Notes what happens, from [`begin`](Self::begin) to [`end`](Self::end).
#[derive(Default)]
pub(crate) struct Recorder {
    state: RefCell<State>,
    answered: Notify,
}

#[derive(Default)]
struct State {
    whole: Option<Phase>,
    interval: Option<Phase>,
    began: Option<Instant>,
    ended: Option<Instant>,
    /// Requests that were due between begin and end and have not ended.
    open: usize,
    retried: u64,
    connected: u64,
    slow_answered: u64,
    slow_failed: BTreeMap<String, u64>,
    versions: BTreeMap<String, u64>,
    /// The versions in the order in which they came, with the Unix time of the first answer of each.
    changes: Vec<(String, f64, Instant)>,
}

/// The counts of some time; times are nanoseconds.
struct Phase {
    latencies: Histogram<u64>,
    /// By how much requests were sent too late: this is the load generator's fault, and part of the latencies.
    delays: Histogram<u64>,
    failures: BTreeMap<String, u64>,
    bytes: u64,
    began: Instant,
}

impl Phase {
    fn new() -> Phase {
        let histogram = || Histogram::new_with_bounds(1_000, 120_000_000_000, 3).unwrap();
        Phase {
            latencies: histogram(),
            delays: histogram(),
            failures: BTreeMap::new(),
            bytes: 0,
            began: Instant::now(),
        }
    }

    fn to_json(&self, seconds: f64) -> Value {
        let answered = self.latencies.len();
        json!({
            "seconds": seconds,
            "answered": answered,
            "failed": self.failures.values().sum::<u64>(),
            "failures": self.failures,
            "answers_per_second": answered as f64 / seconds,
            "bytes_per_answer": self.bytes as f64 / answered.max(1) as f64,
            "latency_us": quantiles(&self.latencies),
            "sent_late_us": quantiles(&self.delays),
        })
    }
}

fn quantiles(times: &Histogram<u64>) -> Value {
    let microseconds = |nanoseconds: u64| nanoseconds as f64 / 1e3;
    let at = |quantile: f64| microseconds(times.value_at_quantile(quantile));
    json!({
        "mean": times.mean() / 1e3,
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "p99.9": at(0.999),
        "p99.99": at(0.9999),
        "max": microseconds(times.max()),
    })
}

impl Recorder {
    pub(crate) fn begin(&self) {
        let mut state = self.state.borrow_mut();
        state.whole = Some(Phase::new());
        state.interval = Some(Phase::new());
        state.began = Some(Instant::now());
        state.retried = 0;
    }

    pub(crate) fn end(&self) {
        self.state.borrow_mut().ended = Some(Instant::now());
    }

    /// Notes that a request is due; whether it counts.
    pub(crate) fn due(&self) -> bool {
        let mut state = self.state.borrow_mut();
        let counts = state.began.is_some() && state.ended.is_none();
        state.open += usize::from(counts);
        counts
    }

    pub(crate) fn connected(&self) {
        self.state.borrow_mut().connected += 1;
    }

    pub(crate) fn retried(&self) {
        self.state.borrow_mut().retried += 1;
    }

    pub(crate) fn slow(&self, result: Result<(), String>) {
        let mut state = self.state.borrow_mut();
        match result {
            Ok(()) => state.slow_answered += 1,
            Err(failure) => *state.slow_failed.entry(failure).or_default() += 1,
        }
    }

    /// Notes how a request ended that counts: when it was due, and when it was sent.
    pub(crate) fn ended(&self, due: Instant, sent: Instant, outcome: Outcome) {
        let now = Instant::now();
        let mut state = self.state.borrow_mut();
        let state = &mut *state;
        state.open -= 1;
        for phase in [&mut state.whole, &mut state.interval].into_iter().flatten() {
            match &outcome {
                Outcome::Answered { bytes, .. } => {
                    phase.latencies.saturating_record(now.duration_since(due).as_nanos() as u64);
                    phase.delays.saturating_record(sent.saturating_duration_since(due).as_nanos() as u64);
                    phase.bytes += *bytes as u64;
                }
                Outcome::Failed(failure) => *phase.failures.entry(failure.clone()).or_default() += 1,
            }
        }
        if let Outcome::Answered { version, .. } = outcome {
            // An answer that was asked for before the first one of the newest version tells nothing about a change.
            if state.changes.last().is_none_or(|(last, _, first)| *last != version && sent >= *first) {
                state.changes.push((version.clone(), unix_seconds(), now));
            }
            *state.versions.entry(version).or_default() += 1;
        }
        if state.open == 0 {
            self.answered.notify_waiters();
        }
    }

    /// Waits until no request is open.
    pub(crate) async fn all_answered(&self) {
        loop {
            let answered = self.answered.notified();
            if self.state.borrow().open == 0 {
                return;
            }
            answered.await;
        }
    }

    /// What happened since the interval before.
    pub(crate) fn interval(&self) -> Value {
        let mut state = self.state.borrow_mut();
        let since_begin = state.began.map_or(0.0, |began| began.elapsed().as_secs_f64());
        let phase = state.interval.replace(Phase::new()).unwrap();
        let mut interval = phase.to_json(phase.began.elapsed().as_secs_f64());
        interval["until"] = json!(since_begin);
        interval["unix_seconds"] = json!(unix_seconds());
        interval
    }

    pub(crate) fn summary(&self, rate: Option<f64>) -> Value {
        let state = self.state.borrow();
        let (began, ended) = (state.began.unwrap(), state.ended.unwrap());
        let mut summary = state.whole.as_ref().unwrap().to_json((ended - began).as_secs_f64());
        let changes: Vec<Value> = state
            .changes
            .iter()
            .map(|(version, unix_seconds, _)| json!({ "version": version, "unix_seconds": unix_seconds }))
            .collect();
        summary["rate"] = json!(rate);
        summary["never_answered"] = json!(state.open);
        summary["retried"] = json!(state.retried);
        summary["connected"] = json!(state.connected);
        summary["slow_readers"] = json!({ "answered": state.slow_answered, "failures": state.slow_failed });
        summary["model_versions"] = json!(state.versions);
        summary["changes"] = json!(changes);
        summary
    }
}

fn unix_seconds() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64()
}
