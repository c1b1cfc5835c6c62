//! How long readers took.

use serde::Serialize;

use super::readings::{Reading, Readings};

/// Reading times of one reader, of all modalities together or of one.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Times {
    /// The reader; none for all readers.
    pub reader: Option<String>,
    /// The arm; none for all.
    pub modality: Option<String>,
    /// Main trials.
    pub trials: usize,
    /// First quartile, median and third quartile, s.
    pub quartiles_s: [f64; 3],
    /// Median time to the first input, s.
    pub first_input_s: Option<f64>,
    /// Trials whose time is a lower bound, since a crash or leaving interrupted them.
    pub interrupted: usize,
}

/// Times of all readers, of each reader, and of each reader in each arm where there are several.
#[must_use]
pub fn times(readings: &Readings) -> Vec<Times> {
    let mut all = Vec::new();
    let rows: Vec<&Reading> = readings.main().collect();
    all.extend(of(&rows, None, None));
    let arms = readings.arms();
    for reader in readings.readers() {
        let own: Vec<&Reading> = rows.iter().copied().filter(|row| row.reader == reader).collect();
        all.extend(of(&own, Some(&reader), None));
        if own.iter().all(|row| row.modalities.len() == 1) && arms.len() > 1 {
            for arm in &arms {
                let in_arm: Vec<&Reading> = own.iter().copied().filter(|row| row.modality() == arm).collect();
                all.extend(of(&in_arm, Some(&reader), Some(arm)));
            }
        }
    }
    all
}

fn of(rows: &[&Reading], reader: Option<&String>, modality: Option<&String>) -> Option<Times> {
    let sorted = |mut values: Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values
    };
    let seconds = sorted(rows.iter().filter_map(|row| row.seconds()).collect());
    let first: Vec<f64> = rows.iter().filter_map(|row| row.log.as_ref()?.first_input_ms).map(|ms| ms as f64).collect();
    let quartile = |p: f64| quantile(&seconds, p);
    Some(Times {
        reader: reader.cloned(),
        modality: modality.cloned(),
        trials: seconds.len(),
        quartiles_s: [quartile(0.25)?, quartile(0.5)?, quartile(0.75)?],
        first_input_s: median(&first).map(|ms| ms / 1000.0),
        interrupted: rows.iter().filter(|row| row.log.as_ref().is_some_and(|log| log.interrupted)).count(),
    })
}

/// The quantile of rising values, linear between neighbours (type 7 of Hyndman and Fan 1996); none of no value.
#[must_use]
pub fn quantile(rising: &[f64], p: f64) -> Option<f64> {
    let at = p * (rising.len() as f64 - 1.0);
    let value = |at: f64| rising.get(at as usize).copied();
    let (low, high) = (value(at.floor())?, value(at.ceil())?);
    Some(low + (at - at.floor()) * (high - low))
}

/// The median; none of no value.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let mut rising = values.to_vec();
    rising.sort_by(f64::total_cmp);
    quantile(&rising, 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected values: R's `quantile(c(1, 2, 4, 8), c(.25, .5, .75))`.
    #[test]
    fn quartiles_equal_those_of_r() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!([0.25, 0.5, 0.75].map(|p| quantile(&values, p)), [Some(1.75), Some(3.0), Some(5.0)]);
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(median(&[8.0, 1.0, 4.0]), Some(4.0));
    }
}
