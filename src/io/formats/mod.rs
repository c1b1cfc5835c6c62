//! Files that are not DICOM. Placeholder: the branch `formats` brings the real one.

use std::path::{Path, PathBuf};

use super::{IoError, Study};
use crate::jobs::Control;

/// Opens one file, if it is of a format that is read here; `None` if it is not.
///
/// # Errors
/// When it is, but cannot be read.
pub fn open_file(_path: &Path, _control: &Control) -> Result<Option<Study>, IoError> {
    Ok(None)
}

/// Opens a folder's pictures as one stack; `None` if they are not pictures.
///
/// # Errors
/// When one of them cannot be read.
pub fn open_folder_as_stack(_paths: &[PathBuf], _control: &Control) -> Result<Option<Study>, IoError> {
    Ok(None)
}
