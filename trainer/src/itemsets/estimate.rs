use rayon::prelude::*;

use super::{block::Bounds, database::Database};

/// Estimates are not told apart above this one.
pub(super) const GREATEST_ESTIMATE: u64 = 1_000_000_000_000_000_000;

/// The occurrences of items that all probes together may read for the first item of each.
const OCCURRENCES_TO_READ: usize = 1 << 27;

/// Estimates the number of itemsets in `root` within the bounds, up to [`GREATEST_ESTIMATE`].
///
/// Each probe adds one item after the other to an itemset at random, a common one rather than a rare one, as long as it stays
/// frequent. An itemset of `n` items is met in `n!` orders, so the inverse probability of the way to it, divided by `n!`, is on
/// average the number of itemsets of `n` items (Knuth 1975, *Estimating the efficiency of backtrack programs*). No estimate
/// is below the number of subsets of the longest itemset met. The probes are the same on any number of threads.
pub(super) fn estimate_itemsets(root: &Database, bounds: Bounds) -> u64 {
    let mut supports = vec![0; root.names.len()];
    for &rank in &root.ranks {
        supports[rank as usize] += 1;
    }
    let probes = (OCCURRENCES_TO_READ / root.ranks.len().max(1)).clamp(16, 512);
    let found: Vec<(f64, usize)> = (0..probes)
        .into_par_iter()
        .map_init(
            || supports.clone(),
            |counts, number| {
                counts.copy_from_slice(&supports);
                probe(root, bounds, counts, number as u64, probes as f64 * GREATEST_ESTIMATE as f64)
            },
        )
        .collect();
    // A sum of floating-point numbers depends on their order.
    let mean = found.iter().map(|&(estimate, _)| estimate).sum::<f64>() / probes as f64;
    let longest = found.iter().map(|&(_, length)| length).max().unwrap_or_default();
    let subsets = 2f64.powi(i32::try_from(longest).unwrap_or(i32::MAX)) - 1.0;
    let estimate = if bounds.max_length == usize::MAX { mean.max(subsets) } else { mean };
    (estimate as u64).min(GREATEST_ESTIMATE)
}

/// Returns an estimate of the itemsets, from one way to a long itemset, and the length of that; ends at `enough` of them.
///
/// `counts` holds the support of each rank, and is left with anything.
fn probe(root: &Database, bounds: Bounds, counts: &mut [u32], number: u64, enough: f64) -> (f64, usize) {
    let mut random = RandomNumbers(number);
    let mut estimate = 0.0;
    let mut itemsets_of_length = 1.0;
    let mut length = 0;
    let mut transactions: Vec<u32> = (0..root.starts.len() as u32 - 1).collect();
    while length < bounds.max_length && estimate < enough {
        let total: u64 =
            counts.iter().filter(|&&count| count >= bounds.min_count).map(|&c| u64::from(c)).sum();
        if total == 0 {
            break;
        }
        let mut place = random.below(total);
        let mut chosen = 0;
        for (rank, &count) in counts.iter().enumerate().filter(|&(_, &count)| count >= bounds.min_count) {
            chosen = rank;
            match place.checked_sub(count.into()) {
                Some(behind) => place = behind,
                None => break,
            }
        }
        length += 1;
        itemsets_of_length *= total as f64 / f64::from(counts[chosen]) / length as f64;
        estimate += itemsets_of_length;

        let ranks_in = |transaction: u32| {
            let transaction = transaction as usize;
            &root.ranks[root.starts[transaction]..root.starts[transaction + 1]]
        };
        transactions.retain(|&transaction| ranks_in(transaction).binary_search(&(chosen as u32)).is_ok());
        // An item that was infrequent, or chosen, stays out: both are told by a count of 0.
        for count in &mut *counts {
            *count = u32::from(*count >= bounds.min_count);
        }
        counts[chosen] = 0;
        for &transaction in &transactions {
            for &rank in ranks_in(transaction) {
                let count = &mut counts[rank as usize];
                *count += u32::from(*count > 0);
            }
        }
        for count in &mut *counts {
            *count = count.saturating_sub(1);
        }
    }
    (estimate, length)
}

/// SplitMix64 (Steele, Lea and Flood 2014).
struct RandomNumbers(u64);

impl RandomNumbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        ((u128::from(mixed) * u128::from(end)) >> 64) as u64
    }
}
