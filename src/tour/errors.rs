//! Why a tour cannot be read or begun.

use std::path::PathBuf;

use crate::error::Cancelled;
use crate::inference::manifest::ParseError;
use crate::io::{IoError, samples::SampleError};
use crate::render::gpu::RenderError;

/// Why a tour cannot be read or begun. What one step cannot do is a notice of that step and ends nothing.
#[derive(Debug, thiserror::Error)]
pub enum TourError {
    /// No tour of that name ships, and no file is called so.
    #[error(
        "there is no tour `{name}` (the nearest is `{near}`); `veritome tour list` names those that ship, a path to a .toml file plays another"
    )]
    NotFound {
        /// What was asked for.
        name: String,
        /// The nearest name.
        near: String,
    },
    /// The file cannot be read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is larger than a tour can be.
    #[error("{}: is larger than a tour can be (1 MB)", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
    },
    /// It is no TOML, has unknown keys, or contradicts itself.
    #[error("{}: {error}", path.display())]
    Wrong {
        /// Which file; of a shipped tour its name.
        path: PathBuf,
        /// What is wrong.
        error: ParseError,
    },
    /// Its image, or a file that it writes.
    #[error(transparent)]
    Io(#[from] IoError),
    /// There is no head to show.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// The file holds no image.
    #[error("{}: holds no image that a tour could be about", path.display())]
    NoImage {
        /// Which.
        path: PathBuf,
    },
    /// A picture could not be drawn.
    #[error(transparent)]
    Render(#[from] RenderError),
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl TourError {
    /// Whether the person asked for it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_) | Self::Io(IoError::Cancelled(_)) | Self::Sample(SampleError::Cancelled(_)))
    }
}
