//! The ROC curve of one reader in one modality: points, area, standard errors and intervals.
//!
//! A higher score means more likely diseased (or synthetic). Ties count one half.

use serde::Serialize;

use super::distribution::normal_quantile;
use super::errors::AnalysisError;

/// Scores of one reader in one modality, split by truth.
///
/// Neither side is empty; scores are numbers, and minus infinity stands for a case without any mark.
#[derive(Debug, Clone, PartialEq)]
pub struct Scores {
    diseased: Vec<f64>,
    normal: Vec<f64>,
}

impl Scores {
    /// Splits `score` by `truth`.
    ///
    /// # Errors
    /// When the lists differ in length, a score is NaN, or one truth does not occur.
    pub fn new(truth: &[bool], score: &[f64]) -> Result<Self, AnalysisError> {
        AnalysisError::same_length("the list of scores", truth.len(), score.len())?;
        let split = Self::split(truth, score);
        Self::of(split.diseased, split.normal)
    }

    /// Of scores that are split already.
    ///
    /// # Errors
    /// When a score is NaN, or one side is empty.
    pub fn of(diseased: Vec<f64>, normal: Vec<f64>) -> Result<Self, AnalysisError> {
        AnalysisError::at_least("diseased cases", 1, diseased.len())?;
        AnalysisError::at_least("normal cases", 1, normal.len())?;
        if let Some(nan) = diseased.iter().chain(&normal).find(|s| s.is_nan()) {
            return Err(AnalysisError::Value { name: "a score", value: *nan, expected: "it is a number" });
        }
        Ok(Self { diseased, normal })
    }

    /// Splits what a checked type has shown to hold both truths.
    pub(super) fn split(truth: &[bool], score: &[f64]) -> Self {
        let of = |wanted: bool| truth.iter().zip(score).filter(|(t, _)| **t == wanted).map(|(_, s)| *s).collect();
        Self { diseased: of(true), normal: of(false) }
    }

    /// A draw with repetitions, by places in the two lists; places outside are left out.
    pub(super) fn drawn(&self, diseased: &[usize], normal: &[usize]) -> Self {
        let take = |from: &[f64], at: &[usize]| at.iter().filter_map(|i| from.get(*i).copied()).collect();
        Self { diseased: take(&self.diseased, diseased), normal: take(&self.normal, normal) }
    }

    /// Scores of the diseased cases, in the order of the cases.
    #[must_use]
    pub fn diseased(&self) -> &[f64] {
        &self.diseased
    }

    /// Scores of the other cases, in the order of the cases.
    #[must_use]
    pub fn normal(&self) -> &[f64] {
        &self.normal
    }

    /// Area under the ROC curve by trapezoids, which is the Mann-Whitney statistic over the number of pairs.
    #[must_use]
    pub fn auc(&self) -> f64 {
        let normal = Sorted::new(&self.normal);
        // Halves are exact in a double, so equal curves have equal areas whatever the order of their cases.
        let won: f64 = self.diseased.iter().map(|x| normal.count_below(*x)).sum();
        won / (self.diseased.len() as f64 * self.normal.len() as f64)
    }

    /// Where each case stands among the cases of the other truth; in O(n log n).
    #[must_use]
    pub fn placements(&self) -> Placements {
        let diseased = Sorted::new(&self.normal);
        let normal = Sorted::new(&self.diseased);
        Placements {
            diseased: self.diseased.iter().map(|x| diseased.share_below(*x)).collect(),
            normal: self.normal.iter().map(|y| 1.0 - normal.share_below(*y)).collect(),
        }
    }

    /// The points of the ROC curve: the origin, then one for every distinct score from the highest down.
    #[must_use]
    pub fn roc_points(&self) -> Vec<RocPoint> {
        let mut all: Vec<(f64, bool)> = self.diseased.iter().map(|s| (*s, true)).collect();
        all.extend(self.normal.iter().map(|s| (*s, false)));
        all.sort_by(|a, b| b.0.total_cmp(&a.0));
        let (n1, n0) = (self.diseased.len() as f64, self.normal.len() as f64);
        let mut points = vec![RocPoint { fpf: 0.0, tpf: 0.0, threshold: None }];
        let (mut true_positives, mut false_positives) = (0_usize, 0_usize);
        for tied in all.chunk_by(|a, b| a.0 == b.0) {
            let positives = tied.iter().filter(|(_, truth)| *truth).count();
            true_positives += positives;
            false_positives += tied.len() - positives;
            points.push(RocPoint {
                fpf: false_positives as f64 / n0,
                tpf: true_positives as f64 / n1,
                threshold: tied.first().map(|(score, _)| *score),
            });
        }
        points
    }

    /// Standard error of the area after Hanley and McNeil 1982.
    #[must_use]
    pub fn hanley_mcneil_se(&self) -> f64 {
        let (a, n1, n0) = (self.auc(), self.diseased.len() as f64, self.normal.len() as f64);
        let q1 = a / (2.0 - a);
        let q2 = 2.0 * a * a / (1.0 + a);
        ((a * (1.0 - a) + (n1 - 1.0) * (q1 - a * a) + (n0 - 1.0) * (q2 - a * a)) / (n1 * n0)).sqrt()
    }
}

/// One point of an ROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RocPoint {
    /// False-positive fraction: the share of normal cases at or above the threshold.
    pub fpf: f64,
    /// True-positive fraction: the share of diseased cases at or above the threshold.
    pub tpf: f64,
    /// The score from which a case is called positive; none at the origin.
    pub threshold: Option<f64>,
}

/// DeLong's structural components: where each case stands among the cases of the other truth.
#[derive(Debug, Clone, PartialEq)]
pub struct Placements {
    /// For each diseased case the share of normal ones that score below it (V10).
    pub diseased: Vec<f64>,
    /// For each normal case the share of diseased ones that score above it (V01).
    pub normal: Vec<f64>,
}

/// Values in rising order, to count those below another.
pub(super) struct Sorted(Vec<f64>);

impl Sorted {
    pub fn new(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        Self(sorted)
    }

    /// How many lie below `x`, those equal to it counted half.
    pub fn count_below(&self, x: f64) -> f64 {
        let below = self.0.partition_point(|v| *v < x);
        let not_above = self.0.partition_point(|v| *v <= x);
        (below + not_above) as f64 / 2.0
    }

    /// The same as a share of all.
    pub fn share_below(&self, x: f64) -> f64 {
        self.count_below(x) / self.0.len() as f64
    }
}

/// `estimate +- z se`; it is not clipped to what the estimate can be.
#[must_use]
pub fn normal_interval(estimate: f64, se: f64, alpha: f64) -> [f64; 2] {
    let half = normal_quantile(1.0 - alpha / 2.0) * se;
    [estimate - half, estimate + half]
}

/// The interval of an area on the logit scale, which stays inside 0 to 1; none for an area of 0 or 1.
#[must_use]
pub fn logit_interval(auc: f64, se: f64, alpha: f64) -> Option<[f64; 2]> {
    if auc <= 0.0 || auc >= 1.0 {
        return None;
    }
    let logit = (auc / (1.0 - auc)).ln();
    Some(normal_interval(logit, se / (auc * (1.0 - auc)), alpha).map(|l| 1.0 / (1.0 + (-l).exp())))
}
