//! Matched pairs of forced choice: real and synthetic images of two patients of one group.
//!
//! Couples are made once for the study, so that all readers read the same pairs and the analysis over readers finds
//! every pair read by everybody.

use std::collections::BTreeMap;

use super::draws::Draws;
use super::lists::View;
use super::plan::Plan;
use super::units::{Choice, Unit, is_synthetic, modalities_of, stratum};

/// So many random matchings of a group are tried; the one that leaves the fewest cases alone is kept.
const TRIES: usize = 64;

/// A couple is one unit: the one real beside the other synthetic, and the other way round where the images are there.
/// Also says how many of `cases` found no partner.
pub(super) fn matched(plan: &Plan, cases: &[usize], draws: &mut Draws) -> (Vec<Unit>, usize) {
    // Catch cases are paired among themselves: a pair is either a catch trial or not.
    let mut groups: BTreeMap<(bool, &str), Vec<usize>> = BTreeMap::new();
    for i in cases {
        if let Some(case) = plan.cases.get(*i) {
            groups.entry((case.catch, case.match_group.as_deref().unwrap_or_default())).or_default().push(*i);
        }
    }
    let (mut units, mut alone) = (Vec::new(), 0);
    for members in groups.into_values() {
        let mut best = Vec::new();
        for _ in 0..TRIES {
            let mut order = members.clone();
            draws.shuffle(&mut order);
            // Those with one kind of image only go first: they have fewer partners.
            order.sort_by_key(|case| kinds(plan, *case) == (true, true));
            let found = couples(plan, order);
            if found.len() > best.len() {
                best = found;
            }
            if best.len() == members.len() / 2 {
                break;
            }
        }
        alone += members.len() - 2 * best.len();
        units.extend(best);
    }
    (units, alone)
}

/// Each case with the first later one that fits.
fn couples(plan: &Plan, mut order: Vec<usize>) -> Vec<Unit> {
    let mut found = Vec::new();
    while let Some(first) = (!order.is_empty()).then(|| order.remove(0)) {
        let partner = order.iter().enumerate().find_map(|(at, other)| Some((at, couple(plan, first, *other)?)));
        if let Some((at, unit)) = partner {
            order.remove(at);
            found.push(unit);
        }
    }
    found
}

/// Whether a case has a real and whether it has a synthetic image.
fn kinds(plan: &Plan, case: usize) -> (bool, bool) {
    let has = |wanted: bool| modalities_of(plan, case).any(|modality| is_synthetic(plan, modality) == wanted);
    (has(false), has(true))
}

fn couple(plan: &Plan, a: usize, b: usize) -> Option<Unit> {
    let (first, second) = (plan.cases.get(a)?, plan.cases.get(b)?);
    if first.patient == second.patient {
        return None;
    }
    let mut choices = Vec::new();
    for (real_case, synthetic_case) in [(a, b), (b, a)] {
        for real in modalities_of(plan, real_case).filter(|modality| !is_synthetic(plan, *modality)) {
            for synthetic in modalities_of(plan, synthetic_case).filter(|modality| is_synthetic(plan, *modality)) {
                let views =
                    vec![View { case: real_case, modality: real }, View { case: synthetic_case, modality: synthetic }];
                choices.push(Choice { modalities: vec![real, synthetic], screens: vec![views] });
            }
        }
    }
    (!choices.is_empty()).then(|| Unit { choices, stratum: stratum(first) })
}
