//! Interpolation as in `volume::resample`, with fast paths for the inside of a volume.

use glam::DVec3;

use super::super::plan::TIE;
use crate::volume::resample::cubic_weights;
use crate::volume::voxels::Scalar;
use crate::volume::{Interpolation, Padding};

/// One volume's numbers, ready to be looked up.
#[derive(Clone, Copy)]
pub(crate) struct Sampler<'a, T> {
    pub(crate) data: &'a [T],
    pub(crate) size: [usize; 3],
    pub(crate) padding: Option<Padding>,
}

/// The voxel nearest to `q`, if `q` lies within the outer faces.
pub(crate) fn nearest_voxel(q: DVec3, size: [usize; 3]) -> Option<[usize; 3]> {
    let c = q + (0.5 + TIE);
    // Also false for NaN.
    let inside = (0..3).all(|a| c[a] >= 0.0 && c[a] < size[a] as f64);
    inside.then_some([c.x as usize, c.y as usize, c.z as usize])
}

impl<T: Scalar> Sampler<'_, T> {
    fn index(&self, [x, y, z]: [usize; 3]) -> usize {
        (z * self.size[1] + y) * self.size[0] + x
    }

    fn is_padding(&self, stored: f64) -> bool {
        self.padding.is_some_and(|p| p.holds(stored))
    }

    /// The stored value at `q`; NaN where there is nothing.
    pub(crate) fn at(&self, q: DVec3, interpolation: Interpolation) -> f64 {
        match interpolation {
            Interpolation::Nearest => self.nearest(q),
            Interpolation::Linear => self.linear(q),
            Interpolation::Cubic => self.cubic(q),
        }
    }

    fn nearest(&self, q: DVec3) -> f64 {
        let Some(cell) = nearest_voxel(q, self.size) else { return f64::NAN };
        let x = self.data[self.index(cell)].to_f64();
        if self.is_padding(x) { f64::NAN } else { x }
    }

    /// Trilinear.
    #[inline]
    pub(crate) fn linear(&self, q: DVec3) -> f64 {
        let [nx, ny, nz] = self.size;
        let inside = q.x >= 0.0
            && q.y >= 0.0
            && q.z >= 0.0
            && q.x < nx as f64 - 1.0
            && q.y < ny as f64 - 1.0
            && q.z < nz as f64 - 1.0;
        if !inside {
            return self.linear_by_rule(q);
        }
        // By way of `i32`, which converts in one instruction each way; no axis is longer.
        let [i, j, k] = [q.x as i32, q.y as i32, q.z as i32];
        let (tx, ty, tz) = (q.x - f64::from(i), q.y - f64::from(j), q.z - f64::from(k));
        let row = (k as usize * ny + j as usize) * nx + i as usize;
        let pair = |at: usize| {
            let p = &self.data[at..at + 2];
            [p[0].to_f64(), p[1].to_f64()]
        };
        let corners = [pair(row), pair(row + nx), pair(row + nx * ny), pair(row + nx * ny + nx)];
        if self.padding.is_some() && corners.as_flattened().iter().any(|x| self.is_padding(*x)) {
            return self.linear_by_rule(q);
        }
        let [a, b, c, d] = corners.map(|[a, b]| a + (b - a) * tx);
        let (low, high) = (a + (b - a) * ty, c + (d - c) * ty);
        let x = low + (high - low) * tz;
        // A NaN may stand where the weight is zero.
        if x.is_nan() { self.linear_by_rule(q) } else { x }
    }

    fn cubic(&self, q: DVec3) -> f64 {
        self.weighted(q, 1, cubic_weights)
    }

    /// Kept out of the fast path's loop.
    #[cold]
    fn linear_by_rule(&self, q: DVec3) -> f64 {
        self.weighted(q, 0, |t| [0.0, 1.0 - t, t, 0.0])
    }

    /// The general rule, over `2 + 2 * reach` voxels an axis.
    fn weighted(&self, q: DVec3, reach: usize, kernel: impl Fn(f64) -> [f64; 4]) -> f64 {
        let Some(cell) = nearest_voxel(q, self.size) else { return f64::NAN };
        if self.padding.is_some() && self.is_padding(self.data[self.index(cell)].to_f64()) {
            return f64::NAN;
        }
        let base = q.floor();
        let weights = [0, 1, 2].map(|a| kernel(q[a] - base[a]));
        let places = [0, 1, 2].map(|a| {
            let last = self.size[a] as isize - 1;
            [-1, 0, 1, 2].map(|o| (base[a] as isize + o).clamp(0, last) as usize)
        });
        let taps = 1 - reach..3 + reach;
        let (mut sum, mut weight_sum) = (0.0, 0.0);
        for z in taps.clone() {
            for y in taps.clone() {
                let row = self.index([0, places[1][y], places[2][z]]);
                let wyz = weights[2][z] * weights[1][y];
                for x in taps.clone() {
                    let weight = weights[0][x] * wyz;
                    let value = self.data[row + places[0][x]].to_f64();
                    if weight != 0.0 && !self.is_padding(value) {
                        sum += weight * value;
                        weight_sum += weight;
                    }
                }
            }
        }
        if self.padding.is_some() && weight_sum.abs() > 1e-6 { sum / weight_sum } else { sum }
    }
}

/// The colour at `q`, each channel 0 to 255; `None` outside.
pub(crate) fn colour(data: &[[u8; 3]], size: [usize; 3], q: DVec3, interpolation: Interpolation) -> Option<[f64; 3]> {
    let cell = nearest_voxel(q, size)?;
    let index = |[x, y, z]: [usize; 3]| (z * size[1] + y) * size[0] + x;
    if interpolation == Interpolation::Nearest {
        return Some(data[index(cell)].map(f64::from));
    }
    let base = q.floor();
    let weights = [0, 1, 2].map(|a| {
        let t = q[a] - base[a];
        if interpolation == Interpolation::Cubic { cubic_weights(t) } else { [0.0, 1.0 - t, t, 0.0] }
    });
    let mut sum = [0.0; 3];
    for n in 0..64 {
        let tap = [n & 3, n >> 2 & 3, n >> 4];
        let weight = weights[0][tap[0]] * weights[1][tap[1]] * weights[2][tap[2]];
        if weight != 0.0 {
            let place = |a: usize| (base[a] as isize + tap[a] as isize - 1).clamp(0, size[a] as isize - 1) as usize;
            for (s, v) in sum.iter_mut().zip(data[index([place(0), place(1), place(2)])]) {
                *s += weight * f64::from(v);
            }
        }
    }
    Some(sum.map(|x| x.clamp(0.0, 255.0)))
}
