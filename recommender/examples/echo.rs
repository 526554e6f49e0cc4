//! Serves the contract without a model: what remains of a recommender when it does nothing but decode and encode messages.
//!
//! ```sh
//! cargo run --release -p recommender --example echo -- 127.0.0.1:52024 http://127.0.0.1:52023 seeds.jsonl
//! ```
//!
//! Before it serves on the first address, it asks the recommender at the second for its answers to some sets of seeds. `Recommend` decodes its
//! request and answers with one of these in turn, which is copied and encoded; nothing is looked up. It has tonic's own server on tokio's default runtime.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement at a terminal")]

use std::{
    env, fs,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
};

use mimalloc::MiMalloc;
use proto::v1::{
    ModelInfoRequest, ModelInfoResponse, RecommendRequest, RecommendResponse, SearchSongsRequest,
    SearchSongsResponse, WatchModelRequest, WatchModelResponse,
    playlist_service_client::PlaylistServiceClient,
    playlist_service_server::{PlaylistService, PlaylistServiceServer},
};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, transport::Endpoint};

/// As the recommender has.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// The answers that it knows.
const ANSWERS: usize = 1_000;

struct Echo {
    answers: Vec<RecommendResponse>,
    next: AtomicUsize,
}

#[tonic::async_trait]
impl PlaylistService for Echo {
    async fn recommend(
        &self,
        request: Request<RecommendRequest>,
    ) -> Result<Response<RecommendResponse>, Status> {
        if request.into_inner().songs.is_empty() {
            return Err(Status::invalid_argument("no songs"));
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed);
        Ok(Response::new(self.answers[next % self.answers.len()].clone()))
    }

    async fn search_songs(
        &self,
        _: Request<SearchSongsRequest>,
    ) -> Result<Response<SearchSongsResponse>, Status> {
        Err(Status::unimplemented("it only recommends"))
    }

    async fn model_info(&self, _: Request<ModelInfoRequest>) -> Result<Response<ModelInfoResponse>, Status> {
        Ok(Response::new(ModelInfoResponse::default()))
    }

    type WatchModelStream = Pin<Box<dyn Stream<Item = Result<WatchModelResponse, Status>> + Send>>;

    async fn watch_model(
        &self,
        _: Request<WatchModelRequest>,
    ) -> Result<Response<Self::WatchModelStream>, Status> {
        Err(Status::unimplemented("it only recommends"))
    }
}

#[tokio::main]
async fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    let lines = fs::read_to_string(&args[2]).unwrap();
    let channel = Endpoint::from_shared(args[1].clone()).unwrap().connect().await.unwrap();
    let mut recommender = PlaylistServiceClient::new(channel);
    let mut answers = Vec::new();
    for line in lines.lines().take(ANSWERS) {
        let songs = serde_json::from_str(line).unwrap();
        let request = RecommendRequest { songs, limit: 10, ..Default::default() };
        answers.push(recommender.recommend(request).await.unwrap().into_inner());
    }
    drop(recommender);
    println!("serving");
    tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .add_service(PlaylistServiceServer::new(Echo { answers, next: AtomicUsize::new(0) }))
        .serve(args[0].parse().unwrap())
        .await
        .unwrap();
}
