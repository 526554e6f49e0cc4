use std::ops::Range;

use model::{SongId, Strings};

/// Normalised names in alphabetical order, each once, with the songs that have it.
#[derive(Debug, Default)]
pub(crate) struct Names {
    names: Strings,
    /// The songs by name, ascending within a name.
    songs: Vec<SongId>,
    /// Where the songs of each name begin, and a last entry with their number.
    starts: Vec<u32>,
}

impl Names {
    /// Builds the table from rows of a name and a song, which ascend by song.
    pub(crate) fn build(rows: &Strings, songs: &[SongId]) -> Names {
        let mut order: Vec<u32> = (0..rows.len().min(songs.len()) as u32).collect();
        // The sort is stable, so the songs of one name stay in their order.
        order.sort_by(|&a, &b| rows.get(a as usize).cmp(rows.get(b as usize)));
        let mut built = Names::default();
        let mut last = None;
        for row in order {
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
        built
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
        let position = self.first_not(0, |other| other < name);
        (position < self.len() && self.names.get(position) == name).then_some(position as u32)
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

#[cfg(test)]
mod tests {
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

    #[test]
    fn no_names_are_no_songs() {
        let names = names(&[]);
        assert!(names.find_songs("a").is_empty());
        assert!(names.songs_of(names.beginning_with("a")).is_empty());
    }
}
