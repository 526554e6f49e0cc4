//! The four Parquet files: plain INT32 and UTF-8 columns, no nulls, lists with a child named `element`, so that pandas, DuckDB
//! and Spark read them without our code.
//!
//! The same table always becomes the same bytes: row groups have a fixed number of rows, and the metadata hold no time, path or
//! build.

use std::sync::Arc;

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    column::{
        reader::{ColumnReader, ColumnReaderImpl, get_typed_column_reader},
        writer::ColumnWriterImpl,
    },
    data_type::{ByteArray, ByteArrayType, DataType, Int32Type},
    errors::{ParquetError, Result},
    file::{
        properties::{WriterProperties, WriterPropertiesPtr},
        reader::{FileReader, RowGroupReader, SerializedFileReader},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::{parser::parse_message_type, types::ColumnPath},
};

use crate::{ArtistId, Artists, Rule, RuleGroup, Rules, SongId, Songs};

/// Rows in a row group: few enough that a row group is read in one piece, enough that its overhead does not count.
const ROW_GROUP_ROWS: usize = 1 << 20;

const SONGS_SCHEMA: &str = "message songs {
    required int32 id;
    required binary title (STRING);
    required binary artist (STRING);
    required binary uri (STRING);
    required group uris (LIST) { repeated group list { required binary element (STRING); } }
    required int32 support_count;
}";

const ARTISTS_SCHEMA: &str = "message artists {
    required int32 id;
    required binary name (STRING);
    required int32 support_count;
    required group songs (LIST) { repeated group list { required int32 element; } }
}";

const RULES_SCHEMA: &str = "message rules {
    required group antecedent (LIST) { repeated group list { required int32 element; } }
    required int32 consequent;
    required int32 support_count;
    required int32 antecedent_count;
    required int32 weight;
}";

pub(crate) fn write_songs(songs: &Songs) -> Result<Vec<u8>> {
    let mut file = create(SONGS_SCHEMA, &["id"])?;
    let ids: Vec<SongId> = (0..songs.len() as SongId).collect();
    for ids in ids.chunks(ROW_GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        let text = |of: fn(&Songs, SongId) -> &str| {
            ids.iter().map(|&id| ByteArray::from(of(songs, id))).collect::<Vec<_>>()
        };
        write::<Int32Type>(&mut group, &integers(ids)?)?;
        write::<ByteArrayType>(&mut group, &text(|songs, id| songs.get(id).title))?;
        write::<ByteArrayType>(&mut group, &text(|songs, id| songs.get(id).artist))?;
        write::<ByteArrayType>(&mut group, &text(|songs, id| songs.get(id).uri))?;
        let mut uris = Lists::default();
        for &id in ids {
            uris.push(songs.uris(id).map(ByteArray::from));
        }
        uris.write::<ByteArrayType>(&mut group)?;
        let support_counts = &songs.support_counts()[ids[0] as usize..][..ids.len()];
        write::<Int32Type>(&mut group, &integers(support_counts)?)?;
        group.close()?;
    }
    file.into_inner()
}

pub(crate) fn read_songs(bytes: Bytes) -> Result<Songs> {
    let mut songs = Songs::default();
    for_each_row_group(bytes, SONGS_SCHEMA, |group, rows| {
        let ids = read::<Int32Type>(group, 0, rows)?;
        let titles = read::<ByteArrayType>(group, 1, rows)?;
        let artists = read::<ByteArrayType>(group, 2, rows)?;
        let uris = read::<ByteArrayType>(group, 3, rows)?;
        let all_uris = read_lists::<ByteArrayType>(group, 4, rows)?;
        let support_counts = unsigned(read::<Int32Type>(group, 5, rows)?)?;
        for row in 0..rows {
            let all_uris = all_uris.get(row).iter().map(text).collect::<Result<Vec<_>>>()?;
            if text(&uris[row])? != all_uris.first().copied().unwrap_or_default() {
                return Err(invalid(format!(
                    "the `uri` of song {} is not the first of its `uris`",
                    ids[row]
                )));
            }
            let id = songs
                .push(text(&titles[row])?, text(&artists[row])?, all_uris, support_counts[row])
                .map_err(invalid)?;
            check_id(ids[row], id)?;
        }
        Ok(())
    })?;
    Ok(songs)
}

pub(crate) fn write_artists(artists: &Artists) -> Result<Vec<u8>> {
    let mut file = create(ARTISTS_SCHEMA, &["id", "songs.list.element"])?;
    let ids: Vec<ArtistId> = (0..artists.len() as ArtistId).collect();
    for ids in ids.chunks(ROW_GROUP_ROWS) {
        let mut group = file.next_row_group()?;
        let artists: Vec<_> = ids.iter().map(|&id| artists.get(id)).collect();
        let names: Vec<_> = artists.iter().map(|artist| ByteArray::from(artist.name)).collect();
        let support_counts: Vec<_> = artists.iter().map(|artist| artist.support_count).collect();
        let mut songs = Lists::default();
        for artist in &artists {
            songs.push(integers(artist.songs)?);
        }
        write::<Int32Type>(&mut group, &integers(ids)?)?;
        write::<ByteArrayType>(&mut group, &names)?;
        write::<Int32Type>(&mut group, &integers(&support_counts)?)?;
        songs.write::<Int32Type>(&mut group)?;
        group.close()?;
    }
    file.into_inner()
}

pub(crate) fn read_artists(bytes: Bytes) -> Result<Artists> {
    let mut artists = Artists::default();
    for_each_row_group(bytes, ARTISTS_SCHEMA, |group, rows| {
        let ids = read::<Int32Type>(group, 0, rows)?;
        let names = read::<ByteArrayType>(group, 1, rows)?;
        let support_counts = unsigned(read::<Int32Type>(group, 2, rows)?)?;
        let songs = read_lists::<Int32Type>(group, 3, rows)?.try_map(unsigned)?;
        for row in 0..rows {
            let id =
                artists.push(text(&names[row])?, support_counts[row], songs.get(row)).map_err(invalid)?;
            check_id(ids[row], id)?;
        }
        Ok(())
    })?;
    Ok(artists)
}

pub(crate) fn write_rules(rules: &Rules) -> Result<Vec<u8>> {
    // Both ascend in runs, so that their differences take a fraction of the bits of the ids.
    let mut file = create(RULES_SCHEMA, &["antecedent.list.element", "consequent"])?;
    let mut rows = RuleRows::default();
    for group in rules.groups() {
        let mut rest = 0..group.consequents.len();
        while !rest.is_empty() {
            let end = rest.end.min(rest.start + ROW_GROUP_ROWS - rows.consequents.len());
            rows.push(group, rest.start..end)?;
            rest.start = end;
            if rows.consequents.len() == ROW_GROUP_ROWS {
                rows.write(&mut file)?;
            }
        }
    }
    if !rows.consequents.is_empty() {
        rows.write(&mut file)?;
    }
    file.into_inner()
}

/// The rows of one row group of rules.
#[derive(Default)]
struct RuleRows {
    antecedents: Lists<i32>,
    consequents: Vec<i32>,
    support_counts: Vec<i32>,
    antecedent_counts: Vec<i32>,
    weights: Vec<i32>,
}

impl RuleRows {
    fn push(&mut self, group: RuleGroup<'_>, rules: std::ops::Range<usize>) -> Result<()> {
        let antecedent = integers(group.antecedent)?;
        for _ in rules.clone() {
            self.antecedents.push(antecedent.iter().copied());
        }
        self.antecedent_counts.resize(self.consequents.len() + rules.len(), integer(group.antecedent_count)?);
        self.consequents.extend(integers(&group.consequents[rules.clone()])?);
        self.support_counts.extend(integers(&group.support_counts[rules.clone()])?);
        self.weights.extend(group.weights[rules].iter().map(|&weight| i32::from(weight)));
        Ok(())
    }

    /// Writes the rows as a row group and forgets them.
    fn write(&mut self, file: &mut Writer) -> Result<()> {
        let rows = std::mem::take(self);
        let mut group = file.next_row_group()?;
        rows.antecedents.write::<Int32Type>(&mut group)?;
        write::<Int32Type>(&mut group, &rows.consequents)?;
        write::<Int32Type>(&mut group, &rows.support_counts)?;
        write::<Int32Type>(&mut group, &rows.antecedent_counts)?;
        write::<Int32Type>(&mut group, &rows.weights)?;
        group.close()?;
        Ok(())
    }
}

pub(crate) fn read_rules(bytes: Bytes) -> Result<Rules> {
    let mut rules = Rules::default();
    for_each_row_group(bytes, RULES_SCHEMA, |group, rows| {
        let antecedents = read_lists::<Int32Type>(group, 0, rows)?.try_map(unsigned)?;
        let consequents = unsigned(read::<Int32Type>(group, 1, rows)?)?;
        let support_counts = unsigned(read::<Int32Type>(group, 2, rows)?)?;
        let antecedent_counts = unsigned(read::<Int32Type>(group, 3, rows)?)?;
        let weights = read::<Int32Type>(group, 4, rows)?;
        for row in 0..rows {
            let weight = u16::try_from(weights[row]).map_err(|_| {
                invalid(format!(
                    "rule {} has the weight {}, which is not 0 to 65535",
                    rules.len(),
                    weights[row]
                ))
            })?;
            rules
                .push(Rule {
                    antecedent: antecedents.get(row),
                    antecedent_count: antecedent_counts[row],
                    consequent: consequents[row],
                    support_count: support_counts[row],
                    weight,
                })
                .map_err(invalid)?;
        }
        Ok(())
    })?;
    Ok(rules)
}

type Writer = SerializedFileWriter<Vec<u8>>;

/// A file in memory; `ascending` names the INT32 columns that are stored as differences, the others have a dictionary.
fn create(schema: &str, ascending: &[&str]) -> Result<Writer> {
    let mut properties = WriterProperties::builder()
        // The default names the version of the library, by which the bytes would change.
        .set_created_by("playlist-recommender".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(3)?));
    for column in ascending {
        let column = ColumnPath::from(column.split('.').map(str::to_owned).collect::<Vec<_>>());
        properties = properties
            .set_column_encoding(column.clone(), Encoding::DELTA_BINARY_PACKED)
            .set_column_dictionary_enabled(column, false);
    }
    let properties: WriterPropertiesPtr = Arc::new(properties.build());
    SerializedFileWriter::new(Vec::new(), Arc::new(parse_message_type(schema)?), properties)
}

type RowGroup<'a> = SerializedRowGroupWriter<'a, Vec<u8>>;

/// Writes the next column, which has one value in each row.
fn write<T: DataType>(group: &mut RowGroup<'_>, values: &[T::T]) -> Result<()> {
    write_levels::<T>(group, values, None)
}

/// Writes the next column; `levels` are the definition and repetition levels of a list.
fn write_levels<T: DataType>(
    group: &mut RowGroup<'_>,
    values: &[T::T],
    levels: Option<(&[i16], &[i16])>,
) -> Result<()> {
    let Some(mut column) = group.next_column()? else {
        return Err(invalid("the schema has no more columns"));
    };
    let writer: &mut ColumnWriterImpl<'_, T> = column.typed::<T>();
    let (definition, repetition) = levels.unzip();
    writer.write_batch(values, definition, repetition)?;
    column.close()
}

/// A column of lists on its way to or from a file.
struct Lists<T> {
    values: Vec<T>,
    /// 1 for an element, 0 for an empty list.
    definition: Vec<i16>,
    /// 0 where a list begins, 1 within it.
    repetition: Vec<i16>,
    /// Where each list begins in `values`, and a last entry with their number.
    starts: Vec<usize>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Lists { values: Vec::new(), definition: Vec::new(), repetition: Vec::new(), starts: vec![0] }
    }
}

impl<T> Lists<T> {
    fn push(&mut self, list: impl IntoIterator<Item = T>) {
        let start = self.values.len();
        self.values.extend(list);
        let len = self.values.len() - start;
        self.definition.resize(self.definition.len() + len.max(1), i16::from(len > 0));
        self.repetition.push(0);
        self.repetition.resize(self.definition.len(), 1);
        self.starts.push(self.values.len());
    }

    fn get(&self, row: usize) -> &[T] {
        &self.values[self.starts[row]..self.starts[row + 1]]
    }

    fn write<D: DataType<T = T>>(&self, group: &mut RowGroup<'_>) -> Result<()> {
        write_levels::<D>(group, &self.values, Some((&self.definition, &self.repetition)))
    }

    fn try_map<U>(self, map: impl FnOnce(Vec<T>) -> Result<Vec<U>>) -> Result<Lists<U>> {
        Ok(Lists {
            values: map(self.values)?,
            definition: self.definition,
            repetition: self.repetition,
            starts: self.starts,
        })
    }
}

/// Checks that a file has the schema, then visits its row groups with their numbers of rows.
fn for_each_row_group(
    bytes: Bytes,
    schema: &str,
    mut visit: impl FnMut(&dyn RowGroupReader, usize) -> Result<()>,
) -> Result<()> {
    let file = SerializedFileReader::new(bytes)?;
    let expected = parse_message_type(schema)?;
    if *file.metadata().file_metadata().schema_descr().root_schema() != expected {
        return Err(invalid("its columns are not those of this format"));
    }
    for position in 0..file.num_row_groups() {
        let group = file.get_row_group(position)?;
        let rows = usize::try_from(group.metadata().num_rows())
            .map_err(|_| invalid("a row group has a negative number of rows"))?;
        visit(group.as_ref(), rows)?;
    }
    Ok(())
}

/// Reads a column that has one value in each of `rows` rows.
fn read<T: DataType>(group: &dyn RowGroupReader, column: usize, rows: usize) -> Result<Vec<T::T>> {
    let (values, _, _) = read_levels::<T>(group, column, rows)?;
    if values.len() == rows {
        Ok(values)
    } else {
        Err(invalid(format!("column {column} has {} values in {rows} rows", values.len())))
    }
}

/// Reads a column of `rows` lists.
fn read_lists<T: DataType>(group: &dyn RowGroupReader, column: usize, rows: usize) -> Result<Lists<T::T>> {
    let (values, definition, repetition) = read_levels::<T>(group, column, rows)?;
    let mut starts = Vec::with_capacity(rows + 1);
    let mut elements = 0;
    for (&definition, &repetition) in definition.iter().zip(&repetition) {
        if repetition == 0 {
            starts.push(elements);
        }
        elements += usize::from(definition == 1);
    }
    if starts.len() != rows || elements != values.len() || starts.first().is_some_and(|&first| first != 0) {
        return Err(invalid(format!("column {column} has {} lists in {rows} rows", starts.len())));
    }
    starts.push(elements);
    Ok(Lists { values, definition, repetition, starts })
}

/// Values with their definition and repetition levels.
type Levels<T> = (Vec<T>, Vec<i16>, Vec<i16>);

fn read_levels<T: DataType>(group: &dyn RowGroupReader, column: usize, rows: usize) -> Result<Levels<T::T>> {
    let reader: ColumnReader = group.get_column_reader(column)?;
    let mut reader: ColumnReaderImpl<T> = get_typed_column_reader(reader);
    let (mut values, mut definition, mut repetition) = (Vec::new(), Vec::new(), Vec::new());
    let mut read = 0;
    while read < rows {
        let (records, _, _) =
            reader.read_records(rows - read, Some(&mut definition), Some(&mut repetition), &mut values)?;
        if records == 0 {
            return Err(invalid(format!("column {column} ends after {read} of {rows} rows")));
        }
        read += records;
    }
    Ok((values, definition, repetition))
}

fn text(value: &ByteArray) -> Result<&str> {
    value.as_utf8()
}

fn check_id(found: i32, expected: u32) -> Result<()> {
    if u32::try_from(found) == Ok(expected) {
        Ok(())
    } else {
        Err(invalid(format!("row {expected} has the id {found}; ids must be the positions of the rows")))
    }
}

fn integer(value: u32) -> Result<i32> {
    i32::try_from(value).map_err(|_| invalid(format!("{value} does not fit into INT32")))
}

fn integers(values: &[u32]) -> Result<Vec<i32>> {
    values.iter().map(|&value| integer(value)).collect()
}

fn unsigned(values: Vec<i32>) -> Result<Vec<u32>> {
    values
        .into_iter()
        .map(|value| u32::try_from(value).map_err(|_| invalid(format!("{value} is below 0"))))
        .collect()
}

fn invalid(problem: impl ToString) -> ParquetError {
    ParquetError::General(problem.to_string())
}
