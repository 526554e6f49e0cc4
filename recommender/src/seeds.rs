use std::collections::HashSet;

use model::SongId;

use crate::{
    catalogue::Catalogue,
    closeness::{CloseSong, close_songs},
    normalised::{dash_splits, normalise, without_additions},
    search::{append_close, completions, word_splits},
};

/// The most suggestions for one seed.
const MAX_SUGGESTIONS: usize = 5;

/// The most dashes at which a seed is divided into artist and title.
const MAX_DASH_SPLITS: usize = 8;

/// A song this similar to the seed is taken for it. One edit is enough of a likeness from [`MIN_LENGTH`] characters on.
const MIN_SIMILARITY: f64 = 0.88;
const MIN_LENGTH: usize = 6;

/// By how much more similar the song must be than any other.
const MIN_LEAD: f64 = 0.05;

/// How a seed was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedMatch {
    /// How it was matched.
    pub kind: MatchKind,
    /// The song that it was taken for; `None` only for [`MatchKind::Unknown`].
    pub song: Option<SongId>,
    /// How alike the seed and the song's name are, in [0, 1]: 1 but for [`MatchKind::Fuzzy`], and 0 for
    /// [`MatchKind::Unknown`].
    pub similarity: f64,
    /// For [`MatchKind::Fuzzy`] and [`MatchKind::Unknown`], other songs that may have been meant, the likeliest first; at
    /// most 5.
    pub suggestions: Vec<SongId>,
}

/// The ways in which a seed is matched with a song.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchKind {
    /// It is the song's title, or artist and title in either order with ` - ` between, letter by letter.
    Exact,
    /// The same but for case, diacritics, punctuation, or an addition such as `(feat. …)` or `- Remastered`.
    Normalised,
    /// One song is so close that it was taken: it is one edit away (of at least 6 characters) or has a similarity of 0.88 or
    /// more, has the same digits, and is more similar than any with another title by at least 0.05.
    Fuzzy,
    /// It is a URI of the song, a link to it, or its bare id.
    Uri,
    /// No song was found.
    Unknown,
}

impl SeedMatch {
    fn certain(kind: MatchKind, song: SongId) -> SeedMatch {
        SeedMatch { kind, song: Some(song), similarity: 1.0, suggestions: Vec::new() }
    }
}

/// Finds the song that a seed means. Of several with the same name it is the commonest.
pub(crate) fn resolve(catalogue: &Catalogue, seed: &str) -> SeedMatch {
    let seed = seed.trim();
    let normalised = normalise(seed);
    if normalised.is_empty() {
        return SeedMatch { kind: MatchKind::Unknown, song: None, similarity: 0.0, suggestions: Vec::new() };
    }
    if let Some(song) = catalogue.find_uri(seed) {
        return SeedMatch::certain(MatchKind::Uri, song);
    }
    if let Some(song) = exact(catalogue, seed, &normalised) {
        return SeedMatch::certain(MatchKind::Exact, song);
    }
    let short = without_additions(seed);
    let found = by_name(catalogue, seed, &normalised)
        .or_else(|| catalogue.short_titled(&normalised).first().copied())
        .or_else(|| {
            let short = short.as_deref()?;
            let normalised = normalise(short);
            by_name(catalogue, short, &normalised)
                .or_else(|| catalogue.short_titled(&normalised).first().copied())
        });
    if let Some(song) = found {
        return SeedMatch::certain(MatchKind::Normalised, song);
    }
    // A link is looked up after the names, for a title may have a `/` or `:` too; and so may a bare id be a title.
    if let Some(song) = catalogue.find_link(seed) {
        return SeedMatch::certain(MatchKind::Uri, song);
    }
    guess(catalogue, &normalised, short.as_deref())
}

/// The song whose title, or artist and title in either order, is the seed letter by letter.
fn exact(catalogue: &Catalogue, seed: &str, normalised: &str) -> Option<SongId> {
    let name = |song: SongId| {
        let song = catalogue.songs().get(song);
        (song.artist.trim(), song.title.trim())
    };
    // What is equal is equal when normalised, so these are all.
    let is_titled = |&song: &SongId| name(song).1 == seed;
    if let Some(song) = catalogue.titled(normalised).iter().copied().find(is_titled) {
        return Some(song);
    }
    dash_splits(seed).take(MAX_DASH_SPLITS).flat_map(|(left, right)| [(left, right), (right, left)]).find_map(
        |(artist, title)| {
            catalogue
                .by_artist_and_title(&normalise(artist), &normalise(title))
                .into_iter()
                .find(|&song| name(song) == (artist, title))
        },
    )
}

/// The song whose title, or artist and title in either order, is the seed when both are normalised.
fn by_name(catalogue: &Catalogue, seed: &str, normalised: &str) -> Option<SongId> {
    let pair = |artist: &str, title: &str| {
        let songs = catalogue.by_artist_and_title(artist, title);
        songs.first().copied()
    };
    let by_dash = || {
        dash_splits(seed).take(MAX_DASH_SPLITS).find_map(|(left, right)| {
            let (left, right) = (normalise(left), normalise(right));
            pair(&left, &right).or_else(|| pair(&right, &left))
        })
    };
    // The dash, like other punctuation, does not matter; nor does a `by`.
    let by_word = || {
        word_splits(normalised).find_map(|(left, right)| {
            pair(left, right).or_else(|| pair(right, left)).or_else(|| pair(right.strip_prefix("by ")?, left))
        })
    };
    (catalogue.titled(normalised).first().copied()).or_else(by_dash).or_else(by_word)
}

/// The song that is close to the seed and has no rival, or else those that may have been meant.
fn guess(catalogue: &Catalogue, normalised: &str, short: Option<&str>) -> SeedMatch {
    let mut close = close_songs(catalogue, normalised);
    let mut text = normalised.to_owned();
    if let Some(short) = short {
        let short = normalise(short);
        let close_to_short = close_songs(catalogue, &short);
        if best_similarity(&close_to_short) > best_similarity(&close) {
            (close, text) = (close_to_short, short);
        }
    }
    let taken = taken(catalogue, &text, &close);

    let mut songs = completions(catalogue, &text, MAX_SUGGESTIONS + 1);
    append_close(&mut songs, &close);
    let namesakes = catalogue.namesakes();
    let namesake = |song: SongId| namesakes[song as usize];
    let mut seen: HashSet<SongId> = taken.iter().map(|taken| namesake(taken.song)).collect();
    songs.retain(|&song| seen.insert(namesake(song)));
    songs.truncate(MAX_SUGGESTIONS);
    SeedMatch {
        kind: match taken {
            Some(_) => MatchKind::Fuzzy,
            None => MatchKind::Unknown,
        },
        song: taken.map(|taken| taken.song),
        similarity: taken.map_or(0.0, |taken| taken.edits.similarity()),
        suggestions: songs,
    }
}

fn best_similarity(close: &[CloseSong]) -> f64 {
    close.iter().filter(|close| close.is_named).map(|close| close.edits.similarity()).fold(0.0, f64::max)
}

/// The song that is so close to the text that it is taken for it.
fn taken(catalogue: &Catalogue, text: &str, close: &[CloseSong]) -> Option<CloseSong> {
    let similarity = best_similarity(close);
    let named = || close.iter().filter(|close| close.is_named);
    // Songs that have the same title, but for additions, are one name that several songs have. Then a title without additions
    // is meant, and after that the commonest.
    let best = named()
        .filter(|close| close.edits.similarity() == similarity)
        .min_by_key(|close| (has_additions(catalogue, close.song), close.song))?;
    let edits = best.edits;
    let is_close = similarity >= MIN_SIMILARITY || (edits.count == 1 && edits.length >= MIN_LENGTH);
    let title = short_title(catalogue, best.song);
    let has_rival = named()
        .filter(|close| close.edits.similarity() > similarity - MIN_LEAD)
        .any(|rival| short_title(catalogue, rival.song) != title);
    (is_close && !has_rival && has_same_digits(catalogue, text, best.song)).then_some(*best)
}

/// Whether a text has the digits of the song's title, with its additions or without, alone or beside those of its artist.
/// Another number is another song, not a slip of the finger.
fn has_same_digits(catalogue: &Catalogue, text: &str, song: SongId) -> bool {
    let digits = |text: &str| -> String { text.chars().filter(|c| c.is_numeric()).collect() };
    let typed = digits(text);
    let artist = digits(catalogue.normalised_artist(song));
    let titles = [catalogue.normalised_title(song), &short_title(catalogue, song)];
    titles.into_iter().map(digits).any(|title| {
        typed == title || typed == format!("{artist}{title}") || typed == format!("{title}{artist}")
    })
}

fn has_additions(catalogue: &Catalogue, song: SongId) -> bool {
    without_additions(catalogue.songs().get(song).title).is_some()
}

/// The song's normalised title without additions.
fn short_title(catalogue: &Catalogue, song: SongId) -> String {
    match without_additions(catalogue.songs().get(song).title) {
        Some(short) => normalise(&short),
        None => catalogue.normalised_title(song).to_owned(),
    }
}
