//! What every reader sees in which session, over designs, seeds, readers and sessions.

use std::collections::{BTreeMap, BTreeSet};

use super::super::lists::{Lists, ReadingList, Role, Trial, View, reading_lists};
use super::super::plan::{Design, Plan};
use super::sample_plans::Sample;
use super::studies::{SEEDS, each_study, label, of_reader, of_role, reading, synthetic, views};

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
fn arms_with_cases_of_their_own_are_told_at_the_plan_where_the_analysis_will_not_compare_them() {
    let said = |design: Design, nested: bool| {
        let plan = Sample { nested, ..Sample::new(design) }.plan();
        let warnings = reading_lists(&plan).unwrap().warnings;
        warnings.into_iter().find(|w| w.contains("nested in the modalities"))
    };
    for design in [Design::Grading, Design::Approval] {
        assert!(said(design, true).unwrap().contains("does not compare them"));
        assert_eq!(said(design, false), None);
    }
    for design in [Design::Roc, Design::Aided, Design::YesNo] {
        assert_eq!(said(design, true), None, "{design}: such arms are compared");
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
