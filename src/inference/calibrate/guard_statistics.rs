//! What the calibration cases look like, for the guard.

use crate::inference::guard::HistogramFile;
use crate::inference::guard::Quantiles;
use crate::inference::guard::histogram::{foreground, quantiles, shares, wasserstein};

/// What is kept of one case.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// Spacing of the first input, mm.
    pub spacing: [f64; 3],
    /// Field of view of the first input, mm.
    pub field: [f64; 3],
    /// The input's values as the network takes them.
    pub values: Vec<f32>,
}

/// What counts as background: a tenth of the way to the brightest values. Air with Rician noise lies below it.
const BACKGROUND: f64 = 0.1;

/// Percentiles of the foreground whose ranges are kept. Its ends are made by the normalisation and the background's limit.
const LEVELS: [f64; 5] = [5.0, 25.0, 50.0, 75.0, 95.0];

/// By this part of its width each range is widened on both sides: a new case of the same kind lies outside the range of some
/// dozen others, in one percentile or another, about every second time.
const WIDER: f64 = 0.25;

/// Lowest and highest over the cases and axes, five per cent wider: a reconstruction rounds.
pub(super) fn range(of: impl Iterator<Item = [f64; 3]>) -> Option<[f64; 2]> {
    let (low, high) = of.flatten().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), x| (l.min(x), h.max(x)));
    let rounded = |x: f64| (x * 1000.0).round() / 1000.0;
    (low <= high).then(|| [rounded(low * 0.95), rounded(high * 1.05)])
}

/// The mean histogram of the foreground over the cases, and the largest distance of a case from the mean of the others. `None` with
/// fewer than two cases or without contrast.
pub(super) fn histogram(cases: &[Seen], bins: usize) -> Option<HistogramFile> {
    let cases: Vec<Vec<f32>> =
        cases.iter().map(|c| foreground(&c.values, BACKGROUND)).filter(|v| !v.is_empty()).collect();
    let ends: Vec<Vec<f64>> = cases.iter().map(|values| quantiles(values, &[0.1, 99.9])).collect();
    let low = ends.iter().filter_map(|e| e.first()).copied().fold(f64::INFINITY, f64::min);
    let high = ends.iter().filter_map(|e| e.get(1)).copied().fold(f64::NEG_INFINITY, f64::max);
    if cases.len() < 2 || bins == 0 || low.partial_cmp(&high) != Some(std::cmp::Ordering::Less) {
        return None;
    }
    let edges: Vec<f64> = (0..=bins).map(|n| low + (high - low) * n as f64 / bins as f64).collect();
    let each: Vec<Vec<f64>> = cases.iter().map(|values| shares(values, &edges)).collect();
    let mean_without = |left_out: Option<usize>| -> Vec<f64> {
        let taking = || each.iter().enumerate().filter(|(n, _)| Some(*n) != left_out).map(|(_, h)| h);
        let count = taking().count().max(1) as f64;
        (0..bins).map(|b| taking().map(|h| h[b]).sum::<f64>() / count).collect()
    };
    let farthest = (0..cases.len()).map(|n| wasserstein(&each[n], &mean_without(Some(n)), &edges)).fold(0.0, f64::max);
    let found: Vec<Vec<f64>> = cases.iter().map(|values| quantiles(values, &LEVELS)).collect();
    let extreme = |pick: fn(f64, f64) -> f64, start: f64| -> Vec<f64> {
        (0..LEVELS.len()).map(|l| found.iter().filter_map(|q| q.get(l)).copied().fold(start, pick)).collect()
    };
    // Equal cases leave no distance; half a bin is what the histogram can tell apart.
    let least = (high - low) / bins as f64 / 2.0;
    let (lowest, highest) = (extreme(f64::min, f64::INFINITY), extreme(f64::max, f64::NEG_INFINITY));
    let margin = |n: usize| ((highest[n] - lowest[n]) * WIDER).max(least);
    let ranges = Quantiles {
        levels: LEVELS.to_vec(),
        low: lowest.iter().enumerate().map(|(n, x)| x - margin(n)).collect(),
        high: highest.iter().enumerate().map(|(n, x)| x + margin(n)).collect(),
    };
    let max_distance = farthest.max(least);
    let (mean, foreground) = (mean_without(None), Some(BACKGROUND));
    Some(HistogramFile { bins, edges, mean, max_distance, foreground, quantiles: Some(ranges) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(shift: f32) -> Seen {
        let values = (0..1000).map(|n| n as f32 / 1000.0 + shift).collect();
        Seen { spacing: [1.0, 1.0, 2.0], field: [100.0; 3], values }
    }

    #[test]
    fn the_farthest_case_sets_the_limit() {
        let found = histogram(&[seen(0.0), seen(0.0), seen(0.5)], 32).unwrap();
        assert!((found.mean.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!((found.max_distance - 0.5).abs() < 0.02, "{}", found.max_distance);
        assert_eq!(found.foreground, Some(BACKGROUND));
        assert!(histogram(&[seen(0.0)], 32).is_none());
        let equal = histogram(&[seen(0.0), seen(0.0)], 10).unwrap();
        assert!(equal.max_distance > 0.0);
    }

    #[test]
    fn ranges_are_a_little_wider_than_the_cases() {
        assert_eq!(range([[1.0, 1.0, 2.0]].into_iter()), Some([0.95, 2.1]));
        assert_eq!(range(std::iter::empty()), None);
    }
}
