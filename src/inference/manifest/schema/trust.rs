//! How far to trust it: `[uncertainty]`, `[guard]`, `[explain]`, `[[checks]]`.

use std::collections::BTreeMap;

use serde::de::value::SeqAccessDeserializer;
use serde::de::{IntoDeserializer, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

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

/// One change of the input that the model was trained to bear: a flip, a small rotation, another intensity, or several
/// of them at once.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Augmentation {
    /// The axes that are mirrored at once: `"x"`, or `["x", "y"]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "one_or_several")]
    pub flip: Vec<Axis>,
    /// Labels of left and right that change places under the flip.
    #[serde(default)]
    pub swap: Vec<[u16; 2]>,
    /// A rotation.
    #[serde(default)]
    pub rotate: Option<Rotate>,
    /// A change of the normalised values.
    #[serde(default)]
    pub intensity: Option<Intensity>,
}

/// A word, or a list of them.
fn one_or_several<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Axis>, D::Error> {
    struct Words;
    impl<'de> Visitor<'de> for Words {
        type Value = Vec<Axis>;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an axis or a list of axes")
        }

        fn visit_str<E: serde::de::Error>(self, word: &str) -> Result<Vec<Axis>, E> {
            Axis::deserialize(word.into_deserializer()).map(|axis| vec![axis])
        }

        fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<Axis>, A::Error> {
            Vec::deserialize(SeqAccessDeserializer::new(list))
        }
    }
    deserializer.deserialize_any(Words)
}

/// `rotate = { axis = "z", degrees = 5.0 }`: about the centre of the window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Rotate {
    pub axis: Axis,
    pub degrees: f64,
}

/// `intensity = { scale = 1.1, shift = 0.0 }`: `x * scale + shift` on the normalised values.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Intensity {
    pub scale: f32,
    pub shift: f32,
}

impl Default for Intensity {
    fn default() -> Self {
        Self { scale: 1.0, shift: 0.0 }
    }
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

/// `[faithfulness]`: the second models that hold a synthetic image against its source. Each is a model folder: in this
/// one's folder, beside it, or installed under that name.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faithfulness {
    /// The output of kind `image` that is looked at; without it the first one.
    pub output: Option<String>,
    /// The input that it is held against; without it the first one.
    pub source: Option<String>,
    /// A model that makes the source out of the output.
    pub cycle: Option<String>,
    /// A model that finds the same structures in both.
    pub segmentation: Option<SecondSegmentation>,
}

/// `segmentation = "NAME"`, or `{ source = "NAME", synthetic = "NAME" }` where each contrast needs its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum SecondSegmentation {
    /// One model takes both.
    Both(String),
    /// A model each; labels are matched by their names.
    #[expect(missing_docs, reason = "each field is the manifest's key of its name")]
    Each { source: String, synthetic: String },
}

impl SecondSegmentation {
    /// The model that the source goes through.
    #[must_use]
    pub fn of_source(&self) -> &str {
        match self {
            Self::Both(name) | Self::Each { source: name, .. } => name,
        }
    }

    /// The model that the synthetic image goes through.
    #[must_use]
    pub fn of_synthetic(&self) -> &str {
        match self {
            Self::Both(name) | Self::Each { synthetic: name, .. } => name,
        }
    }
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
    /// The training images never went through a lossy compression.
    pub lossless: bool,
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

/// One of `[[checks]]`: `input = "FILE"` for the first input, or `inputs = { NAME = "FILE", … }`; neither where the model takes
/// none and draws from its noise, which seed 0 decides.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "each field is the manifest's key of its name")]
pub struct Check {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inputs: BTreeMap<String, String>,
    pub output: String,
    pub max_abs_difference: f64,
    /// Of label maps: the share of voxels whose label may be another one. A model that iterates turns the last bit of a sum, which no two
    /// processors have in common, into another label where two are equally likely.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_differing_share: Option<f64>,
}

impl Check {
    /// The files by the inputs' names; an empty name stands for the next free input.
    #[must_use]
    pub fn files(&self) -> Vec<(String, String)> {
        let single = self.input.iter().map(|file| (String::new(), file.clone()));
        single.chain(self.inputs.iter().map(|(name, file)| (name.clone(), file.clone()))).collect()
    }

    /// The files' names, for a person.
    #[must_use]
    pub fn title(&self) -> String {
        if self.files().is_empty() {
            return "no input, seed 0".into();
        }
        self.files().into_iter().map(|(_, file)| file).collect::<Vec<_>>().join(", ")
    }
}
