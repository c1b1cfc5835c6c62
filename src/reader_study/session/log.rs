//! A session's log while it is written.
//!
//! ```
//! use veritome::reader_study::session::event::{Event, Monitor, Opened};
//! use veritome::reader_study::session::SessionLog;
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("logs/R1-s1.jsonl");
//! let monitor = Monitor {
//!     width_px: 2560, height_px: 1440, scale: 1.0, width_mm: None, height_mm: None, calibration: "uncalibrated".into(),
//! };
//! let opening = Opened {
//!     reader: "R1".into(), session: 1, plan_sha256: "p".into(), list_sha256: "l".into(), software: "Veritome 0.1".into(),
//!     adapter: "llvmpipe".into(), monitor, simulated: false, torn: false,
//! };
//! let mut log = SessionLog::open(&path, opening.clone())?;
//! log.append(Event::Shown { code: "K7QF".into(), position: 1 })?;
//! drop(log);
//! let log = SessionLog::open(&path, opening)?;
//! assert_eq!(log.entries().len(), 3); // opened, shown, resumed
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::path::Path;

use super::chain::Chain;
use super::clock::{Clock, SystemClock};
use super::entry::{Entry, NO_LINE, line_hash};
use super::event::{Event, Opened};
use super::log_error::LogError;
use super::order::Expected;
use super::storage::{LogFile, Memory, Storage};
use super::verify::{closed, opened};

/// A log that is open for writing. When a method returns, what it wrote outlasts a power cut.
pub struct SessionLog {
    file: String,
    storage: Box<dyn Storage>,
    clock: Box<dyn Clock>,
    /// What the clock showed when this run began, ms.
    began_ms: u64,
    entries: Vec<Entry>,
    last_hash: String,
    /// Bytes that are known to be there.
    len: u64,
    /// The file's last byte is no newline.
    open_end: bool,
    /// Lines at the end do not count.
    torn: bool,
    /// Why the last line could not be kept, until one can.
    failed: Option<String>,
}

impl SessionLog {
    /// Creates or resumes the log at `path`, on the computer's clocks, and writes `opened` or `resumed`.
    ///
    /// # Errors
    /// When another program writes it, it is of another reader, session, plan or list, it was altered, its session was
    /// closed for good, or it cannot be read or written.
    pub fn open(path: &Path, opening: Opened) -> Result<Self, LogError> {
        Self::open_with(path, opening, Box::new(SystemClock::new()))
    }

    /// The same on another clock.
    ///
    /// # Errors
    /// As [`SessionLog::open`].
    pub fn open_with(path: &Path, opening: Opened, clock: Box<dyn Clock>) -> Result<Self, LogError> {
        let (storage, bytes) = LogFile::open(path)?;
        Self::begin(path.display().to_string(), Box::new(storage), &bytes, opening, clock)
    }

    /// A log in memory, for simulated readers.
    ///
    /// # Errors
    /// As [`SessionLog::open`].
    pub fn in_memory(memory: Memory, opening: Opened, clock: Box<dyn Clock>) -> Result<Self, LogError> {
        let bytes = memory.bytes();
        Self::begin("a log in memory".into(), Box::new(memory), &bytes, opening, clock)
    }

    /// Goes on after `bytes`, which are what `storage` holds.
    pub(super) fn begin(
        file: String,
        storage: Box<dyn Storage>,
        bytes: &[u8],
        opening: Opened,
        clock: Box<dyn Clock>,
    ) -> Result<Self, LogError> {
        let mut log = Self::unopened(file, storage, bytes, clock)?;
        let torn = log.torn;
        let Some(found) = opened(&log.entries) else {
            log.append(Event::Opened(Box::new(Opened { torn, ..opening })))?;
            return Ok(log);
        };
        let expected = Expected {
            reader: Some(opening.reader),
            session: Some(opening.session),
            plan_sha256: Some(opening.plan_sha256),
            list_sha256: Some(opening.list_sha256),
            ..Expected::default()
        };
        if let Some((what, expected, found)) = expected.differs(found) {
            return Err(LogError::OfAnother { file: log.file, what, expected, found });
        }
        if let Some(reason) = closed(&log.entries).filter(|reason| reason.is_final()) {
            return Err(LogError::AlreadyClosed { file: log.file, reason: reason.words() });
        }
        let Opened { software, adapter, monitor, .. } = opening;
        log.append(Event::Resumed { software, adapter, monitor, torn })?;
        Ok(log)
    }

    /// The log with its lines checked, before anything is written.
    fn unopened(
        file: String,
        storage: Box<dyn Storage>,
        bytes: &[u8],
        clock: Box<dyn Clock>,
    ) -> Result<Self, LogError> {
        let chain = Chain::read(bytes);
        if let Some(found) = chain.findings.iter().find(|f| f.kind.is_alteration()) {
            return Err(LogError::Altered { file, line: found.line, what: found.kind.to_string() });
        }
        Ok(Self {
            file,
            storage,
            began_ms: clock.ms(),
            clock,
            last_hash: chain.last_hash().to_owned(),
            open_end: chain.tail.open,
            entries: chain.kept.into_iter().map(|line| line.entry).collect(),
            len: bytes.len() as u64,
            torn: chain.tail.torn,
            failed: None,
        })
    }

    /// Writes that `who` unsealed the truth while sessions were open, into the log of a session that is not running.
    ///
    /// # Errors
    /// When the session is running, or the log was altered or cannot be written.
    pub fn note_unplanned_look(path: &Path, who: &str, clock: Box<dyn Clock>) -> Result<(), LogError> {
        let (storage, bytes) = LogFile::open(path)?;
        let mut log = Self::unopened(path.display().to_string(), Box::new(storage), &bytes, clock)?;
        if log.torn {
            log.failed = Some("the program was stopped while it wrote".into());
        }
        log.append(Event::UnplannedLook { who: who.to_owned() })?;
        Ok(())
    }

    /// Everything that counts so far, this run's first entry included.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The hash of the last line; who keeps it can tell later whether that line was changed.
    #[must_use]
    pub fn last_hash(&self) -> &str {
        &self.last_hash
    }

    /// Time of this run, ms, as the next entry would have it.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.clock.ms().saturating_sub(self.began_ms)
    }

    /// Writes a line and makes sure that it stays.
    ///
    /// After an error nothing of the event counts, and the method may be called again once there is room: it then writes
    /// `recovered` first.
    ///
    /// # Errors
    /// When the line cannot be written, the file was changed by something else, or the event has no JSON form.
    pub fn append(&mut self, event: Event) -> Result<Entry, LogError> {
        let what = event.words();
        let not_kept = |file: &str, source| LogError::NotKept { file: file.to_owned(), what, source };
        let end = self.storage.end().map_err(|source| not_kept(&self.file, source))?;
        if let Some(error) = self.failed.clone() {
            let torn = self.torn || end.len > self.len;
            (self.len, self.open_end) = (end.len, end.open);
            self.write(Event::Recovered { torn, error }, what)?;
        } else if end.len != self.len {
            return Err(LogError::ChangedOutside { file: self.file.clone() });
        }
        self.write(event, what)
    }

    fn write(&mut self, event: Event, what: &'static str) -> Result<Entry, LogError> {
        let n = self.entries.last().map_or(0, |last| last.n + 1);
        let previous = if self.entries.is_empty() { NO_LINE.to_owned() } else { self.last_hash.clone() };
        let entry = Entry { n, ms: self.now_ms(), utc: self.clock.utc(), previous, event };
        let no_json = |source| LogError::NoJson { file: self.file.clone(), source };
        let line = entry.line().map_err(no_json)?;
        // As it will be read back: a number may differ from what was given in the last binary digit.
        let entry: Entry = serde_json::from_slice(&line).map_err(no_json)?;
        let mut bytes = Vec::with_capacity(line.len() + 2);
        if self.open_end {
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(&line);
        bytes.push(b'\n');
        if let Err(source) = self.storage.append(&bytes) {
            self.failed = Some(source.to_string());
            return Err(LogError::NotKept { file: self.file.clone(), what, source });
        }
        self.failed = None;
        self.torn = false;
        self.open_end = false;
        self.len += bytes.len() as u64;
        self.last_hash = line_hash(&line);
        self.entries.push(entry.clone());
        Ok(entry)
    }
}
