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
//! [`Client`] has one method for each call of the contract (package `playlist.v1`), the answers have its
//! names and fields, and every failure is an [`Error`] that says what to do. A connection that was lost is
//! opened again, and calls that were lost with it go out again, as do those that the service asks to repeat
//! later. [`Client::lazy`] connects at the first call, [`Client::builder`] sets timeouts, and the certificates and
//! the token of a service that asks for them.
//!
//! What carries the calls is not part of the API: no type of a gRPC, HTTP or TLS library appears in it.
//!
//! With the feature `serde`, the answers implement `serde::Serialize`, in the contract's names: counts are
//! numbers, times are RFC 3339, enumerations are their names (`SOURCE_RULES`), and what is not set is `null`.

mod address;
mod client;
mod credentials;
mod date;
mod error;
mod model_info;
mod names;
mod playlist;
mod requests;
mod retries;
mod status;
mod transport;
mod watch;

pub use self::{
    client::{Client, ClientBuilder},
    error::{Error, FieldViolation},
    model_info::{
        Counts, Dataset, Evaluation, EvaluationFigures, ModelInfoResponse, Parameters, Refresh, Scoring,
        SeedScoring, Stage, WatchModelResponse,
    },
    names::{Match, RefreshOutcome, Source},
    playlist::{RecommendResponse, Recommendation, Rule, SearchSongsResponse, SeedMatch, Song},
    requests::{RecommendRequest, SearchSongsRequest},
    watch::ModelWatch,
};

/// Compiles the program in the README.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
