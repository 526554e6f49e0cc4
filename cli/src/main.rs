//! The binary `playlist`.

use std::process::ExitCode;

use clap::Parser as _;
use cli::{Args, Surroundings};

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let args = Args::parse(); // clap reports misuse itself and exits with 2.
    cli::run(args, &Surroundings::of_process()).await
}
