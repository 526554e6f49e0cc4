use std::io::BufReader;

use crate::rows::{MAX_ROW_LEN, RowReader, RowsError};

/// Rows are those that the `csv` crate reads, whatever pieces the input comes in. The first two bytes choose the pieces.
pub fn csv_rows(data: &[u8]) {
    let [pieces @ .., _] = [0_u8; 3];
    let (pieces, text) = data.split_first_chunk::<2>().unwrap_or((&pieces, data));
    let piece = usize::from(u16::from_le_bytes(*pieces)) + 1;
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
                assert!(row.line > line && row.lines > 0, "{} after {line}", row.line);
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
