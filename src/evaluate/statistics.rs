//! All statistics of an evaluation; what `veritome evaluate --json` prints.

use serde::Serialize;

use super::auc_pairs::{AucDifference, auc_differences};
use super::errors::EvaluateError;
use super::measure::{About, Better};
use super::run::Evaluation;
use super::subgroups::{Subgroups, subgroups};
use super::summary::{PairedDifference, Summary, paired_differences, summaries};

/// A measure's name and what is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeasureRow {
    /// The name in tables.
    pub measure: String,
    /// Its title, unit and direction.
    #[serde(flatten)]
    pub about: About,
}

/// A job that failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FailedJob {
    /// The case.
    pub case: String,
    /// The model.
    pub model: String,
    /// Why.
    pub reason: String,
}

/// Everything that is computed of the records.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// SHA-256 of the plan.
    pub plan_sha256: String,
    /// How many cases.
    pub cases: usize,
    /// How many jobs were finished before.
    pub reused: usize,
    /// What was measured.
    pub measures: Vec<MeasureRow>,
    /// The measure by which cases are the worst, and that the report shows first.
    pub headline: Option<String>,
    /// By measure, then by model.
    pub summaries: Vec<Summary>,
    /// Every pair of models by measure.
    pub differences: Vec<PairedDifference>,
    /// Every pair of models by target of their scores.
    pub auc_differences: Vec<AucDifference>,
    /// By column, then by measure, then by model.
    pub subgroups: Vec<Subgroups>,
    /// Jobs without a result.
    pub failures: Vec<FailedJob>,
    /// What was missing of which case, and what was wrong with the store.
    pub findings: Vec<String>,
}

impl Statistics {
    /// Computes them; the same records, plan and seed give the same numbers on every machine.
    ///
    /// # Errors
    /// When the plan names a measure for the worst cases that was not measured.
    pub fn of(evaluation: &Evaluation) -> Result<Self, EvaluateError> {
        let failures = evaluation.records.iter().filter_map(|r| {
            Some(FailedJob { case: r.case.clone(), model: r.model.clone(), reason: r.failed.clone()? })
        });
        let findings = evaluation.findings.iter().map(ToString::to_string);
        Ok(Self {
            plan_sha256: evaluation.plan.sha256.clone(),
            cases: evaluation.cases.len(),
            reused: evaluation.reused,
            measures: evaluation
                .measures
                .iter()
                .map(|(measure, about)| MeasureRow { measure: measure.clone(), about: about.clone() })
                .collect(),
            headline: headline(evaluation)?,
            summaries: summaries(evaluation),
            differences: paired_differences(evaluation),
            auc_differences: auc_differences(evaluation),
            subgroups: subgroups(evaluation),
            failures: failures.collect(),
            findings: findings.chain(evaluation.notes.iter().cloned()).collect(),
        })
    }
}

/// The plan's measure, else the first that has a direction. None where nothing has one, or every job failed.
fn headline(evaluation: &Evaluation) -> Result<Option<String>, EvaluateError> {
    let first = evaluation.measures.iter().find(|(_, about)| about.better != Better::Unknown);
    let Some(wished) = &evaluation.plan.worst_by else { return Ok(first.map(|(m, _)| m.clone())) };
    match evaluation.measures.iter().find(|(m, _)| m == wished) {
        Some((measure, _)) => Ok(Some(measure.clone())),
        None if evaluation.measures.is_empty() => Ok(None),
        None => {
            let known = evaluation.measures.iter().map(|(m, _)| m.clone()).collect();
            Err(EvaluateError::WorstBy { found: wished.clone(), known })
        }
    }
}
