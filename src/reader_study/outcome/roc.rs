//! ROC, and reading with an aid: is diagnosis in one arm as good as in another?

use serde::Serialize;

use crate::reader_study::analysis::StudyReport;
use crate::reader_study::analysis::covariance::CovarianceMethod;

use super::areas::{Compared, ReaderArea, reader_areas, report};
use super::errors::OutcomeError;
use super::judged::middle;
use super::planned_tests::PlannedTest;
use super::readings::Readings;
use super::shares::Share;
use super::tables::rating_lines;

/// The result of an ROC study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RocResult {
    /// Above this rating a case counts as called diseased, in `rates` only.
    pub threshold: f64,
    /// The area of every reader in every arm on all that this reader read, with its curve.
    pub areas: Vec<ReaderArea>,
    /// Sensitivity and specificity at the middle of the scale, as a supplement.
    pub rates: Vec<ReaderRates>,
    /// MRMC three ways, DBM, single arms, noninferiority to the plan's first arm; none when readers did not read the same cases.
    pub report: Option<StudyReport>,
}

/// Rates of one reader in one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderRates {
    /// The reader.
    pub reader: String,
    /// The arm.
    pub modality: String,
    /// Diseased cases called diseased.
    pub sensitivity: Share,
    /// Normal cases called normal.
    pub specificity: Share,
}

/// Analyses an ROC study; what cannot be said goes to `warnings`.
///
/// # Errors
/// When the primary question has no scale.
pub fn analyse(
    readings: &Readings,
    covariance: CovarianceMethod,
    warnings: &mut Vec<String>,
) -> Result<RocResult, OutcomeError> {
    let alpha = readings.plan.alpha;
    let threshold = readings.primary.as_ref().and_then(middle).ok_or(OutcomeError::NothingRead)?;
    let lines = rating_lines(readings);
    let arms = readings.arms();
    let compared = Compared {
        covariance,
        alpha,
        margin: readings.plan.margin,
        reference: arms.first(),
        incomplete: readings.incomplete,
    };
    let (report, why_not) = report(&lines, &compared);
    warnings.extend(why_not);
    let mut rates = Vec::new();
    for modality in readings.arms() {
        for reader in readings.readers() {
            let right = |diseased: bool| {
                let rows = readings.main().filter(|row| row.reader == reader && row.modality() == modality);
                let of_truth = rows.filter(|row| row.judged.truth == Some(diseased));
                Share::of(of_truth.filter_map(|row| row.judged.correct), alpha)
            };
            if let (Some(sensitivity), Some(specificity)) = (right(true), right(false)) {
                let modality = modality.clone();
                rates.push(ReaderRates { reader, modality, sensitivity, specificity });
            }
        }
    }
    Ok(RocResult { threshold, areas: reader_areas(&lines, alpha), rates, report })
}

impl RocResult {
    /// The tests that the design declares: every pair of arms on the widest generalisation.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        let Some(mrmc) = self.report.as_ref().and_then(|report| report.mrmc.as_ref()) else { return Vec::new() };
        let (words, test) = match &mrmc.random_readers_random_cases {
            Some(test) => ("random readers and random cases", test),
            None => ("fixed readers and random cases", &mrmc.fixed_readers),
        };
        let pairs = test.pairs.iter().map(|pair| {
            let [first, second] = &pair.modalities;
            PlannedTest::new(format!("{first} against {second}: area under the ROC curve, {words}"), pair.p)
        });
        pairs.collect()
    }
}
