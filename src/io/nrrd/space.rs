//! Where an NRRD's voxels lie.

use std::path::Path;

use glam::{DMat4, DVec3, DVec4};

use super::axes::{Axes, directions};
use super::header::{Header, vectors, words};
use crate::error::{Warning, WarningCode};
use crate::io::IoError;
use crate::volume::{Geometry, GeometryError, Space};

/// Geometry (LPS), whether it means something, and what must be said of it.
///
/// # Errors
/// When the fields cannot be read or do not make a grid.
pub fn place(header: &Header, axes: &Axes, path: &Path) -> Result<(Geometry, Space, Vec<Warning>), IoError> {
    let wrong = |what: String| IoError::format(path, "axes that can be placed in space", what);
    let all = header.sizes(path)?.len();
    let mut warnings = Vec::new();
    let mut no_geometry = |message: String| warnings.push(Warning::new(WarningCode::NoGeometry, message));
    let signs = header.field("space").map(signs_to_lps);
    let vectors_of_axes = directions(header, all, path)?;
    let steps: Vec<DVec3> = match &vectors_of_axes {
        Some(list) => axes.spatial.iter().filter_map(|a| list[*a].as_deref().and_then(three)).collect(),
        None => Vec::new(),
    };
    if axes.spatial.len() < 2 || (axes.spatial.len() == 2 && (steps.len() < 2 || signs.is_none())) {
        let spacing = spacings(header, axes);
        let reason = "The file holds a flat picture and does not say where it lies in the patient".to_owned();
        no_geometry(reason.clone());
        let pixel_spacing_mm = spacing.map(|s| [s.x, s.y]);
        let geometry = Geometry::unplaced(axes.size).map_err(|e| wrong(e.to_string()))?;
        return Ok((geometry, Space::Stack { reason, pixel_spacing_mm }, warnings));
    }
    let (flip, scale) = match signs {
        Some(Some(flip)) => (flip, unit_mm(header)),
        Some(None) => {
            let name = header.field("space").unwrap_or_default();
            no_geometry(format!(
                "The space \"{name}\" is not that of a patient; it was taken as left-posterior-superior"
            ));
            (DVec3::ONE, unit_mm(header))
        }
        None => {
            let spacing =
                if steps.is_empty() && spacings(header, axes).is_none() { "; spacing 1 was assumed" } else { "" };
            no_geometry(format!(
                "The file names no space, so it does not say how it lies in the patient; its axes were taken as left, \
                 posterior, superior{spacing}: the letters at the edges may be wrong"
            ));
            (DVec3::ONE, unit_mm(header))
        }
    };
    let mut columns = if steps.is_empty() {
        let s = spacings(header, axes).unwrap_or(DVec3::ONE);
        vec![DVec3::X * s.x, DVec3::Y * s.y, DVec3::Z * s.z]
    } else {
        steps
    };
    if columns.len() == 2 {
        // A single slice: the third step is the normal, as long as the slice is thick.
        let normal = columns[0].cross(columns[1]).normalize_or_zero();
        columns.push(normal * thickness(header, axes).unwrap_or(1.0));
    }
    let origin = match header.field("space origin") {
        Some(text) => vectors(text)
            .and_then(|v| v.into_iter().next().flatten())
            .and_then(|v| three(&v))
            .ok_or_else(|| wrong(format!("space origin \"{text}\"")))?,
        None => DVec3::ZERO,
    };
    let [a, b, c] = columns[..] else { return Err(wrong(format!("{} directions in space", columns.len()))) };
    let column = |v: DVec3, w: f64| -> DVec4 { (v * flip * scale).extend(w) };
    let matrix = DMat4::from_cols(column(a, 0.0), column(b, 0.0), column(c, 0.0), column(origin, 1.0));
    match Geometry::new(axes.size, matrix) {
        Ok(geometry) => Ok((geometry, Space::Patient { frame_of_reference: None }, warnings)),
        Err(GeometryError::Singular(_)) => {
            let reason = "The directions of the axes do not span space, so the slices cannot be placed".to_owned();
            warnings.retain(|w| w.code != WarningCode::NoGeometry);
            warnings.push(Warning::new(WarningCode::NoGeometry, reason.clone()));
            let geometry = Geometry::unplaced(axes.size).map_err(|e| wrong(e.to_string()))?;
            Ok((geometry, Space::Stack { reason, pixel_spacing_mm: None }, warnings))
        }
        Err(e) => Err(wrong(e.to_string())),
    }
}

/// The signs that lead from a named space to LPS; `None` for a space that is not the patient's.
fn signs_to_lps(name: &str) -> Option<DVec3> {
    let name = name.trim().trim_matches('"').to_ascii_lowercase();
    let name = name.strip_suffix("-time").unwrap_or(&name);
    Some(match name {
        "left-posterior-superior" | "lps" | "lpst" => DVec3::ONE,
        "right-anterior-superior" | "ras" | "rast" => DVec3::new(-1.0, -1.0, 1.0),
        "left-anterior-superior" | "las" | "last" => DVec3::new(1.0, -1.0, 1.0),
        _ => return None,
    })
}

/// Three numbers of a vector; a time that follows them is left out.
fn three(v: &[f64]) -> Option<DVec3> {
    match v {
        [x, y, z] | [x, y, z, _] if [x, y, z].iter().all(|c| c.is_finite()) => Some(DVec3::new(*x, *y, *z)),
        _ => None,
    }
}

/// Numbers of a per-axis field on the spatial axes.
fn on_space(header: &Header, field: &str, axes: &Axes) -> Option<Vec<f64>> {
    let all: Vec<f64> = words(header.field(field)?).iter().map(|w| w.parse().unwrap_or(f64::NAN)).collect();
    axes.spatial.iter().map(|a| all.get(*a).copied()).collect()
}

fn spacings(header: &Header, axes: &Axes) -> Option<DVec3> {
    let list = on_space(header, "spacings", axes)?;
    let one = |i: usize| list.get(i).map(|x| x.abs()).filter(|x| x.is_finite() && *x > 0.0);
    (one(0).is_some() || one(1).is_some())
        .then(|| DVec3::new(one(0).unwrap_or(1.0), one(1).unwrap_or(1.0), one(2).unwrap_or(1.0)))
}

fn thickness(header: &Header, axes: &Axes) -> Option<f64> {
    let list = on_space(header, "thicknesses", axes)?;
    list.into_iter().find(|t| t.is_finite() && *t > 0.0)
}

/// Millimetres a unit of the space.
fn unit_mm(header: &Header) -> f64 {
    let text = header.field("space units").or_else(|| header.field("units")).unwrap_or_default();
    match words(text).first().map(String::as_str) {
        Some("m" | "meter" | "meters") => 1000.0,
        Some("cm") => 10.0,
        Some("um" | "µm" | "μm" | "micron" | "microns") => 0.001,
        _ => 1.0,
    }
}

/// Seconds between time points, where the other axis is time and has a step.
#[must_use]
pub fn time_step_s(header: &Header, axes: &Axes) -> Option<f64> {
    let axis = axes.other?;
    let all = words(header.field("spacings").unwrap_or_default());
    let step: f64 = all.get(axis)?.parse().ok()?;
    let unit = words(header.field("units").unwrap_or_default()).get(axis).cloned().unwrap_or_default();
    let step = match unit.as_str() {
        "ms" => step / 1000.0,
        "s" => step,
        _ if axes.other_kind == "time" => step,
        _ => return None,
    };
    (step.is_finite() && step > 0.0).then_some(step)
}
