//! Mean squares, covariance components and variance components of a study (Obuchowski and Rockette 1995; Hillis 2007).

use nalgebra::DMatrix;
use serde::Serialize;

use super::estimates::Estimates;

/// Mean squares of the figures of merit of `I` modalities and `J` readers; one that has no degree of freedom is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MeanSquares {
    /// Of the modalities.
    pub ms_t: f64,
    /// Of the readers.
    pub ms_r: f64,
    /// Of modality by reader.
    pub ms_tr: f64,
}

impl MeanSquares {
    /// Of figures, modalities by readers.
    #[must_use]
    pub fn of(values: &DMatrix<f64>) -> Self {
        let (i, j) = (values.nrows() as f64, values.ncols() as f64);
        let overall = values.mean();
        let modality: Vec<f64> = values.row_iter().map(|r| r.mean()).collect();
        let reader: Vec<f64> = values.column_iter().map(|c| c.mean()).collect();
        let squares = |means: &[f64]| means.iter().map(|m| (m - overall).powi(2)).sum::<f64>();
        let mut interaction = 0.0;
        for (column, r) in values.column_iter().zip(&reader) {
            interaction += column.iter().zip(&modality).map(|(v, t)| (v - t - r + overall).powi(2)).sum::<f64>();
        }
        // Where values are equal, differences of means are rests of rounding, which must not be divided by each other.
        let rounding = 1e-26 * values.amax().powi(2);
        let over = |sum: f64, df: f64| if df > 0.0 && sum > rounding { sum / df } else { 0.0 };
        Self {
            ms_t: over(j * squares(&modality), i - 1.0),
            ms_r: over(i * squares(&reader), j - 1.0),
            ms_tr: over(interaction, (i - 1.0) * (j - 1.0)),
        }
    }
}

/// Means of the covariance matrix; one for which there is no pair of cells is 0.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CovarianceComponents {
    /// Mean variance.
    pub var_error: f64,
    /// Same reader, other modality.
    pub cov1: f64,
    /// Same modality, other reader.
    pub cov2: f64,
    /// Other modality and other reader.
    pub cov3: f64,
}

impl CovarianceComponents {
    /// Of the covariance matrix of `estimates`.
    #[must_use]
    pub fn of(estimates: &Estimates) -> Self {
        Self {
            var_error: estimates.mean_covariance(|i, j, i2, j2| i == i2 && j == j2),
            cov1: estimates.mean_covariance(|i, j, i2, j2| i != i2 && j == j2),
            cov2: estimates.mean_covariance(|i, j, i2, j2| i == i2 && j != j2),
            cov3: estimates.mean_covariance(|i, j, i2, j2| i != i2 && j != j2),
        }
    }

    /// The three correlations; none when the mean variance is 0.
    #[must_use]
    pub fn correlations(&self) -> Option<[f64; 3]> {
        (self.var_error > 0.0).then(|| [self.cov1, self.cov2, self.cov3].map(|c| c / self.var_error))
    }

    /// `max(Cov2 - Cov3, 0)`: a correlation of readers within a modality below that between modalities is noise.
    #[must_use]
    pub fn excess(&self) -> f64 {
        self.beyond_rounding(self.cov2 - self.cov3).max(0.0)
    }

    /// `Var - Cov1 + (J - 1) max(Cov2 - Cov3, 0)`: the denominator when the readers are fixed.
    #[must_use]
    pub fn fixed_readers(&self, readers: usize) -> f64 {
        self.beyond_rounding(self.var_error - self.cov1) + (readers as f64 - 1.0) * self.excess()
    }

    /// 0 for a difference that is a rest of rounding, as between equal arms.
    fn beyond_rounding(&self, difference: f64) -> f64 {
        if difference.abs() > 1e-13 * self.var_error { difference } else { 0.0 }
    }
}

/// Variance components; negative ones are shown as they are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct VarianceComponents {
    /// Between readers.
    pub var_r: f64,
    /// Of readers between modalities.
    pub var_tr: f64,
}

impl VarianceComponents {
    /// From mean squares and covariances of a study with so many modalities.
    #[must_use]
    pub fn of(ms: &MeanSquares, cov: &CovarianceComponents, modalities: usize) -> Self {
        Self {
            var_r: (ms.ms_r - ms.ms_tr) / modalities as f64 - cov.cov1 + cov.cov3,
            var_tr: ms.ms_tr - cov.var_error + cov.cov1 + (cov.cov2 - cov.cov3),
        }
    }
}
