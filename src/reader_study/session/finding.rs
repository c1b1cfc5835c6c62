//! What was found in a log that was read back.

use serde::Serialize;

/// A finding at a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// The line of the file, from 1.
    pub line: u64,
    /// What it is.
    #[serde(flatten)]
    pub kind: FindingKind,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Serialize, thiserror::Error)]
#[serde(tag = "finding", rename_all = "snake_case")]
pub enum FindingKind {
    /// The line is no entry.
    #[error("it cannot be read: {reason}")]
    Unreadable {
        /// Why.
        reason: String,
    },
    /// The line is not the one that the next line was chained to.
    #[error("it is not the line that was written: the next line's hash does not match it")]
    Altered,
    /// The last line is not chained to the one before it; which of the two was altered cannot be told.
    #[error("it does not match the hash in the last line; one of the two was changed")]
    AlteredHereOrLast,
    /// Lines are gone.
    #[error("entries {from} to {to} are missing before it")]
    MissingLines {
        /// Number of the first missing entry.
        from: u64,
        /// Number of the last one.
        to: u64,
    },
    /// A line is repeated or stands elsewhere.
    #[error("it is entry {found} where {expected} is due: lines were moved or repeated")]
    Misplaced {
        /// The number that is due.
        expected: u64,
        /// The number that stands there.
        found: u64,
    },
    /// It says that the line before it was cut off, but no such line is there.
    #[error("the cut-off line that it speaks of is gone")]
    TornLineGone,
    /// A line was cut off by a crash or a full disk; it does not count.
    #[error("it was cut off and does not count")]
    CutOff,
    /// A whole line that was never acknowledged to the reader; it does not count.
    #[error("it was never acknowledged and does not count")]
    Void,
    /// The computer's clock was set back before this line.
    #[error("the clock was set back by {by_ms} ms before it")]
    ClockSetBack {
        /// By how much, ms.
        by_ms: i64,
    },
    /// The log belongs to another reader, session, plan or list.
    #[error("it is of another {what}: {found}, not {expected}")]
    OfAnother {
        /// Which of them.
        what: &'static str,
        /// What was expected.
        expected: String,
        /// What the log says.
        found: String,
    },
    /// The first entry is not `opened`.
    #[error("the log does not begin with `opened`")]
    NotOpened,
    /// `opened` stands there again.
    #[error("the session is opened a second time")]
    OpenedAgain,
    /// An event that cannot come where it stands.
    #[error("{what}")]
    OutOfOrder {
        /// Why not.
        what: String,
    },
    /// A trial that is not on the list.
    #[error("trial `{code}` is not on the list")]
    UnknownCode {
        /// The trial.
        code: String,
    },
    /// An event that this version does not know.
    #[error("its event is not known to this version")]
    UnknownEvent,
}

impl FindingKind {
    /// Whether the lines are not those that were written.
    #[must_use]
    pub fn is_alteration(&self) -> bool {
        matches!(
            self,
            Self::Unreadable { .. }
                | Self::Altered
                | Self::AlteredHereOrLast
                | Self::MissingLines { .. }
                | Self::Misplaced { .. }
                | Self::TornLineGone
        )
    }

    /// Whether an analysis must not go on without somebody's word.
    #[must_use]
    pub fn is_serious(&self) -> bool {
        let made_by_a_crash_or_a_clock =
            matches!(self, Self::CutOff | Self::Void | Self::ClockSetBack { .. } | Self::UnknownEvent);
        !made_by_a_crash_or_a_clock
    }
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}: {}", self.line, self.kind)
    }
}
