//! What the table says of each case: positive or not, or the name of a class. It is decided once for all cases of a plan.
//!
//! - With `positive` in the plan, that value is positive and every other one negative. What may be a slip of the keyboard is
//!   refused: the plan lists the others as `negative`, or there is one other value, or they are words or classes (`unsure`).
//! - Where all values are known words ([`word`]), they say which.
//! - Else, for classifications, each is the name or number of a class; for anomalies they are refused.

use std::collections::BTreeSet;

use super::errors::EvaluateError;
use super::pairing::{Case, table_of};
use super::plan::{Kind, Plan};

/// The truth of one case.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Truth {
    /// Whether it is positive.
    Positive(bool),
    /// The class, by its name or its label's number.
    Class(String),
}

/// The words that are known, for messages.
pub const WORDS: &str = "1/0, yes/no, y/n, true/false, positive/negative, pos/neg, +/-";

/// What a word says in any case of letters, `None` where it is not known.
///
/// ```
/// use veritome::evaluate::truth::word;
/// assert_eq!((word("YES"), word("0.0"), word("+")), (Some(true), Some(false), Some(true)));
/// assert_eq!(word("malignant"), None);
/// ```
#[must_use]
pub fn word(text: &str) -> Option<bool> {
    let text = text.trim().to_lowercase();
    match text.as_str() {
        "yes" | "y" | "true" | "positive" | "pos" | "+" => Some(true),
        "no" | "n" | "false" | "negative" | "neg" | "-" | "−" => Some(false),
        // Tables that went through a spreadsheet or pandas hold 1.0.
        number => match number.parse::<f64>() {
            Ok(1.0) => Some(true),
            Ok(0.0) => Some(false),
            _ => None,
        },
    }
}

/// Gives each case its truth. A case without a value keeps none; its jobs will say so.
///
/// # Errors
/// When no case holds the plan's `positive`, a value beside it cannot be told from a slip of the keyboard ([`unsure`]), or an
/// anomaly's truth is no known word.
pub(super) fn read(cases: &mut [Case], plan: &Plan) -> Result<(), EvaluateError> {
    let Some(column) = &plan.measures.truth else { return Ok(()) };
    let refused = |line: Option<u64>, expected: String, found: String| {
        Err(EvaluateError::Table { table: table_of(plan), line, expected, found })
    };
    let in_row = |case: &Case, value: &str| format!("`{value}` in the row of case {}", case.name);
    let values = || cases.iter().filter_map(|case| Some((case, case.attributes.get(column)?)));
    let read: Box<dyn Fn(&str) -> Truth> = match &plan.measures.positive {
        Some(positive) => {
            if !values().any(|(_, value)| value == positive) {
                let found: BTreeSet<&String> = values().map(|(_, value)| value).collect();
                let found: Vec<String> = found.into_iter().take(8).map(|v| format!("`{v}`")).collect();
                let expected =
                    format!("`{positive}` ([measures] positive) in the column `{column}` of at least one case");
                return refused(None, expected, format!("only {}", found.join(", ")));
            }
            // The classes of the models are further words of a classification, which are known where a model is.
            if plan.measures.kind == Kind::Anomaly
                && let Some((case, value)) = unsure(cases, plan, &[])
            {
                return refused(case.line, allowed(plan, &[]), in_row(case, value));
            }
            Box::new(move |value| Truth::Positive(value == positive))
        }
        None => match values().find(|(_, value)| word(value).is_none()) {
            None => Box::new(|value| Truth::Positive(word(value) == Some(true))),
            Some((case, value)) if plan.measures.kind == Kind::Anomaly => {
                let expected = format!(
                    "one of {WORDS} in the column `{column}`, or [measures] positive to say which value is positive"
                );
                return refused(case.line, expected, in_row(case, value));
            }
            Some(_) => Box::new(|value| Truth::Class(value.to_owned())),
        },
    };
    let truths: Vec<Option<Truth>> = cases.iter().map(|c| c.attributes.get(column).map(|v| read(v))).collect();
    drop(read);
    for (case, truth) in cases.iter_mut().zip(truths) {
        case.truth = truth;
    }
    Ok(())
}

/// The first case whose value is neither `positive` nor surely negative, where the plan has a `positive`.
///
/// Surely negative is what the plan lists as `negative`. Without a list it is a word for no ([`word`]), one of the `classes`, or
/// the only other value of the column, unless that is `positive` in other letters.
pub(super) fn unsure<'a>(cases: &'a [Case], plan: &'a Plan, classes: &[String]) -> Option<(&'a Case, &'a str)> {
    let (positive, listed) = (plan.measures.positive.as_ref()?, &plan.measures.negative);
    let column = plan.measures.truth.as_ref()?;
    let values =
        || cases.iter().filter_map(|case| Some((case, case.attributes.get(column)?))).filter(|v| v.1 != positive);
    if !listed.is_empty() {
        return values().find(|(_, value)| !listed.contains(value)).map(|(case, value)| (case, value.as_str()));
    }
    let unknown = || values().filter(|(_, value)| word(value) != Some(false) && !classes.contains(value));
    let others: BTreeSet<&String> = values().map(|(_, value)| value).collect();
    let is_same_word = |value: &str| value.trim().to_lowercase() == positive.trim().to_lowercase();
    // The rarest is the likeliest slip.
    let count = |value: &str| values().filter(|(_, other)| *other == value).count();
    let rarest = || unknown().min_by_key(|(_, value)| count(value));
    let found =
        unknown().find(|(_, value)| is_same_word(value)).or_else(|| if others.len() > 1 { rarest() } else { None });
    found.map(|(case, value)| (case, value.as_str()))
}

/// What may stand in the column beside what [`unsure`] found.
pub(super) fn allowed(plan: &Plan, classes: &[String]) -> String {
    let quoted = |words: &[String]| words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ");
    let (measures, positive) = (&plan.measures, plan.measures.positive.iter().cloned().collect::<Vec<_>>());
    let column = measures.truth.as_deref().unwrap_or_default();
    if measures.negative.is_empty() {
        let classes = if classes.is_empty() { String::new() } else { format!(", a class ({})", quoted(classes)) };
        format!(
            "{} ([measures] positive){classes}, a word for no, or a single other value in the column `{column}`; correct the table, or \
             list every negative value in [measures] negative",
            quoted(&positive)
        )
    } else {
        let negative = quoted(&measures.negative);
        format!(
            "{} ([measures] positive) or {negative} ([measures] negative) in the column `{column}`",
            quoted(&positive)
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn read_as(kind: &str, positive: &str, values: &[&str]) -> Result<Vec<Option<Truth>>, String> {
        let text = format!(
            "title = \"t\"\nmodels = [\"m\"]\n[cases]\ntable = \"cases.csv\"\n[measures]\nkind = \"{kind}\"\ntruth = \"dx\"\n\
             {positive}\n[output]\ndir = \"out\""
        );
        let plan = Plan::parse(&text, "plan.toml".as_ref()).unwrap();
        let case = |(n, value): (usize, &&str)| Case {
            name: format!("q{n}"),
            attributes: BTreeMap::from([("dx".to_owned(), (*value).to_owned())]),
            line: Some(n as u64 + 2),
            ..Case::default()
        };
        let mut cases: Vec<Case> = values.iter().enumerate().map(case).collect();
        read(&mut cases, &plan).map_err(|e| e.to_string())?;
        Ok(cases.into_iter().map(|c| c.truth).collect())
    }

    #[test]
    fn words_are_read_in_any_spelling_and_what_is_not_known_is_refused_by_row_and_value() {
        let positive = |p: &[bool]| p.iter().map(|p| Some(Truth::Positive(*p))).collect::<Vec<_>>();
        let read = read_as("anomaly", "", &["1.0", "0", "Yes", "n", "TRUE", "-", "Positive"]).unwrap();
        assert_eq!(read, positive(&[true, false, true, false, true, false, true]));
        let refused = read_as("anomaly", "", &["1", "0", "maybe"]).unwrap_err();
        for words in ["cases.csv line 4: ", "`maybe`", "case q2", "column `dx`", "yes/no", "[measures] positive"] {
            assert!(refused.contains(words), "{words}: {refused}");
        }
        let read = read_as("anomaly", "positive = \"tumour\"", &["tumour", "yes"]).unwrap();
        assert_eq!(read, positive(&[true, false]));
        let refused = read_as("classification", "positive = \"tumor\"", &["tumour", "none"]).unwrap_err();
        assert!(refused.contains("`tumor`") && refused.contains("only `none`, `tumour`"), "{refused}");
    }

    #[test]
    fn a_misspelt_word_beside_the_positive_one_does_not_pass_for_negative() {
        let positive = "positive = \"tumour\"";
        let refused = read_as("anomaly", positive, &["none", "tumour", "tumuor", "none"]).unwrap_err();
        for words in ["cases.csv line 4: ", "found `tumuor` in the row of case q2", "`tumour`", "[measures] negative"] {
            assert!(refused.contains(words), "{words}: {refused}");
        }
        // The only other value may be any word, but not the positive one in other letters.
        assert!(read_as("anomaly", positive, &["tumour", "healthy", "healthy"]).is_ok());
        assert!(read_as("anomaly", positive, &["tumour", "no", "0", "NEGATIVE"]).is_ok());
        assert!(read_as("anomaly", positive, &["tumour", "no", "No tumour"]).unwrap_err().contains("`No tumour`"));
        let refused = read_as("anomaly", positive, &["tumour", "Tumour"]).unwrap_err();
        assert!(refused.contains("line 3") && refused.contains("`Tumour`"), "{refused}");
        // A list says all of them, also one word alone.
        let listed = "positive = \"tumour\"\nnegative = [\"none\", \"cyst\"]";
        let read = read_as("anomaly", listed, &["cyst", "tumour", "none"]).unwrap();
        assert_eq!(read, [false, true, false].map(|p| Some(Truth::Positive(p))));
        let refused = read_as("anomaly", listed, &["tumour", "cist"]).unwrap_err();
        assert!(refused.contains("line 3: expected `tumour` ([measures] positive) or `none`, `cyst`"), "{refused}");
    }

    #[test]
    fn of_a_classification_the_models_classes_are_further_words() {
        let text = "title = \"t\"\nmodels = [\"m\"]\n[cases]\ntable = \"cases.csv\"\n[measures]\nkind = \"classification\"\n\
                    truth = \"dx\"\npositive = \"malignant\"\n[output]\ndir = \"out\"";
        let plan = Plan::parse(text, "plan.toml".as_ref()).unwrap();
        let values = ["malignant", "benign", "cyst", "benihn"];
        let case = |value: &str| Case {
            name: value.to_owned(),
            attributes: BTreeMap::from([("dx".to_owned(), value.to_owned())]),
            ..Case::default()
        };
        let cases: Vec<Case> = values.into_iter().map(case).collect();
        let classes = ["malignant", "benign", "cyst"].map(str::to_owned);
        assert_eq!(unsure(&cases[..3], &plan, &classes), None);
        assert_eq!(unsure(&cases, &plan, &classes).unwrap().1, "benihn");
        let allowed = allowed(&plan, &classes);
        assert!(allowed.contains("a class (`malignant`, `benign`, `cyst`)"), "{allowed}");
    }

    #[test]
    fn one_value_that_is_no_word_makes_names_of_all() {
        let read = read_as("classification", "", &["1", "0", "2"]).unwrap();
        assert_eq!(read[0], Some(Truth::Class("1".into())));
        assert_eq!(read_as("classification", "", &["1", "0"]).unwrap()[1], Some(Truth::Positive(false)));
    }
}
