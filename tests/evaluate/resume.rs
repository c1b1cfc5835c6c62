//! What is finished is not done again, whatever ended the run.

use std::io::Write;
use std::process::Command;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use veritome::evaluate::{EvaluateError, Fingerprint, RunOptions, Statistics};

use super::tiny::{TinyWork, evaluate, image_plan, write_cases, write_plan};

fn numbers(evaluation: &veritome::evaluate::Evaluation) -> String {
    let statistics = Statistics::of(evaluation).unwrap();
    serde_json::to_string(&(statistics.summaries, statistics.differences, statistics.subgroups)).unwrap()
}

#[test]
fn a_cancelled_run_goes_on_where_it_stopped_with_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 6);
    let plan = write_plan(folder.path(), &image_plan(""));
    let stopped = TinyWork { cancel_after: Some(5), ..TinyWork::default() };
    assert!(matches!(evaluate(&plan, &stopped, RunOptions::default()), Err(EvaluateError::Cancelled(_))));
    let store = folder.path().join("results/results.jsonl");
    assert_eq!(std::fs::read_to_string(&store).unwrap().lines().count(), 5);
    // As a crash would leave it.
    std::fs::OpenOptions::new()
        .append(true)
        .open(&store)
        .unwrap()
        .write_all(b"{\"key\":\"abc\",\"case\":\"p0")
        .unwrap();
    let rest = TinyWork::default();
    let evaluation = evaluate(&plan, &rest, RunOptions { at_once: 2, ..RunOptions::default() }).unwrap();
    assert_eq!((rest.calls.load(Ordering::Relaxed), evaluation.reused), (7, 5));
    assert!(evaluation.notes[0].contains("torn off"), "{:?}", evaluation.notes);
    let whole = tempfile::tempdir().unwrap();
    write_cases(whole.path(), 6);
    let at_once =
        evaluate(&write_plan(whole.path(), &image_plan("")), &TinyWork::default(), RunOptions::default()).unwrap();
    assert_eq!(numbers(&evaluation), numbers(&at_once));
}

#[test]
fn nothing_is_done_twice_unless_asked_or_changed() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 3);
    let path = write_plan(folder.path(), &image_plan(""));
    let calls = |options: RunOptions| {
        let work = TinyWork::default();
        evaluate(&path, &work, options).unwrap();
        work.calls.load(Ordering::Relaxed)
    };
    let usual = RunOptions::default();
    assert_eq!((calls(usual), calls(usual)), (6, 0));
    assert_eq!(calls(RunOptions { again: true, ..usual }), 6);
    // A word in the title changes no result; the data range does.
    write_plan(folder.path(), &image_plan("").replace("tiny", "small"));
    assert_eq!(calls(usual), 0);
    write_plan(folder.path(), &image_plan("").replace("data_range = 150", "data_range = \"reference\""));
    assert_eq!((calls(usual), calls(usual)), (6, 0));
    // An input that changed concerns its case only.
    let input = folder.path().join("data/p01/t1.raw");
    let mut bytes = std::fs::read(&input).unwrap();
    bytes[0] ^= 1;
    std::fs::write(&input, bytes).unwrap();
    assert_eq!(calls(usual), 2);
    // By content a touched file is the same.
    let content = RunOptions { fingerprint: Fingerprint::Content, ..usual };
    assert_eq!(calls(content), 6);
    let same = std::fs::read(&input).unwrap();
    std::thread::sleep(Duration::from_millis(20));
    std::fs::write(&input, same).unwrap();
    assert_eq!((calls(content), calls(usual)), (0, 2));
}

#[test]
fn what_failed_is_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 2);
    let path = write_plan(folder.path(), &image_plan("").replace("\"noisy\"", "\"panics\""));
    evaluate(&path, &TinyWork::default(), RunOptions::default()).unwrap();
    let again = TinyWork::default();
    let evaluation = evaluate(&path, &again, RunOptions::default()).unwrap();
    assert_eq!((again.calls.load(Ordering::Relaxed), evaluation.reused), (2, 2));
}

#[cfg(unix)]
#[test]
fn files_that_cannot_be_read_cost_their_own_case_only() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 3);
    let input = folder.path().join("data/p01/t1.raw");
    std::fs::remove_file(&input).unwrap();
    std::fs::create_dir(&input).unwrap();
    std::os::unix::fs::symlink("nowhere", input.join("0001.dcm")).unwrap();
    let plan = write_plan(folder.path(), &image_plan(""));
    let work = TinyWork::default();
    let evaluation = evaluate(&plan, &work, RunOptions::default()).unwrap();
    let failed: Vec<_> = evaluation.records.iter().filter(|r| r.failed.is_some()).collect();
    assert_eq!((failed.len(), work.calls.load(Ordering::Relaxed)), (2, 4));
    let reason = failed[0].failed.as_deref().unwrap();
    assert!(reason.contains("0001.dcm: there is no such file or folder"), "{reason}");
}

/// Started by the next test in a process of its own.
#[test]
#[ignore = "a helper of the next test"]
fn evaluates_slowly() {
    let Some(plan) = std::env::var_os("VERITOME_SLOW_PLAN") else { return };
    let work = TinyWork { slowly: Duration::from_millis(150), ..TinyWork::default() };
    let _ = evaluate(plan.as_ref(), &work, RunOptions { at_once: 2, ..RunOptions::default() });
}

#[test]
fn a_killed_process_loses_only_what_it_was_at() {
    let folder = tempfile::tempdir().unwrap();
    write_cases(folder.path(), 10);
    let plan = write_plan(folder.path(), &image_plan(""));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "resume::evaluates_slowly", "--ignored"])
        .env("VERITOME_SLOW_PLAN", &plan)
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let store = folder.path().join("results/results.jsonl");
    let lines = || std::fs::read_to_string(&store).map_or(0, |t| t.lines().count());
    let since = Instant::now();
    while lines() < 4 && since.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let finished = lines();
    assert!((4..20).contains(&finished), "{finished}");
    let rest = TinyWork::default();
    let evaluation = evaluate(&plan, &rest, RunOptions::default()).unwrap();
    assert_eq!(evaluation.reused + rest.calls.load(Ordering::Relaxed), 20);
    assert!(evaluation.reused + 1 >= finished && evaluation.records.iter().all(|r| r.failed.is_none()));
}
