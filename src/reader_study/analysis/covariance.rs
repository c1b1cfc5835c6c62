//! How the figures of merit of all readers and modalities vary together over cases.

use nalgebra::DMatrix;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::Serialize;

use super::delong;
use super::errors::AnalysisError;
use super::figure_of_merit::FigureOfMerit;
use super::roc::Scores;

/// Where the covariances come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CovarianceMethod {
    /// One case left out at a time, over all cases of both truths; for every figure of merit.
    Jackknife,
    /// DeLong 1988; for the trapezoid area only.
    #[serde(rename = "delong")]
    DeLong,
    /// Cases drawn with replacement, the numbers of both truths kept; for every figure of merit.
    Bootstrap {
        /// How many draws.
        resamples: usize,
        /// The same seed gives the same draws on every machine.
        seed: u64,
    },
}

impl CovarianceMethod {
    /// The word in the command line and in JSON.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Jackknife => "jackknife",
            Self::DeLong => "delong",
            Self::Bootstrap { .. } => "bootstrap",
        }
    }

    /// The covariance matrix of `figure` over `cells`, which were all read on the same cases.
    ///
    /// # Errors
    /// When there are fewer than 2 cases of either truth, when DeLong's covariances are asked of another figure than
    /// the area, or when a bootstrap has fewer than 2 draws.
    pub fn covariance(self, cells: &[Scores], figure: &dyn FigureOfMerit) -> Result<DMatrix<f64>, AnalysisError> {
        for cell in cells {
            AnalysisError::at_least("diseased cases", 2, cell.diseased().len())?;
            AnalysisError::at_least("normal cases", 2, cell.normal().len())?;
        }
        match self {
            Self::DeLong if figure.is_auc() => delong::covariance(cells),
            Self::DeLong => Err(AnalysisError::DeLongOfOther { figure: figure.name() }),
            Self::Jackknife => jackknife(&without_each_case(cells, figure)?),
            Self::Bootstrap { resamples, seed } => bootstrap(cells, figure, resamples, seed),
        }
    }
}

/// The figure of every cell (columns) without each case (rows; the diseased first, then the normal ones).
///
/// # Errors
/// When the cells do not have the same cases.
pub fn without_each_case(cells: &[Scores], figure: &dyn FigureOfMerit) -> Result<DMatrix<f64>, AnalysisError> {
    let columns: Vec<Vec<f64>> = cells.par_iter().map(|cell| figure.without_each_case(cell)).collect();
    let cases = columns.first().map_or(0, Vec::len);
    for column in &columns {
        AnalysisError::same_length("the list of cases", cases, column.len())?;
    }
    Ok(DMatrix::from_iterator(cases, columns.len(), columns.into_iter().flatten()))
}

/// Jackknife covariances, `(K - 1)/K` times the cross products of the deviations of the figures without each case.
///
/// `without[(case, cell)]`: the figure of a cell without a case.
///
/// # Errors
/// When there are fewer than 2 cases.
pub fn jackknife(without: &DMatrix<f64>) -> Result<DMatrix<f64>, AnalysisError> {
    let cases = without.nrows();
    AnalysisError::at_least("cases", 2, cases)?;
    let factor = (cases as f64 - 1.0) / cases as f64;
    Ok(cross_products(without) * factor)
}

/// Sample covariances of the figures over draws of cases.
fn bootstrap(
    cells: &[Scores],
    figure: &dyn FigureOfMerit,
    resamples: usize,
    seed: u64,
) -> Result<DMatrix<f64>, AnalysisError> {
    AnalysisError::at_least("bootstrap draws", 2, resamples)?;
    let (n1, n0) = cells.first().map_or((0, 0), |c| (c.diseased().len(), c.normal().len()));
    let draws: Vec<Vec<f64>> = (0..resamples as u64)
        .into_par_iter()
        .map(|draw| {
            // A stream of its own for each draw, so that threads do not change the result.
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(draw);
            let (diseased, normal) = (places(&mut rng, n1), places(&mut rng, n0));
            cells.iter().map(|cell| figure.value(&cell.drawn(&diseased, &normal))).collect()
        })
        .collect();
    let rows = DMatrix::from_row_iterator(resamples, cells.len(), draws.into_iter().flatten());
    Ok(cross_products(&rows) / (resamples as f64 - 1.0))
}

/// `n` places of a list of `n`, drawn with replacement.
pub(super) fn places(rng: &mut ChaCha8Rng, n: usize) -> Vec<usize> {
    // The upper half of a 128-bit product: uniform to within n / 2^64.
    (0..n).map(|_| ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize).collect()
}

/// Cross products of the columns' deviations from their means.
fn cross_products(rows: &DMatrix<f64>) -> DMatrix<f64> {
    let mut deviations = rows.clone();
    for mut column in deviations.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    deviations.tr_mul(&deviations)
}
