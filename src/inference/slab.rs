//! The running slab: windows are added with their weights, and planes that no further window touches leave it. Memory is
//! that of a few planes, never of all classes times the whole volume.

use rayon::prelude::*;

use super::cutter::Window;
use super::layout::{Order, Strides};

/// What of one tensor is added for one field.
pub(crate) struct Part<'a> {
    /// The tensor, activated, beginning at this window's first value.
    pub data: &'a [f32],
    /// Its channels that are kept.
    pub channels: &'a [usize],
    /// Its steps.
    pub strides: Strides,
}

/// Planes `lo..lo + planes` along one axis of the padded grid.
pub(crate) struct Slab {
    axis: usize,
    order: Order,
    size: [usize; 3],
    lo: usize,
    planes: usize,
    /// `[plane][voxel of the plane]`.
    weight: Vec<f32>,
    /// `[field][channel, plane, voxel of the plane]`.
    sums: Vec<Vec<f32>>,
    channels: Vec<usize>,
}

impl Slab {
    /// A slab of so many planes along `axis`, whose rows run as `order` does; `channels` of each field.
    pub fn new(size: [usize; 3], axis: usize, order: Order, planes: usize, channels: &[usize]) -> Self {
        let area = size.iter().product::<usize>() / size[axis];
        Self {
            axis,
            order: order.led_by(axis),
            size,
            lo: 0,
            planes,
            weight: vec![0.0; planes * area],
            sums: channels.iter().map(|c| vec![0.0; c * planes * area]).collect(),
            channels: channels.to_vec(),
        }
    }

    /// Voxels of one plane.
    pub fn area(&self) -> usize {
        self.size.iter().product::<usize>() / self.size[self.axis]
    }

    /// The order of its planes.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Empties it and puts it elsewhere.
    pub fn reset(&mut self, lo: usize) {
        self.lo = lo;
        self.weight.fill(0.0);
        self.sums.iter_mut().for_each(|s| s.fill(0.0));
    }

    /// Adds one window to every field; planes outside the slab are left out. `weights` run as `layout_order` does.
    pub fn add(&mut self, window: &Window, weights: &[f32], layout_order: Order, parts: &[Part<'_>]) {
        let (axis, area, planes) = (self.axis, self.area(), self.planes);
        let grid = self.order.strides(self.size);
        let [_, middle, fast] = self.order.0;
        let from = window.start[axis].max(self.lo);
        let to = (window.start[axis] + window.size[axis]).min(self.lo + planes);
        if from >= to {
            return;
        }
        let w = layout_order.strides(window.size);
        // Where a row begins: in the slab, in the weights, in the tensor.
        let row = |plane: usize, m: usize, space: [usize; 3]| {
            let inside = plane - window.start[axis];
            let slab = (plane - self.lo) * area + (window.start[middle] + m) * grid[middle] + window.start[fast];
            (slab, inside * w[axis] + m * w[middle], inside * space[axis] + m * space[middle])
        };
        let n = window.size[fast];
        let unit = w[fast] == 1;
        for plane in from..to {
            for m in 0..window.size[middle] {
                let (at, weight, _) = row(plane, m, [0; 3]);
                let target = &mut self.weight[at..at + n];
                if unit {
                    for (t, x) in target.iter_mut().zip(&weights[weight..weight + n]) {
                        *t += x;
                    }
                } else {
                    for (i, t) in target.iter_mut().enumerate() {
                        *t += weights[weight + i * w[fast]];
                    }
                }
            }
        }
        for (sums, part) in self.sums.iter_mut().zip(parts) {
            let space = part.strides.space;
            let contiguous = unit && space[fast] == 1;
            sums.par_chunks_mut(planes * area).enumerate().for_each(|(c, sums)| {
                let data = &part.data[part.channels[c] * part.strides.channel..];
                for plane in from..to {
                    for m in 0..window.size[middle] {
                        let (at, weight, value) = row(plane, m, space);
                        let target = &mut sums[at..at + n];
                        if contiguous {
                            let weights = &weights[weight..weight + n];
                            for ((t, x), v) in target.iter_mut().zip(weights).zip(&data[value..value + n]) {
                                *t += x * v;
                            }
                        } else {
                            for (i, t) in target.iter_mut().enumerate() {
                                *t += weights[weight + i * w[fast]] * data[value + i * space[fast]];
                            }
                        }
                    }
                }
            });
        }
    }

    /// Divides the planes up to `hi` by their weights; where no window was, they become NaN.
    pub fn finish(&mut self, hi: usize) {
        let (area, planes) = (self.area(), self.planes);
        let n = (hi - self.lo).min(planes) * area;
        let weight = &self.weight[..n];
        for sums in &mut self.sums {
            sums.par_chunks_mut(planes * area).for_each(|sums| {
                for (s, w) in sums[..n].iter_mut().zip(weight) {
                    *s = if *w > 0.0 { *s / w } else { f32::NAN };
                }
            });
        }
    }

    /// The finished planes `lo..hi` of a field, channel by channel.
    pub fn channels(&self, field: usize, hi: usize) -> Vec<&[f32]> {
        let (area, planes) = (self.area(), self.planes);
        let n = (hi - self.lo).min(planes) * area;
        (0..self.channels[field]).map(|c| &self.sums[field][c * planes * area..][..n]).collect()
    }

    /// The same, to be changed.
    pub fn channels_mut(&mut self, field: usize, hi: usize) -> Vec<&mut [f32]> {
        let (area, planes) = (self.area(), self.planes);
        let n = (hi - self.lo).min(planes) * area;
        self.sums[field].chunks_mut(planes * area).map(|c| &mut c[..n]).collect()
    }

    /// Lets go of the planes below `lo`; the others move up.
    pub fn advance(&mut self, lo: usize) {
        let (area, planes) = (self.area(), self.planes);
        let gone = (lo - self.lo).min(planes) * area;
        let shift = |data: &mut [f32]| {
            data.copy_within(gone.., 0);
            let n = data.len();
            data[n - gone..].fill(0.0);
        };
        shift(&mut self.weight);
        for sums in &mut self.sums {
            sums.par_chunks_mut(planes * area).for_each(shift);
        }
        self.lo = lo;
    }
}
