//! Occlusion: how far the score falls where a box of the image is covered.
//!
//! The grid of boxes, their blending and the Gaussian cover are MONAI's (`OcclusionSensitivity`); the numbers are
//! Captum's differences `f(x) - f(x covered)`, signed. MONAI itself stores the score of the covered image, in which the
//! important is low.

use serde::{Deserialize, Serialize};
use statrs::function::erf::erf;

use super::ExplainError;
use super::scored::{Saliency, Scored, voxels};
use super::sweep::{corners, each_voxel, gaussian_weights, product, starts};
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

/// Parameters of [`occlusion`]; boxes, overlap and cover are MONAI's by default.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Occlusion {
    /// Side of a box, voxels; at most the image.
    pub mask_size: usize,
    /// Share of a box that the next one covers again, 0 to below 1.
    pub overlap: f64,
    /// What covers a box.
    pub cover: Cover,
    /// A first pass with larger boxes, after which only the most telling places are looked at closely; `None`: MONAI's
    /// whole grid.
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
    /// Fine boxes at most, whatever their share.
    #[serde(default = "most")]
    pub most: usize,
}

/// As many again as a first pass over 128 voxels a side has, and some more.
fn most() -> usize {
    216
}

impl Default for Occlusion {
    fn default() -> Self {
        let coarse = Coarse { mask_size: 32, overlap: 0.25, refine: 0.1, most: most() };
        Self { mask_size: 16, overlap: 0.6, cover: Cover::default(), coarse: Some(coarse) }
    }
}

impl Occlusion {
    /// MONAI's whole grid, box by box.
    #[must_use]
    pub fn full() -> Self {
        Self { coarse: None, ..Self::default() }
    }

    /// How many runs of the model it takes at most for a grid `[nx, ny, nz]`.
    #[must_use]
    pub fn passes(&self, size: [usize; 3]) -> usize {
        let count = |mask_size: usize, overlap: f64| {
            let side = |a: usize| starts(size[a], size[a].min(mask_size.max(1)), overlap).len();
            side(0) * side(1) * side(2)
        };
        let fine = count(self.mask_size, self.overlap);
        match self.coarse.map(|c| (count(c.mask_size, c.overlap), c.wanted(fine))) {
            Some((coarse, wanted)) if coarse + wanted < fine => 1 + coarse + wanted,
            _ => 1 + fine,
        }
    }

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

impl Coarse {
    /// Boxes of the second pass, of so many fine ones.
    fn wanted(&self, fine: usize) -> usize {
        ((fine as f64 * self.refine.clamp(0.0, 1.0)).ceil() as usize).min(self.most)
    }
}

/// Maps `f(x) - f(x covered)`: above 0 where the image speaks for the target.
///
/// With a first pass every voxel that was looked at closely has the value that the whole grid of fine boxes would give it,
/// since all boxes that hold it were run; `refined` of the parameters lists them. The others keep the first pass' value,
/// scaled by the boxes' volumes so that both are a change for a box of `mask_size`. A box that covers nothing but
/// background changes nothing, and is not run.
///
/// # Errors
/// Parameters that cannot be, a model that cannot be run; [`ExplainError::Cancelled`].
pub fn occlusion(scored: &dyn Scored, p: &Occlusion, control: &Control) -> Result<Saliency, ExplainError> {
    p.check()?;
    let size = scored.size();
    let base = scored.score(scored.channels())?;
    let fine_box = size.map(|n| n.min(p.mask_size));
    let all_fine = corners(size, fine_box, p.overlap);
    let mut passes = 1;
    let mut parameters = serde_json::json!({ "occlusion": p, "score": base });
    let mut notes = Vec::new();
    if let Some(c) = p.coarse {
        let coarse_box = size.map(|n| n.min(c.mask_size));
        let all = corners(size, coarse_box, c.overlap);
        let wanted = c.wanted(all_fine.len());
        // A first pass that saves nothing is left out.
        if all.len() + wanted < all_fine.len() {
            control.stage("Covering large boxes", all.len() as u64);
            let mut first = Accumulated::new(scored);
            passes += first.sweep(scored, base, &all, coarse_box, p.cover, control)?;
            let scale = voxels(fine_box) as f64 / voxels(coarse_box) as f64;
            let coarse: Vec<f64> = first.means().map(|mean| mean * scale).collect();
            let close = closely(&coarse, size, fine_box, p.overlap, wanted);
            control.stage("Covering boxes where it matters", close.windows.len() as u64);
            let mut fine = Accumulated::new(scored);
            passes += fine.sweep(scored, base, &close.windows, fine_box, p.cover, control)?;
            let mut map: Vec<f32> = coarse.iter().map(|x| *x as f32).collect();
            let fine: Vec<f32> = fine.means().map(|x| x as f32).collect();
            let mut refined = 0;
            for [low, high] in &close.cells {
                let length = [0, 1, 2].map(|a| high[a] - low[a]);
                each_voxel(size, *low, length, |_, at| map[at] = fine[at]);
                refined += voxels(length);
            }
            let share = refined as f64 / map.len() as f64;
            parameters["refined"] = serde_json::json!({
                "boxes": close.windows.len(), "of": all_fine.len(), "voxels": refined, "share": share,
                "where": close.cells.iter().map(|[l, h]| [l[0], l[1], l[2], h[0], h[1], h[2]]).collect::<Vec<_>>(),
            });
            notes.push(format!(
                "{:.1} % of the voxels were looked at with boxes of {} voxels, where the large boxes changed most; the rest \
                 holds the value of boxes of {}",
                share * 100.0,
                p.mask_size,
                c.mask_size
            ));
            return Ok(Saliency { map, passes, parameters, notes });
        }
    }
    control.stage("Covering boxes", all_fine.len() as u64);
    let mut fine = Accumulated::new(scored);
    passes += fine.sweep(scored, base, &all_fine, fine_box, p.cover, control)?;
    let map = fine.means().map(|mean| mean as f32).collect();
    Ok(Saliency { map, passes, parameters, notes })
}

/// First voxel and the one behind the last.
type Cell = [[usize; 3]; 2];

/// What the second pass looks at.
struct Close {
    /// Corners of the boxes that are run, in the order of the grid.
    windows: Vec<[usize; 3]>,
    /// Where every box that holds a voxel is among them.
    cells: Vec<Cell>,
}

/// The borders of all boxes divide the grid into cells whose voxels lie in the same boxes. Cells are taken in the order of
/// the first pass' mean change, each with all of its boxes, as long as there are no more than `wanted` boxes; the first
/// is always taken.
fn closely(values: &[f64], size: [usize; 3], length: [usize; 3], overlap: f64, wanted: usize) -> Close {
    let begins = [0, 1, 2].map(|a| starts(size[a], length[a], overlap));
    // Each cell's range along an axis, and the boxes (first, behind the last) that hold it.
    let cells = [0, 1, 2].map(|a| {
        let mut borders: Vec<usize> = begins[a].iter().flat_map(|s| [*s, s + length[a]]).collect();
        borders.sort_unstable();
        borders.dedup();
        let holding = |w: &[usize]| {
            let first = begins[a].partition_point(|s| s + length[a] <= w[0]);
            let last = begins[a].partition_point(|s| *s <= w[0]);
            (w[0], w[1], first, last)
        };
        borders.windows(2).map(holding).collect::<Vec<_>>()
    });
    let mut ranked = Vec::with_capacity(cells[0].len() * cells[1].len() * cells[2].len());
    for (k, z) in cells[2].iter().enumerate() {
        for (j, y) in cells[1].iter().enumerate() {
            for (i, x) in cells[0].iter().enumerate() {
                let (low, own) = ([x.0, y.0, z.0], [x.1 - x.0, y.1 - y.0, z.1 - z.0]);
                let mut sum = 0.0;
                each_voxel(size, low, own, |_, at| sum += values[at].abs());
                ranked.push((sum / voxels(own) as f64, [i, j, k]));
            }
        }
    }
    // Stable: equal ones stay in the order of the grid.
    ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
    let [nx, ny, nz] = [0, 1, 2].map(|a| begins[a].len());
    let mut run = vec![false; nx * ny * nz];
    let (mut count, mut full) = (0, false);
    let mut complete = Vec::new();
    for (_, [i, j, k]) in ranked {
        let (x, y, z) = (cells[0][i], cells[1][j], cells[2][k]);
        let boxes = || {
            (z.2..z.3).flat_map(move |c| (y.2..y.3).flat_map(move |b| (x.2..x.3).map(move |a| (c * ny + b) * nx + a)))
        };
        let more = boxes().filter(|n| !run[*n]).count();
        if more > 0 && (full || (count > 0 && count + more > wanted)) {
            full = true;
            continue;
        }
        boxes().for_each(|n| run[n] = true);
        count += more;
        complete.push([[x.0, y.0, z.0], [x.1, y.1, z.1]]);
    }
    let corner = |n: usize| [begins[0][n % nx], begins[1][n / nx % ny], begins[2][n / (nx * ny)]];
    let windows = (0..run.len()).filter(|n| run[*n]).map(corner).collect();
    Close { windows, cells: joined(complete) }
}

/// Cells that touch along one axis and are alike along the others, put together.
fn joined(mut cells: Vec<Cell>) -> Vec<Cell> {
    for axis in 0..3 {
        let others = [(axis + 1) % 3, (axis + 2) % 3];
        cells.sort_by_key(|[low, high]| (others.map(|a| (low[a], high[a])), low[axis]));
        let mut out: Vec<Cell> = Vec::with_capacity(cells.len());
        for cell in cells {
            match out.last_mut() {
                Some(last)
                    if last[1][axis] == cell[0][axis]
                        && others.iter().all(|a| last[0][*a] == cell[0][*a] && last[1][*a] == cell[1][*a]) =>
                {
                    last[1][axis] = cell[1][axis];
                }
                _ => out.push(cell),
            }
        }
        cells = out;
    }
    cells
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

    /// Covers box after box; gives how often the model was run.
    fn sweep(
        &mut self,
        scored: &dyn Scored,
        base: f64,
        windows: &[[usize; 3]],
        length: [usize; 3],
        cover: Cover,
        control: &Control,
    ) -> Result<usize, ExplainError> {
        let size = scored.size();
        let mut runs = 0;
        let count = voxels(length);
        let (keep, blend) = match cover {
            Cover::Gaussian => (gaussian_keep(length), gaussian_weights(length)),
            Cover::Background | Cover::MeanPatch => (vec![0.0; count], vec![1.0; count]),
        };
        // One copy that is covered and restored, not one a box.
        let mut channels = scored.channels().to_vec();
        for corner in windows {
            control.checkpoint()?;
            let mut changed = false;
            for (c, (channel, original)) in channels.iter_mut().zip(scored.channels()).enumerate() {
                let mut add = f64::from(scored.background().get(c).copied().unwrap_or(0.0));
                if cover == Cover::MeanPatch {
                    let mut sum = 0.0;
                    each_voxel(size, *corner, length, |_, at| sum += f64::from(original[at]));
                    add = sum / count as f64;
                }
                each_voxel(size, *corner, length, |n, at| {
                    channel[at] = (add + (f64::from(original[at]) - add) * keep[n]) as f32;
                    changed |= channel[at].to_bits() != original[at].to_bits();
                });
            }
            let mut change = 0.0;
            if changed {
                change = base - scored.score(&channels)?;
                runs += 1;
            }
            for (channel, original) in channels.iter_mut().zip(scored.channels()) {
                each_voxel(size, *corner, length, |_, at| channel[at] = original[at]);
            }
            each_voxel(size, *corner, length, |n, at| {
                self.sum[at] += blend[n] * change;
                self.weight[at] += blend[n];
            });
            control.advance(1);
        }
        Ok(runs)
    }

    /// Mean change of each voxel; 0 where no box held it.
    fn means(&self) -> impl Iterator<Item = f64> + '_ {
        self.sum.iter().zip(&self.weight).map(|(s, w)| if *w > 0.0 { s / w } else { 0.0 })
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
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::scored::tests::Linear;
    use super::*;

    /// Asks for a cancel during one of its runs.
    struct Stops {
        own: Linear,
        after: usize,
        runs: AtomicUsize,
        control: Control,
    }

    impl Scored for Stops {
        fn size(&self) -> [usize; 3] {
            self.own.size
        }
        fn channels(&self) -> &[Vec<f32>] {
            &self.own.channels
        }
        fn background(&self) -> &[f32] {
            &self.own.background
        }
        fn score(&self, channels: &[Vec<f32>]) -> Result<f64, ExplainError> {
            if self.runs.fetch_add(1, Ordering::Relaxed) + 1 == self.after {
                self.control.cancel();
            }
            self.own.score(channels)
        }
        fn activations(&self) -> Result<Option<crate::explain::Activations>, ExplainError> {
            Ok(None)
        }
    }

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
        let coarse = Coarse { mask_size: 12, overlap: 0.0, refine: 0.1, most: 1000 };
        let p = Occlusion { coarse: Some(coarse), ..plain(3, 0.0) };
        let found = occlusion(&score, &p, &Control::new()).unwrap();
        assert!(found.passes < 100, "{}", found.passes);
        let exact = occlusion(&score, &Occlusion { coarse: None, ..p }, &Control::new()).unwrap();
        for (n, (a, b)) in found.map.iter().zip(&exact.map).enumerate().filter(|(n, _)| important(*n)) {
            assert!((a - b).abs() < 1e-4, "{n}: {a} {b}");
        }
    }

    /// Boxes that overlap, of both covers: where the record says that it was looked at closely, the map is the whole
    /// grid's to the last bit, and elsewhere it is not the whole grid's.
    #[test]
    fn what_was_looked_at_closely_is_the_whole_grids_and_the_record_says_where() {
        let score = Linear::new(
            [26, 23, 21],
            |n| if n % 26 > 15 && n / 26 % 23 > 12 { 1.0 + (n % 5) as f32 } else { 0.1 * (n % 3) as f32 },
            |n| 1.0 + (n % 7) as f32,
        );
        for cover in [Cover::Gaussian, Cover::Background] {
            let coarse = Some(Coarse { mask_size: 12, overlap: 0.25, refine: 0.2, most: 150 });
            let p = Occlusion { mask_size: 6, overlap: 0.6, cover, coarse };
            let found = occlusion(&score, &p, &Control::new()).unwrap();
            let whole = occlusion(&score, &Occlusion { coarse: None, ..p }, &Control::new()).unwrap();
            assert!(found.passes <= p.passes([26, 23, 21]) && found.passes * 2 < whole.passes);
            let refined = &found.parameters["refined"];
            let boxes: Vec<[usize; 6]> = serde_json::from_value(refined["where"].clone()).unwrap();
            let close = |n: usize| {
                let p = [n % 26, n / 26 % 23, n / (26 * 23)];
                boxes.iter().any(|b| (0..3).all(|a| p[a] >= b[a] && p[a] < b[a + 3]))
            };
            let count = (0..found.map.len()).filter(|n| close(*n)).count();
            assert_eq!(refined["voxels"].as_u64().unwrap() as usize, count);
            assert!(count > 100, "{count}");
            for (n, (a, b)) in found.map.iter().zip(&whole.map).enumerate().filter(|(n, _)| close(*n)) {
                assert_eq!(a.to_bits(), b.to_bits(), "{n}: {a} {b}");
            }
            let differs = |n: &usize| (found.map[*n] - whole.map[*n]).abs() > 1e-6;
            assert!((0..found.map.len()).filter(|n| !close(*n)).filter(differs).count() > 1000);
            assert_eq!(found, occlusion(&score, &p, &Control::new()).unwrap());
            assert!(found.notes[0].contains("boxes of 6"), "{:?}", found.notes);
        }
    }

    #[test]
    fn boxes_that_cover_nothing_are_not_run_and_the_usual_cost_is_bounded() {
        // Half of the image is background.
        let score = Linear::new([16, 4, 4], |_| 1.0, |n| f32::from(u8::from(n % 16 < 8)));
        let found = occlusion(&score, &plain(4, 0.0), &Control::new()).unwrap();
        assert_eq!((found.passes, plain(4, 0.0).passes([16, 4, 4])), (3, 5));
        assert!(found.map.iter().enumerate().all(|(n, x)| (*x > 0.0) == (n % 16 < 8)));
        // 128 voxels a side: 125 large boxes, then 216 of 8000 small ones.
        assert_eq!(Occlusion::default().passes([128; 3]), 1 + 125 + 216);
        assert_eq!(Occlusion::full().passes([128; 3]), 1 + 8000);
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
        // Asked in the middle of a pass, it ends before the next one.
        let stops = Stops { own: score, after: 3, runs: AtomicUsize::new(0), control: Control::new() };
        assert!(matches!(occlusion(&stops, &plain(2, 0.0), &stops.control), Err(ExplainError::Cancelled(_))));
        assert_eq!(stops.runs.load(Ordering::Relaxed), 3);
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
