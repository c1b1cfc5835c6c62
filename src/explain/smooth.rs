//! SmoothGrad without gradients: finite differences over blocks, averaged over noisy copies of the image.

use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use super::ExplainError;
use super::random::seeded;
use super::scored::{Saliency, Scored, voxels};
use super::sweep::{corners, each_voxel};
use crate::jobs::Control;

/// Parameters of [`smooth_grad`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SmoothGrad {
    /// Noisy copies (MONAI: 25, which with differences instead of gradients takes too long).
    pub samples: usize,
    /// Standard deviation of the noise, as a share of the image's range (MONAI: 0.15).
    pub noise: f64,
    /// Side of a block, voxels.
    pub block: usize,
    /// How far a block is moved, as a share of the image's range.
    pub step: f64,
    /// Seed of the noise.
    pub seed: u64,
}

impl Default for SmoothGrad {
    fn default() -> Self {
        Self { samples: 4, noise: 0.15, block: 16, step: 0.05, seed: 0 }
    }
}

impl SmoothGrad {
    /// How many runs of the model it takes for a grid `[nx, ny, nz]`.
    #[must_use]
    pub fn passes(&self, size: [usize; 3]) -> usize {
        let length = size.map(|n| n.min(self.block.max(1)));
        2 * self.samples * corners(size, length, 0.0).len()
    }
}

/// The mean gradient of the score over each block, by central differences of all channels at once, averaged over noisy
/// copies (Smilkov 2017). In units of the score per unit of a voxel's normalised value.
///
/// # Errors
/// Parameters that cannot be, a model that cannot be run; [`ExplainError::Cancelled`].
pub fn smooth_grad(scored: &dyn Scored, p: &SmoothGrad, control: &Control) -> Result<Saliency, ExplainError> {
    let positive = |x: f64| x.is_finite() && x > 0.0;
    if p.samples == 0 || p.block == 0 || !positive(p.step) || !(p.noise == 0.0 || positive(p.noise)) {
        let value = format!("{p:?}");
        return Err(ExplainError::Parameter { name: "smoothgrad", value, expected: "every number must be positive" });
    }
    let size = scored.size();
    let length = size.map(|n| n.min(p.block));
    let blocks = corners(size, length, 0.0);
    let ranges: Vec<f64> = scored.channels().iter().map(|c| range(c)).collect();
    let widest = ranges.iter().copied().fold(0.0, f64::max);
    let step = p.step * if widest > 0.0 { widest } else { 1.0 };
    let mut rng = seeded(p.seed, 2);
    let (mut sum, mut count) = (vec![0.0_f64; voxels(size)], vec![0_u32; voxels(size)]);
    let passes = 2 * p.samples * blocks.len();
    control.stage("Moving blocks of noisy copies", passes as u64);
    for _ in 0..p.samples {
        let mut channels = scored.channels().to_vec();
        for (channel, range) in channels.iter_mut().zip(&ranges) {
            for x in channel.iter_mut() {
                let z: f64 = StandardNormal.sample(&mut rng);
                *x += (z * p.noise * range) as f32;
            }
        }
        let noisy = channels.clone();
        for corner in &blocks {
            let mut move_by = |delta: f64| -> Result<f64, ExplainError> {
                control.checkpoint()?;
                for (channel, original) in channels.iter_mut().zip(&noisy) {
                    each_voxel(size, *corner, length, |_, at| {
                        channel[at] = (f64::from(original[at]) + delta) as f32;
                    });
                }
                let score = scored.score(&channels)?;
                control.advance(1);
                Ok(score)
            };
            let slope = (move_by(step)? - move_by(-step)?) / (2.0 * step * voxels(length) as f64);
            for (channel, original) in channels.iter_mut().zip(&noisy) {
                each_voxel(size, *corner, length, |_, at| channel[at] = original[at]);
            }
            each_voxel(size, *corner, length, |_, at| {
                sum[at] += slope;
                count[at] += 1;
            });
        }
    }
    let map = sum.iter().zip(&count).map(|(s, n)| (s / f64::from((*n).max(1))) as f32).collect();
    Ok(Saliency { map, passes, parameters: serde_json::json!({ "smoothgrad": p }), notes: Vec::new() })
}

fn range(values: &[f32]) -> f64 {
    let (low, high) =
        values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)));
    if high > low { f64::from(high - low) } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::super::scored::tests::Linear;
    use super::*;

    #[test]
    fn a_linear_scores_gradient_is_its_weights_whatever_the_noise() {
        let weight = |n: usize| (n % 4 / 2) as f32 * 3.0 - 1.0;
        let score = Linear::new([4, 2, 2], weight, |n| (n % 5) as f32);
        let p = SmoothGrad { samples: 2, block: 2, ..SmoothGrad::default() };
        let found = smooth_grad(&score, &p, &Control::new()).unwrap();
        assert_eq!(found.passes, p.passes([4, 2, 2]));
        for (n, g) in found.map.iter().enumerate() {
            assert!((g - weight(n)).abs() < 1e-3, "{n}: {g}");
        }
    }
}
