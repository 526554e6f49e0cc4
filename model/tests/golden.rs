//! A version that an earlier release published opens in this one.
//!
//! `golden/format-1` was written by `WRITE_GOLDEN=1 cargo test -p model --test golden`. A folder is never written again once it was
//! released; a later format gets a folder of its own.

#![cfg(test)]

mod support;

use std::{env, fs, path::Path, time::Duration};

use model::Volume;
use support::{metadata, tables};

#[test]
fn a_version_of_format_1_opens() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1");
    let volume = Volume::new(&root);
    if env::var_os("WRITE_GOLDEN").is_some() {
        fs::create_dir_all(&root).unwrap();
        let publication = volume.publication(Duration::ZERO).unwrap();
        let version = publication.store(&metadata("golden"), &tables()).unwrap();
        publication.put_in_service(&version).unwrap();
        drop(publication);
        for name in [".lock", ".last-published"] {
            fs::remove_file(root.join(name)).unwrap();
        }
    }

    let version = volume.current().unwrap().unwrap();
    let model = volume.load(&version).unwrap();

    assert_eq!(model.manifest.metadata, metadata("golden"));
    assert_eq!(model.tables, tables());
}
