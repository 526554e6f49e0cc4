//! What is fuzzed: each function takes any bytes, and panics where a promise is broken.
//!
//! The programs in `fuzz_targets/` call these under libFuzzer; `tests/corpus.rs` calls them with the corpus.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a panic is how a finding is told")]

// Links it also into what is built with counters and is no fuzz target.
#[cfg(feature = "libfuzzer")]
use libfuzzer_sys as _;

mod csv_rows;
mod current;
mod dataset;
mod grpc_web_text;
mod rest;
mod sample;
mod seeds;
mod status_details;
mod requests;
mod version;

/// The reader of CSV rows, which is private to the trainer: the very file.
#[path = "../../trainer/src/rows.rs"]
#[allow(dead_code, unreachable_pub, clippy::all, reason = "another crate's module, of which a part is used")]
mod rows;

/// What the recommender reads of requests before its service does, which is private to it: the very files.
#[path = "../../recommender/src/grpc_web.rs"]
#[allow(dead_code, unreachable_pub, clippy::all, reason = "another crate's module, of which a part is used")]
mod grpc_web;
#[path = "../../recommender/src/rest_requests.rs"]
#[allow(dead_code, unreachable_pub, clippy::all, reason = "another crate's module, of which a part is used")]
mod rest_requests;
#[path = "../../recommender/src/status.rs"]
#[allow(dead_code, unreachable_pub, clippy::all, reason = "another crate's module, of which a part is used")]
mod status;
#[path = "../../recommender/src/validation.rs"]
#[allow(dead_code, unreachable_pub, clippy::all, reason = "another crate's module, of which a part is used")]
mod validation;

pub use self::{
    csv_rows::csv_rows,
    current::current,
    dataset::dataset,
    grpc_web_text::grpc_web_text,
    requests::requests,
    rest::rest,
    sample::{PLAYLISTS_CSV, Sample, sample},
    seeds::seeds,
    status_details::status_details,
    version::{artist_rules, artists, manifest, rules, songs},
};

/// A target, by the name of its program and of its folder in `corpus/`.
pub type Target = (&'static str, fn(&[u8]));

/// All targets.
pub const TARGETS: [Target; 13] = [
    ("csv_rows", csv_rows),
    ("dataset", dataset),
    ("manifest", manifest),
    ("songs", songs),
    ("artists", artists),
    ("rules", rules),
    ("artist_rules", artist_rules),
    ("current", current),
    ("seeds", seeds),
    ("requests", requests),
    ("rest", rest),
    ("grpc_web_text", grpc_web_text),
    ("status_details", status_details),
];

/// Lets panics in other threads and outside the Parquet library end the process, so that libFuzzer reports them at once. Those inside it
/// are caught by `model`, which is a promise that is tested here.
pub fn report_panics() {
    // Once the sample is made, and with it all that is made only once.
    sample();
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let is_caught = panic.location().is_some_and(|place| {
            ["/parquet-", "/bytes-"].iter().any(|library| place.file().contains(library))
        });
        let is_caught = is_caught || version::is_loading();
        if !is_caught {
            hook(panic);
            std::process::abort();
        }
    }));
}
