//! Secrets never reach the log, however much is logged.
#![cfg(test)]

mod service_support;
mod tls_support;

use std::{
    fs::{self, File},
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{Child, Command},
    time::Duration,
};

use proto::v1::{ModelInfoRequest, playlist_service_client::PlaylistServiceClient};
use service_support::{DEADLINE, eventually, seeds};
use tls_support::{Authority, TlsFolder, connect};
use tonic::{Code, Request, metadata::MetadataValue, transport::Channel};

const BINARY: &str = env!("CARGO_BIN_EXE_recommender");
const RIGHT: &str = "the-right-token-0123456789";
const WRONG: &str = "the-wrong-token-0123456789";
const SEED: &str = "a seed that nobody may log";
const TOO_SHORT: &str = "short-token";

/// The binary with a log of everything, killed when dropped.
struct Process {
    child: Child,
    folder: tempfile::TempDir,
}

impl Process {
    async fn start(arguments: &[&str]) -> (Self, SocketAddr) {
        let folder = tempfile::tempdir().unwrap();
        let child = Command::new(BINARY)
            .args(["--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0", "--log", "trace"])
            .args(["--log-format", "json", "--poll-interval", "10ms", "--model-dir", "/nowhere"])
            .args(arguments)
            .stderr(File::create(folder.path().join("log")).unwrap())
            .spawn()
            .unwrap();
        let process = Process { child, folder };
        eventually("it serves", || async { process.log().contains(r#""message":"serving""#) }).await;
        let log = process.log();
        let (_, rest) = log.split_once(r#""address":""#).unwrap();
        let address = rest.split_once('"').unwrap().0.parse().unwrap();
        (process, address)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

async fn call(channel: &Channel, token: &str) -> Code {
    let mut request = Request::new(ModelInfoRequest {});
    let authorization = MetadataValue::try_from(format!("Bearer {token}")).unwrap();
    request.metadata_mut().insert("authorization", authorization);
    match PlaylistServiceClient::new(channel.clone()).model_info(request).await {
        Ok(_) => Code::Ok,
        Err(status) => status.code(),
    }
}

#[tokio::test]
async fn nothing_that_is_secret_is_in_the_most_detailed_log() {
    let authority = Authority::new("authority");
    let pair = authority.server(2100);
    let folder = TlsFolder::new(&pair);
    folder.write("tokens", RIGHT);
    let [certificate, key, tokens] =
        ["tls.crt", "tls.key", "tokens"].map(|name| folder.file(name).to_str().unwrap().to_owned());
    let arguments = ["--tls-cert", &certificate, "--tls-key", &key, "--token-file", &tokens];
    let (process, address) = Process::start(&arguments).await;

    let channel = connect(address, &authority, None).await.unwrap();
    // Headers that repeat are sent as a reference to a table.
    for _ in 0..3 {
        assert_eq!(call(&channel, RIGHT).await, Code::Ok);
        assert_eq!(call(&channel, WRONG).await, Code::Unauthenticated);
    }
    let mut request = Request::new(seeds([SEED]));
    request
        .metadata_mut()
        .insert("authorization", MetadataValue::try_from(format!("Bearer {RIGHT}")).unwrap());
    let status = PlaylistServiceClient::new(channel).recommend(request).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    folder.write("tokens", TOO_SHORT);
    eventually("it is refused", || async { process.log().contains("not 16 to 4096 bytes") }).await;
    folder.write("tls.key", &pair.key.replace('\n', ""));
    eventually("it is refused", || async { process.log().contains("lost its line ends") }).await;

    let log = process.log();
    // The test sees what it should: details of HTTP/2 are logged, and paths of files.
    assert!(log.contains(r#""target":"h2::"#), "{log}");
    assert!(log.contains(&tokens), "{log}");
    for secret in [RIGHT, WRONG, TOO_SHORT, SEED, "Bearer"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    for line in pair.key.lines().filter(|line| !line.starts_with("-----")) {
        assert!(!log.contains(line), "a line of the key is in {log}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_are_tokens_that_come_in_another_way() {
    let folder = tempfile::tempdir().unwrap();
    let tokens = folder.path().join("tokens");
    fs::write(&tokens, RIGHT).unwrap();
    let (process, address) = Process::start(&["--token-file", tokens.to_str().unwrap()]).await;
    assert!(process.log().contains("tokens are asked for without TLS"));

    // HTTP/1.1, a header that is none, and a second header.
    let request = |headers: &str| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let path = "/playlist.v1.PlaylistService/ModelInfo";
        let head = format!(
            "POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/grpc\r\n{headers}\r\n"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8_lossy(&answer).into_owned()
    };
    for (headers, expected) in [
        (format!("authorization: Bearer {WRONG}\r\n"), "grpc-status: 16"),
        (format!("authorization: Bearer {RIGHT}\r\nauthorization: Bearer {WRONG}\r\n"), ""),
        (format!("authorization Bearer {RIGHT}\r\n"), "400"),
        (format!("authorization: Bearer {RIGHT}\u{1}\r\n"), ""),
    ] {
        let answer = tokio::task::block_in_place(|| request(&headers));
        assert!(answer.contains(expected), "{headers:?}: {answer}");
        assert!(!answer.contains(RIGHT) && !answer.contains(WRONG), "{answer}");
    }
    let channel = tonic::transport::Endpoint::from_shared(format!("http://{address}")).unwrap();
    let channel = channel.connect_timeout(Duration::from_secs(10)).connect().await.unwrap();
    assert_eq!(call(&channel, RIGHT).await, Code::Ok);

    let log = process.log();
    for secret in [RIGHT, WRONG, "Bearer"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
}
