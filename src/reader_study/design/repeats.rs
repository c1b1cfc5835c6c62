//! Which trials a reader sees again, and in which session.

use std::collections::{BTreeMap, BTreeSet};

use super::draws::Draws;
use super::entries::Entry;
use super::lists::{Role, View};
use super::plan::{Design, Plan};
use super::units::is_synthetic;

/// Adds `count` repeats of main trials to the sessions of one reader; `Err` says how many trials may be repeated.
///
/// A trial is repeated once at most. Before anything else a case is not repeated twice; then a later session without
/// the case is preferred to a later session with it, and that to the same session. The strata of trials take turns,
/// and so do the sessions.
pub(super) fn add(plan: &Plan, sessions: &mut [Vec<Entry>], count: usize, draws: &mut Draws) -> Result<(), usize> {
    let mut waiting: Vec<Candidate> = Vec::new();
    for (session, entries) in sessions.iter().enumerate() {
        let main = entries.iter().filter(|entry| entry.role == Role::Main);
        waiting.extend(main.map(|entry| Candidate { session, entry: entry.clone() }));
    }
    let possible = waiting.len();
    if count > possible {
        return Err(possible);
    }
    draws.shuffle(&mut waiting);
    let mut shown: Vec<Shown> = sessions.iter().map(|entries| Shown::of(plan, entries)).collect();
    let mut repeated_cases: BTreeSet<usize> = BTreeSet::new();
    let mut of_stratum: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let free_id = sessions.iter().flatten().map(|entry| entry.id + 1).max().unwrap_or(0);
    for id in free_id..free_id + count {
        let rank = |at: usize, candidate: &Candidate| {
            let entry = &candidate.entry;
            let (target, how_far) = candidate.target(plan, &shown)?;
            let again = entry.views.iter().any(|view| repeated_cases.contains(&view.case));
            let alike = of_stratum.get(&(entry.label, entry.stratum)).copied().unwrap_or(0);
            let load = shown.get(target)?.repeats;
            Some(((again, how_far, alike, load, at), target))
        };
        let best = waiting.iter().enumerate().filter_map(|(at, candidate)| rank(at, candidate)).min();
        let Some(((.., at), target)) = best else { return Err(possible) };
        let Candidate { entry, .. } = waiting.remove(at);
        repeated_cases.extend(entry.views.iter().map(|view| view.case));
        *of_stratum.entry((entry.label, entry.stratum)).or_default() += 1;
        let repeat = Entry { id, role: Role::Repeat, repeats: Some(entry.id), ..entry };
        if let (Some(shown), Some(entries)) = (shown.get_mut(target), sessions.get_mut(target)) {
            shown.add(plan, &repeat);
            shown.repeats += 1;
            entries.push(repeat);
        }
    }
    Ok(())
}

/// The pairs of entries of one session of which the second must come half a list after the first: a repeat and its
/// first showing or, where that was in an earlier session, the case's own trial of this session, lest the repeat
/// disturb it.
pub(super) fn apart(entries: &[Entry]) -> Vec<(usize, usize)> {
    let mut apart = Vec::new();
    for (second, repeat) in entries.iter().enumerate().filter(|(_, entry)| entry.role == Role::Repeat) {
        if let Some(first) = entries.iter().position(|entry| Some(entry.id) == repeat.repeats) {
            apart.push((first, second));
            continue;
        }
        let shares = |entry: &Entry| entry.role != Role::Repeat && entry.shares_a_case(repeat);
        apart.extend(entries.iter().enumerate().filter(|(_, entry)| shares(entry)).map(|(first, _)| (first, second)));
    }
    apart
}

struct Candidate {
    session: usize,
    entry: Entry,
}

/// How far away a repeat is, the farthest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Distance {
    OtherSessionAlone,
    OtherSession,
    HalfAList,
}

impl Candidate {
    /// The best session for its repeat: among equally far ones, that with the fewest repeats.
    fn target(&self, plan: &Plan, shown: &[Shown]) -> Option<(usize, Distance)> {
        let possible = shown.iter().enumerate().skip(self.session).filter_map(|(session, there)| {
            if session == self.session {
                return Some((Distance::HalfAList, there.repeats, session));
            }
            if plan.design == Design::YesNo && there.has_the_other_kind(plan, &self.entry) {
                return None;
            }
            let present = self.entry.views.iter().any(|view| there.cases.contains(&view.case));
            let distance = if present { Distance::OtherSession } else { Distance::OtherSessionAlone };
            Some((distance, there.repeats, session))
        });
        possible.min().map(|(distance, _, session)| (session, distance))
    }
}

/// What a session shows so far.
struct Shown {
    cases: BTreeSet<usize>,
    /// Patients and whether the image is synthetic.
    kinds: BTreeSet<(String, bool)>,
    repeats: usize,
}

impl Shown {
    fn of(plan: &Plan, entries: &[Entry]) -> Self {
        let mut shown = Self { cases: BTreeSet::new(), kinds: BTreeSet::new(), repeats: 0 };
        entries.iter().for_each(|entry| shown.add(plan, entry));
        shown
    }

    fn add(&mut self, plan: &Plan, entry: &Entry) {
        self.cases.extend(entry.views.iter().map(|view| view.case));
        self.kinds.extend(kinds(plan, entry));
    }

    fn has_the_other_kind(&self, plan: &Plan, entry: &Entry) -> bool {
        kinds(plan, entry).any(|(patient, synthetic)| self.kinds.contains(&(patient, !synthetic)))
    }
}

fn kinds(plan: &Plan, entry: &Entry) -> impl Iterator<Item = (String, bool)> {
    let of_view = |view: &View| {
        let patient = plan.cases.get(view.case)?.patient.clone();
        Some((patient, is_synthetic(plan, view.modality)))
    };
    entry.views.iter().filter_map(of_view).collect::<Vec<_>>().into_iter()
}
