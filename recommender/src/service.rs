//! `playlist.v1.PlaylistService`: checks a request, asks the model, translates the answer.

use std::{num::NonZero, pin::Pin, sync::Arc, thread};

use futures_util::{Stream, StreamExt as _};
use proto::v1::{
    Match, ModelInfoRequest, ModelInfoResponse, RecommendRequest, RecommendResponse, SearchSongsRequest,
    SearchSongsResponse, SeedMatch, Source, WatchModelRequest, WatchModelResponse,
    playlist_service_server::PlaylistService,
};
use tokio::sync::Semaphore;
use tokio_stream::wrappers::WatchStream;
use tonic::{Request, Response, Status};

use crate::{
    Query, answer, call_context,
    live_model::{InService, LiveModel},
    metrics::{self, Metrics},
    status,
    validation::{self, RecommendLimits},
};

/// A request with more texts than this is answered on a thread of its own: looking up a thousand misspelt songs takes long
/// enough to make others wait.
const MAX_TEXTS_IN_PLACE: usize = 16;

/// Answers from the model in service. Each request reads one snapshot of it.
pub(crate) struct Playlists {
    live: Arc<LiveModel>,
    metrics: Arc<Metrics>,
    served_by: Arc<str>,
    /// As many large requests are computed at a time as there are cores; more would only delay the small ones.
    large_requests: Arc<Semaphore>,
}

impl Playlists {
    pub(crate) fn new(live: Arc<LiveModel>, metrics: Arc<Metrics>, served_by: &str) -> Self {
        let cores = thread::available_parallelism().map_or(1, NonZero::get);
        Playlists {
            live,
            metrics,
            served_by: Arc::from(served_by),
            large_requests: Arc::new(Semaphore::new(cores)),
        }
    }

    fn in_service(&self) -> Result<Arc<InService>, Status> {
        self.live.snapshot().ok_or_else(status::no_model)
    }

    fn count(&self, response: &RecommendResponse) {
        let mut seeds = [0; metrics::MATCHES.len()];
        for seed in &response.seeds {
            seeds[match seed.r#match() {
                Match::Exact => 0,
                Match::Normalised => 1,
                Match::Fuzzy => 2,
                Match::Uri => 3,
                Match::Unknown | Match::Unspecified => 4,
            }] += 1;
        }
        let mut songs = [0; metrics::SOURCES.len()];
        for recommendation in &response.songs {
            songs[match recommendation.source() {
                Source::Rules => 0,
                Source::Artist => 1,
                Source::Popularity | Source::Unspecified => 2,
            }] += 1;
        }
        self.metrics.recommended(seeds, songs);
    }
}

#[tonic::async_trait]
impl PlaylistService for Playlists {
    async fn recommend(
        &self,
        request: Request<RecommendRequest>,
    ) -> Result<Response<RecommendResponse>, Status> {
        let request = request.into_inner();
        // What is wrong with a request is wrong with and without a model.
        let limits = validation::recommend_limits(&request)?;
        let in_service = self.in_service()?;
        let texts = request.songs.len() + request.exclude_songs.len();
        let response = if texts <= MAX_TEXTS_IN_PLACE {
            recommend(&in_service, &self.served_by, request, limits)
        } else {
            let served_by = Arc::clone(&self.served_by);
            let permit = Arc::clone(&self.large_requests).acquire_owned().await;
            call_context::spawn_blocking(move || {
                let _permit = permit;
                recommend(&in_service, &served_by, request, limits)
            })
            .await
            .map_err(|error| {
                call_context::log(|| tracing::error!(%error, "a request could not be answered"));
                status::internal()
            })?
        };
        self.count(&response);
        Ok(Response::new(response))
    }

    async fn search_songs(
        &self,
        request: Request<SearchSongsRequest>,
    ) -> Result<Response<SearchSongsResponse>, Status> {
        let request = request.into_inner();
        let page = validation::search_page(&request)?;
        let in_service = self.in_service()?;
        let found = in_service.model.search(&request.query, page.offset, page.size);
        let next_page_token = if found.more {
            validation::page_token(page.offset.saturating_add(found.songs.len()), &request.query)
        } else {
            String::new()
        };
        let response = answer::search_songs(&in_service, &self.served_by, &found.songs, next_page_token);
        Ok(Response::new(response))
    }

    async fn model_info(&self, _: Request<ModelInfoRequest>) -> Result<Response<ModelInfoResponse>, Status> {
        let (in_service, last_refresh) = (self.live.snapshot(), self.live.last_refresh());
        let response = answer::model_info(in_service.as_deref(), last_refresh.as_deref(), &self.served_by);
        Ok(Response::new(response))
    }

    type WatchModelStream = Pin<Box<dyn Stream<Item = Result<WatchModelResponse, Status>> + Send>>;

    async fn watch_model(
        &self,
        _: Request<WatchModelRequest>,
    ) -> Result<Response<Self::WatchModelStream>, Status> {
        let (live, served_by) = (Arc::clone(&self.live), Arc::clone(&self.served_by));
        // The first item comes at once, the others with each swap. The server ends the stream when it drains.
        let messages = WatchStream::new(live.watch()).map(move |_| {
            let (in_service, last_refresh) = (live.snapshot(), live.last_refresh());
            Ok(answer::watch_model(in_service.as_deref(), last_refresh.as_deref(), &served_by))
        });
        Ok(Response::new(messages.boxed()))
    }
}

/// Answers a checked request from one model.
fn recommend(
    in_service: &InService,
    served_by: &str,
    request: RecommendRequest,
    limits: RecommendLimits,
) -> RecommendResponse {
    let model = &in_service.model;
    let resolve = |texts: &[String]| -> (Vec<_>, Vec<SeedMatch>) {
        texts
            .iter()
            .map(|text| {
                let found = model.resolve(text);
                (found.song, answer::seed_match(model, text, &found))
            })
            .unzip()
    };
    let ((seeds, seed_matches), (excluded, excluded_matches)) =
        call_context::stage("resolve", || (resolve(&request.songs), resolve(&request.exclude_songs)));
    let query = Query {
        seeds: seeds.into_iter().flatten().collect(),
        excluded: excluded.into_iter().flatten().collect(),
        limit: limits.songs,
        max_songs_per_artist: limits.songs_per_artist,
        max_rules_per_song: limits.rules_per_song,
    };
    let recommendations = call_context::stage("recommend", || model.recommend(&query));
    let answer = call_context::stage("answer", || answer::recommend(in_service, served_by, &recommendations));
    let unknown_songs = seed_matches
        .iter()
        .filter(|seed| seed.r#match() == Match::Unknown)
        .map(|seed| seed.seed.clone())
        .collect();
    RecommendResponse { unknown_songs, seeds: seed_matches, excluded_songs: excluded_matches, ..answer }
}
