//! Two images, two label maps, or a map of scores and a label map, brought onto one grid and measured: what `compare`,
//! `evaluate` and the window's panel share.
//!
//! - [`images`]: [`compare_images`]; [`labels`]: [`compare_labels`]; [`scores`]: [`compare_scores`]
//! - [`error_map()`]: the errors themselves as a volume, with the origin of both
//! - [`sheet`]: all numbers of a result as rows, as text and as CSV

pub mod error_map;
pub mod images;
pub mod labels;
pub mod scores;
pub mod sheet;

use std::path::Path;
use std::sync::Arc;

use crate::error::Cancelled;
use crate::io::{self, IoError};
use crate::jobs::Control;
use crate::metrics::one_grid::GridError;
use crate::metrics::{PairError, SampleError};
use crate::volume::{Provenance, Volume};

pub use error_map::{ErrorKind, error_map};
pub use images::{
    ComparedImages, ComparedUncertainty, Detail, ImageOptions, LabelErrors, SliceNumbers, compare_images,
};
pub use labels::{ComparedLabels, LabelOptions, compare_labels};
pub use scores::{ComparedScores, ScoreOptions, compare_scores};
pub use sheet::{Row, Sheet};

/// Why two things cannot be measured against each other.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ComparingError {
    /// The grids differ.
    #[error(transparent)]
    Grid(GridError),
    /// They do not make a pair.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// Scores and truths do not belong together.
    #[error(transparent)]
    Sample(#[from] SampleError),
    /// Both units are known, and they differ.
    #[error(
        "the reference is {reference}, the test image {test}, and a difference of values in two units means nothing; bring one \
         into the other's unit, or ask for it nevertheless (--across-units)"
    )]
    Units {
        /// Of the reference, in words.
        reference: String,
        /// Of the test image, in words.
        test: String,
    },
    /// There is nothing to measure.
    #[error("no voxel{within} is finite and no padding in both images, so there is nothing to measure")]
    NothingFinite {
        /// Of what: empty, or the mask with a space before it.
        within: &'static str,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<GridError> for ComparingError {
    fn from(error: GridError) -> Self {
        match error {
            GridError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            other => Self::Grid(other),
        }
    }
}

impl ComparingError {
    /// Whether resampling onto the reference's grid would help.
    #[must_use]
    pub fn wants_resampling(&self) -> bool {
        matches!(self, Self::Grid(GridError::Differs { .. }))
    }
}

/// What a person has to know of a reference that is no measurement itself.
fn note_on_reference(reference: &Provenance) -> Option<String> {
    reference.is_synthetic().then(|| {
        "The reference is itself synthetic: these numbers say how alike the two are, not how near either is to the patient"
            .to_owned()
    })
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
