//! Two-alternative forced choice: a real and a synthetic image side by side, which one is real?

use crate::reader_study::design::AnswerKind;
use serde::Serialize;

use crate::reader_study::analysis::detection::{ForcedChoice, forced_choice};
use crate::reader_study::analysis::proportion::{BinomialTest, EquivalenceToChance, Proportion};
use crate::reader_study::analysis::roc::normal_interval;

use super::planned_tests::PlannedTest;
use super::readers_mean::{ArmComparison, Question, ReadersMean, Scored, compare_arms, of_scores};
use super::readings::{Reading, Readings};
use super::shares::Share;

/// The result of a forced-choice study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForcedChoiceResult {
    /// Every reader and synthetic arm.
    pub readers: Vec<ForcedChoiceReader>,
    /// All readers, for every synthetic arm: proportion correct against 0.5.
    pub means: Vec<ReadersMean>,
    /// Synthetic arms compared; none with one.
    pub comparison: Option<ArmComparison>,
    /// Proportion correct by stated confidence, each reader apart.
    pub by_confidence: Vec<ConfidenceStep>,
}

/// One reader and one synthetic arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ForcedChoiceReader {
    /// The reader.
    pub reader: String,
    /// The synthetic arm.
    pub modality: String,
    /// Right choices.
    pub correct: Share,
    /// Exact binomial test against 0.5.
    pub against_chance: BinomialTest,
    /// d' and the corrected share.
    pub detection: ForcedChoice,
    /// Interval of d', from the corrected share.
    pub dprime_interval: [f64; 2],
    /// Equivalence to 0.5 within the margin of the plan, exact.
    pub equivalence: Option<EquivalenceToChance>,
    /// Left images chosen.
    pub chosen_left: Share,
    /// Exact binomial test of no side bias.
    pub p_side_bias: f64,
}

/// One step of stated confidence of one reader.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ConfidenceStep {
    /// The reader.
    pub reader: String,
    /// The stated confidence.
    pub confidence: f64,
    /// Right choices.
    pub correct: Share,
}

/// Analyses a forced-choice study; what cannot be said goes to `warnings`.
#[must_use]
pub fn analyse(readings: &Readings, warnings: &mut Vec<String>) -> ForcedChoiceResult {
    let (alpha, margin) = (readings.plan.alpha, readings.plan.margin);
    let mut result =
        ForcedChoiceResult { readers: Vec::new(), means: Vec::new(), comparison: None, by_confidence: Vec::new() };
    let mut arms = Vec::new();
    for arm in readings.plan.synthetic_arms() {
        let rows: Vec<&Reading> = readings.main().filter(|row| row.modalities.iter().any(|m| m == arm)).collect();
        result.readers.extend(readings.readers().iter().filter_map(|reader| one_reader(&rows, reader, arm, readings)));
        let scored = |row: &&Reading| {
            let value = f64::from(u8::from(row.judged.correct?));
            Some(Scored { reader: row.reader.clone(), unit: row.unit(), value })
        };
        let scores: Vec<Scored> = rows.iter().filter_map(scored).collect();
        match of_scores("proportion correct", arm, &scores, Question { chance: Some(0.5), margin, alpha }) {
            Ok(mean) => result.means.push(mean),
            Err(error) => warnings.push(format!("there is no mean over all readers for {arm}: {error}")),
        }
        arms.push((arm.to_owned(), scores));
    }
    if arms.len() > 1 {
        match compare_arms("proportion correct", &arms, None, alpha) {
            Ok(comparison) => result.comparison = Some(comparison),
            Err(error) => warnings.push(format!("the synthetic arms were not compared: {error}")),
        }
    }
    result.by_confidence = by_confidence(readings);
    result
}

fn one_reader(rows: &[&Reading], reader: &str, arm: &str, readings: &Readings) -> Option<ForcedChoiceReader> {
    let (alpha, margin) = (readings.plan.alpha, readings.plan.margin);
    let own = || rows.iter().filter(|row| row.reader == reader);
    let correct = Share::of(own().filter_map(|row| row.judged.correct), alpha)?;
    let chosen_left = Share::of(own().filter_map(|row| row.judged.chosen).map(|at| at == 0), alpha)?;
    let proportion = Proportion::new(correct.k, correct.n).ok()?;
    let detection = forced_choice(correct.k, correct.n).ok()?;
    Some(ForcedChoiceReader {
        reader: reader.to_owned(),
        modality: arm.to_owned(),
        against_chance: proportion.test(0.5),
        dprime_interval: normal_interval(detection.dprime_loglinear, detection.se_dprime_loglinear, alpha),
        detection,
        equivalence: margin.and_then(|margin| proportion.equivalence_to_chance(margin, alpha).ok()),
        p_side_bias: chosen_left.test(0.5).ok()?.p_two_sided,
        correct,
        chosen_left,
    })
}

/// The first scale question is the confidence.
fn by_confidence(readings: &Readings) -> Vec<ConfidenceStep> {
    let is_scale = |kind: &AnswerKind| matches!(kind, AnswerKind::Scale { .. });
    let Some(question) = readings.questions.iter().find(|q| is_scale(&q.answer)) else { return Vec::new() };
    let mut steps = Vec::new();
    for reader in readings.readers() {
        let answered: Vec<(f64, bool)> = readings
            .main()
            .filter(|row| row.reader == reader)
            .filter_map(|row| Some((row.answers()?.get(&question.id)?.number()?, row.judged.correct?)))
            .collect();
        let mut stated: Vec<f64> = answered.iter().map(|(confidence, _)| *confidence).collect();
        stated.sort_by(f64::total_cmp);
        stated.dedup();
        for confidence in stated {
            let right = answered.iter().filter(|(c, _)| *c == confidence).map(|(_, right)| *right);
            if let Some(correct) = Share::of(right, readings.plan.alpha) {
                steps.push(ConfidenceStep { reader: reader.clone(), confidence, correct });
            }
        }
    }
    steps
}

impl ForcedChoiceResult {
    /// The tests that the design declares: each synthetic arm's proportion correct against chance.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        let test = |mean: &ReadersMean| {
            let name = format!("{} beside a real image: proportion correct against 0.5, all readers", mean.modality);
            PlannedTest::new(name, mean.against.and_then(|a| a.p))
        };
        self.means.iter().map(test).collect()
    }
}
