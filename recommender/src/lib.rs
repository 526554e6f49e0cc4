//! Serves the current model version over gRPC, gRPC-Web and REST, and follows the volume to the next one while it serves.
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
mod background;
mod refresh;
mod logging;
mod telemetry;
mod request_id;
mod call_context;
mod status;
mod validation;
mod deadline;
mod answer;
mod service;
mod health;
mod histogram;
mod process_metrics;
mod page;
mod methods;
mod metrics;
mod exposition;
mod metrics_server;
mod queue;
mod admission;
mod activity;
mod grpc_web;
mod dialect;
mod origins;
mod request_body;
mod answer_body;
mod secret_files;
mod tls;
mod tokens;
mod security;
mod openapi;
mod rest_requests;
mod rest_errors;
mod rest;
mod rim;
mod calls;
mod connection;
mod connections;
mod durations;
mod limits;
mod lingering;
mod args;
mod server;

pub use ranking::{Antecedent, FiredRule, Query, Recommendation, Source};

pub use self::{
    args::{Args, LogFormat, Settings},
    limits::Limits,
    logging::init_logging,
    origins::AllowedOrigin,
    search::SearchPage,
    secret_files::SecretError,
    security::Security,
    seeds::{MatchKind, SeedMatch},
    served_model::ServedModel,
    server::{ServeError, Server},
    telemetry::{Tracing, TracingError, init_tracing},
    tls::TlsFiles,
};
