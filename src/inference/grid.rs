//! The model's grid: where its voxels lie in the patient.

use glam::{DMat4, DVec3};

use super::manifest::schema::{Crop, Preprocess, SizeRule};
use crate::volume::{Geometry, GeometryError, Volume, Voxels};

/// A box of voxel indices, both ends included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub low: [usize; 3],
    pub high: [usize; 3],
}

/// The grid that the preprocessing calls for, and what the person should know of it.
#[derive(Debug, Clone)]
pub(crate) struct ModelGrid {
    /// The grid before padding.
    pub grid: Geometry,
    /// The grid with the padding on all sides.
    pub padded: Geometry,
    /// Voxels added before the first one along each axis.
    pub before: [usize; 3],
    /// What was cropped, in voxels of the first input.
    pub bounds: Option<Bounds>,
    /// Notes.
    pub notes: Vec<String>,
}

/// Largest number of voxels along one axis of a model's grid.
const LONGEST: f64 = 16_384.0;

/// Makes the grid for an input.
///
/// # Errors
/// When the grid would be empty or too large.
pub(crate) fn model_grid(p: &Preprocess, input: &Volume, bounds: Option<Bounds>) -> Result<ModelGrid, GeometryError> {
    let mut notes = Vec::new();
    let mut own = match bounds {
        Some(b) => cropped(&input.geometry, b)?,
        None => input.geometry.clone(),
    };
    if !own.is_orthogonal() {
        notes.push("The stack leans (gantry tilt): it was sheared back onto a true grid for the model".to_owned());
        own = upright(&own)?;
    }
    let oriented = reoriented(&own, &p.orientation)?;
    let spacing = p.spacing_mm.over(oriented.spacing_mm());
    let grid = match p.size {
        Some(size) => conformed(&own, &p.orientation, spacing, size)?,
        None => resized(&oriented, spacing, p.size_rule)?,
    };
    ModelGrid::padded_to_multiple(grid, p.pad_multiple, bounds, notes)
}

/// The grid of a model without inputs: its own size and spacing, centred on the origin.
///
/// # Errors
/// When the manifest gives no size or no spacing.
pub(crate) fn free_grid(p: &Preprocess) -> Result<ModelGrid, GeometryError> {
    let size = p.size.ok_or(GeometryError::Empty([0; 3]))?;
    let spacing = p.spacing_mm.over([1.0; 3]);
    let unplaced = Geometry::unplaced([1; 3])?;
    let grid = conformed(&unplaced, &p.orientation, spacing, size)?;
    ModelGrid::padded_to_multiple(grid, p.pad_multiple, None, Vec::new())
}

impl ModelGrid {
    fn padded_to_multiple(
        grid: Geometry,
        multiple: usize,
        bounds: Option<Bounds>,
        notes: Vec<String>,
    ) -> Result<Self, GeometryError> {
        let total = grid.size().map(|n| n.next_multiple_of(multiple.max(1)));
        let mut made = Self { padded: grid.clone(), grid, before: [0; 3], bounds, notes };
        made.pad_to(total)?;
        Ok(made)
    }

    /// Pads on both sides until the grid has at least this size; the odd voxel goes behind, as in MONAI.
    pub fn pad_to(&mut self, least: [usize; 3]) -> Result<(), GeometryError> {
        let size = self.padded.size();
        let total = [0, 1, 2].map(|a| size[a].max(least[a]));
        let more = [0, 1, 2].map(|a| (total[a] - size[a]) / 2);
        let shift = DVec3::from_array(more.map(|n| -(n as f64)));
        self.padded = Geometry::new(total, self.padded.voxel_to_patient() * DMat4::from_translation(shift))?;
        self.before = [0, 1, 2].map(|a| self.before[a] + more[a]);
        Ok(())
    }

    /// The part of a volume that the crop keeps, as real values in `f32` with NaN for padding. The crop is in voxels of
    /// the first input; a volume on another grid stays whole.
    pub fn cropped(&self, volume: &Volume) -> Result<Volume, GeometryError> {
        let [nx, ny, nz] = volume.size();
        let whole = Bounds { low: [0; 3], high: [nx - 1, ny - 1, nz - 1] };
        let b = self.bounds.filter(|b| (0..3).all(|a| b.high[a] <= whole.high[a])).unwrap_or(whole);
        let geometry = cropped(&volume.geometry, b)?;
        let mut values = Vec::with_capacity(geometry.voxel_count());
        for k in b.low[2]..=b.high[2] {
            for j in b.low[1]..=b.high[1] {
                let row = (k * ny + j) * nx;
                values.extend((b.low[0]..=b.high[0]).map(|i| real(volume, row + i).map_or(f32::NAN, |x| x as f32)));
            }
        }
        let (voxels, rescale) = (Voxels::from(values), crate::volume::Rescale::IDENTITY);
        Ok(Volume { voxels, geometry, rescale, padding: None, ..volume.clone() })
    }

    /// nnU-Net's rule for thick slices: the volume's axis across them, where its spacing, or else the grid's, is more
    /// than three times the smallest; `None` when no axis stands alone.
    pub fn thick_axis(&self, volume: &Volume) -> Option<usize> {
        let across = |g: &Geometry| {
            let mm = g.spacing_mm();
            let (low, high) = mm.iter().fold((f64::INFINITY, 0.0_f64), |(l, h), x| (l.min(*x), h.max(*x)));
            let thick: Vec<usize> = (0..3).filter(|a| (mm[*a] - high).abs() < 1e-6 * high).collect();
            (high / low > 3.0).then_some(thick).filter(|t| t.len() == 1).map(|t| g.step_mm(t[0]))
        };
        let direction = across(&volume.geometry).or_else(|| across(&self.grid))?.normalize();
        let along = |a: &usize| (volume.geometry.directions()[*a].dot(direction).abs() * 1e9) as i64;
        (0..3).max_by_key(along)
    }

    /// The same axis on this grid.
    pub fn thick_axis_of_grid(&self, volume: &Volume) -> Option<usize> {
        let direction = volume.geometry.directions()[self.thick_axis(volume)?];
        let along = |a: &usize| (self.grid.directions()[*a].dot(direction).abs() * 1e9) as i64;
        (0..3).max_by_key(along)
    }
}

/// The box that the manifest's crop keeps: of the voxels that are not 0, or above 0, in any of the inputs that share
/// the first one's grid. `None` when nothing is cropped, or nothing would be left.
pub(crate) fn crop_bounds(crop: Crop, inputs: &[&Volume]) -> Option<Bounds> {
    let keep: fn(f64) -> bool = match crop {
        Crop::None => return None,
        Crop::Nonzero => |x| x != 0.0 && !x.is_nan(),
        Crop::Foreground => |x| x > 0.0,
    };
    let first = inputs.first()?;
    let same = |v: &&&Volume| v.geometry.distance_mm(&first.geometry) < 1e-3;
    let volumes: Vec<&&Volume> = inputs.iter().filter(same).collect();
    let [nx, ny, nz] = first.size();
    let mut bounds: Option<Bounds> = None;
    for k in 0..nz {
        for j in 0..ny {
            let row = (k * ny + j) * nx;
            let inside = |i: usize| volumes.iter().any(|v| real(v, row + i).is_some_and(keep));
            let Some(start) = (0..nx).find(|i| inside(*i)) else { continue };
            let end = (start..nx).rev().find(|i| inside(*i)).unwrap_or(start);
            let b = bounds.get_or_insert(Bounds { low: [start, j, k], high: [end, j, k] });
            for (a, (low, high)) in [(start, end), (j, j), (k, k)].into_iter().enumerate() {
                b.low[a] = b.low[a].min(low);
                b.high[a] = b.high[a].max(high);
            }
        }
    }
    bounds
}

/// The real value of a voxel; `None` for padding.
pub(crate) fn real(volume: &Volume, index: usize) -> Option<f64> {
    let stored = match &volume.voxels {
        // The common type, without the detour.
        Voxels::I16(v) => f64::from(*v.get(index)?),
        other => other.get(index)?,
    };
    (!volume.padding.is_some_and(|p| p.holds(stored))).then(|| volume.rescale.apply(stored))
}

fn cropped(g: &Geometry, b: Bounds) -> Result<Geometry, GeometryError> {
    let low = DVec3::from_array(b.low.map(|n| n as f64));
    let size = [0, 1, 2].map(|a| b.high[a] + 1 - b.low[a]);
    Geometry::new(size, g.voxel_to_patient() * DMat4::from_translation(low))
}

/// Patient axis (0: x, 1: y, 2: z in LPS) and direction of an axis code.
fn code_axis(code: char) -> (usize, f64) {
    match code {
        'L' => (0, 1.0),
        'R' => (0, -1.0),
        'P' => (1, 1.0),
        'A' => (1, -1.0),
        'I' => (2, -1.0),
        _ => (2, 1.0),
    }
}

/// The same voxels, with the axes in the order and direction of three axis codes; no value is interpolated.
pub(crate) fn reoriented(g: &Geometry, codes: &str) -> Result<Geometry, GeometryError> {
    let nearest = g.nearest_axes();
    let m = g.voxel_to_patient();
    let mut columns = [DVec3::ZERO; 3];
    let mut size = [0; 3];
    let mut origin = m.w_axis.truncate();
    for (target, code) in codes.chars().take(3).enumerate() {
        let (patient, sign) = code_axis(code);
        let source = (0..3).find(|v| nearest[*v].0 == patient).unwrap_or(target);
        let column = g.step_mm(source);
        size[target] = g.size()[source];
        if (nearest[source].1 > 0.0) == (sign > 0.0) {
            columns[target] = column;
        } else {
            columns[target] = -column;
            origin += column * (g.size()[source] as f64 - 1.0);
        }
    }
    Geometry::new(size, matrix(columns, origin))
}

fn matrix(columns: [DVec3; 3], origin: DVec3) -> DMat4 {
    let [x, y, z] = columns;
    DMat4::from_cols(x.extend(0.0), y.extend(0.0), z.extend(0.0), origin.extend(1.0))
}

/// A grid at right angles that covers a leaning one, with its in-plane axes and spacing.
fn upright(g: &Geometry) -> Result<Geometry, GeometryError> {
    let [u, v, w] = g.directions();
    let mut normal = u.cross(v).normalize();
    if normal.dot(w) < 0.0 {
        normal = -normal;
    }
    let axes = [u, (v - u * u.dot(v)).normalize(), normal];
    let mut size = [0; 3];
    let mut columns = [DVec3::ZERO; 3];
    let mut origin = DVec3::ZERO;
    for a in 0..3 {
        let spacing = g.step_mm(a).dot(axes[a]).abs();
        let (low, high) = g.extent_along(axes[a]);
        let n = ((high - low) / spacing - 1e-6).ceil().clamp(1.0, LONGEST);
        size[a] = n as usize;
        columns[a] = axes[a] * spacing;
        origin += axes[a] * ((low + high) / 2.0 - (n - 1.0) / 2.0 * spacing);
    }
    Geometry::new(size, matrix(columns, origin))
}

/// A grid of fixed size along the patient's own axes, centred on the field of view (FreeSurfer's `conform`).
fn conformed(g: &Geometry, codes: &str, spacing: [f64; 3], size: [usize; 3]) -> Result<Geometry, GeometryError> {
    let mut columns = [DVec3::ZERO; 3];
    for (a, code) in codes.chars().take(3).enumerate() {
        let (patient, sign) = code_axis(code);
        columns[a][patient] = sign * spacing[a];
    }
    let half = |a: usize| columns[a] * ((size[a] as f64 - 1.0) / 2.0);
    Geometry::new(size, matrix(columns, g.center().0 - half(0) - half(1) - half(2)))
}

/// The grid with another spacing.
fn resized(g: &Geometry, spacing: [f64; 3], rule: SizeRule) -> Result<Geometry, GeometryError> {
    let old = g.spacing_mm();
    let directions = g.directions();
    let mut size = [0; 3];
    let mut columns = [DVec3::ZERO; 3];
    let mut origin = g.voxel_to_patient().w_axis.truncate();
    for a in 0..3 {
        let n = g.size()[a] as f64;
        let wanted = match rule {
            SizeRule::Centers => ((n - 1.0) * old[a] / spacing[a] + 1.0).round_ties_even(),
            SizeRule::Extent => (n * old[a] / spacing[a]).round_ties_even(),
        };
        if wanted.is_nan() || wanted >= LONGEST {
            return Err(GeometryError::TooLarge([usize::MAX; 3]));
        }
        let count = wanted.max(1.0);
        size[a] = count as usize;
        // By the extent, the faces stay where they are and the spacing gives way.
        let real = match rule {
            SizeRule::Centers => spacing[a],
            SizeRule::Extent => n * old[a] / count,
        };
        if rule == SizeRule::Extent {
            origin += directions[a] * ((real - old[a]) / 2.0);
        }
        columns[a] = directions[a] * real;
    }
    Geometry::new(size, matrix(columns, origin))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;
    use crate::inference::manifest::schema::Spacing;
    use crate::volume::Provenance;

    fn volume(codes: &str, size: [usize; 3]) -> Volume {
        let lps = Geometry::new(size, DMat4::from_scale(DVec3::new(1.0, 1.5, 2.0))).unwrap();
        let g = reoriented(&lps, codes).unwrap();
        Volume::new("v", vec![0_u8; g.voxel_count()].into(), g, Provenance::acquired(vec![])).unwrap()
    }

    #[test]
    fn reorienting_moves_no_voxel() {
        let g = volume("LPS", [4, 5, 6]).geometry;
        let r = reoriented(&g, "SAR").unwrap();
        assert_eq!((r.size(), r.axis_codes().as_str()), ([6, 5, 4], "SAR"));
        let there = g.to_patient(crate::volume::VoxelPoint::new(3.0, 0.0, 0.0));
        let back = r.to_voxel(there).0;
        assert!(back.distance(DVec3::new(0.0, 4.0, 0.0)) < 1e-9, "{back}");
        let again = reoriented(&r, "LPS").unwrap();
        assert!(again.distance_mm(&g) < 1e-9);
    }

    /// Sizes by MONAI's `compute_shape_offset` (1.6.1, scale_extent=False) and by nnU-Net's `compute_new_shape`:
    /// round((n-1)*old/new + 1) and round(n*old/new), by hand.
    #[test]
    fn sizes_follow_the_two_rules() {
        let g = volume("LPS", [181, 20, 7]).geometry;
        let c = resized(&g, [2.0, 1.0, 1.5], SizeRule::Centers).unwrap();
        assert_eq!(c.size(), [91, 30, 9]);
        assert_eq!(c.spacing_mm(), [2.0, 1.0, 1.5]);
        assert_eq!(c.voxel_to_patient().w_axis, g.voxel_to_patient().w_axis);
        let e = resized(&g, [2.0, 1.0, 1.5], SizeRule::Extent).unwrap();
        assert_eq!(e.size(), [90, 30, 9]);
        for d in [DVec3::X, DVec3::Y, DVec3::Z] {
            let (a, b) = (g.extent_along(d), e.extent_along(d));
            assert!((a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9);
        }
    }

    #[test]
    fn a_fixed_grid_is_centred_and_padding_goes_on_both_sides() {
        let v = volume("PIR", [10, 11, 12]);
        let p = Preprocess { spacing_mm: Spacing::Millimetres([2.0; 3]), size: Some([32; 3]), ..Preprocess::default() };
        let m = model_grid(&p, &v, None).unwrap();
        assert_eq!(m.grid.axis_codes(), "RAS");
        assert!(m.grid.center().0.distance(v.geometry.center().0) < 1e-9);
        let p = Preprocess { pad_multiple: 16, ..Preprocess::default() };
        let m = model_grid(&p, &v, None).unwrap();
        assert_eq!(m.padded.size(), [16, 16, 16]);
        let first = m.grid.to_patient(crate::volume::VoxelPoint::new(0.0, 0.0, 0.0));
        let at = m.padded.to_voxel(first).0;
        assert!(at.distance(DVec3::from_array(m.before.map(|n| n as f64))) < 1e-9);
    }

    #[test]
    fn an_axis_may_keep_the_inputs_own_spacing() {
        #[derive(serde::Serialize, serde::Deserialize)]
        struct Table {
            spacing_mm: Spacing,
        }
        let text = "spacing_mm = [0.5, 2.0, \"native\"]\n";
        let table: Table = toml::from_str(text).unwrap();
        assert_eq!(table.spacing_mm, Spacing::Millimetres([0.5, 2.0, 0.0]));
        assert_eq!(toml::to_string(&table).unwrap(), text);
        let p = Preprocess { spacing_mm: table.spacing_mm, ..Preprocess::default() };
        let m = model_grid(&p, &volume("LPS", [10, 11, 12]), None).unwrap();
        assert_eq!(m.grid.spacing_mm(), [0.5, 2.0, 2.0]);
        assert_eq!(m.grid.size()[2], 12);
        assert!(toml::from_str::<Table>("spacing_mm = [1.0, \"own\", 1.0]").is_err());
    }

    #[test]
    fn the_crop_box_holds_what_is_not_zero() {
        let mut data = vec![0_i16; 4 * 5 * 6];
        data[(2 * 5 + 3) * 4 + 1] = 7;
        data[(4 * 5 + 1) * 4 + 2] = -3;
        let g = Geometry::unplaced([4, 5, 6]).unwrap();
        let v = Volume::new("v", data.into(), g, Provenance::acquired(vec![])).unwrap();
        let nonzero = crop_bounds(Crop::Nonzero, &[&v]).unwrap();
        assert_eq!(nonzero, Bounds { low: [1, 1, 2], high: [2, 3, 4] });
        let foreground = crop_bounds(Crop::Foreground, &[&v]).unwrap();
        assert_eq!(foreground, Bounds { low: [1, 3, 2], high: [1, 3, 2] });
    }
}
