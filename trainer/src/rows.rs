use std::io::{self, BufRead};

use csv_core::ReadRecordResult;
use memchr::{memchr, memchr_iter};
use wide::u8x16;

/// The longest row, in bytes after unquoting. A longer one comes from a quote that is not closed, or from a file that is not CSV.
pub(crate) const MAX_ROW_LEN: usize = 64 * 1024 - 1;

/// Reads CSV rows (RFC 4180), one at a time.
///
/// It is as lenient as the `csv` crate, but for one thing: a quote that is opened and not closed swallows the rows that follow up to
/// the next quote. Such a row is marked instead of passing for a row with a long field.
///
/// Nearly all rows are one line whose quotes, if it has any, surround whole fields; these are cut at their commas where they lie. The
/// others are left to `csv-core`, the engine of the `csv` crate.
pub(crate) struct RowReader<R> {
    input: R,
    parser: csv_core::Reader,
    quotes: Quotes,
    /// The fields of a row that was not cut where it lies, one after another.
    text: Vec<u8>,
    /// Where each field ends in `text`.
    ends: Vec<usize>,
    /// Where each field begins and ends in the row's text.
    bounds: Vec<(u32, u32)>,
    /// The bytes of the last row, which are consumed when the next one is asked for.
    lent: usize,
    /// How many bytes of the input are known to have no `\r`.
    without_cr: usize,
    /// The line where the next row begins, from 1.
    line: u64,
}

/// A row as [`RowReader`] lends it.
pub(crate) struct Row<'a> {
    /// The line where it begins, from 1.
    pub(crate) line: u64,
    /// The lines that it takes.
    pub(crate) lines: u64,
    /// Whether it has a quote that is not closed where a field ends.
    pub(crate) has_open_quote: bool,
    text: &'a [u8],
    bounds: &'a [(u32, u32)],
}

impl<'a> Row<'a> {
    /// The number of fields.
    pub(crate) fn len(&self) -> usize {
        self.bounds.len()
    }

    pub(crate) fn get(&self, field: usize) -> Option<&'a [u8]> {
        let &(start, end) = self.bounds.get(field)?;
        self.text.get(start as usize..end as usize)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &'a [u8]> {
        (0..self.len()).filter_map(|field| self.get(field))
    }
}

/// Why rows cannot be read any further.
#[derive(Debug)]
pub(crate) enum RowsError {
    Io(io::Error),
    /// The row that begins at this line is longer than [`MAX_ROW_LEN`].
    TooLong(u64),
}

impl From<io::Error> for RowsError {
    fn from(error: io::Error) -> Self {
        RowsError::Io(error)
    }
}

impl<R: BufRead> RowReader<R> {
    pub(crate) fn new(input: R) -> Self {
        RowReader {
            input,
            parser: csv_core::Reader::new(),
            quotes: Quotes::default(),
            text: vec![0; MAX_ROW_LEN],
            ends: vec![0; 32],
            bounds: Vec::new(),
            lent: 0,
            without_cr: 0,
            line: 1,
        }
    }

    /// The first decompressed bytes, as many as are there at once.
    pub(crate) fn head(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    /// The next row that is not empty; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Row<'_>>, RowsError> {
        self.consume(self.lent);
        self.lent = 0;
        match self.cut_line()? {
            Some(len) => {
                self.lent = len;
                let line = self.line;
                self.line += 1;
                let text = self.input.fill_buf()?;
                Ok(Some(Row { line, lines: 1, has_open_quote: false, text, bounds: &self.bounds }))
            }
            None => self.parse(),
        }
    }

    /// Cuts the row at the beginning of the input into fields and returns the number of its bytes with the line break, if it is a line of
    /// which that can be done.
    fn cut_line(&mut self) -> io::Result<Option<usize>> {
        let input = self.input.fill_buf()?;
        // The parser drops a byte order mark from the first row.
        if self.line == 1 {
            return Ok(None);
        }
        let Some(end) = cut(input, &mut self.bounds) else {
            return Ok(None);
        };
        if self.without_cr < end {
            self.without_cr = memchr(b'\r', input).unwrap_or(input.len());
        }
        // Within a row, it would end the row.
        let is_one_row = self.without_cr >= end;
        Ok(is_one_row.then(|| end + if input[end] == b'\r' { 2 } else { 1 }))
    }

    /// Leaves the next row to the parser.
    fn parse(&mut self) -> Result<Option<Row<'_>>, RowsError> {
        self.skip_line_breaks()?;
        self.quotes = Quotes::default();
        let line = self.line;
        let (mut text_len, mut ends_len) = (0, 0);
        let mut breaks = 0;
        // The row's last byte: a line break unless the row ends with `\r` or with the file.
        let mut last = None;
        let is_at_end = loop {
            let input = self.input.fill_buf()?;
            let is_at_end = input.is_empty();
            let (result, consumed, text, ends) =
                self.parser.read_record(input, &mut self.text[text_len..], &mut self.ends[ends_len..]);
            let raw = &input[..consumed];
            self.quotes.follow(raw);
            breaks += memchr_iter(b'\n', raw).count() as u64;
            last = raw.last().copied().or(last);
            self.consume(consumed);
            text_len += text;
            ends_len += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => return Err(RowsError::TooLong(line)),
                ReadRecordResult::OutputEndsFull if ends_len >= MAX_ROW_LEN => {
                    return Err(RowsError::TooLong(line));
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(2 * ends_len, 0),
                ReadRecordResult::Record => break is_at_end,
                ReadRecordResult::End => return Ok(None),
            }
        };
        self.line += breaks;
        let lines = 1 + breaks - u64::from(last == Some(b'\n'));
        self.bounds.clear();
        let mut start = 0;
        self.bounds.extend(
            self.ends[..ends_len].iter().map(|&end| (std::mem::replace(&mut start, end as u32), end as u32)),
        );
        Ok(Some(Row {
            line,
            lines,
            // A field that goes on after its closing quote is a matter of taste within one line: nothing can have been swallowed.
            has_open_quote: (is_at_end && self.quotes.are_open()) || (lines > 1 && self.quotes.went_on),
            text: &self.text[..text_len],
            bounds: &self.bounds,
        }))
    }

    /// So that a row's line is where its text begins.
    fn skip_line_breaks(&mut self) -> io::Result<()> {
        loop {
            let input = self.input.fill_buf()?;
            let breaks = input.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count();
            if breaks == 0 {
                return Ok(());
            }
            self.line += memchr_iter(b'\n', &input[..breaks]).count() as u64;
            self.consume(breaks);
        }
    }

    fn consume(&mut self, len: usize) {
        self.input.consume(len);
        self.without_cr = self.without_cr.saturating_sub(len);
    }
}

/// Bytes that are looked at together.
const CHUNK: usize = 64;

/// Fills `bounds` with the fields of the first line of `input`, and returns where its text ends. `None` when there is no text or no line
/// break, or when a field needs more than to be cut out: one in quotes that has a quote in it, does not end with a quote, or does not end in
/// this line.
fn cut(input: &[u8], bounds: &mut Vec<(u32, u32)>) -> Option<usize> {
    bounds.clear();
    let mut field_start = 0;
    let mut is_in_quotes = false;
    // Where the closing quote of the field is; 0 if it has none.
    let mut closing_quote = 0;
    for chunk_start in (0..=MAX_ROW_LEN).step_by(CHUNK) {
        let rest = input.get(chunk_start..)?;
        let mut marks = match rest.first_chunk() {
            Some(chunk) => marks(chunk),
            None if rest.is_empty() => return None,
            None => {
                let mut chunk = [0; CHUNK];
                chunk[..rest.len()].copy_from_slice(rest);
                self::marks(&chunk)
            }
        };
        while marks != 0 {
            let at = chunk_start + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            let mark = input[at];
            if mark == b'"' {
                if closing_quote > 0 {
                    return None;
                } else if is_in_quotes {
                    (is_in_quotes, closing_quote) = (false, at);
                } else if at == field_start {
                    is_in_quotes = true;
                }
                // Elsewhere in a field it is text.
                continue;
            }
            let is_line_break = mark == b'\n';
            if is_in_quotes {
                if is_line_break {
                    return None;
                }
                continue;
            }
            let end = if is_line_break && at > 0 && input[at - 1] == b'\r' { at - 1 } else { at };
            if closing_quote == 0 {
                bounds.push((field_start as u32, end as u32));
            } else if closing_quote + 1 == end {
                bounds.push((field_start as u32 + 1, closing_quote as u32));
                closing_quote = 0;
            } else {
                return None;
            }
            if is_line_break {
                return (1..=MAX_ROW_LEN).contains(&end).then_some(end);
            }
            field_start = at + 1;
        }
    }
    None
}

/// A bit for each byte that is a comma, a quote or a line break.
fn marks(chunk: &[u8; CHUNK]) -> u64 {
    let [comma, quote, line_break] = [b',', b'"', b'\n'].map(u8x16::splat);
    let (bytes, _) = chunk.as_chunks();
    bytes.iter().rev().fold(0, |marks, &bytes| {
        let bytes = u8x16::new(bytes);
        let found = bytes.simd_eq(comma) | bytes.simd_eq(quote) | bytes.simd_eq(line_break);
        marks << 16 | u64::from(found.to_bitmask())
    })
}

/// Follows the quotes of a row, which the parser does not tell of.
#[derive(Default)]
struct Quotes {
    place: Place,
    /// Whether a field went on after its closing quote, as in `"a"b`.
    went_on: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Place {
    #[default]
    FieldStart,
    Unquoted,
    Quoted,
    /// After a quote in a quoted field: the first of two, or the closing one.
    QuoteInQuoted,
}

impl Quotes {
    fn follow(&mut self, raw: &[u8]) {
        let is_in_quotes = matches!(self.place, Place::Quoted | Place::QuoteInQuoted);
        if !is_in_quotes && memchr(b'"', raw).is_none() {
            // Most rows have no quotes.
            match raw.last() {
                Some(b',') => self.place = Place::FieldStart,
                Some(_) => self.place = Place::Unquoted,
                None => {}
            }
            return;
        }
        for &byte in raw {
            self.place = match (self.place, byte) {
                (Place::FieldStart, b'"') => Place::Quoted,
                (Place::Quoted, b'"') => Place::QuoteInQuoted,
                (Place::QuoteInQuoted, b'"') | (Place::Quoted, _) => Place::Quoted,
                (_, b',' | b'\r' | b'\n') => Place::FieldStart,
                (Place::QuoteInQuoted, _) => {
                    self.went_on = true;
                    Place::Unquoted
                }
                (Place::FieldStart | Place::Unquoted, _) => Place::Unquoted,
            };
        }
    }

    fn are_open(&self) -> bool {
        self.place == Place::Quoted
    }
}

#[cfg(test)]
mod tests {
    use std::io::BufReader;

    use proptest::prelude::*;

    use super::*;

    /// Reads `text` as it comes in pieces of each length, and checks each row's line, number of lines, open quote and fields.
    #[track_caller]
    fn check(text: &str, expected: &[(u64, u64, bool, &[&str])]) {
        for piece in 1..=text.len() {
            let mut reader = RowReader::new(BufReader::with_capacity(piece, text.as_bytes()));
            for &(line, lines, has_open_quote, fields) in expected {
                let row = reader.next().unwrap().unwrap();
                let found: Vec<_> = row.iter().map(|field| str::from_utf8(field).unwrap()).collect();
                assert_eq!(
                    (row.line, row.lines, row.has_open_quote, &found[..]),
                    (line, lines, has_open_quote, fields),
                    "in pieces of {piece}"
                );
            }
            assert!(reader.next().unwrap().is_none());
        }
    }

    proptest! {
        /// The `csv` crate is the reference: what it reads, we read.
        #[test]
        fn rows_are_those_of_the_csv_crate(
            text in prop_oneof![
                "[ab,\"\r\n é]{0,60}",
                "([ab \"]{0,30}(,|\n|\r\n)|\"[ab ,]{0,30}\"(,|\n|\r\n)|\"([ab]|\"\"|\n){0,9}\",){0,40}",
            ],
            piece in prop_oneof![1_usize..20, Just(4096)],
        ) {
            let mut reader = RowReader::new(BufReader::with_capacity(piece, text.as_bytes()));
            let mut found: Vec<Vec<Vec<u8>>> = Vec::new();
            while let Some(row) = reader.next().unwrap() {
                found.push(row.iter().map(<[u8]>::to_vec).collect());
            }
            let reference = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let expected: Vec<Vec<Vec<u8>>> = reference
                .into_byte_records()
                .map(|record| record.unwrap().iter().map(<[u8]>::to_vec).collect())
                .collect();
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn quoted_fields_may_hold_commas_quotes_and_line_breaks() {
        check(
            "1,\"\"\"Awaken, My Love!\"\"\",x\n2,\"a\r\nb\",\"\"\n3,,\n",
            &[
                (1, 1, false, &["1", "\"Awaken, My Love!\"", "x"]),
                (2, 2, false, &["2", "a\r\nb", ""]),
                (4, 1, false, &["3", "", ""]),
            ],
        );
    }

    #[test]
    fn a_row_begins_at_its_own_line_after_any_line_ends_and_empty_lines() {
        check("a\r\n\r\n\nb\r\nc", &[(1, 1, false, &["a"]), (4, 1, false, &["b"]), (5, 1, false, &["c"])]);
    }

    #[test]
    fn a_quote_within_one_line_is_text() {
        check(
            "12\" mix,\"a\"b\nc,\"d\" \n",
            &[(1, 1, false, &["12\" mix", "ab"]), (2, 1, false, &["c", "d "])],
        );
    }

    #[test]
    fn a_quote_that_swallows_rows_is_noticed_where_the_next_one_opens() {
        check(
            "1,\"a\n2,b\n3,\"c\"\n4,d\n",
            &[(1, 3, true, &["1", "a\n2,b\n3,c\""]), (4, 1, false, &["4", "d"])],
        );
    }

    #[test]
    fn a_quote_that_is_open_at_the_end_is_noticed() {
        check("1,\"a", &[(1, 1, true, &["1", "a"])]);
        check("1,\"a\n2,b\n", &[(1, 2, true, &["1", "a\n2,b\n"])]);
        check("1,\"a\"", &[(1, 1, false, &["1", "a"])]);
    }

    #[test]
    fn a_row_that_is_too_long_is_an_error_with_its_line() {
        let error = |text: String| match RowReader::new(text.as_bytes()).next() {
            Err(RowsError::TooLong(line)) => line,
            _ => panic!("no error"),
        };
        assert_eq!(error(format!("\n\"{}", "a,b\n".repeat(MAX_ROW_LEN))), 2);
        assert_eq!(error(",".repeat(2 * MAX_ROW_LEN)), 1);
    }
}
