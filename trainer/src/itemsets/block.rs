use std::{
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering},
};

/// The most items of which the counts of all subsets are tabulated at once.
pub(super) const MAX_LATTICE_ITEMS: usize = 16;

/// Which itemsets are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// The baskets that must hold an itemset; at least 1.
    pub(super) min_count: u32,
    /// The items that it may have.
    pub(super) max_length: usize,
}

/// Many itemsets at once, as the search finds them: each is the prefix, with any of the optional items, with those lattice
/// items whose mask has a sufficient count.
pub(super) struct Block<'a> {
    /// The items in every itemset of the block.
    pub(super) prefix: &'a [u32],
    /// The items in every basket that holds the prefix: they change no count.
    pub(super) optional: &'a [u32],
    /// At most [`MAX_LATTICE_ITEMS`] items.
    pub(super) lattice_items: &'a [u32],
    /// The baskets that hold the prefix and those lattice items whose bits are set in the position.
    pub(super) counts: &'a [u32],
}

/// What is done with the itemsets that a search finds.
pub(super) trait Visitor {
    /// Takes the itemsets of `block` that are within the bounds; breaking off ends the search.
    fn visit(&mut self, block: &Block<'_>, bounds: Bounds) -> ControlFlow<()>;
}

/// Counts itemsets by size, without listing them.
pub(super) struct SizeCounter<'a> {
    /// The number of itemsets of one item, of two, and so on.
    pub(super) by_size: Vec<u64>,
    limit: &'a CountLimit,
    /// Itemsets that the limit has not been told of.
    unreported: u64,
}

/// Ends a search that finds too many itemsets; shared by its threads.
pub(super) struct CountLimit {
    limit: u64,
    found: AtomicU64,
}

impl CountLimit {
    pub(super) fn new(limit: u64) -> Self {
        CountLimit { limit, found: AtomicU64::new(0) }
    }

    /// Whether the search was ended.
    pub(super) fn is_exceeded(&self) -> bool {
        self.found.load(Ordering::Relaxed) > self.limit
    }

    fn add(&self, itemsets: u64) -> ControlFlow<()> {
        let add = |found: u64| Some(found.saturating_add(itemsets));
        let (Ok(before) | Err(before)) = self.found.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        if before.saturating_add(itemsets) > self.limit {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

impl<'a> SizeCounter<'a> {
    pub(super) fn new(limit: &'a CountLimit) -> Self {
        SizeCounter { by_size: Vec::new(), limit, unreported: 0 }
    }

    fn add(&mut self, size: usize, itemsets: u64) {
        if self.by_size.len() < size {
            self.by_size.resize(size, 0);
        }
        let total = &mut self.by_size[size - 1];
        *total = total.saturating_add(itemsets);
        self.unreported = self.unreported.saturating_add(itemsets);
    }
}

impl Visitor for SizeCounter<'_> {
    fn visit(&mut self, block: &Block<'_>, bounds: Bounds) -> ControlFlow<()> {
        let subsets = subsets_by_size(block.counts, bounds.min_count);
        // The optional items' own subsets, by binomial coefficients. A coefficient that saturates is above every limit, so
        // that those after it may be wrong.
        let mut combinations = 1;
        for chosen in 0..=block.optional.len() {
            let base = block.prefix.len() + chosen;
            if base > bounds.max_length {
                break;
            }
            for (size, &subsets) in
                subsets.iter().take((bounds.max_length - base).saturating_add(1)).enumerate()
            {
                // The empty set is no itemset.
                if subsets > 0 && base + size > 0 {
                    self.add(base + size, subsets.saturating_mul(combinations));
                }
            }
            let next =
                u128::from(combinations) * (block.optional.len() - chosen) as u128 / (chosen + 1) as u128;
            combinations = u64::try_from(next).unwrap_or(u64::MAX);
        }
        // Threads that reported every itemset would wait for each other.
        if self.unreported < 4096 {
            return ControlFlow::Continue(());
        }
        self.limit.add(std::mem::take(&mut self.unreported))
    }
}

/// How many of the masks that are positions in `counts` have a sufficient count, by the number of their bits.
fn subsets_by_size(counts: &[u32], min_count: u32) -> [u64; MAX_LATTICE_ITEMS + 1] {
    /// Of the 16 masks of 4 bits, those with no bit, with one, and so on.
    const WITH_BITS: [u16; 5] = [0x0001, 0x0116, 0x1668, 0x6880, 0x8000];
    let mut subsets = [0; MAX_LATTICE_ITEMS + 1];
    for (high, counts) in counts.chunks(16).enumerate() {
        let mut sufficient = 0u16;
        for (low, &count) in counts.iter().enumerate() {
            sufficient |= u16::from(count >= min_count) << low;
        }
        if sufficient != 0 {
            let high_bits = high.count_ones() as usize;
            for (bits, with_bits) in WITH_BITS.iter().enumerate().take(MAX_LATTICE_ITEMS + 1 - high_bits) {
                subsets[high_bits + bits] += u64::from((sufficient & with_bits).count_ones());
            }
        }
    }
    subsets
}

/// Lists itemsets by size.
pub(super) struct Collector<'a> {
    /// Counts the itemsets of a block before they are listed, as there may be more of them than there is memory.
    counter: SizeCounter<'a>,
    /// The itemsets of one item, of two, and so on, in the order in which they were found.
    pub(super) by_size: Vec<FoundItemsets>,
    itemset: Vec<u32>,
}

/// Itemsets of one size with their counts.
#[derive(Default)]
pub(super) struct FoundItemsets {
    /// The items of one itemset after the other, ascending within each.
    pub(super) items: Vec<u32>,
    pub(super) counts: Vec<u32>,
}

impl<'a> Collector<'a> {
    pub(super) fn new(limit: &'a CountLimit) -> Self {
        Collector { counter: SizeCounter::new(limit), by_size: Vec::new(), itemset: Vec::new() }
    }

    /// Lists the current itemset, and it with each subset of `optional` that may be added.
    ///
    /// The calls nest as deep as items are added; all subsets of those were listed before.
    fn list(&mut self, optional: &[u32], count: u32, max_length: usize) {
        let size = self.itemset.len();
        if size > 0 {
            if self.by_size.len() < size {
                self.by_size.resize_with(size, FoundItemsets::default);
            }
            let found = &mut self.by_size[size - 1];
            let begin = found.items.len();
            found.items.extend_from_slice(&self.itemset);
            found.items[begin..].sort_unstable();
            found.counts.push(count);
        }
        if size < max_length {
            for (position, &item) in optional.iter().enumerate() {
                self.itemset.push(item);
                self.list(&optional[position + 1..], count, max_length);
                self.itemset.pop();
            }
        }
    }
}

impl Visitor for Collector<'_> {
    fn visit(&mut self, block: &Block<'_>, bounds: Bounds) -> ControlFlow<()> {
        self.counter.visit(block, bounds)?;
        for (mask, &count) in block.counts.iter().enumerate() {
            if count < bounds.min_count || block.prefix.len() + mask.count_ones() as usize > bounds.max_length
            {
                continue;
            }
            self.itemset.clear();
            self.itemset.extend_from_slice(block.prefix);
            let mut bits = mask;
            while bits != 0 {
                self.itemset.push(block.lattice_items[bits.trailing_zeros() as usize]);
                bits &= bits - 1;
            }
            self.list(block.optional, count, bounds.max_length);
        }
        ControlFlow::Continue(())
    }
}
