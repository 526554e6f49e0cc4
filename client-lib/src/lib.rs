//! A typed client of the playlist recommender: songs in, songs that go with them out.
//!
//! ```
//! # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
//! use client_lib::Client;
//!
//! #[tokio::main]
//! async fn main() -> Result<(), client_lib::Error> {
//! #   let server = sample::Server::start(sample::Sample::default());
//! #   let url = server.url();
//! #   /*
//!     let url = "http://localhost:52023";
//! #   */
//!     let client = Client::connect(url).await?;
//!     for recommendation in client.recommend(["Unforgettable"]).await?.songs {
//!         println!("{} by {}", recommendation.song.title, recommendation.song.artist);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! It needs `tokio` with the features `macros` and `rt-multi-thread`. A service to try it on is `cargo demo -- --serve` in the
//! recommender's repository.
//!
//! [`Client`] has one method for each call of the contract (package `playlist.v1`), the answers have its
//! names and fields, and every failure is an [`Error`] that says what to do. Clones are cheap and share everything; all
//! methods take `&self`.
//!
//! - [`Client::connect`] makes sure that the service answers, [`Client::lazy`] connects at the first call,
//!   [`Client::from_env`] reads the variables of the program `playlist`, and [`Client::builder`] has all settings: timeouts,
//!   certificates, tokens, and other ways to look names up.
//! - One URL, several with commas between, or a name with many addresses: calls are spread over all
//!   [replicas](Client#replicas), and none goes to one that is known to be dead.
//! - Calls that were lost with a connection go out [again](Client#retries), as do those that the service asks to repeat later.
//! - [`Client::watch_model`] tells of each model that comes into service, and goes on by itself when a replica stops.
//! - Code that takes a [`PlaylistService`] is tested with a `FakePlaylistService`.
//!
//! What carries the calls is not part of the API: no type of a gRPC, HTTP or TLS library appears in it.
//!
//! # Features
//!
//! None is on by default.
//!
//! - `blocking`: the client without `async`, in the module `blocking`.
//! - `fake`: `FakePlaylistService`, a recommender for the tests of applications.
//! - `serde`: the answers implement `serde::Serialize`, in the contract's names: counts are
//!   numbers, times are RFC 3339, enumerations are their names (`SOURCE_RULES`), and what is not set is `null`.
//! - `tracing`: a span for each call, an event for each retry, and `ClientBuilder::trace_context`, which sends the
//!   trace along (W3C `traceparent`).
//!
//! It builds with Rust 1.90 or later.

mod address;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
mod calls;
mod client;
mod connection;
mod credentials;
mod date;
mod environment;
mod error;
#[cfg(feature = "fake")]
mod fake;
mod model_info;
mod names;
mod playlist;
mod replicas;
mod requests;
mod retries;
mod service;
#[cfg(feature = "tracing")]
mod spans;
mod status;
mod transport;
mod watch;

#[cfg(feature = "fake")]
pub use self::fake::FakePlaylistService;
pub use self::{
    builder::ClientBuilder,
    client::Client,
    error::{Error, FieldViolation},
    model_info::{
        Counts, Dataset, Evaluation, EvaluationFigures, ModelInfoResponse, Parameters, Refresh, Scoring,
        SeedScoring, Stage, WatchModelResponse,
    },
    names::{Match, RefreshOutcome, Source},
    playlist::{RecommendResponse, Recommendation, Rule, SearchSongsResponse, SeedMatch, Song},
    requests::{RecommendRequest, SearchSongsRequest},
    service::{Answer, PlaylistService},
    watch::ModelWatch,
};

/// Compiles the program in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
