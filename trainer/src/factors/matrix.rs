use std::collections::TryReserveError;

use super::random;
use crate::baskets::Baskets;

/// The most baskets that are looked at, so that a fit takes seconds however many there are.
///
/// It is a loss: with half of 200,000 synthetic baskets smooth weights differ by 23 % from those of all and sharp ones, the last of whose factors are mostly
/// noise there, by 56 % (root mean square).
pub(super) const MAX_BASKETS: usize = 100_000;

/// The matrix whose factors are found, a row for each basket and a column for each common item: what is scaled are zeros and ones.
pub(super) struct Matrix<'b> {
    baskets: &'b Baskets,
    /// The positions in `baskets` of the rows.
    rows: Vec<u32>,
    /// What the elements of a row are scaled by.
    pub(super) row_scales: Vec<f32>,
    /// The rows that are not 0 in a column, ascending, one column after the other.
    holders: Vec<u32>,
    /// Where each column's holders begin in `holders`, and where the last one's end.
    starts: Vec<usize>,
    /// What the elements of a column are scaled by: one over the item's popularity, or 0 for an item that no basket holds.
    pub(super) column_scales: Vec<f32>,
    /// The items' support counts to the power of 0.4, in all baskets that are not held out.
    pub(super) popularities: Vec<f32>,
}

impl<'b> Matrix<'b> {
    /// The bytes for `baskets` baskets that hold `entries` items among the first `n`.
    pub(super) fn bytes(n: usize, baskets: usize, entries: usize) -> u64 {
        let (n, baskets, entries) = (n as u64, baskets as u64, entries as u64);
        let rows = baskets.min(MAX_BASKETS as u64);
        let entries = (entries as f64 * rows as f64 / baskets.max(1) as f64) as u64;
        // Where the holders begin is needed twice while they are found.
        4 * entries + 5 * baskets + 8 * rows + 28 * (n + 1)
    }

    /// The matrix of the first `n` items, and of those baskets that hold one of these and are not held out.
    pub(super) fn new(baskets: &'b Baskets, held_out: &[usize], n: usize) -> Result<Self, TryReserveError> {
        let mut is_held_out = vec![false; baskets.len()];
        for &position in held_out {
            if let Some(is_held_out) = is_held_out.get_mut(position) {
                *is_held_out = true;
            }
        }
        let mut rows = Vec::new();
        rows.try_reserve_exact(baskets.len())?;
        let mut counts = vec![0; n];
        for (position, basket) in baskets.iter().enumerate().filter(|&(position, _)| !is_held_out[position]) {
            let items = &basket[..basket.partition_point(|&item| (item as usize) < n)];
            items.iter().for_each(|&item| counts[item as usize] += 1);
            if !items.is_empty() {
                rows.push(position as u32);
            }
        }
        if rows.len() > MAX_BASKETS {
            rows = random::sample(rows.len(), MAX_BASKETS).map(|at| rows[at]).collect();
        }
        let popularities: Vec<f32> = counts.into_iter().map(popularity).collect();
        let inverse = |&popularity: &f32| if popularity > 0.0 { 1.0 / popularity } else { 0.0 };
        let mut matrix = Matrix {
            baskets,
            row_scales: rows
                .iter()
                .map(|&row| 1.0 / (baskets.get(row as usize).len() as f32).sqrt().sqrt())
                .collect(),
            rows,
            holders: Vec::new(),
            starts: vec![0; n + 1],
            column_scales: popularities.iter().map(inverse).collect(),
            popularities,
        };
        matrix.find_holders()?;
        Ok(matrix)
    }

    fn find_holders(&mut self) -> Result<(), TryReserveError> {
        let mut starts = vec![0; self.starts.len()];
        for row in 0..self.rows() {
            self.items(row).iter().for_each(|&item| starts[item as usize + 1] += 1);
        }
        let mut entries = 0;
        for start in &mut starts {
            entries += *start;
            *start = entries;
        }
        self.starts.copy_from_slice(&starts);
        let mut holders = Vec::new();
        holders.try_reserve_exact(entries)?;
        holders.resize(entries, 0);
        for row in 0..self.rows() {
            for &item in self.items(row) {
                let end = &mut starts[item as usize];
                holders[*end] = row as u32;
                *end += 1;
            }
        }
        self.holders = holders;
        Ok(())
    }

    /// The number of rows.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The columns that are not 0 in a row.
    pub(super) fn items(&self, row: usize) -> &[u32] {
        let basket = self.baskets.get(self.rows[row] as usize);
        &basket[..basket.partition_point(|&item| (item as usize) < self.popularities.len())]
    }

    /// The rows that are not 0 in a column.
    pub(super) fn holders(&self, item: usize) -> &[u32] {
        &self.holders[self.starts[item]..self.starts[item + 1]]
    }
}

/// A count to the power of 0.4: the fifth root of its square by Newton's method, which is the same to the bit on any processor. 0 for 0.
fn popularity(count: u32) -> f32 {
    let square = f64::from(count) * f64::from(count);
    // Not below the root, and at most twice as great. From there it falls.
    let mut root = f64::from(1u32 << (64 - (u64::from(count).pow(2)).leading_zeros()).div_ceil(5));
    for _ in 0..8 {
        root = (4.0 * root + square / (root * root * root * root)) / 5.0;
    }
    if count == 0 { 0.0 } else { root as f32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn popularity_is_the_count_to_the_power_of_two_fifths() {
        for count in (0..2_000).chain([1 << 16, 1_000_000, 123_456_789, u32::MAX - 1, u32::MAX]) {
            let expected = f64::from(count).powf(0.4);
            let error = (f64::from(popularity(count)) - expected).abs();
            assert!(error <= 6e-8 * expected, "{count}");
        }
    }
}
