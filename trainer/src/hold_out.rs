use model::SongId;
use sha2::{Digest as _, Sha256};

use crate::{
    dataset::{Dataset, ItemKey},
    identity::comparable,
};

/// The numbers of seeds that held-out playlists are asked about with.
pub const SEEDS: [usize; 3] = [1, 5, 25];

/// One playlist of so many is held out to test with, and another to fit with.
const SHARE: u64 = 10;
/// Enough that a difference of a fiftieth in R-precision shows; more would make the training longer for nothing.
const MAX_TEST: usize = 1_000;
/// Enough to fit a handful of numbers.
const MAX_VALIDATION: usize = 500;

/// Playlists that are kept from a training, to see what it makes of them.
///
/// A hash of its pid alone decides whether a playlist is one of them: it is in all versions of a dataset, for as long as the tenth of
/// the playlists with the smallest hashes has at most 1,000 (500), above which those with the smallest hashes are taken. What is in the
/// other playlists, and the order of the rows, do not matter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HoldOut {
    /// About a tenth of the playlists, and at most 1,000, to measure with; by their hashes.
    pub test: Vec<HeldOut>,
    /// About another tenth, and at most 500, to fit with; by their hashes.
    pub validation: Vec<HeldOut>,
    /// A SHA-256 in lower-case hexadecimal of the playlists to measure with, their songs, and the order of these. Two models with one
    /// digest were asked the same questions.
    pub digest: String,
}

/// A playlist that is kept from a training; it has at least two songs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeldOut {
    /// Which of the dataset's baskets it is.
    pub basket: u32,
    /// Its songs in the order in which they become seeds: by a hash of the playlist's pid and of what identifies the song.
    pub songs: Vec<SongId>,
}

impl HoldOut {
    /// Chooses the playlists of a dataset that was read by `item_key`.
    pub fn of(dataset: &Dataset, item_key: ItemKey) -> Self {
        let width = u64::MAX / SHARE;
        let hashes = &dataset.pid_hashes;
        let chosen = |least: u64, most: usize| {
            let mut chosen: Vec<(u64, u32)> = (0..)
                .zip(hashes)
                .filter(|&(basket, &hash)| {
                    (least..least + width).contains(&hash) && dataset.baskets.get(basket as usize).len() >= 2
                })
                .map(|(basket, &hash)| (hash, basket))
                .collect();
            chosen.sort_unstable();
            chosen.truncate(most);
            chosen
        };
        let mut digest = Sha256::new();
        digest.update(item_key.to_string());
        let test = chosen(0, MAX_TEST).into_iter().map(|(pid, basket)| {
            let songs = shuffled(dataset, item_key, pid, basket);
            digest.update(pid.to_be_bytes());
            digest.update((songs.len() as u64).to_be_bytes());
            songs.iter().for_each(|(hash, _)| digest.update(hash.to_be_bytes()));
            held_out(basket, songs)
        });
        let test = test.collect();
        let validation = chosen(width, MAX_VALIDATION)
            .into_iter()
            .map(|(pid, basket)| held_out(basket, shuffled(dataset, item_key, pid, basket)));
        HoldOut {
            test,
            validation: validation.collect(),
            digest: digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }
}

impl HeldOut {
    /// The first songs as seeds, and the others, which are to be found; `None` if no song would be left to find.
    pub fn split(&self, seeds: usize) -> Option<(&[SongId], &[SongId])> {
        self.songs.split_at_checked(seeds).filter(|(_, hidden)| !hidden.is_empty())
    }
}

fn held_out(basket: u32, songs: Vec<(u64, SongId)>) -> HeldOut {
    HeldOut { basket, songs: songs.into_iter().map(|(_, song)| song).collect() }
}

/// The songs of a playlist with their hashes, in the order of these.
fn shuffled(dataset: &Dataset, item_key: ItemKey, pid: u64, basket: u32) -> Vec<(u64, SongId)> {
    let hash = |id: SongId| {
        let song = dataset.songs.get(id);
        // What identifies a song and not how it is shown, for its commonest spelling depends on all other playlists.
        let (artist, text) = match item_key {
            ItemKey::Song => (comparable(song.artist), comparable(song.title)),
            ItemKey::Title => (String::new(), song.title.to_owned()),
            ItemKey::Uri => (String::new(), song.uri.to_owned()),
        };
        let artist_len = artist.len() as u64;
        stable_hash(&[&pid.to_be_bytes(), &artist_len.to_be_bytes(), artist.as_bytes(), text.as_bytes()])
    };
    let mut songs: Vec<(u64, SongId)> =
        dataset.baskets.get(basket as usize).iter().map(|&song| (hash(song), song)).collect();
    songs.sort_unstable();
    songs
}

/// The first 8 bytes of the SHA-256 of what is given, as a big-endian number: the same on every machine and in every release.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u64 {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().iter().take(8).fold(0, |hash, &byte| hash << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The digest of `abc` is the first example of FIPS 180-2.
    #[test]
    fn the_hash_is_the_beginning_of_the_sha_256() {
        assert_eq!(stable_hash(&[b"abc"]), 0xba78_16bf_8f01_cfea);
        assert_eq!(stable_hash(&[b"a", b"", b"bc"]), 0xba78_16bf_8f01_cfea);
    }

    #[test]
    fn a_playlist_gives_seeds_as_long_as_a_song_is_left_to_find() {
        let held_out = HeldOut { basket: 0, songs: vec![7, 3, 5] };
        assert_eq!(held_out.split(1), Some((&[7][..], &[3, 5][..])));
        assert_eq!(held_out.split(2), Some((&[7, 3][..], &[5][..])));
        assert_eq!(held_out.split(3), None);
        assert_eq!(held_out.split(4), None);
    }
}
