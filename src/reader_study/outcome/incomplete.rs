//! What is done about readings that are missing, where a person decides it.

use serde::Serialize;

/// What is left out so that every reader has read the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Incomplete {
    /// Cases that somebody did not read, for everybody.
    Cases,
    /// Readers who did not read all of their main trials.
    Readers,
}

/// A reader who was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOutReader {
    /// Who.
    pub reader: String,
    /// Main trials planned.
    pub planned: usize,
    /// Main trials read.
    pub read: usize,
}

impl LeftOutReader {
    /// As a report says it.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Self { reader, planned, read } = self;
        format!("reader {reader} was left out: {read} of {planned} main trials were read (--drop-incomplete readers)")
    }
}
