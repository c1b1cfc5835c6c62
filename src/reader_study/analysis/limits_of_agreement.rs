//! Bland-Altman limits of agreement of two ways to measure.

use serde::Serialize;

use super::distribution::t_quantile;
use super::errors::AnalysisError;

/// Bias and limits, in the unit of the measurements; differences are first minus second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LimitsOfAgreement {
    /// Pairs.
    pub n: usize,
    /// Mean difference.
    pub bias: f64,
    /// Standard deviation of the differences.
    pub sd: f64,
    /// Bias minus 1.96 sd.
    pub lower: f64,
    /// Bias plus 1.96 sd.
    pub upper: f64,
    /// Interval of the bias.
    pub bias_interval: [f64; 2],
    /// Intervals of the limits with the standard error of 1999, `s sqrt(1/n + 1.96^2/(2(n - 1)))`.
    pub bland_altman_1999: LimitIntervals,
    /// The same with that of 1986, `sqrt(3 s^2/n)`.
    pub bland_altman_1986: LimitIntervals,
}

/// Intervals of the two limits, from t with `n - 1` degrees of freedom.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct LimitIntervals {
    /// Standard error of a limit.
    pub se_limit: f64,
    /// Of the lower limit.
    pub lower: [f64; 2],
    /// Of the upper limit.
    pub upper: [f64; 2],
}

/// Limits of agreement of pairs that are independent; repeated cases of one patient need the clustered form.
///
/// # Errors
/// When the lists differ in length, hold fewer than 2 pairs, or a value that is not finite.
pub fn limits_of_agreement(first: &[f64], second: &[f64], alpha: f64) -> Result<LimitsOfAgreement, AnalysisError> {
    AnalysisError::same_length("the second list", first.len(), second.len())?;
    AnalysisError::at_least("pairs", 2, first.len())?;
    AnalysisError::all_finite("a measurement", first)?;
    AnalysisError::all_finite("a measurement", second)?;
    let differences = || first.iter().zip(second).map(|(a, b)| a - b);
    let n = first.len() as f64;
    let bias = differences().sum::<f64>() / n;
    let sd = (differences().map(|d| (d - bias).powi(2)).sum::<f64>() / (n - 1.0)).sqrt();
    let t = t_quantile(1.0 - alpha / 2.0, n - 1.0);
    let around = |value: f64, se: f64| [value - t * se, value + t * se];
    let (lower, upper) = (bias - 1.96 * sd, bias + 1.96 * sd);
    let limits =
        |se_limit: f64| LimitIntervals { se_limit, lower: around(lower, se_limit), upper: around(upper, se_limit) };
    Ok(LimitsOfAgreement {
        n: first.len(),
        bias,
        sd,
        lower,
        upper,
        bias_interval: around(bias, sd / n.sqrt()),
        bland_altman_1999: limits(sd * (1.0 / n + 1.96 * 1.96 / (2.0 * (n - 1.0))).sqrt()),
        bland_altman_1986: limits((3.0 * sd * sd / n).sqrt()),
    })
}
