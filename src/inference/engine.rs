//! Inputs through a model, back onto the first input's own grid: [`run`].

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::errors::InferenceError;
use super::manifest::Model;
use super::outputs::{Context, is_shown};
use super::{prepare, session};
use crate::jobs::Control;
use crate::provenance;
use crate::volume::{Derivation, Labelmap, Provenance, Volume};

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
    /// SHA-256 of the weights, hexadecimal.
    pub weights_sha256: String,
    /// The most memory that the process ever took, MB (10^6 bytes).
    pub peak_rss_mb: f64,
}

/// Runs a model on volumes. `inputs` are pairs of the input's name in the manifest and the volume; an empty name takes
/// the next free input. The outputs lie on the grid of the manifest's first input.
///
/// ```no_run
/// # use std::sync::Arc;
/// use veritome::inference::{engine, manifest};
/// use veritome::jobs::Control;
/// # let volume: Arc<veritome::volume::Volume> = unimplemented!();
/// let model = manifest::find("brain-mask")?;
/// let result = engine::run(&model, &[(String::new(), volume)], &engine::RunOptions::default(), &Control::new())?;
/// println!("{} on {}", result.outputs[0].name, result.provider);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// What is missing or does not fit, and what to do; [`InferenceError::Cancelled`]. The inputs are never changed.
pub fn run(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &RunOptions,
    control: &Control,
) -> Result<RunResult, InferenceError> {
    let start = Instant::now();
    let m = &model.manifest;
    prepare::supported(model)?;
    let matched = prepare::match_inputs(model, inputs)?;
    let mut seconds = Seconds::default();

    control.stage(format!("Loading {}", model.title()), 0);
    let network = session::open(model, "network", options.provider, control)?;
    let mut warnings = network.notes.clone();
    seconds.load = start.elapsed().as_secs_f64();

    let part = Instant::now();
    let prepared = prepare::prepare(model, &network, &matched, control)?;
    warnings.extend(prepared.notes.iter().cloned());
    seconds.preprocess = part.elapsed().as_secs_f64();

    let part = Instant::now();
    control.stage(format!("Running {} on {}", model.title(), network.provider), 1);
    let specs: Vec<_> = m.outputs.iter().filter(|o| is_shown(o.kind)).collect();
    let wanted: Vec<&str> = specs.iter().map(|o| o.tensor.as_str()).collect();
    if let Some(missing) = wanted.iter().find(|w| !network.outputs.iter().any(|p| p.name == **w)) {
        let names: Vec<&str> = network.outputs.iter().map(|p| p.name.as_str()).collect();
        return Err(InferenceError::Mismatch {
            path: model.folder.clone(),
            expected: format!("an output tensor `{missing}` (outputs.tensor)"),
            found: format!("the outputs {}", names.join(", ")),
        });
    }
    let tensors = network.run(&model.title(), &prepared.tensors, &wanted, control)?;
    control.advance(1);
    seconds.inference = part.elapsed().as_secs_f64();

    let part = Instant::now();
    let volumes: Vec<&Volume> = matched.iter().flatten().map(|v| &**v).collect();
    let Some(first) = volumes.first() else {
        return Err(InferenceError::NotSupported { model: model.title(), what: "a model without inputs".into() });
    };
    let parents: Vec<&Provenance> = volumes.iter().map(|v| &v.provenance).collect();
    let derivation = Derivation {
        description: format!("{} by {}", m.task.title(), model.title()),
        model: Some(m.name.clone()),
        model_version: Some(m.version.clone()),
        weights_sha256: Some(network.sha256.clone()),
        provider: Some(network.provider.name().to_owned()),
        seed: None,
        time: Some(provenance::now()),
        generates_pixels: m.task.generates_pixels(),
    };
    let context = Context {
        model,
        first,
        grid: &prepared.grid,
        applied: &prepared.applied,
        provenance: &Provenance::derived(&parents, derivation),
        control,
    };
    let mut outputs = Vec::new();
    for (spec, tensor) in specs.iter().zip(&tensors) {
        outputs.extend(context.output(spec, tensor, &mut warnings)?);
    }
    control.checkpoint()?;
    seconds.postprocess = part.elapsed().as_secs_f64();
    seconds.total = start.elapsed().as_secs_f64();
    Ok(RunResult {
        model: model.title(),
        requested_provider: options.provider.name().to_owned(),
        provider: network.provider.name().to_owned(),
        seconds,
        patches: 1,
        repeats: 1,
        outputs,
        warnings,
        folder: model.folder.clone(),
        weights_sha256: network.sha256.clone(),
        peak_rss_mb: peak_rss_mb(),
    })
}

/// The most memory that this process ever took, where the system tells; else what it takes now.
fn peak_rss_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak =
        status.lines().find_map(|l| l.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    match peak {
        Some(kibibytes) => kibibytes * 1024.0 / 1e6,
        None => memory_stats::memory_stats().map_or(0.0, |m| m.physical_mem as f64 / 1e6),
    }
}
