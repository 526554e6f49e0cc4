use std::cmp::Reverse;

use foldhash::fast::RandomState;
use hashbrown::HashMap;
use model::{ArtistId, Artists, InvalidTable, SongId, Songs};

use crate::{
    baskets::Baskets,
    identity::{Identity, Spelling},
    interning::Texts,
    playlists::Playlists,
};

/// The baskets of a dataset and what is to be known of their songs. It does not depend on the order of the rows, but for the
/// order of the baskets.
pub(crate) struct Catalogue {
    pub(crate) baskets: Baskets,
    pub(crate) songs: Songs,
    pub(crate) artists: Artists,
    pub(crate) song_artists: Vec<Option<ArtistId>>,
}

impl Catalogue {
    pub(crate) fn new(identity: &Identity, playlists: Playlists) -> Result<Self, InvalidTable> {
        let (baskets, order) = baskets(identity, playlists);
        let support_counts = baskets.support_counts();
        let (songs, shown_artists) = songs(identity, &order, &support_counts)?;
        let (artists, song_artists) = artists(identity, &shown_artists, &baskets)?;
        Ok(Catalogue { baskets, songs, artists, song_artists })
    }
}

/// The baskets, with songs numbered by falling support count and then by what identifies them; and the songs in that order, as
/// `identity` numbers them.
fn baskets(identity: &Identity, playlists: Playlists) -> (Baskets, Vec<u32>) {
    let groups = playlists.into_groups();
    let song_of = |&spelling: &u32| identity.spellings[spelling as usize].song;
    let as_read: Baskets = groups.iter().map(|rows| rows.iter().map(song_of)).collect();
    drop(groups);
    let support_counts = as_read.support_counts();
    let text = |id| identity.texts.get(id);
    let mut order: Vec<u32> = (0..as_read.item_count()).collect();
    order.sort_unstable_by_key(|&song| {
        let (artist, title) = identity.song_keys[song as usize];
        (Reverse(support_counts[song as usize]), text(artist), text(title))
    });
    let mut ids = vec![0; order.len()];
    for (id, &song) in (0..).zip(&order) {
        ids[song as usize] = id;
    }
    let baskets = as_read.iter().map(|basket| basket.iter().map(|&song| ids[song as usize])).collect();
    (baskets, order)
}

/// The songs, and the id of the text of each one's artist, if it has one.
fn songs(
    identity: &Identity,
    order: &[u32],
    support_counts: &[u32],
) -> Result<(Songs, Vec<Option<u32>>), InvalidTable> {
    let texts = &identity.texts;
    let ranking = |text: fn(&Spelling) -> u32| {
        let tallies = identity.spellings.iter().map(|spelling| Tally {
            owner: spelling.song,
            text: text(spelling),
            rows: spelling.rows,
        });
        Ranking::new(tallies.collect(), order.len(), texts)
    };
    let titles = ranking(|spelling| spelling.title);
    let artists = ranking(|spelling| spelling.artist);
    let uris = ranking(|spelling| spelling.uri);

    let mut songs = Songs::default();
    let mut shown_artists = Vec::with_capacity(order.len());
    for (&song, &support_count) in order.iter().zip(support_counts) {
        let title = titles.commonest(song, texts);
        let artist = artists.commonest(song, texts);
        let uris = uris.of(song).map(|uri| texts.get(uri));
        songs.push(title, artist, uris, support_count)?;
        shown_artists.push(artists.of(song).next());
    }
    Ok((songs, shown_artists))
}

/// The artists, and the artist of each song.
fn artists(
    identity: &Identity,
    shown_artists: &[Option<u32>],
    baskets: &Baskets,
) -> Result<(Artists, Vec<Option<ArtistId>>), InvalidTable> {
    let texts = &identity.texts;
    // The artists as they come, each identified by the text that is equal for all spellings.
    let mut keys: Vec<u32> = Vec::new();
    let mut numbers: HashMap<u32, u32, RandomState> = HashMap::default();
    let numbered: Vec<Option<u32>> = shown_artists
        .iter()
        .map(|&artist| {
            let key = identity.artist_key(artist?)?;
            Some(*numbers.entry(key).or_insert_with(|| {
                keys.push(key);
                // There are no more artists than songs, which 32 bits can number.
                (keys.len() - 1) as u32
            }))
        })
        .collect();

    let mut support_counts = vec![0_u32; keys.len()];
    let mut in_basket = Vec::new();
    for basket in baskets.iter() {
        in_basket.clear();
        in_basket.extend(basket.iter().filter_map(|&song| numbered[song as usize]));
        in_basket.sort_unstable();
        in_basket.dedup();
        for &artist in &in_basket {
            support_counts[artist as usize] += 1;
        }
    }

    let mut songs: Vec<Vec<SongId>> = vec![Vec::new(); keys.len()];
    for (song, artist) in (0..).zip(&numbered) {
        if let &Some(artist) = artist {
            songs[artist as usize].push(song);
        }
    }

    let tallies = identity.spellings.iter().filter_map(|spelling| {
        let key = identity.artist_key(spelling.artist)?;
        Some(Tally { owner: *numbers.get(&key)?, text: spelling.artist, rows: spelling.rows })
    });
    let names = Ranking::new(tallies.collect(), keys.len(), texts);

    let mut order: Vec<u32> = (0..).take(keys.len()).collect();
    order.sort_unstable_by_key(|&artist| {
        let position = artist as usize;
        (Reverse(support_counts[position]), texts.get(keys[position]))
    });
    let mut artists = Artists::default();
    let mut ids = vec![0; keys.len()];
    for artist in order {
        let position = artist as usize;
        let name = names.commonest(artist, texts);
        ids[position] = artists.push(name, support_counts[position], &songs[position])?;
    }
    let song_artists = numbered.iter().map(|artist| artist.map(|artist| ids[artist as usize])).collect();
    Ok((artists, song_artists))
}

/// The rows in which a song or an artist is written with a text.
struct Tally {
    owner: u32,
    text: u32,
    rows: u64,
}

/// The texts of each song or artist, the commonest first, equally common ones by their letters. Empty texts are left out.
struct Ranking {
    tallies: Vec<Tally>,
    /// Where each owner's tallies begin, and a last entry with their number.
    starts: Vec<usize>,
}

impl Ranking {
    fn new(mut tallies: Vec<Tally>, owners: usize, texts: &Texts) -> Self {
        tallies.retain(|tally| !texts.get(tally.text).is_empty());
        tallies.sort_unstable_by_key(|tally| (tally.owner, tally.text));
        tallies.dedup_by(|next, first| {
            let is_same = (next.owner, next.text) == (first.owner, first.text);
            if is_same {
                first.rows += next.rows;
            }
            is_same
        });
        let mut starts = vec![0; owners + 1];
        for tally in &tallies {
            starts[tally.owner as usize + 1] += 1;
        }
        for owner in 0..owners {
            starts[owner + 1] += starts[owner];
        }
        for bounds in starts.windows(2) {
            tallies[bounds[0]..bounds[1]]
                .sort_unstable_by_key(|tally| (Reverse(tally.rows), texts.get(tally.text)));
        }
        Ranking { tallies, starts }
    }

    /// The texts of `owner` by rank.
    fn of(&self, owner: u32) -> impl Iterator<Item = u32> {
        let position = owner as usize;
        let (start, end) = (self.starts[position], self.starts[position + 1]);
        self.tallies[start..end].iter().map(|tally| tally.text)
    }

    /// The first of them; empty when there is none.
    fn commonest<'t>(&self, owner: u32, texts: &'t Texts) -> &'t str {
        self.of(owner).next().map(|text| texts.get(text)).unwrap_or_default()
    }
}
