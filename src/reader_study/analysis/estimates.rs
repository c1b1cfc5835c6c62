//! The figures of merit of all readers and modalities with their covariance matrix: what every comparison starts from.

use nalgebra::DMatrix;

use super::covariance::CovarianceMethod;
use super::crossed::CrossedRatings;
use super::delong::covariance_of_means;
use super::errors::AnalysisError;
use super::figure_of_merit::{FigureOfMerit, mean};

/// Figures of merit `[modality][reader]` and the covariance matrix of all of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Estimates {
    /// What the figures are, as reports name it.
    pub figure: String,
    /// Where the covariances come from, as reports name it.
    pub covariance_method: &'static str,
    modalities: Vec<String>,
    readers: Vec<String>,
    /// Modalities by readers.
    values: DMatrix<f64>,
    /// Of all cells, all of modality 0 first.
    covariance: DMatrix<f64>,
}

impl Estimates {
    /// From complete ratings.
    ///
    /// # Errors
    /// As [`CovarianceMethod::covariance`].
    pub fn of_ratings(
        ratings: &CrossedRatings,
        figure: &dyn FigureOfMerit,
        method: CovarianceMethod,
    ) -> Result<Self, AnalysisError> {
        let cells = ratings.scores();
        let values: Vec<f64> = cells.iter().map(|cell| figure.value(cell)).collect();
        let covariance = method.covariance(&cells, figure)?;
        let (modalities, readers) = (ratings.modalities().to_vec(), ratings.readers().to_vec());
        Self::new(figure.name(), method.name(), modalities, readers, &values, covariance)
    }

    /// From ratings with other cases in each modality (cases nested in modality): each of `arms` holds one modality,
    /// read by the same readers, and figures of different arms do not vary together over cases.
    ///
    /// # Errors
    /// When an arm holds more than one modality or other readers, and as [`CovarianceMethod::covariance`].
    pub fn of_nested(
        arms: &[CrossedRatings],
        figure: &dyn FigureOfMerit,
        method: CovarianceMethod,
    ) -> Result<Self, AnalysisError> {
        let readers = arms.first().map(|a| a.readers().to_vec()).unwrap_or_default();
        let size = arms.len() * readers.len();
        let mut covariance = DMatrix::zeros(size, size);
        let (mut modalities, mut values) = (Vec::new(), Vec::new());
        for (i, arm) in arms.iter().enumerate() {
            AnalysisError::same_length("the list of modalities of an arm", 1, arm.modalities().len())?;
            let shared = arm.readers().iter().zip(&readers).filter(|(a, b)| a == b).count();
            AnalysisError::same_length("the list of readers shared by the arms", readers.len(), shared)?;
            AnalysisError::same_length("the list of readers of an arm", readers.len(), arm.readers().len())?;
            let cells = arm.scores();
            // Other draws in each arm, since the cases are others.
            let method = match method {
                CovarianceMethod::Bootstrap { resamples, seed } => {
                    CovarianceMethod::Bootstrap { resamples, seed: seed.wrapping_add(i as u64) }
                }
                other => other,
            };
            let block = method.covariance(&cells, figure)?;
            let at = i * readers.len();
            covariance.view_mut((at, at), (readers.len(), readers.len())).copy_from(&block);
            modalities.extend(arm.modalities().iter().cloned());
            values.extend(cells.iter().map(|cell| figure.value(cell)));
        }
        Self::new(figure.name(), method.name(), modalities, readers, &values, covariance)
    }

    /// The proportion correct of each reader in one kind of image, `correct[reader][case]`; the covariances are the
    /// sample covariances over cases divided by the number of cases, which equal the jackknife's.
    ///
    /// # Errors
    /// When the readers do not have the same cases, or there are fewer than 2 of them.
    pub fn of_correct(modality: &str, readers: &[String], correct: &[Vec<bool>]) -> Result<Self, AnalysisError> {
        let right: Vec<Vec<f64>> =
            correct.iter().map(|r| r.iter().map(|c| if *c { 1.0 } else { 0.0 }).collect()).collect();
        let columns: Vec<&[f64]> = right.iter().map(Vec::as_slice).collect();
        let covariance = covariance_of_means("cases", &columns)?;
        let values: Vec<f64> = columns.iter().map(|c| mean(c)).collect();
        let modalities = vec![modality.to_owned()];
        Self::new("proportion correct".into(), "jackknife", modalities, readers.to_vec(), &values, covariance)
    }

    /// From figures and covariances that were computed elsewhere, both with all of modality 0 first.
    ///
    /// # Errors
    /// When the sizes do not fit together, or a number is not finite.
    pub fn new(
        figure: String,
        covariance_method: &'static str,
        modalities: Vec<String>,
        readers: Vec<String>,
        values: &[f64],
        covariance: DMatrix<f64>,
    ) -> Result<Self, AnalysisError> {
        AnalysisError::at_least("modalities", 1, modalities.len())?;
        AnalysisError::at_least("readers", 1, readers.len())?;
        let cells = modalities.len() * readers.len();
        AnalysisError::same_length("the list of figures of merit", cells, values.len())?;
        AnalysisError::same_length("the covariance matrix", cells, covariance.nrows())?;
        AnalysisError::same_length("the covariance matrix", cells, covariance.ncols())?;
        AnalysisError::all_finite("a figure of merit", values)?;
        AnalysisError::all_finite("a covariance", covariance.as_slice())?;
        let values = DMatrix::from_row_iterator(modalities.len(), readers.len(), values.iter().copied());
        Ok(Self { figure, covariance_method, modalities, readers, values, covariance })
    }

    /// The modalities, in order.
    #[must_use]
    pub fn modalities(&self) -> &[String] {
        &self.modalities
    }

    /// The readers, in order.
    #[must_use]
    pub fn readers(&self) -> &[String] {
        &self.readers
    }

    /// Figures, modalities by readers.
    #[must_use]
    pub fn values(&self) -> &DMatrix<f64> {
        &self.values
    }

    /// Covariances of all cells, all of modality 0 first.
    #[must_use]
    pub fn covariance(&self) -> &DMatrix<f64> {
        &self.covariance
    }

    /// Mean of each modality over the readers.
    #[must_use]
    pub fn modality_means(&self) -> Vec<f64> {
        self.values.row_iter().map(|row| row.mean()).collect()
    }

    /// Mean covariance of the cells for which `wanted(modality, reader, other modality, other reader)`; 0 for none.
    pub(super) fn mean_covariance(&self, wanted: impl Fn(usize, usize, usize, usize) -> bool) -> f64 {
        let readers = self.readers.len();
        let (mut sum, mut count) = (0.0, 0_usize);
        for (at, value) in self.covariance.iter().enumerate() {
            let (row, column) = (at % self.covariance.nrows(), at / self.covariance.nrows());
            if wanted(row / readers, row % readers, column / readers, column % readers) {
                sum += value;
                count += 1;
            }
        }
        if count == 0 { 0.0 } else { sum / count as f64 }
    }
}
