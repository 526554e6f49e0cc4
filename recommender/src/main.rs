//! The binary `recommender`: reads its settings, serves until a signal, and tells how it ended.

use std::{error::Error, io, process::ExitCode};

use clap::Parser as _;
use mimalloc::MiMalloc;
use recommender::{Args, Server, Settings, init_logging, init_tracing};
use tokio::{
    runtime::Runtime,
    signal::unix::{Signal, SignalKind, signal},
};

/// Models come and go, which leaves holes in the memory of many allocators, and musl's, on which the images run, is slow. docs/serving.md has the
/// figures.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    let args = Args::parse();
    init_logging(&args);
    let runtime = match Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&error),
    };
    let exit_code = runtime.block_on(async {
        let tracing = match init_tracing(&args) {
            Ok(tracing) => tracing,
            Err(error) => return failed(&error),
        };
        let exit_code = run(args.settings).await;
        tracing.shutdown().await;
        exit_code
    });
    // A read from a volume that hangs must not hold up the end.
    runtime.shutdown_background();
    exit_code
}

async fn run(settings: Settings) -> ExitCode {
    // Before anything else, for a signal during the start would otherwise kill the process.
    let mut signals = match Signals::register() {
        Ok(signals) => signals,
        Err(error) => return failed(&error),
    };
    let server = match Server::bind(settings).await {
        Ok(server) => server,
        Err(error) => return failed(&error),
    };
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let second_signal = async {
        let name = signals.next().await.0;
        tracing::info!(signal = name, "stopping; a second signal aborts");
        // The server may have ended by itself at the same moment.
        let _ = stop.send(());
        signals.next().await
    };
    tokio::select! {
        served = server.serve(async { _ = stopped.await }) => match served {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => failed(&error),
        },
        (name, exit_code) = second_signal => {
            tracing::error!(signal = name, "aborted by a second signal");
            ExitCode::from(exit_code)
        }
    }
}

/// The signals that stop the process.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn register() -> io::Result<Self> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The name of the next signal, and what shells report for a process that it ended.
    async fn next(&mut self) -> (&'static str, u8) {
        tokio::select! {
            _ = self.interrupt.recv() => ("SIGINT", 130),
            _ = self.terminate.recv() => ("SIGTERM", 143),
        }
    }
}

fn failed(error: &dyn Error) -> ExitCode {
    let mut chain = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        chain.push_str(": ");
        chain.push_str(&cause.to_string());
        source = cause.source();
    }
    tracing::error!("{chain}");
    ExitCode::FAILURE
}
