//! Puts load on a service through the client, as an application does, and tells what became of the calls, as JSON:
//! `cargo run --release -p client-lib --example client_load -- URL[,URL...] SECONDS [RATE]`.
//!
//! With a rate, calls begin at constant intervals whether answers come or not, and a latency begins when its call was due.
//! Without, 64 tasks call one time after the other, which shows the capacity. Refusals for overload are counted apart from
//! failures. Seeds are titles that the service knows.
#![allow(clippy::print_stdout, reason = "a measurement at a terminal")]

use std::{
    collections::BTreeMap,
    error::Error as StdError,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use client_lib::{Client, Error};
use serde_json::json;
use tokio::{task::JoinSet, time};

const TASKS: usize = 64;
const SEEDS: u32 = 100;

#[derive(Default)]
struct Record {
    answered: u64,
    shed: u64,
    failures: BTreeMap<String, u64>,
    /// In microseconds, of the calls that were answered.
    latencies: Vec<u32>,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn StdError>> {
    let mut args = std::env::args().skip(1);
    let (Some(urls), Some(seconds)) = (args.next(), args.next()) else {
        return Err("usage: client_load URL[,URL...] SECONDS [RATE]".into());
    };
    let seconds: f64 = seconds.parse()?;
    let rate: Option<f64> = args.next().map(|rate| rate.parse()).transpose()?;
    let client = Client::connect(&urls).await?;
    let page = client_lib::SearchSongsRequest::new("").page_size(SEEDS);
    let seeds: Arc<[String]> =
        client.search_songs(page).await?.songs.into_iter().map(|song| song.title).collect();
    if seeds.is_empty() {
        return Err("the service knows no song".into());
    }

    let record = Arc::<Mutex<Record>>::default();
    let began = Instant::now();
    let end = began + Duration::from_secs_f64(seconds);
    let mut calls = JoinSet::new();
    match rate {
        Some(rate) => {
            for number in 0.. {
                let due = began + Duration::from_secs_f64(f64::from(number) / rate);
                if due >= end {
                    break;
                }
                // Calls that are due already begin without a look at the clock, which counts in milliseconds.
                if due > Instant::now() {
                    time::sleep_until(due.into()).await;
                }
                let (client, record, seeds) = (client.clone(), Arc::clone(&record), Arc::clone(&seeds));
                calls.spawn(async move { call(&client, &seeds, number as usize, due, &record).await });
                while calls.try_join_next().is_some() {}
            }
        }
        None => {
            for task in 0..TASKS {
                let (client, record, seeds) = (client.clone(), Arc::clone(&record), Arc::clone(&seeds));
                calls.spawn(async move {
                    let mut number = task;
                    while Instant::now() < end {
                        call(&client, &seeds, number, Instant::now(), &record).await;
                        number += TASKS;
                    }
                });
            }
        }
    }
    while calls.join_next().await.is_some() {}

    let elapsed = began.elapsed().as_secs_f64();
    let mut record = std::mem::take(&mut *record.lock().unwrap_or_else(PoisonError::into_inner));
    record.latencies.sort_unstable();
    let quantile = |share: f64| {
        let rank = (record.latencies.len() as f64 * share) as usize;
        record.latencies.get(rank.min(record.latencies.len().saturating_sub(1))).copied()
    };
    println!(
        "{}",
        json!({
            "seconds": elapsed,
            "answered": record.answered,
            "answers_per_second": record.answered as f64 / elapsed,
            "shed": record.shed,
            "failed": record.failures.values().sum::<u64>(),
            "failures": record.failures,
            "retries": client.retries(),
            "latency_us": {"p50": quantile(0.5), "p99": quantile(0.99), "p99.9": quantile(0.999), "max": quantile(1.0)},
        })
    );
    Ok(())
}

async fn call(client: &Client, seeds: &[String], number: usize, due: Instant, record: &Mutex<Record>) {
    let answer = client.recommend(seeds[number % seeds.len()].as_str()).await;
    let latency = u32::try_from(due.elapsed().as_micros()).unwrap_or(u32::MAX);
    let mut record = record.lock().unwrap_or_else(PoisonError::into_inner);
    match answer {
        Ok(_) => {
            record.answered += 1;
            record.latencies.push(latency);
        }
        Err(Error::Overloaded { .. }) => record.shed += 1,
        Err(error) => {
            let mut chain = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                chain.push_str(&format!(": {error}"));
                cause = error.source();
            }
            *record.failures.entry(chain).or_default() += 1;
        }
    }
}
