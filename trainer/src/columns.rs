use std::fmt;

use crate::{
    dataset::{DatasetError, ItemKey},
    location::Location,
    reading::RowProblem,
    rows::Row,
};

/// A column that is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Column {
    /// `pid`: the playlist.
    Pid,
    /// `track_name`: the title.
    Title,
    /// `artist_name`: the artist.
    Artist,
    /// `track_uri`: the track URI.
    Uri,
}

impl Column {
    const ALL: [Column; 4] = [Column::Pid, Column::Title, Column::Artist, Column::Uri];

    fn name(self) -> &'static str {
        match self {
            Column::Pid => "pid",
            Column::Title => "track_name",
            Column::Artist => "artist_name",
            Column::Uri => "track_uri",
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// UTF-8's byte order mark.
pub(crate) const BOM: &[u8] = "\u{feff}".as_bytes();

/// Where the columns that are used stand in a row.
pub(crate) struct Columns {
    pub(crate) pid: usize,
    pub(crate) title: usize,
    pub(crate) artist: Option<usize>,
    pub(crate) uri: Option<usize>,
    /// The columns that there are.
    pub(crate) len: usize,
}

impl Columns {
    pub(crate) fn find(
        header: &Row<'_>,
        location: &Location,
        item_key: ItemKey,
    ) -> Result<Self, DatasetError> {
        if header.has_open_quote {
            let problem = RowProblem::OpenQuote { lines: header.lines };
            return Err(DatasetError::Header { location: location.clone(), problem });
        }
        let names: Vec<String> = header
            .iter()
            .map(|name| String::from_utf8_lossy(name.strip_prefix(BOM).unwrap_or(name)).trim().to_owned())
            .collect();
        let [pid, title, artist, uri] = Column::ALL.map(|column| position(&names, column, location));
        let needed = |position: Option<usize>, column| {
            position.ok_or_else(|| DatasetError::MissingColumn {
                location: location.clone(),
                column,
                found: names
                    .iter()
                    .map(|name| format!("`{}`", name.escape_debug()))
                    .collect::<Vec<_>>()
                    .join(", "),
            })
        };
        let uri = uri?;
        if item_key == ItemKey::Uri {
            needed(uri, Column::Uri)?;
        }
        Ok(Columns {
            pid: needed(pid?, Column::Pid)?,
            title: needed(title?, Column::Title)?,
            artist: artist?,
            uri,
            len: header.len(),
        })
    }
}

/// Where a column stands; a name in another case counts when there is none in this one.
fn position(names: &[String], column: Column, location: &Location) -> Result<Option<usize>, DatasetError> {
    let all = |is_name: &dyn Fn(&str) -> bool| -> Vec<usize> {
        (0..names.len()).filter(|&position| is_name(&names[position])).collect()
    };
    let mut found = all(&|name| name == column.name());
    if found.is_empty() {
        found = all(&|name| name.eq_ignore_ascii_case(column.name()));
    }
    match found[..] {
        [] => Ok(None),
        [position] => Ok(Some(position)),
        _ => Err(DatasetError::DuplicateColumn { location: location.clone(), column }),
    }
}
