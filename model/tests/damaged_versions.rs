//! Of thousands of damaged versions none is loaded.
//!
//! `FAULT_ROUNDS` sets how many are made; `FAULT_SEED` makes those of an earlier run again.

#![cfg(test)]

mod support;

use std::{env, fs, path::PathBuf, time::Duration};

use model::{VersionName, Volume};
use support::{Random, metadata, tables};

const FILES: [&str; 5] =
    ["manifest.json", "songs.parquet", "artists.parquet", "rules.parquet", "artist_rules.parquet"];

/// The files of a version.
type Contents = [Vec<u8>; FILES.len()];

fn rounds(default: usize) -> usize {
    env::var("FAULT_ROUNDS").map_or(default, |rounds| rounds.parse().expect("FAULT_ROUNDS is a number"))
}

struct Versions {
    volume: Volume,
    version: VersionName,
    folder: PathBuf,
    intact: Contents,
    other: Contents,
}

impl Versions {
    fn new(root: &std::path::Path) -> Self {
        let volume = Volume::new(root);
        let publication = volume.publication(Duration::ZERO).unwrap();
        let version = publication.store(&metadata("one"), &tables()).unwrap();
        let mut others = tables();
        others.songs = Default::default();
        others.songs.push("HUMBLE.", "Kendrick Lamar", [], 8).unwrap();
        others.songs.push("Alright", "Kendrick Lamar", [], 5).unwrap();
        others.songs.push("DNA.", "Kendrick Lamar", [], 3).unwrap();
        let other = publication.store(&metadata("two"), &others).unwrap();
        drop(publication);
        let folder = |version: &VersionName| root.join("versions").join(version.as_str());
        let contents = |version| FILES.map(|file| fs::read(folder(version).join(file)).unwrap());
        Versions {
            intact: contents(&version),
            other: contents(&other),
            folder: folder(&version),
            version,
            volume,
        }
    }

    fn write(&self, contents: &Contents) {
        for (file, bytes) in FILES.iter().zip(contents) {
            fs::write(self.folder.join(file), bytes).unwrap();
        }
    }
}

/// Damages a version in a way that is drawn, and says how.
fn damage(random: &mut Random, versions: &Versions) -> (Contents, String) {
    let mut contents = versions.intact.clone();
    let file = random.below(FILES.len());
    let name = FILES[file];
    let bytes = &mut contents[file];
    let len = bytes.len();
    let how = match random.below(9) {
        0 => {
            bytes.truncate(random.below(len));
            format!("{name} is cut to {} bytes", bytes.len())
        }
        1 => {
            let at = random.below(len);
            bytes[at] ^= 1 << random.below(8);
            format!("{name} has another byte {at}")
        }
        2 => {
            for _ in 0..1 + random.below(16) {
                let at = random.below(len);
                bytes[at] = random.below(256) as u8;
            }
            format!("{name} has other bytes")
        }
        // What a copy leaves that was interrupted on some file systems.
        3 => {
            let at = random.below(len);
            bytes[at..].fill(0);
            format!("{name} is zeros from byte {at} on")
        }
        4 => {
            let at = random.below(len);
            bytes.remove(at);
            format!("{name} lacks byte {at}")
        }
        5 => {
            let (at, part) = (random.below(len), random.below(len));
            let doubled = bytes[at..(at + part).min(len)].to_vec();
            bytes.splice(at..at, doubled);
            format!("{name} has a part twice")
        }
        6 => {
            bytes.clone_from(&versions.other[file]);
            format!("{name} is that of another version")
        }
        7 => {
            let other = (file + 1 + random.below(FILES.len() - 1)) % FILES.len();
            contents.swap(file, other);
            format!("{name} and {} are swapped", FILES[other])
        }
        _ => {
            // All but one are of the other version.
            let kept = contents[file].clone();
            contents = versions.other.clone();
            contents[file] = kept;
            format!("all but {name} are those of another version")
        }
    };
    (contents, how)
}

#[test]
fn no_damaged_version_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let versions = Versions::new(folder.path());
    let mut random = Random::seeded();
    let mut tried = 0;
    let rounds = rounds(2_000);
    while tried < rounds {
        let (contents, how) = damage(&mut random, &versions);
        // Some damage changes nothing: a byte replaced by itself.
        if contents == versions.intact {
            continue;
        }
        // A manifest and the files that it vouches for are a version; which one, its name says.
        versions.write(&contents);
        let loaded = versions.volume.load(&versions.version);
        // Artists and rules are the same in both.
        if let Ok(model) = loaded {
            panic!("loaded although {how}: {model:?}");
        }
        tried += 1;
    }
    versions.write(&versions.intact);
    versions.volume.load(&versions.version).unwrap();
    println!("{tried} damaged versions tried, 0 loaded");
}

/// A copy of a version that is not complete, in any order and cut anywhere, is no version until its last byte.
#[test]
fn no_half_copied_version_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let versions = Versions::new(folder.path());
    let mut random = Random::seeded();
    let rounds = rounds(2_000);
    for _ in 0..rounds {
        for file in FILES {
            let _ = fs::remove_file(versions.folder.join(file));
        }
        let mut order: Vec<usize> = (0..FILES.len()).collect();
        for last in (1..order.len()).rev() {
            order.swap(last, random.below(last + 1));
        }
        let whole = random.below(FILES.len());
        for &file in &order[..whole] {
            fs::write(versions.folder.join(FILES[file]), &versions.intact[file]).unwrap();
        }
        let half = &versions.intact[order[whole]];
        fs::write(versions.folder.join(FILES[order[whole]]), &half[..random.below(half.len())]).unwrap();
        versions.volume.load(&versions.version).unwrap_err();
        versions.volume.verify(&versions.version).unwrap_err();
    }
    println!("{rounds} half-copied versions tried, 0 loaded");
}
