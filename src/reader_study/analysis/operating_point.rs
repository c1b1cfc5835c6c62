//! Sensitivity and false positives of free response at one rating: a point of the FROC curve, with what each case adds to it.

use nalgebra::DMatrix;

use super::covariance::{CovarianceMethod, jackknife};
use super::errors::AnalysisError;
use super::estimates::Estimates;
use super::free_response::{CASES_FOR_INTERVAL, FreeResponse};

/// Marks of one reader in one modality that are rated at least so high.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatingPoint {
    /// Of each case, the diseased ones first.
    cases: Vec<Counted>,
    diseased: usize,
}

/// One case at a rating.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Counted {
    lesions: usize,
    marked: usize,
    false_positives: usize,
}

/// What is read at an operating point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperatingFigure {
    /// Share of the lesions that are marked.
    Sensitivity,
    /// Marks on no lesion, per case.
    FalsePositives,
}

impl FreeResponse {
    /// The marks rated `rating` or higher.
    #[must_use]
    pub fn at_rating(&self, rating: f64) -> OperatingPoint {
        let high = |marks: &[f64]| marks.iter().filter(|mark| **mark >= rating).count();
        let diseased = self.diseased.iter().map(|case| Counted {
            lesions: case.lesions.len(),
            marked: case.lesions.iter().flatten().filter(|mark| **mark >= rating).count(),
            false_positives: high(&case.non_lesion),
        });
        let normal = self.normal.iter().map(|marks| Counted { lesions: 0, marked: 0, false_positives: high(marks) });
        OperatingPoint { cases: diseased.chain(normal).collect(), diseased: self.diseased.len() }
    }
}

impl OperatingPoint {
    /// How many lesions are marked, and of how many.
    #[must_use]
    pub fn lesions(&self) -> (usize, usize) {
        (self.cases.iter().map(|case| case.marked).sum(), self.cases.iter().map(|case| case.lesions).sum())
    }

    /// How many marks are on no lesion, and on how many cases.
    #[must_use]
    pub fn false_positives(&self) -> (usize, usize) {
        (self.cases.iter().map(|case| case.false_positives).sum(), self.cases.len())
    }

    /// The share or the rate.
    #[must_use]
    pub fn value(&self, figure: OperatingFigure) -> f64 {
        let (some, all) = self.counts(figure);
        some as f64 / all as f64
    }

    fn counts(&self, figure: OperatingFigure) -> (usize, usize) {
        match figure {
            OperatingFigure::Sensitivity => self.lesions(),
            OperatingFigure::FalsePositives => self.false_positives(),
        }
    }

    /// The figure without each case in turn, the diseased cases first.
    fn without_each_case(&self, figure: OperatingFigure) -> impl Iterator<Item = f64> {
        let (some, all) = self.counts(figure);
        self.cases.iter().map(move |case| {
            let (own, of) = match figure {
                OperatingFigure::Sensitivity => (case.marked, case.lesions),
                OperatingFigure::FalsePositives => (case.false_positives, 1),
            };
            (some - own) as f64 / (all - of) as f64
        })
    }
}

/// The figures of all readers with their jackknife covariances over the cases; `points` has all readers of modality 0 first.
///
/// # Errors
/// When a point is missing or of other cases, or there are fewer than 2 diseased cases.
pub fn estimates(
    modalities: Vec<String>,
    readers: Vec<String>,
    points: &[OperatingPoint],
    figure: OperatingFigure,
) -> Result<Estimates, AnalysisError> {
    AnalysisError::same_length("the list of operating points", modalities.len() * readers.len(), points.len())?;
    let cases = points.first().map_or(0, |point| point.cases.len());
    for point in points {
        AnalysisError::same_length("an operating point's list of cases", cases, point.cases.len())?;
        AnalysisError::at_least("diseased cases", CASES_FOR_INTERVAL, point.diseased)?;
    }
    let without = points.iter().flat_map(|point| point.without_each_case(figure));
    let without = DMatrix::from_iterator(cases, points.len(), without);
    let values: Vec<f64> = points.iter().map(|point| point.value(figure)).collect();
    let method = CovarianceMethod::Jackknife.name();
    Estimates::new(figure.name().to_owned(), method, modalities, readers, &values, jackknife(&without)?)
}

impl OperatingFigure {
    /// The name in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sensitivity => "sensitivity",
            Self::FalsePositives => "false positives per image",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::free_response::DiseasedCase;
    use super::*;

    fn reading() -> FreeResponse {
        let diseased =
            |lesions: Vec<Option<f64>>, non_lesion: Vec<f64>| DiseasedCase { non_lesion, lesions, weights: Vec::new() };
        FreeResponse::new(
            vec![vec![20.0, 60.0], vec![], vec![50.0]],
            vec![diseased(vec![Some(50.0), None], vec![90.0]), diseased(vec![Some(49.0)], vec![10.0])],
        )
        .unwrap()
    }

    #[test]
    fn marks_at_the_rating_and_above_count() {
        let point = reading().at_rating(50.0);
        assert_eq!((point.lesions(), point.false_positives()), ((1, 3), (3, 5)));
        // As the FROC curve has it at the same threshold.
        let on_curve = reading().froc_curve().into_iter().find(|p| p.threshold == 50.0).unwrap();
        assert_eq!(point.value(OperatingFigure::Sensitivity), on_curve.llf);
        assert_eq!(point.value(OperatingFigure::FalsePositives), on_curve.nlf);
    }

    #[test]
    fn without_each_case_is_what_the_others_give() {
        let point = reading().at_rating(50.0);
        let found = |figure| point.without_each_case(figure).collect::<Vec<_>>();
        // By hand: lesions (1 of 2), (0 of 1); false positives 1, 0, 1, 0, 1.
        assert_eq!(found(OperatingFigure::Sensitivity), [0.0, 0.5, 1.0 / 3.0, 1.0 / 3.0, 1.0 / 3.0]);
        assert_eq!(found(OperatingFigure::FalsePositives), [0.5, 0.75, 0.5, 0.75, 0.5]);
    }
}
