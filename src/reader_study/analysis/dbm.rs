//! The Dorfman-Berbaum-Metz analysis (1992) with Hillis's degrees of freedom (2008): an analysis of variance of
//! pseudovalues, and the twin of Obuchowski-Rockette with the jackknife.

use nalgebra::DMatrix;
use serde::Serialize;

use super::covariance::without_each_case;
use super::crossed::CrossedRatings;
use super::errors::AnalysisError;
use super::figure_of_merit::FigureOfMerit;
use super::mrmc::{Difference, Factors, OverallTest, Test, hillis_df};

/// Mean squares, variance components and the three tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Dbm {
    /// Mean squares of the pseudovalues.
    pub mean_squares: DbmMeanSquares,
    /// Variance components; negative ones are shown as they are.
    pub variance: DbmVariance,
    /// The three ways to generalise, in the order of [`Factors`].
    pub tests: Vec<DbmTest>,
}

/// Mean squares of modality (t), reader (r), case (c) and their interactions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the letters are explained above")]
pub struct DbmMeanSquares {
    pub ms_t: f64,
    pub ms_r: f64,
    pub ms_c: f64,
    pub ms_tr: f64,
    pub ms_tc: f64,
    pub ms_rc: f64,
    pub ms_trc: f64,
}

/// Variance components of reader (r), case (c), modality (t) and their interactions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[allow(missing_docs, reason = "the letters are explained above")]
pub struct DbmVariance {
    pub var_r: f64,
    pub var_c: f64,
    pub var_tr: f64,
    pub var_tc: f64,
    pub var_rc: f64,
    pub var_error: f64,
}

/// One of the three tests.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DbmTest {
    /// To what it is generalised.
    pub factors: Factors,
    /// Whether any modality differs.
    pub overall: OverallTest,
    /// Every pair, the first minus the second.
    pub differences: Vec<Difference>,
}

/// Analyses pseudovalues `K T - (K - 1) T(-k)`; `alpha` is one minus the confidence of the intervals.
///
/// # Errors
/// When there is only one modality or one reader, fewer than 2 cases of either truth, or `alpha` is not inside 0 to 1.
pub fn analyze(ratings: &CrossedRatings, figure: &dyn FigureOfMerit, alpha: f64) -> Result<Dbm, AnalysisError> {
    let (i, j, k) = (ratings.modalities().len(), ratings.readers().len(), ratings.cases().len());
    if i < 2 {
        return Err(AnalysisError::TooFewModalities { found: i });
    }
    if j < 2 {
        return Err(AnalysisError::TooFewReaders { found: j });
    }
    let (diseased, normal) = ratings.case_counts();
    AnalysisError::at_least("diseased cases", 2, diseased)?;
    AnalysisError::at_least("normal cases", 2, normal)?;
    AnalysisError::inside_unit("alpha", alpha)?;
    let cells = ratings.scores();
    let mut pseudovalues = without_each_case(&cells, figure)?;
    for (mut column, cell) in pseudovalues.column_iter_mut().zip(&cells) {
        let all = k as f64 * figure.value(cell);
        column.apply(|without| *without = all - (k as f64 - 1.0) * *without);
    }
    let ms = mean_squares(&pseudovalues, i, j);
    let (i, j, k) = (i as f64, j as f64, k as f64);
    let variance = DbmVariance {
        var_r: (ms.ms_r - ms.ms_tr - ms.ms_rc + ms.ms_trc) / (i * k),
        var_c: (ms.ms_c - ms.ms_tc - ms.ms_rc + ms.ms_trc) / (i * j),
        var_tr: (ms.ms_tr - ms.ms_trc) / k,
        var_tc: (ms.ms_tc - ms.ms_trc) / j,
        var_rc: (ms.ms_rc - ms.ms_trc) / i,
        var_error: ms.ms_trc,
    };
    let random = ms.ms_tr + (ms.ms_tc - ms.ms_trc).max(0.0);
    let interaction_df = (i - 1.0) * (j - 1.0);
    let means: Vec<f64> = (0..ratings.modalities().len())
        .map(|at| pseudovalues.columns(at * ratings.readers().len(), ratings.readers().len()).mean())
        .collect();
    let tests = [
        (Factors::RandomReadersRandomCases, random, hillis_df(random, ms.ms_tr, interaction_df)),
        (Factors::FixedReaders, ms.ms_tc, (i - 1.0) * (k - 1.0)),
        (Factors::FixedCases, ms.ms_tr, interaction_df),
    ]
    .into_iter()
    .map(|(factors, denominator, ddf)| {
        let test = Test { ms_t: ms.ms_t, denominator, ddf, per_mean: j * k, alpha };
        DbmTest {
            factors,
            overall: test.overall(means.len()),
            differences: test.differences(ratings.modalities(), &means),
        }
    })
    .collect();
    Ok(Dbm { mean_squares: ms, variance, tests })
}

/// Three-way analysis of variance of `values[(case, cell)]`, all cells of modality 0 first.
fn mean_squares(values: &DMatrix<f64>, modalities: usize, readers: usize) -> DbmMeanSquares {
    let cases = values.nrows();
    let (i, j, k) = (modalities as f64, readers as f64, cases as f64);
    let mean = values.mean();
    let mut modality = vec![0.0; modalities];
    let mut reader = vec![0.0; readers];
    let mut modality_case = DMatrix::zeros(cases, modalities);
    let mut reader_case = DMatrix::zeros(cases, readers);
    for (cell, column) in values.column_iter().enumerate() {
        let (t, r) = (cell / readers, cell % readers);
        modality[t] += column.mean() / j;
        reader[r] += column.mean() / i;
        modality_case.column_mut(t).axpy(1.0 / j, &column, 1.0);
        reader_case.column_mut(r).axpy(1.0 / i, &column, 1.0);
    }
    let case: Vec<f64> = values.row_iter().map(|r| r.mean()).collect();
    let about = |means: &[f64]| means.iter().map(|m| (m - mean).powi(2)).sum::<f64>();
    let interaction = |table: &DMatrix<f64>, of: &[f64]| {
        let terms = table.column_iter().zip(of);
        terms.map(|(col, m)| col.iter().zip(&case).map(|(v, c)| (v - m - c + mean).powi(2)).sum::<f64>()).sum::<f64>()
    };
    let (mut tr, mut trc) = (0.0, 0.0);
    for (cell, column) in values.column_iter().enumerate() {
        let (t, r) = (cell / readers, cell % readers);
        let two_way = column.mean();
        tr += (two_way - modality[t] - reader[r] + mean).powi(2);
        let others = modality_case.column(t).into_iter().zip(reader_case.column(r)).zip(&case);
        for (value, ((tc, rc), c)) in column.iter().zip(others) {
            trc += (value - two_way - tc - rc + modality[t] + reader[r] + c - mean).powi(2);
        }
    }
    // Where pseudovalues are equal, what is left is rounding, which must not be divided by itself.
    let rounding = 1e-22 * values.amax().powi(2);
    let over = |sum: f64, df: f64| if sum > rounding { sum / df } else { 0.0 };
    DbmMeanSquares {
        ms_t: over(j * k * about(&modality), i - 1.0),
        ms_r: over(i * k * about(&reader), j - 1.0),
        ms_c: over(i * j * about(&case), k - 1.0),
        ms_tr: over(k * tr, (i - 1.0) * (j - 1.0)),
        ms_tc: over(j * interaction(&modality_case, &modality), (i - 1.0) * (k - 1.0)),
        ms_rc: over(i * interaction(&reader_case, &reader), (j - 1.0) * (k - 1.0)),
        ms_trc: over(trc, (i - 1.0) * (j - 1.0) * (k - 1.0)),
    }
}
