//! The images of a folder: every file, and every sub-folder of DICOM slices, that holds one.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::AuditError;
use crate::io::{self, IoError, Series};
use crate::jobs::Control;
use crate::volume::Volume;

/// One image and where it came from.
#[derive(Debug, Clone)]
pub struct Found {
    /// The file, or the folder of its slices.
    pub path: PathBuf,
    /// The image.
    pub volume: Arc<Volume>,
}

/// What lies in a folder, in the order of names.
///
/// # Errors
/// When the folder cannot be read.
pub fn paths(folder: &Path) -> Result<Vec<PathBuf>, AuditError> {
    let entries = std::fs::read_dir(folder).map_err(|e| IoError::system(folder, e))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(Result::ok).map(|e| e.path()).collect();
    paths.retain(|p| p.file_name().is_some_and(|n| !n.to_string_lossy().starts_with('.')));
    paths.sort();
    Ok(paths)
}

/// Reads the first time point of each image series of a path; what cannot be read goes to `left_out`, with the reason.
///
/// # Errors
/// When the person asked to stop.
pub fn read(path: &Path, left_out: &mut Vec<String>, control: &Control) -> Result<Vec<Found>, AuditError> {
    let mut pass_over = |error: IoError| match error {
        IoError::Cancelled(c) => Err(AuditError::from(c)),
        other => {
            left_out.push(other.to_string());
            Ok(())
        }
    };
    let opened = match io::open(path, control) {
        Ok(opened) => opened,
        Err(error) => {
            pass_over(error)?;
            return Ok(Vec::new());
        }
    };
    let mut found = Vec::new();
    for series in opened.studies.into_iter().flat_map(|s| s.series).filter(Series::is_image) {
        match series.load(0, control) {
            Ok(volume) => found.push(Found { path: path.to_owned(), volume: Arc::new(volume) }),
            Err(error) => pass_over(error)?,
        }
    }
    Ok(found)
}
