//! The client for programs that do not use `async`.
//!
//! ```
//! # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
//! use client_lib::blocking::Client;
//!
//! # fn main() -> Result<(), client_lib::Error> {
//! # let server = sample::Server::start(sample::Sample::default());
//! # let url = server.url();
//! let client = Client::connect(url)?;
//! for recommendation in client.recommend(["Unforgettable"])?.songs {
//!     println!("{} by {}", recommendation.song.title, recommendation.song.artist);
//! }
//! # Ok(())
//! # }
//! ```

use std::{
    fmt, io,
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::{
    runtime::{Builder, Handle, Runtime},
    task::AbortHandle,
};

use crate::{
    ClientBuilder, Error, ModelInfoResponse, RecommendRequest, RecommendResponse, SearchSongsRequest,
    SearchSongsResponse, WatchModelResponse,
};

/// [`Client`](crate::Client), whose calls block the thread until they are answered. Cheap to clone.
///
/// It has one thread of its own, on which its connections live. On a thread of an `async` runtime its calls work, and
/// keep that thread from other work.
#[derive(Clone)]
pub struct Client {
    client: crate::Client,
    background: Arc<Background>,
}

impl Client {
    /// As [`Client::connect`](crate::Client::connect).
    ///
    /// # Errors
    ///
    /// Those, and [`Error::Runtime`].
    pub fn connect(url: &str) -> Result<Self, Error> {
        let client = Self::new(crate::Client::builder(url))?;
        let eager = client.client.clone();
        client.wait(async move { eager.reach().await })?;
        Ok(client)
    }

    /// A client with settings of its own, which connects at its first call.
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// use std::time::Duration;
    ///
    /// let settings = client_lib::Client::builder("http://localhost:52023").timeout(Duration::from_secs(2));
    /// let client = client_lib::blocking::Client::new(settings)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ClientBuilder::lazy`], and [`Error::Runtime`].
    pub fn new(settings: ClientBuilder) -> Result<Self, Error> {
        let client = settings.lazy()?;
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("playlist-client")
            .enable_all()
            .build()
            .map_err(|source| Error::Runtime { source })?;
        let background = Background { handle: runtime.handle().clone(), runtime: Some(runtime) };
        Ok(Self { client, background: Arc::new(background) })
    }

    /// As [`Client::from_env`](crate::Client::from_env).
    ///
    /// # Errors
    ///
    /// Those, and [`Error::Runtime`].
    pub fn from_env() -> Result<Self, Error> {
        Self::new(ClientBuilder::from_env()?)
    }

    /// As [`Client::with_timeout`](crate::Client::with_timeout).
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { client: self.client.with_timeout(timeout), background: Arc::clone(&self.background) }
    }

    /// As [`Client::recommend`](crate::Client::recommend).
    ///
    /// # Errors
    ///
    /// Those.
    pub fn recommend(&self, request: impl Into<RecommendRequest>) -> Result<RecommendResponse, Error> {
        let (client, request) = (self.client.clone(), request.into());
        self.wait(async move { client.recommend(request).await })
    }

    /// As [`Client::search_songs`](crate::Client::search_songs).
    ///
    /// # Errors
    ///
    /// Those.
    pub fn search_songs(&self, request: impl Into<SearchSongsRequest>) -> Result<SearchSongsResponse, Error> {
        let (client, request) = (self.client.clone(), request.into());
        self.wait(async move { client.search_songs(request).await })
    }

    /// As [`Client::model_info`](crate::Client::model_info).
    ///
    /// # Errors
    ///
    /// Those.
    pub fn model_info(&self) -> Result<ModelInfoResponse, Error> {
        let client = self.client.clone();
        self.wait(async move { client.model_info().await })
    }

    /// As [`Client::watch_model`](crate::Client::watch_model).
    ///
    /// # Errors
    ///
    /// Those.
    pub fn watch_model(&self) -> Result<ModelWatch, Error> {
        let client = self.client.clone();
        let mut watch = self.wait(async move { client.watch_model().await })?;
        let (sender, models) = mpsc::channel();
        let task = self.background.spawn(async move {
            while let Some(model) = watch.next().await {
                if sender.send(model).is_err() {
                    break;
                }
            }
        });
        Ok(ModelWatch { models, task, _background: Arc::clone(&self.background) })
    }

    fn wait<A: Send + 'static>(
        &self,
        call: impl Future<Output = Result<A, Error>> + Send + 'static,
    ) -> Result<A, Error> {
        let (sender, answer) = mpsc::sync_channel(1);
        self.background.spawn(async move {
            let _ = sender.send(call.await);
        });
        answer.recv().map_err(|error| Error::Runtime { source: io::Error::other(error) })?
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.client.fmt(f)
    }
}

/// [`ModelWatch`](crate::ModelWatch), as an iterator that blocks until the next model comes into service.
#[must_use = "dropping it ends the watch"]
pub struct ModelWatch {
    models: mpsc::Receiver<Result<WatchModelResponse, Error>>,
    task: AbortHandle,
    _background: Arc<Background>,
}

impl Iterator for ModelWatch {
    type Item = Result<WatchModelResponse, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        self.models.recv().ok()
    }
}

impl Drop for ModelWatch {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl fmt::Debug for ModelWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ModelWatch").finish_non_exhaustive()
    }
}

/// The runtime that the last clone ends. It is not waited for, so that this may happen anywhere.
struct Background {
    handle: Handle,
    runtime: Option<Runtime>,
}

impl Background {
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) -> AbortHandle {
        self.handle.spawn(task).abort_handle()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
