//! Paired answers: McNemar's test of two proportions, Wilcoxon's signed ranks of two ordinal ratings.

use serde::Serialize;

use super::distribution::{binomial_at_most, binomial_probability, chi_squared_upper, normal_two_sided};
use super::errors::AnalysisError;

/// McNemar's test; only the answers in which the two methods differ count.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct McNemar {
    /// Exact binomial, at most 1; the one to report.
    pub p_exact: f64,
    /// Exact with half the probability of the outcome seen.
    pub p_mid: f64,
    /// `(b - c)^2/(b + c)`; none without any difference.
    pub chi2: Option<f64>,
    /// Of `chi2`.
    pub p: Option<f64>,
    /// `max(|b - c| - 1, 0)^2/(b + c)`.
    pub chi2_corrected: Option<f64>,
    /// Of `chi2_corrected`.
    pub p_corrected: Option<f64>,
}

/// `first_only`: right by the first method alone; `second_only`: right by the second alone.
#[must_use]
pub fn mcnemar(first_only: u64, second_only: u64) -> McNemar {
    let (n, fewer) = (first_only + second_only, first_only.min(second_only));
    let below = 2.0 * binomial_at_most(fewer, n, 0.5);
    let apart = first_only.abs_diff(second_only) as f64;
    let chi2 = (n > 0).then(|| apart * apart / n as f64);
    let chi2_corrected = (n > 0).then(|| (apart - 1.0).max(0.0).powi(2) / n as f64);
    McNemar {
        p_exact: below.min(1.0),
        p_mid: (below - binomial_probability(fewer, n, 0.5)).min(1.0),
        chi2,
        p: chi2.map(|x| chi_squared_upper(x, 1.0)),
        chi2_corrected,
        p_corrected: chi2_corrected.map(|x| chi_squared_upper(x, 1.0)),
    }
}

/// What becomes of pairs without a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ZeroDifferences {
    /// Left out before ranking (Wilcoxon 1945).
    Dropped,
    /// Ranked, and left out after (Pratt 1959).
    Pratt,
}

/// Wilcoxon's signed rank test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Wilcoxon {
    /// Pairs with a difference.
    pub n_nonzero: usize,
    /// Sum of the ranks of the pairs in which the first is higher.
    pub w_plus: f64,
    /// Sum of the ranks of the others.
    pub w_minus: f64,
    /// Variance of either sum, corrected for ties.
    pub variance: f64,
    /// Two-sided, normal; none without any difference.
    pub p_normal: Option<f64>,
    /// Two-sided, normal with a continuity correction of one half.
    pub p_normal_continuity: Option<f64>,
    /// Two-sided, exact; none with ties, zero differences, or more than 50 pairs.
    pub p_exact: Option<f64>,
}

const MOST_EXACT: usize = 50;

/// Signed ranks of `first - second`; differences that are equal as numbers are tied.
///
/// # Errors
/// When the lists differ in length, are empty, or hold a value that is not finite.
pub fn wilcoxon(first: &[f64], second: &[f64], zeros: ZeroDifferences) -> Result<Wilcoxon, AnalysisError> {
    AnalysisError::same_length("the second list", first.len(), second.len())?;
    AnalysisError::at_least("pairs", 1, first.len())?;
    AnalysisError::all_finite("a rating", first)?;
    AnalysisError::all_finite("a rating", second)?;
    let mut differences: Vec<f64> = first.iter().zip(second).map(|(a, b)| a - b).collect();
    let all = differences.len();
    if zeros == ZeroDifferences::Dropped {
        differences.retain(|d| *d != 0.0);
    }
    differences.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (mut before, mut w_plus, mut w_minus, mut ties, mut tied) = (0, 0.0, 0.0, 0.0, false);
    for equal in differences.chunk_by(|a, b| a.abs() == b.abs()) {
        let rank = before as f64 + (equal.len() as f64 + 1.0) / 2.0;
        before += equal.len();
        if equal.first() == Some(&0.0) {
            continue;
        }
        let up = equal.iter().filter(|d| **d > 0.0).count();
        w_plus += rank * up as f64;
        w_minus += rank * (equal.len() - up) as f64;
        let t = equal.len() as f64;
        ties += t * t * t - t;
        tied |= equal.len() > 1;
    }
    let ranked = differences.len() as f64;
    let n_nonzero = differences.iter().filter(|d| **d != 0.0).count();
    let unranked = ranked - n_nonzero as f64;
    let squares = |n: f64| n * (n + 1.0) * (2.0 * n + 1.0) / 24.0;
    let variance = squares(ranked) - squares(unranked) - ties / 48.0;
    let apart = (w_plus - f64::midpoint(w_plus, w_minus)).abs();
    let p = |distance: f64| (variance > 0.0).then(|| normal_two_sided(distance / variance.sqrt()));
    let exact = !tied && n_nonzero == all && all <= MOST_EXACT;
    Ok(Wilcoxon {
        n_nonzero,
        w_plus,
        w_minus,
        variance,
        p_normal: p(apart),
        p_normal_continuity: p((apart - 0.5).max(0.0)),
        p_exact: exact.then(|| exact_two_sided(w_plus.min(w_minus), n_nonzero)),
    })
}

/// Twice the share of sign patterns whose rank sum is at most `w`, at most 1.
fn exact_two_sided(w: f64, n: usize) -> f64 {
    // Number of subsets of the ranks 1..=n with each sum; whole numbers up to 2^50.
    let mut subsets = vec![1.0_f64];
    for rank in 1..=n {
        let mut with = vec![0.0; subsets.len() + rank];
        for (sum, count) in subsets.iter().enumerate() {
            with[sum] += count;
            with[sum + rank] += count;
        }
        subsets = with;
    }
    let at_most: f64 = subsets.iter().take(w as usize + 1).sum();
    (2.0 * at_most / subsets.iter().sum::<f64>()).min(1.0)
}
