use pulp::{Arch, Simd, WithSimd};

/// The rows of a strip.
pub(crate) const STRIP: usize = 32;

/// One column of a strip.
///
/// Matrices lie in strips of [`STRIP`] rows, one after the other, and a strip lies column by column. So both operands of [`Kernel`] are read
/// from front to back as they are, and nothing needs to be packed for it. On the boundary of a cache line no load touches two.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(crate) struct Segment(pub(super) [f32; STRIP]);

impl Segment {
    pub(crate) const ZERO: Segment = Segment([0.0; STRIP]);
}

/// The columns of a strip that are as many as its rows.
pub(crate) type Block = [Segment; STRIP];

/// Multiplies matrices with the widest vectors that the processor has.
///
/// Every element is a sum in the order of the columns, and products are rounded before they are added (not fused, which not every processor
/// can). So the result does not depend on the vectors' width, and is the same to the bit on any processor.
#[derive(Clone, Copy)]
pub(crate) struct Kernel(Arch);

impl Kernel {
    pub(crate) fn detect() -> Self {
        Kernel(Arch::new())
    }

    /// Does work that is compiled for the widest vectors too, when all of it is inlined.
    pub(crate) fn vectorize<R>(self, work: impl FnOnce() -> R) -> R {
        self.0.dispatch(work)
    }

    /// Subtracts `a · bᵀ` from `c`. The strips `a` and `b` have as many columns as each other.
    pub(crate) fn subtract_product(self, c: &mut Block, a: &[Segment], b: &[Segment]) {
        debug_assert_eq!(a.len(), b.len());
        self.0.dispatch(Product { c, a, b });
    }
}

struct Product<'a> {
    c: &'a mut Block,
    a: &'a [Segment],
    b: &'a [Segment],
}

impl WithSimd for Product<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        // As many sums as stay in registers beside the operands.
        if S::REGISTER_COUNT >= 32 {
            self.in_columns::<S, 8>(simd);
        } else {
            self.in_columns::<S, 4>(simd);
        }
    }
}

impl Product<'_> {
    /// Computes `WIDTH` columns of `c` at a time, and of these two vectors of rows.
    #[inline(always)]
    fn in_columns<S: Simd, const WIDTH: usize>(self, simd: S) {
        for (part, c) in self.c.as_chunks_mut::<WIDTH>().0.iter_mut().enumerate() {
            for vector in (0..STRIP / S::F32_LANES).step_by(2) {
                let mut sums = [[simd.splat_f32s(0.0); 2]; WIDTH];
                for (a, b) in self.a.iter().zip(self.b) {
                    let rows = S::as_simd_f32s(&a.0).0;
                    let (upper, lower) = (rows[vector], rows[vector + 1]);
                    for (sum, &factor) in sums.iter_mut().zip(&b.0.as_chunks::<WIDTH>().0[part]) {
                        let factor = simd.splat_f32s(factor);
                        sum[0] = simd.add_f32s(sum[0], simd.mul_f32s(upper, factor));
                        sum[1] = simd.add_f32s(sum[1], simd.mul_f32s(lower, factor));
                    }
                }
                for (c, sum) in c.iter_mut().zip(sums) {
                    let rows = S::as_mut_simd_f32s(&mut c.0).0;
                    rows[vector] = simd.sub_f32s(rows[vector], sum[0]);
                    rows[vector + 1] = simd.sub_f32s(rows[vector + 1], sum[1]);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values without a pattern, from -1 to 1.
    fn columns(len: usize, seed: u32) -> Vec<Segment> {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..len).map(|_| Segment(std::array::from_fn(|_| next()))).collect()
    }

    #[test]
    fn vectors_of_any_width_give_the_same_bits() {
        for depth in [0, 1, 77, 256] {
            let (a, b) = (columns(depth, 1), columns(depth, 2));
            let mut expected = [Segment([0.5; STRIP]); STRIP];
            for (column, c) in expected.iter_mut().enumerate() {
                for (row, c) in c.0.iter_mut().enumerate() {
                    *c -= a.iter().zip(&b).fold(0.0, |sum, (a, b)| sum + a.0[row] * b.0[column]);
                }
            }
            let mut widest = [Segment([0.5; STRIP]); STRIP];
            Kernel::detect().subtract_product(&mut widest, &a, &b);
            let mut scalar = [Segment([0.5; STRIP]); STRIP];
            Simd::vectorize(pulp::Scalar, Product { c: &mut scalar, a: &a, b: &b });
            let bits = |block: &Block| block.map(|column| column.0.map(f32::to_bits));
            assert_eq!(bits(&widest), bits(&expected), "{depth}");
            assert_eq!(bits(&scalar), bits(&expected), "{depth}");
        }
    }
}
