//! Scalar products between blocks of two sets, by matrix multiplication.

use std::ops::Range;

use nalgebra::{DMatrix, DMatrixView, DMatrixViewMut};
use rayon::prelude::*;

use super::features::Features;

/// Rows in a block: a block of 2048 features is 1 MB, which stays in the cache.
pub(super) const BLOCK: usize = 64;

/// Blocks of at most [`BLOCK`] places that make up `n`.
pub(super) fn blocks(n: usize) -> Vec<Range<usize>> {
    (0..n).step_by(BLOCK).map(|start| start..(start + BLOCK).min(n)).collect()
}

/// The rows of `set` in `range`, which lies within it, as the rows of a matrix.
///
/// A copy by blocks: nalgebra 0.35 reads a row-major view beyond its end when it multiplies small ones.
pub(super) fn rows(set: &Features, range: Range<usize>) -> DMatrix<f64> {
    let d = set.dimensions();
    DMatrix::from_row_slice(range.len(), d, &set.values()[range.start * d..range.end * d])
}

/// The scalar product of each of `rows` with every row of `set` in `columns`, which has as many features.
pub(super) fn dots(rows: &DMatrix<f64>, set: &Features, columns: Range<usize>) -> DMatrix<f64> {
    let d = set.dimensions();
    // Rows one after another are the columns of the transpose.
    let transposed = DMatrixView::from_slice(&set.values()[columns.start * d..columns.end * d], d, columns.len());
    let mut products = DMatrix::zeros(rows.nrows(), columns.len());
    products.gemm(1.0, rows, &transposed, 0.0);
    products
}

/// `a b`, by blocks of columns on all cores.
pub(super) fn multiplied(a: &DMatrix<f64>, b: &DMatrix<f64>) -> DMatrix<f64> {
    let mut product = DMatrix::zeros(a.nrows(), b.ncols());
    let (n, d) = (a.nrows(), b.nrows());
    if n == 0 || d == 0 {
        return product;
    }
    product.as_mut_slice().par_chunks_mut(n * BLOCK).zip(b.as_slice().par_chunks(d * BLOCK)).for_each(|(to, from)| {
        let mut to = DMatrixViewMut::from_slice(to, n, from.len() / d);
        to.gemm(1.0, a, &DMatrixView::from_slice(from, d, from.len() / d), 0.0);
    });
    product
}
