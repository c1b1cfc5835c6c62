//! The numbers of one measure of one model, by case and by patient.

use std::collections::BTreeMap;

use super::bootstrap::Clusters;
use super::measure::Measured;
use super::run::Evaluation;
use super::store::Record;

/// Values with their cases, and why others have none.
#[derive(Debug, Clone, Default)]
pub(super) struct Values<'a> {
    /// Place of the case, its patient, its value.
    pub found: Vec<(usize, &'a str, f64)>,
    /// Reason to how many cases.
    pub undefined: BTreeMap<String, usize>,
}

/// The reason of every failed job, whatever each one's own: that stands among the failures.
pub(super) const FAILED: &str = "the job failed";

/// A record's value, or why it has none.
pub(super) fn measured<'a>(record: &'a Record, measure: &str) -> Result<f64, &'a str> {
    match (record.measures.get(measure), &record.failed) {
        (_, Some(_)) => Err(FAILED),
        (Some(Measured::Value(value)), None) => Ok(*value),
        (Some(Measured::Undefined(reason)), None) => Err(reason),
        (None, None) => Err("not measured in this case"),
    }
}

impl<'a> Values<'a> {
    pub fn of(evaluation: &'a Evaluation, model: usize, measure: &str) -> Self {
        let mut values = Self::default();
        for (at, case, record) in evaluation.of_model(model) {
            match measured(record, measure) {
                Ok(value) => values.found.push((at, case.patient(), value)),
                Err(reason) => *values.undefined.entry(reason.to_owned()).or_default() += 1,
            }
        }
        values
    }

    pub fn numbers(&self) -> Vec<f64> {
        self.found.iter().map(|f| f.2).collect()
    }

    pub fn clusters(&self) -> Clusters {
        Clusters::new(by_patient(self.found.iter().map(|f| (f.1, f.2))).values())
    }

    /// One number a patient, the mean of theirs: for tests that take each number for independent of the others.
    pub fn patient_means(&self) -> Vec<f64> {
        by_patient(self.found.iter().map(|f| (f.1, f.2)))
            .values()
            .map(|v| v.iter().sum::<f64>() / v.len() as f64)
            .collect()
    }
}

/// Values of each patient, in the order of the patients' names.
pub(super) fn by_patient<'a>(values: impl Iterator<Item = (&'a str, f64)>) -> BTreeMap<&'a str, Vec<f64>> {
    let mut by_patient: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
    for (patient, value) in values {
        by_patient.entry(patient).or_default().push(value);
    }
    by_patient
}
