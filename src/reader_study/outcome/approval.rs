//! Approval: how often is a result approved, and do readers agree?

use crate::reader_study::design::Question as Asked;
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
    /// Those of them that mean approved.
    pub approved: Vec<String>,
    /// Every reader in every arm.
    pub readers: Vec<ApprovalReader>,
    /// All readers in every arm: the best option, where several mean approved, and approved.
    pub means: Vec<ReadersMean>,
    /// Arms compared by how much was approved; none with one arm.
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
    pub shares: Vec<OptionShare>,
    /// Share of what was approved.
    pub approved: Share,
}

/// How often one option was answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OptionShare {
    /// The option.
    pub option: String,
    /// How often.
    #[serde(flatten)]
    pub share: Share,
}

/// Analyses an approval study; what cannot be said goes to `warnings`.
#[must_use]
pub fn analyse(readings: &Readings, warnings: &mut Vec<String>) -> ApprovalResult {
    let (alpha, margin) = (readings.plan.alpha, readings.plan.margin);
    let (options, approved) = readings.primary.as_ref().map(|asked| meaning(asked, warnings)).unwrap_or_default();
    let figures = figures(&approved);
    let mut result = ApprovalResult {
        options,
        approved,
        readers: Vec::new(),
        means: Vec::new(),
        comparison: None,
        agreement: Vec::new(),
    };
    let mut by_arm = Vec::new();
    for modality in readings.arms() {
        let rows: Vec<&Reading> = readings.main().filter(|row| row.modality() == modality).collect();
        for reader in readings.readers() {
            let own: Vec<f64> = rows.iter().filter(|r| r.reader == reader).filter_map(|r| r.judged.rating).collect();
            let share = |wanted: &dyn Fn(f64) -> bool| Share::of(own.iter().map(|at| wanted(*at)), alpha);
            let of_option = |(at, option): (usize, &String)| {
                Some(OptionShare { option: option.clone(), share: share(&|found| found == at as f64)? })
            };
            let shares = result.options.iter().enumerate().filter_map(of_option).collect();
            if let Some(approved) = share(&|at| at < result.approved.len() as f64) {
                result.readers.push(ApprovalReader { reader, modality: modality.clone(), shares, approved });
            }
        }
        for (figure, count) in &figures {
            let scored = |row: &&Reading| {
                let value = f64::from(u8::from(row.judged.rating? < *count as f64));
                Some(Scored { reader: row.reader.clone(), unit: row.unit(), value })
            };
            let scores: Vec<Scored> = rows.iter().filter_map(scored).collect();
            match of_scores(figure, &modality, &scores, Question { chance: None, margin: None, alpha }) {
                Ok(mean) => result.means.push(mean),
                Err(error) => warnings.push(format!("`{figure}` in {modality} has no mean over readers: {error}")),
            }
            if *count == result.approved.len() {
                by_arm.push((modality.clone(), scores));
            }
        }
        let primary = readings.primary.as_ref();
        result.agreement.extend(primary.and_then(|question| agreement(readings, question, &modality)));
    }
    if let (true, Some((figure, _))) = (by_arm.len() > 1, figures.last()) {
        match compare_arms(figure, &by_arm, margin, alpha) {
            Ok(comparison) => result.comparison = Some(comparison),
            Err(error) => warnings.push(format!("the arms were not compared: {error}")),
        }
    }
    result
}

/// The options from best to worst, and those that mean approved.
///
/// A plan that was frozen before it had to say which they are is read as it was then: the first two, or the first of two.
fn meaning(asked: &Asked, warnings: &mut Vec<String>) -> (Vec<String>, Vec<String>) {
    let options = asked.best_to_worst();
    let mut approved = asked.approved_options();
    if approved.is_empty() {
        approved = options.iter().take(options.len().saturating_sub(1).min(2)).cloned().collect();
        warnings.push(format!(
            "the plan does not say which options mean approved; taken for approved: {}",
            quoted(&approved).join(", ")
        ));
    }
    (options, approved)
}

fn quoted(options: &[String]) -> Vec<String> {
    options.iter().map(|option| format!("`{option}`")).collect()
}

/// What is averaged over readers, each with how many of the best options count; the last one is "approved".
fn figures(approved: &[String]) -> Vec<(String, usize)> {
    let of = |count: usize| format!("answered {}", quoted(approved.get(..count).unwrap_or_default()).join(" or "));
    let best = (approved.len() > 1).then(|| (of(1), 1));
    best.into_iter().chain((!approved.is_empty()).then(|| (of(approved.len()), approved.len()))).collect()
}

impl ApprovalResult {
    /// The tests that the design declares: every pair of arms.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        self.comparison.as_ref().map(|found| of_pairs(&found.figure, &found.comparisons)).unwrap_or_default()
    }
}
