//! What one image has more than another: of a model that changes an image, what it put in and what it took away.

use super::{MakeError, made, values};
use crate::jobs::Control;
use crate::metrics::one_grid::values_on;
use crate::volume::{Derivation, Interpolation, Volume};

/// `of` less `minus` on the grid of `of`, in their unit; cubic where the grids differ, NaN where one of them has no value.
///
/// It is as synthetic as the more synthetic of both.
///
/// # Errors
/// For images of different units, and for those that are not grey.
pub fn difference(of: &Volume, minus: &Volume, control: &Control) -> Result<Volume, MakeError> {
    if of.unit != minus.unit {
        let [(of, of_unit), (minus, minus_unit)] = [of, minus].map(|v| (v.name.clone(), v.unit.in_words()));
        return Err(MakeError::Units { of, of_unit, minus, minus_unit });
    }
    let other = values_on(minus, &of.geometry, Some(Interpolation::Cubic), "what is taken away", control)?;
    let values = values(of, control)?.iter().zip(&other.values).map(|(a, b)| a - b).collect();
    let resampled = if other.note.is_some() { " (resampled cubically)" } else { "" };
    let derivation =
        Derivation { description: format!("{} less {}{resampled}", of.name, minus.name), ..Derivation::default() };
    let name = format!("{} less {}", of.name, minus.name);
    made(of, &[minus], name, values, of.geometry.clone(), derivation)
}

#[cfg(test)]
mod tests {
    use glam::{DMat4, DVec3};

    use super::*;
    use crate::volume::{Geometry, Provenance, Unit};

    fn image(name: &str, size: [usize; 3], spacing: f64, values: Vec<f32>) -> Volume {
        let matrix =
            DMat4::from_translation(DVec3::splat((spacing - 1.0) / 2.0)) * DMat4::from_scale(DVec3::splat(spacing));
        let geometry = Geometry::new(size, matrix).unwrap();
        Volume::new(name, values.into(), geometry, Provenance::acquired(vec![])).unwrap()
    }

    #[test]
    fn a_difference_lies_on_the_first_grid_and_keeps_its_sign() {
        let fine = image("fine", [4, 4, 4], 1.0, vec![5.0; 64]);
        let coarse = image("coarse", [2, 2, 2], 2.0, vec![7.0; 8]);
        let map = difference(&fine, &coarse, &Control::new()).unwrap();
        assert_eq!(map.size(), [4, 4, 4]);
        let middle = map.voxels.get(21).unwrap();
        assert!((middle + 2.0).abs() < 1e-5, "{middle}");
        let said = &map.provenance.derivation().unwrap().description;
        assert!(said.contains("fine less coarse") && said.contains("resampled"), "{said}");
        assert!(!map.provenance.is_synthetic());
    }

    #[test]
    fn it_is_as_synthetic_as_either_of_both() {
        let (a, mut b) = (image("a", [2, 1, 1], 1.0, vec![1.0, 2.0]), image("b", [2, 1, 1], 1.0, vec![1.0, 2.0]));
        let made_up = Derivation { generates_pixels: true, ..Derivation::default() };
        b.provenance = Provenance::derived(&[&a.provenance], made_up);
        for (of, minus) in [(&a, &b), (&b, &a)] {
            assert!(difference(of, minus, &Control::new()).unwrap().provenance.is_synthetic());
        }
    }

    #[test]
    fn values_of_different_units_have_no_difference() {
        let (a, mut b) = (image("a", [2, 1, 1], 1.0, vec![1.0, 2.0]), image("b", [2, 1, 1], 1.0, vec![1.0, 2.0]));
        b.unit = Unit::Hounsfield;
        let said = difference(&b, &a, &Control::new()).unwrap_err().to_string();
        assert!(said.contains("b is in HU and a is without a unit"), "{said}");
    }
}
