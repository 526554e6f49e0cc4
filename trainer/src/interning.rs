use std::hash::{BuildHasher as _, Hasher as _};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use model::Strings;

/// There are more different values than 32 bits can number.
#[derive(Debug)]
pub(crate) struct TooMany;

/// Numbers different texts from 0, in the order in which they come.
///
/// The hashes are random, so that a dataset cannot be made to collide, and no result depends on them.
#[derive(Default)]
pub(crate) struct Texts {
    ids: HashTable<u32>,
    texts: Strings,
    hasher: RandomState,
}

impl Texts {
    pub(crate) fn intern(&mut self, text: &str) -> Result<u32, TooMany> {
        let Texts { ids, texts, hasher } = self;
        let hash = hasher.hash_one(text);
        if let Some(&id) = ids.find(hash, |&id| texts.get(id as usize) == text) {
            return Ok(id);
        }
        let id = u32::try_from(texts.len()).map_err(|_| TooMany)?;
        texts.push(text);
        ids.insert_unique(hash, id, |&id| hasher.hash_one(texts.get(id as usize)));
        Ok(id)
    }

    /// The number of texts.
    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn get(&self, id: u32) -> &str {
        self.texts.get(id as usize)
    }
}

/// Numbers different rows of cells from 0, in the order in which they come. The cells are compared byte by byte.
#[derive(Default)]
pub(crate) struct CellRows {
    ids: HashTable<u32>,
    bytes: Vec<u8>,
    /// Where each row's cells end in `bytes`.
    ends: Vec<[usize; 3]>,
    hasher: RandomState,
}

impl CellRows {
    /// The number of `cells`. When they are new, `on_new` is called with the number, which is given only if it succeeds.
    pub(crate) fn intern<E: From<TooMany>>(
        &mut self,
        cells: [&[u8]; 3],
        on_new: impl FnOnce() -> Result<(), E>,
    ) -> Result<u32, E> {
        let CellRows { ids, bytes, ends, hasher } = self;
        let hash = hash(hasher, cells);
        if let Some(&id) = ids.find(hash, |&id| cells_at(bytes, ends, id) == cells) {
            return Ok(id);
        }
        let id = u32::try_from(ends.len()).map_err(|_| TooMany)?;
        on_new()?;
        ends.push(cells.map(|cell| {
            bytes.extend_from_slice(cell);
            bytes.len()
        }));
        ids.insert_unique(hash, id, |&id| self::hash(hasher, cells_at(bytes, ends, id)));
        Ok(id)
    }
}

fn hash(hasher: &RandomState, cells: [&[u8]; 3]) -> u64 {
    let mut hasher = hasher.build_hasher();
    for cell in cells {
        // With the lengths, so that text moved from one cell to the next makes another hash.
        hasher.write_usize(cell.len());
        hasher.write(cell);
    }
    hasher.finish()
}

fn cells_at<'b>(bytes: &'b [u8], ends: &[[usize; 3]], id: u32) -> [&'b [u8]; 3] {
    let position = id as usize;
    let start = match position.checked_sub(1) {
        Some(before) => ends[before][2],
        None => 0,
    };
    let [first, second, third] = ends[position];
    [&bytes[start..first], &bytes[first..second], &bytes[second..third]]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_one_number() {
        let mut texts = Texts::default();
        let ids = ["a", "", "b", "a", ""].map(|text| texts.intern(text).unwrap());
        assert_eq!(ids, [0, 1, 2, 0, 1]);
        assert_eq!((texts.len(), texts.get(2)), (3, "b"));
    }

    #[test]
    fn rows_differ_when_the_same_bytes_are_cut_into_other_cells() {
        let mut rows = CellRows::default();
        let mut intern = |cells: [&str; 3]| {
            let mut is_new = false;
            let id = rows.intern::<TooMany>(cells.map(str::as_bytes), || {
                is_new = true;
                Ok(())
            });
            (id.unwrap(), is_new)
        };
        assert_eq!(intern(["ab", "c", ""]), (0, true));
        assert_eq!(intern(["a", "bc", ""]), (1, true));
        assert_eq!(intern(["ab", "", "c"]), (2, true));
        assert_eq!(intern(["ab", "c", ""]), (0, false));
    }

    #[test]
    fn rows_that_are_refused_get_no_number() {
        let mut rows = CellRows::default();
        assert!(rows.intern([b"a", b"", b""], || Err(TooMany)).is_err());
        assert_eq!(rows.intern::<TooMany>([b"b", b"", b""], || Ok(())).unwrap(), 0);
    }
}
