//! The page for browsers: the files of the folder `page`, which are in the binary.

use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use sha2::{Digest as _, Sha256};

/// What a browser may do for the page: nothing but load and ask what is of the same origin. Nothing of it works in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// A file of the page.
struct File {
    path: &'static str,
    content_type: &'static str,
    content: &'static [u8],
}

/// A file in the folder `page`, and where it is served.
macro_rules! file {
    ($path:literal, $name:literal, $content_type:expr) => {
        File { path: $path, content_type: $content_type, content: include_bytes!(concat!("../page/", $name)) }
    };
}

const SCRIPT: &str = "text/javascript; charset=utf-8";

/// All files. A further one is a further line.
const FILES: &[File] = &[
    file!("/", "index.html", "text/html; charset=utf-8"),
    file!("/app.js", "app.js", SCRIPT),
    file!("/api.js", "api.js", SCRIPT),
    file!("/combobox.js", "combobox.js", SCRIPT),
    file!("/dom.js", "dom.js", SCRIPT),
    file!("/model.js", "model.js", SCRIPT),
    file!("/notice.js", "notice.js", SCRIPT),
    file!("/playlist.js", "playlist.js", SCRIPT),
    file!("/saving.js", "saving.js", SCRIPT),
    file!("/songs.js", "songs.js", SCRIPT),
    file!("/state.js", "state.js", SCRIPT),
    file!("/texts.js", "texts.js", SCRIPT),
    file!("/style.css", "style.css", "text/css; charset=utf-8"),
    file!("/icon.svg", "icon.svg", "image/svg+xml"),
];

/// The tags of the files, in their order: they change with their content, and with nothing else.
static TAGS: LazyLock<Vec<HeaderValue>> = LazyLock::new(|| {
    let tag = |file: &File| {
        let digest = Sha256::digest(file.content);
        let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        HeaderValue::from_str(&format!("\"{digits}\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
    };
    FILES.iter().map(tag).collect()
});

/// Whether the page has a file at `path`.
pub(crate) fn has(path: &str) -> bool {
    FILES.iter().any(|file| file.path == path)
}

/// The file at `path`, or that the client has it already.
pub(crate) fn answer(path: &str, request: &HeaderMap) -> Option<Response<Bytes>> {
    let (file, tag) = FILES.iter().zip(TAGS.iter()).find(|(file, _)| file.path == path)?;
    let is_known = request.get_all(header::IF_NONE_MATCH).iter().any(|tags| names(tags, tag));
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        // It is asked for each time, and sent when it has changed: replicas of two releases may answer in turn.
        (header::CACHE_CONTROL, "no-cache"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert(header::ETAG, tag.clone());
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
        *response.body_mut() = Bytes::from_static(file.content);
    }
    Some(response)
}

/// Whether `If-None-Match` names a tag, see RFC 9110, section 13.1.2.
fn names(tags: &HeaderValue, tag: &HeaderValue) -> bool {
    let tags = tags.to_str().unwrap_or_default().split(',');
    tags.map(|it| it.trim().trim_start_matches("W/")).any(|it| it == "*" || it.as_bytes() == tag.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_the_client_has_is_not_sent_again() {
        let first = answer("/app.js", &HeaderMap::new()).unwrap();
        assert_eq!(first.status(), StatusCode::OK);
        let tag = first.headers()[header::ETAG].to_str().unwrap();
        for (tags, status) in [
            (tag.to_owned(), StatusCode::NOT_MODIFIED),
            (format!("\"x\", W/{tag}"), StatusCode::NOT_MODIFIED),
            ("*".to_owned(), StatusCode::NOT_MODIFIED),
            ("\"x\"".to_owned(), StatusCode::OK),
        ] {
            let headers = HeaderMap::from_iter([(header::IF_NONE_MATCH, tags.parse().unwrap())]);
            let again = answer("/app.js", &headers).unwrap();
            assert_eq!(again.status(), status, "{tags}");
            assert_eq!(again.body().is_empty(), status == StatusCode::NOT_MODIFIED);
            assert_eq!(again.headers()[header::ETAG], tag);
        }
        assert!(answer("/none.js", &HeaderMap::new()).is_none());
    }

    #[test]
    fn every_file_of_the_folder_is_served() {
        let folder = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/page")).unwrap();
        for file in folder {
            let name = file.unwrap().file_name().into_string().unwrap();
            let path = if name == "index.html" { "/".to_owned() } else { format!("/{name}") };
            assert!(has(&path), "{path} is not in `FILES`");
        }
    }
}
