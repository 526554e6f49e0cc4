mod matrix;
mod panel;
mod random;
mod symmetric;

use std::{collections::TryReserveError, iter};

use rayon::prelude::*;

use self::{matrix::Matrix, panel::Panel};
use crate::{
    baskets::Baskets,
    kernel::{Kernel, STRIP},
    memory::Amount,
};

/// Latent factors of baskets, with which two common songs are alike even when no basket holds both.
///
/// They are the first right singular vectors V of the matrix with a row for each basket and a column for each song, which has `length^-1/4 · count^-0.4`
/// where the basket holds the song and 0 elsewhere. The length is the number of all items of the basket, so that each pair of them counts `1/√length`, as in
/// [`Ease`](crate::Ease); the count is the number of baskets with the song.
///
/// The weight of a rule a ⇒ c is `(count(c) / count(a))^0.4 · Σₖ fₖ·V[a][k]·V[c][k]`. With `fₖ` = 1 for all factors it is called sharp, and smooth with
/// `sₖ² / (sₖ² + s₆₄²)` for the first 64 and 0 for the others. The singular values s are numbered from 0, and are 0 where there are no more factors.
pub struct Factors {
    kernel: Kernel,
    /// V, song after song, each filled up with zeros to `width`.
    vectors: Vec<f32>,
    width: usize,
    singular_values: Vec<f32>,
    /// `fₖ` of the smooth weights, for as many factors as matter rounded up to [`LANES`].
    smooth: Vec<f32>,
    /// Support counts to the power of 0.4.
    popularities: Vec<f32>,
}

/// Why factors were not found.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum FactorsError {
    /// The memory could not be had.
    #[error("the latent factors of {songs} songs need {}, which this system does not give; find those of fewer songs", Amount(*.needed))]
    OutOfMemory {
        /// The songs that factors were to be found for.
        songs: usize,
        /// What was asked for, in bytes.
        needed: u64,
        /// What the system answered.
        #[source]
        source: TryReserveError,
    },
}

/// The factors that smooth weights are of.
const SMOOTH_RANK: usize = 64;

/// What is sought beside the factors at least, for the last of these are found the sooner.
const OVERSAMPLING: usize = 16;

/// How often a bound of the squared singular values that are not sought is estimated; it is too low while the vectors are far from the singular ones.
///
/// Two rounds leave sharp weights of real playlists, for which what separates the last factor from the next matters, within 2 % of those that more rounds
/// find (root mean square), and smooth weights within 0.01 %. As many products without shifts leave 10 %.
const ROUNDS: usize = 2;

/// The roots of the Chebyshev polynomial of degree 5, moved from -1 to 1 to 0 to 1, small and great in turn.
const ROOTS: [f64; 5] =
    [0.975_528_258_147_577, 0.024_471_741_852_423, 0.793_892_626_146_237, 0.206_107_373_853_763, 0.5];

/// Factors whose singular value is a smaller part of the greatest are rounding errors.
const TOLERANCE: f64 = 1e-4;

/// The sums that are made beside each other.
const LANES: usize = 16;

impl Factors {
    /// The rank that weights predict well with.
    pub const RANK: usize = 128;

    /// Finds at most `rank` factors of the items below `n`, which are the most common when items are numbered by falling support count, as those of
    /// a dataset are, in the baskets whose position is not in `held_out`. There are fewer when the matrix has a smaller rank.
    ///
    /// Of more than 100,000 baskets that hold such an item so many are looked at, spread evenly; support counts are those of all.
    ///
    /// Works in single precision on the threads of the current rayon pool, by subspace iteration from random vectors that are always the same
    /// (Halko, Martinsson and Tropp 2011, "Finding structure with randomness"). The result is the same to the bit on any number of threads and on
    /// any processor. Takes [`bytes`](Self::bytes) of memory.
    ///
    /// # Errors
    ///
    /// If there is not enough memory.
    pub fn fit(baskets: &Baskets, held_out: &[usize], n: u32, rank: usize) -> Result<Self, FactorsError> {
        let n = n.min(baskets.item_count()) as usize;
        let out_of_memory = |source| {
            let needed = Self::bytes(n, rank, baskets.len(), baskets.total_len());
            FactorsError::OutOfMemory { songs: n, needed, source }
        };
        let kernel = Kernel::detect();
        let matrix = Matrix::new(baskets, held_out, n).map_err(out_of_memory)?;
        let (songs, squares) = find_factors(kernel, &matrix, rank).map_err(out_of_memory)?;

        let is_sound = |&&square: &&f64| square > TOLERANCE * TOLERANCE * squares[0];
        let singular_values: Vec<f32> =
            squares.iter().take(rank).take_while(is_sound).map(|square| square.sqrt() as f32).collect();
        let rank = singular_values.len();
        let width = rank.next_multiple_of(LANES);
        let mut vectors = Vec::new();
        vectors.try_reserve_exact(n * width).map_err(out_of_memory)?;
        vectors.par_extend(rayon::iter::repeat_n(0.0, n * width));
        if rank > 0 {
            let rows = vectors.par_chunks_mut(STRIP * width);
            rows.zip(songs.rows()).for_each(|(rows, blocks)| {
                for (lane, row) in rows.chunks_exact_mut(width).enumerate() {
                    let values = blocks.iter().flat_map(|block| &block[lane].0);
                    row[..rank].iter_mut().zip(values).for_each(|(to, &from)| *to = from);
                }
            });
        }
        let next = singular_values.get(SMOOTH_RANK).map_or(0.0, |value| value * value);
        let mut smooth: Vec<f32> = singular_values
            .iter()
            .take(SMOOTH_RANK)
            .map(|value| value * value / (value * value + next))
            .collect();
        smooth.resize(smooth.len().next_multiple_of(LANES), 0.0);
        Ok(Factors { kernel, vectors, width, singular_values, smooth, popularities: matrix.popularities })
    }

    /// The bytes that a fit of `n` songs takes while it is made, in `baskets` baskets with `entries` items together: about `4 · n · (2 · rank + 32)`, and
    /// 4 for each entry and `4 · (rank + 32)` for each basket that is looked at. It keeps `4 · n · rank` of them.
    pub fn bytes(n: usize, rank: usize, baskets: usize, entries: usize) -> u64 {
        let rows = baskets.min(matrix::MAX_BASKETS);
        let columns = columns(rank, n, rows);
        let vectors = 4 * n as u64 * rank.min(columns).next_multiple_of(LANES) as u64;
        // The vectors are copied when only the songs' panel is left.
        let panels = Panel::bytes(n, columns) + vectors.max(Panel::bytes(rows, columns));
        Matrix::bytes(n, baskets, entries) + panels + Panel::gram_bytes(columns)
    }

    /// The number of songs that have factors.
    pub fn len(&self) -> usize {
        self.popularities.len()
    }

    /// Whether no song has factors.
    pub fn is_empty(&self) -> bool {
        self.popularities.is_empty()
    }

    /// The singular values, falling, one for each factor.
    pub fn singular_values(&self) -> &[f32] {
        &self.singular_values
    }

    /// A song's components of the factors, a row of the matrix V with orthonormal columns.
    ///
    /// # Panics
    ///
    /// If `song` is not below [`len`](Self::len).
    pub fn vector(&self, song: u32) -> &[f32] {
        &self.padded_vector(song as usize)[..self.singular_values.len()]
    }

    /// The smooth and the sharp weights of the rules from one antecedent to each of `consequents`, which replace what the vectors hold. Some are
    /// negative; they are 0 where a song has no factors.
    pub fn weights(&self, antecedent: u32, consequents: &[u32], smooth: &mut Vec<f32>, sharp: &mut Vec<f32>) {
        smooth.clear();
        sharp.clear();
        smooth.resize(consequents.len(), 0.0);
        sharp.resize(consequents.len(), 0.0);
        let popularity = self.popularities.get(antecedent as usize).copied().unwrap_or(0.0);
        // No basket holds a song that is not popular at all.
        if popularity == 0.0 {
            return;
        }
        let vector = self.padded_vector(antecedent as usize);
        let damped: Vec<f32> = vector.iter().zip(&self.smooth).map(|(value, f)| value * f).collect();
        self.kernel.vectorize(
            #[inline(always)]
            || {
                for ((&consequent, smooth), sharp) in consequents.iter().zip(smooth).zip(sharp) {
                    if let Some(other) = self.popularities.get(consequent as usize) {
                        let scale = other / popularity;
                        let other = self.padded_vector(consequent as usize);
                        *smooth = scale * dot(&damped, other);
                        *sharp = scale * dot(vector, other);
                    }
                }
            },
        );
    }

    fn padded_vector(&self, song: usize) -> &[f32] {
        &self.vectors[song * self.width..(song + 1) * self.width]
    }
}

/// The columns of the matrices that hold `rank` factors and what is sought beside.
fn columns(rank: usize, n: usize, rows: usize) -> usize {
    if rank == 0 {
        return 0;
    }
    rank.saturating_add(OVERSAMPLING).checked_next_multiple_of(STRIP).unwrap_or(rank).min(n).min(rows)
}

/// The right singular vectors in falling order of their singular values, and the squares of these.
fn find_factors(
    kernel: Kernel,
    matrix: &Matrix<'_>,
    rank: usize,
) -> Result<(Panel, Vec<f64>), TryReserveError> {
    let (rows, n) = (matrix.rows(), matrix.popularities.len());
    let columns = columns(rank, n, rows);
    let mut songs = Panel::zero(n, columns)?;
    let mut baskets = Panel::zero(rows, columns)?;
    if columns == 0 {
        return Ok((songs, Vec::new()));
    }
    let (row_scales, column_scales) = (&matrix.row_scales, &matrix.column_scales);
    let squared_scales: Vec<f32> = column_scales.iter().map(|scale| scale * scale).collect();
    songs.fill(n, columns, |song, column| {
        random::unit((song * columns + column) as u64) * column_scales[song]
    });
    baskets.gather(kernel, &songs, row_scales, 0.0, |row| matrix.items(row));
    baskets.orthonormalize(kernel);
    // With the matrix X and the orthonormal columns T of `baskets`, each step makes these those of (X·Xᵀ − shift·I)·T. The shifts of a round make its steps
    // a polynomial that stays small from 0 to the bound and grows as fast as any beyond.
    for _ in 0..ROUNDS {
        let mut bound = 0.0;
        for root in iter::once(0.0).chain(ROOTS) {
            baskets.scale(row_scales);
            // The scales of songs in Xᵀ, and those in X.
            songs.gather(kernel, &baskets, &squared_scales, 0.0, |song| matrix.holders(song));
            baskets.gather(kernel, &songs, row_scales, (root * bound) as f32, |row| matrix.items(row));
            let gram = baskets.orthonormalize(kernel);
            if root == 0.0 {
                // No eigenvalue of Tᵀ·(X·Xᵀ)²·T is above the one of (X·Xᵀ)² with the same rank (Cauchy), so no factor that is sought is below the bound.
                let squares = gram.eigen().0;
                bound = squares[(rank.min(columns) + OVERSAMPLING).min(columns) - 1].max(0.0).sqrt();
            }
        }
    }
    // Once is nearly orthonormal, which suffices before.
    baskets.orthonormalize(kernel);
    baskets.scale(row_scales);
    songs.gather(kernel, &baskets, column_scales, 0.0, |song| matrix.holders(song));
    drop(baskets);
    // The eigenvectors of Tᵀ·X·Xᵀ·T make `songs`, Xᵀ·T, the right singular vectors times the singular values.
    let (squares, mut rotation) = songs.gram(kernel).eigen();
    for (row, &square) in rotation.chunks_exact_mut(squares.len()).zip(&squares) {
        let scale = if square > 0.0 { 1.0 / square.sqrt() } else { 0.0 };
        row.iter_mut().for_each(|value| *value *= scale);
    }
    songs.transform(kernel, &rotation);
    Ok((songs, squares))
}

/// The sum of products up to the end of the shorter one, both as long as a multiple of [`LANES`].
#[inline(always)]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0; LANES];
    for (a, b) in a.as_chunks::<LANES>().0.iter().zip(b.as_chunks::<LANES>().0) {
        for ((sum, a), b) in sums.iter_mut().zip(a).zip(b) {
            *sum += a * b;
        }
    }
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            sums[lane] += sums[lane + half];
        }
        half /= 2;
    }
    sums[0]
}
