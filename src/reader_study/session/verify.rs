//! A log read back: what counts in it, and everything that was found.
//!
//! ```
//! use veritome::reader_study::session::verify::verify;
//! let log = verify("R1-s1.jsonl", b"", &Default::default());
//! assert!(log.entries.is_empty() && !log.has_serious_findings());
//! ```

use std::path::Path;

use super::chain::{Chain, Tail};
use super::entry::Entry;
use super::event::{CloseReason, Event, Opened};
use super::finding::Finding;
use super::log_error::LogError;
use super::order;
pub use super::order::Expected;
use super::utc::Utc;

/// A log and what was found in it.
#[derive(Debug, Clone, PartialEq)]
pub struct VerifiedLog {
    /// The file, as findings name it.
    pub file: String,
    /// The entries that count, in order.
    pub entries: Vec<Entry>,
    /// By line.
    pub findings: Vec<Finding>,
    /// The hash of the last line that counts; who keeps it can tell whether that line was changed later.
    pub last_hash: String,
    /// How the file ends.
    pub tail: Tail,
}

/// Verifies the content of a log; `file` is its name in findings.
#[must_use]
pub fn verify(file: &str, bytes: &[u8], expected: &Expected) -> VerifiedLog {
    let chain = Chain::read(bytes);
    let mut findings = chain.findings.clone();
    findings.extend(order::check(&chain.kept, expected));
    findings.sort_by_key(|f| f.line);
    VerifiedLog {
        file: file.to_owned(),
        last_hash: chain.last_hash().to_owned(),
        tail: chain.tail,
        findings,
        entries: chain.kept.into_iter().map(|line| line.entry).collect(),
    }
}

/// Verifies a log file.
///
/// # Errors
/// When it cannot be read.
pub fn verify_file(path: &Path, expected: &Expected) -> Result<VerifiedLog, LogError> {
    let file = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|source| LogError::Unusable { file: file.clone(), doing: "read", source })?;
    Ok(verify(&file, &bytes, expected))
}

impl VerifiedLog {
    /// What the log says of itself.
    #[must_use]
    pub fn opened(&self) -> Option<&Opened> {
        opened(&self.entries)
    }

    /// How the session was closed; none while it is open. A session that was left is open.
    #[must_use]
    pub fn closed(&self) -> Option<CloseReason> {
        closed(&self.entries).filter(|reason| reason.is_final())
    }

    /// Whether an analysis must not go on without somebody's word.
    #[must_use]
    pub fn has_serious_findings(&self) -> bool {
        self.findings.iter().any(|f| f.kind.is_serious())
    }

    /// The latest moment at which the reader did something.
    #[must_use]
    pub fn last_activity(&self) -> Option<Utc> {
        last_activity(&self.entries)
    }
}

/// What a log says of itself.
pub(super) fn opened(entries: &[Entry]) -> Option<&Opened> {
    match entries.first().map(|entry| &entry.event) {
        Some(Event::Opened(opened)) => Some(opened),
        _ => None,
    }
}

/// The last `closed` that no `resumed` followed.
pub(super) fn closed(entries: &[Entry]) -> Option<CloseReason> {
    entries.iter().fold(None, |closed, entry| match entry.event {
        Event::Closed { reason } => Some(reason),
        Event::Resumed { .. } => None,
        _ => closed,
    })
}

/// The latest time of an entry that the reader caused; the latest and not the last, since a clock may be set back.
pub(super) fn last_activity(entries: &[Entry]) -> Option<Utc> {
    let own = entries.iter().filter(|e| !e.event.is_off_the_clock());
    own.map(|e| e.utc).max()
}
