use model::SongId;

use crate::{
    catalogue::Catalogue,
    normalised::{normalise, without_additions},
    search::word_splits,
};

/// The longest normalised text for which close songs are looked for, in characters.
const MAX_CHARS: usize = 128;

/// The titles, and the artists, that are compared letter by letter.
const MAX_TITLES: usize = 256;
const MAX_ARTISTS: usize = 32;

/// The songs of one artist that are compared, or shown when only the artist is close: the commonest.
const MAX_SONGS_COMPARED: usize = 200;
const MAX_SONGS_SHOWN: usize = 20;

/// What is less similar is not close.
const MIN_SIMILARITY: f64 = 0.66;

/// What is less similar is not the artist that was meant.
const MIN_ARTIST_SIMILARITY: f64 = 0.7;

/// The rank of a name in which the text begins a word; one that begins with something similar to the text has less.
const WORD_RANK: f64 = 0.8;

/// What is less similar is not the beginning of the title that was meant.
const MIN_BEGINNING_SIMILARITY: f64 = 0.75;

/// The shortest text for which that is looked at, in characters.
const MIN_WORD_CHARS: usize = 3;

/// A song whose name is close to a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CloseSong {
    pub(crate) song: SongId,
    /// What it takes to turn one into the other.
    pub(crate) edits: Edits,
    /// Whether the text was compared with a name of the song; otherwise it was with its artist alone.
    pub(crate) is_named: bool,
    /// By how much the song is listed before others, in [0, 1].
    rank: f64,
}

/// The edits between two texts: letters inserted, deleted or replaced, and neighbours exchanged (optimal string alignment).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Edits {
    pub(crate) count: usize,
    /// The characters of the longer text.
    pub(crate) length: usize,
}

impl Edits {
    /// Counts the edits; `None` if that makes the similarity less than `least`.
    fn between(a: &str, b: &str, least: f64) -> Option<Edits> {
        let at_least = Edits::at_least(a, b);
        if at_least.similarity() < least {
            return None;
        }
        let edits = Edits { count: strsim::osa_distance(a, b), ..at_least };
        (edits.similarity() >= least).then_some(edits)
    }

    /// What the letters alone say, wherever they stand: an edit adds one, removes one, or both at once. Most texts are so
    /// found not to be close, in far less time than it takes to count the edits.
    fn at_least(a: &str, b: &str) -> Edits {
        let mut surplus = [0_i32; 64];
        let (mut a_length, mut b_length) = (0, 0);
        for c in a.chars() {
            surplus[c as usize % 64] += 1;
            a_length += 1;
        }
        for c in b.chars() {
            surplus[c as usize % 64] -= 1;
            b_length += 1;
        }
        let added: i32 = surplus.iter().map(|&count| count.max(0)).sum();
        let removed: i32 = surplus.iter().map(|&count| (-count).max(0)).sum();
        Edits { count: added.max(removed) as usize, length: a_length.max(b_length) }
    }

    /// The share of the longer text that need not be edited, in [0, 1].
    pub(crate) fn similarity(self) -> f64 {
        if self.length == 0 {
            return 1.0;
        }
        1.0 - self.count as f64 / self.length as f64
    }
}

/// The songs whose title, artist, or both in either order are close to a normalised text: the closest first, then by falling
/// support count. A song that is close in several ways is there several times. The work is bounded, whatever the text and however large the catalogue.
pub(crate) fn close_songs(catalogue: &Catalogue, text: &str) -> Vec<CloseSong> {
    if text.chars().nth(MAX_CHARS).is_some() {
        return Vec::new();
    }
    let mut close = Vec::new();
    close_titles(catalogue, text, &mut close);
    close_artists(catalogue, text, &mut close);
    close.sort_by(|a: &CloseSong, b| b.rank.total_cmp(&a.rank).then(a.song.cmp(&b.song)));
    close
}

fn close_titles(catalogue: &Catalogue, text: &str, close: &mut Vec<CloseSong>) {
    let text_length = text.chars().count();
    for song in catalogue.titles_like(text, MAX_TITLES) {
        let title = catalogue.normalised_title(song);
        let least_rank = if begins_a_word(text, title) {
            WORD_RANK
        } else {
            let beginning: String = title.chars().take(text_length).collect();
            Edits::between(text, &beginning, MIN_BEGINNING_SIMILARITY)
                .map_or(0.0, |edits| edits.similarity() * WORD_RANK)
        };
        let least = if least_rank > 0.0 { 0.0 } else { MIN_SIMILARITY };
        if let Some(edits) = title_edits(catalogue, text, song, least) {
            let rank = edits.similarity().max(least_rank);
            close.push(CloseSong { song, edits, is_named: true, rank });
        }
    }
}

fn close_artists(catalogue: &Catalogue, text: &str, close: &mut Vec<CloseSong>) {
    for like in catalogue.artists_like(text, MAX_ARTISTS) {
        let artist = catalogue.normalised_artist(like);
        let songs = catalogue.by_artist(artist);
        let (least, least_rank) =
            if begins_a_word(text, artist) { (0.0, WORD_RANK) } else { (MIN_ARTIST_SIMILARITY, 0.0) };
        if let Some(edits) = Edits::between(text, artist, least) {
            let rank = edits.similarity().max(least_rank);
            let shown = songs.iter().take(MAX_SONGS_SHOWN);
            close.extend(shown.map(|&song| CloseSong { song, edits, is_named: false, rank }));
        }
        close_pairs(catalogue, text, artist, &songs[..songs.len().min(MAX_SONGS_COMPARED)], close);
    }
}

/// Compares the text with an artist and the titles of its songs, in either order. The artist is taken to have been typed with
/// as many words as it has.
fn close_pairs(
    catalogue: &Catalogue,
    text: &str,
    artist: &str,
    songs: &[SongId],
    close: &mut Vec<CloseSong>,
) {
    let words = artist.split(' ').count();
    let splits = text.matches(' ').count();
    for (i, (left, right)) in word_splits(text).enumerate() {
        let before_by = left.strip_suffix(" by").unwrap_or(left);
        let divided = [(left, right, i + 1), (right, before_by, splits - i)];
        for (artist_text, title_text, artist_words) in divided {
            if artist_words != words {
                continue;
            }
            let Some(of_artist) = Edits::between(artist_text, artist, MIN_ARTIST_SIMILARITY) else {
                continue;
            };
            for &song in songs {
                if let Some(of_title) = title_edits(catalogue, title_text, song, MIN_SIMILARITY) {
                    let edits = Edits {
                        count: of_artist.count + of_title.count,
                        length: of_artist.length + of_title.length,
                    };
                    close.push(CloseSong { song, edits, is_named: true, rank: edits.similarity() });
                }
            }
        }
    }
}

/// The edits between a text and the song's title, with its additions or without: the fewer.
fn title_edits(catalogue: &Catalogue, text: &str, song: SongId, least: f64) -> Option<Edits> {
    let whole = Edits::between(text, catalogue.normalised_title(song), least);
    let short = without_additions(catalogue.songs().get(song).title)
        .and_then(|short| Edits::between(text, &normalise(&short), least));
    [whole, short].into_iter().flatten().max_by(|a, b| a.similarity().total_cmp(&b.similarity()))
}

/// Whether a word of `name`, and what follows, begins with `text`.
fn begins_a_word(text: &str, name: &str) -> bool {
    text.chars().nth(MIN_WORD_CHARS - 1).is_some()
        && name.match_indices(text).any(|(at, _)| at == 0 || name[..at].ends_with(' '))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_edit_is_a_letter_or_an_exchange_of_neighbours() {
        let edits = |a, b| Edits::between(a, b, 0.0);
        assert_eq!(edits("humbel", "humble"), Some(Edits { count: 1, length: 6 }));
        assert_eq!(edits("humble", "humbled"), Some(Edits { count: 1, length: 7 }));
        assert_eq!(edits("h\u{e9}", "he"), Some(Edits { count: 1, length: 2 }));
        assert_eq!(edits("", ""), Some(Edits { count: 0, length: 0 }));
        assert_eq!(Edits { count: 0, length: 0 }.similarity(), 1.0);
    }

    proptest! {
        #[test]
        fn the_letters_never_promise_too_many_edits(a in "[a-d\u{e9}]{0,9}", b in "[a-d\u{e9}]{0,9}") {
            let at_least = Edits::at_least(&a, &b);
            let edits = Edits::between(&a, &b, 0.0);
            prop_assert!(edits.is_some_and(|edits| edits.count >= at_least.count));
            prop_assert_eq!(edits.map(|edits| edits.length), Some(at_least.length));
        }
    }
}
