//! Latent factors are those of their formula, whatever the data and the number of threads.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests too")]

use proptest::{collection::vec, prelude::*};
use trainer::{Baskets, Factors};

/// The singular values of a matrix by its formula, and its right singular vectors.
struct Expected {
    popularities: Vec<f64>,
    singular_values: Vec<f64>,
    /// The matrix V row by row, with all of its columns.
    vectors: Vec<Vec<f64>>,
}

impl Expected {
    /// Of the baskets that `is_in` says, in double precision by Jacobi's rotations of a dense matrix.
    fn new(baskets: &Baskets, n: usize, is_in: impl Fn(usize) -> bool) -> Self {
        let n = n.min(baskets.item_count() as usize);
        let kept: Vec<&[u32]> =
            (0..baskets.len()).filter(|&at| is_in(at)).map(|at| baskets.get(at)).collect();
        let mut counts = vec![0.0_f64; n];
        for &item in kept.iter().copied().flatten().filter(|&&item| (item as usize) < n) {
            counts[item as usize] += 1.0;
        }
        let popularities: Vec<f64> = counts.iter().map(|count| count.powf(0.4)).collect();
        let mut square = vec![vec![0.0; n]; n];
        for basket in kept {
            let weight = (basket.len() as f64).powf(-0.25).powi(2);
            let common: Vec<usize> =
                basket.iter().map(|&item| item as usize).filter(|&item| item < n).collect();
            for &a in &common {
                for &c in &common {
                    square[a][c] += weight / (popularities[a] * popularities[c]);
                }
            }
        }
        let (values, vectors) = eigen(square);
        let singular_values = values.iter().map(|value| value.max(0.0).sqrt()).collect();
        Expected { popularities, singular_values, vectors }
    }

    /// The greatest rank up to `rank` whose last factor is clearly another than the next, so that it is clear which factors are the first.
    fn clear_rank(&self, rank: usize) -> usize {
        let value = |at: usize| self.singular_values.get(at).copied().unwrap_or(0.0);
        let is_clear = |rank: usize| rank == 0 || value(rank - 1) - value(rank) > 0.01 * value(0);
        (0..=rank.min(self.singular_values.len())).rev().find(|&rank| is_clear(rank)).unwrap()
    }

    /// The smooth and the sharp weights from each song to each.
    fn weights(&self, rank: usize) -> [Vec<f64>; 2] {
        let squares: Vec<f64> = self.singular_values.iter().take(rank).map(|value| value * value).collect();
        let next = squares.get(64).copied().unwrap_or(0.0);
        let n = self.popularities.len();
        let weigh = |f: &dyn Fn(usize) -> f64| {
            let weight = |a: usize, c: usize| {
                let factors = (0..rank).map(|k| f(k) * self.vectors[a][k] * self.vectors[c][k]);
                let scale = self.popularities[c] / self.popularities[a];
                if self.popularities[a] > 0.0 { scale * factors.sum::<f64>() } else { 0.0 }
            };
            (0..n).flat_map(|a| (0..n).map(move |c| (a, c))).map(|(a, c)| weight(a, c)).collect()
        };
        let smooth = |k: usize| if k < 64 { squares[k] / (squares[k] + next) } else { 0.0 };
        [weigh(&smooth), weigh(&|_| 1.0)]
    }
}

/// The eigenvalues of a symmetric matrix, falling, and its eigenvectors as columns.
fn eigen(mut matrix: Vec<Vec<f64>>) -> (Vec<f64>, Vec<Vec<f64>>) {
    let n = matrix.len();
    let mut vectors: Vec<Vec<f64>> =
        (0..n).map(|row| (0..n).map(|column| f64::from(u8::from(row == column))).collect()).collect();
    for _ in 0..12 {
        for p in 0..n {
            for q in p + 1..n {
                if matrix[p][q].abs() < 1e-14 {
                    continue;
                }
                let angle = 0.5 * (2.0 * matrix[p][q]).atan2(matrix[q][q] - matrix[p][p]);
                let (sine, cosine) = angle.sin_cos();
                for row in matrix.iter_mut().chain(&mut vectors) {
                    (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                }
                let (above, below) = matrix.split_at_mut(q);
                for (on_p, on_q) in above[p].iter_mut().zip(&mut below[0]) {
                    (*on_p, *on_q) = (cosine * *on_p - sine * *on_q, sine * *on_p + cosine * *on_q);
                }
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|&a, &b| matrix[b][b].total_cmp(&matrix[a][a]));
    let values = order.iter().map(|&k| matrix[k][k]).collect();
    let vectors = vectors.iter().map(|row| order.iter().map(|&k| row[k]).collect()).collect();
    (values, vectors)
}

/// The smooth and the sharp weights from each song to each.
fn weights(factors: &Factors) -> [Vec<f32>; 2] {
    let songs: Vec<u32> = (0..factors.len() as u32).collect();
    let (mut smooth, mut sharp) = (vec![5.0; 3], vec![]);
    let mut all = [Vec::new(), Vec::new()];
    for &antecedent in &songs {
        factors.weights(antecedent, &songs, &mut smooth, &mut sharp);
        all[0].extend(&smooth);
        all[1].extend(&sharp);
    }
    all
}

/// The greatest difference of one of the weights.
fn difference(found: &[Vec<f32>; 2], expected: &[Vec<f64>; 2]) -> f64 {
    let mut greatest = 0.0_f64;
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (&found, expected) in found.iter().zip(expected) {
            assert!(found.is_finite());
            greatest = greatest.max((f64::from(found) - expected).abs());
        }
    }
    greatest
}

fn bits(factors: &Factors) -> Vec<u32> {
    let weights = weights(factors);
    weights.iter().flatten().chain(factors.singular_values()).map(|value| value.to_bits()).collect()
}

fn without(baskets: &Baskets, held_out: &[usize]) -> Baskets {
    let kept = (0..baskets.len()).filter(|position| !held_out.contains(position));
    kept.map(|position| baskets.get(position).iter().copied()).collect()
}

/// Baskets of which each has most of its items from one of some genres, the first of which have the most; some are empty.
fn made_up_baskets(baskets: usize, items: u32, genres: u32, most: u64) -> Baskets {
    let mut state = 7_u64;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..baskets)
        .map(|_| {
            let (len, genre) = (next(most + 1), next(genres.into()));
            (0..len)
                .map(|_| {
                    let item = (next(items.into()) * next(items.into()) / u64::from(items)) as u32;
                    if next(4) == 0 { item } else { item / genres * genres + genre as u32 }
                })
                .filter(|&item| item < items)
                .collect::<Vec<_>>()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn weights_equal_those_of_all_singular_vectors_in_double_precision(
        baskets in vec(vec(0u32..30, 0..10), 0..40),
        held_out in vec(any::<bool>(), 40),
        n in 0u32..35,
        rank in 0usize..40,
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let expected = Expected::new(&baskets, n as usize, |position| !held_out[position]);
        let rank = expected.clear_rank(rank);
        let positions: Vec<usize> = (0..baskets.len()).filter(|&position| held_out[position]).collect();
        let factors = Factors::fit(&baskets, &positions, n, rank).unwrap();
        prop_assert_eq!(factors.singular_values().len(), rank);
        prop_assert!(difference(&weights(&factors), &expected.weights(rank)) < 1e-4);
    }
}

#[test]
fn the_first_of_many_factors_have_their_weights_too() {
    let baskets = made_up_baskets(700, 300, 15, 40);
    let expected = Expected::new(&baskets, 250, |_| true);
    // 64 columns are sought together; with more than 64 factors the smooth weights depend on the
    // singular value after theirs.
    for most in [20, 100] {
        let ratio = |rank: usize| expected.singular_values[rank] / expected.singular_values[rank - 1];
        let rank = (most / 2..most).min_by(|&a, &b| ratio(a).total_cmp(&ratio(b))).unwrap();
        let factors = Factors::fit(&baskets, &[], 250, rank).unwrap();
        for (found, expected) in factors.singular_values().iter().zip(&expected.singular_values) {
            assert!((f64::from(*found) - expected).abs() < 1e-3 * expected, "{found} {expected}");
        }
        let difference = difference(&weights(&factors), &expected.weights(rank));
        assert!(difference < 0.02, "{rank}: {difference}");
    }
}

#[test]
fn vectors_are_orthonormal_and_singular_values_fall() {
    let baskets = made_up_baskets(700, 300, 15, 40);
    let factors = Factors::fit(&baskets, &[], 250, 100).unwrap();
    assert_eq!(factors.singular_values().len(), 100);
    assert!(factors.singular_values().is_sorted_by(|a, b| a >= b));
    for a in 0..100 {
        for b in 0..=a {
            let products = (0..250).map(|song| factors.vector(song)[a] * factors.vector(song)[b]);
            let expected = if a == b { 1.0 } else { 0.0 };
            assert!((products.sum::<f32>() - expected).abs() < 1e-4, "{a} {b}");
        }
    }
}

#[test]
fn factors_are_the_same_to_the_bit_on_any_number_of_threads() {
    let baskets = made_up_baskets(3_000, 700, 20, 40);
    let held_out: Vec<usize> = (0..3_000).step_by(7).collect();
    let found = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| bits(&Factors::fit(&baskets, &held_out, 650, 50).unwrap()))
    };
    let expected = found(1);
    for threads in [2, 3] {
        assert!(found(threads) == expected, "{threads} threads");
    }
}

#[test]
fn a_basket_held_out_contributes_nothing() {
    let baskets = made_up_baskets(400, 200, 10, 30);
    let held_out: Vec<usize> = (0..400).filter(|position| position % 5 < 2).collect();
    let found = Factors::fit(&baskets, &held_out, 150, 30).unwrap();
    let expected = Factors::fit(&without(&baskets, &held_out), &[], 150, 30).unwrap();
    assert!(bits(&found) == bits(&expected));
    // The comparison can tell.
    assert!(bits(&found) != bits(&Factors::fit(&baskets, &[], 150, 30).unwrap()));
}

#[test]
fn of_very_many_baskets_a_part_finds_factors_that_stand_out_from_the_noise() {
    let baskets = made_up_baskets(150_000, 60, 6, 8);
    let held_out = [0, 1, 77, 149_999];
    let expected = Expected::new(&baskets, 50, |position| !held_out.contains(&position));
    let rank = expected.clear_rank(10);
    assert!(rank > 0);
    let factors = Factors::fit(&baskets, &held_out, 50, rank).unwrap();
    let difference = difference(&weights(&factors), &expected.weights(rank));
    assert!(difference < 0.03, "{difference}");
    assert!(bits(&factors) == bits(&Factors::fit(&without(&baskets, &held_out), &[], 50, rank).unwrap()));
}

#[test]
fn songs_without_factors_have_no_weights() {
    let baskets: Baskets =
        [vec![0, 1, 2, 9], vec![0, 1, 9], vec![0, 2], vec![1, 2], vec![5, 9], vec![]].into_iter().collect();
    let factors = Factors::fit(&baskets, &[4], 8, 1).unwrap();
    assert_eq!(factors.len(), 8);
    let (mut smooth, mut sharp) = (Vec::new(), Vec::new());
    // 5 is in a basket that is held out, 8 and 9 are not among the most common, and 1000 is nowhere.
    for antecedent in [5, 8, 9, 1_000] {
        factors.weights(antecedent, &[0, 1, 5, 9], &mut smooth, &mut sharp);
        assert_eq!((&smooth, &sharp), (&vec![0.0; 4], &vec![0.0; 4]));
    }
    factors.weights(0, &[1, 5, 8, 9, 1_000, 2], &mut smooth, &mut sharp);
    for weights in [&smooth, &sharp] {
        assert!(weights[0] > 0.0 && weights[5] > 0.0);
        assert_eq!(weights[1..5], [0.0; 4]);
    }
}

#[test]
fn there_are_no_more_factors_than_the_matrix_has() {
    let ranks = |baskets: &Baskets, held_out: &[usize], n, rank| {
        Factors::fit(baskets, held_out, n, rank).unwrap().singular_values().len()
    };
    let baskets: Baskets = [vec![0, 1, 2], vec![0, 1, 2], vec![3], vec![]].into_iter().collect();
    assert_eq!(ranks(&baskets, &[], u32::MAX, usize::MAX), 2);
    assert_eq!(ranks(&baskets, &[], 3, 128), 1);
    assert_eq!(ranks(&baskets, &[2], 4, 128), 1);
    assert_eq!(ranks(&baskets, &[], 4, 1), 1);
    assert_eq!(ranks(&baskets, &[], 4, 0), 0);
    assert_eq!(ranks(&baskets, &[], 0, 128), 0);
    assert_eq!(ranks(&baskets, &[0, 1, 2, 3], 4, 128), 0);
    // A position that no basket has, or that is named twice, changes nothing.
    assert_eq!(ranks(&baskets, &[2, 2, 70], 4, 128), 1);
    assert_eq!(ranks(&Baskets::default(), &[], 4, 128), 0);
    // Many baskets that are the same, or the sum of others: more are sought than there are.
    let repeated: Baskets = (0..500_u32).map(|at| at % 40 * 3..at % 40 * 3 + 3).collect();
    assert_eq!(ranks(&repeated, &[], 120, 128), 40);
}
