//! Why a table of ratings was refused, and why an analysis cannot be done.

use super::free_response_cases::TooFewCases;

/// Which reading an error is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The reader.
    pub reader: String,
    /// The modality.
    pub modality: String,
    /// The case.
    pub case: String,
}

impl std::fmt::Display for Reading {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "reader {}, modality {}, case {}", self.reader, self.modality, self.case)
    }
}

/// `1 case`, `2 cases`.
pub(super) fn counted(n: u128, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Why a table of ratings was refused.
#[derive(Debug, thiserror::Error)]
pub enum RatingsError {
    /// The file could not be read.
    #[error("{file} cannot be read: {source}")]
    Read {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// There is no row, or not even a header.
    #[error("{file} holds no ratings")]
    Empty {
        /// The file.
        file: String,
    },
    /// A needed column is missing or stands there twice.
    #[error(
        "{file} line {line}: {} named `{column}` where one is needed (reader, modality, case, truth, rating)",
        counted(*found as u128, "column")
    )]
    Column {
        /// The file.
        file: String,
        /// The line of the header.
        line: u64,
        /// Which column.
        column: &'static str,
        /// How many columns have that name.
        found: usize,
    },
    /// A row does not hold what it should.
    #[error("{file} line {line}: {reason}")]
    Row {
        /// The file.
        file: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// One reader rated one case twice in one modality.
    #[error(
        "{file} line {line}: {reading} was rated already in line {first_line}; only one rating enters the analysis"
    )]
    Duplicate {
        /// The file.
        file: String,
        /// The line of the second rating.
        line: u64,
        /// The line of the first.
        first_line: u64,
        /// What was rated twice.
        reading: Box<Reading>,
    },
    /// One case has two truths.
    #[error("{file} line {line}: the truth of case {case} contradicts line {first_line}")]
    Contradiction {
        /// The file.
        file: String,
        /// The line that contradicts.
        line: u64,
        /// The line where the case stood first.
        first_line: u64,
        /// The case.
        case: String,
    },
    /// Not every reader read every case in every modality.
    #[error(
        "{file} lacks {} in {}, the first one of {first}; complete them, or leave these cases out for everybody \
         (--drop-incomplete)",
        counted(*readings, "reading"),
        counted(*cases as u128, "case")
    )]
    Incomplete {
        /// The file.
        file: String,
        /// How many readings are missing.
        readings: u128,
        /// How many cases lack at least one reading.
        cases: usize,
        /// The first missing reading.
        first: Box<Reading>,
    },
    /// All cases have the same truth.
    #[error("{file}: no case has truth {truth}; every reader and modality needs cases of both truths")]
    OneTruth {
        /// The file.
        file: String,
        /// Which truth is missing, 0 or 1.
        truth: u8,
    },
}

/// Why an analysis cannot be done on the data at hand.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum AnalysisError {
    /// Readers cannot be treated as random with fewer than two.
    #[error("readers can only be treated as a random sample when there are at least 2, not {found}")]
    TooFewReaders {
        /// How many there are.
        found: usize,
    },
    /// A pilot of one reader says nothing of other readers.
    #[error(
        "the pilot has one reader, so that the variance of readers between modalities (MS_TR) has no estimate; generalise to \
         cases alone (--generalise cases, in a plan generalise = \"cases\"), or take a pilot of two readers or more"
    )]
    PilotOfOneReader,
    /// Arms with other cases, for a figure that is compared on the same ones.
    #[error(
        "each arm has cases of its own (cases nested in the arms); such arms are compared for designs roc and aided alone, by \
         areas without covariance between the arms"
    )]
    Nested,
    /// Free response, with too few cases that everybody read.
    #[error(transparent)]
    FreeResponseCases(#[from] TooFewCases),
    /// There is nothing to compare.
    #[error("a comparison needs at least 2 modalities, not {found}")]
    TooFewModalities {
        /// How many there are.
        found: usize,
    },
    /// The reference of a test of noninferiority is none of the modalities.
    #[error("there is no modality `{reference}` to hold the others against; there are {}", modalities.join(", "))]
    NoReference {
        /// What was given.
        reference: String,
        /// Those that are there.
        modalities: Vec<String>,
    },
    /// Too little data for the statistic.
    #[error("{what}: {found} where at least {needed} are needed")]
    TooFew {
        /// Of what there is too little.
        what: &'static str,
        /// The least that is needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// Two lists that belong together differ in length.
    #[error("{what} has {found} values where {expected} are needed")]
    Size {
        /// What is too short or too long.
        what: &'static str,
        /// How many values it should have.
        expected: usize,
        /// How many it has.
        found: usize,
    },
    /// A parameter or a value that cannot be.
    #[error("{name} cannot be {value}; {expected}")]
    Value {
        /// Which one.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The covariance method does not suit the figure of merit.
    #[error(
        "DeLong's covariances are those of the area under the ROC curve, not of {figure}; use the jackknife or the bootstrap"
    )]
    DeLongOfOther {
        /// The figure of merit.
        figure: String,
    },
    /// A rating is not on the declared scale.
    #[error("rating {position} is not a step of the declared scale")]
    OffScale {
        /// Which rating, from 0.
        position: usize,
    },
    /// Some were never beaten by, or never beat, the rest, so that their strengths have no finite estimate.
    #[error(
        "the strengths have no finite estimate: the comparisons must link every image to every other both by wins and by losses"
    )]
    NotLinked,
    /// An iteration did not settle.
    #[error("{what} did not settle after {iterations} steps")]
    NoConvergence {
        /// What was sought.
        what: &'static str,
        /// How many steps were made.
        iterations: usize,
    },
}

impl AnalysisError {
    /// `Ok` when two lists that belong together have the same length.
    pub(super) fn same_length(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if expected == found { Ok(()) } else { Err(Self::Size { what, expected, found }) }
    }

    /// `Ok` when there are at least `needed`.
    pub(super) fn at_least(what: &'static str, needed: usize, found: usize) -> Result<(), Self> {
        if found >= needed { Ok(()) } else { Err(Self::TooFew { what, needed, found }) }
    }

    /// `Ok` when `value` lies strictly between 0 and 1.
    pub(super) fn inside_unit(name: &'static str, value: f64) -> Result<(), Self> {
        if value > 0.0 && value < 1.0 {
            Ok(())
        } else {
            Err(Self::Value { name, value, expected: "it lies between 0 and 1" })
        }
    }

    /// `Ok` when every value is a finite number.
    pub(super) fn all_finite(name: &'static str, values: &[f64]) -> Result<(), Self> {
        values
            .iter()
            .find(|v| !v.is_finite())
            .map_or(Ok(()), |v| Err(Self::Value { name, value: *v, expected: "it is a finite number" }))
    }
}
