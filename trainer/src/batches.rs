use std::{hash::BuildHasher as _, io::BufRead, sync::mpsc::SyncSender};

use foldhash::fast::RandomState;

use crate::{
    columns::{BOM, Column, Columns},
    dataset::{DatasetError, ItemKey},
    identity::needed_text,
    interning::CellKey,
    location::Location,
    reading::{RowProblem, SkippedRow},
    rows::{Row, RowReader, RowsError},
};

/// The rows of a batch: so few that they stay in a processor's cache, so many that handing them on costs nothing.
const BATCH_ROWS: usize = 1024;

/// Batches that may wait to be taken.
pub(crate) const WAITING_BATCHES: usize = 16;

/// Rows that were parsed, with what is needed to tell which songs they name.
#[derive(Default)]
pub(crate) struct Batch {
    rows: Vec<BatchRow>,
    /// The keys of the rows' title, artist and URI, one after the other.
    keys: Vec<u8>,
    /// The playlists of the rows: where each one's text ends in `pids`, and where its run of rows ends.
    runs: Vec<(usize, usize)>,
    pids: String,
    /// Rows that cannot be used, whatever their song.
    pub(crate) skipped: u64,
    /// The first of them.
    pub(crate) first_skipped: Option<SkippedRow>,
}

struct BatchRow {
    line: u64,
    hash: u32,
    /// Where its key ends.
    end: u32,
}

impl Batch {
    /// The rows that may be used: the line where each begins, and the key of its title, artist and URI.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (u64, CellKey<'_>)> {
        self.rows.iter().scan(0, |start, row| {
            let bytes = &self.keys[*start..row.end as usize];
            *start = row.end as usize;
            Some((row.line, CellKey { hash: row.hash, bytes }))
        })
    }

    /// The texts that name the rows' playlists, each with the number of rows that follow each other with it.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (&str, usize)> {
        self.runs.iter().scan((0, 0), |(text_start, row_start), &(text_end, row_end)| {
            let run = (&self.pids[*text_start..text_end], row_end - *row_start);
            (*text_start, *row_start) = (text_end, row_end);
            Some(run)
        })
    }

    fn is_full(&self) -> bool {
        self.rows.len() == BATCH_ROWS || self.skipped >= BATCH_ROWS as u64
    }
}

/// Why reading ended before the end.
pub(crate) enum Stop {
    Rows(RowsError),
    Dataset(DatasetError),
}

impl From<RowsError> for Stop {
    fn from(error: RowsError) -> Self {
        Stop::Rows(error)
    }
}

impl From<DatasetError> for Stop {
    fn from(error: DatasetError) -> Self {
        Stop::Dataset(error)
    }
}

/// Parses a dataset, and hands on its rows until nobody takes them any more.
pub(crate) fn parse<R: BufRead>(
    input: R,
    location: &Location,
    item_key: ItemKey,
    hasher: &RandomState,
    batches: &SyncSender<Batch>,
) -> Result<(), Stop> {
    let mut reader = RowReader::new(input);
    if let Some(found) = not_csv(reader.head().map_err(RowsError::Io)?) {
        return Err(DatasetError::NotCsv { location: location.clone(), found }.into());
    }
    let Some(header) = reader.next()? else {
        return Err(DatasetError::Empty { location: location.clone() }.into());
    };
    let mut parser = Parser {
        columns: Columns::find(&header, location, item_key)?,
        hasher,
        pid: Vec::new(),
        batch: Batch::default(),
    };
    while let Some(row) = reader.next()? {
        parser.push(&row);
        if parser.batch.is_full() && batches.send(parser.take_batch()).is_err() {
            return Ok(());
        }
    }
    // If nobody takes it, there is nothing left to do either.
    let _ = batches.send(parser.batch);
    Ok(())
}

struct Parser<'h> {
    columns: Columns,
    hasher: &'h RandomState,
    /// The cell that names the playlist of the last row of the batch.
    pid: Vec<u8>,
    batch: Batch,
}

impl Parser<'_> {
    fn push(&mut self, row: &Row<'_>) {
        if let Err(problem) = self.try_push(row) {
            // What an open quote swallowed were rows.
            self.batch.skipped += if row.has_open_quote { row.lines } else { 1 };
            self.batch.first_skipped.get_or_insert(SkippedRow { line: row.line, problem });
        }
    }

    fn try_push(&mut self, row: &Row<'_>) -> Result<(), RowProblem> {
        let Parser { columns, hasher, pid: last_pid, batch } = self;
        if row.has_open_quote {
            return Err(RowProblem::OpenQuote { lines: row.lines });
        }
        if row.len() != columns.len {
            return Err(RowProblem::FieldCount { found: row.len(), expected: columns.len });
        }
        let cell = |field: Option<usize>| field.and_then(|field| row.get(field)).unwrap_or_default();
        let pid = cell(Some(columns.pid));
        match batch.runs.last_mut() {
            // Rows of a playlist mostly follow each other.
            Some((_, row_end)) if pid == last_pid => *row_end += 1,
            last => {
                let text = needed_text(pid, Column::Pid)?;
                let row_end = last.map_or(0, |&mut (_, row_end)| row_end) + 1;
                batch.pids.push_str(text);
                batch.runs.push((batch.pids.len(), row_end));
                last_pid.clear();
                last_pid.extend_from_slice(pid);
            }
        }
        let start = batch.keys.len();
        CellKey::write([cell(Some(columns.title)), cell(columns.artist), cell(columns.uri)], &mut batch.keys);
        let hash = hasher.hash_one(&batch.keys[start..]);
        // Both halves are well mixed.
        batch.rows.push(BatchRow { line: row.line, hash: hash as u32, end: batch.keys.len() as u32 });
        Ok(())
    }

    fn take_batch(&mut self) -> Batch {
        let next = Batch {
            rows: Vec::with_capacity(BATCH_ROWS),
            keys: Vec::with_capacity(self.batch.keys.len()),
            ..Batch::default()
        };
        std::mem::replace(&mut self.batch, next)
    }
}

/// What a file is that begins with these bytes, when it is surely not CSV.
fn not_csv(head: &[u8]) -> Option<&'static str> {
    match head {
        b"" => None,
        [b'P', b'K', 3, 4, ..] => Some("a ZIP archive"),
        [b'B', b'Z', b'h', ..] => Some("compressed with bzip2"),
        [0xfd, b'7', b'z', b'X', b'Z', ..] => Some("compressed with xz"),
        [b'P', b'A', b'R', b'1', ..] => Some("a Parquet file"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("encoded in UTF-16"),
        [0x1f, 0x8b, ..] | [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("compressed twice"),
        _ => {
            let text = head.strip_prefix(BOM).unwrap_or(head).trim_ascii_start();
            text.starts_with(b"<").then_some("an HTML or XML page")
        }
    }
}
