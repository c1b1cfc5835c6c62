//! Whether questions can be asked and answered, and whether the primary one suits the design.

use super::checks::{Places, short_id, unique};
use super::errors::PlanError;
use super::plan::{Design, Plan};
use super::question::{AnswerKind, Condition, Question};
use super::{approved, asks_for};

/// Scales longer than this are no scales.
const MAX_STEPS: i64 = 10_000;

/// What is wrong, and what to do.
type Wrong = (String, String);

fn wrong<T>(problem: impl Into<String>, remedy: impl Into<String>) -> Result<T, Wrong> {
    Err((problem.into(), remedy.into()))
}

pub(super) fn check(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    let questions = &plan.questions;
    if questions.is_empty() {
        let problem = format!("design `{}` has no question", plan.design);
        return Err(PlanError::value(places.plan.clone(), problem, "add a `[[question]]` table for each criterion"));
    }
    unique("question", questions.iter().map(|question| question.id.as_str()), &places.questions, &places.plan)?;
    for (i, question) in questions.iter().enumerate() {
        let place = places.question(i);
        short_id("question", &question.id, &place)?;
        let earlier = questions.get(..i).unwrap_or_default();
        one(question, earlier).map_err(|(problem, remedy)| {
            PlanError::value(place, format!("question `{}` {problem}", question.id), remedy)
        })?;
    }
    primary(plan, places)
}

fn one(question: &Question, earlier: &[Question]) -> Result<(), Wrong> {
    if question.text.trim().is_empty() {
        return wrong("has no text", "write what the reader is asked");
    }
    match &question.answer {
        AnswerKind::Scale { from, to, labels } | AnswerKind::Marks { from, to, labels } => {
            if from >= to {
                return wrong(format!("goes from {from} to {to}"), "`from` is below `to`");
            }
            if to.saturating_sub(*from) > MAX_STEPS {
                return wrong(format!("goes from {from} to {to}"), format!("at most {MAX_STEPS} steps are possible"));
            }
            if let Some(outside) = labels.keys().find(|number| !(from..=to).contains(number)) {
                return wrong(format!("has a label for {outside}"), format!("label numbers from {from} to {to}"));
            }
        }
        AnswerKind::Choice { options, .. } => {
            if options.len() < 2 {
                return wrong(format!("has {} options", options.len()), "give at least two");
            }
            for (i, option) in options.iter().enumerate() {
                if option.trim().is_empty() {
                    return wrong("has an empty option", "write something, or remove it");
                }
                if options.iter().take(i).any(|before| before == option) {
                    return wrong(format!("has the option `{option}` twice"), "remove one");
                }
            }
        }
        AnswerKind::Text => {}
    }
    question.when.as_ref().map_or(Ok(()), |when| condition(when, earlier))
}

fn condition(when: &Condition, earlier: &[Question]) -> Result<(), Wrong> {
    let Some(asked) = earlier.iter().find(|question| question.id == when.question) else {
        let remedy = match earlier.iter().map(|question| format!("`{}`", question.id)).collect::<Vec<_>>() {
            ids if ids.is_empty() => "the first question cannot depend on another".to_owned(),
            ids => format!("it may depend on {}, which come before", ids.join(", ")),
        };
        return wrong(format!("depends on `{}`, which is no earlier question", when.question), remedy);
    };
    let (id, is_number) = (&asked.id, when.at_least.is_some() || when.at_most.is_some());
    if !is_number && when.is.is_none() {
        return wrong(format!("depends on `{id}` without saying how"), "add `at_least`, `at_most` or `is`");
    }
    match &asked.answer {
        AnswerKind::Scale { from, to, .. } if when.is.is_none() => {
            let (least, most) = (when.at_least.unwrap_or(*from), when.at_most.unwrap_or(*to));
            if least < *from || most > *to || least > most {
                let problem = format!("depends on `{id}` being {least} to {most}");
                return wrong(problem, format!("`{id}` is answered by {from} to {to}"));
            }
            Ok(())
        }
        AnswerKind::Choice { options, .. } if !is_number => {
            match when.is.as_ref().filter(|option| !options.contains(option)) {
                Some(option) => wrong(
                    format!("depends on `{id}` being `{option}`"),
                    format!("`{id}` is answered by {}", listed(options)),
                ),
                None => Ok(()),
            }
        }
        answer => wrong(
            format!("depends on `{id}`, a question of kind `{}`, by {}", answer.name(), keys(when)),
            "`at_least` and `at_most` need a scale, `is` needs a choice",
        ),
    }
}

fn keys(when: &Condition) -> String {
    let given = [("at_least", when.at_least.is_some()), ("at_most", when.at_most.is_some()), ("is", when.is.is_some())];
    given.iter().filter(|(_, given)| *given).map(|(key, _)| format!("`{key}`")).collect::<Vec<_>>().join(" and ")
}

fn listed(options: &[String]) -> String {
    options.iter().map(|option| format!("`{option}`")).collect::<Vec<_>>().join(", ")
}

/// Writes down what the options of the primary question mean where a new plan leaves it to its words.
///
/// Frozen plans are read as they are: [`Question::wanted`] and [`Question::approved_options`] say what those of before meant.
pub(super) fn settle(plan: &mut Plan, places: &Places) -> Result<(), PlanError> {
    let design = plan.design;
    for (i, question) in plan.questions.iter_mut().enumerate() {
        let refuse = |(problem, remedy): Wrong, id: &str| {
            Err(PlanError::value(places.question(i), format!("question `{id}` {problem}"), remedy))
        };
        let only = |key: &str, of: Design| {
            let remedy = format!("only the primary question of design `{of}` has it; remove it");
            (format!("has `{key}`"), remedy)
        };
        let is_of = |of: Design| design == of && question.primary;
        if question.asks_for.is_some() && !is_of(Design::ForcedChoice) {
            return refuse(only("asks_for", Design::ForcedChoice), &question.id);
        }
        if !question.approved.is_empty() && !is_of(Design::Approval) {
            return refuse(only("approved", Design::Approval), &question.id);
        }
        if is_of(Design::ForcedChoice) {
            match asks_for::check(question) {
                Ok(kind) => question.asks_for = Some(kind),
                Err(wrong) => return refuse(wrong, &question.id),
            }
        }
        if design == Design::Approval && question.primary {
            match approved::check(question) {
                Ok(options) => question.approved = options,
                Err(wrong) => return refuse(wrong, &question.id),
            }
        }
    }
    Ok(())
}

/// Exactly one question gives the figure of merit; it is always asked, and its answers are what the design needs.
fn primary(plan: &Plan, places: &Places) -> Result<(), PlanError> {
    let mut primary = plan.questions.iter().enumerate().filter(|(_, question)| question.primary);
    let (Some((i, question)), another) = (primary.next(), primary.next()) else {
        let remedy = "write `primary = true` in the one that the figure of merit comes from";
        return Err(PlanError::value(places.plan.clone(), "no question is primary", remedy));
    };
    if let Some((j, another)) = another {
        let problem = format!("questions `{}` and `{}` are both primary", question.id, another.id);
        return Err(PlanError::value(places.question(j), problem, "exactly one is; the others are secondary"));
    }
    let refuse = |problem: &str, remedy: String| {
        let problem = format!("the primary question `{}` {problem}", question.id);
        Err(PlanError::value(places.question(i), problem, remedy))
    };
    if question.when.is_some() {
        return refuse("is not always asked", "remove its `when`, or make another one primary".to_owned());
    }
    if !question.required {
        return refuse("needs no answer", "remove `required = false`, or make another one primary".to_owned());
    }
    let options = |wanted: &[&str]| match &question.answer {
        AnswerKind::Choice { options, several: false } => {
            options.len() == wanted.len() && wanted.iter().all(|option| options.iter().any(|o| o == option))
        }
        _ => false,
    };
    let scale = matches!(question.answer, AnswerKind::Scale { .. });
    let (suits, expected) = match plan.design {
        Design::YesNo => (
            scale || options(&["real", "synthetic"]),
            "a scale on which more is more synthetic, or a choice of `real` and `synthetic`",
        ),
        Design::ForcedChoice => (options(&["left", "right"]), "a choice of `left` and `right`"),
        Design::Roc | Design::Aided => (scale, "a scale on which more is more likely diseased"),
        Design::FreeResponse => (matches!(question.answer, AnswerKind::Marks { .. }), "a question of kind `marks`"),
        Design::Grading => (scale, "a scale"),
        Design::Preference => (
            options(&["left", "right"]) || options(&["left", "right", "no preference"]),
            "a choice of `left`, `right` and, if wanted, `no preference`",
        ),
        Design::Approval => {
            (matches!(question.answer, AnswerKind::Choice { several: false, .. }), "a choice of one option")
        }
    };
    if suits {
        return Ok(());
    }
    let problem = format!("does not suit design `{}`", plan.design);
    refuse(&problem, format!("make it {expected}, or make another one primary"))
}
