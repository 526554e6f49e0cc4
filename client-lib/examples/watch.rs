//! Tells of each model that comes into service, whatever becomes of replicas and connections, until it is interrupted or told
//! of so many models: `cargo run -p client-lib --example watch -- [MODELS]`.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program at a terminal")]

use client_lib::Client;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut n_left: usize = std::env::args().nth(1).map_or(Ok(usize::MAX), |models| models.parse())?;
    let models = Client::from_env()?.watch_model().await?;
    let mut models = models.on_interruption(|error| eprintln!("reconnecting: {error}"));
    while let Some(model) = models.next().await {
        let model = model?;
        println!("model {} is in service at {}", model.model_version, model.served_by);
        n_left -= 1;
        if n_left == 0 {
            break;
        }
    }
    Ok(())
}
