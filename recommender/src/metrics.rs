//! What Prometheus sees.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::Duration,
};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        info::Info,
    },
    registry::Registry,
};
use tonic::Code;

use crate::{
    admission::Shed,
    histogram::DurationHistogram,
    live_model::{LiveModel, Refresh, RefreshOutcome},
    methods::Method,
    process_metrics::ProcessCollector,
};

/// Seconds; an answer takes well under a millisecond, a request with a thousand misspelt seeds some hundred.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

/// Seconds; ten million rules take a fifth of one from a local disk, and a network volume can take minutes.
const LOAD_BUCKETS: [f64; 12] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0];

/// How looks for another model version end.
const OUTCOMES: [&str; 4] = ["unchanged", "swapped", "nothing_published", "failed"];

/// How seeds are matched.
pub(crate) const MATCHES: [&str; 5] = ["exact", "normalised", "fuzzy", "uri", "unknown"];

/// Where recommendations come from, the best first.
pub(crate) const SOURCES: [&str; 3] = ["rules", "artist", "popularity"];

/// What answers hold: the kind of the best source in it, or nothing.
const KINDS: [&str; 4] = ["rules", "artist", "popularity", "empty"];

/// A name with one label.
type Labelled = [(&'static str, &'static str); 1];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    code: &'static str,
}

/// Counts what happens.
///
/// Every call passes here several times, so what it counts is at hand in arrays: it waits for no lock and hashes no label.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Metrics whose names do not begin with the service's.
    process: Registry,
    requests: Family<CallLabels, Counter>,
    methods: [MethodMetrics; Method::COUNT],
    latencies: Family<Labelled, DurationHistogram, fn() -> DurationHistogram>,
    in_flight: Family<Labelled, Gauge>,
    shed: [Counter; Shed::ALL.len()],
    connections: Gauge,
    connections_refused: Counter,
    connections_ended: [Counter; Ending::ALL.len()],
    refreshes: [Counter; OUTCOMES.len()],
    last_refresh_success: Gauge,
    load_durations: DurationHistogram,
    seeds: [Counter; MATCHES.len()],
    recommendations: [Counter; SOURCES.len()],
    answers: [Counter; KINDS.len()],
}

/// The metrics of one method, made when it is first called: a method that nobody calls has none.
#[derive(Debug, Default)]
struct MethodMetrics {
    in_flight: OnceLock<Gauge>,
    latencies: OnceLock<DurationHistogram>,
    requests: [OnceLock<Counter>; CODES.len()],
}

/// The status codes as the gRPC specification writes them, by number.
const CODES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// A code as the gRPC specification writes it.
pub(crate) fn code_name(code: Code) -> &'static str {
    CODES[code as usize]
}

/// Why a connection ended, or was asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its client closed it, or it broke.
    Client,
    /// It was old.
    Age,
    /// There was no call on it.
    Idle,
    /// Its client did not take the answers.
    Stalled,
    /// The server drains.
    Drain,
}

impl Ending {
    const ALL: [Ending; 5] = [Ending::Client, Ending::Age, Ending::Idle, Ending::Stalled, Ending::Drain];

    /// The reason, as metrics and logs tell it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Ending::Client => "client",
            Ending::Age => "age",
            Ending::Idle => "idle",
            Ending::Stalled => "stalled",
            Ending::Drain => "drain",
        }
    }
}

impl Metrics {
    pub(crate) fn new(live: Arc<LiveModel>) -> Self {
        // The library ends each help text with a full stop, and the names of counters with `_total`.
        let mut registry = Registry::with_prefix("recommender");
        let build = [("version", env!("CARGO_PKG_VERSION")), ("revision", model::REVISION)];
        registry.register("build", "The build that serves", Info::new(build));
        let requests = Family::<CallLabels, Counter>::default();
        registry.register("requests", "Calls that ended, by method and gRPC status code", requests.clone());
        let latencies: Family<Labelled, DurationHistogram, fn() -> DurationHistogram> =
            Family::new_with_constructor(|| DurationHistogram::new(&LATENCY_BUCKETS));
        registry.register(
            "request_duration_seconds",
            "Time until a call was answered, which for a stream is until it began",
            latencies.clone(),
        );
        let in_flight = Family::<Labelled, Gauge>::default();
        registry.register(
            "requests_in_flight",
            "Calls that have not ended, streams among them",
            in_flight.clone(),
        );
        let shed = counters(
            &mut registry,
            "requests_shed",
            "Calls that were refused with RESOURCE_EXHAUSTED because more was asked than can be answered soon, by what was full",
            "reason",
            Shed::ALL.map(Shed::name),
        );
        let connections = Gauge::default();
        registry.register("connections", "Open connections of clients", connections.clone());
        let connections_refused = Counter::default();
        registry.register(
            "connections_refused",
            "Connections that were closed at once because there were as many as there may be",
            connections_refused.clone(),
        );
        let connections_ended = counters(
            &mut registry,
            "connections_ended",
            "Connections that ended or were asked to, by why",
            "reason",
            Ending::ALL.map(Ending::name),
        );
        let refreshes = counters(
            &mut registry,
            "refreshes",
            "Looks for another model version, by outcome",
            "outcome",
            OUTCOMES,
        );
        let last_refresh_success = Gauge::default();
        registry.register(
            "last_refresh_success_timestamp_seconds",
            "When the volume last named a version that is in service, or none at all, in Unix time; 0 for never",
            last_refresh_success.clone(),
        );
        let load_durations = DurationHistogram::new(&LOAD_BUCKETS);
        registry.register(
            "model_load_duration_seconds",
            "Time to load, check and index a version that came into service",
            load_durations.clone(),
        );
        let seeds = counters(&mut registry, "seeds", "Seeds, by how they were matched", "match", MATCHES);
        let recommendations = counters(
            &mut registry,
            "recommendations",
            "Recommended songs, by where they came from",
            "source",
            SOURCES,
        );
        let answers = counters(
            &mut registry,
            "answers",
            "Answers to Recommend, by the best source of a song in them: those of the kind popularity have no other",
            "kind",
            KINDS,
        );
        registry.register_collector(Box::new(ModelCollector(live)));
        let mut process = Registry::default();
        process.register_collector(Box::new(ProcessCollector));
        Metrics {
            registry,
            process,
            requests,
            methods: Default::default(),
            latencies,
            in_flight,
            shed,
            connections,
            connections_refused,
            connections_ended,
            refreshes,
            last_refresh_success,
            load_durations,
            seeds,
            recommendations,
            answers,
        }
    }

    /// Where other parts register metrics of their own.
    pub(crate) fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode_registry(&mut text, &self.registry)?;
        text::encode_registry(&mut text, &self.process)?;
        text::encode_eof(&mut text)?;
        Ok(text)
    }

    pub(crate) fn call_began(&self, method: Method) {
        self.in_flight(method).inc();
    }

    pub(crate) fn call_answered(&self, method: Method, after: Duration) {
        self.methods[method as usize]
            .latencies
            .get_or_init(|| self.latencies.get_or_create_owned(&[("method", method.name())]))
            .observe(after);
    }

    pub(crate) fn call_ended(&self, method: Method, code: Code) {
        self.in_flight(method).dec();
        let labels = CallLabels { method: method.name(), code: code_name(code) };
        self.methods[method as usize].requests[code as usize]
            .get_or_init(|| self.requests.get_or_create_owned(&labels))
            .inc();
    }

    fn in_flight(&self, method: Method) -> &Gauge {
        let gauge = || self.in_flight.get_or_create_owned(&[("method", method.name())]);
        self.methods[method as usize].in_flight.get_or_init(gauge)
    }

    pub(crate) fn call_shed(&self, reason: Shed) {
        self.shed[reason as usize].inc();
    }

    pub(crate) fn connection_refused(&self) {
        self.connections_refused.inc();
    }

    pub(crate) fn connection_ended(&self, ending: Ending) {
        self.connections_ended[ending as usize].inc();
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }

    pub(crate) fn refreshed(&self, refresh: &Refresh) {
        let outcome = match refresh.outcome {
            RefreshOutcome::Unchanged => 0,
            RefreshOutcome::Swapped => 1,
            RefreshOutcome::NothingPublished => 2,
            RefreshOutcome::Failed(_) => 3,
        };
        self.refreshes[outcome].inc();
        if !matches!(refresh.outcome, RefreshOutcome::Failed(_)) {
            self.last_refresh_success.set(refresh.date.timestamp());
        }
    }

    pub(crate) fn model_loaded(&self, after: Duration) {
        self.load_durations.observe(after);
    }

    /// Counts an answer to Recommend by the numbers of its seeds and songs, in the orders of [`MATCHES`] and [`SOURCES`].
    pub(crate) fn recommended(&self, seeds: [u64; MATCHES.len()], songs: [u64; SOURCES.len()]) {
        for (counter, count) in self.seeds.iter().zip(seeds).chain(self.recommendations.iter().zip(songs)) {
            if count > 0 {
                counter.inc_by(count);
            }
        }
        let kind = songs.iter().position(|count| *count > 0).unwrap_or(SOURCES.len());
        self.answers[kind].inc();
    }
}

/// Registers a counter for each value of its one label. All are there from the start, for a counter that has not counted
/// yet is 0, not absent.
fn counters<const N: usize>(
    registry: &mut Registry,
    name: &str,
    help: &str,
    label: &'static str,
    values: [&'static str; N],
) -> [Counter; N] {
    let family = Family::<Labelled, Counter>::default();
    let counters = values.map(|value| family.get_or_create_owned(&[(label, value)]));
    registry.register(name, help, family);
    counters
}

/// Describes the model in service from one snapshot at each scrape, so that no two of its metrics contradict each other.
#[derive(Debug)]
struct ModelCollector(Arc<LiveModel>);

impl Collector for ModelCollector {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), fmt::Error> {
        let snapshot = self.0.snapshot();
        let loaded = ConstGauge::new(i64::from(snapshot.is_some()));
        let descriptor = encoder.encode_descriptor(
            "model_loaded",
            "Whether a model is in service, 1 or 0",
            None,
            MetricType::Gauge,
        )?;
        loaded.encode(descriptor)?;

        let Some(in_service) = snapshot else {
            return Ok(());
        };
        let model = &in_service.model;
        let metadata = &model.manifest().metadata;
        encoder
            .encode_descriptor("model", "The model in service", None, MetricType::Info)?
            .encode_info(&[("version", model.version().as_str())])?;
        let mut gauge = |name, help, value: i64| {
            ConstGauge::new(value).encode(encoder.encode_descriptor(name, help, None, MetricType::Gauge)?)
        };
        gauge(
            "model_trained_timestamp_seconds",
            "When the model in service was trained, in Unix time",
            metadata.trained_at.timestamp(),
        )?;
        gauge(
            "model_loaded_timestamp_seconds",
            "When the model in service was brought into service, in Unix time",
            in_service.loaded_at.timestamp(),
        )?;
        gauge(
            "model_published_timestamp_seconds",
            "When the model in service was published on the volume, in Unix time",
            model.manifest().published_at.timestamp(),
        )?;
        gauge(
            "model_format",
            "The format of the files of the model in service",
            i64::from(model.manifest().format),
        )?;
        gauge("model_songs", "Songs that the model in service knows", i64::from(metadata.dataset.songs))?;
        gauge(
            "model_rules",
            "Rules from songs to a song in the model in service",
            metadata.counts.rules.try_into().unwrap_or(i64::MAX),
        )?;
        gauge(
            "model_artist_rules",
            "Rules from an artist to a song in the model in service",
            metadata.counts.artist_rules.try_into().unwrap_or(i64::MAX),
        )
    }
}
