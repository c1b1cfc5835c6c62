//! Where a NIfTI's voxels lie: sform if its code is above 0, else qform, else the voxel size alone.

use glam::{DMat4, DQuat, DVec3, DVec4};

use super::header::{Header, Version};
use crate::error::{Warning, WarningCode};
use crate::volume::{Geometry, GeometryError};

/// The corners of the two transforms may differ by this much before it is worth a warning.
const AGREE_MM: f64 = 0.1;

/// The geometry (LPS) and what must be said of it.
///
/// # Errors
/// When a size is zero or cannot be addressed.
pub fn geometry(header: &Header, size: [usize; 3]) -> Result<(Geometry, Vec<Warning>), GeometryError> {
    let mut warnings = Vec::new();
    let scale = DMat4::from_scale(DVec3::splat(header.millimetres_a_unit()));
    let place = |voxel_to_ras: DMat4| Geometry::from_ras(size, scale * voxel_to_ras);
    let mut of_code = |code: i32, name: &str, matrix: DMat4| {
        if code <= 0 {
            return None;
        }
        let result = place(matrix).ok();
        if result.is_none() {
            let message = format!("The {name} has code {code} but its matrix is not invertible; it was not used");
            warnings.push(Warning::new(WarningCode::Other, message));
        }
        result
    };
    let sform = of_code(header.sform_code, "sform", sform(header));
    let qform = of_code(header.qform_code, "qform", qform(header));
    if let (Some(s), Some(q)) = (&sform, &qform) {
        let distance = s.distance_mm(q);
        if distance > AGREE_MM {
            let message = format!(
                "The sform (code {}) and the qform (code {}) put the image up to {distance:.1} mm apart; the sform was used",
                header.sform_code, header.qform_code
            );
            warnings.push(Warning::new(WarningCode::SformQformDisagree, message));
        }
    }
    if let Some(geometry) = sform.or(qform) {
        return Ok((geometry, warnings));
    }
    let why = match header.version {
        Version::Analyze => "An Analyze 7.5 file does not say how it lies in the patient",
        _ => "Neither sform nor qform has a code above 0, so the file does not say how it lies in the patient",
    };
    let message = format!(
        "{why}; its voxel size was used, its centre taken as the origin and the first axis as right to left, as nibabel \
         does: the letters at the edges may be wrong"
    );
    warnings.push(Warning::new(WarningCode::NoGeometry, message));
    Ok((place(base(header, size))?, warnings))
}

/// A voxel size that can be used: its amount, 1 where there is none.
fn zoom(pixdim: f64) -> f64 {
    let size = pixdim.abs();
    if size.is_finite() && size > 0.0 { size } else { 1.0 }
}

/// `voxel -> RAS` by rows.
fn sform(header: &Header) -> DMat4 {
    let [a, b, c] = header.srow.map(DVec4::from_array);
    DMat4::from_cols(a, b, c, DVec4::W).transpose()
}

/// `voxel -> RAS` out of the quaternion (`nifti_quatern_to_mat44`).
#[must_use]
pub fn qform(header: &Header) -> DMat4 {
    let [mut b, mut c, mut d] = header.quatern;
    let squared = b * b + c * c + d * d;
    let mut a = 1.0 - squared;
    if a < 1e-7 {
        // A half turn: rounding may have made it longer than 1.
        let length = squared.sqrt();
        (a, b, c, d) = (0.0, b / length, c / length, d / length);
    } else {
        a = a.sqrt();
    }
    let qfac = if header.pixdim[0] < 0.0 { -1.0 } else { 1.0 };
    let zooms = DVec3::new(zoom(header.pixdim[1]), zoom(header.pixdim[2]), zoom(header.pixdim[3]) * qfac);
    DMat4::from_scale_rotation_translation(zooms, DQuat::from_xyzw(b, c, d, a), DVec3::from_array(header.qoffset))
}

/// nibabel's base affine: the voxel size, x flipped, the centre at the origin.
fn base(header: &Header, size: [usize; 3]) -> DMat4 {
    let zooms = DVec3::new(-zoom(header.pixdim[1]), zoom(header.pixdim[2]), zoom(header.pixdim[3]));
    let middle = DVec3::from_array(size.map(|n| (n as f64 - 1.0) / 2.0));
    DMat4::from_translation(-(middle * zooms)) * DMat4::from_scale(zooms)
}
