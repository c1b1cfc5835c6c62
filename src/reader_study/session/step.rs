//! What comes next in a session, and why something cannot be done now.

use super::event::CloseReason;
use crate::reader_study::design::AnswerProblem;

/// What comes next.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// Put this trial on the screen, then `shown`.
    Show {
        /// Its place in the list, from 0.
        at: usize,
        /// Its code.
        code: String,
    },
    /// It is on the screen and waits for answers and `confirmed`.
    Answer {
        /// Its place in the list, from 0.
        at: usize,
        /// Its code.
        code: String,
    },
    /// Tell the truth of a training trial, then `feedback_shown`.
    Feedback {
        /// Its code.
        code: String,
        /// What to tell.
        text: String,
    },
    /// Offer a break, then `break_taken`, of 0 s when it was refused.
    Break,
    /// The reader stopped the clock; `continued` goes on.
    Paused,
    /// The time is over: `closed` with [`CloseReason::TimeLimit`].
    TimeOver,
    /// Everything is confirmed: `closed` with [`CloseReason::Finished`].
    Finish,
    /// The session is over.
    Closed(CloseReason),
}

/// Why something cannot be done now.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ProgressError {
    /// The answer is not taken.
    #[error(transparent)]
    Answer(#[from] AnswerProblem),
    /// Required questions have no answer.
    #[error("there is no answer yet to {}", questions.join(", "))]
    Unanswered {
        /// Their ids.
        questions: Vec<String>,
    },
    /// It is too early to answer.
    #[error("answers are taken in {} s", (*wait_ms as f64 / 1000.0).ceil())]
    TooEarly {
        /// How long to wait, ms.
        wait_ms: u64,
    },
    /// It does not come now.
    #[error("{what} does not come now")]
    NotNow {
        /// What.
        what: &'static str,
    },
    /// Going back is not allowed, or there is nothing to go back to.
    #[error("going back is not possible: {why}")]
    NoWayBack {
        /// Why.
        why: &'static str,
    },
}
