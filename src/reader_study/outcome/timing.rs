//! How one trial was read, worked out from the entries of a log.

use crate::reader_study::design::Answers;
use std::collections::{BTreeMap, BTreeSet};

use crate::reader_study::session::entry::Entry;
use crate::reader_study::session::event::{Event, Viewed};
use crate::reader_study::session::utc::Utc;

/// What a log says of one trial.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TrialLog {
    /// The final answers; none when it was not confirmed.
    pub answers: Option<Answers>,
    /// When it was confirmed last.
    pub confirmed: Option<Utc>,
    /// From shown to confirmed, ms, without pauses and breaks, summed over all showings. A showing that a crash or leaving
    /// ended counts until the last entry of that run.
    pub read_ms: u64,
    /// From shown to the first input of the first showing that had one, ms, without pauses.
    pub first_input_ms: Option<u64>,
    /// A showing ended without confirming, by a crash or by leaving; `read_ms` is a lower bound then.
    pub interrupted: bool,
    /// How often an answer was replaced by another one before confirming.
    pub answer_changes: u32,
    /// How often it was confirmed again with other answers.
    pub changes_of_mind: u32,
    /// How it was looked at, of the last showing.
    pub viewed: Option<Viewed>,
}

/// A trial on the screen.
struct Showing {
    code: String,
    since_ms: u64,
    /// Time of pauses and breaks, ms.
    rested_ms: u64,
}

/// All trials of a log, by code.
#[derive(Default)]
struct Reader {
    trials: BTreeMap<String, TrialLog>,
    drafts: BTreeMap<(String, String), serde_json::Value>,
    seen: BTreeSet<String>,
    showing: Option<Showing>,
    paused_ms: Option<u64>,
    last_ms: u64,
}

/// Every trial that was shown, by code.
#[must_use]
pub fn trials(entries: &[Entry]) -> BTreeMap<String, TrialLog> {
    let mut reader = Reader::default();
    for entry in entries.iter().filter(|e| !e.event.is_off_the_clock()) {
        reader.take(entry);
    }
    let last = reader.last_ms;
    reader.end_showing(last, true);
    reader.trials
}

impl Reader {
    fn trial(&mut self, code: &str) -> &mut TrialLog {
        self.trials.entry(code.to_owned()).or_default()
    }

    fn end_pause(&mut self, ms: u64) {
        if let (Some(since), Some(showing)) = (self.paused_ms.take(), &mut self.showing) {
            showing.rested_ms += ms.saturating_sub(since);
        }
    }

    fn end_showing(&mut self, ms: u64, interrupted: bool) {
        self.end_pause(ms);
        if let Some(Showing { code, since_ms, rested_ms }) = self.showing.take() {
            let trial = self.trial(&code);
            trial.read_ms += ms.saturating_sub(since_ms + rested_ms);
            trial.interrupted |= interrupted && trial.answers.is_none();
        }
    }

    fn take(&mut self, entry: &Entry) {
        match &entry.event {
            Event::Resumed { .. } => {
                let last = self.last_ms;
                self.end_showing(last, true);
            }
            Event::Shown { code, .. } => {
                self.end_showing(entry.ms, false);
                self.trial(code);
                self.showing = Some(Showing { code: code.clone(), since_ms: entry.ms, rested_ms: 0 });
            }
            Event::FirstInput { code } => {
                let since = self.showing.as_ref().map_or(entry.ms, |s| s.since_ms + s.rested_ms);
                self.trial(code).first_input_ms.get_or_insert(entry.ms.saturating_sub(since));
            }
            Event::Answer { code, question, value } => {
                let value = serde_json::to_value(value).unwrap_or_default();
                let before = self.drafts.insert((code.clone(), question.clone()), value.clone());
                let replaced = before.is_some_and(|before| !before.is_null() && before != value);
                self.trial(code).answer_changes += u32::from(replaced);
            }
            Event::Viewed(viewed) => self.trial(&viewed.code).viewed = Some(viewed.clone()),
            Event::Confirmed { code, answers } => {
                self.end_showing(entry.ms, false);
                let again = !self.seen.insert(code.clone());
                let trial = self.trial(code);
                let other = again && trial.answers.as_ref() != Some(answers);
                trial.changes_of_mind += u32::from(other);
                trial.answers = Some(answers.clone());
                trial.confirmed = Some(entry.utc);
            }
            Event::Paused {} => self.paused_ms = Some(entry.ms),
            Event::Continued {} => self.end_pause(entry.ms),
            Event::BreakTaken { seconds } => {
                if let Some(showing) = &mut self.showing {
                    showing.rested_ms += (seconds.max(0.0) * 1000.0) as u64;
                }
            }
            Event::Closed { .. } => self.end_showing(entry.ms, true),
            _ => {}
        }
        self.last_ms = entry.ms;
    }
}
