//! A coarser grid: the mean of blocks of voxels, as a scanner with larger voxels would have averaged them.

use glam::{DMat4, DVec3};
use rayon::prelude::*;

use super::{MakeError, made, values};
use crate::jobs::Control;
use crate::tour::format::Shrink;
use crate::volume::{Derivation, Geometry, Volume};

/// The image with `factor` voxels along each axis made one. What is left over at the high ends is cut off.
///
/// Nothing is made up: the result is derived, and as synthetic as its parent.
///
/// # Errors
/// When the image has too few voxels.
pub fn shrink(of: &Volume, asked: &Shrink, control: &Control) -> Result<Volume, MakeError> {
    let (size, factor) = (of.size(), asked.factor.max(1));
    let small = size.map(|n| n / factor);
    if small.contains(&0) {
        return Err(MakeError::TooSmall { image: of.name.clone(), size, factor });
    }
    let fine = values(of, control)?;
    let mut coarse = vec![0.0_f32; small.iter().product()];
    coarse.par_chunks_mut(small[0] * small[1]).enumerate().for_each(|(k, slice)| {
        for (n, value) in slice.iter_mut().enumerate() {
            let first = [n % small[0] * factor, n / small[0] * factor, k * factor];
            let mut sum = 0.0;
            for z in first[2]..first[2] + factor {
                for y in first[1]..first[1] + factor {
                    let row = (z * size[1] + y) * size[0] + first[0];
                    sum += fine[row..row + factor].iter().map(|v| f64::from(*v)).sum::<f64>();
                }
            }
            *value = (sum / factor.pow(3) as f64) as f32;
        }
    });
    control.checkpoint()?;
    let shift = DMat4::from_translation(DVec3::splat((factor as f64 - 1.0) / 2.0));
    let matrix = of.geometry.voxel_to_patient() * shift * DMat4::from_scale(DVec3::splat(factor as f64));
    let derivation = Derivation {
        description: format!("Resolution lowered: the mean of {factor} × {factor} × {factor} voxels"),
        ..Derivation::default()
    };
    let name = format!("{} at 1/{factor} of the resolution", of.name);
    made(of, &[], name, coarse, Geometry::new(small, matrix)?, derivation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{PatientPoint, Provenance, VoxelPoint};

    #[test]
    fn blocks_become_their_mean_where_they_were() {
        let geometry = Geometry::new([5, 4, 2], DMat4::from_scale(DVec3::new(1.0, 1.0, 3.0))).unwrap();
        let values: Vec<f32> = (0..40).map(|n| n as f32).collect();
        let volume = Volume::new("v", values.into(), geometry, Provenance::acquired(vec![])).unwrap();
        let asked = Shrink { name: "s".into(), of: "image".into(), factor: 2 };
        let small = shrink(&volume, &asked, &Control::new()).unwrap();
        assert_eq!(small.size(), [2, 2, 1]);
        // 0, 1, 5, 6 and twenty more: their mean is 13.
        assert_eq!(small.voxels.get(0), Some(13.0));
        assert_eq!(small.geometry.to_patient(VoxelPoint(DVec3::ZERO)), PatientPoint(DVec3::new(0.5, 0.5, 1.5)));
        assert!(!small.provenance.is_synthetic() && small.provenance.derivation().is_some());
    }
}
