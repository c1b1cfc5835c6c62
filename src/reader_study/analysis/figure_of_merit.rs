//! What a reader study compares: the area under the ROC curve, or a rate at a fixed threshold.

use super::roc::Scores;

/// One number for a reader in a modality.
pub trait FigureOfMerit: Sync {
    /// Its name in reports.
    fn name(&self) -> String;

    /// Its value on all cases.
    fn value(&self, scores: &Scores) -> f64;

    /// Its value without each case in turn: the diseased cases first, then the normal ones.
    ///
    /// Asked only when there are at least 2 cases of either truth.
    fn without_each_case(&self, scores: &Scores) -> Vec<f64>;

    /// Whether it is the trapezoid area, for which DeLong's covariances hold.
    fn is_auc(&self) -> bool {
        false
    }
}

/// Area under the ROC curve by trapezoids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Auc;

impl FigureOfMerit for Auc {
    fn name(&self) -> String {
        "area under the ROC curve (trapezoid)".into()
    }

    fn value(&self, scores: &Scores) -> f64 {
        scores.auc()
    }

    fn without_each_case(&self, scores: &Scores) -> Vec<f64> {
        let placements = scores.placements();
        let mut without = mean_without_each(&placements.diseased);
        without.extend(mean_without_each(&placements.normal));
        without
    }

    fn is_auc(&self) -> bool {
        true
    }
}

/// A rate at a threshold: a case is called positive when its score is at least `threshold`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Which rate.
    pub kind: RateKind,
    /// The lowest score that is called positive, on the scale of the ratings.
    pub threshold: f64,
}

/// Which rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RateKind {
    /// Share of the diseased cases that are called positive.
    Sensitivity,
    /// Share of the normal cases that are called negative.
    Specificity,
    /// Share of all cases that are called right.
    Accuracy,
    /// Mean of sensitivity and specificity.
    BalancedAccuracy,
}

impl Rate {
    /// Whether each case was called right: the diseased cases, and the normal ones.
    fn right(&self, scores: &Scores) -> [Vec<f64>; 2] {
        let positive = |s: &f64| if *s >= self.threshold { 1.0 } else { 0.0 };
        [scores.diseased().iter().map(positive).collect(), scores.normal().iter().map(|s| 1.0 - positive(s)).collect()]
    }
}

impl FigureOfMerit for Rate {
    fn name(&self) -> String {
        let rate = match self.kind {
            RateKind::Sensitivity => "sensitivity",
            RateKind::Specificity => "specificity",
            RateKind::Accuracy => "accuracy",
            RateKind::BalancedAccuracy => "balanced accuracy",
        };
        format!("{rate} (positive from {})", self.threshold)
    }

    fn value(&self, scores: &Scores) -> f64 {
        let [diseased, normal] = self.right(scores);
        match self.kind {
            RateKind::Sensitivity => mean(&diseased),
            RateKind::Specificity => mean(&normal),
            RateKind::Accuracy => mean(&[diseased, normal].concat()),
            RateKind::BalancedAccuracy => f64::midpoint(mean(&diseased), mean(&normal)),
        }
    }

    fn without_each_case(&self, scores: &Scores) -> Vec<f64> {
        let [diseased, normal] = self.right(scores);
        let same = |of: &[f64], value: f64| vec![value; of.len()];
        match self.kind {
            RateKind::Sensitivity => [mean_without_each(&diseased), same(&normal, mean(&diseased))].concat(),
            RateKind::Specificity => [same(&diseased, mean(&normal)), mean_without_each(&normal)].concat(),
            RateKind::Accuracy => mean_without_each(&[diseased, normal].concat()),
            RateKind::BalancedAccuracy => {
                let (of_diseased, of_normal) = (mean(&diseased), mean(&normal));
                let without = mean_without_each(&diseased).into_iter().map(|m| f64::midpoint(m, of_normal));
                without.chain(mean_without_each(&normal).into_iter().map(|m| f64::midpoint(of_diseased, m))).collect()
            }
        }
    }
}

pub(super) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean without each value in turn.
fn mean_without_each(values: &[f64]) -> Vec<f64> {
    let (sum, left) = (values.iter().sum::<f64>(), (values.len() as f64) - 1.0);
    values.iter().map(|v| (sum - v) / left).collect()
}
