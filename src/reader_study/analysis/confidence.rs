//! Calibration of stated confidence: how well probabilities agree with what turned out.

use serde::Serialize;

use super::errors::AnalysisError;

/// Scores of probabilities of "diseased" (or "synthetic"); lower is better.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Calibration {
    /// Mean squared distance of probability and truth (Brier 1950).
    pub brier: f64,
    /// Mean negative logarithm of the probability given to the truth, in nats; infinite after a certain error.
    pub log_loss: f64,
    /// Distances of mean truth and mean probability over bins of the probability.
    pub positive_class: CalibrationError,
    /// Distances of accuracy at 0.5 and mean confidence over bins of the confidence, `max(p, 1 - p)` (Guo 2017).
    pub confidence: CalibrationError,
}

/// Calibration errors over equal bins of 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct CalibrationError {
    /// Expected: the mean distance, weighted by how much a bin holds.
    pub expected: f64,
    /// Maximum: the largest distance.
    pub maximum: f64,
}

/// The number of bins that the literature uses.
pub const BINS: usize = 15;

/// Calibration of `probability` against `truth` over [`BINS`] bins (lo, hi]; 0 falls in the first.
///
/// # Errors
/// When the lists differ in length, are empty, or hold something that is no probability.
pub fn calibration(probability: &[f64], truth: &[bool]) -> Result<Calibration, AnalysisError> {
    AnalysisError::at_least("answers", 1, probability.len())?;
    AnalysisError::same_length("the list of truths", probability.len(), truth.len())?;
    if let Some(p) = probability.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(AnalysisError::Value { name: "a probability", value: *p, expected: "it lies from 0 to 1" });
    }
    let n = probability.len() as f64;
    let pairs = || probability.iter().copied().zip(truth.iter().map(|t| f64::from(u8::from(*t))));
    let right = |(p, y): (f64, f64)| (p.max(1.0 - p), f64::from(u8::from((p >= 0.5) == (y > 0.5))));
    Ok(Calibration {
        brier: pairs().map(|(p, y)| (p - y).powi(2)).sum::<f64>() / n,
        log_loss: pairs().map(|(p, y)| if y > 0.5 { -p.ln() } else { -(-p).ln_1p() }).sum::<f64>() / n,
        positive_class: over_bins(pairs(), n),
        confidence: over_bins(pairs().map(right), n),
    })
}

/// Of pairs of what was claimed and what turned out.
fn over_bins(pairs: impl Iterator<Item = (f64, f64)>, n: f64) -> CalibrationError {
    let mut excess = [0.0; BINS];
    let mut counts = [0.0; BINS];
    for (claimed, outcome) in pairs {
        let bin = ((claimed * BINS as f64).ceil() as usize).clamp(1, BINS) - 1;
        excess[bin] += outcome - claimed;
        counts[bin] += 1.0;
    }
    let distances = excess.iter().zip(counts).filter(|(_, count)| *count > 0.0);
    let (mut expected, mut maximum) = (0.0, 0.0_f64);
    for (excess, count) in distances {
        expected += excess.abs() / n;
        maximum = maximum.max(excess.abs() / count);
    }
    CalibrationError { expected, maximum }
}
