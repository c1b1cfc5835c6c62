//! Free response: marks on lesions and elsewhere, the areas under AFROC curves, and arms compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::reader_study::analysis::free_response::{DiseasedCase, FreeResponse, FreeResponseFigure, FrocPoint};
use crate::reader_study::analysis::free_response_cases::SharedCases;
use crate::reader_study::analysis::free_response_study::estimates;
use crate::reader_study::analysis::operating_point::{self, OperatingFigure, OperatingPoint};
use crate::reader_study::analysis::{AnalysisError, Estimates};
use crate::reader_study::design::{self, AnswerKind};

use super::errors::OutcomeError;
use super::figure_comparison::FigureComparison;
use super::marks::{Localised, localise};
use super::planned_tests::PlannedTest;
use super::readers_mean::{Question, ReadersMean, of_estimates};
use super::readings::Readings;

/// The result of a free-response study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FreeResponseResult {
    /// Diseased cases, lesions and normal cases that every reader read in every arm.
    pub diseased_cases: usize,
    /// Their lesions.
    pub lesions: usize,
    /// Normal cases.
    pub normal_cases: usize,
    /// Cases that were left out since somebody did not read them in every arm.
    pub left_out: Vec<String>,
    /// All readers in every arm, of both figures.
    pub means: Vec<ReadersMean>,
    /// Arms compared by the weighted area and by the unweighted one; empty with one arm.
    pub comparisons: Vec<FigureComparison>,
    /// Marks rated this or higher count in `arms_at_rating` and in the readers' `at_rating`: the middle of the scale.
    pub rating: f64,
    /// Every arm at that rating, over all readers.
    pub arms_at_rating: Vec<ArmAtRating>,
    /// Every reader in every arm.
    pub readers: Vec<FreeResponseReader>,
}

/// One reader in one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FreeResponseReader {
    /// The reader.
    pub reader: String,
    /// The arm.
    pub modality: String,
    /// Weighted AFROC area, the figure of merit.
    pub wafroc: f64,
    /// AFROC area.
    pub afroc: f64,
    /// Area under the ROC curve of the highest mark.
    pub inferred_roc: f64,
    /// Marks on no lesion, per case.
    pub non_lesion_marks_per_case: f64,
    /// Share of the lesions that were marked.
    pub lesions_marked: f64,
    /// What was marked with certainty.
    pub at_rating: AtRating,
    /// The FROC curve.
    pub froc: Vec<FrocPoint>,
}

/// What one reader marked at the rating of [`FreeResponseResult::rating`] or higher.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AtRating {
    /// Lesions marked.
    pub lesions_marked: usize,
    /// Of how many.
    pub lesions: usize,
    /// The share.
    pub sensitivity: f64,
    /// Marks on no lesion, over all cases.
    pub false_positives: usize,
    /// The same per image.
    pub false_positives_per_image: f64,
}

/// An arm at the rating of [`FreeResponseResult::rating`], the mean of its readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmAtRating {
    /// The arm.
    pub modality: String,
    /// Share of the lesions marked.
    pub sensitivity: f64,
    /// Its interval; not clipped. None with fewer than 2 cases of either truth.
    pub sensitivity_interval: Option<[f64; 2]>,
    /// Marks on no lesion, per image.
    pub false_positives_per_image: f64,
    /// Its interval; not clipped. None with fewer than 2 cases of either truth.
    pub false_positives_interval: Option<[f64; 2]>,
}

const FIGURES: [FreeResponseFigure; 2] = [FreeResponseFigure::WeightedAfroc, FreeResponseFigure::Afroc];

/// Analyses a free-response study; what cannot be said goes to `warnings`.
///
/// # Errors
/// When no case of either truth was read by every reader in every arm.
pub fn analyse(readings: &Readings, warnings: &mut Vec<String>) -> Result<FreeResponseResult, OutcomeError> {
    let (readers, arms, alpha) = (readings.readers(), readings.arms(), readings.plan.alpha);
    let rating = readings.primary.as_ref().and_then(middle_of_marks).ok_or(OutcomeError::NothingRead)?;
    let marked = marked(readings);
    let found = shared(&marked, &readers, &arms, readings);
    let SharedCases { shared: cases, left_out, normal: normal_cases, diseased: diseased_cases, .. } = &found;
    let in_one_arm = |case: &String| {
        arms.iter().filter(|arm| marked.iter().any(|((of, _), cell)| of == *arm && cell.contains_key(case))).count()
            == 1
    };
    if cases.is_empty() && arms.len() > 1 && left_out.iter().all(in_one_arm) {
        return Err(AnalysisError::Nested.into());
    }
    found.suffice_for_area().map_err(AnalysisError::from)?;
    if !left_out.is_empty() {
        let words = format!("{} cases were left out: not every reader read them in every arm", left_out.len());
        warnings.push(words);
    }
    let mut cells = Vec::new();
    let mut all = Vec::new();
    let mut points = Vec::new();
    for modality in &arms {
        for reader in &readers {
            let cell = cell(readings, &marked, cases, reader, modality)?;
            let point = cell.at_rating(rating);
            all.push(one_reader(reader, modality, &cell, &point));
            points.push(point);
            cells.push(cell);
        }
    }
    let lesions = cases.iter().filter_map(|case| readings.case(case)).map(|case| case.lesions.len()).sum();
    let mut result = FreeResponseResult {
        diseased_cases: *diseased_cases,
        lesions,
        normal_cases: *normal_cases,
        left_out: left_out.iter().cloned().collect(),
        rating,
        arms_at_rating: arms_at_rating(&arms, &readers, &points, alpha),
        readers: all,
        means: Vec::new(),
        comparisons: Vec::new(),
    };
    for figure in FIGURES {
        let found = estimates(arms.clone(), readers.clone(), &cells, figure)
            .and_then(|estimates| result.take(&estimates, figure, readings.plan.margin, alpha));
        if let Err(error) = found {
            warnings.push(format!("the {} has no interval: {error}", figure.name()));
        }
    }
    Ok(result)
}

type Marked = BTreeMap<(String, String), BTreeMap<String, Localised>>;

/// Marks of every reader and arm, by case.
fn marked(readings: &Readings) -> Marked {
    let mut all = Marked::new();
    for row in readings.main() {
        let marks = readings.primary.as_ref().and_then(|q| row.answers()?.get(&q.id)?.marks());
        let case = row.cases.first().and_then(|case| readings.case(case));
        if let Some((marks, case)) = marks.zip(case) {
            let cell = all.entry((row.modality().to_owned(), row.reader.clone())).or_default();
            cell.insert(case.id.clone(), localise(marks, &case.lesions));
        }
    }
    all
}

/// The cases that all read in every arm, and the others.
fn shared(marked: &Marked, readers: &[String], arms: &[String], readings: &Readings) -> SharedCases {
    let of = |arm: &String, reader: &String| {
        let cell = marked.get(&(arm.clone(), reader.clone()));
        cell.map(|cell| cell.keys().map(String::as_str).collect()).unwrap_or_default()
    };
    let arms: Vec<_> =
        arms.iter().map(|arm| (arm.clone(), readers.iter().map(|reader| of(arm, reader)).collect())).collect();
    SharedCases::of(&arms, |case| readings.case(case).is_some_and(|case| !case.lesions.is_empty()))
}

fn cell(
    readings: &Readings,
    marked: &Marked,
    cases: &BTreeSet<String>,
    reader: &str,
    modality: &str,
) -> Result<FreeResponse, AnalysisError> {
    let of_cell = marked.get(&(modality.to_owned(), reader.to_owned()));
    let (mut normal, mut diseased) = (Vec::new(), Vec::new());
    for case in cases {
        let Some((found, case)) = of_cell.and_then(|cell| cell.get(case)).zip(readings.case(case)) else { continue };
        if case.lesions.is_empty() {
            normal.push(found.non_lesion.clone());
            continue;
        }
        let sum: f64 = case.lesions.iter().map(|lesion| lesion.weight).sum();
        diseased.push(DiseasedCase {
            non_lesion: found.non_lesion.clone(),
            lesions: found.lesions.clone(),
            weights: case.lesions.iter().map(|lesion| lesion.weight / sum).collect(),
        });
    }
    FreeResponse::new(normal, diseased)
}

/// The middle of the scale on which marks are rated.
fn middle_of_marks(question: &design::Question) -> Option<f64> {
    match &question.answer {
        AnswerKind::Marks { from, to, .. } => Some(f64::midpoint(*from as f64, *to as f64)),
        _ => None,
    }
}

/// The mean of the readers at a rating, by arm; `points` has all readers of the first arm first.
fn arms_at_rating(arms: &[String], readers: &[String], points: &[OperatingPoint], alpha: f64) -> Vec<ArmAtRating> {
    let of_arm = |(at, (modality, own)): (usize, (&String, &[OperatingPoint]))| {
        let mean = |figure| own.iter().map(|point| point.value(figure)).sum::<f64>() / own.len() as f64;
        let interval = |figure| {
            let estimates = operating_point::estimates(arms.to_vec(), readers.to_vec(), points, figure).ok()?;
            let cases = own.first().map_or(0, |point| point.false_positives().1);
            let question = Question { chance: None, margin: None, alpha };
            of_estimates(&estimates, at, cases, question).ok().map(|mean| mean.interval)
        };
        ArmAtRating {
            modality: modality.clone(),
            sensitivity: mean(OperatingFigure::Sensitivity),
            sensitivity_interval: interval(OperatingFigure::Sensitivity),
            false_positives_per_image: mean(OperatingFigure::FalsePositives),
            false_positives_interval: interval(OperatingFigure::FalsePositives),
        }
    };
    arms.iter().zip(points.chunks(readers.len().max(1))).enumerate().map(of_arm).collect()
}

fn one_reader(reader: &str, modality: &str, cell: &FreeResponse, point: &OperatingPoint) -> FreeResponseReader {
    let froc = cell.froc_curve();
    let last = froc.last();
    FreeResponseReader {
        reader: reader.to_owned(),
        modality: modality.to_owned(),
        wafroc: cell.value(FreeResponseFigure::WeightedAfroc),
        afroc: cell.value(FreeResponseFigure::Afroc),
        inferred_roc: cell.inferred_roc().auc(),
        non_lesion_marks_per_case: last.map_or(0.0, |point| point.nlf),
        lesions_marked: last.map_or(0.0, |point| point.llf),
        at_rating: AtRating {
            lesions_marked: point.lesions().0,
            lesions: point.lesions().1,
            sensitivity: point.value(OperatingFigure::Sensitivity),
            false_positives: point.false_positives().0,
            false_positives_per_image: point.value(OperatingFigure::FalsePositives),
        },
        froc,
    }
}

impl FreeResponseResult {
    fn take(
        &mut self,
        estimates: &Estimates,
        figure: FreeResponseFigure,
        margin: Option<f64>,
        alpha: f64,
    ) -> Result<(), AnalysisError> {
        let cases = self.diseased_cases + self.normal_cases;
        let question = Question { chance: None, margin: None, alpha };
        for at in 0..estimates.modalities().len() {
            self.means.push(of_estimates(estimates, at, cases, question)?);
        }
        if estimates.modalities().len() > 1 {
            self.comparisons.push(FigureComparison::of(figure.name(), estimates, margin, alpha)?);
        }
        Ok(())
    }

    /// The tests that the design declares: every pair of arms by the weighted area.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        let Some(first) = self.comparisons.first() else { return Vec::new() };
        let Some((factors, pairs)) = first.widest() else { return Vec::new() };
        pairs.map(|pair| PlannedTest::of_pair(first.figure, factors, pair)).collect()
    }
}
