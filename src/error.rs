//! Warnings that travel with a result, and the one error that every long task shares.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

/// The person (or the program) asked a running task to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// What is unusual about an image, as `info --json` names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WarningCode {
    /// Slices that the regular spacing calls for are not there.
    MissingSlices,
    /// The distance between neighbouring slices changes.
    UnevenSpacing,
    /// The stack leans: its step is not along the slice normal.
    GantryTilt,
    /// Two slices lie at one position.
    DuplicatePositions,
    /// The series held several orientations and was split.
    MixedOrientation,
    /// The series held several matrix sizes and was split.
    MixedSize,
    /// The series holds several time points.
    TimePoints,
    /// The file says nothing of where the image lies in the patient.
    NoGeometry,
    /// The pixels went through a lossy compression.
    Lossy,
    /// Text may be burned into the pixels.
    BurnedInAnnotation,
    /// The file ends before its pixels do.
    Truncated,
    /// A NIfTI header's two transforms differ.
    SformQformDisagree,
    /// Some or all of the content was made artificially.
    Synthetic,
    /// A blinded study keeps to itself whether it is synthetic.
    Blinded,
    /// Anything else a reader must know; the message says it.
    Other,
}

impl WarningCode {
    /// The name in `info --json`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MissingSlices => "missing_slices",
            Self::UnevenSpacing => "uneven_spacing",
            Self::GantryTilt => "gantry_tilt",
            Self::DuplicatePositions => "duplicate_positions",
            Self::MixedOrientation => "mixed_orientation",
            Self::MixedSize => "mixed_size",
            Self::TimePoints => "time_points",
            Self::NoGeometry => "no_geometry",
            Self::Lossy => "lossy",
            Self::BurnedInAnnotation => "burned_in_annotation",
            Self::Truncated => "truncated",
            Self::SformQformDisagree => "sform_qform_disagree",
            Self::Synthetic => "synthetic",
            Self::Blinded => "blinded",
            Self::Other => "other",
        }
    }
}

impl fmt::Display for WarningCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One thing that the person must know about an image that nevertheless opened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// Which kind.
    pub code: WarningCode,
    /// The sentence to show.
    pub message: String,
}

impl Warning {
    /// A warning of kind `code` that reads `message`.
    pub fn new(code: WarningCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// Collects warnings across threads; cheap to clone, passed down every loader and pipeline so that
/// a partial failure cannot be dropped on the way.
#[derive(Debug, Clone, Default)]
pub struct Warnings(Arc<Mutex<Vec<Warning>>>);

impl Warnings {
    /// Adds one, unless the very same was added before.
    pub fn push(&self, code: WarningCode, message: impl Into<String>) {
        let warning = Warning::new(code, message);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.contains(&warning) {
            all.push(warning);
        }
    }

    /// All that were collected so far, in the order they came.
    #[must_use]
    pub fn list(&self) -> Vec<Warning> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
