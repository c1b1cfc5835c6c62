//! What in a package's public files is not as the sealed plan has it.
//!
//! Readers get `study.json` and the lists in the open, so that anybody may have changed them. What was sealed counts:
//! [`sealed_study`] is what an analysis goes by, and [`differing`] says where the open files differ from it.

use serde::Serialize;

use super::material::Material;
use crate::reader_study::design::{
    Part, PublicList, PublicStudy, PublicTrial, Role, SealedTrial, SealedTruth, TrialKind,
};

/// The public study with everything of it that the sealed plan says.
#[must_use]
pub fn sealed_study(study: &PublicStudy, truth: &SealedTruth) -> PublicStudy {
    let plan = truth.plan.plan();
    PublicStudy {
        format: study.format,
        title: plan.title.clone(),
        design: plan.design,
        instructions: plan.instructions.clone(),
        plan_sha256: study.plan_sha256.clone(),
        software: study.software.clone(),
        sessions: plan.sessions.clone(),
        reading: plan.reading.clone(),
        training_feedback: plan.order.training_feedback,
        readers: plan.readers.iter().map(|reader| reader.id.clone()).collect(),
        questions: plan.questions.clone(),
        lists: study.lists.clone(),
        trials: study.trials.clone(),
    }
}

/// Every difference, with its file.
#[must_use]
pub fn differing(material: &Material, truth: &SealedTruth) -> Vec<String> {
    let (found, sealed) = (&material.study, sealed_study(&material.study, truth));
    let mut all = Vec::new();
    let mut field = |name: &str, found: String, sealed: String| {
        if found != sealed {
            all.push(format!("study.json: {name} is {} and was sealed as {}", short(&found), short(&sealed)));
        }
    };
    field("the title", json(&found.title), json(&sealed.title));
    field("the design", json(&found.design), json(&sealed.design));
    field("the instructions", json(&found.instructions), json(&sealed.instructions));
    field("the plan of sessions", json(&found.sessions), json(&sealed.sessions));
    field("what a reader may do", json(&found.reading), json(&sealed.reading));
    field("feedback in training", json(&found.training_feedback), json(&sealed.training_feedback));
    field("the list of readers", json(&found.readers), json(&sealed.readers));
    for question in &sealed.questions {
        let same = found.questions.iter().find(|other| other.id == question.id);
        field(&format!("question `{}`", question.id), json(&same), json(&Some(question)));
    }
    let ids = |study: &PublicStudy| study.questions.iter().map(|q| q.id.clone()).collect::<Vec<_>>();
    field("the order of the questions", json(&ids(found)), json(&ids(&sealed)));
    for key in truth.lists.keys().filter(|key| !material.lists.contains_key(*key)) {
        all.push(format!("study.json: the list {key} was sealed and is not named in it"));
    }
    for (key, (list, _)) in &material.lists {
        all.extend(truth.lists.get(key).and_then(|trials| list_differs(key, list, trials, truth)));
    }
    all
}

/// The first trial of a list that does not show what was sealed.
fn list_differs(key: &str, list: &PublicList, sealed: &[SealedTrial], truth: &SealedTruth) -> Option<String> {
    let differs = |(public, sealed): &(&PublicTrial, &SealedTrial)| {
        public.code != sealed.code
            || (public.kind == TrialKind::Training) != (sealed.role == Role::Training)
            || !shows(public, sealed, truth)
    };
    if list.trials.len() != sealed.len() {
        return Some(format!(
            "lists/{key}.json: it has {} trials, and {} were sealed",
            list.trials.len(),
            sealed.len()
        ));
    }
    let (public, _) = list.trials.iter().zip(sealed).find(differs)?;
    Some(format!("lists/{key}.json: trial {} does not show what was sealed", public.code))
}

/// Whether the images on the screen are those of the sealed trial.
fn shows(public: &PublicTrial, sealed: &SealedTrial, truth: &SealedTruth) -> bool {
    let is = |blob: &String, at: usize, part: &[Part]| {
        let case = sealed.cases.as_ref().and_then(|cases| cases.get(at)).unwrap_or(&sealed.case);
        truth.blobs.get(blob).is_some_and(|found| {
            found.case == *case && Some(&found.modality) == sealed.modalities.get(at) && part.contains(&found.part)
        })
    };
    let images = match (sealed.modalities.len(), public.images.as_slice()) {
        (1, [image]) => is(image, 0, &[Part::Image]),
        (1, [image, second]) => is(image, 0, &[Part::Image]) && is(second, 0, &[Part::Second]),
        (2, [left, right]) => is(left, 0, &[Part::Image]) && is(right, 1, &[Part::Image]),
        _ => false,
    };
    images && public.overlay.as_ref().is_none_or(|blob| is(blob, 0, &[Part::Overlay]))
}

fn json(value: &impl Serialize) -> String {
    // Structs of numbers and texts always have a JSON form.
    serde_json::to_string(value).unwrap_or_default()
}

/// Not more of a value than fits in a line.
fn short(text: &str) -> String {
    const MOST: usize = 120;
    if text.chars().count() > MOST { text.chars().take(MOST).chain(['…']).collect() } else { text.to_owned() }
}
