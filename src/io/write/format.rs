//! Which format a path asks for.

use std::path::Path;

use crate::io::IoError;

/// A format that volumes are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// NIfTI in one file, compressed or not.
    Nifti {
        /// `.nii.gz`.
        gzip: bool,
    },
    /// NRRD with gzip encoding.
    Nrrd,
    /// A picture of 8 bits.
    Png,
    /// A folder of DICOM files: a path without an extension.
    DicomFolder,
}

impl Format {
    /// By the extension; a path without one, or that is a folder, is a DICOM folder.
    ///
    /// # Errors
    /// When the extension is none of these.
    pub fn of(path: &Path) -> Result<Self, IoError> {
        let name = path.file_name().map(|n| n.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        let is = |end: &str| name.ends_with(end) && name.len() > end.len();
        Ok(if is(".nii.gz") {
            Self::Nifti { gzip: true }
        } else if is(".nii") {
            Self::Nifti { gzip: false }
        } else if is(".nrrd") {
            Self::Nrrd
        } else if is(".png") {
            Self::Png
        } else if path.is_dir() || path.extension().is_none() {
            Self::DicomFolder
        } else {
            let extension = path.extension().map(|e| e.to_string_lossy().into_owned()).unwrap_or_default();
            return Err(IoError::Unsupported {
                path: path.to_owned(),
                what: format!("a file of kind .{extension}"),
                doing: "written",
                remedy: "choose .nii, .nii.gz, .nrrd, .png, or a folder for DICOM".to_owned(),
            });
        })
    }

    /// The extension with its dot; empty for a folder.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Nifti { gzip: true } => ".nii.gz",
            Self::Nifti { gzip: false } => ".nii",
            Self::Nrrd => ".nrrd",
            Self::Png => ".png",
            Self::DicomFolder => "",
        }
    }
}
