//! What holds of every reading list, over designs, seeds, readers and sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::errors::ListError;
use super::lists::{Lists, ReadingList, Role, Trial, View, reading_lists};
use super::plan::{Design, Plan};
use super::sample_plans::Sample;

const SEEDS: u64 = 12;

fn samples() -> Vec<Sample> {
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
    samples
}

fn each_study(check: impl Fn(&Sample, &Plan, &Lists)) {
    for sample in samples() {
        for seed in 0..SEEDS {
            let sample = Sample { seed: seed * 1_000_003, ..sample.clone() };
            let plan = sample.plan();
            let lists = reading_lists(&plan).unwrap_or_else(|error| panic!("{error}: {sample:?}"));
            check(&sample, &plan, &lists);
        }
    }
}

fn of_role(list: &ReadingList, role: Role) -> impl Iterator<Item = &Trial> {
    list.trials.iter().filter(move |trial| trial.role == role)
}

fn reading(list: &ReadingList) -> Vec<&Trial> {
    list.trials.iter().filter(|trial| trial.role != Role::Training).collect()
}

fn of_reader<'a>(lists: &'a Lists, reader: &str) -> Vec<&'a ReadingList> {
    lists.lists.iter().filter(|list| list.reader == reader).collect()
}

fn synthetic(plan: &Plan, view: &View) -> bool {
    plan.modalities[view.modality].synthetic
}

/// What `max_run` is about, written anew from SPEC: truth, side, or modality.
fn label(plan: &Plan, trial: &Trial) -> usize {
    let view = &trial.views[0];
    match plan.design {
        Design::YesNo | Design::ForcedChoice => usize::from(synthetic(plan, view)),
        Design::Preference => usize::from(view.modality > trial.views[1].modality),
        Design::Grading | Design::Approval => view.modality,
        _ => usize::from(plan.cases[view.case].truth.unwrap()),
    }
}

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
        let orders = |lists: &Lists| lists.lists.iter().map(|list| views(&list.trials)).collect::<BTreeSet<_>>();
        assert_eq!(orders(&lists).len(), lists.lists.len(), "two readers or sessions with the same order");
    }
}

fn views(trials: &[Trial]) -> Vec<Vec<View>> {
    trials.iter().map(|trial| trial.views.clone()).collect()
}

#[test]
fn training_comes_first_in_the_first_session_only_once_each() {
    each_study(|sample, plan, lists| {
        for list in &lists.lists {
            let training: Vec<&Trial> = of_role(list, Role::Training).collect();
            assert!(list.trials[..training.len()].iter().all(|trial| trial.role == Role::Training));
            let cases: BTreeSet<usize> = training.iter().flat_map(|t| t.views.iter().map(|v| v.case)).collect();
            let expected = if list.session == 1 { sample.training } else { 0 };
            assert_eq!(cases.len(), expected, "{sample:?}");
            let screens = if sample.matched.is_some() { expected / 2 } else { expected };
            assert_eq!(training.len(), screens);
            assert!(cases.iter().all(|case| plan.cases[*case].training));
            assert!(reading(list).iter().all(|t| t.views.iter().all(|view| !plan.cases[view.case].training)));
        }
    });
}

#[test]
fn with_enough_sessions_every_reader_sees_every_case_once_in_every_modality() {
    each_study(|sample, plan, lists| {
        if plan.design.is_side_by_side() || (sample.sessions as usize) < sample.modalities.len() {
            return;
        }
        for reader in &plan.readers {
            let mut seen: BTreeMap<View, usize> = BTreeMap::new();
            for list in of_reader(lists, &reader.id) {
                let trials = list.trials.iter().filter(|t| matches!(t.role, Role::Main | Role::Catch));
                trials.for_each(|trial| *seen.entry(trial.views[0]).or_default() += 1);
            }
            let cases = plan.cases.iter().filter(|case| !case.training);
            let expected: usize = cases.map(|case| case.images.len()).sum();
            assert_eq!((seen.len(), seen.values().all(|times| *times == 1)), (expected, true), "{sample:?}");
        }
    });
}

#[test]
fn no_case_comes_twice_in_a_session_but_for_repeats() {
    each_study(|sample, plan, lists| {
        let all_pairs = sample.modalities.len() * (sample.modalities.len() - 1) / 2;
        if plan.design == Design::Preference && (sample.sessions as usize) < all_pairs {
            return;
        }
        for list in &lists.lists {
            let mut cases: Vec<usize> = Vec::new();
            for trial in list.trials.iter().filter(|trial| trial.role != Role::Repeat) {
                let of_trial: BTreeSet<usize> = trial.views.iter().map(|view| view.case).collect();
                cases.extend(of_trial);
            }
            let distinct: BTreeSet<&usize> = cases.iter().collect();
            assert_eq!(distinct.len(), cases.len(), "{} of {sample:?}", list.name());
        }
    });
}

#[test]
fn a_patient_is_never_real_and_synthetic_in_one_session_of_yes_no() {
    let mut checked = 0;
    each_study(|_, plan, lists| {
        if plan.design == Design::YesNo {
            lists.lists.iter().for_each(|list| one_kind_a_patient(plan, list));
        }
    });
    // Patients with several cases, of which some have one image only.
    for sessions in 1..=4 {
        for seed in 0..SEEDS {
            let sample = Sample { sessions, seed, cases: 30, repeats: 8, catch: 3, ..Sample::new(Design::YesNo) };
            let mut plan = sample.plan();
            for (i, case) in plan.cases.iter_mut().enumerate() {
                case.patient = format!("p{}", i / 3);
                if i % 3 == 1 {
                    case.images.remove(if i % 2 == 0 { "acquired" } else { "synthetic" });
                }
            }
            let lists = reading_lists(&plan).unwrap();
            lists.lists.iter().for_each(|list| one_kind_a_patient(&plan, list));
            checked += lists.lists.len();
        }
    }
    assert!(checked > 0);
}

fn one_kind_a_patient(plan: &Plan, list: &ReadingList) {
    let mut kinds: BTreeMap<&str, bool> = BTreeMap::new();
    for view in list.trials.iter().flat_map(|trial| &trial.views) {
        let kind = synthetic(plan, view);
        let first = *kinds.entry(&plan.cases[view.case].patient).or_insert(kind);
        assert_eq!(first, kind, "{} shows a patient both ways", list.name());
    }
}

#[test]
fn with_one_session_of_yes_no_half_of_the_readers_see_each_image() {
    for seed in 0..SEEDS {
        let plan = Sample { sessions: 1, readers: 6, seed, ..Sample::new(Design::YesNo) }.plan();
        let lists = reading_lists(&plan).unwrap();
        let mut synthetic_for = vec![0; plan.cases.len()];
        for list in &lists.lists {
            assert_eq!(list.trials.len(), 24);
            let shown: Vec<&View> = list.trials.iter().map(|t| &t.views[0]).filter(|v| synthetic(&plan, v)).collect();
            assert_eq!(shown.len(), 12);
            shown.iter().for_each(|view| synthetic_for[view.case] += 1);
        }
        assert!(synthetic_for.iter().all(|readers| *readers == 3));
        assert!(
            lists.warnings.iter().any(|w| w.contains("real and synthetic of one patient never stand in one session"))
        );
    }
}

#[test]
fn pairs_are_all_there_and_half_of_them_are_turned() {
    each_study(|sample, plan, lists| {
        if !plan.design.is_side_by_side() {
            return;
        }
        for reader in &plan.readers {
            let mut first_left = 0_i64;
            let mut pairs: BTreeSet<Vec<View>> = BTreeSet::new();
            let (mut main, mut enough) = (0, true);
            for list in of_reader(lists, &reader.id) {
                let mut of_session = 0_i64;
                for trial in of_role(list, Role::Main) {
                    let turned = label(plan, trial) == 1;
                    of_session += if turned { -1 } else { 1 };
                    let mut sorted = trial.views.clone();
                    sorted.sort_by_key(|view| view.modality);
                    enough &= pairs.insert(sorted);
                    main += 1;
                    let [a, b] = &trial.views[..] else { panic!("a pair has two views") };
                    if plan.design == Design::ForcedChoice {
                        assert_ne!(synthetic(plan, a), synthetic(plan, b));
                    }
                    let (first, second) = (&plan.cases[a.case], &plan.cases[b.case]);
                    if sample.matched.is_some() {
                        assert_ne!(first.patient, second.patient);
                        assert_eq!(first.match_group, second.match_group);
                    } else {
                        assert_eq!(first.id, second.id);
                    }
                }
                assert!(of_session.abs() <= 1, "{sample:?}: sides {of_session}");
                first_left += of_session;
            }
            assert!(first_left.abs() <= 1 && enough);
            let ways = if plan.design == Design::Preference {
                sample.modalities.len() * (sample.modalities.len() - 1) / 2
            } else {
                (sample.modalities.len() - 1).min(sample.sessions as usize)
            };
            let expected = match sample.matched {
                None => sample.cases * ways,
                Some(_) if sample.nested => sample.cases / 2,
                Some(_) => sample.cases / 2 * 2.min(sample.sessions as usize),
            };
            assert_eq!(main, expected, "{sample:?}");
        }
    });
}

#[test]
fn every_reader_reads_the_same_matched_pairs() {
    each_study(|sample, plan, lists| {
        if sample.matched.is_none() {
            return;
        }
        let pairs = |reader: &str| -> BTreeSet<Vec<View>> {
            let trials = of_reader(lists, reader).into_iter().flat_map(|list| of_role(list, Role::Main));
            trials
                .map(|trial| {
                    let mut views = trial.views.clone();
                    views.sort_by_key(|view| view.modality);
                    views
                })
                .collect()
        };
        assert!(plan.readers.iter().all(|reader| pairs(&reader.id) == pairs("R1")));
    });
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
fn sessions_are_even_and_modalities_alternate_over_readers() {
    for seed in 0..SEEDS {
        let plan = Sample { seed, ..Sample::new(Design::Roc) }.plan();
        let lists = reading_lists(&plan).unwrap();
        let first = |reader: &str| -> Vec<usize> {
            let mut modality = vec![9; plan.cases.len()];
            let trials = &of_reader(&lists, reader)[0].trials;
            trials.iter().for_each(|trial| modality[trial.views[0].case] = trial.views[0].modality);
            modality
        };
        let (one, two, three) = (first("R1"), first("R2"), first("R3"));
        assert!(one.iter().zip(&two).all(|(a, b)| a + b == 1));
        assert_eq!(one, three);
        for truth in [false, true] {
            let of_truth = || plan.cases.iter().zip(&one).filter(|(case, _)| case.truth == Some(truth));
            assert_eq!((of_truth().count(), of_truth().filter(|(_, m)| **m == 0).count()), (12, 6));
        }
    }
}

#[test]
fn exchanged_readers_exchange_their_orders_but_not_what_they_see() {
    for design in Design::ALL {
        let sample = Sample { training: 2, catch: 2, ..Sample::new(design) };
        let plan = sample.plan();
        let mut exchanged = plan.clone();
        exchanged.readers.swap(0, 1);
        let (before, after) = (reading_lists(&plan).unwrap(), reading_lists(&exchanged).unwrap());
        let what = |lists: &Lists, place: usize| {
            let list = &lists.lists[place * 2];
            let sorted = |views: &[View]| -> BTreeSet<View> { views.iter().copied().collect() };
            let mut seen: Vec<_> = list.trials.iter().map(|trial| (sorted(&trial.views), trial.role as u8)).collect();
            seen.sort();
            seen
        };
        for place in 0..2 {
            assert_eq!(what(&before, place), what(&after, place), "{design}");
        }
        assert_eq!(before.lists[4..], after.lists[4..], "other readers keep their lists, codes and all");
        let codes = |lists: &Lists, reader: &str| {
            of_reader(lists, reader).iter().flat_map(|list| &list.trials).map(|t| t.code.clone()).collect::<Vec<_>>()
        };
        assert_eq!(codes(&before, "R1"), codes(&after, "R1"), "codes go with the id");
    }
}

#[test]
fn a_renamed_reader_changes_no_other_list() {
    let plan = Sample { repeats: 3, ..Sample::new(Design::Roc) }.plan();
    let mut renamed = plan.clone();
    renamed.readers[1].id = "Z9".to_owned();
    let (before, after) = (reading_lists(&plan).unwrap(), reading_lists(&renamed).unwrap());
    assert_eq!(of_reader(&before, "R1"), of_reader(&after, "R1"));
    assert_ne!(views(&before.lists[2].trials), views(&after.lists[2].trials));
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
fn as_many_repeats_as_trials_still_fit_half_a_list_away() {
    for seed in 0..SEEDS {
        for design in [Design::YesNo, Design::Roc, Design::Preference] {
            let sample = Sample { sessions: 1, cases: 12, repeats: 12, seed, ..Sample::new(design) };
            let error = reading_lists(&sample.plan()).err();
            assert!(error.is_none() || design == Design::Preference, "{error:?}");
        }
    }
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

const PINNED: &str = "";
