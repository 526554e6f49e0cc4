use std::{borrow::Cow, hash::BuildHasher as _, iter, sync::mpsc::Receiver};

use caseless::Caseless as _;
use foldhash::fast::RandomState;
use model::Strings;
use unicode_normalization::{IsNormalized, UnicodeNormalization as _, is_nfc_quick};

use crate::{
    columns::Column,
    dataset::ItemKey,
    interning::{CellKey, HashParts, Texts, TooMany},
    reading::RowProblem,
};

/// There is no comparable text for a text that was no artist.
const NO_KEY: u32 = u32::MAX;

/// Tells which spellings name the same song. A spelling is what a row has as title, artist and URI.
pub(crate) struct Identity {
    item_key: ItemKey,
    /// What each spelling stands for, in the order in which they were added.
    spellings: Vec<Spelling>,
    artists: ArtistTexts,
    /// What identifies each song, in the order in which songs came: the id of an artist's comparable text, or 0 for all where the artist
    /// does not count, and a text.
    song_keys: SongKeys,
    /// The songs by their keys.
    songs: HashParts,
    hasher: RandomState,
    /// The comparable text of a title; kept for the allocation.
    title_key: String,
}

/// What a spelling stands for.
pub(crate) struct Spelling {
    /// The id of the artist's text.
    pub(crate) artist: u32,
    /// The number of the song, in the order in which songs come.
    pub(crate) song: u32,
}

/// The texts that artists are written with.
#[derive(Default)]
pub(crate) struct ArtistTexts {
    /// Artists, and what is left of them for comparing.
    pub(crate) texts: Texts,
    /// By id of an artist's text, that of its comparable text.
    keys: Vec<u32>,
    /// The id of the empty text, if it was an artist.
    empty: Option<u32>,
}

impl ArtistTexts {
    /// The ids of an artist's text and of its comparable text.
    fn intern(&mut self, text: &str) -> Result<(u32, u32), TooMany> {
        let id = self.texts.intern(&composed(text))?;
        let key = match self.key(id) {
            Some(key) => key,
            None => {
                let key = self.texts.intern(&comparable(text))?;
                self.keys.resize(self.texts.len(), NO_KEY);
                self.keys[id as usize] = key;
                if text.is_empty() {
                    self.empty = Some(id);
                }
                key
            }
        };
        Ok((id, key))
    }

    /// Whether the text with this id names an artist.
    pub(crate) fn is_name(&self, id: u32) -> bool {
        self.empty != Some(id)
    }

    /// The id of the comparable text of an artist, which is given by the id of its text.
    pub(crate) fn key(&self, id: u32) -> Option<u32> {
        self.keys.get(id as usize).copied().filter(|&key| key != NO_KEY)
    }
}

/// What identifies songs.
#[derive(Default)]
pub(crate) struct SongKeys {
    pub(crate) artists: Vec<u32>,
    pub(crate) texts: Strings,
}

impl Identity {
    fn new(item_key: ItemKey) -> Self {
        Identity {
            item_key,
            spellings: Vec::new(),
            artists: ArtistTexts::default(),
            song_keys: SongKeys::default(),
            songs: HashParts::default(),
            hasher: RandomState::default(),
            title_key: String::new(),
        }
    }

    /// Adds the spellings that come, until no more do.
    pub(crate) fn of(spellings: Receiver<NewSpellings>, item_key: ItemKey) -> Result<Self, TooMany> {
        let mut identity = Identity::new(item_key);
        for spellings in spellings {
            spellings.iter().try_for_each(|cells| identity.add(cells))?;
        }
        Ok(identity)
    }

    /// Adds a spelling that was [checked](check) and was not added before.
    fn add(&mut self, [title, artist, uri]: [&[u8]; 3]) -> Result<(), TooMany> {
        let checked = |cell, column| text(cell, column).unwrap_or_default();
        let (title, artist) = (checked(title, Column::Title), checked(artist, Column::Artist));
        let (artist, artist_key) = self.artists.intern(artist)?;
        let song = match self.item_key {
            ItemKey::Song => {
                let mut key = std::mem::take(&mut self.title_key);
                write_comparable(title, &mut key);
                let song = self.song(artist_key, &key);
                self.title_key = key;
                song
            }
            ItemKey::Title => self.song(0, &composed(title)),
            ItemKey::Uri => self.song(0, checked(uri, Column::Uri)),
        };
        self.spellings.push(Spelling { artist, song: song? });
        Ok(())
    }

    /// What each spelling stands for, the artists, and what identifies the songs; what was only for adding is given up.
    pub(crate) fn into_parts(self) -> (Vec<Spelling>, ArtistTexts, SongKeys) {
        (self.spellings, self.artists, self.song_keys)
    }

    /// The number of the song with a key.
    fn song(&mut self, artist: u32, text: &str) -> Result<u32, TooMany> {
        let Identity { song_keys: SongKeys { artists, texts }, songs, hasher, .. } = self;
        // All parts of it are well mixed.
        let hash = hasher.hash_one((artist, text)) as u32;
        let is_it = |song: u32| artists[song as usize] == artist && texts.get(song as usize) == text;
        if let Some(song) = songs.find(hash, is_it) {
            return Ok(song);
        }
        let song = u32::try_from(artists.len()).map_err(|_| TooMany)?;
        artists.push(artist);
        texts.push(text);
        songs.insert(hash, song);
        Ok(song)
    }
}

/// Spellings on their way to [`Identity::of`].
#[derive(Default)]
pub(crate) struct NewSpellings {
    /// The keys of the spellings, one after the other.
    keys: Vec<u8>,
}

impl NewSpellings {
    pub(crate) fn push(&mut self, cells: [&[u8]; 3]) {
        CellKey::write(cells, &mut self.keys);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = [&[u8]; 3]> {
        let mut rest = &self.keys[..];
        iter::from_fn(move || {
            let cells = (!rest.is_empty()).then(|| CellKey::cells(rest))?;
            rest = rest.get(CellKey::len(cells)..).unwrap_or_default();
            Some(cells)
        })
    }
}

/// Tells why title, artist and URI of a row do not name a song, if they do not.
pub(crate) fn check([title, artist, uri]: [&[u8]; 3], item_key: ItemKey) -> Result<(), RowProblem> {
    needed_text(title, Column::Title)?;
    text(artist, Column::Artist)?;
    match item_key {
        ItemKey::Uri => needed_text(uri, Column::Uri)?,
        ItemKey::Song | ItemKey::Title => text(uri, Column::Uri)?,
    };
    Ok(())
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
pub(crate) fn composed(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        return Cow::Borrowed(text);
    }
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
pub(crate) fn comparable(text: &str) -> String {
    let mut comparable = String::new();
    write_comparable(text, &mut comparable);
    comparable
}

/// Replaces what is in `comparable`.
fn write_comparable(text: &str, comparable: &mut String) {
    comparable.clear();
    if text.is_ascii() {
        comparable.push_str(text);
        comparable.make_ascii_lowercase();
    } else {
        comparable.extend(text.nfd().default_case_fold().nfc());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(item_key: ItemKey, rows: &[[&str; 3]], songs: &[u32]) {
        let mut identity = Identity::new(item_key);
        for [artist, title, uri] in rows {
            identity.add([title, artist, uri].map(|cell| cell.as_bytes())).unwrap();
        }
        let found: Vec<u32> = identity.spellings.iter().map(|spelling| spelling.song).collect();
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
