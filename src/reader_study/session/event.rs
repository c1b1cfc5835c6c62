//! What a session's log can say.

use crate::reader_study::design::AnswerValue;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One thing that happened; in JSON the field `event` names it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The session began; the first line, exactly once.
    Opened(Box<Opened>),
    /// The program started again.
    Resumed {
        /// Name and version of the program.
        software: String,
        /// The graphics adapter.
        adapter: String,
        /// The screen.
        monitor: Monitor,
        /// The line before was cut off, or never acknowledged, and does not count.
        torn: bool,
    },
    /// Writing works again after a line could not be kept; what the reader did then is done again.
    Recovered {
        /// The lines since the last kept one do not count.
        torn: bool,
        /// What the system said when the line could not be kept.
        error: String,
    },
    /// The session starts although the washout time is not over.
    WashoutOverridden {
        /// Why.
        reason: String,
    },
    /// A trial stands on the screen in full resolution; again for one code after a resume, or when going back.
    Shown {
        /// The trial.
        code: String,
        /// Its place in the list, from 1.
        position: u32,
    },
    /// The reader's first key, click or wheel after `shown`.
    FirstInput {
        /// The trial.
        code: String,
    },
    /// How the trial was looked at; once before each `confirmed`.
    Viewed(Viewed),
    /// A change of an answer before confirming.
    Answer {
        /// The trial.
        code: String,
        /// The question.
        question: String,
        /// The answer; null when it was taken back.
        value: Option<AnswerValue>,
    },
    /// A mark on the image.
    Mark {
        /// The trial.
        code: String,
        /// What was done to it.
        action: MarkAction,
        /// Where it is now, or was: patient coordinates, LPS, mm.
        position_mm: [f64; 3],
    },
    /// The trial's final answers; a later one of the same code replaces it where going back is allowed.
    Confirmed {
        /// The trial.
        code: String,
        /// By question.
        answers: BTreeMap<String, AnswerValue>,
    },
    /// The player of a quiz asked for the hint before answering.
    HintShown {
        /// The trial.
        code: String,
    },
    /// The true answer of a training trial was shown.
    FeedbackShown {
        /// The trial.
        code: String,
    },
    /// The reader stopped the clock.
    Paused {},
    /// The reader goes on.
    Continued {},
    /// Another window came to the front.
    FocusLost {},
    /// The study's window is in front again.
    FocusGained {},
    /// Nothing was touched.
    Idle {
        /// How long, s.
        seconds: f64,
    },
    /// A break between two trials is over.
    BreakTaken {
        /// How long it was, s.
        seconds: f64,
    },
    /// Somebody unsealed the truth before all sessions were closed.
    UnplannedLook {
        /// Who.
        who: String,
    },
    /// The session is over, or was left to be resumed.
    Closed {
        /// Why.
        reason: CloseReason,
    },
    /// An event of a later version.
    #[serde(other)]
    Unknown,
}

/// What is known at the beginning of a session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Opened {
    /// The reader's id.
    pub reader: String,
    /// Which session, from 1.
    pub session: u32,
    /// Hash of the frozen plan.
    pub plan_sha256: String,
    /// Hash of the bytes of the list file.
    pub list_sha256: String,
    /// Name and version of the program.
    pub software: String,
    /// The graphics adapter.
    pub adapter: String,
    /// The screen.
    pub monitor: Monitor,
    /// No human read: the answers are made by a program. Left out of the JSON when false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub simulated: bool,
    /// A first attempt at this very line was cut off and does not count. Left out of the JSON when false.
    #[serde(default, skip_serializing_if = "is_false")]
    pub torn: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Opened {
    /// Whether a program answered: said by the field, or by the name of the software.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.simulated || self.software.to_ascii_lowercase().starts_with("simulated")
    }
}

/// The screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Monitor {
    /// Width, physical pixels.
    pub width_px: u32,
    /// Height, physical pixels.
    pub height_px: u32,
    /// Physical pixels per point.
    pub scale: f64,
    /// Width, mm, where known.
    pub width_mm: Option<f64>,
    /// Height, mm, where known.
    pub height_mm: Option<f64>,
    /// `uncalibrated`, or how it was calibrated.
    pub calibration: String,
}

/// How a trial was looked at.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Viewed {
    /// The trial.
    pub code: String,
    /// First slice of the range that was visited.
    pub slices_from: u32,
    /// Last one.
    pub slices_to: u32,
    /// Share of all slices that were on the screen, 0 to 1.
    pub slices_share: f64,
    /// Every window that was set: centre and width, in the image's unit.
    pub windows: Vec<[f64; 2]>,
    /// The largest magnification.
    pub zoom_max: f64,
    /// The layouts that were used.
    pub layouts: Vec<String>,
}

/// What was done to a mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MarkAction {
    /// New.
    Placed,
    /// Elsewhere now.
    Moved,
    /// Gone.
    Deleted,
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseReason {
    /// Every trial was confirmed.
    Finished,
    /// The time was over.
    TimeLimit,
    /// The reader left; may be resumed.
    Left,
}

impl CloseReason {
    /// Whether nothing may follow.
    #[must_use]
    pub fn is_final(self) -> bool {
        self != Self::Left
    }

    /// What it means, for a message.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Finished => "every trial was read",
            Self::TimeLimit => "the time was over",
            Self::Left => "the reader left",
        }
    }
}

impl Event {
    /// The trial that it is about.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Shown { code, .. }
            | Self::FirstInput { code }
            | Self::Answer { code, .. }
            | Self::Mark { code, .. }
            | Self::Confirmed { code, .. }
            | Self::HintShown { code }
            | Self::FeedbackShown { code } => Some(code),
            Self::Viewed(viewed) => Some(&viewed.code),
            _ => None,
        }
    }

    /// Whether its `ms` may be of another run, since it can be written while the session does not run.
    #[must_use]
    pub fn is_off_the_clock(&self) -> bool {
        matches!(self, Self::UnplannedLook { .. } | Self::Recovered { .. })
    }

    /// Whether it says that the line before does not count.
    #[must_use]
    pub fn is_torn(&self) -> bool {
        match self {
            Self::Opened(opened) => opened.torn,
            Self::Resumed { torn, .. } | Self::Recovered { torn, .. } => *torn,
            _ => false,
        }
    }

    /// What it is, in words for a message to the reader.
    #[must_use]
    pub fn words(&self) -> &'static str {
        match self {
            Self::Opened(_) => "the beginning of the session",
            Self::Resumed { .. } => "the resumption of the session",
            Self::Answer { .. } | Self::Confirmed { .. } => "the last answer",
            Self::Mark { .. } => "the last mark",
            Self::Closed { .. } => "the end of the session",
            _ => "the last event",
        }
    }
}
