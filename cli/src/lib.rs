//! The playlist recommender on a terminal: the prompt and the commands of the binary `playlist`.
//!
//! ```text
//! arguments ──args──▶ commands ──client-lib──▶ service ──▶ answer ──output──▶ text or JSON
//! a typed line ──prompt──▶ session ──▶ step ──commands──▲
//! ```
//!
//! Answers go to standard output; remarks, warnings and errors go to standard error. The session knows neither a
//! terminal nor the network, so that the same one serves the prompt and a pipe.

mod args;
mod surroundings;
mod session;
mod output;
mod reasons;
mod information;
mod failure;
mod conversation;
mod prompt;
mod credentials;
mod probe;
mod tunnel;
mod commands;

pub use self::{
    args::{Args, Command, RecommendArgs, SearchArgs},
    commands::run,
    failure::Failure,
    output::write_playlist,
    probe::ProbeArgs,
    prompt::prompt,
    surroundings::Surroundings,
    tunnel::{Host, Target, TunnelFailure},
};
