//! The Fréchet distance between Gaussians that are fitted to two sets of features.

use nalgebra::{DMatrix, SVD};
use serde::Serialize;

use super::errors::SetError;
use super::features::Features;
use super::products::multiplied;

/// Sweeps allowed per singular value.
const SWEEPS: usize = 100;

/// The distance and its two parts.
///
/// With Inception features this is the FID. It is biased upward by an amount that depends on the model and on the number
/// of images (Binkowski et al. 2018, arXiv:1801.01401; Chong and Forsyth 2020, arXiv:1911.07023): compare only values
/// from the same numbers of images, and give them with it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FrechetDistance {
    /// `|m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2))`, the squared distance, which is what papers call FID.
    pub squared: f64,
    /// `|m1 - m2|^2`.
    pub mean_part: f64,
    /// The trace.
    pub covariance_part: f64,
    /// Images in the first and in the second set.
    pub images: [usize; 2],
    /// Features an image.
    pub dimensions: usize,
    /// Whether a set has no more images than features, so that its covariance is singular and the bias large.
    pub rank_deficient: bool,
}

/// The squared Fréchet distance (Dowson and Landau 1982; Heusel et al. 2017, arXiv:1706.08500), covariances with divisor
/// `n - 1` as in pytorch-fid.
///
/// With `S = F F^T`, `tr (S1 S2)^(1/2)` is the sum of the singular values of `F1^T F2`. `F` holds the centred images
/// themselves where there are fewer of them than features, else a pivoted Cholesky factor, so that a singular covariance
/// needs no offset and costs no digits, which the square root of a non-symmetric product does.
///
/// # Errors
/// When the sets differ in their features, or the singular values do not settle.
pub fn frechet_distance(first: &Features, second: &Features) -> Result<FrechetDistance, SetError> {
    first.same_space(second)?;
    let fit = |set| (mean(set), centred(set));
    let ((mean1, centred1), (mean2, centred2)) = rayon::join(|| fit(first), || fit(second));
    let mean_part = mean1.iter().zip(&mean2).map(|(a, b)| (a - b) * (a - b)).sum::<f64>();
    let traces = centred1.norm_squared() + centred2.norm_squared();
    let (factor1, factor2) = rayon::join(|| factor(centred1), || factor(centred2));
    let shared = sum_of_singular_values(multiplied(&factor1.transpose(), &factor2))?;
    // Never negative but for rounding (Dowson and Landau 1982).
    let covariance_part = (traces - 2.0 * shared).max(0.0);
    let dimensions = first.dimensions();
    Ok(FrechetDistance {
        squared: mean_part + covariance_part,
        mean_part,
        covariance_part,
        images: [first.len(), second.len()],
        dimensions,
        rank_deficient: first.len().min(second.len()) <= dimensions,
    })
}

fn mean(set: &Features) -> Vec<f64> {
    let mut sums = vec![0.0; set.dimensions()];
    for row in set.rows() {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums.iter().map(|sum| sum / set.len() as f64).collect()
}

/// `[d, n]`, a column an image, minus the mean, over the root of `n - 1`: times its transpose it is the covariance.
fn centred(set: &Features) -> DMatrix<f64> {
    let mean = mean(set);
    let scale = 1.0 / ((set.len() - 1) as f64).sqrt();
    let values = set.rows().flat_map(|row| row.iter().zip(&mean).map(|(value, mean)| (value - mean) * scale));
    DMatrix::from_iterator(set.dimensions(), set.len(), values)
}

/// `F` with as few columns as may be, of the same `F F^T`.
fn factor(centred: DMatrix<f64>) -> DMatrix<f64> {
    if centred.ncols() <= centred.nrows() {
        return centred;
    }
    let covariance = multiplied(&centred, &centred.transpose());
    pivoted_cholesky(&covariance)
}

/// `L` `[d, r]` with `L L^T = S` to rounding, `r` the rank (Higham 2002, section 10.3), rows in the order of `S`.
fn pivoted_cholesky(covariance: &DMatrix<f64>) -> DMatrix<f64> {
    let d = covariance.nrows();
    let mut rest: Vec<f64> = covariance.diagonal().iter().copied().collect();
    let least = rest.iter().copied().fold(0.0, f64::max) * d as f64 * f64::EPSILON;
    let mut columns: DMatrix<f64> = DMatrix::zeros(d, d);
    for rank in 0..d {
        let pivot = rest.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        let Some((at, value)) = pivot.map(|(at, value)| (at, *value)).filter(|(_, value)| *value > least) else {
            return columns.columns(0, rank).into_owned();
        };
        let weights = columns.row(at).columns(0, rank).transpose();
        let mut column = covariance.column(at).into_owned();
        column.gemv(-1.0, &columns.columns(0, rank), &weights, 1.0);
        column /= value.sqrt();
        for (rest, entry) in rest.iter_mut().zip(column.iter()) {
            *rest -= entry * entry;
        }
        // Used up; what rounding leaves there must not be chosen again.
        rest[at] = 0.0;
        columns.set_column(rank, &column);
    }
    columns
}

fn sum_of_singular_values(matrix: DMatrix<f64>) -> Result<f64, SetError> {
    let largest = matrix.amax();
    let most = matrix.nrows().min(matrix.ncols());
    if largest == 0.0 || most == 0 {
        return Ok(0.0);
    }
    // Scaled, since the iteration compares entries with an absolute epsilon.
    let scaled = SVD::try_new_unordered(matrix / largest, false, false, f64::EPSILON, SWEEPS * most);
    Ok(scaled.ok_or(SetError::NoConvergence)?.singular_values.sum() * largest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_no_distance_from_itself_and_constant_sets_are_points() {
        let values: Vec<f64> = (0..60).map(|n| f64::from(n * n % 41)).collect();
        for dimensions in [3, 20] {
            let set = Features::new(values.clone(), dimensions).unwrap();
            let own = frechet_distance(&set, &set).unwrap();
            assert!(own.squared < 1e-10, "{dimensions}: {}", own.squared);
            assert_eq!(own.rank_deficient, dimensions == 20);
        }
        let point = |x: f64| Features::new(vec![x; 6], 2).unwrap();
        assert_eq!(frechet_distance(&point(1.0), &point(3.0)).unwrap().squared, 8.0);
        let other = Features::new(values, 6).unwrap();
        assert!(matches!(frechet_distance(&point(1.0), &other), Err(SetError::Dimensions { first: 2, second: 6 })));
    }
}
