//! Scalar products between blocks of two sets, by matrix multiplication.

use std::ops::Range;

use nalgebra::{DMatrix, Dyn, MatrixView};
use rayon::prelude::*;

use super::features::Features;

/// Rows in a block: a block of 2048 features is 1 MB, which stays in the cache.
pub(super) const BLOCK: usize = 64;

/// Blocks of at most [`BLOCK`] places that make up `n`.
pub(super) fn blocks(n: usize) -> Vec<Range<usize>> {
    (0..n).step_by(BLOCK).map(|start| start..(start + BLOCK).min(n)).collect()
}

/// The scalar product of every row of `a` in `rows` with every row of `b` in `columns`; ranges within the sets, which
/// have the same number of features.
pub(super) fn dots(a: &Features, rows: Range<usize>, b: &Features, columns: Range<usize>) -> DMatrix<f64> {
    let d = a.dimensions();
    let (n, m) = (rows.len(), columns.len());
    let first = &a.values()[rows.start * d..rows.end * d];
    let second = &b.values()[columns.start * d..columns.end * d];
    // Rows one after another are the columns of the transpose, so neither is copied.
    let first =
        MatrixView::<f64, Dyn, Dyn, Dyn, Dyn>::from_slice_with_strides_generic(first, Dyn(n), Dyn(d), Dyn(d), Dyn(1));
    let second = MatrixView::<f64, Dyn, Dyn>::from_slice(second, d, m);
    let mut products = DMatrix::zeros(n, m);
    products.gemm(1.0, &first, &second, 0.0);
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
        let mut to = nalgebra::DMatrixViewMut::from_slice(to, n, from.len() / d);
        to.gemm(1.0, a, &nalgebra::DMatrixView::from_slice(from, d, from.len() / d), 0.0);
    });
    product
}
