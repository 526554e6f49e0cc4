//! The playlist recommender on a terminal: the prompt and the commands of the binary `playlist`.
//!
//! ```text
//! arguments ──args──▶ commands ──client-lib──▶ service ──▶ answer ──output──▶ text or JSON
//! a typed line ──prompt──▶ session ──▶ step ──commands──▲
//! what happens meanwhile ──notices──▶ a line above the one that is being typed
//! ```
//!
//! Answers go to standard output; remarks, warnings and errors go to standard error. The session knows neither a
//! terminal nor the network, so that the same one serves the prompt and a pipe.

mod args;
mod help;
mod surroundings;
mod texts;
mod values;
mod command;
mod session;
mod layout;
mod output;
mod reasons;
mod information;
mod saving;
mod failure;
mod conversation;
mod notices;
mod suggestions;
mod typing;
mod history;
mod watching;
mod prompt;
mod credentials;
mod probe;
mod tunnel;
mod doctor;
mod manual;
mod commands;

pub use self::{
    args::{Args, Command, RecommendArgs, SearchArgs},
    commands::run,
    failure::Failure,
    help::parse,
    output::write_playlist,
    probe::ProbeArgs,
    prompt::prompt,
    surroundings::Surroundings,
    texts::Lang,
    tunnel::{Host, Target, TunnelFailure},
};
