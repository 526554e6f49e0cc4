use std::cmp::Reverse;

use rayon::prelude::*;

use crate::baskets::Baskets;

/// The items that the search at the root leaves to one task; each other item is a task of its own.
const ROOT_LOW_ITEMS: usize = 16;

/// Stands for an item that is not frequent.
pub(super) const NO_RANK: u32 = u32::MAX;

/// Transactions over items that are ranked by falling count, the commonest being 0.
///
/// The root's transactions are the baskets; those below are the baskets that hold a prefix, cut to the items that can
/// extend it.
pub(super) struct Database {
    /// The item of the dataset behind each rank.
    pub(super) names: Vec<u32>,
    /// The ranks in each transaction, ascending.
    pub(super) ranks: Vec<u32>,
    /// Where each transaction begins in `ranks`, and a last entry with the end.
    pub(super) starts: Vec<usize>,
    /// How many transactions hold the commonest item; 0 without items.
    pub(super) greatest_count: u32,
    /// The ranks below this one are searched together, as bit masks; each other one has a list of its transactions.
    pub(super) low: usize,
    /// The transactions that hold each rank from `low` on, one list after the other.
    holders: Vec<Holder>,
    /// Where the list of each rank from `low` on begins in `holders`, and a last entry with the end.
    holder_starts: Vec<usize>,
}

/// A transaction that holds a rank.
#[derive(Clone, Copy, Default)]
pub(super) struct Holder {
    transaction: u32,
    /// How many lower ranks it holds. Read with the list, it tells how much to read of the transaction before that arrives
    /// from memory.
    below: u32,
}

impl Database {
    /// The items of `baskets` that are frequent.
    pub(super) fn root(baskets: &Baskets, min_count: u32) -> Self {
        // The baskets are read in as many parts as there are threads.
        let part_len = baskets.len().div_ceil(rayon::current_num_threads()).max(1);
        let support_counts = support_counts(baskets, part_len);
        let mut names: Vec<u32> =
            (0..baskets.item_count()).filter(|&item| support_counts[item as usize] >= min_count).collect();
        names.sort_unstable_by_key(|&item| (Reverse(support_counts[item as usize]), item));
        let mut rank_of = vec![NO_RANK; support_counts.len()];
        for (&item, rank) in names.iter().zip(0..) {
            rank_of[item as usize] = rank;
        }
        let ranks_in = |basket: usize| {
            let ranks = baskets.get(basket).iter().map(|&item| rank_of[item as usize]);
            ranks.filter(|&rank| rank != NO_RANK)
        };

        // The parts are filled in parallel, so it must be known before where each begins.
        let lens: Vec<usize> = (0..baskets.len())
            .into_par_iter()
            .with_min_len(part_len)
            .map(|basket| ranks_in(basket).count())
            .collect();
        let mut starts = Vec::with_capacity(lens.len() + 1);
        starts.push(0);
        let mut end = 0;
        for len in lens {
            end += len;
            starts.push(end);
        }
        let mut ranks = vec![0; end];
        let mut parts = Vec::new();
        let mut rest = ranks.as_mut_slice();
        for begin in (0..baskets.len()).step_by(part_len) {
            let transactions = begin..baskets.len().min(begin + part_len);
            let (part, behind) = rest.split_at_mut(starts[transactions.end] - starts[begin]);
            parts.push((transactions, part));
            rest = behind;
        }
        parts.into_par_iter().for_each(|(transactions, mut part)| {
            for transaction in transactions {
                let (ranks, behind) = part.split_at_mut(starts[transaction + 1] - starts[transaction]);
                for (place, rank) in ranks.iter_mut().zip(ranks_in(transaction)) {
                    *place = rank;
                }
                ranks.sort_unstable();
                part = behind;
            }
        });
        let counts: Vec<u32> = names.iter().map(|&item| support_counts[item as usize]).collect();
        Database::new(names, &counts, ROOT_LOW_ITEMS, rayon::current_num_threads(), ranks, starts)
    }

    /// `counts` are those of the ranks; the lists are written by up to `parts` threads.
    pub(super) fn new(
        names: Vec<u32>,
        counts: &[u32],
        low: usize,
        parts: usize,
        ranks: Vec<u32>,
        starts: Vec<usize>,
    ) -> Self {
        let low = low.min(names.len());
        let mut holder_starts = Vec::with_capacity(names.len() - low + 1);
        holder_starts.push(0);
        let mut end = 0;
        for &count in &counts[low..] {
            end += count as usize;
            holder_starts.push(end);
        }
        let mut holders = vec![Holder::default(); end];
        // Each part writes the lists of some ranks, for which it reads all transactions.
        let mut writers = Vec::new();
        let mut rest = holders.as_mut_slice();
        let mut first = 0;
        for part in 1..=parts {
            let last = holder_starts.partition_point(|&start| start < end * part / parts).max(first);
            let (lists, behind) = rest.split_at_mut(holder_starts[last] - holder_starts[first]);
            writers.push((first..last, lists));
            rest = behind;
            first = last;
        }
        writers.into_par_iter().for_each(|(part, lists)| {
            let mut next: Vec<usize> =
                part.clone().map(|list| holder_starts[list] - holder_starts[part.start]).collect();
            for (bounds, transaction) in starts.windows(2).zip(0..) {
                for (&rank, below) in ranks[bounds[0]..bounds[1]].iter().zip(0..) {
                    let list = (rank as usize).wrapping_sub(low + part.start);
                    if let Some(place) = next.get_mut(list) {
                        lists[*place] = Holder { transaction, below };
                        *place += 1;
                    }
                }
            }
        });
        let greatest_count = counts.first().copied().unwrap_or_default();
        Database { names, ranks, starts, greatest_count, low, holders, holder_starts }
    }

    /// The number of tasks into which a search of this database can be cut.
    pub(super) fn task_count(&self) -> usize {
        1 + self.names.len() - self.low
    }

    /// The lower ranks of a transaction that holds a rank.
    pub(super) fn below(&self, holder: Holder) -> &[u32] {
        let begin = self.starts[holder.transaction as usize];
        &self.ranks[begin..begin + holder.below as usize]
    }

    /// The transactions that hold `rank`, which is not below `low`.
    pub(super) fn holders(&self, rank: u32) -> &[Holder] {
        let list = rank as usize - self.low;
        &self.holders[self.holder_starts[list]..self.holder_starts[list + 1]]
    }
}

/// The number of baskets that hold each item; parts of `part_len` baskets are counted in parallel.
fn support_counts(baskets: &Baskets, part_len: usize) -> Vec<u32> {
    let no_counts = || vec![0; baskets.item_count() as usize];
    (0..baskets.len())
        .into_par_iter()
        .with_min_len(part_len)
        .fold(no_counts, |mut counts, basket| {
            for &item in baskets.get(basket) {
                counts[item as usize] += 1;
            }
            counts
        })
        .reduce_with(|mut counts, others| {
            for (count, other) in counts.iter_mut().zip(others) {
                *count += other;
            }
            counts
        })
        .unwrap_or_default()
}
