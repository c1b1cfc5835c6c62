//! The one door out: by the extension of the path.

use std::path::Path;

use super::format::Format;
use super::gzip::GzipWriter;
use super::numbers::{Plan, of_labels};
use super::target::write_whole;
use super::{nifti, nrrd, png};
use crate::display::Grey;
use crate::io::IoError;
use crate::volume::{Labelmap, Rescale, Volume};

/// What a file can say beyond the volumes themselves.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct WriteOptions {
    /// Seconds from one time point to the next.
    pub time_step_s: Option<f64>,
}

/// Writes the time points of one series (one for a plain volume) to `.nii`, `.nii.gz`, `.nrrd` or `.png`.
///
/// # Errors
/// When the extension is none of these, the volumes do not belong together, the format cannot hold them, or the disk
/// takes no more; then the path is as it was.
pub fn write(volumes: &[Volume], path: &Path) -> Result<(), IoError> {
    write_with(volumes, path, &WriteOptions::default())
}

/// As [`write()`], with what the volumes do not say.
///
/// # Errors
/// As [`write()`].
pub fn write_with(volumes: &[Volume], path: &Path, options: &WriteOptions) -> Result<(), IoError> {
    let step = options.time_step_s;
    match Format::of(path)? {
        Format::Nifti { gzip } => {
            let plan = Plan::of(volumes, true, path)?;
            write_nifti(volumes, &plan, 0, step, gzip, path)
        }
        Format::Nrrd => {
            let plan = Plan::of(volumes, false, path)?;
            write_whole(path, |out| nrrd::write(volumes, &plan, &[], step, out))
        }
        Format::Png => {
            png::check(volumes, path)?;
            let [slice] = volumes else { return Ok(()) };
            write_whole(path, |out| png::write(slice, &Grey::from_header(slice), out))
        }
        Format::DicomFolder => Err(IoError::Unsupported {
            path: path.to_owned(),
            what: "a volume".to_owned(),
            doing: "written without a file extension",
            remedy: "choose .nii, .nii.gz, .nrrd or .png".to_owned(),
        }),
    }
}

fn write_nifti(
    volumes: &[Volume],
    plan: &Plan,
    intent: i32,
    time_step_s: Option<f64>,
    gzip: bool,
    path: &Path,
) -> Result<(), IoError> {
    write_whole(path, |out| {
        if gzip {
            let mut packed = GzipWriter::new(out)?;
            nifti::write(volumes, plan, intent, time_step_s, &mut packed)?;
            packed.finish()
        } else {
            nifti::write(volumes, plan, intent, time_step_s, out)
        }
    })
}

/// Writes a label map to `.nii`, `.nii.gz` or `.nrrd` (with its table, as 3D Slicer reads it).
///
/// # Errors
/// As [`write()`].
pub fn write_labelmap(labels: &Labelmap, path: &Path) -> Result<(), IoError> {
    let volume =
        Volume::new(labels.name.clone(), of_labels(labels), labels.geometry.clone(), labels.provenance.clone())
            .map_err(|e| IoError::format(path, "labels that fill their grid", e.to_string()))?;
    let volume = Volume { space: labels.space.clone(), rescale: Rescale::IDENTITY, ..volume };
    let volumes = [volume];
    match Format::of(path)? {
        Format::Nifti { gzip } => {
            let plan = Plan::of(&volumes, true, path)?;
            write_nifti(&volumes, &plan, nifti::INTENT_LABEL, None, gzip, path)
        }
        Format::Nrrd => {
            let plan = Plan::of(&volumes, false, path)?;
            write_whole(path, |out| nrrd::write(&volumes, &plan, &labels.labels, None, out))
        }
        Format::Png | Format::DicomFolder => Err(IoError::Unsupported {
            path: path.to_owned(),
            what: "a label map".to_owned(),
            doing: "written here",
            remedy: "choose .nii, .nii.gz or .nrrd".to_owned(),
        }),
    }
}
