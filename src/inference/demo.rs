//! The demo's work, the same for the window and the command line: a real head, and its brain found by a model.

use std::path::PathBuf;
use std::sync::Arc;

use super::engine::{OutputContent, RunOptions, RunResult, run};
use super::manifest::ModelError;
use super::runtime::InstallError;
use super::{InferenceError, manifest, runtime};
use crate::io::{self, IoError, samples};
use crate::jobs::Control;
use crate::volume::{Labelmap, Volume};

/// The model that the demo runs.
pub const MODEL: &str = "brain-mask";

/// What the demo shows.
#[derive(Debug, Clone)]
pub struct Findings {
    /// The head and where it came from.
    pub sample: samples::Sample,
    /// The study that the head is in.
    pub study: io::Study,
    /// Its series.
    pub series: io::Series,
    /// Its voxels.
    pub volume: Arc<Volume>,
    /// The brain.
    pub mask: Arc<Labelmap>,
    /// Name and version of the model.
    pub model: String,
    /// The provider that really ran.
    pub provider: String,
    /// All that the run gave.
    pub result: RunResult,
}

/// Why the demo could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The head could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The model could not be run.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// There is no head to show.
    #[error(transparent)]
    Sample(#[from] samples::SampleError),
    /// ONNX Runtime is not there and could not be installed.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The model's folder is not right.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The sample or the model did not give what it should.
    #[error("{}: {what}", path.display())]
    Missing {
        /// Which file or folder.
        path: PathBuf,
        /// What is missing.
        what: &'static str,
    },
}

/// Finds ONNX Runtime (or installs it), gets the head (or makes the phantom), and runs the model on it.
///
/// # Errors
/// When any of these fails; the message says which and what to do.
pub fn find(control: &Control) -> Result<Findings, DemoError> {
    runtime::ensure(control)?;
    let sample = samples::head(control)?;
    control.stage("Opening the head", 0);
    let opened = io::open(&sample.path, control)?;
    let (study, series) = opened
        .studies
        .iter()
        .find_map(|st| st.series.iter().find(|s| s.is_image()).map(|s| (st.clone(), s.clone())))
        .ok_or_else(|| DemoError::Missing { path: sample.path.clone(), what: "the sample holds no image" })?;
    let volume = Arc::new(series.load(0, control)?);
    let model = manifest::find(MODEL)?;
    let input = model.manifest.inputs.first().map(|i| i.name.clone()).unwrap_or_default();
    let inputs = [(input, volume.clone())];
    // Mirrored too, so that the demo shows how sure the model is.
    let options = RunOptions { tta: Some(true), ..RunOptions::default() };
    let result = run(&model, &inputs, &options, control)?;
    let mask = result
        .outputs
        .iter()
        .find_map(|o| match &o.content {
            OutputContent::Labels(labels) => Some(labels.clone()),
            _ => None,
        })
        .ok_or_else(|| DemoError::Missing { path: model.folder.clone(), what: "the model gave no mask" })?;
    let (model, provider) = (result.model.clone(), result.provider.clone());
    Ok(Findings { sample, study, series, volume, mask, model, provider, result })
}

impl Findings {
    /// The volume of all that the mask holds, millilitres.
    #[must_use]
    pub fn brain_ml(&self) -> f64 {
        self.mask.volumes_ml().iter().map(|(_, ml)| ml).sum()
    }
}
