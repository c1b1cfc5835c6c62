//! A share of right answers: exact tests, intervals, equivalence to chance, and several readers against chance.

use serde::Serialize;

use super::distribution::{
    beta_quantile, binomial_at_least, binomial_at_most, binomial_probability, normal_quantile, t_two_sided,
};
use super::errors::AnalysisError;
use super::mrmc::t_interval;

/// `k` of `n`; `k` is at most `n`, and `n` is above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Proportion {
    k: u64,
    n: u64,
}

/// The exact binomial test.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BinomialTest {
    /// Sum over all outcomes that are no more likely than the one seen.
    pub p_two_sided: f64,
    /// Chance of as many or more.
    pub p_greater: f64,
    /// Chance of as many or fewer.
    pub p_less: f64,
}

/// Two one-sided exact tests of a share against 0.5 minus and plus a margin.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct EquivalenceToChance {
    /// p of "at or below 0.5 minus the margin".
    pub p_above_lower: f64,
    /// p of "at or above 0.5 plus the margin".
    pub p_below_upper: f64,
    /// The larger of the two.
    pub p: f64,
    /// Whether it is below alpha.
    pub equivalent: bool,
}

impl Proportion {
    /// `k` of `n`.
    ///
    /// # Errors
    /// When `n` is 0 or `k` is above `n`.
    pub fn new(k: u64, n: u64) -> Result<Self, AnalysisError> {
        AnalysisError::at_least("trials", 1, n as usize)?;
        if k > n {
            let expected = "it is at most the number of trials";
            return Err(AnalysisError::Value { name: "the number of right answers", value: k as f64, expected });
        }
        Ok(Self { k, n })
    }

    /// The share.
    #[must_use]
    pub fn share(self) -> f64 {
        self.k as f64 / self.n as f64
    }

    /// Tests the share against `p0`.
    #[must_use]
    pub fn test(self, p0: f64) -> BinomialTest {
        let Self { k, n } = self;
        // Outcomes that are equally likely may differ in their last digits.
        let seen = binomial_probability(k, n, p0) * (1.0 + 1e-7);
        let as_rare = (0..=n).map(|i| binomial_probability(i, n, p0)).filter(|p| *p <= seen);
        BinomialTest {
            p_two_sided: as_rare.sum::<f64>().min(1.0),
            p_greater: binomial_at_least(k, n, p0),
            p_less: binomial_at_most(k, n, p0),
        }
    }

    /// The interval of Clopper and Pearson 1934, which never covers less than promised.
    #[must_use]
    pub fn clopper_pearson(self, alpha: f64) -> [f64; 2] {
        let (k, n) = (self.k as f64, self.n as f64);
        [
            if self.k == 0 { 0.0 } else { beta_quantile(alpha / 2.0, k, n - k + 1.0) },
            if self.k == self.n { 1.0 } else { beta_quantile(1.0 - alpha / 2.0, k + 1.0, n - k) },
        ]
    }

    /// The score interval of Wilson 1927.
    #[must_use]
    pub fn wilson(self, alpha: f64) -> [f64; 2] {
        let (p, n, q) = (self.share(), self.n as f64, normal_quantile(1.0 - alpha / 2.0).powi(2));
        let half = (q * (p * (1.0 - p) + q / (4.0 * n)) / n).sqrt();
        self.with_exact_ends([-1.0, 1.0].map(|side| (p + q / (2.0 * n) + side * half) / (1.0 + q / n)))
    }

    /// The same with a continuity correction (Newcombe 1998, method 4).
    #[must_use]
    pub fn wilson_continuity(self, alpha: f64) -> [f64; 2] {
        let (p, n, z) = (self.share(), self.n as f64, normal_quantile(1.0 - alpha / 2.0));
        let q = z * z;
        self.with_exact_ends([-1.0, 1.0].map(|side| {
            let root = (q + side * 2.0 - 1.0 / n + 4.0 * p * (n * (1.0 - p) - side)).max(0.0).sqrt();
            (2.0 * n * p + q + side * (1.0 + z * root)) / (2.0 * (n + q))
        }))
    }

    /// None or all of `n`: the end is 0 or 1 and not a rest of rounding.
    fn with_exact_ends(self, [low, high]: [f64; 2]) -> [f64; 2] {
        [if self.k == 0 { 0.0 } else { low }, if self.k == self.n { 1.0 } else { high }]
    }

    /// Whether the share is equivalent to 0.5 within `margin`; not to differ from 0.5 is not equivalence.
    ///
    /// # Errors
    /// When the margin is not between 0 and 0.5, or `alpha` is not inside 0 to 1.
    pub fn equivalence_to_chance(self, margin: f64, alpha: f64) -> Result<EquivalenceToChance, AnalysisError> {
        if !(margin > 0.0 && margin < 0.5) {
            let expected = "it lies between 0 and 0.5";
            return Err(AnalysisError::Value { name: "the margin", value: margin, expected });
        }
        AnalysisError::inside_unit("alpha", alpha)?;
        let p_above_lower = binomial_at_least(self.k, self.n, 0.5 - margin);
        let p_below_upper = binomial_at_most(self.k, self.n, 0.5 + margin);
        let p = p_above_lower.max(p_below_upper);
        Ok(EquivalenceToChance { p_above_lower, p_below_upper, p, equivalent: p < alpha })
    }
}

/// The readers' figures against a fixed value: readers random, cases fixed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct ReadersAgainst {
    /// Mean over the readers.
    pub mean: f64,
    /// Mean minus the value over its standard error; none when that is 0.
    pub t: Option<f64>,
    /// Degrees of freedom.
    pub df: f64,
    /// Two-sided.
    pub p: Option<f64>,
    /// Interval of the mean.
    pub interval: [f64; 2],
}

/// The t test of one figure a reader against `value`.
///
/// It generalises to other readers of these very cases; [`super::single_modality`] generalises to other cases as well.
///
/// # Errors
/// When there are fewer than 2 readers, or a figure is not finite.
pub fn readers_against(figures: &[f64], value: f64, alpha: f64) -> Result<ReadersAgainst, AnalysisError> {
    if figures.len() < 2 {
        return Err(AnalysisError::TooFewReaders { found: figures.len() });
    }
    AnalysisError::all_finite("a reader's figure", figures)?;
    let n = figures.len() as f64;
    let mean = figures.iter().sum::<f64>() / n;
    let df = n - 1.0;
    let se = (figures.iter().map(|f| (f - mean).powi(2)).sum::<f64>() / df / n).sqrt();
    let t = (se > 0.0).then(|| (mean - value) / se);
    Ok(ReadersAgainst { mean, t, df, p: t.map(|t| t_two_sided(t, df)), interval: t_interval(mean, se, df, alpha) })
}
