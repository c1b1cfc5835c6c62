//! Interpolation of a volume at a continuous voxel index, and onto another grid.
//!
//! Voxel centres are whole indices. A point within half a voxel beyond the outer centres belongs to the image and takes
//! the border's value; beyond that there is nothing. Padding voxels never mix with tissue: where the nearest voxel is
//! padding the sample is empty, elsewhere the weights of padding neighbours are left out and the rest made up to one.

use glam::DVec3;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::voxels::Scalar;
use super::{Derivation, Geometry, Labelmap, Padding, Provenance, Volume, VoxelPoint, Voxels};
use crate::error::Cancelled;
use crate::jobs::Control;
use crate::with_voxels;

/// How values between voxel centres are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Interpolation {
    /// The voxel whose box holds the point.
    Nearest,
    /// Trilinear.
    #[default]
    Linear,
    /// Tricubic convolution, Keys 1981 with a = -1/2 (Catmull-Rom).
    Cubic,
}

/// The kernel of [`Interpolation::Cubic`] for the four voxels around a point `t` (0 to 1) beyond the second.
#[must_use]
pub fn cubic_weights(t: f64) -> [f64; 4] {
    let (t2, t3) = (t * t, t * t * t);
    [-0.5 * t3 + t2 - 0.5 * t, 1.5 * t3 - 2.5 * t2 + 1.0, -1.5 * t3 + 2.0 * t2 + 0.5 * t, 0.5 * t3 - 0.5 * t2]
}

/// The stored value at `p` (not rescaled), or `None` outside and in padding. Colours give their luma.
#[must_use]
pub fn sample(volume: &Volume, p: VoxelPoint, interpolation: Interpolation) -> Option<f64> {
    with_voxels!(
        &volume.voxels,
        |v| sample_with(volume.size(), p, interpolation, volume.padding, |i| v[i].to_f64()),
        rgb | v | sample_with(volume.size(), p, interpolation, None, |i| super::voxels::luma(&v[i]))
    )
}

/// The colour at `p`, each channel 0 to 255, if the voxels are colours and `p` is inside.
#[must_use]
pub fn sample_colour(volume: &Volume, p: VoxelPoint, interpolation: Interpolation) -> Option<[f64; 3]> {
    let Voxels::Rgb8(v) = &volume.voxels else { return None };
    let mut out = [0.0; 3];
    for (c, o) in out.iter_mut().enumerate() {
        *o = sample_with(volume.size(), p, interpolation, None, |i| f64::from(v[i][c]))?.clamp(0.0, 255.0);
    }
    Some(out)
}

/// The label at `p` (always the nearest voxel), or `None` outside.
#[must_use]
pub fn sample_label(labels: &Labelmap, p: VoxelPoint) -> Option<u16> {
    let at = |i: usize| f64::from(labels.voxels[i]);
    sample_with(labels.geometry.size(), p, Interpolation::Nearest, None, at).map(|x| x as u16)
}

/// The interpolation itself, over any way to read voxel `flat index`. `size` is `[nx, ny, nz]`, x fastest.
pub fn sample_with(
    size: [usize; 3],
    p: VoxelPoint,
    interpolation: Interpolation,
    padding: Option<Padding>,
    at: impl Fn(usize) -> f64,
) -> Option<f64> {
    let n = DVec3::new(size[0] as f64, size[1] as f64, size[2] as f64);
    let q = p.0;
    if !(q.cmpge(DVec3::splat(-0.5)).all() && q.cmplt(n - 0.5).all()) {
        return None;
    }
    let index = |x: usize, y: usize, z: usize| (z * size[1] + y) * size[0] + x;
    let cell = |a: usize| ((q[a] + 0.5).floor().max(0.0) as usize).min(size[a] - 1);
    let nearest = at(index(cell(0), cell(1), cell(2)));
    if padding.is_some_and(|p| p.holds(nearest)) {
        return None;
    }
    let (reach, kernel): (isize, fn(f64) -> [f64; 4]) = match interpolation {
        Interpolation::Nearest => return Some(nearest),
        Interpolation::Linear => (0, |t| [0.0, 1.0 - t, t, 0.0]),
        Interpolation::Cubic => (1, cubic_weights),
    };
    let base = q.floor();
    let weights = [kernel(q.x - base.x), kernel(q.y - base.y), kernel(q.z - base.z)];
    let clamp = |a: usize, offset: isize| (base[a] as isize + offset).clamp(0, size[a] as isize - 1) as usize;
    let (mut sum, mut weight_sum) = (0.0, 0.0);
    for dz in -reach..=1 + reach {
        let (z, wz) = (clamp(2, dz), weights[2][(dz + 1) as usize]);
        for dy in -reach..=1 + reach {
            let (y, wy) = (clamp(1, dy), weights[1][(dy + 1) as usize] * wz);
            for dx in -reach..=1 + reach {
                let weight = weights[0][(dx + 1) as usize] * wy;
                let value = at(index(clamp(0, dx), y, z));
                if weight != 0.0 && !padding.is_some_and(|p| p.holds(value)) {
                    sum += weight * value;
                    weight_sum += weight;
                }
            }
        }
    }
    Some(if padding.is_some() && weight_sum.abs() > 1e-6 { sum / weight_sum } else { sum })
}

/// A volume resampled onto another grid, as real values in `f32`; outside and padding become `fill` (a real value).
///
/// # Errors
/// [`Cancelled`] when the person asked to stop.
pub fn resample_onto(
    volume: &Volume,
    grid: &Geometry,
    interpolation: Interpolation,
    fill: f32,
    control: &Control,
) -> Result<Volume, Cancelled> {
    resample_snapped_onto(volume, grid, interpolation, None, fill, control)
}

/// As [`resample_onto`], with the nearest voxel taken along one axis of the volume (0: x, 1: y, 2: z): what nnU-Net does
/// across thick slices.
///
/// # Errors
/// [`Cancelled`] when the person asked to stop.
pub fn resample_snapped_onto(
    volume: &Volume,
    grid: &Geometry,
    interpolation: Interpolation,
    snapped: Option<usize>,
    fill: f32,
    control: &Control,
) -> Result<Volume, Cancelled> {
    let [nx, ny, _] = grid.size();
    let map = volume.geometry.patient_to_voxel() * grid.voxel_to_patient();
    let mut out = vec![fill; grid.voxel_count()];
    out.par_chunks_mut(nx * ny).enumerate().try_for_each(|(k, plane)| {
        control.checkpoint()?;
        for (j, row) in plane.chunks_mut(nx).enumerate() {
            let start = map.transform_point3(DVec3::new(0.0, j as f64, k as f64));
            let step = map.x_axis.truncate();
            for (i, o) in row.iter_mut().enumerate() {
                let mut q = start + step * i as f64;
                if let Some(axis) = snapped {
                    // Within the half voxel that still belongs to the image.
                    let last = volume.size()[axis] as f64 - 1.0;
                    q[axis] = if q[axis] >= -0.5 && q[axis] < last + 0.5 { (q[axis] + 0.5).floor() } else { q[axis] };
                }
                if let Some(x) = sample(volume, VoxelPoint(q), interpolation) {
                    *o = volume.rescale.apply(x) as f32;
                }
            }
        }
        Ok(())
    })?;
    let derivation = Derivation { description: "Resampled onto another grid".into(), ..Derivation::default() };
    Ok(Volume {
        voxels: Voxels::from(out),
        geometry: grid.clone(),
        rescale: super::Rescale::IDENTITY,
        padding: None,
        provenance: Provenance::derived(&[&volume.provenance], derivation),
        ..volume.clone()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_is_exact_on_a_ramp_and_empty_outside() {
        let g = Geometry::unplaced([4, 3, 2]).unwrap();
        let ramp: Vec<f32> =
            (0..24).map(|n| (n % 4) as f32 + 10.0 * ((n / 4) % 3) as f32 + 100.0 * (n / 12) as f32).collect();
        let v = Volume::new("ramp", ramp.into(), g, Provenance::acquired(vec![])).unwrap();
        let at = |x, y, z, i| sample(&v, VoxelPoint::new(x, y, z), i);
        assert_eq!(at(1.25, 1.5, 0.5, Interpolation::Linear), Some(66.25));
        assert_eq!(at(1.25, 1.0, 0.0, Interpolation::Cubic), Some(11.25));
        assert_eq!(at(-0.5, 0.0, 0.0, Interpolation::Linear), Some(0.0));
        assert_eq!(at(-0.51, 0.0, 0.0, Interpolation::Linear), None);
        assert_eq!(at(3.5, 0.0, 0.0, Interpolation::Nearest), None);
        assert_eq!(at(f64::NAN, 0.0, 0.0, Interpolation::Nearest), None);
    }

    #[test]
    fn padding_does_not_bleed_into_tissue() {
        let g = Geometry::unplaced([3, 1, 1]).unwrap();
        let mut v = Volume::new("pad", vec![-2000_i16, 50, 60].into(), g, Provenance::acquired(vec![])).unwrap();
        v.padding = Some(Padding { low: -2000.0, high: -2000.0 });
        assert_eq!(sample(&v, VoxelPoint::new(0.75, 0.0, 0.0), Interpolation::Linear), Some(50.0));
        assert_eq!(sample(&v, VoxelPoint::new(0.25, 0.0, 0.0), Interpolation::Linear), None);
    }
}
