//! Why a study cannot be checked for leaks.

use crate::reader_study::analysis::AnalysisError;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LeakError {
    /// The voxels do not fill the grid.
    #[error("{voxels} voxels do not fill a grid of {dims:?} [nx, ny, nz]")]
    Size {
        /// How many voxels there are.
        voxels: usize,
        /// The grid `[nx, ny, nz]`.
        dims: [usize; 3],
    },
    /// Every voxel is NaN or infinite.
    #[error("the image has no voxel that is a finite number")]
    NoFiniteVoxel,
    /// Two lists that belong together differ in length.
    #[error("{what}: {found} where {expected} are needed, one an image")]
    Length {
        /// Of what.
        what: String,
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A trait is NaN or infinite.
    #[error("{name} of image {image} is {found}, which is not a number that counts; leave it out as unknown")]
    NotFinite {
        /// Which trait.
        name: String,
        /// Which image, from 0.
        image: usize,
        /// What it is.
        found: f64,
    },
    /// An arm has too few images or patients.
    #[error("arm {arm} has {found} {what} where at least {needed} are needed")]
    TooFew {
        /// Which arm.
        arm: &'static str,
        /// Of what.
        what: &'static str,
        /// The least that is needed.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// An option that cannot be.
    #[error("{name} cannot be {value}; {expected}")]
    Option {
        /// Which one.
        name: &'static str,
        /// What was given.
        value: f64,
        /// What it may be.
        expected: &'static str,
    },
    /// The classifier did not settle.
    #[error("the classifier did not settle after {iterations} steps")]
    NoConvergence {
        /// How many steps were made.
        iterations: usize,
    },
    /// A statistic cannot be had.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
}
