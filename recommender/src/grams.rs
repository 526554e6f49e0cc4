use std::cmp::Reverse;

use model::SongId;

/// The most occurrences of grams that one look-up reads; it bounds its time whatever the size of the catalogue.
const MAX_OCCURRENCES: usize = 20_000;

/// The longest beginning of a name of which grams are taken, in characters.
const MAX_CHARS: usize = 128;

/// Finds the names that share many runs of three characters ("grams") with a text: those that it may be a misspelling of.
///
/// The grams are those of each word with two blanks before and one after it, so that the beginnings of words count more and
/// the order of words does not matter; the same as in PostgreSQL's `pg_trgm`.
#[derive(Debug)]
pub(crate) struct GramIndex {
    /// Where the songs of each gram begin in `songs`, by the gram's hash, and a last entry with their number. Grams that
    /// share a hash share their songs: that costs a little precision, and no correctness, for every find is verified.
    starts: Vec<usize>,
    songs: Vec<SongId>,
}

impl GramIndex {
    /// Builds the index of `name_count` names, each standing for a song. `names` is asked for them twice; they ascend by
    /// song.
    pub(crate) fn build<'n, I: Iterator<Item = (SongId, &'n str)>>(
        name_count: usize,
        names: impl Fn() -> I,
    ) -> GramIndex {
        let hashes = (name_count * 4).next_power_of_two().clamp(1 << 12, 1 << 18);
        let mut lists = vec![List::default(); hashes];
        for (song, name) in names() {
            for_each_gram(name, hashes, |gram| {
                lists[gram].place(song);
            });
        }
        let mut starts = Vec::with_capacity(hashes + 1);
        let mut end = 0;
        for list in &mut lists {
            starts.push(end);
            (end, *list) = (end + list.end, List { end, ..List::default() });
        }
        starts.push(end);
        let mut songs = vec![0; end];
        for (song, name) in names() {
            for_each_gram(name, hashes, |gram| {
                if let Some(place) = lists[gram].place(song) {
                    songs[place] = song;
                }
            });
        }
        GramIndex { starts, songs }
    }

    /// The songs whose names share the most grams with `text`, the commoner first among equals; at most `count`. They share at
    /// least one gram, and at least the `share`th part of those of `text`.
    pub(crate) fn candidates(&self, text: &str, share: usize, count: usize) -> Vec<SongId> {
        let mut grams = Vec::new();
        collect_grams(text, self.starts.len() - 1, &mut grams);
        let mut lists: Vec<&[SongId]> =
            grams.iter().map(|&gram| &self.songs[self.starts[gram]..self.starts[gram + 1]]).collect();
        let least = grams.len().div_ceil(share);
        // Rare grams tell the most. Of one that is too common, the commonest songs are taken.
        lists.sort_by_key(|songs| songs.len());
        let mut occurrences: Vec<SongId> = Vec::new();
        for songs in lists {
            let room = MAX_OCCURRENCES - occurrences.len();
            occurrences.extend_from_slice(&songs[..songs.len().min(room)]);
        }
        // They are a few ascending runs, which the stable sort merges.
        occurrences.sort();
        let mut candidates: Vec<(Reverse<usize>, SongId)> = occurrences
            .chunk_by(|a, b| a == b)
            .filter(|shared| shared.len() >= least)
            .map(|shared| (Reverse(shared.len()), shared[0]))
            .collect();
        if candidates.len() > count {
            candidates.select_nth_unstable(count);
            candidates.truncate(count);
        }
        candidates.sort_unstable();
        candidates.into_iter().map(|(_, song)| song).collect()
    }
}

/// The songs of a gram while they are listed.
#[derive(Clone, Debug, Default)]
struct List {
    end: usize,
    last: Option<SongId>,
}

impl List {
    /// The place of a song in the list, unless it is there already, as when a name has a gram twice.
    fn place(&mut self, song: SongId) -> Option<usize> {
        if self.last.replace(song) == Some(song) {
            return None;
        }
        self.end += 1;
        Some(self.end - 1)
    }
}

/// Fills `grams` with the hashes of the different grams of `name`, each below `hashes`, a power of two.
fn collect_grams(name: &str, hashes: usize, grams: &mut Vec<usize>) {
    grams.clear();
    for_each_gram(name, hashes, |gram| grams.push(gram));
    grams.sort_unstable();
    grams.dedup();
}

/// Calls `found` with the hash of each gram of `name`, which is below `hashes`, a power of two.
fn for_each_gram(name: &str, hashes: usize, mut found: impl FnMut(usize)) {
    let (mut first, mut second) = (' ', ' ');
    for third in name.chars().take(MAX_CHARS).chain([' ']) {
        // A word ends with one blank: the gram of its last letter and two blanks would tell no more.
        if second != ' ' || third != ' ' {
            found(hash([first, second, third]) & (hashes - 1));
        }
        (first, second) = if third == ' ' { (' ', ' ') } else { (second, third) };
    }
}

/// Mixes three characters; the multiplier is that of Fibonacci hashing.
fn hash(gram: [char; 3]) -> usize {
    let packed = gram.iter().fold(0_u64, |packed, &c| packed << 21 | u64::from(c));
    (packed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(names: &[&str]) -> GramIndex {
        GramIndex::build(names.len(), || names.iter().enumerate().map(|(i, &name)| (i as u32, name)))
    }

    #[test]
    fn the_name_that_shares_the_most_grams_comes_first() {
        let index = index(&["alright", "humble pie", "humble", "the humbling"]);
        assert_eq!(index.candidates("humbel", 9, 2), [1, 2]);
        assert_eq!(index.candidates("pie humbel", 9, 1), [1]);
        assert!(index.candidates("\u{1f525}\u{1f525}\u{1f525}", 9, 2).is_empty());
    }

    #[test]
    fn a_name_that_shares_too_few_grams_is_no_candidate() {
        let index = index(&["humble", "humility"]);
        assert_eq!(index.candidates("humbled", 9, 5), [0, 1]);
        assert_eq!(index.candidates("humbled", 2, 5), [0]);
    }

    #[test]
    fn a_gram_that_all_names_share_is_read_in_part() {
        let names: Vec<String> = (0..50_000).map(|i| format!("love {i}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let index = index(&names);
        assert_eq!(index.candidates("love", 9, 3), [0, 1, 2]);
        assert_eq!(index.candidates("love 48153", 9, 1), [48_153]);
    }
}
