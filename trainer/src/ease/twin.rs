use rayon::prelude::*;

use super::{
    Ease, EaseError,
    cooccurrence::{basket_weight, positions_in},
    factor::Factor,
    symmetric::{TILE, TILE_STRIPS},
};
use crate::{
    baskets::Baskets,
    kernel::{STRIP, Segment},
};

/// The weights of rules as [`Ease::fit`] would find them without some of the baskets.
///
/// With X the held-out baskets as rows, each scaled by the root of its weight, and P the inverse that was fitted, the inverse without them is
/// P + (P·Xᵀ)·S⁻¹·(X·P), where S = I − X·P·Xᵀ (Sherman and Morrison 1950, Woodbury 1950). It costs `2 · m · n²` operations for `m` baskets
/// and all `n` rows, instead of the n³ of another fit.
pub struct EaseTwin<'e> {
    ease: &'e Ease,
    /// P·Xᵀ·L⁻ᵀ of S = L·Lᵀ, up to signs of whole columns: n rows in strips.
    update: Vec<Segment>,
    /// The columns of `update`: one for each held-out basket and zeros up to a multiple of [`STRIP`].
    width: usize,
    /// One over each element of the inverse's diagonal.
    scales: Vec<f32>,
}

impl<'e> EaseTwin<'e> {
    /// Takes the baskets at `held_out` away from a fit of `baskets`.
    ///
    /// `held_out` are positions in `baskets`, none of them twice, of which there may be thousands but not tens of thousands: their number m
    /// takes `4 · m · (m + n)` bytes and m³/3 operations on one thread. Works on the threads of the current rayon pool; the result does not
    /// depend on them.
    ///
    /// # Errors
    ///
    /// If there is not enough memory, or if a basket was not part of the fit or is taken away twice, which may leave no inverse.
    ///
    /// # Panics
    ///
    /// If a position is not below the number of baskets.
    pub fn new(ease: &'e Ease, baskets: &Baskets, held_out: &[usize]) -> Result<Self, EaseError> {
        let held_out: Vec<&[u32]> = held_out.iter().map(|&position| baskets.get(position)).collect();
        let width = held_out.len().div_ceil(STRIP).max(1) * STRIP;
        let mut update = ease.zero_strips(ease.negated.order() * TILE_STRIPS * width)?;
        update.par_chunks_mut(TILE_STRIPS * width).enumerate().for_each(|(row, strips)| {
            add_products(ease, &held_out, row, strips, width);
        });

        let mut inner = ease.zero_strips(width / STRIP * width)?;
        fill_inner(ease, &held_out, &update, &mut inner, width);
        let inner = Factor::new(ease.kernel, inner, width)
            .map_err(|_| EaseError::NotPartOfFit { held_out: held_out.len() })?;
        update.par_chunks_mut(width).for_each(|strip| inner.solve(strip));

        let mut scales = Vec::with_capacity(ease.scales.len());
        for (strip, columns) in update.chunks_exact(width).enumerate() {
            let mut diagonal = Segment::ZERO;
            for column in columns {
                diagonal.0.iter_mut().zip(column.0).for_each(|(sum, value)| *sum += value * value);
            }
            let items = strip * STRIP..ease.len().min((strip + 1) * STRIP);
            scales.extend(items.map(|item| {
                1.0 / (diagonal.0[item % STRIP] - ease.negated.segment(strip, item).0[item % STRIP])
            }));
        }
        Ok(EaseTwin { ease, update, width, scales })
    }

    /// The number of songs between which there are weights.
    pub fn len(&self) -> usize {
        self.ease.len()
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.ease.is_empty()
    }

    /// The bytes that a twin without `held_out` baskets of a fit of `n` songs takes.
    pub fn bytes(n: usize, held_out: usize) -> u64 {
        let (n, width) = (n.next_multiple_of(TILE) as u64, held_out.next_multiple_of(STRIP) as u64);
        width.saturating_mul(n + width).saturating_mul(4)
    }

    /// The weights of the rules from each antecedent to each of the fit's songs, antecedent after antecedent: row by row what [`Ease::row`] has.
    ///
    /// Works on the threads of the current rayon pool, on each at 32 antecedents at a time; one costs as much as these. A row does not depend on
    /// which others are asked for.
    ///
    /// # Panics
    ///
    /// If an antecedent is not below the fit's number of songs.
    pub fn rows(&self, antecedents: &[u32], weights: &mut Vec<f32>) {
        let n = self.ease.len();
        weights.clear();
        weights.resize(antecedents.len() * n, 0.0);
        if n == 0 {
            assert!(antecedents.is_empty(), "there are no songs");
            return;
        }
        let blocks = weights.par_chunks_mut(STRIP * n).zip(antecedents.par_chunks(STRIP));
        blocks.for_each(|(weights, antecedents)| self.block_of_rows(antecedents, weights));
    }

    /// The rows of at most [`STRIP`] antecedents.
    fn block_of_rows(&self, antecedents: &[u32], weights: &mut [f32]) {
        let Ease { kernel, ref negated, .. } = *self.ease;
        let n = self.ease.len();
        let mut update = vec![Segment::ZERO; self.width];
        for (lane, &antecedent) in antecedents.iter().enumerate() {
            let (strip, row) = (antecedent as usize / STRIP, antecedent as usize % STRIP);
            for (to, from) in update.iter_mut().zip(&self.update[strip * self.width..]) {
                to.0[lane] = from.0[row];
            }
        }
        let mut block = [Segment::ZERO; STRIP];
        let strips = self.update.chunks_exact(self.width).zip(self.scales.chunks(STRIP));
        for (strip, (consequents, scales)) in strips.enumerate() {
            for (column, &antecedent) in block.iter_mut().zip(antecedents) {
                *column = negated.segment(strip, antecedent as usize);
            }
            kernel.subtract_product(&mut block, consequents, &update);
            for (row, column) in weights.chunks_exact_mut(n).zip(&block) {
                let row = &mut row[strip * STRIP..];
                for ((weight, value), scale) in row.iter_mut().zip(column.0).zip(scales) {
                    *weight = value * scale;
                }
            }
        }
        for (row, &antecedent) in weights.chunks_exact_mut(n).zip(antecedents) {
            row[antecedent as usize] = 0.0;
        }
    }
}

/// Writes −P·Xᵀ for the items of one row of tiles.
fn add_products(ease: &Ease, held_out: &[&[u32]], row: usize, strips: &mut [Segment], width: usize) {
    let mut transposed = Vec::new();
    for column in 0..ease.negated.order() {
        let tile = ease.negated.any_tile(row, column, &mut transposed);
        for (at, basket) in held_out.iter().enumerate() {
            for &item in &basket[positions_in(basket, column, ease.len())] {
                for (sums, columns) in strips.chunks_exact_mut(width).zip(tile.chunks_exact(TILE)) {
                    let values = &columns[item as usize % TILE];
                    sums[at].0.iter_mut().zip(values.0).for_each(|(sum, value)| *sum += value);
                }
            }
        }
    }
    for sums in strips.chunks_exact_mut(width) {
        for (sums, basket) in sums.iter_mut().zip(held_out) {
            let root = basket_weight(basket).sqrt();
            sums.0.iter_mut().for_each(|sum| *sum *= root);
        }
    }
}

/// Writes I − X·P·Xᵀ on and below the diagonal, with −P·Xᵀ in `products`.
fn fill_inner(ease: &Ease, held_out: &[&[u32]], products: &[Segment], inner: &mut [Segment], width: usize) {
    inner.par_chunks_mut(width).enumerate().for_each(|(strip, columns)| {
        for (column, segment) in columns[..(strip + 1) * STRIP].iter_mut().enumerate() {
            if let Some(basket) = held_out.get(column) {
                for &item in basket.iter().take_while(|&&item| (item as usize) < ease.len()) {
                    let begin = item as usize / STRIP * width + strip * STRIP;
                    for (sum, products) in segment.0.iter_mut().zip(&products[begin..begin + STRIP]) {
                        *sum += products.0[item as usize % STRIP];
                    }
                }
                let root = basket_weight(basket).sqrt();
                segment.0.iter_mut().for_each(|sum| *sum *= root);
            }
            if column / STRIP == strip {
                segment.0[column % STRIP] += 1.0;
            }
        }
    });
}
