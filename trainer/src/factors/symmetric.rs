/// A small symmetric matrix in double precision, row after row.
pub(super) struct Symmetric {
    pub(super) order: usize,
    pub(super) values: Vec<f64>,
}

/// What is added to a diagonal of ones before a factorisation. It is above what single precision leaves uncertain, so that nearly dependent columns
/// do not fail it, and does not matter where the space that columns span does (the shifted Cholesky-QR of Fukaya, Kannan, Nakatsukasa, Yamamoto
/// and Yanagisawa 2020).
const SHIFT: f64 = 1e-5;

/// Where sweeps end at the latest; a tenth of them is usual.
const MAX_SWEEPS: usize = 50;

/// What is left beside the diagonal, as a part of what is on it: less than the single precision of vectors shows.
const TOLERANCE: f64 = 1e-11;

impl Symmetric {
    pub(super) fn get(&self, row: usize, column: usize) -> f64 {
        self.values[row * self.order + column]
    }

    /// The matrix M, row after row, that makes the rows of B orthonormal when this is B·Bᵀ: those of M·B are. It is lower triangular, so that each row of
    /// M·B is made of the rows of B up to it. A row that depends on those before it, or is zero, becomes or stays zero.
    pub(super) fn orthonormalizer(&self) -> Vec<f64> {
        let n = self.order;
        let scale = |row: usize| {
            let square = self.get(row, row);
            if square > 0.0 && square.is_finite() { 1.0 / square.sqrt() } else { 0.0 }
        };
        let scales: Vec<f64> = (0..n).map(scale).collect();
        // The factor L, and below it the inverse, by rows.
        let mut lower = vec![0.0; n * n];
        let mut inverse = vec![0.0; n * n];
        for row in 0..n {
            let (above, current) = lower.split_at_mut(row * n);
            let current = &mut current[..=row];
            for column in 0..row {
                let other = &above[column * n..=column * n + column];
                let product: f64 = current.iter().zip(&other[..column]).map(|(a, b)| a * b).sum();
                // A row that was dropped has no pivot.
                let pivot = other[column];
                let value = self.get(row, column) * scales[row] * scales[column] - product;
                current[column] = if pivot > 0.0 { value / pivot } else { 0.0 };
            }
            let left: f64 = current[..row].iter().map(|value| value * value).sum();
            let pivot = 1.0 + SHIFT - left;
            if scales[row] == 0.0 || pivot <= 0.0 {
                continue;
            }
            current[row] = pivot.sqrt();
            let scale = 1.0 / current[row];
            let (before, solved) = inverse.split_at_mut(row * n);
            for (column, &factor) in current[..row].iter().enumerate() {
                let other = &before[column * n..=column * n + column];
                solved.iter_mut().zip(other).for_each(|(value, other)| *value -= factor * other);
            }
            solved[row] = 1.0;
            solved[..=row].iter_mut().for_each(|value| *value *= scale);
        }
        for row in inverse.chunks_exact_mut(n) {
            row.iter_mut().zip(&scales).for_each(|(value, scale)| *value *= scale);
        }
        inverse
    }

    /// The eigenvalues, falling, and a matrix with their eigenvectors as its rows, by Jacobi's rotations. It finds small eigenvalues of a matrix
    /// that is nearly diagonal as precisely as great ones (Demmel and Veselić 1992).
    pub(super) fn eigen(mut self) -> (Vec<f64>, Vec<f64>) {
        let n = self.order;
        let mut vectors = vec![0.0; n * n];
        for row in 0..n {
            vectors[row * n + row] = 1.0;
        }
        for _ in 0..MAX_SWEEPS {
            let mut is_diagonal = true;
            for p in 0..n {
                for q in p + 1..n {
                    let (on_p, on_q, beside) = (self.get(p, p), self.get(q, q), self.get(p, q));
                    if beside == 0.0 || beside.abs() <= TOLERANCE * (on_p * on_q).abs().sqrt() {
                        continue;
                    }
                    is_diagonal = false;
                    let theta = (on_q - on_p) / (2.0 * beside);
                    let t = theta.signum() / (theta.abs() + (theta * theta + 1.0).sqrt());
                    let cosine = 1.0 / (t * t + 1.0).sqrt();
                    let sine = t * cosine;
                    rotate_rows(&mut self.values, n, p, q, cosine, sine);
                    for row in self.values.chunks_exact_mut(n) {
                        (row[p], row[q]) = (cosine * row[p] - sine * row[q], sine * row[p] + cosine * row[q]);
                    }
                    // What rounding leaves of the element that the rotation is for.
                    (self.values[p * n + q], self.values[q * n + p]) = (0.0, 0.0);
                    rotate_rows(&mut vectors, n, p, q, cosine, sine);
                }
            }
            if is_diagonal {
                break;
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|&a, &b| self.get(b, b).total_cmp(&self.get(a, a)));
        let values = order.iter().map(|&row| self.get(row, row)).collect();
        let vectors = order.iter().flat_map(|&row| &vectors[row * n..(row + 1) * n]).copied().collect();
        (values, vectors)
    }
}

/// Rotates two rows, `p` before `q`, of a matrix with `n` columns.
fn rotate_rows(matrix: &mut [f64], n: usize, p: usize, q: usize, cosine: f64, sine: f64) {
    let (above, below) = matrix.split_at_mut(q * n);
    for (a, b) in above[p * n..(p + 1) * n].iter_mut().zip(&mut below[..n]) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
}
