use std::ops::ControlFlow;

use super::{
    block::{Block, MAX_LATTICE_ITEMS, Visitor},
    search::Search,
};

/// The most items that are searched as bit masks.
pub(super) const MASK_ITEMS: usize = u64::BITS as usize;

/// The transactions of the prefixes on the way to the current one, as masks of items with the number of baskets each stands
/// for; those of the current prefix are the last.
#[derive(Default)]
pub(super) struct MaskStack {
    masks: Vec<(u64, u32)>,
    /// The counts of a block, kept for the allocation.
    lattice: Vec<u32>,
}

impl MaskStack {
    pub(super) fn len(&self) -> usize {
        self.masks.len()
    }

    /// Adds a basket to the transactions that begin at `begin`.
    pub(super) fn push(&mut self, begin: usize, mask: u64) {
        match self.masks[begin..].last_mut() {
            Some((last, count)) if *last == mask => *count += 1,
            _ => self.masks.push((mask, 1)),
        }
    }

    /// Makes one transaction of those from `begin` on that are equal.
    fn merge(&mut self, begin: usize) {
        self.masks[begin..].sort_unstable_by_key(|&(mask, _)| mask);
        let mut last = begin;
        for next in begin + 1..self.masks.len() {
            let (mask, count) = self.masks[next];
            if self.masks[last].0 == mask {
                self.masks[last].1 += count;
            } else {
                last += 1;
                self.masks[last] = (mask, count);
            }
        }
        self.masks.truncate(last + 1);
    }

    /// Counts the transactions from `begin` on by the subsets of the items at `bits` that they hold.
    fn fill_lattice(&mut self, begin: usize, bits: &[u32]) {
        self.lattice.clear();
        self.lattice.resize(1 << bits.len(), 0);
        let (lattice, masks) = (self.lattice.as_mut_slice(), &self.masks[begin..]);
        if bits.last().is_none_or(|&last| last as usize == bits.len() - 1) {
            // The bits are the lowest ones, as they are before any item has been taken out.
            let lowest = lattice.len() - 1;
            for &(mask, count) in masks {
                lattice[mask as usize & lowest] += count;
            }
        } else {
            for &(mask, count) in masks {
                let mut position = 0;
                for (bit, &from) in bits.iter().enumerate() {
                    position |= (mask >> from & 1) << bit;
                }
                lattice[position as usize] += count;
            }
        }
        add_supersets(&mut self.lattice);
    }
}

/// Adds to each entry those at the positions that have its bits and more.
fn add_supersets(counts: &mut [u32]) {
    let mut bit = 1;
    while bit < counts.len() {
        for pair in counts.chunks_exact_mut(2 * bit) {
            let (without, with) = pair.split_at_mut(bit);
            for (without, with) in without.iter_mut().zip(with) {
                *without += *with;
            }
        }
        bit *= 2;
    }
}

/// How many of `items` items to tabulate all subsets of, for so many transactions.
///
/// A table costs little beside its transactions, even if none of the subsets is frequent, and saves much where they are.
/// Eight entries for each transaction were the fastest on dense and on sparse data alike.
fn lattice_len(items: usize, transactions: usize) -> usize {
    let affordable = (8 * transactions + 64).ilog2() as usize;
    items.min(affordable).min(MAX_LATTICE_ITEMS)
}

impl<V: Visitor> Search<V> {
    /// Visits the prefix and its extensions by items of `names`, which are the bits of the masks from `begin` on, and drops
    /// the masks.
    pub(super) fn search_masks(&mut self, names: &[u32], begin: usize) -> ControlFlow<()> {
        let live = match names.len() {
            MASK_ITEMS => u64::MAX,
            len => (1 << len) - 1,
        };
        let flow = self.search_live(names, begin, live);
        self.masks.masks.truncate(begin);
        flow
    }

    /// The same for those items only whose bits are in `live`.
    fn search_live(&mut self, names: &[u32], begin: usize, live: u64) -> ControlFlow<()> {
        let items = live.count_ones() as usize;
        if items > lattice_len(items, self.masks.len() - begin) {
            self.masks.merge(begin);
        }
        let end = self.masks.len();

        let mut bits = [0; MAX_LATTICE_ITEMS];
        let mut lattice_items = [0; MAX_LATTICE_ITEMS];
        let len = lattice_len(items, end - begin);
        let mut rest = live;
        for (bit, item) in bits.iter_mut().zip(&mut lattice_items).take(len) {
            *bit = rest.trailing_zeros();
            *item = names[*bit as usize];
            rest &= rest - 1;
        }
        self.masks.fill_lattice(begin, &bits[..len]);
        let block = Block {
            prefix: &self.prefix,
            optional: &self.optional,
            lattice_items: &lattice_items[..len],
            counts: &self.masks.lattice,
        };
        self.visitor.visit(&block, self.bounds)?;
        if self.prefix.len() == self.bounds.max_length {
            return ControlFlow::Continue(());
        }

        while rest != 0 {
            let bit = rest.trailing_zeros();
            rest &= rest - 1;
            self.search_live_extended(names, begin..end, live, bit)?;
        }
        ControlFlow::Continue(())
    }

    /// Visits the itemsets of the prefix, the item at `bit` and lower ones in `live`.
    fn search_live_extended(
        &mut self,
        names: &[u32],
        transactions: std::ops::Range<usize>,
        live: u64,
        bit: u32,
    ) -> ControlFlow<()> {
        let begin = transactions.end;
        let below = live & ((1 << bit) - 1);
        let mut counts = [0; MASK_ITEMS];
        let mut total = 0;
        for index in transactions {
            let (mask, count) = self.masks.masks[index];
            if mask >> bit & 1 == 0 {
                continue;
            }
            let mask = mask & below;
            self.masks.masks.push((mask, count));
            total += count;
            let mut rest = mask;
            while rest != 0 {
                counts[rest.trailing_zeros() as usize] += count;
                rest &= rest - 1;
            }
        }

        self.prefix.push(names[bit as usize]);
        let optional_before = self.optional.len();
        let mut live = 0;
        for (bit, &count) in counts.iter().enumerate() {
            if count == total {
                self.optional.push(names[bit]);
            } else if count >= self.bounds.min_count {
                live |= 1 << bit;
            }
        }
        for (mask, _) in &mut self.masks.masks[begin..] {
            *mask &= live;
        }
        let flow = self.search_live(names, begin, live);
        self.masks.masks.truncate(begin);
        self.optional.truncate(optional_before);
        self.prefix.pop();
        flow
    }
}
