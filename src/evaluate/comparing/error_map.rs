//! The errors of a comparison as a volume: it comes from both images, so that it is synthetic when either is.

use crate::volume::image::SizeMismatch;
use crate::volume::{Derivation, Provenance, Volume};

/// Which error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ErrorKind {
    /// Test minus reference.
    #[default]
    Signed,
    /// How far they are apart, without the sign.
    Absolute,
}

impl ErrorKind {
    /// What a person reads.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Signed => "Difference",
            Self::Absolute => "Absolute error",
        }
    }
}

/// `error` (test minus reference on the reference's grid, `[nz, ny, nx]`, NaN where nothing is measured) as a volume in the
/// reference's unit.
///
/// # Errors
/// When the errors do not fill the reference's grid.
pub fn error_map(reference: &Volume, test: &Volume, error: &[f32], kind: ErrorKind) -> Result<Volume, SizeMismatch> {
    let voxels: Vec<f32> = match kind {
        ErrorKind::Signed => error.to_vec(),
        ErrorKind::Absolute => error.iter().map(|e| e.abs()).collect(),
    };
    let derivation = Derivation {
        description: format!("{}: {} against the reference {}", kind.title(), test.name, reference.name),
        time: Some(crate::provenance::now()),
        values: Some(match kind {
            ErrorKind::Signed => format!("difference of {} and {}", test.name, reference.name),
            ErrorKind::Absolute => format!("absolute difference of {} and {}", test.name, reference.name),
        }),
        ..Derivation::default()
    };
    let provenance = Provenance::derived(&[&test.provenance, &reference.provenance], derivation);
    let name = match kind {
        ErrorKind::Signed => format!("{} minus {}", test.name, reference.name),
        ErrorKind::Absolute => format!("Absolute error of {} against {}", test.name, reference.name),
    };
    let volume = Volume::new(name, voxels.into(), reference.geometry.clone(), provenance)?;
    Ok(Volume { space: reference.space.clone(), unit: reference.unit.clone(), ..volume })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Geometry;

    #[test]
    fn an_error_map_has_the_sign_or_not_and_is_as_synthetic_as_either_image() {
        let image = |name: &str, provenance| {
            let geometry = Geometry::unplaced([2, 2, 1]).unwrap();
            Volume::new(name, vec![0.0_f32; 4].into(), geometry, provenance).unwrap()
        };
        let real = image("ct", Provenance::acquired(vec!["1.2".into()]));
        let made = image("sct", Provenance::marked_synthetic(vec![], None));
        let error = [-2.0, 1.0, f32::NAN, 0.0];
        let signed = error_map(&real, &made, &error, ErrorKind::Signed).unwrap();
        assert_eq!((signed.voxels.get(0), signed.name.as_str()), (Some(-2.0), "sct minus ct"));
        assert!(signed.provenance.is_synthetic() && signed.provenance.parents().len() == 2);
        let absolute = error_map(&real, &real, &error, ErrorKind::Absolute).unwrap();
        assert_eq!(absolute.voxels.get(0), Some(2.0));
        assert!(!absolute.provenance.is_synthetic() && absolute.voxels.get(2).is_some_and(f64::is_nan));
        assert!(error_map(&real, &made, &error[..2], ErrorKind::Signed).is_err());
    }
}
