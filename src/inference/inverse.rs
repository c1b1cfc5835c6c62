//! Back onto the input's own grid: one resample by the two affines, no chain of steps.

use glam::DVec3;
use rayon::prelude::*;

use super::grid::Bounds;
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

/// Channels on a model's grid, and where to look for a voxel of the input in them.
pub(crate) struct Inverse<'a> {
    /// Each `[nz, ny, nx]`, x fastest.
    pub channels: Vec<Vec<f32>>,
    /// Their grid.
    pub grid: &'a Geometry,
    /// The input's grid.
    pub target: &'a Geometry,
    /// What the model saw of it.
    pub bounds: Option<Bounds>,
}

/// How far beyond the outermost voxel centres the border value is still taken, in voxels of the model's grid: sizes
/// are rounded, so the grid may end up to one voxel before the input does.
const MARGIN: f64 = 1.0;

impl Inverse<'_> {
    /// Labels on the input's grid; 0 where the model saw nothing.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn labels(&self, decision: &Decision, control: &Control) -> Result<Vec<u16>, Cancelled> {
        self.each(0_u16, control, |q| match decision {
            Decision::Highest(labels) => {
                let mut best = (0, f32::NEG_INFINITY);
                for (c, channel) in self.channels.iter().enumerate() {
                    let value = trilinear(channel, self.grid.size(), q);
                    if value > best.1 {
                        best = (c, value);
                    }
                }
                labels.get(best.0).copied().unwrap_or(0)
            }
            Decision::Regions(regions, threshold) => regions
                .iter()
                .rfind(|r| {
                    let channel = self.channels.get(r.channel);
                    channel.is_some_and(|c| trilinear(c, self.grid.size(), q) >= *threshold)
                })
                .map_or(0, |r| r.value),
            Decision::Nearest => {
                let value = self.channels.first().map_or(0.0, |c| nearest(c, self.grid.size(), q));
                value.round().clamp(0.0, f32::from(u16::MAX)) as u16
            }
        })
    }

    /// Grey values of the first channel on the input's grid; `outside` where the model saw nothing.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn values(&self, outside: f32, control: &Control) -> Result<Vec<f32>, Cancelled> {
        let Some(channel) = self.channels.first() else { return Ok(vec![outside; self.target.voxel_count()]) };
        self.each(outside, control, |q| trilinear(channel, self.grid.size(), q))
    }

    /// Whether every voxel of the input lies within the model's grid.
    pub fn covers(&self) -> bool {
        let n = DVec3::from_array(self.grid.size().map(|n| n as f64));
        self.target.corners().iter().all(|corner| {
            let q = self.grid.to_voxel(*corner).0;
            q.cmpge(DVec3::splat(-0.5 - MARGIN)).all() && q.cmple(n - 0.5 + MARGIN).all()
        })
    }

    fn each<T: Copy + Send + Sync>(
        &self,
        outside: T,
        control: &Control,
        value: impl Fn(DVec3) -> T + Sync,
    ) -> Result<Vec<T>, Cancelled> {
        let [nx, ny, _] = self.target.size();
        let map = self.grid.patient_to_voxel() * self.target.voxel_to_patient();
        let step = map.x_axis.truncate();
        let last = DVec3::from_array(self.grid.size().map(|n| n as f64 - 1.0));
        let within = |axis: usize, n: usize| self.bounds.is_none_or(|b| (b.low[axis]..=b.high[axis]).contains(&n));
        let mut out = vec![outside; self.target.voxel_count()];
        out.par_chunks_mut(nx * ny).enumerate().try_for_each(|(k, plane)| {
            control.checkpoint()?;
            for (j, row) in plane.chunks_mut(nx).enumerate().filter(|(j, _)| within(1, *j) && within(2, k)) {
                let start = map.transform_point3(DVec3::new(0.0, j as f64, k as f64));
                for (i, o) in row.iter_mut().enumerate().filter(|(i, _)| within(0, *i)) {
                    let q = start + step * i as f64;
                    let clamped = q.clamp(DVec3::ZERO, last);
                    if (q - clamped).abs().max_element() <= MARGIN {
                        *o = value(clamped);
                    }
                }
            }
            control.advance(1);
            Ok(())
        })?;
        Ok(out)
    }
}

/// `q` lies within `0..=n-1` along each axis.
fn trilinear(data: &[f32], size: [usize; 3], q: DVec3) -> f32 {
    let base = q.floor();
    let t = (q - base).as_vec3();
    let low = [base.x as usize, base.y as usize, base.z as usize];
    let high = [0, 1, 2].map(|a| (low[a] + 1).min(size[a] - 1));
    let at = |x: usize, y: usize, z: usize| data[(z * size[1] + y) * size[0] + x];
    let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
    let row = |y: usize, z: usize| mix(at(low[0], y, z), at(high[0], y, z), t.x);
    let plane = |z: usize| mix(row(low[1], z), row(high[1], z), t.y);
    mix(plane(low[2]), plane(high[2]), t.z)
}

fn nearest(data: &[f32], size: [usize; 3], q: DVec3) -> f32 {
    let cell = |x: f64, n: usize| ((x + 0.5).floor() as usize).min(n - 1);
    data[(cell(q.z, size[2]) * size[1] + cell(q.y, size[1])) * size[0] + cell(q.x, size[0])]
}
