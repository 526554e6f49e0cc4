//! Tokens: who may call, and how tokens are replaced. And what strangers may see.
#![cfg(test)]

mod service_support;

use std::{fs, path::PathBuf};

use proto::v1::{ModelInfoRequest, playlist_service_client::PlaylistServiceClient};
use recommender::{Security, Server, Settings};
use service_support::{TestServer, TestVolume, check, eventually, reason_of, settings};
use tonic::{Code, Request, Status, client::Grpc, metadata::MetadataValue, transport::Channel};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_reflection::pb::v1::{
    ServerReflectionRequest, server_reflection_client::ServerReflectionClient,
    server_reflection_request::MessageRequest,
};

const ONE: &str = "Qm9iJ3MgdG9rZW4gZm9yIHRlc3Rz";
const TWO: &str = "another-token-for-tests-0123456789";

/// A folder with a file of tokens.
struct TokenFile(tempfile::TempDir);

impl TokenFile {
    fn new(text: &str) -> Self {
        let file = TokenFile(tempfile::tempdir().unwrap());
        file.write(text);
        file
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("tokens")
    }

    fn write(&self, text: &str) {
        let beside = self.0.path().join(".beside");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path()).unwrap();
    }

    fn settings(&self, volume: &TestVolume) -> Settings {
        let security = Security { token_file: Some(self.path()), ..Security::default() };
        Settings { security, ..settings(&volume.path()) }
    }
}

/// `message` with `authorization`.
fn request<T>(message: T, authorization: &str) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", MetadataValue::try_from(authorization).unwrap());
    request
}

async fn model_info(channel: &Channel, authorization: &str) -> Result<(), Status> {
    let mut client = PlaylistServiceClient::new(channel.clone());
    client.model_info(request(ModelInfoRequest {}, authorization)).await.map(|_| ())
}

async fn reloads(server: &TestServer, outcome: &str) -> f64 {
    let name = format!(r#"recommender_secret_reloads_total{{files="tokens",outcome="{outcome}"}}"#);
    server.metric(&name).await.unwrap()
}

#[tokio::test]
async fn a_call_needs_one_of_the_tokens() {
    let volume = TestVolume::new();
    let tokens = TokenFile::new(&format!("# of the web site\n  {ONE}\r\n\n{TWO}\n"));
    let server = TestServer::start_with(tokens.settings(&volume)).await;
    let channel = server.channel().await;

    for token in [ONE, TWO] {
        model_info(&channel, &format!("Bearer {token}")).await.unwrap();
        model_info(&channel, &format!("bearer  {token}")).await.unwrap();
    }
    for wrong in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        ONE.to_owned(),
        format!("Basic {ONE}"),
        format!("Bearer{ONE}"),
        format!("Bearer {}", &ONE[1..]),
        format!("Bearer {}", &ONE[..ONE.len() - 1]),
        format!("Bearer {ONE}x"),
        format!("Bearer {ONE}{TWO}"),
        format!("Bearer {ONE} {TWO}"),
        format!("Bearer {ONE}\n{TWO}").replace('\n', ","),
        "Bearer # of the web site".to_owned(),
        format!("Bearer {}", ONE.to_lowercase()),
    ] {
        let status = model_info(&channel, &wrong).await.unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{wrong:?}");
        assert_eq!(reason_of(&status), "TOKEN_INVALID");
        assert!(!status.message().contains(ONE));
    }
    let mut client = PlaylistServiceClient::new(channel);
    let status = client.model_info(ModelInfoRequest {}).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    assert_eq!(reason_of(&status), "TOKEN_MISSING");
    assert!(status.message().contains("authorization: Bearer <token>"), "{}", status.message());
    let counted = r#"recommender_requests_total{method="playlist.v1.PlaylistService/ModelInfo",code="UNAUTHENTICATED"}"#;
    assert_eq!(server.metric(counted).await, Some(15.0));
}

#[tokio::test]
async fn whatever_is_no_health_check_needs_a_token() {
    let volume = TestVolume::new();
    let tokens = TokenFile::new(ONE);
    let server = TestServer::start_with(tokens.settings(&volume)).await;
    let channel = server.channel().await;

    // Probes cannot send one.
    assert_eq!(check(&mut server.health().await, "liveness").await, ServingStatus::Serving);

    let question = || tokio_stream::iter([ServerReflectionRequest::default()]);
    let mut reflection = ServerReflectionClient::new(channel.clone());
    let status = reflection.server_reflection_info(question()).await.unwrap_err();
    assert_eq!(status.code(), Code::Unauthenticated);
    let mut reflection = ServerReflectionClient::new(channel.clone());
    reflection.server_reflection_info(request(question(), &format!("Bearer {ONE}"))).await.unwrap();

    for path in ["/nobody/Knows", "/grpc.health.v1.HealthX/Check", "//grpc.health.v1.Health/Check"] {
        let mut grpc = Grpc::new(channel.clone());
        grpc.ready().await.unwrap();
        let codec = tonic_prost_codec();
        let status = grpc
            .unary(Request::new(ModelInfoRequest {}), path.parse().unwrap(), codec)
            .await
            .map(|_| ())
            .unwrap_err();
        assert_eq!(status.code(), Code::Unauthenticated, "{path}");
    }
}

fn tonic_prost_codec() -> tonic_prost::ProstCodec<ModelInfoRequest, proto::v1::ModelInfoResponse> {
    tonic_prost::ProstCodec::default()
}

#[tokio::test]
async fn tokens_are_replaced_without_a_new_connection() {
    let volume = TestVolume::new();
    let tokens = TokenFile::new(ONE);
    let server = TestServer::start_with(tokens.settings(&volume)).await;
    let channel = server.channel().await;
    let [one, two] = [ONE, TWO].map(|token| format!("Bearer {token}"));
    model_info(&channel, &one).await.unwrap();
    model_info(&channel, &two).await.unwrap_err();

    tokens.write(&format!("{ONE}\n{TWO}\n"));
    eventually("both are accepted", || async { model_info(&channel, &two).await.is_ok() }).await;
    model_info(&channel, &one).await.unwrap();
    tokens.write(TWO);
    eventually("the old one is refused", || async { model_info(&channel, &one).await.is_err() }).await;
    model_info(&channel, &two).await.unwrap();

    for bad in ["", "# none\n", "too-short\n", &format!("{ONE}\n\u{e9}{TWO}\n")] {
        let before = reloads(&server, "failed").await;
        tokens.write(bad);
        eventually("it is counted", || async { reloads(&server, "failed").await > before }).await;
        model_info(&channel, &two).await.unwrap();
        model_info(&channel, &one).await.unwrap_err();
    }
    assert_eq!(reloads(&server, "reloaded").await, 2.0);
}

#[tokio::test]
async fn a_file_without_usable_tokens_ends_the_start_and_is_named() {
    let volume = TestVolume::new();
    for (text, reason) in [
        ("".to_owned(), "no token"),
        ("# none\n\n".to_owned(), "no token"),
        (format!("{ONE}\nonly-15-bytes.!\n"), "line 2"),
        ("x".repeat(4097), "line 1"),
        (format!("# comment\n{ONE} {TWO}\n"), "line 2"),
        (format!("\u{feff}{ONE}\n"), "line 1"),
    ] {
        let tokens = TokenFile::new(&text);
        let error = Server::bind(tokens.settings(&volume)).await.err().expect("an error");
        let error = format!("{error}: {}", std::error::Error::source(&error).unwrap());
        assert!(error.contains(reason), "{text:?}: {error}");
        assert!(error.contains(&tokens.path().display().to_string()), "{error}");
        assert!(!error.contains(ONE) && !error.contains("only-15"), "{error}");
    }
    let tokens = TokenFile::new(&"x".repeat(16));
    assert!(Server::bind(tokens.settings(&volume)).await.is_ok());
    let folder = Security { token_file: Some(volume.path()), ..Security::default() };
    assert!(Server::bind(Settings { security: folder, ..settings(&volume.path()) }).await.is_err());
}

#[tokio::test]
async fn without_reflection_the_service_does_not_describe_itself() {
    let volume = TestVolume::new();
    let security = Security { reflection: false, ..Security::default() };
    let server = TestServer::start_with(Settings { security, ..settings(&volume.path()) }).await;
    let question = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::ListServices(String::new())),
    };
    let mut reflection = ServerReflectionClient::new(server.channel().await);
    let status = reflection.server_reflection_info(tokio_stream::iter([question])).await.unwrap_err();
    assert_eq!(status.code(), Code::Unimplemented);
    server.model_info().await;
}
