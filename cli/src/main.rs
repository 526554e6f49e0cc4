//! The binary `playlist`.

use std::process::ExitCode;

use cli::Surroundings;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let surroundings = Surroundings::of_process();
    let args = cli::parse(surroundings.lang); // clap reports misuse itself and exits with 2.
    cli::run(args, &surroundings).await
}
