//! Free response: marks on lesions and elsewhere, the areas under AFROC curves, and arms compared.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::reader_study::analysis::free_response::{DiseasedCase, FreeResponse, FreeResponseFigure, FrocPoint};
use crate::reader_study::analysis::free_response_study::estimates;
use crate::reader_study::analysis::margin::ArmNoninferiority;
use crate::reader_study::analysis::mrmc::Comparison;
use crate::reader_study::analysis::{AnalysisError, Estimates};

use super::errors::OutcomeError;
use super::marks::{Localised, localise};
use super::planned_tests::{PlannedTest, of_pairs};
use super::readers_mean::{Question, ReadersMean, noninferior, of_estimates, three_ways};
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
    /// Every reader in every arm.
    pub readers: Vec<FreeResponseReader>,
    /// All readers in every arm, of both figures.
    pub means: Vec<ReadersMean>,
    /// Arms compared by the weighted area and by the unweighted one; empty with one arm.
    pub comparisons: Vec<FigureComparison>,
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
    /// The FROC curve.
    pub froc: Vec<FrocPoint>,
}

/// Arms compared by one figure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FigureComparison {
    /// The figure by name.
    pub figure: &'static str,
    /// Three ways to generalise, Obuchowski-Rockette with the jackknife; the first minus the second arm.
    pub comparisons: Vec<Comparison>,
    /// Noninferiority of every other arm to the first of the plan, when it has a margin.
    pub noninferiority: Vec<ArmNoninferiority>,
}

const FIGURES: [FreeResponseFigure; 2] = [FreeResponseFigure::WeightedAfroc, FreeResponseFigure::Afroc];

/// Analyses a free-response study; what cannot be said goes to `warnings`.
///
/// # Errors
/// When no case of either truth was read by every reader in every arm.
pub fn analyse(readings: &Readings, warnings: &mut Vec<String>) -> Result<FreeResponseResult, OutcomeError> {
    let (readers, arms, alpha) = (readings.readers(), readings.arms(), readings.plan.alpha);
    let marked = marked(readings);
    let (cases, left_out) = shared(&marked, &readers, &arms);
    let in_one_arm = |case: &String| {
        arms.iter().filter(|arm| marked.iter().any(|((of, _), cell)| of == *arm && cell.contains_key(case))).count()
            == 1
    };
    if cases.is_empty() && arms.len() > 1 && left_out.iter().all(in_one_arm) {
        return Err(AnalysisError::Nested.into());
    }
    if !left_out.is_empty() {
        let words = format!("{} cases were left out: not every reader read them in every arm", left_out.len());
        warnings.push(words);
    }
    let mut cells = Vec::new();
    let mut all = Vec::new();
    for modality in &arms {
        for reader in &readers {
            let cell = cell(readings, &marked, &cases, reader, modality)?;
            all.push(one_reader(reader, modality, &cell));
            cells.push(cell);
        }
    }
    let (diseased_cases, normal_cases) = cells.first().map_or((0, 0), FreeResponse::case_counts);
    let lesions = cases.iter().filter_map(|case| readings.case(case)).map(|case| case.lesions.len()).sum();
    let mut result = FreeResponseResult {
        diseased_cases,
        lesions,
        normal_cases,
        left_out,
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
fn shared(marked: &Marked, readers: &[String], arms: &[String]) -> (Vec<String>, Vec<String>) {
    let any: BTreeSet<&String> = marked.values().flat_map(BTreeMap::keys).collect();
    let in_all = |case: &String| {
        arms.iter().all(|arm| {
            readers.iter().all(|r| marked.get(&(arm.clone(), r.clone())).is_some_and(|cell| cell.contains_key(case)))
        })
    };
    let (kept, left): (Vec<&String>, Vec<&String>) = any.into_iter().partition(|case| in_all(case));
    (kept.into_iter().cloned().collect(), left.into_iter().cloned().collect())
}

fn cell(
    readings: &Readings,
    marked: &Marked,
    cases: &[String],
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

fn one_reader(reader: &str, modality: &str, cell: &FreeResponse) -> FreeResponseReader {
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
            let comparisons = three_ways(estimates, alpha)?;
            let arms: Vec<&String> = estimates.modalities().iter().collect();
            let noninferiority = noninferior(&arms, &comparisons, margin, alpha)?;
            self.comparisons.push(FigureComparison { figure: figure.name(), comparisons, noninferiority });
        }
        Ok(())
    }

    /// The tests that the design declares: every pair of arms by the weighted area.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        let first = self.comparisons.first();
        first.map(|first| of_pairs(first.figure, &first.comparisons)).unwrap_or_default()
    }
}
