//! Where the windows of a sliding-window inferer lie and how much each of their voxels counts.
//!
//! Sources: MONAI 1.5 `monai/inferers/utils.py`, `monai/data/utils.py`; nnU-Net v2
//! `nnunetv2/inference/sliding_window_prediction.py`.

use super::manifest::schema::{Blend, Inferer, Starts};

/// Windows along one axis: where each starts.
///
/// `window` must not be larger than `size`; the image is padded before.
pub(crate) fn starts(size: usize, window: usize, overlap: f64, rule: Starts) -> Vec<usize> {
    if window >= size {
        return vec![0];
    }
    match rule {
        Starts::Stride => {
            // Truncated, never rounded: 96 * (1 - 0.7) is 28.8, which is 28.
            let stride = ((window as f64 * (1.0 - overlap)) as usize).max(1);
            let mut starts = Vec::new();
            for start in (0..size).step_by(stride) {
                starts.push(start.min(size - window));
                if start + window >= size {
                    break;
                }
            }
            starts
        }
        Starts::Even => {
            let stride = (window as f64 * (1.0 - overlap)).max(1.0);
            let room = (size - window) as f64;
            let count = (room / stride).ceil() as usize + 1;
            let step = room / (count - 1).max(1) as f64;
            (0..count).map(|n| (step * n as f64).round_ties_even() as usize).collect()
        }
    }
}

/// Weights of a window's voxels, `[d0, d1, d2]` with the last axis fastest.
///
/// Gaussian windows follow MONAI for `starts = "stride"` (centred, clamped below at 1e-3) and nnU-Net for
/// `starts = "even"` (centred on voxel `n / 2`, cut off at four sigma, zeros raised to the smallest other weight).
/// Hann is `hann_window(n + 2)[1..=n]`, as TorchIO has it.
pub(crate) fn weights(size: [usize; 3], inferer: &Inferer) -> Vec<f32> {
    let count: usize = size.iter().product();
    match (inferer.blend, inferer.starts) {
        (Blend::Constant, _) => vec![1.0; count],
        (Blend::Hann, _) => product(size.map(hann)),
        (Blend::Gaussian, Starts::Stride) => {
            let mut w = product(size.map(|n| {
                let (middle, sigma) = ((n as f64 - 1.0) / 2.0, inferer.sigma * n as f64);
                (0..n).map(|i| gaussian(i as f64 - middle, sigma)).collect()
            }));
            let least = w.iter().copied().fold(f32::INFINITY, f32::min).max(1e-3);
            w.iter_mut().for_each(|x| *x = x.max(least));
            w
        }
        (Blend::Gaussian, Starts::Even) => {
            let mut w = product(size.map(|n| {
                let (middle, sigma) = ((n / 2) as f64, inferer.sigma * n as f64);
                let reach = (4.0 * sigma + 0.5).floor();
                let weight = |i: usize| {
                    let x = i as f64 - middle;
                    if x.abs() <= reach { gaussian(x, sigma) } else { 0.0 }
                };
                (0..n).map(weight).collect()
            }));
            let least = w.iter().copied().filter(|x| *x > 0.0).fold(f32::INFINITY, f32::min);
            w.iter_mut().filter(|x| **x <= 0.0).for_each(|x| *x = least);
            w
        }
    }
}

fn gaussian(x: f64, sigma: f64) -> f64 {
    (-x * x / (2.0 * sigma * sigma)).exp()
}

fn hann(n: usize) -> Vec<f64> {
    let period = n as f64 + 1.0;
    (1..=n).map(|i| 0.5 - 0.5 * (std::f64::consts::TAU * i as f64 / period).cos()).collect()
}

fn product([a, b, c]: [Vec<f64>; 3]) -> Vec<f32> {
    let mut out = Vec::with_capacity(a.len() * b.len() * c.len());
    for x in &a {
        for y in &b {
            out.extend(c.iter().map(|z| (x * y * z) as f32));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;

    /// Expected: MONAI 1.5.1 `dense_patch_slices` and nnU-Net's `compute_steps_for_sliding_window`, by hand from their
    /// rules (INFERENCE.md gives 0, 23, 46 for 110 over 64).
    #[test]
    fn starts_follow_monai_and_nnunet() {
        assert_eq!(starts(110, 64, 0.5, Starts::Even), [0, 23, 46]);
        assert_eq!(starts(110, 64, 0.5, Starts::Stride), [0, 32, 46]);
        assert_eq!(starts(100, 96, 0.7, Starts::Stride), [0, 4]);
        assert_eq!(starts(200, 96, 0.7, Starts::Stride), [0, 28, 56, 84, 104]);
        assert_eq!(starts(96, 96, 0.25, Starts::Stride), [0]);
        assert_eq!(starts(40, 96, 0.25, Starts::Even), [0]);
        assert_eq!(starts(5, 1, 0.9, Starts::Stride), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn every_voxel_lies_in_a_window() {
        for size in 1..60 {
            for window in 1..=size {
                for overlap in [0.0, 0.25, 0.5, 0.7, 0.9] {
                    for rule in [Starts::Stride, Starts::Even] {
                        let s = starts(size, window, overlap, rule);
                        assert_eq!(s.first(), Some(&0));
                        assert_eq!(s.last().map(|x| x + window), Some(size));
                        assert!(s.windows(2).all(|p| p[0] < p[1] && p[1] <= p[0] + window), "{size} {window} {s:?}");
                    }
                }
            }
        }
    }
}
