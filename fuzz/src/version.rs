use std::{
    cell::{Cell, RefCell},
    fs,
    io::Write as _,
    path::PathBuf,
};

use bytes::Bytes;
use model::{Manifest, VersionName, Volume};
use parquet::file::reader::{FileReader as _, SerializedFileReader};
use recommender::{Query, ServedModel};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use crate::sample;

const MANIFEST: &str = "manifest.json";

thread_local! {
    static IS_LOADING: Cell<bool> = const { Cell::new(false) };
    static VOLUME: RefCell<Damaged> = RefCell::new(Damaged::new());
}

/// Whether this thread is loading a version, which turns the Parquet library's panics into errors.
pub(crate) fn is_loading() -> bool {
    IS_LOADING.get()
}

/// A manifest with its right digest is loaded or an error; what is loaded answers; and a manifest that is written and parsed again is the same.
pub fn manifest(data: &[u8]) {
    if let Ok(manifest) = serde_json::from_slice::<Manifest>(data) {
        let json = serde_json::to_vec(&manifest).unwrap();
        assert_eq!(serde_json::from_slice::<Manifest>(&json).unwrap(), manifest);
    }
    VOLUME.with_borrow_mut(|volume| volume.load(data));
}

/// A table of songs with its right digest is loaded or an error; what is loaded answers.
pub fn songs(data: &[u8]) {
    table("songs.parquet", data);
}

/// As [`songs`], for artists.
pub fn artists(data: &[u8]) {
    table("artists.parquet", data);
}

/// As [`songs`], for rules.
pub fn rules(data: &[u8]) {
    table("rules.parquet", data);
}

/// As [`songs`], for artist rules.
pub fn artist_rules(data: &[u8]) {
    table("artist_rules.parquet", data);
}

fn table(name: &str, data: &[u8]) {
    VOLUME.with_borrow_mut(|volume| volume.load_with(name, data));
}

/// The sample's version, with one file replaced.
struct Damaged {
    _folder: TempDir,
    volume: Volume,
    /// The folder of the version, whose name changes with its manifest.
    folder: PathBuf,
    manifest: Value,
}

impl Damaged {
    fn new() -> Self {
        let sample = sample();
        let folder = tempfile::tempdir().unwrap();
        let from = sample.volume.root().join("versions").join(sample.version.as_str());
        let to = folder.path().join("versions").join("first");
        fs::create_dir_all(&to).unwrap();
        for entry in fs::read_dir(&from).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
        let manifest = serde_json::from_slice(&fs::read(to.join(MANIFEST)).unwrap()).unwrap();
        Damaged { volume: Volume::new(folder.path()), _folder: folder, folder: to, manifest }
    }

    /// Loads the version with a table that is `data`, of which the manifest tells what it must.
    fn load_with(&mut self, name: &str, data: &[u8]) {
        let path = self.folder.join(name);
        let intact = fs::read(&path).unwrap();
        fs::write(&path, data).unwrap();
        let mut manifest = self.manifest.clone();
        manifest["files"][name]["bytes"] = data.len().into();
        manifest["files"][name]["sha256"] = hexadecimal(&Sha256::digest(data)).into();
        let footer =
            std::panic::catch_unwind(|| SerializedFileReader::new(Bytes::copy_from_slice(data)).ok());
        if let Ok(Some(file)) = footer {
            let rows = file.metadata().file_metadata().num_rows();
            manifest["files"][name]["rows"] = rows.into();
            match name {
                "songs.parquet" => manifest["dataset"]["songs"] = rows.into(),
                "artists.parquet" => manifest["dataset"]["artists"] = rows.into(),
                "rules.parquet" => manifest["counts"]["rules"] = rows.into(),
                _ => manifest["counts"]["artist_rules"] = rows.into(),
            }
        }
        self.load(&serde_json::to_vec(&manifest).unwrap());
        fs::write(self.folder.join(name), intact).unwrap();
    }

    /// Loads the version with this manifest, and asks what is loaded.
    fn load(&mut self, manifest: &[u8]) {
        let name = format!("v-{}", &hexadecimal(&Sha256::digest(manifest))[..16]);
        let folder = self.folder.with_file_name(&name);
        if folder != self.folder {
            fs::rename(&self.folder, &folder).unwrap();
            self.folder = folder;
        }
        fs::File::create(self.folder.join(MANIFEST)).unwrap().write_all(manifest).unwrap();
        let version: VersionName = name.parse().unwrap();
        IS_LOADING.set(true);
        let loaded = self.volume.load(&version);
        IS_LOADING.set(false);
        let _ = self.volume.verify(&version);
        assert_eq!(self.volume.versions().unwrap().len(), 1);
        match loaded {
            Ok(model) => ask(&ServedModel::build(model)),
            Err(error) => assert!(error.to_string().contains(&name), "{error}"),
        }
    }
}

/// What is served must answer, and with numbers.
fn ask(model: &ServedModel) {
    let songs = model.song_count() as u32;
    let seeds: Vec<u32> = (0..songs.min(40)).collect();
    let queries = [seeds.get(..1), seeds.get(1..3), Some(&seeds[..])];
    for seeds in queries.into_iter().flatten() {
        let query = Query { seeds: seeds.to_vec(), limit: 20, max_rules_per_song: 3, ..Query::default() };
        for recommendation in model.recommend(&query) {
            model.song(recommendation.song);
            assert!(recommendation.score.is_finite() && recommendation.score >= 0.0);
            for rule in &recommendation.rules {
                let numbers = [rule.counts.support(), rule.counts.confidence(), rule.counts.lift()];
                assert!(numbers.iter().all(|number| number.is_finite()), "{rule:?}");
                if let recommender::Antecedent::Artist(artist) = rule.antecedent {
                    model.artist_name(artist);
                }
            }
        }
    }
    for text in ["HUMBLE.", "kendrick lamar - alright", "zzz"] {
        model.resolve(text);
        model.search(text, 0, 10);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
