//! Why sets of images cannot be compared.

use crate::reader_study::analysis::AnalysisError;

/// Why there is no number for these sets.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SetError {
    /// Rows cannot be cut out of the values.
    #[error("{values} values do not make rows of {dimensions}")]
    Shape {
        /// How many values there are.
        values: usize,
        /// How long a row should be.
        dimensions: usize,
    },
    /// A value is NaN, infinite, or so large that its square is.
    #[error("feature {dimension} of image {image} is {found}, which is not a number that counts")]
    NotFinite {
        /// Which image, from 0.
        image: usize,
        /// Which feature, from 0.
        dimension: usize,
        /// What it is.
        found: f64,
    },
    /// Too few of something.
    #[error("{what}: {found} where at least {needed} are needed")]
    TooFew {
        /// Of what there is too little.
        what: &'static str,
        /// The least that is needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// The sets come from different feature extractors.
    #[error("one set has {first} features an image, the other {second}; both must come from the same extractor")]
    Dimensions {
        /// Of the first set.
        first: usize,
        /// Of the second set.
        second: usize,
    },
    /// Two lists that belong together differ in length.
    #[error("{what}: {found} where {expected} are needed")]
    Length {
        /// Of what.
        what: &'static str,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A place outside a set.
    #[error("there is no image {index} in a set of {images}")]
    OutOfRange {
        /// The place, from 0.
        index: usize,
        /// How many images there are.
        images: usize,
    },
    /// A patient stands on both sides of a split.
    #[error("patient {patient} is in the training set and in the hold-out set, so the hold-out set is not unseen")]
    PatientInBoth {
        /// Which patient.
        patient: String,
    },
    /// The singular values were not found.
    #[error("the singular values of the covariances' product did not settle")]
    NoConvergence,
    /// A statistic cannot be had.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
}

impl SetError {
    pub(super) fn at_least(what: &'static str, needed: usize, found: usize) -> Result<(), Self> {
        if found >= needed { Ok(()) } else { Err(Self::TooFew { what, needed, found }) }
    }

    pub(super) fn same_length(what: &'static str, expected: usize, found: usize) -> Result<(), Self> {
        if found == expected { Ok(()) } else { Err(Self::Length { what, expected, found }) }
    }
}
