//! Whether a probability means what it says: Brier score, reliability bins, expected calibration error.
//!
//! Bins have equal width and are closed above, `(low, high]`, the first one closed below too, as scikit-learn's
//! `calibration_curve` and MONAI's `calibration_binning` have them.

use super::samples::{SampleError, check_length};
use super::undefined::Undefined;

/// The samples whose probability lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Lower edge of the bin.
    pub low: f64,
    /// Upper edge of the bin.
    pub high: f64,
    /// How many samples.
    pub n: u64,
    /// Their mean probability; `None` without samples.
    pub mean_probability: Option<f64>,
    /// The share of them that is positive; `None` without samples.
    pub share_positive: Option<f64>,
}

impl ReliabilityBin {
    fn gap(&self) -> f64 {
        self.mean_probability.zip(self.share_positive).map_or(0.0, |(p, share)| (p - share).abs())
    }
}

/// Reliability of the probabilities of a positive.
#[derive(Debug, Clone, PartialEq)]
pub struct Calibration {
    /// The bins from 0 to 1, empty ones too.
    pub bins: Vec<ReliabilityBin>,
    /// Mean squared difference of probability and truth (Brier 1950; scikit-learn `brier_score_loss`), 0 to 1.
    pub brier: f64,
}

impl Calibration {
    /// Sorts probabilities of a positive into `bins` bins (at least one) with the truth of each sample.
    ///
    /// For a classifier of several classes give the confidence of its choice, and whether the choice was right.
    ///
    /// # Errors
    /// When the lengths differ or a value is no probability. Without samples, [`brier`](Self::brier) is 0 and
    /// [`expected_error`](Self::expected_error) says so.
    pub fn new(probabilities: &[f32], truths: &[bool], bins: usize) -> Result<Self, SampleError> {
        check_length("truths", truths.len(), probabilities.len())?;
        let is_bad = |p: &f32| !(0.0..=1.0).contains(p);
        if let Some((index, found)) = probabilities.iter().copied().enumerate().find(|(_, p)| is_bad(p)) {
            return Err(SampleError::NotAProbability { index, found });
        }
        let bins = bins.max(1);
        let edge = |n: usize| n as f64 / bins as f64;
        let inner: Vec<f64> = (1..bins).map(edge).collect();
        let mut sums = vec![(0_u64, 0.0, 0_u64); bins];
        let mut squares = 0.0;
        for (p, truth) in probabilities.iter().map(|p| f64::from(*p)).zip(truths.iter().copied()) {
            let (n, sum, positives) = &mut sums[inner.partition_point(|edge| *edge < p)];
            *n += 1;
            *sum += p;
            *positives += u64::from(truth);
            squares += (p - f64::from(u8::from(truth))).powi(2);
        }
        let mean = |sum: f64, n: u64| (n > 0).then(|| sum / n as f64);
        let bin = |(at, (n, sum, positives)): (usize, (u64, f64, u64))| ReliabilityBin {
            low: edge(at),
            high: edge(at + 1),
            n,
            mean_probability: mean(sum, n),
            share_positive: mean(positives as f64, n),
        };
        let brier = squares / probabilities.len().max(1) as f64;
        Ok(Self { bins: sums.into_iter().enumerate().map(bin).collect(), brier })
    }

    /// Expected calibration error: the gap between mean probability and share of positives, averaged over the bins by
    /// their samples (Naeini, Cooper and Hauskrecht 2015; Guo et al. 2017, arXiv:1706.04599), 0 to 1.
    ///
    /// # Errors
    /// [`Undefined::Nothing`] without samples.
    pub fn expected_error(&self) -> Result<f64, Undefined> {
        let n: u64 = self.bins.iter().map(|bin| bin.n).sum();
        let sum: f64 = self.bins.iter().map(|bin| bin.n as f64 * bin.gap()).sum();
        if n > 0 { Ok(sum / n as f64) } else { Err(Undefined::Nothing) }
    }

    /// Maximum calibration error: the largest gap of any bin, 0 to 1.
    ///
    /// # Errors
    /// [`Undefined::Nothing`] without samples.
    pub fn maximum_error(&self) -> Result<f64, Undefined> {
        let gaps = self.bins.iter().filter(|bin| bin.n > 0).map(ReliabilityBin::gap);
        gaps.reduce(f64::max).ok_or(Undefined::Nothing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_probability_is_refused_and_nothing_has_no_error() {
        let bad = SampleError::NotAProbability { index: 1, found: 1.5 };
        assert_eq!(Calibration::new(&[0.5, 1.5], &[true, true], 10), Err(bad));
        assert!(Calibration::new(&[f32::NAN], &[true], 10).is_err());
        assert!(Calibration::new(&[0.5], &[], 10).is_err());
        let nothing = Calibration::new(&[], &[], 10).unwrap();
        assert_eq!(nothing.expected_error(), Err(Undefined::Nothing));
        assert_eq!(nothing.maximum_error(), Err(Undefined::Nothing));
    }

    #[test]
    fn an_edge_belongs_to_the_bin_below() {
        let on_edge = Calibration::new(&[0.0, 0.5, 1.0], &[false, true, true], 2).unwrap();
        assert_eq!(on_edge.bins.iter().map(|bin| bin.n).collect::<Vec<_>>(), [2, 1]);
    }
}
