use std::collections::HashSet;

use model::SongId;

use crate::{
    additions::{dash_splits, without_additions},
    catalogue::Catalogue,
    closeness::{CloseSong, Closeness, close_songs},
    edits::{Edits, Pattern},
    normalised::normalise,
    search::{completions, word_splits},
};

/// The most suggestions for one seed.
const MAX_SUGGESTIONS: usize = 5;

/// The most dashes at which a seed is divided into artist and title.
const MAX_DASH_SPLITS: usize = 8;

/// A name at one edit less is likelier to be meant, unless it is so many times rarer. This and the next two were chosen with
/// `examples/resolve_typed.rs`.
const EDIT_FACTOR: f64 = 30.0;

/// A name that is the whole title is likelier to be meant than one without additions, unless it is so many times rarer.
const WHOLE_FACTOR: f64 = 2.0;

/// How many times likelier a song must be than any of another name to be taken.
const MIN_LEAD: f64 = 2.0;

/// When additions differ, the song whose whole name is as similar as that is meant.
const MIN_WHOLE_SIMILARITY: f64 = 0.8;

/// How a seed was understood.
#[derive(Clone, Debug, PartialEq)]
pub struct SeedMatch {
    /// How it was matched.
    pub kind: MatchKind,
    /// The song that it was taken for; `None` only for [`MatchKind::Unknown`].
    pub song: Option<SongId>,
    /// How alike the seed and the song's name are, in [0, 1]: the share of the longer one that needs no edit for
    /// [`MatchKind::Fuzzy`], 0 for [`MatchKind::Unknown`], and otherwise 1.
    pub similarity: f64,
    /// For [`MatchKind::Fuzzy`] and [`MatchKind::Unknown`], other songs that may have been meant, the likeliest by
    /// similarity and popularity first; at most 5.
    pub suggestions: Vec<SongId>,
}

/// The ways in which a seed is matched with a song.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MatchKind {
    /// It is the song's title, or artist and title in either order with ` - ` between, letter by letter.
    Exact,
    /// The same but for case, diacritics, punctuation, or additions such as `(feat. …)`, `- Remastered` or what else stands
    /// in brackets or after a dash. Also where the letters are those of a title, but another song that has it without additions is
    /// more than twice as common.
    Normalised,
    /// It is a misspelling of the song's title, or of artist and title in either order: from 3 characters on it takes at most one
    /// edit, and one more for every 10 characters. An edit is a letter left out, added or replaced, or two neighbours
    /// exchanged; blanks, `the` and `and` that are left out or added count as one together. Digits are the same, and of artist and
    /// title, each is similar by 0.6 or more. Of several songs that one is taken whose support count is the greatest, divided by 30 for every edit, and by 2 when additions are left
    /// out; it must be at least twice as great as that of any song of another name.
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
    if let Some(song) = by_name(catalogue, seed, &normalised) {
        return SeedMatch::certain(MatchKind::Normalised, song);
    }
    let short = without_additions(seed).map(|short| (normalise(&short), short));
    if let Some((normalised_short, short)) = &short
        && let Some(song) = by_short_name(catalogue, &normalised, short, normalised_short)
    {
        return SeedMatch::certain(MatchKind::Normalised, song);
    }
    // A link is looked up after the names, for a title may have a `/` or `:` too; and so may a bare id be a title.
    if let Some(song) = catalogue.find_link(seed) {
        return SeedMatch::certain(MatchKind::Uri, song);
    }
    let mut close = close_songs(catalogue, &normalised);
    if let Some((short, _)) = &short {
        close.extend(close_songs(catalogue, short));
    }
    guess(catalogue, &normalised, &close)
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
        return (titled(catalogue, normalised, Some(song)) == Some(song)).then_some(song);
    }
    dash_splits(seed).take(MAX_DASH_SPLITS).find_map(|(left, right)| {
        let (normalised_left, normalised_right) = (normalise(left), normalise(right));
        let exact = |artist: &str, title: &str, named: (&str, &str)| {
            let songs = catalogue.by_artist_and_title(artist, title);
            songs.into_iter().find(|&song| name(song) == named)
        };
        exact(&normalised_left, &normalised_right, (left, right))
            .or_else(|| exact(&normalised_right, &normalised_left, (right, left)))
    })
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
    if catalogue.titled(normalised).is_empty()
        && let Some(song) = by_dash().or_else(by_word)
    {
        return Some(song);
    }
    titled(catalogue, normalised, catalogue.titled(normalised).first().copied())
}

/// The song with this normalised title: `whole`, which has it as it is, or the commonest that has it without additions where
/// that is many times as common.
fn titled(catalogue: &Catalogue, normalised: &str, whole: Option<SongId>) -> Option<SongId> {
    let short = catalogue.short_titled(normalised).first().copied();
    let support = |song: SongId| f64::from(catalogue.songs().get(song).support_count);
    match (whole, short) {
        (Some(whole), Some(short)) if support(short) <= support(whole) * WHOLE_FACTOR => Some(whole),
        (whole, short) => short.or(whole),
    }
}

/// The song whose title, or artist and title in either order, is the seed without additions: `short`. Of several, it is one
/// whose additions are like those of the seed, `normalised`, or whose artist is named among them.
fn by_short_name(
    catalogue: &Catalogue,
    normalised: &str,
    short: &str,
    normalised_short: &str,
) -> Option<SongId> {
    let pattern = Pattern::new(normalised);
    let songs = [catalogue.titled(normalised_short), catalogue.short_titled(normalised_short)].concat();
    let similarity = |&song: &SongId| {
        let artist = catalogue.normalised_artist(song);
        let names = catalogue.names(song).flat_map(|title| {
            [title.to_owned(), format!("{artist} {title}"), format!("{title} by {artist}")]
        });
        names
            .filter_map(|name| pattern.as_ref()?.edits(&name, MIN_WHOLE_SIMILARITY))
            .map(Edits::similarity)
            .fold(0.0, f64::max)
    };
    let similar = songs
        .iter()
        .copied()
        .map(|song| (similarity(&song), song))
        .filter(|&(similarity, _)| similarity > 0.0);
    let most_similar = similar.max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let is_named_too = |&song: &SongId| {
        let artist = catalogue.normalised_artist(song);
        !artist.is_empty() && format!(" {normalised} ").contains(&format!(" {artist} "))
    };
    most_similar
        .map(|(_, song)| song)
        .or_else(|| songs.iter().copied().filter(is_named_too).min())
        .or_else(|| by_name(catalogue, short, normalised_short))
}

/// The song that is likelier than any other to be meant, or else those that may have been meant.
fn guess(catalogue: &Catalogue, normalised: &str, close: &[CloseSong]) -> SeedMatch {
    let taken = taken(catalogue, close);
    let completed = completions(catalogue, normalised, MAX_SUGGESTIONS + 1);
    // A completion, or a part of a name, is as likely as a name with so many edits.
    let completed = completed.into_iter().map(|song| (likelihood(catalogue, song, 1), song));
    let mut meant: Vec<(f64, SongId)> = completed
        .chain(close.iter().map(|close| match close.closeness {
            Closeness::Part => (likelihood(catalogue, close.song, 2), close.song),
            _ => (likelihood_of(catalogue, close), close.song),
        }))
        .collect();
    meant.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    let namesake = |song: SongId| catalogue.namesakes()[song as usize];
    let mut seen: HashSet<SongId> = taken.iter().map(|taken| namesake(taken.song)).collect();
    let others = meant.into_iter().map(|(_, song)| song).filter(|&song| seen.insert(namesake(song)));
    SeedMatch {
        kind: if taken.is_some() { MatchKind::Fuzzy } else { MatchKind::Unknown },
        song: taken.map(|taken| taken.song),
        similarity: taken.map_or(0.0, |taken| taken.edits.similarity()),
        suggestions: others.take(MAX_SUGGESTIONS).collect(),
    }
}

/// The song that is so much likelier to be meant than any of another name that it is taken.
fn taken(catalogue: &Catalogue, close: &[CloseSong]) -> Option<CloseSong> {
    let slips = || {
        close
            .iter()
            .filter(|close| close.closeness == Closeness::Slip)
            .map(|close| (likelihood_of(catalogue, close), close))
    };
    let (likelihood, best) = slips().max_by(|a, b| a.0.total_cmp(&b.0).then(b.1.song.cmp(&a.1.song)))?;
    // Songs that are called the same, but for additions, are one name that several songs have.
    let name = |song: SongId| catalogue.names(song).last();
    let has_rival = slips()
        .filter(|&(other, _)| other * MIN_LEAD > likelihood)
        .any(|(_, other)| name(other.song) != name(best.song));
    (!has_rival).then_some(*best)
}

/// How likely it is that the song is meant by a name at so many edits, but for a factor.
fn likelihood(catalogue: &Catalogue, song: SongId, edits: usize) -> f64 {
    f64::from(catalogue.songs().get(song).support_count) / EDIT_FACTOR.powi(edits as i32)
}

fn likelihood_of(catalogue: &Catalogue, close: &CloseSong) -> f64 {
    let likelihood = likelihood(catalogue, close.song, close.edits.count);
    if close.is_whole { likelihood } else { likelihood / WHOLE_FACTOR }
}
