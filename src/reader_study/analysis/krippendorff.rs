//! Krippendorff's alpha: agreement of any number of raters with missing ratings, on any scale of measurement.

use super::errors::AnalysisError;

/// How far two ratings lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scale {
    /// The same or not.
    Nominal,
    /// By the ratings that lie between.
    Ordinal,
    /// By their difference.
    Interval,
    /// By their difference over their sum.
    Ratio,
}

/// Alpha of `ratings[rater][item]`, a missing rating being `None`; items with fewer than two ratings do not count. None
/// when all ratings are the same.
///
/// # Errors
/// When raters have lists of different lengths, a rating is not finite, one is below 0 on a ratio scale, or no item
/// has two ratings.
pub fn alpha(ratings: &[Vec<Option<f64>>], scale: Scale) -> Result<Option<f64>, AnalysisError> {
    let items = ratings.first().map_or(0, Vec::len);
    for rater in ratings {
        AnalysisError::same_length("a rater's list", items, rater.len())?;
    }
    let units: Vec<Vec<f64>> = (0..items)
        .map(|item| ratings.iter().filter_map(|rater| rater.get(item).copied().flatten()).collect::<Vec<f64>>())
        .filter(|unit| unit.len() > 1)
        .collect();
    AnalysisError::at_least("items with two ratings", 1, units.len())?;
    for unit in &units {
        AnalysisError::all_finite("a rating", unit)?;
        if let (Scale::Ratio, Some(value)) = (scale, unit.iter().find(|v| **v < 0.0)) {
            let expected = "on a ratio scale it is not below 0";
            return Err(AnalysisError::Value { name: "a rating", value: *value, expected });
        }
    }
    let mut values: Vec<f64> = units.concat();
    values.sort_by(f64::total_cmp);
    // Each distinct value with how often it occurs and how many lie below it.
    let mut below = 0.0;
    let levels: Vec<Level> = values
        .chunk_by(|a, b| a == b)
        .map(|equal| {
            let level = Level { value: equal.first().copied().unwrap_or_default(), count: equal.len() as f64, below };
            below += level.count;
            level
        })
        .collect();
    let level = |value: f64| levels.get(levels.partition_point(|l| l.value < value));
    let mut observed = 0.0;
    for unit in &units {
        let of_unit: Vec<&Level> = unit.iter().filter_map(|v| level(*v)).collect();
        observed += pairs(&of_unit, |_| 1.0, scale) / (unit.len() as f64 - 1.0);
    }
    let all: Vec<&Level> = levels.iter().collect();
    let expected = pairs(&all, |l| l.count, scale);
    let n = values.len() as f64;
    Ok((expected > 0.0).then(|| 1.0 - (n - 1.0) * observed / expected))
}

struct Level {
    value: f64,
    count: f64,
    below: f64,
}

/// Squared distances over all ordered pairs.
fn pairs(levels: &[&Level], weight: impl Fn(&Level) -> f64, scale: Scale) -> f64 {
    let mut sum = 0.0;
    for (at, a) in levels.iter().enumerate() {
        for b in levels.iter().skip(at + 1) {
            sum += 2.0 * weight(a) * weight(b) * squared_distance(a, b, scale);
        }
    }
    sum
}

fn squared_distance(a: &Level, b: &Level, scale: Scale) -> f64 {
    let difference = a.value - b.value;
    if difference == 0.0 {
        return 0.0;
    }
    match scale {
        Scale::Nominal => 1.0,
        // From the middle of one level's ratings to the middle of the other's.
        Scale::Ordinal => (a.below + a.count / 2.0 - b.below - b.count / 2.0).powi(2),
        Scale::Interval => difference * difference,
        Scale::Ratio => (difference / (a.value + b.value)).powi(2),
    }
}
