use std::{io, path::PathBuf};

use reqwest::StatusCode;

use crate::http_client::RedirectProblem;

/// Why a download failed. URLs in messages have no user info and no query.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DownloadError {
    /// The extra roots cannot be used.
    #[error("`{}` is not a PEM file of root certificates: {problem}; correct `SSL_CERT_FILE` or unset it", path.display())]
    Roots {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// TLS could not be set up.
    #[error("could not set up TLS")]
    Tls(#[source] rustls::Error),
    /// The HTTP client could not be set up.
    #[error("could not set up the HTTP client")]
    Client(#[source] reqwest::Error),
    /// Every attempt failed in a way that may pass.
    #[error(
        "`{url}` could not be downloaded in {attempts} attempt(s) in a row; check the address and the network, or try again later"
    )]
    GaveUp {
        /// From where.
        url: String,
        /// How often it was tried since the last new byte came.
        attempts: u32,
        /// How the last attempt failed.
        source: Box<DownloadError>,
    },
    /// No answer came.
    #[error("`{url}` does not answer")]
    Unreachable {
        /// From where.
        url: String,
        /// What was met.
        source: reqwest::Error,
    },
    /// The server's certificate is not accepted.
    #[error(
        "`{url}` has a certificate that is not trusted; if it is signed by a root of your own, name the PEM file of that root in `SSL_CERT_FILE`"
    )]
    Certificate {
        /// From where.
        url: String,
        /// What is wrong with it.
        source: reqwest::Error,
    },
    /// The server sent us elsewhere in a way that is not followed.
    #[error("`{url}` {problem}; name the address of the file itself")]
    Redirect {
        /// From where.
        url: String,
        /// What is wrong.
        problem: RedirectProblem,
    },
    /// The server answered with a status that is not success.
    #[error("`{url}` answered `{status}`; {}", advice(*.status))]
    Status {
        /// From where.
        url: String,
        /// The status.
        status: StatusCode,
    },
    /// The server sent a page for people.
    #[error(
        "`{url}` is an HTML page and not a dataset; name the address of the file itself, not of a page that offers or guards it"
    )]
    Html {
        /// From where.
        url: String,
    },
    /// The body ended too early, or stalled.
    #[error("`{url}` broke off after {received}{} bytes", of_total(*.total))]
    Broken {
        /// From where.
        url: String,
        /// The bytes that were read.
        received: u64,
        /// The bytes that there are, if the server told.
        total: Option<u64>,
        /// What was met; `None` when the body just ended.
        source: Option<io::Error>,
    },
    /// The file is not the one that the download began with.
    #[error("`{url}` changed while it was being downloaded; run again")]
    Changed {
        /// From where.
        url: String,
    },
    /// The server continued elsewhere than it was asked to.
    #[error(
        "`{url}` was asked for the bytes from {expected} on and answered `{found}`; the server or a proxy is at fault"
    )]
    Range {
        /// From where.
        url: String,
        /// The first byte that was asked for.
        expected: u64,
        /// The answer's Content-Range.
        found: String,
    },
}

fn advice(status: StatusCode) -> &'static str {
    match status {
        StatusCode::NOT_FOUND | StatusCode::GONE => "check the address",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            "check the address and its credentials; a signed address may have expired"
        }
        status if is_passing(status) => "it may be able to later",
        _ => "check that the address is that of a file",
    }
}

fn of_total(total: Option<u64>) -> String {
    total.map(|total| format!(" of {total}")).unwrap_or_default()
}

/// Whether the same request may succeed later.
pub(crate) fn is_passing(status: StatusCode) -> bool {
    status.is_server_error() || [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status)
}
