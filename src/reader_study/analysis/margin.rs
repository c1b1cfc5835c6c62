//! Noninferiority and equivalence: a difference against a margin that was fixed beforehand.

use serde::Serialize;

use super::distribution::{t_quantile, t_upper};
use super::errors::AnalysisError;
use super::mrmc::{Difference, t_interval};
use super::multiplicity::holm;

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

/// One arm held against the reference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmNoninferiority {
    /// The arm that must not be worse.
    pub new: String,
    /// The arm that it is held against.
    pub reference: String,
    /// Difference, margin, test and bound. Where several arms are held against the reference, `noninferior` goes by
    /// `p_holm`; the bound is that of this arm alone.
    #[serde(flatten)]
    pub test: Noninferiority,
    /// `p` adjusted after Holm for all arms that are held against the reference; none for one arm.
    pub p_holm: Option<f64>,
}

/// Every other arm of `pairs` against `reference`; `alpha` is one-sided.
///
/// # Errors
/// As [`noninferiority`].
pub fn noninferior_to(
    reference: &str,
    pairs: &[Difference],
    margin: f64,
    alpha: f64,
) -> Result<Vec<ArmNoninferiority>, AnalysisError> {
    let mut arms = Vec::new();
    for pair in pairs {
        let [first, second] = &pair.modalities;
        let (new, difference) = match (first == reference, second == reference) {
            (true, false) => (second, -pair.difference),
            (false, true) => (first, pair.difference),
            _ => continue,
        };
        let test = noninferiority(difference, pair.se, pair.df, margin, alpha)?;
        arms.push(ArmNoninferiority { new: new.clone(), reference: reference.to_owned(), test, p_holm: None });
    }
    if arms.len() > 1 {
        // Without a standard error there is no p, and the bound is the difference itself.
        let certain = |test: &Noninferiority| if test.noninferior { 0.0 } else { 1.0 };
        let p: Vec<f64> = arms.iter().map(|arm| arm.test.p.unwrap_or_else(|| certain(&arm.test))).collect();
        for (arm, adjusted) in arms.iter_mut().zip(holm(&p)) {
            arm.p_holm = Some(adjusted);
            arm.test.noninferior = adjusted < alpha;
        }
    }
    Ok(arms)
}

/// Tests `difference` (new minus reference) with its standard error and degrees of freedom; `alpha` is one-sided, 0.025
/// as a rule.
///
/// # Errors
/// When the margin is not above 0 and below 0.5, or `alpha` is not inside 0 to 1.
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

/// Areas and proportions that differ by more than chance from perfection are no longer alike.
const MOST: f64 = 0.5;
const MARGIN_WORDS: &str = "it is fixed beforehand and lies above 0 and below 0.5";

fn check(margin: f64, alpha: f64) -> Result<(), AnalysisError> {
    if margin > 0.0 && margin < MOST {
        AnalysisError::inside_unit("alpha", alpha)
    } else {
        Err(AnalysisError::Value { name: "the margin", value: margin, expected: MARGIN_WORDS })
    }
}
