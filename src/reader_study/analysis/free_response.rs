//! Free response of one reader in one modality: any number of rated marks a case (Chakraborty).
//!
//! A mark within a lesion is its localisation; every other mark is a non-lesion mark. An unmarked case and an unmarked
//! lesion rate minus infinity, and tie with each other.

use serde::Serialize;

use super::errors::AnalysisError;
use super::roc::{Scores, Sorted};

/// The least number of cases of either truth that give an area.
pub const CASES_FOR_AREA: usize = 1;
/// The least number of cases of either truth that give an interval: each of them is left out in turn.
pub const CASES_FOR_INTERVAL: usize = 2;

/// A case with lesions.
#[derive(Debug, Clone, PartialEq)]
pub struct DiseasedCase {
    /// Ratings of the marks that are on no lesion.
    pub non_lesion: Vec<f64>,
    /// The highest rating on each lesion, none when it was not marked.
    pub lesions: Vec<Option<f64>>,
    /// The weight of each lesion, of sum 1; empty for equal weights.
    pub weights: Vec<f64>,
}

/// The marks of one reader in one modality, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct FreeResponse {
    /// Ratings of the marks on each normal case.
    pub(super) normal: Vec<Vec<f64>>,
    pub(super) diseased: Vec<DiseasedCase>,
}

/// Areas under free-response curves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FreeResponseFigure {
    /// Lesions against normal cases, every lesion the same (the JAFROC figure of merit).
    Afroc,
    /// Lesions against normal cases, every diseased case the same.
    WeightedAfroc,
    /// As `Afroc`, against all cases.
    Afroc1,
    /// As `WeightedAfroc`, against all cases.
    WeightedAfroc1,
}

/// One point of an FROC curve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct FrocPoint {
    /// Marks rated at least this count.
    pub threshold: f64,
    /// Non-lesion marks per case, over all cases.
    pub nlf: f64,
    /// Share of the lesions that are marked.
    pub llf: f64,
}

impl FreeResponseFigure {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Afroc => "AFROC area (JAFROC)",
            Self::WeightedAfroc => "weighted AFROC area (wAFROC)",
            Self::Afroc1 => "AFROC1 area",
            Self::WeightedAfroc1 => "weighted AFROC1 area (wAFROC1)",
        }
    }

    fn weighted(self) -> bool {
        matches!(self, Self::WeightedAfroc | Self::WeightedAfroc1)
    }

    fn against_all(self) -> bool {
        matches!(self, Self::Afroc1 | Self::WeightedAfroc1)
    }
}

impl FreeResponse {
    /// `normal[case]` holds the ratings of the marks on a normal case.
    ///
    /// # Errors
    /// When there is no normal or no diseased case, a diseased case has no lesion, a rating is not finite, or weights
    /// do not match the lesions, are below 0, or do not sum to 1.
    pub fn new(normal: Vec<Vec<f64>>, diseased: Vec<DiseasedCase>) -> Result<Self, AnalysisError> {
        AnalysisError::at_least("normal cases", CASES_FOR_AREA, normal.len())?;
        AnalysisError::at_least("diseased cases", CASES_FOR_AREA, diseased.len())?;
        for marks in &normal {
            AnalysisError::all_finite("the rating of a mark", marks)?;
        }
        for case in &diseased {
            AnalysisError::at_least("lesions of a diseased case", 1, case.lesions.len())?;
            AnalysisError::all_finite("the rating of a mark", &case.non_lesion)?;
            let marked: Vec<f64> = case.lesions.iter().copied().flatten().collect();
            AnalysisError::all_finite("the rating of a lesion", &marked)?;
            if case.weights.is_empty() {
                continue;
            }
            AnalysisError::same_length("the list of lesion weights", case.lesions.len(), case.weights.len())?;
            let sum: f64 = case.weights.iter().sum();
            if case.weights.iter().any(|w| *w < 0.0) || (sum - 1.0).abs() > 1e-6 || sum.is_nan() {
                let expected = "weights are not below 0 and sum to 1";
                return Err(AnalysisError::Value { name: "the sum of a case's lesion weights", value: sum, expected });
            }
        }
        Ok(Self { normal, diseased })
    }

    /// How many diseased and how many normal cases there are.
    #[must_use]
    pub fn case_counts(&self) -> (usize, usize) {
        (self.diseased.len(), self.normal.len())
    }

    /// Lesions of each diseased case; readings of one study share them.
    pub(super) fn lesion_counts(&self) -> Vec<usize> {
        self.diseased.iter().map(|d| d.lesions.len()).collect()
    }

    /// The figure of merit.
    #[must_use]
    pub fn value(&self, figure: FreeResponseFigure) -> f64 {
        self.sums(figure).value()
    }

    /// The figure without each case in turn, the diseased cases first; in O(n log n).
    ///
    /// # Errors
    /// When there are fewer than 2 cases of either truth.
    pub fn without_each_case(&self, figure: FreeResponseFigure) -> Result<Vec<f64>, AnalysisError> {
        AnalysisError::at_least("diseased cases", CASES_FOR_INTERVAL, self.diseased.len())?;
        AnalysisError::at_least("normal cases", CASES_FOR_INTERVAL, self.normal.len())?;
        Ok(self.sums(figure).without_each_case())
    }

    /// Area under the ROC curve of the highest mark on each case, lesion or not.
    #[must_use]
    pub fn inferred_roc(&self) -> Scores {
        let diseased = self.diseased.iter().map(|d| highest(d.non_lesion.iter().copied().chain(lesions(d))));
        let normal = self.normal.iter().map(|marks| highest(marks.iter().copied()));
        let scores: Vec<f64> = diseased.chain(normal).collect();
        let truth: Vec<bool> = (0..scores.len()).map(|at| at < self.diseased.len()).collect();
        Scores::split(&truth, &scores)
    }

    /// The FROC curve, one point for every distinct rating from the highest down.
    #[must_use]
    pub fn froc_curve(&self) -> Vec<FrocPoint> {
        let non_lesion = self.normal.iter().flatten().chain(self.diseased.iter().flat_map(|d| &d.non_lesion));
        let mut marks: Vec<(f64, bool)> = non_lesion.map(|r| (*r, false)).collect();
        marks.extend(self.diseased.iter().flat_map(|d| d.lesions.iter().flatten()).map(|r| (*r, true)));
        marks.sort_by(|a, b| b.0.total_cmp(&a.0));
        let cases = (self.diseased.len() + self.normal.len()) as f64;
        let all_lesions = self.lesion_counts().iter().sum::<usize>() as f64;
        let (mut outside, mut inside) = (0_usize, 0_usize);
        let mut curve = Vec::new();
        for equal in marks.chunk_by(|a, b| a.0 == b.0) {
            inside += equal.iter().filter(|(_, lesion)| *lesion).count();
            outside += equal.iter().filter(|(_, lesion)| !*lesion).count();
            let threshold = equal.first().map_or(f64::NAN, |(rating, _)| *rating);
            curve.push(FrocPoint { threshold, nlf: outside as f64 / cases, llf: inside as f64 / all_lesions });
        }
        curve
    }

    fn sums(&self, figure: FreeResponseFigure) -> Sums {
        let false_positives: Vec<f64> = self
            .diseased
            .iter()
            .filter(|_| figure.against_all())
            .map(|d| &d.non_lesion)
            .chain(&self.normal)
            .map(|marks| highest(marks.iter().copied()))
            .collect();
        let weighted: Vec<Vec<(f64, f64)>> = self
            .diseased
            .iter()
            .map(|case| {
                let equal = if figure.weighted() { 1.0 / case.lesions.len() as f64 } else { 1.0 };
                let own = case.weights.iter().copied().filter(|_| figure.weighted());
                lesions(case).zip(own.chain(std::iter::repeat(equal))).collect()
            })
            .collect();
        let sorted = Sorted::new(&false_positives);
        let of_cases: Vec<f64> =
            weighted.iter().map(|case| case.iter().map(|(r, w)| w * sorted.count_below(*r)).sum()).collect();
        let above = WeightAbove::new(weighted.concat());
        let of_false_positives: Vec<f64> = false_positives.iter().map(|fp| above.of(*fp)).collect();
        let own = weighted.iter().zip(&false_positives).map(|(case, fp)| WeightAbove::new(case.clone()).of(*fp));
        Sums {
            against_all: figure.against_all(),
            own: if figure.against_all() { own.collect() } else { Vec::new() },
            weights: weighted.iter().map(|case| case.iter().map(|(_, w)| w).sum()).collect(),
            of_cases,
            of_false_positives,
        }
    }
}

fn highest(marks: impl Iterator<Item = f64>) -> f64 {
    marks.fold(f64::NEG_INFINITY, f64::max)
}

fn lesions(case: &DiseasedCase) -> impl Iterator<Item = f64> {
    case.lesions.iter().map(|r| r.unwrap_or(f64::NEG_INFINITY))
}

/// Weights of lesions, to sum those above a rating.
struct WeightAbove {
    ratings: Vec<f64>,
    /// The weight of all but the first so many.
    rest: Vec<f64>,
}

impl WeightAbove {
    fn new(mut lesions: Vec<(f64, f64)>) -> Self {
        lesions.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut left = 0.0;
        let mut rest: Vec<f64> = std::iter::once(0.0)
            .chain(lesions.iter().rev().map(|(_, w)| {
                left += w;
                left
            }))
            .collect();
        rest.reverse();
        Self { ratings: lesions.into_iter().map(|(r, _)| r).collect(), rest }
    }

    /// The weight of the lesions above `rating`, those equal to it counted half.
    fn of(&self, rating: f64) -> f64 {
        let from = |at: usize| self.rest.get(at).copied().unwrap_or_default();
        let at_least = from(self.ratings.partition_point(|r| *r < rating));
        f64::midpoint(at_least, from(self.ratings.partition_point(|r| *r <= rating)))
    }
}

/// Weighted wins of lesions over false positives, summed by case, so that one case can be taken out.
struct Sums {
    against_all: bool,
    /// Weight of each diseased case.
    weights: Vec<f64>,
    /// Wins of each diseased case's lesions.
    of_cases: Vec<f64>,
    /// Wins over each case's false positive; the diseased cases first where they count.
    of_false_positives: Vec<f64>,
    /// Wins of a diseased case's lesions over its own false positive, where that counts.
    own: Vec<f64>,
}

impl Sums {
    fn value(&self) -> f64 {
        let pairs = self.weights.iter().sum::<f64>() * self.of_false_positives.len() as f64;
        self.of_cases.iter().sum::<f64>() / pairs
    }

    fn without_each_case(&self) -> Vec<f64> {
        let total: f64 = self.of_cases.iter().sum();
        let weight: f64 = self.weights.iter().sum();
        let false_positives = self.of_false_positives.len() as f64;
        let diseased = self.weights.len();
        let mut without = Vec::with_capacity(diseased + self.of_false_positives.len());
        for (at, (wins, own_weight)) in self.of_cases.iter().zip(&self.weights).enumerate() {
            let (mut left, mut against) = (total - wins, false_positives);
            if self.against_all {
                let lost = self.of_false_positives.get(at).copied().unwrap_or_default();
                left += self.own.get(at).copied().unwrap_or_default() - lost;
                against -= 1.0;
            }
            without.push(left / ((weight - own_weight) * against));
        }
        let skipped = if self.against_all { diseased } else { 0 };
        let normal = self.of_false_positives.iter().skip(skipped);
        without.extend(normal.map(|wins| (total - wins) / (weight * (false_positives - 1.0))));
        without
    }
}
