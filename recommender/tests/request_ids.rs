//! Every call has an id: in its answer, in its log lines, and in the message if it failed by a fault of the service.
#![cfg(test)]

mod process_support;
mod service_support;

use std::{io::Read as _, process::Command, thread};

use clap::Parser as _;
use process_support::Process;
use proto::v1::{ModelInfoRequest, RecommendRequest, playlist_service_client::PlaylistServiceClient};
use serde_json::Value;
use service_support::{TestServer, TestVolume, seeds};
use tonic::{
    Code, Request, Status,
    metadata::{AsciiMetadataValue, MetadataMap},
    transport::{Channel, Endpoint},
};

const TRACEPARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00";

fn with_id<T>(message: T, id: &[u8]) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("x-request-id", AsciiMetadataValue::try_from(id).unwrap());
    request
}

#[track_caller]
fn id_in(metadata: &MetadataMap) -> String {
    metadata.get("x-request-id").expect("an x-request-id").to_str().unwrap().to_owned()
}

async fn connect(process: &mut Process) -> Channel {
    let [address, _] = process.addresses();
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap()
}

/// Calls `Recommend` with bytes that are no message, which the gRPC library answers with INTERNAL.
async fn garbage(channel: Channel, id: &str) -> Status {
    let mut client = tonic::client::Grpc::new(channel);
    client.ready().await.unwrap();
    // A message whose first field is a number, where the first field of the other one is a text.
    let codec = tonic_prost::ProstCodec::<u64, RecommendRequest>::default();
    let path = "/playlist.v1.PlaylistService/Recommend".parse().unwrap();
    client.unary(with_id(1_u64, id.as_bytes()), path, codec).await.unwrap_err()
}

/// Stops the process and returns what it has logged, line by line.
fn logged(mut process: Process) -> Vec<Value> {
    process.signal("TERM");
    assert_eq!(process.ended().code(), Some(0));
    let mut log = String::new();
    process.log.read_to_string(&mut log).unwrap();
    log.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("no JSON: {line}"))).collect()
}

#[tokio::test]
async fn the_id_of_the_client_comes_back_with_answers_and_errors() {
    let volume = TestVolume::new();
    volume.publish(1);
    let server = TestServer::start_ready(&volume).await;
    let mut client = server.client().await;
    let answer = client.recommend(with_id(seeds(["DNA."]), b"client-7")).await.unwrap();
    assert_eq!(id_in(answer.metadata()), "client-7");
    let error = client.recommend(with_id(seeds([]), b"client-8")).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(id_in(error.metadata()), "client-8");
}

#[tokio::test]
async fn a_call_without_a_usable_id_gets_one_of_its_own() {
    let volume = TestVolume::new();
    let server = TestServer::start(&volume).await;
    let mut client = server.client().await;
    let long = [b'x'; 129];
    let mut ids = Vec::new();
    for unusable in [None, None, Some(&b"two words"[..]), Some(b""), Some(&long)] {
        let request = match unusable {
            Some(id) => with_id(ModelInfoRequest {}, id),
            None => Request::new(ModelInfoRequest {}),
        };
        ids.push(id_in(client.model_info(request).await.unwrap().metadata()));
    }
    for id in &ids {
        assert!(id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id}");
    }
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), 5, "no two calls have the same: {ids:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_service_names_the_id_in_its_message_and_in_the_log_even_if_calls_are_not_logged() {
    let volume = TestVolume::new();
    let mut process = Process::start(&volume, &["--drain-delay", "0s", "--log", "info"]);
    let channel = connect(&mut process).await;
    let error = garbage(channel, "quote-me-100%").await;
    assert_eq!(error.code(), Code::Internal);
    assert!(error.message().ends_with(" (request id quote-me-100%)"), "{}", error.message());
    assert_eq!(id_in(error.metadata()), "quote-me-100%");

    let lines = tokio::task::block_in_place(|| logged(process));
    let line = lines.iter().find(|line| line["message"] == "a call failed").expect("a line about the call");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["span"]["request_id"], "quote-me-100%");
    assert_eq!(line["span"]["method"], "playlist.v1.PlaylistService/Recommend");
    assert!(lines.iter().all(|line| line["level"] != "DEBUG"), "{lines:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_line_of_a_call_has_its_id_and_that_of_the_clients_trace() {
    let volume = TestVolume::new();
    let mut process = Process::start(&volume, &["--drain-delay", "0s", "--log", "info,recommender=debug"]);
    let mut client = PlaylistServiceClient::new(connect(&mut process).await);
    let mut request = with_id(ModelInfoRequest {}, b"client-9");
    request.metadata_mut().insert("traceparent", TRACEPARENT.parse().unwrap());
    client.model_info(request).await.unwrap();
    client.recommend(with_id(seeds([]), b"client-10")).await.unwrap_err();
    drop(client);

    let lines = tokio::task::block_in_place(|| logged(process));
    let ended = |id: &str| {
        let mut of_call = lines.iter().filter(|line| line["span"]["request_id"] == id);
        of_call.find(|line| line["message"] == "call ended").unwrap_or_else(|| panic!("{id}: {lines:?}"))
    };
    let info = ended("client-9");
    assert_eq!(info["code"], "OK");
    assert_eq!(info["span"]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    let refused = ended("client-10");
    assert_eq!(refused["code"], "INVALID_ARGUMENT");
    assert_eq!(refused["level"], "DEBUG", "a mistake of a client is no concern of the operator");
    assert!(refused["span"].get("trace_id").is_none(), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_faults_is_no_flood_of_lines() {
    let volume = TestVolume::new();
    let mut process = Process::start(&volume, &["--drain-delay", "0s"]);
    let channel = connect(&mut process).await;
    let began = std::time::Instant::now();
    for number in 0..1_000 {
        garbage(channel.clone(), &format!("flood-{number}")).await;
    }
    // Fifty at once, and ten a second.
    let most = 50 + 10 * (began.elapsed().as_secs() as usize + 1);
    drop(channel);
    let lines = tokio::task::block_in_place(|| logged(process));
    let told = lines.iter().filter(|line| line["message"] == "a call failed").count();
    assert!((50..=most.min(999)).contains(&told), "{told} of at most {most}");
}

/// Run again in a process of its own by the test below, for what it logs.
#[test]
fn panics_in_a_process_that_logs_json() {
    if std::env::var_os("PANIC_IN_JSON").is_none() {
        return;
    }
    let args = ["recommender", "--model-dir", "x", "--log-format", "json"];
    recommender::init_logging(&recommender::Args::parse_from(args));
    thread::Builder::new()
        .name("worker".to_owned())
        .spawn(|| panic!("out of {}", "cheese"))
        .unwrap()
        .join()
        .unwrap_err();
}

#[test]
fn a_panic_is_a_log_line_like_any_other() {
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "panics_in_a_process_that_logs_json", "--nocapture"])
        .env("PANIC_IN_JSON", "1")
        .output()
        .unwrap();
    let log = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<Value> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let [line] = &lines[..] else { panic!("{log}") };
    assert_eq!(line["message"], "panicked");
    assert_eq!(line["level"], "ERROR");
    assert_eq!(line["reason"], "out of cheese");
    assert_eq!(line["thread"], "worker");
    assert!(line["location"].as_str().unwrap().contains("request_ids.rs"), "{line}");
    assert!(!log.contains("thread 'worker'"), "nothing else is told of it: {log}");
}
