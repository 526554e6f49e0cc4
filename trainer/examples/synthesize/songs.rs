use crate::{
    playlists::Song,
    random::{Random, hash},
};

pub(crate) const HEADER: &[u8] =
    b"track_uri,album_name,album_uri,artist_name,artist_uri,duration_ms,pid,track_name\n";

/// Words that titles prefer.
const COMMON_WORDS: &str = "Love Night Heart Time Girl Baby Dream Fire Home Light Blue Summer Rain Good Dance World Gold Young \
    Wild Moon Star Sky River Road City Angel Money Sweet Lost Crazy Forever Tonight Sunday Midnight Diamond Ocean \
    Corazón Señorita Niño Canción Déjà Crème Für Mädchen Noël São";

const WORDS: usize = 4096;

/// What stands in the rows: the texts of a song are derived from its number, so that none is kept.
pub(crate) struct Catalogue {
    seed: u64,
    words: Vec<String>,
}

/// Buffers for the row that is written.
#[derive(Default)]
pub(crate) struct Scratch {
    name: Vec<u8>,
}

/// What a hash is for.
#[derive(Clone, Copy)]
enum Purpose {
    TrackUri = 1,
    AlbumUri,
    ArtistUri,
    Title,
    AlbumName,
    ArtistName,
    Duration,
    Artist,
    Word,
}

impl Catalogue {
    pub(crate) fn new(seed: u64) -> Self {
        let mut words: Vec<String> = COMMON_WORDS.split_ascii_whitespace().map(str::to_owned).collect();
        words.extend(
            (words.len() as u64..WORDS as u64)
                .map(|number| word(&mut Random::new(hash(seed, Purpose::Word as u64 | number << 8)))),
        );
        Catalogue { seed, words }
    }

    /// Appends the row of `song` in the playlist `pid`.
    pub(crate) fn write_row(&self, song: Song, pid: &[u8], row: &mut Vec<u8>, scratch: &mut Scratch) {
        let (album, edition) = (song.album(), u64::from(song.is_other_edition()));
        let album_id = u64::from(album.id());
        let (artist, is_single) = (self.artist(song), album.tracks(self.seed) == 1);
        let title = |name: &mut Vec<u8>| self.write_title(u64::from(song.first_edition().id()), name);

        row.extend_from_slice(b"spotify:track:");
        write_id(self.random(Purpose::TrackUri, song.id().into()), row);
        row.push(b',');
        scratch.write_field(row, |name| {
            if is_single {
                title(name);
            } else {
                self.write_album_name(album_id, name);
            }
            if song.is_other_edition() {
                name.extend_from_slice(b" (Deluxe Edition)");
            }
        });
        row.extend_from_slice(b",spotify:album:");
        write_id(self.random(Purpose::AlbumUri, album_id * 2 + edition), row);
        row.push(b',');
        scratch.write_field(row, |name| self.write_artist_name(artist, name));
        row.extend_from_slice(b",spotify:artist:");
        write_id(self.random(Purpose::ArtistUri, artist), row);
        row.push(b',');
        write_number(120_000 + self.random(Purpose::Duration, song.id().into()).below(210_000), row);
        row.push(b',');
        row.extend_from_slice(pid);
        row.push(b',');
        scratch.write_field(row, title);
        row.push(b'\n');
    }

    /// The artist of the song's album. The popular albums of a genre belong to fewer artists, who have many of the others, too.
    fn artist(&self, song: Song) -> u64 {
        let album = song.album();
        let rank = f64::from(album.rank() + 30);
        let artists = 2.5 * (rank * rank.sqrt()).sqrt();
        let place = self.random(Purpose::Artist, album.id().into()).unit();
        u64::from(album.genre()) << 32 | (artists * place * place) as u64
    }

    fn random(&self, purpose: Purpose, id: u64) -> Random {
        Random::new(hash(self.seed, purpose as u64 | id << 8))
    }

    fn write_title(&self, song: u64, name: &mut Vec<u8>) {
        let random = &mut self.random(Purpose::Title, song);
        let words = [1, 1, 1, 2, 2, 2, 2, 3, 3, 4][random.below(10) as usize];
        match random.below(100) {
            0 => {
                name.push(b'"');
                self.write_word(random, name);
                name.extend_from_slice(b"\" ");
            }
            1 => {
                self.write_word(random, name);
                name.extend_from_slice(b", ");
            }
            _ => {}
        }
        self.write_words(words, random, name);
        match random.below(100) {
            0..6 => {
                name.extend_from_slice(b" (feat. ");
                self.write_words(2, random, name);
                name.push(b')');
            }
            6..9 => name.extend_from_slice(b" - Remastered"),
            9..11 => name.extend_from_slice(b" - Live"),
            11 => name.extend_from_slice(b", Pt. 2"),
            _ => {}
        }
    }

    fn write_album_name(&self, album: u64, name: &mut Vec<u8>) {
        let random = &mut self.random(Purpose::AlbumName, album);
        self.write_words([1, 2, 2, 3, 3, 4][random.below(6) as usize], random, name);
        match random.below(100) {
            0 => name.extend_from_slice(b", Vol. 1"),
            1..5 => name.extend_from_slice(b" (Original Motion Picture Soundtrack)"),
            5..10 => name.extend_from_slice(b" - EP"),
            _ => {}
        }
    }

    fn write_artist_name(&self, artist: u64, name: &mut Vec<u8>) {
        let random = &mut self.random(Purpose::ArtistName, artist);
        match random.below(100) {
            0..8 => name.extend_from_slice(b"The "),
            8 => {
                self.write_word(random, name);
                name.extend_from_slice(b", ");
            }
            9..12 => {
                self.write_word(random, name);
                name.extend_from_slice(b" & ");
            }
            _ => {}
        }
        self.write_words([1, 2, 2, 2, 3][random.below(5) as usize], random, name);
    }

    fn write_words(&self, words: u32, random: &mut Random, name: &mut Vec<u8>) {
        for word in 0..words {
            if word > 0 {
                name.push(b' ');
            }
            self.write_word(random, name);
        }
    }

    fn write_word(&self, random: &mut Random, name: &mut Vec<u8>) {
        let place = random.below(WORDS as u32).min(random.below(WORDS as u32));
        name.extend_from_slice(self.words[place as usize].as_bytes());
    }
}

impl Scratch {
    /// Appends what `write` writes, in quotes where RFC 4180 asks for them.
    fn write_field(&mut self, row: &mut Vec<u8>, write: impl Fn(&mut Vec<u8>)) {
        self.name.clear();
        write(&mut self.name);
        if memchr::memchr2(b',', b'"', &self.name).is_none() {
            row.extend_from_slice(&self.name);
            return;
        }
        row.push(b'"');
        for &byte in &self.name {
            if byte == b'"' {
                row.push(b'"');
            }
            row.push(byte);
        }
        row.push(b'"');
    }
}

/// An invented word of one to three syllables; a few have accents.
fn word(random: &mut Random) -> String {
    const ONSETS: [&str; 20] = [
        "b", "br", "c", "d", "f", "g", "h", "j", "k", "l", "m", "n", "p", "r", "s", "sh", "st", "t", "v", "w",
    ];
    const VOWELS: [&str; 8] = ["a", "e", "i", "o", "u", "ea", "oo", "y"];
    const ACCENTED: [&str; 6] = ["á", "é", "ö", "ü", "ñe", "ç"];
    const CODAS: [&str; 8] = ["", "", "", "n", "r", "s", "l", "ck"];
    let mut word = String::new();
    for _ in 0..[1, 2, 2, 2, 3, 3][random.below(6) as usize] {
        word += ONSETS[random.below(20) as usize];
        word += if random.once_in(250) {
            ACCENTED[random.below(6) as usize]
        } else {
            VOWELS[random.below(8) as usize]
        };
        word += CODAS[random.below(8) as usize];
    }
    // All onsets are ASCII.
    word[..1].to_ascii_uppercase() + &word[1..]
}

/// Appends 22 digits in base 62.
fn write_id(mut random: Random, row: &mut Vec<u8>) {
    const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut id = [0; 22];
    for half in id.chunks_exact_mut(11) {
        let mut rest = random.next();
        for digit in half {
            *digit = DIGITS[(rest % 62) as usize];
            rest /= 62;
        }
    }
    row.extend_from_slice(&id);
}

pub(crate) fn write_number(mut number: u32, row: &mut Vec<u8>) {
    let mut digits = [0; 10];
    let mut begin = digits.len();
    loop {
        begin -= 1;
        digits[begin] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    row.extend_from_slice(&digits[begin..]);
}
