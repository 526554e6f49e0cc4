//! A volume with small models, and a server on free ports.
#![allow(dead_code, reason = "no test file uses all of it")]

use std::{
    convert::Infallible,
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use bytes::{BufMut as _, Bytes, BytesMut};
use chrono::{DateTime, TimeZone as _, Utc};
use futures_util::{StreamExt as _, stream};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::{
    body::{Frame, Incoming},
    client::conn::http2,
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::{
    Artists, Counts, Dataset, Manifest, Metadata, Parameters, Rule, Rules, Scoring, SeedScoring, Songs,
    Stage, Tables, TrainerBuild, VersionName, Volume,
};
use proto::v1::{
    ModelInfoRequest, ModelInfoResponse, RecommendRequest, playlist_service_client::PlaylistServiceClient,
};
use recommender::{ServeError, Server, Settings};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{self, Instant},
};
use tonic::{
    Code, Status,
    transport::{Channel, Endpoint},
};
use tonic_health::pb::{
    HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient,
};

/// More than anything here takes, even on a machine that is busy otherwise.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Waits until `condition` holds.
#[track_caller]
pub(crate) fn eventually<F>(what: &str, mut condition: impl FnMut() -> F) -> impl Future<Output = ()>
where
    F: Future<Output = bool>,
{
    let caller = std::panic::Location::caller();
    async move {
        let deadline = Instant::now() + DEADLINE;
        while !condition().await {
            assert!(Instant::now() < deadline, "{caller}: not within {DEADLINE:?}: {what}");
            time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Waits for `future`, which must end.
#[track_caller]
pub(crate) fn within_deadline<T>(future: impl Future<Output = T>) -> impl Future<Output = T> {
    let caller = std::panic::Location::caller();
    async move {
        match time::timeout(DEADLINE, future).await {
            Ok(value) => value,
            Err(_) => panic!("{caller}: not within {DEADLINE:?}"),
        }
    }
}

/// When the model of a training with the number `number` was trained.
pub(crate) fn trained_at(number: u32) -> DateTime<Utc> {
    Utc.with_ymd_and_hms(2026, 1, 2, 3, 4, 5).unwrap() + chrono::TimeDelta::days(number.into())
}

/// Four songs of ten playlists; the first one's title is `first_title`. From song 0 rules lead to 1 and 2, from song 1 to 0,
/// from the artist of both to 2, and none leads to 3.
fn tables(first_title: &str) -> Tables {
    let mut songs = Songs::default();
    songs.push(first_title, "Kendrick Lamar", ["sample:track:a", "sample:track:b"], 8).unwrap();
    songs.push("DNA.", "Kendrick Lamar", ["sample:track:c"], 5).unwrap();
    songs.push("Congratulations", "Post Malone", ["sample:track:d"], 4).unwrap();
    songs.push("Águas de Março", "", [], 2).unwrap();
    let mut artists = Artists::default();
    artists.push("Kendrick Lamar", 9, &[0, 1]).unwrap();
    artists.push("Post Malone", 4, &[2]).unwrap();
    let mut rules = Rules::default();
    for (antecedent, antecedent_count, consequent, support_count, weight) in
        [(&[0][..], 8, 1, 4, 127), (&[0], 8, 2, 2, 63), (&[1], 5, 0, 4, 204)]
    {
        let rule = Rule { antecedent, antecedent_count, consequent, support_count, weight, many_weight: 0 };
        rules.push(rule).unwrap();
    }
    let mut artist_rules = Rules::default();
    artist_rules
        .push(Rule {
            antecedent: &[0],
            antecedent_count: 9,
            consequent: 2,
            support_count: 3,
            weight: 85,
            many_weight: 0,
        })
        .unwrap();
    Tables { songs, artists, rules, artist_rules }
}

/// So many songs, each of which leads to all others. `DNA.` is the first, and the second its strongest neighbour.
fn dense_tables(count: u32) -> Tables {
    let mut songs = Songs::default();
    for number in 0..count {
        let title = match number {
            0 => "DNA.".to_owned(),
            1 => "HUMBLE. 1".to_owned(),
            _ => format!("Song {number}"),
        };
        songs
            .push(&title, &format!("Artist {number}"), [format!("sample:track:{number}").as_str()], 8)
            .unwrap();
    }
    let mut artists = Artists::default();
    for number in 0..count {
        artists.push(&format!("Artist {number}"), 8, &[number]).unwrap();
    }
    let mut rules = Rules::default();
    for antecedent in 0..count {
        for consequent in (0..count).filter(|consequent| *consequent != antecedent) {
            let weight = if consequent < 2 { 200 } else { 100 };
            let rule = Rule {
                antecedent: &[antecedent],
                antecedent_count: 8,
                consequent,
                support_count: 4,
                weight,
                many_weight: weight,
            };
            rules.push(rule).unwrap();
        }
    }
    Tables { songs, artists, rules, artist_rules: Rules::default() }
}

fn metadata(number: u32) -> Metadata {
    Metadata {
        trained_at: trained_at(number),
        key: format!("key {number}"),
        trainer: TrainerBuild { version: "0.1.0".to_owned(), revision: "abc".to_owned() },
        dataset: Dataset {
            location: "https://example.org/playlists.csv".to_owned(),
            etag: Some("\"v1\"".to_owned()),
            sha256: "00".repeat(32),
            bytes: 1_234,
            rows: 20,
            skipped_rows: 1,
            playlists: 10,
            songs: 4,
            artists: 2,
        },
        parameters: Parameters {
            item_key: "song".to_owned(),
            min_support: "20%".to_owned(),
            min_support_count: 2,
            min_confidence: "0.25".to_owned(),
            min_pair_count: 2,
            max_rules_per_song: Some(500),
            max_length: None,
            max_consequent_length: 1,
        },
        counts: Counts {
            itemsets: 6,
            itemsets_by_size: vec![4, 2],
            itemset_rules: 2,
            one_song_rules: 3,
            artist_rules: 1,
            rules: 3,
            ..Counts::default()
        },
        scoring: Scoring {
            weight_scale: 1.0 / 255.0,
            many_weight_scale: 2.0,
            artist_weight_scale: 3.0,
            by_seeds: vec![SeedScoring { seeds: 1, many_share: 0.0, damping: 0.4, artist_share: 0.0 }],
        },
        learning: None,
        evaluation: None,
        refusal: None,
        stages: vec![Stage {
            stage: "mine".to_owned(),
            seconds: 0.5,
            rows_per_second: Some(40.0),
            peak_memory_bytes: Some(1 << 20),
        }],
    }
}

/// A volume in a folder that goes with it. The folder of the volume itself is made by the first publication.
pub(crate) struct TestVolume {
    folder: tempfile::TempDir,
}

impl TestVolume {
    pub(crate) fn new() -> Self {
        TestVolume { folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("volume")
    }

    pub(crate) fn volume(&self) -> Volume {
        Volume::new(self.path())
    }

    /// Stores training `number`, whose first song is `HUMBLE.` and the number, and puts it in service.
    pub(crate) fn publish(&self, number: u32) -> VersionName {
        let version = self.store(number);
        self.put_in_service(&version);
        version
    }

    pub(crate) fn store(&self, number: u32) -> VersionName {
        let volume = self.volume();
        let publication = volume.publication(DEADLINE).unwrap();
        publication.store(&metadata(number), &tables(&format!("HUMBLE. {number}"))).unwrap()
    }

    /// Puts a model in service in which every song leads to every other, so that answers can be large.
    pub(crate) fn publish_dense(&self, songs: u32) -> VersionName {
        let volume = self.volume();
        let publication = volume.publication(DEADLINE).unwrap();
        let mut metadata = metadata(1);
        (metadata.dataset.songs, metadata.dataset.artists) = (songs, songs);
        let rules = u64::from(songs) * u64::from(songs - 1);
        (metadata.counts.rules, metadata.counts.one_song_rules) = (rules, rules);
        metadata.counts.artist_rules = 0;
        let version = publication.store(&metadata, &dense_tables(songs)).unwrap();
        publication.put_in_service(&version).unwrap();
        version
    }

    pub(crate) fn put_in_service(&self, version: &VersionName) {
        let volume = self.volume();
        let publication = volume.publication(DEADLINE).unwrap();
        publication.put_in_service(version).unwrap();
    }

    /// Writes the name into `CURRENT`, which a publication would refuse for a damaged version.
    pub(crate) fn put_in_service_anyway(&self, version: &VersionName) {
        let beside = self.path().join(".CURRENT");
        fs::write(&beside, format!("{version}\n")).unwrap();
        fs::rename(beside, self.path().join("CURRENT")).unwrap();
    }

    pub(crate) fn file(&self, version: &VersionName, name: &str) -> PathBuf {
        self.path().join("versions").join(version.as_str()).join(name)
    }

    /// Flips a bit in the middle of a file and returns what it held before.
    pub(crate) fn damage(&self, version: &VersionName, name: &str) -> Vec<u8> {
        let path = self.file(version, name);
        let intact = fs::read(&path).unwrap();
        let mut bytes = intact.clone();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(path, bytes).unwrap();
        intact
    }
}

/// Settings for a test: free ports, quick polls, and no delay before the drain.
pub(crate) fn settings(model_dir: &Path) -> Settings {
    Settings {
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        metrics_listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        poll_interval: Duration::from_millis(20),
        drain_delay: Duration::ZERO,
        grace_period: DEADLINE,
        served_by: "replica-1".to_owned(),
        ..Settings::new(model_dir)
    }
}

/// A server in this process.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) metrics_address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    served: JoinHandle<Result<(), ServeError>>,
}

impl TestServer {
    /// Serves `volume`, which may have no model.
    pub(crate) async fn start(volume: &TestVolume) -> Self {
        Self::start_with(settings(&volume.path())).await
    }

    pub(crate) async fn start_with(settings: Settings) -> Self {
        let server = Server::bind(settings).await.unwrap();
        let (address, metrics_address) = (server.local_addr(), server.metrics_addr());
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server.serve(async { _ = stopped.await }));
        TestServer { address, metrics_address, stop: Some(stop), served }
    }

    /// Serves `volume` and waits until the model that it has is in service.
    pub(crate) async fn start_ready(volume: &TestVolume) -> Self {
        let server = Self::start(volume).await;
        server.wait_until_ready().await;
        server
    }

    pub(crate) async fn wait_until_ready(&self) {
        let health = self.health().await;
        eventually("ready", || {
            let mut health = health.clone();
            async move { check(&mut health, "").await == ServingStatus::Serving }
        })
        .await;
    }

    pub(crate) async fn channel(&self) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.address)).unwrap().connect().await.unwrap()
    }

    pub(crate) async fn client(&self) -> PlaylistServiceClient<Channel> {
        PlaylistServiceClient::new(self.channel().await)
    }

    pub(crate) async fn health(&self) -> HealthClient<Channel> {
        HealthClient::new(self.channel().await)
    }

    pub(crate) async fn model_info(&self) -> ModelInfoResponse {
        self.client().await.model_info(ModelInfoRequest {}).await.unwrap().into_inner()
    }

    /// Waits until the model `version` answers.
    pub(crate) async fn wait_for(&self, version: &VersionName) {
        eventually("the version is in service", || async {
            self.model_info().await.model_version == version.as_str()
        })
        .await;
    }

    /// The body of `path` on the port of the metrics.
    pub(crate) async fn get(&self, path: &str) -> String {
        get(self.metrics_address, path).await
    }

    /// The value of the sample `name`, which includes its labels.
    pub(crate) async fn metric(&self, name: &str) -> Option<f64> {
        metric(self.metrics_address, name).await
    }

    /// Begins the drain.
    pub(crate) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// How the server ended.
    pub(crate) async fn ended(self) -> Result<(), ServeError> {
        within_deadline(self.served).await.unwrap()
    }
}

pub(crate) async fn check(health: &mut HealthClient<Channel>, service: &str) -> ServingStatus {
    let request = HealthCheckRequest { service: service.to_owned() };
    health.check(request).await.unwrap().into_inner().status()
}

pub(crate) fn seeds<const N: usize>(songs: [&str; N]) -> RecommendRequest {
    RecommendRequest { songs: songs.map(str::to_owned).to_vec(), ..Default::default() }
}

/// The reason in an error's ErrorInfo, whose domain must be ours.
#[track_caller]
pub(crate) fn reason_of(status: &Status) -> String {
    use tonic_types::StatusExt as _;
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "playlist.v1");
    info.reason
}

async fn get(address: SocketAddr, path: &str) -> String {
    let accept = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5";
    let (head, body) = http(address, "GET", path, accept).await;
    assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
    body
}

/// Head and body of the answer to a request on the port of the metrics; `header` is a line of its head.
pub(crate) async fn http(address: SocketAddr, method: &str, path: &str, header: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{header}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    let (head, body) = response.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

/// The value of the sample `name`, which includes its labels, of the server with these metrics.
pub(crate) async fn metric(address: SocketAddr, name: &str) -> Option<f64> {
    let text = get(address, "/metrics").await;
    text.lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))
        .map(|value| value.parse().unwrap())
}

/// What a call on a [`RawConnection`] ends with.
pub(crate) type RawAnswer = Result<http::Response<Incoming>, hyper::Error>;

type Frames = stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>;

/// A connection that does what a test says and no more, where tonic's channel would end calls and connect again by itself.
pub(crate) struct RawConnection {
    address: SocketAddr,
    sender: http2::SendRequest<StreamBody<Frames>>,
    connection: JoinHandle<Result<(), hyper::Error>>,
}

impl RawConnection {
    pub(crate) async fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        let (sender, connection) =
            http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        let mut connection = RawConnection { address, sender, connection: tokio::spawn(connection) };
        // The server has taken the connection when it has answered something.
        let (body, answer) = connection.call("grpc.health.v1.Health/Check", "1M");
        body.send(framed(&HealthCheckRequest { service: "liveness".to_owned() })).unwrap();
        drop(body);
        let answer = within_deadline(answer).await.unwrap().unwrap();
        assert_eq!(code_of(answer).await, Code::Ok);
        connection
    }

    /// Begins a call of `method`. Its request is what is sent into the first of what is returned, until that is dropped.
    pub(crate) fn call(
        &mut self,
        method: &str,
        timeout: &str,
    ) -> (mpsc::UnboundedSender<Bytes>, JoinHandle<RawAnswer>) {
        let (body, received) = mpsc::unbounded_channel();
        let frames = stream::unfold(received, |mut received| async {
            let bytes = received.recv().await?;
            Some((Ok::<_, Infallible>(Frame::data(bytes)), received))
        });
        let request = http::Request::post(format!("http://{}/{method}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .header("grpc-timeout", timeout)
            .body(StreamBody::new(frames.boxed()))
            .unwrap();
        (body, tokio::spawn(self.sender.send_request(request)))
    }

    /// How the connection ended.
    pub(crate) async fn ended(&mut self) -> Result<(), hyper::Error> {
        (&mut self.connection).await.unwrap()
    }
}

/// The gRPC status of an answer that has come to its end.
pub(crate) async fn code_of(answer: http::Response<Incoming>) -> Code {
    let (head, body) = answer.into_parts();
    let trailers = body.collect().await.unwrap().trailers().cloned().unwrap_or_default();
    let status = head.headers.get("grpc-status").or(trailers.get("grpc-status")).unwrap();
    Code::from_bytes(status.as_bytes())
}

/// A message as gRPC sends it: not compressed, its length, itself.
pub(crate) fn framed(message: &impl prost::Message) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_u8(0);
    bytes.put_u32(message.encoded_len().try_into().unwrap());
    message.encode(&mut bytes).unwrap();
    bytes.freeze()
}

/// Calls `Recommend` without a body, and waits until the server has noticed. The body is what is sent later.
pub(crate) async fn open_call(
    address: SocketAddr,
    metrics_address: SocketAddr,
) -> (mpsc::UnboundedSender<Bytes>, JoinHandle<RawAnswer>) {
    open_call_with_timeout(address, metrics_address, "1M").await
}

/// The same for a call whose `grpc-timeout` is `timeout`.
pub(crate) async fn open_call_with_timeout(
    address: SocketAddr,
    metrics_address: SocketAddr,
    timeout: &str,
) -> (mpsc::UnboundedSender<Bytes>, JoinHandle<RawAnswer>) {
    let mut connection = RawConnection::open(address).await;
    let (body, answer) = connection.call("playlist.v1.PlaylistService/Recommend", timeout);
    let in_flight = r#"recommender_requests_in_flight{method="playlist.v1.PlaylistService/Recommend"}"#;
    eventually("the call is in flight", || async { metric(metrics_address, in_flight).await == Some(1.0) })
        .await;
    (body, answer)
}

/// Replaces the manifest of a stored version, which becomes another version by that.
pub(crate) fn rename_to_manifest(volume: &Volume, version: &VersionName, manifest: &Manifest) -> VersionName {
    use sha2::{Digest as _, Sha256};

    let bytes = serde_json::to_vec(manifest).unwrap();
    let digest: String = Sha256::digest(&bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    let renamed: VersionName = format!("renamed-{digest}").parse().unwrap();
    let folder = |version: &VersionName| volume.root().join("versions").join(version.as_str());
    fs::write(folder(version).join("manifest.json"), bytes).unwrap();
    fs::rename(folder(version), folder(&renamed)).unwrap();
    renamed
}
