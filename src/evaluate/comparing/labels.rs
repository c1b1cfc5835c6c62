//! Two label maps, measured on the reference's grid.

use super::{ComparingError, note_on_reference};
use crate::metrics::one_grid::labels_on;
use crate::metrics::{Comparison, LabelPair};
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

/// Measures the regions of each label, on the reference's grid; surface Dice at a tolerance in mm.
///
/// # Errors
/// When the grids differ and `resample` is false.
pub fn compare_labels(
    reference: &Labelmap,
    test: &Labelmap,
    tolerance_mm: f64,
    resample: bool,
) -> Result<ComparedLabels, ComparingError> {
    let grid = &reference.geometry;
    let mut notes: Vec<String> = note_on_reference(&reference.provenance).into_iter().collect();
    let found = labels_on(test, grid, resample, "the test")?;
    notes.extend(found.note);
    if !reference.space.is_patient() {
        notes.push("The images have no place in the patient: distances and volumes take a voxel as 1 mm".into());
    }
    if !grid.is_orthogonal() {
        notes.push("The grid is sheared: surface distances are measured as if its axes were at right angles".into());
    }
    let pair = LabelPair::new(&reference.voxels, &found.values, grid.size(), grid.spacing_mm())?;
    let comparison = Comparison::of_labels(&pair, tolerance_mm);
    let row = |label: u16| reference.label(label).or_else(|| test.label(label));
    let name = |label: u16| row(label).map_or_else(|| format!("Label {label}"), |l| l.name.clone());
    let names = comparison.labels.iter().map(|l| name(l.label)).collect();
    Ok(ComparedLabels { comparison, names, notes })
}
