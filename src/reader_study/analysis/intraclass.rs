//! Intraclass correlation of measurements: the six forms of Shrout and Fleiss 1979, intervals of McGraw and Wong 1996.

use nalgebra::DMatrix;
use serde::Serialize;

use super::distribution::{f_quantile, f_upper};
use super::errors::AnalysisError;

/// All six forms with the mean squares that they come from.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct IntraclassCorrelations {
    /// Mean square between targets.
    pub ms_rows: f64,
    /// Mean square between raters.
    pub ms_columns: f64,
    /// Mean square of the rest.
    pub ms_error: f64,
    /// One-way random, a single rating.
    pub icc_1_1: Intraclass,
    /// Two-way random, absolute agreement, a single rating; the one for interchangeable readers.
    pub icc_2_1: Intraclass,
    /// Two-way mixed, consistency, a single rating.
    pub icc_3_1: Intraclass,
    /// One-way random, the mean of all raters.
    pub icc_1_k: Intraclass,
    /// Two-way random, absolute agreement, the mean of all raters.
    pub icc_2_k: Intraclass,
    /// Two-way mixed, consistency, the mean of all raters.
    pub icc_3_k: Intraclass,
}

/// One form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Intraclass {
    /// The correlation.
    pub icc: f64,
    /// Its interval.
    pub interval: [f64; 2],
    /// The F test of no correlation.
    pub f: f64,
    /// Numerator degrees of freedom.
    pub df1: f64,
    /// Denominator degrees of freedom.
    pub df2: f64,
    /// Of that test.
    pub p: f64,
}

/// Intraclass correlations of `ratings[target][rater]`; none when nothing varies within targets or between them.
///
/// # Errors
/// When there are fewer than 2 targets or raters, targets differ in raters, or a rating is not finite.
pub fn intraclass(ratings: &[Vec<f64>], alpha: f64) -> Result<Option<IntraclassCorrelations>, AnalysisError> {
    let (targets, raters) = (ratings.len(), ratings.first().map_or(0, Vec::len));
    AnalysisError::at_least("targets", 2, targets)?;
    AnalysisError::at_least("raters", 2, raters)?;
    for target in ratings {
        AnalysisError::same_length("a target's list of ratings", raters, target.len())?;
        AnalysisError::all_finite("a rating", target)?;
    }
    let table = DMatrix::from_row_iterator(targets, raters, ratings.iter().flatten().copied());
    let (n, k) = (targets as f64, raters as f64);
    let mean = table.mean();
    let rows: f64 = table.row_iter().map(|r| (r.mean() - mean).powi(2)).sum::<f64>() * k;
    let columns: f64 = table.column_iter().map(|c| (c.mean() - mean).powi(2)).sum::<f64>() * n;
    let total: f64 = table.iter().map(|v| (v - mean).powi(2)).sum();
    let ms = Squares {
        n,
        k,
        rows: rows / (n - 1.0),
        columns: columns / (k - 1.0),
        error: (total - rows - columns) / ((n - 1.0) * (k - 1.0)),
        within: (total - rows) / (n * (k - 1.0)),
        alpha,
    };
    if ms.error <= 1e-14 * total || rows <= 1e-14 * total {
        return Ok(None);
    }
    let (one_way, two_way) = (ms.rows / ms.within, ms.rows / ms.error);
    let (df_within, df_error) = (n * (k - 1.0), (n - 1.0) * (k - 1.0));
    let single = |f: f64| (f - 1.0) / (f + k - 1.0);
    let average = |f: f64| 1.0 - 1.0 / f;
    let stepped_up = |r: f64| k * r / (1.0 + (k - 1.0) * r);
    let absolute = (ms.rows - ms.error) / (ms.rows + (k - 1.0) * ms.error + k * (ms.columns - ms.error) / n);
    let absolute_interval = ms.absolute_interval(absolute);
    let of = |icc: f64, interval: [f64; 2], f: f64, df2: f64| {
        let df1 = n - 1.0;
        Intraclass { icc, interval, f, df1, df2, p: f_upper(f, df1, df2) }
    };
    let f_one = ms.f_interval(one_way, df_within);
    let f_two = ms.f_interval(two_way, df_error);
    let absolute_mean = (ms.rows - ms.error) / (ms.rows + (ms.columns - ms.error) / n);
    Ok(Some(IntraclassCorrelations {
        ms_rows: ms.rows,
        ms_columns: ms.columns,
        ms_error: ms.error,
        icc_1_1: of(single(one_way), f_one.map(single), one_way, df_within),
        icc_2_1: of(absolute, absolute_interval, two_way, df_error),
        icc_3_1: of(single(two_way), f_two.map(single), two_way, df_error),
        icc_1_k: of(average(one_way), f_one.map(average), one_way, df_within),
        icc_2_k: of(absolute_mean, absolute_interval.map(stepped_up), two_way, df_error),
        icc_3_k: of(average(two_way), f_two.map(average), two_way, df_error),
    }))
}

struct Squares {
    n: f64,
    k: f64,
    rows: f64,
    columns: f64,
    error: f64,
    within: f64,
    alpha: f64,
}

impl Squares {
    /// The interval of a ratio of mean squares with `n - 1` and `df2`.
    fn f_interval(&self, f: f64, df2: f64) -> [f64; 2] {
        let (df1, q) = (self.n - 1.0, 1.0 - self.alpha / 2.0);
        [f / f_quantile(q, df1, df2), f * f_quantile(q, df2, df1)]
    }

    /// McGraw and Wong 1996, table 7, with Satterthwaite's degrees of freedom.
    fn absolute_interval(&self, r: f64) -> [f64; 2] {
        let Self { n, k, rows, columns, error, .. } = *self;
        let q = 1.0 - self.alpha / 2.0;
        let g = k * r * columns / error;
        let h = n * (1.0 + (k - 1.0) * r) - k * r;
        let v = (n - 1.0) * (k - 1.0) * (g + h).powi(2) / ((n - 1.0) * g * g + h * h);
        let (f1, f2) = (f_quantile(q, n - 1.0, v), f_quantile(q, v, n - 1.0));
        let rest = k * columns + (k * n - k - n) * error;
        [n * (rows - f1 * error) / (f1 * rest + n * rows), n * (f2 * rows - error) / (rest + n * f2 * rows)]
    }
}
