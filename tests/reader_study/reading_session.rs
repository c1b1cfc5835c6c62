//! A session that is read, killed, resumed, altered: what a reader and a study's owner would recognise.

use std::collections::BTreeMap;
use std::path::Path;

use super::invented_study::{Invention, opening, readers};
use veritome::reader_study::design::{AnswerValue, Answers, SealedTruth};
use veritome::reader_study::outcome::Material;
use veritome::reader_study::outcome::simulate::{Simulation, simulate};
use veritome::reader_study::session::clock::DrivenClock;
use veritome::reader_study::session::entry::Entry;
use veritome::reader_study::session::event::{CloseReason, Event};
use veritome::reader_study::session::finding::FindingKind;
use veritome::reader_study::session::reading::ReadingError;
use veritome::reader_study::session::step::{ProgressError, Step};
use veritome::reader_study::session::storage::{Memory, Storage};
use veritome::reader_study::session::utc::{DAY_MS, Utc};
use veritome::reader_study::session::verify::{Expected, verify};
use veritome::reader_study::session::washout::{MayStart, override_washout};
use veritome::reader_study::session::{LogError, Progress, ReadingSession, SessionLog};

const KEY: &str = "R01-s1";

fn study(design: &'static str) -> (Invention, Material, SealedTruth) {
    // Free response is only planned where every case is read in every arm.
    let sessions = if design == "free_response" { 2 } else { 1 };
    let invention = Invention { training: 1, catch: 1, repeats: 1, sessions, ..Invention::new(design, 1, 3) };
    let (material, truth) = invention.build();
    (invention, material, truth)
}

/// The bytes of a whole session read by a simulated reader.
fn whole_log(invention: &Invention, material: &Material, truth: &SealedTruth) -> Vec<u8> {
    let begin = Utc::parse("2026-11-26T08:00:00.000Z").unwrap();
    simulate(material, truth, &readers(invention, truth, 1.0), Simulation { seed: 1, begin }).unwrap().remove(0).bytes
}

fn confirmed(entries: &[Entry]) -> BTreeMap<String, Answers> {
    let of = |entry: &Entry| match &entry.event {
        Event::Confirmed { code, answers } => Some((code.clone(), answers.clone())),
        _ => None,
    };
    entries.iter().filter_map(of).collect()
}

fn open(material: &Material, path: &Path) -> Result<SessionLog, LogError> {
    let clock = DrivenClock::new(Utc::parse("2026-11-27T08:00:00.000Z").unwrap());
    SessionLog::open_with(path, opening(material, "R01", 1), Box::new(clock))
}

#[test]
fn a_session_killed_at_any_byte_goes_on_at_the_right_trial_with_every_confirmed_answer() {
    let (invention, material, truth) = study("free_response");
    let bytes = whole_log(&invention, &material, &truth);
    let (list, _) = &material.lists[KEY];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut resumed = 0;
    for kept in 0..bytes.len() {
        // Every line that was acknowledged before the kill ended with a newline.
        let whole_lines = bytes[..kept].iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let acknowledged = verify("before", &bytes[..whole_lines], &Expected::default());
        // On the disk, whose syncs take long, now and then; else in memory, by the same code.
        let mut memory = Memory::default();
        let on_disk = kept % 61 == 0;
        let log = if on_disk {
            std::fs::write(&path, &bytes[..kept]).unwrap();
            open(&material, &path)
        } else {
            memory.append(&bytes[..kept]).unwrap();
            SessionLog::in_memory(memory.clone(), opening(&material, "R01", 1), Box::new(DrivenClock::default()))
        };
        let log = match log {
            Err(LogError::AlreadyClosed { .. }) if kept + 1 >= bytes.len() => continue,
            log => log.unwrap(),
        };
        let before = confirmed(&acknowledged.entries);
        let after = confirmed(log.entries());
        assert!(before.iter().all(|(code, answers)| after.get(code) == Some(answers)), "cut at {kept}");
        // At most the whole line that only lacked its newline came on top.
        assert!(after.len() <= before.len() + 1, "cut at {kept}");
        let session = ReadingSession::new(&material.study, list, log);
        let expected = list.trials.iter().position(|trial| !after.contains_key(&trial.code));
        match session.step() {
            Step::Show { at, .. } => assert_eq!(Some(at), expected, "cut at {kept}"),
            Step::Finish => assert_eq!(expected, None, "cut at {kept}"),
            Step::Feedback { code, .. } => assert!(after.contains_key(&code)),
            other => panic!("cut at {kept}: {other:?}"),
        }
        drop(session);
        let written = if on_disk { std::fs::read(&path).unwrap() } else { memory.bytes() };
        let found = verify("after", &written, &material.study.expected_log(list, &material.lists[KEY].1));
        assert!(!found.has_serious_findings(), "cut at {kept}: {:?}", found.findings);
        assert_eq!(confirmed(&found.entries), after);
        resumed += usize::from(kept > 0);
    }
    assert!(resumed > 1000);
}

#[test]
fn a_session_killed_many_times_in_a_row_is_still_whole() {
    let (_, material, _) = study("yes_no");
    let (list, hash) = &material.lists[KEY];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut cut = 0;
    let mut runs = 0;
    loop {
        runs += 1;
        let log = open(&material, &path).unwrap();
        let mut session = ReadingSession::new(&material.study, list, log);
        let mut step = session.step();
        if let Step::Feedback { .. } = step {
            session.feedback_shown().unwrap();
            step = session.step();
        }
        match step {
            Step::Finish => {
                session.close().unwrap();
                break;
            }
            Step::Show { .. } => session.show().unwrap(),
            other => panic!("{other:?}"),
        }
        session.answer("synthetic", Some(AnswerValue::Number(5.0))).unwrap();
        session.confirm(None).unwrap();
        // The next line is cut at another place each time.
        let next = session.step();
        if let Step::Show { .. } = next {
            session.show().unwrap();
        }
        drop(session);
        let bytes = std::fs::read(&path).unwrap();
        cut = (cut + 7) % 40;
        std::fs::write(&path, &bytes[..bytes.len() - if matches!(next, Step::Show { .. }) { 1 + cut } else { 0 }])
            .unwrap();
    }
    let found = verify("log", &std::fs::read(&path).unwrap(), &material.study.expected_log(list, hash));
    assert!(!found.has_serious_findings(), "{:?}", found.findings);
    assert_eq!((confirmed(&found.entries).len(), found.closed()), (list.trials.len(), Some(CloseReason::Finished)));
    assert_eq!(runs, list.trials.len() + 1);
}

#[test]
fn drafts_survive_a_kill_and_count_only_once_confirmed() {
    let (_, material, _) = study("forced_choice");
    let (list, _) = &material.lists[KEY];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let mut session = ReadingSession::new(&material.study, list, open(&material, &path).unwrap());
    session.show().unwrap();
    session.answer("real", Some(AnswerValue::Text("left".into()))).unwrap();
    let refused = session.confirm(None);
    assert!(
        matches!(refused, Err(ReadingError::Progress(ProgressError::Unanswered { questions })) if questions == ["confidence"])
    );
    drop(session);
    let mut session = ReadingSession::new(&material.study, list, open(&material, &path).unwrap());
    assert_eq!(session.progress().answers().unwrap()["real"], AnswerValue::Text("left".into()));
    assert!(session.answer("confidence", Some(AnswerValue::Number(4.0))).is_err(), "it is not on the screen yet");
    session.show().unwrap();
    session.answer("confidence", Some(AnswerValue::Number(4.0))).unwrap();
    session.confirm(None).unwrap();
    assert_eq!(session.progress().counts(), (1, list.trials.len()));
    assert!(matches!(session.step(), Step::Feedback { .. }));
}

#[test]
fn every_altered_byte_is_found_and_its_line_named() {
    let (invention, material, truth) = study("yes_no");
    let bytes = whole_log(&invention, &material, &truth);
    let expected = material.study.expected_log(&material.lists[KEY].0, &material.lists[KEY].1);
    assert!(verify("log", &bytes, &expected).findings.is_empty());
    let last_line = bytes[..bytes.len() - 1].iter().rposition(|b| *b == b'\n').unwrap() + 1;
    for at in 0..last_line {
        let mut altered = bytes.clone();
        altered[at] ^= 1;
        let line = bytes[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1;
        let found = verify("log", &altered, &expected);
        let named = found
            .findings
            .iter()
            .any(|f| f.kind.is_alteration() && (f.line == line || (bytes[at] == b'\n' && f.line <= line + 1)));
        assert!(named, "byte {at} of line {line}: {:?}", found.findings);
        if at % 97 == 0 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("log.jsonl");
            std::fs::write(&path, &altered).unwrap();
            let refused = open(&material, &path).err().unwrap();
            assert!(matches!(refused, LogError::Altered { .. }), "{refused}");
            assert_eq!(std::fs::read(&path).unwrap(), altered, "a refused log is left as it is");
        }
    }
    // Nothing is chained to the last line; who kept its hash can tell.
    let mut altered = bytes.clone();
    let at = bytes.windows(4).rposition(|w| w == b"\"ms\"").unwrap() + 5;
    altered[at] = if altered[at] == b'9' { b'8' } else { altered[at] + 1 };
    assert_ne!(verify("log", &altered, &expected).last_hash, verify("log", &bytes, &expected).last_hash);
}

#[test]
fn lines_that_are_taken_away_or_moved_are_found() {
    let (invention, material, truth) = study("yes_no");
    let bytes = whole_log(&invention, &material, &truth);
    let lines: Vec<&[u8]> = bytes.split_inclusive(|b| *b == b'\n').collect();
    let found = |lines: Vec<&[u8]>| verify("log", &lines.concat(), &Expected::default());
    for gone in 1..lines.len() - 1 {
        let mut rest = lines.clone();
        rest.remove(gone);
        let n = gone as u64;
        let missing = FindingKind::MissingLines { from: n, to: n };
        assert!(found(rest).findings.iter().any(|f| f.kind == missing && f.line == n + 1), "line {gone}");
    }
    let mut swapped = lines.clone();
    swapped.swap(3, 4);
    assert!(found(swapped).has_serious_findings());
    let mut repeated = lines.clone();
    repeated.insert(5, lines[4]);
    assert!(found(repeated).findings.iter().any(|f| f.line == 6 && matches!(f.kind, FindingKind::Misplaced { .. })));
    let mut headless = lines.clone();
    headless.remove(0);
    assert!(found(headless).findings.iter().any(|f| f.kind == FindingKind::NotOpened));
}

#[test]
fn a_log_of_something_else_or_in_use_or_closed_is_refused() {
    let (invention, material, truth) = study("yes_no");
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("logs/log.jsonl");
    let log = open(&material, &path).unwrap();
    let in_use = open(&material, &path).err().unwrap();
    assert!(matches!(in_use, LogError::InUse { .. }), "{in_use}");
    drop(log);
    type Change = fn(&mut veritome::reader_study::session::event::Opened);
    let changes: [(&str, Change); 4] = [
        ("reader", |o| o.reader = "R02".into()),
        ("session", |o| o.session = 2),
        ("plan", |o| o.plan_sha256 = "other".into()),
        ("list", |o| o.list_sha256 = "other".into()),
    ];
    for (expected, change) in changes {
        let mut other = opening(&material, "R01", 1);
        change(&mut other);
        let refused = SessionLog::open(&path, other).err().unwrap();
        assert!(matches!(&refused, LogError::OfAnother { what, .. } if *what == expected), "{refused}");
    }
    std::fs::write(&path, whole_log(&invention, &material, &truth)).unwrap();
    // Its reader is the same, and it is over.
    let closed = open(&material, &path).err().unwrap();
    assert!(matches!(closed, LogError::AlreadyClosed { .. }), "{closed}");
}

#[test]
fn a_clock_that_was_set_back_is_accepted_and_reported() {
    let (_, material, _) = study("yes_no");
    let (list, hash) = &material.lists[KEY];
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.jsonl");
    let clock = DrivenClock::new(Utc::parse("2026-11-26T08:00:00.000Z").unwrap());
    let log = SessionLog::open_with(&path, opening(&material, "R01", 1), Box::new(clock.clone())).unwrap();
    let mut session = ReadingSession::new(&material.study, list, log);
    clock.advance(1000);
    clock.set_utc(Utc::parse("2026-11-26T07:00:00.000Z").unwrap());
    session.show().unwrap();
    drop(session);
    let found = verify("log", &std::fs::read(&path).unwrap(), &material.study.expected_log(list, hash));
    assert!(!found.has_serious_findings());
    assert_eq!(found.findings.len(), 1);
    assert_eq!((found.findings[0].line, &found.findings[0].kind), (2, &FindingKind::ClockSetBack { by_ms: 3_600_000 }));
}

#[test]
fn going_back_pausing_breaks_and_the_time_limit_follow_the_plan() {
    let invention = Invention {
        training: 0,
        catch: 0,
        repeats: 0,
        sessions: 1,
        allow_back: true,
        ..Invention::new("yes_no", 1, 6)
    };
    let (mut material, _) = invention.build();
    material.study.sessions.break_every = Some(2);
    material.study.sessions.time_limit_minutes = Some(1);
    material.study.reading.hide_seconds = 2;
    let (list, _) = &material.lists[KEY];
    let clock = DrivenClock::new(Utc::parse("2026-11-26T08:00:00.000Z").unwrap());
    let memory = Memory::default();
    let log = SessionLog::in_memory(memory, opening(&material, "R01", 1), Box::new(clock.clone())).unwrap();
    let mut session = ReadingSession::new(&material.study, list, log);
    let rate = |session: &mut ReadingSession, value: f64| session.answer("synthetic", Some(AnswerValue::Number(value)));
    session.show().unwrap();
    assert!(session.back().is_err(), "it is the first");
    let early = rate(&mut session, 2.0);
    assert!(matches!(early, Err(ReadingError::Progress(ProgressError::TooEarly { wait_ms: 2000 }))));
    clock.advance(2000);
    rate(&mut session, 2.0).unwrap();
    session.confirm(None).unwrap();
    session.show().unwrap();
    session.back().unwrap();
    assert_eq!(session.step(), Step::Answer { at: 0, code: list.trials[0].code.clone() });
    clock.advance(2000);
    rate(&mut session, 6.0).unwrap();
    session.confirm(None).unwrap();
    assert_eq!(session.progress().confirmed(&list.trials[0].code).unwrap()["synthetic"], AnswerValue::Number(6.0));
    session.show().unwrap();
    session.pause_or_continue().unwrap();
    assert!(matches!(rate(&mut session, 3.0), Err(ReadingError::Progress(ProgressError::NotNow { .. }))));
    clock.advance(600_000);
    assert_eq!(session.progress().read_ms(session.log().now_ms()), 4000, "a pause is no reading time");
    session.pause_or_continue().unwrap();
    rate(&mut session, 3.0).unwrap();
    session.confirm(None).unwrap();
    assert_eq!(session.step(), Step::Break);
    clock.advance(300_000);
    session.break_taken(300.0).unwrap();
    session.show().unwrap();
    clock.advance(60_000);
    rate(&mut session, 3.0).unwrap();
    session.confirm(None).unwrap();
    assert_eq!(session.step(), Step::TimeOver, "the trial on the screen could be ended");
    session.close().unwrap();
    assert_eq!(session.step(), Step::Closed(CloseReason::TimeLimit));
    let again = Progress::new(&material.study, list, session.log().entries());
    assert_eq!(&again, session.progress(), "the log alone leads to the same state");
}

#[test]
fn the_next_session_waits_for_the_washout_time_or_for_a_reason() {
    let (invention, material, truth) = study("yes_no");
    let log = verify("log", &whole_log(&invention, &material, &truth), &Expected::default());
    let last = log.last_activity().unwrap();
    let from = last.plus_ms(28 * DAY_MS);
    assert_eq!(MayStart::decide(1, None, 28.0, last), MayStart::Yes);
    assert_eq!(MayStart::decide(2, None, 28.0, last), MayStart::PreviousMissing { session: 1 });
    assert_eq!(MayStart::decide(2, Some(&log), 28.0, from.plus_ms(-1)), MayStart::TooEarly { from });
    assert_eq!(MayStart::decide(2, Some(&log), 28.0, from), MayStart::Yes);
    assert_eq!(MayStart::decide(2, Some(&log), 28.0, Utc::from_ms(0)), MayStart::TooEarly { from }, "clock set back");
    assert!(override_washout("  ").is_err());
    assert_eq!(override_washout(" on leave ").unwrap(), Event::WashoutOverridden { reason: "on leave".into() });
}
