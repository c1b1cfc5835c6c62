//! The keys of `manifest.toml`, as types. What a type cannot say is checked in `checks`.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use crate::volume::Interpolation;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
    };
}

words! {
    /// What a model is for.
    Task {
        /// One contrast or modality out of another: invents grey values.
        Synthesis,
        /// Labels.
        Segmentation,
        /// A map of what is unlike the healthy.
        Anomaly,
        /// Denoised or sharper: invents grey values.
        Enhancement,
        /// One scanner's look into another's: invents grey values.
        Harmonization,
        /// New images: invents grey values.
        Sampling,
        /// A number or a class for the whole image.
        Classification,
    }
}

impl Task {
    /// Whether the outputs of such a model hold invented grey values.
    #[must_use]
    pub fn generates_pixels(self) -> bool {
        matches!(self, Self::Synthesis | Self::Enhancement | Self::Harmonization | Self::Sampling)
    }

    /// As a derivation begins: `Segmentation by …`.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Synthesis => "Synthesis",
            Self::Segmentation => "Segmentation",
            Self::Anomaly => "Anomaly map",
            Self::Enhancement => "Enhancement",
            Self::Harmonization => "Harmonization",
            Self::Sampling => "Sampling",
            Self::Classification => "Classification",
        }
    }
}

words! {
    /// How far the model may be trusted, by its maker's word.
    Status {
        /// Shows a principle.
        Demonstration,
        /// For studies.
        Research,
        /// Cleared by a regulator for the intended use.
        Cleared,
    }
}

/// One model, as its `manifest.toml` says it. See `docs` and the shared MANIFEST for each key's meaning.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Manifest {
    pub schema: u32,
    pub name: String,
    pub version: String,
    pub title: String,
    pub task: Task,
    pub status: Status,
    pub intended_use: String,
    #[serde(default)]
    pub not_for: String,
    pub license: String,
    #[serde(default)]
    pub license_code: Option<String>,
    #[serde(default)]
    pub license_data: Option<String>,
    #[serde(default)]
    pub source: String,
    #[serde(default)]
    pub cite: Vec<String>,
    pub files: Files,
    pub inputs: Vec<Input>,
    #[serde(default)]
    pub preprocess: Preprocess,
    pub inferer: Inferer,
    #[serde(default)]
    pub diffusion: Option<Diffusion>,
    pub outputs: Vec<OutputSpec>,
    #[serde(default)]
    pub postprocess: Postprocess,
    #[serde(default)]
    pub anomaly: Option<Anomaly>,
    #[serde(default)]
    pub uncertainty: Uncertainty,
    #[serde(default)]
    pub guard: Option<Guard>,
    #[serde(default)]
    pub explain: Option<Explain>,
    #[serde(default)]
    pub checks: Vec<Check>,
}

/// A file of the folder and the SHA-256 that it must have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Relative to the folder.
    pub path: String,
    /// 64 hexadecimal digits.
    pub sha256: String,
}

/// `[files]`: role to file. Ensemble members are `network.1`, `network.2` …; files with weights outside the graph
/// (ONNX external data) are `data` or `data.1`, `data.2` …
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Files(pub BTreeMap<String, File>);

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        let table = toml::Table::deserialize(deserializer)?;
        let mut files = BTreeMap::new();
        let mut add = |role: String, value: toml::Value| -> Result<(), D::Error> {
            let file =
                File::deserialize(value).map_err(|e| D::Error::custom(format!("files.{role}: {}", e.message())))?;
            files.insert(role, file);
            Ok(())
        };
        for (role, value) in table {
            // `network.1 = {…}` is a table of numbers to files.
            match value {
                toml::Value::Table(members)
                    if !members.is_empty() && members.keys().all(|k| k.parse::<u32>().is_ok()) =>
                {
                    for (number, member) in members {
                        add(format!("{role}.{number}"), member)?;
                    }
                }
                other => add(role, other)?,
            }
        }
        Ok(Self(files))
    }
}

/// An image that the model takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Input {
    pub name: String,
    #[serde(default)]
    pub modality: Vec<String>,
    #[serde(default)]
    pub contrast: String,
    pub tensor: String,
    #[serde(default)]
    pub channel: usize,
    #[serde(default)]
    pub optional: bool,
    #[serde(default)]
    pub fill: Option<f32>,
}

/// Voxel spacing of the model's grid.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Spacing {
    /// The input's own.
    #[default]
    Native,
    /// Along the model's axes, mm.
    Millimetres([f64; 3]),
}

impl Serialize for Spacing {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Native => serializer.serialize_str("native"),
            Self::Millimetres(mm) => mm.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Spacing {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(s) if s == "native" => Ok(Self::Native),
            value => <[f64; 3]>::deserialize(value)
                .map(Self::Millimetres)
                .map_err(|_| D::Error::custom("spacing_mm must be three numbers or \"native\"")),
        }
    }
}

words! {
    /// How many voxels the resampled image has.
    SizeRule {
        /// `round((n - 1) * old / new + 1)`: first centres aligned, MONAI.
        Centers,
        /// `round(n * old / new)`: outer faces aligned, nnU-Net.
        Extent,
    }
}

words! {
    /// What of the input is cut away before it is resampled.
    Crop {
        /// Nothing.
        None,
        /// All outside the box of voxels that are not 0.
        Nonzero,
        /// All outside the box of voxels above 0.
        Foreground,
    }
}

words! {
    /// What stands where the input has no voxels.
    PadValue {
        /// 0.
        Zero,
        /// The normalised value of the background (the input's lowest).
        Background,
    }
}

/// One step of the normalisation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub enum Normalize {
    /// Clips to two percentiles.
    ClipPercentile {
        lower: f64,
        upper: f64,
        #[serde(default)]
        nonzero: bool,
    },
    /// `(x - mean) / std` of this image (population standard deviation).
    Zscore {
        #[serde(default)]
        nonzero: bool,
    },
    /// `from` to `to`, linear; clipped if asked.
    Scale {
        from: [f64; 2],
        to: [f64; 2],
        #[serde(default)]
        clip: bool,
    },
    /// The image's own range to `to`.
    Minmax { to: [f64; 2] },
    /// Two percentiles to `to`, linear; clipped if asked.
    PercentileScale {
        lower: f64,
        upper: f64,
        to: [f64; 2],
        #[serde(default)]
        clip: bool,
    },
    /// `x * scale + offset`.
    Affine { scale: f64, offset: f64 },
    /// `(x - mean) / std` with the numbers given here.
    FixedZscore { mean: f64, std: f64 },
}

/// How an input becomes the network's.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Preprocess {
    pub orientation: String,
    pub spacing_mm: Spacing,
    pub size: Option<[usize; 3]>,
    pub interpolation: Interpolation,
    pub size_rule: SizeRule,
    pub anisotropic: bool,
    pub normalize_first: bool,
    pub crop: Crop,
    pub mask: Option<String>,
    pub normalize: Vec<Normalize>,
    pub pad_multiple: usize,
    pub pad_value: PadValue,
}

impl Default for Preprocess {
    fn default() -> Self {
        Self {
            orientation: "RAS".into(),
            spacing_mm: Spacing::Native,
            size: None,
            interpolation: Interpolation::Linear,
            size_rule: SizeRule::Centers,
            anisotropic: false,
            normalize_first: false,
            crop: Crop::None,
            mask: None,
            normalize: Vec::new(),
            pad_multiple: 1,
            pad_value: PadValue::Zero,
        }
    }
}

words! {
    /// How the network is led over the image.
    InfererKind {
        /// Overlapping windows.
        SlidingWindow,
        /// The image in one piece.
        Whole,
        /// Slice by slice.
        Slices,
        /// A denoiser, step by step.
        Diffusion,
        /// A denoiser in the latent space of an autoencoder.
        LatentDiffusion,
    }
}

words! {
    /// The weight of a window's voxels.
    Blend {
        /// Falls off to the edges.
        Gaussian,
        /// The same everywhere.
        Constant,
        /// A Hann window, smooth at the edge.
        Hann,
    }
}

words! {
    /// Where windows start.
    Starts {
        /// At multiples of the stride, the last one pushed back: MONAI.
        Stride,
        /// Evenly spread: nnU-Net.
        Even,
    }
}

words! {
    /// What windows, flips and members average.
    Mean {
        /// Probabilities.
        Probabilities,
        /// Logits, as nnU-Net does.
        Logits,
    }
}

words! {
    /// A plane through the patient.
    Plane {
        /// Across the long axis.
        Axial,
        /// Parallel to the face.
        Coronal,
        /// Parallel to the profile.
        Sagittal,
    }
}

/// One or several planes: `"axial"` or `["axial", "coronal"]`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Planes {
    /// One.
    One(Plane),
    /// Several, whose results are averaged.
    Several(Vec<Plane>),
}

/// How the network is led over the image, and how its tensors are laid out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Inferer {
    pub kind: InfererKind,
    #[serde(default = "default_layout")]
    pub layout: String,
    #[serde(default)]
    pub patch: Option<[usize; 3]>,
    #[serde(default = "default_overlap")]
    pub overlap: f64,
    #[serde(default = "default_blend")]
    pub blend: Blend,
    #[serde(default = "default_starts")]
    pub starts: Starts,
    #[serde(default = "default_mean")]
    pub mean: Mean,
    #[serde(default)]
    pub skip_background: bool,
    #[serde(default = "default_sigma")]
    pub sigma: f64,
    #[serde(default = "default_pad_mode")]
    pub pad_mode: PadMode,
    #[serde(default = "one")]
    pub batch: usize,
    #[serde(default)]
    pub axis: Option<Planes>,
    #[serde(default)]
    pub neighbors: usize,
}

words! {
    /// How an image smaller than the patch is padded.
    PadMode {
        /// With one value.
        Constant,
        /// Mirrored at the border voxel.
        Reflect,
        /// With the border's value.
        Replicate,
        /// From the other side.
        Circular,
    }
}

fn default_layout() -> String {
    "NCXYZ".into()
}
fn default_overlap() -> f64 {
    0.25
}
fn default_blend() -> Blend {
    Blend::Constant
}
fn default_starts() -> Starts {
    Starts::Stride
}
fn default_mean() -> Mean {
    Mean::Probabilities
}
fn default_sigma() -> f64 {
    0.125
}
fn default_pad_mode() -> PadMode {
    PadMode::Constant
}
fn one() -> usize {
    1
}

words! {
    /// A sampler.
    Scheduler {
        /// Ancestral.
        Ddpm,
        /// Deterministic at `eta = 0`.
        Ddim,
        /// Rectified flow.
        Rflow,
    }
}

words! {
    /// How the noise grows over the timesteps.
    Schedule {
        /// Linear in beta.
        Linear,
        /// Linear in the root of beta.
        ScaledLinear,
        /// Sigmoid.
        Sigmoid,
        /// Cosine in the cumulated signal.
        Cosine,
    }
}

words! {
    /// What the network predicts.
    Prediction {
        /// The noise.
        Epsilon,
        /// The velocity.
        V,
        /// The clean image.
        Sample,
    }
}

words! {
    /// How the network is told the condition.
    Condition {
        /// Not at all.
        None,
        /// As further channels.
        Concat,
    }
}

words! {
    /// Which timesteps are visited.
    TimestepSpacing {
        /// `i * T / steps`.
        Leading,
        /// `T - i * T / steps - 1`.
        Trailing,
        /// `round(linspace(T - 1, 0, steps))`.
        Linspace,
    }
}

/// `[diffusion]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Diffusion {
    pub scheduler: Scheduler,
    #[serde(default = "thousand")]
    pub train_steps: usize,
    pub steps: usize,
    #[serde(default = "default_schedule")]
    pub schedule: Schedule,
    #[serde(default = "default_beta")]
    pub beta: [f64; 2],
    #[serde(default = "default_prediction")]
    pub prediction: Prediction,
    #[serde(default = "yes")]
    pub clip_sample: bool,
    #[serde(default)]
    pub eta: f64,
    #[serde(default = "default_condition")]
    pub condition: Condition,
    pub sample_tensor: String,
    pub timestep_tensor: String,
    #[serde(default = "default_timestep_spacing")]
    pub timestep_spacing: TimestepSpacing,
    #[serde(default = "one_f64")]
    pub latent_scale: f64,
}

fn thousand() -> usize {
    1000
}
fn yes() -> bool {
    true
}
fn one_f64() -> f64 {
    1.0
}
fn default_schedule() -> Schedule {
    Schedule::Linear
}
fn default_beta() -> [f64; 2] {
    [1e-4, 2e-2]
}
fn default_prediction() -> Prediction {
    Prediction::Epsilon
}
fn default_condition() -> Condition {
    Condition::None
}
fn default_timestep_spacing() -> TimestepSpacing {
    TimestepSpacing::Leading
}

words! {
    /// What an output's numbers are.
    OutputKind {
        /// Grey values.
        Image,
        /// Before softmax or sigmoid.
        Logits,
        /// From 0 to 1.
        Probabilities,
        /// Whole numbers.
        Labels,
        /// Logarithm of the predicted variance.
        LogVariance,
        /// Predicted variance.
        Variance,
        /// Mean of the latent distribution.
        MeanLatent,
        /// Logarithm of the variance of the latent distribution.
        LogvarLatent,
        /// What an autoencoder makes of its input: grey values.
        Reconstruction,
        /// Numbers for the guard.
        Features,
    }
}

impl OutputKind {
    /// As the manifest and `run --json` name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Logits => "logits",
            Self::Probabilities => "probabilities",
            Self::Labels => "labels",
            Self::LogVariance => "log_variance",
            Self::Variance => "variance",
            Self::MeanLatent => "mean_latent",
            Self::LogvarLatent => "logvar_latent",
            Self::Reconstruction => "reconstruction",
            Self::Features => "features",
        }
    }
}

words! {
    /// What is applied to an output's numbers first.
    Activation {
        /// Nothing.
        None,
        /// Over the channels.
        Softmax,
        /// Each number alone.
        Sigmoid,
        /// Each number alone.
        Tanh,
    }
}

/// How an output's numbers return to real values.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub enum ValueRule {
    /// They are real already.
    None,
    /// `x * scale + offset`.
    Affine { scale: f64, offset: f64 },
    /// Back through the z-score of that input.
    ZscoreOf { input: String },
    /// Back through the range scaling of that input.
    UnitOf { input: String },
}

/// One row of an output's label table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct LabelSpec {
    pub value: u16,
    pub name: String,
    #[serde(default)]
    pub color: Option<String>,
    #[serde(default)]
    pub scheme: Option<String>,
    #[serde(default)]
    pub code: Option<String>,
}

/// What the model gives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct OutputSpec {
    pub name: String,
    pub tensor: String,
    pub kind: OutputKind,
    #[serde(default)]
    pub channels: Option<Vec<usize>>,
    #[serde(default = "no_activation")]
    pub activation: Activation,
    #[serde(default)]
    pub value: Option<ValueRule>,
    #[serde(default)]
    pub unit: Option<String>,
    #[serde(default)]
    pub modality: Option<String>,
    #[serde(default)]
    pub labels: Vec<LabelSpec>,
}

fn no_activation() -> Activation {
    Activation::None
}

/// A region of overlapping ones: where the channel is above the threshold, the value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Region {
    pub channel: usize,
    pub value: u16,
}

/// `false`, `true` (every label) or a list of labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Which {
    /// All or none.
    All(bool),
    /// Those.
    Labels(Vec<u16>),
}

impl Which {
    /// Whether a label is among them.
    #[must_use]
    pub fn holds(&self, label: u16) -> bool {
        match self {
            Self::All(all) => *all,
            Self::Labels(labels) => labels.contains(&label),
        }
    }
}

/// `[postprocess]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Postprocess {
    pub threshold: f32,
    pub regions: Vec<Region>,
    pub largest_component: Which,
    pub fill_holes: bool,
    pub min_volume_ml: f64,
    pub median: usize,
}

impl Default for Postprocess {
    fn default() -> Self {
        Self {
            threshold: 0.5,
            regions: Vec::new(),
            largest_component: Which::All(false),
            fill_holes: false,
            min_volume_ml: 0.0,
            median: 0,
        }
    }
}

words! {
    /// How a voxel's strangeness is measured.
    AnomalyScore {
        /// `|x - reconstruction|`.
        Residual,
        /// Its square.
        Squared,
        /// The gradient of the latent term.
        LatentGradient,
        /// The distance to the restored image.
        Restoration,
        /// The latent divergence.
        Kl,
    }
}

/// `[anomaly]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Anomaly {
    pub score: AnomalyScore,
    #[serde(default)]
    pub region: Option<String>,
    pub threshold: f32,
    pub threshold_from: String,
}

words! {
    /// Where an uncertainty can come from.
    UncertaintySource {
        /// Flips and the like.
        Tta,
        /// Several networks.
        Ensemble,
        /// A predicted variance.
        Variance,
        /// A network that draws at random.
        Stochastic,
        /// Samples of a diffusion model.
        Samples,
    }
}

words! {
    /// An axis of the model's grid.
    Axis {
        /// First.
        X,
        /// Second.
        Y,
        /// Third.
        Z,
    }
}

/// One change of the input that the model was trained to bear.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Augmentation {
    pub flip: Axis,
    #[serde(default)]
    pub swap: Vec<[u16; 2]>,
}

/// `conformal = {…}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Conformal {
    pub alpha: f64,
    pub quantile: f64,
    pub residual: String,
    pub n: usize,
}

/// `calibration = {…}`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Calibration {
    pub temperature: Option<f64>,
    pub conformal: Option<Conformal>,
}

/// `[uncertainty]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Uncertainty {
    pub sources: Vec<UncertaintySource>,
    pub tta: Vec<Augmentation>,
    pub default_samples: Option<usize>,
    pub calibration: Calibration,
}

/// `intensity_histogram = {…}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct GuardHistogram {
    pub input: String,
    pub bins: usize,
    pub file: String,
}

/// `embedding = {…}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct GuardEmbedding {
    pub tensor: String,
    pub mean_cov: String,
    pub max_distance: f64,
}

/// `[guard]`: is the input like the training data?
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Guard {
    pub intensity_histogram: Option<GuardHistogram>,
    pub spacing_mm_range: Option<[f64; 2]>,
    pub field_of_view_mm: Option<[f64; 2]>,
    pub embedding: Option<GuardEmbedding>,
}

/// `latent = {…}`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct LatentExplain {
    pub encoder: String,
    pub decoder: String,
    pub traversal: f64,
}

/// `[explain]`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Explain {
    pub cam_tensor: Option<String>,
    pub latent: Option<LatentExplain>,
}

/// One of `[[checks]]`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Check {
    pub input: String,
    pub output: String,
    pub max_abs_difference: f64,
}
