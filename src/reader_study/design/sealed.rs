//! What stays sealed until all sessions are closed: the frozen plan and every key.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::blobs::{Blob, Blobs, Part};
use super::errors::FreezeError;
use super::freeze::FrozenPlan;
use super::lists::{Lists, ReadingList, Role, Trial, View};
use super::plan::Plan;
use super::public::{FORMAT, json};

/// The content of `sealed/truth.age` before it is encrypted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedTruth {
    /// [`FORMAT`].
    pub format: u32,
    /// The registered plan.
    pub plan: FrozenPlan,
    /// By blob name, what it is.
    pub blobs: BTreeMap<String, SealedBlob>,
    /// By name of a list (`R1-s1`), its trials in order.
    pub lists: BTreeMap<String, Vec<SealedTrial>>,
    /// By path in the package, the SHA-256 of every file that was made before the truth was sealed; packages of before do
    /// not have it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, String>,
}

/// What an image of the package is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedBlob {
    /// The case's id.
    pub case: String,
    /// The modality's name.
    pub modality: String,
    /// What it is on the screen.
    pub part: Part,
    /// The SHA-256 of the file of which it was made.
    pub sha256: String,
    /// That file, as the study's owner had it.
    pub path: String,
}

/// What a trial shows and what it is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedTrial {
    /// The trial's name in the list.
    pub code: String,
    /// The case; of a matched pair, the one whose synthetic image is shown.
    pub case: String,
    /// The cases in screen order where they differ (matched pairs).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cases: Option<Vec<String>>,
    /// The modalities in screen order, one for designs that show one.
    pub modalities: Vec<String>,
    /// What it is for.
    pub role: Role,
    /// The code of the first showing where this is a repeat, maybe of an earlier session.
    pub repeats: Option<String>,
}

impl SealedTruth {
    /// Of a frozen plan, the lists made of it and its images.
    #[must_use]
    pub fn new(frozen: &FrozenPlan, lists: &Lists, blobs: &Blobs) -> Self {
        let plan = frozen.plan();
        let blob = |blob: &Blob| SealedBlob {
            case: case_id(plan, blob.view),
            modality: modality_name(plan, blob.view),
            part: blob.part,
            sha256: blob.sha256.clone(),
            path: blob.path.display().to_string(),
        };
        let trials = |list: &ReadingList| list.trials.iter().map(|trial| sealed(plan, trial)).collect::<Vec<_>>();
        Self {
            format: FORMAT,
            plan: frozen.clone(),
            blobs: blobs.all().iter().map(|of| (of.name.clone(), blob(of))).collect(),
            lists: lists.lists.iter().map(|list| (list.name(), trials(list))).collect(),
            files: BTreeMap::new(),
        }
    }

    /// The text to encrypt.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }

    /// Reads what was sealed, and checks that its plan is the one registered as `plan_sha256`.
    ///
    /// # Errors
    /// When it is malformed, of another format, or its plan was changed.
    pub fn from_json(text: &str, plan_sha256: &str) -> Result<Self, FreezeError> {
        let unreadable = |message: String| FreezeError::Json { what: "the sealed truth", message };
        let truth: Self = serde_json::from_str(text).map_err(|error| unreadable(error.to_string()))?;
        if truth.format != FORMAT {
            let message = format!("its format is {}, and this program reads {FORMAT}", truth.format);
            return Err(unreadable(message));
        }
        truth.plan.verify(plan_sha256)?;
        Ok(truth)
    }
}

fn case_id(plan: &Plan, view: View) -> String {
    plan.cases.get(view.case).map(|case| case.id.clone()).unwrap_or_default()
}

fn modality_name(plan: &Plan, view: View) -> String {
    plan.modalities.get(view.modality).map(|modality| modality.name.clone()).unwrap_or_default()
}

fn sealed(plan: &Plan, trial: &Trial) -> SealedTrial {
    let is_synthetic = |view: &View| plan.modalities.get(view.modality).is_some_and(|modality| modality.synthetic);
    let cases: Vec<String> = trial.views.iter().map(|view| case_id(plan, *view)).collect();
    let named = trial.views.iter().find(|view| is_synthetic(view)).or(trial.views.first());
    let differ = cases.windows(2).any(|pair| pair.first() != pair.last());
    SealedTrial {
        code: trial.code.clone(),
        case: named.map(|view| case_id(plan, *view)).unwrap_or_default(),
        cases: differ.then_some(cases),
        modalities: trial.views.iter().map(|view| modality_name(plan, *view)).collect(),
        role: trial.role,
        repeats: trial.repeats.clone(),
    }
}
