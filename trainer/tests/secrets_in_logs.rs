//! Secrets in the dataset's URL reach the server and nobody else, however much is logged.
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod program;
mod server;

use crate::{
    program::Run,
    server::{Server, write_file},
};

#[test]
fn the_secrets_of_a_url_are_in_no_output_and_in_no_file() {
    const CSV: &str = "pid,artist_name,track_name\n0,a,x\n0,b,y\n1,a,x\n1,b,y\n";
    let run = Run::new(CSV);
    let server = Server::start(|_, _, connection| write_file(connection, &[], CSV.as_bytes()));
    let url = format!("http://me:the-password@127.0.0.1:{}/a.csv?token=the-token", server.port);
    for format in ["text", "json"] {
        let output = run
            .command()
            .env("DATASET", &url)
            .env("MODEL_DIR", run.path("volume"))
            .args(["--log", "trace", "--log-format", format, "--min-support", "1", "--force"])
            .output()
            .unwrap();
        let log = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success(), "{log}");
        // The test sees what it should: everything is logged.
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "{log}");
        let printed = String::from_utf8(output.stdout).unwrap();
        let manifest = std::fs::read_to_string(run.version_folder().join("manifest.json")).unwrap();
        assert!(manifest.contains(&format!("http://127.0.0.1:{}/a.csv", server.port)), "{manifest}");
        for secret in ["the-password", "the-token"] {
            for text in [&log, &printed, &manifest] {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
    assert!(server.requests()[0].header("authorization").is_some());
    assert!(server.requests()[0].path.contains("token=the-token"));
}
