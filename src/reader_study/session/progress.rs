//! Where a session stands: a pure state machine over a reading list and the entries of its log.
//!
//! Nothing happens here by itself. A method says which event is due, or why it is not; the event is written to the log;
//! the entry that the log gives back is applied. What was not written therefore never counts, and a killed program is at
//! the same place after reading its log. [`super::reading`] does the three steps in one.

use super::entry::Entry;
use super::event::{CloseReason, Event, Viewed};
use super::step::{ProgressError, Step};
use crate::reader_study::design::asking::{asked, final_answers, open};
use crate::reader_study::design::{AnswerProblem, AnswerValue, Answers, PublicList, PublicStudy, Question, TrialKind};

/// The state of one session.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    questions: Vec<Question>,
    allow_back: bool,
    hide_ms: u64,
    time_limit_ms: Option<u64>,
    break_every: Option<u32>,
    trials: Vec<Trial>,
    shown: Option<Shown>,
    paused_since_ms: Option<u64>,
    closed: Option<CloseReason>,
    /// Trials confirmed since the last break.
    since_break: u32,
    /// Reading time of earlier runs, ms.
    earlier_ms: u64,
    /// Time of this run that does not count, ms.
    rested_ms: u64,
    /// `ms` of the last entry.
    last_ms: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Trial {
    code: String,
    /// What is told after it; none but for training with feedback.
    feedback: Option<String>,
    feedback_due: bool,
    /// Whether there is a hint, and whether it was asked for before answering.
    hint: bool,
    hinted: bool,
    drafts: Answers,
    confirmed: Option<Answers>,
}

#[derive(Debug, Clone, PartialEq)]
struct Shown {
    at: usize,
    since_ms: u64,
    first_input: bool,
    viewed: bool,
}

impl Progress {
    /// Where a session with this log stands; with no entries, its beginning.
    #[must_use]
    pub fn new(study: &PublicStudy, list: &PublicList, entries: &[Entry]) -> Self {
        let told = |kind| study.training_feedback && kind == TrialKind::Training;
        let trials = list.trials.iter().map(|trial| Trial {
            code: trial.code.clone(),
            feedback: trial.feedback.clone().filter(|_| told(trial.kind)),
            feedback_due: false,
            hint: trial.hint.is_some(),
            hinted: false,
            drafts: Answers::new(),
            confirmed: None,
        });
        let mut progress = Self {
            questions: study.questions.clone(),
            allow_back: study.reading.allow_back,
            hide_ms: u64::from(study.reading.hide_seconds) * 1000,
            time_limit_ms: study.sessions.time_limit_minutes.map(|minutes| u64::from(minutes) * 60_000),
            break_every: study.sessions.break_every.filter(|n| *n > 0),
            trials: trials.collect(),
            shown: None,
            paused_since_ms: None,
            closed: None,
            since_break: 0,
            earlier_ms: 0,
            rested_ms: 0,
            last_ms: 0,
        };
        for entry in entries {
            progress.apply(entry);
        }
        progress
    }

    /// Takes in what was written to the log.
    pub fn apply(&mut self, entry: &Entry) {
        if entry.event.is_off_the_clock() {
            return;
        }
        if matches!(entry.event, Event::Resumed { .. }) {
            self.earlier_ms += self.run_ms(self.last_ms);
            (self.rested_ms, self.paused_since_ms, self.shown, self.closed) = (0, None, None, None);
        }
        self.last_ms = entry.ms;
        let at = entry.event.code().and_then(|code| self.trials.iter().position(|t| t.code == code));
        let trial = at.and_then(|at| self.trials.get_mut(at));
        match (&entry.event, at, trial) {
            (Event::Shown { .. }, Some(at), Some(trial)) => {
                if let Some(confirmed) = &trial.confirmed {
                    trial.drafts.clone_from(confirmed);
                }
                self.shown = Some(Shown { at, since_ms: entry.ms, first_input: false, viewed: false });
            }
            (Event::Answer { question, value, .. }, _, Some(trial)) => match value {
                Some(value) => {
                    trial.drafts.insert(question.clone(), value.clone());
                }
                None => {
                    trial.drafts.remove(question);
                }
            },
            (Event::Confirmed { answers, .. }, _, Some(trial)) => {
                if trial.confirmed.is_none() {
                    self.since_break += 1;
                    trial.feedback_due = trial.feedback.is_some();
                }
                trial.confirmed = Some(answers.clone());
                trial.drafts.clone_from(answers);
                self.shown = None;
            }
            (Event::FeedbackShown { .. }, _, Some(trial)) => trial.feedback_due = false,
            (Event::HintShown { .. }, _, Some(trial)) => trial.hinted = true,
            (Event::FirstInput { .. }, _, _) => self.on_shown(|shown| shown.first_input = true),
            (Event::Viewed(_), _, _) => self.on_shown(|shown| shown.viewed = true),
            (Event::Paused {}, _, _) => self.paused_since_ms = Some(entry.ms),
            (Event::Continued {}, _, _) => {
                let since = self.paused_since_ms.take().unwrap_or(entry.ms);
                self.rested_ms += entry.ms.saturating_sub(since);
            }
            (Event::BreakTaken { seconds }, _, _) => {
                self.since_break = 0;
                self.rested_ms += (seconds.max(0.0) * 1000.0) as u64;
            }
            (Event::Closed { reason }, _, _) => {
                self.closed = Some(*reason);
                self.shown = None;
            }
            _ => {}
        }
    }

    fn on_shown(&mut self, change: impl FnOnce(&mut Shown)) {
        if let Some(shown) = &mut self.shown {
            change(shown);
        }
    }

    /// Reading time of this run, ms, without pauses and breaks.
    fn run_ms(&self, now_ms: u64) -> u64 {
        // A break that is due is being taken, and is written only when it is over.
        let now_ms = if self.shown.is_none() && self.break_due() { self.last_ms } else { now_ms };
        let paused = self.paused_since_ms.map_or(0, |since| now_ms.saturating_sub(since));
        now_ms.saturating_sub(self.rested_ms + paused)
    }

    fn break_due(&self) -> bool {
        self.break_every.is_some_and(|every| self.since_break >= every)
    }

    /// Reading time of the whole session, ms, without pauses and breaks and without the time between runs.
    #[must_use]
    pub fn read_ms(&self, now_ms: u64) -> u64 {
        self.earlier_ms + self.run_ms(now_ms)
    }

    /// What is left of the time limit, ms; none without a limit.
    #[must_use]
    pub fn remaining_ms(&self, now_ms: u64) -> Option<u64> {
        self.time_limit_ms.map(|limit| limit.saturating_sub(self.read_ms(now_ms)))
    }

    /// How many trials are confirmed, and how many there are.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        (self.trials.iter().filter(|t| t.confirmed.is_some()).count(), self.trials.len())
    }

    /// The answers of the trial on the screen so far, or of the next one if a killed program left some.
    #[must_use]
    pub fn answers(&self) -> Option<&Answers> {
        let at = self.shown.as_ref().map(|shown| shown.at).or_else(|| self.first_open())?;
        self.trials.get(at).map(|trial| &trial.drafts)
    }

    /// What a trial was confirmed with.
    #[must_use]
    pub fn confirmed(&self, code: &str) -> Option<&Answers> {
        self.trials.iter().find(|trial| trial.code == code)?.confirmed.as_ref()
    }

    /// The questions to ask now, with the answers so far.
    #[must_use]
    pub fn asked(&self) -> Vec<&Question> {
        self.answers().map(|answers| asked(&self.questions, answers)).unwrap_or_default()
    }

    fn first_open(&self) -> Option<usize> {
        self.trials.iter().position(|trial| trial.confirmed.is_none())
    }

    /// What comes next. The time limit ends the session between trials: a trial on the screen may be confirmed.
    #[must_use]
    pub fn step(&self, now_ms: u64) -> Step {
        if let Some(reason) = self.closed {
            return Step::Closed(reason);
        }
        if self.paused_since_ms.is_some() {
            return Step::Paused;
        }
        let code = |at: usize| self.trials.get(at).map(|trial| trial.code.clone()).unwrap_or_default();
        if let Some(shown) = &self.shown {
            return Step::Answer { at: shown.at, code: code(shown.at) };
        }
        if let Some(trial) = self.trials.iter().find(|trial| trial.feedback_due) {
            return Step::Feedback { code: trial.code.clone(), text: trial.feedback.clone().unwrap_or_default() };
        }
        let Some(at) = self.first_open() else { return Step::Finish };
        if self.remaining_ms(now_ms) == Some(0) {
            return Step::TimeOver;
        }
        if self.break_due() {
            return Step::Break;
        }
        Step::Show { at, code: code(at) }
    }

    /// The next trial is on the screen; from a trial that was opened again this goes on without confirming it anew.
    ///
    /// # Errors
    /// When no trial is due.
    pub fn show(&self, now_ms: u64) -> Result<Event, ProgressError> {
        let not_now = ProgressError::NotNow { what: "the next trial" };
        let next = match self.step(now_ms) {
            Step::Show { at, .. } => Some(at),
            Step::Answer { at, .. } if self.is_confirmed(at) => self.first_open(),
            _ => None,
        };
        next.and_then(|at| self.shown_event(at)).ok_or(not_now)
    }

    fn is_confirmed(&self, at: usize) -> bool {
        self.trials.get(at).is_some_and(|trial| trial.confirmed.is_some())
    }

    fn shown_event(&self, at: usize) -> Option<Event> {
        let trial = self.trials.get(at)?;
        Some(Event::Shown { code: trial.code.clone(), position: u32::try_from(at + 1).unwrap_or(u32::MAX) })
    }

    /// Whether [`Progress::back`] would work.
    #[must_use]
    pub fn may_go_back(&self) -> bool {
        self.back().is_ok()
    }

    /// The trial before the one on the screen is on the screen again, with its answers.
    ///
    /// # Errors
    /// When the study does not allow it, there is none before, or its truth was told already.
    pub fn back(&self) -> Result<Event, ProgressError> {
        let no = |why| Err(ProgressError::NoWayBack { why });
        if !self.allow_back {
            return no("this study does not allow it");
        }
        if self.closed.is_some() || self.paused_since_ms.is_some() {
            return no("the session is not running");
        }
        let here = self.shown.as_ref().map(|shown| shown.at).or_else(|| self.first_open()).unwrap_or(self.trials.len());
        match here.checked_sub(1).and_then(|at| Some((self.trials.get(at)?, self.shown_event(at)?))) {
            None => no("this is the first trial"),
            Some((trial, _)) if trial.feedback.is_some() => no("the truth of the trial before was told"),
            Some((_, event)) => Ok(event),
        }
    }

    /// The trial on the screen, not paused.
    fn current(&self, what: &'static str) -> Result<(&Shown, &Trial), ProgressError> {
        let running = self.paused_since_ms.is_none() && self.closed.is_none();
        let shown = self.shown.as_ref().filter(|_| running);
        let current = shown.and_then(|shown| Some((shown, self.trials.get(shown.at)?)));
        current.ok_or(ProgressError::NotNow { what })
    }

    /// The reader touched something; none when that is known already.
    #[must_use]
    pub fn first_input(&self) -> Option<Event> {
        let (shown, trial) = self.current("an input").ok()?;
        (!shown.first_input).then(|| Event::FirstInput { code: trial.code.clone() })
    }

    /// A change of an answer; `None` takes it back.
    ///
    /// # Errors
    /// When no trial is on the screen, it is too early, the question is not asked, or it does not take the value.
    pub fn answer(&self, question: &str, value: Option<AnswerValue>, now_ms: u64) -> Result<Event, ProgressError> {
        let (shown, trial) = self.current("an answer")?;
        self.not_too_early(shown, now_ms)?;
        let asked = asked(&self.questions, &trial.drafts);
        let Some(of) = asked.into_iter().find(|q| q.id == question) else {
            return Err(AnswerProblem::NotAsked { question: question.to_owned() }.into());
        };
        value.as_ref().map_or(Ok(()), |value| of.accepts(value))?;
        Ok(Event::Answer { code: trial.code.clone(), question: question.to_owned(), value })
    }

    fn not_too_early(&self, shown: &Shown, now_ms: u64) -> Result<(), ProgressError> {
        let wait_ms = (shown.since_ms + self.hide_ms).saturating_sub(now_ms);
        if wait_ms > 0 { Err(ProgressError::TooEarly { wait_ms }) } else { Ok(()) }
    }

    /// The events that end the trial on the screen: `viewed` unless it is written already, then `confirmed`.
    ///
    /// # Errors
    /// When no trial is on the screen, it is too early, or a required question has no answer.
    pub fn confirm(&self, viewed: Option<Viewed>, now_ms: u64) -> Result<Vec<Event>, ProgressError> {
        let (shown, trial) = self.current("confirming")?;
        self.not_too_early(shown, now_ms)?;
        let missing = open(&self.questions, &trial.drafts);
        if !missing.is_empty() {
            return Err(ProgressError::Unanswered { questions: missing.into_iter().map(str::to_owned).collect() });
        }
        let (code, answers) = (trial.code.clone(), final_answers(&self.questions, &trial.drafts));
        let viewed =
            viewed.filter(|_| !shown.viewed).map(|viewed| Event::Viewed(Viewed { code: code.clone(), ..viewed }));
        Ok(viewed.into_iter().chain([Event::Confirmed { code, answers }]).collect())
    }

    /// Whether the trial's hint was asked for before it was answered.
    #[must_use]
    pub fn is_hinted(&self, code: &str) -> bool {
        self.trials.iter().any(|trial| trial.code == code && trial.hinted)
    }

    /// The player asks for the hint of the trial on the screen.
    ///
    /// # Errors
    /// When no trial is on the screen, it has no hint, or the hint was asked for already.
    pub fn hint(&self) -> Result<Event, ProgressError> {
        let (_, trial) = self.current("a hint")?;
        if !trial.hint || trial.hinted {
            return Err(ProgressError::NotNow { what: "a hint" });
        }
        Ok(Event::HintShown { code: trial.code.clone() })
    }

    /// The truth of a training trial was told.
    ///
    /// # Errors
    /// When none is due.
    pub fn feedback_shown(&self, now_ms: u64) -> Result<Event, ProgressError> {
        match self.step(now_ms) {
            Step::Feedback { code, .. } => Ok(Event::FeedbackShown { code }),
            _ => Err(ProgressError::NotNow { what: "feedback" }),
        }
    }

    /// The reader stops the clock, or goes on.
    ///
    /// # Errors
    /// When the session is closed.
    pub fn pause_or_continue(&self) -> Result<Event, ProgressError> {
        match (self.closed, self.paused_since_ms) {
            (Some(_), _) => Err(ProgressError::NotNow { what: "a pause" }),
            (None, None) => Ok(Event::Paused {}),
            (None, Some(_)) => Ok(Event::Continued {}),
        }
    }

    /// A break between two trials is over; it may be taken before it is due.
    ///
    /// # Errors
    /// When a trial is on the screen or the session does not run.
    pub fn break_taken(&self, seconds: f64, now_ms: u64) -> Result<Event, ProgressError> {
        match self.step(now_ms) {
            Step::Break | Step::Show { .. } if seconds.is_finite() => {
                Ok(Event::BreakTaken { seconds: seconds.max(0.0) })
            }
            _ => Err(ProgressError::NotNow { what: "a break" }),
        }
    }

    /// The session ends: finished or out of time when it is, else left.
    ///
    /// # Errors
    /// When it is closed already.
    pub fn close(&self, now_ms: u64) -> Result<Event, ProgressError> {
        let reason = match self.step(now_ms) {
            Step::Closed(_) => return Err(ProgressError::NotNow { what: "closing" }),
            Step::Finish => CloseReason::Finished,
            Step::TimeOver => CloseReason::TimeLimit,
            _ => CloseReason::Left,
        };
        Ok(Event::Closed { reason })
    }
}
