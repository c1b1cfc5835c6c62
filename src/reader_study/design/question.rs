//! What a reader is asked in each trial.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

use super::answer::AnswerValue;
use super::approved::DOCUMENTED;
use super::asks_for::AsksFor;
use super::plan::Design;

/// One question of a trial.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Unique in the plan, `[A-Za-z0-9_-]{1,32}`.
    pub id: String,
    /// As the reader sees it.
    pub text: String,
    /// What may be answered.
    pub answer: AnswerKind,
    /// Whether it is the one that the figure of merit comes from; exactly one question is.
    pub primary: bool,
    /// Whether a trial can only be confirmed with an answer (where it is asked at all).
    pub required: bool,
    /// Which image is to be chosen (primary question of a forced choice); see [`Question::wanted`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asks_for: Option<AsksFor>,
    /// The options that mean approved, best first (primary question of an approval); see [`Question::approved_options`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<String>,
    /// It is asked only when this holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<Condition>,
}

impl Question {
    /// The options in the order of what they mean, wherever they stand on the screen: `real` before `synthetic`, the best
    /// approval first; else as the plan has them. Empty when the question is no choice of one option.
    #[must_use]
    pub fn ordered_options(&self) -> Vec<String> {
        const KINDS: [&str; 2] = ["real", "synthetic"];
        match &self.answer {
            AnswerKind::Choice { options, several: false } => {
                if options.len() == KINDS.len() && KINDS.iter().all(|kind| options.iter().any(|o| o == kind)) {
                    KINDS.map(str::to_owned).to_vec()
                } else if self.approved_options().is_empty() {
                    options.clone()
                } else {
                    self.best_to_worst()
                }
            }
            _ => Vec::new(),
        }
    }
}

/// What may be answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum AnswerKind {
    /// A whole number.
    Scale {
        /// The lowest.
        from: i64,
        /// The highest.
        to: i64,
        /// What stands beside some of the numbers.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "labels")]
        labels: BTreeMap<i64, String>,
    },
    /// One of several options, or any number of them.
    Choice {
        /// At least two, in their order on the screen.
        options: Vec<String>,
        /// Whether more than one may be chosen.
        several: bool,
    },
    /// Any number of positions, each with a rating in whole numbers.
    Marks {
        /// The lowest rating.
        from: i64,
        /// The highest rating.
        to: i64,
        /// What stands beside some of the ratings.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "labels")]
        labels: BTreeMap<i64, String>,
    },
    /// Free text.
    Text,
}

impl AnswerKind {
    /// The name in a plan.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Scale { .. } => "scale",
            Self::Choice { .. } => "choice",
            Self::Marks { .. } => "marks",
            Self::Text => "text",
        }
    }
}

/// JSON and TOML have text as keys, and serde does not make numbers of them inside a tagged enum.
fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<i64, String>, D::Error> {
    let by_text = BTreeMap::<String, String>::deserialize(deserializer)?;
    let number = |key: String| {
        key.parse().map_err(|_| serde::de::Error::custom(format!("label `{key}` is no whole number of the scale")))
    };
    by_text.into_iter().map(|(key, text)| Ok((number(key)?, text))).collect()
}

/// When a question is asked: everything that is given must hold of the answer to an earlier question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The earlier question.
    pub question: String,
    /// Scale: this or more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_least: Option<i64>,
    /// Scale: this or less.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<i64>,
    /// Choice: this option was chosen, maybe beside others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is: Option<String>,
}

impl Condition {
    /// Whether it holds of an answer; it does not where the earlier question was not answered (`None`).
    #[must_use]
    pub fn holds(&self, answer: Option<&AnswerValue>) -> bool {
        let Some(answer) = answer else { return false };
        let number = answer.number();
        self.at_least.is_none_or(|least| number.is_some_and(|n| n >= least as f64))
            && self.at_most.is_none_or(|most| number.is_some_and(|n| n <= most as f64))
            && self.is.as_ref().is_none_or(|option| answer.choices().contains(option))
    }
}

/// What is asked where the plan names no question; nothing for grading, whose criteria are the study's own.
#[must_use]
pub fn default_questions(design: Design) -> Vec<Question> {
    let scale = |id: &str, text: &str, (from, to): (i64, i64), low: &str, high: &str| {
        let labels = BTreeMap::from([(from, low.to_owned()), (to, high.to_owned())]);
        asked(id, text, AnswerKind::Scale { from, to, labels })
    };
    let choice = |id: &str, text: &str, options: &[&str]| {
        let options = options.iter().map(|option| (*option).to_owned()).collect();
        asked(id, text, AnswerKind::Choice { options, several: false })
    };
    let mut questions = match design {
        Design::YesNo => {
            vec![scale("synthetic", "Is this image real or synthetic?", (1, 6), "surely real", "surely synthetic")]
        }
        Design::ForcedChoice => vec![
            Question { asks_for: Some(AsksFor::Real), ..choice("real", "Which one is real?", &["left", "right"]) },
            scale("confidence", "How confident are you?", (1, 5), "guess", "certain"),
        ],
        Design::Roc | Design::Aided => {
            vec![scale("disease", "How likely is disease?", (0, 100), "surely absent", "surely present")]
        }
        Design::FreeResponse => {
            let labels = BTreeMap::from([(1, "barely suspicious".to_owned()), (100, "surely a lesion".to_owned())]);
            vec![asked(
                "marks",
                "Mark every suspicious place and rate it",
                AnswerKind::Marks { from: 1, to: 100, labels },
            )]
        }
        Design::Grading => Vec::new(),
        Design::Preference => {
            vec![choice("preferred", "Which one do you prefer?", &["left", "right", "no preference"])]
        }
        Design::Approval => {
            let when = Condition {
                question: "approval".to_owned(),
                at_least: None,
                at_most: None,
                is: Some("reject".to_owned()),
            };
            let why = Question { required: false, when: Some(when), ..asked("why", "Why?", AnswerKind::Text) };
            let approval = choice("approval", "Would you approve this result?", &DOCUMENTED);
            vec![Question { approved: approval.approved_options(), ..approval }, why]
        }
    };
    if let Some(first) = questions.first_mut() {
        first.primary = true;
    }
    questions
}

fn asked(id: &str, text: &str, answer: AnswerKind) -> Question {
    Question {
        id: id.to_owned(),
        text: text.to_owned(),
        answer,
        primary: false,
        required: true,
        asks_for: None,
        approved: Vec::new(),
        when: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_holds_of_numbers_in_range_and_of_chosen_options() {
        let none = Condition { question: "q".into(), at_least: None, at_most: None, is: None };
        let range = Condition { at_least: Some(2), at_most: Some(4), ..none.clone() };
        let number = |n: i32| AnswerValue::Number(f64::from(n));
        let holds: Vec<bool> = (1..=5).map(|n| range.holds(Some(&number(n)))).collect();
        assert_eq!(holds, [false, true, true, true, false]);
        let text = |text: &str| AnswerValue::Text(text.into());
        assert!(!range.holds(None) && !range.holds(Some(&text("3"))));
        let is = Condition { is: Some("edges".into()), ..none };
        let several = AnswerValue::Choices(vec!["texture".into(), "edges".into()]);
        assert!(is.holds(Some(&text("edges"))) && is.holds(Some(&several)));
        assert!(!is.holds(Some(&text("other"))) && !is.holds(Some(&AnswerValue::Choices(vec![]))) && !is.holds(None));
    }

    #[test]
    fn every_design_but_grading_has_one_primary_default_question_that_survives_json() {
        for design in Design::ALL {
            let questions = default_questions(design);
            let primary = questions.iter().filter(|q| q.primary).count();
            assert_eq!(primary, usize::from(design != Design::Grading), "{design}");
            let text = serde_json::to_string(&questions).unwrap();
            assert_eq!(serde_json::from_str::<Vec<Question>>(&text).unwrap(), questions);
        }
    }
}
