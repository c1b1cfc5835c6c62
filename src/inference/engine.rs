//! Inputs through a model, back onto the first input's own grid: [`run`].

use std::sync::Arc;
use std::time::Instant;

use super::autoencode::Draw;
use super::core::Stopwatch;
use super::cutter::Cutter;
use super::dense::{self, Pass, Work};
use super::errors::InferenceError;
use super::fields::Role;
use super::guard::Look;
use super::manifest::Model;
use super::manifest::schema::{InfererKind, UncertaintySource};
use super::networks::Networks;
use super::outputs::Context;
pub use super::provider::Provider;
pub use super::result::*;
use super::{faithful, guard, prepare, region};
use crate::jobs::Control;
use crate::provenance;
use crate::volume::{Derivation, Provenance, Volume};

/// Runs a model on volumes. `inputs` are pairs of the input's name in the manifest and the volume; an empty name takes
/// the next free input. The outputs lie on the grid of the manifest's first input; those
/// of a network that makes finer images on that grid with its voxels divided.
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
    run_telling(model, inputs, options, control, &mut |_| {})
}

/// As [`run`]; `before` is told what the guard says of the inputs before the network begins.
///
/// # Errors
/// As [`run`].
pub fn run_telling(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &RunOptions,
    control: &Control,
    before: &mut dyn FnMut(&Look),
) -> Result<RunResult, InferenceError> {
    let start = Instant::now();
    let m = &model.manifest;
    let matched = prepare::match_inputs(model, inputs, options.registered)?;
    let mut seconds = Seconds::default();
    let mut warnings = Vec::new();

    control.stage(format!("Loading {}", model.title()), 0);
    let networks = Networks::open(model, options, control)?;
    warnings.extend(networks.notes());
    let main = networks.main(model)?.clone();
    seconds.load = start.elapsed().as_secs_f64();

    let part = Instant::now();
    let volumes: Vec<&Volume> = matched.iter().flatten().map(|v| &**v).collect();
    let mask = match (&m.preprocess.mask, volumes.first()) {
        (Some(name), Some(_)) => Some(region::of_model(name, &matched, options, control)?),
        _ => None,
    };
    let prepared = prepare::prepare(model, &matched, mask.as_deref(), control)?;
    warnings.extend(prepared.notes.iter().cloned());
    let size = prepared.grid.padded.size();
    let normalised: Vec<_> = prepared.inputs.iter().map(|c| (c.name.clone(), c.values.as_slice())).collect();
    let mut verdict = m.guard.as_ref().map(|_| guard::check(model, &matched, Some(&normalised))).transpose()?;
    before(&Look { verdict: verdict.clone(), later: guard::of_the_run(model), notices: prepared.notes.clone() });
    let applied: Vec<_> = prepared.inputs.iter().map(|c| (c.name.clone(), c.applied)).collect();
    let cutter = Cutter::new(m, prepared.inputs.into_iter().map(|c| c.values).collect(), size);
    let region = match m.anomaly.as_ref().and_then(|a| a.region.as_ref()) {
        Some(name) => Some((name.as_str(), region::named(name, &matched, options, control)?)),
        None => None,
    };
    seconds.preprocess = part.elapsed().as_secs_f64();

    let part = Instant::now();
    let repeats = Repeats::plan(model, options, networks.members(), &mut warnings);
    let watch = Stopwatch::default();
    let core = networks.core(model, &cutter, &repeats.draw(options.seed), &watch)?;
    let free_target;
    let target = match volumes.first() {
        Some(first) => &first.geometry,
        None => {
            free_target = prepared.grid.grid.clone();
            &free_target
        }
    };
    let work = Work {
        model,
        core: &*core,
        cutter: &cutter,
        grid: &prepared.grid,
        target,
        applied: &applied,
        passes: &repeats.passes,
        snapped: volumes.first().filter(|_| m.preprocess.anisotropic).and_then(|v| prepared.grid.thick_axis_of_grid(v)),
        probabilities: options.probabilities,
        block_bytes: dense::BLOCK_BYTES,
        within: None,
        control,
    };
    let done = dense::run(&work, &format!("Running {} on {}", model.title(), main.provider))?;
    seconds.inference = part.elapsed().as_secs_f64();
    let feature_fields = done.outcomes.iter().filter(|o| o.field.role == Role::Features);
    let features = feature_fields.flat_map(|o| o.whole.first()).flatten().copied().map(f64::from).collect();
    if let Some(verdict) = &mut verdict {
        let features = done.outcomes.iter().find(|o| o.field.role == Role::Features);
        let features: Option<Vec<f64>> =
            features.and_then(|o| o.whole.first()).map(|v| v.iter().copied().map(f64::from).collect());
        verdict.checks.extend(guard::check_features(model, features.as_deref())?);
        if !verdict.is_like() {
            warnings.push(verdict.sentence());
        }
    }

    let part = Instant::now();
    let parents: Vec<&Provenance> = volumes.iter().map(|v| &v.provenance).collect();
    let seed = repeats.draws().then_some(options.seed);
    let derivation = Derivation {
        description: format!("{} by {}", m.task.title(), model.title()),
        model: Some(m.name.clone()),
        model_version: Some(m.version.clone()),
        weights_sha256: Some(main.sha256.clone()),
        provider: Some(main.provider.name().to_owned()),
        seed,
        time: Some(provenance::now()),
        generates_pixels: m.task.generates_pixels(),
        values: None,
    };
    warnings.extend(done.notes.iter().cloned());
    let canvas = match volumes.first() {
        Some(first) => Volume { geometry: done.target.clone(), ..(*first).clone() },
        None => free_canvas(model, done.target.clone())?,
    };
    let context = Context {
        model,
        first: &canvas,
        parents: &parents,
        derivation: &derivation,
        sources: &repeats.sources,
        repeats: repeats.passes.len(),
        region: region.as_ref().map(|(name, map)| (*name, &**map)),
        control,
    };
    let mut outputs = Vec::new();
    for outcome in done.outcomes {
        outputs.extend(context.outputs(outcome, &mut warnings)?);
    }
    if !done.covers && outputs.iter().any(|o| matches!(o.content, OutputContent::Image(_))) {
        warnings.push("Parts of the image lie outside what the model saw; images hold their lowest value there".into());
    }
    let mut graphs = networks.hashes();
    faithful::check(model, &matched, &mut outputs, options, control, &mut warnings)?;
    graphs.extend(outputs.iter().flat_map(|o| &o.faithfulness).flat_map(|f| f.graphs.iter().cloned()));
    control.checkpoint()?;
    seconds.postprocess = part.elapsed().as_secs_f64();
    seconds.total = start.elapsed().as_secs_f64();
    Ok(RunResult {
        model: model.title(),
        requested_provider: options.provider.name().to_owned(),
        provider: main.provider.name().to_owned(),
        seconds,
        network_seconds: watch.total().as_secs_f64(),
        patches: done.patches,
        repeats: repeats.passes.len(),
        outputs,
        features,
        guard: verdict,
        seed,
        provenance: Provenance::derived(&parents, derivation),
        warnings,
        folder: model.folder.clone(),
        weights_sha256: main.sha256.clone(),
        graphs,
        peak_rss_mb: peak_rss_mb(),
    })
}

/// How often the image goes through, and why.
struct Repeats {
    passes: Vec<Pass>,
    sources: Vec<UncertaintySource>,
    /// Whether a run begins with noise.
    diffuses: bool,
}

/// Samples where neither the person nor the manifest says how many.
const SAMPLES: usize = 8;

impl Repeats {
    fn plan(model: &Model, options: &RunOptions, members: usize, warnings: &mut Vec<String>) -> Self {
        use UncertaintySource as U;
        let m = &model.manifest;
        let u = &m.uncertainty;
        let has = |source: U| u.sources.contains(&source);
        let diffuses = matches!(m.inferer.kind, InfererKind::Diffusion | InfererKind::LatentDiffusion);
        let asked = options.samples.or(u.default_samples);
        // An autoencoder's latent is drawn; another network draws by itself.
        let draws = if diffuses || has(U::Samples) { U::Samples } else { U::Stochastic };
        let samples = if has(draws) { asked.unwrap_or(SAMPLES).max(1) } else { 1 };
        if samples == 1 && options.samples.is_some_and(|n| n > 1) && !has(U::Tta) {
            warnings
                .push(format!("{} names no source that draws samples; it ran once an image and member", model.title()));
        }
        let by_default = options.samples.map_or(u.default_samples.is_some_and(|n| n > 1), |n| n > 1);
        let augmented = options.tta.unwrap_or(by_default) && has(U::Tta);
        if options.tta == Some(true) && !has(U::Tta) {
            warnings.push(format!("{} names no test-time augmentation that is valid for it", model.title()));
        }
        let augmentations: Vec<Option<usize>> =
            std::iter::once(None).chain((0..u.tta.len()).filter(|_| augmented).map(Some)).collect();
        let mut passes = Vec::new();
        for member in 0..members.max(1) {
            for sample in 0..samples {
                passes.extend(augmentations.iter().map(|a| Pass { member, augmentation: *a, sample }));
            }
        }
        let mut sources = Vec::new();
        let mut add = |on: bool, source: U| {
            if on {
                sources.push(source);
            }
        };
        add(augmentations.len() > 1, U::Tta);
        add(members > 1, U::Ensemble);
        add(samples > 1, draws);
        add(has(U::Variance), U::Variance);
        Self { passes, sources, diffuses }
    }

    /// Whether random numbers are drawn here (a stochastic network draws its own).
    fn draws(&self) -> bool {
        self.diffuses || self.sources.contains(&UncertaintySource::Samples)
    }

    fn draw(&self, seed: u64) -> Draw {
        Draw { at_random: self.sources.contains(&UncertaintySource::Samples), seed }
    }
}

/// What a model without inputs draws on: a grid in no patient.
fn free_canvas(model: &Model, geometry: crate::volume::Geometry) -> Result<Volume, InferenceError> {
    let voxels = crate::volume::Voxels::from(vec![0_u8; geometry.voxel_count()]);
    let bad =
        |e: crate::volume::image::SizeMismatch| InferenceError::BadInput { name: model.title(), reason: e.to_string() };
    Volume::new(model.title(), voxels, geometry, Provenance::acquired(Vec::new())).map_err(bad)
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
