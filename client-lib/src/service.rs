//! The service as a trait, so that an application can be tested without one.

use std::pin::Pin;

use crate::{
    client::Client,
    error::Error,
    model_info::ModelInfoResponse,
    playlist::{RecommendResponse, SearchSongsResponse},
    requests::{RecommendRequest, SearchSongsRequest},
    watch::ModelWatch,
};

/// An answer of a [`PlaylistService`] that is waited for.
pub type Answer<'a, A> = Pin<Box<dyn Future<Output = Result<A, Error>> + Send + 'a>>;

/// The calls of a recommender. [`Client`] makes them on a service; with the feature `fake`, `FakePlaylistService` answers them
/// itself.
///
/// ```
/// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
/// use client_lib::{Client, Error, PlaylistService};
///
/// /// What an application does with the service, whichever it is.
/// async fn titles(service: &dyn PlaylistService, seed: &str) -> Result<Vec<String>, Error> {
///     let answer = service.recommend(seed.into()).await?;
///     Ok(answer.songs.into_iter().map(|one| one.song.title).collect())
/// }
///
/// # #[tokio::main]
/// # async fn main() -> Result<(), Error> {
/// # let server = sample::Server::start(sample::Sample::default());
/// # let url = server.url();
/// let client = Client::lazy(url)?;
/// assert_eq!(titles(&client, "Unforgettable").await?, ["HUMBLE."]);
/// # Ok(())
/// # }
/// ```
pub trait PlaylistService: Send + Sync {
    /// As [`Client::recommend`].
    fn recommend(&self, request: RecommendRequest) -> Answer<'_, RecommendResponse>;

    /// As [`Client::search_songs`].
    fn search_songs(&self, request: SearchSongsRequest) -> Answer<'_, SearchSongsResponse>;

    /// As [`Client::model_info`].
    fn model_info(&self) -> Answer<'_, ModelInfoResponse>;

    /// As [`Client::watch_model`].
    fn watch_model(&self) -> Answer<'_, ModelWatch>;
}

impl PlaylistService for Client {
    fn recommend(&self, request: RecommendRequest) -> Answer<'_, RecommendResponse> {
        Box::pin(self.recommend(request))
    }

    fn search_songs(&self, request: SearchSongsRequest) -> Answer<'_, SearchSongsResponse> {
        Box::pin(self.search_songs(request))
    }

    fn model_info(&self) -> Answer<'_, ModelInfoResponse> {
        Box::pin(self.model_info())
    }

    fn watch_model(&self) -> Answer<'_, ModelWatch> {
        Box::pin(self.watch_model())
    }
}
