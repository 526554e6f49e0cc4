use std::{iter, ops::Range};

use rayon::prelude::*;

use super::symmetric::{Symmetric, TILE, TILE_STRIPS};
use crate::{baskets::Baskets, kernel::STRIP};

/// What a basket counts: one over the root of its items' number, so that a long one does not count more than many short ones.
///
/// 0 for a basket without items.
pub(super) fn basket_weight(basket: &[u32]) -> f32 {
    if basket.is_empty() { 0.0 } else { 1.0 / (basket.len() as f32).sqrt() }
}

/// The positions in a basket of the items of a tile's rows, of which there are `n` in all tiles.
pub(super) fn positions_in(basket: &[u32], tile: usize, n: usize) -> Range<usize> {
    let begin = basket.partition_point(|&item| (item as usize) < tile * TILE);
    let end = n.min((tile + 1) * TILE);
    begin..begin + basket[begin..].partition_point(|&item| (item as usize) < end)
}

/// Adds to a matrix of zeros the weight of each basket at the rows and columns of all its items that have one of the `lambdas`, and these to the
/// diagonal. Nothing is added above the diagonal.
///
/// One thread finds a row of tiles, basket after basket, so that sums do not depend on how many there are.
pub(super) fn add_cooccurrence(matrix: &mut Symmetric, baskets: &Baskets, lambdas: &[f32]) {
    let n = lambdas.len();
    matrix.rows_mut().into_par_iter().enumerate().for_each(|(row, tiles)| {
        for basket in baskets.iter() {
            let weight = basket_weight(basket);
            for position in positions_in(basket, row, n) {
                let place = basket[position] as usize % TILE;
                let (strip, lane) = (place / STRIP * TILE, place % STRIP);
                for &other in &basket[..=position] {
                    let (tile, column) = (other as usize / TILE, other as usize % TILE);
                    tiles[tile * TILE * TILE_STRIPS + strip + column].0[lane] += weight;
                }
            }
        }
        let diagonal = &mut tiles[row * TILE * TILE_STRIPS..];
        // The rows that fill up the last tile are those of the identity.
        let lambdas = lambdas[row * TILE..].iter().chain(iter::repeat(&1.0));
        for (place, lambda) in (0..TILE).zip(lambdas) {
            diagonal[place / STRIP * TILE + place].0[place % STRIP] += lambda;
        }
    });
}
