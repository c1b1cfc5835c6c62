//! Why a model could not be run.

use std::path::PathBuf;

use super::engine::Provider;
use super::manifest::ModelError;
use super::runtime::LoadError;
use crate::error::Cancelled;
use crate::volume::GeometryError;

/// Why a model could not be run; the open study is as it was.
#[derive(Debug, thiserror::Error)]
pub enum InferenceError {
    /// ONNX Runtime is not there.
    #[error(transparent)]
    Runtime(#[from] LoadError),
    /// The model's folder is not right.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The provider that was asked for cannot run.
    #[error("the provider `{provider}` cannot run this model: {reason}; {remedy}, or ask for `auto` or `cpu`")]
    Provider {
        /// Which.
        provider: Provider,
        /// Why not.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A feature of the manifest that this version does not run.
    #[error("{model}: {what} is not yet supported")]
    NotSupported {
        /// Which model.
        model: String,
        /// Which feature.
        what: String,
    },
    /// An input was not given.
    #[error("{model} needs the input `{input}`{}; give it as {input}=PATH", if hint.is_empty() { String::new() } else { format!(" ({hint})") })]
    MissingInput {
        /// Which model.
        model: String,
        /// The input's name.
        input: String,
        /// Its modality and contrast.
        hint: String,
    },
    /// An input was given that the model does not have, or twice.
    #[error("{model} has no free input `{input}`; it takes {known}")]
    UnknownInput {
        /// Which model.
        model: String,
        /// The name that was given.
        input: String,
        /// The names that are there.
        known: String,
    },
    /// An image that no model can take.
    #[error("`{name}` cannot be a model's input: {reason}")]
    BadInput {
        /// The image.
        name: String,
        /// Why.
        reason: String,
    },
    /// Two inputs of different coordinate systems.
    #[error(
        "`{first}` and `{other}` do not share a frame of reference, so their positions cannot be compared; register them first"
    )]
    FrameOfReference {
        /// The first input.
        first: String,
        /// The other one.
        other: String,
    },
    /// The manifest and the graph do not fit each other.
    #[error("{}: expected {expected}, found {found}", path.display())]
    Mismatch {
        /// The graph's file.
        path: PathBuf,
        /// What the manifest says.
        expected: String,
        /// What the graph says.
        found: String,
    },
    /// ONNX Runtime refused the graph.
    #[error("{}: ONNX Runtime cannot load it: {reason}{remedy}", path.display())]
    Load {
        /// The graph's file.
        path: PathBuf,
        /// What it said.
        reason: String,
        /// What to do; may be empty.
        remedy: String,
    },
    /// ONNX Runtime failed while running.
    #[error("{model} failed while running: {reason}")]
    Run {
        /// Which model.
        model: String,
        /// What it said.
        reason: String,
    },
    /// The network gave NaN or infinity.
    #[error(
        "{model} gave {count} values that are no numbers (NaN or infinity) in `{tensor}`; the result is not kept. The input may be unlike what the model was trained on"
    )]
    NotFinite {
        /// Which model.
        model: String,
        /// Which output tensor.
        tensor: String,
        /// How many values.
        count: usize,
    },
    /// A grid that cannot be.
    #[error("the model's grid cannot be made: {0}")]
    Geometry(#[from] GeometryError),
    /// More memory than a run may take.
    #[error(
        "the model's grid of {size:?} voxels with {channels} channels needs {gigabytes:.1} GB; that is beyond the limit of {limit:.0} GB"
    )]
    TooLarge {
        /// Voxels.
        size: [usize; 3],
        /// Channels.
        channels: usize,
        /// What it would need.
        gigabytes: f64,
        /// The limit.
        limit: f64,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}
