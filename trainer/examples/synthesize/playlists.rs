use crate::random::{Random, Weighted, hash};

const GENRES: u32 = 40;
/// Of each genre; most are so rare that no playlist holds them.
const ALBUMS: u32 = 500_000;
const MAX_TRACKS: u32 = 16;

/// A track that playlists may hold, on one of the albums of a genre.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Song(u32);

impl Song {
    /// One more than the greatest [`id`](Song::id).
    pub(crate) const IDS: u32 = 2 * MAX_TRACKS * ALBUMS * GENRES;

    fn new(album: Album, track: u32) -> Self {
        Song((album.0 * MAX_TRACKS + track) * 2)
    }

    pub(crate) fn id(self) -> u32 {
        self.0
    }

    pub(crate) fn album(self) -> Album {
        Album(self.0 / (2 * MAX_TRACKS))
    }

    /// Whether it is the same song again, on another edition of the album and with another URI.
    pub(crate) fn is_other_edition(self) -> bool {
        self.0 % 2 == 1
    }

    pub(crate) fn other_edition(self) -> Self {
        Song(self.0 | 1)
    }

    pub(crate) fn first_edition(self) -> Self {
        Song(self.0 & !1)
    }
}

/// An album in the first edition.
#[derive(Clone, Copy)]
pub(crate) struct Album(u32);

impl Album {
    pub(crate) fn id(self) -> u32 {
        self.0
    }

    pub(crate) fn genre(self) -> u32 {
        self.0 / ALBUMS
    }

    /// How popular it is in its genre: 0 is the most popular.
    pub(crate) fn rank(self) -> u32 {
        self.0 % ALBUMS
    }

    /// The number of its tracks: a third are singles.
    pub(crate) fn tracks(self, seed: u64) -> u32 {
        let mut random = Random::new(hash(seed, 0x616c_6200_0000_0000 | u64::from(self.0)));
        if random.unit() < 0.35 { 1 } else { 8 + random.below(MAX_TRACKS - 7) }
    }
}

/// The taste of people: what playlists are like.
///
/// Lengths are log-normal. A playlist has one to three genres, from which most of its songs come. The albums of a genre have a
/// popularity that follows Zipf and Mandelbrot's law with a steeper tail, and the tracks of an album one of their own. The constants
/// are fitted to the Million Playlist Dataset and to parts of it: to the shares of the most popular songs, and to the number of
/// different ones, which grows from 108,000 in 270,000 rows to 2.26 million in 66 million.
pub(crate) struct Taste {
    seed: u64,
    genres: Weighted,
    /// By length, from [`SHORTEST`] on.
    lengths: Weighted,
    /// The first rank of each class of albums that are equally popular, and a last entry with their number.
    classes: Vec<u32>,
    /// How many rows each class has.
    popularity: Weighted,
}

const SHORTEST: u32 = 5;
const LONGEST: u32 = 250;

impl Taste {
    pub(crate) fn new(seed: u64) -> Self {
        let genres: Vec<f64> = (0..GENRES).map(|genre| 1.0 / (10.2 + f64::from(genre))).collect();
        let lengths: Vec<f64> = (SHORTEST..=LONGEST)
            .map(|length| {
                let deviation = (f64::from(length).ln() - 3.975) / 0.87;
                (-0.5 * deviation * deviation).exp() / f64::from(length)
            })
            .collect();
        // Every rank among the first, then more and more of them together.
        let mut classes = vec![0];
        while let Some(&class) = classes.last()
            && class < ALBUMS
        {
            classes.push(ALBUMS.min(class + 1 + class / 40));
        }
        let popularity: Vec<f64> = classes
            .windows(2)
            .map(|class| {
                let rank = f64::from(class[0] + class[1] - 1) / 2.0;
                let weight = (rank + 84.0).powf(-1.64) * (1.0 + rank / 913.0).powf(-0.496);
                weight * f64::from(class[1] - class[0])
            })
            .collect();
        Taste {
            seed,
            genres: Weighted::new(&genres),
            lengths: Weighted::new(&lengths),
            classes,
            popularity: Weighted::new(&popularity),
        }
    }

    /// Makes the songs of the playlist with this number in `songs`, whose content is replaced.
    pub(crate) fn playlist(&self, number: u32, songs: &mut Vec<Song>) {
        let random = &mut Random::new(hash(self.seed, 0x706c_6179_0000_0000 | u64::from(number)));
        let length = SHORTEST as usize + self.lengths.draw(random);
        let genre_count = [1, 1, 1, 2, 2, 3][random.below(6) as usize];
        let genres = [0; 3].map(|_| self.genres.draw(random));
        let likes_albums = random.once_in(5);
        songs.clear();
        while songs.len() < length {
            let genre = if random.once_in(8) {
                self.genres.draw(random)
            } else {
                // The first of its genres is the one that it has most of.
                let place = random.below(genre_count).min(random.below(genre_count));
                genres[place as usize]
            };
            let album = self.album(genre as u32, random);
            let tracks = album.tracks(self.seed);
            let first = (f64::from(tracks) * random.unit().powi(3)) as u32;
            let run = if likes_albums && random.once_in(10) { 3 + random.below(8) } else { 1 };
            for track in (first..tracks.min(first + run)).take(length - songs.len()) {
                self.add(Song::new(album, track), random, songs);
            }
        }
    }

    fn album(&self, genre: u32, random: &mut Random) -> Album {
        let class = self.popularity.draw(random);
        let (first, end) = (self.classes[class], self.classes[class + 1]);
        Album(genre * ALBUMS + first + random.below(end - first))
    }

    /// Appends a song, and hardly ever one that is there already.
    fn add(&self, song: Song, random: &mut Random, songs: &mut Vec<Song>) {
        let has_two = hash(self.seed, 0x656e_6400_0000_0000 | u64::from(song.id())).is_multiple_of(24);
        let song = if has_two && random.once_in(3) { song.other_edition() } else { song };
        if !songs.contains(&song) || random.once_in(100) {
            songs.push(song);
        }
    }
}
