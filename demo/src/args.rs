use std::path::PathBuf;

use clap::Parser;

/// The port that clients look for.
pub(crate) const DEFAULT_PORT: u16 = 52023;

/// Trains the sample data, serves the model and opens the prompt, in one process.
///
/// Without a terminal it prints one playlist, and the commands to go on with. The prompt ends with /quit or Ctrl-D.
#[derive(Debug, Parser)]
#[command(name = "demo", bin_name = "cargo demo --", version)]
pub(crate) struct Args {
    /// The port on 127.0.0.1 to serve on; 0 takes a free one, and so does a port that is taken.
    #[arg(long, value_name = "PORT", default_value_t = DEFAULT_PORT)]
    pub(crate) port: u16,

    /// Folder to keep the sample data and the volume in; without it, a temporary one, which is removed in the end.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) dir: Option<PathBuf>,

    /// Serve until Ctrl-C or SIGTERM instead of opening the prompt, and tell when another model comes into service.
    #[arg(long)]
    pub(crate) serve: bool,
}
