//! What is checked of samples (voxels, lesions or cases) before they are judged.

use super::undefined::Undefined;

/// Why samples cannot be judged.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SampleError {
    /// Two arrays that belong together have different lengths.
    #[error("{expected} samples, but {found} {what}")]
    Length {
        /// Of what.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many there should be.
        expected: usize,
    },
    /// A value is NaN, or infinite where that has no meaning.
    #[error("the {what} of sample {index} is not a number that counts")]
    NotANumber {
        /// Of what.
        what: &'static str,
        /// Which sample, from 0.
        index: usize,
    },
    /// A probability is outside 0 to 1, or NaN.
    #[error("the probability of sample {index} is {found}")]
    NotAProbability {
        /// Which sample, from 0.
        index: usize,
        /// What it says.
        found: f32,
    },
    /// The samples are sound, but the metric has no number for them.
    #[error(transparent)]
    Undefined(#[from] Undefined),
}

/// Whether there are as many as there should be.
pub(super) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), SampleError> {
    if found == expected { Ok(()) } else { Err(SampleError::Length { what, found, expected }) }
}

/// Whether every value is finite.
pub(super) fn check_finite(what: &'static str, values: &[f32]) -> Result<(), SampleError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(SampleError::NotANumber { what, index }),
        None => Ok(()),
    }
}
