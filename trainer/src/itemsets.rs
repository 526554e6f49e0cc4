mod block;
mod database;
mod estimate;
mod masks;
mod search;
mod too_many;

use std::{
    num::NonZeroU32,
    ops::ControlFlow,
    sync::atomic::{AtomicU64, Ordering},
};

use rayon::prelude::*;

pub use self::too_many::{FittingBound, TooManyItemsets};
use self::{
    block::{Bounds, Collector, CountLimit, FoundItemsets, SizeCounter, Visitor},
    database::Database,
    search::Search,
};
use crate::{baskets::Baskets, memory::MemoryError};

/// The most itemsets that a training mines: some gigabytes.
pub const MAX_ITEMSETS: u32 = 50_000_000;

/// The most itemsets that are listed without having been counted before: some megabytes.
const LISTED_AT_ONCE: u32 = 1_000_000;

/// Frequent itemsets with the number of baskets that hold each, ordered by size and then by their items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Itemsets {
    by_size: Vec<ItemsetsOfOneSize>,
}

/// The frequent itemsets of one size, ordered by their items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ItemsetsOfOneSize {
    size: usize,
    /// The items of one itemset after the other, ascending within each.
    items: Vec<u32>,
    counts: Vec<u32>,
}

impl Itemsets {
    /// The number of itemsets.
    pub fn len(&self) -> usize {
        self.by_size.iter().map(ItemsetsOfOneSize::len).sum()
    }

    /// Whether there is no itemset.
    pub fn is_empty(&self) -> bool {
        self.by_size.is_empty()
    }

    /// The number of itemsets of one item, of two, and so on up to the longest.
    pub fn by_size(&self) -> Vec<u64> {
        self.by_size.iter().map(|itemsets| itemsets.len() as u64).collect()
    }

    /// The itemsets in order: their items, ascending, and the baskets that hold them all.
    pub fn iter(&self) -> impl Iterator<Item = (&[u32], u32)> {
        self.by_size.iter().flat_map(ItemsetsOfOneSize::iter)
    }

    /// The baskets that hold `items`, which must ascend; `None` when they are not a frequent itemset.
    pub fn count_of(&self, items: &[u32]) -> Option<u32> {
        let itemsets = self.of_size(items.len())?;
        let row = itemsets.position(items)?;
        Some(itemsets.count(row))
    }

    /// The itemsets of `size` items; `None` when there are none.
    pub(crate) fn of_size(&self, size: usize) -> Option<&ItemsetsOfOneSize> {
        self.by_size.get(size.checked_sub(1)?)
    }
}

impl ItemsetsOfOneSize {
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    pub(crate) fn items(&self, position: usize) -> &[u32] {
        &self.items[position * self.size..(position + 1) * self.size]
    }

    pub(crate) fn count(&self, position: usize) -> u32 {
        self.counts[position]
    }

    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = (&[u32], u32)> {
        self.items.chunks_exact(self.size).zip(self.counts.iter().copied())
    }

    /// Puts what was found into order.
    fn sorted(size: usize, found: &[FoundItemsets]) -> Self {
        // Most comparisons are decided by the items in front, so these lie beside what is moved.
        let mut order: Vec<(u64, &[u32], u32)> =
            Vec::with_capacity(found.iter().map(|part| part.counts.len()).sum());
        for part in found {
            for (items, &count) in part.items.chunks_exact(size).zip(&part.counts) {
                let front =
                    items.iter().chain(&[0]).take(2).fold(0, |front, &item| front << 32 | u64::from(item));
                order.push((front, items, count));
            }
        }
        order.par_sort_unstable();
        let mut items = Vec::with_capacity(size * order.len());
        for (_, itemset, _) in &order {
            items.extend_from_slice(itemset);
        }
        let counts = order.iter().map(|&(_, _, count)| count).collect();
        ItemsetsOfOneSize { size, items, counts }
    }

    fn position(&self, items: &[u32]) -> Option<usize> {
        let (mut begin, mut end) = (0, self.len());
        while begin < end {
            let middle = begin + (end - begin) / 2;
            match self.items(middle).cmp(items) {
                std::cmp::Ordering::Less => begin = middle + 1,
                std::cmp::Ordering::Equal => return Some(middle),
                std::cmp::Ordering::Greater => end = middle,
            }
        }
        None
    }
}

/// Why a dataset was not mined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MiningError {
    /// There are more frequent itemsets than may be kept.
    #[error(transparent)]
    TooManyItemsets(#[from] TooManyItemsets),
    /// It would need more memory than it may use.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// There are more rules with longer consequents than may be kept.
    #[error(
        "more than {limit} rules lead to 2 to {max_consequent} songs; \
         raise `--min-confidence` or `--min-support`, or lower `--max-consequent-length`"
    )]
    TooManyLongerRules {
        /// The rules that may be kept.
        limit: u32,
        /// The most songs in a consequent.
        max_consequent: u32,
    },
    /// There are more rules from one song or artist to one song than may be kept.
    #[error(
        "more than {limit} rules lead from one {antecedent} to one song in at least {min_count} playlists; \
         raise `--min-pair-count`, or keep fewer of them with `--max-rules-per-song`"
    )]
    TooManyPairRules {
        /// What the antecedents are: `song` or `artist`.
        antecedent: &'static str,
        /// The rules that may be kept.
        limit: u32,
        /// The playlists that must hold both sides of a rule.
        min_count: u32,
    },
}

/// Finds all itemsets of at least one item that are in at least `min_count` baskets (and at least one), exactly.
///
/// `max_length` bounds the items in an itemset. Works on the threads of the current rayon pool; the result does not depend
/// on them. Needs about `40 + 12 · size` bytes for each itemset for a while, and `4 + 4 · size` for the result.
///
/// # Errors
///
/// If there are more than `max_itemsets`; these are counted before they take much memory. The error tells about how many there are and
/// with which bounds they are few enough, for which it counts several times up to `max_itemsets`.
pub fn mine_itemsets(
    baskets: &Baskets,
    min_count: u32,
    max_length: Option<NonZeroU32>,
    max_itemsets: u32,
) -> Result<Itemsets, MiningError> {
    mine_itemsets_watched(baskets, min_count, max_length, max_itemsets, &|_, _| {})
}

/// Does what [`mine_itemsets`] does, and tells after each of the songs that itemsets begin with how many are done, and of how many. It begins
/// anew when the itemsets are counted, and again when they are listed, because they are many.
pub(crate) fn mine_itemsets_watched(
    baskets: &Baskets,
    min_count: u32,
    max_length: Option<NonZeroU32>,
    max_itemsets: u32,
    watch: Watch<'_>,
) -> Result<Itemsets, MiningError> {
    let bounds = bounds(min_count, max_length);
    let root = Database::root(baskets, bounds.min_count);
    let mut parts = match list(&root, bounds, max_itemsets.min(LISTED_AT_ONCE), watch) {
        Some(parts) => parts,
        None if count(&root, bounds, max_itemsets, watch).is_none() => {
            return Err(TooManyItemsets::new(baskets, &root, bounds, max_itemsets).into());
        }
        None => list(&root, bounds, max_itemsets, watch).unwrap_or_default(),
    };
    drop(root);
    let longest = parts.iter().map(Vec::len).max().unwrap_or_default();
    let by_size = (1..=longest)
        .map(|size| {
            // Taken out of the parts, so that one size at a time is held twice.
            let found: Vec<FoundItemsets> =
                parts.iter_mut().filter_map(|part| part.get_mut(size - 1)).map(std::mem::take).collect();
            ItemsetsOfOneSize::sorted(size, &found)
        })
        .collect();
    Ok(Itemsets { by_size })
}

/// Counts the itemsets that [`mine_itemsets`] finds, of one item, of two, and so on, in less time and with no memory for
/// them.
///
/// # Errors
///
/// If there are more than `max_itemsets`.
pub fn count_itemsets(
    baskets: &Baskets,
    min_count: u32,
    max_length: Option<NonZeroU32>,
    max_itemsets: u32,
) -> Result<Vec<u64>, MiningError> {
    let bounds = bounds(min_count, max_length);
    let root = Database::root(baskets, bounds.min_count);
    count(&root, bounds, max_itemsets, &|_, _| {})
        .ok_or_else(|| TooManyItemsets::new(baskets, &root, bounds, max_itemsets).into())
}

/// Is told how much is done, and of how much.
type Watch<'w> = &'w (dyn Fn(u64, u64) + Sync);

fn bounds(min_count: u32, max_length: Option<NonZeroU32>) -> Bounds {
    Bounds {
        min_count: min_count.max(1),
        max_length: max_length.map_or(usize::MAX, |length| length.get() as usize),
    }
}

/// Lists itemsets by size, each thread some of them; `None` if there are more than `max_itemsets`.
fn list(
    root: &Database,
    bounds: Bounds,
    max_itemsets: u32,
    watch: Watch<'_>,
) -> Option<Vec<Vec<FoundItemsets>>> {
    let limit = CountLimit::new(max_itemsets.into());
    let parts = search(root, bounds, watch, || Collector::new(&limit));
    let total: usize = parts.iter().flat_map(|part| &part.by_size).map(|found| found.counts.len()).sum();
    (!limit.is_exceeded() && total <= max_itemsets as usize)
        .then(|| parts.into_iter().map(|part| part.by_size).collect())
}

/// Counts itemsets by size; `None` if there are more than `max_itemsets`.
fn count(root: &Database, bounds: Bounds, max_itemsets: u32, watch: Watch<'_>) -> Option<Vec<u64>> {
    let limit = CountLimit::new(max_itemsets.into());
    let mut by_size = Vec::new();
    for part in search(root, bounds, watch, || SizeCounter::new(&limit)) {
        if by_size.len() < part.by_size.len() {
            by_size.resize(part.by_size.len(), 0u64);
        }
        for (total, itemsets) in by_size.iter_mut().zip(part.by_size) {
            *total = total.saturating_add(itemsets);
        }
    }
    let total = by_size.iter().fold(0u64, |total, &itemsets| total.saturating_add(itemsets));
    (total <= max_itemsets.into()).then_some(by_size)
}

/// Searches on all threads; returns the visitors, each of which saw what comes after what those before it saw.
fn search<V: Visitor + Send>(
    root: &Database,
    bounds: Bounds,
    watch: Watch<'_>,
    visitor: impl Fn() -> V + Sync,
) -> Vec<V> {
    let done = AtomicU64::new(0);
    (0..root.task_count())
        .into_par_iter()
        .fold(
            || (Search::new(root, bounds, visitor()), ControlFlow::Continue(())),
            |(mut search, flow), task| {
                let flow = match flow {
                    ControlFlow::Continue(()) => search.run_task(root, task),
                    // The visitor knows why.
                    ControlFlow::Break(()) => flow,
                };
                watch(done.fetch_add(1, Ordering::Relaxed) + 1, root.task_count() as u64);
                (search, flow)
            },
        )
        .map(|(search, _)| search.visitor)
        .collect()
}
