//! What the answers of a trial mean, given the truth.

use super::marks::localise;
use crate::reader_study::design::{AnswerKind, Answers, AsksFor, Case, Design, Plan, Question};

/// What a trial's answers mean; each only where the design has it and the trial was read.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Judged {
    /// What was to be found: a synthetic image (yes/no) or disease.
    pub truth: Option<bool>,
    /// The primary answer as a number: a step of a scale, the place of an option from 0 in the
    /// order of what options mean ([`Question::ordered_options`]), the highest mark (one below the
    /// scale for none).
    pub rating: Option<f64>,
    /// Whether it was called present: a rating above the middle of the scale.
    pub called: Option<bool>,
    /// Which image was chosen, 0 for left and 1 for right; none for no preference.
    pub chosen: Option<usize>,
    /// Whether the answer was right.
    pub correct: Option<bool>,
}

/// What is needed to judge.
pub(super) struct Judge<'a> {
    pub design: Design,
    pub primary: Option<&'a Question>,
    pub plan: &'a Plan,
}

impl Judge<'_> {
    pub fn judge(&self, case: Option<&Case>, modalities: &[String], answers: Option<&Answers>) -> Judged {
        let synthetic = |name: &String| self.plan.modality(name).map(|m| m.synthetic);
        let truth = match self.design {
            Design::YesNo => modalities.first().and_then(synthetic),
            _ => case.and_then(|case| case.truth),
        };
        let value = self.primary.and_then(|question| answers?.get(&question.id));
        let (Some(question), Some(value)) = (self.primary, value) else {
            return Judged { truth, ..Judged::default() };
        };
        let rating = match &question.answer {
            AnswerKind::Scale { .. } => value.number(),
            AnswerKind::Choice { several: false, .. } => {
                let options = question.ordered_options();
                value.text().and_then(|text| options.iter().position(|o| o == text)).map(|at| at as f64)
            }
            AnswerKind::Marks { from, .. } => {
                value.marks().map(|marks| marks.iter().map(|m| m.rating).fold(*from as f64 - 1.0, f64::max))
            }
            _ => None,
        };
        let chosen = match value.text() {
            Some("left") => Some(0),
            Some("right") => Some(1),
            _ => None,
        };
        let called = rating.zip(middle(question)).map(|(rating, middle)| rating > middle);
        let correct = match self.design {
            Design::YesNo | Design::Roc | Design::Aided => called.zip(truth).map(|(called, truth)| called == truth),
            Design::ForcedChoice => {
                let wanted = question.wanted() == AsksFor::Synthetic;
                chosen.and_then(|at| modalities.get(at)).and_then(synthetic).map(|synthetic| synthetic == wanted)
            }
            Design::FreeResponse => case.zip(value.marks()).zip(truth).map(|((case, marks), truth)| {
                let found = localise(marks, &case.lesions);
                if truth { found.lesions.iter().any(Option::is_some) } else { marks.is_empty() }
            }),
            Design::Grading | Design::Preference | Design::Approval => None,
        };
        Judged { truth, rating, called, chosen, correct }
    }
}

/// The middle of a question's scale; above it a rating counts as "present".
#[must_use]
pub fn middle(question: &Question) -> Option<f64> {
    match &question.answer {
        AnswerKind::Scale { from, to, .. } => Some(f64::midpoint(*from as f64, *to as f64)),
        AnswerKind::Choice { options, several: false } => Some((options.len() as f64 - 1.0) / 2.0),
        // No mark is below the scale.
        AnswerKind::Marks { from, .. } => Some(*from as f64 - 0.5),
        _ => None,
    }
}
