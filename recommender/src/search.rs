use std::collections::HashSet;

use model::SongId;

use crate::{
    catalogue::Catalogue,
    closeness::{CloseSong, close_songs},
    normalised::normalise,
};

/// The most places between words at which a text is divided into artist and title.
const MAX_SPLITS: usize = 16;

/// Up to so many matches are simply sorted.
const FEW_MATCHES: usize = 1_000;

/// One page of the songs that a search found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SearchPage {
    /// The songs, the best first; none twice.
    pub songs: Vec<SongId>,
    /// Whether there are songs after these.
    pub more: bool,
}

/// Finds songs by what was typed so far, and returns those from `offset` on, at most `count`.
///
/// First come the songs whose title, artist, or both in either order begin with it, by falling support count; then those with
/// such a word further on, and those whose name is close to it, the closest first. A blank query lists all songs by falling
/// support count.
pub(crate) fn search(catalogue: &Catalogue, query: &str, offset: usize, count: usize) -> SearchPage {
    let end = offset.saturating_add(count);
    let query = normalise(query);
    if query.is_empty() {
        let all = catalogue.len();
        return SearchPage {
            songs: (offset.min(all)..end.min(all)).map(|song| song as SongId).collect(),
            more: end < all,
        };
    }
    let wanted = end.saturating_add(1);
    let mut songs = completions(catalogue, &query, wanted);
    if songs.len() < wanted {
        append_close(&mut songs, &close_songs(catalogue, &query));
    }
    let more = songs.len() > end;
    songs.truncate(end);
    songs.drain(..offset.min(songs.len()));
    SearchPage { songs, more }
}

/// Appends the close songs that are not among the completions yet, each once.
fn append_close(completions: &mut Vec<SongId>, close: &[CloseSong]) {
    let mut seen: HashSet<SongId> = completions.iter().copied().collect();
    let songs = close.iter().map(|close| close.song);
    completions.extend(songs.filter(|&song| seen.insert(song)));
}

/// The first `wanted` of the songs whose title, artist, or both in either order begin with `query`, ascending.
pub(crate) fn completions(catalogue: &Catalogue, query: &str, wanted: usize) -> Vec<SongId> {
    let titles = catalogue.title_prefix(query);
    let artists = catalogue.artist_prefix(query);
    let both = begun_pairs(catalogue, query);
    let matches = titles.songs.len() + artists.songs.len() + both.len();

    // Among very many matches the commonest are met soon when one walks through all songs by falling support count. When
    // they are not, walking ends after as many songs as there are matches, so that it costs no more than sorting does.
    if matches > FEW_MATCHES {
        let walked = catalogue.len().min(matches.saturating_mul(2));
        let found: Vec<SongId> = (0..walked as SongId)
            .filter(|song| {
                titles.contains(*song) || artists.contains(*song) || both.binary_search(song).is_ok()
            })
            .take(wanted)
            .collect();
        if found.len() == wanted || walked == catalogue.len() {
            return found;
        }
    }

    let mut found = both;
    found.extend_from_slice(titles.songs);
    found.extend_from_slice(artists.songs);
    // No song is there more than three times.
    let enough = wanted.saturating_mul(3);
    if found.len() > enough {
        found.select_nth_unstable(enough);
        found.truncate(enough);
    }
    found.sort_unstable();
    found.dedup();
    found.truncate(wanted);
    found
}

/// The songs of which the query gives the whole artist and the beginning of the title, or the reverse; ascending.
fn begun_pairs(catalogue: &Catalogue, query: &str) -> Vec<SongId> {
    let mut found = Vec::new();
    for (left, right) in word_splits(query) {
        let (titles, artists) = (catalogue.title_prefix(right), catalogue.artist_prefix(right));
        found.extend(catalogue.by_artist(left).iter().filter(|&&song| titles.contains(song)));
        found.extend(catalogue.titled(left).iter().filter(|&&song| artists.contains(song)));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The first places at which a normalised text can be divided between two words.
pub(crate) fn word_splits(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.match_indices(' ').take(MAX_SPLITS).map(|(at, _)| (&text[..at], &text[at + 1..]))
}
