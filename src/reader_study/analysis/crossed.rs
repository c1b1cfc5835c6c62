//! Ratings of which it is verified that every reader read every case in every modality.

use std::collections::HashSet;

use super::errors::RatingsError;
use super::ratings::RatingsTable;
use super::roc::Scores;

/// A complete crossing of readers, modalities and cases, with at least one case of either truth.
///
/// Readers, modalities and cases stand in the order in which they appeared first.
#[derive(Debug, Clone, PartialEq)]
pub struct CrossedRatings {
    readers: Vec<String>,
    modalities: Vec<String>,
    cases: Vec<String>,
    truth: Vec<bool>,
    /// `[modality][reader][case]`.
    ratings: Vec<f64>,
}

impl CrossedRatings {
    /// Verifies the crossing of `table`.
    ///
    /// # Errors
    /// When a reading is missing, or all cases have the same truth.
    pub fn new(table: &RatingsTable) -> Result<Self, RatingsError> {
        let rows = table.rows();
        let (readers, modalities, cases) = (table.readers(), table.modalities(), table.cases());
        // Without duplicates, the crossing is complete exactly when the numbers agree. Nothing of the size of the product
        // is made before that is known: in a wrong file every id may differ.
        let needed = readers.len() as u128 * modalities.len() as u128 * cases.len() as u128;
        if needed != rows.len() as u128 {
            return Err(incomplete(table, needed));
        }
        let mut truth = vec![false; cases.len()];
        let mut ratings = vec![0.0; rows.len()];
        for row in rows {
            if let Some(truth) = truth.get_mut(row.case) {
                *truth = row.truth;
            }
            let cell = row.modality * readers.len() + row.reader;
            if let Some(rating) = ratings.get_mut(cell * cases.len() + row.case) {
                *rating = row.rating;
            }
        }
        for wanted in [false, true] {
            if !truth.contains(&wanted) {
                return Err(RatingsError::OneTruth { file: table.file.clone(), truth: u8::from(wanted) });
            }
        }
        Ok(Self { readers: readers.to_vec(), modalities: modalities.to_vec(), cases: cases.to_vec(), truth, ratings })
    }

    /// The readers in order of first appearance.
    #[must_use]
    pub fn readers(&self) -> &[String] {
        &self.readers
    }

    /// The modalities in order of first appearance.
    #[must_use]
    pub fn modalities(&self) -> &[String] {
        &self.modalities
    }

    /// The cases in order of first appearance.
    #[must_use]
    pub fn cases(&self) -> &[String] {
        &self.cases
    }

    /// The truth of each case.
    #[must_use]
    pub fn truth(&self) -> &[bool] {
        &self.truth
    }

    /// How many cases are diseased (or synthetic), and how many are not.
    #[must_use]
    pub fn case_counts(&self) -> (usize, usize) {
        let diseased = self.truth.iter().filter(|t| **t).count();
        (diseased, self.truth.len() - diseased)
    }

    /// The ratings of every modality and reader in the order of the cases, all of modality 0 first.
    pub fn cells(&self) -> impl ExactSizeIterator<Item = &[f64]> + Clone {
        self.ratings.chunks_exact(self.cases.len().max(1))
    }

    /// The ratings of every modality and reader, split by truth, all of modality 0 first.
    #[must_use]
    pub fn scores(&self) -> Vec<Scores> {
        self.cells().map(|cell| Scores::split(&self.truth, cell)).collect()
    }
}

/// Which readings are missing of the `needed` ones.
fn incomplete(table: &RatingsTable, needed: u128) -> RatingsError {
    let (readers, modalities) = (table.readers().len(), table.modalities().len());
    let mut counts = vec![0_u128; table.cases().len()];
    for row in table.rows() {
        if let Some(count) = counts.get_mut(row.case) {
            *count += 1;
        }
    }
    let a_case = readers as u128 * modalities as u128;
    let case = counts.iter().position(|count| *count < a_case).unwrap_or_default();
    let of_case = table.rows().iter().filter(|row| row.case == case);
    let read: HashSet<(usize, usize)> = of_case.map(|row| (row.modality, row.reader)).collect();
    let missing = (0..modalities).flat_map(|i| (0..readers).map(move |j| (i, j))).find(|cell| !read.contains(cell));
    let (modality, reader) = missing.unwrap_or_default();
    RatingsError::Incomplete {
        file: table.file.clone(),
        readings: needed - table.rows().len() as u128,
        cases: counts.iter().filter(|count| **count < a_case).count(),
        first: Box::new(table.reading(reader, modality, case)),
    }
}
