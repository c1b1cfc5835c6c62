//! Inputs through a model, back onto the first input's own grid.

use std::path::PathBuf;
use std::sync::Arc;

use crate::volume::{Labelmap, Volume};

/// Which execution provider is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "each variant is the provider of its name")]
pub enum Provider {
    #[default]
    Auto,
    Cpu,
    Cuda,
    TensorRt,
    DirectMl,
    CoreMl,
    OpenVino,
    WebGpu,
}

impl Provider {
    /// Every provider but [`Provider::Auto`].
    pub const REAL: [Self; 7] =
        [Self::Cpu, Self::Cuda, Self::TensorRt, Self::DirectMl, Self::CoreMl, Self::OpenVino, Self::WebGpu];

    /// As the command line and the records name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Cpu => "cpu",
            Self::Cuda => "cuda",
            Self::TensorRt => "tensorrt",
            Self::DirectMl => "directml",
            Self::CoreMl => "coreml",
            Self::OpenVino => "openvino",
            Self::WebGpu => "webgpu",
        }
    }
}

impl std::fmt::Display for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Provider {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let all = std::iter::once(Self::Auto).chain(Self::REAL);
        all.clone().find(|p| p.name() == name).ok_or_else(|| {
            let names: Vec<&str> = all.map(Self::name).collect();
            format!("there is no provider `{name}`; choose one of {}", names.join(", "))
        })
    }
}

/// How a model is run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Asked for; the real one is in the result.
    pub provider: Provider,
}

/// What one output is.
#[derive(Debug, Clone)]
pub enum OutputContent {
    /// Grey values.
    Image(Arc<Volume>),
    /// Labels.
    Labels(Arc<Labelmap>),
}

/// One output of a run, on the first input's grid.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name in the manifest.
    pub name: String,
    /// Its kind in the manifest: `image`, `labels`, `probabilities` …
    pub kind: String,
    /// The values.
    pub content: OutputContent,
}

/// Seconds that each part of a run took.
#[derive(Debug, Clone, Copy, Default, PartialEq, serde::Serialize)]
#[expect(missing_docs, reason = "each field is the part of its name")]
pub struct Seconds {
    pub load: f64,
    pub preprocess: f64,
    pub inference: f64,
    pub postprocess: f64,
    pub total: f64,
}

/// What a run gave.
#[derive(Debug, Clone)]
pub struct RunResult {
    /// Name and version of the model.
    pub model: String,
    /// The provider that was asked for.
    pub requested_provider: String,
    /// The provider that really ran.
    pub provider: String,
    /// How long it took.
    pub seconds: Seconds,
    /// How many times the network was called for the image.
    pub patches: usize,
    /// How many times the image went through.
    pub repeats: usize,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// What the person must know.
    pub warnings: Vec<String>,
    /// The model's folder.
    pub folder: PathBuf,
}
