//! Learned weights are those of their formula, whatever the data and the number of threads.

#![expect(clippy::unwrap_used, reason = "the functions that tests share are tests too")]

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*};
use trainer::{Baskets, Ease, EaseError, EaseTwin};

/// −P\[a\]\[c\] / P\[c\]\[c\] in double precision by Gauss's and Jordan's elimination, of the baskets that `is_in` says.
fn expected_weights(baskets: &Baskets, lambdas: &[f32], is_in: impl Fn(usize) -> bool) -> Vec<Vec<f64>> {
    let n = lambdas.len().min(baskets.item_count() as usize);
    // The matrix and beside it the identity.
    let mut rows = vec![vec![0.0; 2 * n]; n];
    for (item, row) in rows.iter_mut().enumerate() {
        row[item] = lambdas[item].into();
        row[n + item] = 1.0;
    }
    for (_, basket) in baskets.iter().enumerate().filter(|&(position, _)| is_in(position)) {
        let weight = 1.0 / (basket.len() as f64).sqrt();
        let common: Vec<usize> = basket.iter().map(|&item| item as usize).filter(|&item| item < n).collect();
        for &a in &common {
            for &c in &common {
                rows[a][c] += weight;
            }
        }
    }
    for pivot in 0..n {
        let scale = 1.0 / rows[pivot][pivot];
        rows[pivot].iter_mut().for_each(|value| *value *= scale);
        let pivot_row = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|&(other, _)| other != pivot) {
            let factor = row[pivot];
            row.iter_mut().zip(&pivot_row).for_each(|(value, lost)| *value -= factor * lost);
        }
    }
    let inverse = |a: usize, c: usize| rows[a][n + c];
    let weight = |a, c| if a == c { 0.0 } else { -inverse(a, c) / inverse(c, c) };
    (0..n).map(|a| (0..n).map(|c| weight(a, c)).collect()).collect()
}

fn weights(ease: &Ease) -> Vec<Vec<f32>> {
    let mut row = Vec::new();
    (0..ease.len() as u32)
        .map(|antecedent| {
            ease.row(antecedent, &mut row);
            row.clone()
        })
        .collect()
}

fn twin_weights(ease: &Ease, twin: &EaseTwin<'_>) -> Vec<Vec<f32>> {
    let antecedents: Vec<u32> = (0..ease.len() as u32).collect();
    let mut rows = Vec::new();
    twin.rows(&antecedents, &mut rows);
    antecedents.iter().map(|&a| rows[a as usize * ease.len()..][..ease.len()].to_vec()).collect()
}

/// The greatest difference.
fn difference<T: Copy + Into<f64>>(found: &[Vec<f32>], expected: &[Vec<T>]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let mut greatest = 0.0_f64;
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (&found, &expected) in found.iter().zip(expected) {
            assert!(found.is_finite());
            greatest = greatest.max((f64::from(found) - expected.into()).abs());
        }
    }
    greatest
}

/// Baskets without a pattern, of which the first items have the most; some are empty.
fn made_up_baskets(baskets: usize, items: u32, most: u64) -> Baskets {
    let mut state = 7_u64;
    let mut next = move |below: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..baskets)
        .map(|_| {
            let len = next(most + 1);
            (0..len)
                .map(|_| (next(items.into()) * next(items.into()) / u64::from(items)) as u32)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// An amount that is not a multiple of the blocks in which the work is done, and is several of them.
const SEVERAL_BLOCKS: u32 = 600;

/// One for each of [`SEVERAL_BLOCKS`], in proportion to a root as they are in use.
fn falling_lambdas() -> Vec<f32> {
    (0..SEVERAL_BLOCKS).map(|item| 3.0 * ((SEVERAL_BLOCKS - item) as f32).sqrt()).collect()
}

fn on_threads<T: Send>(threads: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

fn bits(rows: &[Vec<f32>]) -> Vec<u32> {
    rows.iter().flatten().map(|weight| weight.to_bits()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn weights_equal_those_of_a_naive_inverse_in_double_precision(
        baskets in vec(vec(0u32..40, 0..12), 0..40),
        lambdas in vec(0.5f32..100.0, 0..50),
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let ease = Ease::fit(&baskets, &lambdas).unwrap();
        let expected = expected_weights(&baskets, &lambdas, |_| true);
        prop_assert!(difference(&weights(&ease), &expected) < 1e-5);
    }

    #[test]
    fn a_twin_has_the_weights_that_would_be_learned_without_the_baskets_held_out(
        baskets in vec(vec(0u32..40, 0..12), 0..40),
        held_out in vec(any::<bool>(), 40),
        lambdas in vec(0.5f32..100.0, 0..50),
    ) {
        let baskets: Baskets = baskets.into_iter().collect();
        let ease = Ease::fit(&baskets, &lambdas).unwrap();
        let positions: Vec<usize> = (0..baskets.len()).filter(|&position| held_out[position]).collect();
        let twin = EaseTwin::new(&ease, &baskets, &positions).unwrap();
        let expected = expected_weights(&baskets, &lambdas, |position| !held_out[position]);
        prop_assert!(difference(&twin_weights(&ease, &twin), &expected) < 1e-4);
    }
}

#[test]
fn many_songs_have_the_weights_of_a_naive_inverse_too() {
    let baskets = made_up_baskets(800, SEVERAL_BLOCKS + 100, 90);
    let lambdas = falling_lambdas();
    let ease = Ease::fit(&baskets, &lambdas).unwrap();
    let expected = expected_weights(&baskets, &lambdas, |_| true);
    assert!(difference(&weights(&ease), &expected) < 1e-6);
}

#[test]
fn many_baskets_held_out_leave_the_weights_of_the_others() {
    let baskets = made_up_baskets(800, SEVERAL_BLOCKS + 100, 90);
    let lambdas = falling_lambdas();
    let ease = Ease::fit(&baskets, &lambdas).unwrap();
    let held_out: BTreeSet<usize> = (0..800).filter(|position| position % 7 < 3).collect();
    let twin = EaseTwin::new(&ease, &baskets, &held_out.iter().copied().collect::<Vec<_>>()).unwrap();
    let expected = expected_weights(&baskets, &lambdas, |position| !held_out.contains(&position));
    let found = twin_weights(&ease, &twin);
    assert!(difference(&found, &expected) < 1e-6);
    // The comparison can tell a twin from the model that knows all.
    assert!(difference(&weights(&ease), &expected) > 1e-3);
}

#[test]
fn weights_are_the_same_to_the_bit_on_any_number_of_threads() {
    let baskets = made_up_baskets(500, SEVERAL_BLOCKS, 60);
    let held_out: Vec<usize> = (0..500).step_by(5).collect();
    let found = |threads| {
        on_threads(threads, || {
            let ease = Ease::fit(&baskets, &falling_lambdas()).unwrap();
            let twin = EaseTwin::new(&ease, &baskets, &held_out).unwrap();
            (bits(&weights(&ease)), bits(&twin_weights(&ease, &twin)))
        })
    };
    let expected = found(1);
    for threads in [2, 3] {
        assert!(found(threads) == expected, "{threads} threads");
    }
}

#[test]
fn the_rows_of_a_twin_do_not_depend_on_which_others_are_asked_for() {
    let baskets = made_up_baskets(300, 300, 40);
    let ease = Ease::fit(&baskets, &[5.0; 300]).unwrap();
    let twin = EaseTwin::new(&ease, &baskets, &[0, 17, 299]).unwrap();
    let all = twin_weights(&ease, &twin);
    let mut some = vec![1.0; 7];
    let antecedents = [ease.len() as u32 - 1, 0, 150, 150, 31];
    twin.rows(&antecedents, &mut some);
    let expected: Vec<f32> = antecedents.iter().flat_map(|&a| all[a as usize].clone()).collect();
    assert_eq!(some, expected);
    twin.rows(&[], &mut some);
    assert!(some.is_empty());
}

#[test]
fn no_song_speaks_for_itself() {
    let baskets = made_up_baskets(300, 300, 40);
    let ease = Ease::fit(&baskets, &[5.0; 300]).unwrap();
    let twin = EaseTwin::new(&ease, &baskets, &[1, 2, 3]).unwrap();
    for rows in [weights(&ease), twin_weights(&ease, &twin)] {
        for (antecedent, row) in rows.iter().enumerate() {
            assert_eq!(row[antecedent], 0.0);
        }
        assert!(rows[0].iter().skip(1).any(|&weight| weight != 0.0));
    }
}

#[test]
fn a_twin_with_nothing_held_out_has_the_weights_of_the_model() {
    let baskets = made_up_baskets(300, 300, 40);
    let ease = Ease::fit(&baskets, &[5.0; 300]).unwrap();
    let twin = EaseTwin::new(&ease, &baskets, &[]).unwrap();
    assert!(difference(&twin_weights(&ease, &twin), &weights(&ease)) < 1e-7);
}

#[test]
fn songs_that_never_meet_and_empty_baskets_have_no_weights() {
    let baskets: Baskets = [vec![0], vec![], vec![1], vec![2], vec![]].into_iter().collect();
    let ease = Ease::fit(&baskets, &[1.0; 5]).unwrap();
    assert_eq!(weights(&ease), vec![vec![0.0; 3]; 3]);
    let twin = EaseTwin::new(&ease, &baskets, &[0, 1, 4]).unwrap();
    assert_eq!(twin_weights(&ease, &twin), vec![vec![0.0; 3]; 3]);

    for baskets in [Baskets::default(), [vec![], vec![]].into_iter().collect()] {
        let ease = Ease::fit(&baskets, &[1.0; 5]).unwrap();
        assert!(ease.is_empty());
        let twin = EaseTwin::new(&ease, &baskets, &(0..baskets.len()).collect::<Vec<_>>()).unwrap();
        assert_eq!(twin_weights(&ease, &twin), Vec::<Vec<f32>>::new());
    }
}

#[test]
fn a_regularisation_that_makes_no_sense_is_an_error() {
    let baskets = made_up_baskets(10, 10, 5);
    for lambda in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let error = Ease::fit(&baskets, &[1.0, 1.0, lambda]).err().unwrap();
        assert!(matches!(error, EaseError::InvalidLambda { song: 2, .. }), "{error}");
        assert!(error.to_string().contains(&format!("{lambda} for song 2")), "{error}");
    }
}

#[test]
fn a_regularisation_that_single_precision_loses_is_an_error() {
    // Songs that are always together, and next to nothing that tells them apart.
    let baskets: Baskets = vec![0..40; 100].into_iter().collect();
    let error = Ease::fit(&baskets, &[1e-12; 40]).err().unwrap();
    assert!(matches!(error, EaseError::NotPositiveDefinite { song: 1..40, .. }), "{error}");
    assert!(error.to_string().contains("raise the regularisation"), "{error}");
}

#[test]
fn baskets_that_were_not_learned_from_cannot_be_taken_away() {
    let baskets: Baskets = vec![vec![0, 1]; 10].into_iter().collect();
    let ease = Ease::fit(&baskets, &[0.01; 2]).unwrap();
    let error = EaseTwin::new(&ease, &baskets, &[0; 20]).err().unwrap();
    assert_eq!(error, EaseError::NotPartOfFit { held_out: 20 });
}

#[test]
fn more_songs_than_memory_can_hold_are_an_error() {
    let baskets: Baskets = [vec![0, 1 << 24]].into_iter().collect();
    let error = Ease::fit(&baskets, &vec![1.0; 1 << 24]).err().unwrap();
    assert!(matches!(error, EaseError::OutOfMemory { songs: 0x100_0000, .. }), "{error}");
    assert!(error.to_string().contains("TiB"), "{error}");
}
