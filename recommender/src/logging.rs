use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::{EnvFilter, util::SubscriberInitExt as _};

use crate::{Args, LogFormat};

/// Sends log lines to standard error from now on, as `args` ask. Only the first call in a process has an effect.
pub fn init_logging(args: &Args) {
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(&args.log))
        .with_writer(stderr)
        // It would tell of a broken standard error on standard error, and panic.
        .log_internal_errors(false)
        .with_ansi(stderr().is_terminal());
    // The one error is that there is a subscriber already, which a process with several servers may well have.
    let _ = match args.log_format {
        LogFormat::Text => subscriber.finish().try_init(),
        LogFormat::Json => subscriber.json().flatten_event(true).finish().try_init(),
    };
}
