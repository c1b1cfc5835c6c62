//! Two label maps, measured on the reference's grid.

use std::borrow::Cow;

use super::{ComparingError, note_on_reference};
use crate::jobs::Control;
use crate::metrics::one_grid::labels_on;
use crate::metrics::{Comparison, LabelPair, PairError};
use crate::volume::Labelmap;

/// Two label maps measured.
#[derive(Debug, Clone)]
pub struct ComparedLabels {
    /// The numbers.
    pub comparison: Comparison,
    /// What each of its labels is called, in their order.
    pub names: Vec<String>,
    /// What a person has to know.
    pub notes: Vec<String>,
}

/// How label maps are measured.
#[derive(Debug, Clone, Copy)]
pub struct LabelOptions<'a> {
    /// Tolerance of the surface Dice, mm.
    pub tolerance_mm: f64,
    /// Only voxels of this map's labels but 0 count: outside of them both maps are taken as empty.
    pub mask: Option<&'a Labelmap>,
    /// Also the connected components of each label, found and missed.
    pub components: bool,
    /// Brings the test and the mask onto the reference's grid where they have another.
    pub resample: bool,
}

/// Measures the regions of each label, on the reference's grid.
///
/// # Errors
/// When the grids differ and resampling was not asked for, the mask is empty, or the person stops.
pub fn compare_labels(
    reference: &Labelmap,
    test: &Labelmap,
    options: &LabelOptions<'_>,
    control: &Control,
) -> Result<ComparedLabels, ComparingError> {
    let grid = &reference.geometry;
    let mut notes: Vec<String> = note_on_reference(&reference.provenance).into_iter().collect();
    let found = labels_on(test, grid, options.resample, "the test")?;
    notes.extend(found.note);
    if !reference.space.is_patient() {
        notes.push("The images have no place in the patient: distances and volumes take a voxel as 1 mm".into());
    }
    if !grid.is_orthogonal() {
        notes.push("The grid is sheared: surface distances are measured as if its axes were at right angles".into());
    }
    let (mut truth, mut found) = (Cow::Borrowed(reference.voxels.as_slice()), found.values);
    let mut counted = None;
    if let Some(mask) = options.mask {
        let within = labels_on(mask, grid, options.resample, "the mask")?;
        notes.extend(within.note);
        let outside = within.values.iter().map(|label| *label == 0);
        let all = truth.to_mut().iter_mut().zip(&mut found).zip(outside);
        all.filter(|(_, outside)| *outside).for_each(|((r, t), _)| (*r, *t) = (0, 0));
        let inside = within.values.iter().filter(|label| **label > 0).count();
        if inside == 0 {
            return Err(PairError::EmptyMask.into());
        }
        notes.push("Regions are cut off at the edge of the mask, and so are their surfaces".into());
        counted = Some(inside as u64);
    }
    let voxel_mm3 = grid.voxel_to_patient().determinant().abs();
    let pair = LabelPair::new(&truth, &found, grid.size(), grid.spacing_mm())?.with_voxel_mm3(voxel_mm3)?;
    let comparison = Comparison::of_labels(&pair, options.tolerance_mm);
    let comparison = if options.components { comparison.with_components(&pair, control)? } else { comparison };
    let comparison = Comparison { n: counted.unwrap_or(comparison.n), ..comparison };
    let row = |label: u16| reference.label(label).or_else(|| test.label(label));
    let name = |label: u16| row(label).map_or_else(|| format!("Label {label}"), |l| l.name.clone());
    let names = comparison.labels.iter().map(|l| name(l.label)).collect();
    Ok(ComparedLabels { comparison, names, notes })
}

#[cfg(test)]
mod tests {
    use glam::{DMat4, DVec4};

    use super::*;
    use crate::volume::{Geometry, Label, Provenance, Space};

    fn map(voxels: &[u16], matrix: DMat4) -> Labelmap {
        Labelmap {
            voxels: voxels.to_vec().into(),
            geometry: Geometry::new([voxels.len(), 1, 1], matrix).unwrap(),
            space: Space::Patient { frame_of_reference: None },
            labels: vec![Label::new(1, "Liver", [200, 80, 80])],
            provenance: Provenance::acquired(vec![]),
            name: "map".into(),
        }
    }

    #[test]
    fn only_what_lies_within_the_mask_counts_and_a_sheared_voxel_has_the_volume_of_its_axes() {
        // Columns: x, y leaning by 0.4, z; the determinant is 1 x 1 x 2, the product of the spacing is not.
        let columns = [[1.0, 0.0, 0.0], [0.4, 1.0, 0.0], [0.0, 0.0, 2.0]].map(|[x, y, z]| DVec4::new(x, y, z, 0.0));
        let sheared = DMat4::from_cols(columns[0], columns[1], columns[2], DVec4::W);
        let (reference, test) = (map(&[1, 1, 1, 0, 0, 1], sheared), map(&[1, 0, 1, 1, 0, 0], sheared));
        let mask = map(&[1, 1, 2, 0, 0, 0], sheared);
        let options = LabelOptions { tolerance_mm: 1.0, mask: None, components: true, resample: false };
        let compare_labels =
            |r: &Labelmap, t: &Labelmap, o: &LabelOptions<'_>| compare_labels(r, t, o, &Control::new());
        let whole = compare_labels(&reference, &test, &options).unwrap().comparison;
        assert!((whole.labels[0].reference_ml - 4.0 * 2.0 / 1000.0).abs() < 1e-12, "{:?}", whole.labels[0]);
        let components = whole.labels[0].components.as_ref().unwrap();
        // 1 1 1 . . 1 against 1 . 1 1 . .: the first is touched, the second missed; no pair shares more than half.
        assert_eq!((components.reference, components.found, components.false_positives), (2, 1, 0));
        assert_eq!((components.sensitivity, components.panoptic_quality), (Some(0.5), Some(0.0)));
        assert_eq!(whole.labels[0].relative_volume_difference, Some(-0.25));
        let masked = LabelOptions { mask: Some(&mask), ..options };
        let within = compare_labels(&reference, &test, &masked).unwrap();
        // 2 x 2 / (3 + 2).
        assert_eq!((within.comparison.n, within.comparison.labels[0].dice), (3, Some(0.8)));
        assert!(within.notes.iter().any(|n| n.contains("cut off at the edge")), "{:?}", within.notes);
        let none = map(&[0; 6], sheared);
        let refused = compare_labels(&reference, &test, &LabelOptions { mask: Some(&none), ..options });
        assert_eq!(refused.unwrap_err().to_string(), "the mask is empty");
    }
}
