//! Columns of Parquet files: plain INT32 and UTF-8 columns, no nulls, lists with a child named `element`, so that pandas, DuckDB
//! and Spark read them without our code.
//!
//! The same table always becomes the same bytes: row groups have a fixed number of rows, and the metadata hold no time, path or
//! build.

use std::{io::Write, sync::Arc};

use bytes::Bytes;
use parquet::{
    basic::{Compression, Encoding, ZstdLevel},
    column::{
        page::{Page, PageMetadata, PageReader},
        reader::ColumnReaderImpl,
        writer::ColumnWriterImpl,
    },
    data_type::DataType,
    errors::{ParquetError, Result},
    file::{
        properties::{WriterProperties, WriterPropertiesPtr},
        reader::{FileReader, RowGroupReader, SerializedFileReader},
        writer::{SerializedFileWriter, SerializedRowGroupWriter},
    },
    schema::{parser::parse_message_type, types::ColumnPath},
};

/// The most rows that a row group may have. We write at most half as many, and libraries at most these by default.
const MAX_GROUP_ROWS: usize = 1 << 20;

/// The most values that a column of a row group may have: a list has several in a row. An itemset whose subsets can be counted has fewer than 32
/// songs, and we write half as many rows as are allowed.
const MAX_GROUP_VALUES: usize = 1 << 24;

/// Begins a file in `sink`. `encodings` names the columns that have another encoding than a dictionary; `level` is that of zstd.
pub(crate) fn create<W: Write + Send>(
    sink: W,
    schema: &str,
    level: i32,
    encodings: &[(&str, Encoding)],
) -> Result<SerializedFileWriter<W>> {
    let mut properties = WriterProperties::builder()
        // The default names the version of the library, by which the bytes would change.
        .set_created_by("playlist-recommender".to_owned())
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(level)?));
    for (column, encoding) in encodings {
        let column = ColumnPath::from(column.split('.').map(str::to_owned).collect::<Vec<_>>());
        properties = properties
            .set_column_encoding(column.clone(), *encoding)
            .set_column_dictionary_enabled(column, false);
    }
    let properties: WriterPropertiesPtr = Arc::new(properties.build());
    SerializedFileWriter::new(sink, Arc::new(parse_message_type(schema)?), properties)
}

/// Writes the next column, which has one value in each row.
pub(crate) fn write<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    values: &[T::T],
) -> Result<()> {
    write_levels::<T>(group, values, None)
}

/// Writes the next column; `levels` are the definition and repetition levels of a list.
fn write_levels<T: DataType>(
    group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
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

/// A column of lists on its way to a file.
pub(crate) struct Lists<T> {
    values: Vec<T>,
    /// 1 for an element, 0 for an empty list.
    definition: Vec<i16>,
    /// 0 where a list begins, 1 within it.
    repetition: Vec<i16>,
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Lists { values: Vec::new(), definition: Vec::new(), repetition: Vec::new() }
    }
}

impl<T> Lists<T> {
    pub(crate) fn push(&mut self, list: impl IntoIterator<Item = T>) {
        let start = self.values.len();
        self.values.extend(list);
        let len = self.values.len() - start;
        self.definition.resize(self.definition.len() + len.max(1), i16::from(len > 0));
        self.repetition.push(0);
        self.repetition.resize(self.definition.len(), 1);
    }

    /// Appends a list that is not empty `times` times.
    pub(crate) fn push_times(&mut self, list: impl ExactSizeIterator<Item = T> + Clone, times: usize)
    where
        T: Clone,
    {
        let len = list.len();
        self.definition.resize(self.definition.len() + len * times, 1);
        if len == 1 {
            self.repetition.resize(self.definition.len(), 0);
            for value in list {
                self.values.resize(self.values.len() + times, value);
            }
            return;
        }
        for _ in 0..times {
            self.values.extend(list.clone());
            self.repetition.push(0);
            self.repetition.resize(self.values.len(), 1);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.values.clear();
        self.definition.clear();
        self.repetition.clear();
    }

    pub(crate) fn write<D: DataType<T = T>>(
        &self,
        group: &mut SerializedRowGroupWriter<'_, impl Write + Send>,
    ) -> Result<()> {
        write_levels::<D>(group, &self.values, Some((&self.definition, &self.repetition)))
    }
}

/// A column of lists from a file.
pub(crate) struct ReadLists<T> {
    values: Vec<T>,
    /// Where each list begins in `values`, and a last entry with their number. Empty when every list has one element.
    starts: Vec<usize>,
}

impl<T: PartialEq> ReadLists<T> {
    pub(crate) fn get(&self, row: usize) -> &[T] {
        match self.starts.is_empty() {
            true => &self.values[row..=row],
            false => &self.values[self.starts[row]..self.starts[row + 1]],
        }
    }

    /// The elements of all lists.
    pub(crate) fn values(&self) -> &[T] {
        &self.values
    }

    /// The first row after `row` that has another list.
    pub(crate) fn run_end(&self, row: usize) -> usize {
        if self.starts.is_empty() {
            let value = &self.values[row];
            return row + self.values[row..].iter().take_while(|&other| other == value).count();
        }
        let list = self.get(row);
        let rows = self.starts.len() - 1;
        (row + 1..rows).find(|&other| self.get(other) != list).unwrap_or(rows)
    }

    pub(crate) fn try_map<U>(self, map: impl FnOnce(Vec<T>) -> Result<Vec<U>>) -> Result<ReadLists<U>> {
        Ok(ReadLists { values: map(self.values)?, starts: self.starts })
    }
}

/// Checks that a file has the schema and so many rows, then visits its row groups with their numbers of rows, and the number of rows from
/// there on.
///
/// A few bytes can stand for any number of rows, so these are checked before memory is taken for them.
pub(crate) fn for_each_row_group(
    bytes: Bytes,
    schema: &str,
    expected_rows: u64,
    mut visit: impl FnMut(&dyn RowGroupReader, usize, usize) -> Result<()>,
) -> Result<()> {
    let file = SerializedFileReader::new(bytes)?;
    let expected = parse_message_type(schema)?;
    if *file.metadata().file_metadata().schema_descr().root_schema() != expected {
        return Err(invalid("its columns are not those of this format"));
    }
    let all_rows: Vec<usize> = file
        .metadata()
        .row_groups()
        .iter()
        .map(|group| usize::try_from(group.num_rows()))
        .collect::<std::result::Result<_, _>>()
        .map_err(|_| invalid("a row group has a negative number of rows"))?;
    let sum = all_rows.iter().fold(0_u64, |sum, &rows| sum.saturating_add(rows as u64));
    if sum != expected_rows {
        return Err(invalid(format!("it has {sum} rows, and {expected_rows} according to the manifest")));
    }
    if let Some(rows) = all_rows.iter().find(|&&rows| rows > MAX_GROUP_ROWS) {
        return Err(invalid(format!("a row group has {rows} rows, more than {MAX_GROUP_ROWS}")));
    }
    for (position, &rows) in all_rows.iter().enumerate() {
        let rows_left = all_rows[position..].iter().sum();
        visit(file.get_row_group(position)?.as_ref(), rows, rows_left)?;
    }
    Ok(())
}

/// Reads a column that has one value in each of `rows` rows.
pub(crate) fn read<T: DataType>(group: &dyn RowGroupReader, column: usize, rows: usize) -> Result<Vec<T::T>> {
    let (values, _, _) = read_levels::<T>(group, column, rows)?;
    if values.len() == rows {
        Ok(values)
    } else {
        Err(invalid(format!("column {column} has {} values in {rows} rows", values.len())))
    }
}

/// Reads a column of `rows` lists.
pub(crate) fn read_lists<T: DataType>(
    group: &dyn RowGroupReader,
    column: usize,
    rows: usize,
) -> Result<ReadLists<T::T>> {
    let (values, definition, repetition) = read_levels::<T>(group, column, rows)?;
    let are_single = definition.iter().fold(true, |all, &level| all & (level == 1))
        && repetition.iter().fold(true, |all, &level| all & (level == 0));
    if are_single && values.len() == rows {
        return Ok(ReadLists { values, starts: Vec::new() });
    }
    let mut starts = Vec::new();
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
    Ok(ReadLists { values, starts })
}

/// Values with their definition and repetition levels.
type Levels<T> = (Vec<T>, Vec<i16>, Vec<i16>);

fn read_levels<T: DataType>(group: &dyn RowGroupReader, column: usize, rows: usize) -> Result<Levels<T::T>> {
    let pages = BoundedPages { pages: group.get_column_page_reader(column)?, values_left: MAX_GROUP_VALUES };
    let description = group.metadata().schema_descr().column(column);
    let mut reader = ColumnReaderImpl::<T>::new(description, Box::new(pages));
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

/// The pages of a column as long as they do not have too many values: the library takes memory for as many as a page says it has, and a few
/// bytes can say anything.
struct BoundedPages {
    pages: Box<dyn PageReader>,
    values_left: usize,
}

impl BoundedPages {
    fn check(&mut self, page: Page) -> Result<Page> {
        let values = page.num_values() as usize;
        // A dictionary's values are not those of rows, but there is no need for more of them.
        let limit = if page.is_dictionary_page() { MAX_GROUP_VALUES } else { self.values_left };
        if values > limit {
            return Err(invalid(format!("a column has more than {MAX_GROUP_VALUES} values in a row group")));
        }
        if page.is_data_page() {
            self.values_left -= values;
        }
        Ok(page)
    }
}

impl Iterator for BoundedPages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Result<Page>> {
        self.get_next_page().transpose()
    }
}

impl PageReader for BoundedPages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        match self.pages.get_next_page()? {
            Some(page) => self.check(page).map(Some),
            None => Ok(None),
        }
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.pages.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.pages.skip_next_page()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.pages.at_record_boundary()
    }
}

pub(crate) fn integer(value: u32) -> Result<i32> {
    i32::try_from(value).map_err(|_| invalid(format!("{value} does not fit into INT32")))
}

pub(crate) fn integers(values: &[u32]) -> Result<Vec<i32>> {
    values.iter().map(|&value| integer(value)).collect()
}

pub(crate) fn unsigned(values: Vec<i32>) -> Result<Vec<u32>> {
    match values.iter().fold(0, |bits, value| bits | value) < 0 {
        true => Err(invalid("a number is below 0")),
        // In the same memory.
        false => Ok(values.into_iter().map(i32::cast_unsigned).collect()),
    }
}

pub(crate) fn invalid(problem: impl ToString) -> ParquetError {
    ParquetError::General(problem.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Claims(Vec<Page>);

    impl Iterator for Claims {
        type Item = Result<Page>;

        fn next(&mut self) -> Option<Result<Page>> {
            self.get_next_page().transpose()
        }
    }

    impl PageReader for Claims {
        fn get_next_page(&mut self) -> Result<Option<Page>> {
            Ok(self.0.pop())
        }

        fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
            Ok(None)
        }

        fn skip_next_page(&mut self) -> Result<()> {
            Ok(())
        }
    }

    fn bounded(pages: Vec<Page>) -> BoundedPages {
        BoundedPages { pages: Box::new(Claims(pages)), values_left: MAX_GROUP_VALUES }
    }

    fn data(num_values: u32) -> Page {
        let level = Encoding::RLE;
        Page::DataPage {
            buf: Bytes::new(),
            num_values,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: level,
            rep_level_encoding: level,
            statistics: None,
        }
    }

    #[test]
    fn pages_that_claim_too_many_values_are_refused_before_memory_is_taken_for_them() {
        let dictionary = |num_values| Page::DictionaryPage {
            buf: Bytes::new(),
            num_values,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        let most = MAX_GROUP_VALUES as u32;
        assert_eq!(bounded(vec![data(most), dictionary(most)]).filter(Result::is_ok).count(), 2);
        assert!(bounded(vec![data(i32::MAX as u32)]).next().unwrap().is_err());
        assert!(bounded(vec![dictionary(i32::MAX as u32)]).next().unwrap().is_err());
        assert!(bounded(vec![data(1), data(most)]).nth(1).unwrap().is_err());
    }
}
