//! Free response of many readers in several modalities, ready for Obuchowski-Rockette with the jackknife.

use nalgebra::DMatrix;

use super::covariance::{CovarianceMethod, jackknife};
use super::errors::AnalysisError;
use super::estimates::Estimates;
use super::free_response::{FreeResponse, FreeResponseFigure};

/// Figures and jackknife covariances of `readings`, all readers of modality 0 first; every reading is of the same
/// cases in the same order.
///
/// # Errors
/// When a reading is missing or of other cases, or there are fewer than 2 cases of either truth.
pub fn estimates(
    modalities: Vec<String>,
    readers: Vec<String>,
    readings: &[FreeResponse],
    figure: FreeResponseFigure,
) -> Result<Estimates, AnalysisError> {
    AnalysisError::same_length("the list of readings", modalities.len() * readers.len(), readings.len())?;
    let (lesions, normal) = readings.first().map(|r| (r.lesion_counts(), r.case_counts().1)).unwrap_or_default();
    let mut columns = Vec::new();
    for reading in readings {
        let own = reading.lesion_counts();
        AnalysisError::same_length("a reading's list of normal cases", normal, reading.case_counts().1)?;
        AnalysisError::same_length("a reading's list of diseased cases", lesions.len(), own.len())?;
        for (expected, found) in lesions.iter().zip(own) {
            AnalysisError::same_length("a case's list of lesions", *expected, found)?;
        }
        columns.push(reading.without_each_case(figure)?);
    }
    let without = DMatrix::from_iterator(lesions.len() + normal, columns.len(), columns.into_iter().flatten());
    let values: Vec<f64> = readings.iter().map(|r| r.value(figure)).collect();
    let method = CovarianceMethod::Jackknife.name();
    Estimates::new(figure.name().into(), method, modalities, readers, &values, jackknife(&without)?)
}
