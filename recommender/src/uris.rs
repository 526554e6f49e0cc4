use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

use model::{SongId, Songs};

/// The most URIs with one last segment that a look-up compares.
const MAX_COMPARED: usize = 1_000;

/// Finds songs by their track URIs and by links to them.
#[derive(Debug)]
pub(crate) struct UriIndex {
    /// One for each URI, ascending.
    entries: Vec<Entry>,
    /// Hashes of segments are divided by their first bits. Here the entries of each part begin, with a last one for their number.
    starts: Vec<u32>,
    /// The bits of a hash that do not count for that.
    shift: u32,
    /// Whether every URI has a `/` or a `:`, as all do that are URIs. What has none then needs no look-up.
    have_separators: bool,
}

const SEPARATORS: [char; 2] = ['/', ':'];

/// Entries that a part has in the mean, at most.
const ENTRIES_IN_PART: usize = 4;

/// Where to look for a URI: the strings themselves stay with the songs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    segment_hash: u32,
    uri_hash: u32,
    song: SongId,
}

impl UriIndex {
    pub(crate) fn build(songs: &Songs) -> UriIndex {
        let mut entries: Vec<Entry> = Vec::with_capacity(songs.len());
        for (song, _) in songs.iter() {
            entries.extend(songs.uris(song).map(|uri| Entry {
                segment_hash: hash(last_segment(uri)),
                uri_hash: hash(uri),
                song,
            }));
        }
        // As one number, which is compared without a branch.
        entries.sort_unstable_by_key(|entry| {
            u128::from(entry.segment_hash) << 64 | u128::from(entry.uri_hash) << 32 | u128::from(entry.song)
        });
        entries.shrink_to_fit();
        let bits = (entries.len() / ENTRIES_IN_PART).next_power_of_two().ilog2().clamp(1, 31);
        let shift = u32::BITS - bits;
        let mut starts = vec![0; (1 << bits) + 1];
        for entry in &entries {
            starts[(entry.segment_hash >> shift) as usize + 1] += 1;
        }
        for part in 1..starts.len() {
            starts[part] += starts[part - 1];
        }
        let have_separators =
            songs.iter().all(|(song, _)| songs.uris(song).all(|uri| uri.contains(SEPARATORS)));
        UriIndex { entries, starts, shift, have_separators }
    }

    /// The commonest song that has exactly this URI.
    pub(crate) fn find_uri(&self, songs: &Songs, uri: &str) -> Option<SongId> {
        if self.have_separators && !uri.contains(SEPARATORS) {
            return None;
        }
        let uri_hash = hash(uri);
        let same_segment = self.with_segment(last_segment(uri));
        let start = same_segment.partition_point(|entry| entry.uri_hash < uri_hash);
        same_segment[start..]
            .iter()
            .take_while(|entry| entry.uri_hash == uri_hash)
            .map(|entry| entry.song)
            .find(|&song| songs.uris(song).any(|other| other == uri))
    }

    /// The commonest song that has a URI with the same last segment as `link`: whatever stands before it, and whatever query
    /// follows it.
    pub(crate) fn find_link(&self, songs: &Songs, link: &str) -> Option<SongId> {
        let segment = last_segment(link);
        if segment.is_empty() {
            return None;
        }
        self.with_segment(segment)
            .iter()
            .take(MAX_COMPARED)
            .map(|entry| entry.song)
            .filter(|&song| songs.uris(song).any(|uri| last_segment(uri) == segment))
            .min()
    }

    fn with_segment(&self, segment: &str) -> &[Entry] {
        let segment_hash = hash(segment);
        let part = (segment_hash >> self.shift) as usize;
        let entries = &self.entries[self.starts[part] as usize..self.starts[part + 1] as usize];
        let start = entries.partition_point(|entry| entry.segment_hash < segment_hash);
        let end = entries.partition_point(|entry| entry.segment_hash <= segment_hash);
        &entries[start..end]
    }
}

/// What follows the last `/` or `:` of a URI, without query, fragment and trailing `/`.
fn last_segment(uri: &str) -> &str {
    let path = uri.find(['?', '#']).map_or(uri, |end| &uri[..end]);
    let path = path.trim_end_matches('/');
    path.rfind(SEPARATORS).map_or(path, |separator| &path[separator + 1..])
}

fn hash(text: &str) -> u32 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(text) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_segment_is_what_identifies_a_track() {
        for uri in [
            "spotify:track:abc",
            "https://open.spotify.com/track/abc?si=1#x",
            "http://open.spotify.com/intl-pt/track/abc/",
            "abc",
        ] {
            assert_eq!(last_segment(uri), "abc", "{uri}");
        }
        assert_eq!(last_segment(""), "");
        assert_eq!(last_segment("https://"), "");
    }

    #[test]
    fn a_bare_id_is_found_where_it_is_a_uri() {
        let mut songs = Songs::default();
        songs.push("One", "A", ["x:track:1", "2"], 3).unwrap();
        let index = UriIndex::build(&songs);
        assert_eq!(index.find_uri(&songs, "2"), Some(0));
        assert_eq!(index.find_uri(&songs, "x:track:1"), Some(0));
        assert_eq!(index.find_uri(&songs, "1"), None);
    }

    #[test]
    fn a_uri_is_found_whole_and_by_its_last_segment() {
        let mut songs = Songs::default();
        songs.push("One", "A", ["x:track:1", "y:track:1b"], 3).unwrap();
        songs.push("Two", "A", ["z:track:1"], 2).unwrap();
        let index = UriIndex::build(&songs);
        assert_eq!(index.find_uri(&songs, "y:track:1b"), Some(0));
        assert_eq!(index.find_uri(&songs, "z:track:1"), Some(1));
        assert_eq!(index.find_uri(&songs, "1"), None);
        assert_eq!(index.find_link(&songs, "https://host/track/1?si=2"), Some(0));
        assert_eq!(index.find_link(&songs, "https://host/track/2"), None);
        assert_eq!(index.find_link(&songs, "https://host/track/?"), None);
    }
}
