//! The keys of `manifest.toml`, as types. What a type cannot say is checked in `checks`.
//!
//! - here: what a model is, its files and its inputs
//! - [`preprocess`], [`inferer`], [`outputs`], [`trust`]: the tables of the same names

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name { $($(#[$vdoc])* $variant),+ }
    };
}

pub mod inferer;
pub mod outputs;
pub mod preprocess;
pub mod trust;

pub use inferer::*;
pub use outputs::*;
pub use preprocess::*;
pub use trust::*;

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
    pub faithfulness: Option<Faithfulness>,
    #[serde(default)]
    pub guard: Option<Guard>,
    #[serde(default)]
    pub explain: Option<Explain>,
    #[serde(default)]
    pub checks: Vec<Check>,
}

impl Manifest {
    /// The axes of the model's grid (0: x, 1: y, 2: z) across which slices are cut, one a plane that is averaged; empty
    /// when the network takes volumes.
    #[must_use]
    pub fn slice_axes(&self) -> Vec<usize> {
        let flat = "XYZ".chars().filter(|c| self.inferer.layout.contains(*c)).count() == 2;
        if !flat && self.inferer.kind != InfererKind::Slices {
            return Vec::new();
        }
        let across = |plane: &Plane| {
            let codes = match plane {
                Plane::Axial => ['S', 'I'],
                Plane::Coronal => ['A', 'P'],
                Plane::Sagittal => ['L', 'R'],
            };
            self.preprocess.orientation.chars().position(|c| codes.contains(&c)).unwrap_or(2)
        };
        match &self.inferer.axis {
            None => vec!["XYZ".chars().position(|c| !self.inferer.layout.contains(c)).unwrap_or(2)],
            Some(Planes::One(plane)) => vec![across(plane)],
            Some(Planes::Several(planes)) => planes.iter().map(across).collect(),
        }
    }

    /// The size below which an image is padded: that of the patch, but 1 across slices.
    #[must_use]
    pub fn least_size(&self) -> [usize; 3] {
        let across = self.slice_axes();
        let patch = self.inferer.patch.unwrap_or([1; 3]);
        [0, 1, 2].map(|a| if across == [a] { 1 } else { patch[a].max(1) })
    }
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
