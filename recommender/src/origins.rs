//! Which pages may have their browsers ask: those of the service's own origin, and those that the operator names.
//!
//! A browser in a network asks whatever the pages tell it that its user looks at, from wherever they are. Without CORS such a page cannot read the
//! answer, but it could make the service work; so what a browser says of the page decides before anything is done.

use std::{fmt, str::FromStr};

use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, header, uri::Authority};
use tonic::Status;

use crate::status;

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// What a page from elsewhere may send, and read beside the body.
const ALLOWED_HEADERS: HeaderValue = HeaderValue::from_static(
    "authorization, content-type, grpc-timeout, traceparent, tracestate, x-grpc-web, x-request-id, x-user-agent",
);
const EXPOSED_HEADERS: HeaderValue = HeaderValue::from_static(
    "grpc-message, grpc-status, grpc-status-details-bin, retry-after, www-authenticate, x-request-id",
);

/// The time that a browser may remember that it may ask, in seconds; more than two hours most do not believe.
const REMEMBERED: HeaderValue = HeaderValue::from_static("7200");

/// An origin that `--cors-allow-origin` names, or all of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AllowedOrigin {
    /// Every page may ask.
    Any,
    /// Pages of this origin may, as browsers write it: scheme, host and perhaps a port.
    Origin(String),
}

impl FromStr for AllowedOrigin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(AllowedOrigin::Any);
        }
        let wrong =
            || "write scheme, host and perhaps a port, as in `https://music.example`, or `*`".to_owned();
        let (scheme, authority) = text.split_once("://").ok_or_else(wrong)?;
        let authority: Authority = authority.parse().map_err(|_| wrong())?;
        if !matches!(scheme, "http" | "https") || authority.host().is_empty() || text.contains('@') {
            return Err(wrong());
        }
        Ok(AllowedOrigin::Origin(text.to_ascii_lowercase()))
    }
}

impl fmt::Display for AllowedOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AllowedOrigin::Any => f.write_str("*"),
            AllowedOrigin::Origin(origin) => f.write_str(origin),
        }
    }
}

/// The pages that may ask.
#[derive(Clone, Debug)]
pub(crate) struct Origins(Vec<AllowedOrigin>);

impl Origins {
    pub(crate) fn new(allowed: Vec<AllowedOrigin>) -> Self {
        Origins(allowed)
    }

    /// Refuses what a browser asks for a page that may not; `None` for other clients and the service's own page, else what the answer must
    /// say so that the page may read it.
    ///
    /// # Errors
    ///
    /// PERMISSION_DENIED.
    pub(crate) fn check<B>(&self, request: &Request<B>) -> Result<Option<HeaderValue>, Status> {
        let headers = request.headers();
        let origin = headers.get(header::ORIGIN);
        if let Some(allowed) = origin.and_then(|origin| self.allowed(origin)) {
            return Ok(Some(allowed));
        }
        let is_own = match headers.get(SEC_FETCH_SITE).map(HeaderValue::as_bytes) {
            // `none` is what a user opens by hand.
            Some(b"same-origin" | b"none") => true,
            // A link to the page, or to an answer, may stand anywhere.
            Some(_) => is_navigation(request.method(), headers),
            None => origin.is_none_or(|origin| is_of(origin, request)),
        };
        if is_own { Ok(None) } else { Err(status::origin_not_allowed()) }
    }

    fn allowed(&self, origin: &HeaderValue) -> Option<HeaderValue> {
        let is_named = |named: &&AllowedOrigin| match named {
            AllowedOrigin::Any => true,
            AllowedOrigin::Origin(named) => origin.as_bytes().eq_ignore_ascii_case(named.as_bytes()),
        };
        match self.0.iter().find(is_named)? {
            AllowedOrigin::Any => Some(HeaderValue::from_static("*")),
            AllowedOrigin::Origin(_) => Some(origin.clone()),
        }
    }
}

fn is_navigation(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::GET && headers.get(SEC_FETCH_MODE).is_some_and(|mode| mode == "navigate")
}

/// Whether the page's host and port are those that it asks. The scheme may differ, for TLS may end before the service.
fn is_of<B>(origin: &HeaderValue, request: &Request<B>) -> bool {
    let host = request.headers().get(header::HOST).map(HeaderValue::as_bytes);
    let host = host.or_else(|| request.uri().authority().map(|authority| authority.as_str().as_bytes()));
    let page = origin.to_str().ok().and_then(|origin| origin.split_once("://"));
    matches!((page, host), (Some((_, page)), Some(host)) if page.as_bytes().eq_ignore_ascii_case(host))
}

/// Lets a page of the origin `allowed` read an answer.
pub(crate) fn let_read(headers: &mut HeaderMap, allowed: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED_HEADERS);
    headers.append(header::VARY, HeaderValue::from_static("origin"));
}

/// Tells a browser that a page may ask, which it asks itself before (a preflight); `methods` are those of the route.
pub(crate) fn let_ask(headers: &mut HeaderMap, methods: HeaderValue) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, methods);
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, ALLOWED_HEADERS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, REMEMBERED);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(allowed: &[&str], headers: &[(&'static str, &str)]) -> Result<Option<String>, tonic::Code> {
        let origins = Origins::new(allowed.iter().map(|it| it.parse().unwrap()).collect());
        let mut request = Request::get("/api/songs").body(()).unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let checked = origins.check(&request).map_err(|status| status.code())?;
        Ok(checked.map(|it| it.to_str().unwrap().to_owned()))
    }

    #[test]
    fn programs_and_the_services_own_page_may_ask() {
        for headers in [
            &[][..],
            &[("host", "localhost:52023"), ("origin", "http://localhost:52023")],
            &[("host", "LOCALHOST:52023"), ("origin", "https://localhost:52023")],
            // Behind a proxy that changes the host.
            &[("host", "backend"), ("origin", "https://music.example"), ("sec-fetch-site", "same-origin")],
            &[("host", "localhost"), ("sec-fetch-site", "none"), ("sec-fetch-mode", "navigate")],
            // A link on a page from elsewhere.
            &[("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")],
        ] {
            assert_eq!(check(&[], headers), Ok(None), "{headers:?}");
        }
    }

    #[test]
    fn pages_from_elsewhere_may_not_ask_unless_they_are_named() {
        for headers in [
            &[("host", "localhost:52023"), ("origin", "http://localhost:8080")][..],
            &[("host", "localhost:52023"), ("origin", "http://localhost")],
            &[("host", "localhost:52023"), ("origin", "null")],
            &[("host", "localhost:52023"), ("origin", "https://music.example")],
            &[("host", "music.example.evil.example"), ("origin", "https://music.example")],
            // As a script or a picture, without an origin.
            &[("host", "localhost"), ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "no-cors")],
            &[("host", "localhost"), ("sec-fetch-site", "same-site")],
        ] {
            assert_eq!(check(&[], headers), Err(tonic::Code::PermissionDenied), "{headers:?}");
            assert_eq!(
                check(&["https://other.example"], headers),
                Err(tonic::Code::PermissionDenied),
                "{headers:?}"
            );
        }
        let named = ["https://other.example", "https://Music.example"];
        let from_music =
            [("host", "localhost"), ("origin", "https://music.example"), ("sec-fetch-site", "cross-site")];
        assert_eq!(check(&named, &from_music), Ok(Some("https://music.example".to_owned())));
        assert_eq!(check(&["*"], &from_music), Ok(Some("*".to_owned())));
    }

    #[test]
    fn an_origin_is_a_scheme_a_host_and_perhaps_a_port() {
        for right in ["https://music.example", "http://localhost:3000", "http://[::1]:80", "*"] {
            assert_eq!(right.parse::<AllowedOrigin>().unwrap().to_string(), right);
        }
        for wrong in [
            "",
            "music.example",
            "https://",
            "https://a/b",
            "https://a/",
            "ftp://a",
            "https://u@a",
            "null",
            "**",
        ] {
            assert!(wrong.parse::<AllowedOrigin>().is_err(), "{wrong}");
        }
    }
}
