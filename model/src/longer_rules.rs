//! `longer_rules.parquet`: rules with more than one song as consequent. It is there for who reads the model; nothing is served from it.

use parquet::{data_type::Int32Type, errors::Result, file::writer::SerializedFileWriter};

use crate::{
    EncodedRules, InvalidTable, SongId, Songs,
    columns::{Lists, create, write},
    order::{Antecedents, LastAntecedent, check_storable, is_at_most_each},
    rule_tables::not_encoded,
};

/// Rows in a row group.
const ROW_GROUP_ROWS: usize = 1 << 20;

const SCHEMA: &str = "message longer_rules {
    required group antecedent (LIST) { repeated group list { required int32 element; } }
    required group consequent (LIST) { repeated group list { required int32 element; } }
    required int32 support_count;
    required int32 antecedent_count;
    required int32 consequent_count;
}";

/// A rule from a set of songs to a set of at least two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LongerRule<'a> {
    /// The ids of the antecedent, ascending; not empty.
    pub antecedent: &'a [SongId],
    /// The ids of the consequent, ascending; at least two, none of them in the antecedent.
    pub consequent: &'a [SongId],
    /// The playlists that hold both: at least 1, at most those that hold either.
    pub support_count: u32,
    /// The playlists that hold the antecedent.
    pub antecedent_count: u32,
    /// The playlists that hold the consequent.
    pub consequent_count: u32,
}

/// Turns rules with longer consequents into the bytes of their table while they come.
pub struct LongerRulesEncoder<'a> {
    song_counts: &'a [u32],
    last_antecedent: LastAntecedent,
    last_consequent: Vec<SongId>,
    rows: Rows,
    file: SerializedFileWriter<Vec<u8>>,
    len: u64,
}

impl<'a> LongerRulesEncoder<'a> {
    /// An encoder of rules between sets of `songs`.
    ///
    /// # Errors
    ///
    /// If a song is in 2³¹ playlists or more.
    pub fn new(songs: &'a Songs) -> std::result::Result<Self, InvalidTable> {
        let song_counts = songs.support_counts();
        check_storable(song_counts)?;
        let file = create(Vec::new(), SCHEMA, 1, &[]).map_err(not_encoded)?;
        Ok(LongerRulesEncoder {
            song_counts,
            last_antecedent: LastAntecedent::default(),
            last_consequent: Vec::new(),
            rows: Rows::default(),
            file,
            len: 0,
        })
    }

    /// Appends a rule.
    ///
    /// # Errors
    ///
    /// If it does not come after the one before (by the antecedent's length, its ids, the consequent's length, and its ids), if an id does
    /// not exist, or if counts contradict each other. The encoder is of no use after that.
    pub fn push(&mut self, rule: LongerRule<'_>) -> std::result::Result<(), InvalidTable> {
        let LongerRule { antecedent, consequent, support_count, antecedent_count, consequent_count } = rule;
        if self.last_antecedent.advance(antecedent, antecedent_count)? {
            Antecedents::Songs(self.song_counts).check(antecedent, antecedent_count)?;
            self.last_consequent.clear();
        }
        let invalid = |problem: &str| {
            let row = self.len + self.rows.support_counts.len() as u64;
            Err(InvalidTable(format!("longer rule {row} ({antecedent:?} => {consequent:?}): {problem}")))
        };
        if consequent.len() < 2 || !consequent.is_sorted_by(|a, b| a < b) {
            return invalid("its consequent has fewer than two songs or does not ascend");
        }
        if consequent.iter().any(|song| antecedent.binary_search(song).is_ok()) {
            return invalid("its consequent has a song of its antecedent");
        }
        if !is_at_most_each(consequent_count, consequent, self.song_counts) {
            return invalid("its consequent does not exist or has a song that is rarer");
        }
        if support_count == 0 || support_count > antecedent_count.min(consequent_count) {
            return invalid("its support count is 0, or above that of its antecedent or consequent");
        }
        if (consequent.len(), consequent) <= (self.last_consequent.len(), &self.last_consequent) {
            return invalid("its consequent does not come after that of the rule before");
        }
        self.last_consequent.clear();
        self.last_consequent.extend_from_slice(consequent);

        let rows = &mut self.rows;
        rows.antecedents.push(antecedent.iter().map(|id| id.cast_signed()));
        rows.consequents.push(consequent.iter().map(|id| id.cast_signed()));
        rows.support_counts.push(support_count.cast_signed());
        rows.antecedent_counts.push(antecedent_count.cast_signed());
        rows.consequent_counts.push(consequent_count.cast_signed());
        if rows.support_counts.len() == ROW_GROUP_ROWS {
            self.write_rows()?;
        }
        Ok(())
    }

    /// Ends the table.
    ///
    /// # Errors
    ///
    /// If the last rules cannot be encoded.
    pub fn finish(mut self) -> std::result::Result<EncodedRules, InvalidTable> {
        if !self.rows.support_counts.is_empty() {
            self.write_rows()?;
        }
        let bytes = self.file.into_inner().map_err(not_encoded)?;
        Ok(EncodedRules { bytes, rows: self.len })
    }

    fn write_rows(&mut self) -> std::result::Result<(), InvalidTable> {
        self.len += self.rows.support_counts.len() as u64;
        self.rows.write(&mut self.file).map_err(not_encoded)
    }
}

/// The rows of one row group. Its memory is used again.
#[derive(Default)]
struct Rows {
    antecedents: Lists<i32>,
    consequents: Lists<i32>,
    support_counts: Vec<i32>,
    antecedent_counts: Vec<i32>,
    consequent_counts: Vec<i32>,
}

impl Rows {
    /// Writes the rows as a row group and forgets them.
    fn write(&mut self, file: &mut SerializedFileWriter<Vec<u8>>) -> Result<()> {
        let mut group = file.next_row_group()?;
        for lists in [&mut self.antecedents, &mut self.consequents] {
            lists.write::<Int32Type>(&mut group)?;
            lists.clear();
        }
        for column in [&mut self.support_counts, &mut self.antecedent_counts, &mut self.consequent_counts] {
            write::<Int32Type>(&mut group, column)?;
            column.clear();
        }
        group.close()?;
        Ok(())
    }
}
