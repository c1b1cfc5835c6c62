//! The cases through the model, and what is found from its answers: [`calibrate`].

use std::path::PathBuf;
use std::sync::Arc;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use super::cases::{self, Case};
use super::guard_statistics::{self, Seen};
use super::writing::{self, Changes};
use super::{
    Samples, TooFewCases, case_score, conformal_quantile, expected_calibration_error, fit_temperature,
    negative_log_likelihood, voxel_coverage,
};
use crate::error::Cancelled;
use crate::inference::engine::{OutputContent, Provider, RunOptions, UncertaintyKind, run};
use crate::inference::manifest::schema::{Activation, Conformal, OutputKind, OutputSpec};
use crate::inference::manifest::{Model, ModelError};
use crate::inference::probe::{Probe, ProbeOptions};
use crate::inference::{InferenceError, prepare, region};
use crate::io::IoError;
use crate::jobs::Control;
use crate::volume::resample::{Interpolation, resample_onto};
use crate::volume::{Volume, VoxelPoint, Voxels};

/// How a model is calibrated.
#[derive(Debug, Clone)]
pub struct CalibrationOptions {
    /// Share of cases that the interval may miss.
    pub alpha: f64,
    /// Share of cases that are set aside to test what was found.
    pub hold_out: f64,
    /// Seed of the split and of the voxels that are drawn.
    pub seed: u64,
    /// Where the network runs.
    pub provider: Provider,
    /// Leaves the manifest as it is.
    pub dry_run: bool,
    /// Replaces the guard's numbers where the manifest has some; otherwise only missing ones are written, for the
    /// training data know better than a few cases.
    pub replace_guard: bool,
    /// Looks at the inputs alone: the guard's numbers, without a run of the network. Cases need no truth.
    pub guard_only: bool,
}

impl Default for CalibrationOptions {
    fn default() -> Self {
        let provider = Provider::default();
        Self { alpha: 0.1, hold_out: 0.3, seed: 0, provider, dry_run: false, replace_guard: false, guard_only: false }
    }
}

/// Why a model could not be calibrated; its manifest is as it was.
#[derive(Debug, thiserror::Error)]
pub enum CalibrationError {
    /// The model could not be run.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// The model's folder is not right.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A file could not be read or written.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Not one case is complete.
    #[error("{}: no labelled case; expected sub-folders CASE/NAME.nii.gz or files CASE_NAME.nii.gz with the names {names}", folder.display())]
    NoCases {
        /// Where cases were looked for.
        folder: PathBuf,
        /// Names of the inputs and outputs.
        names: String,
    },
    /// A number that cannot be.
    #[error("{name} cannot be {value}; it lies between 0 and 1")]
    Parameter {
        /// Which.
        name: &'static str,
        /// What was given.
        value: f64,
    },
    /// The person asked to stop.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Calibrated {
    /// Name and version of the model.
    pub model: String,
    /// Cases that the numbers come from.
    pub cases: Vec<String>,
    /// Cases that they were tested on.
    pub held_out: Vec<String>,
    /// For the classes.
    pub temperature: Option<TemperatureFound>,
    /// For the grey values.
    pub interval: Option<IntervalFound>,
    /// For the guard.
    pub guard: GuardFound,
    /// Whether the manifest was changed.
    pub written: bool,
    /// What the person must know.
    pub warnings: Vec<String>,
}

/// Temperature and what it mends. Before and after are of the cases that were held aside, where there are any.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TemperatureFound {
    /// The output.
    pub output: String,
    /// Logits are divided by it.
    pub temperature: f64,
    /// Voxels behind it.
    pub voxels: usize,
    /// Mean negative log likelihood, nats.
    pub nll_before: f64,
    /// See `nll_before`.
    pub nll_after: f64,
    /// Expected calibration error, 15 bins.
    pub ece_before: f64,
    /// See `ece_before`.
    pub ece_after: f64,
}

/// The interval and how it held on cases that were held aside.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct IntervalFound {
    /// The output.
    pub output: String,
    /// Share of cases that it may miss.
    pub alpha: f64,
    /// Half the interval's width, in standard deviations where `residual` is `scaled`.
    pub quantile: f64,
    /// `scaled` or `absolute`.
    pub residual: String,
    /// Cases behind it.
    pub n: usize,
    /// Share of the held-aside cases whose 95th percentile voxel it holds; expected at least `1 - alpha`.
    pub coverage_cases: Option<f64>,
    /// Mean share of their voxels that it holds.
    pub coverage_voxels: Option<f64>,
}

/// Numbers for the guard; `None` where the manifest has its own, or nothing could be said.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct GuardFound {
    /// mm.
    pub spacing_mm_range: Option<[f64; 2]>,
    /// mm.
    pub field_of_view_mm: Option<[f64; 2]>,
    /// Largest histogram distance of a case from the others.
    pub histogram_max_distance: Option<f64>,
}

/// Bins of the guard's histogram where the manifest names no number.
const BINS: usize = 32;

/// Bins of the expected calibration error.
const ECE_BINS: usize = 15;

/// Voxels that a case gives to the temperature at most.
const VOXELS: usize = 20_000;

/// How far beyond the labelled structure voxels still take part, in voxels: where a model is unsure.
const MARGIN: usize = 5;

/// Runs every case, finds temperature, interval and guard from those that are not held aside, tests them on those
/// that are, and writes them into the manifest.
///
/// # Errors
/// When there is no complete case, a case cannot be read or run, or the manifest cannot be written;
/// [`CalibrationError::Cancelled`].
pub fn calibrate(
    model: &Model,
    folder: &std::path::Path,
    options: &CalibrationOptions,
    control: &Control,
) -> Result<Calibrated, CalibrationError> {
    for (name, value) in [("alpha", options.alpha), ("hold_out", options.hold_out)] {
        if !(0.0..1.0).contains(&value) || (name == "alpha" && value <= 0.0) {
            return Err(CalibrationError::Parameter { name, value });
        }
    }
    let (all, mut warnings) = cases::find(model, folder, !options.guard_only)?;
    // Nothing is tested where nothing is fitted: every case counts.
    let (own, held) = if options.guard_only { (all, Vec::new()) } else { split(all, options) };
    let m = &model.manifest;
    let classes = m
        .outputs
        .iter()
        .find(|o| matches!(o.kind, OutputKind::Logits | OutputKind::Probabilities) && !o.labels.is_empty())
        .filter(|_| !options.guard_only);
    let image = m.outputs.iter().find(|o| matches!(o.kind, OutputKind::Image | OutputKind::Reconstruction));
    let image = image.filter(|_| !options.guard_only);
    if classes.is_some() && !m.postprocess.regions.is_empty() {
        warnings.push("Overlapping regions have no one true class a voxel: no temperature was looked for".to_owned());
    }
    let classes = classes.filter(|_| m.postprocess.regions.is_empty());

    let total = (own.len() + held.len()) as u64;
    let mut found = [Vec::new(), Vec::new()];
    for (group, cases) in found.iter_mut().zip([&own, &held]) {
        for (n, case) in cases.iter().enumerate() {
            control.checkpoint()?;
            control.stage(format!("Running {}", case.name), total);
            control.advance(n as u64);
            group.push(Answers::of(model, case, classes, image, options, control)?);
        }
    }
    let [own_found, held_found] = found;

    let temperature = classes.and_then(|o| temperature(o, &own_found, &held_found));
    if let Some(t) = &temperature {
        if held.is_empty() {
            warnings.push("No case was held aside: the temperature was tested on its own cases".to_owned());
        }
        if super::RANGE.iter().any(|end| (t.temperature / end).ln().abs() < 1e-3) {
            warnings.push(format!("The best temperature lies at the end of its range ({:.2})", t.temperature));
        }
    }
    let interval = match image.map(|o| interval(o, &own_found, &held_found, options.alpha)).transpose() {
        Ok(found) => found.flatten(),
        Err(too_few) => {
            warnings.push(format!("No interval: {too_few}"));
            None
        }
    };
    let (guard, changes) = guard(model, &own_found, options.replace_guard, &mut warnings);
    let changes = Changes {
        temperature: temperature.as_ref().map(|t| t.temperature),
        conformal: interval.as_ref().map(|i| Conformal {
            alpha: i.alpha,
            quantile: i.quantile,
            residual: i.residual.clone(),
            n: i.n,
        }),
        ..changes
    };
    if !options.dry_run {
        control.checkpoint()?;
        writing::write(model, &changes)?;
    }
    let names = |cases: Vec<Case>| cases.into_iter().map(|c| c.name).collect();
    Ok(Calibrated {
        model: model.title(),
        cases: names(own),
        held_out: names(held),
        temperature,
        interval,
        guard,
        written: !options.dry_run,
        warnings,
    })
}

/// The cases by chance into those that are used and those that are held aside; at least one is used.
fn split(mut cases: Vec<Case>, options: &CalibrationOptions) -> (Vec<Case>, Vec<Case>) {
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    for n in (1..cases.len()).rev() {
        let other = usize::try_from(rng.next_u64() % (n as u64 + 1)).unwrap_or(0);
        cases.swap(n, other);
    }
    let aside = ((cases.len() as f64 * options.hold_out).round() as usize).min(cases.len().saturating_sub(1));
    let mut held = cases.split_off(cases.len() - aside);
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    held.sort_by(|a, b| a.name.cmp(&b.name));
    (cases, held)
}

/// What one case gave.
struct Answers {
    samples: Option<Samples>,
    residual: Option<Residual>,
    seen: Option<Seen>,
}

/// Truth and answer of grey values on the input's grid.
struct Residual {
    truth: Vec<f32>,
    found: Vec<f32>,
    std: Option<Vec<f32>>,
}

impl Residual {
    /// The truth's lowest value is background, where every model is right.
    fn inside(&self) -> impl Fn(usize) -> bool + '_ {
        let lowest = self.truth.iter().copied().filter(|x| x.is_finite()).fold(f32::INFINITY, f32::min);
        move |n| self.truth.get(n).is_some_and(|x| *x > lowest)
    }
}

impl Answers {
    fn of(
        model: &Model,
        case: &Case,
        classes: Option<&OutputSpec>,
        image: Option<&OutputSpec>,
        options: &CalibrationOptions,
        control: &Control,
    ) -> Result<Self, CalibrationError> {
        let inputs: Vec<(String, Arc<Volume>)> = case
            .inputs
            .iter()
            .map(|(name, path)| Ok((name.clone(), cases::load(path, control)?)))
            .collect::<Result<_, CalibrationError>>()?;
        let samples = match classes.and_then(|o| Some((o, case.truths.get(&o.name)?))) {
            Some((spec, path)) => {
                let truth = cases::load(path, control)?;
                Some(samples(model, &inputs, spec, &truth, options, control)?)
            }
            None => None,
        };
        let residual = match image.and_then(|o| Some((o, case.truths.get(&o.name)?))) {
            Some((spec, path)) => {
                let truth = cases::load(path, control)?;
                residual(model, &inputs, spec, &truth, options, control)?
            }
            None => None,
        };
        Ok(Self { samples, residual, seen: seen(model, &inputs, options.provider, control)? })
    }
}

fn floats(volume: Volume) -> Vec<f32> {
    match volume.voxels {
        Voxels::F32(values) => Arc::unwrap_or_clone(values),
        other => (0..other.len()).map(|n| other.get(n).map_or(f32::NAN, |x| x as f32)).collect(),
    }
}

/// Logits on the model's own grid (one window around the structure, for sliding windows), with the true class of each
/// voxel near the structure. The network's numbers themselves, for probabilities on the image's grid have lost tails.
fn samples(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    spec: &OutputSpec,
    truth: &Volume,
    options: &CalibrationOptions,
    control: &Control,
) -> Result<Samples, CalibrationError> {
    let at = middle(truth);
    let probe_options = ProbeOptions { provider: options.provider, at, ..ProbeOptions::default() };
    let probe = Probe::open(model, inputs, probe_options, control)?;
    let fields = probe.run(&probe.channels, &[&spec.tensor], control)?;
    let on_grid = resample_onto(truth, &probe.grid, Interpolation::Nearest, f32::NAN, control)?;
    let truth = floats(on_grid);
    let size = probe.grid.size();
    let Some(field) = fields.into_iter().next().filter(|f| f.size == size) else { return Ok(Samples::new(0)) };
    let near = dilated(&truth.iter().map(|x| *x > 0.0).collect::<Vec<_>>(), size, MARGIN);
    let mut voxels: Vec<usize> = (0..truth.len()).filter(|n| near[*n] && truth[*n].is_finite()).collect();
    // The first VOXELS of a shuffle.
    let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
    for n in 0..voxels.len().min(VOXELS) {
        let left = (voxels.len() - n) as u64;
        let other = n + usize::try_from(rng.next_u64() % left).unwrap_or(0);
        voxels.swap(n, other);
    }
    voxels.truncate(VOXELS);
    let numbers: Vec<usize> = spec.channels.clone().unwrap_or_else(|| (0..field.channels.len()).collect());
    let probabilities = spec.kind == OutputKind::Probabilities && spec.activation == Activation::None;
    let exclusive = numbers.len() > 1 && spec.activation != Activation::Sigmoid;
    let logit = |channel: usize, n: usize| -> f32 {
        let x = field.channels.get(channel).and_then(|c| c.get(n)).copied().unwrap_or(0.0);
        match (probabilities, exclusive) {
            (false, _) => x,
            // A softmax of logarithms gives the probabilities back.
            (true, true) => x.max(1e-6).ln(),
            (true, false) => {
                let p = x.clamp(1e-6, 1.0 - 1e-6);
                (p / (1.0 - p)).ln()
            }
        }
    };
    let mut samples = Samples::new(if exclusive { numbers.len() } else { 2 });
    for n in voxels {
        let value = truth[n].round();
        if exclusive {
            let logits: Vec<f32> = numbers.iter().map(|c| logit(*c, n)).collect();
            if let Some(label) = numbers.iter().position(|c| *c as f32 == value) {
                samples.push(&logits, label);
            }
        } else {
            for (label, channel) in spec.labels.iter().zip(&numbers) {
                samples.push(&[0.0, logit(*channel, n)], usize::from(f32::from(label.value) == value));
            }
        }
    }
    Ok(samples)
}

/// The middle of what is labelled.
fn middle(truth: &Volume) -> Option<crate::volume::PatientPoint> {
    let [nx, ny, _] = truth.size();
    let (mut sum, mut count) = (glam::DVec3::ZERO, 0.0);
    for n in (0..truth.voxels.len()).filter(|n| truth.voxels.get(*n).is_some_and(|x| x > 0.0)) {
        sum += glam::DVec3::new((n % nx) as f64, (n / nx % ny) as f64, (n / (nx * ny)) as f64);
        count += 1.0;
    }
    (count > 0.0).then(|| truth.geometry.to_patient(VoxelPoint(sum / count)))
}

/// Grown by a box of `reach` voxels to each side.
fn dilated(inside: &[bool], size: [usize; 3], reach: usize) -> Vec<bool> {
    let mut now = inside.to_vec();
    for (axis, stride) in [(0, 1), (1, size[0]), (2, size[0] * size[1])] {
        let n = size[axis];
        let mut next = vec![false; now.len()];
        for at in (0..now.len()).filter(|at| now[*at]) {
            let i = at / stride % n;
            for j in i.saturating_sub(reach)..(i + reach + 1).min(n) {
                next[at + j * stride - i * stride] = true;
            }
        }
        now = next;
    }
    now
}

fn residual(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    spec: &OutputSpec,
    truth: &Volume,
    options: &CalibrationOptions,
    control: &Control,
) -> Result<Option<Residual>, CalibrationError> {
    let run_options =
        RunOptions { provider: options.provider, seed: options.seed, alone: true, ..RunOptions::default() };
    let result = run(model, inputs, &run_options, control)?;
    let Some(output) = result.outputs.into_iter().find(|o| o.name == spec.name) else { return Ok(None) };
    let OutputContent::Image(image) = &output.content else { return Ok(None) };
    let truth = floats(resample_onto(truth, &image.geometry, Interpolation::Linear, f32::NAN, control)?);
    let maps = output.estimate.iter().flat_map(|e| &e.maps);
    let std = maps.into_iter().find(|m| m.kind == UncertaintyKind::StandardDeviation);
    let std = std.map(|m| floats((*m.volume).clone()));
    Ok(Some(Residual { truth, found: floats((**image).clone()), std }))
}

/// What the guard would look at.
fn seen(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    provider: Provider,
    control: &Control,
) -> Result<Option<Seen>, CalibrationError> {
    let m = &model.manifest;
    let matched = prepare::match_inputs(model, inputs, true)?;
    let Some(first) = matched.iter().flatten().next().cloned() else { return Ok(None) };
    let mask = match &m.preprocess.mask {
        Some(name) => {
            let run_options = RunOptions { provider, alone: true, ..RunOptions::default() };
            Some(region::of_model(name, &matched, &run_options, control)?)
        }
        None => None,
    };
    let prepared = prepare::prepare(model, &matched, mask.as_deref(), control)?;
    let wanted = histogram_input(model);
    let at = m.inputs.iter().position(|i| Some(&i.name) == wanted.as_ref()).unwrap_or(0);
    let values = prepared.inputs.into_iter().nth(at).map(|c| c.values).unwrap_or_default();
    let spacing = first.geometry.spacing_mm();
    let field = [0, 1, 2].map(|a| spacing[a] * first.size()[a] as f64);
    Ok(Some(Seen { spacing, field, values }))
}

fn histogram_input(model: &Model) -> Option<String> {
    let named = model.manifest.guard.as_ref().and_then(|g| g.intensity_histogram.as_ref()).map(|h| h.input.clone());
    named.or_else(|| model.manifest.inputs.first().map(|i| i.name.clone()))
}

fn temperature(spec: &OutputSpec, own: &[Answers], held: &[Answers]) -> Option<TemperatureFound> {
    let pooled = |answers: &[Answers]| {
        let mut all = Samples::default();
        for samples in answers.iter().filter_map(|a| a.samples.as_ref()).filter(|s| !s.is_empty()) {
            if all.is_empty() {
                all = Samples::new(samples.classes);
            }
            all.extend(samples);
        }
        all
    };
    let (own, held) = (pooled(own), pooled(held));
    let temperature = fit_temperature(&own)?;
    let tested = if held.is_empty() { &own } else { &held };
    Some(TemperatureFound {
        output: spec.name.clone(),
        temperature,
        voxels: own.len(),
        nll_before: negative_log_likelihood(tested, 1.0),
        nll_after: negative_log_likelihood(tested, temperature),
        ece_before: expected_calibration_error(tested, 1.0, ECE_BINS),
        ece_after: expected_calibration_error(tested, temperature, ECE_BINS),
    })
}

fn interval(
    spec: &OutputSpec,
    own: &[Answers],
    held: &[Answers],
    alpha: f64,
) -> Result<Option<IntervalFound>, TooFewCases> {
    let all = || own.iter().chain(held).filter_map(|a| a.residual.as_ref());
    if all().next().is_none() {
        return Ok(None);
    }
    let scaled = all().all(|r| r.std.is_some());
    let std = |r: &Residual| -> Option<Vec<f32>> { r.std.clone().filter(|_| scaled) };
    let score = |r: &Residual| case_score(&r.truth, &r.found, std(r).as_deref(), r.inside());
    let scores = |answers: &[Answers]| -> Vec<f64> {
        answers.iter().filter_map(|a| a.residual.as_ref()).filter_map(score).collect()
    };
    let own = scores(own);
    let quantile = conformal_quantile(&own, alpha)?;
    let tested = scores(held);
    let covered: Vec<f64> = held
        .iter()
        .filter_map(|a| a.residual.as_ref())
        .filter_map(|r| voxel_coverage(&r.truth, &r.found, std(r).as_deref(), quantile, r.inside()))
        .collect();
    let mean = |v: &[f64]| (!v.is_empty()).then(|| v.iter().sum::<f64>() / v.len() as f64);
    let within: Vec<f64> = tested.iter().map(|s| f64::from(u8::from(*s <= quantile))).collect();
    Ok(Some(IntervalFound {
        output: spec.name.clone(),
        alpha,
        quantile,
        residual: if scaled { "scaled" } else { "absolute" }.to_owned(),
        n: own.len(),
        coverage_cases: mean(&within),
        coverage_voxels: mean(&covered),
    }))
}

fn guard(model: &Model, answers: &[Answers], replace: bool, warnings: &mut Vec<String>) -> (GuardFound, Changes) {
    let own = model.manifest.guard.clone().unwrap_or_default();
    let seen: Vec<Seen> = answers.iter().filter_map(|a| a.seen.clone()).collect();
    let missing = |has: bool| replace || !has;
    let spacing = guard_statistics::range(seen.iter().map(|s| s.spacing));
    let field = guard_statistics::range(seen.iter().map(|s| s.field));
    let bins = own.intensity_histogram.as_ref().map_or(BINS, |h| h.bins);
    let has_file = own.intensity_histogram.as_ref().is_some_and(|h| model.folder.join(&h.file).is_file());
    let histogram = guard_statistics::histogram(&seen, bins).filter(|_| missing(has_file));
    if histogram.is_none() && missing(has_file) {
        warnings.push("The guard's histogram needs at least two cases that differ; it was left out".to_owned());
    }
    let found = GuardFound {
        spacing_mm_range: spacing.filter(|_| missing(own.spacing_mm_range.is_some())),
        field_of_view_mm: field.filter(|_| missing(own.field_of_view_mm.is_some())),
        histogram_max_distance: histogram.as_ref().map(|h| h.max_distance),
    };
    let changes = Changes {
        spacing_mm_range: found.spacing_mm_range,
        field_of_view_mm: found.field_of_view_mm,
        histogram: histogram_input(model).zip(histogram),
        ..Changes::default()
    };
    (found, changes)
}
