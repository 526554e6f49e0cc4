//! Where the recommender is, as a person writes it.

use http::Uri;

use crate::error::Error;

/// The scheme of a URL that has none.
const HTTP: &str = "http";
/// The scheme of TLS.
pub(crate) const HTTPS: &str = "https";
/// The longest piece of a faulty URL that a message repeats, in characters.
const SHOWN: usize = 200;

/// Reads one URL or several, with commas between.
pub(crate) fn parse_all(urls: &str) -> Result<Vec<Uri>, Error> {
    urls.split(',').map(parse).collect()
}

/// Reads `http://host:port` or `https://host:port`; the scheme may be missing, which means `http`. The port of `http` is 80,
/// that of `https` 443.
///
/// User info is left out, for the service asks for none. What is returned always names the port.
fn parse(url: &str) -> Result<Uri, Error> {
    let invalid = |reason: &str| Error::InvalidUrl { url: shown(url), reason: reason.to_owned() };
    let trimmed = url.trim();
    if trimmed.is_empty() {
        return Err(invalid("it is empty"));
    }
    let whole = if trimmed.contains("://") { trimmed.to_owned() } else { format!("{HTTP}://{trimmed}") };
    // A fragment would be dropped without a word.
    if whole.contains('#') {
        return Err(invalid("it has a fragment"));
    }
    let uri: Uri = whole.parse().map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))?;

    let (scheme, default_port) = match uri.scheme_str() {
        Some(HTTP) => (HTTP, 80),
        Some(HTTPS) => (HTTPS, 443),
        _ => return Err(invalid("its scheme is neither `http` nor `https`")),
    };
    if uri.query().is_some() {
        return Err(invalid("it has a query"));
    }
    if uri.path() != "/" {
        return Err(invalid("it has a path; gRPC knows only host and port"));
    }
    let host = uri.host().unwrap_or_default();
    if host.is_empty() {
        return Err(invalid("it names no host"));
    }
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let after_user_info = authority.rsplit('@').next().unwrap_or_default();
    let port = match after_user_info.strip_prefix(host) {
        Some("") => default_port,
        Some(_) => match uri.port_u16() {
            Some(port) if port > 0 => port,
            _ => return Err(invalid("its port is not a number from 1 to 65535")),
        },
        None => return Err(invalid("its host cannot be told from its port")),
    };
    format!("{scheme}://{host}:{port}")
        .parse()
        .map_err(|error: http::uri::InvalidUri| invalid(&error.to_string()))
}

/// A faulty URL as a message may repeat it: without what may be a secret, escaped, and cut.
fn shown(url: &str) -> String {
    let public = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = public.split_once("://").unwrap_or(("", public));
    let rest = rest.rsplit('@').next().unwrap_or_default();
    let separator = if scheme.is_empty() { "" } else { "://" };
    [scheme, separator, rest].concat().escape_debug().take(SHOWN).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_may_leave_out_scheme_and_port() {
        for (url, read) in [
            ("http://localhost:52023", "http://localhost:52023/"),
            ("http://localhost:52023/", "http://localhost:52023/"),
            ("localhost:52023", "http://localhost:52023/"),
            (" recommender ", "http://recommender:80/"),
            ("HTTP://10.0.0.1:1", "http://10.0.0.1:1/"),
            ("[::1]:52023", "http://[::1]:52023/"),
            ("http://[::1]", "http://[::1]:80/"),
            ("http://me:secret@host:1", "http://host:1/"),
            ("https://host", "https://host:443/"),
            ("HTTPS://[::1]:52023", "https://[::1]:52023/"),
        ] {
            assert_eq!(parse(url).unwrap().to_string(), read, "{url}");
        }
    }

    #[test]
    fn a_faulty_url_is_refused_with_the_reason() {
        for (url, reason) in [
            ("", "empty"),
            ("  ", "empty"),
            ("ftp://host", "scheme"),
            ("unix:/run/socket", "port"),
            ("http://", ""),
            ("http://:52023", ""),
            ("http://host:0", "port"),
            ("http://host:70000", "port"),
            ("http://host:", "port"),
            ("http://host:1:2", ""),
            ("::1", ""),
            ("http://host/api", "path"),
            ("http://host?limit=1", "query"),
            ("http://host#top", "fragment"),
            ("http://two words", ""),
            ("http://host\u{1b}[31m", ""),
            ("http://@", ""),
        ] {
            let error = parse(url).expect_err(url).to_string();
            assert!(error.contains(reason), "{url}: {error}");
            assert!(!error.contains('\u{1b}'), "{error}");
        }
    }

    #[test]
    fn a_message_repeats_neither_user_info_nor_query() {
        for url in
            ["http://me:secret@host?secret", "me:secret@host:99999", "https://me:se@secret@host#secret"]
        {
            let error = parse(url).expect_err(url);
            assert!(!format!("{error} {error:?}").contains("secret"), "{error}");
        }
    }
}
