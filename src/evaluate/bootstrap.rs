//! Bootstrap intervals of a mean: cases drawn with replacement, all those of one patient together.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::reader_study::analysis::distribution::{normal_quantile, normal_upper};
use crate::report::plots::quartiles::quantile;

/// From draws to an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum IntervalMethod {
    /// Bias-corrected and accelerated (Efron 1987), the acceleration by the jackknife over patients.
    Bca,
    /// Quantiles of the draws.
    Percentile,
}

impl IntervalMethod {
    /// The words in a report.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Bca => "bias-corrected and accelerated",
            Self::Percentile => "percentile",
        }
    }
}

/// Why a mean has no interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoInterval {
    /// One patient says nothing of others.
    #[error("an interval needs at least 2 patients")]
    TooFew,
    /// Every draw gives the same mean.
    #[error("all values are equal")]
    Constant,
}

/// How draws are made.
#[derive(Debug, Clone, Copy)]
pub struct Bootstrap {
    /// How many.
    pub resamples: usize,
    /// The same seed gives the same draws on every machine.
    pub seed: u64,
    /// One minus the confidence.
    pub alpha: f64,
    /// From draws to an interval.
    pub method: IntervalMethod,
}

/// Values by patient, as sums: all that the mean needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Clusters(Vec<(f64, f64)>);

impl Clusters {
    /// Values of each patient; patients without values are left out.
    pub fn new<'a>(patients: impl IntoIterator<Item = &'a Vec<f64>>) -> Self {
        let sums = patients.into_iter().filter(|v| !v.is_empty()).map(|v| (v.iter().sum(), v.len() as f64));
        Self(sums.collect())
    }

    /// How many patients.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Mean of all values.
    #[must_use]
    pub fn mean(&self) -> f64 {
        mean(self.0.iter().copied())
    }

    /// Means without each patient.
    #[must_use]
    pub fn without_each(&self) -> Vec<f64> {
        let (sum, n) = self.0.iter().fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
        self.0.iter().map(|(s, k)| (sum - s) / (n - k)).collect()
    }
}

fn mean(sums: impl Iterator<Item = (f64, f64)>) -> f64 {
    let (sum, n) = sums.fold((0.0, 0.0), |a, b| (a.0 + b.0, a.1 + b.1));
    sum / n
}

impl Bootstrap {
    /// The means of all draws, in the order of the draws. `purpose` keeps the draws of one table's cell from those of another.
    #[must_use]
    pub fn draws(&self, clusters: &Clusters, purpose: &str) -> Vec<f64> {
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(purpose.as_bytes());
        let seed: [u8; 32] = hash.finalize().into();
        let n = clusters.len();
        let draw = |draw: u64| {
            // A stream of its own for each draw, so that threads do not change the result.
            let mut rng = ChaCha8Rng::from_seed(seed);
            rng.set_stream(draw);
            // The upper half of a 128-bit product: uniform to within n / 2^64.
            let place = |rng: &mut ChaCha8Rng| ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize;
            mean((0..n).filter_map(|_| clusters.0.get(place(&mut rng)).copied()))
        };
        (0..self.resamples as u64).into_par_iter().map(draw).collect()
    }

    /// The interval of the mean.
    ///
    /// # Errors
    /// [`NoInterval`].
    pub fn mean_interval(&self, clusters: &Clusters, purpose: &str) -> Result<[f64; 2], NoInterval> {
        if clusters.len() < 2 {
            return Err(NoInterval::TooFew);
        }
        let draws = self.draws(clusters, purpose);
        interval(draws, clusters.mean(), &clusters.without_each(), self.alpha, self.method)
    }

    /// The percentile interval of the difference of two means of different patients, first minus second.
    ///
    /// # Errors
    /// [`NoInterval`].
    pub fn difference_interval(
        &self,
        first: &Clusters,
        second: &Clusters,
        purpose: &str,
    ) -> Result<[f64; 2], NoInterval> {
        if first.len() < 2 || second.len() < 2 {
            return Err(NoInterval::TooFew);
        }
        let [a, b] =
            [(first, "first"), (second, "second")].map(|(c, which)| self.draws(c, &format!("{purpose} {which}")));
        let draws: Vec<f64> = a.iter().zip(&b).map(|(a, b)| a - b).collect();
        interval(draws, first.mean() - second.mean(), &[], self.alpha, IntervalMethod::Percentile)
    }
}

/// The interval of an estimate from its bootstrap draws and, for BCa, its jackknife values (Efron and Tibshirani 1993, chapter
/// 14): quantiles at `Phi(z0 + (z0 + z)/(1 - a (z0 + z)))`. Where the estimate lies outside all draws, or the acceleration has
/// no value, plain quantiles.
///
/// # Errors
/// [`NoInterval::Constant`] when all draws are equal.
pub fn interval(
    mut draws: Vec<f64>,
    estimate: f64,
    jackknife: &[f64],
    alpha: f64,
    method: IntervalMethod,
) -> Result<[f64; 2], NoInterval> {
    draws.sort_by(f64::total_cmp);
    if draws.first() == draws.last() {
        return Err(NoInterval::Constant);
    }
    let plain = [alpha / 2.0, 1.0 - alpha / 2.0];
    let shares = match method {
        IntervalMethod::Percentile => plain,
        IntervalMethod::Bca => corrected(&draws, estimate, jackknife, plain).unwrap_or(plain),
    };
    Ok(shares.map(|p| quantile(&draws, p).unwrap_or(estimate)))
}

fn corrected(draws: &[f64], estimate: f64, jackknife: &[f64], plain: [f64; 2]) -> Option<[f64; 2]> {
    // Draws equal to the estimate count half.
    let below = draws.partition_point(|d| *d < estimate);
    let not_above = draws.partition_point(|d| *d <= estimate);
    let z0 = normal_quantile((below + not_above) as f64 / 2.0 / draws.len() as f64);
    let n = jackknife.len() as f64;
    let mean = jackknife.iter().sum::<f64>() / n;
    let power = |p: i32| jackknife.iter().map(|j| (mean - j).powi(p)).sum::<f64>();
    let acceleration = power(3) / (6.0 * power(2).powf(1.5));
    if !(z0.is_finite() && acceleration.is_finite()) {
        return None;
    }
    Some(plain.map(|p| {
        let z = z0 + normal_quantile(p);
        normal_upper(-(z0 + z / (1.0 - acceleration * z)))
    }))
}
