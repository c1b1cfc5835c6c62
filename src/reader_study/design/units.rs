//! What goes through the sessions together: a case, a patient, or a couple of matched cases, and the ways to show it.

use std::collections::BTreeMap;

use super::couples;
use super::draws::Draws;
use super::lists::View;
use super::plan::{Case, Design, Pairing, Plan};

/// What stands on one screen: one view, or two side by side.
pub(super) type Screen = Vec<View>;

/// One way to show a unit.
#[derive(Debug, Clone)]
pub(super) struct Choice {
    /// The modality, or the modalities of a pair.
    pub(super) modalities: Vec<usize>,
    /// One screen; of a patient, one for each of the cases that have the modality.
    pub(super) screens: Vec<Screen>,
}

/// What is never shown in two ways in one session where the number of sessions allows it.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// In the order of the modalities, at least one.
    pub(super) choices: Vec<Choice>,
    /// What is spread evenly over blocks and sessions.
    pub(super) stratum: Stratum,
}

/// Catch or not, truth, subgroup.
pub(super) type Stratum = (bool, Option<bool>, Option<String>);

/// The units of the training cases, or those of all other cases, and how many cases found no partner.
pub(super) fn units(plan: &Plan, training: bool, draws: &mut Draws) -> (Vec<Unit>, usize) {
    let cases: Vec<usize> =
        plan.cases.iter().enumerate().filter(|(_, c)| c.training == training).map(|(i, _)| i).collect();
    match plan.design {
        Design::ForcedChoice if plan.pairing == Pairing::Matched => couples::matched(plan, &cases, draws),
        Design::ForcedChoice => (cases.iter().filter_map(|case| pairs(plan, *case, differ_in_kind)).collect(), 0),
        Design::Preference => (cases.iter().filter_map(|case| pairs(plan, *case, |_, _, _| true)).collect(), 0),
        Design::YesNo => (by_patient(plan, &cases), 0),
        Design::Roc | Design::FreeResponse | Design::Grading | Design::Aided | Design::Approval => {
            (cases.iter().filter_map(|case| single(plan, &[*case])).collect(), 0)
        }
    }
}

pub(super) fn stratum(case: &Case) -> Stratum {
    (case.catch, case.truth, case.group.clone())
}

/// The modalities in which a case has an image, by their places in the plan.
pub(super) fn modalities_of(plan: &Plan, case: usize) -> impl Iterator<Item = usize> + Clone {
    let images = plan.cases.get(case).map(|case| &case.images);
    plan.modalities
        .iter()
        .enumerate()
        .filter(move |(_, modality)| images.is_some_and(|images| images.contains_key(&modality.name)))
        .map(|(i, _)| i)
}

pub(super) fn is_synthetic(plan: &Plan, modality: usize) -> bool {
    plan.modalities.get(modality).is_some_and(|modality| modality.synthetic)
}

/// One image a screen; all of `cases` go through the modalities together.
fn single(plan: &Plan, cases: &[usize]) -> Option<Unit> {
    let mut screens: BTreeMap<usize, Vec<Screen>> = BTreeMap::new();
    for case in cases {
        for modality in modalities_of(plan, *case) {
            screens.entry(modality).or_default().push(vec![View { case: *case, modality }]);
        }
    }
    let first = plan.cases.get(*cases.first()?)?;
    let choices: Vec<Choice> =
        screens.into_iter().map(|(modality, screens)| Choice { modalities: vec![modality], screens }).collect();
    (!choices.is_empty()).then(|| Unit { choices, stratum: stratum(first) })
}

/// A patient is one unit, so that the real and the synthetic image never stand in one session.
fn by_patient(plan: &Plan, cases: &[usize]) -> Vec<Unit> {
    let mut patients: Vec<(&str, Vec<usize>)> = Vec::new();
    let mut place: BTreeMap<&str, usize> = BTreeMap::new();
    for i in cases {
        let Some(case) = plan.cases.get(*i) else { continue };
        let at = *place.entry(&case.patient).or_insert(patients.len());
        match patients.get_mut(at) {
            Some((_, of_patient)) => of_patient.push(*i),
            None => patients.push((&case.patient, vec![*i])),
        }
    }
    patients.iter().filter_map(|(_, cases)| single(plan, cases)).collect()
}

fn differ_in_kind(plan: &Plan, a: usize, b: usize) -> bool {
    is_synthetic(plan, a) != is_synthetic(plan, b)
}

/// Two images of one case a screen, for every pair of modalities that `fits`; the real one is named first, else the
/// earlier modality.
fn pairs(plan: &Plan, case: usize, fits: impl Fn(&Plan, usize, usize) -> bool) -> Option<Unit> {
    let modalities = modalities_of(plan, case);
    let both = modalities.clone().flat_map(|a| modalities.clone().map(move |b| (a, b)));
    let choices: Vec<Choice> = both
        .filter(|(a, b)| a < b && fits(plan, *a, *b))
        .map(|(a, b)| if plan.design == Design::ForcedChoice && is_synthetic(plan, a) { (b, a) } else { (a, b) })
        .map(|(a, b)| Choice {
            modalities: vec![a, b],
            screens: vec![vec![View { case, modality: a }, View { case, modality: b }]],
        })
        .collect();
    let stratum = stratum(plan.cases.get(case)?);
    (!choices.is_empty()).then_some(Unit { choices, stratum })
}
