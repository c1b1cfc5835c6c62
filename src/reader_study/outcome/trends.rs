//! Learning and fatigue: do answers and reading times change along a list and from session to session?

use nalgebra::{DMatrix, DVector};
use serde::Serialize;

use crate::reader_study::analysis::distribution::{t_quantile, t_two_sided};
use crate::reader_study::analysis::proportion::{ReadersAgainst, readers_against};

use super::readings::{Reading, Readings};

/// What changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum TrendOf {
    /// Whether the answer was right, 1 or 0.
    Correct,
    /// Natural logarithm of the reading time in s.
    LogSeconds,
}

/// One trend: every reader's slopes, and their means over readers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trend {
    /// What changes.
    pub of: TrendOf,
    /// Every reader.
    pub readers: Vec<ReaderTrend>,
    /// Mean slope over ten positions of a list against 0; t over readers.
    pub per_ten_trials: Option<ReadersAgainst>,
    /// Mean slope from one session to the next against 0; t over readers.
    pub per_session: Option<ReadersAgainst>,
}

/// One reader's least-squares slopes, each adjusted for the other.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ReaderTrend {
    /// The reader.
    pub reader: String,
    /// Trials.
    pub trials: usize,
    /// Change over ten positions of a list.
    pub per_ten_trials: Slope,
    /// Change from one session to the next; none with one session.
    pub per_session: Option<Slope>,
}

/// A slope.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Slope {
    /// Its estimate.
    pub estimate: f64,
    /// Its standard error.
    pub se: f64,
    /// Its interval, from t.
    pub interval: [f64; 2],
    /// Two-sided p of no slope; none when the standard error is 0.
    pub p: Option<f64>,
}

/// What may change.
type Value<'a> = &'a dyn Fn(&Reading) -> Option<f64>;

/// Trends of right answers, where the design has them, and of reading times, on the main trials.
#[must_use]
pub fn trends(readings: &Readings) -> Vec<Trend> {
    let alpha = readings.plan.alpha;
    let correct = |row: &Reading| row.judged.correct.map(|right| f64::from(u8::from(right)));
    let log_seconds = |row: &Reading| row.seconds().filter(|s| *s > 0.0).map(f64::ln);
    let kinds: [(TrendOf, Value); 2] = [(TrendOf::Correct, &correct), (TrendOf::LogSeconds, &log_seconds)];
    let mut all = Vec::new();
    for (of, value) in kinds {
        let reader = |reader: String| {
            let own = readings.main().filter(|row| row.reader == reader);
            let points: Vec<[f64; 3]> = own
                .filter_map(|row| Some([f64::from(row.position) / 10.0, f64::from(row.session), value(row)?]))
                .collect();
            reader_trend(reader, &points, alpha)
        };
        let readers: Vec<ReaderTrend> = readings.readers().into_iter().filter_map(reader).collect();
        let over = |slopes: Vec<f64>| readers_against(&slopes, 0.0, alpha).ok();
        let per_ten_trials = over(readers.iter().map(|r| r.per_ten_trials.estimate).collect());
        let per_session = over(readers.iter().filter_map(|r| r.per_session).map(|s| s.estimate).collect());
        if !readers.is_empty() {
            all.push(Trend { of, readers, per_ten_trials, per_session });
        }
    }
    all
}

/// Least squares of value on position and, with several sessions, session.
fn reader_trend(reader: String, points: &[[f64; 3]], alpha: f64) -> Option<ReaderTrend> {
    let several = points.iter().any(|p| points.first().is_some_and(|first| first[1] != p[1]));
    let columns = if several { 3 } else { 2 };
    let df = points.len().checked_sub(columns).filter(|df| *df > 0)? as f64;
    let x = DMatrix::from_fn(points.len(), columns, |row, column| match (column, points.get(row)) {
        (1, Some(point)) => point[0],
        (2, Some(point)) => point[1],
        _ => 1.0,
    });
    let y = DVector::from_iterator(points.len(), points.iter().map(|p| p[2]));
    let inverse = (x.transpose() * &x).try_inverse()?;
    let coefficients = &inverse * x.transpose() * &y;
    let rest = (&y - &x * &coefficients).norm_squared() / df;
    let slope = |at: usize| {
        let (estimate, se) = (coefficients[at], (rest * inverse[(at, at)]).max(0.0).sqrt());
        let half = if se > 0.0 { t_quantile(1.0 - alpha / 2.0, df) * se } else { 0.0 };
        let p = (se > 0.0).then(|| t_two_sided(estimate / se, df));
        Slope { estimate, se, interval: [estimate - half, estimate + half], p }
    };
    let per_session = several.then(|| slope(2));
    Some(ReaderTrend { reader, trials: points.len(), per_ten_trials: slope(1), per_session })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: the line through (1, 2), (2, 3), (3, 5), (4, 6), (5, 8) by hand: slope 1.5, sum of squares of the
    /// rest 0.3, se sqrt(0.3/3/10) = 0.1, t_0.975(3) = 3.182446.
    #[test]
    fn a_slope_is_that_of_least_squares() {
        let points = [[1.0, 1.0, 2.0], [2.0, 1.0, 3.0], [3.0, 1.0, 5.0], [4.0, 1.0, 6.0], [5.0, 1.0, 8.0]];
        let slope = reader_trend("R1".into(), &points, 0.05).unwrap().per_ten_trials;
        assert!((slope.estimate - 1.5).abs() < 1e-12 && (slope.se - 0.1).abs() < 1e-12);
        assert!((slope.interval[0] - (1.5 - 0.318_244_6)).abs() < 1e-6);
    }
}
