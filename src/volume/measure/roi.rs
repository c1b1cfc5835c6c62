//! The values of an image under an ellipse or a rectangle that lies on a plane.
//!
//! Where the plane runs through the middles of voxels, the voxels whose middles lie inside are taken as they are. Any other
//! plane (oblique, or between two slices) has no voxels of its own: then it is sampled as finely as the smallest voxel edge,
//! linearly, and the result says that its values were interpolated.

use glam::DVec3;

use crate::volume::resample::sample;
use crate::volume::{Interpolation, PatientPoint, Volume, VoxelPoint, Voxels};

/// A plane may lie so far beside the middles of voxels, in voxels: what rounding leaves.
const BESIDE: f64 = 0.01;
/// Samples that an oblique region is cut into at most; a larger one is sampled more coarsely.
const MOST_SAMPLES: f64 = 4e6;

/// The form of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outline {
    /// Its axes along the picture's.
    Ellipse,
    /// Its sides along the picture's.
    Rectangle,
}

/// A region on a plane.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Region {
    /// Its form.
    pub outline: Outline,
    /// Its middle.
    pub center: PatientPoint,
    /// From the middle to the right edge, in units of the geometry.
    pub half_right: DVec3,
    /// From the middle to the lower edge.
    pub half_down: DVec3,
}

/// Why a region has no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RoiError {
    /// Colours have no single value.
    #[error("colours have no single value")]
    Colour,
    /// It lies outside of the image, on padding alone, or between the middles of voxels.
    #[error("no voxel lies inside")]
    Empty,
}

/// The values under a region, in the image's unit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RoiStatistics {
    /// Voxels, or samples where `interpolated`.
    pub n: u64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation with `n - 1`; `None` for a single voxel.
    pub sd: Option<f64>,
    /// Least value.
    pub min: f64,
    /// Greatest value.
    pub max: f64,
    /// Whether the values lie between voxels.
    pub interpolated: bool,
}

impl Region {
    /// Whether a place of the plane, seen from the middle as shares of the half axes, is inside.
    fn holds(&self, x: f64, y: f64) -> bool {
        match self.outline {
            Outline::Ellipse => x * x + y * y <= 1.0,
            Outline::Rectangle => x.abs() <= 1.0 && y.abs() <= 1.0,
        }
    }
}

/// How many voxels a region would look at, about.
#[must_use]
pub fn extent(volume: &Volume, region: &Region) -> f64 {
    let edge = volume.geometry.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    4.0 * region.half_right.length() * region.half_down.length() / (edge * edge)
}

/// The values of `volume` under `region`; padding and what is not finite are left out.
///
/// # Errors
/// [`RoiError`].
pub fn roi_statistics(volume: &Volume, region: &Region) -> Result<RoiStatistics, RoiError> {
    if matches!(volume.voxels, Voxels::Rgb8(_)) {
        return Err(RoiError::Colour);
    }
    let mut sums = Sums::default();
    let interpolated = match across(volume, region) {
        Some(axis) => {
            add_voxels(volume, region, axis, &mut sums);
            false
        }
        None => {
            add_samples(volume, region, &mut sums);
            true
        }
    };
    sums.statistics(interpolated).ok_or(RoiError::Empty)
}

/// The voxel axis across the region's plane, where that runs through the middles of voxels.
fn across(volume: &Volume, region: &Region) -> Option<usize> {
    let way = volume.geometry.patient_to_voxel();
    let (right, down) = (way.transform_vector3(region.half_right), way.transform_vector3(region.half_down));
    let center = volume.geometry.to_voxel(region.center).0;
    (0..3).rev().find(|axis| {
        let on = |x: f64| x.abs() <= BESIDE;
        on(right[*axis]) && on(down[*axis]) && on(center[*axis] - center[*axis].round())
    })
}

fn add_voxels(volume: &Volume, region: &Region, axis: usize, sums: &mut Sums) {
    let geometry = &volume.geometry;
    let size = geometry.size();
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    let way = geometry.patient_to_voxel();
    let (right, down) = (way.transform_vector3(region.half_right), way.transform_vector3(region.half_down));
    let center = geometry.to_voxel(region.center).0;
    let k = center[axis].round();
    if !(0.0..size[axis] as f64).contains(&k) {
        return;
    }
    let range = |a: usize| {
        let reach = right[a].abs() + down[a].abs();
        let last = size[a] as f64 - 1.0;
        let (low, high) = ((center[a] - reach).ceil().max(0.0), (center[a] + reach).floor().min(last));
        (low as usize)..=(high.max(-1.0) + 1.0) as usize
    };
    let (wide, high) = (region.half_right.length_squared(), region.half_down.length_squared());
    if wide <= 0.0 || high <= 0.0 {
        return;
    }
    for j in range(v).filter(|j| *j < size[v]) {
        for i in range(u).filter(|i| *i < size[u]) {
            let mut at = DVec3::ZERO;
            (at[axis], at[u], at[v]) = (k, i as f64, j as f64);
            let seen = geometry.to_patient(VoxelPoint(at)).0 - region.center.0;
            if !region.holds(seen.dot(region.half_right) / wide, seen.dot(region.half_down) / high) {
                continue;
            }
            let index = (at.z as usize * size[1] + at.y as usize) * size[0] + at.x as usize;
            if let Some(stored) = volume.voxels.get(index)
                && !volume.padding.is_some_and(|p| p.holds(stored))
            {
                sums.add(volume.rescale.apply(stored));
            }
        }
    }
}

fn add_samples(volume: &Volume, region: &Region, sums: &mut Sums) {
    let edge = volume.geometry.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    let (width, height) = (2.0 * region.half_right.length(), 2.0 * region.half_down.length());
    let step = edge.max((width * height / MOST_SAMPLES).sqrt());
    let [across, along] = [width, height].map(|length| (length / step).round().max(1.0) as usize);
    for j in 0..along {
        for i in 0..across {
            let x = 2.0 * (i as f64 + 0.5) / across as f64 - 1.0;
            let y = 2.0 * (j as f64 + 0.5) / along as f64 - 1.0;
            if !region.holds(x, y) {
                continue;
            }
            let at = PatientPoint(region.center.0 + region.half_right * x + region.half_down * y);
            if let Some(stored) = sample(volume, volume.geometry.to_voxel(at), Interpolation::Linear) {
                sums.add(volume.rescale.apply(stored));
            }
        }
    }
}

/// Mean and squares, one value after the other (Welford 1962).
#[derive(Debug, Clone, Copy)]
struct Sums {
    n: u64,
    mean: f64,
    squares: f64,
    min: f64,
    max: f64,
}

impl Default for Sums {
    fn default() -> Self {
        Self { n: 0, mean: 0.0, squares: 0.0, min: f64::INFINITY, max: f64::NEG_INFINITY }
    }
}

impl Sums {
    fn add(&mut self, x: f64) {
        if !x.is_finite() {
            return;
        }
        self.n += 1;
        let before = x - self.mean;
        self.mean += before / self.n as f64;
        self.squares += before * (x - self.mean);
        (self.min, self.max) = (self.min.min(x), self.max.max(x));
    }

    fn statistics(self, interpolated: bool) -> Option<RoiStatistics> {
        let sd = (self.n > 1).then(|| (self.squares / (self.n - 1) as f64).sqrt());
        let Self { n, mean, min, max, .. } = self;
        (n > 0).then_some(RoiStatistics { n, mean, sd, min, max, interpolated })
    }
}
