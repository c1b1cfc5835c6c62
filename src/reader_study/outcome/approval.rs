//! Approval: how often is a result approved, and do readers agree?

use crate::reader_study::design::AnswerKind;
use serde::Serialize;

use super::criteria::{Agreement, agreement};
use super::planned_tests::{PlannedTest, of_pairs};
use super::readers_mean::{ArmComparison, Question, ReadersMean, Scored, compare_arms, of_scores};
use super::readings::{Reading, Readings};
use super::shares::Share;

/// The result of an approval study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApprovalResult {
    /// The options from best to worst.
    pub options: Vec<String>,
    /// Every reader in every arm.
    pub readers: Vec<ApprovalReader>,
    /// All readers in every arm: approved as it is, and approved at most with minor edits.
    pub means: Vec<ReadersMean>,
    /// Arms compared by approval at most with minor edits; none with one arm.
    pub comparison: Option<ArmComparison>,
    /// How readers agree in each arm, options as an ordinal scale.
    pub agreement: Vec<Agreement>,
}

/// One reader in one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ApprovalReader {
    /// The reader.
    pub reader: String,
    /// The arm.
    pub modality: String,
    /// Share of each option, in the order of `options`.
    pub shares: Vec<Share>,
    /// Share of the first two options together: usable at most with minor edits.
    pub usable: Share,
}

/// Analyses an approval study; what cannot be said goes to `warnings`.
#[must_use]
pub fn analyse(readings: &Readings, warnings: &mut Vec<String>) -> ApprovalResult {
    let (alpha, margin) = (readings.plan.alpha, readings.plan.margin);
    let options = match readings.primary.as_ref().map(|question| &question.answer) {
        Some(AnswerKind::Choice { options, .. }) => options.clone(),
        _ => Vec::new(),
    };
    let mut result =
        ApprovalResult { options, readers: Vec::new(), means: Vec::new(), comparison: None, agreement: Vec::new() };
    let mut usable = Vec::new();
    for modality in readings.arms() {
        let rows: Vec<&Reading> = readings.main().filter(|row| row.modality() == modality).collect();
        for reader in readings.readers() {
            let own: Vec<f64> = rows.iter().filter(|r| r.reader == reader).filter_map(|r| r.judged.rating).collect();
            let share = |wanted: &dyn Fn(f64) -> bool| Share::of(own.iter().map(|at| wanted(*at)), alpha);
            let shares = (0..result.options.len()).filter_map(|at| share(&|found| found == at as f64)).collect();
            if let Some(usable) = share(&|at| at <= 1.0) {
                result.readers.push(ApprovalReader { reader, modality: modality.clone(), shares, usable });
            }
        }
        for (figure, last) in [("approved as it is", 0.0), (USABLE, 1.0)] {
            let scored = |row: &&Reading| {
                let value = f64::from(u8::from(row.judged.rating? <= last));
                Some(Scored { reader: row.reader.clone(), unit: row.unit(), value })
            };
            let scores: Vec<Scored> = rows.iter().filter_map(scored).collect();
            match of_scores(figure, &modality, &scores, Question { chance: None, margin: None, alpha }) {
                Ok(mean) => result.means.push(mean),
                Err(error) => warnings.push(format!("`{figure}` in {modality} has no mean over readers: {error}")),
            }
            if last > 0.0 {
                usable.push((modality.clone(), scores));
            }
        }
        let primary = readings.primary.as_ref();
        result.agreement.extend(primary.and_then(|question| agreement(readings, question, &modality)));
    }
    if usable.len() > 1 {
        match compare_arms(USABLE, &usable, margin, alpha) {
            Ok(comparison) => result.comparison = Some(comparison),
            Err(error) => warnings.push(format!("the arms were not compared: {error}")),
        }
    }
    result
}

const USABLE: &str = "approved at most with minor edits";

impl ApprovalResult {
    /// The tests that the design declares: every pair of arms.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        self.comparison.as_ref().map(|found| of_pairs(USABLE, &found.comparisons)).unwrap_or_default()
    }
}
