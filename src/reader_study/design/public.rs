//! What readers get: `study.json` and one list for each of their sessions. Nothing in it tells a truth.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::asks_for::AsksFor;
use super::blobs::{Blobs, Part};
use super::freeze::{FrozenPlan, hex};
use super::lists::{Lists, ReadingList, Role, Trial, View};
use super::plan::{Design, Plan, ReadingRules, Sessions};
use super::question::Question;
use super::told::Told;

/// The version of the package's files.
pub const FORMAT: u32 = 1;

/// `study.json`: no seed, modality, case, path or date, and no number that tells how many images are synthetic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicStudy {
    /// [`FORMAT`].
    pub format: u32,
    /// The study's name.
    pub title: String,
    /// What one trial shows and asks.
    pub design: Design,
    /// Shown before the first trial.
    pub instructions: Option<String>,
    /// The registered hash of the plan.
    pub plan_sha256: String,
    /// Which program made the package.
    pub software: String,
    /// How often readers come.
    pub sessions: Sessions,
    /// What a reader may do in a trial.
    pub reading: ReadingRules,
    /// Whether training trials say the true answer afterwards.
    pub training_feedback: bool,
    /// The readers' ids.
    pub readers: Vec<String>,
    /// In the order in which they are asked.
    pub questions: Vec<Question>,
    /// By name of a list (`R1-s1`), the SHA-256 of its file.
    pub lists: BTreeMap<String, String>,
    /// By name of a list, its number of trials, training among them.
    pub trials: BTreeMap<String, usize>,
}

/// `lists/<reader>-s<session>.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicList {
    /// The reader's id.
    pub reader: String,
    /// From 1.
    pub session: u32,
    /// The registered hash of the plan.
    pub plan_sha256: String,
    /// In the order of reading.
    pub trials: Vec<PublicTrial>,
}

/// One screen as far as a reader may know it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicTrial {
    /// Its name.
    pub code: String,
    /// Training or not.
    pub kind: TrialKind,
    /// One blob, or two: left and right of a pair, or an image and its aid.
    pub images: Vec<String>,
    /// The blob of the labelmap that is judged.
    pub overlay: Option<String>,
    /// The true answer in words; in training trials only.
    pub feedback: Option<String>,
    /// The blob of the map that a player may ask for (quiz).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The true answer in a form to judge by (quiz).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<Told>,
}

/// Repeats and catch trials look like any other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialKind {
    /// Never analysed.
    Training,
    /// Everything else.
    Reading,
}

impl PublicStudy {
    /// Of a frozen plan and the lists made of it; `software` names the program and its version.
    #[must_use]
    pub fn new(frozen: &FrozenPlan, lists: &[PublicList], software: &str) -> Self {
        let plan = frozen.plan();
        Self {
            format: FORMAT,
            title: plan.title.clone(),
            design: plan.design,
            instructions: plan.instructions.clone(),
            plan_sha256: frozen.sha256().to_owned(),
            software: software.to_owned(),
            sessions: plan.sessions.clone(),
            reading: plan.reading.clone(),
            training_feedback: plan.order.training_feedback,
            readers: plan.readers.iter().map(|reader| reader.id.clone()).collect(),
            questions: plan.questions.clone(),
            lists: lists.iter().map(|list| (list.name(), list.sha256())).collect(),
            trials: lists.iter().map(|list| (list.name(), list.trials.len())).collect(),
        }
    }

    /// The content of `study.json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }
}

impl PublicList {
    /// One for each reading list.
    #[must_use]
    pub fn all(frozen: &FrozenPlan, lists: &Lists, blobs: &Blobs) -> Vec<Self> {
        lists.lists.iter().map(|list| Self::new(frozen, list, blobs)).collect()
    }

    fn new(frozen: &FrozenPlan, list: &ReadingList, blobs: &Blobs) -> Self {
        Self {
            reader: list.reader.clone(),
            session: list.session,
            plan_sha256: frozen.sha256().to_owned(),
            trials: list.trials.iter().map(|trial| public(frozen.plan(), trial, blobs)).collect(),
        }
    }

    /// Whether every trial tells its truth at once, and nothing is analysed.
    #[must_use]
    pub fn is_quiz(&self) -> bool {
        !self.trials.is_empty() && self.trials.iter().all(|trial| trial.told.is_some())
    }

    /// `R1-s1`, the name of its file without ending.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}-s{}", self.reader, self.session)
    }

    /// The content of its file, the same for the same list.
    #[must_use]
    pub fn to_json(&self) -> String {
        json(self)
    }

    /// The SHA-256 of [`PublicList::to_json`] in hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        hex(&Sha256::digest(self.to_json().as_bytes()))
    }
}

/// Indented, with a newline at the end. These types have no map with other keys than text, so that writing cannot fail.
pub(super) fn json(value: &impl Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn public(plan: &Plan, trial: &Trial, blobs: &Blobs) -> PublicTrial {
    let name = |view: &View, part: Part| blobs.of(*view, part).map(|blob| blob.name.clone());
    let images = trial.views.iter().flat_map(|view| [Part::Image, Part::Second].map(|part| name(view, part)));
    let is_training = trial.role == Role::Training;
    PublicTrial {
        code: trial.code.clone(),
        kind: if is_training { TrialKind::Training } else { TrialKind::Reading },
        images: images.flatten().collect(),
        overlay: trial.views.iter().find_map(|view| name(view, Part::Overlay)),
        feedback: (is_training && plan.order.training_feedback).then(|| true_answer(plan, trial)).flatten(),
        hint: trial.views.first().and_then(|view| blobs.hint(view.case)).map(|blob| blob.name.clone()),
        told: plan.is_quiz().then(|| Told::of(plan, trial)),
    }
}

/// The true answer in words; none where there is no truth.
fn true_answer(plan: &Plan, trial: &Trial) -> Option<String> {
    let view = trial.views.first()?;
    let is_synthetic = |view: &View| plan.modalities.get(view.modality).is_some_and(|modality| modality.synthetic);
    let case = plan.cases.get(view.case)?;
    let words = match plan.design {
        Design::YesNo if is_synthetic(view) => "This image is synthetic".to_owned(),
        Design::YesNo => "This image is real".to_owned(),
        Design::ForcedChoice => {
            let primary = plan.questions.iter().find(|question| question.primary);
            let wanted = primary.map_or(AsksFor::Real, Question::wanted);
            let is_left = is_synthetic(view) == (wanted == AsksFor::Synthetic);
            format!("The {} image is {}", if is_left { "left" } else { "right" }, wanted.name())
        }
        Design::Roc | Design::Aided if case.truth? => "Disease is present".to_owned(),
        Design::FreeResponse if case.truth? => match case.lesions.len() {
            1 => "There is 1 lesion".to_owned(),
            n => format!("There are {n} lesions"),
        },
        Design::Roc | Design::Aided => "Disease is absent".to_owned(),
        Design::FreeResponse => "There is no lesion".to_owned(),
        Design::Grading | Design::Preference | Design::Approval => return None,
    };
    Some(words)
}
