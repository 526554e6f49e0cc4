use std::{
    hash::{BuildHasher as _, RandomState},
    io::{self, Read as _},
    path::PathBuf,
    thread,
    time::Duration,
};

use chrono::{DateTime, Utc};
use reqwest::{
    StatusCode, Url,
    blocking::{Client, Response},
    header::{
        ACCEPT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, HeaderMap, HeaderName, IF_RANGE,
        LAST_MODIFIED, RANGE, RETRY_AFTER,
    },
};
use sha2::{Digest as _, Sha256};

use crate::{
    causes::with_causes,
    dataset::ReadProgress,
    download_error::{DownloadError, is_passing},
    http_client::{http_client, is_certificate_problem, redirect_problem},
    location::redacted,
    source::Seen,
};

/// The longest wait before another attempt, whatever the number of attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// The longest wait before another attempt that a server may ask for.
const MAX_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How a dataset is downloaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadPolicy {
    /// How long to wait for a connection.
    pub connect_timeout: Duration,
    /// How long to wait for the next bytes.
    pub stall_timeout: Duration,
    /// Attempts in a row that bring nothing new before the download fails; 0 counts as 1.
    pub attempts: u32,
    /// The wait before the second attempt, doubled for each one that follows up to 30 seconds. Between a half and all of it is
    /// waited, at random, so that many trainers do not come back at once. A server's Retry-After counts when it is longer, up to 60 seconds.
    pub first_backoff: Duration,
    /// A PEM file of root certificates to trust besides the public ones.
    pub extra_roots: Option<PathBuf>,
    /// Whether the variables `HTTP_PROXY`, `HTTPS_PROXY`, `ALL_PROXY` and `NO_PROXY` choose a proxy.
    pub use_proxy_variables: bool,
}

impl Default for DownloadPolicy {
    /// 10 s to connect, 30 s without bytes, 5 attempts, first back-off 500 ms, public roots, proxy as the environment says.
    fn default() -> Self {
        DownloadPolicy {
            connect_timeout: Duration::from_secs(10),
            stall_timeout: Duration::from_secs(30),
            attempts: 5,
            first_backoff: Duration::from_millis(500),
            extra_roots: None,
            use_proxy_variables: true,
        }
    }
}

/// A download that goes on where it broke.
pub(crate) struct Download<'p> {
    client: Client,
    url: Url,
    policy: DownloadPolicy,
    progress: &'p dyn ReadProgress,
    file: RemoteFile,
    state: State,
    /// Attempts in a row that brought nothing new.
    failures: u32,
}

enum State {
    Disconnected,
    Body(Response),
    Finished,
}

/// What the first answer tells of the file.
#[derive(Default)]
struct RemoteFile {
    etag: Option<String>,
    /// What makes a range request safe: a strong ETag or, without any, a modification date that is surely past.
    validator: Option<String>,
    total: Option<u64>,
}

/// Why one attempt failed.
enum Failure {
    /// Trying again would not help.
    Lasting(DownloadError),
    /// Trying again may help, after the wait that the server asked for.
    Passing(DownloadError, Option<Duration>),
}

impl<'p> Download<'p> {
    /// Connects.
    pub(crate) fn open(
        url: Url,
        policy: &DownloadPolicy,
        progress: &'p dyn ReadProgress,
    ) -> Result<Self, DownloadError> {
        let mut download = Download {
            client: http_client(policy)?,
            url,
            policy: policy.clone(),
            progress,
            file: RemoteFile::default(),
            state: State::Disconnected,
            failures: 0,
        };
        download.connect(&Seen::default())?;
        Ok(download)
    }

    /// The length of the file, if the server told.
    pub(crate) fn total(&self) -> Option<u64> {
        self.file.total
    }

    pub(crate) fn etag(&self) -> Option<&str> {
        self.file.etag.as_deref()
    }

    /// Reads the bytes that follow `seen`, in as many attempts as it takes; 0 is the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8], seen: &Seen) -> Result<usize, DownloadError> {
        loop {
            let source = match &mut self.state {
                State::Finished => return Ok(0),
                State::Disconnected => {
                    self.connect(seen)?;
                    continue;
                }
                State::Body(body) => match body.read(buffer) {
                    Ok(0) if self.file.total.is_none_or(|total| seen.bytes >= total) => {
                        self.state = State::Finished;
                        continue;
                    }
                    Ok(0) => None,
                    Ok(read) if self.file.total.is_some_and(|total| seen.bytes + read as u64 > total) => {
                        return Err(self.changed());
                    }
                    Ok(read) => {
                        self.failures = 0;
                        return Ok(read);
                    }
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                    Err(error) => Some(without_url(error)),
                },
            };
            self.state = State::Disconnected;
            let error = self.broken(seen, source);
            self.wait(error, None)?;
        }
    }

    fn connect(&mut self, seen: &Seen) -> Result<(), DownloadError> {
        loop {
            match self.attempt(seen) {
                Ok(state) => {
                    self.state = state;
                    return Ok(());
                }
                Err(Failure::Lasting(error)) => return Err(error),
                Err(Failure::Passing(error, retry_after)) => self.wait(error, retry_after)?,
            }
        }
    }

    /// Counts a failed attempt, and waits before the next one or, after the last, returns the error.
    fn wait(&mut self, error: DownloadError, retry_after: Option<Duration>) -> Result<(), DownloadError> {
        self.failures += 1;
        if self.failures >= self.policy.attempts {
            return Err(DownloadError::GaveUp {
                url: redacted(&self.url),
                attempts: self.failures,
                source: Box::new(error),
            });
        }
        let doubled = 2_u32.saturating_pow(self.failures - 1);
        let backoff = self.policy.first_backoff.saturating_mul(doubled).min(MAX_BACKOFF);
        // The keys of a `RandomState` are random, and thus its hashes are.
        let random = RandomState::new().hash_one(self.failures) as f64 / u64::MAX as f64;
        let backoff = backoff.mul_f64(0.5 + 0.5 * random);
        let wait = backoff.max(retry_after.unwrap_or_default().min(MAX_RETRY_AFTER));
        self.progress.note(&format!(
            "attempt {} of {} failed, the next one begins in {:.1} s: {}",
            self.failures,
            self.policy.attempts,
            wait.as_secs_f64(),
            with_causes(&error)
        ));
        thread::sleep(wait);
        Ok(())
    }

    /// Asks for the bytes that follow `seen`.
    fn attempt(&mut self, seen: &Seen) -> Result<State, Failure> {
        // Another content coding would change the bytes, and with them lengths, ranges and the digest.
        let mut request = self.client.get(self.url.clone()).header(ACCEPT_ENCODING, "identity");
        let validator = self.file.validator.as_ref().filter(|_| seen.bytes > 0);
        if let Some(validator) = validator {
            request = request.header(RANGE, format!("bytes={}-", seen.bytes)).header(IF_RANGE, validator);
        }
        let asked_for_range = validator.is_some();
        let response = match request.send() {
            Ok(response) => response,
            Err(error) => return Err(self.no_answer(error.without_url())),
        };
        match response.status() {
            StatusCode::OK if seen.bytes == 0 => self.begin(response),
            StatusCode::OK => self.begin_again(response, seen),
            StatusCode::PARTIAL_CONTENT if asked_for_range => self.go_on(response, seen),
            StatusCode::RANGE_NOT_SATISFIABLE if asked_for_range => {
                // The connection broke between the last byte and the end, and there is nothing to go on with.
                let end = format!("bytes */{}", seen.bytes);
                if header(response.headers(), &CONTENT_RANGE) == Some(&end) {
                    Ok(State::Finished)
                } else {
                    Err(Failure::Lasting(self.changed()))
                }
            }
            status => {
                let error = DownloadError::Status { url: redacted(&self.url), status };
                Err(if is_passing(status) {
                    Failure::Passing(error, retry_after(response.headers(), Utc::now()))
                } else {
                    Failure::Lasting(error)
                })
            }
        }
    }

    fn no_answer(&self, error: reqwest::Error) -> Failure {
        let url = redacted(&self.url);
        if let Some(problem) = redirect_problem(&error) {
            Failure::Lasting(DownloadError::Redirect { url, problem })
        } else if is_certificate_problem(&error) {
            Failure::Lasting(DownloadError::Certificate { url, source: error })
        } else {
            let error = DownloadError::Unreachable { url, source: error };
            Failure::Passing(error, None)
        }
    }

    /// The file from its beginning, for the first time.
    fn begin(&mut self, response: Response) -> Result<State, Failure> {
        let headers = response.headers();
        let is_html = header(headers, &CONTENT_TYPE).is_some_and(|value| {
            let value = value.trim().to_ascii_lowercase();
            value.starts_with("text/html") || value.starts_with("application/xhtml")
        });
        if is_html {
            return Err(Failure::Lasting(DownloadError::Html { url: redacted(&self.url) }));
        }
        self.file = RemoteFile {
            etag: header(headers, &ETAG).map(str::to_owned),
            validator: validator(headers),
            total: response.content_length(),
        };
        Ok(State::Body(response))
    }

    /// The file from its beginning although a part was seen already: skips that part if it is the same still.
    fn begin_again(&self, mut response: Response, seen: &Seen) -> Result<State, Failure> {
        let total = response.content_length();
        if self.is_another(response.headers(), total) {
            return Err(Failure::Lasting(self.changed()));
        }
        self.progress.note(
            "the server does not continue where the download broke; reading it from the beginning again",
        );
        let mut again = Seen::default();
        let mut buffer = vec![0; 64 * 1024];
        while again.bytes < seen.bytes {
            let left = usize::try_from(seen.bytes - again.bytes).unwrap_or(usize::MAX);
            let wanted = left.min(buffer.len());
            match response.read(&mut buffer[..wanted]) {
                Ok(0) => return Err(Failure::Passing(self.broken(&again, None), None)),
                Ok(read) => {
                    again.bytes += read as u64;
                    again.sha256.update(&buffer[..read]);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    let error = self.broken(&again, Some(without_url(error)));
                    return Err(Failure::Passing(error, None));
                }
            }
        }
        if again.sha256.finalize() != Sha256::clone(&seen.sha256).finalize() {
            return Err(Failure::Lasting(self.changed()));
        }
        Ok(State::Body(response))
    }

    /// The file from where the download broke.
    fn go_on(&self, response: Response, seen: &Seen) -> Result<State, Failure> {
        let found = header(response.headers(), &CONTENT_RANGE).unwrap_or_default();
        let (first, total) = content_range(found).unwrap_or_default();
        if first != Some(seen.bytes) {
            return Err(Failure::Lasting(DownloadError::Range {
                url: redacted(&self.url),
                expected: seen.bytes,
                found: found.escape_default().to_string(),
            }));
        }
        if self.is_another(response.headers(), total) {
            return Err(Failure::Lasting(self.changed()));
        }
        Ok(State::Body(response))
    }

    /// Whether an answer is about another file than the first one was. What an answer does not tell counts as the same.
    fn is_another(&self, headers: &HeaderMap, total: Option<u64>) -> bool {
        let differs =
            |first: Option<&str>, now: Option<&str>| first.zip(now).is_some_and(|(first, now)| first != now);
        differs(self.etag(), header(headers, &ETAG))
            || self.file.total.zip(total).is_some_and(|(first, now)| first != now)
    }

    fn changed(&self) -> DownloadError {
        DownloadError::Changed { url: redacted(&self.url) }
    }

    fn broken(&self, seen: &Seen, source: Option<io::Error>) -> DownloadError {
        DownloadError::Broken {
            url: redacted(&self.url),
            received: seen.bytes,
            total: self.file.total,
            source,
        }
    }
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}

/// What a range request can be bound to (RFC 9110, section 13.1.5): a strong ETag or, if there is no ETag at all, a modification
/// date at least a second before the answer, so that another change in the same second cannot hide.
fn validator(headers: &HeaderMap) -> Option<String> {
    if headers.contains_key(ETAG) {
        return header(headers, &ETAG).filter(|etag| etag.starts_with('"')).map(str::to_owned);
    }
    let modified = header(headers, &LAST_MODIFIED)?;
    let answered = http_date(header(headers, &DATE)?)?;
    (http_date(modified)? < answered).then(|| modified.to_owned())
}

/// The first byte and the total length of `bytes 500-999/1000`; the length may be unknown, as in `bytes 500-999/*`.
fn content_range(value: &str) -> Option<(Option<u64>, Option<u64>)> {
    let (range, total) = value.strip_prefix("bytes ")?.split_once('/')?;
    let (first, _) = range.split_once('-')?;
    Some((first.trim().parse().ok(), total.trim().parse().ok()))
}

/// How long the server asks to wait: `Retry-After` in seconds or as a date.
fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<Duration> {
    let value = header(headers, &RETRY_AFTER)?.trim();
    match value.parse() {
        Ok(seconds) => Some(Duration::from_secs(seconds)),
        Err(_) => (http_date(value)? - now).to_std().ok(),
    }
}

fn http_date(value: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc2822(value).ok().map(|date| date.to_utc())
}

/// The error of a body, without the URL that it would show.
fn without_url(error: io::Error) -> io::Error {
    let kind = error.kind();
    match error.downcast::<reqwest::Error>() {
        Ok(error) => io::Error::new(kind, error.without_url()),
        Err(error) => error,
    }
}
