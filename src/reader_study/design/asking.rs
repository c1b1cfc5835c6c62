//! Which answers a question takes, which questions are asked, and which are still open.

use std::collections::BTreeMap;

use super::answer::AnswerValue;
use super::question::{AnswerKind, Question};

/// Answers by question.
pub type Answers = BTreeMap<String, AnswerValue>;

/// Why an answer is not taken.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnswerProblem {
    /// Not of the question's kind.
    #[error("the answer to `{question}` must be {needed}")]
    Kind {
        /// The question.
        question: String,
        /// What it takes.
        needed: String,
    },
    /// There is no such question, or it is not asked with the answers so far.
    #[error("`{question}` is not asked")]
    NotAsked {
        /// The question.
        question: String,
    },
}

impl Question {
    /// Whether the question takes `value`.
    ///
    /// # Errors
    /// When it does not; says what it takes.
    pub fn accepts(&self, value: &AnswerValue) -> Result<(), AnswerProblem> {
        let whole =
            |number: f64, from: i64, to: i64| number.fract() == 0.0 && number >= from as f64 && number <= to as f64;
        let (taken, needed) = match (&self.answer, value) {
            (AnswerKind::Scale { from, to, .. }, value) => {
                let taken = value.number().is_some_and(|number| whole(number, *from, *to));
                (taken, format!("a whole number from {from} to {to}"))
            }
            (AnswerKind::Choice { options, several: false }, value) => {
                let taken = value.text().is_some_and(|text| options.iter().any(|o| o == text));
                (taken, format!("one of {}", options.join(", ")))
            }
            (AnswerKind::Choice { options, several: true }, AnswerValue::Choices(chosen)) => {
                let distinct = chosen.iter().enumerate().all(|(at, c)| chosen.iter().skip(at + 1).all(|d| c != d));
                (distinct && chosen.iter().all(|c| options.contains(c)), format!("some of {}", options.join(", ")))
            }
            (AnswerKind::Choice { options, several: true }, _) => (false, format!("some of {}", options.join(", "))),
            (AnswerKind::Marks { from, to, .. }, value) => {
                let sound = |marks: &[super::answer::RatedMark]| {
                    marks.iter().all(|m| whole(m.rating, *from, *to) && m.position_mm.iter().all(|p| p.is_finite()))
                };
                (value.marks().is_some_and(sound), format!("marks with whole ratings from {from} to {to}"))
            }
            (AnswerKind::Text, value) => (value.text().is_some(), "text".into()),
        };
        if taken { Ok(()) } else { Err(AnswerProblem::Kind { question: self.id.clone(), needed }) }
    }

    /// Whether `answers` hold an answer that suffices: no blank text, at least one option. No mark is an answer.
    #[must_use]
    pub fn is_answered(&self, answers: &Answers) -> bool {
        match (&self.answer, answers.get(&self.id)) {
            (AnswerKind::Marks { .. }, _) => true,
            (_, None) => false,
            (AnswerKind::Text, Some(value)) => value.text().is_some_and(|text| !text.trim().is_empty()),
            (AnswerKind::Choice { several: true, .. }, Some(value)) => !value.choices().is_empty(),
            (_, Some(_)) => true,
        }
    }
}

/// The questions that are asked with the answers so far; an answer to a question that is not asked does not count.
#[must_use]
pub fn asked<'a>(questions: &'a [Question], answers: &Answers) -> Vec<&'a Question> {
    let mut asked: Vec<&Question> = Vec::new();
    for question in questions {
        let holds = question.when.as_ref().is_none_or(|when| {
            asked.iter().any(|earlier| earlier.id == when.question) && when.holds(answers.get(&when.question))
        });
        if holds {
            asked.push(question);
        }
    }
    asked
}

/// The required questions that are asked and have no answer.
#[must_use]
pub fn open<'a>(questions: &'a [Question], answers: &Answers) -> Vec<&'a str> {
    let asked = asked(questions, answers);
    asked.into_iter().filter(|q| q.required && !q.is_answered(answers)).map(|q| q.id.as_str()).collect()
}

/// What is confirmed: the answers to the questions that are asked, and an empty list where no mark was placed.
#[must_use]
pub fn final_answers(questions: &[Question], answers: &Answers) -> Answers {
    let given = |question: &Question| {
        let none = || matches!(question.answer, AnswerKind::Marks { .. }).then(|| AnswerValue::Marks(Vec::new()));
        Some((question.id.clone(), answers.get(&question.id).cloned().or_else(none)?))
    };
    asked(questions, answers).into_iter().filter_map(given).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn questions() -> Vec<Question> {
        let json = r#"[
            {"id":"sure","text":"?","answer":{"kind":"scale","from":0,"to":100},"primary":true,"required":true},
            {"id":"why","text":"?","answer":{"kind":"choice","options":["edges","other"],"several":true},
             "primary":false,"required":true,"when":{"question":"sure","at_least":60}},
            {"id":"other","text":"?","answer":{"kind":"text"},"primary":false,"required":true,"when":{"question":"why","is":"other"}}]"#;
        serde_json::from_str(json).unwrap()
    }

    fn answers(pairs: &[(&str, AnswerValue)]) -> Answers {
        pairs.iter().map(|(q, v)| ((*q).to_owned(), v.clone())).collect()
    }

    #[test]
    fn a_question_that_is_not_asked_is_neither_required_nor_confirmed() {
        let (questions, number) = (questions(), |n| ("sure", AnswerValue::Number(n)));
        let other = ("why", AnswerValue::Choices(vec!["other".into()]));
        assert_eq!(open(&questions, &answers(&[])), ["sure"]);
        assert!(open(&questions, &answers(&[number(10.0)])).is_empty());
        assert_eq!(open(&questions, &answers(&[number(60.0)])), ["why"]);
        assert_eq!(open(&questions, &answers(&[number(60.0), other.clone()])), ["other"]);
        // The reason stays from before the first answer was lowered, and with it the question that hung on it.
        let lowered = answers(&[number(59.0), other]);
        assert!(open(&questions, &lowered).is_empty());
        assert_eq!(final_answers(&questions, &lowered), answers(&[number(59.0)]));
    }

    #[test]
    fn an_answer_must_be_of_the_scale_or_the_options() {
        let questions = questions();
        let taken = |at: usize, value: AnswerValue| questions[at].accepts(&value).is_ok();
        assert!(taken(0, AnswerValue::Number(100.0)));
        for wrong in [AnswerValue::Number(0.5), AnswerValue::Number(101.0), AnswerValue::Number(f64::NAN)] {
            assert!(!taken(0, wrong));
        }
        assert!(!taken(0, AnswerValue::Text("100".into())));
        assert!(taken(1, AnswerValue::Choices(vec!["edges".into(), "other".into()])));
        assert!(!taken(1, AnswerValue::Choices(vec!["edges".into(), "edges".into()])));
        assert!(!taken(1, AnswerValue::Text("edges".into())));
    }
}
