//! One modality by its own data: the mean over readers, its interval, and its test against a fixed value such as 0.5.
//!
//! The single-modality form of Obuchowski and Rockette with Hillis's degrees of freedom (Hillis 2007).

use serde::Serialize;

use super::distribution::t_two_sided;
use super::errors::AnalysisError;
use super::estimates::Estimates;
use super::figure_of_merit::mean;
use super::mrmc::{Factors, hillis_df, t_interval};

/// The mean figure of merit of one modality over its readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModalityMean {
    /// The modality.
    pub modality: String,
    /// Mean over the readers.
    pub mean: f64,
    /// Sample variance of the readers' figures; 0 for a single reader.
    pub ms_r: f64,
    /// Mean variance over cases.
    pub var_error: f64,
    /// Mean covariance over cases of two readers; 0 for a single reader.
    pub cov2: f64,
    /// Standard error of the mean.
    pub se: f64,
    /// Degrees of freedom of t; infinite means normal (JSON: null).
    pub df: f64,
    /// Interval of the mean; not clipped.
    pub interval: [f64; 2],
}

/// A mean tested against a value fixed beforehand.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Against {
    /// The fixed value.
    pub value: f64,
    /// Mean minus value over the standard error; none when that is 0.
    pub statistic: Option<f64>,
    /// Two-sided.
    pub p: Option<f64>,
}

impl ModalityMean {
    /// Tests the mean against `value`, for instance chance.
    #[must_use]
    pub fn against(&self, value: f64) -> Against {
        let statistic = (self.se > 0.0).then(|| (self.mean - value) / self.se);
        Against { value, statistic, p: statistic.map(|t| t_two_sided(t, self.df)) }
    }
}

/// The mean of modality number `at` of `estimates`.
///
/// # Errors
/// When there is no such modality, or only one reader and readers are random, or `alpha` is not inside 0 to 1.
pub fn modality_mean(
    estimates: &Estimates,
    at: usize,
    factors: Factors,
    alpha: f64,
) -> Result<ModalityMean, AnalysisError> {
    AnalysisError::inside_unit("alpha", alpha)?;
    let Some(modality) = estimates.modalities().get(at).cloned() else {
        return Err(AnalysisError::TooFewModalities { found: estimates.modalities().len() });
    };
    let values: Vec<f64> = estimates.values().row(at).iter().copied().collect();
    let var_error = estimates.mean_covariance(|i, j, i2, j2| i == at && i2 == at && j == j2);
    let cov2 = estimates.mean_covariance(|i, j, i2, j2| i == at && i2 == at && j != j2);
    let readers = values.len() as f64;
    if values.len() < 2 && factors != Factors::FixedReaders {
        return Err(AnalysisError::TooFewReaders { found: values.len() });
    }
    let mean = mean(&values);
    let ms_r =
        if values.len() < 2 { 0.0 } else { values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (readers - 1.0) };
    let (denominator, df) = match factors {
        Factors::RandomReadersRandomCases => {
            let d = ms_r + readers * cov2.max(0.0);
            (d, hillis_df(d, ms_r, readers - 1.0))
        }
        Factors::FixedReaders => (var_error + (readers - 1.0) * cov2.max(0.0), f64::INFINITY),
        Factors::FixedCases => (ms_r, readers - 1.0),
    };
    let se = (denominator / readers).max(0.0).sqrt();
    Ok(ModalityMean { modality, mean, ms_r, var_error, cov2, se, df, interval: t_interval(mean, se, df, alpha) })
}
