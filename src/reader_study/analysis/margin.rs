//! Noninferiority and equivalence: a difference against a margin that was fixed beforehand.

use serde::Serialize;

use super::distribution::{t_quantile, t_upper};
use super::errors::AnalysisError;
use super::mrmc::t_interval;

/// Whether something new is not worse than a reference by more than a margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Noninferiority {
    /// New minus reference.
    pub difference: f64,
    /// The margin, above 0, in the same units.
    pub margin: f64,
    /// `(difference + margin)/se`; none when the standard error is 0.
    pub statistic: Option<f64>,
    /// Degrees of freedom of t; infinite means normal (JSON: null).
    pub df: f64,
    /// One-sided p of "worse by the margin or more".
    pub p: Option<f64>,
    /// Lower one-sided bound of the difference.
    pub lower_bound: f64,
    /// Whether that bound lies above minus the margin.
    pub noninferior: bool,
}

/// Tests `difference` (new minus reference) with its standard error and degrees of freedom; `alpha` is one-sided, 0.025
/// as a rule.
///
/// # Errors
/// When the margin is not above 0, or `alpha` is not inside 0 to 1.
pub fn noninferiority(
    difference: f64,
    se: f64,
    df: f64,
    margin: f64,
    alpha: f64,
) -> Result<Noninferiority, AnalysisError> {
    check(margin, alpha)?;
    let statistic = (se > 0.0).then(|| (difference + margin) / se);
    let below = if se > 0.0 { t_quantile(1.0 - alpha, df) * se } else { 0.0 };
    let lower_bound = difference - below;
    Ok(Noninferiority {
        difference,
        margin,
        statistic,
        df,
        p: statistic.map(|t| t_upper(t, df)),
        lower_bound,
        noninferior: lower_bound > -margin,
    })
}

/// Whether two things differ by less than a margin either way: two one-sided tests (Schuirmann 1987).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Equivalence {
    /// The difference.
    pub difference: f64,
    /// The margin, above 0, in the same units.
    pub margin: f64,
    /// One-sided p of "at or below minus the margin"; none when the standard error is 0.
    pub p_above_lower: Option<f64>,
    /// One-sided p of "at or above the margin".
    pub p_below_upper: Option<f64>,
    /// The larger of the two.
    pub p: Option<f64>,
    /// The interval with confidence `1 - 2 alpha`.
    pub interval: [f64; 2],
    /// Whether that interval lies inside the margin.
    pub equivalent: bool,
}

/// Tests `difference` with its standard error and degrees of freedom; each of the two tests is at `alpha`, 0.05 as a
/// rule.
///
/// # Errors
/// When the margin is not above 0, or `alpha` is not inside 0 to 1.
pub fn equivalence(difference: f64, se: f64, df: f64, margin: f64, alpha: f64) -> Result<Equivalence, AnalysisError> {
    check(margin, alpha)?;
    let tail = |distance: f64| (se > 0.0).then(|| t_upper(distance / se, df));
    let (p_above_lower, p_below_upper) = (tail(difference + margin), tail(margin - difference));
    let interval = t_interval(difference, se, df, 2.0 * alpha);
    Ok(Equivalence {
        difference,
        margin,
        p_above_lower,
        p_below_upper,
        p: p_above_lower.zip(p_below_upper).map(|(a, b)| a.max(b)),
        interval,
        equivalent: interval[0] > -margin && interval[1] < margin,
    })
}

fn check(margin: f64, alpha: f64) -> Result<(), AnalysisError> {
    if margin > 0.0 && margin.is_finite() {
        AnalysisError::inside_unit("alpha", alpha)
    } else {
        Err(AnalysisError::Value { name: "the margin", value: margin, expected: "it is above 0 and fixed beforehand" })
    }
}
