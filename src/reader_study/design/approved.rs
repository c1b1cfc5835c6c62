//! Which options of an approval mean that a result is approved, and the order of all of them from best to worst.

use super::question::{AnswerKind, Question};

/// The options of the design's own question, best first; the first two mean approved.
pub(super) const DOCUMENTED: [&str; 4] = ["approve", "approve with minor edits", "major edits", "reject"];
const DOCUMENTED_APPROVED: usize = 2;

impl Question {
    /// The options that mean approved, best first; empty where they are neither named nor the documented ones.
    #[must_use]
    pub fn approved_options(&self) -> Vec<String> {
        let AnswerKind::Choice { options, several: false } = &self.answer else { return Vec::new() };
        if !self.approved.is_empty() {
            return self.approved.clone();
        }
        let is_documented = options.iter().all(|option| DOCUMENTED.contains(&option.as_str()));
        let first = DOCUMENTED.iter().take(DOCUMENTED_APPROVED).filter(|name| options.iter().any(|o| o == *name));
        let approved: Vec<String> = first.map(|name| (*name).to_owned()).collect();
        if is_documented && approved.len() < options.len() { approved } else { Vec::new() }
    }

    /// All options from best to worst: the approved ones as they are named, then the others in the order of the plan, or
    /// in its reverse where the plan names the approved ones last. What is documented has its own order.
    ///
    /// Empty when the question is no choice of one option.
    #[must_use]
    pub fn best_to_worst(&self) -> Vec<String> {
        let AnswerKind::Choice { options, several: false } = &self.answer else { return Vec::new() };
        let place = |option: &String| DOCUMENTED.iter().position(|name| name == option);
        if self.approved.is_empty() && options.iter().all(|option| place(option).is_some()) {
            let mut sorted = options.clone();
            sorted.sort_by_key(place);
            return sorted;
        }
        let approved = self.approved_options();
        let (first, mut others): (Vec<_>, Vec<_>) = options.iter().enumerate().partition(|(_, o)| approved.contains(o));
        let last_other = others.last().map_or(0, |(at, _)| *at);
        if first.first().is_some_and(|(at, _)| *at > last_other) {
            others.reverse();
        }
        approved.into_iter().chain(others.into_iter().map(|(_, option)| option.clone())).collect()
    }
}

/// What is wrong, and what to do.
type Wrong = (String, String);

/// The approved options of a new plan's question.
///
/// # Errors
/// When they are not named and not the documented ones, or cannot be.
pub(super) fn check(question: &Question) -> Result<Vec<String>, Wrong> {
    let AnswerKind::Choice { options, several: false } = &question.answer else { return Ok(Vec::new()) };
    let approved = question.approved_options();
    if approved.is_empty() {
        return Err((
            "does not say which of its options mean approved".to_owned(),
            format!("write them best first, for instance `approved = [\"{}\"]`", options.first().map_or("", |o| o)),
        ));
    }
    if let Some(unknown) = approved.iter().find(|option| !options.contains(option)) {
        return Err((
            format!("has `{unknown}` in `approved`, which is no option of it"),
            "name options as they are written in `options`".to_owned(),
        ));
    }
    if let Some(twice) =
        approved.iter().enumerate().find(|(at, option)| approved.iter().take(*at).any(|o| o == *option))
    {
        return Err((format!("has `{}` twice in `approved`", twice.1), "remove one".to_owned()));
    }
    if approved.len() == options.len() {
        return Err((
            "approves whatever is answered".to_owned(),
            "leave at least one option out of `approved`".to_owned(),
        ));
    }
    Ok(approved)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader_study::design::Design;
    use crate::reader_study::design::question::default_questions;

    fn question(options: &[&str], approved: &[&str]) -> Question {
        let owned = |list: &[&str]| list.iter().map(|o| (*o).to_owned()).collect::<Vec<_>>();
        let of_design = default_questions(Design::Approval).remove(0);
        let answer = AnswerKind::Choice { options: owned(options), several: false };
        Question { answer, approved: owned(approved), ..of_design }
    }

    #[test]
    fn documented_names_need_no_key_whatever_their_order() {
        let reversed = question(&["reject", "major edits", "approve with minor edits", "approve"], &[]);
        assert_eq!(check(&reversed).unwrap(), ["approve", "approve with minor edits"]);
        assert_eq!(reversed.best_to_worst(), DOCUMENTED);
        assert_eq!(check(&question(&["reject", "approve"], &[])).unwrap(), ["approve"]);
        assert_eq!(check(&question(&["approve", "approve with minor edits", "reject"], &[])).unwrap().len(), 2);
    }

    #[test]
    fn other_names_need_the_key_and_it_gives_the_order() {
        let problem = |options: &[&str], approved: &[&str]| check(&question(options, approved)).unwrap_err();
        assert!(problem(&["good", "bad"], &[]).1.contains("`approved = [\"good\"]`"));
        assert!(problem(&["good", "bad"], &["fine"]).0.contains("`fine`"));
        assert!(problem(&["good", "bad"], &["good", "bad"]).0.contains("whatever"));
        assert!(problem(&["good", "so", "bad"], &["good", "good"]).0.contains("twice"));
        assert!(problem(&["major edits", "reject"], &[]).0.contains("does not say"));
        let worst_first = question(&["useless", "poor", "minor edits", "as it is"], &["as it is", "minor edits"]);
        assert_eq!(worst_first.best_to_worst(), ["as it is", "minor edits", "poor", "useless"]);
        let best_first = question(&["as it is", "minor edits", "poor", "useless"], &["as it is", "minor edits"]);
        assert_eq!(best_first.best_to_worst(), ["as it is", "minor edits", "poor", "useless"]);
    }
}
