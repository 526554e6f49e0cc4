//! `cargo demo`: trains the sample data, serves the model and opens the prompt, in one process.

mod args;
mod folder;
mod guide;
mod demo;

use std::{
    io::{self, Write as _},
    process::ExitCode,
};

use clap::Parser as _;
use cli::Surroundings;
use tokio::runtime::Runtime;

use crate::args::Args;

fn main() -> ExitCode {
    let args = Args::parse(); // clap reports misuse itself and exits with 2.
    let result = Runtime::new().map_err(anyhow::Error::from).and_then(|runtime| {
        let result = runtime.block_on(demo::run(args, &Surroundings::of_process()));
        // A prompt that waits for a line must not hold up the end.
        runtime.shutdown_background();
        result
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever reads has seen enough.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}
