//! Volumes and label maps brought onto the reference's grid, so that they can be measured voxel by voxel.

use rayon::prelude::*;

use crate::error::Cancelled;
use crate::jobs::Control;
use crate::volume::resample::{resample_onto, sample_label};
use crate::volume::{Geometry, Interpolation, Labelmap, Volume, VoxelPoint, Voxels};

/// Corners of two grids may lie apart by so much of the smallest voxel edge: what single-precision headers round away.
const APART: f64 = 0.01;

/// How a second grid lies on the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// The same voxels in the same order.
    Same,
    /// The same voxels with axes swapped or turned: nothing is interpolated.
    Reordered,
    /// Other voxels.
    Other,
}

/// Why two images cannot be measured against each other.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum GridError {
    /// The grids differ, and resampling was not asked for.
    #[error(
        "{what} lies on another grid ({found}) than the reference ({expected}); register or resample it first, or ask \
         for resampling, which interpolates"
    )]
    Differs {
        /// Which one.
        what: &'static str,
        /// Its grid, in words.
        found: String,
        /// The reference's.
        expected: String,
    },
    /// Colour has no single value.
    #[error("{what} is in colour; only grey values can be measured")]
    Colour {
        /// Which one.
        what: &'static str,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Values brought onto the reference's grid.
#[derive(Debug, Clone, PartialEq)]
pub struct Placed<T> {
    /// `[nz, ny, nx]`, x fastest.
    pub values: Vec<T>,
    /// What a person has to know about how they came there.
    pub note: Option<String>,
}

/// How `other` lies on `reference`.
#[must_use]
pub fn fit(reference: &Geometry, other: &Geometry) -> Fit {
    let edge = reference.spacing_mm().into_iter().fold(f64::INFINITY, f64::min);
    if reference.distance_mm(other) <= APART * edge {
        return Fit::Same;
    }
    let map = other.patient_to_voxel() * reference.voxel_to_patient();
    let [nx, ny, nz] = reference.size().map(|n| n as f64 - 1.0);
    let corners =
        (0..8).map(|c| glam::DVec3::new(nx * f64::from(c & 1), ny * f64::from(c >> 1 & 1), nz * f64::from(c >> 2)));
    let sorted = |size: [usize; 3]| {
        let mut size = size;
        size.sort_unstable();
        size
    };
    let last = glam::DVec3::from_array(other.size().map(|n| n as f64 - 1.0));
    let at_corner = |p: glam::DVec3| {
        let q = map.transform_point3(p);
        (0..3).all(|a| q[a].abs() <= APART || (q[a] - last[a]).abs() <= APART)
    };
    let corners: Vec<_> = corners.collect();
    if sorted(reference.size()) == sorted(other.size()) && corners.into_iter().all(at_corner) {
        Fit::Reordered
    } else {
        Fit::Other
    }
}

/// A volume's real values on `grid`; NaN where it has none (padding, outside).
///
/// # Errors
/// [`GridError`]: colour, or another grid while `resample` is `None`.
pub fn values_on(
    volume: &Volume,
    grid: &Geometry,
    resample: Option<Interpolation>,
    what: &'static str,
    control: &Control,
) -> Result<Placed<f32>, GridError> {
    if matches!(volume.voxels, Voxels::Rgb8(_)) {
        return Err(GridError::Colour { what });
    }
    let (interpolation, note) = match (fit(grid, &volume.geometry), resample) {
        (Fit::Same, _) => return Ok(Placed { values: real_values(volume), note: None }),
        (Fit::Reordered, _) => (
            Interpolation::Nearest,
            format!("{what}: axes were reordered to the reference's; nothing was interpolated"),
        ),
        (Fit::Other, Some(interpolation)) => {
            (interpolation, format!("{what} was resampled onto the reference's grid ({})", name(interpolation)))
        }
        (Fit::Other, None) => return Err(differs(what, grid, &volume.geometry)),
    };
    let moved = resample_onto(volume, grid, interpolation, f32::NAN, control)?;
    Ok(Placed { values: real_values(&moved), note: Some(note) })
}

/// A label map's labels on `grid`, 0 outside; the nearest voxel where grids differ.
///
/// # Errors
/// [`GridError::Differs`] for another grid while `resample` is false.
pub fn labels_on(
    labels: &Labelmap,
    grid: &Geometry,
    resample: bool,
    what: &'static str,
) -> Result<Placed<u16>, GridError> {
    let note = match fit(grid, &labels.geometry) {
        Fit::Same => return Ok(Placed { values: labels.voxels.to_vec(), note: None }),
        Fit::Reordered => format!("{what}: axes were reordered to the reference's; nothing was interpolated"),
        Fit::Other if resample => format!("{what} was resampled onto the reference's grid (nearest voxel)"),
        Fit::Other => return Err(differs(what, grid, &labels.geometry)),
    };
    let [nx, ny, _] = grid.size();
    let map = labels.geometry.patient_to_voxel() * grid.voxel_to_patient();
    let mut values = vec![0_u16; grid.voxel_count()];
    values.par_chunks_mut(nx * ny).enumerate().for_each(|(k, plane)| {
        for (n, value) in plane.iter_mut().enumerate() {
            let p = glam::DVec3::new((n % nx) as f64, (n / nx) as f64, k as f64);
            *value = sample_label(labels, VoxelPoint(map.transform_point3(p))).unwrap_or(0);
        }
    });
    Ok(Placed { values, note: Some(note) })
}

fn real_values(volume: &Volume) -> Vec<f32> {
    let [nx, ny, nz] = volume.size();
    let mut out = vec![f32::NAN; nx * ny * nz];
    out.par_iter_mut().enumerate().for_each(|(index, o)| {
        if let Some(stored) = volume.voxels.get(index)
            && !volume.padding.is_some_and(|p| p.holds(stored))
        {
            *o = volume.rescale.apply(stored) as f32;
        }
    });
    out
}

fn name(interpolation: Interpolation) -> &'static str {
    match interpolation {
        Interpolation::Nearest => "nearest voxel",
        Interpolation::Linear => "linear",
        Interpolation::Cubic => "cubic",
    }
}

fn differs(what: &'static str, expected: &Geometry, found: &Geometry) -> GridError {
    let words = |g: &Geometry| {
        let ([nx, ny, nz], [x, y, z]) = (g.size(), g.spacing_mm());
        let o = g.to_patient(VoxelPoint::new(0.0, 0.0, 0.0)).0;
        format!(
            "{nx} x {ny} x {nz} voxels of {x:.3} x {y:.3} x {z:.3} mm, {}, first voxel at LPS {:.1} {:.1} {:.1} mm",
            g.axis_codes(),
            o.x,
            o.y,
            o.z
        )
    };
    GridError::Differs { what, found: words(found), expected: words(expected) }
}

#[cfg(test)]
mod tests {
    use glam::{DMat4, DVec4};

    use super::*;
    use crate::volume::Provenance;

    fn volume(size: [usize; 3], matrix: DMat4) -> Volume {
        let n = size.iter().product::<usize>();
        let values: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let geometry = Geometry::new(size, matrix).unwrap();
        Volume::new("v", values.into(), geometry, Provenance::acquired(vec![])).unwrap()
    }

    #[test]
    fn a_flipped_copy_is_reordered_and_another_grid_is_refused_unless_asked_for() {
        let a = volume([3, 4, 5], DMat4::IDENTITY);
        // x runs the other way.
        let flipped = DMat4::from_cols(-DVec4::X, DVec4::Y, DVec4::Z, DVec4::new(2.0, 0.0, 0.0, 1.0));
        let b = volume([3, 4, 5], flipped);
        assert_eq!(fit(&a.geometry, &a.geometry), Fit::Same);
        assert_eq!(fit(&a.geometry, &b.geometry), Fit::Reordered);
        let placed = values_on(&b, &a.geometry, None, "the test image", &Control::new()).unwrap();
        assert_eq!(placed.values[..3], [2.0, 1.0, 0.0]);
        assert!(placed.note.unwrap().contains("nothing was interpolated"));
        let shifted = volume([3, 4, 5], DMat4::from_translation(glam::DVec3::new(0.5, 0.0, 0.0)));
        let refused = values_on(&shifted, &a.geometry, None, "the test image", &Control::new()).unwrap_err();
        assert!(refused.to_string().contains("first voxel at LPS 0.5 0.0 0.0"), "{refused}");
        let placed = values_on(&shifted, &a.geometry, Some(Interpolation::Linear), "the test image", &Control::new());
        assert_eq!(placed.unwrap().values[1], 0.5);
    }
}
