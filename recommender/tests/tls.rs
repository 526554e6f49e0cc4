//! TLS on the port of gRPC: who may connect, and how certificates are replaced.
#![cfg(test)]

mod service_support;
mod tls_support;

use std::{os::unix::fs::symlink, sync::Arc, time::Duration};

use proto::v1::{ModelInfoRequest, playlist_service_client::PlaylistServiceClient};
use recommender::{Server, Settings, TlsFiles};
use rustls::{ClientConfig, RootCertStore, pki_types};
use service_support::{TestServer, TestVolume, eventually, settings, within_deadline};
use tls_support::{Authority, Pair, TlsFolder, connect, with_tls};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    time::Instant,
};
use tokio_rustls::TlsConnector;
use tonic::{Status, transport::Channel};

/// Whether a call on `channel` is answered.
async fn call(channel: Channel) -> Result<(), Status> {
    PlaylistServiceClient::new(channel).model_info(ModelInfoRequest {}).await.map(|_| ())
}

/// Whether a new connection comes about and a call on it is answered.
async fn call_anew(server: &TestServer, authority: &Authority, client: Option<&Pair>) -> Result<(), String> {
    let connected = within_deadline(connect(server.address, authority, client));
    let channel = connected.await.map_err(|error| format!("{error:?}"))?;
    within_deadline(call(channel)).await.map_err(|error| format!("{error:?}"))
}

async fn start(volume: &TestVolume, tls: TlsFiles) -> TestServer {
    TestServer::start_with(with_tls(settings(&volume.path()), tls)).await
}

async fn reloads(server: &TestServer, outcome: &str) -> f64 {
    let name = format!(r#"recommender_secret_reloads_total{{files="tls",outcome="{outcome}"}}"#);
    server.metric(&name).await.unwrap()
}

async fn handshakes(server: &TestServer, outcome: &str) -> f64 {
    let name = format!(r#"recommender_tls_handshakes_total{{outcome="{outcome}"}}"#);
    server.metric(&name).await.unwrap()
}

async fn expiry(server: &TestServer) -> f64 {
    server.metric("recommender_tls_certificate_expiry_timestamp_seconds").await.unwrap()
}

#[tokio::test]
async fn with_a_certificate_calls_are_answered_over_tls_alone() {
    let (volume, authority) = (TestVolume::new(), Authority::new("authority"));
    let folder = TlsFolder::new(&authority.server(2100));
    let mut server = start(&volume, folder.tls_files(None)).await;

    call_anew(&server, &authority, None).await.unwrap();
    assert_eq!(handshakes(&server, "succeeded").await, 1.0);
    // 2100-01-01T00:00:00Z.
    assert_eq!(expiry(&server).await, 4_102_444_800.0);

    let plain = tonic::transport::Endpoint::from_shared(format!("http://{}", server.address)).unwrap();
    within_deadline(call(plain.connect_lazy())).await.unwrap_err();
    eventually("the failed handshake is counted", || async { handshakes(&server, "failed").await >= 1.0 })
        .await;
    server.stop();
    server.ended().await.unwrap();
}

#[tokio::test]
async fn without_a_certificate_there_are_no_metrics_of_tls() {
    let server = TestServer::start(&TestVolume::new()).await;
    let metrics = server.get("/metrics").await;
    assert!(!metrics.contains("recommender_tls_"), "{metrics}");
    assert!(!metrics.contains(r#"files=""#), "{metrics}");
}

#[tokio::test]
async fn with_an_authority_for_clients_a_client_needs_its_certificate() {
    let (volume, authority) = (TestVolume::new(), Authority::new("for servers"));
    let (for_clients, stranger) = (Authority::new("for clients"), Authority::new("stranger"));
    let folder = TlsFolder::new(&authority.server(2100));
    folder.write("ca.crt", &for_clients.pem);
    let server = start(&volume, folder.tls_files(Some("ca.crt"))).await;

    let none = call_anew(&server, &authority, None).await.unwrap_err();
    assert!(none.contains("CertificateRequired"), "{none}");
    let wrong = call_anew(&server, &authority, Some(&stranger.client())).await.unwrap_err();
    assert!(wrong.contains("UnknownCA"), "{wrong}");
    let for_a_server = call_anew(&server, &authority, Some(&for_clients.server(2100))).await.unwrap_err();
    assert!(for_a_server.contains("received fatal alert"), "{for_a_server}");
    assert_eq!(handshakes(&server, "succeeded").await, 0.0);

    call_anew(&server, &authority, Some(&for_clients.client())).await.unwrap();
}

#[tokio::test]
async fn new_connections_get_a_changed_certificate_and_open_ones_go_on() {
    let volume = TestVolume::new();
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let folder = TlsFolder::new(&before.server(2100));
    let server = start(&volume, folder.tls_files(None)).await;
    let open = connect(server.address, &before, None).await.unwrap();
    call(open.clone()).await.unwrap();

    // Between the two, the files do not belong together.
    let pair = after.server(2101);
    folder.write("tls.crt", &pair.certificate);
    eventually("the half of a change is refused", || async { reloads(&server, "failed").await > 0.0 }).await;
    call_anew(&server, &before, None).await.unwrap();
    assert_eq!(expiry(&server).await, 4_102_444_800.0);
    folder.write("tls.key", &pair.key);
    eventually("the change is noticed", || async { reloads(&server, "reloaded").await == 1.0 }).await;

    call_anew(&server, &after, None).await.unwrap();
    call_anew(&server, &before, None).await.unwrap_err();
    assert_eq!(expiry(&server).await, 4_133_980_800.0);
    call(open).await.unwrap();
}

#[tokio::test]
async fn an_authority_for_clients_is_replaced_too() {
    let (volume, authority) = (TestVolume::new(), Authority::new("for servers"));
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let folder = TlsFolder::new(&authority.server(2100));
    folder.write("ca.crt", &before.pem);
    let server = start(&volume, folder.tls_files(Some("ca.crt"))).await;
    let (old_client, new_client) = (before.client(), after.client());
    call_anew(&server, &authority, Some(&old_client)).await.unwrap();
    call_anew(&server, &authority, Some(&new_client)).await.unwrap_err();

    folder.write("ca.crt", &after.pem);
    eventually("the change is noticed", || async { reloads(&server, "reloaded").await == 1.0 }).await;

    call_anew(&server, &authority, Some(&old_client)).await.unwrap_err();
    call_anew(&server, &authority, Some(&new_client)).await.unwrap();
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_certificate_as_it_is() {
    let (volume, authority) = (TestVolume::new(), Authority::new("authority"));
    let pair = authority.server(2100);
    let folder = TlsFolder::new(&pair);
    let server = start(&volume, folder.tls_files(None)).await;
    let half = &pair.key[..pair.key.len() / 2];
    for bad in ["", half, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", &pair.certificate]
    {
        let before = reloads(&server, "failed").await;
        folder.write("tls.key", bad);
        eventually("it is counted", || async { reloads(&server, "failed").await > before }).await;
        call_anew(&server, &authority, None).await.unwrap();
    }
    std::fs::remove_file(folder.file("tls.key")).unwrap();
    let before = reloads(&server, "failed").await;
    eventually("it is counted", || async { reloads(&server, "failed").await > before + 1.0 }).await;
    call_anew(&server, &authority, None).await.unwrap();
    assert_eq!(reloads(&server, "reloaded").await, 0.0);
}

/// Kubernetes replaces the link `..data`, through which all files of a secret are seen.
#[tokio::test]
async fn a_secret_that_is_replaced_by_a_link_is_noticed() {
    let volume = TestVolume::new();
    let (before, after) = (Authority::new("before"), Authority::new("after"));
    let (first, second) = (TlsFolder::new(&before.server(2100)), TlsFolder::new(&after.server(2100)));
    let mount = tempfile::tempdir().unwrap();
    let [data, beside] = ["..data", "..data_tmp"].map(|name| mount.path().join(name));
    symlink(first.path(), &data).unwrap();
    for name in ["tls.crt", "tls.key"] {
        symlink(format!("..data/{name}"), mount.path().join(name)).unwrap();
    }
    let files = TlsFiles {
        tls_cert: mount.path().join("tls.crt"),
        tls_key: mount.path().join("tls.key"),
        tls_client_ca: None,
    };
    let server = start(&volume, files).await;
    call_anew(&server, &before, None).await.unwrap();

    symlink(second.path(), &beside).unwrap();
    std::fs::rename(beside, data).unwrap();
    eventually("the change is noticed", || async { reloads(&server, "reloaded").await == 1.0 }).await;

    call_anew(&server, &after, None).await.unwrap();
}

#[tokio::test]
async fn clients_that_do_not_finish_their_handshake_delay_nobody() {
    let (volume, authority) = (TestVolume::new(), Authority::new("authority"));
    let folder = TlsFolder::new(&authority.server(2100));
    let mut server = start(&volume, folder.tls_files(None)).await;
    // One after the other they would take as many times ten seconds.
    let mut silent = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The beginning of a record with a ClientHello.
        stream.write_all(&[0x16, 0x03, 0x01, 0x02]).await.unwrap();
        silent.push(stream);
    }
    call_anew(&server, &authority, None).await.unwrap();
    // Nor do they hold up the end: they have no call to lose.
    server.stop();
    server.ended().await.unwrap();
}

/// The status of `path` on the port of the metrics.
async fn status_of(server: &TestServer, path: &str) -> String {
    let mut stream = TcpStream::connect(server.metrics_address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    response.split(' ').nth(1).unwrap().to_owned()
}

/// The kubelet speaks no gRPC over TLS.
#[tokio::test]
async fn probes_without_tls_learn_on_the_other_port_whether_the_replica_is_ready() {
    let (volume, authority) = (TestVolume::new(), Authority::new("authority"));
    let folder = TlsFolder::new(&authority.server(2100));
    let settings = with_tls(settings(&volume.path()), folder.tls_files(None));
    // It drains for as long as the test needs.
    let mut server = start_with(Settings { drain_delay: Duration::from_secs(600), ..settings }).await;
    assert_eq!(status_of(&server, "/healthz").await, "200");
    assert_eq!(status_of(&server, "/readyz").await, "503");

    volume.publish(1);
    eventually("ready", || async { status_of(&server, "/readyz").await == "200" }).await;
    server.stop();
    eventually("not ready", || async { status_of(&server, "/readyz").await == "503" }).await;
    assert_eq!(status_of(&server, "/healthz").await, "200");
}

/// The time until the server ends a connection whose client sends `bytes` and no more, after a handshake if `tls`.
async fn time_until_closed(tls: bool, bytes: &[u8]) -> Duration {
    let (volume, authority) = (TestVolume::new(), Authority::new("authority"));
    let folder = TlsFolder::new(&authority.server(2100));
    // Looks at files are on threads of their own, which the clock of the test waits for.
    let poll_interval = Duration::from_secs(5);
    let server =
        start_with(Settings { poll_interval, ..with_tls(settings(&volume.path()), folder.tls_files(None)) })
            .await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let began = Instant::now();
    let mut answer = Vec::new();
    if tls {
        let mut roots = RootCertStore::empty();
        roots.add(pki_types::pem::PemObject::from_pem_slice(authority.pem.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        let name = "localhost".try_into().unwrap();
        let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let _ = stream.read_to_end(&mut answer).await;
    } else {
        stream.write_all(bytes).await.unwrap();
        // Reset or ended, it is closed.
        let _ = stream.read_to_end(&mut answer).await;
    }
    began.elapsed()
}

async fn start_with(settings: Settings) -> TestServer {
    TestServer::start_with(settings).await
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_finish_its_handshake_is_cut_off() {
    for bytes in [&b""[..], &[0x16, 0x03, 0x01, 0x02]] {
        let time = time_until_closed(false, bytes).await;
        assert!((Duration::from_secs(10)..Duration::from_secs(15)).contains(&time), "{bytes:?}: {time:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_nothing_after_its_handshake_is_cut_off() {
    for (bytes, seconds) in
        [(&b""[..], 10), (b"P", 10), (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r", 10), (b"GET / HT", 30)]
    {
        let time = time_until_closed(true, bytes).await;
        let expected = Duration::from_secs(seconds)..Duration::from_secs(seconds + 10);
        assert!(expected.contains(&time), "{bytes:?}: {time:?}");
    }
}

#[tokio::test]
async fn files_that_cannot_be_used_end_the_start_and_are_named() {
    let (volume, authority) = (TestVolume::new(), Authority::new("authority"));
    let (pair, other) = (authority.server(2100), authority.server(2100));
    // A key that has lost its line ends is one line, which no message may repeat.
    let one_line = pair.key.replace('\n', "");
    let secret = &pair.key.lines().nth(1).unwrap()[..32];
    for (name, contents, reason) in [
        ("tls.crt", "", "no certificate"),
        ("tls.crt", &pair.certificate[..pair.certificate.len() / 2], "cut off"),
        ("tls.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "cannot be read"),
        ("tls.crt", &pair.key, "no certificate"),
        ("tls.key", "", "no private key"),
        ("tls.key", &other.key, "not the key of the first certificate"),
        ("tls.key", &pair.key.replacen('M', "!", 1), "not Base64"),
        ("tls.key", &one_line, "lost its line ends"),
        ("tls.key", &one_line.replace("-----END", "\n-----END"), "not PEM"),
        ("ca.crt", "", "no certificate"),
        ("ca.crt", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "authority"),
    ] {
        let folder = TlsFolder::new(&pair);
        folder.write("ca.crt", &authority.pem);
        folder.write(name, contents);
        let settings = with_tls(settings(&volume.path()), folder.tls_files(Some("ca.crt")));
        let error = Server::bind(settings).await.err().expect("an error");
        let error = format!("{error}: {}", std::error::Error::source(&error).unwrap());
        assert!(error.contains(&folder.file(name).display().to_string()), "{name}: {error}");
        assert!(error.contains(reason), "{name}, {reason}: {error}");
        assert!(!error.contains(secret), "{error}");
    }
    let folder = TlsFolder::new(&pair);
    let settings = with_tls(settings(&volume.path()), folder.tls_files(Some("nowhere")));
    assert!(Server::bind(settings).await.is_err());
}
