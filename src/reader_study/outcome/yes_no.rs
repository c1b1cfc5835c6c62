//! Yes/no: can readers tell synthetic images from real ones, one image at a time?
//!
//! Every synthetic arm is told from all real images. "Synthetic" is the signal; an image is called synthetic when its
//! rating lies above the middle of the scale. Chance accuracy is not 0.5 when the mix is not half and half, so the area
//! and the balanced accuracy are what is tested.

use serde::Serialize;

use crate::reader_study::analysis::covariance::CovarianceMethod;
use crate::reader_study::analysis::detection::{Detection, YesNo, yes_no};
use crate::reader_study::analysis::figure_of_merit::{Auc, FigureOfMerit, Rate, RateKind};
use crate::reader_study::analysis::roc::normal_interval;
use crate::reader_study::analysis::{Estimates, StudyReport};

use super::areas::{Compared, Crossing, ReaderArea, crossing, reader_areas, report};
use super::errors::OutcomeError;
use super::judged::middle;
use super::planned_tests::PlannedTest;
use super::readers_mean::{Question, ReadersMean, Scored, of_estimates, of_scores};
use super::readings::{Reading, Readings};
use super::shares::Share;
use super::tables::{RatingLine, rating_lines};

/// The result of a yes/no study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct YesNoResult {
    /// Above this rating an image counts as called synthetic.
    pub threshold: f64,
    /// Every reader against every synthetic arm.
    pub readers: Vec<YesNoReader>,
    /// The area of every reader and synthetic arm with its curve.
    pub areas: Vec<ReaderArea>,
    /// All readers, for every synthetic arm: the area, then the balanced accuracy, against 0.5.
    pub means: Vec<ReadersMean>,
    /// Synthetic arms compared, and DeLong's tests; none when readers did not read the same images.
    pub report: Option<StudyReport>,
}

/// One reader and one synthetic arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct YesNoReader {
    /// The reader.
    pub reader: String,
    /// The synthetic arm.
    pub modality: String,
    /// Synthetic images called synthetic.
    pub hits: Share,
    /// Real images called synthetic.
    pub false_alarms: Share,
    /// d', criterion, ln beta and accuracies; rates corrected (log-linear, Hautus 1995).
    pub detection: Detection,
    /// Interval of d'.
    pub dprime_interval: [f64; 2],
    /// Interval of the balanced accuracy: normal, its standard error from the corrected rates.
    pub balanced_accuracy_interval: [f64; 2],
}

/// Analyses a yes/no study; what cannot be said goes to `warnings`.
///
/// # Errors
/// When the primary question has no scale.
pub fn analyse(
    readings: &Readings,
    covariance: CovarianceMethod,
    warnings: &mut Vec<String>,
) -> Result<YesNoResult, OutcomeError> {
    let (alpha, margin) = (readings.plan.alpha, readings.plan.margin);
    let threshold = readings.primary.as_ref().and_then(middle).ok_or(OutcomeError::NothingRead)?;
    let lines = rating_lines(readings);
    let incomplete = readings.incomplete;
    let compared = Compared { covariance, alpha, margin: None, reference: None, incomplete };
    let (report, why_not) = report(&lines, &compared);
    warnings.extend(why_not);
    let mut readers = Vec::new();
    let mut means = Vec::new();
    for arm in readings.plan.synthetic_arms() {
        for reader in readings.readers() {
            match one_reader(readings, &reader, arm) {
                Some(found) => readers.push(found),
                None => warnings.push(format!("reader {reader} did not read both real images and images of {arm}")),
            }
        }
        let question = Question { chance: Some(0.5), margin, alpha };
        let of_arm: Vec<RatingLine> = lines.iter().filter(|l| l.modality == arm).cloned().collect();
        means.extend(all_readers(&of_arm, arm, threshold, compared, question, warnings));
    }
    Ok(YesNoResult { threshold, readers, areas: reader_areas(&lines, alpha), means, report })
}

fn one_reader(readings: &Readings, reader: &str, arm: &str) -> Option<YesNoReader> {
    let alpha = readings.plan.alpha;
    let called = |wanted: &dyn Fn(&Reading) -> bool| {
        let rows = readings.main().filter(|row| row.reader == reader && wanted(row));
        Share::of(rows.filter_map(|row| row.judged.called), alpha)
    };
    let hits = called(&|row| row.judged.truth == Some(true) && row.modality() == arm)?;
    let false_alarms = called(&|row| row.judged.truth == Some(false))?;
    let counts = YesNo {
        hits: hits.k,
        misses: hits.n - hits.k,
        false_alarms: false_alarms.k,
        correct_rejections: false_alarms.n - false_alarms.k,
    };
    let detection = yes_no(counts).ok()?;
    let variance = |rate: f64, n: u64| rate * (1.0 - rate) / n as f64;
    let of_both = variance(detection.hit_rate, hits.n) + variance(detection.false_alarm_rate, false_alarms.n);
    Some(YesNoReader {
        reader: reader.to_owned(),
        modality: arm.to_owned(),
        hits,
        false_alarms,
        dprime_interval: normal_interval(detection.dprime, detection.se_dprime, alpha),
        balanced_accuracy_interval: normal_interval(detection.balanced_accuracy, of_both.sqrt() / 2.0, alpha),
        detection,
    })
}

/// Area and balanced accuracy over all readers.
fn all_readers(
    lines: &[RatingLine],
    arm: &str,
    threshold: f64,
    compared: Compared<'_>,
    question: Question,
    warnings: &mut Vec<String>,
) -> Vec<ReadersMean> {
    let balanced = Rate { kind: RateKind::BalancedAccuracy, threshold: above(threshold) };
    let found = match crossing(lines, compared.incomplete) {
        Ok(Crossing { ratings, dropped }) => {
            let figures: [(&dyn FigureOfMerit, CovarianceMethod); 2] =
                [(&Auc, compared.covariance), (&balanced, CovarianceMethod::Jackknife)];
            let (images, left_out) = (ratings.cases().len(), dropped.map_or(0, |d| d.cases.len()));
            let mean = |(figure, method): (&dyn FigureOfMerit, CovarianceMethod)| {
                let estimates = Estimates::of_ratings(&ratings, figure, method)?;
                Ok(ReadersMean { left_out, ..of_estimates(&estimates, 0, images, question)? })
            };
            figures.into_iter().map(mean).collect()
        }
        Err(_) => of_own_images(lines, arm, question),
    };
    match found {
        Ok(means) => means,
        Err(error) => {
            warnings.push(format!("there is no mean over all readers for {arm}: {error}"));
            Vec::new()
        }
    }
}

/// The lowest threshold of "at least" that lies above `middle` on a scale of whole numbers.
fn above(middle: f64) -> f64 {
    middle.floor() + 1.0
}

/// Readers read different images: each reader's own area, readers random.
fn of_own_images(
    lines: &[RatingLine],
    arm: &str,
    question: Question,
) -> Result<Vec<ReadersMean>, crate::reader_study::analysis::AnalysisError> {
    let areas = reader_areas(lines, question.alpha);
    // One value a reader, under units that nobody shares.
    let own = |area: &ReaderArea| Scored { reader: area.reader.clone(), unit: area.reader.clone(), value: area.auc };
    let scores: Vec<Scored> = areas.iter().map(own).collect();
    let found = of_scores(&Auc.name(), arm, &scores, question)?;
    let images: std::collections::BTreeSet<&str> = lines.iter().map(|l| l.case.as_str()).collect();
    Ok(vec![ReadersMean { cases: images.len(), ..found }])
}

impl YesNoResult {
    /// The tests that the design declares: each synthetic arm's area against chance.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        let areas = self.means.iter().filter(|mean| mean.figure == Auc.name());
        areas
            .map(|mean| {
                let name = format!("{} told from real images: area against 0.5, all readers", mean.modality);
                PlannedTest::new(name, mean.against.and_then(|a| a.p))
            })
            .collect()
    }
}
