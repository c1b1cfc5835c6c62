//! How well traits tell the arms apart: each by itself, and all of them in a trivial classifier.

use rayon::prelude::*;
use serde::Serialize;

use super::arms::{Arm, Arms};
use super::clustered_auc::{ArmAuc, clustered_auc};
use super::cross_validation::{draw_folds, out_of_fold};
use super::errors::LeakError;
use super::logistic::RidgeLogistic;
use super::table::TraitTable;
use crate::metrics::sets::draws::{permutation_p, seeded};
use crate::metrics::sets::quantiles::quantiles;
use crate::reader_study::analysis::distribution::normal_quantile;
use crate::reader_study::analysis::multiplicity::holm;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct LeakOptions {
    /// Highest adjusted p value that counts as a difference, 0 to 1.
    pub level: f64,
    /// One minus the confidence of intervals, 0 to 1.
    pub alpha: f64,
    /// Folds of the classifier, 2 or more.
    pub folds: usize,
    /// Inverse of the classifier's ridge penalty, above 0; 1 is scikit-learn's default.
    pub c: f64,
    /// Relabellings for each trait.
    pub trait_permutations: usize,
    /// Relabellings for the classifier, which is fitted anew for each.
    pub permutations: usize,
    /// Of folds and relabellings.
    pub seed: u64,
    /// Names of the models used, and other words that must not stand in names and texts.
    pub words: Vec<String>,
}

impl Default for LeakOptions {
    fn default() -> Self {
        Self {
            level: 0.05,
            alpha: 0.05,
            folds: 5,
            c: 1.0,
            trait_permutations: 9999,
            permutations: 999,
            seed: 0,
            words: Vec::new(),
        }
    }
}

impl LeakOptions {
    /// Whether all can be.
    pub(super) fn check(&self) -> Result<(), LeakError> {
        let refused = |name, value, expected| Err(LeakError::Option { name, value, expected });
        for (name, value) in [("the level", self.level), ("alpha", self.alpha)] {
            if !(value > 0.0 && value < 1.0) {
                return refused(name, value, "it lies between 0 and 1");
            }
        }
        if self.folds < 2 {
            return refused("the number of folds", self.folds as f64, "it is 2 or more");
        }
        if !(self.c > 0.0 && self.c.is_finite()) {
            return refused("the inverse penalty", self.c, "it is above 0");
        }
        Ok(())
    }
}

/// One trait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TraitResult {
    /// Its name.
    pub name: String,
    /// Area: the chance that an image of arm B has more of it.
    #[serde(flatten)]
    pub auc: ArmAuc,
    /// Two-sided, by relabelling whole patients.
    pub p: f64,
    /// After Holm, over all traits and the classifier.
    pub p_adjusted: f64,
    /// Median in arm A and in arm B.
    pub medians: [f64; 2],
    /// Why it names the arm of every image outright, for instance `512 in all of arm A, 256 in all of arm B`.
    pub gives_away: Option<String>,
}

/// The classifier on all traits: standardised logistic regression with a ridge penalty, cross-validated by patient.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassifierResult {
    /// Area of the pooled scores out of fold. Below 0.5 it means nothing; pooling pulls it down a little without a leak,
    /// which the relabelling does as well.
    #[serde(flatten)]
    pub auc: ArmAuc,
    /// One-sided, by relabelling whole patients and fitting anew.
    pub p: f64,
    /// After Holm, over all traits and the classifier.
    pub p_adjusted: f64,
    /// Folds used.
    pub folds: usize,
    /// Traits with the largest weights when fitted on all images, at most 5, with the weight of one standard deviation.
    pub strongest: Vec<(String, f64)>,
}

/// The answer for one kind of traits.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Separability {
    /// Traits that differ between images, in the order of the catalogue.
    pub traits: Vec<TraitResult>,
    /// Traits that are the same in all images.
    pub constant: Vec<String>,
    /// The classifier; none without a trait that differs, or when there are too few patients.
    pub classifier: Option<ClassifierResult>,
    /// Why there is no classifier.
    pub no_classifier: Option<String>,
    /// The smallest two-sided p value that relabelling these patients can give a trait.
    pub least_p: f64,
    /// The area from which one trait would be found 4 times in 5 (rank sums of one image a patient, Bonferroni for the
    /// number of traits); an unnoticed leak may be as strong as that.
    pub detectable_auc: f64,
}

impl Separability {
    /// Tests all traits of a table.
    ///
    /// # Errors
    /// When an option cannot be, or the classifier does not settle.
    pub fn new(table: &TraitTable, options: &LeakOptions) -> Result<Self, LeakError> {
        options.check()?;
        let arms = table.arms();
        let draw = |stream: u64| arms.relabelled(&mut seeded(options.seed, stream + 1));
        let relabelled: Vec<Arms> = (0..options.trait_permutations as u64).into_par_iter().map(draw).collect();
        let columns = table.names().iter().zip(table.columns());
        let mut traits: Vec<TraitResult> = columns
            .map(|(name, values)| one_trait(name, values, table, &relabelled, options))
            .collect::<Result<_, _>>()?;
        drop(relabelled);
        let (mut classifier, no_classifier) = match classify(table, options) {
            Ok(found) => (found, None),
            Err(reason @ LeakError::TooFew { .. }) => (None, Some(reason.to_string())),
            Err(other) => return Err(other),
        };
        let p: Vec<f64> = traits.iter().map(|t| t.p).chain(classifier.iter().map(|c| c.p)).collect();
        let mut adjusted = holm(&p).into_iter();
        let targets =
            traits.iter_mut().map(|t| &mut t.p_adjusted).chain(classifier.iter_mut().map(|c| &mut c.p_adjusted));
        for (target, p) in targets.zip(&mut adjusted) {
            *target = p;
        }
        Ok(Self {
            detectable_auc: detectable_auc(arms, options.level / p.len().max(1) as f64),
            least_p: (2.0 / arms.relabellings()).clamp(permutation_p(0, options.trait_permutations), 1.0),
            constant: table.constant().to_vec(),
            traits,
            classifier,
            no_classifier,
        })
    }
}

fn one_trait(
    name: &str,
    values: &[f64],
    table: &TraitTable,
    relabelled: &[Arms],
    options: &LeakOptions,
) -> Result<TraitResult, LeakError> {
    let auc = clustered_auc(values, table.arms(), options.alpha)?;
    let ranks = midranks(values);
    let apart = |arms: &Arms| (auc_of_ranks(&ranks, arms.arms()) - 0.5).abs();
    // Rounding must not tell a relabelling that changes nothing from the labels themselves.
    let seen = apart(table.arms()) - 1e-12;
    let as_extreme = relabelled.par_iter().filter(|arms| apart(arms) >= seen).count();
    let p = permutation_p(as_extreme, relabelled.len());
    let in_arms = [Arm::A, Arm::B].map(|arm| table.in_arm(values, arm));
    let median = |values: &Vec<f64>| quantiles(values, &[0.5]).first().copied().unwrap_or(f64::NAN);
    Ok(TraitResult {
        name: name.into(),
        auc,
        p,
        p_adjusted: p,
        medians: [median(&in_arms[0]), median(&in_arms[1])],
        gives_away: gives_away(&in_arms, table.arms(), p <= options.level),
    })
}

/// Named when each arm has a constant of its own, or (given a difference) few values none of which the other arm has.
fn gives_away(in_arms: &[Vec<f64>; 2], arms: &Arms, differs: bool) -> Option<String> {
    let distinct = in_arms.each_ref().map(|values| {
        let mut sorted = values.clone();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        sorted
    });
    let patients = patients_with(arms);
    let each_constant = distinct.iter().all(|d| d.len() == 1) && patients.iter().all(|n| *n >= 2);
    let few = distinct.iter().zip(patients).all(|(d, n)| d.len() <= 4 && 4 * d.len() <= n);
    let shared = distinct[0].iter().any(|v| distinct[1].contains(v));
    if shared || !(each_constant || (few && differs)) {
        return None;
    }
    let told = |values: &[f64]| values.iter().map(|v| short(*v)).collect::<Vec<_>>().join(" or ");
    Some(format!("{} in all of arm A, {} in all of arm B", told(&distinct[0]), told(&distinct[1])))
}

/// At most 6 significant digits.
pub(super) fn short(value: f64) -> String {
    let digits = if value == 0.0 { 0 } else { 5 - value.abs().log10().floor().clamp(-10.0, 5.0) as usize };
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').into() } else { text }
}

fn classify(table: &TraitTable, options: &LeakOptions) -> Result<Option<ClassifierResult>, LeakError> {
    let (arms, columns) = (table.arms(), table.columns());
    if columns.is_empty() {
        return Ok(None);
    }
    // Folds follow the labels, as they do in the study itself.
    let scores_of = |arms: &Arms| out_of_fold(columns, arms, &draw_folds(arms, options.folds, options.seed), options.c);
    let folds = draw_folds(arms, options.folds, options.seed).into_iter().max().map_or(0, |last| last + 1);
    let auc = clustered_auc(&scores_of(arms)?, arms, options.alpha)?;
    let auc_of = |stream: u64| {
        let arms = arms.relabelled(&mut seeded(options.seed, stream + 1));
        scores_of(&arms).map(|scores| auc_of_ranks(&midranks(&scores), arms.arms()))
    };
    let chance: Vec<f64> =
        (0..options.permutations as u64).into_par_iter().map(auc_of).collect::<Result<Vec<f64>, LeakError>>()?;
    let p = permutation_p(chance.iter().filter(|a| **a >= auc.auc - 1e-12).count(), chance.len());
    let positive: Vec<bool> = arms.arms().iter().map(|arm| *arm == Arm::B).collect();
    let everyone: Vec<usize> = (0..positive.len()).collect();
    let all = RidgeLogistic::fit(columns, &everyone, &positive, options.c)?;
    let mut strongest: Vec<(String, f64)> = table.names().iter().cloned().zip(all.weights().iter().copied()).collect();
    strongest.sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
    strongest.truncate(5);
    Ok(Some(ClassifierResult { auc, p, p_adjusted: p, folds, strongest }))
}

/// Rank of each value from 1, equal ones with their mean.
fn midranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        for at in tied {
            ranks[*at] = before as f64 + (tied.len() + 1) as f64 / 2.0;
        }
        before += tied.len();
    }
    ranks
}

/// The area, arm B above arm A.
fn auc_of_ranks(ranks: &[f64], arms: &[Arm]) -> f64 {
    let (mut sum, mut n) = (0.0, 0.0);
    for (rank, _) in ranks.iter().zip(arms).filter(|(_, arm)| **arm == Arm::B) {
        sum += rank;
        n += 1.0;
    }
    (sum - n * (n + 1.0) / 2.0) / (n * (ranks.len() as f64 - n))
}

/// How many patients have images in arm A and in arm B.
pub(super) fn patients_with(arms: &Arms) -> [usize; 2] {
    [Arm::A, Arm::B].map(|arm| {
        let has = |images: &&Vec<usize>| images.iter().any(|image| arms.arms()[*image] == arm);
        arms.patients().iter().filter(has).count()
    })
}

fn detectable_auc(arms: &Arms, level: f64) -> f64 {
    let [n, m] = patients_with(arms).map(|n| n as f64);
    let se = ((n + m + 1.0) / (12.0 * n * m)).sqrt();
    (0.5 + (normal_quantile(1.0 - level / 2.0) + normal_quantile(0.8)) * se).min(1.0)
}
