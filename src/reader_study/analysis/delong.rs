//! Areas under correlated ROC curves: their covariance and the test of two (DeLong, DeLong and Clarke-Pearson 1988).

use nalgebra::DMatrix;
use serde::Serialize;

use super::distribution::{normal_two_sided, t_two_sided};
use super::errors::AnalysisError;
use super::roc::{Placements, Scores, normal_interval};

/// The covariance matrix of areas under curves that were read on the same cases, in the order of `curves`.
///
/// `S10/n1 + S01/n0` with the sample covariances of the placements. Placements cost O(n log n) a curve.
///
/// # Errors
/// When there are fewer than 2 cases of either truth, or the curves do not have the same cases.
pub fn covariance(curves: &[Scores]) -> Result<DMatrix<f64>, AnalysisError> {
    let placements: Vec<Placements> = curves.iter().map(Scores::placements).collect();
    let diseased: Vec<&[f64]> = placements.iter().map(|p| p.diseased.as_slice()).collect();
    let normal: Vec<&[f64]> = placements.iter().map(|p| p.normal.as_slice()).collect();
    Ok(covariance_of_means("diseased cases", &diseased)? + covariance_of_means("normal cases", &normal)?)
}

/// Covariance of the means of `columns`: their sample covariance over their length.
pub(super) fn covariance_of_means(what: &'static str, columns: &[&[f64]]) -> Result<DMatrix<f64>, AnalysisError> {
    let n = columns.first().map_or(0, |c| c.len());
    AnalysisError::at_least(what, 2, n)?;
    for column in columns {
        AnalysisError::same_length(what, n, column.len())?;
    }
    let mut deviations = DMatrix::zeros(n, columns.len());
    for (mut to, column) in deviations.column_iter_mut().zip(columns) {
        let mean = column.iter().sum::<f64>() / n as f64;
        for (to, value) in to.iter_mut().zip(*column) {
            *to = value - mean;
        }
    }
    Ok(deviations.tr_mul(&deviations) / ((n - 1) as f64 * n as f64))
}

/// Standard error of one area.
///
/// # Errors
/// When there are fewer than 2 cases of either truth.
pub fn standard_error(scores: &Scores) -> Result<f64, AnalysisError> {
    Ok(covariance(std::slice::from_ref(scores))?.iter().sum::<f64>().sqrt())
}

/// Two areas compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeLongTest {
    /// The two areas.
    pub auc: [f64; 2],
    /// Their variances.
    pub variance: [f64; 2],
    /// Their covariance; 0 for different cases.
    pub covariance: f64,
    /// First minus second.
    pub difference: f64,
    /// Its standard error.
    pub se: f64,
    /// Difference over standard error; none when that is 0, as for identical scores.
    pub z: Option<f64>,
    /// Two-sided, from the normal distribution.
    pub p: Option<f64>,
    /// Interval of the difference, from the normal distribution.
    pub interval: [f64; 2],
    /// For different cases: t with Satterthwaite's degrees of freedom, which suits small samples better.
    pub welch: Option<Welch>,
}

/// A difference referred to t with Satterthwaite's degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Welch {
    /// Degrees of freedom.
    pub df: f64,
    /// Two-sided.
    pub p: f64,
}

/// Compares two curves that were read on the same cases; `alpha` is one minus the confidence of the interval.
///
/// # Errors
/// When there are fewer than 2 cases of either truth, or the curves do not have the same cases.
pub fn paired_test(first: &Scores, second: &Scores, alpha: f64) -> Result<DeLongTest, AnalysisError> {
    let matrix = covariance(&[first.clone(), second.clone()])?;
    Ok(test([first.auc(), second.auc()], [matrix[(0, 0)], matrix[(1, 1)]], matrix[(0, 1)], alpha))
}

/// Compares two curves that were read on different cases.
///
/// # Errors
/// When there are fewer than 2 cases of either truth in either curve.
pub fn unpaired_test(first: &Scores, second: &Scores, alpha: f64) -> Result<DeLongTest, AnalysisError> {
    let variance = [standard_error(first)?.powi(2), standard_error(second)?.powi(2)];
    let mut found = test([first.auc(), second.auc()], variance, 0.0, alpha);
    let spare = |s: &Scores| (s.diseased().len() + s.normal().len() - 1) as f64;
    let [v1, v2] = variance;
    let df = (v1 + v2).powi(2) / (v1 * v1 / spare(first) + v2 * v2 / spare(second));
    found.welch = found.z.map(|t| Welch { df, p: t_two_sided(t, df) });
    Ok(found)
}

fn test(auc: [f64; 2], variance: [f64; 2], covariance: f64, alpha: f64) -> DeLongTest {
    let difference = auc[0] - auc[1];
    // Identical curves leave a rest of rounding, which may be below 0.
    let rest = variance[0] + variance[1] - 2.0 * covariance;
    let se = if rest > 1e-14 * (variance[0] + variance[1]) { rest.sqrt() } else { 0.0 };
    let z = (se > 0.0).then(|| difference / se);
    DeLongTest {
        auc,
        variance,
        covariance,
        difference,
        se,
        z,
        p: z.map(normal_two_sided),
        interval: normal_interval(difference, se, alpha),
        welch: None,
    }
}
