use std::sync::mpsc::SyncSender;

use crate::{
    batches::{Batch, Stop},
    columns::Column,
    dataset::{DatasetError, ReadOptions},
    identity::{NewSpellings, check},
    interning::{CellRows, TooMany},
    location::Location,
    memory::MemoryGuard,
    playlists::Playlists,
};

/// The memory in use is looked at after so many batches, which is about every 60,000 rows.
const BATCHES_BETWEEN_CHECKS: u64 = 64;

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

/// Why a row has no spelling.
enum NoSpelling {
    Row(RowProblem),
    TooMany,
}

impl From<RowProblem> for NoSpelling {
    fn from(problem: RowProblem) -> Self {
        NoSpelling::Row(problem)
    }
}

impl From<TooMany> for NoSpelling {
    fn from(TooMany: TooMany) -> Self {
        NoSpelling::TooMany
    }
}

/// A dataset that is being read.
pub(crate) struct Reading<'r> {
    pub(crate) location: &'r Location,
    pub(crate) options: &'r ReadOptions,
    /// Rows repeat each other, so what a row's cells stand for is found out once for each different row of cells, a *spelling*; for
    /// all rows after the first it is a look-up of bytes.
    pub(crate) spellings: CellRows,
    pub(crate) new_spellings: SyncSender<NewSpellings>,
    pub(crate) playlists: Playlists,
    pub(crate) skipped: u64,
    pub(crate) first_skipped: Option<SkippedRow>,
    /// Where the spellings of a batch may be, and their numbers; kept for the allocation.
    candidates: Vec<(Option<u32>, u32)>,
    batches: u64,
}

impl<'r> Reading<'r> {
    /// Hands on each spelling that comes for the first time to `new_spellings`.
    pub(crate) fn new(
        location: &'r Location,
        options: &'r ReadOptions,
        new_spellings: SyncSender<NewSpellings>,
    ) -> Self {
        Reading {
            location,
            options,
            spellings: CellRows::default(),
            new_spellings,
            playlists: Playlists::default(),
            skipped: 0,
            first_skipped: None,
            candidates: Vec::new(),
            batches: 0,
        }
    }

    /// Rows, without the header.
    pub(crate) fn row_count(&self) -> u64 {
        self.playlists.row_count() + self.skipped
    }

    /// Takes the rows of a batch.
    pub(crate) fn push(&mut self, batch: &Batch) -> Result<(), Stop> {
        self.batches += 1;
        if self.batches.is_multiple_of(BATCHES_BETWEEN_CHECKS) {
            self.check_memory(0)?;
        }
        self.try_push(batch).map_err(|TooMany| {
            DatasetError::TooLarge { location: self.location.clone(), source: None }.into()
        })
    }

    fn try_push(&mut self, batch: &Batch) -> Result<(), TooMany> {
        let Reading { options, spellings, candidates, .. } = self;
        let mut new = NewSpellings::default();
        candidates.clear();
        candidates.extend(batch.rows().map(|(_, key)| (spellings.candidate(key.hash), 0)));
        for (candidate, number) in &mut *candidates {
            *number = candidate.map(|place| spellings.number_at(place)).unwrap_or_default();
        }
        let mut first_skipped = batch.first_skipped;
        let mut skipped = batch.skipped;
        let mut rows = batch.rows().zip(&*candidates);
        for (pid, run) in batch.runs() {
            for ((line, key), &(candidate, number)) in rows.by_ref().take(run) {
                let spelling = match candidate {
                    Some(place) if spellings.is_at(place, &key) => Ok(number),
                    _ => spellings.intern(&key, |cells| {
                        check(cells, options.item_key)?;
                        new.push(cells);
                        Ok(())
                    }),
                };
                match spelling {
                    Ok(spelling) => self.playlists.push(spelling),
                    Err(NoSpelling::TooMany) => return Err(TooMany),
                    Err(NoSpelling::Row(problem)) => {
                        skipped += 1;
                        if first_skipped.is_none_or(|first| line < first.line) {
                            first_skipped = Some(SkippedRow { line, problem });
                        }
                    }
                }
            }
            self.playlists.end_run(pid)?;
        }
        self.skipped += skipped;
        self.first_skipped = self.first_skipped.or(first_skipped);
        if !new.is_empty() {
            // Who takes them ends early only when there are too many.
            self.new_spellings.send(new).map_err(|_| TooMany)?;
        }
        Ok(())
    }

    /// Checks that the songs' tables, which are to be made, fit into the memory.
    fn check_songs(&self) -> Result<(), DatasetError> {
        // They have about as many bytes as the spellings, and numbers for each; what was only for reading is given up meanwhile.
        self.check_memory((self.spellings.byte_len() + 40 * self.spellings.len()) as u64)
    }

    fn check_memory(&self, more: u64) -> Result<(), DatasetError> {
        let guard = MemoryGuard::new(self.options.max_memory);
        guard
            .check("reading", more, "or train from fewer playlists")
            .map_err(|source| DatasetError::Memory { location: self.location.clone(), source })
    }

    /// Checks the whole, after the last batch.
    pub(crate) fn check(&self) -> Result<(), DatasetError> {
        let max_share = self.options.max_skipped_share;
        let (skipped, rows) = (self.skipped, self.row_count());
        if let Some(first) = self.first_skipped
            // A quotient of integers is rounded as the decimal that a person wrote was, so that a share at the limit is within it.
            && skipped as f64 / rows as f64 > max_share
        {
            let location = self.location.clone();
            return Err(DatasetError::TooManySkipped { location, skipped, rows, max_share, first });
        }
        if self.playlists.len() == 0 {
            return Err(DatasetError::NoPlaylists { location: self.location.clone() });
        }
        self.check_songs()
    }
}
