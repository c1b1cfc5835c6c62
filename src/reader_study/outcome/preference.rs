//! Preference: which of two images of one case is preferred; strengths of three or more arms.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use serde::Serialize;

use crate::reader_study::analysis::preference::{Choices, Preference, bradley_terry, preference};

use super::planned_tests::PlannedTest;
use super::readers_mean::{Question, ReadersMean, Scored, of_scores};
use super::readings::{Reading, Readings};
use super::times::quantile;

/// The result of a preference study.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreferenceResult {
    /// Every pair of arms that was shown.
    pub pairs: Vec<PairOfArms>,
    /// Strengths of three or more arms; none with two, or when wins and losses do not link all of them.
    pub strengths: Option<Vec<Strength>>,
}

/// Two arms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PairOfArms {
    /// A and B.
    pub modalities: [String; 2],
    /// Every reader.
    pub readers: Vec<PreferenceReader>,
    /// All readers: A preferred counts 1, no preference one half, against 0.5.
    pub mean: Option<ReadersMean>,
}

/// One reader's choices between two arms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PreferenceReader {
    /// The reader.
    pub reader: String,
    /// A preferred.
    pub prefer_a: u64,
    /// B preferred.
    pub prefer_b: u64,
    /// The image on the left preferred.
    pub chosen_left: u64,
    /// Share of A on the choices that were made, its sign test, side bias and ties; none when no choice was made.
    pub preference: Option<Preference>,
}

/// The strength of one arm after Bradley and Terry; all sum to 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Strength {
    /// The arm.
    pub modality: String,
    /// On the choices of all readers; ties are left out.
    pub strength: f64,
    /// Percentile interval over draws of readers.
    pub interval: Option<[f64; 2]>,
    /// Draws that had a finite estimate, of all.
    pub resamples: [usize; 2],
}

/// Analyses a preference study; `resamples` are the draws of readers. What cannot be said goes to `warnings`.
#[must_use]
pub fn analyse(readings: &Readings, resamples: usize, warnings: &mut Vec<String>) -> PreferenceResult {
    let arms = readings.arms();
    let mut pairs = Vec::new();
    for (at, a) in arms.iter().enumerate() {
        for b in arms.iter().skip(at + 1) {
            let has = |row: &Reading| row.modalities.contains(a) && row.modalities.contains(b);
            let rows: Vec<&Reading> = readings.main().filter(|row| has(row)).collect();
            if !rows.is_empty() {
                pairs.push(pair(readings, [a, b], &rows, warnings));
            }
        }
    }
    let strengths = (arms.len() > 2).then(|| strengths(readings, &arms, resamples, warnings)).flatten();
    PreferenceResult { pairs, strengths }
}

/// 1 for a win of `arm`, 0 for a loss, one half for no preference.
fn score(row: &Reading, arm: &str) -> f64 {
    let chosen = row.judged.chosen.and_then(|at| row.modalities.get(at));
    chosen.map_or(0.5, |chosen| f64::from(u8::from(chosen == arm)))
}

fn pair(readings: &Readings, [a, b]: [&String; 2], rows: &[&Reading], warnings: &mut Vec<String>) -> PairOfArms {
    let alpha = readings.plan.alpha;
    let mut readers = Vec::new();
    for reader in readings.readers() {
        let own: Vec<&&Reading> = rows.iter().filter(|row| row.reader == reader).collect();
        if own.is_empty() {
            continue;
        }
        let count = |wanted: &dyn Fn(&Reading) -> bool| own.iter().filter(|row| wanted(row)).count() as u64;
        let choices = Choices {
            prefer_a: count(&|row| score(row, a) == 1.0),
            prefer_b: count(&|row| score(row, a) == 0.0),
            no_preference: count(&|row| row.judged.chosen.is_none()),
            chosen_left: count(&|row| row.judged.chosen == Some(0)),
            chosen_right: count(&|row| row.judged.chosen == Some(1)),
        };
        readers.push(PreferenceReader {
            reader,
            prefer_a: choices.prefer_a,
            prefer_b: choices.prefer_b,
            chosen_left: choices.chosen_left,
            preference: preference(choices, alpha).ok(),
        });
    }
    let scored = |row: &&Reading| Scored { reader: row.reader.clone(), unit: row.unit(), value: score(row, a) };
    let scores: Vec<Scored> = rows.iter().map(scored).collect();
    let question = Question { chance: Some(0.5), margin: readings.plan.margin, alpha };
    let figure = format!("preference for {a} over {b}, no preference one half");
    let mean = of_scores(&figure, a, &scores, question);
    if let Err(error) = &mean {
        warnings.push(format!("there is no mean over all readers for {a} against {b}: {error}"));
    }
    PairOfArms { modalities: [a.clone(), b.clone()], readers, mean: mean.ok() }
}

fn strengths(
    readings: &Readings,
    arms: &[String],
    resamples: usize,
    warnings: &mut Vec<String>,
) -> Option<Vec<Strength>> {
    let by_reader: Vec<Vec<Vec<u64>>> = readings.readers().iter().map(|reader| wins(readings, reader, arms)).collect();
    let all: Vec<usize> = (0..by_reader.len()).collect();
    let found = match bradley_terry(&summed(&by_reader, &all, arms.len())) {
        Ok(found) => found,
        Err(error) => {
            warnings.push(error.to_string());
            return None;
        }
    };
    let mut drawn: Vec<Vec<f64>> = vec![Vec::new(); arms.len()];
    for draw in 0..resamples as u64 {
        let mut rng = ChaCha8Rng::seed_from_u64(readings.plan.seed);
        rng.set_stream(draw);
        let n = by_reader.len();
        // The upper half of a 128-bit product, as everywhere in this module.
        let places: Vec<usize> = (0..n).map(|_| ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize).collect();
        if let Ok(strengths) = bradley_terry(&summed(&by_reader, &places, arms.len())) {
            drawn.iter_mut().zip(strengths).for_each(|(to, strength)| to.push(strength));
        }
    }
    let alpha = readings.plan.alpha;
    let strengths = arms.iter().zip(found).zip(&mut drawn).map(|((modality, strength), drawn)| {
        drawn.sort_by(f64::total_cmp);
        let end = |p: f64| quantile(drawn, p);
        let interval = (by_reader.len() > 1).then(|| Some([end(alpha / 2.0)?, end(1.0 - alpha / 2.0)?])).flatten();
        Strength { modality: modality.clone(), strength, interval, resamples: [drawn.len(), resamples] }
    });
    Some(strengths.collect())
}

/// `wins[a][b]`: how often a reader preferred arm `a` to `b`.
fn wins(readings: &Readings, reader: &str, arms: &[String]) -> Vec<Vec<u64>> {
    let mut wins = vec![vec![0; arms.len()]; arms.len()];
    for row in readings.main().filter(|row| row.reader == reader) {
        let place = |at: usize| row.modalities.get(at).and_then(|name| arms.iter().position(|arm| arm == name));
        let Some(chosen) = row.judged.chosen else { continue };
        if let Some((won, lost)) = place(chosen).zip(place(1 - chosen))
            && let Some(count) = wins.get_mut(won).and_then(|row| row.get_mut(lost))
        {
            *count += 1;
        }
    }
    wins
}

fn summed(by_reader: &[Vec<Vec<u64>>], readers: &[usize], arms: usize) -> Vec<Vec<u64>> {
    let mut sum = vec![vec![0; arms]; arms];
    for wins in readers.iter().filter_map(|at| by_reader.get(*at)) {
        for (to, from) in sum.iter_mut().flatten().zip(wins.iter().flatten()) {
            *to += from;
        }
    }
    sum
}

impl PreferenceResult {
    /// The tests that the design declares: every pair of arms, all readers against 0.5.
    #[must_use]
    pub fn planned_tests(&self) -> Vec<PlannedTest> {
        let test = |pair: &PairOfArms| {
            let [a, b] = &pair.modalities;
            let p = pair.mean.as_ref().and_then(|mean| mean.against).and_then(|against| against.p);
            PlannedTest::new(format!("{a} preferred to {b}: against 0.5, all readers"), p)
        };
        self.pairs.iter().map(test).collect()
    }
}
