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

/// Real values in the narrowest type that holds each of them exactly: rounded ones would not keep the small differences of
/// large numbers.
#[derive(Debug, Clone, PartialEq)]
pub enum RealValues {
    /// Every value is exact in `f32`, as those of CT, of most MR and of float images are.
    Single(Vec<f32>),
    /// Some are not: 32-bit integers, doubles, a fine scale far from 0.
    Double(Vec<f64>),
}

impl RealValues {
    /// The wider type.
    #[must_use]
    pub fn into_double(self) -> Vec<f64> {
        match self {
            Self::Single(values) => values.into_par_iter().map(f64::from).collect(),
            Self::Double(values) => values,
        }
    }
}

/// [`RealValues`] brought onto the reference's grid.
#[derive(Debug, Clone, PartialEq)]
pub struct PlacedReal {
    /// `[nz, ny, nx]`, x fastest.
    pub values: RealValues,
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

/// A volume's real values on `grid` without any rounding, as [`values_on`] gives them rounded to `f32`; what is interpolated
/// is `f32`.
///
/// # Errors
/// As [`values_on`].
pub fn real_values_on(
    volume: &Volume,
    grid: &Geometry,
    resample: Option<Interpolation>,
    what: &'static str,
    control: &Control,
) -> Result<PlacedReal, GridError> {
    let fit = fit(grid, &volume.geometry);
    if fit == Fit::Other || is_exact(volume) {
        let Placed { values, note } = values_on(volume, grid, resample, what, control)?;
        return Ok(PlacedReal { values: RealValues::Single(values), note });
    }
    if matches!(volume.voxels, Voxels::Rgb8(_)) {
        return Err(GridError::Colour { what });
    }
    if fit == Fit::Same {
        return Ok(PlacedReal { values: RealValues::Double(real_values(volume, f64::NAN, |v| v)), note: None });
    }
    let stored = |p| volume.index_at(p).and_then(|index| real_value(volume, index));
    let values = gathered(&volume.geometry, grid, |p| stored(p).unwrap_or(f64::NAN), control)?;
    Ok(PlacedReal { values: RealValues::Double(values), note: Some(reordered(what)) })
}

/// A volume's real values on `grid`, rounded to `f32`; NaN where it has none (padding, outside).
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
        (Fit::Same, _) => return Ok(Placed { values: real_values(volume, f32::NAN, |v| v as f32), note: None }),
        (Fit::Reordered, _) => (Interpolation::Nearest, reordered(what)),
        (Fit::Other, Some(interpolation)) => {
            (interpolation, format!("{what} was resampled onto the reference's grid ({})", name(interpolation)))
        }
        (Fit::Other, None) => return Err(differs(what, grid, &volume.geometry)),
    };
    let moved = resample_onto(volume, grid, interpolation, f32::NAN, control)?;
    Ok(Placed { values: real_values(&moved, f32::NAN, |v| v as f32), note: Some(note) })
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
        Fit::Reordered => reordered(what),
        Fit::Other if resample => format!("{what} was resampled onto the reference's grid (nearest voxel)"),
        Fit::Other => return Err(differs(what, grid, &labels.geometry)),
    };
    let label = |p| sample_label(labels, p).unwrap_or(0);
    let values = gathered(&labels.geometry, grid, label, &Control::new())?;
    Ok(Placed { values, note: Some(note) })
}

/// What `from` has at the place of each voxel of `grid`, `[nz, ny, nx]`.
fn gathered<T: Copy + Default + Send>(
    from: &Geometry,
    grid: &Geometry,
    at: impl Fn(VoxelPoint) -> T + Sync,
    control: &Control,
) -> Result<Vec<T>, Cancelled> {
    let [nx, ny, _] = grid.size();
    let map = from.patient_to_voxel() * grid.voxel_to_patient();
    let mut values = vec![T::default(); grid.voxel_count()];
    values.par_chunks_mut(nx * ny).enumerate().try_for_each(|(k, plane)| {
        control.checkpoint()?;
        for (n, value) in plane.iter_mut().enumerate() {
            let p = glam::DVec3::new((n % nx) as f64, (n / nx) as f64, k as f64);
            *value = at(VoxelPoint(map.transform_point3(p)));
        }
        Ok::<(), Cancelled>(())
    })?;
    Ok(values)
}

/// The real value of a voxel; `None` for padding.
fn real_value(volume: &Volume, index: usize) -> Option<f64> {
    let stored = volume.voxels.get(index)?;
    (!volume.padding.is_some_and(|p| p.holds(stored))).then(|| volume.rescale.apply(stored))
}

fn real_values<T: Copy + Send + Sync>(volume: &Volume, empty: T, narrow: impl Fn(f64) -> T + Sync) -> Vec<T> {
    let count = volume.voxels.len();
    (0..count).into_par_iter().map(|index| real_value(volume, index).map_or(empty, &narrow)).collect()
}

/// Whether `f32` holds every real value exactly.
fn is_exact(volume: &Volume) -> bool {
    let exact = |value: f64| f64::from(value as f32) == value || value.is_nan();
    (0..volume.voxels.len()).into_par_iter().all(|index| real_value(volume, index).is_none_or(exact))
}

fn reordered(what: &str) -> String {
    format!("{what}: axes were reordered to the reference's; nothing was interpolated")
}

fn name(interpolation: Interpolation) -> &'static str {
    match interpolation {
        Interpolation::Nearest => "nearest voxel",
        Interpolation::Linear => "linear",
        Interpolation::Cubic => "cubic",
    }
}

fn differs(what: &'static str, expected: &Geometry, found: &Geometry) -> GridError {
    let words = |g: &Geometry, more: usize| {
        let ([nx, ny, nz], [x, y, z]) = (g.size(), g.spacing_mm());
        let o = g.to_patient(VoxelPoint::new(0.0, 0.0, 0.0)).0;
        let (fine, coarse) = (3 + more, 1 + more);
        format!(
            "{nx} x {ny} x {nz} voxels of {x:.fine$} x {y:.fine$} x {z:.fine$} mm, {}, first voxel at LPS {:.coarse$} \
             {:.coarse$} {:.coarse$} mm",
            g.axis_codes(),
            o.x,
            o.y,
            o.z
        )
    };
    // As many digits as it takes to tell the two apart.
    let apart = (0..=6).map(|more| [words(found, more), words(expected, more)]).find(|[a, b]| a != b);
    let [found, expected] = apart.unwrap_or_else(|| {
        // Turned against each other: the axes tell.
        let axes = |g: &Geometry| {
            let axes = g.directions().map(|d| format!("({:.5}, {:.5}, {:.5})", d.x, d.y, d.z));
            format!("{}, axes {}", words(g, 0), axes.join(" "))
        };
        [axes(found), axes(expected)]
    });
    GridError::Differs { what, found, expected }
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
        let near = volume([3, 4, 5], DMat4::from_translation(glam::DVec3::new(0.03, 0.0, 0.0)));
        let refused = values_on(&near, &a.geometry, None, "the test image", &Control::new()).unwrap_err();
        assert!(refused.to_string().contains("first voxel at LPS 0.03 0.00 0.00"), "{refused}");
        let turned = volume([3, 4, 5], DMat4::from_rotation_z(0.05));
        let refused = values_on(&turned, &a.geometry, None, "the test image", &Control::new()).unwrap_err();
        assert!(refused.to_string().contains("axes (0.99875, 0.04998, 0.00000)"), "{refused}");
        let shifted = volume([3, 4, 5], DMat4::from_translation(glam::DVec3::new(0.5, 0.0, 0.0)));
        let refused = values_on(&shifted, &a.geometry, None, "the test image", &Control::new()).unwrap_err();
        assert!(refused.to_string().contains("first voxel at LPS 0.5 0.0 0.0"), "{refused}");
        let placed = values_on(&shifted, &a.geometry, Some(Interpolation::Linear), "the test image", &Control::new());
        assert_eq!(placed.unwrap().values[1], 0.5);
    }

    #[test]
    fn values_that_single_precision_would_round_stay_exact() {
        let geometry = Geometry::unplaced([2, 1, 1]).unwrap();
        let of = |voxels: Voxels| Volume::new("v", voxels, geometry.clone(), Provenance::acquired(vec![])).unwrap();
        let on = |v: &Volume| real_values_on(v, &v.geometry, None, "the test image", &Control::new()).unwrap().values;
        assert_eq!(on(&of(vec![0.1_f32, f32::NAN].into())).into_double()[0], f64::from(0.1_f32));
        assert_eq!(on(&of(vec![1.0_f64, 2.5].into())), RealValues::Single(vec![1.0, 2.5]));
        assert_eq!(on(&of(vec![1e4 + 1e-3, 1e4].into())), RealValues::Double(vec![1e4 + 1e-3, 1e4]));
        assert_eq!(on(&of(vec![i32::MAX, 7].into())), RealValues::Double(vec![f64::from(i32::MAX), 7.0]));
        let far =
            Volume { rescale: crate::volume::Rescale { slope: -0.0037, intercept: 1e5 }, ..of(vec![3_i16, 4].into()) };
        assert_eq!(on(&far), RealValues::Double(vec![3.0 * -0.0037 + 1e5, 4.0 * -0.0037 + 1e5]));
        // Reordered, not resampled: x runs the other way.
        let flipped = DMat4::from_cols(-DVec4::X, DVec4::Y, DVec4::Z, DVec4::new(1.0, 0.0, 0.0, 1.0));
        let grid = Geometry::new([2, 1, 1], flipped).unwrap();
        let placed = Geometry::new([2, 1, 1], DMat4::IDENTITY).unwrap();
        let test = Volume { geometry: placed, ..of(vec![i32::MAX, 7].into()) };
        let values = real_values_on(&test, &grid, None, "the test image", &Control::new()).unwrap().values;
        assert_eq!(values, RealValues::Double(vec![7.0, f64::from(i32::MAX)]));
    }
}
