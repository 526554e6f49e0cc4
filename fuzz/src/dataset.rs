use std::{
    cell::RefCell,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use model::Volume;
use tempfile::TempDir;
use trainer::{
    Dataset, DatasetError, ItemKey, Location, Progress, ReadOptions, Settings, read_dataset, train,
};

/// Datasets that are trained from, not only read, are at most this long.
const MAX_TRAINED: usize = 512;

/// Any bytes are a dataset or an error; compressed they are the same dataset; and what is a dataset can be trained from, and the version
/// that comes of it loads. The first byte chooses the item key.
pub fn dataset(data: &[u8]) {
    let (choice, text) = data.split_first().unwrap_or((&0, data));
    thread_local! {
        static FOLDER: RefCell<TempDir> = RefCell::new(tempfile::tempdir().unwrap());
    }
    FOLDER.with_borrow(|folder| read_and_train(folder.path(), *choice, text));
}

fn read_and_train(folder: &Path, choice: u8, text: &[u8]) {
    let keys = [ItemKey::Song, ItemKey::Title, ItemKey::Uri];
    let options = ReadOptions {
        item_key: keys[usize::from(choice) % keys.len()],
        max_skipped_share: 1.0,
        ..ReadOptions::default()
    };
    let plain = write(folder, "plain.csv", text);
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).unwrap();
    encoder.write_all(text).unwrap();
    let compressed = write(folder, "compressed.csv", &encoder.finish().unwrap());
    match (read(&plain, &options), read(&compressed, &options)) {
        (Ok(plain), Ok(mut compressed)) => {
            compressed.facts.location.clone_from(&plain.facts.location);
            compressed.facts.sha256.clone_from(&plain.facts.sha256);
            compressed.facts.bytes = plain.facts.bytes;
            assert_eq!(plain, compressed, "compressed it is another dataset");
            let facts = &plain.facts;
            assert_eq!(plain.baskets.len(), facts.playlists as usize);
            assert!(facts.skipped_rows <= facts.rows && facts.songs as usize == plain.songs.len());
        }
        (Ok(_), Err(error)) => {
            panic!("compressed it is an error: {error}");
        }
        // Bytes that look like compressed data of their own are told from CSV by their first bytes.
        (Err(_), Ok(_)) => {}
        (Err(_), Err(_)) => {}
    }
    if text.len() <= MAX_TRAINED {
        let volume = folder.join("volume");
        let settings = Settings { read: options, force: true, ..Settings::new(location(&plain), &volume) };
        if let Ok(report) = train(&settings, &Progress::quiet()) {
            Volume::new(&volume).load(&report.version).unwrap();
        }
        let _ = fs::remove_dir_all(volume);
    }
}

fn write(folder: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn read(path: &Path, options: &ReadOptions) -> Result<Dataset, DatasetError> {
    read_dataset(&location(path), options, &())
}

fn location(path: &Path) -> Location {
    path.to_str().unwrap().parse().unwrap()
}
