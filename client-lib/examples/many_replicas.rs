//! Spreads calls over several replicas, and tells which answered how many:
//! `cargo run -p client-lib --example many_replicas -- http://localhost:52023,http://localhost:52024`.
//! A name with many addresses is as good as a list.
#![allow(clippy::print_stdout, reason = "a program at a terminal")]

use std::{collections::BTreeMap, time::Duration};

use client_lib::{Client, ClientBuilder};

#[tokio::main]
async fn main() -> Result<(), client_lib::Error> {
    let builder = match std::env::args().nth(1) {
        Some(urls) => Client::builder(&urls),
        None => ClientBuilder::from_env()?,
    };
    let client = builder.timeout(Duration::from_secs(2)).connect().await?;
    let mut answers = BTreeMap::<String, usize>::new();
    for _ in 0..100 {
        *answers.entry(client.recommend("Unforgettable").await?.served_by).or_default() += 1;
    }
    for (replica, n_answers) in answers {
        println!("{replica} answered {n_answers} calls");
    }
    println!("{} calls went out again", client.retries());
    Ok(())
}
