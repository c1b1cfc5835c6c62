//! The guard's word on the series that lie in a model's slots, before the model is run: asked for when the slots change,
//! worked out on a worker, one at a time; a newer question stops the one before.

use std::collections::VecDeque;
use std::path::PathBuf;

use super::library::SeriesId;
use crate::inference::guard::{self, Look};
use crate::jobs::{Control, Job, Poll};

use super::tasks::Asked;

/// What a word is about: a model's folder, and the series in its inputs with their time points.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Question {
    pub folder: PathBuf,
    pub inputs: Vec<(String, SeriesId, usize)>,
}

/// How far the answer is.
#[derive(Debug)]
pub(crate) enum Word<'a> {
    Unasked,
    Looking,
    Said(&'a Result<Look, String>),
}

/// Answers that are kept: those of the slots that a person goes back to.
const KEPT: usize = 16;

/// The question that is worked on, and the answers.
#[derive(Default)]
pub(crate) struct GuardWords {
    job: Option<(Question, Job<Result<Look, String>>)>,
    said: VecDeque<(Question, Result<Look, String>)>,
}

impl GuardWords {
    /// Begins to look, unless the answer is there or on its way. Gives the control of what began.
    pub fn ask(&mut self, question: Question, asked: Asked) -> Option<Control> {
        if !matches!(self.word(&question), Word::Unasked) {
            return None;
        }
        self.cancel();
        let job = Job::spawn("Looking at the inputs", move |control| {
            let Asked { model, inputs, options, .. } = asked;
            let read = |(name, source): (String, super::tasks::Source)| Ok((name, source.volume(control)?));
            let inputs = inputs.into_iter().map(read).collect::<Result<Vec<_>, String>>()?;
            guard::look(&model, &inputs, options.registered, control).map_err(|e| e.to_string())
        });
        let control = job.control().clone();
        self.job = Some((question, job));
        Some(control)
    }

    /// The word on these series.
    pub fn word(&self, question: &Question) -> Word<'_> {
        if let Some((_, said)) = self.said.iter().find(|(q, _)| q == question) {
            return Word::Said(said);
        }
        if self.job.as_ref().is_some_and(|(q, _)| q == question) { Word::Looking } else { Word::Unasked }
    }

    /// Takes the answer when it is there.
    pub fn poll(&mut self) {
        let Some((question, job)) = self.job.take() else { return };
        match job.poll() {
            Poll::Running => self.job = Some((question, job)),
            // Stopped, and not an answer: it is asked again when its slots come back.
            Poll::Ready(Err(_)) if job.control().is_cancelled() => {}
            Poll::Ready(said) => {
                self.said.push_front((question, said));
                self.said.truncate(KEPT);
            }
            Poll::Gone => self.said.push_front((question, Err("the look at the inputs ended unexpectedly".to_owned()))),
        }
    }

    /// Whether nothing is worked on.
    pub fn is_idle(&self) -> bool {
        self.job.is_none()
    }

    /// Stops what is worked on.
    pub fn cancel(&mut self) {
        if let Some((_, job)) = self.job.take() {
            job.control().cancel();
        }
    }
}
