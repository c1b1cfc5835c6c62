//! What a quiz tells after an answer.

use serde::{Deserialize, Serialize};

use super::lists::{Trial, View};
use super::plan::{Case, Modality, Plan};

/// The truth of a trial that is not analysed. A package holds it for quizzes alone.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// The case's id.
    pub case: String,
    /// For each image in screen order, whether it is synthetic.
    pub synthetic: Vec<bool>,
    /// What made the synthetic image, as the plan calls it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Whether disease is present, where that is asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disease: Option<bool>,
    /// What gives it away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tell: Option<String>,
}

impl Told {
    pub(super) fn of(plan: &Plan, trial: &Trial) -> Self {
        let modality = |view: &View| plan.modalities.get(view.modality);
        let case = trial.views.first().and_then(|view| plan.cases.get(view.case));
        let made = trial.views.iter().filter_map(modality).find(|m| m.synthetic);
        let by = |m: &Modality| m.model.clone().unwrap_or_else(|| m.name.clone());
        Self {
            case: case.map(|case| case.id.clone()).unwrap_or_default(),
            synthetic: trial.views.iter().map(|view| modality(view).is_some_and(|m| m.synthetic)).collect(),
            model: made.map(by),
            disease: case.filter(|_| plan.design.asks_for_disease()).and_then(|case: &Case| case.truth),
            tell: case.and_then(|case| case.tell.clone()),
        }
    }
}
