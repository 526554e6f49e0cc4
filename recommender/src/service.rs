//! `playlist.v1.PlaylistService`: checks a request, asks the model, translates the answer.

use std::{pin::Pin, sync::Arc};

use futures_util::{Stream, StreamExt as _};
use proto::v1::{
    Match, ModelInfoRequest, ModelInfoResponse, RecommendRequest, RecommendResponse, SearchSongsRequest,
    SearchSongsResponse, SeedMatch, Source, WatchModelRequest, WatchModelResponse,
    playlist_service_server::PlaylistService,
};
use tokio_stream::wrappers::WatchStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use crate::{
    Query,
    admission::Admission,
    answer, call_context,
    deadline::Deadline,
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
    admission: Arc<Admission>,
    served_by: Arc<str>,
}

impl Playlists {
    pub(crate) fn new(
        live: Arc<LiveModel>,
        metrics: Arc<Metrics>,
        admission: Arc<Admission>,
        served_by: &str,
    ) -> Self {
        Playlists { live, metrics, admission, served_by: Arc::from(served_by) }
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
        let deadline = deadline_of(&request);
        let request = request.into_inner();
        // What is wrong with a request is wrong with and without a model.
        let limits = validation::recommend_limits(&request)?;
        let in_service = self.in_service()?;
        let texts = request.songs.len() + request.exclude_songs.len();
        let response = if texts <= MAX_TEXTS_IN_PLACE {
            recommend(&in_service, &self.served_by, request, limits, || deadline.check())?
        } else {
            let served_by = Arc::clone(&self.served_by);
            let place = self.admission.large_request().await?;
            // The thread does not notice by itself that nobody waits any more: the client has gone, or its time is over.
            let abandoned = CancellationToken::new();
            let _abandon = abandoned.clone().drop_guard();
            call_context::spawn_blocking(move || {
                let _place = place;
                let go_on = || match abandoned.is_cancelled() {
                    true => Err(Status::cancelled("the client waits no more")),
                    false => deadline.check(),
                };
                recommend(&in_service, &served_by, request, limits, go_on)
            })
            .await
            .map_err(|error| {
                call_context::log(|| tracing::error!(%error, "a request could not be answered"));
                status::internal()
            })??
        };
        self.count(&response);
        Ok(Response::new(response))
    }

    async fn search_songs(
        &self,
        request: Request<SearchSongsRequest>,
    ) -> Result<Response<SearchSongsResponse>, Status> {
        let deadline = deadline_of(&request);
        let request = request.into_inner();
        let page = validation::search_page(&request)?;
        let in_service = self.in_service()?;
        deadline.check()?;
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
        Ok(Response::new(answer::model_info(&self.live.now(), &self.served_by)))
    }

    type WatchModelStream = Pin<Box<dyn Stream<Item = Result<WatchModelResponse, Status>> + Send>>;

    async fn watch_model(
        &self,
        _: Request<WatchModelRequest>,
    ) -> Result<Response<Self::WatchModelStream>, Status> {
        let (live, served_by) = (Arc::clone(&self.live), Arc::clone(&self.served_by));
        // The first item comes at once, the others with each swap. The server ends the stream when it drains.
        let messages =
            WatchStream::new(live.watch()).map(move |_| Ok(answer::watch_model(&live.now(), &served_by)));
        Ok(Response::new(messages.boxed()))
    }
}

/// Until when the answer to a request is of use.
fn deadline_of<T>(request: &Request<T>) -> Deadline {
    let noted = request.extensions().get::<Deadline>().copied();
    noted.unwrap_or_else(|| Deadline::of(&request.metadata().clone().into_headers()))
}

/// Answers a checked request from one model, for as long as `go_on` says that somebody waits for it.
fn recommend(
    in_service: &InService,
    served_by: &str,
    request: RecommendRequest,
    limits: RecommendLimits,
    go_on: impl Fn() -> Result<(), Status>,
) -> Result<RecommendResponse, Status> {
    let model = &in_service.model;
    let resolve = |texts: &[String]| -> Result<(Vec<_>, Vec<SeedMatch>), Status> {
        let matches = texts.iter().map(|text| {
            go_on()?;
            let found = model.resolve(text);
            Ok((found.song, answer::seed_match(model, text, &found)))
        });
        matches.collect()
    };
    let resolved = call_context::stage("resolve", || {
        Ok::<_, Status>((resolve(&request.songs)?, resolve(&request.exclude_songs)?))
    });
    let ((seeds, seed_matches), (excluded, excluded_matches)) = resolved?;
    go_on()?;
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
    Ok(RecommendResponse { unknown_songs, seeds: seed_matches, excluded_songs: excluded_matches, ..answer })
}
