use std::io::BufReader;

use crate::rows::{MAX_ROW_LEN, RowReader, RowsError};

/// Rows are those that the `csv` crate reads, whatever pieces the input comes in. The first two bytes choose the pieces.
pub fn csv_rows(data: &[u8]) {
    let [pieces @ .., _] = [0_u8; 3];
    let (pieces, text) = data.split_first_chunk::<2>().unwrap_or((&pieces, data));
    let piece = usize::from(u16::from_le_bytes(*pieces)) + 1;
    // We also drop a byte order mark that comes after empty lines, which the reference reads as text.
    let after_breaks = text.trim_ascii_start();
    let text = if after_breaks.starts_with(b"\xef\xbb\xbf") { after_breaks } else { text };
    // `csv-core` takes what follows a byte order mark for the end if that is alone in the first piece, and does not know a mark that is cut. The
    // trainer's first piece is a block of whole lines.
    let piece = if text.starts_with(b"\xef\xbb\xbf") { piece.max(4) } else { piece };
    let mut reader = RowReader::new(BufReader::with_capacity(piece, text));
    let reference = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text);
    let mut expected = reference.into_byte_records();
    let mut line = 0;
    loop {
        match reader.next() {
            Ok(Some(row)) => {
                let expected = expected.next().expect("a row too many").unwrap();
                assert!(row.iter().eq(expected.iter()), "another row at line {}", row.line);
                assert_eq!(row.len(), expected.len());
                // Several rows are in one line where `\r` alone ends them.
                assert!(row.line >= line && row.lines > 0, "{} after {line}", row.line);
                line = row.line;
            }
            Ok(None) => {
                assert!(expected.next().is_none(), "a row too few");
                return;
            }
            // The one thing that the reference reads and we do not.
            Err(RowsError::TooLong(_)) => {
                let expected = expected.next().expect("a row too many").unwrap();
                assert!(expected.as_slice().len() >= MAX_ROW_LEN || expected.len() >= MAX_ROW_LEN);
                return;
            }
            Err(RowsError::Io(error)) => panic!("memory cannot fail to be read: {error}"),
        }
    }
}
