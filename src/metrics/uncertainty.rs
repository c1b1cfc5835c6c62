//! Whether an uncertainty tells where the errors are: sparsification, rank correlation, conformal coverage.
//!
//! ```
//! use veritome::metrics::{conformal_quantile, error_uncertainty_spearman, interval_coverage};
//! assert_eq!(error_uncertainty_spearman(&[0.1, 0.4, 0.2], &[1.0, 9.0, 3.0]), Ok(1.0));
//! // Half-width of an interval that covers at least half of new samples, from three absolute errors.
//! assert_eq!(conformal_quantile(&[0.1, 0.4, 0.2], 0.5), Ok(0.2));
//! assert_eq!(interval_coverage(&[1.0, 5.0], &[0.0, 0.0], &[2.0, 2.0]).unwrap().coverage, 0.5);
//! ```

use super::samples::{SampleError, check_finite, check_length};
use super::undefined::Undefined;

/// The mean error of what is left as samples are taken away: the most uncertain first, and the worst first.
///
/// After Ilg et al. 2018 (arXiv:1802.07095): curves over the share taken away, relative to the mean error of all.
/// Samples of one uncertainty go in the order they came.
#[derive(Debug, Clone, PartialEq)]
pub struct Sparsification {
    /// Share taken away at each point, from 0 to below 1.
    pub removed: Vec<f64>,
    /// Relative mean error of the rest, the most uncertain taken away first.
    pub by_uncertainty: Vec<f64>,
    /// Relative mean error of the rest, the largest errors taken away first: the best that any uncertainty can do.
    pub by_error: Vec<f64>,
}

impl Sparsification {
    /// Curves of `steps` points: at point `k` the first `k n / steps` samples (rounded down) are gone. `errors` are
    /// sizes of errors (absolute or squared), `uncertainties` any scale, higher is less sure.
    ///
    /// # Errors
    /// When the lengths differ, a value is not finite, there are no samples or steps, or no error at all.
    pub fn new(errors: &[f32], uncertainties: &[f32], steps: usize) -> Result<Self, SampleError> {
        check_length("uncertainties", uncertainties.len(), errors.len())?;
        check_finite("error", errors)?;
        check_finite("uncertainty", uncertainties)?;
        let n = errors.len();
        let steps = steps.min(n);
        if steps == 0 {
            return Err(Undefined::Nothing.into());
        }
        let mean = errors.iter().map(|e| f64::from(*e)).sum::<f64>() / n as f64;
        if mean <= 0.0 {
            return Err(Undefined::NoError.into());
        }
        let gone = |k: usize| (k as u128 * n as u128 / steps as u128) as usize;
        let curve = |keys: &[f32]| -> Vec<f64> {
            let mut order: Vec<usize> = (0..n).collect();
            order.sort_by(|a, b| keys[*b].total_cmp(&keys[*a]));
            // Sums of the last ones, so that each point costs nothing.
            let mut rest = vec![0.0; n + 1];
            for (at, sample) in order.iter().enumerate().rev() {
                rest[at] = rest[at + 1] + f64::from(errors[*sample]);
            }
            (0..steps).map(|k| rest[gone(k)] / (n - gone(k)) as f64 / mean).collect()
        };
        let removed = (0..steps).map(|k| gone(k) as f64 / n as f64).collect();
        Ok(Self { removed, by_uncertainty: curve(uncertainties), by_error: curve(errors) })
    }

    /// Area between the two curves (AUSE), by trapezoids: 0 where the uncertainty orders samples as their errors do.
    #[must_use]
    pub fn error(&self) -> f64 {
        let gaps: Vec<f64> = self.by_uncertainty.iter().zip(&self.by_error).map(|(u, e)| u - e).collect();
        let widths = self.removed.windows(2).map(|pair| pair[1] - pair[0]);
        gaps.windows(2).zip(widths).map(|(pair, width)| 0.5 * (pair[0] + pair[1]) * width).sum()
    }
}

/// Spearman's rank correlation of errors and uncertainties, ties sharing their mean rank (scipy `spearmanr`), -1 to 1.
///
/// # Errors
/// When the lengths differ, a value is not finite, there are no samples, or either is constant.
pub fn error_uncertainty_spearman(errors: &[f32], uncertainties: &[f32]) -> Result<f64, SampleError> {
    check_length("uncertainties", uncertainties.len(), errors.len())?;
    check_finite("error", errors)?;
    check_finite("uncertainty", uncertainties)?;
    if errors.is_empty() {
        return Err(Undefined::Nothing.into());
    }
    let (a, b) = (centred_ranks(errors), centred_ranks(uncertainties));
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let spread = (dot(&a, &a) * dot(&b, &b)).sqrt();
    if spread > 0.0 { Ok((dot(&a, &b) / spread).clamp(-1.0, 1.0)) } else { Err(Undefined::Constant.into()) }
}

/// Ranks minus their mean.
fn centred_ranks(values: &[f32]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_unstable_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0;
    for tied in order.chunk_by(|a, b| values[*a] == values[*b]) {
        let rank = before as f64 + 0.5 * (tied.len() as f64 - 1.0) - 0.5 * (values.len() as f64 - 1.0);
        tied.iter().for_each(|n| ranks[*n] = rank);
        before += tied.len();
    }
    ranks
}

/// The nonconformity score that at least `coverage` (0 to 1) of new samples stay at or below, if they are exchangeable
/// with these: the `ceil((n + 1) coverage)`-th smallest (Vovk, Gammerman and Shafer 2005; split conformal prediction).
///
/// # Errors
/// When a score is not finite, or [`Undefined::TooFewSamples`] when that rank is beyond the last score.
pub fn conformal_quantile(scores: &[f32], coverage: f64) -> Result<f32, SampleError> {
    check_finite("score", scores)?;
    let mut sorted = scores.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    // A product that is whole but for its last bit must not gain a rank.
    let rank = ((sorted.len() as f64 + 1.0) * coverage - 1e-9).ceil().max(1.0);
    let too_few = Undefined::TooFewSamples { samples: scores.len(), coverage };
    sorted.get(rank as usize - 1).copied().filter(|_| coverage <= 1.0).ok_or(too_few.into())
}

/// How often intervals hold the truth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Coverage {
    /// How many samples.
    pub n: u64,
    /// Share of the truths within their interval, ends included, 0 to 1.
    pub coverage: f64,
    /// Mean width of the intervals, in the values' unit.
    pub mean_width: f64,
}

/// Coverage of the intervals `low` to `high` of each sample.
///
/// # Errors
/// When the lengths differ, a value is not finite, or there are no samples.
pub fn interval_coverage(truths: &[f32], low: &[f32], high: &[f32]) -> Result<Coverage, SampleError> {
    for (what, values) in [("truth", truths), ("lower end", low), ("upper end", high)] {
        check_length(what, values.len(), truths.len())?;
        check_finite(what, values)?;
    }
    let n = truths.len();
    if n == 0 {
        return Err(Undefined::Nothing.into());
    }
    let held = truths.iter().zip(low).zip(high).filter(|((t, low), high)| (*low..=*high).contains(t)).count();
    let width: f64 = low.iter().zip(high).map(|(low, high)| f64::from(*high) - f64::from(*low)).sum();
    Ok(Coverage { n: n as u64, coverage: held as f64 / n as f64, mean_width: width / n as f64 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_uncertainty_that_is_the_error_has_no_sparsification_error() {
        let errors: Vec<f32> = (0..100).map(|n| ((n * 37) % 101) as f32).collect();
        let perfect = Sparsification::new(&errors, &errors, 20).unwrap();
        assert_eq!(perfect.error(), 0.0);
        assert!((perfect.by_error[0] - 1.0).abs() < 1e-12 && perfect.removed[1] == 0.05);
        let flipped: Vec<f32> = errors.iter().map(|e| -e).collect();
        assert!(Sparsification::new(&errors, &flipped, 20).unwrap().error() > 0.5);
    }

    #[test]
    fn what_has_no_number_says_why() {
        assert_eq!(Sparsification::new(&[], &[], 20), Err(Undefined::Nothing.into()));
        assert_eq!(Sparsification::new(&[0.0], &[1.0], 20), Err(Undefined::NoError.into()));
        assert!(Sparsification::new(&[0.0], &[f32::NAN], 20).is_err());
        assert_eq!(error_uncertainty_spearman(&[1.0, 1.0], &[1.0, 2.0]), Err(Undefined::Constant.into()));
        let too_few = Undefined::TooFewSamples { samples: 3, coverage: 0.9 };
        assert_eq!(conformal_quantile(&[1.0, 2.0, 3.0], 0.9), Err(too_few.into()));
        assert!(interval_coverage(&[], &[], &[]).is_err() && interval_coverage(&[1.0], &[], &[2.0]).is_err());
    }
}
