//! Why a package could not be made, opened or unsealed.

use std::path::{Path, PathBuf};

use crate::error::Cancelled;
use crate::io::IoError;

/// Each says which file, what was expected, what was found and what to do.
#[derive(Debug, thiserror::Error)]
pub enum PackageError {
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The plan cannot be carried out.
    #[error(transparent)]
    Plan(#[from] crate::reader_study::design::PlanError),
    /// The reading lists cannot be made.
    #[error(transparent)]
    Lists(#[from] crate::reader_study::design::ListError),
    /// The plan cannot be frozen.
    #[error(transparent)]
    Freeze(#[from] crate::reader_study::design::FreezeError),
    /// The folder of the new package holds something already.
    #[error("{}: there is something in this folder; a package is made in a new or an empty one", path.display())]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The key would lie where readers find it.
    #[error("{}: the key must lie outside of the package, which readers get; choose another place with --key", path.display())]
    KeyInside {
        /// Where it would lie.
        path: PathBuf,
    },
    /// No key in a key file.
    #[error("{}: expected a line that begins with AGE-SECRET-KEY-1, found none that can be read ({why})", path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// What the reader of keys said.
        why: String,
    },
    /// A public key that is none.
    #[error("{text}: expected a public key that begins with age1 ({why})")]
    NoRecipient {
        /// What was given.
        text: String,
        /// What the reader of keys said.
        why: String,
    },
    /// Sealing failed.
    #[error("the truth could not be sealed: {why}")]
    Seal {
        /// What the cipher said.
        why: String,
    },
    /// The truth was sealed for another key.
    #[error("{}: it was sealed for another key than {key}; give the key file that was made with this package", path.display())]
    WrongKey {
        /// The sealed file.
        path: PathBuf,
        /// The public half of the key that was tried.
        key: String,
    },
    /// A file is not what it was when the package was made.
    #[error("{}: it was altered since the package was made: {why}. Take the package from the study's owner again", path.display())]
    Altered {
        /// The file.
        path: PathBuf,
        /// How that is known.
        why: String,
    },
    /// A case's image file or folder holds another number of images than one.
    #[error("{}: expected one image, found {found}; name a file or folder with one series of one time point", path.display())]
    NotOneImage {
        /// The path of the plan.
        path: PathBuf,
        /// How many, and what they are called.
        found: String,
    },
    /// One file of a series of several.
    #[error(
        "{}: it is one of {files} files of the series `{series}` beside it, and would be read as one slice; name the folder, \
         or copy the file into a folder of its own if this slice alone is meant",
        path.display()
    )]
    OneSliceOfMany {
        /// The path of the plan.
        path: PathBuf,
        /// The series' description.
        series: String,
        /// How many files it has.
        files: usize,
    },
    /// The reader or the session is not of this study.
    #[error("{}: there is no reading list for reader {reader}, session {session}; there are {known}", path.display())]
    NoList {
        /// The package.
        path: PathBuf,
        /// The reader.
        reader: String,
        /// The session, from 1.
        session: u32,
        /// Those that are there.
        known: String,
    },
    /// Whether the arms can be told apart cannot be said.
    #[error("whether the arms can be told apart cannot be said: {why}")]
    NoCheck {
        /// Why not.
        why: String,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl PackageError {
    /// What the system said of a file.
    pub fn system(path: impl AsRef<Path>, source: std::io::Error) -> Self {
        Self::Io(IoError::system(path, source))
    }
}
