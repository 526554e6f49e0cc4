//! What is asked of the service.

use proto::v1;

/// What a playlist shall go with, and how large it may be.
///
/// The service checks the limits; what it refuses comes back as
/// [`Error::InvalidRequest`](crate::Error::InvalidRequest).
///
/// ```
/// use client_lib::RecommendRequest;
///
/// let request = RecommendRequest::new(["HUMBLE.", "Drake - Passionfruit"])
///     .limit(20)
///     .exclude_songs(["Congratulations"])
///     .max_songs_per_artist(2);
/// // Where nothing else is wished for, seeds are enough.
/// let short: RecommendRequest = "HUMBLE.".into();
/// assert_ne!(request, short);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecommendRequest {
    songs: Vec<String>,
    limit: u32,
    exclude_songs: Vec<String>,
    max_songs_per_artist: u32,
    max_rules_per_song: Option<u32>,
}

impl RecommendRequest {
    /// Asks for a playlist that goes with the seeds `songs`: 1 to 1,000, each of 1 byte to 1 KiB.
    ///
    /// A seed is a title (`HUMBLE.`), artist and title in either order with ` - ` between, a track URI, or a
    /// link to a track. Case, diacritics and punctuation do not matter.
    #[must_use]
    pub fn new<S: Into<String>>(songs: impl IntoIterator<Item = S>) -> Self {
        Self {
            songs: songs.into_iter().map(Into::into).collect(),
            limit: 0,
            exclude_songs: Vec::new(),
            max_songs_per_artist: 0,
            max_rules_per_song: None,
        }
    }

    /// The most songs to recommend, 1 to 500; 0 stands for 10, as when it is not set.
    #[must_use]
    pub fn limit(mut self, limit: u32) -> Self {
        self.limit = limit;
        self
    }

    /// Songs that shall not be recommended, written as seeds are: at most 1,000, each of 1 byte to 1 KiB.
    /// Takes the place of those given before.
    #[must_use]
    pub fn exclude_songs<S: Into<String>>(mut self, songs: impl IntoIterator<Item = S>) -> Self {
        self.exclude_songs = songs.into_iter().map(Into::into).collect();
        self
    }

    /// The most songs of one artist in the answer; 0 stands for no cap, as when it is not set.
    #[must_use]
    pub fn max_songs_per_artist(mut self, songs: u32) -> Self {
        self.max_songs_per_artist = songs;
        self
    }

    /// The most rules to give as reasons for one recommendation, 0 to 100; when it is not set, 3.
    #[must_use]
    pub fn max_rules_per_song(mut self, rules: u32) -> Self {
        self.max_rules_per_song = Some(rules);
        self
    }

    pub(crate) fn into_wire(self) -> v1::RecommendRequest {
        v1::RecommendRequest {
            songs: self.songs,
            limit: self.limit,
            exclude_songs: self.exclude_songs,
            max_songs_per_artist: self.max_songs_per_artist,
            max_rules_per_song: self.max_rules_per_song,
        }
    }
}

impl From<&str> for RecommendRequest {
    fn from(song: &str) -> Self {
        Self::new([song])
    }
}

impl From<String> for RecommendRequest {
    fn from(song: String) -> Self {
        Self::new([song])
    }
}

impl<S: Into<String>> From<Vec<S>> for RecommendRequest {
    fn from(songs: Vec<S>) -> Self {
        Self::new(songs)
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for RecommendRequest {
    fn from(songs: [S; N]) -> Self {
        Self::new(songs)
    }
}

impl<S: AsRef<str>> From<&[S]> for RecommendRequest {
    fn from(songs: &[S]) -> Self {
        Self::new(songs.iter().map(AsRef::as_ref))
    }
}

/// What to search for, and which page of the answer.
///
/// ```
/// use client_lib::SearchSongsRequest;
///
/// let request = SearchSongsRequest::new("kendr").page_size(5);
/// let first_ten: SearchSongsRequest = "kendr".into();
/// assert_ne!(request, first_ten);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchSongsRequest {
    query: String,
    page_size: u32,
    page_token: String,
}

impl SearchSongsRequest {
    /// Asks for songs by what was typed so far, at most 1 KiB: the beginning of a title, of an artist, or of
    /// `artist - title` in either order. An empty query lists all songs, the commonest first.
    #[must_use]
    pub fn new(query: impl Into<String>) -> Self {
        Self { query: query.into(), page_size: 0, page_token: String::new() }
    }

    /// The most songs on a page, 1 to 100; 0 stands for 10, as when it is not set.
    #[must_use]
    pub fn page_size(mut self, songs: u32) -> Self {
        self.page_size = songs;
        self
    }

    /// The `next_page_token` of the answer before, to the same query; empty for the first page, as when it is
    /// not set.
    #[must_use]
    pub fn page_token(mut self, token: impl Into<String>) -> Self {
        self.page_token = token.into();
        self
    }

    pub(crate) fn into_wire(self) -> v1::SearchSongsRequest {
        v1::SearchSongsRequest { query: self.query, page_size: self.page_size, page_token: self.page_token }
    }
}

impl From<&str> for SearchSongsRequest {
    fn from(query: &str) -> Self {
        Self::new(query)
    }
}

impl From<String> for SearchSongsRequest {
    fn from(query: String) -> Self {
        Self::new(query)
    }
}
