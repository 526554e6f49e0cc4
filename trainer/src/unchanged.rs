use model::{Manifest, VersionName, Volume};
use reqwest::{
    StatusCode, Url,
    header::{ACCEPT_ENCODING, ETAG, IF_NONE_MATCH},
};
use tracing::{debug, info};

use crate::{
    causes::with_causes,
    download::DownloadPolicy,
    download_error::DownloadError,
    http_client::http_client,
    location::{Location, Place, redacted},
};

/// The version in service, if the dataset's server says that the file is the one that it was made of, and `key` of its digest and number
/// of playlists is the version's.
///
/// Whatever else comes of it, the dataset is read, and its digest decides: there is no ETag, or a weak one, which promises no equal bytes;
/// the URL has a user or a query, which the manifest does not tell; the server cannot be reached.
pub(crate) fn unchanged_version(
    volume: &Volume,
    dataset: &Location,
    policy: &DownloadPolicy,
    key: impl Fn(&model::Dataset) -> String,
) -> Option<(VersionName, Manifest)> {
    let Place::Url(url) = dataset.place() else { return None };
    let current = volume.current().ok().flatten()?;
    let manifest = volume.manifest(&current).ok()?;
    let facts = &manifest.metadata.dataset;
    let etag = facts.etag.as_deref().filter(|etag| etag.starts_with('"'))?;
    if redacted(url) != url.as_str() || redacted(url) != facts.location || key(facts) != manifest.metadata.key
    {
        return None;
    }
    match has_etag(url, etag, policy) {
        Ok(true) => info!(etag, "the server says that the dataset has not changed"),
        Ok(false) => return None,
        Err(error) => {
            debug!("could not ask whether the dataset has changed: {}", with_causes(&error));
            return None;
        }
    }
    Some((current, manifest))
}

/// Asks the server, once, without the file itself.
fn has_etag(url: &Url, etag: &str, policy: &DownloadPolicy) -> Result<bool, DownloadError> {
    let request = http_client(policy)?
        .head(url.clone())
        // As the download asks for it: another coding may have another ETag.
        .header(ACCEPT_ENCODING, "identity")
        .header(IF_NONE_MATCH, etag);
    match request.send() {
        // Some servers heed the condition only where they would send the file.
        Ok(response) => Ok(match response.status() {
            StatusCode::NOT_MODIFIED => true,
            StatusCode::OK => response.headers().get(ETAG).is_some_and(|found| found == etag),
            _ => false,
        }),
        Err(error) => Err(DownloadError::Unreachable { url: redacted(url), source: error.without_url() }),
    }
}
