use crate::kernel::{Block, Kernel, STRIP, Segment};

/// The lower Cholesky factor L of a symmetric positive definite matrix, with which `x · L⁻ᵀ` is computed.
pub(super) struct Factor {
    kernel: Kernel,
    /// In strips. Left of the blocks on the diagonal it is L.
    lower: Vec<Segment>,
    width: usize,
    /// The inverses of L's blocks on the diagonal, negated.
    inverses: Vec<Block>,
}

impl Factor {
    /// Factors a matrix of `width` rows and columns, a multiple of [`STRIP`], which lies in strips. What is above its diagonal is not looked at.
    ///
    /// # Errors
    ///
    /// The row in which the matrix turns out not to be positive definite.
    pub(super) fn new(kernel: Kernel, matrix: Vec<Segment>, width: usize) -> Result<Self, usize> {
        let mut factor = Factor { kernel, lower: matrix, width, inverses: Vec::with_capacity(width / STRIP) };
        for begin in (0..width).step_by(STRIP) {
            let (above, below) = factor.lower.split_at_mut((begin / STRIP + 1) * width);
            let strip = &mut above[begin / STRIP * width..];
            let (left, right) = strip.split_at_mut(begin);
            let Some(diagonal) = right.first_chunk_mut() else { break };
            kernel.subtract_product(diagonal, left, left);
            let inverse = invert_lower(diagonal).map_err(|row| begin + row)?;
            for strip in below.chunks_exact_mut(width) {
                eliminate(kernel, strip, begin, left, &inverse);
            }
            factor.inverses.push(inverse);
        }
        Ok(factor)
    }

    /// Multiplies a strip with as many columns as the matrix by `L⁻ᵀ` from the right.
    pub(super) fn solve(&self, strip: &mut [Segment]) {
        for (at, (lower, inverse)) in self.lower.chunks_exact(self.width).zip(&self.inverses).enumerate() {
            let begin = at * STRIP;
            eliminate(self.kernel, strip, begin, &lower[..begin], inverse);
        }
    }

    /// `L⁻ᵀ`, in strips.
    pub(super) fn inverse_transposed(&self) -> Vec<Segment> {
        let mut inverse = vec![Segment::ZERO; self.lower.len()];
        for (at, strip) in inverse.chunks_exact_mut(self.width).enumerate() {
            for row in 0..STRIP {
                strip[at * STRIP + row].0[row] = 1.0;
            }
            self.solve(strip);
        }
        inverse
    }
}

/// Makes the columns of a strip from `begin` on those of its product with `L⁻ᵀ`, when the columns before are: `lower` is the part of L that is
/// left of the block on the diagonal, and `inverse` that block's inverse, negated.
fn eliminate(kernel: Kernel, strip: &mut [Segment], begin: usize, lower: &[Segment], inverse: &Block) {
    let (left, right) = strip.split_at_mut(begin);
    if let Some(block) = right.first_chunk_mut() {
        kernel.subtract_product(block, left, lower);
        let product = std::mem::replace(block, [Segment::ZERO; STRIP]);
        kernel.subtract_product(block, &product, inverse);
    }
}

/// The inverse of the lower Cholesky factor of a block, negated, or the row where it has none. The block is used up.
fn invert_lower(block: &mut Block) -> Result<Block, usize> {
    let mut inverse = [Segment::ZERO; STRIP];
    for (row, column) in inverse.iter_mut().enumerate() {
        column.0[row] = -1.0;
    }
    for k in 0..STRIP {
        let pivot = block[k].0[k];
        // An infinite pivot would have the inverse 0.
        if !(pivot > 0.0 && pivot.is_finite()) {
            return Err(k);
        }
        let scale = 1.0 / pivot.sqrt();
        let column = Segment(block[k].0.map(|value| value * scale));
        for (later, &factor) in block[k + 1..].iter_mut().zip(&column.0[k + 1..]) {
            for (value, lower) in later.0.iter_mut().zip(column.0) {
                *value -= factor * lower;
            }
        }
        for solved in &mut inverse[..=k] {
            let factor = solved.0[k] * scale;
            solved.0[k] = factor;
            for (value, lower) in solved.0[k + 1..].iter_mut().zip(&column.0[k + 1..]) {
                *value -= factor * lower;
            }
        }
    }
    Ok(inverse)
}
