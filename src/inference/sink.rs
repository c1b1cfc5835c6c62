//! Back onto the input's own grid, plane by plane: one resample by the two affines as soon as the planes that a voxel
//! lies between are finished.

use std::collections::BTreeMap;

use glam::{DMat4, DVec3};
use rayon::prelude::*;

use super::grid::{Bounds, ModelGrid};
use super::layout::Order;
use super::manifest::schema::Region;
use crate::error::Cancelled;
use crate::jobs::Control;
use crate::volume::Geometry;

/// How channels become one label.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Decision {
    /// The channel with the highest value; the label of each channel.
    Highest(Vec<u16>),
    /// In order of writing: where the channel reaches the threshold, the value is written.
    Regions(Vec<Region>, f32),
    /// The channel holds labels already.
    Nearest,
}

impl Decision {
    /// The label for the values of the channels at one voxel.
    pub fn label(&self, count: usize, value: impl Fn(usize) -> f32) -> u16 {
        match self {
            Self::Highest(labels) => {
                let mut best = (0, f32::NEG_INFINITY);
                for c in 0..count {
                    let value = value(c);
                    if value > best.1 {
                        best = (c, value);
                    }
                }
                labels.get(best.0).copied().unwrap_or(0)
            }
            Self::Regions(regions, threshold) => {
                let reached = |r: &&Region| r.channel < count && value(r.channel) >= *threshold;
                regions.iter().rev().find(reached).map_or(0, |r| r.value)
            }
            Self::Nearest if count > 0 => value(0).round().clamp(0.0, f32::from(u16::MAX)) as u16,
            Self::Nearest => 0,
        }
    }
}

impl Decision {
    /// The labels of neighbouring voxels, out of the channels' values from `at` on. Of classes channel by channel, so
    /// that many voxels are compared at once.
    fn decide(&self, channels: &[&[f32]], at: usize, out: &mut [u16]) {
        const RUN: usize = 1024;
        let Self::Highest(labels) = self else {
            for (i, o) in out.iter_mut().enumerate() {
                *o = self.label(channels.len(), |c| channels[c][at + i]);
            }
            return;
        };
        let (mut highest, mut channel) = ([0.0_f32; RUN], [0_u32; RUN]);
        for (n, out) in out.chunks_mut(RUN).enumerate() {
            let (highest, channel) = (&mut highest[..out.len()], &mut channel[..out.len()]);
            highest.fill(f32::NEG_INFINITY);
            channel.fill(0);
            for (c, values) in (0_u32..).zip(channels) {
                let values = &values[at + n * RUN..][..out.len()];
                for ((h, k), x) in highest.iter_mut().zip(channel.iter_mut()).zip(values) {
                    let more = *x > *h;
                    *h = if more { *x } else { *h };
                    *k = if more { c } else { *k };
                }
            }
            for (o, k) in out.iter_mut().zip(channel.iter()) {
                *o = labels.get(*k as usize).copied().unwrap_or(0);
            }
        }
    }
}

/// From voxels of the input to places between planes of the padded grid.
pub(crate) struct Mapper {
    target: [usize; 3],
    /// Voxel of the input to voxel of the model's grid before the padding.
    map: DMat4,
    size: [usize; 3],
    before: [usize; 3],
    padded: [usize; 3],
    bounds: Option<Bounds>,
    order: Order,
    snapped: Option<usize>,
    /// How far beyond the outermost voxel centres the border value is still taken, in voxels of the model's grid: sizes
    /// are rounded, so the grid may end up to one voxel before the input does.
    margin: DVec3,
    /// Of a voxel of the model's grid.
    voxel_ml: f64,
}

/// Where a voxel lies: two planes and four voxels in each.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    low: usize,
    high: usize,
    /// Offsets in a plane: (low, low), (low, high), (high, low), (high, high) along its slower and faster axis.
    at: [usize; 4],
    t: [f32; 3],
}

impl Mapper {
    /// `order` is that of the finished planes; along the axis `snapped` of the model's grid the nearest plane is taken.
    pub fn new(grid: &ModelGrid, target: &Geometry, order: Order, snapped: Option<usize>, margin: DVec3) -> Self {
        Self {
            target: target.size(),
            map: grid.grid.patient_to_voxel() * target.voxel_to_patient(),
            size: grid.grid.size(),
            before: grid.before,
            padded: grid.padded.size(),
            bounds: grid.bounds,
            order,
            snapped,
            margin,
            voxel_ml: grid.grid.voxel_to_patient().determinant().abs() / 1000.0,
        }
    }

    /// Whether every voxel of the input gets a value.
    pub fn covers(&self) -> bool {
        let last = |a: usize| self.target[a] as f64 - 1.0;
        let n = DVec3::from_array(self.size.map(|n| n as f64));
        let corner = |i: usize| DVec3::from_array([0, 1, 2].map(|a| if i >> a & 1 == 1 { last(a) } else { 0.0 }));
        self.bounds.is_none()
            && (0..8).all(|i| {
                let q = self.map.transform_point3(corner(i));
                q.cmpge(-self.margin).all() && q.cmple(n - 1.0 + self.margin).all()
            })
    }

    /// Calls `f` for each voxel of the input whose upper plane is one of `lo..hi` (for the first block: up to `hi`), and
    /// keeps what it gives.
    pub fn fill<T: Copy + Send + Sync>(
        &self,
        out: &mut [T],
        [lo, hi]: [usize; 2],
        control: &Control,
        f: impl Fn(&Place) -> T + Sync,
    ) -> Result<(), Cancelled> {
        let [axis, middle, fast] = self.order.0;
        let [nx, ny, _] = self.target;
        let step = self.map.x_axis.truncate();
        let last = DVec3::from_array(self.size.map(|n| n as f64 - 1.0));
        let within = |a: usize, n: usize| self.bounds.is_none_or(|b| (b.low[a]..=b.high[a]).contains(&n));
        let stride = self.order.strides(self.padded);
        out.par_chunks_mut(nx * ny).enumerate().try_for_each(|(k, plane)| {
            control.checkpoint()?;
            if !within(2, k) {
                return Ok(());
            }
            for (j, row) in plane.chunks_mut(nx).enumerate().filter(|(j, _)| within(1, *j)) {
                let start = self.map.transform_point3(DVec3::new(0.0, j as f64, k as f64));
                let [first, end] = self.range(start[axis], step[axis], [lo, hi], nx);
                for (i, o) in row.iter_mut().enumerate().take(end).skip(first).filter(|(i, _)| within(0, *i)) {
                    let q = start + step * i as f64;
                    let mut clamped = q.clamp(DVec3::ZERO, last);
                    if (q - clamped).abs().cmpgt(self.margin).any() {
                        continue;
                    }
                    for a in 0..3 {
                        let whole = (clamped[a] + 0.5).floor();
                        // What rounding adds or takes must not reach for a neighbour.
                        if self.snapped == Some(a) || (clamped[a] - whole).abs() < 1e-6 {
                            clamped[a] = whole.min(last[a]);
                        }
                    }
                    let base = clamped.floor();
                    let t = (clamped - base).as_vec3();
                    let low = |a: usize| base[a] as usize;
                    let high = |a: usize| (low(a) + usize::from(t[a] > 0.0)).min(self.size[a] - 1);
                    let upper = high(axis) + self.before[axis];
                    if upper < lo || upper >= hi {
                        continue;
                    }
                    let along = |a: usize, n: usize| (n + self.before[a]) * stride[a];
                    let [m0, m1] = [along(middle, low(middle)), along(middle, high(middle))];
                    let [f0, f1] = [along(fast, low(fast)), along(fast, high(fast))];
                    *o = f(&Place {
                        low: low(axis) + self.before[axis],
                        high: upper,
                        at: [m0 + f0, m0 + f1, m1 + f0, m1 + f1],
                        t: [t[axis], t[middle], t[fast]],
                    });
                }
            }
            Ok(())
        })
    }

    /// Adds the volumes of the labels in the planes `lo..hi` of the model's grid, millilitres; the padding is left out.
    pub fn count(
        &self,
        area: usize,
        [lo, hi]: [usize; 2],
        channels: &[&[f32]],
        decision: &Decision,
        ml: &mut BTreeMap<u16, f64>,
    ) {
        let [axis, middle, fast] = self.order.0;
        let within = |a: usize, n: usize| (self.before[a]..self.before[a] + self.size[a]).contains(&n);
        let counts = (lo..hi)
            .into_par_iter()
            .filter(|p| within(axis, *p))
            .map(|plane| {
                let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
                for i in
                    (0..area).filter(|i| within(middle, i / self.padded[fast]) && within(fast, i % self.padded[fast]))
                {
                    let at = (plane - lo) * area + i;
                    let label = decision.label(channels.len(), |c| channels[c][at]);
                    if label > 0 {
                        *counts.entry(label).or_default() += 1;
                    }
                }
                counts
            })
            .reduce(BTreeMap::new, |mut a, b| {
                b.into_iter().for_each(|(label, n)| *a.entry(label).or_default() += n);
                a
            });
        for (label, n) in counts {
            *ml.entry(label).or_default() += n as f64 * self.voxel_ml;
        }
    }

    /// The voxels of a row that may lie between the planes.
    fn range(&self, start: f64, step: f64, [lo, hi]: [usize; 2], n: usize) -> [usize; 2] {
        let (axis, offset) = (self.order.0[0], self.before[self.order.0[0]] as f64);
        let low = if lo as f64 <= offset { f64::NEG_INFINITY } else { lo as f64 - offset - 1.0 - 1e-3 };
        let high = if hi >= self.before[axis] + self.size[axis] { f64::INFINITY } else { hi as f64 - offset + 1e-3 };
        if step.abs() < 1e-12 {
            return if start >= low && start <= high { [0, n] } else { [0, 0] };
        }
        let (a, b) = ((low - start) / step, (high - start) / step);
        let (a, b) = if a < b { (a, b) } else { (b, a) };
        let whole = |x: f64| x.clamp(0.0, n as f64) as usize;
        [whole(a.floor()), whole(b.ceil() + 1.0)]
    }
}

/// Finished planes of one field, with the last plane of those before.
pub(crate) struct Planes<'c, 'a> {
    pub lo: usize,
    pub area: usize,
    /// Each `[planes][area]`.
    pub channels: Vec<&'a [f32]>,
    /// The plane `lo - 1`, channel by channel; empty at the start.
    pub carry: &'c [f32],
}

impl Planes<'_, '_> {
    fn plane(&self, channel: usize, plane: usize) -> &[f32] {
        match plane.checked_sub(self.lo) {
            Some(n) => &self.channels[channel][n * self.area..][..self.area],
            None => self.carry.get(channel * self.area..(channel + 1) * self.area).unwrap_or(&[]),
        }
    }

    /// Linear between the eight voxels.
    pub fn value(&self, channel: usize, p: &Place) -> f32 {
        let low = bilinear(self.plane(channel, p.low), p);
        if p.low == p.high || p.t[0] <= 0.0 {
            return low;
        }
        low + (bilinear(self.plane(channel, p.high), p) - low) * p.t[0]
    }

    /// The nearest voxel.
    pub fn nearest(&self, channel: usize, p: &Place) -> f32 {
        let plane = self.plane(channel, if p.t[0] >= 0.5 { p.high } else { p.low });
        let at = p.at[usize::from(p.t[1] >= 0.5) * 2 + usize::from(p.t[2] >= 0.5)];
        plane.get(at).copied().unwrap_or(f32::NAN)
    }
}

fn bilinear(plane: &[f32], p: &Place) -> f32 {
    let at = |n: usize| plane.get(p.at[n]).copied().unwrap_or(f32::NAN);
    let a = at(0);
    if p.t[1] <= 0.0 && p.t[2] <= 0.0 {
        return a;
    }
    let low = a + (at(1) - a) * p.t[2];
    if p.t[1] <= 0.0 {
        return low;
    }
    let c = at(2);
    let high = c + (at(3) - c) * p.t[2];
    low + (high - low) * p.t[1]
}

/// What keeps the last plane of a field for the next block.
#[derive(Default)]
pub(crate) struct Carry(Vec<f32>);

impl Carry {
    pub fn planes<'c, 'a>(&'c self, lo: usize, area: usize, channels: Vec<&'a [f32]>) -> Planes<'c, 'a> {
        Planes { lo, area, channels, carry: &self.0 }
    }

    pub fn keep(&mut self, area: usize, channels: &[&[f32]]) {
        self.0.clear();
        for c in channels {
            self.0.extend_from_slice(&c[c.len().saturating_sub(area)..]);
        }
    }
}

/// Labels on the input's grid.
pub(crate) struct LabelSink {
    pub out: Vec<u16>,
    pub decision: Decision,
    carry: Carry,
    /// The decision on the last plane of the block before.
    decided: Vec<u16>,
}

impl LabelSink {
    pub fn new(voxels: usize, decision: Decision) -> Self {
        Self { out: vec![0; voxels], decision, carry: Carry::default(), decided: Vec::new() }
    }

    /// Takes the planes `lo..hi`.
    pub fn take(
        &mut self,
        mapper: &Mapper,
        [lo, hi]: [usize; 2],
        area: usize,
        channels: Vec<&[f32]>,
        control: &Control,
    ) -> Result<(), Cancelled> {
        let count = channels.len();
        let planes = self.carry.planes(lo, area, channels);
        let decision = &self.decision;
        if *decision == Decision::Nearest {
            mapper.fill(&mut self.out, [lo, hi], control, |p| decision.label(1, |c| planes.nearest(c, p)))?;
        } else {
            // Where one channel is the highest at all eight voxels it is the highest between them too, and so for
            // thresholds: only at borders every channel has to be interpolated.
            let mut labels = vec![0_u16; (hi - lo) * area];
            labels.par_chunks_mut(area).enumerate().for_each(|(n, row)| {
                decision.decide(&planes.channels, n * area, row);
            });
            let exclusive = matches!(decision, Decision::Highest(_));
            let decided = |plane: usize| match plane.checked_sub(lo) {
                Some(n) => &labels[n * area..][..area],
                None => self.decided.as_slice(),
            };
            mapper.fill(&mut self.out, [lo, hi], control, |p| {
                let corner = |plane: &[u16], n: usize| plane.get(p.at[n]).copied();
                let (low, high) = (decided(p.low), decided(p.high));
                let first = corner(low, 0);
                let same = (0..4).all(|n| corner(low, n) == first && corner(high, n) == first);
                match first {
                    Some(label) if same && (exclusive || label == 0) => label,
                    _ => decision.label(count, |c| planes.value(c, p)),
                }
            })?;
            self.decided = labels[labels.len() - area..].to_vec();
        }
        let channels = planes.channels;
        self.carry.keep(area, &channels);
        Ok(())
    }
}

/// Grey values on the input's grid; NaN where the model saw nothing.
pub(crate) struct ValueSink {
    pub out: Vec<f32>,
    scale: f32,
    offset: f32,
    carry: Carry,
}

impl ValueSink {
    /// Values become `x * scale + offset`.
    pub fn new(voxels: usize, [scale, offset]: [f64; 2]) -> Self {
        let carry = Carry::default();
        Self { out: vec![f32::NAN; voxels], scale: scale as f32, offset: offset as f32, carry }
    }

    /// Takes the planes `lo..hi` of one channel.
    pub fn take(
        &mut self,
        mapper: &Mapper,
        range: [usize; 2],
        area: usize,
        channel: &[f32],
        control: &Control,
    ) -> Result<(), Cancelled> {
        let planes = self.carry.planes(range[0], area, vec![channel]);
        let (scale, offset) = (self.scale, self.offset);
        mapper.fill(&mut self.out, range, control, |p| planes.value(0, p) * scale + offset)?;
        self.carry.keep(area, &[channel]);
        Ok(())
    }

    /// The values, with the lowest of them where the model saw nothing.
    pub fn completed(self) -> Vec<f32> {
        let mut out = self.out;
        let lowest = out.par_iter().copied().filter(|x| !x.is_nan()).reduce(|| f32::INFINITY, f32::min);
        let lowest = if lowest.is_finite() { lowest } else { 0.0 };
        out.par_iter_mut().filter(|x| x.is_nan()).for_each(|x| *x = lowest);
        out
    }
}

/// A probability from 0 to 1 in eight bits.
pub(crate) struct ByteSink {
    pub out: Vec<u8>,
    carry: Carry,
}

impl ByteSink {
    pub fn new(voxels: usize) -> Self {
        Self { out: vec![0; voxels], carry: Carry::default() }
    }

    /// Takes the planes `lo..hi` of one channel.
    pub fn take(
        &mut self,
        mapper: &Mapper,
        range: [usize; 2],
        area: usize,
        channel: &[f32],
        control: &Control,
    ) -> Result<(), Cancelled> {
        let planes = self.carry.planes(range[0], area, vec![channel]);
        mapper.fill(&mut self.out, range, control, |p| (planes.value(0, p).clamp(0.0, 1.0) * 255.0).round() as u8)?;
        self.carry.keep(area, &[channel]);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_voxels_are_decided_as_one_is() {
        let n = 2500;
        let channels: Vec<Vec<f32>> = (0..4)
            .map(|c| (0..n).map(|i| if (i + c) % 97 == 0 { f32::NAN } else { (i * (c + 3) % 11) as f32 }).collect())
            .collect();
        let channels: Vec<&[f32]> = channels.iter().map(Vec::as_slice).collect();
        let regions = vec![Region { channel: 1, value: 3 }, Region { channel: 2, value: 9 }];
        for decision in [Decision::Highest(vec![0, 7, 2, 9]), Decision::Regions(regions, 5.0)] {
            let mut out = vec![0; n - 3];
            decision.decide(&channels, 3, &mut out);
            for (i, label) in out.iter().enumerate() {
                assert_eq!(*label, decision.label(4, |c| channels[c][i + 3]), "{i}");
            }
        }
    }
}
