//! A model's classes of a whole image, held against the truth of a case.

use super::truth::{Truth, word};
use super::work::Scored;
use crate::inference::engine::ClassScore;

/// What is judged of one case.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Judged {
    /// The classes that are judged, each with its truth.
    pub scored: Vec<Scored>,
    /// Whether the model chose rightly.
    pub correct: bool,
}

/// How classes are judged, the same for every case of a plan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Judge<'a> {
    /// The plan's word for the positive class.
    pub positive: Option<&'a str>,
    /// Whether the scores of several classes may belong to one image together (a sigmoid each).
    pub independent: bool,
}

impl Judge<'_> {
    /// `value` is what the table holds.
    ///
    /// # Errors
    /// When the truth names no class, or no class can be told to be the positive one.
    pub fn judge(self, scores: &[ClassScore], truth: &Truth, value: &str) -> Result<Judged, String> {
        let names: Vec<String> = scores.iter().map(|s| s.name.clone()).collect();
        let best = scores.iter().enumerate().max_by(|a, b| a.1.score.total_cmp(&b.1.score)).map(|(n, _)| n);
        match truth {
            // Numbers of three and more classes are no yes or no.
            Truth::Positive(is_positive) if self.positive.is_some() || scores.len() <= 2 => {
                let at = self.positive_class(scores).ok_or_else(|| self.no_positive(&names))?;
                let Some(score) = scores.get(at) else { return Err("the model gave no class".into()) };
                let says_so = if scores.len() > 1 { best == Some(at) } else { score.score >= 0.5 };
                let scored = vec![scored("", score, *is_positive)];
                Ok(Judged { scored, correct: says_so == *is_positive })
            }
            _ => {
                let at = scores.iter().position(|s| is_called(s, value)).ok_or_else(|| no_class(value, &names))?;
                // Of two classes that exclude each other one says everything; the last one is the positive one.
                let first = if self.are_mirrored(scores) { 1 } else { 0 };
                let all = scores.iter().enumerate().skip(first);
                let scored = all.map(|(n, s)| scored(&s.name, s, n == at)).collect();
                Ok(Judged { scored, correct: best == Some(at) })
            }
        }
    }

    /// The class that the plan calls positive, or whose name says that it is; else, of no more than two, the last.
    fn positive_class(self, scores: &[ClassScore]) -> Option<usize> {
        let called = match self.positive {
            Some(positive) => scores.iter().position(|s| is_called(s, positive)),
            None => scores.iter().position(|s| word(&s.name) == Some(true)),
        };
        called.or_else(|| scores.len().checked_sub(1).filter(|last| *last < 2))
    }

    fn no_positive(self, names: &[String]) -> String {
        let positive = self.positive.unwrap_or("positive");
        format!("none of the model's classes {} is called `{positive}` ([measures] positive)", names.join(", "))
    }

    fn are_mirrored(self, scores: &[ClassScore]) -> bool {
        let [a, b] = scores else { return false };
        !self.independent && (a.score + b.score - 1.0).abs() < 1e-3
    }
}

/// Why a truth cannot be held against a model's classes.
pub(super) fn no_class(value: &str, names: &[String]) -> String {
    format!(
        "the truth `{value}` names none of the model's classes {}; write [measures] positive to say which value is positive",
        names.join(", ")
    )
}

/// By its name or its number.
fn is_called(score: &ClassScore, text: &str) -> bool {
    score.name == text || score.value.to_string() == text
}

fn scored(target: &str, score: &ClassScore, truth: bool) -> Scored {
    let probability = (0.0..=1.0).contains(&score.score);
    Scored { target: target.to_owned(), score: score.score, truth, probability }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader_study::analysis::roc::Scores;

    fn classes(names: &[&str], scores: &[f64]) -> Vec<ClassScore> {
        let all = names.iter().zip(scores).enumerate();
        all.map(|(n, (name, score))| ClassScore { value: n as u16, name: (*name).into(), score: *score, std: None })
            .collect()
    }

    /// Forty cases of two models, their probabilities and truths; expected areas by scikit-learn `roc_auc_score`,
    /// `tests/expected/make_classes.py`.
    #[test]
    fn a_positive_class_is_judged_in_every_case_and_alone() {
        let data: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/evaluate/classes.json")).unwrap();
        for model in data["models"].as_array().unwrap() {
            // By the plan's word, by 0 and 1, and by the classes' names.
            for (positive, words) in [(Some("malignant"), false), (None, true), (None, false)] {
                let judge = Judge { positive, independent: false };
                let (mut truths, mut scores, mut correct) = (Vec::new(), Vec::new(), 0);
                for case in model["cases"].as_array().unwrap() {
                    let (p, is) = (case["p"].as_f64().unwrap(), case["malignant"].as_bool().unwrap());
                    let value = match (words, is) {
                        (true, true) => "1",
                        (true, false) => "0",
                        (false, true) => "malignant",
                        (false, false) => "benign",
                    };
                    let truth =
                        if words || positive.is_some() { Truth::Positive(is) } else { Truth::Class(value.into()) };
                    let judged = judge.judge(&classes(&["benign", "malignant"], &[1.0 - p, p]), &truth, value).unwrap();
                    let [one] = &judged.scored[..] else { panic!("one target, found {:?}", judged.scored) };
                    assert_eq!((one.score, one.truth, one.probability), (p, is, true));
                    truths.push(one.truth);
                    scores.push(one.score);
                    correct += u32::from(judged.correct);
                }
                let auc = Scores::new(&truths, &scores).unwrap().auc();
                assert!((auc - model["auc"].as_f64().unwrap()).abs() < 1e-12, "{auc}");
                assert_eq!(f64::from(correct) / truths.len() as f64, model["accuracy"].as_f64().unwrap());
            }
        }
    }

    #[test]
    fn several_classes_are_judged_by_name_or_number_and_what_names_none_is_refused() {
        let judge = Judge { positive: None, independent: false };
        let three = classes(&["none", "benign", "malignant"], &[0.2, 0.5, 0.3]);
        let judged = judge.judge(&three, &Truth::Positive(true), "1").unwrap();
        assert!(judged.correct && judged.scored.len() == 3 && judged.scored[1].truth);
        let refused = judge.judge(&three, &Truth::Class("cyst".into()), "cyst").unwrap_err();
        assert!(refused.contains("`cyst`") && refused.contains("none, benign, malignant"), "{refused}");
        let judge = Judge { positive: Some("cyst"), independent: false };
        assert!(judge.judge(&three, &Truth::Positive(true), "cyst").unwrap_err().contains("is called `cyst`"));
        let two = classes(&["fracture", "effusion"], &[0.4, 0.6]);
        let sigmoid = Judge { positive: None, independent: true };
        assert_eq!(sigmoid.judge(&two, &Truth::Class("effusion".into()), "effusion").unwrap().scored.len(), 2);
    }
}
