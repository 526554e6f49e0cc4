//! A dataset comes over an unreliable network whole and unchanged, or not at all.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod server;

use std::{
    error::Error,
    fmt::Write as _,
    io::Write as _,
    net::TcpListener,
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use flate2::write::GzEncoder;
use rustls::{ServerConfig, crypto::ring, pki_types::PrivateKeyDer};
use sha2::{Digest as _, Sha256};
use trainer::{
    Compression, Dataset, DatasetError, DownloadError, DownloadPolicy, ReadOptions, ReadProgress,
    RedirectProblem, read_dataset,
};

use crate::server::{Server, write, write_cut_file, write_file, write_rest};

const ATTEMPTS: u32 = 3;

/// Keeps what it is told.
#[derive(Default)]
struct Notes {
    notes: Mutex<Vec<String>>,
    bytes: Mutex<(u64, Option<u64>)>,
}

impl ReadProgress for Notes {
    fn bytes(&self, read: u64, total: Option<u64>) {
        *self.bytes.lock().unwrap() = (read, total);
    }

    fn note(&self, message: &str) {
        self.notes.lock().unwrap().push(message.to_owned());
    }
}

fn policy() -> DownloadPolicy {
    DownloadPolicy {
        connect_timeout: Duration::from_secs(5),
        stall_timeout: Duration::from_secs(5),
        attempts: ATTEMPTS,
        first_backoff: Duration::from_millis(5),
        extra_roots: None,
        use_proxy_variables: false,
    }
}

fn read_with(url: &str, policy: DownloadPolicy, notes: &Notes) -> Result<Dataset, DatasetError> {
    let options = ReadOptions { policy, ..ReadOptions::default() };
    read_dataset(&url.parse().unwrap(), &options, notes)
}

fn read(url: &str) -> Result<Dataset, DatasetError> {
    read_with(url, policy(), &Notes::default())
}

/// How the last of all attempts failed.
#[track_caller]
fn error_after_all_attempts(result: Result<Dataset, DatasetError>) -> DownloadError {
    match download_error(result) {
        DownloadError::GaveUp { attempts: ATTEMPTS, source, .. } => *source,
        error => panic!("{error}"),
    }
}

#[track_caller]
fn download_error(result: Result<Dataset, DatasetError>) -> DownloadError {
    match result {
        Err(DatasetError::Download(error)) => error,
        other => panic!("not a failed download: {other:?}"),
    }
}

/// A dataset of some 100 kB.
fn playlists() -> Vec<u8> {
    let mut csv = String::from("pid,artist_name,track_name\n");
    for row in 0_u64..5000 {
        let song = row * row % 1009;
        writeln!(csv, "{},artist {},song {song}", row / 20, song % 100).unwrap();
    }
    csv.into_bytes()
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[track_caller]
fn assert_is_whole(dataset: &Dataset, body: &[u8]) {
    assert_eq!((dataset.facts.bytes, &dataset.facts.sha256), (body.len() as u64, &sha256(body)));
    assert_eq!((dataset.facts.rows, dataset.facts.playlists, dataset.facts.skipped_rows), (5000, 250, 0));
}

#[test]
fn a_download_is_recognised_by_its_bytes_and_not_by_its_name() {
    let csv = playlists();
    let zstd = zstd::encode_all(&csv[..], 1).unwrap();
    let mut tables = Vec::new();
    for body in [csv.clone(), gzip(&csv), zstd] {
        let served = body.clone();
        let server = Server::start(move |_, _, connection| {
            write_file(
                connection,
                &["ETag: \"one\"".to_owned(), "Content-Type: text/csv".to_owned()],
                &served,
            );
        });
        let notes = Notes::default();
        let dataset = read_with(&server.url(), policy(), &notes).unwrap();
        assert_is_whole(&dataset, &body);
        assert_eq!(dataset.facts.etag.as_deref(), Some("\"one\""));
        assert_eq!(*notes.bytes.lock().unwrap(), (body.len() as u64, Some(body.len() as u64)));
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
        tables.push((dataset.baskets, dataset.songs, dataset.artists, dataset.song_artists));
    }
    assert_eq!(tables[0], tables[1]);
    assert_eq!(tables[0], tables[2]);
}

#[test]
fn a_body_that_breaks_off_is_continued_where_it_broke() {
    for validator in ["ETag: \"one\"", "Last-Modified: Wed, 21 Oct 2015 07:28:00 GMT"] {
        let body = gzip(&playlists());
        let served = body.clone();
        let cut = body.len() / 2;
        let server = Server::start(move |number, request, connection| {
            let headers = [validator.to_owned(), "Date: Wed, 21 Oct 2015 07:30:00 GMT".to_owned()];
            match request.range_start() {
                None => write_cut_file(connection, &headers, &served, cut),
                // It breaks a second time.
                Some(start) if number == 1 => write(
                    connection,
                    "206 Partial Content",
                    &[
                        format!("Content-Length: {}", served.len() - start),
                        format!("Content-Range: bytes {start}-{}/{}", served.len() - 1, served.len()),
                    ],
                    &served[start..start + 100],
                ),
                Some(start) => write_rest(connection, &headers, &served, start),
            }
        });
        let notes = Notes::default();
        assert_is_whole(&read_with(&server.url(), policy(), &notes).unwrap(), &body);
        let requests = server.requests();
        let starts: Vec<_> = requests.iter().map(|request| request.range_start()).collect();
        assert_eq!(starts, [None, Some(cut), Some(cut + 100)]);
        assert_eq!(requests[1].header("if-range"), validator.split_once(": ").map(|(_, value)| value));
        let notes = notes.notes.into_inner().unwrap();
        assert!(notes[0].contains(&format!("broke off after {cut} of {} bytes", body.len())), "{notes:?}");
    }
}

#[test]
fn a_server_that_does_not_continue_is_read_again_from_the_beginning() {
    // A weak ETag says that the contents mean the same, not that they are the same: it must not be used to continue.
    for (validator, asks_for_range) in
        [("ETag: \"one\"", true), ("ETag: W/\"one\"", false), ("X-None: 1", false)]
    {
        let body = playlists();
        let served = body.clone();
        let server = Server::start(move |number, _, connection| {
            let headers = [validator.to_owned()];
            match number {
                0 => write_cut_file(connection, &headers, &served, 70_000),
                // Breaks off before the place that was reached.
                1 => write_cut_file(connection, &headers, &served, 30_000),
                _ => write_file(connection, &headers, &served),
            }
        });
        assert_is_whole(&read(&server.url()).unwrap(), &body);
        let requests = server.requests();
        assert_eq!(requests.len(), 3);
        assert_eq!(requests[2].range_start().is_some(), asks_for_range);
    }
}

#[test]
fn a_file_that_changed_meanwhile_is_an_error() {
    type Change = fn(&mut dyn server::Connection, &[u8], usize);
    let other_etag_from_the_beginning: Change =
        |connection, body, _| write_file(connection, &["ETag: \"two\"".to_owned()], body);
    let other_bytes_under_the_same_etag: Change = |connection, body, _| {
        let mut other = body.to_vec();
        other[50] ^= 1;
        write_file(connection, &["ETag: \"one\"".to_owned()], &other);
    };
    let other_length_from_the_beginning: Change =
        |connection, body, _| write_file(connection, &["ETag: \"one\"".to_owned()], &body[..body.len() - 9]);
    let other_etag_in_a_part: Change =
        |connection, body, start| write_rest(connection, &["ETag: \"two\"".to_owned()], body, start);
    let other_length_in_a_part: Change = |connection, body, start| {
        let longer = [body, b"1,2,3\n"].concat();
        write_rest(connection, &["ETag: \"one\"".to_owned()], &longer, start);
    };
    let shorter_than_what_was_read: Change = |connection, _, _| {
        write(connection, "416 Range Not Satisfiable", &["Content-Range: bytes */7".to_owned()], b"")
    };
    for change in [
        other_etag_from_the_beginning,
        other_bytes_under_the_same_etag,
        other_length_from_the_beginning,
        other_etag_in_a_part,
        other_length_in_a_part,
        shorter_than_what_was_read,
    ] {
        let server = Server::start(move |_, request, connection| {
            let body = playlists();
            match request.range_start() {
                None => write_cut_file(connection, &["ETag: \"one\"".to_owned()], &body, 70_000),
                Some(start) => change(connection, &body, start),
            }
        });
        let error = download_error(read(&server.url()));
        assert!(matches!(error, DownloadError::Changed { .. }), "{error}");
        assert!(error.to_string().contains("changed while it was being downloaded; run again"));
        assert_eq!(server.requests().len(), 2);
    }
}

#[test]
fn a_part_that_begins_elsewhere_is_an_error() {
    for content_range in ["bytes 0-9/100000", "bytes nonsense", "items 70000-70009/*"] {
        let server = Server::start(move |_, request, connection| match request.range_start() {
            None => write_cut_file(connection, &["ETag: \"one\"".to_owned()], &playlists(), 70_000),
            Some(_) => {
                let headers = ["Content-Length: 10".to_owned(), format!("Content-Range: {content_range}")];
                write(connection, "206 Partial Content", &headers, b"0123456789");
            }
        });
        match download_error(read(&server.url())) {
            DownloadError::Range { expected: 70_000, found, .. } => assert_eq!(found, content_range),
            error => panic!("{error}"),
        }
    }
}

#[test]
fn a_body_without_length_that_loses_only_its_end_is_whole() {
    let body = playlists();
    let served = body.clone();
    let server = Server::start(move |_, request, connection| match request.range_start() {
        None => {
            let headers = ["Transfer-Encoding: chunked".to_owned(), "ETag: \"one\"".to_owned()];
            let chunk = [format!("{:x}\r\n", served.len()).as_bytes(), &served, b"\r\n"].concat();
            write(connection, "200 OK", &headers, &chunk);
        }
        Some(start) => {
            assert_eq!(start, served.len());
            write(connection, "416 Range Not Satisfiable", &[format!("Content-Range: bytes */{start}")], b"");
        }
    });
    assert_is_whole(&read(&server.url()).unwrap(), &body);
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn a_file_that_is_not_there_is_not_asked_for_again() {
    for (status, advice) in [
        ("404 Not Found", "check the address"),
        ("403 Forbidden", "a signed address may have expired"),
        ("204 No Content", "check that the address is that of a file"),
    ] {
        let server = Server::start(move |_, _, connection| write(connection, status, &[], b""));
        let error = download_error(read(&server.url()));
        let message = error.to_string();
        assert!(
            message.contains(&server.url()) && message.contains(status) && message.contains(advice),
            "{message}"
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_busy_server_is_asked_again_as_late_as_it_wants() {
    let body = playlists();
    let served = body.clone();
    let server = Server::start(move |number, _, connection| match number {
        0 => write(connection, "503 Service Unavailable", &["Retry-After: 1".to_owned()], b"busy"),
        1 => write(connection, "429 Too Many Requests", &[], b"busy"),
        _ => write_file(connection, &[], &served),
    });
    let begin = Instant::now();
    assert_is_whole(&read(&server.url()).unwrap(), &body);
    assert!(begin.elapsed() >= Duration::from_secs(1));
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn a_server_that_stays_busy_is_given_up() {
    let server = Server::start(|_, _, connection| write(connection, "500 Internal Server Error", &[], b""));
    let message = error_after_all_attempts(read(&server.url())).to_string();
    assert!(message.contains("`500 Internal Server Error`"), "{message}");
    assert_eq!(server.requests().len(), ATTEMPTS as usize);
}

#[test]
fn a_body_that_is_shorter_than_its_length_is_an_error() {
    let server = Server::start(|_, _, connection| write_cut_file(connection, &[], &playlists(), 1000));
    let message = error_after_all_attempts(read(&server.url())).to_string();
    assert!(message.contains(&format!("broke off after 1000 of {} bytes", playlists().len())), "{message}");
    assert_eq!(server.requests().len(), ATTEMPTS as usize);
}

#[test]
fn a_truncated_archive_is_an_error_though_its_download_is_whole() {
    let csv = playlists();
    let zstd = zstd::encode_all(&csv[..], 1).unwrap();
    for (body, expected) in [(gzip(&csv), Compression::Gzip), (zstd, Compression::Zstd)] {
        let server =
            Server::start(move |_, _, connection| write_file(connection, &[], &body[..body.len() - 3]));
        match read(&server.url()) {
            Err(DatasetError::Truncated { compression, .. }) => assert_eq!(compression, expected),
            other => panic!("{other:?}"),
        }
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_stalled_server_is_left_and_asked_again() {
    let body = playlists();
    let served = body.clone();
    let server = Server::start(move |number, request, connection| {
        let headers = ["ETag: \"one\"".to_owned()];
        match (number, request.range_start()) {
            // Says nothing, not even a status, until the client hangs up.
            (0, _) => drop(connection.read(&mut [0])),
            // Stops in the middle of the body.
            (1, _) => {
                write_cut_file(connection, &headers, &served, 60_000);
                drop(connection.read(&mut [0]));
            }
            (_, start) => write_rest(connection, &headers, &served, start.unwrap()),
        }
    });
    // A server that is not stalled answers sooner even on a busy host.
    let policy = DownloadPolicy { stall_timeout: Duration::from_secs(2), ..policy() };
    assert_is_whole(&read_with(&server.url(), policy, &Notes::default()).unwrap(), &body);
    assert_eq!(server.requests().len(), 3);
}

#[test]
fn redirects_are_followed_without_giving_secrets_to_the_next_host() {
    let body = playlists();
    let served = body.clone();
    let target = Server::start(move |_, _, connection| write_file(connection, &[], &served));
    let to = target.url();
    let server = Server::start(move |_, _, connection| {
        write(connection, "302 Found", &[format!("Location: {to}"), "Content-Length: 0".to_owned()], b"");
    });
    let url = format!("http://me:secret@127.0.0.1:{}/a?token=secret", server.port);
    let dataset = read(&url).unwrap();
    assert_is_whole(&dataset, &body);
    assert_eq!(dataset.facts.location, format!("http://127.0.0.1:{}/a", server.port));
    assert!(server.requests()[0].header("authorization").is_some());
    let request = target.requests().remove(0);
    assert_eq!((request.header("authorization"), request.header("referer")), (None, None));
}

#[test]
fn redirects_that_lead_nowhere_are_errors() {
    let loops: fn(&str) -> String = |_| "/b".to_owned();
    let wanders: fn(&str) -> String = |path| format!("{path}x");
    let leaves: fn(&str) -> String = |_| "ftp://127.0.0.1/secret".to_owned();
    for (next, expected) in [
        (loops, RedirectProblem::Loop),
        (wanders, RedirectProblem::TooMany),
        (leaves, RedirectProblem::Invalid),
    ] {
        let server = Server::start(move |_, request, connection| {
            let location = format!("Location: {}", next(&request.path));
            write(connection, "301 Moved Permanently", &[location, "Content-Length: 0".to_owned()], b"");
        });
        match download_error(read(&server.url())) {
            DownloadError::Redirect { problem, .. } => assert_eq!(problem, expected),
            error => panic!("{error}"),
        }
        assert!(server.requests().len() <= 11);
    }
}

#[test]
fn a_page_for_people_is_not_a_dataset() {
    let server = Server::start(|_, _, connection| {
        write_file(
            connection,
            &["Content-Type: Text/HTML; charset=utf-8".to_owned()],
            b"pid,track_name\n1,a\n",
        );
    });
    let error = download_error(read(&server.url()));
    assert!(error.to_string().contains("is an HTML page and not a dataset"), "{error}");

    let server =
        Server::start(|_, _, connection| write_file(connection, &[], b"\n <!DOCTYPE html><p>Log in"));
    let error = read(&server.url()).unwrap_err();
    assert!(error.to_string().contains("is an HTML or XML page and not CSV"), "{error}");
}

#[test]
fn a_host_that_is_not_there_is_an_error_after_all_attempts() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let notes = Notes::default();
    let url = format!("http://127.0.0.1:{port}/a.csv");
    let error = error_after_all_attempts(read_with(&url, policy(), &notes));
    assert!(matches!(error, DownloadError::Unreachable { .. }), "{error}");
    assert_eq!(notes.notes.lock().unwrap().len(), 2);
}

/// An error with all its causes, as people and developers see them.
fn all_of(error: &dyn Error) -> String {
    let mut text = format!("{error}\n{error:?}");
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(text, "\n{error}\n{error:?}").unwrap();
        cause = error.source();
    }
    text
}

#[test]
fn secrets_in_the_address_are_never_told() {
    type Answer = fn(&mut dyn server::Connection);
    let missing: Answer = |connection| write(connection, "404 Not Found", &[], b"");
    let busy: Answer = |connection| write(connection, "503 Service Unavailable", &[], b"");
    let hangs_up: Answer = |_| {};
    let nonsense: Answer = |connection| connection.write_all(b"nonsense\r\n\r\n").unwrap();
    let broken: Answer = |connection| write_cut_file(connection, &[], &playlists(), 1000);
    let page: Answer = |connection| write_file(connection, &["Content-Type: text/html".to_owned()], b"");
    let no_columns: Answer = |connection| write_file(connection, &[], b"a,b\n1,2\n");
    let truncated: Answer = |connection| write_file(connection, &[], &gzip(&playlists())[..1000]);
    let leaves: Answer =
        |connection| write(connection, "302 Found", &["Location: ftp://me:secret@x/?secret".to_owned()], b"");
    let lost: Answer =
        |connection| write(connection, "302 Found", &["Location: http://[secret".to_owned()], b"");
    let loops: Answer =
        |connection| write(connection, "302 Found", &["Location: ?token=secret".to_owned()], b"");
    for answer in
        [missing, busy, hangs_up, nonsense, broken, page, no_columns, truncated, leaves, lost, loops]
    {
        let server = Server::start(move |_, _, connection| answer(connection));
        let url = format!("http://secret:secret@127.0.0.1:{}/a.csv?token=secret#secret", server.port);
        let notes = Notes::default();
        let error = read_with(&url, policy(), &notes).unwrap_err();
        let text = format!("{}\n{:?}", all_of(&error), notes.notes.lock().unwrap());
        assert!(!text.contains("secret"), "{text}");
        assert!(text.contains(&format!("`http://127.0.0.1:{}/a.csv`", server.port)), "{text}");
    }
}

/// A certificate for `localhost`, as PEM, and a server's settings with it.
fn certificate() -> (String, ServerConfig) {
    let certificate = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::try_from(certificate.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.cert.der().clone()], key)
        .unwrap();
    (certificate.cert.pem(), config)
}

#[test]
fn a_certificate_is_trusted_only_if_its_root_is() {
    let (pem, config) = certificate();
    let body = playlists();
    let served = body.clone();
    let server = Server::start_tls(config, move |_, _, connection| write_file(connection, &[], &served));
    let url = format!("https://localhost:{}/a.csv?token=secret", server.port);

    let error = download_error(read(&url));
    assert!(matches!(error, DownloadError::Certificate { .. }), "{}", all_of(&error));
    assert!(!all_of(&error).contains("secret"));
    assert_eq!(server.requests().len(), 0);

    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, pem).unwrap();
    let trusting = DownloadPolicy { extra_roots: Some(roots.clone()), ..policy() };
    assert_is_whole(&read_with(&url, trusting.clone(), &Notes::default()).unwrap(), &body);

    // The name must be right even then.
    let by_number = format!("https://127.0.0.1:{}/a.csv", server.port);
    let error = download_error(read_with(&by_number, trusting, &Notes::default()));
    assert!(matches!(error, DownloadError::Certificate { .. }), "{}", all_of(&error));

    for problem in [None, Some("no certificate")] {
        match problem {
            None => std::fs::remove_file(&roots).unwrap(),
            Some(text) => std::fs::write(&roots, text).unwrap(),
        }
        let policy = DownloadPolicy { extra_roots: Some(roots.clone()), ..policy() };
        let error = download_error(read_with(&url, policy, &Notes::default()));
        assert!(error.to_string().contains("roots.pem"), "{error}");
    }
}

#[test]
fn a_redirect_that_gives_up_encryption_is_not_followed() {
    let (pem, config) = certificate();
    let plain = Server::start(|_, _, connection| write_file(connection, &[], &playlists()));
    let to = plain.url();
    let server = Server::start_tls(config, move |_, _, connection| {
        write(connection, "302 Found", &[format!("Location: {to}")], b"");
    });
    let folder = tempfile::tempdir().unwrap();
    let roots = folder.path().join("roots.pem");
    std::fs::write(&roots, pem).unwrap();
    let policy = DownloadPolicy { extra_roots: Some(roots), ..policy() };
    let url = format!("https://localhost:{}/a.csv", server.port);
    match download_error(read_with(&url, policy, &Notes::default())) {
        DownloadError::Redirect { problem, .. } => assert_eq!(problem, RedirectProblem::Insecure),
        error => panic!("{error}"),
    }
    assert_eq!(plain.requests().len(), 0);
}
