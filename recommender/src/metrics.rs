//! What Prometheus sees.

use std::{fmt, sync::Arc, time::Duration};

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, text},
    metrics::{
        MetricType,
        counter::Counter,
        family::Family,
        gauge::{ConstGauge, Gauge},
        histogram::Histogram,
        info::Info,
    },
    registry::Registry,
};

use crate::live_model::{LiveModel, Refresh, RefreshOutcome};

/// The content type of [`Metrics::encode`]'s text.
pub(crate) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Seconds; an answer takes well under a millisecond, a request with a thousand misspelt seeds some hundred.
const LATENCY_BUCKETS: [f64; 14] =
    [0.0001, 0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MethodLabels {
    method: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CallLabels {
    method: &'static str,
    code: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct SourceLabels {
    source: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct MatchLabels {
    r#match: &'static str,
}

/// Counts what happens.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: Family<CallLabels, Counter>,
    latencies: Family<MethodLabels, Histogram, fn() -> Histogram>,
    in_flight: Family<MethodLabels, Gauge>,
    connections: Gauge,
    refreshes: Family<OutcomeLabels, Counter>,
    last_refresh_success: Gauge,
    seeds: Family<MatchLabels, Counter>,
    recommendations: Family<SourceLabels, Counter>,
}

impl Metrics {
    pub(crate) fn new(live: Arc<LiveModel>) -> Self {
        let mut metrics = Metrics {
            registry: Registry::with_prefix("recommender"),
            requests: Family::default(),
            latencies: Family::new_with_constructor(|| Histogram::new(LATENCY_BUCKETS)),
            in_flight: Family::default(),
            connections: Gauge::default(),
            refreshes: Family::default(),
            last_refresh_success: Gauge::default(),
            seeds: Family::default(),
            recommendations: Family::default(),
        };
        // The library ends each help text with a full stop, and the names of counters with `_total`.
        let registry = &mut metrics.registry;
        let build = [("version", env!("CARGO_PKG_VERSION")), ("revision", model::REVISION)];
        registry.register("build", "The build that serves", Info::new(build));
        registry.register(
            "requests",
            "Calls that ended, by method and gRPC status code",
            metrics.requests.clone(),
        );
        registry.register(
            "request_duration_seconds",
            "Time until a call was answered, which for a stream is until it began",
            metrics.latencies.clone(),
        );
        registry.register(
            "requests_in_flight",
            "Calls that have not ended, streams among them",
            metrics.in_flight.clone(),
        );
        registry.register("connections", "Open connections of clients", metrics.connections.clone());
        registry.register(
            "refreshes",
            "Looks for another model version, by outcome",
            metrics.refreshes.clone(),
        );
        registry.register(
            "last_refresh_success_timestamp_seconds",
            "When the volume last named a version that is in service, or none at all, in Unix time; 0 for never",
            metrics.last_refresh_success.clone(),
        );
        registry.register("seeds", "Seeds, by how they were matched", metrics.seeds.clone());
        registry.register(
            "recommendations",
            "Recommended songs, by where they came from",
            metrics.recommendations.clone(),
        );
        registry.register_collector(Box::new(ModelCollector(live)));
        // A counter that has not counted yet is 0, not absent.
        for outcome in ["unchanged", "swapped", "nothing_published", "failed"] {
            let _ = metrics.refreshes.get_or_create(&OutcomeLabels { outcome });
        }
        metrics
    }

    /// Where other parts register metrics of their own.
    pub(crate) fn registry(&mut self) -> &mut Registry {
        &mut self.registry
    }

    /// All metrics as OpenMetrics text.
    pub(crate) fn encode(&self) -> Result<String, fmt::Error> {
        let mut text = String::new();
        text::encode(&mut text, &self.registry)?;
        Ok(text)
    }

    pub(crate) fn call_began(&self, method: &'static str) {
        self.in_flight.get_or_create(&MethodLabels { method }).inc();
    }

    pub(crate) fn call_answered(&self, method: &'static str, after: Duration) {
        self.latencies.get_or_create(&MethodLabels { method }).observe(after.as_secs_f64());
    }

    pub(crate) fn call_ended(&self, method: &'static str, code: &'static str) {
        self.in_flight.get_or_create(&MethodLabels { method }).dec();
        self.requests.get_or_create(&CallLabels { method, code }).inc();
    }

    pub(crate) fn connection_opened(&self) {
        self.connections.inc();
    }

    pub(crate) fn connection_closed(&self) {
        self.connections.dec();
    }

    pub(crate) fn refreshed(&self, refresh: &Refresh) {
        let outcome = match refresh.outcome {
            RefreshOutcome::Unchanged => "unchanged",
            RefreshOutcome::Swapped => "swapped",
            RefreshOutcome::NothingPublished => "nothing_published",
            RefreshOutcome::Failed(_) => "failed",
        };
        self.refreshes.get_or_create(&OutcomeLabels { outcome }).inc();
        if !matches!(refresh.outcome, RefreshOutcome::Failed(_)) {
            self.last_refresh_success.set(refresh.date.timestamp());
        }
    }

    pub(crate) fn seed_matched(&self, r#match: &'static str) {
        self.seeds.get_or_create(&MatchLabels { r#match }).inc();
    }

    pub(crate) fn recommended(&self, source: &'static str) {
        self.recommendations.get_or_create(&SourceLabels { source }).inc();
    }
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
