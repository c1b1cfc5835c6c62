//! A model, its inputs and a method to a map on the first input's grid: [`run`]; whether to believe it: [`check`].

use std::sync::Arc;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::cost::{Cost, FEW_STEPS, offered};
use super::counterfactual::{Latent, Traversal, counterfactual};
use super::score::{ModelScore, NoisyModel, default_target, output_of};
use super::{
    Evaluation, ExplainError, Faithfulness, InsertionStart, Method, Occlusion, Region, Rise, Saliency, Sanity, Scored,
    SmoothGrad, TAKEN_BY_BLUR, Target, attention, evaluate, hires_cam, occlusion, rise, sanity, score_cam, smooth_grad,
};
use crate::inference::engine::{self, OutputContent, Provider, RunOptions};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::InfererKind;
use crate::inference::probe::{Probe, ProbeOptions};
use crate::inference::probe_latent::LatentNetworks;
use crate::jobs::Control;
use crate::provenance;
use crate::volume::resample::{Interpolation, resample_onto};
use crate::volume::{
    Derivation, DisplayHints, Geometry, PatientPoint, Provenance, Rescale, Unit, Volume, VoxelPoint, Voxels,
};

/// What is asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ExplainOptions {
    /// How the map is made.
    pub method: Method,
    /// What is explained; `None`: the first class (around `at`, where that is given), else the change of the image.
    pub target: Option<Target>,
    /// LPS mm: where to look. Models with sliding windows are explained in the one window around it; `None`: the
    /// middle of what the model found, else of the image.
    pub at: Option<[f64; 3]>,
    /// Where the network runs.
    pub provider: Provider,
    /// Seed of every random number.
    pub seed: u64,
    /// The tensor inside the graph that Score-CAM, HiResCAM and attention maps use; `None`: the manifest's
    /// `explain.cam_tensor`.
    pub tensor: Option<String>,
    /// See [`RunOptions::registered`].
    pub registered: bool,
    /// For [`Method::Occlusion`].
    pub occlusion: Occlusion,
    /// For [`Method::Rise`]; its seed is [`ExplainOptions::seed`].
    pub rise: Rise,
    /// For [`Method::SmoothGrad`]; its seed is [`ExplainOptions::seed`].
    pub smoothgrad: SmoothGrad,
    /// For [`Method::Counterfactual`]; `None`: the manifest's `explain.latent.traversal`.
    pub traversal: Option<Traversal>,
    /// Steps that a diffusion takes in each pass, at most the manifest's; `None`: [`FEW_STEPS`].
    pub steps: Option<usize>,
    /// Deletion and insertion of the map; `None` leaves them out.
    pub evaluation: Option<Evaluation>,
}

impl ExplainOptions {
    /// A method with everything else as it is usual, its map tested by deletion and insertion.
    #[must_use]
    pub fn of(method: Method) -> Self {
        Self { method, evaluation: Some(Evaluation::default()), ..Self::default() }
    }

    fn point(&self) -> Option<PatientPoint> {
        self.at.map(|p| PatientPoint(glam::DVec3::from_array(p)))
    }

    /// The parameters of the method that runs, for the record.
    fn parameters(&self) -> serde_json::Value {
        serde_json::json!({ "method": self.method, "at": self.at, "seed": self.seed, "evaluation": self.evaluation })
    }
}

/// A map and all that has to be said with it.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// How it was made.
    pub method: Method,
    /// What it explains.
    pub target: Target,
    /// The output of the model that the target is about.
    pub output: String,
    /// The map on the first input's grid; 0 where it says nothing, above 0 what speaks for the target.
    pub map: Arc<Volume>,
    /// How well the map names what the score depends on.
    pub faithfulness: Option<Faithfulness>,
    /// Of a counterfactual the images on the way; they are synthetic.
    pub sequence: Vec<CounterfactualImage>,
    /// Everything that was set, and what the method reports of itself.
    pub parameters: serde_json::Value,
    /// How often the network was run.
    pub passes: usize,
    /// The provider that really ran.
    pub provider: String,
    /// SHA-256 of the graph.
    pub weights_sha256: String,
    /// How long it took.
    pub seconds: f64,
    /// What the person must know.
    pub notes: Vec<String>,
}

/// One image of a counterfactual walk.
#[derive(Debug, Clone)]
pub struct CounterfactualImage {
    /// Where it stands on the way; 0 is the image as the autoencoder gives it back.
    pub position: f64,
    /// The score.
    pub score: f64,
    /// Normalised values on the first input's grid.
    pub volume: Arc<Volume>,
}

/// A model on its inputs with what it will cost to explain it: [`prepare`].
pub struct Ready {
    score: ModelScore,
    target: Target,
    notes: Vec<String>,
    options: ExplainOptions,
    control: Control,
    start: Instant,
    /// What the map costs.
    pub cost: Cost,
}

impl std::fmt::Debug for Ready {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ready").field("target", &self.target).field("cost", &self.cost).finish_non_exhaustive()
    }
}

/// Explains one target of a model on its inputs (pairs of the input's name and the volume, as
/// [`engine::run`] takes them).
///
/// # Errors
/// A target or method that the model does not offer, a model that cannot be run; [`ExplainError::Cancelled`].
pub fn run(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &ExplainOptions,
    control: &Control,
) -> Result<Explanation, ExplainError> {
    prepare(model, inputs, options, control)?.explain()
}

impl Ready {
    /// Makes the map.
    ///
    /// # Errors
    /// As [`run`].
    pub fn explain(self) -> Result<Explanation, ExplainError> {
        explained(self)
    }

    /// What the sanity check costs: a map a step of the cascade, one of the network as it is, one of another seed.
    ///
    /// # Errors
    /// When the graph cannot be read.
    pub fn cost_of_check(&self) -> Result<Cost, ExplainError> {
        Ok(self.cost.times(2 + super::sanity::stages(self.score.probe.layers()?).len()))
    }

    /// The sanity check of the method on this model.
    ///
    /// # Errors
    /// As [`check`].
    pub fn check(self) -> Result<Checked, ExplainError> {
        checked(self)
    }
}

fn explained(ready: Ready) -> Result<Explanation, ExplainError> {
    let Ready { score, target, mut notes, options, control, start, cost } = ready;
    let (options, control, model) = (&options, &control, &score.probe.model);
    let output = output_of(model, &target)?.name.clone();
    let (found, walk) = match options.method {
        Method::Counterfactual => walk(&score, options, control)?,
        _ => (map(&score, options, options.seed, control)?, Vec::new()),
    };
    let mut passes = found.passes + ModelScore::PASSES;
    notes.extend(found.notes.iter().cloned());
    // A walk's difference is not an order of importance.
    let evaluation = options.evaluation.filter(|_| options.method != Method::Counterfactual);
    let faithfulness = evaluation.map(|p| evaluate(&score, &found.map, &p, control)).transpose()?;
    passes += evaluation.map_or(0, |p| p.passes());
    if faithfulness.as_ref().is_some_and(|f| f.insertion_from == InsertionStart::Empty) {
        notes.push(format!(
            "insertion starts from the empty image: blurring takes less than {:.0} % of the score away",
            TAKEN_BY_BLUR * 100.0
        ));
    }
    control.stage("Bringing the map back onto the image", 0);
    let description = format!("{} of {target} by {}", options.method.title(), model.title());
    let own = Maker { model, score: &score, options, description };
    let name = format!("{output}_explanation");
    let map = own.volume(found.map, name, Unit::Arbitrary, false, control)?;
    let sequence = walk
        .into_iter()
        .map(|(position, score, image)| {
            let name = format!("{output}_counterfactual_{position:+.2}");
            let volume = own.volume(image, name, Unit::Arbitrary, true, control)?;
            Ok(CounterfactualImage { position, score, volume: Arc::new(volume) })
        })
        .collect::<Result<_, ExplainError>>()?;
    let mut parameters = options.parameters();
    if let (Some(all), serde_json::Value::Object(more)) = (parameters.as_object_mut(), found.parameters) {
        all.extend(more);
        all.insert("target".into(), target.to_string().into());
        // Where voxels of the parameters lie in the patient.
        let grid = &score.probe.grid;
        let affine = grid.voxel_to_patient().transpose().to_cols_array_2d();
        all.insert("grid".into(), serde_json::json!({ "size": grid.size(), "affine_lps": affine }));
        let calls = serde_json::json!({ "windows": cost.windows, "steps": cost.steps });
        all.insert("calls_a_pass".into(), calls);
    }
    Ok(Explanation {
        method: options.method,
        target,
        output,
        map: Arc::new(map),
        faithfulness,
        sequence,
        parameters,
        passes,
        provider: score.probe.provider().name().to_owned(),
        weights_sha256: score.probe.sha256().to_owned(),
        seconds: start.elapsed().as_secs_f64(),
        notes,
    })
}

/// What the sanity check of a method on a model found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Checked {
    /// The method.
    pub method: Method,
    /// The target.
    pub target: Target,
    /// Layers of the network that can be replaced by noise.
    pub layers: usize,
    /// Whether another seed can give another map: the method or the model draws random numbers.
    pub draws: bool,
    /// What was found.
    pub sanity: Sanity,
    /// The verdict, for a person.
    pub verdict: String,
    /// How long it took.
    pub seconds: f64,
}

/// Whether a method's map is about this model at all: the cascade of [`sanity()`] on it.
///
/// # Errors
/// As [`run`]; for a graph without weights of its own, and for counterfactuals, which have no map to compare.
pub fn check(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &ExplainOptions,
    control: &Control,
) -> Result<Checked, ExplainError> {
    prepare(model, inputs, options, control)?.check()
}

fn checked(ready: Ready) -> Result<Checked, ExplainError> {
    let Ready { score, target, options, control, start, .. } = ready;
    let (options, control) = (&options, &control);
    if options.method == Method::Counterfactual {
        let what = "another check: its images are judged by their scores, which the walk reports".to_owned();
        return Err(ExplainError::Needs { method: "A counterfactual", what });
    }
    let layers = score.probe.layers()?;
    if layers == 0 {
        let what = "weights of two axes or more (32-bit floats in the graph's file) to replace by noise".to_owned();
        return Err(ExplainError::Needs { method: "The sanity check", what });
    }
    let noisy = NoisyModel { score: &score, layers };
    let explain = |scored: &dyn Scored, seed: u64| map(scored, options, seed, control);
    let evaluation = options.evaluation.unwrap_or_default();
    let sanity = sanity(&score, &noisy, &explain, options.seed, &evaluation, control)?;
    let verdict = sanity.sentence();
    let draws = options.method.draws() || score.probe.model.manifest.diffusion.is_some();
    let seconds = start.elapsed().as_secs_f64();
    Ok(Checked { method: options.method, target, layers, draws, sanity, verdict, seconds })
}

fn map(scored: &dyn Scored, options: &ExplainOptions, seed: u64, control: &Control) -> Result<Saliency, ExplainError> {
    match options.method {
        Method::Occlusion | Method::Counterfactual => occlusion(scored, &options.occlusion, control),
        Method::Rise => rise(scored, &Rise { seed, ..options.rise }, control),
        Method::ScoreCam => score_cam(scored, control),
        Method::HiResCam => hires_cam(scored),
        Method::SmoothGrad => smooth_grad(scored, &SmoothGrad { seed, ..options.smoothgrad }, control),
        Method::Attention => attention(scored),
    }
}

/// Prepares the inputs, opens the networks, finds the target and times one pass.
///
/// # Errors
/// As [`run`].
pub fn prepare(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &ExplainOptions,
    control: &Control,
) -> Result<Ready, ExplainError> {
    let start = Instant::now();
    offered(model, options.method)?;
    let target = options.target.clone().unwrap_or_else(|| default_target(model, options.point()));
    // Named before the first run: a target that the model does not offer.
    let output = output_of(model, &target)?.name.clone();
    let tap = options.method.needs_tap().then(|| {
        let named = model.manifest.explain.as_ref().and_then(|e| e.cam_tensor.clone());
        options.tensor.clone().or(named)
    });
    let mut notes = Vec::new();
    let mut at = options.point().or(match &target {
        Target::Class { region: Region::Near { at, .. }, .. } => Some(*at),
        Target::Change { corners: Some([a, b]) } => Some([0, 1, 2].map(|k| f64::midpoint(a[k], b[k]))),
        _ => None,
    }
    .map(|p| PatientPoint(glam::DVec3::from_array(p))));
    let m = &model.manifest;
    let flat = !m.slice_axes().is_empty();
    if m.inferer.kind == InfererKind::SlidingWindow || (m.diffusion.is_some() && m.inferer.patch.is_some() && !flat) {
        if let (None, Target::Class { class, .. }) = (at, &target) {
            at = found_at(model, inputs, options, &output, class, control)?;
        }
        notes.push("Only the window around the place is explained; what lies outside of it takes no part".to_owned());
    }
    let probe_options = ProbeOptions {
        provider: options.provider,
        at,
        tap: tap.flatten(),
        registered: options.registered,
        steps: Some(options.steps.unwrap_or(FEW_STEPS)),
        noise_seed: options.seed,
    };
    if let Some(d) = &m.diffusion {
        let steps = d.steps.min(options.steps.unwrap_or(FEW_STEPS)).max(1);
        notes.push(format!(
            "Every pass samples from the same noise (seed {}) in {steps} steps where the model takes {}: the map is of \
             that sample, not of all that the model may draw",
            options.seed, d.steps
        ));
    }
    if flat && options.method.needs_tap() && m.slice_axes().len() > 1 {
        notes.push("The activation is that of the first of the model's planes; the score is of all of them".to_owned());
    }
    let probe = Probe::open(model, inputs, probe_options, control)?;
    notes.extend(probe.notes.iter().cloned());
    control.stage(format!("Scoring {target}"), 0);
    let score = ModelScore::new(probe, &target, control)?;
    notes.extend(score.notes.iter().cloned());
    let pass = Instant::now();
    score.score(score.channels())?;
    let cost = Cost::of(&score, options, pass.elapsed())?;
    control.stage(format!("Explaining: {cost}"), 0);
    Ok(Ready { score, target, notes, options: options.clone(), control: control.clone(), start, cost })
}

/// The voxel of a class nearest to the class' centre, by a run of the model.
fn found_at(
    model: &Model,
    inputs: &[(String, Arc<Volume>)],
    options: &ExplainOptions,
    output: &str,
    class: &str,
    control: &Control,
) -> Result<Option<PatientPoint>, ExplainError> {
    let run_options = RunOptions {
        provider: options.provider,
        tta: Some(false),
        samples: Some(1),
        registered: options.registered,
        ..RunOptions::default()
    };
    let result = engine::run(model, inputs, &run_options, control)?;
    let Some(labels) = result.outputs.iter().find(|o| o.name == output).and_then(|o| match &o.content {
        OutputContent::Labels(labels) => Some(labels.clone()),
        _ => None,
    }) else {
        return Ok(None);
    };
    let value = labels.labels.iter().find(|l| l.name.eq_ignore_ascii_case(class)).map(|l| l.value);
    let Some(value) = value.or_else(|| class.parse().ok()) else { return Ok(None) };
    let [nx, ny, _] = labels.geometry.size();
    let at = |n: usize| glam::DVec3::new((n % nx) as f64, (n / nx % ny) as f64, (n / (nx * ny)) as f64);
    let own = || labels.voxels.iter().enumerate().filter(|(_, l)| **l == value).map(|(n, _)| at(n));
    let (sum, count) = own().fold((glam::DVec3::ZERO, 0.0), |(s, c), p| (s + p, c + 1.0));
    let centre = sum / f64::max(count, 1.0);
    let nearest = own().min_by(|a, b| a.distance_squared(centre).total_cmp(&b.distance_squared(centre)));
    Ok(nearest.map(|p| labels.geometry.to_patient(VoxelPoint(p))))
}

/// The map, and each image of the walk with its position and score.
type Walk = (Saliency, Vec<(f64, f64, Vec<f32>)>);

fn walk(score: &ModelScore, options: &ExplainOptions, control: &Control) -> Result<Walk, ExplainError> {
    let model = &score.probe.model;
    let Some(latent) = model.manifest.explain.as_ref().and_then(|e| e.latent.clone()) else {
        let what = "an encoder and a decoder (explain.latent in the manifest)".to_owned();
        return Err(ExplainError::Needs { method: "A counterfactual", what });
    };
    let p = options.traversal.unwrap_or(Traversal { distance: latent.traversal, ..Traversal::default() });
    let networks = LatentNetworks::open(model, [&latent.encoder, &latent.decoder], options.provider, control)?;
    let size = score.size();
    let count: usize = size.iter().product();
    let image = score.channels().concat();
    let split = |image: &[f32]| -> Vec<Vec<f32>> { image.chunks(count.max(1)).map(<[f32]>::to_vec).collect() };
    let encoded = networks.encode(&image.chunks(count.max(1)).collect::<Vec<_>>(), size, control)?;
    let encode = |_: &[f32]| Ok(encoded.values.clone());
    let decode = |z: &[f32]| -> Result<Vec<f32>, ExplainError> {
        let decoded = networks.decode(z, &encoded, control)?.concat();
        if decoded.len() != image.len() {
            let (expected, found) = (image.len(), decoded.len());
            return Err(ExplainError::Size { what: "the decoder's image", expected, found });
        }
        Ok(decoded)
    };
    let scored = |image: &[f32]| score.score(&split(image));
    let found =
        counterfactual(&Latent { encode: &encode, decode: &decode, score: &scored }, &image, None, &p, control)?;
    let (position, difference) = found.strongest().unwrap_or((0.0, &[]));
    let map = difference.get(..count).map(<[f32]>::to_vec).unwrap_or_default();
    let parameters = serde_json::json!({
        "traversal": p, "positions": found.positions, "scores": found.scores, "shown": position,
    });
    let notes = vec![format!(
        "The map is the change of the first input at {position:+.2} standard deviations, where the score changes most; \
         the images on the way are synthetic"
    )];
    let passes = 2 * found.passes + 1;
    let first = |image: &Vec<f32>| image.get(..count).map(<[f32]>::to_vec).unwrap_or_default();
    let images = (found.positions.iter().zip(&found.scores).zip(&found.images))
        .map(|((t, s), image)| (*t, *s, first(image)))
        .collect();
    Ok((Saliency { map, passes, parameters, notes }, images))
}

/// Makes volumes of what was found on the window's grid.
struct Maker<'a> {
    model: &'a Model,
    score: &'a ModelScore,
    options: &'a ExplainOptions,
    description: String,
}

impl Maker<'_> {
    fn volume(
        &self,
        values: Vec<f32>,
        name: String,
        unit: Unit,
        generates_pixels: bool,
        control: &Control,
    ) -> Result<Volume, ExplainError> {
        let probe = &self.score.probe;
        let first = &probe.first;
        let m = &self.model.manifest;
        let parents: Vec<&Provenance> = probe.given.iter().map(|(_, v)| &v.provenance).collect();
        let derivation = Derivation {
            description: self.description.clone(),
            model: Some(m.name.clone()),
            model_version: Some(m.version.clone()),
            weights_sha256: Some(probe.sha256().to_owned()),
            provider: Some(probe.provider().name().to_owned()),
            seed: Some(self.options.seed),
            time: Some(provenance::now()),
            generates_pixels,
            values: None,
        };
        let found = values.len();
        let size_error = |grid: &Geometry| ExplainError::Size { what: "the map", expected: grid.voxel_count(), found };
        let small = Volume::new(name.clone(), Voxels::from(values), probe.grid.clone(), Provenance::acquired(vec![]))
            .map_err(|_| size_error(&probe.grid))?;
        let resampled = resample_onto(&small, &first.geometry, Interpolation::Linear, 0.0, control)?;
        Ok(Volume {
            voxels: resampled.voxels,
            rescale: Rescale::IDENTITY,
            padding: None,
            unit,
            display: DisplayHints::default(),
            provenance: Provenance::derived(&parents, derivation),
            name,
            ..(**first).clone()
        })
    }
}
