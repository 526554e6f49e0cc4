//! The client: one method for each call of the contract.

mod diagnosis;

use std::{fmt, sync::Arc, time::Duration};

use futures_util::{Stream, StreamExt as _};
use proto::v1;

use crate::{
    builder::ClientBuilder,
    credentials::BearerToken,
    error::Error,
    model_info::{ModelInfoResponse, WatchModelResponse},
    playlist::{RecommendResponse, SearchSongsResponse},
    requests::{RecommendRequest, SearchSongsRequest},
    retries::Retries,
    status,
    transport::Transport,
    watch::ModelWatch,
};

/// A client of one recommender, which may have many replicas. Cheap to clone; clones share the connections, on which
/// calls run side by side.
///
/// # Replicas
///
/// The client is given one URL or [several](Self::builder). Each address that the host of a URL stands for is taken for a
/// replica: a name with many addresses, such as that of a headless Service of Kubernetes, is balanced over all of them. The
/// first call connects to all; from then on each is kept connected, and calls go to those that are, each to the one with less
/// to do of two that are drawn.
///
/// A replica whose connection ends is ejected: it gets no call until it was connected again, which is tried after
/// 0.1 s at most, and after up to 5 s in the end. A replica that says that it is not available gets no call for a second
/// that another one can take. Addresses are looked up every [30 seconds](ClientBuilder::resolve_interval), and when a
/// connection fails; those that are gone get no further call, and when a look-up fails, those last known stay.
///
/// A connection is asked every 4 seconds whether it still lives, unless it shows it by itself; after 3 seconds without an
/// answer it is taken for lost.
///
/// # Retries
///
/// All calls only read, so one that failed goes out again before the application hears of it, where that can
/// help: all within its timeout, and no pause is begun for which there is no time left.
///
/// | what happened | the call goes out again |
/// | --- | --- |
/// | the service surely has not seen it: the connection was going away, or the stream was refused | always, at first at once |
/// | no replica can be connected | after a pause |
/// | the connection was lost before the answer was complete | after a pause, on another replica if there is one |
/// | the replica, or a proxy before it, is not available, or has no model yet | after a pause, on another replica; if there is none, after the time that it tells |
/// | the service is overloaded | after the time that it tells; not at all if it tells none; when time is up meanwhile, the call fails with [`Error::Overloaded`] |
/// | anything else: a timeout, a refused request, a fault | not |
///
/// Pauses are random, up to 50 ms at first, and doubling up to 1 s; to a time that was told up to half of it is
/// added. A call goes out [5 times](ClientBuilder::max_attempts) at most, not counting the times that the service
/// surely has not seen it. Of the calls that the service may have worked on, a client repeats a tenth of as many as
/// were answered, and 1,000 beyond these, so that a service with too much to do does not get more.
///
/// At most 1,000 calls are under way on each connection. Further ones wait until there is room, for half of their timeout; then they
/// fail with [`Error::Overloaded`] and were never sent.
///
/// Every call must be awaited on a tokio runtime with I/O and time. The connections live on that of the first call and, when it
/// has ended, on that of the next one.
///
/// ```
/// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
/// # #[tokio::main]
/// # async fn main() -> Result<(), client_lib::Error> {
/// # let server = sample::Server::start(sample::Sample::default());
/// # let url = server.url();
/// use std::time::Duration;
/// use client_lib::Client;
///
/// let client = Client::builder(url)
///     .timeout(Duration::from_secs(2))
///     .connect()
///     .await?;
/// let answer = client.recommend(["Unforgettable"]).await?;
/// assert_eq!(answer.songs[0].song.title, "HUMBLE.");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
    pub(crate) timeout: Duration,
}

pub(crate) struct Shared {
    pub(crate) url: String,
    pub(crate) retries: Retries,
    pub(crate) bearer_token: BearerToken,
    #[cfg(feature = "tracing")]
    pub(crate) trace_context: Option<crate::spans::TraceContext>,
    pub(crate) transport: Transport,
}

impl Client {
    /// Connects with the default timeouts, see [`ClientBuilder::connect`].
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let server = sample::Server::start(sample::Sample::default());
    /// # let url = server.url();
    /// # /*
    /// let url = "http://localhost:52023";
    /// # */
    /// let client = client_lib::Client::connect(url).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of [`ClientBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// A client with the default timeouts that connects at its first call, see [`ClientBuilder::lazy`].
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// let client = client_lib::Client::lazy("http://localhost:52023")?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`].
    pub fn lazy(url: &str) -> Result<Self, Error> {
        Self::builder(url).lazy()
    }

    /// A client of the service that the environment names, with its credentials; it connects at its first call. The
    /// variables are those of the program `playlist`, see [`ClientBuilder::from_env`].
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// let client = client_lib::Client::from_env()?;
    /// assert_eq!(client.url(), "http://localhost:52023");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] and [`Error::InvalidCredentials`].
    pub fn from_env() -> Result<Self, Error> {
        ClientBuilder::from_env()?.lazy()
    }

    /// Starts a client with settings of its own. `url` is `http://host:port` or, for TLS,
    /// `https://host:port`; without a scheme it is `http`, and the port is 80 or 443 if it is left out. User
    /// info is not sent. Several URLs stand with commas between, and are [balanced](Self#replicas) together.
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// use client_lib::Client;
    ///
    /// let one = Client::builder("http://localhost:52023").lazy()?;
    /// let some = Client::builder("http://10.0.0.1:52023,http://10.0.0.2:52023").lazy()?;
    /// // A name with many addresses is as good as a list.
    /// let all = Client::builder("http://playlist-recommender-headless:52023").lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder::new(url)
    }

    /// This client with another timeout for each call, on the same connections.
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let server = sample::Server::start(sample::Sample::default());
    /// # let client = client_lib::Client::connect(server.url()).await?;
    /// use std::time::Duration;
    ///
    /// let found = client.with_timeout(Duration::from_millis(500)).search_songs("hum").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { shared: Arc::clone(&self.shared), timeout }
    }

    /// The URL of the recommender, with its port and without user info; several with commas between.
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// let client = client_lib::Client::lazy("localhost:52023")?;
    /// assert_eq!(client.url(), "http://localhost:52023");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// How many times calls of this client and its clones went out [again](Client#retries) so far, whatever came of it:
    /// what retries have hidden from the application.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// let client = client_lib::Client::builder("http://localhost:1").max_attempts(3).lazy()?;
    /// assert!(client.recommend("HUMBLE.").await.is_err());
    /// assert_eq!(client.retries(), 2);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn retries(&self) -> u64 {
        self.shared.retries.taken()
    }

    /// Asks for songs that go with songs: seeds alone, or a [`RecommendRequest`].
    ///
    /// A seed that the model does not know is no error: the answer names it and goes on with the others.
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let server = sample::Server::start(sample::Sample::default());
    /// # let client = client_lib::Client::connect(server.url()).await?;
    /// use client_lib::RecommendRequest;
    ///
    /// let request = RecommendRequest::new(["Unforgettable", "nobody sang this"]).limit(5);
    /// let answer = client.recommend(request).await?;
    /// assert_eq!(answer.unknown_songs, ["nobody sang this"]);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidRequest`] for seeds or limits that the service refuses, [`Error::NotReady`] while it
    /// has no model, and those of every call: [`Error::Connect`], [`Error::Timeout`], [`Error::Overloaded`],
    /// [`Error::Unavailable`], [`Error::Unimplemented`], [`Error::Protocol`] and [`Error::Internal`].
    pub async fn recommend(&self, request: impl Into<RecommendRequest>) -> Result<RecommendResponse, Error> {
        let request = request.into().into_wire();
        self.call("Recommend", request, |mut grpc, request| async move { grpc.recommend(request).await })
            .await
            .map(RecommendResponse::from_wire)
    }

    /// Finds songs by what a person has typed so far: the text alone, or a [`SearchSongsRequest`].
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let server = sample::Server::start(sample::Sample::default());
    /// # let client = client_lib::Client::connect(server.url()).await?;
    /// let page = client.search_songs("hum").await?;
    /// assert_eq!(page.songs[0].title, "HUMBLE.");
    /// assert!(page.next_page_token.is_empty(), "there is but one page");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`recommend`](Self::recommend).
    pub async fn search_songs(
        &self,
        request: impl Into<SearchSongsRequest>,
    ) -> Result<SearchSongsResponse, Error> {
        let request = request.into().into_wire();
        self.call("SearchSongs", request, |mut grpc, request| async move { grpc.search_songs(request).await })
            .await
            .map(SearchSongsResponse::from_wire)
    }

    /// Asks which model is in service, what it was trained from, and how the last look for another one ended.
    /// Answered without a model too.
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let server = sample::Server::start(sample::Sample::default());
    /// # let client = client_lib::Client::connect(server.url()).await?;
    /// let info = client.model_info().await?;
    /// assert_eq!(info.version, "1.0.0");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of every call, see [`recommend`](Self::recommend).
    pub async fn model_info(&self) -> Result<ModelInfoResponse, Error> {
        let request = v1::ModelInfoRequest {};
        self.call("ModelInfo", request, |mut grpc, request| async move { grpc.model_info(request).await })
            .await
            .map(ModelInfoResponse::from_wire)
    }

    /// Asks to be told of model versions: of the one in service at once, and of each that comes into service
    /// after it. When the replica stops or the connection is lost, the watch goes on with another one by itself.
    ///
    /// The timeout is for the beginning of the stream; it may then last for any time.
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let server = sample::Server::start(sample::Sample::default());
    /// # let client = client_lib::Client::connect(server.url()).await?;
    /// let mut models = client.watch_model().await?;
    /// if let Some(model) = models.next().await {
    ///     println!("model {} is in service", model?.model_version);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// Those of every call, see [`recommend`](Self::recommend).
    pub async fn watch_model(&self) -> Result<ModelWatch, Error> {
        Ok(ModelWatch::new(self.open_watch().await?.boxed(), Some(self.clone())))
    }

    /// The models that one replica tells of.
    pub(crate) async fn open_watch(
        &self,
    ) -> Result<impl Stream<Item = Result<WatchModelResponse, Error>> + Send + use<>, Error> {
        const CALL: &str = "WatchModel";
        let request = v1::WatchModelRequest {};
        let models = self
            .call(CALL, request, |mut grpc, mut request| async move {
                // The deadline that the service is told of would end the stream.
                request.metadata_mut().remove("grpc-timeout");
                grpc.watch_model(request).await
            })
            .await?;
        let client = self.clone();
        Ok(models.map(move |model| match model {
            Ok(model) => Ok(WatchModelResponse::from_wire(model)),
            Err(status) => Err(status::error(&status, CALL, client.url(), client.timeout)),
        }))
    }

    /// Makes sure that a recommender answers.
    pub(crate) async fn reach(&self) -> Result<(), Error> {
        match self.model_info().await {
            // What has too much to do answers, too.
            Ok(_) | Err(Error::Overloaded { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url)
            .field("timeout", &self.timeout)
            .finish_non_exhaustive()
    }
}
