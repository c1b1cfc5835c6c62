//! Why a file could not be read or written: which file, what was expected, what was found, what to do.

use std::path::{Path, PathBuf};

use crate::error::Cancelled;

/// Any failure at the door.
#[derive(Debug, thiserror::Error)]
pub enum IoError {
    /// The operating system refused.
    #[error("{}: {}", path.display(), plain(source))]
    System {
        /// Which file or folder.
        path: PathBuf,
        /// What it said.
        source: std::io::Error,
    },
    /// The content is not what it should be.
    #[error("{}: expected {expected}, found {found}{}", path.display(), hint(remedy))]
    Format {
        /// Which file.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
        /// What the person can do; may be empty.
        remedy: String,
    },
    /// The content is right, but of a kind that Veritome does not read or write.
    #[error("{}: {what} cannot be {doing}{}", path.display(), hint(remedy))]
    Unsupported {
        /// Which file.
        path: PathBuf,
        /// What it is.
        what: String,
        /// `shown`, `read`, `written` …
        doing: &'static str,
        /// What the person can do; may be empty.
        remedy: String,
    },
    /// The path holds nothing that could be shown.
    #[error("{}: nothing to show among {files} files{}", path.display(), first_reason(skipped))]
    Nothing {
        /// Which path.
        path: PathBuf,
        /// How many files were looked at.
        files: usize,
        /// Why each was passed over.
        skipped: Vec<super::Skipped>,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl IoError {
    /// A [`IoError::System`].
    pub fn system(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::System { path: path.as_ref().to_owned(), source }
    }

    /// A [`IoError::Format`] without a remedy.
    pub fn format(path: impl AsRef<Path>, expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self::Format {
            path: path.as_ref().to_owned(),
            expected: expected.into(),
            found: found.into(),
            remedy: String::new(),
        }
    }

    /// The sentence without the path, for lists that name the path already.
    #[must_use]
    pub fn reason(&self) -> String {
        let full = self.to_string();
        let path = match self {
            Self::System { path, .. }
            | Self::Format { path, .. }
            | Self::Unsupported { path, .. }
            | Self::Nothing { path, .. } => format!("{}: ", path.display()),
            Self::Cancelled(_) => String::new(),
        };
        full.strip_prefix(&path).map_or(full.clone(), str::to_owned)
    }
}

fn hint(remedy: &str) -> String {
    if remedy.is_empty() { String::new() } else { format!("; {remedy}") }
}

fn first_reason(skipped: &[super::Skipped]) -> String {
    match skipped {
        [] => "; choose a DICOM folder or ZIP, a NIfTI, NRRD, PNG, JPEG, TIFF or BMP file".to_owned(),
        [one] => format!(" ({})", one.reason),
        [first, ..] => format!(" (the first, {}: {})", first.path.display(), first.reason),
    }
}

/// An operating-system error as a person says it.
fn plain(source: &std::io::Error) -> String {
    use std::io::ErrorKind as K;
    match source.kind() {
        K::NotFound => "there is no such file or folder".to_owned(),
        K::PermissionDenied => "this may not be read or written; check its permissions".to_owned(),
        K::UnexpectedEof => "the file ends too early; it may be truncated, copy it again".to_owned(),
        K::StorageFull => "the disk is full".to_owned(),
        K::OutOfMemory => "there is not enough memory".to_owned(),
        _ => source.to_string(),
    }
}
