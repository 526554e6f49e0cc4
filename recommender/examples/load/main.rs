//! Puts load on a recommender, and tells how long its answers took.
//!
//! ```sh
//! cargo run --release -p recommender --example load -- --address 127.0.0.1:52023 --seeds seeds.jsonl --rate 10000 --seconds 30
//! cargo run --release -p recommender --example load -- --address 127.0.0.1:52023 --seeds seeds.jsonl --streams 16 --seconds 10
//! ```
//!
//! With `--rate` the load is open: requests are sent at constant intervals, whether answers come or not, and a latency begins when its request
//! was *due*. So a server that stalls for a second is charged with every request of that second (coordinated omission, Tene). Without, the load is
//! closed: each of `connections` × `streams` sends its next request when the one before is answered, which shows the capacity.
//!
//! Each line of the file of seeds is a JSON list of texts; the example `serving_data` makes one. Connections that the server closes are opened
//! again, and requests that it says it has not looked at (GOAWAY, REFUSED_STREAM) are sent again, as gRPC clients do; whatever else fails is
//! counted. All of it runs on one thread, and a second one keeps the time.
//!
//! Standard output has lines of JSON: with `--interval` one for each, and in the end, or after Ctrl-C, the whole.
#![allow(clippy::unwrap_used, clippy::panic, clippy::print_stdout, reason = "a measurement at a terminal")]

mod calls;
mod h1;
mod h2_client;
mod pace;
mod record;

use std::{fs, net::SocketAddr, path::PathBuf, pin::pin, rc::Rc, time::Duration};

use bytes::Bytes;
use clap::Parser;
use prost::Message as _;
use proto::v1::RecommendRequest;
use tokio::{signal, task::LocalSet, time};

use crate::{calls::Connection, pace::Pace, record::Recorder};

/// Time that is given to requests in flight in the end.
const LAST_ANSWERS: Duration = Duration::from_secs(10);

/// Puts load on a recommender.
#[derive(Debug, Parser)]
struct Options {
    /// Where the server listens.
    #[arg(long)]
    address: SocketAddr,
    /// The sets of seeds, one JSON list a line; sent in turn.
    #[arg(long)]
    seeds: PathBuf,
    /// Connections.
    #[arg(long, default_value_t = 4)]
    connections: usize,
    /// Requests at a time on a connection, without a rate.
    #[arg(long, default_value_t = 16)]
    streams: usize,
    /// Requests a second, over all connections.
    #[arg(long)]
    rate: Option<f64>,
    /// How long to measure.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Load before the measurement, in seconds.
    #[arg(long, default_value_t = 1.0)]
    warm_up: f64,
    /// Print what happened every so many seconds.
    #[arg(long)]
    interval: Option<f64>,
    /// The most songs to ask for.
    #[arg(long, default_value_t = 10)]
    limit: u32,
    /// Reasons to ask for; the service's default if not set.
    #[arg(long)]
    rules: Option<u32>,
    /// Let each connection go and open another every so many seconds.
    #[arg(long)]
    reconnect: Option<f64>,
    /// Further connections, whose clients take 50 ms for each kilobyte of an answer. They have a rate of their own and are not measured.
    #[arg(long, default_value_t = 0)]
    slow_readers: usize,
    /// POST JSON over HTTP/1.1 to this path instead: for servers that have no gRPC. One request at a time on a connection.
    #[arg(long)]
    json_path: Option<String>,
}

impl Options {
    /// The requests, as they go into a body.
    fn bodies(&self) -> Vec<Bytes> {
        let lines = fs::read_to_string(&self.seeds).unwrap();
        let encode = |line: &str| -> Bytes {
            let songs: Vec<String> = serde_json::from_str(line).unwrap();
            if self.json_path.is_some() {
                let body = serde_json::json!({ "songs": songs, "limit": self.limit });
                return body.to_string().into();
            }
            let request = RecommendRequest {
                songs,
                limit: self.limit,
                max_rules_per_song: self.rules,
                ..Default::default()
            };
            let message = request.encode_to_vec();
            let mut body = vec![0];
            body.extend((message.len() as u32).to_be_bytes());
            body.extend(message);
            body.into()
        };
        lines.lines().map(encode).collect()
    }
}

fn main() {
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, run(options));
}

async fn run(options: Options) {
    let bodies: Rc<[Bytes]> = options.bodies().into();
    let recorder = Rc::new(Recorder::default());
    let connections: Vec<Rc<Connection>> = (0..options.connections)
        .map(|_| {
            Rc::new(Connection::new(options.address, options.json_path.as_deref(), Rc::clone(&recorder)))
        })
        .collect();
    for connection in &connections {
        connection.warm(&bodies[0]).await;
    }
    for _ in 0..options.slow_readers {
        tokio::task::spawn_local(h2_client::read_slowly(
            options.address,
            Rc::clone(&bodies),
            Rc::clone(&recorder),
        ));
    }
    if let Some(seconds) = options.reconnect {
        tokio::task::spawn_local(reconnect(connections.clone(), Duration::from_secs_f64(seconds)));
    }
    match options.rate {
        Some(rate) => {
            let pace = Pace::begin(rate);
            tokio::task::spawn_local(calls::send_at_pace(pace, connections, bodies));
        }
        None => {
            let streams = if options.json_path.is_some() { 1 } else { options.streams };
            for turn in 0..options.connections * streams {
                let connection = Rc::clone(&connections[turn % options.connections]);
                tokio::task::spawn_local(calls::send_in_turn(connection, Rc::clone(&bodies), turn * 7919));
            }
        }
    }

    time::sleep(Duration::from_secs_f64(options.warm_up)).await;
    recorder.begin();
    let interval = Duration::from_secs_f64(options.interval.unwrap_or(options.seconds));
    let mut ticks = time::interval_at(time::Instant::now() + interval, interval);
    let mut end = pin!(time::sleep(Duration::from_secs_f64(options.seconds)));
    let mut interrupt = pin!(signal::ctrl_c());
    loop {
        tokio::select! {
            biased;
            _ = &mut interrupt => break,
            () = &mut end => break,
            _ = ticks.tick() => println!("{}", recorder.interval()),
        }
    }
    recorder.end();
    // Requests that were due before the end are waited for, and then missed.
    let _ = time::timeout(LAST_ANSWERS, recorder.all_answered()).await;
    println!("{}", recorder.summary(options.rate));
}

/// Lets the connections go, one after the other, so that each lasts as long as `after`.
async fn reconnect(connections: Vec<Rc<Connection>>, after: Duration) {
    for turn in 0.. {
        time::sleep(after.div_f64(connections.len() as f64)).await;
        connections[turn % connections.len()].let_go().await;
    }
}
