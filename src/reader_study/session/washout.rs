//! Whether a reader's next session may start: long enough after the one before, so that cases are forgotten.

use super::event::Event;
use super::utc::{DAY_MS, Utc};
use super::verify::VerifiedLog;

/// Whether a session may start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MayStart {
    /// Yes.
    Yes,
    /// The session before was not begun.
    PreviousMissing {
        /// Its number.
        session: u32,
    },
    /// The session before was not closed.
    PreviousOpen {
        /// Its number.
        session: u32,
    },
    /// The washout time is not over.
    TooEarly {
        /// From then on.
        from: Utc,
    },
}

impl MayStart {
    /// Whether session number `session` may start `now`; `previous` is the log of the session before it.
    ///
    /// Days are counted from the last thing that the reader did. A clock that was set back since then makes the session
    /// too early and never too late.
    #[must_use]
    pub fn decide(session: u32, previous: Option<&VerifiedLog>, washout_days: f64, now: Utc) -> Self {
        if session <= 1 {
            return Self::Yes;
        }
        let before = session - 1;
        let Some((previous, last)) = previous.and_then(|log| Some((log, log.last_activity()?))) else {
            return Self::PreviousMissing { session: before };
        };
        if previous.closed().is_none() {
            return Self::PreviousOpen { session: before };
        }
        let from = last.plus_ms((washout_days * DAY_MS as f64) as i64);
        if now < from { Self::TooEarly { from } } else { Self::Yes }
    }

    /// Whether it may.
    #[must_use]
    pub fn is_yes(self) -> bool {
        self == Self::Yes
    }
}

impl std::fmt::Display for MayStart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Yes => f.write_str("the session may start"),
            Self::PreviousMissing { session } => write!(f, "session {session} was not begun"),
            Self::PreviousOpen { session } => write!(f, "session {session} is not closed"),
            Self::TooEarly { from } => write!(f, "the washout time is not over; the session may start from {from}"),
        }
    }
}

/// An override without a reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a session that starts too early needs a reason, which will be reported")]
pub struct ReasonNeeded;

/// The event that starts a session nevertheless.
///
/// # Errors
/// When no reason is given.
pub fn override_washout(reason: &str) -> Result<Event, ReasonNeeded> {
    let reason = reason.trim();
    if reason.is_empty() { Err(ReasonNeeded) } else { Ok(Event::WashoutOverridden { reason: reason.to_owned() }) }
}
