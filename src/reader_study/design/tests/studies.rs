//! Studies of all designs with their lists, made once for all tests.

use std::sync::LazyLock;

use super::super::lists::{Lists, ReadingList, Role, Trial, View, reading_lists};
use super::super::plan::{Design, Plan};
use super::sample_plans::Sample;

pub(super) const SEEDS: u64 = 8;

pub(super) fn samples() -> Vec<Sample> {
    let mut samples = Vec::new();
    for design in Design::ALL {
        for sessions in 1..=4 {
            let base = Sample { sessions, ..Sample::new(design) };
            samples.push(base.clone());
            samples.push(Sample { training: 3, catch: 4, repeats: 5, readers: 5, ..base.clone() });
            samples.push(Sample { max_run: Some(3), repeats: 6, catch: 2, cases: 31, ..base.clone() });
            samples.push(Sample { modalities: vec!["acquired", "s1", "s2"], cases: 36, repeats: 4, ..base.clone() });
            if !design.is_side_by_side() {
                samples.push(Sample { nested: true, repeats: 4, catch: 2, cases: 40, ..base.clone() });
            }
            if design == Design::ForcedChoice {
                samples.push(Sample { matched: Some(4), repeats: 3, training: 4, catch: 2, ..base.clone() });
                samples.push(Sample { matched: Some(6), nested: true, ..base.clone() });
            }
        }
    }
    samples.retain(is_analysable);
    samples
}

/// Free response is refused where no reader sees every case in every arm.
fn is_analysable(sample: &Sample) -> bool {
    let crossed = !sample.nested && sample.sessions as usize >= sample.modalities.len();
    sample.design != Design::FreeResponse || crossed
}

/// The samples with several seeds each, with their lists.
pub(super) static STUDIES: LazyLock<Vec<(Sample, Plan, Lists)>> = LazyLock::new(|| {
    let seeded = |sample: Sample| (0..SEEDS).map(move |seed| Sample { seed: seed * 1_000_003, ..sample.clone() });
    let study = |sample: Sample| {
        let plan = sample.plan();
        let lists = reading_lists(&plan).unwrap_or_else(|error| panic!("{error}: {sample:?}"));
        (sample, plan, lists)
    };
    samples().into_iter().flat_map(seeded).map(study).collect()
});

pub(super) fn each_study(check: impl Fn(&Sample, &Plan, &Lists)) {
    STUDIES.iter().for_each(|(sample, plan, lists)| check(sample, plan, lists));
}

pub(super) fn of_role(list: &ReadingList, role: Role) -> impl Iterator<Item = &Trial> {
    list.trials.iter().filter(move |trial| trial.role == role)
}

pub(super) fn reading(list: &ReadingList) -> Vec<&Trial> {
    list.trials.iter().filter(|trial| trial.role != Role::Training).collect()
}

pub(super) fn of_reader<'a>(lists: &'a Lists, reader: &str) -> Vec<&'a ReadingList> {
    lists.lists.iter().filter(|list| list.reader == reader).collect()
}

pub(super) fn synthetic(plan: &Plan, view: &View) -> bool {
    plan.modalities[view.modality].synthetic
}

/// What `max_run` is about, written anew from SPEC: truth, side, or modality.
pub(super) fn label(plan: &Plan, trial: &Trial) -> usize {
    let view = &trial.views[0];
    match plan.design {
        Design::YesNo | Design::ForcedChoice => usize::from(synthetic(plan, view)),
        Design::Preference => usize::from(view.modality > trial.views[1].modality),
        Design::Grading | Design::Approval => view.modality,
        _ => usize::from(plan.cases[view.case].truth.unwrap()),
    }
}

pub(super) fn views(trials: &[Trial]) -> Vec<Vec<View>> {
    trials.iter().map(|trial| trial.views.clone()).collect()
}
