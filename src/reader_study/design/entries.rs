//! The trials of one reader before they are ordered: sides, roles and labels.

use super::draws::Draws;
use super::lists::{Role, View};
use super::plan::{Design, Plan};
use super::units::{Screen, is_synthetic};

/// A trial without code and place.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// Unique among the trials of one reader.
    pub(super) id: usize,
    /// In screen order.
    pub(super) views: Vec<View>,
    pub(super) role: Role,
    /// Truth; of pairs the side; where there is no truth, the modality.
    pub(super) label: usize,
    /// The modality, or the pair of them.
    pub(super) stratum: usize,
    /// The entry that is shown again.
    pub(super) repeats: Option<usize>,
}

impl Entry {
    pub(super) fn shares_a_case(&self, other: &Self) -> bool {
        self.views.iter().any(|view| other.views.iter().any(|of_other| of_other.case == view.case))
    }
}

/// Entries of all sessions of one reader, ids from `first_id` on. Of pairs, half have the first view on the left:
/// exactly (up to one) over all sessions and in each, for main and catch trials on their own.
pub(super) fn entries(
    plan: &Plan,
    sessions: Vec<Vec<Screen>>,
    training: bool,
    first_id: usize,
    draws: &mut Draws,
) -> Vec<Vec<Entry>> {
    let is_catch = |screen: &Screen| screen.iter().any(|view| plan.cases.get(view.case).is_some_and(|case| case.catch));
    let mut next_id = first_id;
    // Which side begins is drawn for main and for catch trials.
    let mut turned = [draws.below(2) == 1, draws.below(2) == 1];
    let mut made = Vec::with_capacity(sessions.len());
    for mut screens in sessions {
        draws.shuffle(&mut screens);
        screens.sort_by_key(|screen| (is_catch(screen), stratum(plan, screen)));
        let mut session = Vec::with_capacity(screens.len());
        for screen in screens {
            let (catch, stratum) = (is_catch(&screen), stratum(plan, &screen));
            let turn = screen.len() == 2 && {
                let turned = &mut turned[usize::from(catch)];
                *turned = !*turned;
                *turned
            };
            let label = label(plan, &screen, turn);
            let mut views = screen;
            if turn {
                views.reverse();
            }
            let role = match (training, catch) {
                (true, _) => Role::Training,
                (false, true) => Role::Catch,
                (false, false) => Role::Main,
            };
            session.push(Entry { id: next_id, views, role, label, stratum, repeats: None });
            next_id += 1;
        }
        made.push(session);
    }
    made
}

fn stratum(plan: &Plan, screen: &Screen) -> usize {
    screen.iter().fold(0, |number, view| number * plan.modalities.len() + view.modality)
}

fn label(plan: &Plan, screen: &Screen, turned: bool) -> usize {
    let Some(view) = screen.first() else { return 0 };
    match plan.design {
        Design::ForcedChoice | Design::Preference => usize::from(turned),
        Design::YesNo => usize::from(is_synthetic(plan, view.modality)),
        Design::Roc | Design::FreeResponse | Design::Aided => {
            usize::from(plan.cases.get(view.case).and_then(|case| case.truth) == Some(true))
        }
        Design::Grading | Design::Approval => view.modality,
    }
}
