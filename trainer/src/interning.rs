use std::hash::BuildHasher as _;

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

/// Three cells of a row as bytes: their lengths, then the cells.
pub(crate) struct CellKey<'a> {
    /// A hash of the bytes.
    pub(crate) hash: u32,
    pub(crate) bytes: &'a [u8],
}

/// The bytes of the three lengths.
const LENGTHS: usize = 3 * size_of::<u16>();
/// The bytes of a row's number.
const NUMBER: usize = size_of::<u32>();
/// Where rows begin: at multiples of this, so that 32 bits can point to 32 GiB of them.
const ALIGNMENT: usize = 8;

impl CellKey<'_> {
    /// Appends the bytes of a key, without a hash. The cells must be shorter than 2^16 bytes.
    pub(crate) fn write(cells: [&[u8]; 3], to: &mut Vec<u8>) {
        for cell in cells {
            to.extend_from_slice(&(cell.len() as u16).to_le_bytes());
        }
        for cell in cells {
            to.extend_from_slice(cell);
        }
    }

    /// The bytes of the key of `cells`.
    pub(crate) fn len(cells: [&[u8]; 3]) -> usize {
        LENGTHS + cells.iter().map(|cell| cell.len()).sum::<usize>()
    }

    /// The cells in `bytes`, which begin with those of a key.
    pub(crate) fn cells(bytes: &[u8]) -> [&[u8]; 3] {
        let (mut start, mut lengths) = (LENGTHS, bytes.chunks_exact(size_of::<u16>()));
        [(); 3].map(|()| {
            let len = lengths.next().map_or(0, |len| usize::from(u16::from_le_bytes([len[0], len[1]])));
            let cell = bytes.get(start..start + len).unwrap_or_default();
            start += len;
            cell
        })
    }
}

/// Numbers different rows of cells from 0, in the order in which they come. The cells are compared byte by byte.
#[derive(Default)]
pub(crate) struct CellRows {
    /// The place of each row in `list`.
    places: HashParts,
    list: CellList,
}

/// Different rows of cells by their numbers.
#[derive(Default)]
pub(crate) struct CellList {
    /// One row after the other: its number, and the bytes of its key.
    bytes: Vec<u8>,
    /// Where each row begins in `bytes`, as a multiple of [`ALIGNMENT`]: its place.
    places: Vec<u32>,
    /// The bytes of all cells.
    cell_bytes: usize,
}

impl CellRows {
    /// The place where a row may be that is equal to the one with this hash. Whoever looks for many, then for all their numbers, and then
    /// compares, keeps the processor from waiting for the memory each time.
    pub(crate) fn candidate(&self, hash: u32) -> Option<u32> {
        self.places.find(hash, |_| true)
    }

    /// The number of the row at a place that [`candidate`](Self::candidate) gave.
    pub(crate) fn number_at(&self, place: u32) -> u32 {
        self.list.row(place).first_chunk().map_or(u32::MAX, |number| u32::from_le_bytes(*number))
    }

    /// Whether the row at such a place is equal to `key`.
    pub(crate) fn is_at(&self, place: u32, key: &CellKey<'_>) -> bool {
        self.list.row(place).get(NUMBER..).is_some_and(|bytes| bytes.starts_with(key.bytes))
    }

    /// The number of the row that is equal to `key`. When it is new, `on_new` is called with the cells, and the number is given only if it
    /// succeeds.
    pub(crate) fn intern<E: From<TooMany>>(
        &mut self,
        key: &CellKey<'_>,
        on_new: impl FnOnce([&[u8]; 3]) -> Result<(), E>,
    ) -> Result<u32, E> {
        if let Some(place) = self.places.find(key.hash, |place| self.is_at(place, key)) {
            return Ok(self.number_at(place));
        }
        let CellList { bytes, places, cell_bytes } = &mut self.list;
        let number = u32::try_from(places.len()).map_err(|_| TooMany)?;
        let place = u32::try_from(bytes.len() / ALIGNMENT).map_err(|_| TooMany)?;
        let cells = CellKey::cells(key.bytes);
        on_new(cells)?;
        *cell_bytes += cells.iter().map(|cell| cell.len()).sum::<usize>();
        places.push(place);
        bytes.extend_from_slice(&number.to_le_bytes());
        bytes.extend_from_slice(key.bytes);
        bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
        self.places.insert(key.hash, place);
        Ok(number)
    }

    /// The number of rows.
    pub(crate) fn len(&self) -> usize {
        self.list.places.len()
    }

    /// The bytes of the rows.
    pub(crate) fn byte_len(&self) -> usize {
        self.list.bytes.len()
    }

    /// The rows by their numbers, to which nothing can be added.
    pub(crate) fn into_list(self) -> CellList {
        self.list
    }
}

impl CellList {
    /// The place of a row.
    pub(crate) fn place(&self, number: u32) -> u32 {
        self.places[number as usize]
    }

    /// The cells of the row at a place.
    pub(crate) fn cells_at(&self, place: u32) -> [&[u8]; 3] {
        CellKey::cells(self.row(place).get(NUMBER..).unwrap_or_default())
    }

    /// The bytes of all cells.
    pub(crate) fn cell_bytes(&self) -> usize {
        self.cell_bytes
    }

    /// What begins at a place.
    fn row(&self, place: u32) -> &[u8] {
        self.bytes.get(place as usize * ALIGNMENT..).unwrap_or_default()
    }
}

/// Numbers found by 32-bit hashes, in several tables.
///
/// A table grows by making one twice as large and giving the old one up. glibc takes a block that was given up for a short-lived one, and from
/// then on keeps what is given up in blocks of that size or less. So no table is large.
pub(crate) struct HashParts {
    /// By the hash's upper bits; hashes with their numbers.
    parts: Vec<HashTable<(u32, u32)>>,
}

/// The parts into which hashes are divided, as a power of two.
const HASH_PART_BITS: u32 = 5;

impl Default for HashParts {
    fn default() -> Self {
        HashParts { parts: vec![HashTable::new(); 1 << HASH_PART_BITS] }
    }
}

impl HashParts {
    /// The number with this hash that is the one that is looked for.
    pub(crate) fn find(&self, hash: u32, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let part = &self.parts[(hash >> (u32::BITS - HASH_PART_BITS)) as usize];
        part.find(spread(hash), |&(other, number)| other == hash && is_it(number)).map(|&(_, number)| number)
    }

    /// Adds a number that is not there yet.
    pub(crate) fn insert(&mut self, hash: u32, number: u32) {
        let part = &mut self.parts[(hash >> (u32::BITS - HASH_PART_BITS)) as usize];
        part.insert_unique(spread(hash), (hash, number), |&(hash, _)| spread(hash));
    }
}

/// A hash of 64 bits, which a table needs, from one of 32; the multiplier is that of Fibonacci hashing.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(0x9e37_79b9_7f4a_7c15)
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

    fn key(cells: [&str; 3]) -> Vec<u8> {
        let mut bytes = Vec::new();
        CellKey::write(cells.map(str::as_bytes), &mut bytes);
        bytes
    }

    /// All rows with the same hash, so that they are told apart by their bytes alone.
    #[test]
    fn rows_differ_when_the_same_bytes_are_cut_into_other_cells() {
        let mut rows = CellRows::default();
        let mut intern = |cells: [&str; 3]| {
            let mut is_new = false;
            let id = rows.intern::<TooMany>(&CellKey { hash: 7, bytes: &key(cells) }, |found| {
                assert_eq!(found, cells.map(str::as_bytes));
                is_new = true;
                Ok(())
            });
            (id.unwrap(), is_new)
        };
        assert_eq!(intern(["ab", "c", ""]), (0, true));
        assert_eq!(intern(["a", "bc", ""]), (1, true));
        assert_eq!(intern(["ab", "", "c"]), (2, true));
        assert_eq!(intern(["ab", "c", ""]), (0, false));
        let list = rows.into_list();
        let row = |number| list.cells_at(list.place(number));
        assert_eq!([row(1), row(2)], [[&b"a"[..], b"bc", b""], [&b"ab"[..], b"", b"c"]]);
    }

    #[test]
    fn rows_that_are_refused_get_no_number() {
        let mut rows = CellRows::default();
        let (a, b) = (key(["a", "", ""]), key(["b", "", ""]));
        assert!(rows.intern(&CellKey { hash: 1, bytes: &a }, |_| Err(TooMany)).is_err());
        assert_eq!(rows.intern::<TooMany>(&CellKey { hash: 2, bytes: &b }, |_| Ok(())).unwrap(), 0);
        let place = rows.candidate(2).unwrap();
        assert_eq!(rows.number_at(place), 0);
        assert!(rows.is_at(place, &CellKey { hash: 2, bytes: &b }));
        assert!(!rows.is_at(place, &CellKey { hash: 2, bytes: &a }));
    }
}
