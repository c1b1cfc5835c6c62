//! A figure that every reader has, over all readers: its mean with an interval, its test against chance, and arms compared.

use std::collections::{BTreeMap, BTreeSet};

use nalgebra::DMatrix;
use serde::Serialize;

use crate::reader_study::analysis::covariance::jackknife;
use crate::reader_study::analysis::margin::{ArmNoninferiority, Equivalence, equivalence, noninferior_to};
use crate::reader_study::analysis::mrmc::{Comparison, Factors, compare};
use crate::reader_study::analysis::proportion::readers_against;
use crate::reader_study::analysis::single_modality::{Against, modality_mean};
use crate::reader_study::analysis::{AnalysisError, Estimates};

/// What a mean is tested against.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// The value under chance; none for no test.
    pub chance: Option<f64>,
    /// Margin of equivalence to chance.
    pub margin: Option<f64>,
    /// One minus the confidence of the interval.
    pub alpha: f64,
}

/// A figure over all readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReadersMean {
    /// What the figure is.
    pub figure: String,
    /// Of which arm.
    pub modality: String,
    /// How many readers.
    pub readers: usize,
    /// How many cases (pairs, images) it rests on.
    pub cases: usize,
    /// How many were left out since not every reader read them.
    pub left_out: usize,
    /// Which analysis.
    pub method: &'static str,
    /// Mean over the readers.
    pub mean: f64,
    /// Its standard error.
    pub se: f64,
    /// Degrees of freedom of t; infinite means normal (JSON: null).
    pub df: f64,
    /// Its interval; not clipped.
    pub interval: [f64; 2],
    /// The test against chance.
    pub against: Option<Against>,
    /// Equivalence to chance within the margin of the plan: two one-sided tests.
    pub equivalence: Option<Equivalence>,
}

/// One value of a reader.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// The reader.
    pub reader: String,
    /// What was read.
    pub unit: String,
    /// What came of it, for instance 1 for right and 0 for wrong.
    pub value: f64,
}

const RANDOM: &str =
    "single modality, Obuchowski-Rockette with Hillis 2007 degrees of freedom, random readers and random cases";
const ONE_READER: &str = "a single reader; random cases, normal";
const READERS_ONLY: &str =
    "t test over readers; random readers, fixed cases, since too few cases were read by all of them";

/// The mean of modality number `at` of `estimates`.
///
/// # Errors
/// When there is no such modality, or the margin or alpha cannot be.
pub fn of_estimates(
    estimates: &Estimates,
    at: usize,
    cases: usize,
    question: Question,
) -> Result<ReadersMean, AnalysisError> {
    let readers = estimates.readers().len();
    let (factors, method) =
        if readers < 2 { (Factors::FixedReaders, ONE_READER) } else { (Factors::RandomReadersRandomCases, RANDOM) };
    let mean = modality_mean(estimates, at, factors, question.alpha)?;
    let against = question.chance.map(|chance| mean.against(chance));
    Ok(ReadersMean {
        figure: estimates.figure.clone(),
        readers,
        cases,
        left_out: 0,
        method,
        equivalence: equivalent(mean.mean, mean.se, mean.df, question)?,
        modality: mean.modality,
        mean: mean.mean,
        se: mean.se,
        df: mean.df,
        interval: mean.interval,
        against,
    })
}

fn equivalent(mean: f64, se: f64, df: f64, question: Question) -> Result<Option<Equivalence>, AnalysisError> {
    let Some((chance, margin)) = question.chance.zip(question.margin) else { return Ok(None) };
    equivalence(mean - chance, se, df, margin, question.alpha).map(Some)
}

/// The mean of each reader's mean value.
///
/// Cases that all readers read enter the analysis of random readers and cases. Where these are fewer than half of what a
/// reader read, as when readers had different cases, only the readers are random, and each keeps all own cases.
///
/// # Errors
/// When nobody read anything, or a single reader read fewer than 2 cases.
pub fn of_scores(
    figure: &str,
    modality: &str,
    scores: &[Scored],
    question: Question,
) -> Result<ReadersMean, AnalysisError> {
    let by_reader = by_reader(scores);
    let shared = shared_units(by_reader.values());
    let most = by_reader.values().map(BTreeMap::len).max().unwrap_or_default();
    if shared.len() >= 2 && shared.len() * 2 >= most {
        let cells: Vec<&BTreeMap<&str, f64>> = by_reader.values().collect();
        let readers = by_reader.keys().map(|r| (*r).to_owned()).collect();
        let estimates = estimates(figure, vec![modality.to_owned()], readers, &cells, &shared)?;
        let found = of_estimates(&estimates, 0, shared.len(), question)?;
        return Ok(ReadersMean { left_out: distinct_units(scores) - shared.len(), ..found });
    }
    let means: Vec<f64> = by_reader.values().map(mean).collect();
    let found = readers_against(&means, question.chance.unwrap_or(0.0), question.alpha)?;
    let se = found.t.map_or(0.0, |t| (found.mean - question.chance.unwrap_or(0.0)) / t).abs();
    Ok(ReadersMean {
        figure: figure.to_owned(),
        modality: modality.to_owned(),
        readers: means.len(),
        cases: distinct_units(scores),
        left_out: 0,
        method: READERS_ONLY,
        mean: found.mean,
        se,
        df: found.df,
        interval: found.interval,
        against: question.chance.map(|value| Against { value, statistic: found.t, p: found.p }),
        equivalence: equivalent(found.mean, se, found.df, question)?,
    })
}

fn by_reader(scores: &[Scored]) -> BTreeMap<&str, BTreeMap<&str, f64>> {
    let mut all: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for score in scores {
        all.entry(&score.reader).or_default().insert(&score.unit, score.value);
    }
    all
}

fn distinct_units(scores: &[Scored]) -> usize {
    scores.iter().map(|s| s.unit.as_str()).collect::<BTreeSet<_>>().len()
}

fn mean(values: &BTreeMap<&str, f64>) -> f64 {
    values.values().sum::<f64>() / values.len() as f64
}

/// What everybody read.
fn shared_units<'a: 'b, 'b>(cells: impl IntoIterator<Item = &'b BTreeMap<&'a str, f64>>) -> Vec<&'a str> {
    let mut cells = cells.into_iter();
    let first: Vec<&'a str> = cells.next().map(|cell| cell.keys().copied().collect()).unwrap_or_default();
    cells.fold(first, |shared, cell| shared.into_iter().filter(|unit| cell.contains_key(unit)).collect())
}

/// Means of the cells over the shared units with their jackknife covariances, all readers of modality 0 first.
fn estimates(
    figure: &str,
    modalities: Vec<String>,
    readers: Vec<String>,
    cells: &[&BTreeMap<&str, f64>],
    shared: &[&str],
) -> Result<Estimates, AnalysisError> {
    let n = shared.len() as f64;
    let columns: Vec<Vec<f64>> = cells
        .iter()
        .map(|cell| shared.iter().map(|unit| cell.get(unit).copied().unwrap_or(f64::NAN)).collect())
        .collect();
    let sums: Vec<f64> = columns.iter().map(|column| column.iter().sum()).collect();
    let without = columns.iter().zip(&sums).flat_map(|(column, sum)| column.iter().map(move |v| (sum - v) / (n - 1.0)));
    let without = DMatrix::from_iterator(shared.len(), cells.len(), without);
    let values: Vec<f64> = sums.iter().map(|sum| sum / n).collect();
    Estimates::new(figure.to_owned(), "jackknife", modalities, readers, &values, jackknife(&without)?)
}

/// Arms compared by the readers' means.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArmComparison {
    /// What the figure is.
    pub figure: String,
    /// How many cases everybody read in every arm.
    pub cases: usize,
    /// How many cases were left out since somebody did not read them in every arm.
    pub left_out: usize,
    /// Three ways to generalise; the first minus the second arm.
    pub comparisons: Vec<Comparison>,
    /// Noninferiority of every other arm to the first of the plan, when it has a margin.
    pub noninferiority: Vec<ArmNoninferiority>,
}

/// Compares arms on the cases that every reader read in every arm.
///
/// # Errors
/// When there are fewer than 2 arms or fewer than 2 such cases.
pub fn compare_arms(
    figure: &str,
    arms: &[(String, Vec<Scored>)],
    margin: Option<f64>,
    alpha: f64,
) -> Result<ArmComparison, AnalysisError> {
    let tables: Vec<_> = arms.iter().map(|(_, scores)| by_reader(scores)).collect();
    let everybody: BTreeSet<&str> = tables.iter().flat_map(|table| table.keys().copied()).collect();
    let empty = BTreeMap::new();
    let cells: Vec<&BTreeMap<&str, f64>> =
        tables.iter().flat_map(|table| everybody.iter().map(|r| table.get(r).unwrap_or(&empty))).collect();
    let shared = shared_units(cells.iter().copied());
    let arms_of = |unit: &str| arms.iter().filter(|(_, scores)| scores.iter().any(|s| s.unit == unit)).count();
    if shared.is_empty() && arms.len() > 1 && cells.iter().flat_map(|cell| cell.keys()).all(|unit| arms_of(unit) == 1) {
        return Err(AnalysisError::Nested);
    }
    enough_cases(shared.len())?;
    let all: BTreeSet<&str> = arms.iter().flat_map(|(_, scores)| scores.iter().map(|s| s.unit.as_str())).collect();
    let (modalities, readers) = (arms.iter().map(|(arm, _)| arm.clone()), everybody.iter().map(|r| (*r).to_owned()));
    let estimates = estimates(figure, modalities.collect(), readers.collect(), &cells, &shared)?;
    let comparisons = three_ways(&estimates, alpha)?;
    Ok(ArmComparison {
        figure: figure.to_owned(),
        cases: shared.len(),
        left_out: all.len() - shared.len(),
        noninferiority: noninferior(&arms.iter().map(|(arm, _)| arm).collect::<Vec<_>>(), &comparisons, margin, alpha)?,
        comparisons,
    })
}

fn enough_cases(found: usize) -> Result<(), AnalysisError> {
    let what = "cases that every reader read in every arm";
    if found < 2 { Err(AnalysisError::TooFew { what, needed: 2, found }) } else { Ok(()) }
}

/// The three ways to generalise; with a single reader only the fixed one.
///
/// # Errors
/// When there are fewer than 2 modalities.
pub fn three_ways(estimates: &Estimates, alpha: f64) -> Result<Vec<Comparison>, AnalysisError> {
    let all = [Factors::RandomReadersRandomCases, Factors::FixedReaders, Factors::FixedCases];
    let one_reader = estimates.readers().len() < 2;
    let ways = all.into_iter().filter(|factors| !one_reader || *factors == Factors::FixedReaders);
    ways.map(|factors| compare(estimates, factors, alpha)).collect()
}

/// Every other arm against the first one on the widest generalisation, one-sided at half of alpha.
///
/// # Errors
/// When the margin cannot be.
pub fn noninferior(
    arms: &[&String],
    comparisons: &[Comparison],
    margin: Option<f64>,
    alpha: f64,
) -> Result<Vec<ArmNoninferiority>, AnalysisError> {
    let widest = comparisons.first().map(|c| c.differences.as_slice());
    let ((Some(reference), Some(margin)), Some(pairs)) = ((arms.first(), margin), widest) else {
        return Ok(Vec::new());
    };
    noninferior_to(reference, pairs, margin, alpha / 2.0)
}
