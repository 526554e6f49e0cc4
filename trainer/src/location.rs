use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use reqwest::Url;

/// Where a dataset lies: an `http`, `https` or `file` URL, or a path.
///
/// Wherever it is shown, user info, query and fragment are left out, for they may hold secrets.
///
/// ```
/// let location: trainer::Location = "https://me:secret@example.org/a.csv.gz?token=secret".parse()?;
/// assert_eq!(location.to_string(), "https://example.org/a.csv.gz");
/// assert!("s3://bucket/a.csv".parse::<trainer::Location>().is_err());
/// # Ok::<(), trainer::InvalidLocation>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Location(Place);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// Boxed, for every error names a location and URLs are large.
    Url(Box<Url>),
    File(PathBuf),
}

impl Location {
    pub(crate) fn place(&self) -> &Place {
        &self.0
    }
}

impl From<&Path> for Location {
    fn from(path: &Path) -> Self {
        Location(Place::File(path.to_owned()))
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Url(url) => f.write_str(&redacted(url)),
            Place::File(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Debug for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Location({self})")
    }
}

/// The URL without user info, query and fragment.
pub(crate) fn redacted(url: &Url) -> String {
    let mut shown = url.clone();
    // These fail only for URLs that cannot have user info, which then have none to hide.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.set_query(None);
    shown.set_fragment(None);
    shown.into()
}

/// Why a text does not name a dataset. The text is not shown, for a URL may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidLocation {
    /// There is no text.
    #[error("it is empty; name an `http`, `https` or `file` URL, or a path")]
    Empty,
    /// The scheme is another one.
    #[error("the scheme `{0}` is not supported; name an `http`, `https` or `file` URL, or a path")]
    Scheme(String),
    /// The text begins like a URL and is none.
    #[error("it is not a valid `{scheme}` URL: {problem}")]
    Url {
        /// The scheme.
        scheme: String,
        /// What is wrong.
        problem: String,
    },
}

impl FromStr for Location {
    type Err = InvalidLocation;

    fn from_str(text: &str) -> Result<Self, InvalidLocation> {
        if text.trim().is_empty() {
            return Err(InvalidLocation::Empty);
        }
        let Some(scheme) = scheme(text.trim()) else {
            return Ok(Location(Place::File(PathBuf::from(text))));
        };
        if !["http", "https", "file"].contains(&scheme.as_str()) {
            return Err(InvalidLocation::Scheme(scheme));
        }
        let invalid = |problem: String| InvalidLocation::Url { scheme: scheme.clone(), problem };
        let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
        if scheme != "file" {
            return Ok(Location(Place::Url(Box::new(url))));
        }
        match url.to_file_path() {
            Ok(path) => Ok(Location(Place::File(path))),
            Err(()) => Err(invalid(
                "it names another host or no absolute path; write `file:///folder/file.csv`".to_owned(),
            )),
        }
    }
}

/// The scheme of a text that begins like `https:/`, in lower case. A path such as `a:b` has none.
fn scheme(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme.chars().all(|char| char.is_ascii_alphanumeric() || "+-.".contains(char));
    // One letter is a drive.
    (is_scheme && scheme.len() > 1 && rest.starts_with('/')).then(|| scheme.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str) {
        let location: Location = text.parse().unwrap();
        assert_eq!(location.to_string(), shown);
        assert_eq!(format!("{location:?}"), format!("Location({shown})"));
    }

    #[test]
    fn paths_and_urls_are_told_apart() {
        check("data/a.csv", "data/a.csv");
        check("a:b.csv", "a:b.csv");
        check("file:///data/a%20b.csv", "/data/a b.csv");
        check("file://localhost/a.csv", "/a.csv");
        check("HTTPS://Example.org/A.csv", "https://example.org/A.csv");
    }

    #[test]
    fn user_info_query_and_fragment_are_never_shown() {
        check("https://me:secret@example.org/a?token=secret#secret", "https://example.org/a");
        check("http://secret@example.org:8080/a?secret", "http://example.org:8080/a");
    }

    #[test]
    fn other_schemes_and_no_text_are_rejected() {
        let problem = |text: &str| text.parse::<Location>().unwrap_err();
        assert_eq!(problem(" \n"), InvalidLocation::Empty);
        assert_eq!(problem("s3://bucket/a.csv"), InvalidLocation::Scheme("s3".to_owned()));
        for text in ["http://", "https://me:secret@:80/", "file://other-host/a.csv"] {
            let message = problem(text).to_string();
            assert!(message.contains("is not a valid"), "{message}");
            assert!(!message.contains("secret"), "{message}");
        }
    }
}
