//! Agreement on a scale of steps: Cohen's kappa of two raters, weighted or not, and Fleiss's kappa of many.

use nalgebra::DMatrix;
use serde::Serialize;

use super::distribution::normal_two_sided;
use super::errors::AnalysisError;
use super::roc::normal_interval;

/// How much a disagreement of two steps counts as agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weights {
    /// Only the same step agrees.
    Unweighted,
    /// `1 - |i - j|/(C - 1)`.
    Linear,
    /// `1 - (i - j)^2/(C - 1)^2`.
    Quadratic,
}

impl Weights {
    fn of(self, i: usize, j: usize, steps: usize) -> f64 {
        let apart = i.abs_diff(j) as f64 / (steps.max(2) as f64 - 1.0);
        match self {
            Self::Unweighted => f64::from(u8::from(i == j)),
            Self::Linear => 1.0 - apart,
            Self::Quadratic => 1.0 - apart * apart,
        }
    }
}

/// Cohen's kappa.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CohenKappa {
    /// Agreement beyond chance; 1 is perfect, 0 is chance.
    pub kappa: f64,
    /// Large-sample standard error.
    pub se: f64,
    /// Interval from `se`.
    pub interval: [f64; 2],
    /// Standard error if the true kappa were 0.
    pub se_null: f64,
    /// Kappa over `se_null`; none when that is 0.
    pub z: Option<f64>,
}

/// Cohen's kappa of two raters on the declared `scale`, whether or not all its steps were used; none when the agreement
/// expected by chance is 1, as when both raters gave a single answer.
///
/// Standard errors after Fleiss, Cohen and Everitt 1969.
///
/// # Errors
/// When the raters rated different numbers of items, none at all, or a step that is not on the scale.
pub fn cohen_kappa<T: PartialEq>(
    scale: &[T],
    a: &[T],
    b: &[T],
    weights: Weights,
    alpha: f64,
) -> Result<Option<CohenKappa>, AnalysisError> {
    AnalysisError::at_least("rated items", 1, a.len())?;
    AnalysisError::same_length("the second rater's list", a.len(), b.len())?;
    let steps = scale.len();
    let step = |(position, rating): (usize, &T)| {
        scale.iter().position(|s| s == rating).ok_or(AnalysisError::OffScale { position })
    };
    let n = a.len() as f64;
    let mut p = DMatrix::zeros(steps, steps);
    for (a, b) in a.iter().enumerate().zip(b.iter().enumerate()) {
        p[(step(a)?, step(b)?)] += 1.0 / n;
    }
    let w = DMatrix::from_fn(steps, steps, |i, j| weights.of(i, j, steps));
    let row = p.column_sum();
    let column = p.row_sum().transpose();
    let chance = &row * column.transpose();
    let (po, pe) = (w.dot(&p), w.dot(&chance));
    if 1.0 - pe < 1e-12 {
        return Ok(None);
    }
    let kappa = (po - pe) / (1.0 - pe);
    // The mean weight of each row and of each column.
    let (of_row, of_column) = (&w * &column, w.tr_mul(&row));
    let (mut sum, mut sum_null) = (0.0, 0.0);
    for i in 0..steps {
        for j in 0..steps {
            let mean = of_row[i] + of_column[j];
            sum += p[(i, j)] * (w[(i, j)] - mean * (1.0 - kappa)).powi(2);
            sum_null += chance[(i, j)] * (w[(i, j)] - mean).powi(2);
        }
    }
    let scaled = |v: f64| (v.max(0.0) / n).sqrt() / (1.0 - pe);
    let se = scaled(sum - (kappa - pe * (1.0 - kappa)).powi(2));
    let se_null = scaled(sum_null - pe * pe);
    let z = (se_null > 0.0).then(|| kappa / se_null);
    Ok(Some(CohenKappa { kappa, se, interval: normal_interval(kappa, se, alpha), se_null, z }))
}

/// Fleiss's kappa.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FleissKappa {
    /// Agreement beyond chance.
    pub kappa: f64,
    /// Standard error if the true kappa were 0 (Fleiss, Nee and Landis 1979).
    pub se_null: f64,
    /// Kappa over `se_null`.
    pub z: f64,
    /// Two-sided.
    pub p: f64,
}

/// Fleiss's kappa of equally many raters an item; `counts[item][category]`; none when only one category was used.
///
/// # Errors
/// When there is no item, fewer than 2 raters, or items differ in categories or in raters.
pub fn fleiss_kappa(counts: &[Vec<u64>]) -> Result<Option<FleissKappa>, AnalysisError> {
    AnalysisError::at_least("rated items", 1, counts.len())?;
    let categories = counts.first().map_or(0, Vec::len);
    let raters = counts.first().map_or(0, |c| c.iter().sum::<u64>());
    AnalysisError::at_least("raters", 2, raters as usize)?;
    let (n, m) = (counts.len() as f64, raters as f64);
    let mut share = vec![0.0; categories];
    let mut agreement = 0.0;
    for item in counts {
        AnalysisError::same_length("an item's list of categories", categories, item.len())?;
        AnalysisError::same_length("an item's set of raters", raters as usize, item.iter().sum::<u64>() as usize)?;
        agreement += (item.iter().map(|c| (c * c) as f64).sum::<f64>() - m) / (m * (m - 1.0)) / n;
        for (share, count) in share.iter_mut().zip(item) {
            *share += *count as f64 / (n * m);
        }
    }
    let pe: f64 = share.iter().map(|p| p * p).sum();
    if 1.0 - pe < 1e-12 {
        return Ok(None);
    }
    let kappa = (agreement - pe) / (1.0 - pe);
    let pq: f64 = share.iter().map(|p| p * (1.0 - p)).sum();
    let skew: f64 = share.iter().map(|p| p * (1.0 - p) * (1.0 - 2.0 * p)).sum();
    let se_null = (2.0 * (pq * pq - skew) / (n * m * (m - 1.0))).sqrt() / pq;
    let z = kappa / se_null;
    Ok(Some(FleissKappa { kappa, se_null, z, p: normal_two_sided(z) }))
}
