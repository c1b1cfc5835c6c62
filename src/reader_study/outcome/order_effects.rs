//! Does it matter that a reader has seen a case before, or on which side an image stood?

use std::collections::BTreeMap;

use serde::Serialize;

use crate::reader_study::analysis::proportion::{ReadersAgainst, readers_against};

use super::readings::{Reading, Readings};
use super::shares::Share;

/// Effects of order and side.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderEffects {
    /// Later showing of a case minus its first, in whatever arm; only main trials with one image.
    pub second_minus_first: Vec<OrderEffect>,
    /// Of pairs: how often each reader chose the left image.
    pub sides: Vec<SideEffect>,
}

/// One effect.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct OrderEffect {
    /// Of what: `correct`, `rating`, `ln seconds`.
    pub of: &'static str,
    /// Every reader's mean difference, with the number of cases seen again.
    pub readers: Vec<(String, f64, usize)>,
    /// Their mean against 0; t over readers.
    pub mean: Option<ReadersAgainst>,
}

/// One reader's sides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SideEffect {
    /// The reader.
    pub reader: String,
    /// Left images among the choices that were made.
    pub left: Share,
    /// Exact binomial test of no bias.
    pub p: f64,
}

/// What is compared.
type Value<'a> = &'a dyn Fn(&Reading) -> Option<f64>;

/// Effects of order and side on the main trials.
#[must_use]
pub fn order_effects(readings: &Readings) -> OrderEffects {
    let alpha = readings.plan.alpha;
    let correct = |row: &Reading| row.judged.correct.map(|right| f64::from(u8::from(right)));
    let rating = |row: &Reading| row.judged.rating;
    let log_seconds = |row: &Reading| row.seconds().filter(|s| *s > 0.0).map(f64::ln);
    let kinds: [(&'static str, Value); 3] = [("correct", &correct), ("rating", &rating), ("ln seconds", &log_seconds)];
    let effects = kinds.into_iter().filter_map(|(of, value)| {
        let readers: Vec<(String, f64, usize)> =
            readings.readers().into_iter().filter_map(|reader| second_minus_first(readings, reader, value)).collect();
        let differences: Vec<f64> = readers.iter().map(|(_, difference, _)| *difference).collect();
        let mean = readers_against(&differences, 0.0, alpha).ok();
        (!readers.is_empty()).then_some(OrderEffect { of, readers, mean })
    });
    let side = |reader: String| {
        let pairs = readings.main().filter(|row| row.reader == reader && row.modalities.len() == 2);
        let left = Share::of(pairs.filter_map(|row| row.judged.chosen).map(|at| at == 0), alpha)?;
        Some(SideEffect { reader, p: left.test(0.5).ok()?.p_two_sided, left })
    };
    OrderEffects {
        second_minus_first: effects.collect(),
        sides: readings.readers().into_iter().filter_map(side).collect(),
    }
}

fn second_minus_first(readings: &Readings, reader: String, value: Value) -> Option<(String, f64, usize)> {
    let mut seen: BTreeMap<String, Vec<(u32, u32, f64)>> = BTreeMap::new();
    for row in readings.main().filter(|row| row.reader == reader && row.modalities.len() == 1) {
        if let Some(value) = value(row) {
            seen.entry(row.unit()).or_default().push((row.session, row.position, value));
        }
    }
    let mut differences = Vec::new();
    for showings in seen.values_mut().filter(|showings| showings.len() > 1) {
        showings.sort_by_key(|(session, position, _)| (*session, *position));
        if let [first, later @ ..] = showings.as_slice() {
            differences.push(later.iter().map(|l| l.2).sum::<f64>() / later.len() as f64 - first.2);
        }
    }
    let n = differences.len();
    (n > 0).then(|| (reader, differences.iter().sum::<f64>() / n as f64, n))
}
