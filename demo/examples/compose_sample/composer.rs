//! Composes playlists of one theme each from a catalogue of songs, the same ones every time.

use std::collections::{HashMap, HashSet};

use anyhow::{Context as _, ensure};

/// A theme: its name in the catalogue, the theme that its playlists borrow from, and how many playlists it has.
pub(crate) struct Theme {
    pub(crate) name: &'static str,
    pub(crate) neighbour: &'static str,
    playlists: usize,
}

/// The themes, as the catalogue orders them.
#[rustfmt::skip]
pub(crate) const THEMES: [Theme; 18] = [
    Theme { name: "hip-hop",      neighbour: "rnb",          playlists: 26 },
    Theme { name: "rnb",          neighbour: "hip-hop",      playlists: 19 },
    Theme { name: "pop",          neighbour: "electronic",   playlists: 24 },
    Theme { name: "80s-pop",      neighbour: "disco",        playlists: 20 },
    Theme { name: "disco",        neighbour: "soul",         playlists: 17 },
    Theme { name: "soul",         neighbour: "disco",        playlists: 18 },
    Theme { name: "classic-rock", neighbour: "alternative",  playlists: 21 },
    Theme { name: "alternative",  neighbour: "punk",         playlists: 20 },
    Theme { name: "punk",         neighbour: "alternative",  playlists: 18 },
    Theme { name: "metal",        neighbour: "classic-rock", playlists: 17 },
    Theme { name: "indie-folk",   neighbour: "country",      playlists: 18 },
    Theme { name: "country",      neighbour: "indie-folk",   playlists: 19 },
    Theme { name: "latin",        neighbour: "pop",          playlists: 19 },
    Theme { name: "brazil",       neighbour: "jazz",         playlists: 16 },
    Theme { name: "electronic",   neighbour: "pop",          playlists: 19 },
    Theme { name: "jazz",         neighbour: "brazil",       playlists: 16 },
    Theme { name: "film",         neighbour: "80s-pop",      playlists: 17 },
    Theme { name: "k-pop",        neighbour: "pop",          playlists: 18 },
];

/// How many playlists of each theme appear in the update.
const NEW_PLAYLISTS: usize = 2;

/// Playlists have this many songs at least, and fewer than [`MAX_SONGS`].
const MIN_SONGS: u64 = 8;
const MAX_SONGS: u64 = 31;

/// In each playlist, this many are songs that fewer playlists have than any other of the theme.
const RARE_SONGS: usize = 2;

/// The two datasets, as CSV.
pub(crate) struct Sample {
    pub(crate) playlists: String,
    /// The same playlists some time later: some are gone, some are new, and some got a new song.
    pub(crate) update: String,
}

/// Composes both datasets from the catalogue and from the songs that only the update has.
pub(crate) fn compose(songs: &str, new_songs: &str) -> anyhow::Result<Sample> {
    let songs = read_catalogue(songs).context("cannot read the songs")?;
    let new_songs = read_catalogue(new_songs).context("cannot read the new songs")?;
    let shelves: Vec<Vec<&Song>> = THEMES.iter().map(|theme| of_theme(&songs, theme)).collect();
    for (theme, shelf) in THEMES.iter().zip(&shelves) {
        ensure!(
            shelf.len() as u64 >= MAX_SONGS,
            "the theme `{}` has {} songs, too few for a playlist",
            theme.name,
            shelf.len()
        );
    }

    let mut composer = Composer { random: Random(9), pids: HashSet::new(), uses: HashMap::new() };
    let mut playlists = Vec::new();
    for (i, theme) in THEMES.iter().enumerate() {
        for _ in 0..theme.playlists {
            playlists.push(composer.compose_playlist(i, &shelves));
        }
    }
    composer.random.shuffle(&mut playlists);

    let mut update: Vec<Playlist<'_>> =
        playlists.iter().filter(|_| !composer.random.one_in(12)).cloned().collect();
    let mut added_songs = Vec::new();
    for playlist in &update {
        let new_songs = of_theme(&new_songs, &THEMES[playlist.theme]);
        if !new_songs.is_empty() && composer.random.one_in(2) {
            let song = composer.random.popular(&new_songs);
            added_songs
                .push(Playlist { releases: vec![song.release(&mut composer.random)], ..playlist.clone() });
        }
    }
    // What is new is what is played most.
    let shelves: Vec<Vec<&Song>> = THEMES
        .iter()
        .zip(&shelves)
        .map(|(theme, shelf)| [of_theme(&new_songs, theme).as_slice(), shelf].concat())
        .collect();
    for theme in 0..THEMES.len() {
        for _ in 0..NEW_PLAYLISTS {
            update.push(composer.compose_playlist(theme, &shelves));
        }
    }
    // The rows of a playlist are not always together: songs that were added later stand at the end.
    update.extend(added_songs);

    Ok(Sample { playlists: write_playlists(&playlists)?, update: write_playlists(&update)? })
}

/// A line of the catalogue: a song on an album.
#[derive(PartialEq)]
struct Release {
    artist: String,
    title: String,
    album: String,
    duration_ms: u32,
}

/// A song with its releases; those on other albums, or spelled otherwise, come later in the catalogue.
#[derive(PartialEq)]
struct Song {
    theme: String,
    releases: Vec<Release>,
}

/// Songs with a number and a theme, the position in [`THEMES`].
#[derive(Clone)]
struct Playlist<'a> {
    pid: u64,
    theme: usize,
    releases: Vec<&'a Release>,
}

impl Song {
    /// Artist and title, as they are spelled first.
    fn name(&self) -> (&str, &str) {
        (&self.releases[0].artist, &self.releases[0].title)
    }

    /// One of the releases, mostly the first.
    fn release(&self, random: &mut Random) -> &Release {
        let releases = self.releases.len() as u64;
        match random.one_in(2) {
            true => &self.releases[0],
            false => &self.releases[random.below(releases) as usize],
        }
    }
}

fn read_catalogue(text: &str) -> anyhow::Result<Vec<Song>> {
    let mut songs: Vec<Song> = Vec::new();
    for line in csv::Reader::from_reader(text.as_bytes()).into_deserialize() {
        let (theme, artist, title, album, duration_ms): (String, _, _, _, _) = line?;
        ensure!(THEMES.iter().any(|known| known.name == theme), "there is no theme `{theme}`");
        let release = Release { artist, title, album, duration_ms };
        let same_song = |song: &&mut Song| {
            let first = &song.releases[0];
            song.theme == theme
                && first.artist.to_lowercase() == release.artist.to_lowercase()
                && first.title.to_lowercase() == release.title.to_lowercase()
        };
        match songs.iter_mut().find(same_song) {
            Some(song) => song.releases.push(release),
            None => songs.push(Song { theme, releases: vec![release] }),
        }
    }
    Ok(songs)
}

/// The songs of a theme, as popular as they come early.
fn of_theme<'a>(songs: &'a [Song], theme: &Theme) -> Vec<&'a Song> {
    songs.iter().filter(|song| song.theme == theme.name).collect()
}

/// What one playlist must know of those before it.
struct Composer<'a> {
    random: Random,
    pids: HashSet<u64>,
    /// The playlists that have a song, by artist and title.
    uses: HashMap<(&'a str, &'a str), u32>,
}

impl<'a> Composer<'a> {
    /// A playlist of the theme at position `theme`, from `shelves`, the songs by theme.
    fn compose_playlist(&mut self, theme: usize, shelves: &[Vec<&'a Song>]) -> Playlist<'a> {
        // The least of four is small most of the time.
        let n_songs =
            (0..4).map(|_| MIN_SONGS + self.random.below(MAX_SONGS - MIN_SONGS)).min().unwrap_or(MIN_SONGS)
                as usize;
        let is_neighbour = |other: &Theme| other.name == THEMES[theme].neighbour;
        let neighbour = THEMES.iter().position(is_neighbour).unwrap_or(theme);
        let n_borrowed = match self.random.one_in(3) {
            true => 1 + self.random.below(n_songs as u64 / 4) as usize,
            false => 0,
        };

        // It begins with the songs that fewest have, so that each song comes to be known.
        let mut songs: Vec<&Song> = shelves[theme].clone();
        songs.sort_by_key(|song| self.uses.get(&song.name()).copied());
        songs.truncate(RARE_SONGS);
        while songs.len() < n_songs {
            let shelf = match songs.len() < n_songs - n_borrowed {
                true => &shelves[theme],
                false => &shelves[neighbour],
            };
            let last_artist = songs.last().map(|last| last.name().0);
            let by_last_artist = |song: &&&Song| Some(song.name().0) == last_artist && !songs.contains(*song);
            let song = match shelf.iter().find(by_last_artist) {
                Some(song) if self.random.one_in(4) => *song,
                _ => self.random.popular(shelf),
            };
            if !songs.contains(&song) {
                songs.push(song);
            }
        }
        for song in &songs {
            *self.uses.entry(song.name()).or_default() += 1;
        }
        self.random.shuffle(&mut songs);
        // Now and then somebody adds a song again.
        if self.random.one_in(25) {
            songs.push(songs[self.random.below(n_songs as u64) as usize]);
        }
        let releases = songs.iter().map(|song| song.release(&mut self.random)).collect();
        let pid = loop {
            let pid = self.random.below(10_000);
            if self.pids.insert(pid) {
                break pid;
            }
        };
        Playlist { pid, theme, releases }
    }
}

fn write_playlists(playlists: &[Playlist<'_>]) -> anyhow::Result<String> {
    let mut csv = csv::Writer::from_writer(Vec::new());
    csv.write_record([
        "track_uri",
        "album_name",
        "album_uri",
        "artist_name",
        "artist_uri",
        "duration_ms",
        "pid",
        "track_name",
    ])?;
    for playlist in playlists {
        for release in &playlist.releases {
            let Release { artist, title, album, duration_ms } = release;
            csv.write_record([
                &uri("track", &[artist, title, album]),
                album,
                &uri("album", &[artist, album]),
                artist,
                &uri("artist", &[artist]),
                &duration_ms.to_string(),
                &playlist.pid.to_string(),
                title,
            ])?;
        }
    }
    Ok(String::from_utf8(csv.into_inner()?)?)
}

/// A URI that depends on the names alone: their FNV-1a digest in base 36, cut to seven digits.
fn uri(kind: &str, names: &[&str]) -> String {
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for byte in names.iter().flat_map(|name| name.bytes().chain([0])) {
        digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    let mut uri = format!("sample:{kind}:");
    for _ in 0..7 {
        uri.extend(char::from_digit((digest % 36) as u32, 36));
        digest /= 36;
    }
    uri
}

/// Random numbers that are the same on every machine: Vigna's splitmix64, 2015.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of `songs`, the first ones more often, after Zipf's law with a flattened head.
    fn popular<'a>(&mut self, songs: &[&'a Song]) -> &'a Song {
        let weight = |rank: usize| 1_000_000 / (rank as u64 + 4);
        let total = (0..songs.len()).map(weight).sum();
        let mut left = self.below(total);
        let mut rank = 0;
        while left >= weight(rank) {
            left -= weight(rank);
            rank += 1;
        }
        songs[rank]
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (2..=items.len()).rev() {
            items.swap(end - 1, self.below(end as u64) as usize);
        }
    }
}
