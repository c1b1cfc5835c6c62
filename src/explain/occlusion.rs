//! Occlusion: how far the score falls where a box of the image is covered.
//!
//! The grid of boxes, their blending and the Gaussian cover are MONAI's (`OcclusionSensitivity`); the numbers are
//! Captum's differences `f(x) - f(x covered)`, signed. MONAI itself stores the score of the covered image, in which the
//! important is low.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erf;

use super::ExplainError;
use super::scored::{Saliency, Scored, voxels};
use super::sweep::{corners, each_voxel, gaussian_weights, product};
use crate::jobs::Control;

/// What covers a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cover {
    /// The normalised background.
    Background,
    /// Each channel's mean over the box, as MONAI documents it (its 1.6.1 multiplies by the mean instead).
    MeanPatch,
    /// The background, strongest in the middle of the box and fading to its corners (MONAI's default).
    #[default]
    Gaussian,
}

/// Parameters of [`occlusion`]; the defaults are MONAI's.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Occlusion {
    /// Side of a box, voxels; at most the image.
    pub mask_size: usize,
    /// Share of a box that the next one covers again, 0 to below 1.
    pub overlap: f64,
    /// What covers a box.
    pub cover: Cover,
    /// A first pass with larger boxes, after which only the most telling places are looked at closely.
    pub coarse: Option<Coarse>,
}

/// The first pass.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Coarse {
    /// Side of a box, voxels.
    pub mask_size: usize,
    /// See [`Occlusion::overlap`].
    pub overlap: f64,
    /// Share of the fine boxes that are run, by the first pass' largest changes.
    pub refine: f64,
}

impl Default for Occlusion {
    fn default() -> Self {
        let coarse = Coarse { mask_size: 32, overlap: 0.25, refine: 0.1 };
        Self { mask_size: 16, overlap: 0.6, cover: Cover::default(), coarse: Some(coarse) }
    }
}

impl Occlusion {
    fn check(&self) -> Result<(), ExplainError> {
        let coarse = self.coarse.map(|c| (c.mask_size, c.overlap));
        for (mask_size, overlap) in [Some((self.mask_size, self.overlap)), coarse].into_iter().flatten() {
            if mask_size == 0 {
                return Err(ExplainError::Parameter {
                    name: "mask_size",
                    value: "0".into(),
                    expected: "boxes have at least one voxel",
                });
            }
            if !(0.0..1.0).contains(&overlap) {
                let expected = "boxes overlap by 0 to below 1";
                return Err(ExplainError::Parameter { name: "overlap", value: overlap.to_string(), expected });
            }
        }
        Ok(())
    }
}

/// Maps `f(x) - f(x covered)`: above 0 where the image speaks for the target.
///
/// With a first pass, what was not looked at closely keeps the first pass' value, scaled by the boxes' volumes so that
/// both are a change for a box of `mask_size`.
///
/// # Errors
/// Parameters that cannot be, a model that cannot be run; [`ExplainError::Cancelled`].
pub fn occlusion(scored: &dyn Scored, p: &Occlusion, control: &Control) -> Result<Saliency, ExplainError> {
    p.check()?;
    let size = scored.size();
    let base = scored.score(scored.channels())?;
    let fine_box = size.map(|n| n.min(p.mask_size));
    let mut windows = corners(size, fine_box, p.overlap);
    let mut passes = 1;
    let mut coarse_map = None;
    if let Some(c) = p.coarse {
        let coarse_box = size.map(|n| n.min(c.mask_size));
        let all = corners(size, coarse_box, c.overlap);
        let wanted = (windows.len() as f64 * c.refine.clamp(0.0, 1.0)).ceil() as usize;
        // A first pass that saves nothing is left out.
        if all.len() + wanted < windows.len() {
            control.stage("Covering large boxes", all.len() as u64);
            let mut map = Accumulated::new(scored);
            map.sweep(scored, base, &all, coarse_box, p.cover, control)?;
            passes += all.len();
            let scale = voxels(fine_box) as f64 / voxels(coarse_box) as f64;
            let values: Vec<f64> = map.means().map(|(mean, _)| mean * scale).collect();
            windows = most_telling(&values, size, windows, fine_box, wanted);
            coarse_map = Some(values);
        }
    }
    control.stage("Covering boxes", windows.len() as u64);
    let mut fine = Accumulated::new(scored);
    fine.sweep(scored, base, &windows, fine_box, p.cover, control)?;
    passes += windows.len();
    let map = match coarse_map {
        None => fine.means().map(|(mean, _)| mean as f32).collect(),
        Some(coarse) => fine
            .means()
            .zip(coarse)
            .map(|((mean, seen), coarse)| if seen { mean as f32 } else { coarse as f32 })
            .collect(),
    };
    let parameters = serde_json::json!({ "occlusion": p, "score": base });
    Ok(Saliency { map, passes, parameters, notes: Vec::new() })
}

/// The windows over which the first pass changed most, in the order of the grid.
fn most_telling(
    values: &[f64],
    size: [usize; 3],
    windows: Vec<[usize; 3]>,
    length: [usize; 3],
    wanted: usize,
) -> Vec<[usize; 3]> {
    let mut ranked: Vec<(f64, usize)> = windows
        .iter()
        .enumerate()
        .map(|(n, corner)| {
            let mut sum = 0.0;
            each_voxel(size, *corner, length, |_, at| sum += values[at].abs());
            (sum, n)
        })
        .collect();
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut kept: Vec<usize> = ranked.into_iter().take(wanted).map(|(_, n)| n).collect();
    kept.sort_unstable();
    kept.into_iter().map(|n| windows[n]).collect()
}

/// Weighted sums over the boxes that hold a voxel.
struct Accumulated {
    sum: Vec<f64>,
    weight: Vec<f64>,
}

impl Accumulated {
    fn new(scored: &dyn Scored) -> Self {
        let n = voxels(scored.size());
        Self { sum: vec![0.0; n], weight: vec![0.0; n] }
    }

    fn sweep(
        &mut self,
        scored: &dyn Scored,
        base: f64,
        windows: &[[usize; 3]],
        length: [usize; 3],
        cover: Cover,
        control: &Control,
    ) -> Result<(), ExplainError> {
        let size = scored.size();
        let count = voxels(length);
        let (keep, blend) = match cover {
            Cover::Gaussian => (gaussian_keep(length), gaussian_weights(length)),
            Cover::Background | Cover::MeanPatch => (vec![0.0; count], vec![1.0; count]),
        };
        // One copy that is covered and restored, not one a box.
        let mut channels = scored.channels().to_vec();
        for corner in windows {
            control.checkpoint()?;
            for (c, (channel, original)) in channels.iter_mut().zip(scored.channels()).enumerate() {
                let mut add = f64::from(scored.background().get(c).copied().unwrap_or(0.0));
                if cover == Cover::MeanPatch {
                    let mut sum = 0.0;
                    each_voxel(size, *corner, length, |_, at| sum += f64::from(original[at]));
                    add = sum / count as f64;
                }
                each_voxel(size, *corner, length, |n, at| {
                    channel[at] = (add + (f64::from(original[at]) - add) * keep[n]) as f32;
                });
            }
            let change = base - scored.score(&channels)?;
            for (channel, original) in channels.iter_mut().zip(scored.channels()) {
                each_voxel(size, *corner, length, |_, at| channel[at] = original[at]);
            }
            each_voxel(size, *corner, length, |n, at| {
                self.sum[at] += blend[n] * change;
                self.weight[at] += blend[n];
            });
            control.advance(1);
        }
        Ok(())
    }

    /// Mean change of each voxel, and whether any box held it.
    fn means(&self) -> impl Iterator<Item = (f64, bool)> + '_ {
        self.sum.iter().zip(&self.weight).map(|(s, w)| if *w > 0.0 { (s / w, true) } else { (0.0, false) })
    }
}

/// MONAI's `gaussian_occlusion`: an impulse at `n / 2` smoothed with `σ = n / 4` (the error-function kernel, cut at
/// 4σ), turned over and scaled to 0 (middle) .. 1 (corners).
fn gaussian_keep(length: [usize; 3]) -> Vec<f64> {
    let profiles = length.map(|n| {
        let sigma = 0.25 * n as f64;
        let t = std::f64::consts::FRAC_1_SQRT_2 / sigma;
        let tail = ((4.0 * sigma).max(0.5) + 0.5) as i64;
        (0..n)
            .map(|i| {
                let d = i as i64 - (n / 2) as i64;
                let x = d as f64;
                if d.abs() > tail { 0.0 } else { (0.5 * (erf(t * (x + 0.5)) - erf(t * (x - 0.5)))).max(0.0) }
            })
            .collect()
    });
    let mut keep = product(&profiles);
    let high = keep.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let low = keep.iter().copied().fold(f64::INFINITY, f64::min);
    // A box of one voxel has no slope: it is covered.
    let range = if high > low { high - low } else { f64::INFINITY };
    keep.iter_mut().for_each(|k| *k = (high - *k) / range);
    keep
}

#[cfg(test)]
mod tests {
    use super::super::scored::tests::Linear;
    use super::*;

    fn plain(mask_size: usize, overlap: f64) -> Occlusion {
        Occlusion { mask_size, overlap, cover: Cover::Background, coarse: None }
    }

    #[test]
    fn a_linear_score_gives_the_boxes_own_contributions() {
        let mut score = Linear::new([4, 2, 2], |n| n as f32 - 5.0, |n| 1.0 + (n % 3) as f32);
        score.background[0] = 0.5;
        let found = occlusion(&score, &plain(2, 0.0), &Control::new()).unwrap();
        let own = score.contributions();
        // Two boxes of 2 x 2 x 2: each voxel holds the sum of its box.
        let box_sum = |x0: usize| -> f32 { (0..16).filter(|n| n % 4 / 2 == x0).map(|n| own[n]).sum() };
        for (n, value) in found.map.iter().enumerate() {
            assert!((value - box_sum(n % 4 / 2)).abs() < 1e-4, "{n}");
        }
        assert_eq!(found.passes, 3);
        // One voxel a box: the contributions themselves.
        let single = occlusion(&score, &plain(1, 0.0), &Control::new()).unwrap();
        assert!(single.map.iter().zip(&own).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn the_mean_of_a_flat_image_changes_nothing() {
        let score = Linear::new([5, 5, 1], |n| n as f32, |_| 3.0);
        let p = Occlusion { cover: Cover::MeanPatch, ..plain(3, 0.5) };
        let found = occlusion(&score, &p, &Control::new()).unwrap();
        assert!(found.map.iter().all(|x| x.abs() < 1e-5));
    }

    #[test]
    fn the_first_pass_leads_to_the_place_that_matters() {
        // Only one corner matters.
        let important = |n: usize| n % 24 < 6 && n / 24 % 24 < 6 && n / 576 < 6;
        let score = Linear::new([24; 3], |n| f32::from(u8::from(important(n))), |_| 1.0);
        let coarse = Coarse { mask_size: 12, overlap: 0.0, refine: 0.1 };
        let p = Occlusion { coarse: Some(coarse), ..plain(3, 0.0) };
        let found = occlusion(&score, &p, &Control::new()).unwrap();
        assert!(found.passes < 100, "{}", found.passes);
        let exact = occlusion(&score, &Occlusion { coarse: None, ..p }, &Control::new()).unwrap();
        for (n, (a, b)) in found.map.iter().zip(&exact.map).enumerate().filter(|(n, _)| important(*n)) {
            assert!((a - b).abs() < 1e-4, "{n}: {a} {b}");
        }
    }

    #[test]
    fn impossible_parameters_and_a_cancel_are_told() {
        let score = Linear::new([4, 4, 4], |_| 1.0, |_| 1.0);
        let e = occlusion(&score, &plain(0, 0.0), &Control::new()).unwrap_err();
        assert!(e.to_string().contains("mask_size"), "{e}");
        let e = occlusion(&score, &plain(2, 1.0), &Control::new()).unwrap_err();
        assert!(e.to_string().contains("overlap"), "{e}");
        let control = Control::new();
        control.cancel();
        assert!(matches!(occlusion(&score, &plain(2, 0.0), &control), Err(ExplainError::Cancelled(_))));
    }

    /// Expected: MONAI 1.6.1 (`tests/expected/make_occlusion.py`), whose map is `f(x covered)`, so `f(x)` less ours.
    #[test]
    fn the_map_is_monais() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/expected/occlusion.json")).unwrap();
        let numbers = |v: &serde_json::Value| -> Vec<f32> {
            v.as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
        };
        for case in cases.as_array().unwrap() {
            let size: Vec<usize> =
                case["size"].as_array().unwrap().iter().map(|n| n.as_u64().unwrap() as usize).collect();
            let (image, weights) = (numbers(&case["image"]), numbers(&case["weights"]));
            let mut score = Linear::new([size[0], size[1], size[2]], |n| weights[n], |n| image[n]);
            score.background[0] = case["value"].as_f64().unwrap() as f32;
            let p = Occlusion {
                mask_size: case["mask_size"].as_u64().unwrap() as usize,
                overlap: case["overlap"].as_f64().unwrap(),
                cover: serde_json::from_value(case["cover"].clone()).unwrap(),
                coarse: None,
            };
            let found = occlusion(&score, &p, &Control::new()).unwrap();
            let base = score.score(&score.channels).unwrap() as f32;
            for (n, (ours, monai)) in found.map.iter().zip(numbers(&case["map"])).enumerate() {
                assert!((base - ours - monai).abs() < 2e-4 * base.abs().max(1.0), "{p:?} {n}: {} {monai}", base - ours);
            }
        }
    }
}
