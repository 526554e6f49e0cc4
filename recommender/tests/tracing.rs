//! Traces over OTLP: what a collector gets, and that nobody waits for one.
#![cfg(test)]

mod process_support;
mod service_support;

use std::{
    collections::HashMap,
    net::{SocketAddr, TcpListener},
    process::Command,
    sync::{Arc, Mutex},
};

use opentelemetry_proto::tonic::{
    collector::trace::v1::{
        ExportTraceServiceRequest, ExportTraceServiceResponse,
        trace_service_server::{TraceService, TraceServiceServer},
    },
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode},
};
use process_support::{BINARY, Process};
use proto::v1::{RecommendRequest, RecommendResponse, playlist_service_client::PlaylistServiceClient};
use service_support::{TestVolume, seeds};
use tonic::{
    Request, Response, Status,
    transport::{Channel, Endpoint, Server, server::TcpIncoming},
};

const TRACE_ID: &str = "0af7651916cd43dd8448eb211c80319c";
const PARENT_ID: &str = "b7ad6b7169203331";
const RECOMMEND: &str = "playlist.v1.PlaylistService/Recommend";

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<ExportTraceServiceRequest>>>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0.lock().unwrap().push(request.into_inner());
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

impl Collector {
    async fn start() -> (Self, SocketAddr) {
        let collector = Collector::default();
        let incoming = TcpIncoming::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = incoming.local_addr().unwrap();
        let server = Server::builder().add_service(TraceServiceServer::new(collector.clone()));
        tokio::spawn(server.serve_with_incoming(incoming));
        (collector, address)
    }

    fn spans(&self) -> Vec<Span> {
        let requests = self.0.lock().unwrap();
        let scopes = requests.iter().flat_map(|it| &it.resource_spans).flat_map(|it| &it.scope_spans);
        scopes.flat_map(|it| it.spans.clone()).collect()
    }

    fn resource(&self) -> HashMap<String, String> {
        let requests = self.0.lock().unwrap();
        attributes(&requests[0].resource_spans[0].resource.as_ref().unwrap().attributes)
    }
}

fn attributes(attributes: &[KeyValue]) -> HashMap<String, String> {
    let text = |value: &KeyValue| match value.value.as_ref().and_then(|it| it.value.clone()) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|it| (it.key.clone(), text(it))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends traces to `collector`, of calls that have no parent the share `ratio`.
fn start(volume: &TestVolume, collector: SocketAddr, ratio: &str) -> Process {
    let mut command = Command::new(BINARY);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{collector}"));
    Process::start_command(
        command,
        volume,
        &["--drain-delay", "0s", "--trace-sample-ratio", ratio, "--served-by", "replica-7"],
    )
}

async fn client(process: &mut Process) -> PlaylistServiceClient<Channel> {
    let [address, _] = process.addresses();
    process.log_line("model in service");
    let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    PlaylistServiceClient::new(channel)
}

async fn call(
    client: &mut PlaylistServiceClient<Channel>,
    message: RecommendRequest,
    sampled: bool,
) -> Result<Response<RecommendResponse>, Status> {
    let mut request = Request::new(message);
    let flags = if sampled { "01" } else { "00" };
    let metadata = request.metadata_mut();
    metadata.insert("traceparent", format!("00-{TRACE_ID}-{PARENT_ID}-{flags}").parse().unwrap());
    metadata.insert("tracestate", "vendor=value".parse().unwrap());
    client.recommend(request).await
}

/// Ends the process, which sends what it has not sent yet.
fn stop(mut process: Process) {
    tokio::task::block_in_place(|| {
        process.signal("TERM");
        assert_eq!(process.ended().code(), Some(0));
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_continues_the_trace_of_the_client_and_shows_its_stages() {
    let volume = TestVolume::new();
    volume.publish(1);
    let (collector, address) = Collector::start().await;
    let mut process = start(&volume, address, "0");
    let mut client = client(&mut process).await;
    let answer = call(&mut client, seeds(["DNA."]), true).await.unwrap();
    stop(process);

    let spans = collector.spans();
    let server = spans.iter().find(|span| span.name == RECOMMEND).expect("a span of the call");
    assert_eq!(hex(&server.trace_id), TRACE_ID);
    assert_eq!(hex(&server.parent_span_id), PARENT_ID);
    assert_eq!(server.trace_state, "vendor=value");
    assert_eq!(server.kind(), SpanKind::Server);
    let attributes = attributes(&server.attributes);
    for (key, value) in [
        ("rpc.system", "grpc"),
        ("rpc.service", "playlist.v1.PlaylistService"),
        ("rpc.method", "Recommend"),
        ("rpc.grpc.status_code", "0"),
        ("request.id", answer.metadata().get("x-request-id").unwrap().to_str().unwrap()),
    ] {
        assert_eq!(attributes.get(key).map(String::as_str), Some(value), "{key}");
    }
    for stage in ["resolve", "recommend", "answer"] {
        let stages: Vec<_> = spans.iter().filter(|span| span.name == stage).collect();
        let [span] = &stages[..] else { panic!("{stage}: {stages:?}") };
        assert_eq!(span.parent_span_id, server.span_id, "{stage}");
        assert_eq!(span.trace_id, server.trace_id, "{stage}");
        assert!(span.start_time_unix_nano >= server.start_time_unix_nano, "{stage}");
        assert!(span.end_time_unix_nano <= server.end_time_unix_nano, "{stage}");
    }

    let resource = collector.resource();
    for (key, value) in [
        ("service.name", "recommender"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("service.instance.id", "replica-7"),
    ] {
        assert_eq!(resource.get(key).map(String::as_str), Some(value), "{key}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stages_of_a_large_request_belong_to_its_trace_too() {
    let volume = TestVolume::new();
    volume.publish(1);
    let (collector, address) = Collector::start().await;
    let mut process = start(&volume, address, "0");
    let mut client = client(&mut process).await;
    let many = RecommendRequest { songs: vec!["DNA.".to_owned(); 500], ..Default::default() };
    call(&mut client, many, true).await.unwrap();
    stop(process);
    let spans = collector.spans();
    let of_call: Vec<_> = spans.iter().filter(|span| hex(&span.trace_id) == TRACE_ID).collect();
    assert_eq!(of_call.len(), 4, "{of_call:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_decides_whether_its_call_is_sampled_and_the_ratio_decides_on_the_others() {
    let volume = TestVolume::new();
    volume.publish(1);
    for (ratio, expected) in [("0", 0), ("1", 3)] {
        let (collector, address) = Collector::start().await;
        let mut process = start(&volume, address, ratio);
        let mut client = client(&mut process).await;
        for _ in 0..3 {
            client.recommend(seeds(["DNA."])).await.unwrap();
            call(&mut client, seeds(["DNA."]), false).await.unwrap();
        }
        stop(process);
        let calls: Vec<_> = collector.spans().into_iter().filter(|span| span.name == RECOMMEND).collect();
        assert_eq!(calls.len(), expected, "{ratio}: {calls:?}");
        assert!(calls.iter().all(|span| span.parent_span_id.is_empty() && hex(&span.trace_id) != TRACE_ID));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mistake_of_the_client_is_no_error_of_the_span() {
    let volume = TestVolume::new();
    volume.publish(1);
    let (collector, address) = Collector::start().await;
    let mut process = start(&volume, address, "0");
    let mut client = client(&mut process).await;
    call(&mut client, seeds([]), true).await.unwrap_err();
    stop(process);
    let spans = collector.spans();
    let server = spans.iter().find(|span| span.name == RECOMMEND).unwrap();
    assert_eq!(attributes(&server.attributes)["rpc.grpc.status_code"], "3");
    let code = server.status.as_ref().map_or(StatusCode::Unset, |status| status.code());
    assert_eq!(code, StatusCode::Unset);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_brings_a_model_is_traced_whatever_the_ratio() {
    let volume = TestVolume::new();
    let version = volume.publish(1);
    let (collector, address) = Collector::start().await;
    let mut process = start(&volume, address, "0");
    client(&mut process).await;
    stop(process);
    let spans = collector.spans();
    let root = spans.iter().find(|span| span.name == "refresh").expect("a span of the refresh");
    assert_eq!(attributes(&root.attributes)["model.version"], version.as_str());
    assert!(root.parent_span_id.is_empty());
    for stage in ["load", "index", "swap"] {
        let span = spans.iter().find(|span| span.name == stage).expect(stage);
        assert_eq!((&span.parent_span_id, &span.trace_id), (&root.span_id, &root.trace_id), "{stage}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_never_answers_holds_up_neither_calls_nor_the_end() {
    let volume = TestVolume::new();
    volume.publish(1);
    // Connections succeed, and nothing is ever read from them.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let mut process = start(&volume, silent.local_addr().unwrap(), "1");
    let mut client = client(&mut process).await;
    // More than the queue holds.
    for _ in 0..3_000 {
        client.recommend(seeds(["DNA."])).await.unwrap();
    }
    process.signal("TERM");
    assert_eq!(tokio::task::block_in_place(|| process.ended()).code(), Some(0));
    process.log_line("drained: every call was answered");
    process.log_line("the last traces may not have reached the collector");
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_that_are_lost_are_told_of() {
    let volume = TestVolume::new();
    volume.publish(1);
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut process = start(&volume, nobody, "1");
    let mut client = client(&mut process).await;
    client.recommend(seeds(["DNA."])).await.unwrap();
    let line = tokio::task::block_in_place(|| process.log_line("traces were lost"));
    assert!(line.contains(&nobody.to_string()), "{line}");
    stop(process);
}
