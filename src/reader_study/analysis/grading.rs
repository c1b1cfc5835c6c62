//! Visual grading characteristics: ordinal grades of a test image against a reference (Båth and Månsson 2007).

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rayon::prelude::*;
use serde::Serialize;

use super::covariance::places;
use super::errors::AnalysisError;
use super::roc::Scores;

/// Area under the VGC curve: the chance that a test image is graded higher than a reference image, ties one half; above
/// 0.5 favours the test.
///
/// # Errors
/// When a list is empty or a grade is NaN.
pub fn vgc_area(test: &[f64], reference: &[f64]) -> Result<f64, AnalysisError> {
    Ok(Scores::of(test.to_vec(), reference.to_vec())?.auc())
}

/// The area of several readers with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GradingComparison {
    /// Mean of the readers' areas.
    pub area: f64,
    /// Percentile interval over draws of readers and cases.
    pub interval: [f64; 2],
    /// How many draws.
    pub resamples: usize,
}

/// Compares grades `[reader][case]` of the same cases in two arms.
///
/// Each draw takes readers and cases with replacement, the same cases in both arms. The same seed gives the same
/// interval on every machine.
///
/// # Errors
/// When there are no readers, fewer than 2 cases, lists of different lengths, grades that are NaN, fewer than 2 draws,
/// or `alpha` not inside 0 to 1.
pub fn compare(
    test: &[Vec<f64>],
    reference: &[Vec<f64>],
    resamples: usize,
    seed: u64,
    alpha: f64,
) -> Result<GradingComparison, AnalysisError> {
    let cases = test.first().map_or(0, Vec::len);
    AnalysisError::at_least("readers", 1, test.len())?;
    AnalysisError::same_length("the list of the reference's readers", test.len(), reference.len())?;
    AnalysisError::at_least("cases", 2, cases)?;
    AnalysisError::at_least("bootstrap draws", 2, resamples)?;
    AnalysisError::inside_unit("alpha", alpha)?;
    let readers = test.iter().zip(reference).map(|(test, reference)| {
        AnalysisError::same_length("a reader's list of grades", cases, test.len())?;
        AnalysisError::same_length("a reader's list of grades", cases, reference.len())?;
        Scores::of(test.clone(), reference.clone())
    });
    let readers: Vec<Scores> = readers.collect::<Result<_, _>>()?;
    let mean = |of: &[f64]| of.iter().sum::<f64>() / of.len() as f64;
    let area = mean(&readers.iter().map(Scores::auc).collect::<Vec<_>>());
    let mut drawn: Vec<f64> = (0..resamples as u64)
        .into_par_iter()
        .map(|draw| {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            rng.set_stream(draw);
            let chosen = places(&mut rng, readers.len());
            let cases = places(&mut rng, cases);
            let chosen = chosen.iter().filter_map(|at| readers.get(*at));
            mean(&chosen.map(|reader| reader.drawn(&cases, &cases).auc()).collect::<Vec<_>>())
        })
        .collect();
    drawn.sort_by(f64::total_cmp);
    let interval = [alpha / 2.0, 1.0 - alpha / 2.0].map(|p| quantile(&drawn, p));
    Ok(GradingComparison { area, interval, resamples })
}

/// The quantile of rising values, linear between neighbours.
fn quantile(rising: &[f64], p: f64) -> f64 {
    let at = p * (rising.len() as f64 - 1.0);
    let value = |at: f64| rising.get(at as usize).copied().unwrap_or(f64::NAN);
    let (low, high) = (value(at.floor()), value(at.ceil()));
    low + (at - at.floor()) * (high - low)
}
