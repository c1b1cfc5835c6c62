//! The running slab: windows are added with their weights, and planes that no further window touches leave it. Memory is
//! that of a few planes, never of all classes times the whole volume.

use fearless_simd::{Level, dispatch};
use rayon::prelude::*;

use super::cutter::Window;
use super::fields::exponential;
use super::layout::{Order, Strides};

/// What of one tensor is added for one field.
pub(crate) struct Part<'a> {
    /// The tensor, activated, beginning at this window's first value.
    pub data: &'a [f32],
    /// Its channels that are kept.
    pub channels: &'a [usize],
    /// Its steps.
    pub strides: Strides,
    /// The data are logits: their softmax over the channels is taken while they are added, row by row, so that they are
    /// read once. Rows must be contiguous ([`Slab::takes_rows`]).
    pub softmax: bool,
}

/// Voxels of a row that are worked on at once: many classes of them fit the nearest cache.
const RUN: usize = 256;

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

    /// Whether windows of this order and steps are added by contiguous rows.
    pub fn takes_rows(&self, layout_order: Order, strides: Strides) -> bool {
        let fast = self.order.0[2];
        layout_order.0[2] == fast && strides.space[fast] == 1 && strides.channel > 1
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
        let level = Level::new();
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
        for (sums, part) in self.sums.iter_mut().zip(parts).filter(|(_, part)| !part.channels.is_empty()) {
            let space = part.strides.space;
            let contiguous = unit && space[fast] == 1;
            if part.softmax {
                let by_plane = planes_of(sums, part.channels.len(), [planes, area], [from - self.lo, to - self.lo]);
                by_plane.into_par_iter().enumerate().for_each_init(
                    || vec![0.0; (part.channels.len() + 2) * RUN],
                    |scratch, (n_plane, mut channels)| {
                        for m in 0..window.size[middle] {
                            let (at, weight, value) = row(from + n_plane, m, space);
                            let at = at - (from + n_plane - self.lo) * area;
                            for i in (0..n).step_by(RUN) {
                                let run = RUN.min(n - i);
                                let weights = &weights[weight + i..weight + i + run];
                                let (at, value) = (at + i, value + i);
                                dispatch!(level, _simd => add_softmax(&mut channels, at, weights, part, value, scratch));
                            }
                        }
                    },
                );
                continue;
            }
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

/// Some planes of a field, each with one slice a channel.
fn planes_of(
    sums: &mut [f32],
    channels: usize,
    [planes, area]: [usize; 2],
    [from, to]: [usize; 2],
) -> Vec<Vec<&mut [f32]>> {
    let mut by_plane: Vec<Vec<&mut [f32]>> = (from..to).map(|_| Vec::with_capacity(channels)).collect();
    for channel in sums.chunks_mut(planes * area) {
        for (own, plane) in by_plane.iter_mut().zip(channel.chunks_mut(area).skip(from)) {
            own.push(plane);
        }
    }
    by_plane
}

/// Adds a piece of a row, softmax over the channels times the weights, to where it lies in each channel's plane. `value`
/// is where it begins in the part's data; `scratch` holds two rows and one a channel.
#[inline(always)]
fn add_softmax(
    channels: &mut [&mut [f32]],
    at: usize,
    weights: &[f32],
    part: &Part<'_>,
    value: usize,
    scratch: &mut [f32],
) {
    let n = weights.len();
    let logits = |c: usize| &part.data[part.channels[c] * part.strides.channel + value..][..n];
    let (highest, rest) = scratch.split_at_mut(n);
    let (share, powers) = rest.split_at_mut(n);
    highest.copy_from_slice(logits(0));
    for c in 1..channels.len() {
        for (h, x) in highest.iter_mut().zip(logits(c)) {
            *h = h.max(*x);
        }
    }
    share.fill(0.0);
    for (c, powers) in powers.chunks_exact_mut(n).take(channels.len()).enumerate() {
        for (((p, s), h), x) in powers.iter_mut().zip(share.iter_mut()).zip(highest.iter()).zip(logits(c)) {
            *p = exponential(*x - *h);
            *s += *p;
        }
    }
    for (s, w) in share.iter_mut().zip(weights) {
        *s = w / *s;
    }
    for (channel, powers) in channels.iter_mut().zip(powers.chunks_exact(n)) {
        for ((t, p), s) in channel[at..at + n].iter_mut().zip(powers).zip(share.iter()) {
            *t += p * s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::fields::softmax;

    /// Rows longer than one run, planes that lie partly outside, another order of the slab's axes.
    #[test]
    fn a_softmax_taken_while_adding_is_that_taken_before() {
        let (size, count) = ([3, 4, 700], 5);
        let window = Window { start: [1, 1, 40], size: [2, 3, 600], plane: 0 };
        let n: usize = window.size.iter().product();
        let order = Order([0, 1, 2]);
        let strides = Strides { batch: 0, channel: n, space: order.strides(window.size) };
        let logits: Vec<f32> = (0..n * count).map(|i| ((i * 37 % 101) as f32 - 50.0) * 0.2).collect();
        let weights: Vec<f32> = (0..n).map(|i| 0.1 + (i % 7) as f32).collect();
        let mut before = logits.clone();
        softmax(&mut before.chunks_mut(n).collect::<Vec<_>>());
        let channels: Vec<usize> = (0..count).collect();
        let sums = |data: &[f32], softmax: bool| {
            let mut slab = Slab::new(size, 0, order, 2, &[count]);
            assert!(slab.takes_rows(order, strides));
            slab.add(&window, &weights, order, &[Part { data, channels: &channels, strides, softmax }]);
            slab.sums[0].clone()
        };
        let (fused, plain) = (sums(&logits, true), sums(&before, false));
        assert!(fused.iter().any(|x| *x > 0.0));
        for (a, b) in fused.iter().zip(&plain) {
            assert!((a - b).abs() <= 1e-6 * (1.0 + b.abs()), "{a} {b}");
        }
    }
}
