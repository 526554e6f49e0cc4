//! The client: one method for each call of the contract.

use std::{
    fmt,
    sync::{Arc, OnceLock},
    time::{Duration, Instant},
};

use proto::v1::{self, playlist_service_client::PlaylistServiceClient};
use tokio::time;
use tonic::{
    Request, Response, Status,
    metadata::{Ascii, MetadataValue},
    transport::Endpoint,
};

use crate::{
    address,
    credentials::Credentials,
    error::Error,
    model_info::ModelInfoResponse,
    playlist::{RecommendResponse, SearchSongsResponse},
    requests::{RecommendRequest, SearchSongsRequest},
    retries::{self, Attempts, Failure, Retries},
    status,
    transport::{self, Transport},
    watch::ModelWatch,
};

type Grpc = PlaylistServiceClient<Transport>;

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The longest timeout that the service is told of; a longer one is kept on this side only.
const LONGEST_ANNOUNCED_TIMEOUT: Duration = Duration::from_secs(24 * 60 * 60);
/// The largest answer that is read, in bytes. 500 songs with 100 rules each stay below it.
const MAX_ANSWER: usize = 64 * 1024 * 1024;

/// A client of one recommender. Cheap to clone; clones share one connection, on which calls run side by side.
///
/// Connections are opened when they are needed, also after the service was restarted.
///
/// # Retries
///
/// All calls only read, so one that failed goes out again before the application hears of it, where that can
/// help: all within its timeout, and no pause is begun for which there is no time left.
///
/// | what happened | the call goes out again |
/// | --- | --- |
/// | the service surely has not seen it: the connection was going away, or the stream was refused | always, at first at once |
/// | nothing accepts connections | after a pause |
/// | the connection was lost before the answer was complete | after a pause, on another connection |
/// | the service, or a proxy before it, is not available | after the time that it tells, else after a pause |
/// | the service has no model yet | after the time that it tells |
/// | the service is overloaded | after the time that it tells; not at all if it tells none |
/// | anything else: a timeout, a refused request, a fault | not |
///
/// Pauses are random, up to 50 ms at first, and doubling up to 1 s; to a time that was told up to half of it is
/// added. A call goes out [5 times](ClientBuilder::max_attempts) at most, not counting the times that the service
/// surely has not seen it. Of the calls that the service may have worked on, a client repeats a tenth of as many as
/// were answered, and 1,000 beyond these, so that a service with too much to do does not get more.
///
/// Every call must be awaited on a tokio runtime with I/O and time, and one client on one runtime only.
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
    shared: Arc<Shared>,
}

struct Shared {
    url: String,
    timeout: Duration,
    retries: Retries,
    endpoint: Endpoint,
    authorization: Option<MetadataValue<Ascii>>,
    /// Made at the first call, for that is on a runtime.
    grpc: OnceLock<Grpc>,
}

impl Client {
    /// Connects with the default timeouts, see [`ClientBuilder::connect`].
    ///
    /// # Errors
    ///
    /// Those of [`ClientBuilder::connect`].
    pub async fn connect(url: &str) -> Result<Self, Error> {
        Self::builder(url).connect().await
    }

    /// A client with the default timeouts that connects at its first call, see [`ClientBuilder::lazy`].
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`].
    pub fn lazy(url: &str) -> Result<Self, Error> {
        Self::builder(url).lazy()
    }

    /// Starts a client with other timeouts, or with credentials. `url` is `http://host:port` or, for TLS,
    /// `https://host:port`; without a scheme it is `http`, and the port is 80 or 443 if it is left out. User
    /// info is not sent.
    pub fn builder(url: &str) -> ClientBuilder {
        ClientBuilder {
            url: url.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            max_attempts: retries::DEFAULT_MAX_ATTEMPTS,
            credentials: Credentials::default(),
        }
    }

    /// The URL of the recommender, with its port and without user info.
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
    /// after it.
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
        const CALL: &str = "WatchModel";
        let request = v1::WatchModelRequest {};
        let models = self
            .call(CALL, request, |mut grpc, mut request| async move {
                // The deadline that the service is told of would end the stream.
                request.metadata_mut().remove("grpc-timeout");
                grpc.watch_model(request).await
            })
            .await?;
        let Shared { url, timeout, .. } = &*self.shared;
        Ok(ModelWatch::new(models, CALL, url.clone(), *timeout))
    }

    /// Makes one call, and makes it again where that can help, all within the timeout.
    async fn call<Q, A, F>(
        &self,
        call: &'static str,
        message: Q,
        send: impl Fn(Grpc, Request<Q>) -> F,
    ) -> Result<A, Error>
    where
        Q: Clone,
        F: Future<Output = Result<Response<A>, Status>>,
    {
        let Shared { url, timeout, retries, endpoint, authorization, grpc } = &*self.shared;
        let grpc =
            grpc.get_or_init(|| Grpc::new(Transport::new(endpoint)).max_decoding_message_size(MAX_ANSWER));
        let began = Instant::now();
        let mut attempts = Attempts::default();
        let mut not_connected = None;
        loop {
            let left = timeout.saturating_sub(began.elapsed());
            let mut request = Request::new(message.clone());
            if left <= LONGEST_ANNOUNCED_TIMEOUT {
                request.set_timeout(left);
            }
            if let Some(authorization) = authorization {
                request.metadata_mut().insert("authorization", authorization.clone());
            }
            let failure = match time::timeout(left, send(grpc.clone(), request)).await {
                Ok(Ok(answer)) => {
                    retries.answered();
                    return Ok(answer.into_inner());
                }
                Ok(Err(status)) => Failure {
                    error: status::error(&status, call, url, *timeout),
                    is_unseen: status::is_unseen(&status),
                },
                // That there is nobody to connect to says more than that it took long to find out again.
                Err(_elapsed) => {
                    let timed_out = Error::Timeout { url: url.clone(), call, after: *timeout };
                    return Err(not_connected.unwrap_or(timed_out));
                }
            };
            let left = timeout.saturating_sub(began.elapsed());
            match retries.pause(&mut attempts, &failure, left) {
                Some(pause) => time::sleep(pause).await,
                None => return Err(failure.error),
            }
            not_connected = Some(failure.error).filter(|error| matches!(error, Error::Connect { .. }));
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("url", &self.shared.url)
            .field("timeout", &self.shared.timeout)
            .finish_non_exhaustive()
    }
}

/// The settings of a [`Client`], from [`Client::builder`].
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    timeout: Duration,
    connect_timeout: Duration,
    max_attempts: u32,
    credentials: Credentials,
}

impl ClientBuilder {
    /// How long a call may take, with connecting and with all [retries](Client#retries); 10 seconds when it is not
    /// set.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long opening a connection may take, within the timeout of the call that needs it; 5 seconds when
    /// it is not set.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How often a call may go out, see [retries](Client#retries); 5 times when it is not set. 1 is for applications
    /// that repeat calls themselves; calls that the service surely has not seen go out again all the same. 0 is
    /// taken for 1.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let impatient = client_lib::Client::builder("http://localhost:1").max_attempts(1);
    /// assert!(impatient.connect().await.is_err());
    /// # }
    /// ```
    pub fn max_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }

    /// Trusts the authorities whose certificates are in this PEM text, and no others, to vouch for the server.
    /// When it is not set, those are trusted that browsers trust, as Mozilla lists them.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pem = rcgen::generate_simple_self_signed(["localhost".to_owned()])?.cert.pem();
    /// # /*
    /// let pem = std::fs::read("ca.crt")?;
    /// # */
    /// let client = client_lib::Client::builder("https://localhost:52023").ca_certificate_pem(pem).lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ca_certificate_pem(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.credentials.ca_certificate = Some(pem.into());
        self
    }

    /// Expects the server's certificate to be for `name` instead of the URL's host: through a tunnel, a server is reached at
    /// another address than the one that it is known by. Without TLS it has no effect.
    pub fn tls_server_name(mut self, name: impl Into<String>) -> Self {
        self.credentials.server_name = Some(name.into());
        self
    }

    /// Shows the server this certificate, which proves with its private key who the client is. Both are PEM
    /// text; certificates that lead to the authority may follow the client's.
    pub fn client_identity_pem(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.credentials.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Sends this token with each call, as `authorization: Bearer <token>`. Without TLS, whoever sees the
    /// traffic sees it.
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.credentials.bearer_token = Some(token.into());
        self
    }

    /// Connects, and asks for the model in service to make sure that a recommender answers: through a tunnel,
    /// a connection alone tells little. Whether it has a model does not matter.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`], [`Error::InvalidCredentials`], [`Error::Connect`] when nothing listens,
    /// [`Error::Tls`], [`Error::Protocol`] or
    /// [`Error::Unimplemented`] when it is something else, and the others of [`Client::model_info`].
    pub async fn connect(self) -> Result<Client, Error> {
        let client = self.lazy()?;
        match client.model_info().await {
            // What has too much to do answers, too.
            Ok(_) | Err(Error::Overloaded { .. }) => Ok(client),
            Err(error) => Err(error),
        }
    }

    /// A client that connects at its first call. Does no I/O, and may be called outside of a runtime.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] and [`Error::InvalidCredentials`].
    pub fn lazy(self) -> Result<Client, Error> {
        let uri = address::parse(&self.url)?;
        let endpoint = transport::endpoint(uri.clone(), self.connect_timeout);
        Ok(Client {
            shared: Arc::new(Shared {
                url: uri.to_string().trim_end_matches('/').to_owned(),
                timeout: self.timeout,
                retries: Retries::new(self.max_attempts),
                endpoint: self.credentials.secure(endpoint, &uri)?,
                authorization: self.credentials.authorization()?,
                grpc: OnceLock::new(),
            }),
        })
    }
}
