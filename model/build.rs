//! Finds out the source revision of the build: `SOURCE_REVISION` where it is set, as in an image build, or else git's.

use std::{env, path::Path, process::Command};

fn main() {
    println!("cargo:rerun-if-env-changed=SOURCE_REVISION");
    let revision = env::var("SOURCE_REVISION")
        .ok()
        .filter(|revision| !revision.is_empty())
        .or_else(git_revision)
        .unwrap_or_else(|| "unknown".to_owned());
    println!("cargo:rustc-env=SOURCE_REVISION={revision}");
}

fn git_revision() -> Option<String> {
    // The log of HEAD grows with every commit and checkout, so it tells when to look again.
    let log = "../.git/logs/HEAD";
    if Path::new(log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    let output = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output().ok()?;
    let revision = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !revision.is_empty()).then_some(revision)
}
