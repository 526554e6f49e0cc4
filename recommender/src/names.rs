use std::{hash::BuildHasher as _, ops::Range};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use model::{SongId, Strings};

/// The bytes of a name that are compared as numbers, eight at a time; whole names are compared when these are equal.
const MAX_COMPARED_BY_NUMBER: usize = 64;

/// Normalised names in alphabetical order, each once, with the songs that have it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Strings,
    /// The songs by name, ascending within a name.
    songs: Vec<SongId>,
    /// Where the songs of each name begin, and a last entry with their number.
    starts: Vec<u32>,
    /// The positions of the names, by hash: to search a name in alphabetical order waits for memory at every step.
    positions: HashTable<u32>,
    hasher: RandomState,
}

impl Names {
    /// Builds the table from rows of a name and a song, which ascend by song.
    pub(crate) fn build(rows: &Strings, songs: &[SongId]) -> Names {
        let count = rows.len().min(songs.len()) as u32;
        let mut order: Vec<(u64, u32)> = (0..count).map(|row| (0, row)).collect();
        sort_rows(&mut order, rows, 0);
        let mut built = Names::default();
        let mut last = None;
        for (_, row) in order {
            let name = rows.get(row as usize);
            if last != Some(name) {
                built.names.push(name);
                built.starts.push(built.songs.len() as u32);
                last = Some(name);
            }
            built.songs.push(songs[row as usize]);
        }
        built.starts.push(built.songs.len() as u32);
        built.songs.shrink_to_fit();
        built.starts.shrink_to_fit();
        built.index();
        built
    }

    fn index(&mut self) {
        let Names { names, positions, hasher, .. } = self;
        let hash = |&position: &u32| hasher.hash_one(names.get(position as usize));
        positions.reserve(names.len(), hash);
        for position in 0..names.len() as u32 {
            positions.insert_unique(hash(&position), position, hash);
        }
    }

    /// The number of names.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }

    /// The name at `position`.
    pub(crate) fn name(&self, position: u32) -> &str {
        self.names.get(position as usize)
    }

    /// The songs that have the name at `position`, ascending; never empty.
    pub(crate) fn songs(&self, position: u32) -> &[SongId] {
        self.songs_of(position..position + 1)
    }

    /// The songs of a range of names, ascending within each name.
    pub(crate) fn songs_of(&self, range: Range<u32>) -> &[SongId] {
        let start = self.starts[range.start as usize] as usize;
        &self.songs[start..self.starts[range.end as usize] as usize]
    }

    /// The position of `name`.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let is_it = |&position: &u32| self.names.get(position as usize) == name;
        self.positions.find(self.hasher.hash_one(name), is_it).copied()
    }

    /// The songs that have `name`, ascending.
    pub(crate) fn find_songs(&self, name: &str) -> &[SongId] {
        self.find(name).map_or(&[], |position| self.songs(position))
    }

    /// The positions of the names that begin with `prefix`.
    pub(crate) fn beginning_with(&self, prefix: &str) -> Range<u32> {
        let start = self.first_not(0, |name| name < prefix);
        let end = self.first_not(start, |name| name.starts_with(prefix));
        start as u32..end as u32
    }

    /// For each of `song_count` songs, the position of its name. Every song must have one.
    pub(crate) fn positions(&self, song_count: usize) -> Vec<u32> {
        let mut positions = vec![0; song_count];
        for position in 0..self.len() as u32 {
            for &song in self.songs(position) {
                positions[song as usize] = position;
            }
        }
        positions
    }

    /// The first position from `from` on whose name does not satisfy `holds`, which holds for a beginning of the names.
    fn first_not(&self, from: usize, holds: impl Fn(&str) -> bool) -> usize {
        let (mut low, mut high) = (from, self.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if holds(self.names.get(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Sorts rows, which are the second of each pair, by name and then by position. Their names are equal before the byte `from`.
///
/// Eight bytes of a name are compared as one number; only names that have these in common are looked at again.
fn sort_rows(order: &mut [(u64, u32)], names: &Strings, from: usize) {
    for (key, row) in &mut *order {
        let rest = &names.get(*row as usize).as_bytes()[from..];
        let mut bytes = [0; 8];
        let len = rest.len().min(8);
        bytes[..len].copy_from_slice(&rest[..len]);
        *key = u64::from_be_bytes(bytes);
    }
    order.sort_unstable();
    for same in order.chunk_by_mut(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        let len = |row: u32| names.get(row as usize).len();
        let first_len = len(same[0].1);
        let has_ended = |len: usize| len < from + 8;
        if has_ended(first_len) && same.iter().all(|&(_, row)| len(row) == first_len) {
            // Equal names, and their rows ascend already.
            continue;
        }
        if from >= MAX_COMPARED_BY_NUMBER || same.iter().any(|&(_, row)| has_ended(len(row))) {
            same.sort_unstable_by(|a, b| {
                names.get(a.1 as usize).cmp(names.get(b.1 as usize)).then(a.1.cmp(&b.1))
            });
        } else {
            sort_rows(same, names, from + 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn names(rows: &[&str]) -> Names {
        let mut strings = Strings::default();
        for row in rows {
            strings.push(row);
        }
        let songs: Vec<SongId> = (0..rows.len() as u32).collect();
        Names::build(&strings, &songs)
    }

    #[test]
    fn a_name_has_its_songs_in_their_order() {
        let names = names(&["humble", "alright", "humble", "dna", "humble"]);
        assert_eq!(names.len(), 3);
        assert_eq!(names.find_songs("humble"), [0, 2, 4]);
        assert_eq!(names.find_songs("dna"), [3]);
        assert!(names.find_songs("hum").is_empty());
        assert_eq!(names.positions(5), [2, 0, 2, 1, 2]);
    }

    #[test]
    fn a_prefix_is_a_range_of_names() {
        let names = names(&["b", "ab", "a", "abc", "\u{e9}"]);
        let found = |prefix| names.songs_of(names.beginning_with(prefix)).to_vec();
        assert_eq!(found("a"), [2, 1, 3]);
        assert_eq!(found("ab"), [1, 3]);
        assert_eq!(found("abcd"), Vec::<SongId>::new());
        assert_eq!(found("\u{e9}"), [4]);
        assert_eq!(found(""), [2, 1, 3, 0, 4]);
    }

    proptest! {
        #[test]
        fn names_are_in_the_order_of_their_bytes(
            rows in prop::collection::vec("[ab\u{0}]{0,20}|(abcdefgh){7,10}[a-c]?", 0..40),
        ) {
            let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
            let names = names(&rows);
            let mut sorted: Vec<(&str, SongId)> = rows.iter().copied().zip(0..).collect();
            sorted.sort_unstable();
            let built: Vec<(&str, SongId)> = (0..names.len() as u32)
                .flat_map(|position| names.songs(position).iter().map(move |&song| (position, song)))
                .map(|(position, song)| (names.name(position), song))
                .collect();
            prop_assert_eq!(built, sorted);
        }
    }

    #[test]
    fn no_names_are_no_songs() {
        let names = names(&[]);
        assert!(names.find_songs("a").is_empty());
        assert!(names.songs_of(names.beginning_with("a")).is_empty());
    }
}
