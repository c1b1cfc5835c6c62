//! Networks whose answer is larger or smaller than what they are given: super-resolution, coarse maps.
//!
//! As in MONAI 1.5's `sliding_window_inference` (`monai/inferers/utils.py`) starts, stops and the crop are scaled by
//! out / in and rounded down, and the weights are resized to the nearest voxel. In the patient the faces of the image
//! stay where they are and its voxels are divided or joined, so that centres move by half voxels.

use glam::{DMat4, DVec3};

use crate::inference::cutter::Window;
use crate::inference::fields::{is_dense, is_run};
use crate::inference::grid::{Bounds, ModelGrid};
use crate::inference::layout::{Layout, Order};
use crate::inference::manifest::Manifest;
use crate::inference::session::Tensor;
use crate::volume::{Geometry, GeometryError};

/// Voxels of the answer for those of a window, along x, y, z of the model's grid: fractions in their lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    out: [usize; 3],
    given: [usize; 3],
}

impl Scale {
    pub const ONE: Self = Self { out: [1; 3], given: [1; 3] };

    /// The scale of a window and its answer: whole, half of a whole, or one part of a whole along each axis. `None` for
    /// other sizes: a network that cuts its border off, say, does not scale.
    pub fn of(window: [usize; 3], answer: [usize; 3]) -> Option<Self> {
        let mut scale = Self::ONE;
        for a in 0..3 {
            let (w, o) = (window[a].max(1), answer[a]);
            (scale.out[a], scale.given[a]) = match (o, w) {
                (0, _) => return None,
                _ if o.is_multiple_of(w) => (o / w, 1),
                _ if w.is_multiple_of(o) => (1, w / o),
                _ if o > w && (2 * o).is_multiple_of(w) => (2 * o / w, 2),
                _ => return None,
            };
        }
        Some(scale)
    }

    /// The scale of the first tensor that is an image of the manifest's layout; 1 where that says none.
    pub fn of_answer(m: &Manifest, layout: &Layout, tensors: &[Tensor], window: [usize; 3]) -> Self {
        let flat = layout.without_channel();
        let dense = m.outputs.iter().filter(|o| is_run(m, o) && is_dense(o));
        let sizes = dense.filter_map(|o| tensors.iter().find(|t| t.name == o.tensor)).filter_map(|t| {
            let own = [layout, &flat].into_iter().find(|l| l.rank() == t.shape.len())?;
            Some(own.size_in(&t.shape)).filter(|size| *size != [1; 3] || window == [1; 3])
        });
        sizes.take(1).find_map(|answer| Self::of(window, answer)).unwrap_or(Self::ONE)
    }

    pub fn is_one(&self) -> bool {
        *self == Self::ONE
    }

    /// Where a place along an axis of the padded grid comes to lie.
    pub fn at(&self, axis: usize, place: usize) -> usize {
        place * self.out[axis] / self.given[axis]
    }

    /// A size or a first voxel.
    pub fn all(&self, places: [usize; 3]) -> [usize; 3] {
        [0, 1, 2].map(|a| self.at(a, places[a]))
    }

    /// Where a window's answer comes to lie.
    pub fn window(&self, window: &Window) -> Window {
        Window { start: self.all(window.start), size: self.all(window.size), plane: window.plane }
    }

    /// Whether every window begins on a whole voxel of the answer's grid.
    pub fn divides(&self, windows: &[Window]) -> bool {
        windows.iter().all(|w| (0..3).all(|a| (w.start[a] * self.out[a]).is_multiple_of(self.given[a])))
    }

    /// The weights of a window of `size`, in `order`, for its answer: of the nearest voxel each ("nearest-exact").
    pub fn weights(&self, weights: &[f32], size: [usize; 3], order: Order) -> Vec<f32> {
        if self.is_one() {
            return weights.to_vec();
        }
        let [slow, middle, fast] = order.0;
        let steps = order.strides(size);
        let answer = self.all(size);
        let from = |a: usize, i: usize| {
            let nearest = (2 * i + 1) * self.given[a] / (2 * self.out[a]);
            nearest.min(size[a] - 1) * steps[a]
        };
        let mut out = Vec::with_capacity(answer.iter().product());
        for i in 0..answer[slow] {
            for j in 0..answer[middle] {
                let row = from(slow, i) + from(middle, j);
                out.extend((0..answer[fast]).map(|k| weights[row + from(fast, k)]));
            }
        }
        out
    }

    /// How many voxels of the answer one voxel of the model's grid is, along an axis.
    fn factor(&self, axis: usize) -> f64 {
        self.out[axis] as f64 / self.given[axis] as f64
    }

    /// The grid that the answer lies on, and the grid that results are brought onto: `target`, or a finer one with the
    /// same faces where the answer is finer than the model's grid. A coarser answer is brought back onto `target`.
    ///
    /// # Errors
    /// Grids that would be empty or too large.
    pub fn grids(&self, grid: &ModelGrid, target: &Geometry) -> Result<(ModelGrid, Geometry), GeometryError> {
        if self.is_one() {
            return Ok((grid.clone(), target.clone()));
        }
        let factors = [0, 1, 2].map(|a| self.factor(a));
        let padded = divided(&grid.padded, self.all(grid.padded.size()), factors)?;
        let round = |x: f64| x.round_ties_even() as usize;
        let before = [0, 1, 2].map(|a| round(grid.before[a] as f64 * factors[a]));
        let size = [0, 1, 2].map(|a| {
            let end = round((grid.before[a] + grid.grid.size()[a]) as f64 * factors[a]);
            end.min(padded.size()[a]).saturating_sub(before[a])
        });
        let shift = DVec3::from_array(before.map(|n| n as f64));
        let own = Geometry::new(size, padded.voxel_to_patient() * DMat4::from_translation(shift))?;
        // The axes of the target that run along those of the model's grid.
        let mut finer = [1.0_f64; 3];
        for (a, factor) in factors.iter().enumerate() {
            let direction = grid.grid.directions()[a];
            let along = |t: &usize| (target.directions()[*t].dot(direction).abs() * 1e9) as i64;
            let axis = (0..3).max_by_key(along).unwrap_or(a);
            finer[axis] = finer[axis].max(*factor);
        }
        let fine = [0, 1, 2].map(|a| (target.size()[a] as f64 * finer[a] + 1e-9).floor() as usize);
        let bounds = grid.bounds.map(|b| Bounds {
            low: [0, 1, 2].map(|a| (b.low[a] as f64 * finer[a]).floor() as usize),
            high: [0, 1, 2].map(|a| (((b.high[a] + 1) as f64 * finer[a]).ceil() as usize).saturating_sub(1)),
        });
        let notes = grid.notes.clone();
        Ok((ModelGrid { grid: own, padded, before, bounds, notes }, divided(target, fine, finer)?))
    }

    /// How far beyond the answer's outermost centres its border still counts, in its voxels: one of the model's grid.
    pub fn margin(&self) -> DVec3 {
        DVec3::from_array([0, 1, 2].map(|a| self.factor(a).max(1.0)))
    }
}

/// The grid with its voxels divided by the factors and its low faces where they are.
fn divided(g: &Geometry, size: [usize; 3], factors: [f64; 3]) -> Result<Geometry, GeometryError> {
    let step = DVec3::from_array(factors.map(|f| 1.0 / f));
    let shift = step * 0.5 - DVec3::splat(0.5);
    Geometry::new(size, g.voxel_to_patient() * DMat4::from_translation(shift) * DMat4::from_scale(step))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;

    #[test]
    fn only_sizes_that_a_network_can_mean_are_scales() {
        let of = |w: usize, o: usize| Scale::of([w, 4, 1], [o, 4, 1]).map(|s| (s.out[0], s.given[0]));
        assert_eq!(of(8, 8), Some((1, 1)));
        assert_eq!(of(8, 16), Some((2, 1)));
        assert_eq!(of(8, 12), Some((3, 2)));
        assert_eq!(of(8, 4), Some((1, 2)));
        // A border that was cut off, and one voxel too many.
        assert_eq!(of(96, 88), None);
        assert_eq!(of(8, 9), None);
        assert_eq!(of(8, 0), None);
    }

    /// Expected: torch.nn.functional.interpolate(torch.arange(n), size=…, mode="nearest-exact").
    #[test]
    fn weights_are_those_of_the_nearest_voxel() {
        let line = |n: usize, o: usize| {
            let w: Vec<f32> = (0..n).map(|i| i as f32).collect();
            Scale::of([n, 1, 1], [o, 1, 1]).unwrap().weights(&w, [n, 1, 1], Order::VOLUME)
        };
        assert_eq!(line(3, 6), [0.0, 0.0, 1.0, 1.0, 2.0, 2.0]);
        assert_eq!(line(6, 3), [1.0, 3.0, 5.0]);
        assert_eq!(line(4, 6), [0.0, 1.0, 1.0, 2.0, 3.0, 3.0]);
    }

    #[test]
    fn the_faces_of_the_image_stay_where_they_are() {
        let m = DMat4::from_translation(DVec3::new(-10.0, 4.0, 7.0)) * DMat4::from_scale(DVec3::new(1.5, 1.0, 2.0));
        let target = Geometry::new([21, 17, 13], m).unwrap();
        let grid =
            ModelGrid { grid: target.clone(), padded: target.clone(), before: [0; 3], bounds: None, notes: Vec::new() };
        let scale = Scale::of([4; 3], [8, 4, 8]).unwrap();
        let (own, fine) = scale.grids(&grid, &target).unwrap();
        assert_eq!(fine.size(), [42, 17, 26]);
        assert!(own.grid.distance_mm(&fine) < 1e-12);
        for d in [DVec3::X, DVec3::Y, DVec3::Z] {
            let (a, b) = (target.extent_along(d), fine.extent_along(d));
            assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9, "{a:?} {b:?}");
        }
        // Two fine voxels lie a quarter of a voxel beside the centre of each one.
        let first = fine.to_patient(crate::volume::VoxelPoint::new(0.0, 0.0, 0.0)).0;
        assert!(first.distance(DVec3::new(-10.375, 4.0, 6.5)) < 1e-9, "{first}");
        // Coarser answers come back onto the grid that they were asked for.
        let (own, back) = Scale::of([4; 3], [2; 3]).unwrap().grids(&grid, &target).unwrap();
        assert_eq!((own.grid.size(), back.size()), ([10, 8, 6], [21, 17, 13]));
        assert!(back.distance_mm(&target) < 1e-12);
    }
}
