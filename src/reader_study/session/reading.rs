//! A session being read: the log and the state machine together. What is not in the log did not happen.

use super::event::{Event, MarkAction, Viewed};
use super::log::SessionLog;
use super::log_error::LogError;
use super::progress::Progress;
use super::step::{ProgressError, Step};
use crate::reader_study::design::{AnswerValue, PublicList, PublicStudy};

/// A session being read.
pub struct ReadingSession {
    log: SessionLog,
    progress: Progress,
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum ReadingError {
    /// It is not possible now.
    #[error(transparent)]
    Progress(#[from] ProgressError),
    /// It could not be kept.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl ReadingSession {
    /// Goes on where `log` stands.
    #[must_use]
    pub fn new(study: &PublicStudy, list: &PublicList, log: SessionLog) -> Self {
        let progress = Progress::new(study, list, log.entries());
        Self { log, progress }
    }

    /// The log.
    #[must_use]
    pub fn log(&self) -> &SessionLog {
        &self.log
    }

    /// Where the session stands.
    #[must_use]
    pub fn progress(&self) -> &Progress {
        &self.progress
    }

    /// What comes next.
    #[must_use]
    pub fn step(&self) -> Step {
        self.progress.step(self.log.now_ms())
    }

    /// Writes an event and takes it in.
    fn keep(&mut self, event: Event) -> Result<(), ReadingError> {
        let entry = self.log.append(event)?;
        self.progress.apply(&entry);
        Ok(())
    }

    /// The next trial is on the screen in full resolution.
    ///
    /// # Errors
    /// When none is due, or it could not be kept; this holds for every method here.
    pub fn show(&mut self) -> Result<(), ReadingError> {
        self.keep(self.progress.show(self.log.now_ms())?)
    }

    /// The trial before is on the screen again.
    ///
    /// # Errors
    /// When going back is not possible.
    pub fn back(&mut self) -> Result<(), ReadingError> {
        self.keep(self.progress.back()?)
    }

    /// The reader touched something; only the first time in a trial is kept.
    ///
    /// # Errors
    /// When it could not be kept.
    pub fn touched(&mut self) -> Result<(), ReadingError> {
        self.progress.first_input().map_or(Ok(()), |event| self.keep(event))
    }

    /// An answer was changed; `None` takes it back.
    ///
    /// # Errors
    /// When the question does not take it.
    pub fn answer(&mut self, question: &str, value: Option<AnswerValue>) -> Result<(), ReadingError> {
        self.keep(self.progress.answer(question, value, self.log.now_ms())?)
    }

    /// A mark was placed, moved or deleted; the answer with all marks follows as [`ReadingSession::answer`].
    ///
    /// # Errors
    /// When no trial is on the screen.
    pub fn mark(&mut self, action: MarkAction, position_mm: [f64; 3]) -> Result<(), ReadingError> {
        let Step::Answer { code, .. } = self.step() else {
            return Err(ProgressError::NotNow { what: "a mark" }.into());
        };
        self.keep(Event::Mark { code, action, position_mm })
    }

    /// The trial's answers are final; `viewed` says how it was looked at (its code is filled in).
    ///
    /// # Errors
    /// When a required question has no answer, or it is too early.
    pub fn confirm(&mut self, viewed: Option<Viewed>) -> Result<(), ReadingError> {
        for event in self.progress.confirm(viewed, self.log.now_ms())? {
            self.keep(event)?;
        }
        Ok(())
    }

    /// The hint of the trial on the screen was asked for.
    ///
    /// # Errors
    /// When there is none, or it was asked for already.
    pub fn hint(&mut self) -> Result<(), ReadingError> {
        self.keep(self.progress.hint()?)
    }

    /// The truth of a training trial was told.
    ///
    /// # Errors
    /// When none is due.
    pub fn feedback_shown(&mut self) -> Result<(), ReadingError> {
        self.keep(self.progress.feedback_shown(self.log.now_ms())?)
    }

    /// Stops the clock, or goes on.
    ///
    /// # Errors
    /// When the session is closed.
    pub fn pause_or_continue(&mut self) -> Result<(), ReadingError> {
        self.keep(self.progress.pause_or_continue()?)
    }

    /// A break is over.
    ///
    /// # Errors
    /// When a trial is on the screen.
    pub fn break_taken(&mut self, seconds: f64) -> Result<(), ReadingError> {
        self.keep(self.progress.break_taken(seconds, self.log.now_ms())?)
    }

    /// Nothing was touched for so long, s.
    ///
    /// # Errors
    /// When it could not be kept.
    pub fn idle(&mut self, seconds: f64) -> Result<(), ReadingError> {
        self.keep(Event::Idle { seconds })
    }

    /// The window lost or gained focus.
    ///
    /// # Errors
    /// When it could not be kept.
    pub fn focus(&mut self, gained: bool) -> Result<(), ReadingError> {
        self.keep(if gained { Event::FocusGained {} } else { Event::FocusLost {} })
    }

    /// The washout time was overridden, for this reason.
    ///
    /// # Errors
    /// When it could not be kept.
    pub fn washout_overridden(&mut self, event: Event) -> Result<(), ReadingError> {
        self.keep(event)
    }

    /// Ends the session.
    ///
    /// # Errors
    /// When it is closed already.
    pub fn close(&mut self) -> Result<(), ReadingError> {
        self.keep(self.progress.close(self.log.now_ms())?)
    }
}
