use std::{borrow::Cow, cmp::Reverse, iter, ops::RangeInclusive};

use model::SongId;

use crate::{
    catalogue::Catalogue,
    edits::{Edits, Pattern},
};

/// The titles, and the artists, that are compared letter by letter.
const MAX_TITLES: usize = 256;
const MAX_ARTISTS: usize = 32;

/// The songs of one artist, and of one title, that are compared, or shown when only the artist is close: the commonest.
const MAX_SONGS_OF_ARTIST: usize = 200;
const MAX_SONGS_OF_TITLE: usize = 20;
const MAX_SONGS_SHOWN: usize = 20;

/// The lengths of texts for which all titles at one edit are looked up, in characters. They have too few grams in common.
const LOOKED_UP: RangeInclusive<usize> = MIN_WORD_CHARS..=8;

/// What is less similar is not close.
const MIN_SIMILARITY: f64 = 0.66;

/// When artist and title were typed, each of them must be so similar to be taken.
const MIN_PART_SIMILARITY: f64 = 0.6;

/// What is less similar is not the artist that was meant.
const MIN_ARTIST_SIMILARITY: f64 = 0.7;

/// The rank of a name in which the text begins a word; one that begins with something similar to the text has less.
const WORD_RANK: f64 = 0.8;

/// What is less similar is not the beginning of the title that was meant.
const MIN_BEGINNING_SIMILARITY: f64 = 0.75;

/// The shortest text that is taken for a beginning or a misspelling, in characters.
const MIN_WORD_CHARS: usize = 3;

/// The most edits that ` by ` takes, which is no mistake, and that `the` and `and` take when they are left out, which is one.
const BY: usize = 3;
const SMALL_WORDS: usize = 8;

/// A song whose name is close to a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CloseSong {
    pub(crate) song: SongId,
    /// What it takes to turn one into the other.
    pub(crate) edits: Edits,
    pub(crate) closeness: Closeness,
    /// Whether it is the song's whole title that is close, and not that without additions.
    pub(crate) is_whole: bool,
    /// By how much the song is listed before others, in [0, 1].
    rank: f64,
}

/// What of a song is close to a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Closeness {
    /// The artist alone, or the beginning of a word.
    Part,
    /// A name of the song, though it takes too many edits.
    Name,
    /// A name of the song: both its title and, if there is one, its artist take few edits, and the digits are the same.
    /// Another number is another song, not a slip of the finger.
    Slip,
}

/// The songs whose title, artist, or both in either order are close to a normalised text: the closest first, then by falling
/// support count. A song that is close in several ways is there several times. The work is bounded, whatever the text and however large the catalogue.
pub(crate) fn close_songs(catalogue: &Catalogue, text: &str) -> Vec<CloseSong> {
    let thin = without_small_words(text);
    let (Some(whole), Some(thin)) = (Typed::new(text), Typed::new(&thin)) else {
        return Vec::new();
    };
    let mut search = Search { catalogue, whole, thin, close: Vec::new() };
    search.titles();
    search.artists();
    let mut close = search.close;
    close.sort_by(|a, b| b.rank.total_cmp(&a.rank).then(a.song.cmp(&b.song)));
    close
}

/// A text that is compared with names.
struct Typed<'a> {
    text: &'a str,
    pattern: Pattern,
}

impl Typed<'_> {
    fn new(text: &str) -> Option<Typed<'_>> {
        Some(Typed { text, pattern: Pattern::new(text)? })
    }
}

/// Compares songs with a text.
struct Search<'a> {
    catalogue: &'a Catalogue,
    whole: Typed<'a>,
    /// The text without `the` and `and`.
    thin: Typed<'a>,
    close: Vec<CloseSong>,
}

impl Search<'_> {
    fn titles(&mut self) {
        let catalogue = self.catalogue;
        for like in catalogue.titles_like(self.whole.text, MAX_TITLES) {
            self.title(like);
            if catalogue.names(like).any(|title| self.has_part(title)) {
                let title = catalogue.normalised_title(like);
                for &song in catalogue.titled(title).iter().take(MAX_SONGS_OF_TITLE) {
                    self.pair(song);
                }
            }
        }
        if LOOKED_UP.contains(&self.whole.pattern.length()) {
            for_each_edit(self.whole.text, |title| {
                let [whole, short] = [catalogue.titled(title), catalogue.short_titled(title)];
                for song in [whole.first(), short.first()].into_iter().flatten() {
                    self.title(*song);
                }
            });
        }
    }

    fn artists(&mut self) {
        let catalogue = self.catalogue;
        for like in catalogue.artists_like(self.whole.text, MAX_ARTISTS) {
            let artist = catalogue.normalised_artist(like);
            let songs = catalogue.by_artist(artist);
            let (least, least_rank) = if begins_a_word(self.whole.text, artist) {
                (0.0, WORD_RANK)
            } else {
                (MIN_ARTIST_SIMILARITY, 0.0)
            };
            if let Some(edits) = self.whole.pattern.edits(artist, least) {
                let rank = edits.similarity().max(least_rank);
                for &song in songs.iter().take(MAX_SONGS_SHOWN) {
                    let closeness = Closeness::Part;
                    self.close.push(CloseSong { song, edits, closeness, is_whole: false, rank });
                }
            }
            if self.has_part(artist) {
                for &song in songs.iter().take(MAX_SONGS_OF_ARTIST) {
                    self.pair(song);
                }
            }
        }
    }

    /// Whether the text begins or ends with something so similar to a title or artist that it may be one of a pair. That spares
    /// most pairs.
    fn has_part(&self, name: &str) -> bool {
        let is_part = |typed: &Typed<'_>, name: &str| {
            [false, true]
                .into_iter()
                .any(|is_last| Edits::of_part(name, typed.text, is_last).similarity() >= MIN_PART_SIMILARITY)
        };
        let thin_name = without_small_words(name);
        is_part(&self.whole, name)
            || self.is_thinned(&[(name, &thin_name)]) && is_part(&self.thin, &thin_name)
    }

    /// Compares the text with the song's title.
    fn title(&mut self, song: SongId) {
        let title = self.catalogue.normalised_title(song);
        let least_rank = if begins_a_word(self.whole.text, title) {
            WORD_RANK
        } else {
            let end = title.char_indices().nth(self.whole.pattern.length()).map_or(title.len(), |(at, _)| at);
            self.whole
                .pattern
                .edits(&title[..end], MIN_BEGINNING_SIMILARITY)
                .map_or(0.0, |edits| edits.similarity() * WORD_RANK)
        };
        let mut found: Option<Comparison> = None;
        for (i, name) in self.catalogue.names(song).enumerate() {
            if let Some(edits) = self.name_edits(name) {
                let is_slip = self.whole.pattern.length() >= MIN_WORD_CHARS
                    && edits.are_few()
                    && digits(self.whole.text).eq(digits(name));
                let closeness = if is_slip { Closeness::Slip } else { Closeness::Name };
                found = closest(found, Some(Comparison { closeness, edits, is_whole: i == 0 }));
            }
        }
        if found.is_none() && least_rank > 0.0 {
            found = self.whole.pattern.edits(title, 0.0).map(|edits| Comparison {
                closeness: Closeness::Part,
                edits,
                is_whole: true,
            });
        }
        self.push(song, found, least_rank);
    }

    fn name_edits(&self, name: &str) -> Option<Edits> {
        let whole = self.whole.pattern.edits(name, MIN_SIMILARITY);
        let thin_name = without_small_words(name);
        let thin = self
            .is_thinned(&[(name, &thin_name)])
            .then(|| self.thin.pattern.edits(&thin_name, MIN_SIMILARITY))
            .flatten()
            .map(|edits| edits.and(1));
        [whole, thin].into_iter().flatten().min_by_key(|edits| edits.count)
    }

    /// Whether the text, or one of these names, has words that people leave out.
    fn is_thinned(&self, names: &[(&str, &str)]) -> bool {
        self.thin.text.len() < self.whole.text.len()
            || names.iter().any(|(name, thin)| thin.len() < name.len())
    }

    /// Compares the text with the song's artist and title in either order.
    fn pair(&mut self, song: SongId) {
        let artist = self.catalogue.normalised_artist(song);
        if artist.is_empty() {
            return;
        }
        let mut found: Option<Comparison> = None;
        let mut name = String::new();
        for (i, title) in self.catalogue.names(song).enumerate() {
            name.clear();
            name.extend([artist, " ", title]);
            let at_least = self.whole.pattern.at_least(&name);
            let most = BY + (at_least.length as f64 * (1.0 - MIN_SIMILARITY)) as usize;
            if at_least.count > most + SMALL_WORDS {
                continue;
            }
            let mut compare = |typed: &Typed<'_>, artist: &str, title: &str, more: usize| {
                let pair = pair_edits(&mut name, typed, artist, title);
                let pair = pair.map(|(closeness, edits)| Comparison {
                    closeness,
                    edits: edits.and(more),
                    is_whole: i == 0,
                });
                found = closest(found, pair);
            };
            if at_least.count <= most {
                compare(&self.whole, artist, title, 0);
            }
            let (thin_artist, thin_title) = (without_small_words(artist), without_small_words(title));
            if self.is_thinned(&[(artist, &thin_artist), (title, &thin_title)]) {
                compare(&self.thin, &thin_artist, &thin_title, 1);
            }
        }
        self.push(song, found, 0.0);
    }

    fn push(&mut self, song: SongId, found: Option<Comparison>, least_rank: f64) {
        if let Some(Comparison { closeness, edits, is_whole }) = found {
            let rank = edits.similarity().max(least_rank);
            self.close.push(CloseSong { song, edits, closeness, is_whole, rank });
        }
    }
}

/// What comes out when a text is compared with a name of a song.
#[derive(Clone, Copy)]
struct Comparison {
    closeness: Closeness,
    edits: Edits,
    is_whole: bool,
}

/// The closest of comparisons with names of one song, the first among equals.
fn closest(a: Option<Comparison>, b: Option<Comparison>) -> Option<Comparison> {
    let key = |of: &Comparison| (of.closeness, Reverse(of.edits.count));
    match (a, b) {
        (Some(a), Some(b)) if key(&b) > key(&a) => Some(b),
        (a, b) => a.or(b),
    }
}

/// The fewest edits between a text and an artist and title in either order, or with `by` between. `name` is scratch memory.
fn pair_edits(name: &mut String, typed: &Typed<'_>, artist: &str, title: &str) -> Option<(Closeness, Edits)> {
    let mut found: Option<(Closeness, Edits)> = None;
    let orders =
        [([artist, " ", title], true), ([title, " ", artist], false), ([title, " by ", artist], false)];
    for (parts, is_title_last) in orders {
        name.clear();
        name.extend(parts);
        let Some(edits) = typed.pattern.edits(name, MIN_SIMILARITY) else {
            continue;
        };
        let of_title = Edits::of_part(title, typed.text, is_title_last);
        let of_artist =
            Edits { count: edits.count.saturating_sub(of_title.count), length: artist.chars().count() };
        let is_slip = edits.are_few()
            && of_title.similarity() >= MIN_PART_SIMILARITY
            && of_artist.similarity() >= MIN_PART_SIMILARITY
            && digits(typed.text).eq(digits(name));
        let closeness = if is_slip { Closeness::Slip } else { Closeness::Name };
        let is_closer = |(other, others): (Closeness, Edits)| {
            (closeness, Reverse(edits.count)) > (other, Reverse(others.count))
        };
        if found.is_none_or(is_closer) {
            found = Some((closeness, edits));
        }
    }
    found
}

/// A normalised text without the words that people leave out; as it is, when it has nothing else.
fn without_small_words(text: &str) -> Cow<'_, str> {
    let is_small = |word: &&str| matches!(*word, "the" | "and");
    if !(text.contains("the") || text.contains("and")) || !text.split(' ').any(|word| is_small(&word)) {
        return Cow::Borrowed(text);
    }
    let words: Vec<&str> = text.split(' ').filter(|word| !is_small(word)).collect();
    if words.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(words.join(" ")) }
}

fn digits(text: &str) -> impl Iterator<Item = char> + '_ {
    text.chars().filter(|c| c.is_numeric())
}

/// Whether a word of `name`, and what follows, begins with `text`.
fn begins_a_word(text: &str, name: &str) -> bool {
    text.chars().nth(MIN_WORD_CHARS - 1).is_some()
        && name.match_indices(text).any(|(at, _)| at == 0 || name[..at].ends_with(' '))
}

/// Calls `found` with all texts at one edit with a letter of the Latin alphabet or a blank.
fn for_each_edit(text: &str, mut found: impl FnMut(&str)) {
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let mut edited = String::with_capacity(text.len() + 1);
    let mut try_parts = |parts: &[&str]| {
        edited.clear();
        edited.extend(parts.iter().copied());
        found(&edited);
    };
    let letters: Vec<String> = ('a'..='z').chain(iter::once(' ')).map(String::from).collect();
    for (i, &at) in ends.iter().enumerate() {
        let before = &text[..at];
        for letter in &letters {
            try_parts(&[before, letter, &text[at..]]);
        }
        let Some(&end) = ends.get(i + 1) else { break };
        try_parts(&[before, &text[end..]]);
        for letter in &letters {
            try_parts(&[before, letter, &text[end..]]);
        }
        if let Some(&end_of_next) = ends.get(i + 2) {
            try_parts(&[before, &text[end..end_of_next], &text[at..end], &text[end_of_next..]]);
        }
    }
}
