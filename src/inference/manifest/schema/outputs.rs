//! What comes out: `[[outputs]]`, `[postprocess]`, `[anomaly]`.

use serde::{Deserialize, Serialize};

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
        /// Numbers for the guard, or for whoever asks an encoder.
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
    /// The output whose reasons this one shows, by what a part of the evidence alone would say; a viewer begins without it.
    #[serde(default)]
    pub explains: Option<String>,
}

fn no_activation() -> Activation {
    Activation::None
}

/// A region of overlapping ones: where the channel is at or above the threshold, the value is written.
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
        /// `|x - reconstruction|` times the latent divergence or its gradient.
        Combined,
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
    /// Steps of the search of `score = "restoration"`; each decodes once or twice.
    #[serde(default = "restoration_steps")]
    pub restoration_steps: usize,
    /// How far the search's first step moves each number of the latent; it then finds its own length.
    #[serde(default = "restoration_step")]
    pub restoration_step: f32,
}

fn restoration_steps() -> usize {
    60
}

fn restoration_step() -> f32 {
    0.3
}
