//! How many trials were planned, read and missing, and why.

use crate::reader_study::design::Role;
use std::collections::BTreeMap;

use serde::Serialize;

use super::readings::Readings;

/// Trials of one reader and role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Flow {
    /// The reader.
    pub reader: String,
    /// What the trials are for.
    pub role: Role,
    /// Planned.
    pub planned: usize,
    /// Read.
    pub read: usize,
    /// Not read, by why.
    pub missing: BTreeMap<&'static str, usize>,
}

/// Every reader and role that has trials.
#[must_use]
pub fn flow(readings: &Readings) -> Vec<Flow> {
    let mut all: BTreeMap<(&str, Role), Flow> = BTreeMap::new();
    for row in &readings.rows {
        let flow = all.entry((&row.reader, row.role)).or_insert_with(|| Flow {
            reader: row.reader.clone(),
            role: row.role,
            planned: 0,
            read: 0,
            missing: BTreeMap::new(),
        });
        flow.planned += 1;
        match row.missing {
            None => flow.read += 1,
            Some(why) => *flow.missing.entry(why).or_default() += 1,
        }
    }
    all.into_values().collect()
}

/// Main trials planned and read, over all readers.
#[must_use]
pub fn main_counts(flow: &[Flow]) -> (usize, usize) {
    let main = flow.iter().filter(|f| f.role == Role::Main);
    main.fold((0, 0), |(planned, read), f| (planned + f.planned, read + f.read))
}
