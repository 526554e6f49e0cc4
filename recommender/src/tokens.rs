//! Bearer tokens: who may call.

use std::{path::PathBuf, str};

use http::{HeaderMap, header::AUTHORIZATION};
use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq as _};
use tonic::Status;

use crate::{
    methods::Method,
    secret_files::{Current, Secret, SecretError, SecretFile},
    status,
};

/// The length of a token in bytes. A shorter one can be guessed, and a longer one leaves no room in the headers of a call.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=4096;

/// The tokens that are accepted, as SHA-256 digests.
pub(crate) struct Tokens(Vec<[u8; 32]>);

impl Tokens {
    /// Whether `token` is one of them.
    ///
    /// The time that this takes tells nothing of the tokens. `==` would end at the first byte that differs, so that a token
    /// could be guessed byte by byte. Digests are compared because they are of one length, so that lengths do not show
    /// either; all of them are compared, so that which one it was does not show.
    fn accept(&self, token: &[u8]) -> bool {
        let digest: [u8; 32] = Sha256::digest(token).into();
        self.0.iter().fold(Choice::from(0), |found, known| found | known.ct_eq(&digest)).into()
    }
}

impl Secret for Tokens {
    const FILES: &'static str = "tokens";
    type Paths = PathBuf;
    type Contents = SecretFile;

    fn read(path: &PathBuf) -> Result<SecretFile, SecretError> {
        SecretFile::read(path)
    }

    fn parse(file: &SecretFile) -> Result<Self, SecretError> {
        let text = str::from_utf8(file.bytes()).map_err(|_| file.unusable("is not text"))?;
        let mut digests = Vec::new();
        for (number, line) in (1..).zip(text.lines()) {
            let token = line.trim();
            if token.is_empty() || token.starts_with('#') {
                continue;
            }
            if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(file.unusable(format!(
                    "has a token with other characters than ASCII letters, digits and punctuation, in line {number}"
                )));
            }
            if !LENGTHS.contains(&token.len()) {
                return Err(file.unusable(format!(
                    "has a token that is not 16 to 4096 bytes long, in line {number}; make one with \
                     `openssl rand -base64 32`"
                )));
            }
            digests.push(Sha256::digest(token).into());
        }
        if digests.is_empty() {
            return Err(file.unusable("holds no token; write one in a line of its own"));
        }
        Ok(Tokens(digests))
    }
}

/// Lets calls in that have a token, or all where none is asked for.
#[derive(Clone)]
pub(crate) struct Authentication(Option<Current<Tokens>>);

impl Authentication {
    pub(crate) fn new(tokens: Option<Current<Tokens>>) -> Self {
        Authentication(tokens)
    }

    /// Checks the token of a call of `method`, and takes it out of the headers: whatever comes after can neither log it nor
    /// pass it on.
    ///
    /// # Errors
    ///
    /// `UNAUTHENTICATED`, which tells what to send.
    #[allow(clippy::result_large_err, reason = "it is made once, and sent at once")]
    pub(crate) fn check(&self, method: Method, headers: &mut HeaderMap) -> Result<(), Status> {
        let authorization = headers.remove(AUTHORIZATION);
        let Some(tokens) = &self.0 else {
            return Ok(());
        };
        if !method.needs_token() {
            return Ok(());
        }
        let authorization = authorization.ok_or_else(status::token_missing)?;
        match bearer(authorization.as_bytes()) {
            Some(token) if tokens.get().accept(token) => Ok(()),
            _ => Err(status::token_invalid()),
        }
    }
}

/// The token of `Bearer <token>`, see RFC 6750, section 2.1; the scheme's case does not matter.
fn bearer(authorization: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = authorization.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
