use std::{error::Error, fmt, io, path::Path, sync::Arc};

use reqwest::{blocking::Client, redirect};
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, pem::PemObject as _},
};

use crate::{causes::chain, download::DownloadPolicy, download_error::DownloadError};

/// Redirects to follow for one request.
const MAX_REDIRECTS: usize = 10;

/// The client for one download. It verifies certificates, always.
pub(crate) fn http_client(policy: &DownloadPolicy) -> Result<Client, DownloadError> {
    let mut client = Client::builder()
        .tls_backend_preconfigured(tls(policy.extra_roots.as_deref())?)
        .user_agent(concat!("playlist-trainer/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(policy.connect_timeout)
        // For the blocking client this bounds the wait for the answer's head and for each piece of its body, not the whole.
        .timeout(policy.stall_timeout)
        .redirect(redirect::Policy::custom(follow))
        // It would tell the query to the next host.
        .referer(false);
    if !policy.use_proxy_variables {
        client = client.no_proxy();
    }
    client.build().map_err(DownloadError::Client)
}

/// The public roots that are built in, and those of a PEM file.
fn tls(extra_roots: Option<&Path>) -> Result<ClientConfig, DownloadError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(path) = extra_roots {
        let invalid = |problem: String| DownloadError::Roots { path: path.to_owned(), problem };
        let mut is_empty = true;
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| invalid(error.to_string()))? {
            let certificate = certificate.map_err(|error| invalid(error.to_string()))?;
            // A system's bundle may hold old certificates that cannot be used; the others shall.
            if roots.add(certificate).is_ok() {
                is_empty = false;
            }
        }
        if is_empty {
            return Err(invalid("there is no usable certificate in it".to_owned()));
        }
    }
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(DownloadError::Tls)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

/// Why a redirect was not followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RedirectProblem {
    /// It leads to where it came from.
    Loop,
    /// There are more than 10 in a row.
    TooMany,
    /// It leads from https to something that is not encrypted.
    Insecure,
    /// It leads to something that is not a web address, or to nowhere.
    Invalid,
}

impl fmt::Display for RedirectProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RedirectProblem::Loop => "redirects in a loop",
            RedirectProblem::TooMany => "redirects more than 10 times",
            RedirectProblem::Insecure => "redirects from https to an address that is not encrypted",
            RedirectProblem::Invalid => "redirects to something that is not an `http` or `https` address",
        })
    }
}

impl Error for RedirectProblem {}

fn follow(attempt: redirect::Attempt<'_>) -> redirect::Action {
    let (next, previous) = (attempt.url(), attempt.previous());
    let problem = if !["http", "https"].contains(&next.scheme()) {
        RedirectProblem::Invalid
    } else if next.scheme() == "http" && previous.iter().any(|url| url.scheme() == "https") {
        RedirectProblem::Insecure
    } else if previous.contains(next) {
        RedirectProblem::Loop
    } else if previous.len() > MAX_REDIRECTS {
        RedirectProblem::TooMany
    } else {
        return attempt.follow();
    };
    attempt.error(problem)
}

/// The redirect problem that made a request fail, if one did.
pub(crate) fn redirect_problem(error: &reqwest::Error) -> Option<RedirectProblem> {
    error.is_redirect().then(|| {
        chain(error).find_map(|error| error.downcast_ref().copied()).unwrap_or(RedirectProblem::Invalid)
    })
}

/// Whether a request failed because the server's certificate is not accepted: trying again would not help.
pub(crate) fn is_certificate_problem(error: &reqwest::Error) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(rustls::Error::InvalidCertificate(_)) = error.downcast_ref() {
            return true;
        }
        // An I/O error's source is not the error in it but that error's source.
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    false
}
