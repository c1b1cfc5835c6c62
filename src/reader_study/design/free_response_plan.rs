//! Whether the lists of a free-response plan give its analysis what it rests on.

use std::collections::BTreeSet;

use super::errors::counted;
use super::lists::{ReadingList, Role};
use super::plan::{Design, Plan};
use super::units::modalities_of;
use crate::reader_study::analysis::free_response_cases::{SharedCases, TooFewCases};

/// Why the analysis of a plan would be refused, and what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{too_few}; {remedy}")]
pub struct NotAnalysable {
    /// What there would be.
    pub too_few: TooFewCases,
    /// What to change.
    pub remedy: String,
}

/// `Ok` for other designs, and with what the analysis will leave open where it can be made.
///
/// # Errors
/// When there would be no figure of merit.
pub(super) fn check(plan: &Plan, lists: &[ReadingList]) -> Result<Option<String>, NotAnalysable> {
    if plan.design != Design::FreeResponse {
        return Ok(None);
    }
    let cases = shared_cases(plan, lists);
    let with_remedy = |too_few: TooFewCases| {
        let remedy = remedy(plan, &too_few);
        NotAnalysable { too_few, remedy }
    };
    cases.suffice_for_area().map_err(with_remedy)?;
    let no_interval = cases.suffice_for_interval().err().map(with_remedy);
    Ok(no_interval.map(|error| format!("no interval and no test can be had: {error}")))
}

/// What every reader is to read in every arm.
fn shared_cases(plan: &Plan, lists: &[ReadingList]) -> SharedCases {
    let read = |reader: &str, modality: usize| -> BTreeSet<&str> {
        let trials = lists.iter().filter(|list| list.reader == reader).flat_map(|list| &list.trials);
        let views = trials.filter(|trial| trial.role == Role::Main).flat_map(|trial| &trial.views);
        let own = views.filter(|view| view.modality == modality).filter_map(|view| plan.cases.get(view.case));
        own.map(|case| case.id.as_str()).collect()
    };
    let of_arm = |(at, name): (usize, &String)| {
        (name.clone(), plan.readers.iter().map(|reader| read(&reader.id, at)).collect::<Vec<_>>())
    };
    let arms: Vec<_> = plan.modalities.iter().map(|modality| &modality.name).enumerate().map(of_arm).collect();
    SharedCases::of(&arms, |case| plan.case(case).is_some_and(|case| case.truth == Some(true)))
}

fn remedy(plan: &Plan, too_few: &TooFewCases) -> String {
    let (arms, sessions) = (plan.modalities.len(), plan.sessions.count as usize);
    let complete = |truth: bool| {
        let cases = plan.cases.iter().enumerate().filter(|(_, case)| case.is_main() && case.truth == Some(truth));
        cases.filter(|(at, _)| modalities_of(plan, *at).count() == arms).count()
    };
    for (truth, words) in [(false, "normal cases (`truth = 0`)"), (true, "diseased cases (`truth = 1`)")] {
        let found = complete(truth);
        if found < too_few.needed {
            let all = if arms == 1 { "an image".to_owned() } else { format!("an image in each of the {arms} arms") };
            return format!("give at least {} {words} {all}; the plan has {found}", too_few.needed);
        }
    }
    format!(
        "a reader sees a case once a session: plan at least {arms} sessions (`sessions.count`, now {sessions}), one for each arm, or \
         {} at most",
        counted(sessions.max(1), "arm")
    )
}
