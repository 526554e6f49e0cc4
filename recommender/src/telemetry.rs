//! OpenTelemetry traces, sent over OTLP where that is asked for.
//!
//! Spans are made by hand and not from those of `tracing`, which would cost every call something; here one that is not
//! sampled costs the decision alone.

use std::{
    sync::OnceLock,
    time::{Duration, SystemTime},
};

use http::HeaderMap;
use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, TextMapPropagator as _},
    trace::{
        Link, Span as _, SpanBuilder, SpanKind, Status, TraceContextExt as _, TraceId, Tracer as _,
        TracerProvider as _,
    },
};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig as _};
use opentelemetry_sdk::{
    Resource,
    error::OTelSdkResult,
    propagation::TraceContextPropagator,
    trace::{
        BatchSpanProcessor, Sampler, SamplingResult, SdkTracer, SdkTracerProvider, ShouldSample, SpanData,
        SpanExporter,
    },
};
use tokio::task;
use tonic::Code;

use crate::{Args, logging::LineLimit};

/// The time that the collector has to take a batch of spans, retries included.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The time that the last spans have to reach the collector when the process ends.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(2);

/// The name of the root span of a refresh, of which there are so few that all are sampled.
const REFRESH: &str = "refresh";

/// There is one in a process, like the log. Without `--otlp-endpoint` there is none.
static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// What sends the spans of this process.
#[must_use = "the last spans are lost unless it is shut down"]
pub struct Tracing {
    provider: Option<SdkTracerProvider>,
}

/// Sends spans to the collector that `args` name from now on, if they name one. Does not wait for it, and never will: spans that
/// it does not take are lost. Call it once, within a Tokio runtime.
///
/// # Errors
///
/// If the address of the collector is not one.
pub fn init_tracing(args: &Args) -> Result<Tracing, TracingError> {
    let Some(endpoint) = args.otlp_endpoint.as_deref().filter(|endpoint| !endpoint.is_empty()) else {
        return Ok(Tracing { provider: None });
    };
    let otlp = opentelemetry_otlp::SpanExporter::builder()
        .with_tonic()
        .with_endpoint(endpoint)
        .with_timeout(EXPORT_TIMEOUT)
        .build()
        .map_err(|source| TracingError { endpoint: endpoint.to_owned(), source })?;
    let exporter =
        Exporter { otlp, endpoint: endpoint.to_owned(), lines: LineLimit::new(Duration::from_secs(60), 1) };
    let resource = Resource::builder()
        .with_service_name("recommender")
        .with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", args.settings.served_by.clone()),
        ])
        .build();
    let root = RootSampler { calls: Sampler::TraceIdRatioBased(args.trace_sample_ratio) };
    let provider = SdkTracerProvider::builder()
        .with_span_processor(BatchSpanProcessor::builder(exporter).build())
        .with_sampler(Sampler::ParentBased(Box::new(root)))
        .with_resource(resource)
        .build();
    let _ = TRACER.set(provider.tracer("recommender"));
    tracing::info!(endpoint, sample_ratio = args.trace_sample_ratio, "sending traces");
    Ok(Tracing { provider: Some(provider) })
}

impl Tracing {
    /// Sends what has not been sent, for at most two seconds.
    pub async fn shutdown(self) {
        let Some(provider) = self.provider else { return };
        let flush = task::spawn_blocking(move || provider.shutdown_with_timeout(FLUSH_TIMEOUT));
        if !matches!(flush.await, Ok(Ok(()))) {
            tracing::warn!("the last traces may not have reached the collector");
        }
    }
}

/// The address of the collector is none that traces can be sent to.
#[derive(Debug, thiserror::Error)]
#[error("cannot send traces to `{endpoint}`; name another collector with `--otlp-endpoint`, or none")]
pub struct TracingError {
    endpoint: String,
    source: ExporterBuildError,
}

/// One call or refresh as a trace sees it; nothing unless it is sampled.
#[derive(Clone, Debug, Default)]
pub(crate) struct Trace(Option<Context>);

impl Trace {
    /// Begins the server span of a call of `method`, which is `<service>/<method>` or `other`. `headers` may name its parent, whose
    /// decision whether to sample is followed.
    pub(crate) fn of_call(method: &'static str, request_id: &str, headers: &HeaderMap) -> Self {
        let Some(tracer) = TRACER.get() else { return Trace(None) };
        let parent = remote_parent(headers).unwrap_or_default();
        let builder = SpanBuilder::from_name(method).with_kind(SpanKind::Server);
        let mut span = tracer.build_with_context(builder, &parent);
        if !span.is_recording() {
            return Trace(None);
        }
        // A route is named by its method of HTTP and its path, and a method of gRPC by its service and itself.
        if let Some((http_method, route)) = method.split_once(' ') {
            span.set_attribute(KeyValue::new("http.request.method", http_method));
            span.set_attribute(KeyValue::new("http.route", route));
        } else {
            let (service, method) = method.split_once('/').unwrap_or(("", "_OTHER"));
            span.set_attribute(KeyValue::new("rpc.system", "grpc"));
            span.set_attribute(KeyValue::new("rpc.service", service));
            span.set_attribute(KeyValue::new("rpc.method", method));
        }
        span.set_attribute(KeyValue::new("request.id", request_id.to_owned()));
        Trace(Some(Context::new().with_span(span)))
    }

    /// Begins the root span of a refresh that brings `version` into service.
    pub(crate) fn of_refresh(version: &str) -> Self {
        let Some(tracer) = TRACER.get() else { return Trace(None) };
        let mut span = tracer.build_with_context(SpanBuilder::from_name(REFRESH), &Context::new());
        span.set_attribute(KeyValue::new("model.version", version.to_owned()));
        Trace(Some(Context::new().with_span(span)))
    }

    pub(crate) fn id(&self) -> Option<TraceId> {
        self.0.as_ref().map(|context| context.span().span_context().trace_id())
    }

    /// Does `work`, a part of what is traced, in a span of its own.
    pub(crate) fn stage<T>(&self, name: &'static str, work: impl FnOnce() -> T) -> T {
        let (Some(context), Some(tracer)) = (&self.0, TRACER.get()) else { return work() };
        let began = SystemTime::now();
        let done = work();
        let builder = SpanBuilder::from_name(name).with_start_time(began);
        tracer.build_with_context(builder, context).end();
        done
    }

    /// Ends the span of a call with its status code.
    pub(crate) fn end_call(&self, code: Code) {
        let Some(context) = &self.0 else { return };
        let span = context.span();
        span.set_attribute(KeyValue::new("rpc.grpc.status_code", code as i64));
        // Of the others the client is at fault, says the semantic convention.
        if matches!(
            code,
            Code::Unknown
                | Code::DeadlineExceeded
                | Code::Unimplemented
                | Code::Internal
                | Code::Unavailable
                | Code::DataLoss
        ) {
            span.set_status(Status::error(code.description()));
        }
        span.end();
    }

    /// Ends the span of a refresh, with the reason if it failed.
    pub(crate) fn end_refresh(&self, failure: Option<&str>) {
        let Some(context) = &self.0 else { return };
        let span = context.span();
        span.set_status(failure.map_or(Status::Ok, |reason| Status::error(reason.to_owned())));
        span.end();
    }
}

/// The id of the trace that the client has begun, as W3C's trace context names it.
pub(crate) fn remote_trace_id(headers: &HeaderMap) -> Option<TraceId> {
    remote_parent(headers).map(|parent| parent.span().span_context().trace_id())
}

fn remote_parent(headers: &HeaderMap) -> Option<Context> {
    struct Headers<'h>(&'h HeaderMap);
    impl Extractor for Headers<'_> {
        fn get(&self, key: &str) -> Option<&str> {
            self.0.get(key)?.to_str().ok()
        }

        fn keys(&self) -> Vec<&str> {
            self.0.keys().map(http::HeaderName::as_str).collect()
        }
    }
    if !headers.contains_key("traceparent") {
        return None;
    }
    let parent = TraceContextPropagator::new().extract_with_context(&Context::new(), &Headers(headers));
    parent.span().span_context().is_valid().then_some(parent)
}

/// Decides on what has no parent: a share of the calls, and all refreshes.
#[derive(Clone, Debug)]
struct RootSampler {
    calls: Sampler,
}

impl ShouldSample for RootSampler {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        trace_id: TraceId,
        name: &str,
        kind: &SpanKind,
        attributes: &[KeyValue],
        links: &[Link],
    ) -> SamplingResult {
        let sampler = if name == REFRESH { &Sampler::AlwaysOn } else { &self.calls };
        sampler.should_sample(parent, trace_id, name, kind, attributes, links)
    }
}

/// Tells of a collector that does not take spans, once a minute; the library would tell each time, or never.
#[derive(Debug)]
struct Exporter {
    otlp: opentelemetry_otlp::SpanExporter,
    endpoint: String,
    lines: LineLimit,
}

impl SpanExporter for Exporter {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let spans = batch.len();
        let result = self.otlp.export(batch).await;
        if let Err(error) = &result
            && let Some(failures_since) = self.lines.admit()
        {
            tracing::warn!(
                endpoint = self.endpoint,
                spans,
                failures_since,
                %error,
                "traces were lost: the collector did not take them"
            );
        }
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.otlp.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.otlp.set_resource(resource);
    }
}
