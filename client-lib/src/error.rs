//! What can go wrong between an application and the recommender.

use std::{error::Error as StdError, time::Duration};

/// A call that failed: each message says what failed, on which URL, and what to do next.
///
/// [`source`](StdError::source) leads to the causes below, down to the operating system's; a message never
/// repeats them, so print the whole chain. A message may repeat text that the service sent, escaped.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use client_lib::{Client, Error};
///
/// match Client::connect("http://recommender/api").await {
///     Err(Error::InvalidUrl { reason, .. }) => assert!(reason.contains("path")),
///     other => panic!("{other:?}"),
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The text is no URL at which a recommender can be reached.
    #[error("`{url}` is no URL of a recommender: {reason}; write `http://host:port` or `https://host:port`")]
    InvalidUrl {
        /// The text, without user info and query, escaped.
        url: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A certificate, a key or a token cannot be used. The message repeats nothing of it.
    #[error("{what} cannot be used: {reason}")]
    InvalidCredentials {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it, and what to do.
        reason: String,
    },

    /// The two sides do not trust each other, or do not both speak TLS.
    #[error("cannot connect to `{url}` with TLS: {message}")]
    Tls {
        /// The URL, without user info.
        url: String,
        /// What failed, and what to do.
        message: String,
        /// What TLS says of it.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// A blocking client cannot have the thread on which its connections live.
    #[error("no thread can be had for the client; close other programs, or raise the limit of threads")]
    Runtime {
        /// What the operating system says.
        source: std::io::Error,
    },

    /// What gives the tokens gave none, see [`ClientBuilder::bearer_token_provider`](crate::ClientBuilder::bearer_token_provider).
    #[error("`{call}` was not sent to `{url}`, for there is no token for it")]
    NoToken {
        /// The URL, without user info.
        url: String,
        /// The call, as the contract names it.
        call: &'static str,
        /// Why there is none.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// The service asks for a token, and the call had none or another one.
    #[error("`{call}` on `{url}` was refused for want of a token: {message}")]
    Unauthenticated {
        /// The URL, without user info.
        url: String,
        /// The call, as the contract names it.
        call: &'static str,
        /// What the service says of it.
        message: String,
    },

    /// Nothing accepts connections at the URL.
    #[error("cannot connect to `{url}`; is the recommender running, and the tunnel to it open?")]
    Connect {
        /// The URL, without user info.
        url: String,
        /// What the name service or the operating system says.
        source: Box<dyn StdError + Send + Sync>,
    },

    /// There was no answer in time.
    #[error("`{call}` on `{url}` had no answer after {after:?}; try again, or set a longer timeout")]
    Timeout {
        /// The URL, without user info.
        url: String,
        /// The call, as the contract names it.
        call: &'static str,
        /// How long was waited.
        after: Duration,
    },

    /// The service refused what was asked: asking the same again will fail again.
    #[error("`{call}` on `{url}` was refused: {message}")]
    InvalidRequest {
        /// The URL, without user info.
        url: String,
        /// The call, as the contract names it.
        call: &'static str,
        /// What the service says of it.
        message: String,
        /// The fields that are wrong, as far as the service names them.
        violations: Vec<FieldViolation>,
    },

    /// The service runs, but has no model yet.
    #[error("the recommender at `{url}` is not ready: {message}; train a model, or try again")]
    NotReady {
        /// The URL, without user info.
        url: String,
        /// What the service says of it.
        message: String,
        /// How long to wait before asking again, where the service tells.
        retry_after: Option<Duration>,
    },

    /// The service has more to do than it can: it said so, or there was no room among the calls of this client that wait for
    /// their answers, see [`Client`](crate::Client#retries).
    #[error("the recommender at `{url}` is overloaded: {message}; try again later")]
    Overloaded {
        /// The URL, without user info.
        url: String,
        /// What the service says of it, or how many calls there are.
        message: String,
        /// How long to wait before asking again, where the service tells.
        retry_after: Option<Duration>,
    },

    /// The connection was lost, or the replica stops.
    #[error("the recommender at `{url}` is not available: {message}")]
    Unavailable {
        /// The URL, without user info.
        url: String,
        /// What the service says, or what happened to the connection.
        message: String,
        /// How long to wait before asking again, where the service tells.
        retry_after: Option<Duration>,
        /// Why the connection was lost; nothing when the other side answered.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The other side speaks gRPC, but does not know the call.
    #[error("`{url}` does not know `{call}`: it is no recommender, or an older one; check the URL")]
    Unimplemented {
        /// The URL, without user info.
        url: String,
        /// The call, as the contract names it.
        call: &'static str,
    },

    /// The other side does not speak gRPC.
    #[error("`{url}` is no recommender: {message}; check host and port")]
    Protocol {
        /// The URL, without user info.
        url: String,
        /// What it is instead, as far as one can tell.
        message: String,
        /// What it broke of the protocol.
        source: Option<Box<dyn StdError + Send + Sync>>,
    },

    /// The service failed for a reason of its own.
    #[error("`{call}` failed on `{url}` with {code}: {message}; the log of the recommender tells more")]
    Internal {
        /// The URL, without user info.
        url: String,
        /// The call, as the contract names it.
        call: &'static str,
        /// The name of the gRPC status, such as `INTERNAL`.
        code: &'static str,
        /// What the service says of it.
        message: String,
    },
}

/// One field of a request that the service refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct FieldViolation {
    /// The field, such as `songs[7]`.
    pub field: String,
    /// What is wrong with it.
    pub description: String,
}

impl Error {
    /// Whether the same call may succeed later, with nothing changed on this side.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// let error = client_lib::Client::connect("http://localhost:1").await.unwrap_err();
    /// assert!(error.is_retryable());
    /// # }
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::NoToken { .. }
            | Self::Runtime { .. }
            | Self::Timeout { .. }
            | Self::NotReady { .. }
            | Self::Overloaded { .. }
            | Self::Unavailable { .. } => true,
            Self::InvalidUrl { .. }
            | Self::InvalidCredentials { .. }
            | Self::Tls { .. }
            | Self::Unauthenticated { .. }
            | Self::InvalidRequest { .. }
            | Self::Unimplemented { .. }
            | Self::Protocol { .. }
            | Self::Internal { .. } => false,
        }
    }

    /// How long to wait before asking again, where the service tells; at most a day.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::NotReady { retry_after, .. }
            | Self::Overloaded { retry_after, .. }
            | Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The fields of the request that the service refused, as far as it names them.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() {
    /// # let error = client_lib::Client::connect("http://localhost:1").await.unwrap_err();
    /// for violation in error.field_violations() {
    ///     println!("{}: {}", violation.field, violation.description);
    /// }
    /// # }
    /// ```
    #[must_use]
    pub fn field_violations(&self) -> &[FieldViolation] {
        match self {
            Self::InvalidRequest { violations, .. } => violations,
            _ => &[],
        }
    }
}
