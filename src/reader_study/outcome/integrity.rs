//! All logs of a study verified together.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::reader_study::session::event::{CloseReason, Event, Opened};
use crate::reader_study::session::finding::Finding;
use crate::reader_study::session::looks::{FILE, Look};
use crate::reader_study::session::package_view::list_key;
use crate::reader_study::session::utc::{DAY_MS, Utc};
use crate::reader_study::session::verify::{Expected, VerifiedLog, verify};

use super::material::Material;

/// What is known of the logs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Integrity {
    /// Every planned session, in the order of readers and sessions.
    pub sessions: Vec<SessionState>,
    /// What was found beyond single logs.
    pub findings: Vec<StudyFinding>,
    /// The verified logs, by `R1-s1`.
    #[serde(skip)]
    pub logs: BTreeMap<String, VerifiedLog>,
}

/// One planned session.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SessionState {
    /// The reader.
    pub reader: String,
    /// The session, from 1.
    pub session: u32,
    /// How it ended.
    pub state: Ending,
    /// Its log; none when it was not begun.
    pub file: Option<String>,
    /// When it began.
    pub opened: Option<Utc>,
    /// When the reader last did something.
    pub last: Option<Utc>,
    /// In how many runs of the program it was read.
    pub runs: usize,
    /// Name and version of the program.
    pub software: Option<String>,
    /// No human read.
    pub simulated: bool,
    /// Hash of the log's last line.
    pub last_hash: Option<String>,
    /// What was found in the log.
    pub findings: Vec<Finding>,
}

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Every trial was read.
    Finished,
    /// The time was over.
    TimeLimit,
    /// Begun and not closed.
    Open,
    /// Not begun.
    NotBegun,
}

impl Ending {
    /// Why a trial of such a session was not read.
    #[must_use]
    pub fn why_missing(self) -> &'static str {
        match self {
            Self::Finished => "not confirmed",
            Self::TimeLimit => "time limit",
            Self::Open => "session not finished",
            Self::NotBegun => "session not begun",
        }
    }
}

/// What was found beyond single logs.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum StudyFinding {
    /// Two logs claim one session.
    #[error("{first} and {second} are both logs of reader {reader}, session {session}; only the first is used")]
    TwoLogs {
        /// The reader.
        reader: String,
        /// The session.
        session: u32,
        /// The log that is used.
        first: String,
        /// The other.
        second: String,
    },
    /// A log of nobody in this study.
    #[error("{file} is of {whose}, which is not in this study; it is not used")]
    Stranger {
        /// The log.
        file: String,
        /// Reader and session that it claims.
        whose: String,
    },
    /// A file without a readable beginning.
    #[error("{file} is no log")]
    NoLog {
        /// The file.
        file: String,
    },
    /// A log under the name of another session.
    #[error("{file} says that it is of {key}; it is used for that")]
    Renamed {
        /// The file.
        file: String,
        /// What it says.
        key: String,
    },
    /// A session began too early.
    #[error("reader {reader} began session {session} {days:.1} days after the one before, where {needed} are planned")]
    WashoutBroken {
        /// The reader.
        reader: String,
        /// The session.
        session: u32,
        /// Days between the two.
        days: f64,
        /// Days planned.
        needed: f64,
    },
    /// The washout time was overridden with a reason.
    #[error("reader {reader} began session {session} with the washout time overridden: {reason}")]
    WashoutOverridden {
        /// The reader.
        reader: String,
        /// The session.
        session: u32,
        /// Why.
        reason: String,
    },
    /// Somebody looked at the truth too early.
    #[error(
        "{who} looked at the truth on {utc}, before all sessions were closed (log of reader {reader}, session {session})"
    )]
    UnplannedLook {
        /// Who.
        who: String,
        /// When.
        utc: Utc,
        /// The reader in whose log it stands.
        reader: String,
        /// The session.
        session: u32,
    },
    /// The same, noted beside the logs.
    #[error("{who} looked at the truth on {utc}, before all sessions were closed (logs/{FILE})")]
    LookNoted {
        /// Who.
        who: String,
        /// When.
        utc: Utc,
    },
    /// A line of the looks was changed or taken out.
    #[error("logs/{FILE} line {line} does not follow from the one before; looks were altered or taken out")]
    LooksAltered {
        /// The first such line.
        line: usize,
    },
}

impl StudyFinding {
    /// Whether an analysis must not go on without somebody's word.
    #[must_use]
    pub fn is_serious(&self) -> bool {
        matches!(self, Self::TwoLogs { .. } | Self::Stranger { .. } | Self::NoLog { .. } | Self::LooksAltered { .. })
    }
}

impl Integrity {
    /// Verifies all logs.
    #[must_use]
    pub fn of(material: &Material) -> Self {
        let (logs, mut findings) = by_session(material);
        let mut sessions = Vec::new();
        for reader in &material.study.readers {
            let mut before: Option<&VerifiedLog> = None;
            for session in 1..=material.study.sessions.count {
                let log = logs.get(&list_key(reader, session));
                sessions.push(state(reader, session, log));
                if let Some(log) = log {
                    findings.extend(between(
                        reader,
                        session,
                        before,
                        log,
                        f64::from(material.study.sessions.washout_days),
                    ));
                }
                before = log.or(before);
            }
        }
        findings.extend(looks(material, &findings));
        Self { sessions, findings, logs }
    }

    /// Everything that forbids an analysis without somebody's word, each with its file.
    #[must_use]
    pub fn serious(&self) -> Vec<String> {
        let of_study = self.findings.iter().filter(|f| f.is_serious()).map(ToString::to_string);
        let of_logs = self.logs.values().flat_map(|log| {
            log.findings.iter().filter(|f| f.kind.is_serious()).map(|finding| format!("{} {finding}", log.file))
        });
        of_study.chain(of_logs).collect()
    }

    /// Findings that do not forbid an analysis but are reported.
    #[must_use]
    pub fn notes(&self) -> Vec<String> {
        let of_study = self.findings.iter().filter(|f| !f.is_serious()).map(ToString::to_string);
        let of_logs = self.logs.values().flat_map(|log| {
            log.findings.iter().filter(|f| !f.kind.is_serious()).map(|finding| format!("{} {finding}", log.file))
        });
        of_study.chain(of_logs).collect()
    }

    /// The sessions that are not closed.
    #[must_use]
    pub fn open_sessions(&self) -> Vec<String> {
        let open = self.sessions.iter().filter(|s| matches!(s.state, Ending::Open | Ending::NotBegun));
        open.map(|s| list_key(&s.reader, s.session)).collect()
    }

    /// The state of a session.
    #[must_use]
    pub fn session(&self, reader: &str, session: u32) -> Option<&SessionState> {
        self.sessions.iter().find(|s| s.reader == reader && s.session == session)
    }
}

/// The looks that were noted beside the logs, those left out that stand in a log as well.
fn looks(material: &Material, known: &[StudyFinding]) -> Vec<StudyFinding> {
    // Both are written by one command.
    const SAME_MS: u64 = 60_000;
    let in_a_log = |look: &Look| {
        known.iter().any(|finding| {
            matches!(finding, StudyFinding::UnplannedLook { who, utc, .. }
                if *who == look.who && utc.ms().abs_diff(look.utc.ms()) < SAME_MS)
        })
    };
    let altered = material.looks.broken.map(|line| StudyFinding::LooksAltered { line });
    let new = material.looks.all.iter().filter(|look| !in_a_log(look));
    altered.into_iter().chain(new.map(|l| StudyFinding::LookNoted { who: l.who.clone(), utc: l.utc })).collect()
}

/// The log of each session by what it says of itself, whatever its file is called.
fn by_session(material: &Material) -> (BTreeMap<String, VerifiedLog>, Vec<StudyFinding>) {
    let (mut logs, mut findings) = (BTreeMap::<String, VerifiedLog>::new(), Vec::new());
    for log in &material.logs {
        let file = log.file.clone();
        let found = verify(&file, &log.bytes, &Expected::default());
        let Some(opened) = found.opened() else {
            findings.push(StudyFinding::NoLog { file });
            continue;
        };
        let (reader, session) = (opened.reader.clone(), opened.session);
        let key = list_key(&reader, session);
        let planned =
            material.study.readers.contains(&reader) && (1..=material.study.sessions.count).contains(&session);
        if !planned {
            findings.push(StudyFinding::Stranger { file, whose: key });
            continue;
        }
        if let Some(first) = logs.get(&key) {
            let first = first.file.clone();
            findings.push(StudyFinding::TwoLogs { reader, session, first, second: file });
            continue;
        }
        if file.strip_suffix(".jsonl") != Some(&key) {
            findings.push(StudyFinding::Renamed { file: file.clone(), key: key.clone() });
        }
        let expected = match material.lists.get(&key) {
            Some((list, hash)) => material.study.expected_log(list, hash),
            None => Expected { plan_sha256: Some(material.study.plan_sha256.clone()), ..Expected::default() },
        };
        logs.insert(key, verify(&file, &log.bytes, &expected));
    }
    (logs, findings)
}

fn state(reader: &str, session: u32, log: Option<&VerifiedLog>) -> SessionState {
    let opened = log.and_then(VerifiedLog::opened);
    let ended = match (log, log.and_then(VerifiedLog::closed)) {
        (None, _) => Ending::NotBegun,
        (Some(_), Some(CloseReason::Finished)) => Ending::Finished,
        (Some(_), Some(CloseReason::TimeLimit)) => Ending::TimeLimit,
        (Some(_), _) => Ending::Open,
    };
    let runs = log.map_or(0, |log| {
        log.entries.iter().filter(|e| matches!(e.event, Event::Opened(_) | Event::Resumed { .. })).count()
    });
    SessionState {
        reader: reader.to_owned(),
        session,
        state: ended,
        file: log.map(|log| log.file.clone()),
        opened: log.and_then(|log| log.entries.first()).map(|entry| entry.utc),
        last: log.and_then(VerifiedLog::last_activity),
        runs,
        software: opened.map(|opened| opened.software.clone()),
        simulated: opened.is_some_and(Opened::is_simulated),
        last_hash: log.map(|log| log.last_hash.clone()),
        findings: log.map(|log| log.findings.clone()).unwrap_or_default(),
    }
}

/// What the log of one session says of its distance to the one before, and of looks.
fn between(
    reader: &str,
    session: u32,
    before: Option<&VerifiedLog>,
    log: &VerifiedLog,
    needed: f64,
) -> Vec<StudyFinding> {
    let reader = || reader.to_owned();
    let mut findings = Vec::new();
    let began = log.entries.first().map(|entry| entry.utc);
    if let Some((last, began)) = before.and_then(VerifiedLog::last_activity).zip(began) {
        let days = (began.ms() - last.ms()) as f64 / DAY_MS as f64;
        if days < needed {
            findings.push(StudyFinding::WashoutBroken { reader: reader(), session, days, needed });
        }
    }
    for entry in &log.entries {
        match &entry.event {
            Event::WashoutOverridden { reason } => {
                findings.push(StudyFinding::WashoutOverridden { reader: reader(), session, reason: reason.clone() });
            }
            Event::UnplannedLook { who } => {
                let (who, utc) = (who.clone(), entry.utc);
                findings.push(StudyFinding::UnplannedLook { who, utc, reader: reader(), session });
            }
            _ => {}
        }
    }
    findings
}
