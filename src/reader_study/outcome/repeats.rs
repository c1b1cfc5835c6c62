//! Does a reader give the same answer twice? Agreement of repeated trials with their first showing.

use crate::reader_study::design::{AnswerKind, Question, Role};
use std::collections::HashMap;

use serde::Serialize;

use crate::reader_study::analysis::agreement::{Weights, cohen_kappa};
use crate::reader_study::analysis::intraclass::intraclass;

use super::criteria::{step, steps};
use super::readings::{Reading, Readings};
use super::shares::Share;

/// One reader's agreement with himself or herself on one question.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SelfAgreement {
    /// The reader.
    pub reader: String,
    /// The question.
    pub question: String,
    /// Trials read twice.
    pub trials: usize,
    /// The same answer both times.
    pub same: Share,
    /// Which figure.
    pub figure: &'static str,
    /// Its value; none with fewer than 2 trials, or when answers do not vary.
    pub value: Option<f64>,
    /// Its interval.
    pub interval: Option<[f64; 2]>,
}

/// Scales of more steps than this are taken as measurements.
const MOST_STEPS: usize = 15;

const ORDINAL: &str = "kappa, quadratic weights";
const NOMINAL: &str = "kappa, unweighted";
const INTRACLASS: &str = "ICC(2,1)";

/// Every reader with repeated trials: the primary question, and every other scale.
#[must_use]
pub fn self_agreement(readings: &Readings) -> Vec<SelfAgreement> {
    let firsts: HashMap<(&str, &str), &Reading> =
        readings.rows.iter().map(|row| ((row.reader.as_str(), row.code.as_str()), row)).collect();
    let pairs: Vec<(&Reading, &Reading)> = readings
        .rows
        .iter()
        .filter(|row| row.role == Role::Repeat)
        .filter_map(|again| Some((*firsts.get(&(again.reader.as_str(), again.repeats.as_deref()?))?, again)))
        .collect();
    let is_primary = |q: &Question| readings.primary.as_ref().is_some_and(|primary| primary.id == q.id);
    let mut all = Vec::new();
    for question in readings.questions.iter().filter(|q| is_primary(q) || matches!(q.answer, AnswerKind::Scale { .. }))
    {
        for reader in readings.readers() {
            let own = pairs.iter().filter(|(first, _)| first.reader == reader);
            let answers: Vec<(f64, f64)> =
                own.filter_map(|(first, again)| Some((value(question, first)?, value(question, again)?))).collect();
            all.extend(one_reader(reader, question, &answers, readings.plan.alpha));
        }
    }
    all
}

/// The answer as a number. Of pairs of images not the side counts but the arm that was chosen: 0 for none, then by name.
fn value(question: &Question, row: &Reading) -> Option<f64> {
    if let (AnswerKind::Marks { .. }, Some(rating)) = (&question.answer, row.judged.rating) {
        return Some(rating);
    }
    let step = step(question, row)?;
    if row.modalities.len() < 2 || !matches!(question.answer, AnswerKind::Choice { .. }) {
        return Some(step);
    }
    let Some(chosen) = row.judged.chosen else { return Some(0.0) };
    let lower = row.modalities.iter().enumerate().min_by(|a, b| a.1.cmp(b.1)).map(|(at, _)| at)?;
    Some(if chosen == lower { 1.0 } else { 2.0 })
}

fn one_reader(reader: String, question: &Question, answers: &[(f64, f64)], alpha: f64) -> Option<SelfAgreement> {
    let same = Share::of(answers.iter().map(|(a, b)| a == b), alpha)?;
    let (first, again): (Vec<f64>, Vec<f64>) = answers.iter().copied().unzip();
    let kappa = |scale: &[f64], weights| {
        cohen_kappa(scale, &first, &again, weights, alpha).ok().flatten().map(|k| (k.kappa, k.interval))
    };
    let scale = steps(question);
    let (figure, found) = match &question.answer {
        AnswerKind::Choice { .. } => {
            let places: Vec<f64> = (0..scale.len().max(3)).map(|at| at as f64).collect();
            (NOMINAL, kappa(&places, Weights::Unweighted))
        }
        AnswerKind::Scale { .. } if scale.len() <= MOST_STEPS => (ORDINAL, kappa(&scale, Weights::Quadratic)),
        _ => {
            let ratings: Vec<Vec<f64>> = answers.iter().map(|(a, b)| vec![*a, *b]).collect();
            let found = intraclass(&ratings, alpha).ok().flatten();
            (INTRACLASS, found.map(|icc| (icc.icc_2_1.icc, icc.icc_2_1.interval)))
        }
    };
    Some(SelfAgreement {
        reader,
        question: question.id.clone(),
        trials: answers.len(),
        same,
        figure,
        value: found.map(|(value, _)| value),
        interval: found.map(|(_, interval)| interval),
    })
}
