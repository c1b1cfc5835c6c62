//! Power and sample size of reader studies.
//!
//! The noncentral F distribution is in [`super::distribution`].

use serde::Serialize;

use super::components::{CovarianceComponents, VarianceComponents};
use super::distribution::{
    binomial_at_least, binomial_at_most, chi_squared_quantile, f_quantile, noncentral_chi_squared_upper,
    noncentral_f_upper, normal_quantile,
};
use super::errors::AnalysisError;
use super::mrmc::{Factors, hillis_df};

/// Components that a pilot study gave.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pilot {
    /// Variance of readers between modalities; below 0 counts as 0.
    pub var_tr: f64,
    /// Mean variance and covariances over cases.
    pub covariances: CovarianceComponents,
    /// How many cases the pilot had; the plan assumes its mix of normal and diseased ones.
    pub cases: usize,
}

impl Pilot {
    /// From the components of an analysed study.
    #[must_use]
    pub fn new(variance: &VarianceComponents, covariances: CovarianceComponents, cases: usize) -> Self {
        Self { var_tr: variance.var_tr, covariances, cases }
    }
}

/// A planned comparison of two modalities.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// To what it is to be generalised.
    pub factors: Factors,
    /// True difference of the modalities, in units of the figure of merit. For noninferiority: true difference plus
    /// margin.
    pub effect: f64,
    /// Two-sided significance level. For noninferiority: twice the one-sided level.
    pub alpha: f64,
}

/// What a planned study would achieve.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct PlannedPower {
    /// Readers.
    pub readers: usize,
    /// Cases of both truths.
    pub cases: usize,
    /// Noncentrality.
    pub lambda: f64,
    /// Denominator degrees of freedom; infinite with fixed readers (JSON: null).
    pub ddf: f64,
    /// The F that has to be exceeded.
    pub f_critical: f64,
    /// Chance to exceed it.
    pub power: f64,
}

/// Power of a study of two modalities with so many readers and cases (Hillis, Obuchowski and Berbaum 2011).
///
/// # Errors
/// When there are no cases, fewer than 2 readers and readers are random, `alpha` is not inside 0 to 1, or the components
/// give no variance above 0.
pub fn power(pilot: &Pilot, plan: &Plan, readers: usize, cases: usize) -> Result<PlannedPower, AnalysisError> {
    AnalysisError::inside_unit("alpha", plan.alpha)?;
    AnalysisError::at_least("cases", 1, cases)?;
    AnalysisError::at_least("readers", 1, readers)?;
    if readers < 2 && plan.factors != Factors::FixedReaders {
        return Err(AnalysisError::TooFewReaders { found: readers });
    }
    let cov = &pilot.covariances;
    let j = readers as f64;
    let scale = pilot.cases as f64 / cases as f64;
    let var_tr = pilot.var_tr.max(0.0);
    let interaction = var_tr + scale * (cov.var_error - cov.cov1 - cov.excess());
    let (denominator, ddf) = match plan.factors {
        Factors::RandomReadersRandomCases => {
            let d = var_tr + scale * cov.fixed_readers(readers);
            (d, hillis_df(d, interaction, j - 1.0))
        }
        Factors::FixedReaders => (scale * cov.fixed_readers(readers), f64::INFINITY),
        Factors::FixedCases => (interaction, j - 1.0),
    };
    of_two(plan, readers, cases, denominator, ddf)
}

/// Power of F(1, ddf) or chi-squared(1) at noncentrality `effect^2 J/(2 D)`.
fn of_two(
    plan: &Plan,
    readers: usize,
    cases: usize,
    denominator: f64,
    ddf: f64,
) -> Result<PlannedPower, AnalysisError> {
    if denominator.is_nan() || denominator <= 0.0 {
        let expected = "the components give it as above 0";
        return Err(AnalysisError::Value { name: "the variance of a modality's mean", value: denominator, expected });
    }
    let lambda = plan.effect.powi(2) * readers as f64 / (2.0 * denominator);
    let (f_critical, power) = if ddf.is_infinite() {
        let critical = chi_squared_quantile(1.0 - plan.alpha, 1.0);
        (critical, noncentral_chi_squared_upper(critical, 1.0, lambda))
    } else {
        let critical = f_quantile(1.0 - plan.alpha, 1.0, ddf);
        (critical, noncentral_f_upper(critical, 1.0, ddf, lambda))
    };
    Ok(PlannedPower { readers, cases, lambda, ddf, f_critical, power })
}

/// The smallest number of cases, from 2 to `most`, that reaches the wanted power; none when even `most` does not.
///
/// # Errors
/// As [`power`], and when the wanted power is not inside 0 to 1.
pub fn cases_for_power(
    pilot: &Pilot,
    plan: &Plan,
    readers: usize,
    wanted: f64,
    most: usize,
) -> Result<Option<PlannedPower>, AnalysisError> {
    AnalysisError::inside_unit("the wanted power", wanted)?;
    smallest(most, wanted, |cases| power(pilot, plan, readers, cases))
}

/// The smallest number of readers, from 2 to `most`, that reaches the wanted power with so many cases.
///
/// # Errors
/// As [`cases_for_power`].
pub fn readers_for_power(
    pilot: &Pilot,
    plan: &Plan,
    cases: usize,
    wanted: f64,
    most: usize,
) -> Result<Option<PlannedPower>, AnalysisError> {
    AnalysisError::inside_unit("the wanted power", wanted)?;
    smallest(most, wanted, |readers| power(pilot, plan, readers, cases))
}

/// One after the other, since power need not rise with every case: the degrees of freedom fall.
fn smallest(
    most: usize,
    wanted: f64,
    planned: impl Fn(usize) -> Result<PlannedPower, AnalysisError>,
) -> Result<Option<PlannedPower>, AnalysisError> {
    for number in 2..=most {
        let found = planned(number)?;
        if found.power >= wanted {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What has to be guessed where there is no pilot; every guess moves the result, so show several.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guesses {
    /// Expected mean area.
    pub auc: f64,
    /// Expected range of the readers' areas, highest minus lowest; a quarter of it is taken as their standard deviation.
    pub range_between_readers: f64,
    /// Expected range of one reader's area on re-reading; likewise.
    pub range_within_reader: f64,
    /// Normal cases for each diseased one.
    pub normal_per_diseased: f64,
    /// Correlation of a reader's figures between modalities over readers.
    pub reader_correlation: f64,
    /// Correlation over cases of the same reader in other modalities; 0.47 after Rockette 1999.
    pub r1: f64,
    /// Correlation of other readers in the same modality less that of other readers in other modalities.
    pub r2_minus_r3: f64,
}

impl Guesses {
    /// The correlations that the program MRMCsamplesize proposes, for an area and the two ranges.
    #[must_use]
    pub fn new(auc: f64, range_between_readers: f64, range_within_reader: f64) -> Self {
        Self {
            auc,
            range_between_readers,
            range_within_reader,
            normal_per_diseased: 1.0,
            reader_correlation: 0.8,
            r1: 0.47,
            r2_minus_r3: 0.0,
        }
    }
}

/// Power without a pilot, by the conservative `J - 1` degrees of freedom.
///
/// The model of the program MRMCsamplesize with its rule "a standard deviation is a quarter of the range". Its other rule
/// divides by the expected range of as many normal values (3.08 for 10 readers, 1.13 for two readings), which gives larger
/// deviations and asks for more cases.
///
/// # Errors
/// When there are fewer than 5 readers, no cases, or the area or `alpha` is not inside 0 to 1.
pub fn power_without_pilot(
    guesses: &Guesses,
    effect: f64,
    alpha: f64,
    readers: usize,
    cases: usize,
) -> Result<PlannedPower, AnalysisError> {
    AnalysisError::inside_unit("the area", guesses.auc)?;
    AnalysisError::inside_unit("alpha", alpha)?;
    AnalysisError::at_least("readers without a pilot study", 5, readers)?;
    AnalysisError::at_least("cases", 1, cases)?;
    let between = (guesses.range_between_readers / 4.0).powi(2) * (1.0 - guesses.reader_correlation);
    let within = (guesses.range_within_reader / 4.0).powi(2);
    let diseased = cases as f64 / (1.0 + guesses.normal_per_diseased);
    let over_cases = area_variance(guesses.auc, guesses.normal_per_diseased) / diseased;
    let j = readers as f64;
    let denominator = between + within + over_cases * ((1.0 - guesses.r1) + (j - 1.0) * guesses.r2_minus_r3);
    let plan = Plan { factors: Factors::RandomReadersRandomCases, effect, alpha };
    of_two(&plan, readers, cases, denominator, j - 1.0)
}

/// The smallest number of cases without a pilot, from 2 to `most`; none when even `most` does not reach the power.
///
/// # Errors
/// As [`power_without_pilot`], and when the wanted power is not inside 0 to 1.
pub fn cases_without_pilot(
    guesses: &Guesses,
    effect: f64,
    alpha: f64,
    readers: usize,
    wanted: f64,
    most: usize,
) -> Result<Option<PlannedPower>, AnalysisError> {
    AnalysisError::inside_unit("the wanted power", wanted)?;
    smallest(most, wanted, |cases| power_without_pilot(guesses, effect, alpha, readers, cases))
}

/// Variance of an area times the number of diseased cases, binormal (Obuchowski and McClish 1997).
fn area_variance(auc: f64, normal_per_diseased: f64) -> f64 {
    let a = ROOT_TWO_OF_THE_PAPER * normal_quantile(auc);
    let a2 = a * a;
    0.0099 * (-a2 / 2.0).exp() * ((5.0 * a2 + 8.0) + (a2 + 8.0) / normal_per_diseased)
}

/// The paper's square root of 2; with all digits results would differ from other programs in the fourth digit.
#[allow(clippy::approx_constant, reason = "the rounded value is what the formula has")]
const ROOT_TWO_OF_THE_PAPER: f64 = 1.414;

/// Cases to show that one area differs from 0.5: diseased and normal ones, not rounded up (Obuchowski and McClish
/// 1997).
///
/// # Errors
/// When the area, `alpha` or the wanted power is not inside 0 to 1, the area is 0.5, or the ratio is not above 0.
pub fn cases_for_auc(auc: f64, alpha: f64, wanted: f64, normal_per_diseased: f64) -> Result<[f64; 2], AnalysisError> {
    AnalysisError::inside_unit("the area", auc)?;
    AnalysisError::inside_unit("alpha", alpha)?;
    AnalysisError::inside_unit("the wanted power", wanted)?;
    if auc == 0.5 {
        return Err(AnalysisError::Value { name: "the area", value: auc, expected: "it differs from 0.5" });
    }
    if normal_per_diseased.is_nan() || normal_per_diseased <= 0.0 {
        let expected = "it is above 0";
        return Err(AnalysisError::Value {
            name: "normal cases per diseased one",
            value: normal_per_diseased,
            expected,
        });
    }
    let null = 0.0792 * (1.0 + 1.0 / normal_per_diseased);
    let alternative = area_variance(auc, normal_per_diseased);
    let spread = normal_quantile(1.0 - alpha / 2.0) * null.sqrt() + normal_quantile(wanted) * alternative.sqrt();
    let diseased = (spread / (auc - 0.5)).powi(2);
    Ok([diseased, diseased * normal_per_diseased])
}

/// The exact two-sided binomial test against 0.5, planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RejectionRegion {
    /// From how many on 0.5 is rejected; above the number of trials when no outcome is significant.
    pub smallest_significant_above: u64,
    /// Up to how many 0.5 is rejected; none when no outcome is significant.
    pub largest_significant_below: Option<u64>,
}

/// Which outcomes of `trials` reject a share of 0.5 at `alpha`.
#[must_use]
pub fn rejection_region(trials: u64, alpha: f64) -> RejectionRegion {
    let (mut low, mut high) = (trials / 2, trials + 1);
    while low + 1 < high {
        let middle = low + (high - low) / 2;
        if 2.0 * binomial_at_least(middle, trials, 0.5) <= alpha {
            high = middle;
        } else {
            low = middle;
        }
    }
    RejectionRegion { smallest_significant_above: high, largest_significant_below: trials.checked_sub(high) }
}

/// Chance that the exact two-sided test against 0.5 rejects when the true share is `share`; at 0.5 the test's size.
#[must_use]
pub fn binomial_power(trials: u64, share: f64, alpha: f64) -> f64 {
    let region = rejection_region(trials, alpha);
    binomial_at_least(region.smallest_significant_above, trials, share)
        + region.largest_significant_below.map_or(0.0, |k| binomial_at_most(k, trials, share))
}

/// The smallest number of trials from which on the power never falls below the wanted one (it jumps with the number).
///
/// # Errors
/// When the share, `alpha` or the wanted power is not inside 0 to 1, or the share is within 0.005 of 0.5.
pub fn trials_for_power(share: f64, alpha: f64, wanted: f64) -> Result<u64, AnalysisError> {
    AnalysisError::inside_unit("the share", share)?;
    AnalysisError::inside_unit("alpha", alpha)?;
    AnalysisError::inside_unit("the wanted power", wanted)?;
    if (share - 0.5).abs() < 0.005 {
        let expected = "it lies at least 0.005 from 0.5";
        return Err(AnalysisError::Value { name: "the share", value: share, expected });
    }
    let spread = 0.5 * normal_quantile(1.0 - alpha / 2.0) + normal_quantile(wanted) * (share * (1.0 - share)).sqrt();
    // Twice the normal approximation: the jumps have died out long before.
    let most = 2 * (spread / (share - 0.5)).powi(2).ceil() as u64 + 100;
    let last_below = (1..=most).rev().find(|n| binomial_power(*n, share, alpha) < wanted);
    Ok(last_below.unwrap_or(0) + 1)
}
