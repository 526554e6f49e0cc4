//! The first playlist, from the service that the environment names: `cargo run -p client-lib --example first_playlist`.
#![allow(clippy::print_stdout, reason = "a program at a terminal")]

#[tokio::main]
async fn main() -> Result<(), client_lib::Error> {
    let client = client_lib::Client::from_env()?;
    for recommendation in client.recommend(["Unforgettable"]).await?.songs {
        println!("{} by {}", recommendation.song.title, recommendation.song.artist);
    }
    Ok(())
}
