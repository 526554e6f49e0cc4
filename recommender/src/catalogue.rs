use std::{cmp::Reverse, iter, ops::Range};

use model::{SongId, Songs, Strings};
use ranking::SongFacts;

use crate::{
    additions::{recording_name, spoken_name, without_additions},
    grams::GramIndex,
    names::Names,
    normalised::normalise,
    uris::UriIndex,
};

/// The songs of a model and the ways to find them: by title, artist, both, or URI.
///
/// Of the songs that one name may stand for, the commonest is meant: that with the smallest id.
#[derive(Debug)]
pub(crate) struct Catalogue {
    songs: Songs,
    /// By normalised title.
    titles: Names,
    /// By normalised title without additions, and by that without brackets and dashes, where these are others.
    short_titles: Names,
    /// The songs that have short titles with the positions of these, ascending.
    short_titles_of: Vec<(SongId, u32)>,
    /// By song, whether it has a short title.
    has_short_title: Vec<bool>,
    /// By normalised artist; songs without one have the name ``.
    artists: Names,
    /// By song, the position of its title in `titles`.
    title_of: Vec<u32>,
    /// By song, the position of its artist in `artists`.
    artist_of: Vec<u32>,
    /// By song, the commonest song with the same normalised artist and name of the recording, often itself.
    namesakes: Vec<SongId>,
    uris: UriIndex,
    /// The commonest song of each title, by the grams of the title.
    title_grams: GramIndex,
    /// The commonest song of each artist, by the grams of the artist.
    artist_grams: GramIndex,
}

impl Catalogue {
    pub(crate) fn build(songs: Songs) -> Catalogue {
        let all: Vec<SongId> = (0..songs.len() as SongId).collect();
        let mut title_rows = Strings::default();
        let mut artist_rows = Strings::default();
        let mut short_title_rows = Strings::default();
        let mut short_title_songs = Vec::new();
        let mut recording_rows = Strings::default();
        let mut recording_songs = Vec::new();
        for (id, song) in songs.iter() {
            let title = normalise(song.title);
            let [short, spoken, recording] =
                [without_additions, spoken_name, recording_name].map(|shorten| {
                    shorten(song.title).map(|short| normalise(&short)).filter(|short| *short != title)
                });
            let spoken = spoken.filter(|spoken| short.as_ref() != Some(spoken));
            for short in [short, spoken].into_iter().flatten() {
                short_title_rows.push(&short);
                short_title_songs.push(id);
            }
            if let Some(recording) = recording {
                recording_rows.push(&recording);
                recording_songs.push(id);
            }
            title_rows.push(&title);
            artist_rows.push(&normalise(song.artist));
        }
        let titles = Names::build(&title_rows, &all);
        let artists = Names::build(&artist_rows, &all);
        let short_titles = Names::build(&short_title_rows, &short_title_songs);
        let title_of = titles.positions(songs.len());
        let artist_of = artists.positions(songs.len());
        let recordings = Names::build(&recording_rows, &recording_songs);
        let mut short_titles_of: Vec<(SongId, u32)> = (0..short_titles.len() as u32)
            .flat_map(|position| short_titles.songs(position).iter().map(move |&song| (song, position)))
            .collect();
        short_titles_of.sort_unstable();
        let mut has_short_title = vec![false; songs.len()];
        for &(song, _) in &short_titles_of {
            has_short_title[song as usize] = true;
        }
        Catalogue {
            namesakes: namesakes(&titles, &recordings, &artist_of),
            uris: UriIndex::build(&songs),
            title_grams: grams_of(&titles, &title_rows),
            artist_grams: grams_of(&artists, &artist_rows),
            songs,
            titles,
            short_titles,
            short_titles_of,
            has_short_title,
            artists,
            title_of,
            artist_of,
        }
    }

    /// The songs as the model holds them.
    pub(crate) fn songs(&self) -> &Songs {
        &self.songs
    }

    /// The number of songs.
    pub(crate) fn len(&self) -> usize {
        self.songs.len()
    }

    /// By song, what stands for the recording: the commonest song with the same normalised artist and title, but for additions
    /// that do not make it another recording.
    pub(crate) fn namesakes(&self) -> &[SongId] {
        &self.namesakes
    }

    /// What ranking needs to know of the songs.
    pub(crate) fn song_facts(&self) -> SongFacts<'_> {
        SongFacts {
            support_counts: self.songs.support_counts(),
            namesakes: &self.namesakes,
            artist_keys: &self.artist_of,
            no_artist: self.artists.find(""),
        }
    }

    /// The song's normalised title.
    pub(crate) fn normalised_title(&self, song: SongId) -> &str {
        self.titles.name(self.title_of[song as usize])
    }

    /// What the song may be called: its normalised title, and that without additions, and without brackets and dashes, where
    /// these are others; the longest first.
    pub(crate) fn names(&self, song: SongId) -> impl Iterator<Item = &str> {
        let mut short = Vec::new();
        if self.has_short_title[song as usize] {
            let first = self.short_titles_of.partition_point(|&(other, _)| other < song);
            let of_song = self.short_titles_of[first..].iter().take_while(|&&(other, _)| other == song);
            short.extend(of_song.map(|&(_, position)| self.short_titles.name(position)));
        }
        short.sort_unstable_by_key(|name| Reverse(name.len()));
        iter::once(self.normalised_title(song)).chain(short)
    }

    /// The song's normalised artist; empty when it has none.
    pub(crate) fn normalised_artist(&self, song: SongId) -> &str {
        self.artists.name(self.artist_of[song as usize])
    }

    /// The songs with this normalised title, ascending.
    pub(crate) fn titled(&self, title: &str) -> &[SongId] {
        self.titles.find_songs(title)
    }

    /// The songs that have this normalised title when additions, or brackets and dashes, are removed from theirs, ascending.
    pub(crate) fn short_titled(&self, title: &str) -> &[SongId] {
        self.short_titles.find_songs(title)
    }

    /// The songs of this normalised artist, ascending.
    pub(crate) fn by_artist(&self, artist: &str) -> &[SongId] {
        if artist.is_empty() {
            return &[];
        }
        self.artists.find_songs(artist)
    }

    /// The songs of this normalised artist and title, ascending: those with the whole title or, if there are none, those
    /// that have it when additions, or brackets and dashes, are removed.
    pub(crate) fn by_artist_and_title(&self, artist: &str, title: &str) -> Vec<SongId> {
        if artist.is_empty() {
            return Vec::new();
        }
        let Some(artist) = self.artists.find(artist) else {
            return Vec::new();
        };
        let by_artist = |titled: &[SongId]| -> Vec<SongId> {
            titled.iter().copied().filter(|&song| self.artist_of[song as usize] == artist).collect()
        };
        let songs = by_artist(self.titled(title));
        if songs.is_empty() { by_artist(self.short_titled(title)) } else { songs }
    }

    /// The songs whose normalised title begins with `prefix`.
    pub(crate) fn title_prefix(&self, prefix: &str) -> Matches<'_> {
        Matches::new(&self.titles, &self.title_of, prefix)
    }

    /// The songs whose normalised artist begins with `prefix`.
    pub(crate) fn artist_prefix(&self, prefix: &str) -> Matches<'_> {
        Matches::new(&self.artists, &self.artist_of, prefix)
    }

    /// The song that has this URI, or that this link leads to.
    pub(crate) fn find_uri(&self, uri: &str) -> Option<SongId> {
        self.uris.find_uri(&self.songs, uri)
    }

    /// The song that has a URI with the same last segment as `link`.
    pub(crate) fn find_link(&self, link: &str) -> Option<SongId> {
        self.uris.find_link(&self.songs, link)
    }

    /// The commonest songs of the titles that are likely to be similar to `text`.
    pub(crate) fn titles_like(&self, text: &str, count: usize) -> Vec<SongId> {
        self.title_grams.candidates(text, 6, count)
    }

    /// The commonest songs of the artists that are likely to be similar to a part of `text`.
    pub(crate) fn artists_like(&self, text: &str, count: usize) -> Vec<SongId> {
        self.artist_grams.candidates(text, 8, count)
    }
}

/// The songs whose title, or artist, begins with a prefix.
#[derive(Clone, Debug)]
pub(crate) struct Matches<'a> {
    /// The songs, in no order.
    pub(crate) songs: &'a [SongId],
    positions: Range<u32>,
    position_of: &'a [u32],
}

impl<'a> Matches<'a> {
    fn new(names: &'a Names, position_of: &'a [u32], prefix: &str) -> Self {
        let positions = names.beginning_with(prefix);
        Matches { songs: names.songs_of(positions.clone()), positions, position_of }
    }

    /// Whether `song` is among them; takes the same time however many they are.
    pub(crate) fn contains(&self, song: SongId) -> bool {
        self.positions.contains(&self.position_of[song as usize])
    }
}

/// `recordings` are the names of the recordings whose titles are others.
fn namesakes(titles: &Names, recordings: &Names, artist_of: &[u32]) -> Vec<SongId> {
    let mut namesakes: Vec<SongId> = (0..artist_of.len() as SongId).collect();
    let mut same_name: Vec<(u32, SongId)> = Vec::new();
    let mut join = |songs: &[SongId], others: &[SongId]| {
        if songs.len() + others.len() < 2 {
            return;
        }
        same_name.clear();
        let songs = songs.iter().chain(others);
        same_name.extend(songs.map(|&song| (artist_of[song as usize], namesake(&namesakes, song))));
        same_name.sort_unstable();
        for same_artist in same_name.chunk_by(|a, b| a.0 == b.0) {
            for &(_, song) in same_artist {
                namesakes[song as usize] = same_artist[0].1;
            }
        }
    };
    for title in 0..titles.len() as u32 {
        join(titles.songs(title), &[]);
    }
    for recording in 0..recordings.len() as u32 {
        join(recordings.songs(recording), titles.find_songs(recordings.name(recording)));
    }
    (0..artist_of.len() as SongId).map(|song| namesake(&namesakes, song)).collect()
}

/// What stands for a song, where what stood for it may have been joined with others since.
fn namesake(namesakes: &[SongId], mut song: SongId) -> SongId {
    while namesakes[song as usize] != song {
        song = namesakes[song as usize];
    }
    song
}

/// Indexes each name by the commonest song that has it; `rows` are the names by song.
fn grams_of(names: &Names, rows: &Strings) -> GramIndex {
    let mut is_commonest = vec![false; rows.len()];
    for name in 0..names.len() as u32 {
        is_commonest[names.songs(name)[0] as usize] = true;
    }
    GramIndex::build(names.len(), || (0..).zip(rows.iter()).filter(|&(song, _)| is_commonest[song as usize]))
}
