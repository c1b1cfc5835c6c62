//! Each measure of each model in a few numbers, and the models in pairs.

use rayon::prelude::*;
use serde::Serialize;

use super::bootstrap::Bootstrap;
use super::measure::{About, Better};
use super::run::Evaluation;
use super::values::{Values, by_patient};
use crate::reader_study::analysis::multiplicity::holm;
use crate::reader_study::analysis::paired::{ZeroDifferences, wilcoxon};
use crate::report::plots::quartiles::quantile;

/// A measure of a model over all cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The model.
    pub model: String,
    /// The measure.
    pub measure: String,
    /// Cases with a number.
    pub n: usize,
    /// Their patients.
    pub patients: usize,
    /// Why the others have none, and how many.
    pub undefined: Vec<(String, usize)>,
    /// Mean.
    pub mean: Option<f64>,
    /// Standard deviation, `n - 1` in the denominator.
    pub sd: Option<f64>,
    /// Lowest.
    pub min: Option<f64>,
    /// Lower quartile.
    pub q1: Option<f64>,
    /// Median.
    pub median: Option<f64>,
    /// Upper quartile.
    pub q3: Option<f64>,
    /// Highest.
    pub max: Option<f64>,
    /// Bootstrap interval of the mean.
    pub interval: Option<[f64; 2]>,
    /// Why there is none.
    pub no_interval: Option<String>,
}

/// Two models on the same cases.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairedDifference {
    /// The measure.
    pub measure: String,
    /// One model.
    pub first: String,
    /// The other.
    pub second: String,
    /// Cases for which both have a number.
    pub n: usize,
    /// Their patients.
    pub patients: usize,
    /// For a measure that is best near 0 the differences are those of the sizes, without their signs.
    pub sizes: bool,
    /// Mean difference, first minus second.
    pub difference: Option<f64>,
    /// Bootstrap interval of it.
    pub interval: Option<[f64; 2]>,
    /// Wilcoxon's signed rank test, two-sided, of one difference a patient; none where no patient differs.
    pub p: Option<f64>,
    /// Whether p is exact; else from the normal distribution.
    pub exact: bool,
    /// p after Holm over all pairs and measures.
    pub p_holm: Option<f64>,
}

pub(super) fn bootstrap(evaluation: &Evaluation) -> Bootstrap {
    let s = evaluation.plan.statistics;
    Bootstrap { resamples: s.resamples, seed: evaluation.plan.seed, alpha: s.alpha, method: s.interval }
}

/// Summaries by measure, then by model.
#[must_use]
pub fn summaries(evaluation: &Evaluation) -> Vec<Summary> {
    let bootstrap = bootstrap(evaluation);
    let cells = cells(evaluation);
    let one = |(measure, model): &(&str, usize)| {
        let name = evaluation.models[*model].name.clone();
        let values = Values::of(evaluation, *model, measure);
        let clusters = values.clusters();
        let interval = bootstrap.mean_interval(&clusters, &format!("summary {measure} {name}"));
        let mut numbers = values.numbers();
        numbers.sort_by(f64::total_cmp);
        let n = numbers.len() as f64;
        let mean = (n > 0.0).then(|| numbers.iter().sum::<f64>() / n);
        let sd = mean.filter(|_| n > 1.0).map(|mean| standard_deviation(&numbers, mean));
        Summary {
            model: name,
            measure: (*measure).to_owned(),
            n: numbers.len(),
            patients: clusters.len(),
            undefined: values.undefined.into_iter().collect(),
            mean,
            sd,
            min: numbers.first().copied(),
            q1: quantile(&numbers, 0.25),
            median: quantile(&numbers, 0.5),
            q3: quantile(&numbers, 0.75),
            max: numbers.last().copied(),
            interval: interval.ok(),
            no_interval: interval.err().map(|e| e.to_string()),
        }
    };
    cells.par_iter().map(one).collect()
}

fn cells(evaluation: &Evaluation) -> Vec<(&str, usize)> {
    let models = 0..evaluation.models.len();
    evaluation.measures.iter().flat_map(|(m, _)| models.clone().map(move |n| (m.as_str(), n))).collect()
}

pub(super) fn standard_deviation(values: &[f64], mean: f64) -> f64 {
    (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0)).sqrt()
}

/// Every pair of models by measure; p values are corrected after Holm over all of them.
#[must_use]
pub fn paired_differences(evaluation: &Evaluation) -> Vec<PairedDifference> {
    let bootstrap = bootstrap(evaluation);
    let count = evaluation.models.len();
    let pairs: Vec<(&(String, About), usize, usize)> = evaluation
        .measures
        .iter()
        .flat_map(|m| (0..count).flat_map(move |a| (a + 1..count).map(move |b| (m, a, b))))
        .collect();
    let one = |((measure, about), a, b): &(&(String, About), usize, usize)| {
        let (first, second) = (evaluation.models[*a].name.clone(), evaluation.models[*b].name.clone());
        let sizes = about.better == Better::NearZero;
        let values = paired(&Values::of(evaluation, *a, measure), &Values::of(evaluation, *b, measure), sizes);
        let clusters = values.clusters();
        let means = values.patient_means();
        let zeros = vec![0.0; means.len()];
        let test = wilcoxon(&means, &zeros, ZeroDifferences::Dropped).ok();
        let exact = test.and_then(|t| t.p_exact);
        PairedDifference {
            measure: measure.clone(),
            n: values.found.len(),
            patients: clusters.len(),
            sizes,
            difference: (!clusters.is_empty()).then(|| clusters.mean()),
            interval: bootstrap.mean_interval(&clusters, &format!("pair {measure} {first} {second}")).ok(),
            p: exact.or_else(|| test.and_then(|t| t.p_normal)),
            exact: exact.is_some(),
            p_holm: None,
            first,
            second,
        }
    };
    let mut differences: Vec<PairedDifference> = pairs.par_iter().map(one).collect();
    let p: Vec<f64> = differences.iter().filter_map(|d| d.p).collect();
    let tested = differences.iter_mut().filter(|d| d.p.is_some());
    tested.zip(holm(&p)).for_each(|(difference, p)| difference.p_holm = Some(p));
    differences
}

/// Differences of the cases that have both; of their sizes where a measure is best near 0.
fn paired<'a>(first: &Values<'a>, second: &Values<'a>, sizes: bool) -> Values<'a> {
    let size = |value: f64| if sizes { value.abs() } else { value };
    let others: std::collections::BTreeMap<usize, f64> = second.found.iter().map(|f| (f.0, f.2)).collect();
    let both = |f: &(usize, &'a str, f64)| Some((f.0, f.1, size(f.2) - size(*others.get(&f.0)?)));
    Values { found: first.found.iter().filter_map(both).collect(), ..Values::default() }
}

/// How many patients have more than one case; 0 where each case is its own.
#[must_use]
pub fn patients_with_several_cases(evaluation: &Evaluation) -> usize {
    by_patient(evaluation.cases.iter().map(|c| (c.patient(), 0.0))).values().filter(|v| v.len() > 1).count()
}
