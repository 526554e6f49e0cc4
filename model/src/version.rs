use std::{fmt, str::FromStr};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// The hexadecimal digits of the manifest's SHA-256 at the end of a name.
const DIGEST_DIGITS: usize = 16;

/// The longest name; file systems allow 255 bytes.
const MAX_LEN: usize = 128;

/// The name of a published version, such as `20260102T030405Z-0123456789abcdef`: when it was published and the first 16
/// hexadecimal digits of its manifest's SHA-256.
///
/// Only the digits have a meaning to a reader. A name consists of ASCII letters, digits, `-`, `_` and `.`, does not begin
/// with `.`, and so is always one component of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct VersionName(String);

impl VersionName {
    pub(crate) fn new(published_at: DateTime<Utc>, manifest_sha256: &str) -> Self {
        let digest = manifest_sha256.get(..DIGEST_DIGITS).unwrap_or(manifest_sha256);
        VersionName(format!("{}-{digest}", published_at.format("%Y%m%dT%H%M%SZ")))
    }

    /// The first 16 hexadecimal digits of the manifest's SHA-256.
    pub fn digest(&self) -> &str {
        &self.0[self.0.len() - DIGEST_DIGITS..]
    }

    /// The name as a string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VersionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A text is not the name of a version.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not the name of a version, which looks like `20260102T030405Z-0123456789abcdef`; \
     `trainer versions list` shows those on the volume"
)]
pub struct InvalidVersionName(String);

impl FromStr for VersionName {
    type Err = InvalidVersionName;

    fn from_str(name: &str) -> Result<Self, InvalidVersionName> {
        let is_hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let bytes = name.as_bytes();
        let valid = bytes.len() <= MAX_LEN
            && bytes.first().is_some_and(|&first| first != b'.')
            && bytes.iter().all(|&byte| is_allowed(byte))
            && bytes.split_last_chunk::<DIGEST_DIGITS>().is_some_and(|(rest, digits)| {
                rest.ends_with(b"-") && digits.iter().all(|&byte| is_hex(byte))
            });
        if valid {
            Ok(VersionName(name.to_owned()))
        } else {
            // A damaged file can hold anything of any length.
            Err(InvalidVersionName(name.chars().take(MAX_LEN).collect()))
        }
    }
}

impl TryFrom<String> for VersionName {
    type Error = InvalidVersionName;

    fn try_from(name: String) -> Result<Self, InvalidVersionName> {
        name.parse()
    }
}

impl From<VersionName> for String {
    fn from(name: VersionName) -> String {
        name.0
    }
}
