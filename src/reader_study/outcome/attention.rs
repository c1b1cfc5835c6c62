//! Did readers attend? Catch trials, whose answer is obvious.

use crate::reader_study::design::Role;
use serde::Serialize;

use super::readings::{Reading, Readings};
use super::shares::Share;

/// One reader's catch trials.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Attention {
    /// The reader.
    pub reader: String,
    /// Catch trials that were planned.
    pub planned: usize,
    /// Catch trials that were read.
    pub read: usize,
    /// Right answers; none where the design has no right answer (grading, preference, approval).
    pub right: Option<Share>,
    /// Codes of those that were answered wrong.
    pub wrong: Vec<String>,
}

/// Every reader with catch trials.
#[must_use]
pub fn attention(readings: &Readings) -> Vec<Attention> {
    let mut all = Vec::new();
    for reader in readings.plan.readers.iter().map(|reader| &reader.id) {
        let own: Vec<&Reading> =
            readings.rows.iter().filter(|row| row.role == Role::Catch && row.reader == *reader).collect();
        if own.is_empty() {
            continue;
        }
        let wrong = own.iter().filter(|row| row.judged.correct == Some(false)).map(|row| row.code.clone());
        all.push(Attention {
            reader: reader.clone(),
            planned: own.len(),
            read: own.iter().filter(|row| row.missing.is_none()).count(),
            right: Share::of(own.iter().filter_map(|row| row.judged.correct), readings.plan.alpha),
            wrong: wrong.collect(),
        });
    }
    all
}
