//! How well scores rank positives above negatives: ROC and precision-recall curves, areas, the best threshold.
//!
//! As scikit-learn's `roc_curve(drop_intermediate=False)`, `roc_auc_score`, `precision_recall_curve` and
//! `average_precision_score`: a sample is called positive when its score is at or above the threshold, and samples of
//! one score go together.
//!
//! ```
//! use veritome::metrics::Ranking;
//! let ranking = Ranking::new(&[0.1, 0.4, 0.35, 0.8], &[false, false, true, true]).unwrap();
//! assert_eq!(ranking.roc_auc(), Ok(0.75));
//! assert_eq!(ranking.best_dice().unwrap().threshold, 0.35);
//! ```

use super::samples::{SampleError, check_length};
use super::undefined::Undefined;

/// What is called positive from one threshold up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cut {
    /// Lowest score called positive.
    pub threshold: f32,
    /// Positives called so.
    pub true_positives: u64,
    /// Negatives called positive.
    pub false_positives: u64,
}

/// A point of the ROC curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RocPoint {
    /// Lowest score called positive; infinite for the first point, where none is.
    pub threshold: f32,
    /// Share of the negatives called positive, 1 minus specificity.
    pub false_positive_rate: f64,
    /// Share of the positives called so, sensitivity.
    pub true_positive_rate: f64,
}

/// A point of the precision-recall curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PrecisionRecallPoint {
    /// Lowest score called positive.
    pub threshold: f32,
    /// Share of those called positive that are.
    pub precision: f64,
    /// Share of the positives called so.
    pub recall: f64,
}

/// The threshold with the highest Dice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BestDice {
    /// Lowest score called positive; the highest such threshold of equal ones.
    pub threshold: f32,
    /// Dice (F1) there, 0 to 1.
    pub dice: f64,
}

/// Scores with their truths, sorted once into all cuts that differ.
#[derive(Debug, Clone, PartialEq)]
pub struct Ranking {
    cuts: Vec<Cut>,
    positives: u64,
    negatives: u64,
}

impl Ranking {
    /// Sorts scores (any scale, higher is more positive) with the truth of each: voxels, lesions or cases.
    ///
    /// # Errors
    /// When the lengths differ or a score is NaN.
    pub fn new(scores: &[f32], truths: &[bool]) -> Result<Self, SampleError> {
        check_length("truths", truths.len(), scores.len())?;
        if let Some(index) = scores.iter().position(|score| score.is_nan()) {
            return Err(SampleError::NotANumber { what: "score", index });
        }
        let mut samples: Vec<(f32, bool)> = scores.iter().copied().zip(truths.iter().copied()).collect();
        samples.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
        let mut cuts = Vec::new();
        let (mut positives, mut negatives) = (0, 0);
        for tied in samples.chunk_by(|a, b| a.0 == b.0) {
            let truths = tied.iter().filter(|sample| sample.1).count() as u64;
            positives += truths;
            negatives += tied.len() as u64 - truths;
            cuts.push(Cut { threshold: tied[0].0, true_positives: positives, false_positives: negatives });
        }
        Ok(Self { cuts, positives, negatives })
    }

    /// Every cut that differs, from the highest threshold to the lowest.
    #[must_use]
    pub fn cuts(&self) -> &[Cut] {
        &self.cuts
    }

    /// The ROC curve from (0, 0) to (1, 1), a point for each threshold.
    ///
    /// # Errors
    /// [`Undefined::OneClass`] without a positive or without a negative.
    pub fn roc(&self) -> Result<Vec<RocPoint>, Undefined> {
        if self.positives == 0 || self.negatives == 0 {
            return Err(Undefined::OneClass);
        }
        let none = RocPoint { threshold: f32::INFINITY, false_positive_rate: 0.0, true_positive_rate: 0.0 };
        let point = |cut: &Cut| RocPoint {
            threshold: cut.threshold,
            false_positive_rate: cut.false_positives as f64 / self.negatives as f64,
            true_positive_rate: cut.true_positives as f64 / self.positives as f64,
        };
        Ok(std::iter::once(none).chain(self.cuts.iter().map(point)).collect())
    }

    /// Area under the ROC curve: the chance that a positive scores above a negative, ties counting half.
    ///
    /// # Errors
    /// [`Undefined::OneClass`].
    pub fn roc_auc(&self) -> Result<f64, Undefined> {
        let trapezoid = |pair: &[RocPoint]| {
            let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
            width * 0.5 * (pair[0].true_positive_rate + pair[1].true_positive_rate)
        };
        self.roc().map(|curve| curve.windows(2).map(trapezoid).sum())
    }

    /// The precision-recall curve, highest threshold first; scikit-learn lists it backwards and adds (1, 0).
    ///
    /// # Errors
    /// [`Undefined::OneClass`] without a positive.
    pub fn precision_recall(&self) -> Result<Vec<PrecisionRecallPoint>, Undefined> {
        if self.positives == 0 {
            return Err(Undefined::OneClass);
        }
        let point = |cut: &Cut| PrecisionRecallPoint {
            threshold: cut.threshold,
            precision: cut.true_positives as f64 / (cut.true_positives + cut.false_positives) as f64,
            recall: cut.true_positives as f64 / self.positives as f64,
        };
        Ok(self.cuts.iter().map(point).collect())
    }

    /// Average precision: precision at each threshold, weighted by the recall gained there; no interpolation.
    ///
    /// # Errors
    /// [`Undefined::OneClass`] without a positive.
    pub fn average_precision(&self) -> Result<f64, Undefined> {
        let gain = |(sum, before): (f64, f64), point: &PrecisionRecallPoint| {
            (sum + (point.recall - before) * point.precision, point.recall)
        };
        self.precision_recall().map(|curve| curve.iter().fold((0.0, 0.0), gain).0)
    }

    /// The threshold that gives the highest Dice on these very samples, so an upper bound for others.
    ///
    /// # Errors
    /// [`Undefined::OneClass`] without a positive.
    pub fn best_dice(&self) -> Result<BestDice, Undefined> {
        let dice = |cut: &Cut| {
            2.0 * cut.true_positives as f64 / (self.positives + cut.true_positives + cut.false_positives) as f64
        };
        let higher = |best: Option<BestDice>, cut: &Cut| match best {
            Some(best) if best.dice >= dice(cut) => Some(best),
            _ => Some(BestDice { threshold: cut.threshold, dice: dice(cut) }),
        };
        if self.positives == 0 { None } else { self.cuts.iter().fold(None, higher) }.ok_or(Undefined::OneClass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_class_or_bad_scores_have_no_curve() {
        let ranking = Ranking::new(&[0.1, 0.2], &[false, false]).unwrap();
        assert_eq!(ranking.roc_auc(), Err(Undefined::OneClass));
        assert_eq!(ranking.average_precision(), Err(Undefined::OneClass));
        assert_eq!(ranking.best_dice(), Err(Undefined::OneClass));
        let length = SampleError::Length { what: "truths", found: 0, expected: 1 };
        assert_eq!(Ranking::new(&[0.1], &[]), Err(length));
        let not_a_number = SampleError::NotANumber { what: "score", index: 1 };
        assert_eq!(Ranking::new(&[0.1, f32::NAN], &[true, false]), Err(not_a_number));
        assert_eq!(Ranking::new(&[], &[]).unwrap().roc(), Err(Undefined::OneClass));
    }

    #[test]
    fn zero_and_minus_zero_are_one_score() {
        let ranking = Ranking::new(&[0.0, -0.0], &[true, false]).unwrap();
        assert_eq!((ranking.cuts().len(), ranking.roc_auc()), (1, Ok(0.5)));
    }
}
