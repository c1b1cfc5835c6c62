//! Inputs through a model, back onto the first input's own grid: [`run`].

use std::sync::Arc;
use std::time::Instant;

use super::errors::InferenceError;
use super::manifest::Model;
use super::outputs::{Context, is_shown};
pub use super::provider::Provider;
pub use super::result::*;
use super::{prepare, session};
use crate::jobs::Control;
use crate::provenance;
use crate::volume::{Derivation, Provenance, Volume};

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
    let called = Instant::now();
    let tensors = network.run(&model.title(), &prepared.tensors, &wanted, control)?;
    let network_seconds = called.elapsed().as_secs_f64();
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
    let provenance = Provenance::derived(&parents, derivation);
    let context =
        Context { model, first, grid: &prepared.grid, applied: &prepared.applied, provenance: &provenance, control };
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
        network_seconds,
        patches: 1,
        repeats: 1,
        outputs,
        guard: None,
        seed: None,
        provenance,
        warnings,
        folder: model.folder.clone(),
        weights_sha256: network.sha256.clone(),
        graphs: vec![("network".to_owned(), network.sha256.clone())],
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
