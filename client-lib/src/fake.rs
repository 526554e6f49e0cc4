//! A recommender for the tests of applications, which answers without a service.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures_util::{StreamExt as _, stream};
use tokio::sync::watch;

use crate::{
    Answer, Error, FieldViolation, Match, ModelInfoResponse, ModelWatch, PlaylistService, RecommendRequest,
    RecommendResponse, Recommendation, SearchSongsRequest, SearchSongsResponse, SeedMatch, Song, Source,
    WatchModelResponse,
};

type Recommend = dyn Fn(&RecommendRequest) -> Result<RecommendResponse, Error> + Send + Sync;

/// How errors of the fake name it.
const URL: &str = "http://fake.invalid:80";
const DEFAULT_LIMIT: u32 = 10;
const LARGEST_LIMIT: u32 = 500;
/// The songs of a page, where a request does not say.
const DEFAULT_PAGE: u32 = 10;

/// A recommender that knows a few songs, and answers in the process: for the tests of applications. Cheap to clone; clones are
/// the same recommender.
///
/// It recommends the songs that it knows in the order in which they were given, without the seeds and what is excluded,
/// heeds the limits of a request, names the seeds that it does not know, and refuses what the service refuses: no
/// seeds, or a limit above 500. A seed is known by its title or by `artist - title`, whatever the case.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), client_lib::Error> {
/// use client_lib::{FakePlaylistService, PlaylistService, RecommendRequest};
///
/// let service = FakePlaylistService::new([("French Montana", "Unforgettable"), ("Kendrick Lamar", "HUMBLE.")]);
/// let answer = service.recommend(RecommendRequest::new(["unforgettable", "no song"])).await?;
/// assert_eq!(answer.songs[0].song.title, "HUMBLE.");
/// assert_eq!(answer.unknown_songs, ["no song"]);
///
/// // Failures are answered in turn, and then it works again.
/// service.fail_next(client_lib::Error::Timeout {
///     url: "http://localhost:52023".to_owned(),
///     call: "Recommend",
///     after: std::time::Duration::from_secs(10),
/// });
/// assert!(service.recommend("unforgettable".into()).await.is_err());
/// assert!(service.recommend("unforgettable".into()).await.is_ok());
/// assert_eq!(service.requests().len(), 3);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct FakePlaylistService {
    songs: Arc<[Song]>,
    recommend: Option<Arc<Recommend>>,
    state: Arc<Mutex<State>>,
    model_version: watch::Sender<String>,
}

#[derive(Default)]
struct State {
    failures: VecDeque<Error>,
    requests: Vec<RecommendRequest>,
}

impl FakePlaylistService {
    /// A recommender that knows these songs, each given by artist and title.
    #[must_use]
    pub fn new<A: Into<String>, T: Into<String>>(songs: impl IntoIterator<Item = (A, T)>) -> Self {
        let songs = songs.into_iter().enumerate().map(|(number, (artist, title))| Song {
            title: title.into(),
            artist: artist.into(),
            uri: format!("fake:track:{number}"),
            support_count: 1,
        });
        let (model_version, _) = watch::channel("fake-1".to_owned());
        Self { songs: songs.collect(), recommend: None, state: Arc::default(), model_version }
    }

    /// Answers `Recommend` with what `recommend` returns. Answers have no constructor; begin with their `Default`.
    ///
    /// ```
    /// use client_lib::{FakePlaylistService, Recommendation, RecommendResponse};
    ///
    /// let service = FakePlaylistService::new([("", "")]).on_recommend(|_request| {
    ///     let mut one = Recommendation::default();
    ///     one.song.title = "HUMBLE.".to_owned();
    ///     let mut answer = RecommendResponse::default();
    ///     answer.songs.push(one);
    ///     Ok(answer)
    /// });
    /// ```
    #[must_use]
    pub fn on_recommend(
        mut self,
        recommend: impl Fn(&RecommendRequest) -> Result<RecommendResponse, Error> + Send + Sync + 'static,
    ) -> Self {
        self.recommend = Some(Arc::new(recommend));
        self
    }

    /// Fails the next call, whichever it is; several failures are answered in turn.
    pub fn fail_next(&self, error: Error) {
        self.state().failures.push_back(error);
    }

    /// Takes a model into service: answers name it, and watches tell of it.
    pub fn publish(&self, model_version: impl Into<String>) {
        self.model_version.send_replace(model_version.into());
    }

    /// The requests for recommendations so far, also of those that failed.
    #[must_use]
    pub fn requests(&self) -> Vec<RecommendRequest> {
        self.state().requests.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ready(&self) -> Result<(), Error> {
        self.state().failures.pop_front().map_or(Ok(()), Err)
    }

    fn version(&self) -> String {
        self.model_version.borrow().clone()
    }

    fn understand(&self, seed: &str) -> SeedMatch {
        let typed = seed.trim().to_lowercase();
        let song = self.songs.iter().find(|song| {
            let (artist, title) = (song.artist.to_lowercase(), song.title.to_lowercase());
            typed == title || typed == format!("{artist} - {title}") || seed == song.uri
        });
        SeedMatch {
            seed: seed.to_owned(),
            r#match: if song.is_some() { Match::Exact } else { Match::Unknown },
            song: song.cloned(),
            similarity: if song.is_some() { 1.0 } else { 0.0 },
            suggestions: Vec::new(),
        }
    }

    fn playlist(&self, request: &RecommendRequest) -> Result<RecommendResponse, Error> {
        if let Some(recommend) = &self.recommend {
            return recommend(request);
        }
        let wire = request.clone().into_wire();
        if wire.songs.is_empty() {
            return Err(invalid("songs", "is empty"));
        }
        if wire.limit > LARGEST_LIMIT {
            return Err(invalid("limit", "is more than 500"));
        }
        let understand =
            |songs: &[String]| songs.iter().map(|song| self.understand(song)).collect::<Vec<_>>();
        let (seeds, excluded_songs) = (understand(&wire.songs), understand(&wire.exclude_songs));
        let left_out: Vec<&Song> =
            seeds.iter().chain(&excluded_songs).filter_map(|seed| seed.song.as_ref()).collect();
        let limit = if wire.limit == 0 { DEFAULT_LIMIT } else { wire.limit };
        let mut by_artist = HashMap::<String, u32>::new();
        let fits = |song: &&Song| {
            let n_songs = by_artist.entry(song.artist.clone()).or_default();
            *n_songs += 1;
            wire.max_songs_per_artist == 0 || *n_songs <= wire.max_songs_per_artist
        };
        let songs = self.songs.iter().filter(|song| !left_out.contains(song)).filter(fits);
        Ok(RecommendResponse {
            songs: songs
                .take(usize::try_from(limit).unwrap_or(usize::MAX))
                .map(|song| Recommendation {
                    song: song.clone(),
                    score: 1.0,
                    source: Source::Popularity,
                    rules: Vec::new(),
                })
                .collect(),
            unknown_songs: seeds
                .iter()
                .filter(|seed| seed.song.is_none())
                .map(|seed| seed.seed.clone())
                .collect(),
            seeds,
            excluded_songs,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model_version: self.version(),
            served_by: "fake".to_owned(),
            model_date: None,
        })
    }

    fn page(&self, request: SearchSongsRequest) -> SearchSongsResponse {
        let wire = request.into_wire();
        let query = wire.query.trim().to_lowercase();
        let n_songs = if wire.page_size == 0 { DEFAULT_PAGE } else { wire.page_size };
        let n_songs = usize::try_from(n_songs).unwrap_or(usize::MAX);
        let first = wire.page_token.parse().unwrap_or(0);
        let found = self.songs.iter().filter(|song| {
            song.title.to_lowercase().starts_with(&query) || song.artist.to_lowercase().starts_with(&query)
        });
        let mut rest = found.skip(first);
        let songs: Vec<Song> = rest.by_ref().take(n_songs).cloned().collect();
        let next_page_token = rest.next().map_or_else(String::new, |_| (first + songs.len()).to_string());
        SearchSongsResponse {
            songs,
            next_page_token,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            model_version: self.version(),
            served_by: "fake".to_owned(),
            model_date: None,
        }
    }
}

impl PlaylistService for FakePlaylistService {
    fn recommend(&self, request: RecommendRequest) -> Answer<'_, RecommendResponse> {
        Box::pin(async move {
            self.state().requests.push(request.clone());
            self.ready()?;
            self.playlist(&request)
        })
    }

    fn search_songs(&self, request: SearchSongsRequest) -> Answer<'_, SearchSongsResponse> {
        Box::pin(async move {
            self.ready()?;
            Ok(self.page(request))
        })
    }

    fn model_info(&self) -> Answer<'_, ModelInfoResponse> {
        Box::pin(async move {
            self.ready()?;
            Ok(ModelInfoResponse {
                version: env!("CARGO_PKG_VERSION").to_owned(),
                model_version: self.version(),
                served_by: "fake".to_owned(),
                ..ModelInfoResponse::default()
            })
        })
    }

    fn watch_model(&self) -> Answer<'_, ModelWatch> {
        Box::pin(async move {
            self.ready()?;
            let mut versions = self.model_version.subscribe();
            versions.mark_changed();
            let models = stream::unfold(versions, |mut versions| async move {
                versions.changed().await.ok()?;
                let model_version = versions.borrow_and_update().clone();
                let model = WatchModelResponse {
                    version: env!("CARGO_PKG_VERSION").to_owned(),
                    model_version,
                    served_by: "fake".to_owned(),
                    ..WatchModelResponse::default()
                };
                Some((Ok(model), versions))
            });
            Ok(ModelWatch::new(models.boxed(), None))
        })
    }
}

fn invalid(field: &str, description: &str) -> Error {
    Error::InvalidRequest {
        url: URL.to_owned(),
        call: "Recommend",
        message: format!("`{field}` {description}"),
        violations: vec![FieldViolation { field: field.to_owned(), description: description.to_owned() }],
    }
}

impl fmt::Debug for FakePlaylistService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakePlaylistService").field("songs", &self.songs).finish_non_exhaustive()
    }
}
