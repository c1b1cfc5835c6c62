//! Visual grading: is each criterion fulfilled as well in one arm as in the reference?

use crate::reader_study::design::{AnswerKind, Question};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::reader_study::analysis::grading::{GradingComparison, compare, vgc_area};
use crate::reader_study::analysis::multiplicity::holm;
use crate::reader_study::analysis::paired::{Wilcoxon, ZeroDifferences, wilcoxon};
use crate::reader_study::analysis::proportion::{ReadersAgainst, readers_against};

use super::criteria::{Agreement, Table, agreement, table};
use super::planned_tests::PlannedTest;
use super::readings::Readings;

/// The result of a grading study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GradingResult {
    /// What every arm is compared with: the first acquired arm.
    pub reference: String,
    /// Every criterion and arm.
    pub criteria: Vec<Criterion>,
    /// How readers agree on each criterion in each arm.
    pub agreement: Vec<Agreement>,
}

/// One criterion in one arm against the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Criterion {
    /// The question.
    pub question: String,
    /// Its text.
    pub text: String,
    /// The arm that is compared with the reference.
    pub modality: String,
    /// Cases that every reader graded in both arms.
    pub cases: usize,
    /// Area under the VGC curve, above 0.5 when the arm is graded higher than the reference; its interval by a bootstrap
    /// over readers and cases. None without two such cases.
    pub vgc: Option<GradingComparison>,
    /// The readers' areas against 0.5: t over readers, these cases.
    pub readers_against: Option<ReadersAgainst>,
    /// Every reader on all cases graded in both arms.
    pub readers: Vec<CriterionReader>,
}

/// One reader's grades of one criterion in two arms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CriterionReader {
    /// The reader.
    pub reader: String,
    /// Cases graded in both arms.
    pub cases: usize,
    /// Area under the VGC curve.
    pub area: f64,
    /// Median grade in the arm and in the reference.
    pub medians: [f64; 2],
    /// Signed ranks of arm minus reference, zeros dropped.
    pub wilcoxon: Wilcoxon,
    /// Exact where that can be had, else normal.
    pub p: Option<f64>,
    /// Adjusted after Holm over the readers of this criterion and arm.
    pub p_holm: Option<f64>,
}

/// Analyses a grading study; `resamples` are the draws of the bootstrap. What cannot be said goes to `warnings`.
#[must_use]
pub fn analyse(readings: &Readings, resamples: usize, warnings: &mut Vec<String>) -> GradingResult {
    let arms = readings.arms();
    let reference = arms.first().cloned().unwrap_or_default();
    let (mut all, mut agreements) = (Vec::new(), Vec::new());
    for question in criteria(readings) {
        let of_reference = table(readings, question, &reference);
        for arm in arms.iter().skip(1) {
            let of_arm = table(readings, question, arm);
            all.push(criterion(readings, question, arm, (&of_arm, &of_reference), resamples, warnings));
        }
        agreements.extend(arms.iter().filter_map(|arm| agreement(readings, question, arm)));
    }
    if arms.len() < 2 {
        warnings.push("grades were given in one arm only, so that nothing is compared".into());
    }
    GradingResult { reference, criteria: all, agreement: agreements }
}

/// The questions with a scale, or the primary one.
fn criteria(readings: &Readings) -> Vec<&Question> {
    let is_primary = |q: &Question| readings.primary.as_ref().is_some_and(|primary| primary.id == q.id);
    let ordinal = |q: &&Question| match q.answer {
        AnswerKind::Scale { .. } => true,
        AnswerKind::Choice { several: false, .. } => is_primary(q),
        _ => false,
    };
    readings.questions.iter().filter(ordinal).collect()
}

/// One reader's grades of the arm and of the reference, by case.
struct Graded<'a> {
    reader: &'a String,
    test: &'a BTreeMap<String, f64>,
    reference: &'a BTreeMap<String, f64>,
}

fn criterion(
    readings: &Readings,
    question: &Question,
    arm: &str,
    (test, reference): (&Table, &Table),
    resamples: usize,
    warnings: &mut Vec<String>,
) -> Criterion {
    let (alpha, seed) = (readings.plan.alpha, readings.plan.seed);
    let empty = BTreeMap::new();
    let both: Vec<Graded> = test
        .iter()
        .map(|(reader, test)| Graded { reader, test, reference: reference.get(reader).unwrap_or(&empty) })
        .collect();
    let in_all = |case: &&String| both.iter().all(|of| of.test.contains_key(*case) && of.reference.contains_key(*case));
    let cases: Vec<&String> = both.first().map(|of| of.test.keys().filter(in_all).collect()).unwrap_or_default();
    let pick = |from: &BTreeMap<String, f64>| cases.iter().filter_map(|case| from.get(*case).copied()).collect();
    let of_test: Vec<Vec<f64>> = both.iter().map(|of| pick(of.test)).collect();
    let of_reference: Vec<Vec<f64>> = both.iter().map(|of| pick(of.reference)).collect();
    let vgc = match compare(&of_test, &of_reference, resamples, seed, alpha) {
        Ok(found) => Some(found),
        Err(error) => {
            warnings.push(format!("`{}` in {arm} has no area over all readers: {error}", question.id));
            None
        }
    };
    let mut readers: Vec<CriterionReader> = both.iter().filter_map(one_reader).collect();
    let p: Vec<f64> = readers.iter().filter_map(|reader| reader.p).collect();
    let mut adjusted = holm(&p).into_iter();
    for reader in readers.iter_mut().filter(|reader| reader.p.is_some()) {
        reader.p_holm = adjusted.next();
    }
    let areas: Vec<f64> = readers.iter().map(|reader| reader.area).collect();
    Criterion {
        question: question.id.clone(),
        text: question.text.clone(),
        modality: arm.to_owned(),
        cases: cases.len(),
        vgc,
        readers_against: readers_against(&areas, 0.5, alpha).ok(),
        readers,
    }
}

fn one_reader(of: &Graded) -> Option<CriterionReader> {
    let both = of.test.iter().filter_map(|(case, grade)| Some((*grade, *of.reference.get(case)?)));
    let (test, reference): (Vec<f64>, Vec<f64>) = both.unzip();
    let wilcoxon = wilcoxon(&test, &reference, ZeroDifferences::Dropped).ok()?;
    Some(CriterionReader {
        reader: of.reader.clone(),
        cases: test.len(),
        area: vgc_area(&test, &reference).ok()?,
        medians: [super::times::median(&test)?, super::times::median(&reference)?],
        p: wilcoxon.p_exact.or(wilcoxon.p_normal),
        wilcoxon,
        p_holm: None,
    })
}

impl GradingResult {
    /// The tests that the design declares: each criterion and arm, the readers' areas against 0.5.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        let test = |c: &Criterion| {
            let name = format!(
                "{} against {}, `{}`: area under the VGC curve against 0.5, t over readers",
                c.modality, self.reference, c.question
            );
            PlannedTest::new(name, c.readers_against.and_then(|found| found.p))
        };
        self.criteria.iter().map(test).collect()
    }
}
