//! A dataset that the server says is unchanged is not downloaded again.

#![cfg(test)]

mod program;
mod server;

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use self::{
    program::{Run, stdout},
    server::{Server, write, write_file},
};

const SAMPLE: &str = "pid,track_name,artist_name\n\
    1,HUMBLE.,Kendrick Lamar\n1,Mask Off,Future\n2,HUMBLE.,Kendrick Lamar\n2,Mask Off,Future\n3,Jolene,Dolly Parton\n";

/// A server whose file has the ETag, and how often it gave the file away, rather than say that it is the same still.
struct Dataset {
    server: Server,
    downloads: Arc<AtomicUsize>,
}

impl Dataset {
    fn new(etag: &'static str, answers_conditions: bool) -> Self {
        let downloads = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&downloads);
        let server = Server::start(move |_, request, connection| {
            let headers = [format!("ETag: {etag}")];
            if request.method == "HEAD" {
                let is_same = answers_conditions && request.header("if-none-match") == Some(etag);
                write(connection, if is_same { "304 Not Modified" } else { "200 OK" }, &headers, b"");
            } else {
                counter.fetch_add(1, Ordering::SeqCst);
                write_file(connection, &headers, SAMPLE.as_bytes());
            }
        });
        Dataset { server, downloads }
    }

    /// Trains from it, with its whole URL as `DATASET`, and returns the summary.
    #[track_caller]
    fn train(&self, run: &Run, query: &str, arguments: &[&str]) -> String {
        let url = self.server.url() + query;
        let output = run
            .command()
            .env("DATASET", url)
            .env("MODEL_DIR", run.path("volume"))
            .env("NO_PROXY", "127.0.0.1")
            .args(arguments)
            .output()
            .unwrap();
        stdout(&output, 0)
    }

    fn downloads(&self) -> usize {
        self.downloads.load(Ordering::SeqCst)
    }
}

#[test]
fn a_dataset_with_the_etag_of_the_version_in_service_is_not_downloaded_again() {
    for answers_conditions in [true, false] {
        let (run, dataset) = (Run::new(""), Dataset::new("\"one\"", answers_conditions));
        dataset.train(&run, "", &[]);
        assert_eq!(dataset.downloads(), 1);

        let summary = dataset.train(&run, "", &[]);

        assert!(summary.contains("nothing to do"), "{summary}");
        assert_eq!(dataset.downloads(), 1);
    }
}

#[test]
fn a_dataset_whose_etag_does_not_decide_is_told_by_its_digest() {
    for (etag, query) in [
        // It promises no equal bytes.
        ("W/\"one\"", ""),
        // The manifest does not tell the query.
        ("\"one\"", "?part=1"),
    ] {
        let (run, dataset) = (Run::new(""), Dataset::new(etag, true));
        dataset.train(&run, query, &[]);

        let summary = dataset.train(&run, query, &[]);

        assert!(summary.contains("nothing to do"), "{summary}");
        assert_eq!(dataset.downloads(), 2, "{etag} {query}");
    }
}

#[test]
fn an_unchanged_dataset_is_trained_with_other_parameters_or_by_force() {
    for arguments in [&["--min-support", "3"][..], &["--item-key", "title"], &["--force"]] {
        let (run, dataset) = (Run::new(""), Dataset::new("\"one\"", true));
        dataset.train(&run, "", &[]);
        let first = run.current();

        dataset.train(&run, "", arguments);

        assert_eq!(dataset.downloads(), 2, "{arguments:?}");
        assert_ne!(run.current(), first, "{arguments:?}");
    }
}

#[test]
fn a_damaged_version_is_trained_again_although_the_dataset_is_unchanged() {
    let (run, dataset) = (Run::new(""), Dataset::new("\"one\"", true));
    dataset.train(&run, "", &[]);
    std::fs::write(run.version_folder().join("songs.parquet"), "no songs").unwrap();

    dataset.train(&run, "", &[]);

    assert_eq!(dataset.downloads(), 2);
    run.volume().load(&run.current()).unwrap();
}
