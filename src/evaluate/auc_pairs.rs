//! Areas under ROC curves of two models on the same cases, compared after DeLong, DeLong and Clarke-Pearson 1988.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::run::Evaluation;
use crate::reader_study::analysis::delong::paired_test;
use crate::reader_study::analysis::multiplicity::holm;
use crate::reader_study::analysis::roc::Scores;

/// Two models' areas for one target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AucDifference {
    /// Of what: the class, or empty where there is one.
    pub target: String,
    /// One model.
    pub first: String,
    /// The other.
    pub second: String,
    /// Positive cases that both scored.
    pub positives: usize,
    /// Negative cases that both scored.
    pub negatives: usize,
    /// The two areas on these cases.
    pub auc: Option<[f64; 2]>,
    /// First minus second.
    pub difference: Option<f64>,
    /// Its interval, from the normal distribution.
    pub interval: Option<[f64; 2]>,
    /// DeLong's test, two-sided; none where the scores do not differ.
    pub p: Option<f64>,
    /// p after Holm over all targets and pairs.
    pub p_holm: Option<f64>,
    /// Why there is no test.
    pub undefined: Option<String>,
}

/// Every pair of models for every target that both scored.
#[must_use]
pub fn auc_differences(evaluation: &Evaluation) -> Vec<AucDifference> {
    let targets: BTreeSet<&str> =
        evaluation.records.iter().flat_map(|r| &r.scored).map(|s| s.target.as_str()).collect();
    let mut found = Vec::new();
    for target in targets {
        let of: Vec<BTreeMap<usize, (f64, bool)>> =
            (0..evaluation.models.len()).map(|model| scored(evaluation, model, target)).collect();
        for first in 0..of.len() {
            for second in first + 1..of.len() {
                let both: Vec<(f64, f64, bool)> = of[first]
                    .iter()
                    .filter_map(|(case, (score, truth))| Some((*score, of[second].get(case)?.0, *truth)))
                    .collect();
                if !both.is_empty() {
                    let names = [first, second].map(|n| evaluation.models[n].name.clone());
                    found.push(compared(target, names, &both, evaluation.plan.statistics.alpha));
                }
            }
        }
    }
    let p: Vec<f64> = found.iter().filter_map(|d| d.p).collect();
    found.iter_mut().filter(|d| d.p.is_some()).zip(holm(&p)).for_each(|(d, p)| d.p_holm = Some(p));
    found
}

/// Score and truth of each case with one model, by the case's place. A case counts once: its first score.
fn scored(evaluation: &Evaluation, model: usize, target: &str) -> BTreeMap<usize, (f64, bool)> {
    let first = |(case, record): (usize, &crate::evaluate::Record)| {
        let score = record.scored.iter().find(|s| s.target == target)?;
        Some((case, (score.score, score.truth)))
    };
    evaluation.of_model(model).map(|(case, _, record)| (case, record)).filter_map(first).collect()
}

fn compared(target: &str, [first, second]: [String; 2], both: &[(f64, f64, bool)], alpha: f64) -> AucDifference {
    let truth: Vec<bool> = both.iter().map(|b| b.2).collect();
    let positives = truth.iter().filter(|t| **t).count();
    let column = |of: fn(&(f64, f64, bool)) -> f64| Scores::new(&truth, &both.iter().map(of).collect::<Vec<_>>());
    let test = column(|b| b.0).and_then(|a| paired_test(&a, &column(|b| b.1)?, alpha));
    let mut difference = AucDifference {
        target: target.to_owned(),
        first,
        second,
        positives,
        negatives: truth.len() - positives,
        auc: None,
        difference: None,
        interval: None,
        p: None,
        p_holm: None,
        undefined: None,
    };
    match test {
        Ok(test) => {
            difference.auc = Some(test.auc);
            difference.difference = Some(test.difference);
            difference.interval = (test.se > 0.0).then_some(test.interval);
            difference.p = test.p;
            difference.undefined = test.p.is_none().then(|| "the two order the cases alike".to_owned());
        }
        Err(why) => difference.undefined = Some(why.to_string()),
    }
    difference
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: DeLong's formula in numpy, all pairs one by one; `tests/expected/make_measure.py`.
    #[test]
    fn two_models_on_the_same_cases_are_compared_after_delong() {
        let truth = [true, true, true, true, true, false, false, false, false, false, false, false];
        let a = [0.9, 0.8, 0.7, 0.6, 0.3, 0.5, 0.4, 0.35, 0.2, 0.1, 0.65, 0.15];
        let b = [0.6, 0.9, 0.2, 0.5, 0.4, 0.55, 0.3, 0.1, 0.45, 0.7, 0.25, 0.35];
        let both: Vec<(f64, f64, bool)> = (0..12).map(|n| (a[n], b[n], truth[n])).collect();
        let found = compared("", ["a".into(), "b".into()], &both, 0.05);
        let expected: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/evaluate/delong.json")).unwrap();
        let number = |name: &str| expected[name].as_f64().unwrap();
        let [first, second] = found.auc.unwrap();
        assert!((first - number("auc_a")).abs() < 1e-12 && (second - number("auc_b")).abs() < 1e-12);
        assert!((found.p.unwrap() - number("p")).abs() < 1e-9, "{found:?}");
        assert!((found.interval.unwrap()[0] - number("low")).abs() < 1e-9);
    }

    #[test]
    fn one_class_or_equal_orders_have_no_test_and_say_why() {
        let one_class = compared("", ["a".into(), "b".into()], &[(0.1, 0.2, true), (0.3, 0.1, true)], 0.05);
        assert!(one_class.p.is_none() && one_class.undefined.is_some());
        let alike = [(0.1, 1.0, false), (0.2, 2.0, false), (0.3, 3.0, true), (0.4, 4.0, true)];
        let alike = compared("", ["a".into(), "b".into()], &alike, 0.05);
        assert_eq!((alike.difference, alike.p), (Some(0.0), None));
        assert!(alike.undefined.unwrap().contains("alike"));
    }
}
