use super::super::errors::ListError;
use super::super::lists::reading_lists;
use super::super::plan::Design;
use super::sample_plans::{Sample, parse};

const THREE: [&str; 3] = ["acquired", "s1", "s2"];

fn refused(sample: &Sample) -> String {
    match reading_lists(&sample.plan()) {
        Err(ListError::NotAnalysable(error)) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn three_arms_in_two_sessions_are_refused_with_what_each_arm_would_have_and_what_to_change() {
    let sample = Sample { modalities: THREE.to_vec(), cases: 36, ..Sample::new(Design::FreeResponse) };
    let words = refused(&sample);
    assert!(
        words.contains("at least 1 normal and 1 diseased are needed, and there are 0 normal and 0 diseased"),
        "{words}"
    );
    for arm in THREE {
        assert!(words.contains(&format!("in arm `{arm}`")), "{words}");
    }
    assert!(
        words.contains("plan at least 3 sessions (`sessions.count`, now 2)") && words.contains("2 arms at most"),
        "{words}"
    );
    let enough = Sample { sessions: 3, ..sample };
    assert_eq!(reading_lists(&enough.plan()).unwrap().lists.len(), 12);
}

#[test]
fn arms_with_cases_of_their_own_are_refused_for_free_response() {
    let words = refused(&Sample { nested: true, ..Sample::new(Design::FreeResponse) });
    assert!(words.contains("every reader reads 6 normal and 6 diseased in arm `acquired`"), "{words}");
    assert!(
        words.ends_with("give at least 1 normal cases (`truth = 0`) an image in each of the 2 arms; the plan has 0")
    );
}

#[test]
fn one_case_of_a_truth_gives_an_area_and_a_warning_that_there_is_no_interval() {
    let sample = Sample { cases: 3, sessions: 2, ..Sample::new(Design::FreeResponse) };
    // Cases 0 and 1 are normal, case 2 has a lesion.
    let warnings = reading_lists(&sample.plan()).unwrap().warnings;
    let about = warnings.iter().find(|w| w.contains("no interval and no test")).unwrap();
    assert!(
        about.contains("at least 2 normal and 2 diseased are needed, and there are 2 normal and 1 diseased"),
        "{about}"
    );
    assert!(
        about.contains("give at least 2 diseased cases (`truth = 1`)") && about.ends_with("the plan has 1"),
        "{about}"
    );
    let four = Sample { cases: 4, ..sample };
    assert!(!reading_lists(&four.plan()).unwrap().warnings.iter().any(|w| w.contains("no interval")));
}

#[test]
fn other_designs_are_not_held_to_it() {
    let plan = parse(&Sample { modalities: THREE.to_vec(), cases: 36, ..Sample::new(Design::Roc) }.text()).unwrap();
    assert!(reading_lists(&plan).is_ok());
}
