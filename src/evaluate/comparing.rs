//! Two images or two label maps from disk, brought onto one grid and measured: what `compare` and `evaluate` share.

use std::path::Path;
use std::sync::Arc;

use crate::error::Cancelled;
use crate::io::{self, IoError};
use crate::jobs::Control;
use crate::metrics::one_grid::{GridError, labels_on, values_on};
use crate::metrics::{
    Comparison, DataRange, Errors, ImagePair, LabelPair, PairError, TISSUE_BANDS, TissueBand, errors_by_tissue,
};
use crate::volume::{Geometry, Interpolation, Labelmap, Unit, Volume};

/// Why two things cannot be measured against each other.
#[derive(Debug, thiserror::Error)]
pub enum ComparingError {
    /// A file cannot be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The grids differ.
    #[error(transparent)]
    Grid(#[from] GridError),
    /// They do not make a pair.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// Two images measured.
#[derive(Debug, Clone)]
pub struct ComparedImages {
    /// The numbers.
    pub comparison: Comparison,
    /// Errors by tissue, where the reference is in Hounsfield units.
    pub tissues: Vec<(TissueBand, Errors)>,
    /// What a person has to know.
    pub notes: Vec<String>,
    /// Test minus reference on the reference's grid, `[nz, ny, nx]`; NaN where nothing is measured.
    pub error: Vec<f32>,
}

/// Measures `test` against `reference`, on the reference's grid.
///
/// Voxels that are padding, lie outside of one image or are not finite are left out, and a note says so. `range`: the full
/// scale of PSNR and SSIM, else that of the reference.
///
/// # Errors
/// When the grids differ and `resample` is false, an image is in colour, or no voxel is left.
pub fn compare_images(
    reference: &Volume,
    test: &Volume,
    mask: Option<&Labelmap>,
    range: Option<DataRange>,
    resample: bool,
    control: &Control,
) -> Result<ComparedImages, ComparingError> {
    let mut notes = Vec::new();
    let grid = &reference.geometry;
    let truth = values_on(reference, grid, None, "the reference", control)?;
    let found = values_on(test, grid, resample.then_some(Interpolation::Linear), "the test image", control)?;
    notes.extend(found.note);
    if reference.unit != test.unit {
        notes.push(format!("The reference is in {}, the test image in {}", reference.unit.name(), test.unit.name()));
    }
    let mut counts = vec![true; truth.values.len()];
    if let Some(mask) = mask {
        let mask = labels_on(mask, grid, resample, "the mask")?;
        notes.extend(mask.note);
        counts.iter_mut().zip(&mask.values).for_each(|(counts, label)| *counts = *label > 0);
    }
    let wanted = counts.iter().filter(|c| **c).count();
    for (counts, (r, t)) in counts.iter_mut().zip(truth.values.iter().zip(&found.values)) {
        *counts &= r.is_finite() && t.is_finite();
    }
    let measured = counts.iter().filter(|c| **c).count();
    if measured < wanted {
        notes.push(format!(
            "{} of {wanted} voxels are padding, lie outside one image or are not finite: they are left out",
            wanted - measured
        ));
    }
    let counted = (mask.is_some() || measured < wanted).then_some(counts.as_slice());
    let pair = ImagePair::new(&truth.values, &found.values, grid.size(), counted)?;
    let range = range.or_else(|| DataRange::of_reference(&pair).ok());
    let tissues = if reference.unit == Unit::Hounsfield { errors_by_tissue(&pair, &TISSUE_BANDS) } else { Vec::new() };
    let comparison = Comparison::of_images(&pair, range);
    let values = truth.values.iter().zip(&found.values).zip(&counts);
    let error = values.map(|((r, t), counts)| if *counts { t - r } else { f32::NAN }).collect();
    Ok(ComparedImages { comparison, tissues, notes, error })
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
) -> Result<(Comparison, Vec<String>), ComparingError> {
    let grid: &Geometry = &reference.geometry;
    let found = labels_on(test, grid, resample, "the test")?;
    let mut notes: Vec<String> = found.note.into_iter().collect();
    if !grid.is_orthogonal() {
        notes.push("The grid is sheared: surface distances are measured as if its axes were at right angles".into());
    }
    let pair = LabelPair::new(&reference.voxels, &found.values, grid.size(), grid.spacing_mm())?;
    Ok((Comparison::of_labels(&pair, tolerance_mm), notes))
}

/// The image of a path. Where there are several, the first, and a note that says so.
///
/// # Errors
/// When it cannot be read or holds none.
pub fn image_of(path: &Path, notes: &mut Vec<String>, control: &Control) -> Result<Arc<Volume>, IoError> {
    let opened = io::open(path, control)?;
    let images = opened.studies.iter().flat_map(|s| &s.series).filter(|s| s.is_image());
    let (first, others) = (images.clone().next(), images.count().saturating_sub(1));
    let first = first.ok_or_else(|| IoError::format(path, "an image", "none"))?;
    if others > 0 {
        let (n, name) = (others + 1, &first.description);
        notes.push(format!("{} holds {n} series; the first, {name}, is measured", path.display()));
    }
    if first.time_points > 1 {
        notes.push(format!("{}: the first of {} time points is measured", path.display(), first.time_points));
    }
    Ok(Arc::new(first.load(0, control)?))
}
