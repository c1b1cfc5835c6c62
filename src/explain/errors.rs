//! Why nothing could be explained.

use crate::error::Cancelled;
use crate::inference::InferenceError;
use crate::volume::GeometryError;

/// Why nothing could be explained; the model and its result are as they were.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The model could not be run.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// The method needs something that the model does not offer.
    #[error("{method} needs {what}")]
    Needs {
        /// The method.
        method: &'static str,
        /// What is missing, and where it would be named.
        what: String,
    },
    /// The target does not fit the model.
    #[error("the target `{target}` cannot be explained: {reason}")]
    Target {
        /// As it was given.
        target: String,
        /// Why not.
        reason: String,
    },
    /// A parameter that cannot be.
    #[error("{name} cannot be {value}; {expected}")]
    Parameter {
        /// Which parameter.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it may be.
        expected: &'static str,
    },
    /// Two maps or images of different sizes.
    #[error("{what} has {found} values where {expected} are needed")]
    Size {
        /// What is too short or too long.
        what: &'static str,
        /// How many values it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// The place of the map cannot be.
    #[error("the map cannot be placed on the image: {0}")]
    Geometry(#[from] GeometryError),
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
