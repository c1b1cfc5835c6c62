//! What holds of the order of every reading list, over designs, seeds, readers and sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::super::errors::ListError;
use super::super::lists::{ReadingList, Role, Trial, reading_lists};
use super::super::plan::Design;
use super::sample_plans::Sample;
use super::studies::{SEEDS, each_study, label, of_reader, reading, samples, views};

#[test]
fn every_list_is_there_in_order_and_no_code_comes_twice() {
    each_study(|sample, plan, lists| {
        let names: Vec<String> = lists.lists.iter().map(ReadingList::name).collect();
        let expected = plan.readers.iter().flat_map(|r| (1..=sample.sessions).map(|s| format!("{}-s{s}", r.id)));
        assert_eq!(names, expected.collect::<Vec<_>>());
        let mut codes = BTreeSet::new();
        for trial in lists.lists.iter().flat_map(|list| &list.trials) {
            let fits = |c: char| (c.is_ascii_uppercase() || c.is_ascii_digit()) && !"0O1ILAEU".contains(c);
            assert!(trial.code.len() == 4 && trial.code.chars().all(fits), "{}", trial.code);
            assert!(codes.insert(&trial.code), "{} twice", trial.code);
        }
    });
}

#[test]
fn the_same_plan_gives_the_same_lists_and_another_seed_others() {
    for sample in samples() {
        let lists = reading_lists(&sample.plan()).unwrap();
        assert_eq!(lists, reading_lists(&sample.plan()).unwrap());
        let other = reading_lists(&Sample { seed: sample.seed + 1, ..sample }.plan()).unwrap();
        assert_ne!(lists.lists, other.lists);
        // Orders of fewer trials may agree by chance.
        let long = || lists.lists.iter().filter(|list| list.trials.len() >= 10);
        let orders: BTreeSet<_> = long().map(|list| views(&list.trials)).collect();
        assert_eq!(orders.len(), long().count(), "two readers or sessions with the same order");
    }
}

#[test]
fn repeats_are_main_trials_seen_again_far_away() {
    each_study(|sample, plan, lists| {
        for reader in &plan.readers {
            let of_reader = of_reader(lists, &reader.id);
            let mut firsts = BTreeSet::new();
            for list in &of_reader {
                let reading = reading(list);
                let at = |code: &str| reading.iter().position(|trial| trial.code == code);
                for (place, trial) in reading.iter().enumerate().filter(|(_, trial)| trial.role == Role::Repeat) {
                    let first = trial.repeats.as_deref().unwrap();
                    assert!(firsts.insert(first.to_owned()), "{first} is repeated twice");
                    let session = of_reader.iter().find(|list| list.trials.iter().any(|t| t.code == first)).unwrap();
                    let shown = session.trials.iter().find(|trial| trial.code == first).unwrap();
                    assert_eq!((shown.role, &shown.views), (Role::Main, &trial.views));
                    assert!(session.session <= list.session);
                    if let Some(first) = at(first) {
                        assert!(place >= first + reading.len().div_ceil(2), "{sample:?}: {first} and {place}");
                        let later = session.session < sample.sessions;
                        assert!(!later || plan.design == Design::YesNo, "a later session was there: {sample:?}");
                    }
                }
                assert!(list.trials.iter().all(|trial| trial.repeats.is_some() == (trial.role == Role::Repeat)));
            }
            assert_eq!(firsts.len(), sample.repeats as usize);
        }
    });
}

#[test]
fn no_truth_stands_more_often_in_a_row_than_allowed() {
    each_study(|sample, plan, lists| {
        let Some(limit) = sample.max_run else { return };
        for list in &lists.lists {
            let labels: Vec<usize> = reading(list).iter().map(|trial| label(plan, trial)).collect();
            let longest = labels.chunk_by(|a, b| a == b).map(<[usize]>::len).max().unwrap();
            assert!(longest <= limit as usize, "{longest} in {} of {sample:?}", list.name());
        }
    });
}

#[test]
fn each_quarter_has_its_share_of_truths_and_modalities() {
    each_study(|sample, plan, lists| {
        for list in &lists.lists {
            let reading = reading(list);
            let quarter = |place: usize| place * 4 / reading.len();
            let mut counts: BTreeMap<(&str, usize), [usize; 4]> = BTreeMap::new();
            for (place, trial) in reading.iter().enumerate() {
                counts.entry(("label", label(plan, trial))).or_default()[quarter(place)] += 1;
                if !plan.design.is_side_by_side() {
                    let cell = label(plan, trial) * 10 + trial.views[0].modality;
                    counts.entry(("cell", cell)).or_default()[quarter(place)] += 1;
                }
            }
            for ((what, key), quarters) in counts {
                let all: usize = quarters.iter().sum();
                // In quarters of the whole share: one trial is four.
                let most = if sample.max_run.is_some() || what == "cell" { 9 } else { 6 };
                let fits = quarters.iter().all(|count| (4 * count).abs_diff(all) <= most);
                assert!(fits, "{what} {key}: {quarters:?} in {} of {sample:?}", list.name());
            }
        }
    });
}

#[test]
fn catch_trials_are_spread_over_the_list() {
    each_study(|sample, _, lists| {
        for list in &lists.lists {
            let reading = reading(list);
            let places: Vec<usize> =
                reading.iter().enumerate().filter(|(_, t)| t.role == Role::Catch).map(|(place, _)| place).collect();
            for (i, place) in places.iter().enumerate() {
                let (from, to) = (i * reading.len() / places.len(), (i + 1) * reading.len() / places.len());
                // Where a segment has no place for a truth, the nearest one is taken.
                assert!(place + 3 >= from && *place < to + 3, "{places:?} of {} in {sample:?}", reading.len());
            }
        }
    });
}

#[test]
fn pairs_of_one_case_keep_away_from_each_other() {
    for seed in 0..SEEDS {
        let sample = Sample { modalities: vec!["a", "b", "s"], sessions: 1, seed, ..Sample::new(Design::Preference) };
        let lists = reading_lists(&sample.plan()).unwrap();
        for list in &lists.lists {
            let near = list.trials.windows(2).filter(|pair| pair[0].views[0].case == pair[1].views[0].case).count();
            assert_eq!((list.trials.len(), near), (72, 0));
        }
        assert!(lists.warnings.iter().any(|warning| warning.contains("more than once in a session, in up to 3 pairs")));
    }
}

#[test]
fn impossible_wishes_are_refused_with_the_reason() {
    let mut plan = Sample { max_run: Some(2), ..Sample::new(Design::Roc) }.plan();
    plan.cases.iter_mut().skip(4).for_each(|case| case.truth = Some(true));
    let error = reading_lists(&plan).unwrap_err();
    assert_eq!(
        error.to_string(),
        "reader R1, session 1: no order of 24 trials, 22 of which have one truth, keeps `max_run = 2`; raise it to at \
         least 8, or balance the cases"
    );
    let plan = Sample { repeats: 49, ..Sample::new(Design::Roc) }.plan();
    let error = reading_lists(&plan).unwrap_err();
    assert_eq!(error.to_string(), "`repeats = 49`, but reader R1 has only 48 trials; ask for fewer");
    let mut plan = Sample { cases: 2, sessions: 3, ..Sample::new(Design::YesNo) }.plan();
    plan.cases.iter_mut().for_each(|case| case.patient = "p".to_owned());
    assert!(matches!(reading_lists(&plan), Err(ListError::NoTrials { session: 3, .. })));
}

#[test]
fn repeats_of_four_fifths_of_the_trials_still_fit_half_a_list_away() {
    for seed in 0..SEEDS {
        for max_run in [None, Some(4)] {
            let sample = Sample { sessions: 1, cases: 40, repeats: 32, seed, max_run, ..Sample::new(Design::Roc) };
            assert_eq!(reading_lists(&sample.plan()).err(), None);
        }
    }
    let sample = Sample { sessions: 1, cases: 40, repeats: 40, ..Sample::new(Design::Roc) };
    let error = reading_lists(&sample.plan()).unwrap_err().to_string();
    let expected = "reader R1, session 1: no order of 80 trials was found in which 40 repeats stand half a list away";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn lists_are_pinned() {
    // From this generator itself: a change here changes the lists of studies that are under way.
    let sample = Sample { cases: 6, catch: 1, training: 1, repeats: 1, ..Sample::new(Design::YesNo) };
    let lists = reading_lists(&sample.plan()).unwrap();
    let trial = |trial: &Trial| {
        let letter = ["m", "t", "r", "c"][trial.role as usize];
        format!("{} {letter}{}{}", trial.code, trial.views[0].case, ["a", "s"][trial.views[0].modality])
    };
    let first: Vec<String> = lists.lists[0].trials.iter().map(trial).collect();
    assert_eq!(first.join(", "), PINNED);
}

const PINNED: &str = "96XB t6a, H8FK m2a, 5NXF m0s, DD97 m5s, JNM9 m1a, 2CJ5 m4a, 9H6J c7a, SS5Y r2a, 73HG m3s";
