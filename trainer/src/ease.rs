mod cooccurrence;
mod factor;
mod symmetric;
mod twin;

use std::collections::TryReserveError;

pub use self::twin::EaseTwin;
use self::{
    cooccurrence::add_cooccurrence,
    symmetric::{Symmetric, TILE},
};
use crate::{
    baskets::Baskets,
    kernel::{Kernel, STRIP, Segment},
    memory::Amount,
};

/// Weights of rules a ⇒ c between the most common songs, learned together: those of the linear model that predicts each song of a basket
/// from its other songs with the least squared error.
///
/// This is EASE^R (Steck 2019, "Embarrassingly Shallow Autoencoders for Sparse Data") of baskets that count `1/√length` each. With X a row of
/// zeros and ones for each basket, W the diagonal matrix of what they count, and P = (Xᵀ·W·X + Λ)⁻¹, where Λ is diagonal and has a λ for
/// each song, the weight of a ⇒ c is −P\[a\]\[c\] / P\[c\]\[c\].
pub struct Ease {
    kernel: Kernel,
    /// −P.
    negated: Symmetric,
    /// One over each element of P's diagonal.
    scales: Vec<f32>,
}

/// Why weights were not learned.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EaseError {
    /// A λ is not a positive number.
    #[error("the learned weights need a regularisation above 0, and not {lambda} for song {song}")]
    InvalidLambda {
        /// The song, counted from 0 by falling support count.
        song: usize,
        /// Its λ.
        lambda: f32,
    },
    /// The memory could not be had.
    #[error("the learned weights of {songs} songs need {}, which this system does not give; learn those of fewer songs", Amount(*.needed))]
    OutOfMemory {
        /// The songs that weights were to be learned for.
        songs: usize,
        /// What was asked for, in bytes.
        needed: u64,
        /// What the system answered.
        #[source]
        source: TryReserveError,
    },
    /// Single precision does not suffice.
    #[error(
        "learning weights with a regularisation of {lambda} fails in single precision at song {song}; raise the regularisation"
    )]
    NotPositiveDefinite {
        /// The song, counted from 0 by falling support count.
        song: usize,
        /// Its λ.
        lambda: f32,
    },
    /// Something was taken away that had not been there.
    #[error(
        "the {held_out} playlists to hold out are not all different ones among those that were learned from"
    )]
    NotPartOfFit {
        /// The baskets to take away.
        held_out: usize,
    },
}

impl Ease {
    /// Learns the weights between as many items as there are `lambdas`, or between all when these are fewer. The first are the most common when
    /// items are numbered by falling support count, as those of a dataset are.
    ///
    /// `lambdas` are what is added to the diagonal, item by item: the greater, the smaller are an item's weights. In proportion to the root of
    /// its support count they predict better than when they are all the same. The lengths of baskets count all items.
    ///
    /// Works in single precision on the threads of the current rayon pool. The result is the same to the bit on any number of threads and on any
    /// processor. Takes [`bytes`](Self::bytes) of memory, about half of n² numbers, and n³ floating-point operations.
    ///
    /// # Errors
    ///
    /// If one of `lambdas` is not above 0 and finite, or they are too small for single precision, or if there is not enough memory.
    pub fn fit(baskets: &Baskets, lambdas: &[f32]) -> Result<Self, EaseError> {
        let is_valid = |lambda: f32| lambda > 0.0 && lambda.is_finite();
        if let Some(song) = lambdas.iter().position(|&lambda| !is_valid(lambda)) {
            return Err(EaseError::InvalidLambda { song, lambda: lambdas[song] });
        }
        let n = lambdas.len().min(baskets.item_count() as usize);
        let lambdas = &lambdas[..n];
        let out_of_memory = |source| EaseError::OutOfMemory { songs: n, needed: Self::bytes(n), source };
        let mut negated = Symmetric::zero(n).map_err(out_of_memory)?;
        add_cooccurrence(&mut negated, baskets, lambdas);
        let kernel = Kernel::detect();
        let not_positive_definite = |row: usize| {
            // Rows that fill up the last tile fail only when infinities of a song before spread to them.
            let song = row.min(n - 1);
            EaseError::NotPositiveDefinite { song, lambda: lambdas[song] }
        };
        negated.invert_negated(kernel).map_err(not_positive_definite)?;
        let scale = |item| -1.0 / negated.segment(item / STRIP, item).0[item % STRIP];
        let scales = (0..n).map(scale).collect();
        Ok(Ease { kernel, negated, scales })
    }

    /// The bytes that a fit of `n` songs takes while it is made; it keeps nearly all of them.
    pub fn bytes(n: usize) -> u64 {
        let panel = 4 * (n.next_multiple_of(TILE) * TILE) as u64;
        Symmetric::bytes(n).saturating_add(panel)
    }

    /// The number of songs between which there are weights.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Whether there is no weight.
    pub fn is_empty(&self) -> bool {
        self.scales.is_empty()
    }

    /// The weights of the rules from one antecedent to each song; that to itself is 0. In a memory that is used again, it is fastest for
    /// antecedents in their order.
    ///
    /// # Panics
    ///
    /// If `antecedent` is not below [`len`](Self::len).
    pub fn row(&self, antecedent: u32, weights: &mut Vec<f32>) {
        weights.clear();
        for (strip, scales) in self.scales.chunks(STRIP).enumerate() {
            let values = self.negated.segment(strip, antecedent as usize).0;
            weights.extend(values.iter().zip(scales).map(|(value, scale)| value * scale));
        }
        weights[antecedent as usize] = 0.0;
    }

    /// Strips of zeros beside the fit.
    fn zero_strips(&self, len: usize) -> Result<Vec<Segment>, EaseError> {
        let mut strips = Vec::new();
        let needed = (len * size_of::<Segment>()) as u64;
        strips.try_reserve_exact(len).map_err(|source| EaseError::OutOfMemory {
            songs: self.len(),
            needed,
            source,
        })?;
        strips.resize(len, Segment::ZERO);
        Ok(strips)
    }
}
