//! What a run is asked for and what it gives: [`RunOptions`], [`RunResult`] and all that an [`Output`] carries.

use std::path::PathBuf;
use std::sync::Arc;

use serde::Serialize;

use super::guard::Verdict;
use super::manifest::Model;
use super::manifest::schema::UncertaintySource;
use super::provider::Provider;
use crate::volume::{Labelmap, Provenance, Volume};

/// How a model is run.
#[derive(Debug, Clone, Default)]
pub struct RunOptions {
    /// Asked for; the real one is in the result.
    pub provider: Provider,
    /// How many samples of a diffusion model or passes of a stochastic network; `None`: the manifest's number.
    pub samples: Option<usize>,
    /// Whether the manifest's test-time augmentations are run too; `None`: where the manifest gives a default number of
    /// samples.
    pub tta: Option<bool>,
    /// Further models of the same inputs, preprocessing and outputs, whose answers are averaged with this one's.
    pub ensemble: Vec<Model>,
    /// Seed of every random number; the same seed, model and provider give the same bytes.
    pub seed: u64,
    /// The person says that inputs of different frames of reference were registered.
    pub registered: bool,
    /// Do not hold a synthetic image against its source by the manifest's second models.
    pub alone: bool,
    /// Keep the class probabilities of segmentations where memory allows, for the panel that explains a voxel.
    pub probabilities: bool,
}

/// What one output is.
#[derive(Debug, Clone)]
pub enum OutputContent {
    /// Grey values.
    Image(Arc<Volume>),
    /// Labels.
    Labels(Arc<Labelmap>),
    /// Classes or numbers for the whole image.
    Classes(Arc<Vec<ClassScore>>),
}

/// A class of the whole image.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClassScore {
    /// The label's value in the manifest, or the channel where the manifest has no table.
    pub value: u16,
    /// Its name.
    pub name: String,
    /// Mean over the repeats: a probability where the output is activated, else the network's number.
    pub score: f64,
    /// Standard deviation over the repeats.
    pub std: Option<f64>,
}

/// One output of a run, on the first input's grid.
#[derive(Debug, Clone)]
pub struct Output {
    /// Its name in the manifest; maps that the engine adds are named `NAME_anomaly`.
    pub name: String,
    /// Its kind in the manifest: `image`, `labels`, `probabilities` …; `anomaly` for a score.
    pub kind: String,
    /// The values.
    pub content: OutputContent,
    /// How sure the model is; `None` when it has no valid source or only one repeat was run.
    pub estimate: Option<Estimate>,
    /// Probability of each class, where they were asked for and memory allowed.
    pub probabilities: Vec<LabelProbability>,
    /// What of an anomaly map lies at or above its threshold.
    pub finding: Option<AnomalyFinding>,
    /// Where a synthetic image may be invented, by second models.
    pub faithfulness: Vec<Faithfulness>,
    /// The output whose reasons this one shows.
    pub explains: Option<String>,
}

impl Output {
    /// An output about whose certainty nothing is known.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: impl Into<String>, content: OutputContent) -> Self {
        Self {
            name: name.into(),
            kind: kind.into(),
            content,
            estimate: None,
            probabilities: Vec::new(),
            finding: None,
            faithfulness: Vec::new(),
            explains: None,
        }
    }
}

/// What a second model says of a synthetic image: a map of where the first may have invented, and its summary.
#[derive(Debug, Clone)]
pub struct Faithfulness {
    /// How it was found.
    pub kind: FaithfulnessKind,
    /// Names and versions of the second models.
    pub models: Vec<String>,
    /// The input that the image was held against.
    pub source: String,
    /// The map, on the synthetic image's grid; NaN where nothing is known.
    pub volume: Arc<Volume>,
    /// What its numbers are.
    pub unit: String,
    /// Mean of the map.
    pub mean: f64,
    /// Its 95th percentile.
    pub p95: f64,
    /// Its highest value.
    pub max: f64,
    /// Overlap of each structure; empty for a cycle.
    pub labels: Vec<LabelAgreement>,
    /// SHA-256 of the second models' graphs, by `MODEL/ROLE`.
    pub graphs: Vec<(String, String)>,
}

/// How the faithfulness of a synthetic image was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FaithfulnessKind {
    /// The source made again out of the image, against the source.
    Cycle,
    /// Structures of the image against those of the source.
    Segmentation,
}

impl FaithfulnessKind {
    /// As files and the JSON name its map.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cycle => "cycle_difference",
            Self::Segmentation => "segmentation_disagreement",
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Cycle => "Cycle difference",
            Self::Segmentation => "Segmentation disagreement",
        }
    }
}

/// How far one structure of the source and of the synthetic image agree.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LabelAgreement {
    /// The label's value.
    pub value: u16,
    /// Its name.
    pub name: String,
    /// `2 |A ∩ B| / (|A| + |B|)`; `None`: neither has it.
    pub dice: Option<f64>,
}

/// The probability of one label.
#[derive(Debug, Clone)]
pub struct LabelProbability {
    /// The label's value.
    pub value: u16,
    /// Its name.
    pub name: String,
    /// From 0 to 1, stored in eight bits.
    pub volume: Arc<Volume>,
}

/// How sure a model is of one output: over the repeats of the run.
#[derive(Debug, Clone)]
pub struct Estimate {
    /// Where the repeats came from.
    pub sources: Vec<UncertaintySource>,
    /// How many there were.
    pub repeats: usize,
    /// Maps on the first input's grid; the first one is the one to show.
    pub maps: Vec<UncertaintyMap>,
    /// Volumes of the labels, with their spread.
    pub structures: Vec<StructureVolume>,
    /// The interval that the manifest's calibration promises for grey values.
    pub interval: Option<Interval>,
}

/// One map of an [`Estimate`].
#[derive(Debug, Clone)]
pub struct UncertaintyMap {
    /// What its numbers are.
    pub kind: UncertaintyKind,
    /// The map.
    pub volume: Arc<Volume>,
}

/// What the numbers of an uncertainty map are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum UncertaintyKind {
    /// In the image's unit; over repeats, and the predicted variance where there is one.
    StandardDeviation,
    /// Entropy of the mean probabilities, nats.
    PredictiveEntropy,
    /// Mean of the repeats' entropies, nats: what the data leave open.
    ExpectedEntropy,
    /// The difference of the two, nats: what the model does not know.
    MutualInformation,
    /// Sum over the classes of the probabilities' variance.
    Variance,
}

impl UncertaintyKind {
    /// As files and the JSON name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::StandardDeviation => "standard_deviation",
            Self::PredictiveEntropy => "predictive_entropy",
            Self::ExpectedEntropy => "expected_entropy",
            Self::MutualInformation => "mutual_information",
            Self::Variance => "variance",
        }
    }

    /// As a person reads it.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::StandardDeviation => "Standard deviation",
            Self::PredictiveEntropy => "Predictive entropy",
            Self::ExpectedEntropy => "Expected entropy",
            Self::MutualInformation => "Mutual information",
            Self::Variance => "Variance",
        }
    }
}

/// The volume of one label over the repeats. The repeats are counted on the model's grid and before the clean-up that the
/// manifest asks for, so that their mean may lie beside the volume of the result.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct StructureVolume {
    /// The label's value.
    pub value: u16,
    /// Its name.
    pub name: String,
    /// Of the result, millilitres.
    pub ml: f64,
    /// Mean over the repeats, millilitres.
    pub mean_ml: f64,
    /// Standard deviation over the repeats, millilitres.
    pub std_ml: f64,
    /// Smallest and largest of the repeats, millilitres.
    pub range_ml: [f64; 2],
}

/// A split conformal interval: value ± `quantile` times the standard deviation (or ± `quantile` alone).
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Interval {
    /// The share of cases that it may miss.
    pub alpha: f64,
    /// The score's quantile.
    pub quantile: f64,
    /// Whether the quantile is in units of the standard deviation.
    pub scaled: bool,
    /// Calibration cases behind it.
    pub n: usize,
}

impl Interval {
    /// Half the width, for a standard deviation.
    #[must_use]
    pub fn half_width(&self, std: f64) -> f64 {
        if self.scaled { self.quantile * std } else { self.quantile }
    }
}

/// What of an anomaly map lies at or above the manifest's threshold, as the window draws it and candidates are made of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnomalyFinding {
    /// The threshold.
    pub threshold: f64,
    /// How it was chosen.
    pub threshold_from: String,
    /// Share of the region at or above it.
    pub fraction: f64,
    /// Volume at or above it, millilitres.
    pub ml: f64,
    /// Where the score means something; `None`: in the whole image.
    pub region: Option<String>,
}

/// Seconds that each part of a run took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
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
    /// Of `seconds.inference`, what ONNX Runtime itself took.
    pub network_seconds: f64,
    /// How many windows or slices the image was cut into.
    pub patches: usize,
    /// How many times the image went through.
    pub repeats: usize,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The numbers of the outputs of kind `features` that were run, one output after the other; those of the first repeat.
    pub features: Vec<f64>,
    /// Whether the input is like the training data; `None` when the manifest has no guard.
    pub guard: Option<Verdict>,
    /// The seed, where random numbers were drawn.
    pub seed: Option<u64>,
    /// Where every output came from.
    pub provenance: Provenance,
    /// What the person must know.
    pub warnings: Vec<String>,
    /// The model's folder.
    pub folder: PathBuf,
    /// SHA-256 of the weights, hexadecimal; of an ensemble the first one's.
    pub weights_sha256: String,
    /// SHA-256 of every graph that ran, by role.
    pub graphs: Vec<(String, String)>,
    /// The most memory that the process ever took, MB (10^6 bytes).
    pub peak_rss_mb: f64,
}
