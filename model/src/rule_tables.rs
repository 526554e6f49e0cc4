//! `rules.parquet` and `artist_rules.parquet`.

use bytes::Bytes;
use parquet::{basic::Encoding, data_type::Int32Type, errors::Result, file::writer::SerializedFileWriter};

use crate::{
    Artists, InvalidTable, Rules, SongId, Songs,
    columns::{Lists, create, for_each_row_group, invalid, read, read_lists, unsigned, write},
    order::{Antecedents, LastAntecedent, check_storable},
    rules::RuleColumns,
};

/// Rows in a row group: few enough that a row group is read in one piece, enough that its overhead does not count.
const ROW_GROUP_ROWS: usize = 1 << 19;

/// Of artist rules in every format, and of song rules in format 1.
const SCHEMA: &str = "message rules {
    required group antecedent (LIST) { repeated group list { required int32 element; } }
    required int32 consequent;
    required int32 support_count;
    required int32 antecedent_count;
    required int32 weight;
}";

/// Of song rules since format 2.
const SONGS_SCHEMA: &str = "message rules {
    required group antecedent (LIST) { repeated group list { required int32 element; } }
    required int32 consequent;
    required int32 support_count;
    required int32 antecedent_count;
    required int32 weight;
    required int32 many_weight;
}";

/// The antecedents and their counts repeat in long runs, of which zstd leaves next to nothing. The consequents ascend in runs and support
/// counts are small, so that differences take a fraction of the bits. Dictionaries of these four are no smaller and take longer to make.
const ENCODINGS: [(&str, Encoding); 4] = [
    ("antecedent.list.element", Encoding::PLAIN),
    ("antecedent_count", Encoding::PLAIN),
    ("consequent", Encoding::DELTA_BINARY_PACKED),
    ("support_count", Encoding::DELTA_BINARY_PACKED),
];

/// Level 3 makes the table a fiftieth smaller and takes a tenth longer.
const ZSTD_LEVEL: i32 = 1;

/// A table of rules as it will lie on the volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedRules {
    pub(crate) bytes: Vec<u8>,
    pub(crate) rows: u64,
}

impl EncodedRules {
    /// The number of rules.
    pub fn len(&self) -> u64 {
        self.rows
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// The size of the file in bytes.
    pub fn byte_len(&self) -> usize {
        self.bytes.len()
    }
}

/// What one rule of an antecedent says of its consequent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Consequent {
    /// The song that the rule speaks for.
    pub song: SongId,
    /// The playlists that hold the antecedent and the song: at least 1, at most those that hold either.
    pub support_count: u32,
    /// What the rule adds to the score of a query with a single seed, in units of the manifest's `weight_scale` (of an artist rule:
    /// `artist_weight_scale`).
    pub weight: u16,
    /// What the rule adds to the score of a query with many seeds, in units of the manifest's `many_weight_scale`; 0 for an artist rule.
    pub many_weight: u16,
}

/// Turns rules into the bytes of their table while they come, so that they need not be in memory together: the table takes
/// two to four bytes a rule, and up to 2¹⁹ rules are held besides.
///
/// The bytes depend on the rules alone, not on how many are pushed at a time.
///
/// ```
/// # fn main() -> Result<(), model::InvalidTable> {
/// use model::{Consequent, RulesEncoder, Songs};
///
/// let mut songs = Songs::default();
/// songs.push("HUMBLE.", "Kendrick Lamar", [], 8)?;
/// songs.push("Alright", "Kendrick Lamar", [], 5)?;
/// let mut encoder = RulesEncoder::for_songs(&songs)?;
/// encoder.push(&[0], 8, [Consequent { song: 1, support_count: 4, weight: 128, many_weight: 30 }])?;
/// encoder.push(&[1], 5, [Consequent { song: 0, support_count: 4, weight: 204, many_weight: 0 }])?;
/// assert_eq!(encoder.finish()?.len(), 2);
/// # Ok(())
/// # }
/// ```
pub struct RulesEncoder<'a> {
    antecedents: Antecedents<'a>,
    song_counts: &'a [u32],
    last_antecedent: LastAntecedent,
    last_consequent: Option<SongId>,
    rows: Rows,
    file: SerializedFileWriter<Vec<u8>>,
    len: u64,
}

impl<'a> RulesEncoder<'a> {
    /// An encoder of rules from sets of songs to a song: of `rules.parquet`.
    ///
    /// # Errors
    ///
    /// If a song is in 2³¹ playlists or more.
    pub fn for_songs(songs: &'a Songs) -> std::result::Result<Self, InvalidTable> {
        Self::new(Antecedents::Songs(songs.support_counts()), songs)
    }

    /// An encoder of rules from an artist to a song: of `artist_rules.parquet`.
    ///
    /// # Errors
    ///
    /// If a song or artist is in 2³¹ playlists or more.
    pub fn for_artists(artists: &'a Artists, songs: &'a Songs) -> std::result::Result<Self, InvalidTable> {
        Self::new(Antecedents::Artists(artists.support_counts()), songs)
    }

    fn new(antecedents: Antecedents<'a>, songs: &'a Songs) -> std::result::Result<Self, InvalidTable> {
        let song_counts = songs.support_counts();
        check_storable(song_counts)?;
        check_storable(antecedents.counts())?;
        let (schema, many_weights) = match antecedents {
            Antecedents::Songs(_) => (SONGS_SCHEMA, Some(Vec::new())),
            Antecedents::Artists(_) => (SCHEMA, None),
        };
        let file = create(Vec::new(), schema, ZSTD_LEVEL, &ENCODINGS).map_err(not_encoded)?;
        Ok(RulesEncoder {
            antecedents,
            song_counts,
            last_antecedent: LastAntecedent::default(),
            last_consequent: None,
            rows: Rows { many_weights, ..Rows::default() },
            file,
            len: 0,
        })
    }

    /// Appends rules of one antecedent, which is in `antecedent_count` playlists, by ascending consequent. They may be all of its rules, or
    /// go on with those pushed last.
    ///
    /// # Errors
    ///
    /// If the rules do not come after those before (by the antecedent's length, its ids, and the consequent), if an id does not exist, if
    /// counts contradict each other, or if an artist rule has a `many_weight`. The encoder is of no use after that.
    pub fn push(
        &mut self,
        antecedent: &[u32],
        antecedent_count: u32,
        consequents: impl IntoIterator<Item = Consequent>,
    ) -> std::result::Result<(), InvalidTable> {
        if self.last_antecedent.advance(antecedent, antecedent_count)? {
            self.antecedents.check(antecedent, antecedent_count)?;
            self.last_consequent = None;
        }
        for Consequent { song, support_count, weight, many_weight } in consequents {
            let song_count = self.song_counts.get(song as usize).copied().unwrap_or(0);
            let is_after = self.last_consequent.is_none_or(|last| last < song);
            if !is_after || support_count == 0 || support_count > song_count.min(antecedent_count) {
                return Err(self.problem(antecedent, song, support_count));
            }
            match &mut self.rows.many_weights {
                Some(weights) => weights.push(i32::from(many_weight)),
                None if many_weight == 0 => {}
                None => {
                    return Err(InvalidTable(format!(
                        "the artist rule {antecedent:?} => {song} has a `many_weight`; these are for rules from songs"
                    )));
                }
            }
            self.last_consequent = Some(song);
            self.rows.consequents.push(song.cast_signed());
            self.rows.support_counts.push(support_count.cast_signed());
            self.rows.weights.push(i32::from(weight));
            if self.rows.consequents.len() == ROW_GROUP_ROWS {
                self.rows.fill_antecedents(antecedent, antecedent_count);
                self.write_rows()?;
            }
        }
        self.rows.fill_antecedents(antecedent, antecedent_count);
        Ok(())
    }

    /// The number of rules so far.
    pub fn len(&self) -> u64 {
        self.len + self.rows.consequents.len() as u64
    }

    /// Whether there is no rule yet.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the table.
    ///
    /// # Errors
    ///
    /// If the last rules cannot be encoded.
    pub fn finish(mut self) -> std::result::Result<EncodedRules, InvalidTable> {
        if !self.rows.consequents.is_empty() {
            self.write_rows()?;
        }
        let bytes = self.file.into_inner().map_err(not_encoded)?;
        Ok(EncodedRules { bytes, rows: self.len })
    }

    fn write_rows(&mut self) -> std::result::Result<(), InvalidTable> {
        self.len += self.rows.consequents.len() as u64;
        self.rows.write(&mut self.file).map_err(not_encoded)
    }

    fn problem(&self, antecedent: &[u32], song: SongId, support_count: u32) -> InvalidTable {
        let problem = if self.last_consequent.is_some_and(|last| last >= song) {
            "its consequent does not come after that of the rule before".to_owned()
        } else if song as usize >= self.song_counts.len() {
            "its consequent does not exist".to_owned()
        } else {
            format!("its support count {support_count} is 0, or above that of its antecedent or consequent")
        };
        InvalidTable(format!("rule {} ({antecedent:?} => {song}): {problem}", self.len()))
    }
}

pub(crate) fn not_encoded(error: parquet::errors::ParquetError) -> InvalidTable {
    InvalidTable(format!("the rules could not be encoded: {error}"))
}

/// The rows of one row group. Its memory is used again.
#[derive(Default)]
struct Rows {
    antecedents: Lists<i32>,
    antecedent_counts: Vec<i32>,
    consequents: Vec<i32>,
    support_counts: Vec<i32>,
    weights: Vec<i32>,
    /// `None` where the table has no such column.
    many_weights: Option<Vec<i32>>,
}

impl Rows {
    /// Gives the rows that have no antecedent yet this one.
    fn fill_antecedents(&mut self, antecedent: &[u32], count: u32) {
        let rows = self.consequents.len() - self.antecedent_counts.len();
        self.antecedents.push_times(antecedent.iter().map(|&id| id.cast_signed()), rows);
        self.antecedent_counts.resize(self.consequents.len(), count.cast_signed());
    }

    /// Writes the rows as a row group and forgets them.
    fn write(&mut self, file: &mut SerializedFileWriter<Vec<u8>>) -> Result<()> {
        let mut group = file.next_row_group()?;
        self.antecedents.write::<Int32Type>(&mut group)?;
        self.antecedents.clear();
        let columns =
            [&mut self.consequents, &mut self.support_counts, &mut self.antecedent_counts, &mut self.weights];
        for column in columns.into_iter().chain(&mut self.many_weights) {
            write::<Int32Type>(&mut group, column)?;
            column.clear();
        }
        group.close()?;
        Ok(())
    }
}

/// Reads a table of rules that have one weight: artist rules, and song rules of format 1.
pub(crate) fn read_rules(bytes: Bytes, rows: u64) -> Result<Rules> {
    read_columns(bytes, rows, false)
}

/// Reads a table of rules that have two weights: song rules since format 2.
pub(crate) fn read_song_rules(bytes: Bytes, rows: u64) -> Result<Rules> {
    read_columns(bytes, rows, true)
}

fn read_columns(bytes: Bytes, rows: u64, has_many_weights: bool) -> Result<Rules> {
    let mut rules = Rules::default();
    let schema = if has_many_weights { SONGS_SCHEMA } else { SCHEMA };
    for_each_row_group(bytes, schema, rows, |group, rows, rows_left| {
        rules.try_reserve(rows_left).map_err(invalid)?;
        let antecedents = read_lists::<Int32Type>(group, 0, rows)?.try_map(unsigned)?;
        let consequents = unsigned(read::<Int32Type>(group, 1, rows)?)?;
        let support_counts = unsigned(read::<Int32Type>(group, 2, rows)?)?;
        let antecedent_counts = unsigned(read::<Int32Type>(group, 3, rows)?)?;
        let weights = unsigned(read::<Int32Type>(group, 4, rows)?)?;
        let many_weights = match has_many_weights {
            true => Some(unsigned(read::<Int32Type>(group, 5, rows)?)?),
            false => None,
        };
        let columns = RuleColumns {
            consequents: &consequents,
            support_counts: &support_counts,
            antecedent_counts: &antecedent_counts,
            weights: &weights,
            many_weights: many_weights.as_deref(),
        };
        rules.append(&columns, |row| antecedents.get(row), |row| antecedents.run_end(row)).map_err(invalid)
    })?;
    rules.shrink_to_fit();
    Ok(rules)
}
