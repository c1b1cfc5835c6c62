//! Which unit is shown how in which session: blocks, Williams squares and their rotation over readers.

use std::collections::BTreeMap;

use super::draws::Draws;
use super::squares::williams_row;
use super::units::{Screen, Unit};

/// What happens where a unit can be shown in more ways than there are sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surplus {
    /// A reader sees as many ways as there are sessions; which ones goes round over blocks and readers.
    Rotated,
    /// The same, but all readers see the same ones.
    SameForAll,
    /// A reader sees all of them, several in one session.
    Kept,
}

/// A unit with its place in the crossover, which all readers share.
#[derive(Debug, Clone)]
pub(super) struct Dealt {
    unit: Unit,
    /// Below the number of ways to show it.
    block: usize,
    /// In which session it comes first where there are more sessions than ways.
    offset: usize,
}

/// Deals units at random to blocks and first sessions, so that units which can be shown in the same ways are spread
/// evenly, and those of one truth and subgroup among them too.
pub(super) fn deal(units: Vec<Unit>, sessions: usize, draws: &mut Draws) -> Vec<Dealt> {
    let mut alike: BTreeMap<Vec<Vec<usize>>, Vec<Unit>> = BTreeMap::new();
    for unit in units {
        let ways = unit.choices.iter().map(|choice| choice.modalities.clone()).collect();
        alike.entry(ways).or_default().push(unit);
    }
    let mut dealt = Vec::new();
    for (start, (ways, mut units)) in alike.into_iter().enumerate() {
        draws.shuffle(&mut units);
        units.sort_by(|a, b| a.stratum.cmp(&b.stratum));
        let ways = ways.len().max(1);
        for (i, unit) in units.into_iter().enumerate() {
            let i = i + start;
            let (block, offset) = if sessions > ways {
                // Every pair of block and offset once before one comes again.
                ((i + i / least_common_multiple(ways, sessions)) % ways, i % sessions)
            } else {
                (i % ways, 0)
            };
            dealt.push(Dealt { unit, block, offset });
        }
    }
    dealt
}

/// The screens of each session of the reader in this place of the plan.
pub(super) fn allot(units: &[Dealt], sessions: usize, reader: usize, surplus: Surplus) -> Vec<Vec<Screen>> {
    let mut allotted = vec![Vec::new(); sessions];
    for Dealt { unit, block, offset } in units {
        let ways = unit.choices.len();
        let same_for_all = surplus == Surplus::SameForAll && sessions < ways;
        let row = square_row(ways, *block, if same_for_all { 0 } else { reader });
        for (place, choice) in row.into_iter().enumerate() {
            let session = match surplus {
                _ if sessions >= ways => (offset + place * sessions / ways) % sessions,
                Surplus::Kept => place * sessions / ways,
                _ if place >= sessions => continue,
                Surplus::SameForAll => (place + reader) % sessions,
                Surplus::Rotated => place,
            };
            if let (Some(screens), Some(choice)) = (allotted.get_mut(session), unit.choices.get(choice)) {
                screens.extend(choice.screens.iter().cloned());
            }
        }
    }
    allotted
}

/// The order in which a block goes through the ways for a reader. Blocks of one reader are a Latin square; the next
/// reader begins with another way. Where one square cannot balance the neighbours, readers take turns with its mirror.
fn square_row(ways: usize, block: usize, reader: usize) -> Vec<usize> {
    if ways.is_multiple_of(2) {
        return williams_row(ways, block + reader);
    }
    williams_row(ways, (block + reader / 2) % ways + (reader % 2) * ways)
}

fn least_common_multiple(a: usize, b: usize) -> usize {
    let (mut x, mut y) = (a, b);
    while y != 0 {
        (x, y) = (y, x % y);
    }
    a / x.max(1) * b
}

#[cfg(test)]
mod tests {
    use super::super::draws::Purpose;
    use super::super::lists::View;
    use super::super::units::Choice;
    use super::*;

    fn dealt(cases: usize, ways: usize, sessions: usize) -> Vec<Dealt> {
        let choice =
            |case, modality| Choice { modalities: vec![modality], screens: vec![vec![View { case, modality }]] };
        let unit = |case| Unit { choices: (0..ways).map(|m| choice(case, m)).collect(), stratum: (false, None, None) };
        deal((0..cases).map(unit).collect(), sessions, &mut Draws::of_study(1, Purpose::Blocks))
    }

    #[test]
    fn with_enough_sessions_each_way_comes_once_and_sessions_are_even() {
        for (ways, sessions) in [(1, 1), (1, 2), (2, 2), (2, 4), (2, 5), (3, 3), (3, 4), (4, 4), (4, 6), (5, 5)] {
            let units = dealt(60, ways, sessions);
            for reader in 0..4 {
                let allotted = allot(&units, sessions, reader, Surplus::Rotated);
                let mut seen = vec![vec![0; ways]; 60];
                for screens in &allotted {
                    let mut cases: Vec<usize> = screens.iter().map(|views| views[0].case).collect();
                    assert!(screens.len().abs_diff(60 * ways / sessions) <= 1, "{ways} {sessions}");
                    cases.sort_unstable();
                    cases.dedup();
                    assert_eq!(cases.len(), screens.len(), "a case twice in a session");
                    for way in 0..ways {
                        let count = screens.iter().filter(|views| views[0].modality == way).count();
                        assert!(count.abs_diff(60 / sessions) <= 2, "{ways} {sessions}: {count}");
                    }
                    screens.iter().for_each(|views| seen[views[0].case][views[0].modality] += 1);
                }
                assert!(seen.iter().flatten().all(|times| *times == 1));
            }
        }
    }

    #[test]
    fn with_one_session_half_of_the_readers_see_each_way() {
        let units = dealt(20, 2, 1);
        let mut seen = [[0; 2]; 20];
        for reader in 0..6 {
            let allotted = allot(&units, 1, reader, Surplus::Rotated);
            assert_eq!(allotted[0].len(), 20);
            allotted[0].iter().for_each(|views| seen[views[0].case][views[0].modality] += 1);
        }
        assert!(seen.iter().all(|counts| *counts == [3, 3]));
        let same = |reader| format!("{:?}", allot(&units, 1, reader, Surplus::SameForAll));
        assert_eq!(same(0), same(1));
    }

    #[test]
    fn the_way_that_comes_first_alternates_over_readers_and_blocks() {
        for ways in 2..=6 {
            for block in 0..ways {
                for reader in 0..2 * ways {
                    let first = |block, reader| square_row(ways, block, reader)[0];
                    assert_ne!(first(block, reader), first(block, reader + 1), "{ways} {block} {reader}");
                    assert_ne!(first(block, reader), first(block + 1, reader));
                }
            }
        }
    }

    #[test]
    fn surplus_ways_stay_in_the_list_where_they_are_kept() {
        let allotted = allot(&dealt(10, 3, 2), 2, 0, Surplus::Kept);
        assert_eq!((allotted[0].len(), allotted[1].len()), (20, 10));
    }
}
