use std::{
    fmt, io,
    panic::resume_unwind,
    str::FromStr,
    sync::mpsc::sync_channel,
    thread::{self, ScopedJoinHandle},
};

use foldhash::fast::RandomState;
use model::{ArtistId, Artists, InvalidTable, Songs};

use crate::{
    baskets::Baskets,
    batches::{Stop, WAITING_BATCHES, parse},
    blocks::blocks,
    catalogue::Catalogue,
    columns::Column,
    decompression::{Compression, Decompressed},
    download::DownloadPolicy,
    download_error::DownloadError,
    identity::Identity,
    interning::{CellList, TooMany},
    location::Location,
    memory::{MaxMemory, MemoryError},
    playlists::Playlists,
    reading::{Reading, RowProblem, SkippedRow},
    rows::{MAX_ROW_LEN, RowsError},
    source::{Source, SourceFacts},
};

/// What makes two rows the same song.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ItemKey {
    /// Artist and title, whatever their case.
    #[default]
    Song,
    /// The title, letter by letter.
    Title,
    /// The track URI.
    Uri,
}

impl ItemKey {
    const ALL: [ItemKey; 3] = [ItemKey::Song, ItemKey::Title, ItemKey::Uri];

    fn name(self) -> &'static str {
        match self {
            ItemKey::Song => "song",
            ItemKey::Title => "title",
            ItemKey::Uri => "uri",
        }
    }
}

impl fmt::Display for ItemKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ItemKey {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let key = ItemKey::ALL.into_iter().find(|key| key.name() == text);
        key.ok_or_else(|| "expected `song`, `title` or `uri`".to_owned())
    }
}

/// How a dataset is read.
#[derive(Clone, Debug)]
pub struct ReadOptions {
    /// What makes two rows the same song.
    pub item_key: ItemKey,
    /// The share of rows, 0 to 1, that may be skipped because they cannot be used. A dataset with more is rejected.
    pub max_skipped_share: f64,
    /// How it is downloaded.
    pub policy: DownloadPolicy,
    /// The memory that may be used; `None`: any. A dataset that needs more is an error.
    pub max_memory: Option<MaxMemory>,
}

impl Default for ReadOptions {
    /// By artist and title; at most 1 % of the rows skipped; any amount of memory.
    fn default() -> Self {
        ReadOptions {
            item_key: ItemKey::Song,
            max_skipped_share: 0.01,
            policy: DownloadPolicy::default(),
            max_memory: None,
        }
    }
}

/// Is told how far the reading of a dataset is.
pub trait ReadProgress: Sync {
    /// So many raw bytes were read, of so many if that is known.
    fn bytes(&self, read: u64, total: Option<u64>);
    /// Something happened that a person may want to know, as another attempt to download.
    fn note(&self, message: &str);
}

/// Nobody wants to know.
impl ReadProgress for () {
    fn bytes(&self, _: u64, _: Option<u64>) {}
    fn note(&self, _: &str) {}
}

/// A dataset in the form in which it is mined.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dataset {
    /// The playlists with at least one song, in the order in which they come first. The items are song ids.
    pub baskets: Baskets,
    /// The songs, by falling support count; equally common ones by what identifies them.
    pub songs: Songs,
    /// The artists of the songs, by falling support count; equally common ones by their name.
    pub artists: Artists,
    /// The artist of each song, by song id; `None` where the dataset names none.
    pub song_artists: Vec<Option<ArtistId>>,
    /// A hash of the pid of each basket, which does not depend on anything else: the first 8 bytes of the SHA-256 of its text without blanks
    /// around, as a big-endian number.
    pub pid_hashes: Vec<u64>,
    /// What a manifest says of the dataset.
    pub facts: model::Dataset,
    /// The first row that was skipped.
    pub first_skipped: Option<SkippedRow>,
}

/// Why a dataset cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetError {
    /// The file cannot be opened.
    #[error("`{location}` cannot be opened; check the path and its permissions")]
    Open {
        /// The dataset.
        location: Location,
        /// Why.
        source: io::Error,
    },
    /// It is a folder.
    #[error("`{location}` is a folder; name the file in it")]
    Folder {
        /// The dataset.
        location: Location,
    },
    /// The file cannot be read to its end.
    #[error("`{location}` cannot be read")]
    Read {
        /// The dataset.
        location: Location,
        /// Why.
        source: io::Error,
    },
    /// It cannot be downloaded.
    #[error(transparent)]
    Download(#[from] DownloadError),
    /// The compressed data end before their end.
    #[error("`{location}` is truncated: its {compression} data end before their end; copy it again")]
    Truncated {
        /// The dataset.
        location: Location,
        /// How it is compressed.
        compression: Compression,
    },
    /// The compressed data are damaged, or followed by other data.
    #[error("`{location}` is damaged: its {compression} data cannot be decompressed; copy it again")]
    Damaged {
        /// The dataset.
        location: Location,
        /// How it is compressed.
        compression: Compression,
        /// What is wrong.
        source: io::Error,
    },
    /// It is something else.
    #[error("`{location}` is {found} and not CSV; name a CSV file, plain or compressed with gzip or zstd")]
    NotCsv {
        /// The dataset.
        location: Location,
        /// What it is.
        found: &'static str,
    },
    /// It has no bytes.
    #[error("`{location}` is empty; it must have a header and rows")]
    Empty {
        /// The dataset.
        location: Location,
    },
    /// The header cannot be read.
    #[error("`{location}` has a header that cannot be used: {problem}")]
    Header {
        /// The dataset.
        location: Location,
        /// What is wrong with it.
        problem: RowProblem,
    },
    /// A column that is needed is not there.
    #[error("`{location}` has no column `{column}`{}; its columns are {found}", needed_by(*.column))]
    MissingColumn {
        /// The dataset.
        location: Location,
        /// The column.
        column: Column,
        /// The columns that are there.
        found: String,
    },
    /// A column is there more than once.
    #[error("`{location}` has several columns `{column}`; leave one of them")]
    DuplicateColumn {
        /// The dataset.
        location: Location,
        /// The column.
        column: Column,
    },
    /// A row is so long that it cannot be one.
    #[error(
        "`{location}` has a row at line {line} that is longer than {MAX_ROW_LEN} bytes: a quote is opened in it and not closed, or the file is not CSV; correct that line"
    )]
    RowTooLong {
        /// The dataset.
        location: Location,
        /// The line where it begins, from 1.
        line: u64,
    },
    /// Too many rows cannot be used.
    #[error(
        "`{location}` has {skipped} of {rows} rows that cannot be used, and {} % may be skipped; the first is at line {}: {}; correct it, or allow more",
        max_share * 100.0, first.line, first.problem
    )]
    TooManySkipped {
        /// The dataset.
        location: Location,
        /// The rows that cannot be used.
        skipped: u64,
        /// All rows, without the header.
        rows: u64,
        /// The share of them that may be skipped, 0 to 1.
        max_share: f64,
        /// The first of them.
        first: SkippedRow,
    },
    /// No row names a playlist and a song.
    #[error("`{location}` has a header and no playlist: no row with a `pid` and a song follows")]
    NoPlaylists {
        /// The dataset.
        location: Location,
    },
    /// It needs more memory than may be used.
    #[error("`{location}` needs more memory than may be used")]
    Memory {
        /// The dataset.
        location: Location,
        /// How much.
        source: MemoryError,
    },
    /// It has more than can be numbered.
    #[error(
        "`{location}` has more different songs, spellings or playlists than 32 bits can number; split it"
    )]
    TooLarge {
        /// The dataset.
        location: Location,
        /// What cannot be numbered, where it is known.
        source: Option<InvalidTable>,
    },
}

fn needed_by(column: Column) -> &'static str {
    match column {
        Column::Uri => ", which the item key `uri` needs",
        _ => ", which is needed",
    }
}

/// Reads a dataset: downloads, decompresses and parses it in one go, without a copy of it in memory or on a disk.
///
/// Blocking. Two datasets with the same rows in another order, or compressed in another way, differ in the order of their baskets and
/// in what `facts` says of the raw bytes, and in nothing else.
///
/// # Errors
///
/// If the dataset cannot be downloaded, decompressed or parsed, if more rows than allowed cannot be used, or if no playlist is left.
pub fn read_dataset(
    location: &Location,
    options: &ReadOptions,
    progress: &dyn ReadProgress,
) -> Result<Dataset, DatasetError> {
    let source = Source::open(location, &options.policy, progress)?;
    let decompressed =
        Decompressed::new(source).map_err(|error| read_error(location, Compression::None, error))?;
    let compression = decompressed.compression();
    let Read { source, rows, skipped, first_skipped, spellings, playlists, identity } =
        read_in_threads(decompressed, location, options).map_err(|stop| match stop {
            Stop::Rows(RowsError::Io(error)) => read_error(location, compression, error),
            Stop::Rows(RowsError::TooLong(line)) => {
                DatasetError::RowTooLong { location: location.clone(), line }
            }
            Stop::Dataset(error) => error,
        })?;

    let too_large = |source| DatasetError::TooLarge { location: location.clone(), source };
    let count = |len: usize| u32::try_from(len).map_err(|_| too_large(None));
    let playlist_count = count(playlists.len())?;
    let catalogue = Catalogue::new(spellings, identity, playlists).map_err(|error| too_large(Some(error)))?;
    let facts = model::Dataset {
        location: location.to_string(),
        etag: source.etag,
        sha256: source.sha256,
        bytes: source.bytes,
        rows,
        skipped_rows: skipped,
        playlists: playlist_count,
        songs: count(catalogue.songs.len())?,
        artists: count(catalogue.artists.len())?,
    };
    let Catalogue { baskets, songs, artists, song_artists, pid_hashes } = catalogue;
    Ok(Dataset { baskets, songs, artists, song_artists, pid_hashes, facts, first_skipped })
}

/// What was read of a dataset.
struct Read {
    source: SourceFacts,
    rows: u64,
    skipped: u64,
    first_skipped: Option<SkippedRow>,
    spellings: CellList,
    playlists: Playlists,
    identity: Identity,
}

/// Reads and digests the bytes in one thread, parses the rows in another, looks up their spellings in this one, and finds out in a fourth
/// which songs those are.
fn read_in_threads(
    input: Decompressed<'_>,
    location: &Location,
    options: &ReadOptions,
) -> Result<Read, Stop> {
    let item_key = options.item_key;
    let hasher = RandomState::default();
    thread::scope(|scope| {
        let (writer, blocks) = blocks();
        let (sender, batches) = sync_channel(WAITING_BATCHES);
        let (new_spellings, spellings) = sync_channel(WAITING_BATCHES);
        let reader = scope.spawn(move || writer.fill(input));
        let parser = scope.spawn(move || parse(blocks, location, item_key, &hasher, &sender));
        let identity = scope.spawn(move || Identity::of(spellings, item_key));
        let mut reading = Reading::new(location, options, new_spellings);
        for batch in batches {
            // When this fails the channels are closed, so that the other threads end too.
            reading.push(&batch)?;
        }
        joined(parser)?;
        // An error of the bytes has ended the parser with it.
        let source = joined(reader).ok_or(RowsError::Io(io::ErrorKind::UnexpectedEof.into()))?;
        reading.check()?;
        let rows = reading.row_count();
        let Reading { skipped, first_skipped, spellings, playlists, new_spellings, .. } = reading;
        drop(new_spellings);
        let identity = joined(identity)
            .map_err(|TooMany| DatasetError::TooLarge { location: location.clone(), source: None })?;
        Ok(Read {
            source,
            rows,
            skipped,
            first_skipped,
            spellings: spellings.into_list(),
            playlists,
            identity,
        })
    })
}

fn joined<T>(thread: ScopedJoinHandle<'_, T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// What an error met while reading means: one of the download, of the disk, or of the compressed data.
fn read_error(location: &Location, compression: Compression, error: io::Error) -> DatasetError {
    let location = location.clone();
    let source = match error.downcast::<DownloadError>() {
        Ok(error) => return DatasetError::Download(error),
        Err(error) => error,
    };
    if compression == Compression::None || source.raw_os_error().is_some() {
        DatasetError::Read { location, source }
    } else if source.kind() == io::ErrorKind::UnexpectedEof {
        DatasetError::Truncated { location, compression }
    } else {
        DatasetError::Damaged { location, compression, source }
    }
}
