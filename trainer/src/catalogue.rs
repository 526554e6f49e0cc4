use std::{cmp::Reverse, ops::Range};

use model::{ArtistId, Artists, InvalidTable, Songs};
use rayon::prelude::*;

use crate::{
    baskets::Baskets,
    columns::Column,
    identity::{ArtistTexts, Identity, SongKeys, Spelling, composed, text},
    interning::CellList,
    playlists::Playlists,
};

/// No number: there is nothing that could have one.
const NONE: u32 = u32::MAX;

/// Songs whose spellings are looked up together.
const LOOKED_UP: usize = 256;

/// The baskets of a dataset and what is to be known of their songs. It does not depend on the order of the rows, but for the
/// order of the baskets.
pub(crate) struct Catalogue {
    pub(crate) baskets: Baskets,
    pub(crate) songs: Songs,
    pub(crate) artists: Artists,
    pub(crate) song_artists: Vec<Option<ArtistId>>,
    /// By basket, as [`Playlists::pid_hashes`] gives them.
    pub(crate) pid_hashes: Vec<u64>,
}

impl Catalogue {
    /// `cells` are those of the spellings that `identity` and `playlists` number.
    pub(crate) fn new(
        cells: CellList,
        identity: Identity,
        playlists: Playlists,
    ) -> Result<Self, InvalidTable> {
        let (spellings, artist_texts, song_keys) = identity.into_parts();
        let pid_hashes = playlists.pid_hashes();
        let (rows, ends) = playlists.into_groups();
        let (row_counts, support_counts) = rayon::join(
            || row_counts(&rows, spellings.len()),
            || support_counts(&spellings, song_keys.artists.len(), &rows, &ends),
        );
        let order = order(&song_keys, &artist_texts, &support_counts);
        drop(song_keys);
        let baskets = baskets(&spellings, &order, rows, ends);
        let spellings = Spellings::new(cells, spellings, artist_texts, row_counts, order.len());
        let shown_artists = shown_artists(&spellings, &order);
        let (songs, artists) = rayon::join(
            || songs(&spellings, &order, &support_counts, &shown_artists),
            || artists(&spellings, &shown_artists, &baskets),
        );
        let (songs, (artists, song_artists)) = (songs?, artists?);
        Ok(Catalogue { baskets, songs, artists, song_artists, pid_hashes })
    }
}

/// The rows that have each spelling.
fn row_counts(rows: &[u32], spellings: usize) -> Vec<u64> {
    let mut counts = vec![0; spellings];
    for &spelling in rows {
        counts[spelling as usize] += 1;
    }
    counts
}

/// The playlists that hold each song, by the number that the spellings give it.
fn support_counts(spellings: &[Spelling], song_count: usize, rows: &[u32], ends: &[usize]) -> Vec<u32> {
    let mut counts = vec![0; song_count];
    let mut last_seen = vec![NONE; song_count];
    let mut start = 0;
    for (playlist, &end) in (0..).zip(ends) {
        for &spelling in &rows[start..end] {
            let song = spellings[spelling as usize].song as usize;
            if last_seen[song] != playlist {
                last_seen[song] = playlist;
                counts[song] += 1;
            }
        }
        start = end;
    }
    counts
}

/// The songs by falling support count and then by what identifies them.
fn order(keys: &SongKeys, artists: &ArtistTexts, support_counts: &[u32]) -> Vec<u32> {
    let texts = &artists.texts;
    let artist_ranks = inverse(&sorted_by_text(0..texts.len() as u32, |_| (), |id| texts.get(id)));
    sorted_by_text(
        0..support_counts.len() as u32,
        |song| {
            let artist = keys.artists[song as usize] as usize;
            (Reverse(support_counts[song as usize]), artist_ranks.get(artist).copied())
        },
        |song| keys.texts.get(song as usize),
    )
}

/// The numbers by what comes first of each, and then by their texts.
fn sorted_by_text<'t, K: Ord + Send + Sync>(
    numbers: Range<u32>,
    first: impl Fn(u32) -> K,
    text: impl Fn(u32) -> &'t str + Sync,
) -> Vec<u32> {
    // URIs begin alike.
    let mut texts = numbers.clone().map(|number| text(number).as_bytes());
    let one = texts.next().unwrap_or_default();
    let common = texts
        .fold(one.len(), |common, text| one[..common].iter().zip(text).take_while(|(a, b)| a == b).count());
    // What follows decides most comparisons without a look at the texts themselves, which lie scattered in memory.
    let mut places: Vec<(K, [u8; 8], u32)> = numbers
        .map(|number| {
            let mut front = [0; 8];
            front.iter_mut().zip(&text(number).as_bytes()[common..]).for_each(|(front, &byte)| *front = byte);
            (first(number), front, number)
        })
        .collect();
    places.par_sort_unstable_by(|(a, a_front, a_number), (b, b_front, b_number)| {
        (a, a_front).cmp(&(b, b_front)).then_with(|| text(*a_number).cmp(text(*b_number)))
    });
    places.into_iter().map(|(_, _, number)| number).collect()
}

/// Where each number is in `order`, which has each once.
fn inverse(order: &[u32]) -> Vec<u32> {
    let mut places = vec![0; order.len()];
    for (place, &number) in (0..).zip(order) {
        places[number as usize] = place;
    }
    places
}

/// The baskets, with songs numbered by their order.
fn baskets(spellings: &[Spelling], order: &[u32], mut rows: Vec<u32>, ends: Vec<usize>) -> Baskets {
    let places = inverse(order);
    let ids: Vec<u32> = spellings.iter().map(|spelling| places[spelling.song as usize]).collect();
    rows.par_iter_mut().for_each(|row| *row = ids[*row as usize]);
    Baskets::from_groups(rows, ends)
}

/// The spellings of a dataset with their rows.
struct Spellings {
    cells: CellList,
    list: Vec<Spelling>,
    artists: ArtistTexts,
    row_counts: Vec<u64>,
    /// The spellings, those of each song together.
    by_song: Vec<u32>,
    /// Where those of each song begin in `by_song`, and a last entry with their number.
    starts: Vec<u32>,
}

impl Spellings {
    fn new(
        cells: CellList,
        list: Vec<Spelling>,
        artists: ArtistTexts,
        row_counts: Vec<u64>,
        song_count: usize,
    ) -> Self {
        let (by_song, starts) = grouped(list.iter().map(|spelling| spelling.song), song_count);
        Spellings { cells, list, artists, row_counts, by_song, starts }
    }

    fn of(&self, song: u32) -> &[u32] {
        let song = song as usize;
        &self.by_song[self.starts[song] as usize..self.starts[song + 1] as usize]
    }

    /// What `text` says of the spellings of a song, the commonest first, equally common texts by their letters. Empty ones are left out.
    fn ranked<T: Ord>(&self, song: u32, text: impl Fn(u32) -> Option<T>) -> Vec<T> {
        let mut texts: Vec<(T, u64)> = self
            .of(song)
            .iter()
            .filter_map(|&spelling| Some((text(spelling)?, self.row_counts[spelling as usize])))
            .collect();
        texts.sort_unstable();
        texts.dedup_by(|(next, next_rows), (first, rows)| {
            let is_same = next == first;
            if is_same {
                *rows += *next_rows;
            }
            is_same
        });
        // Equally common texts stay in their order.
        texts.sort_by_key(|&(_, rows)| Reverse(rows));
        texts.into_iter().map(|(text, _)| text).collect()
    }
}

/// The title and the URI of a spelling's cells, which were checked when it was added.
fn title_and_uri([title, _, uri]: [&[u8]; 3]) -> (&str, &str) {
    let checked = |cell, column| text(cell, column).unwrap_or_default();
    (checked(title, Column::Title), checked(uri, Column::Uri))
}

/// The positions of `owners`, those of each owner together and ascending, and where those of each begin, with a last entry.
fn grouped(owners: impl Iterator<Item = u32> + Clone, owner_count: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0; owner_count + 1];
    for owner in owners.clone() {
        starts[owner as usize + 1] += 1;
    }
    for owner in 0..owner_count {
        starts[owner + 1] += starts[owner];
    }
    let mut next = starts.clone();
    let mut positions = vec![0; starts[owner_count] as usize];
    for (position, owner) in (0..).zip(owners) {
        let place = &mut next[owner as usize];
        positions[*place as usize] = position;
        *place += 1;
    }
    (positions, starts)
}

/// By song, the id of its artist's commonest text, if it has an artist.
fn shown_artists(spellings: &Spellings, order: &[u32]) -> Vec<Option<u32>> {
    let texts = &spellings.artists.texts;
    let artist = |&spelling: &u32| {
        let id = spellings.list[spelling as usize].artist;
        spellings.artists.is_name(id).then_some(id)
    };
    let shown = |&song: &u32| match spellings.of(song) {
        [spelling] => artist(spelling),
        _ => spellings
            .ranked(song, |spelling| artist(&spelling).map(|id| (texts.get(id), id)))
            .first()
            .map(|&(_, id)| id),
    };
    order.par_iter().map(shown).collect()
}

fn songs(
    spellings: &Spellings,
    order: &[u32],
    support_counts: &[u32],
    shown_artists: &[Option<u32>],
) -> Result<Songs, InvalidTable> {
    let artist_texts = &spellings.artists.texts;
    let mut songs = Songs::with_capacity(order.len(), spellings.cells.cell_bytes());
    let (mut places, mut cells) = (Vec::new(), Vec::new());
    for (order, shown_artists) in order.chunks(LOOKED_UP).zip(shown_artists.chunks(LOOKED_UP)) {
        // Each step for all: then one look into the memory does not wait for the one before.
        places.clear();
        places.extend(order.iter().map(|&song| spellings.of(song)[0]));
        places.iter_mut().for_each(|first| *first = spellings.cells.place(*first));
        cells.clear();
        cells.extend(places.iter().map(|&place| spellings.cells.cells_at(place)));
        for ((&song, &cells), artist) in order.iter().zip(&cells).zip(shown_artists) {
            let artist = artist.map(|artist| artist_texts.get(artist)).unwrap_or_default();
            let support_count = support_counts[song as usize];
            if spellings.of(song).len() == 1 {
                let (title, uri) = title_and_uri(cells);
                let uri = Some(uri).filter(|uri| !uri.is_empty());
                songs.push(&composed(title), artist, uri, support_count)?;
                continue;
            }
            let cells = |spelling| title_and_uri(spellings.cells.cells_at(spellings.cells.place(spelling)));
            let titles = spellings.ranked(song, |spelling| Some(composed(cells(spelling).0)));
            let uris =
                spellings.ranked(song, |spelling| Some(cells(spelling).1).filter(|uri| !uri.is_empty()));
            let title = titles.first().map(|title| &**title).unwrap_or_default();
            songs.push(title, artist, uris, support_count)?;
        }
    }
    Ok(songs)
}

/// The artists, and the artist of each song.
fn artists(
    spellings: &Spellings,
    shown_artists: &[Option<u32>],
    baskets: &Baskets,
) -> Result<(Artists, Vec<Option<ArtistId>>), InvalidTable> {
    let texts = &spellings.artists.texts;
    // The artists as they come, each identified by the text that is equal for all spellings; and their numbers by the ids of these.
    let mut keys: Vec<u32> = Vec::new();
    let mut numbers = vec![NONE; texts.len()];
    let numbered: Vec<u32> = shown_artists
        .iter()
        .map(|&artist| {
            let Some(key) = artist.and_then(|artist| spellings.artists.key(artist)) else {
                return NONE;
            };
            let number = &mut numbers[key as usize];
            if *number == NONE {
                *number = keys.len() as u32;
                keys.push(key);
            }
            *number
        })
        .collect();

    let mut support_counts = vec![0_u32; keys.len()];
    let mut last_seen = vec![NONE; keys.len()];
    for (position, basket) in (0..).zip(baskets.iter()) {
        for &song in basket {
            let artist = numbered[song as usize] as usize;
            if artist < keys.len() && last_seen[artist] != position {
                last_seen[artist] = position;
                support_counts[artist] += 1;
            }
        }
    }

    // The rows that have each text as artist, and of each artist the commonest text.
    let mut row_counts = vec![0; texts.len()];
    for (spelling, rows) in spellings.list.iter().zip(&spellings.row_counts) {
        row_counts[spelling.artist as usize] += rows;
    }
    let mut names: Vec<Option<u32>> = vec![None; keys.len()];
    for id in (0..).take(texts.len()) {
        let number = spellings.artists.key(id).map_or(NONE, |key| numbers[key as usize]);
        let place = |id: u32| (Reverse(row_counts[id as usize]), texts.get(id));
        if let Some(name) = names.get_mut(number as usize)
            && name.is_none_or(|name| place(id) < place(name))
        {
            *name = Some(id);
        }
    }

    let mut order: Vec<u32> = (0..).take(keys.len()).collect();
    order.par_sort_unstable_by_key(|&artist| {
        let position = artist as usize;
        (Reverse(support_counts[position]), texts.get(keys[position]))
    });
    let ids = inverse(&order);
    let song_artists: Vec<Option<ArtistId>> =
        numbered.iter().map(|&artist| ids.get(artist as usize).copied()).collect();
    // Songs without an artist are those of one more, who is left out.
    let owners = song_artists.iter().map(|artist| artist.unwrap_or(keys.len() as u32));
    let (songs, starts) = grouped(owners, keys.len() + 1);
    let mut artists = Artists::default();
    for (bounds, &artist) in starts.windows(2).zip(&order) {
        let position = artist as usize;
        let name = names[position].map(|name| texts.get(name)).unwrap_or_default();
        artists.push(name, support_counts[position], &songs[bounds[0] as usize..bounds[1] as usize])?;
    }
    Ok((artists, song_artists))
}
