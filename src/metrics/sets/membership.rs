//! Membership inference: whether a score of an image tells that the model was trained on it.
//!
//! Any attack will do: a reconstruction error, a loss, the distance to the nearest generated image. What leaks shows at
//! low false-positive rates before it shows in the area (Carlini et al. 2022, arXiv:2112.03570).

use serde::Serialize;

use super::errors::SetError;
use super::rank_sum::rank_sum;
use crate::reader_study::analysis::AnalysisError;
use crate::reader_study::analysis::delong;
use crate::reader_study::analysis::proportion::Proportion;
use crate::reader_study::analysis::roc::{RocPoint, Scores, normal_interval};

/// False-positive rates at which the true-positive rate is given.
pub const FALSE_POSITIVE_RATES: [f64; 2] = [0.01, 0.05];

/// Which end of the scale speaks for a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MembersScore {
    /// Likelihood, similarity.
    Higher,
    /// Reconstruction error, loss, distance.
    Lower,
}

/// Scores of images that the model was trained on and of others from the same source; independent of each other, so one
/// image a patient.
#[derive(Debug, Clone, PartialEq)]
pub struct MembershipScores {
    scores: Scores,
    direction: MembersScore,
}

/// True-positive rate at a false-positive rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct RateAt {
    /// The false-positive rate that must not be exceeded.
    pub wanted_false_positive_rate: f64,
    /// The one reached.
    pub false_positive_rate: f64,
    /// Score from which (or, if members score lower, down to which) an image is called a member; none if none is.
    pub threshold: Option<f64>,
    /// Members called so.
    pub true_positives: u64,
    /// Share of the members called so.
    pub true_positive_rate: f64,
    /// Of that share, Clopper and Pearson 1934; the threshold taken as fixed.
    pub interval: [f64; 2],
    /// Whether there are too few non-members for one false positive at this rate.
    pub too_few_non_members: bool,
}

/// How well the scores tell members from others.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Membership {
    /// Members.
    pub members: usize,
    /// Others.
    pub non_members: usize,
    /// Chance that a member scores as one more than another does, ties counting half; 0.5 is no leak.
    pub auc: f64,
    /// Its standard error (DeLong, DeLong and Clarke-Pearson 1988).
    pub se: f64,
    /// From the normal distribution, cut at 0 and 1; none where the standard error is 0, as for perfect separation.
    pub interval: Option<[f64; 2]>,
    /// Two-sided, Mann-Whitney; none when all scores are equal.
    pub p: Option<f64>,
    /// At [`FALSE_POSITIVE_RATES`].
    pub rates: Vec<RateAt>,
    /// Largest true-positive minus false-positive rate (Yeom et al. 2018, arXiv:1709.01604), 0 to 1. Its threshold is
    /// chosen on these very scores, so it is above 0 by chance alone.
    pub advantage: f64,
    /// The threshold of it.
    pub advantage_threshold: Option<f64>,
}

impl MembershipScores {
    /// Checks the scores.
    ///
    /// # Errors
    /// When there are fewer than 2 of either, or a score is NaN.
    pub fn new(members: &[f64], non_members: &[f64], direction: MembersScore) -> Result<Self, SetError> {
        SetError::at_least("members", 2, members.len())?;
        SetError::at_least("non-members", 2, non_members.len())?;
        let upward = |scores: &[f64]| match direction {
            MembersScore::Higher => scores.to_vec(),
            MembersScore::Lower => scores.iter().map(|s| -s).collect(),
        };
        Ok(Self { scores: Scores::of(upward(members), upward(non_members))?, direction })
    }

    /// The ROC curve; thresholds on the scale of the scores.
    #[must_use]
    pub fn roc(&self) -> Vec<RocPoint> {
        let on_scale = |point: RocPoint| RocPoint { threshold: point.threshold.map(|t| self.on_scale(t)), ..point };
        self.scores.roc_points().into_iter().map(on_scale).collect()
    }

    /// Measures the leak; `alpha` is one minus the confidence of intervals.
    ///
    /// # Errors
    /// When `alpha` is not inside 0 to 1.
    pub fn measure(&self, alpha: f64) -> Result<Membership, SetError> {
        if !(alpha > 0.0 && alpha < 1.0) {
            let expected = "it lies between 0 and 1";
            return Err(AnalysisError::Value { name: "alpha", value: alpha, expected }.into());
        }
        let (members, non_members) = (self.scores.diseased().len(), self.scores.normal().len());
        let (auc, se) = (self.scores.auc(), delong::standard_error(&self.scores)?);
        let curve = self.roc();
        let best = curve.iter().max_by(|a, b| (a.tpf - a.fpf).total_cmp(&(b.tpf - b.fpf)));
        let rates = FALSE_POSITIVE_RATES.into_iter().map(|rate| self.rate_at(&curve, rate, alpha));
        Ok(Membership {
            members,
            non_members,
            auc,
            se,
            interval: (se > 0.0).then(|| normal_interval(auc, se, alpha).map(|limit| limit.clamp(0.0, 1.0))),
            p: rank_sum(self.scores.diseased(), self.scores.normal()).p,
            rates: rates.collect::<Result<_, _>>()?,
            advantage: best.map_or(0.0, |point| point.tpf - point.fpf),
            advantage_threshold: best.and_then(|point| point.threshold),
        })
    }

    /// The last point of the curve within the rate: no interpolation, since nobody can use a threshold between scores.
    fn rate_at(&self, curve: &[RocPoint], wanted: f64, alpha: f64) -> Result<RateAt, SetError> {
        let (members, others) = (self.scores.diseased().len() as u64, self.scores.normal().len() as f64);
        // A rate such as 5 of 100 may differ from 0.05 in its last digit.
        let within = curve.iter().rev().find(|point| point.fpf * others <= wanted * others + 1e-9);
        let (tpf, false_positive_rate) = within.map_or((0.0, 0.0), |point| (point.tpf, point.fpf));
        let true_positives = (tpf * members as f64).round() as u64;
        Ok(RateAt {
            wanted_false_positive_rate: wanted,
            false_positive_rate,
            threshold: within.and_then(|point| point.threshold),
            true_positives,
            true_positive_rate: tpf,
            interval: Proportion::new(true_positives, members)?.clopper_pearson(alpha),
            too_few_non_members: wanted * others + 1e-9 < 1.0,
        })
    }

    fn on_scale(&self, threshold: f64) -> f64 {
        if self.direction == MembersScore::Lower { -threshold } else { threshold }
    }
}
