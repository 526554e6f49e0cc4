//! Composes the sample dataset anew from the catalogue of songs in `demo/sample`:
//! `cargo run --package demo --example compose_sample`.
//!
//! The outcome is the same every time; run it after a change of `songs.csv` or `new-songs.csv`.

mod composer;

use std::{fs, path::Path};

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("sample");
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read_to_string(&path).with_context(|| format!("cannot read `{}`", path.display()))
    };
    let write = |name: &str, text: &str| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write `{}`", path.display()))
    };
    let sample = composer::compose(&read("songs.csv")?, &read("new-songs.csv")?)?;
    write("playlists.csv", &sample.playlists)?;
    write("playlists-update.csv", &sample.update)
}
