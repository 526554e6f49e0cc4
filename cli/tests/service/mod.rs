//! A service of the contract with a catalogue of six songs, and the program that asks it.

#![allow(dead_code, reason = "each test file uses its part")]

mod information;

use std::{
    collections::HashMap,
    net::SocketAddr,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use assert_cmd::Command;
use prost_types::Timestamp;
use proto::v1::{
    self, Match, RefreshOutcome, Source,
    playlist_service_server::{PlaylistService, PlaylistServiceServer},
};
use tokio::{net::TcpListener, runtime::Runtime, sync::watch};
use tokio_stream::{
    Stream, StreamExt as _,
    wrappers::{TcpListenerStream, WatchStream},
};
use tonic::{Code, Request, Response, Status, transport::Server};
use tonic_health::ServingStatus;
use tonic_types::{ErrorDetails, StatusExt as _};

/// 2025-01-01T19:17:42.663201-03:00.
const MODEL_DATE: Timestamp = Timestamp { seconds: 1_735_769_862, nanos: 663_201_000 };

/// Title, artist and playlists; the third would steer a terminal.
const CATALOGUE: [(&str, &str, u32); 6] = [
    ("Congratulations", "Post Malone", 50),
    ("HUMBLE.", "Kendrick Lamar", 60),
    ("Evil\u{1b}[31m\u{9b}Title", "Mallory", 1),
    ("Passionfruit", "", 30),
    ("Unforgettable", "French Montana", 40),
    ("Unforgettable", "Nat King Cole", 5),
];

/// A service on a port of its own, until it is dropped.
pub(crate) struct Service {
    pub(crate) url: String,
    model: watch::Sender<Option<String>>,
    requests: Arc<Mutex<Vec<v1::RecommendRequest>>>,
    refused: Arc<AtomicUsize>,
    told: Arc<Mutex<Vec<String>>>,
    _runtime: Runtime,
}

impl Service {
    /// With a model named `one`.
    pub(crate) fn with_model() -> Self {
        Self::start(Some("one"), ([127, 0, 0, 1], 0).into())
    }

    /// With a model named `one`, on an address that was free a moment ago.
    pub(crate) fn with_model_at(address: SocketAddr) -> Self {
        Self::start(Some("one"), address)
    }

    pub(crate) fn without_model() -> Self {
        Self::start(None, ([127, 0, 0, 1], 0).into())
    }

    /// With a model named `one`, and without reflection.
    pub(crate) fn without_reflection() -> Self {
        Self::start_with(Some("one"), ([127, 0, 0, 1], 0).into(), false)
    }

    fn start(model: Option<&str>, address: SocketAddr) -> Self {
        Self::start_with(model, address, true)
    }

    fn start_with(model: Option<&str>, address: SocketAddr, reflection: bool) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind(address)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (sender, receiver) = watch::channel(model.map(str::to_owned));
        let (requests, refused, told) = (Arc::default(), Arc::default(), Arc::default());
        let fake = Fake {
            model: receiver,
            requests: Arc::clone(&requests),
            refused: Arc::clone(&refused),
            told: Arc::clone(&told),
        };
        let (reporter, health) = tonic_health::server::health_reporter();
        let is_ready = if model.is_some() { ServingStatus::Serving } else { ServingStatus::NotServing };
        for name in ["", "playlist.v1.PlaylistService"] {
            runtime.block_on(reporter.set_service_status(name, is_ready));
        }
        let reflection = reflection.then(|| {
            tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(proto::FILE_DESCRIPTOR_SET)
                .build_v1()
                .unwrap()
        });
        runtime.spawn(
            Server::builder()
                .add_service(PlaylistServiceServer::new(fake))
                .add_service(health)
                .add_optional_service(reflection)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        Self { url, model: sender, requests, refused, told, _runtime: runtime }
    }

    /// Brings another model into service.
    pub(crate) fn swap(&self, model: &str) {
        self.model.send_replace(Some(model.to_owned()));
    }

    /// Takes the model out of service, and waits until so many playlists were refused for want of it.
    pub(crate) fn withdraw(&self, refusals: usize) {
        self.model.send_replace(None);
        let until = self.refused.load(Ordering::SeqCst) + refusals;
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.refused.load(Ordering::SeqCst) < until {
            assert!(Instant::now() < deadline, "nothing was asked for");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a playlist was asked for.
    pub(crate) fn wait_until_asked(&self) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.requests.lock().unwrap().is_empty() {
            assert!(Instant::now() < deadline, "nothing was asked for");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits until a watch was told of `model` as often as that.
    pub(crate) fn wait_until_told(&self, model: &str, times: usize) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while self.told.lock().unwrap().iter().filter(|told| *told == model).count() < times {
            assert!(Instant::now() < deadline, "no watch was told of {model}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// What was asked for last.
    pub(crate) fn last_request(&self) -> v1::RecommendRequest {
        self.requests.lock().unwrap().last().cloned().expect("nothing was asked for")
    }

    /// The program, with this service as its server, three hours west of Greenwich.
    pub(crate) fn playlist(&self, args: &[&str]) -> Command {
        let mut command = playlist(args);
        command.env("PLAYLIST_SERVER", &self.url);
        command
    }
}

/// The program in an environment of its own.
pub(crate) fn playlist(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_playlist"));
    command.args(args).env_clear().env("TZ", "<-03>3").timeout(Duration::from_secs(30));
    command
}

struct Fake {
    model: watch::Receiver<Option<String>>,
    requests: Arc<Mutex<Vec<v1::RecommendRequest>>>,
    refused: Arc<AtomicUsize>,
    told: Arc<Mutex<Vec<String>>>,
}

impl Fake {
    fn model(&self) -> Result<String, Status> {
        self.model.borrow().clone().ok_or_else(|| {
            let mut details = ErrorDetails::with_error_info("NO_MODEL", "playlist.v1", HashMap::new());
            details.set_retry_info(Some(Duration::from_secs(1)));
            Status::with_error_details(Code::Unavailable, "no model was published yet", details)
        })
    }
}

fn song((title, artist, support_count): (&str, &str, u32)) -> v1::Song {
    v1::Song {
        title: title.to_owned(),
        artist: artist.to_owned(),
        uri: format!("sample:track:{support_count}"),
        support_count,
    }
}

fn understand(seed: &str) -> v1::SeedMatch {
    let by_name = |entry: &&(&str, &str, u32)| {
        let (title, artist, _) = **entry;
        seed == title || seed == format!("{artist} - {title}") || seed == format!("{title} - {artist}")
    };
    let (matched, found, similarity, suggested) = match seed {
        "humble" => (Match::Normalised, Some(CATALOGUE[1]), 1.0, vec![]),
        "Unforgetable" => (Match::Fuzzy, Some(CATALOGUE[4]), 0.96, vec![CATALOGUE[5]]),
        "Unforget" => (Match::Unknown, None, 0.0, vec![CATALOGUE[4], CATALOGUE[5]]),
        _ => match CATALOGUE.iter().find(by_name) {
            Some(entry) => (Match::Exact, Some(*entry), 1.0, vec![]),
            None => (Match::Unknown, None, 0.0, vec![]),
        },
    };
    v1::SeedMatch {
        seed: seed.to_owned(),
        r#match: matched.into(),
        song: found.map(song),
        similarity,
        suggestions: suggested.into_iter().map(song).collect(),
    }
}

#[tonic::async_trait]
impl PlaylistService for Fake {
    async fn recommend(
        &self,
        request: Request<v1::RecommendRequest>,
    ) -> Result<Response<v1::RecommendResponse>, Status> {
        let model_version = self.model().inspect_err(|_| {
            self.refused.fetch_add(1, Ordering::SeqCst);
        })?;
        let request = request.into_inner();
        self.requests.lock().unwrap().push(request.clone());
        if request.songs.iter().any(|seed| seed == "wait for ever") {
            std::future::pending::<()>().await;
        }
        if request.songs == ["the second time"] && self.requests.lock().unwrap().len() == 1 {
            return Err(Status::unavailable("the replica stops"));
        }
        if request.songs.iter().any(|seed| seed == "too much") {
            return Err(Status::resource_exhausted("the queue is full"));
        }
        if let Some(index) = request.songs.iter().position(String::is_empty) {
            return Err(Status::with_error_details(
                Code::InvalidArgument,
                "the request is not valid",
                ErrorDetails::with_bad_request_violation(format!("songs[{index}]"), "it is empty"),
            ));
        }
        let seeds: Vec<_> = request.songs.iter().map(|seed| understand(seed)).collect();
        let limit = match request.limit {
            0 => 10,
            limit => limit as usize,
        };
        let n_rules = request.max_rules_per_song.unwrap_or(3) as usize;
        let songs = CATALOGUE
            .into_iter()
            .map(song)
            .filter(|song| !seeds.iter().any(|seed| seed.song.as_ref() == Some(song)))
            .take(limit)
            .enumerate()
            .map(|(index, song)| v1::Recommendation {
                song: Some(song),
                score: 1.0 / (index + 1) as f64,
                source: [Source::Rules, Source::Artist, Source::Popularity][index.min(2)].into(),
                rules: match index {
                    0 => vec![v1::Rule {
                        antecedent: seeds.iter().filter_map(|seed| seed.song.clone()).collect(),
                        antecedent_artist: String::new(),
                        support_count: 12,
                        antecedent_count: 40,
                        support: 0.012,
                        confidence: 0.3,
                        lift: 4.25,
                    }],
                    1 => vec![v1::Rule {
                        antecedent: Vec::new(),
                        antecedent_artist: "French Montana".to_owned(),
                        support_count: 20,
                        antecedent_count: 80,
                        support: 0.02,
                        confidence: 0.25,
                        lift: 12.4,
                    }],
                    _ => Vec::new(),
                }
                .into_iter()
                .take(n_rules)
                .collect(),
            })
            .collect();
        Ok(Response::new(v1::RecommendResponse {
            songs,
            version: "0.1.0".to_owned(),
            model_date: Some(MODEL_DATE),
            model_version,
            served_by: "replica-a".to_owned(),
            unknown_songs: seeds
                .iter()
                .filter(|seed| seed.song.is_none())
                .map(|seed| seed.seed.clone())
                .collect(),
            seeds,
            excluded_songs: request.exclude_songs.iter().map(|seed| understand(seed)).collect(),
        }))
    }

    async fn search_songs(
        &self,
        request: Request<v1::SearchSongsRequest>,
    ) -> Result<Response<v1::SearchSongsResponse>, Status> {
        let model_version = self.model()?;
        let request = request.into_inner();
        let query = request.query.to_lowercase();
        // As through a tunnel.
        if query.starts_with("co") {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        if query.starts_with("wait") {
            std::future::pending::<()>().await;
        }
        let is_misspelt = query == "humbel";
        let found: Vec<_> = CATALOGUE
            .into_iter()
            .filter(|(title, artist, _)| {
                title.to_lowercase().starts_with(&query) || artist.to_lowercase().starts_with(&query)
            })
            // Several are near, and one is the nearest.
            .chain(is_misspelt.then_some([CATALOGUE[1], CATALOGUE[3]]).into_iter().flatten())
            .map(song)
            .collect();
        // Pages of at most three, so that a longer list needs several.
        let size = match request.page_size {
            0 => 3,
            size => size.min(3) as usize,
        };
        let start: usize = request.page_token.parse().unwrap_or(0);
        let end = (start + size).min(found.len());
        Ok(Response::new(v1::SearchSongsResponse {
            songs: found[start..end].to_vec(),
            version: "0.1.0".to_owned(),
            model_date: Some(MODEL_DATE),
            model_version,
            served_by: "replica-a".to_owned(),
            next_page_token: if end < found.len() { end.to_string() } else { String::new() },
        }))
    }

    async fn model_info(
        &self,
        _: Request<v1::ModelInfoRequest>,
    ) -> Result<Response<v1::ModelInfoResponse>, Status> {
        let mut answer = v1::ModelInfoResponse {
            version: "0.1.0".to_owned(),
            served_by: "replica-a".to_owned(),
            service_revision: "abc123".to_owned(),
            ..Default::default()
        };
        let Ok(model_version) = self.model() else {
            answer.last_refresh = Some(v1::Refresh {
                date: Some(MODEL_DATE),
                outcome: RefreshOutcome::NothingPublished.into(),
                ..Default::default()
            });
            return Ok(Response::new(answer));
        };
        Ok(Response::new(information::with_model(answer, model_version)))
    }

    type WatchModelStream = Pin<Box<dyn Stream<Item = Result<v1::WatchModelResponse, Status>> + Send>>;

    async fn watch_model(
        &self,
        _: Request<v1::WatchModelRequest>,
    ) -> Result<Response<Self::WatchModelStream>, Status> {
        let told = Arc::clone(&self.told);
        let models = WatchStream::new(self.model.clone()).map(move |model| {
            told.lock().unwrap().extend(model.clone());
            // The word of a replica that stops.
            if model.as_deref() == Some("drain") {
                return Err(Status::unavailable("the replica stops"));
            }
            Ok(v1::WatchModelResponse {
                version: "0.1.0".to_owned(),
                model_date: model.as_ref().map(|_| MODEL_DATE),
                model_version: model.unwrap_or_default(),
                served_by: "replica-a".to_owned(),
                last_refresh: None,
            })
        });
        Ok(Response::new(Box::pin(models)))
    }
}
