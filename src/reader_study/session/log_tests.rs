//! Writing onto a disk that is full, or that does not keep what it took.

use crate::reader_study::design::AnswerValue;
use std::io;

use super::clock::DrivenClock;
use super::event::{Event, Monitor, Opened};
use super::finding::FindingKind;
use super::log::SessionLog;
use super::log_error::LogError;
use super::storage::{End, Memory, Storage};
use super::verify::{Expected, verify};

/// A disk with room for so many bytes of each write, from the write that is chosen on.
struct FullDisk {
    memory: Memory,
    writes: usize,
    fails: std::ops::Range<usize>,
    room: usize,
}

impl Storage for FullDisk {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let failing = self.fails.contains(&self.writes);
        self.writes += 1;
        if !failing {
            return self.memory.append(bytes);
        }
        self.memory.append(&bytes[..self.room.min(bytes.len())])?;
        Err(io::Error::from(io::ErrorKind::StorageFull))
    }

    fn end(&mut self) -> io::Result<End> {
        self.memory.end()
    }
}

fn opening() -> Opened {
    let monitor = Monitor {
        width_px: 1,
        height_px: 1,
        scale: 1.0,
        width_mm: None,
        height_mm: None,
        calibration: "uncalibrated".into(),
    };
    Opened {
        reader: "R1".into(),
        session: 1,
        plan_sha256: "p".into(),
        list_sha256: "l".into(),
        software: "test".into(),
        adapter: String::new(),
        monitor,
        simulated: false,
        torn: false,
    }
}

fn answer(value: f64) -> Event {
    Event::Answer { code: "A".into(), question: "q".into(), value: Some(AnswerValue::Number(value)) }
}

#[test]
fn after_a_full_disk_the_log_goes_on_and_the_lost_line_does_not_count() {
    // Every length of what a failing write leaves, a whole line whose sync failed, and several failures in a row.
    for failures in 1..4 {
        for room in 0..420 {
            let memory = Memory::default();
            let disk = FullDisk { memory: memory.clone(), writes: 0, fails: 2..2 + failures, room };
            let clock = Box::new(DrivenClock::default());
            let mut log = SessionLog::begin("log".into(), Box::new(disk), b"", opening(), clock).unwrap();
            log.append(Event::Shown { code: "A".into(), position: 1 }).unwrap();
            for _ in 0..failures {
                let lost = log.append(answer(1.0)).unwrap_err();
                assert!(matches!(&lost, LogError::NotKept { what: "the last answer", .. }), "{lost}");
                assert!(lost.to_string().contains("NOT kept"));
            }
            log.append(answer(2.0)).unwrap();
            log.append(Event::Closed { reason: super::event::CloseReason::Left }).unwrap();
            let found = verify("log", &memory.bytes(), &Expected::default());
            assert!(!found.has_serious_findings(), "{failures} failures, room {room}: {:?}", found.findings);
            assert_eq!(found.entries, log.entries(), "{failures} failures, room {room}");
            let lines = found.findings.iter().all(|f| matches!(f.kind, FindingKind::CutOff | FindingKind::Void));
            assert!(lines, "{:?}", found.findings);
            let answers = found.entries.iter().filter(|e| matches!(e.event, Event::Answer { .. })).count();
            assert_eq!(answers, 1);
        }
    }
}

#[test]
fn a_first_line_that_was_cut_off_is_written_again() {
    let memory = Memory::default();
    let disk = FullDisk { memory: memory.clone(), writes: 0, fails: 0..1, room: 30 };
    assert!(SessionLog::begin("log".into(), Box::new(disk), b"", opening(), Box::new(DrivenClock::default())).is_err());
    let log = SessionLog::in_memory(memory.clone(), opening(), Box::new(DrivenClock::default())).unwrap();
    assert!(matches!(&log.entries()[0].event, Event::Opened(opened) if opened.torn));
    assert!(!verify("log", &memory.bytes(), &Expected::default()).has_serious_findings());
}

#[test]
fn a_file_that_something_else_writes_to_is_left_alone() {
    let mut memory = Memory::default();
    let mut log = SessionLog::in_memory(memory.clone(), opening(), Box::new(DrivenClock::default())).unwrap();
    memory.append(b"something else\n").unwrap();
    assert!(matches!(log.append(answer(1.0)), Err(LogError::ChangedOutside { .. })));
}

#[test]
fn a_number_without_json_form_is_refused_and_the_log_goes_on() {
    let memory = Memory::default();
    let mut log = SessionLog::in_memory(memory.clone(), opening(), Box::new(DrivenClock::default())).unwrap();
    assert!(matches!(log.append(Event::Idle { seconds: f64::INFINITY }), Err(LogError::NoJson { .. })));
    log.append(Event::Idle { seconds: 61.0 }).unwrap();
    assert!(verify("log", &memory.bytes(), &Expected::default()).findings.is_empty());
}
