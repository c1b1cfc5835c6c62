//! Volumes of whole numbers as label maps, and label maps out of files.

use std::path::Path;
use std::sync::Arc;

use super::IoError;
use super::formats::{Origin, open_file};
use super::nrrd::{self, segments};
use crate::jobs::Control;
use crate::volume::voxels::Scalar;
use crate::volume::{Labelmap, Volume, Voxels};
use crate::with_voxels;

/// Why a volume is no label map.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LabelsError {
    /// It is in colour.
    #[error("the image is in colour; labels are whole numbers")]
    Colour,
    /// A value is no label.
    #[error("the value {0} is no label; labels are whole numbers from 0 to 65535")]
    Value(f64),
}

/// A volume whose real values are whole numbers from 0 to 65535, with a row for each that occurs.
///
/// # Errors
/// When it is in colour or holds another value.
pub fn as_labelmap(volume: &Volume) -> Result<Labelmap, LabelsError> {
    let rescale = volume.rescale;
    let label = |stored: f64| {
        let real = rescale.apply(stored);
        let fits = real.fract() == 0.0 && (0.0..=f64::from(u16::MAX)).contains(&real);
        if fits { Ok(real as u16) } else { Err(LabelsError::Value(real)) }
    };
    let voxels: Arc<Vec<u16>> = match &volume.voxels {
        Voxels::U16(v) if rescale.slope == 1.0 && rescale.intercept == 0.0 => Arc::clone(v),
        other => Arc::new(with_voxels!(
            other,
            |v| v.iter().map(|x| label(x.to_f64())).collect::<Result<Vec<_>, _>>()?,
            rgb | v | {
                let _ = v;
                return Err(LabelsError::Colour);
            }
        )),
    };
    let mut labels = Labelmap {
        voxels,
        geometry: volume.geometry.clone(),
        space: volume.space.clone(),
        labels: Vec::new(),
        provenance: volume.provenance.clone(),
        name: volume.name.clone(),
    };
    labels.complete_table();
    Ok(labels)
}

/// Reads a label map out of a NIfTI, NRRD or picture file; the segments of a `.seg.nrrd` keep their names, colours and
/// codes.
///
/// # Errors
/// When the file cannot be read, holds several time points or overlapping segments, or its values are no labels.
pub fn read_labelmap(path: &Path, control: &Control) -> Result<Labelmap, IoError> {
    let refuse = |what: &str, remedy: &str| IoError::Unsupported {
        path: path.to_owned(),
        what: what.to_owned(),
        doing: "read as labels",
        remedy: remedy.to_owned(),
    };
    let origin = Origin::File(path.to_owned());
    let rows = if origin.head(7)?.starts_with(b"NRRD000") {
        let header = nrrd::Header::read(&origin)?;
        if segments::layers(&header) > 1 {
            return Err(refuse("a segmentation whose segments overlap", "save its segments one by one"));
        }
        segments::table(&header)
    } else {
        Vec::new()
    };
    let study = open_file(path, control)?;
    let series = study.as_ref().and_then(|s| s.series.first());
    let series = series.ok_or_else(|| refuse("this file", "choose a NIfTI or NRRD file of whole numbers"))?;
    if series.time_points > 1 {
        return Err(refuse("a series of several time points", "save one of them by itself"));
    }
    let volume = series.load(0, control)?;
    let mut labels = as_labelmap(&volume)
        .map_err(|e| IoError::format(path, "labels, whole numbers from 0 to 65535", e.to_string()))?;
    if !rows.is_empty() {
        labels.labels = rows;
        labels.complete_table();
    }
    Ok(labels)
}
