//! A version that an earlier release published opens in this one.
//!
//! `golden/format-2` was written by `WRITE_GOLDEN=1 cargo test -p model --test golden`. A folder is never written again once it was
//! released; a later format gets a folder of its own.

#![cfg(test)]

mod support;

use std::{env, fs, path::PathBuf, time::Duration};

use model::{FORMAT, Metadata, Model, Rule, Rules, Scoring, SeedScoring, Tables, Volume};
use support::{metadata, tables};

fn root(format: u32) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/format-{format}"))
}

fn load(format: u32) -> Model {
    let volume = Volume::new(root(format));
    let version = volume.current().unwrap().unwrap();
    let model = volume.load(&version).unwrap();
    assert_eq!(model.manifest.format, format);
    model
}

#[test]
fn a_version_of_format_2_opens() {
    if env::var_os("WRITE_GOLDEN").is_some() {
        let root = root(FORMAT);
        fs::create_dir_all(&root).unwrap();
        let volume = Volume::new(&root);
        let publication = volume.publication(Duration::ZERO).unwrap();
        let version = publication.store(&metadata("golden"), &tables()).unwrap();
        publication.put_in_service(&version).unwrap();
        drop(publication);
        for name in [".lock", ".last-published"] {
            fs::remove_file(root.join(name)).unwrap();
        }
    }

    let model = load(2);

    assert_eq!(model.manifest.metadata, metadata("golden"));
    assert_eq!(model.tables, tables());
}

/// Its rules have one weight, and its scoring tells a number of seeds nothing but an exponent of damping.
#[test]
fn a_version_of_format_1_opens() {
    let model = load(1);

    let exponent = |seeds, damping| SeedScoring { seeds, many_share: 0.0, damping, artist_share: 0.0 };
    let scoring = Scoring {
        weight_scale: 1.0 / 255.0,
        many_weight_scale: 1.0,
        artist_weight_scale: 1.0 / 255.0,
        by_seeds: vec![exponent(1, 0.0), exponent(25, 0.5)],
    };
    assert_eq!(model.manifest.metadata, Metadata { scoring, ..metadata("golden") });
    let mut rules = Rules::default();
    for rule in tables().rules.iter() {
        rules.push(Rule { many_weight: 0, ..rule }).unwrap();
    }
    assert_eq!(model.tables, Tables { rules, ..tables() });
}
