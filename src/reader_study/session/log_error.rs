//! Why a session's log cannot be opened or written.

use std::io;

/// Why a session's log cannot be opened or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The file or its folder cannot be made, read or locked.
    #[error("{file} cannot be {doing}: {source}")]
    Unusable {
        /// The file.
        file: String,
        /// What failed, as a past participle.
        doing: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A running program writes this log.
    #[error("{file} is in use by another running program{}", pid.map_or_else(String::new, |pid| format!(" (process {pid})")))]
    InUse {
        /// The log.
        file: String,
        /// The other program, where it can be told.
        pid: Option<u32>,
    },
    /// The log belongs to something else.
    #[error("{file} is of another {what}: {found}, not {expected}")]
    OfAnother {
        /// The log.
        file: String,
        /// Reader, session, plan or list.
        what: &'static str,
        /// What was asked for.
        expected: String,
        /// What the log says.
        found: String,
    },
    /// A line is not the one that was written.
    #[error("{file} line {line} was changed after it was written: {what}")]
    Altered {
        /// The log.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong with it.
        what: String,
    },
    /// The session is over.
    #[error("{file} is of a session that was closed ({reason})")]
    AlreadyClosed {
        /// The log.
        file: String,
        /// How it was closed.
        reason: &'static str,
    },
    /// Something else wrote to the file while this program had it open.
    #[error("{file} was changed by something else while the session was running; what is there was left as it is")]
    ChangedOutside {
        /// The log.
        file: String,
    },
    /// The line could not be written; nothing was kept of it, and writing may be tried again.
    #[error("{what} was NOT kept, since {file} cannot be written: {source}; make room and answer again")]
    NotKept {
        /// The log.
        file: String,
        /// What was lost.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The event holds a number that is not finite.
    #[error("an event for {file} has no JSON form: {source}")]
    NoJson {
        /// The log.
        file: String,
        /// Why.
        source: serde_json::Error,
    },
}
