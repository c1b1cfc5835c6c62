//! The plan of a study once it is checked; it holds the truth and is never given to a reader.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::power_plan::PowerPlan;
use super::question::Question;

/// What a study asks and how it is carried out.
///
/// Made by [`Plan::read`] or [`Plan::parse`], which check it. Its JSON is the frozen plan, except that there each image
/// path is `sha256:` and the hash of the file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The study's name; readers see it.
    pub title: String,
    /// What one trial shows and asks.
    pub design: Design,
    /// Every random choice comes from it; at most 2^53 - 1.
    pub seed: u64,
    /// Two-sided significance level, between 0 and 1.
    pub alpha: f64,
    /// Noninferiority or equivalence margin in the unit of the figure of merit, above 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
    /// Shown before the first trial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<String>,
    /// Who or what set the truth, for the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub truth_source: Option<String>,
    /// Why it has so many readers and cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power: Option<PowerPlan>,
    /// Which images stand side by side in forced choice.
    pub pairing: Pairing,
    /// How often readers come.
    pub sessions: Sessions,
    /// What a reader may do in a trial.
    pub reading: ReadingRules,
    /// How lists are ordered.
    pub order: Order,
    /// At least one; the place in this list decides which modality a reader sees first.
    pub readers: Vec<Reader>,
    /// The arms, at least one.
    pub modalities: Vec<Modality>,
    /// In the order in which they are asked.
    pub questions: Vec<Question>,
    /// The cases with their truth.
    pub cases: Vec<Case>,
}

impl Plan {
    /// Every image, overlay and hint, each file once.
    #[must_use]
    pub fn image_paths(&self) -> BTreeSet<&Path> {
        self.cases.iter().flat_map(Case::paths).map(PathBuf::as_path).collect()
    }

    /// Whether nothing of it is analysed: every case is training, and its truth is told at once.
    #[must_use]
    pub fn is_quiz(&self) -> bool {
        !self.cases.is_empty() && self.cases.iter().all(|case| case.training)
    }
}

/// What one trial shows and asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Design {
    /// One image: real or synthetic?
    YesNo,
    /// A real and a synthetic image side by side: which one is real?
    ForcedChoice,
    /// One case: how likely is disease?
    Roc,
    /// One case: any number of marks with ratings.
    FreeResponse,
    /// One image: grades by criteria.
    Grading,
    /// Two images of one case side by side: which one is preferred?
    Preference,
    /// One case with or without an aid: how likely is disease?
    Aided,
    /// One result, maybe a segmentation over its image: would it be approved?
    Approval,
}

impl Design {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::YesNo,
        Self::ForcedChoice,
        Self::Roc,
        Self::FreeResponse,
        Self::Grading,
        Self::Preference,
        Self::Aided,
        Self::Approval,
    ];

    /// The name in a plan.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::YesNo => "yes_no",
            Self::ForcedChoice => "forced_choice",
            Self::Roc => "roc",
            Self::FreeResponse => "free_response",
            Self::Grading => "grading",
            Self::Preference => "preference",
            Self::Aided => "aided",
            Self::Approval => "approval",
        }
    }

    /// Whether two modalities stand side by side in one trial.
    #[must_use]
    pub fn is_side_by_side(self) -> bool {
        matches!(self, Self::ForcedChoice | Self::Preference)
    }

    /// Whether what is to be found out is which image is synthetic.
    #[must_use]
    pub fn asks_for_synthetic(self) -> bool {
        matches!(self, Self::YesNo | Self::ForcedChoice)
    }

    /// Whether what is to be found out is a case's truth, so that every case needs one.
    #[must_use]
    pub fn asks_for_disease(self) -> bool {
        matches!(self, Self::Roc | Self::FreeResponse | Self::Aided)
    }
}

impl fmt::Display for Design {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which images stand side by side in forced choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pairing {
    /// Real and synthetic of one case, which tests fidelity as well.
    #[default]
    SameCase,
    /// Real and synthetic of two patients of one `match` group, which tests realism alone.
    Matched,
}

/// How often readers come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Sessions {
    /// Sessions of each reader, 1 to 99.
    pub count: u32,
    /// Least number of days between two sessions of one reader.
    pub washout_days: u32,
    /// A session ends after so many minutes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_limit_minutes: Option<u32>,
    /// A break is offered after so many trials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub break_every: Option<u32>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { count: 1, washout_days: 0, time_limit_minutes: None, break_every: None }
    }
}

/// What a reader may do in a trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ReadingRules {
    /// Whether a confirmed trial may be opened again.
    pub allow_back: bool,
    /// The tools that work.
    pub tools: Vec<Tool>,
    /// Center and width in the image's own values with which every image opens; else one automatic window for each
    /// case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<[f64; 2]>,
    /// No answer is taken before so many seconds.
    pub hide_seconds: u32,
}

impl Default for ReadingRules {
    fn default() -> Self {
        let tools = vec![Tool::Window, Tool::Zoom, Tool::Pan, Tool::Scroll];
        Self { allow_back: false, tools, window: None, hide_seconds: 0 }
    }
}

/// A tool of the viewer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tool {
    /// Window center and width.
    Window,
    /// Zoom.
    Zoom,
    /// Move the image.
    Pan,
    /// Through the slices.
    Scroll,
    /// Distances and angles.
    Measure,
    /// Black for white.
    Invert,
    /// Other views of the same image.
    Layout,
}

/// How lists are ordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Order {
    /// Trials that each reader sees again, over all sessions.
    pub repeats: u32,
    /// Whether training trials say the true answer afterwards.
    pub training_feedback: bool,
    /// At most so many trials of one truth in a row (of one side for pairs, of one modality where there is no truth).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_run: Option<u32>,
}

impl Default for Order {
    fn default() -> Self {
        Self { repeats: 0, training_feedback: true, max_run: None }
    }
}

/// Somebody who reads.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// `[A-Za-z0-9_-]{1,32}`; no two differ only in upper and lower case, since files are named after it.
    pub id: String,
    /// For the report: `radiologist`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// Years of experience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub years: Option<f64>,
}

/// An arm of the study.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Modality {
    /// Its name; never shown to a reader.
    pub name: String,
    /// Whether its images were made artificially.
    pub synthetic: bool,
    /// What made them, for the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
}

/// What is read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    /// Unique in the plan.
    pub id: String,
    /// Whether it is diseased; 0 or 1 in files. Needed by roc, free_response and aided.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "digit")]
    pub truth: Option<bool>,
    /// Whose case it is.
    pub patient: String,
    /// Subgroup for the report.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Cases of one such group may be paired in forced choice.
    #[serde(default, rename = "match", skip_serializing_if = "Option::is_none")]
    pub match_group: Option<String>,
    /// Read first, with feedback, never analysed.
    pub training: bool,
    /// An obvious case that shows whether the reader attends.
    pub catch: bool,
    /// By modality, one file, or two that stand on one screen (an image and its aid).
    pub images: BTreeMap<String, Vec<PathBuf>>,
    /// By modality, the labelmap that is judged (approval).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub overlay: BTreeMap<String, PathBuf>,
    /// Where the disease is (free_response).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lesions: Vec<Lesion>,
    /// A map on the image's grid that a player may ask for (quiz).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<PathBuf>,
    /// What gives it away, told after the answer (quiz).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tell: Option<String>,
}

impl Plan {
    /// A case by its id.
    #[must_use]
    pub fn case(&self, id: &str) -> Option<&Case> {
        self.cases.iter().find(|case| case.id == id)
    }

    /// A modality by its name.
    #[must_use]
    pub fn modality(&self, name: &str) -> Option<&Modality> {
        self.modalities.iter().find(|modality| modality.name == name)
    }

    /// The names of the arms, acquired ones first, else in the plan's order: the first is the reference of comparisons.
    #[must_use]
    pub fn arms(&self) -> Vec<&str> {
        let of = |synthetic: bool| self.modalities.iter().filter(move |m| m.synthetic == synthetic);
        of(false).chain(of(true)).map(|m| m.name.as_str()).collect()
    }

    /// The names of the synthetic arms, in the plan's order.
    #[must_use]
    pub fn synthetic_arms(&self) -> Vec<&str> {
        self.modalities.iter().filter(|m| m.synthetic).map(|m| m.name.as_str()).collect()
    }
}

impl Case {
    /// The files that it names: images, overlays, the hint.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        self.images.values().flatten().chain(self.overlay.values()).chain(&self.hint)
    }

    /// As [`Case::paths`], to be replaced.
    pub(super) fn paths_mut(&mut self) -> impl Iterator<Item = &mut PathBuf> {
        self.images.values_mut().flatten().chain(self.overlay.values_mut()).chain(&mut self.hint)
    }

    /// Whether its readings enter the analysis: neither training nor catch.
    #[must_use]
    pub fn is_main(&self) -> bool {
        !self.training && !self.catch
    }
}

/// Where a disease is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lesion {
    /// Centre in patient coordinates, mm, LPS.
    pub center_mm: [f64; 3],
    /// A mark within this distance localises it, mm.
    pub radius_mm: f64,
    /// Its share in a weighted figure of merit relative to the case's other lesions.
    #[serde(default = "one")]
    pub weight: f64,
}

/// The weight of a lesion that names none.
pub(super) fn one() -> f64 {
    1.0
}

/// A truth as 0 or 1.
pub(super) mod digit {
    use super::{Deserialize, Deserializer, Serialize, Serializer};

    pub(in crate::reader_study::design) fn serialize<S: Serializer>(
        truth: &Option<bool>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        truth.map(u8::from).serialize(serializer)
    }

    pub(in crate::reader_study::design) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<bool>, D::Error> {
        match Option::<u8>::deserialize(deserializer)? {
            None => Ok(None),
            Some(0) => Ok(Some(false)),
            Some(1) => Ok(Some(true)),
            Some(other) => Err(serde::de::Error::custom(format!("truth is {other}; it is 0 or 1"))),
        }
    }
}
