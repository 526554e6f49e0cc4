//! The settings of a client.

use std::{error::Error as StdError, fmt, io, net::SocketAddr, sync::Arc, time::Duration};

use http::Uri;

use crate::{
    address,
    client::{Client, Shared},
    connection::Endpoint,
    credentials::{BearerToken, Credentials},
    environment,
    error::Error,
    replicas::{self, Replicas, Resolver, Settings},
    retries::{self, Retries},
    transport::Transport,
};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const DEFAULT_RESOLVE_INTERVAL: Duration = Duration::from_secs(30);

/// The settings of a [`Client`], from [`Client::builder`] or [from the environment](Self::from_env).
#[derive(Clone)]
#[must_use]
pub struct ClientBuilder {
    url: String,
    timeout: Duration,
    connect_timeout: Duration,
    max_attempts: u32,
    resolve_interval: Duration,
    resolver: Resolver,
    credentials: Credentials,
    #[cfg(feature = "tracing")]
    trace_context: Option<crate::spans::TraceContext>,
}

impl ClientBuilder {
    pub(crate) fn new(url: &str) -> Self {
        Self {
            url: url.to_owned(),
            timeout: DEFAULT_TIMEOUT,
            connect_timeout: DEFAULT_CONNECT_TIMEOUT,
            max_attempts: retries::DEFAULT_MAX_ATTEMPTS,
            resolve_interval: DEFAULT_RESOLVE_INTERVAL,
            resolver: replicas::system_resolver(),
            credentials: Credentials::default(),
            #[cfg(feature = "tracing")]
            trace_context: None,
        }
    }

    /// Takes the settings from the variables that the program `playlist` reads, too. One that is not set, or empty, leaves
    /// its setting alone.
    ///
    /// | variable | what it holds |
    /// | --- | --- |
    /// | `PLAYLIST_SERVER` | the URL, or several with commas between; `http://localhost:52023` when it is not set |
    /// | `PLAYLIST_CA_CERT` | a PEM file: [whom to trust](Self::ca_certificate_pem) |
    /// | `PLAYLIST_CLIENT_CERT`, `PLAYLIST_CLIENT_KEY` | PEM files: [who the client is](Self::client_identity_pem) |
    /// | `PLAYLIST_TOKEN_FILE` | a file whose first line is the [token](Self::bearer_token); empty lines and those that begin with `#` do not count |
    ///
    /// The files are read here.
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// use std::time::Duration;
    /// use client_lib::ClientBuilder;
    ///
    /// let client = ClientBuilder::from_env()?.timeout(Duration::from_secs(2)).lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvalidCredentials`] for a file that cannot be read, or has no token.
    pub fn from_env() -> Result<Self, Error> {
        environment::builder(|variable| std::env::var_os(variable))
    }

    /// How long a call may take, with connecting and with all [retries](Client#retries); 10 seconds when it is not
    /// set.
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// use std::time::Duration;
    ///
    /// let hasty = client_lib::Client::builder("http://localhost:52023")
    ///     .timeout(Duration::from_millis(500))
    ///     .connect_timeout(Duration::from_millis(100))
    ///     .lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How long opening a connection may take, and looking up a name; 5 seconds when it is not set.
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
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// let through_a_tunnel = client_lib::Client::builder("https://localhost:52023").tls_server_name("music.example").lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls_server_name(mut self, name: impl Into<String>) -> Self {
        self.credentials.server_name = Some(name.into());
        self
    }

    /// Shows the server this certificate, which proves with its private key who the client is. Both are PEM
    /// text; certificates that lead to the authority may follow the client's.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let pair = rcgen::generate_simple_self_signed(["a client".to_owned()])?;
    /// # let (certificate, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
    /// # /*
    /// let (certificate, key) = (std::fs::read("client.crt")?, std::fs::read("client.key")?);
    /// # */
    /// let client = client_lib::Client::builder("https://localhost:52023").client_identity_pem(certificate, key).lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn client_identity_pem(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        self.credentials.identity = Some((certificate.into(), key.into()));
        self
    }

    /// Sends this token with each call, as `authorization: Bearer <token>`. Without TLS, whoever sees the
    /// traffic sees it.
    ///
    /// ```
    /// # fn main() -> Result<(), client_lib::Error> {
    /// # let token = "a-token";
    /// let client = client_lib::Client::builder("https://localhost:52023").bearer_token(token).lazy()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn bearer_token(mut self, token: impl Into<String>) -> Self {
        self.credentials.bearer_token = BearerToken::Fixed(token.into());
        self
    }

    /// Sends with each call the token that `provider` gives: it is asked each time that a call goes out, within the call's
    /// timeout, so it should keep a token for as long as that holds. When it fails, the call fails with
    /// [`Error::NoToken`].
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// use std::io;
    /// use client_lib::{Client, Error};
    ///
    /// let client = Client::builder("http://localhost:52023")
    ///     .bearer_token_provider(|| async { Err::<String, _>(io::Error::other("not logged in")) })
    ///     .lazy()?;
    /// assert!(matches!(client.recommend("HUMBLE.").await, Err(Error::NoToken { .. })));
    /// # Ok(())
    /// # }
    /// ```
    pub fn bearer_token_provider<P, F, E>(mut self, provider: P) -> Self
    where
        P: Fn() -> F + Send + Sync + 'static,
        F: Future<Output = Result<String, E>> + Send + 'static,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let provider = Arc::new(move || {
            let token = provider();
            Box::pin(async move { token.await.map_err(Into::into) }) as _
        });
        self.credentials.bearer_token = BearerToken::Provided(provider);
        self
    }

    /// How often the addresses of names are looked up, besides each time that a connection fails; every 30 seconds when it
    /// is not set.
    pub fn resolve_interval(mut self, interval: Duration) -> Self {
        self.resolve_interval = interval;
        self
    }

    /// Looks up the addresses of replicas in another way than the operating system's: `resolve` gets the host and the port
    /// of a URL, and returns the addresses that it stands for. With TLS, all of them prove the name of that host.
    ///
    /// ```
    /// # mod sample { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sample/mod.rs")); }
    /// # #[tokio::main]
    /// # async fn main() -> Result<(), client_lib::Error> {
    /// # let servers = [(); 2].map(|()| sample::Server::start(sample::Sample::default()));
    /// # let addresses = [servers[0].address(), servers[1].address()];
    /// use client_lib::Client;
    ///
    /// let client = Client::builder("http://recommender")
    ///     .resolver(move |_host, _port| async move { Ok(addresses.to_vec()) })
    ///     .connect()
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn resolver<P, F>(mut self, resolve: P) -> Self
    where
        P: Fn(String, u16) -> F + Send + Sync + 'static,
        F: Future<Output = io::Result<Vec<SocketAddr>>> + Send + 'static,
    {
        self.resolver = Arc::new(move |host, port| Box::pin(resolve(host, port)));
        self
    }

    /// Sends with each call the headers that `headers` gives, which is asked in the call's span: `traceparent`, `tracestate` and
    /// `baggage` of the W3C's Trace Context; others are left out. Without, no trace is sent along.
    ///
    /// The client depends on no library for traces but `tracing`. With OpenTelemetry the headers are those of its propagator:
    ///
    /// ```ignore
    /// let builder = builder.trace_context(|| {
    ///     let mut headers = HashMap::new();
    ///     let context = tracing::Span::current().context(); // tracing_opentelemetry::OpenTelemetrySpanExt
    ///     opentelemetry::global::get_text_map_propagator(|it| it.inject_context(&context, &mut headers));
    ///     headers
    /// });
    /// ```
    #[cfg(feature = "tracing")]
    pub fn trace_context(
        mut self,
        headers: impl Fn() -> std::collections::HashMap<String, String> + Send + Sync + 'static,
    ) -> Self {
        self.trace_context = Some(Arc::new(headers));
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
        client.reach().await?;
        Ok(client)
    }

    /// A client that connects at its first call. Does no I/O, and may be called outside of a runtime.
    ///
    /// # Errors
    ///
    /// [`Error::InvalidUrl`] and [`Error::InvalidCredentials`].
    pub fn lazy(self) -> Result<Client, Error> {
        let uris = address::parse_all(&self.url)?;
        let endpoints = uris.iter().map(|uri| self.endpoint(uri)).collect::<Result<_, _>>()?;
        self.credentials.bearer_token.check()?;
        let transport = Transport::new(Replicas::new(Settings {
            endpoints,
            connect_timeout: self.connect_timeout,
            resolver: self.resolver,
            resolve_interval: self.resolve_interval,
        }));
        let urls: Vec<_> = uris.iter().map(|uri| uri.to_string().trim_end_matches('/').to_owned()).collect();
        Ok(Client {
            shared: Arc::new(Shared {
                url: urls.join(","),
                retries: Retries::new(self.max_attempts),
                bearer_token: self.credentials.bearer_token,
                #[cfg(feature = "tracing")]
                trace_context: self.trace_context,
                transport,
            }),
            timeout: self.timeout,
        })
    }

    fn endpoint(&self, uri: &Uri) -> Result<Endpoint, Error> {
        let parts = uri.clone().into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(Error::InvalidUrl { url: self.url.clone(), reason: "it names no host".to_owned() });
        };
        Ok(Endpoint {
            host: authority.host().trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: authority.port_u16().unwrap_or_default(),
            tls: self.credentials.tls(uri)?,
            scheme,
            authority,
        })
    }
}

impl fmt::Debug for ClientBuilder {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientBuilder").field("timeout", &self.timeout).finish_non_exhaustive()
    }
}
