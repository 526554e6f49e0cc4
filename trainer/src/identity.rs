use std::borrow::Cow;

use caseless::Caseless as _;
use foldhash::fast::RandomState;
use hashbrown::{HashMap, hash_map::Entry};
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::{
    columns::Column,
    dataset::ItemKey,
    interning::{CellRows, Texts, TooMany},
    reading::RowProblem,
};

/// Tells which rows name the same song.
///
/// Rows repeat each other, so what a row's cells stand for is found out once for each different row of cells, a *spelling*; for all
/// rows after the first it is a look-up of bytes.
pub(crate) struct Identity {
    item_key: ItemKey,
    cells: CellRows,
    /// By number of the cells.
    pub(crate) spellings: Vec<Spelling>,
    /// Titles, artists, URIs, and what is left of them for comparing.
    pub(crate) texts: Texts,
    /// The comparable text of each text that was an artist, by text id.
    artist_keys: HashMap<u32, u32, RandomState>,
    /// What identifies each song: the ids of an artist's and a title's comparable text, or the id of a text, twice.
    pub(crate) song_keys: Vec<(u32, u32)>,
    songs: HashMap<(u32, u32), u32, RandomState>,
}

/// What different cells stand for. All but `rows` and `song` are ids of texts.
pub(crate) struct Spelling {
    pub(crate) title: u32,
    pub(crate) artist: u32,
    pub(crate) uri: u32,
    /// The number of the song, in the order in which songs come.
    pub(crate) song: u32,
    /// The rows with these cells.
    pub(crate) rows: u64,
}

/// Why a row does not name a song.
pub(crate) enum NoSong {
    Row(RowProblem),
    TooMany,
}

impl From<RowProblem> for NoSong {
    fn from(problem: RowProblem) -> Self {
        NoSong::Row(problem)
    }
}

impl From<TooMany> for NoSong {
    fn from(TooMany: TooMany) -> Self {
        NoSong::TooMany
    }
}

impl Identity {
    pub(crate) fn new(item_key: ItemKey) -> Self {
        Identity {
            item_key,
            cells: CellRows::default(),
            spellings: Vec::new(),
            texts: Texts::default(),
            artist_keys: HashMap::default(),
            song_keys: Vec::new(),
            songs: HashMap::default(),
        }
    }

    /// The number of the spelling that a row's cells are.
    pub(crate) fn spelling(&mut self, title: &[u8], artist: &[u8], uri: &[u8]) -> Result<u32, NoSong> {
        let Identity { item_key, cells, spellings, texts, artist_keys, song_keys, songs } = self;
        let id = cells.intern([title, artist, uri], || {
            let title_text = needed_text(title, Column::Title)?;
            let artist_text = text(artist, Column::Artist)?;
            let uri_text = match item_key {
                ItemKey::Uri => needed_text(uri, Column::Uri)?,
                ItemKey::Song | ItemKey::Title => text(uri, Column::Uri)?,
            };
            let title = texts.intern(&composed(title_text))?;
            let artist = texts.intern(&composed(artist_text))?;
            let uri = texts.intern(uri_text)?;
            let artist_key = match artist_keys.entry(artist) {
                Entry::Occupied(key) => *key.get(),
                Entry::Vacant(entry) => *entry.insert(texts.intern(&comparable(artist_text))?),
            };
            let key = match item_key {
                ItemKey::Song => (artist_key, texts.intern(&comparable(title_text))?),
                ItemKey::Title => (title, title),
                ItemKey::Uri => (uri, uri),
            };
            let song = match songs.entry(key) {
                Entry::Occupied(song) => *song.get(),
                Entry::Vacant(entry) => {
                    let song = u32::try_from(song_keys.len()).map_err(|_| TooMany)?;
                    song_keys.push(key);
                    *entry.insert(song)
                }
            };
            spellings.push(Spelling { title, artist, uri, song, rows: 0 });
            Ok::<_, NoSong>(())
        })?;
        Ok(id)
    }

    /// Counts a row of a spelling.
    pub(crate) fn count_row(&mut self, spelling: u32) {
        self.spellings[spelling as usize].rows += 1;
    }

    /// The id of the comparable text of an artist, which is given by the id of its text.
    pub(crate) fn artist_key(&self, artist: u32) -> Option<u32> {
        self.artist_keys.get(&artist).copied()
    }
}

/// The text of a cell, without blanks around it.
pub(crate) fn text(cell: &[u8], column: Column) -> Result<&str, RowProblem> {
    str::from_utf8(cell).map(str::trim).map_err(|_| RowProblem::InvalidUtf8(column))
}

/// The same of a cell that must not be blank.
pub(crate) fn needed_text(cell: &[u8], column: Column) -> Result<&str, RowProblem> {
    match text(cell, column)? {
        "" => Err(RowProblem::Blank(column)),
        text => Ok(text),
    }
}

/// The text in Normalization Form C.
fn composed(text: &str) -> Cow<'_, str> {
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes => Cow::Borrowed(text),
        IsNormalized::No | IsNormalized::Maybe => Cow::Owned(text.nfc().collect()),
    }
}

/// The text in the form that is equal for texts that differ in case or in composition only: a canonical caseless match (Unicode
/// Standard, section 3.13, definition D145), composed in the end.
///
/// Folding and not lower case, for that depends on the place of a letter ("ΟΔΟΣ" ends with another sigma than "οδοσ") and does not
/// equate "Straße" and "STRASSE". Not NFKC, which would equate more than case: "²" and "2", "Ⅳ" and "IV".
fn comparable(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    text.nfd().default_case_fold().nfc().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(item_key: ItemKey, rows: &[[&str; 3]], songs: &[u32]) {
        let mut identity = Identity::new(item_key);
        let found: Vec<u32> = rows
            .iter()
            .map(|[artist, title, uri]| {
                let spelling = identity.spelling(title.as_bytes(), artist.as_bytes(), uri.as_bytes());
                let spelling = spelling.ok().unwrap();
                identity.spellings[spelling as usize].song
            })
            .collect();
        assert_eq!(found, songs, "by {item_key}");
    }

    #[test]
    fn case_composition_and_blanks_around_do_not_make_another_song() {
        check(
            ItemKey::Song,
            &[
                ["XXXTENTACION", "Look at Me!", "1"],
                ["XXXTentacion", "Look At Me!", "2"],
                [" XXXTENTACION", "\u{a0}Look at Me! ", ""],
                ["Beyonce\u{301}", "Déjà Vu", ""],
                ["BEYONCÉ", "DE\u{301}JÀ VU", ""],
                ["Die Ärzte", "Straße", ""],
                ["DIE ÄRZTE", "STRASSE", ""],
                ["ΟΔΟΣ", "x", ""],
                ["οδος", "X", ""],
                ["Beyonce", "Deja Vu", ""],
            ],
            &[0, 0, 0, 1, 1, 2, 2, 3, 3, 4],
        );
    }

    #[test]
    fn artist_and_title_are_kept_apart() {
        check(
            ItemKey::Song,
            &[["a b", "c", ""], ["a", "b c", ""], ["", "c", ""], ["c", "a b", ""]],
            &[0, 1, 2, 3],
        );
    }

    #[test]
    fn titles_differ_in_case_and_not_in_artist() {
        check(
            ItemKey::Title,
            &[
                ["a", "Home", "1"],
                ["b", " Home ", "2"],
                ["a", "HOME", ""],
                ["", "Cafe\u{301}", ""],
                ["", "Café", ""],
            ],
            &[0, 0, 1, 2, 2],
        );
    }

    #[test]
    fn uris_differ_letter_by_letter() {
        check(ItemKey::Uri, &[["a", "x", "u"], ["b", "y", " u "], ["a", "x", "U"]], &[0, 0, 1]);
    }

    #[test]
    fn compatibility_characters_are_not_equal() {
        assert_ne!(comparable("x²"), comparable("x2"));
    }
}
