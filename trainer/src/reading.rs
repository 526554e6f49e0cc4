use std::io::BufRead;

use crate::{
    columns::{BOM, Column, Columns},
    dataset::{DatasetError, ReadOptions},
    identity::{Identity, NoSong, needed_text},
    location::Location,
    playlists::Playlists,
    rows::{Row, RowReader, RowsError},
};

/// A row that was skipped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedRow {
    /// The line where it begins, from 1.
    pub line: u64,
    /// Why it cannot be used.
    pub problem: RowProblem,
}

/// Why a row cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RowProblem {
    /// It has more or fewer fields than the header.
    #[error("it has {found} fields and the header {expected}")]
    FieldCount {
        /// The fields of the row.
        found: usize,
        /// The fields of the header.
        expected: usize,
    },
    /// A field is not UTF-8.
    #[error("its `{0}` is not valid UTF-8")]
    InvalidUtf8(Column),
    /// A field that is needed is empty or blank.
    #[error("its `{0}` is empty")]
    Blank(Column),
    /// A quote is opened and not closed.
    #[error("a quote is opened and not closed, which swallows {lines} line(s)")]
    OpenQuote {
        /// The lines that the row takes.
        lines: u64,
    },
}

/// A dataset that is being read.
pub(crate) struct Reading<'r> {
    location: &'r Location,
    options: &'r ReadOptions,
    pub(crate) identity: Identity,
    pub(crate) playlists: Playlists,
    pub(crate) rows: u64,
    pub(crate) skipped: u64,
    pub(crate) first_skipped: Option<SkippedRow>,
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

impl<'r> Reading<'r> {
    pub(crate) fn new(location: &'r Location, options: &'r ReadOptions) -> Self {
        Reading {
            location,
            options,
            identity: Identity::new(options.item_key),
            playlists: Playlists::default(),
            rows: 0,
            skipped: 0,
            first_skipped: None,
        }
    }

    /// Reads all rows.
    pub(crate) fn read<R: BufRead>(&mut self, reader: &mut RowReader<R>) -> Result<(), Stop> {
        let location = self.location;
        if let Some(found) = not_csv(reader.head().map_err(RowsError::Io)?) {
            return Err(DatasetError::NotCsv { location: location.clone(), found }.into());
        }
        let Some(header) = reader.next()? else {
            return Err(DatasetError::Empty { location: location.clone() }.into());
        };
        let columns = Columns::find(&header, location, self.options.item_key)?;

        while let Some(row) = reader.next()? {
            match self.row(&columns, &row) {
                Ok(()) => self.rows += 1,
                Err(NoSong::TooMany) => {
                    return Err(DatasetError::TooLarge { location: location.clone(), source: None }.into());
                }
                Err(NoSong::Row(problem)) => {
                    // What an open quote swallowed were rows.
                    let lost = if row.has_open_quote { row.lines } else { 1 };
                    self.rows += lost;
                    self.skipped += lost;
                    self.first_skipped.get_or_insert(SkippedRow { line: row.line, problem });
                }
            }
        }

        let max_share = self.options.max_skipped_share;
        if let Some(first) = self.first_skipped
            // A quotient of integers is rounded as the decimal that a person wrote was, so that a share at the limit is within it.
            && self.skipped as f64 / self.rows as f64 > max_share
        {
            let (skipped, rows) = (self.skipped, self.rows);
            let location = location.clone();
            return Err(DatasetError::TooManySkipped { location, skipped, rows, max_share, first }.into());
        }
        if self.playlists.len() == 0 {
            return Err(DatasetError::NoPlaylists { location: location.clone() }.into());
        }
        Ok(())
    }

    fn row(&mut self, columns: &Columns, row: &Row<'_>) -> Result<(), NoSong> {
        if row.has_open_quote {
            return Err(RowProblem::OpenQuote { lines: row.lines }.into());
        }
        if row.len() != columns.len {
            return Err(RowProblem::FieldCount { found: row.len(), expected: columns.len }.into());
        }
        let cell = |field: Option<usize>| field.and_then(|field| row.get(field)).unwrap_or_default();
        let pid = needed_text(cell(Some(columns.pid)), Column::Pid)?;
        let title = cell(Some(columns.title));
        let spelling = self.identity.spelling(title, cell(columns.artist), cell(columns.uri))?;
        self.playlists.push(pid, spelling)?;
        self.identity.count_row(spelling);
        Ok(())
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
