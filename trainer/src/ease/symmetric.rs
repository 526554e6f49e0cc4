use std::{cmp::Ordering, collections::TryReserveError};

use rayon::prelude::*;

use super::factor::Factor;
use crate::kernel::{Kernel, STRIP, Segment};

/// The rows and columns of a tile: three tiles fit into the second level of a processor's cache.
pub(super) const TILE: usize = 256;

/// The strips of a tile.
pub(super) const TILE_STRIPS: usize = TILE / STRIP;

/// The segments of a tile.
const TILE_LEN: usize = TILE * TILE_STRIPS;

/// A symmetric matrix of which the tiles on and below the diagonal are kept: row of tiles after row of tiles, and a tile in strips.
pub(super) struct Symmetric {
    /// The tiles in a column of tiles.
    order: usize,
    segments: Vec<Segment>,
}

impl Symmetric {
    /// The bytes of a matrix with `n` rows.
    pub(super) fn bytes(n: usize) -> u64 {
        let order = n.div_ceil(TILE) as u64;
        (order * (order + 1) / 2).saturating_mul((TILE_LEN * size_of::<Segment>()) as u64)
    }

    /// A matrix with at least `n` rows; their number is a multiple of [`TILE`].
    pub(super) fn zero(n: usize) -> Result<Self, TryReserveError> {
        let order = n.div_ceil(TILE);
        let mut segments = Vec::new();
        let len = usize::try_from(Self::bytes(n)).unwrap_or(usize::MAX) / size_of::<Segment>();
        segments.try_reserve_exact(len)?;
        // Memory is slow when it is touched first, so all threads do it.
        segments.par_extend(rayon::iter::repeat_n(Segment::ZERO, len));
        Ok(Symmetric { order, segments })
    }

    /// The tiles in a column of tiles.
    pub(super) fn order(&self) -> usize {
        self.order
    }

    /// A tile that is not above the diagonal.
    pub(super) fn tile(&self, row: usize, column: usize) -> &[Segment] {
        let begin = (row * (row + 1) / 2 + column) * TILE_LEN;
        &self.segments[begin..begin + TILE_LEN]
    }

    /// The tile of a row and a column, or when it is above the diagonal, its transpose in `transposed`.
    pub(super) fn any_tile<'a>(
        &'a self,
        row: usize,
        column: usize,
        transposed: &'a mut Vec<Segment>,
    ) -> &'a [Segment] {
        if column <= row {
            return self.tile(row, column);
        }
        transposed.resize(TILE_LEN, Segment::ZERO);
        transpose(self.tile(column, row), transposed);
        transposed
    }

    /// The rows of tiles, each with those up to the diagonal.
    pub(super) fn rows_mut(&mut self) -> Vec<&mut [Segment]> {
        let mut rest = self.segments.as_mut_slice();
        let mut rows = Vec::with_capacity(self.order);
        for row in 0..self.order {
            let (tiles, after) = std::mem::take(&mut rest).split_at_mut((row + 1) * TILE_LEN);
            rows.push(tiles);
            rest = after;
        }
        rows
    }

    /// A column in one strip of the whole matrix.
    pub(super) fn segment(&self, strip: usize, column: usize) -> Segment {
        let (row, column_tile) = (strip / TILE_STRIPS, column / TILE);
        let (strip, column) = (strip % TILE_STRIPS, column % TILE);
        if column_tile <= row {
            return self.tile(row, column_tile)[strip * TILE + column];
        }
        let tile = self.tile(column_tile, row);
        let begin = column / STRIP * TILE + strip * STRIP;
        let mut segment = Segment::ZERO;
        for (value, other) in segment.0.iter_mut().zip(&tile[begin..begin + STRIP]) {
            *value = other.0[column % STRIP];
        }
        segment
    }

    /// Replaces a positive definite matrix by its inverse, negated. What is above its diagonal is not looked at.
    ///
    /// Sweeps (Goodnight 1979, "A tutorial on the SWEEP operator") the rows of one diagonal tile after the other, which takes n³ operations on
    /// the half that is kept and nearly no memory besides. With the tile D = L·Lᵀ on the diagonal and C the tiles of the same columns, W = C·L⁻ᵀ,
    /// the other tiles lose W·Wᵀ, C becomes −W·L⁻¹ and D becomes −L⁻ᵀ·L⁻¹. That is one product of two tiles for each tile when L⁻ᵀ stands in
    /// for D in W. (The signs where a swept row meets another are not the textbook's; they make all products negative.)
    ///
    /// # Errors
    ///
    /// The row in which the matrix turns out not to be positive definite.
    pub(super) fn invert_negated(&mut self, kernel: Kernel) -> Result<(), usize> {
        let mut panel = vec![Segment::ZERO; self.order * TILE_LEN];
        for pivot in 0..self.order {
            let diagonal = self.tile(pivot, pivot).to_vec();
            let factor = Factor::new(kernel, diagonal, TILE).map_err(|row| pivot * TILE + row)?;
            panel.par_chunks_mut(TILE_LEN).enumerate().for_each(|(row, w)| {
                match row.cmp(&pivot) {
                    Ordering::Less => transpose(self.tile(pivot, row), w),
                    Ordering::Equal => return w.copy_from_slice(&factor.inverse_transposed()),
                    Ordering::Greater => w.copy_from_slice(self.tile(row, pivot)),
                }
                w.chunks_exact_mut(TILE).for_each(|strip| factor.solve(strip));
            });
            let w = |row: usize| &panel[row * TILE_LEN..(row + 1) * TILE_LEN];
            self.segments.par_chunks_mut(TILE_LEN).enumerate().for_each(|(index, tile)| {
                // The row is the greatest whose first tile is not after this one.
                let row = ((8 * index + 1).isqrt() - 1) / 2;
                let column = index - row * (row + 1) / 2;
                if row == pivot || column == pivot {
                    tile.fill(Segment::ZERO);
                }
                for (at, (c, a)) in tile.chunks_exact_mut(TILE).zip(w(row).chunks_exact(TILE)).enumerate() {
                    // Nothing looks above the diagonal before all tiles are swept.
                    let len = if row == column { at + 1 } else { TILE_STRIPS };
                    for (c, b) in c.as_chunks_mut().0[..len].iter_mut().zip(w(column).chunks_exact(TILE)) {
                        kernel.subtract_product(c, a, b);
                    }
                }
            });
        }
        self.mirror_diagonal_tiles();
        Ok(())
    }

    /// Copies what is below the diagonal to above it.
    fn mirror_diagonal_tiles(&mut self) {
        for row in 0..self.order {
            let diagonal = (row * (row + 1) / 2 + row) * TILE_LEN;
            let tile = &mut self.segments[diagonal..diagonal + TILE_LEN];
            for place in 0..TILE {
                for other in 0..place {
                    let value = tile[place / STRIP * TILE + other].0[place % STRIP];
                    tile[other / STRIP * TILE + place].0[other % STRIP] = value;
                }
            }
        }
    }
}

/// Writes the transpose of a tile.
fn transpose(tile: &[Segment], transposed: &mut [Segment]) {
    for (strip, columns) in transposed.chunks_exact_mut(TILE).enumerate() {
        for (column, segment) in columns.iter_mut().enumerate() {
            let begin = column / STRIP * TILE + strip * STRIP;
            for (value, other) in segment.0.iter_mut().zip(&tile[begin..begin + STRIP]) {
                *value = other.0[column % STRIP];
            }
        }
    }
}
