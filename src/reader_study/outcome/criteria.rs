//! Ordinal answers of readers to one question, arm by arm: what grading and approval have in common.

use crate::reader_study::design::{AnswerKind, Question};
use std::collections::BTreeMap;

use serde::Serialize;

use crate::reader_study::analysis::agreement::{Weights, cohen_kappa};
use crate::reader_study::analysis::krippendorff::{Scale, alpha as krippendorff};

use super::readings::{Reading, Readings};

/// The steps of an ordinal question, as numbers; empty when it is none.
#[must_use]
pub fn steps(question: &Question) -> Vec<f64> {
    match &question.answer {
        AnswerKind::Scale { from, to, .. } => (*from..=*to).map(|step| step as f64).collect(),
        AnswerKind::Choice { options, several: false } => (0..options.len()).map(|at| at as f64).collect(),
        _ => Vec::new(),
    }
}

/// The answer to an ordinal question as a number: the step, or the place of the option in the order of what
/// options mean ([`Question::ordered_options`]).
#[must_use]
pub fn step(question: &Question, row: &Reading) -> Option<f64> {
    let value = row.answers()?.get(&question.id)?;
    match &question.answer {
        AnswerKind::Scale { .. } => value.number(),
        AnswerKind::Choice { several: false, .. } => {
            let text = value.text()?;
            question.ordered_options().iter().position(|option| option == text).map(|at| at as f64)
        }
        _ => None,
    }
}

/// Answers to one question in one arm, by reader and case.
pub type Table = BTreeMap<String, BTreeMap<String, f64>>;

/// The main answers to a question in an arm.
#[must_use]
pub fn table(readings: &Readings, question: &Question, arm: &str) -> Table {
    let mut table = Table::new();
    for row in readings.main().filter(|row| row.modality() == arm) {
        if let Some(step) = step(question, row) {
            table.entry(row.reader.clone()).or_default().insert(row.unit(), step);
        }
    }
    table
}

/// How well readers agree on one question in one arm.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Agreement {
    /// The question.
    pub question: String,
    /// The arm.
    pub modality: String,
    /// Mean of the quadratically weighted kappas of every pair of readers; none with one reader.
    pub mean_kappa: Option<f64>,
    /// Krippendorff's alpha, ordinal, missing readings allowed; none when all answers are the same.
    pub krippendorff_alpha: Option<f64>,
    /// Every pair of readers that share cases.
    pub pairs: Vec<PairKappa>,
}

/// Two readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairKappa {
    /// Who.
    pub readers: [String; 2],
    /// Cases that both read.
    pub cases: usize,
    /// Quadratically weighted kappa; none when chance alone would agree on everything.
    pub kappa: Option<f64>,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
}

/// Agreement of readers on a question in an arm; none with one reader or no case in common.
#[must_use]
pub fn agreement(readings: &Readings, question: &Question, arm: &str) -> Option<Agreement> {
    let table = table(readings, question, arm);
    let scale = steps(question);
    let mut pairs = Vec::new();
    for (at, (first, a)) in table.iter().enumerate() {
        for (second, b) in table.iter().skip(at + 1) {
            let both: Vec<(f64, f64)> = a.iter().filter_map(|(case, a)| Some((*a, *b.get(case)?))).collect();
            let (a, b): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
            let Ok(found) = cohen_kappa(&scale, &a, &b, Weights::Quadratic, readings.plan.alpha) else { continue };
            let readers = [first.clone(), second.clone()];
            let (kappa, interval) = (found.map(|k| k.kappa), found.map(|k| k.interval));
            pairs.push(PairKappa { readers, cases: a.len(), kappa, interval });
        }
    }
    if pairs.is_empty() {
        return None;
    }
    let kappas: Vec<f64> = pairs.iter().filter_map(|pair| pair.kappa).collect();
    let cases: std::collections::BTreeSet<&String> = table.values().flat_map(BTreeMap::keys).collect();
    let ratings: Vec<Vec<Option<f64>>> =
        table.values().map(|of| cases.iter().map(|case| of.get(*case).copied()).collect()).collect();
    Some(Agreement {
        question: question.id.clone(),
        modality: arm.to_owned(),
        mean_kappa: (!kappas.is_empty()).then(|| kappas.iter().sum::<f64>() / kappas.len() as f64),
        krippendorff_alpha: krippendorff(&ratings, Scale::Ordinal).ok().flatten(),
        pairs,
    })
}
