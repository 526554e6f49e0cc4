use crate::Strings;

/// Identifies a song within one model: its position in [`Songs`].
///
/// Songs are ordered by falling support count, so a smaller id is a song at least as popular.
pub type SongId = u32;

/// Identifies an artist within one model: its position in [`Artists`].
pub type ArtistId = u32;

/// A song as [`Songs`] lends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Song<'a> {
    /// The title, in its commonest spelling.
    pub title: &'a str,
    /// The artist, in the commonest spelling; empty when the dataset does not name one.
    pub artist: &'a str,
    /// The commonest of its track URIs; empty when there is none.
    pub uri: &'a str,
    /// The playlists that hold it; at least 1.
    pub support_count: u32,
}

/// The songs of a model, by falling support count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Songs {
    /// Of each song its title, its artist and its URIs: side by side, since they are read together, and memory is waited for each time.
    texts: Strings,
    /// Where the texts of each song begin, and a last entry with their number.
    starts: Vec<usize>,
    support_counts: Vec<u32>,
}

/// The places of a song's texts, from its start on. The others are URIs.
const TITLE: usize = 0;
const ARTIST: usize = 1;
const FIRST_URI: usize = 2;

impl Default for Songs {
    fn default() -> Self {
        Songs { texts: Strings::default(), starts: vec![0], support_counts: Vec::new() }
    }
}

impl Songs {
    /// No songs, with room for so many, whose titles, artists and URIs have so many bytes together. There may be more URIs than songs.
    pub fn with_capacity(songs: usize, bytes: usize) -> Self {
        let mut starts = Vec::with_capacity(songs + 1);
        starts.push(0);
        Songs {
            texts: Strings::with_capacity(songs * (FIRST_URI + 1), bytes),
            starts,
            support_counts: Vec::with_capacity(songs),
        }
    }

    /// Appends a song and returns its id. `uris` are all its track URIs, the commonest first.
    ///
    /// # Errors
    ///
    /// If its support count is 0 or greater than that of the song before, or if there are 2³¹ songs already.
    pub fn push<'u>(
        &mut self,
        title: &str,
        artist: &str,
        uris: impl IntoIterator<Item = &'u str>,
        support_count: u32,
    ) -> Result<SongId, InvalidTable> {
        let id = next_id(self.len(), "song")?;
        check_support_count("song", id, support_count, self.support_counts.last())?;
        self.texts.push(title);
        self.texts.push(artist);
        for uri in uris {
            self.texts.push(uri);
        }
        self.starts.push(self.texts.len());
        self.support_counts.push(support_count);
        Ok(id)
    }

    /// The number of songs.
    pub fn len(&self) -> usize {
        self.support_counts.len()
    }

    /// Whether there is no song.
    pub fn is_empty(&self) -> bool {
        self.support_counts.is_empty()
    }

    /// The song `id`.
    ///
    /// # Panics
    ///
    /// If `id` is not below [`len`](Self::len).
    pub fn get(&self, id: SongId) -> Song<'_> {
        let start = self.starts[id as usize];
        Song {
            title: self.texts.get(start + TITLE),
            artist: self.texts.get(start + ARTIST),
            uri: self.uris(id).next().unwrap_or_default(),
            support_count: self.support_counts[id as usize],
        }
    }

    /// All track URIs of the song `id`, the commonest first.
    ///
    /// # Panics
    ///
    /// If `id` is not below [`len`](Self::len).
    pub fn uris(&self, id: SongId) -> impl ExactSizeIterator<Item = &str> {
        let position = id as usize;
        (self.starts[position] + FIRST_URI..self.starts[position + 1]).map(|uri| self.texts.get(uri))
    }

    /// The songs in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (SongId, Song<'_>)> {
        (0..self.len() as SongId).map(|id| (id, self.get(id)))
    }

    /// The playlists that hold each song, by song id.
    pub fn support_counts(&self) -> &[u32] {
        &self.support_counts
    }
}

/// An artist as [`Artists`] lends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Artist<'a> {
    /// The name, in its commonest spelling.
    pub name: &'a str,
    /// The playlists that hold a song of the artist; at least 1.
    pub support_count: u32,
    /// The artist's songs, ascending; never empty.
    pub songs: &'a [SongId],
}

/// The artists of a model, by falling support count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artists {
    names: Strings,
    support_counts: Vec<u32>,
    songs: Vec<SongId>,
    /// Where each artist's songs begin in `songs`, and a last entry with their number.
    song_starts: Vec<usize>,
}

impl Default for Artists {
    fn default() -> Self {
        Artists {
            names: Strings::default(),
            support_counts: Vec::new(),
            songs: Vec::new(),
            song_starts: vec![0],
        }
    }
}

impl Artists {
    /// Appends an artist with its songs, ascending, and returns its id.
    ///
    /// # Errors
    ///
    /// If its support count is 0 or greater than that of the artist before, if it has no songs or they do not ascend, or if
    /// there are 2³¹ artists already.
    pub fn push(
        &mut self,
        name: &str,
        support_count: u32,
        songs: &[SongId],
    ) -> Result<ArtistId, InvalidTable> {
        let id = next_id(self.len(), "artist")?;
        check_support_count("artist", id, support_count, self.support_counts.last())?;
        if songs.is_empty() || !songs.is_sorted_by(|a, b| a < b) {
            return Err(InvalidTable(format!("artist {id} has no songs, or they do not ascend")));
        }
        self.names.push(name);
        self.support_counts.push(support_count);
        self.songs.extend_from_slice(songs);
        self.song_starts.push(self.songs.len());
        Ok(id)
    }

    /// The number of artists.
    pub fn len(&self) -> usize {
        self.support_counts.len()
    }

    /// Whether there is no artist.
    pub fn is_empty(&self) -> bool {
        self.support_counts.is_empty()
    }

    /// The artist `id`.
    ///
    /// # Panics
    ///
    /// If `id` is not below [`len`](Self::len).
    pub fn get(&self, id: ArtistId) -> Artist<'_> {
        let position = id as usize;
        Artist {
            name: self.names.get(position),
            support_count: self.support_counts[position],
            songs: &self.songs[self.song_starts[position]..self.song_starts[position + 1]],
        }
    }

    /// The playlists that hold each artist, by artist id.
    pub fn support_counts(&self) -> &[u32] {
        &self.support_counts
    }

    /// The artists in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = (ArtistId, Artist<'_>)> {
        (0..self.len() as ArtistId).map(|id| (id, self.get(id)))
    }
}

/// Why a table of a model is not valid: says which row and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTable(pub(crate) String);

/// Ids are stored as INT32, so there are 2³¹ of them.
fn next_id(len: usize, what: &str) -> Result<u32, InvalidTable> {
    i32::try_from(len)
        .map(i32::cast_unsigned)
        .map_err(|_| InvalidTable(format!("there are more than 2^31 {what}s")))
}

fn check_support_count(
    what: &str,
    id: u32,
    support_count: u32,
    before: Option<&u32>,
) -> Result<(), InvalidTable> {
    if support_count == 0 || before.is_some_and(|&before| support_count > before) {
        return Err(InvalidTable(format!(
            "{what} {id} has the support count {support_count} after {before:?}: the counts must be above 0 and fall"
        )));
    }
    Ok(())
}
