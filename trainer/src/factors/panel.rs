use std::collections::TryReserveError;

use rayon::prelude::*;

use super::symmetric::Symmetric;
use crate::kernel::{Block, Kernel, STRIP, Segment};

/// Into how many chunks at most, and of how many blocks of rows at least, a matrix falls for its product with itself. Sums within a chunk are in single
/// precision.
const MAX_CHUNKS: usize = 64;
const MIN_CHUNK: usize = 4;

/// A matrix with many rows and few columns, both filled up with zeros to multiples of [`STRIP`].
///
/// It lies in blocks of [`STRIP`] rows and as many columns, those of the same rows beside each other, and within a block row by row. A row of a block is two
/// cache lines, whose sums stay in registers while rows are added.
pub(super) struct Panel {
    /// The blocks beside each other.
    strips: usize,
    blocks: Vec<Block>,
}

impl Panel {
    /// The bytes of a matrix with so many rows and columns.
    pub(super) fn bytes(rows: usize, columns: usize) -> u64 {
        (rows.div_ceil(STRIP) as u64)
            .saturating_mul(columns.div_ceil(STRIP) as u64)
            .saturating_mul(size_of::<Block>() as u64)
    }

    /// The bytes that a product of a matrix with itself takes, and what is made of it.
    pub(super) fn gram_bytes(columns: usize) -> u64 {
        let strips = columns.div_ceil(STRIP) as u64;
        let chunks = MAX_CHUNKS as u64 * strips * (strips + 1) / 2;
        (chunks + 6 * strips * strips).saturating_mul(size_of::<Block>() as u64)
    }

    /// A matrix of zeros.
    pub(super) fn zero(rows: usize, columns: usize) -> Result<Self, TryReserveError> {
        let strips = columns.div_ceil(STRIP);
        let len = rows.div_ceil(STRIP).saturating_mul(strips);
        let mut blocks = Vec::new();
        blocks.try_reserve_exact(len)?;
        blocks.par_extend(rayon::iter::repeat_n([Segment::ZERO; STRIP], len));
        Ok(Panel { strips, blocks })
    }

    /// The number of columns.
    pub(super) fn columns(&self) -> usize {
        self.strips * STRIP
    }

    /// The blocks of each [`STRIP`] rows.
    pub(super) fn rows_mut(&mut self) -> impl IndexedParallelIterator<Item = &mut [Block]> {
        self.blocks.par_chunks_mut(self.strips)
    }

    /// The blocks of each [`STRIP`] rows.
    pub(super) fn rows(&self) -> impl IndexedParallelIterator<Item = &[Block]> {
        self.blocks.par_chunks(self.strips)
    }

    /// Sets the elements of the first `columns` columns by row and column.
    pub(super) fn fill(&mut self, rows: usize, columns: usize, value: impl Fn(usize, usize) -> f32 + Sync) {
        self.rows_mut().enumerate().for_each(|(at, blocks)| {
            for lane in 0..STRIP.min(rows - at * STRIP) {
                let row = blocks.iter_mut().flat_map(|block| &mut block[lane].0);
                let elements = row.take(columns).enumerate();
                elements.for_each(|(column, element)| *element = value(at * STRIP + lane, column));
            }
        });
    }

    /// Makes each of the first rows r the sum s of those rows of `other` that `list` names, times its scale: `scale · (s − shift · r / scale²)`, so that a
    /// row that was scaled before is the unscaled one times the shift less.
    pub(super) fn gather<'a>(
        &mut self,
        kernel: Kernel,
        other: &Panel,
        scales: &[f32],
        shift: f32,
        list: impl Fn(usize) -> &'a [u32] + Sync,
    ) {
        let strips = self.strips;
        // A part of the columns after the other: what is added for it then lies in a nearer cache.
        for strip in 0..strips {
            self.rows_mut().zip(scales.par_chunks(STRIP)).enumerate().for_each(|(at, (blocks, scales))| {
                kernel.vectorize(
                    #[inline(always)]
                    || {
                        for (lane, (row, &scale)) in blocks[strip].iter_mut().zip(scales).enumerate() {
                            let mut sum = [0.0; STRIP];
                            for &position in list(at * STRIP + lane) {
                                let (block, lane) = (position as usize / STRIP, position as usize % STRIP);
                                let added = &other.blocks[block * strips + strip][lane].0;
                                for (sum, value) in sum.iter_mut().zip(added) {
                                    *sum += value;
                                }
                            }
                            let kept = if shift == 0.0 { 0.0 } else { shift / (scale * scale) };
                            for (value, sum) in row.0.iter_mut().zip(sum) {
                                *value = (sum - kept * *value) * scale;
                            }
                        }
                    },
                );
            });
        }
    }

    /// The matrix transposed, times itself.
    pub(super) fn gram(&self, kernel: Kernel) -> Symmetric {
        let order = self.columns();
        let pairs: Vec<(usize, usize)> =
            (0..self.strips).flat_map(|a| (0..=a).map(move |b| (a, b))).collect();
        let chunk_sums = |blocks: &[Block]| {
            let mut sums = vec![[Segment::ZERO; STRIP]; pairs.len()];
            for row in blocks.chunks_exact(self.strips) {
                for (sum, &(a, b)) in sums.iter_mut().zip(&pairs) {
                    kernel.subtract_product(sum, &row[a], &row[b]);
                }
            }
            sums
        };
        let chunk = (self.blocks.len() / self.strips).div_ceil(MAX_CHUNKS).max(MIN_CHUNK) * self.strips;
        let chunks: Vec<Vec<Block>> = self.blocks.par_chunks(chunk).map(chunk_sums).collect();
        let mut values = vec![0.0; order * order];
        for sums in chunks {
            for (sum, &(a, b)) in sums.iter().zip(&pairs) {
                for (column, segment) in sum.iter().enumerate() {
                    for (row, &value) in segment.0.iter().enumerate() {
                        values[(a * STRIP + row) * order + b * STRIP + column] -= f64::from(value);
                    }
                }
            }
        }
        for row in 0..order {
            for column in 0..row {
                values[column * order + row] = values[row * order + column];
            }
        }
        Symmetric { order, values }
    }

    /// Makes the columns orthonormal to about five digits, or zero where they depend on those before; they span what they did. The result is the product that
    /// [`gram`](Self::gram) was before.
    pub(super) fn orthonormalize(&mut self, kernel: Kernel) -> Symmetric {
        let gram = self.gram(kernel);
        self.transform(kernel, &gram.orthonormalizer());
        gram
    }

    /// Multiplies the first rows by their scales.
    pub(super) fn scale(&mut self, scales: &[f32]) {
        self.rows_mut().zip(scales.par_chunks(STRIP)).for_each(|(blocks, scales)| {
            for block in blocks {
                for (row, scale) in block.iter_mut().zip(scales) {
                    row.0.iter_mut().for_each(|value| *value *= scale);
                }
            }
        });
    }

    /// Multiplies each row, as a column, by a square matrix, whose rows lie one after the other.
    pub(super) fn transform(&mut self, kernel: Kernel, matrix: &[f64]) {
        let order = self.columns();
        // In strips as the kernel takes them, and negated since it subtracts.
        let mut factors = vec![Segment::ZERO; self.strips * order];
        for (row, values) in matrix.chunks_exact(order).enumerate() {
            for (column, &value) in values.iter().enumerate() {
                factors[row / STRIP * order + column].0[row % STRIP] = -value as f32;
            }
        }
        self.rows_mut().for_each_init(Vec::new, |transposed, blocks| {
            transposed.clear();
            transposed.extend(blocks.iter().flat_map(transpose));
            for (block, factors) in blocks.iter_mut().zip(factors.chunks_exact(order)) {
                *block = [Segment::ZERO; STRIP];
                kernel.subtract_product(block, factors, transposed);
            }
        });
    }
}

fn transpose(block: &Block) -> Block {
    let mut transposed = [Segment::ZERO; STRIP];
    for (row, segment) in block.iter().enumerate() {
        for (column, &value) in transposed.iter_mut().zip(&segment.0) {
            column.0[row] = value;
        }
    }
    transposed
}
