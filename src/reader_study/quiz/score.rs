//! What a round of a quiz came to.

use serde::Serialize;

use crate::reader_study::analysis::proportion::Proportion;
use crate::reader_study::design::{Answers, AsksFor, Design, PublicList, PublicStudy, Question, Told};
use crate::reader_study::outcome::judged::middle;
use crate::reader_study::session::Progress;

/// What a right answer is worth once its hint was asked for.
pub const HINTED_POINTS: f64 = 0.5;

/// One case that was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answered {
    /// Its place in the list, from 0.
    pub at: usize,
    /// Its name there.
    pub code: String,
    /// Whether the answer was right.
    pub right: bool,
    /// Whether the hint was asked for first.
    pub hinted: bool,
}

/// A round so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Score {
    /// In the order of the list.
    pub answered: Vec<Answered>,
    /// How many cases there are.
    pub of: usize,
}

impl Score {
    /// Of a session of a quiz; nothing counts where the list is not one.
    #[must_use]
    pub fn of(study: &PublicStudy, list: &PublicList, progress: &Progress) -> Self {
        let judged = list.trials.iter().enumerate().filter_map(|(at, trial)| {
            let answers = progress.confirmed(&trial.code)?;
            let right = is_right(study, trial.told.as_ref()?, answers)?;
            Some(Answered { at, code: trial.code.clone(), right, hinted: progress.is_hinted(&trial.code) })
        });
        Self { answered: judged.collect(), of: list.trials.len() }
    }

    /// How many answers were right.
    #[must_use]
    pub fn right(&self) -> usize {
        self.answered.iter().filter(|a| a.right).count()
    }

    /// One for a right answer, [`HINTED_POINTS`] where its hint was asked for.
    #[must_use]
    pub fn points(&self) -> f64 {
        self.answered.iter().filter(|a| a.right).map(|a| if a.hinted { HINTED_POINTS } else { 1.0 }).sum()
    }

    /// The share of right answers with its 95 % interval (Wilson 1927); none before the first answer.
    #[must_use]
    pub fn share(&self) -> Option<(f64, [f64; 2])> {
        let share = Proportion::new(self.right() as u64, self.answered.len() as u64).ok()?;
        Some((share.share(), share.wilson(0.05)))
    }

    /// What the share says against guessing, which is right half of the time.
    #[must_use]
    pub fn against_chance(&self) -> Option<&'static str> {
        let (_, [low, high]) = self.share()?;
        Some(if low > 0.5 {
            "That is better than guessing"
        } else if high < 0.5 {
            "That is worse than guessing: what you looked for stands for the other kind"
        } else {
            "Guessing would do as well: half of all answers lie in this interval"
        })
    }
}

/// Whether the answers to a trial are right; none without an answer to the primary question. An answer in the very middle
/// of a scale decides nothing and is not right.
#[must_use]
pub fn is_right(study: &PublicStudy, told: &Told, answers: &Answers) -> Option<bool> {
    let question = study.primary_question()?;
    let value = answers.get(&question.id)?;
    match study.design {
        Design::YesNo => {
            let truth = *told.synthetic.first()?;
            Some(match value.text() {
                Some(text) => (text == "synthetic") == truth,
                None => is_above(question, value.number()?)? == Some(truth),
            })
        }
        Design::ForcedChoice => {
            let chosen = usize::from(value.text()? == "right");
            Some(*told.synthetic.get(chosen)? == (question.wanted() == AsksFor::Synthetic))
        }
        Design::Roc | Design::Aided => Some(is_above(question, value.number()?)? == Some(told.disease?)),
        _ => None,
    }
}

/// On which side of the scale's middle a rating lies; `Some(None)`: on neither.
fn is_above(question: &Question, rating: f64) -> Option<Option<bool>> {
    let middle = middle(question)?;
    Some((rating != middle).then_some(rating > middle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn score(right: usize, hinted: usize, of: usize) -> Score {
        let one = |at: usize| Answered { at, code: format!("C{at}"), right: at < right, hinted: at < hinted };
        Score { answered: (0..of).map(one).collect(), of }
    }

    /// Expected interval: statsmodels' `proportion_confint(8, 10, method="wilson")`.
    #[test]
    fn a_score_has_an_interval_and_hints_cost_half_a_point() {
        let round = score(8, 2, 10);
        assert_eq!((round.right(), round.points()), (8, 7.0));
        let (share, [low, high]) = round.share().unwrap();
        assert!((share - 0.8).abs() < 1e-12 && (low - 0.490_162).abs() < 1e-5 && (high - 0.943_318).abs() < 1e-5);
        assert!(round.against_chance().unwrap().contains("Guessing"));
        assert!(score(9, 0, 10).against_chance().unwrap().contains("better"));
        assert!(score(0, 0, 10).against_chance().unwrap().contains("worse"));
        assert!(score(0, 0, 0).share().is_none());
    }
}
