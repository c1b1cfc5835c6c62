//! The distance of a network's features from those of the training data.

use nalgebra::{Cholesky, DMatrix, DVector, Dyn};

/// Mean and covariance of the training data's features.
#[derive(Debug, Clone)]
pub(super) struct Embedding {
    mean: DVector<f64>,
    factor: Cholesky<f64, Dyn>,
}

impl Embedding {
    /// From the mean, the covariance (`d * d` numbers) and the share by which it is shrunk towards its mean variance:
    /// `(1 - s) Σ + s tr(Σ) / d`.
    ///
    /// # Errors
    /// Sizes that do not fit, or a covariance that is not positive definite.
    pub fn new(mean: &[f64], covariance: &[f64], shrinkage: f64) -> Result<Self, String> {
        let d = mean.len();
        if d == 0 || covariance.len() != d * d {
            return Err(format!("`mean` has {d} numbers and `cov` {}; expected d and d x d", covariance.len()));
        }
        if !(0.0..=1.0).contains(&shrinkage) {
            return Err(format!("`shrinkage` is {shrinkage}; expected 0 to 1"));
        }
        let mut matrix = DMatrix::from_row_slice(d, d, covariance);
        let ridge = shrinkage * matrix.trace() / d as f64;
        matrix *= 1.0 - shrinkage;
        for n in 0..d {
            matrix[(n, n)] += ridge;
        }
        let factor = Cholesky::new(matrix).ok_or(
            "`cov` is not positive definite: there were fewer cases than features; add `shrinkage` (for instance 0.1)",
        )?;
        Ok(Self { mean: DVector::from_column_slice(mean), factor })
    }

    /// Number of features.
    pub fn dimensions(&self) -> usize {
        self.mean.len()
    }

    /// Mahalanobis' `(f - μ)ᵀ Σ⁻¹ (f - μ)`, without the root (Gonzalez 2021, arXiv 2107.05975): for features that are
    /// normal and like the training data its mean is their number. `None` for another number of features.
    pub fn distance(&self, features: &[f64]) -> Option<f64> {
        if features.len() != self.mean.len() {
            return None;
        }
        let off = DVector::from_column_slice(features) - &self.mean;
        Some(off.dot(&self.factor.solve(&off)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: numpy.linalg.solve (`tests/expected/make_guard.py`).
    #[test]
    fn the_distance_is_numpys() {
        let case: serde_json::Value = serde_json::from_str(include_str!("../../../tests/expected/guard.json")).unwrap();
        let numbers =
            |key: &str| -> Vec<f64> { case[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap()).collect() };
        for (shrinkage, key) in [(0.0, "mahalanobis"), (0.2, "mahalanobis_shrunk")] {
            let embedding = Embedding::new(&numbers("feature_mean"), &numbers("feature_cov"), shrinkage).unwrap();
            let found = embedding.distance(&numbers("features")).unwrap();
            assert!((found - case[key].as_f64().unwrap()).abs() < 1e-8, "{found}");
            assert!(embedding.distance(&[1.0]).is_none());
        }
        assert!(Embedding::new(&[0.0, 0.0], &[1.0, 1.0, 1.0, 1.0], 0.0).unwrap_err().contains("shrinkage"));
        assert!(Embedding::new(&[0.0], &[1.0, 1.0], 0.0).is_err());
    }
}
