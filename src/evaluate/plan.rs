//! The plan of an evaluation, a TOML file; paths in it are relative to its folder.
//!
//! ```
//! use veritome::evaluate::{DataRange, Kind, Plan};
//! let text = r#"
//!     title = "T1 to T2"
//!     models = ["unet-t1-t2"]
//!     [cases]
//!     inputs = { t1 = "data/{case}/t1.nii.gz" }
//!     reference = "data/{case}/t2.nii.gz"
//!     [measures]
//!     kind = "image"
//!     data_range = "reference"
//!     [output]
//!     dir = "results"
//! "#;
//! let plan = Plan::parse(text, "plans/plan.toml".as_ref()).unwrap();
//! assert_eq!((plan.measures.kind, plan.measures.data_range), (Kind::Image, Some(DataRange::Reference)));
//! assert_eq!(plan.output, std::path::Path::new("plans/results"));
//! let silent = text.replace("data_range = \"reference\"", "");
//! let error = Plan::parse(&silent, "plan.toml".as_ref()).unwrap_err().to_string();
//! assert!(error.starts_with("plan.toml: [measures] data_range: expected a number or \"reference\", found nothing"));
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::bootstrap::IntervalMethod;
use super::errors::PlanError;
use super::pattern::Pattern;
use super::plan_file::{self, RawPlan};

/// A checked plan.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The report's title.
    pub title: String,
    /// Seed of everything random: bootstrap draws here, samples in models.
    pub seed: u64,
    /// What is judged; at least one, no two of one name.
    pub tested: Vec<Tested>,
    /// Where cases come from.
    pub cases: CaseSource,
    /// Cases that lack something are left out and listed; else they stop the evaluation.
    pub leave_out_incomplete: bool,
    /// What is measured.
    pub measures: MeasurePlan,
    /// Columns by which cases are told apart.
    pub subgroups: Vec<String>,
    /// Bands of the column `age`, each from its first value to below its second; the last holds its end.
    pub age_bands: Vec<[f64; 2]>,
    /// How intervals are found.
    pub statistics: StatisticsPlan,
    /// How many of the worst cases are shown for each model.
    pub worst: usize,
    /// The measure by which they are the worst; `None`: the first that is fit for it.
    pub worst_by: Option<String>,
    /// Where results go.
    pub output: PathBuf,
    /// The plan's folder.
    pub folder: PathBuf,
    /// The file's text, for the report.
    pub text: String,
    /// Its SHA-256.
    pub sha256: String,
}

/// What is judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tested {
    /// A model that is run, by its name or folder.
    Model(String),
    /// Predictions that are on disk.
    Prediction {
        /// What the report calls them.
        name: String,
        /// Where they are.
        pattern: Pattern,
    },
}

impl Tested {
    /// The name in tables.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Model(name) | Self::Prediction { name, .. } => name,
        }
    }
}

/// Where cases come from.
#[derive(Debug, Clone)]
pub enum CaseSource {
    /// The file system, by name patterns.
    Patterns {
        /// By the models' names of their inputs.
        inputs: BTreeMap<String, Pattern>,
        /// What is taken for true.
        reference: Option<Pattern>,
        /// What counts.
        mask: Option<Pattern>,
        /// A table with a column `case`, and whatever is known of each (sex, age, scanner, patient …).
        attributes: Option<PathBuf>,
    },
    /// A table with the columns `case`, `input:NAME`, `reference`, `mask`, and whatever is known of each case.
    Table(PathBuf),
}

/// What kind of result is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Images voxel by voxel.
    Image,
    /// Label maps: overlap, surfaces, volumes.
    Labels,
    /// Classes of whole cases.
    Classification,
    /// Maps or scores of what is unusual.
    Anomaly,
}

impl Kind {
    /// The word in the plan.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Image => "image",
            Self::Labels => "labels",
            Self::Classification => "classification",
            Self::Anomaly => "anomaly",
        }
    }
}

/// The full scale of PSNR and SSIM.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DataRange {
    /// Maximum minus minimum of each case's reference.
    Reference,
    /// The same for every case, in the images' unit; above 0 and finite.
    Stated(f64),
}

/// What is measured. It enters the key of every result, so that results of another plan are not taken for this one's.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MeasurePlan {
    /// What kind of result.
    pub kind: Kind,
    /// For images, and only for them.
    pub data_range: Option<DataRange>,
    /// Tolerance of the surface Dice, mm; for label maps, and only for them.
    pub tolerance_mm: Option<f64>,
    /// Labels that count, with their names; empty for all that occur.
    pub labels: BTreeMap<u16, String>,
    /// Whether the connected components of each label are found and matched; for label maps.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub components: bool,
    /// The column that holds each case's truth, for classes and anomalies.
    pub truth: Option<String>,
    /// The truth that counts as positive, every other being negative; `None`: known words, or names of classes
    /// ([`super::truth`]).
    pub positive: Option<String>,
    /// With `positive`, all truths that count as negative; empty where the plan does not list them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub negative: Vec<String>,
    /// The least score of a candidate, for free-response curves of anomaly maps; `None`: the model's own threshold.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
}

/// How intervals are found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StatisticsPlan {
    /// One minus the confidence.
    pub alpha: f64,
    /// Draws of the bootstrap.
    pub resamples: usize,
    /// From draws to an interval.
    pub interval: IntervalMethod,
}

impl Default for StatisticsPlan {
    fn default() -> Self {
        Self { alpha: 0.05, resamples: 2000, interval: IntervalMethod::Bca }
    }
}

impl Plan {
    /// Reads and checks a plan.
    ///
    /// # Errors
    /// When it cannot be read, is no TOML, holds an unknown key, lacks something, or contradicts itself.
    pub fn read(path: &Path) -> Result<Self, PlanError> {
        let text = std::fs::read_to_string(path).map_err(|source| PlanError::Read { plan: path.to_owned(), source })?;
        Self::parse(&text, path)
    }

    /// Checks a plan's text; `path` is where it lies, for its folder and for messages.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn parse(text: &str, path: &Path) -> Result<Self, PlanError> {
        let raw: RawPlan = toml::from_str(text)
            .map_err(|e| PlanError::Toml { plan: path.to_owned(), message: e.to_string().trim_end().to_owned() })?;
        let checked = plan_file::checked(raw).map_err(|fault| fault.of(path))?;
        let folder = path.parent().map(Path::to_owned).unwrap_or_default();
        let sha256 = Sha256::digest(text.as_bytes()).iter().map(|b| format!("{b:02x}")).collect();
        Ok(Self { output: folder.join(&checked.output), folder, text: text.to_owned(), sha256, ..checked })
    }

    /// The columns that subgroups are made of: those of the plan, and the band of the age where there are bands.
    #[must_use]
    pub fn subgroup_columns(&self) -> Vec<String> {
        let mut columns: Vec<String> = Vec::new();
        let mut seen = BTreeSet::new();
        let age = (!self.age_bands.is_empty()).then(|| AGE.to_owned());
        for column in self.subgroups.iter().cloned().chain(age) {
            if seen.insert(column.clone()) {
                columns.push(column);
            }
        }
        columns
    }
}

/// The column that bands are made of.
pub const AGE: &str = "age";
