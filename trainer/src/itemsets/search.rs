use std::{cmp::Reverse, ops::ControlFlow};

use super::{
    block::{Block, Bounds, Visitor},
    masks::{MASK_ITEMS, MaskStack},
};
use crate::baskets::Baskets;

/// The items that the search at the root leaves to one task; each other item is a task of its own.
const ROOT_LOW_ITEMS: usize = 16;

/// Transactions over items that are ranked by falling count, the commonest being 0.
///
/// The root's transactions are the baskets; those below are the baskets that hold a prefix, cut to the items that can
/// extend it.
pub(super) struct Database {
    /// The item of the dataset behind each rank.
    names: Vec<u32>,
    /// The ranks in each transaction, ascending.
    ranks: Vec<u32>,
    /// Where each transaction begins in `ranks`, and a last entry with the end.
    starts: Vec<usize>,
    /// The ranks below this one are searched together, as bit masks; each other one has a list of its transactions.
    low: usize,
    /// The transactions that hold each rank from `low` on, one list after the other.
    holders: Vec<u32>,
    /// Where the list of each rank from `low` on begins in `holders`, and a last entry with the end.
    holder_starts: Vec<usize>,
}

impl Database {
    /// The items of `baskets` that are frequent.
    pub(super) fn root(baskets: &Baskets, min_count: u32) -> Self {
        let support_counts = baskets.support_counts();
        let mut names: Vec<u32> =
            (0..baskets.item_count()).filter(|&item| support_counts[item as usize] >= min_count).collect();
        names.sort_unstable_by_key(|&item| (Reverse(support_counts[item as usize]), item));
        let mut rank_of = vec![None; support_counts.len()];
        for (&item, rank) in names.iter().zip(0..) {
            rank_of[item as usize] = Some(rank);
        }
        let transactions =
            baskets.iter().map(|basket| basket.iter().filter_map(|&item| rank_of[item as usize]));
        Database::new(names, ROOT_LOW_ITEMS, transactions)
    }

    fn new<T: Iterator<Item = u32>>(
        names: Vec<u32>,
        low: usize,
        transactions: impl Iterator<Item = T>,
    ) -> Self {
        let low = low.min(names.len());
        let mut ranks = Vec::new();
        let mut starts = vec![0];
        let mut holder_starts = vec![0; names.len() - low + 1];
        for transaction in transactions {
            let begin = ranks.len();
            ranks.extend(transaction);
            ranks[begin..].sort_unstable();
            starts.push(ranks.len());
            for &rank in &ranks[begin..] {
                if rank as usize >= low {
                    holder_starts[rank as usize - low + 1] += 1;
                }
            }
        }
        let mut end = 0;
        for start in &mut holder_starts {
            end += *start;
            *start = end;
        }
        let mut holders = vec![0; end];
        let mut next = holder_starts.clone();
        for (bounds, transaction) in starts.windows(2).zip(0..) {
            for &rank in &ranks[bounds[0]..bounds[1]] {
                if rank as usize >= low {
                    let place = &mut next[rank as usize - low];
                    holders[*place] = transaction;
                    *place += 1;
                }
            }
        }
        Database { names, ranks, starts, low, holders, holder_starts }
    }

    /// The number of tasks into which a search of this database can be cut.
    pub(super) fn task_count(&self) -> usize {
        1 + self.names.len() - self.low
    }

    fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The ranks of a transaction that are below `end`.
    fn below(&self, transaction: usize, end: u32) -> impl Iterator<Item = u32> {
        let ranks = &self.ranks[self.starts[transaction]..self.starts[transaction + 1]];
        ranks.iter().copied().take_while(move |&rank| rank < end)
    }

    /// The transactions that hold `rank`, which is not below `low`.
    fn holders(&self, rank: u32) -> &[u32] {
        let list = rank as usize - self.low;
        &self.holders[self.holder_starts[list]..self.holder_starts[list + 1]]
    }
}

/// A depth-first search for frequent itemsets, in one thread.
///
/// A prefix is extended by the items of lower rank, which are commoner, the lowest first. So before a prefix of `n` items is
/// extended, its first item has been found with every subset of its items from the third on: a search that ends at a number
/// of itemsets, or at a length, nests its calls little deeper than the binary logarithm of that number, or than that length.
pub(super) struct Search<V> {
    pub(super) bounds: Bounds,
    pub(super) visitor: V,
    /// The items of the prefix.
    pub(super) prefix: Vec<u32>,
    /// The items in every transaction that holds the prefix, without those of the prefix.
    pub(super) optional: Vec<u32>,
    pub(super) masks: MaskStack,
    /// The ranks that can extend a new prefix, one of its transactions after the other; kept for the allocation.
    extending: Vec<u32>,
    /// Where each transaction ends in `extending`.
    extending_ends: Vec<usize>,
    /// By rank: how often it occurs beside the prefix; all 0 between two uses.
    counts: Vec<u32>,
    /// By rank: the rank in the database below; all `None` between two uses.
    rank_below: Vec<Option<u32>>,
}

impl<V: Visitor> Search<V> {
    pub(super) fn new(root: &Database, bounds: Bounds, visitor: V) -> Self {
        Search {
            bounds,
            visitor,
            prefix: Vec::new(),
            optional: Vec::new(),
            masks: MaskStack::default(),
            extending: Vec::new(),
            extending_ends: Vec::new(),
            counts: vec![0; root.names.len()],
            rank_below: vec![None; root.names.len()],
        }
    }

    /// Visits all itemsets of one of the tasks of `database`, each of which begins with the current prefix.
    pub(super) fn run_task(&mut self, database: &Database, task: usize) -> ControlFlow<()> {
        match task.checked_sub(1) {
            None => self.search_low(database),
            Some(task) => self.search_extended(database, (database.low + task) as u32),
        }
    }

    /// Visits the prefix and its extensions by items of `database` that are searched as bit masks.
    fn search_low(&mut self, database: &Database) -> ControlFlow<()> {
        let low = database.low as u32;
        let begin = self.masks.len();
        for transaction in 0..database.len() {
            let mask = database.below(transaction, low).fold(0, |mask, rank| mask | 1 << rank);
            self.masks.push(begin, mask);
        }
        self.search_masks(&database.names[..database.low], begin)
    }

    /// Visits the itemsets of the prefix, `rank` and lower ranks.
    fn search_extended(&mut self, database: &Database, rank: u32) -> ControlFlow<()> {
        let holders = database.holders(rank);
        self.prefix.push(database.names[rank as usize]);
        if self.prefix.len() == self.bounds.max_length {
            let counts = [holders.len() as u32];
            let block = Block { prefix: &self.prefix, optional: &[], lattice_items: &[], counts: &counts };
            let flow = self.visitor.visit(&block, self.bounds);
            self.prefix.pop();
            return flow;
        }

        // The transactions of a prefix lie scattered in memory, so they are read once and copied.
        self.extending.clear();
        self.extending_ends.clear();
        let mut occurring = Vec::new();
        for &holder in holders {
            for other in database.below(holder as usize, rank) {
                self.extending.push(other);
                let count = &mut self.counts[other as usize];
                if *count == 0 {
                    occurring.push(other);
                }
                *count += 1;
            }
            self.extending_ends.push(self.extending.len());
        }
        let optional_before = self.optional.len();
        let mut frequent = Vec::new();
        for other in occurring {
            let count = std::mem::take(&mut self.counts[other as usize]);
            if count as usize == holders.len() {
                self.optional.push(database.names[other as usize]);
            } else if count >= self.bounds.min_count {
                frequent.push((Reverse(count), other));
            }
        }
        frequent.sort_unstable();
        for (&(_, other), below) in frequent.iter().zip(0..) {
            self.rank_below[other as usize] = Some(below);
        }
        let names: Vec<u32> = frequent.iter().map(|&(_, other)| database.names[other as usize]).collect();
        let begins = std::iter::once(&0).chain(&self.extending_ends);
        let transactions = begins.zip(&self.extending_ends).map(|(&begin, &end)| {
            let ranks = &self.extending[begin..end];
            ranks.iter().filter_map(|&other| self.rank_below[other as usize])
        });

        let flow = if frequent.len() <= MASK_ITEMS {
            let begin = self.masks.len();
            for transaction in transactions {
                let mask = transaction.fold(0, |mask, rank| mask | 1 << rank);
                self.masks.push(begin, mask);
            }
            self.forget_ranks_below(&frequent);
            self.search_masks(&names, begin)
        } else {
            let below = Database::new(names, MASK_ITEMS, transactions);
            self.forget_ranks_below(&frequent);
            (0..below.task_count()).try_for_each(|task| self.run_task(&below, task))
        };
        self.optional.truncate(optional_before);
        self.prefix.pop();
        flow
    }

    fn forget_ranks_below(&mut self, frequent: &[(Reverse<u32>, u32)]) {
        for &(_, rank) in frequent {
            self.rank_below[rank as usize] = None;
        }
    }
}
