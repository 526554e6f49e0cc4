//! A program without `async`: `cargo run -p client-lib --features blocking --example blocking -- hum`.
#![allow(clippy::print_stdout, reason = "a program at a terminal")]

use client_lib::blocking::Client;

fn main() -> Result<(), client_lib::Error> {
    let typed = std::env::args().nth(1).unwrap_or_default();
    for song in Client::from_env()?.search_songs(typed)?.songs {
        println!("{} by {}", song.title, song.artist);
    }
    Ok(())
}
