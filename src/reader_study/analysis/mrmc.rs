//! Modalities compared over readers and cases: Obuchowski and Rockette 1995 with Hillis's degrees of freedom (2007).

use serde::Serialize;

use super::components::{CovarianceComponents, MeanSquares};
use super::distribution::{f_upper, t_quantile, t_two_sided};
use super::errors::AnalysisError;
use super::estimates::Estimates;
use super::multiplicity::holm;
use super::single_modality::{ModalityMean, modality_mean};

/// To what a result is generalised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Factors {
    /// Other readers and other cases.
    RandomReadersRandomCases,
    /// Other cases, these readers.
    FixedReaders,
    /// Other readers, these cases.
    FixedCases,
}

/// All modalities against each other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// To what it is generalised.
    pub factors: Factors,
    /// Whether any modality differs.
    pub overall: OverallTest,
    /// Every pair, the first minus the second.
    pub differences: Vec<Difference>,
    /// Each modality by its own data.
    pub modality_means: Vec<ModalityMean>,
    /// With fixed readers: each reader's own differences.
    pub reader_differences: Vec<ReaderDifference>,
}

/// Whether any modality differs from the others.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct OverallTest {
    /// Mean square of the modalities over `denominator`; none when that is 0. With fixed readers the chi-squared
    /// statistic is `df1` times this.
    pub f: Option<f64>,
    /// Numerator degrees of freedom.
    pub df1: f64,
    /// Denominator degrees of freedom; infinite with fixed readers (JSON: null).
    pub ddf: f64,
    /// What the mean square of the modalities is compared with.
    pub denominator: f64,
    /// Chance of an F as large or larger if no modality differed.
    pub p: Option<f64>,
}

/// One modality minus another.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    /// First and second.
    pub modalities: [String; 2],
    /// First minus second, in units of the figure of merit.
    pub difference: f64,
    /// Its standard error.
    pub se: f64,
    /// Difference over standard error; none when that is 0.
    pub statistic: Option<f64>,
    /// Degrees of freedom of t; infinite means normal (JSON: null).
    pub df: f64,
    /// Two-sided, for this pair alone.
    pub p: Option<f64>,
    /// The same adjusted for all pairs after Holm; none when there is only one pair.
    pub p_holm: Option<f64>,
    /// Interval of this difference alone; not clipped.
    pub interval: [f64; 2],
}

/// One reader's difference between two modalities.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderDifference {
    /// The reader.
    pub reader: String,
    /// Mean variance of the reader's figures.
    pub var_error: f64,
    /// Mean covariance of the reader's figures in different modalities.
    pub cov1: f64,
    /// The difference; normal.
    #[serde(flatten)]
    pub difference: Difference,
}

/// Compares the modalities of `estimates`; `alpha` is one minus the confidence of the intervals.
///
/// # Errors
/// When there is only one modality, or only one reader and readers are random, or `alpha` is not inside 0 to 1.
pub fn compare(estimates: &Estimates, factors: Factors, alpha: f64) -> Result<Comparison, AnalysisError> {
    let (i, j) = (estimates.modalities().len(), estimates.readers().len());
    if i < 2 {
        return Err(AnalysisError::TooFewModalities { found: i });
    }
    if j < 2 && factors != Factors::FixedReaders {
        return Err(AnalysisError::TooFewReaders { found: j });
    }
    AnalysisError::inside_unit("alpha", alpha)?;
    let ms = MeanSquares::of(estimates.values());
    let cov = CovarianceComponents::of(estimates);
    let interaction_df = (i as f64 - 1.0) * (j as f64 - 1.0);
    let (denominator, ddf) = match factors {
        Factors::RandomReadersRandomCases => {
            let d = ms.ms_tr + j as f64 * cov.excess();
            (d, hillis_df(d, ms.ms_tr, interaction_df))
        }
        Factors::FixedReaders => (cov.fixed_readers(j), f64::INFINITY),
        Factors::FixedCases => (ms.ms_tr, interaction_df),
    };
    let means = estimates.modality_means();
    let test = Test { ms_t: ms.ms_t, denominator, ddf, per_mean: j as f64, alpha };
    let modality_means =
        (0..i).map(|at| modality_mean(estimates, at, factors, alpha)).collect::<Result<Vec<_>, AnalysisError>>()?;
    let reader_differences = match factors {
        Factors::FixedReaders => reader_differences(estimates, alpha),
        _ => Vec::new(),
    };
    Ok(Comparison {
        factors,
        overall: test.overall(i),
        differences: test.differences(estimates.modalities(), &means),
        modality_means,
        reader_differences,
    })
}

/// `D^2 / (MS^2 / df)`; infinite when the mean square is 0.
pub(super) fn hillis_df(denominator: f64, ms: f64, df: f64) -> f64 {
    if ms != 0.0 { (denominator / ms).powi(2) * df } else { f64::INFINITY }
}

/// A mean square of modalities, what it is compared with, and over how much a modality's mean runs.
pub(super) struct Test {
    pub ms_t: f64,
    pub denominator: f64,
    pub ddf: f64,
    pub per_mean: f64,
    pub alpha: f64,
}

impl Test {
    pub fn overall(&self, modalities: usize) -> OverallTest {
        let df1 = modalities as f64 - 1.0;
        let f = (self.denominator > 0.0).then(|| self.ms_t / self.denominator);
        OverallTest { f, df1, ddf: self.ddf, denominator: self.denominator, p: f.map(|f| f_upper(f, df1, self.ddf)) }
    }

    /// Every pair, p values adjusted after Holm when there are several.
    pub fn differences(&self, modalities: &[String], means: &[f64]) -> Vec<Difference> {
        let se = (2.0 * self.denominator / self.per_mean).max(0.0).sqrt();
        let mut all = Vec::new();
        for (at, (first, a)) in modalities.iter().zip(means).enumerate() {
            for (second, b) in modalities.iter().zip(means).skip(at + 1) {
                all.push(difference([first, second], a - b, se, self.ddf, self.alpha));
            }
        }
        let p: Option<Vec<f64>> = all.iter().map(|d| d.p).collect();
        if let (Some(p), true) = (p, all.len() > 1) {
            for (difference, adjusted) in all.iter_mut().zip(holm(&p)) {
                difference.p_holm = Some(adjusted);
            }
        }
        all
    }
}

fn difference(modalities: [&String; 2], difference: f64, se: f64, df: f64, alpha: f64) -> Difference {
    let statistic = (se > 0.0).then(|| difference / se);
    Difference {
        modalities: modalities.map(Clone::clone),
        difference,
        se,
        statistic,
        df,
        p: statistic.map(|t| t_two_sided(t, df)),
        p_holm: None,
        interval: t_interval(difference, se, df, alpha),
    }
}

/// `estimate +- t se`; only the estimate when the standard error is 0.
pub(super) fn t_interval(estimate: f64, se: f64, df: f64, alpha: f64) -> [f64; 2] {
    let half = if se > 0.0 { t_quantile(1.0 - alpha / 2.0, df) * se } else { 0.0 };
    [estimate - half, estimate + half]
}

fn reader_differences(estimates: &Estimates, alpha: f64) -> Vec<ReaderDifference> {
    let mut all = Vec::new();
    for (at, (reader, column)) in estimates.readers().iter().zip(estimates.values().column_iter()).enumerate() {
        let var_error = estimates.mean_covariance(|i, j, i2, j2| j == at && j2 == at && i == i2);
        let cov1 = estimates.mean_covariance(|i, j, i2, j2| j == at && j2 == at && i != i2);
        let test = Test { ms_t: 0.0, denominator: var_error - cov1, ddf: f64::INFINITY, per_mean: 1.0, alpha };
        let values: Vec<f64> = column.iter().copied().collect();
        all.extend(test.differences(estimates.modalities(), &values).into_iter().map(|difference| ReaderDifference {
            reader: reader.clone(),
            var_error,
            cov1,
            difference,
        }));
    }
    all
}
