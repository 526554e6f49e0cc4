//! Serves the current model version over gRPC, and follows the volume to the next one while it serves.
//!
//! ```text
//! volume ──refresh──▶ LiveModel ──snapshot──▶ service ──answer──▶ connection       Metrics, Health
//! model::Model ──build──▶ ServedModel ──resolve──▶ seeds ──recommend──▶ recommendations
//! ```

mod normalised;
mod additions;
mod names;
mod grams;
mod uris;
mod catalogue;
mod edits;
mod closeness;
mod search;
mod seeds;
mod served_model;
mod live_model;
mod refresh;
mod status;
mod validation;
mod answer;
mod service;
mod health;
mod metrics;
mod secret_files;
mod tls;
mod tokens;
mod security;
mod calls;
mod connections;
mod args;
mod logging;
mod server;

pub use ranking::{Antecedent, FiredRule, Query, Recommendation, Source};

pub use self::{
    args::{Args, LogFormat, Settings},
    logging::init_logging,
    search::SearchPage,
    secret_files::SecretError,
    security::Security,
    seeds::{MatchKind, SeedMatch},
    served_model::ServedModel,
    server::{ServeError, Server},
    tls::TlsFiles,
};
