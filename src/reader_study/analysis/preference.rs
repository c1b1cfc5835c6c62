//! Which image is preferred: two side by side (binomial), or several in pairs (Bradley-Terry).

use serde::Serialize;

use super::errors::AnalysisError;
use super::proportion::Proportion;

/// Choices between A and B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// A preferred.
    pub prefer_a: u64,
    /// B preferred.
    pub prefer_b: u64,
    /// No preference; left out of the test, and reported.
    pub no_preference: u64,
    /// The image on the left preferred, whichever it was.
    pub chosen_left: u64,
    /// The image on the right preferred.
    pub chosen_right: u64,
}

/// Whether A is preferred.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Preference {
    /// Share of A among the choices that were made.
    pub proportion_a: f64,
    /// Its Wilson interval.
    pub interval: [f64; 2],
    /// Sign test of no preference, two-sided.
    pub p_sign_test: f64,
    /// The same for left against right; none when the sides were not recorded.
    pub p_side_bias: Option<f64>,
    /// How many had no preference.
    pub no_preference: u64,
}

/// Tests preference and side bias of one reader's choices; never pool readers into one binomial test.
///
/// # Errors
/// When no choice was made.
pub fn preference(choices: Choices, alpha: f64) -> Result<Preference, AnalysisError> {
    let a = Proportion::new(choices.prefer_a, choices.prefer_a + choices.prefer_b)?;
    let left = Proportion::new(choices.chosen_left, choices.chosen_left + choices.chosen_right).ok();
    Ok(Preference {
        proportion_a: a.share(),
        interval: a.wilson(alpha),
        p_sign_test: a.test(0.5).p_two_sided,
        p_side_bias: left.map(|left| left.test(0.5).p_two_sided),
        no_preference: choices.no_preference,
    })
}

const MOST_STEPS: usize = 1_000_000;

/// Bradley-Terry strengths, which sum to 1; `wins[a][b]`: how often `a` was preferred to `b`.
///
/// The iteration of Hunter 2004, until no strength changes by more than 1e-14.
///
/// # Errors
/// When `wins` is not square, fewer than 2 are compared, or wins and losses do not link all of them.
pub fn bradley_terry(wins: &[Vec<u64>]) -> Result<Vec<f64>, AnalysisError> {
    let n = wins.len();
    AnalysisError::at_least("compared images", 2, n)?;
    for row in wins {
        AnalysisError::same_length("a row of wins", n, row.len())?;
    }
    let won = |a: usize, b: usize| wins.get(a).and_then(|row| row.get(b)).copied().unwrap_or_default() as f64;
    if !(all_reached(n, |a, b| won(a, b) > 0.0) && all_reached(n, |a, b| won(b, a) > 0.0)) {
        return Err(AnalysisError::NotLinked);
    }
    let mut strength = vec![1.0 / n as f64; n];
    for _ in 0..MOST_STEPS {
        let raw: Vec<f64> = strength
            .iter()
            .enumerate()
            .map(|(a, of_a)| {
                let others = || strength.iter().enumerate().filter(|(b, _)| *b != a);
                let all_won: f64 = others().map(|(b, _)| won(a, b)).sum();
                all_won / others().map(|(b, of_b)| (won(a, b) + won(b, a)) / (of_a + of_b)).sum::<f64>()
            })
            .collect();
        let sum: f64 = raw.iter().sum();
        let next: Vec<f64> = raw.iter().map(|s| s / sum).collect();
        let change = next.iter().zip(&strength).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        strength = next;
        if change < 1e-14 {
            return Ok(strength);
        }
    }
    Err(AnalysisError::NoConvergence { what: "the Bradley-Terry strengths", iterations: MOST_STEPS })
}

/// Whether every one of `n` can be reached from the first.
fn all_reached(n: usize, linked: impl Fn(usize, usize) -> bool) -> bool {
    let mut reached = vec![0];
    let mut at = 0;
    while let Some(a) = reached.get(at).copied() {
        let new: Vec<usize> = (0..n).filter(|b| linked(a, *b) && !reached.contains(b)).collect();
        reached.extend(new);
        at += 1;
    }
    reached.len() == n
}
