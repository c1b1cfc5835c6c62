//! Why a metric has no number for this input.

/// The reason that stands in place of a number. No metric returns NaN or infinity.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Undefined {
    /// There is nothing to measure: no voxel of this slice, label or tissue, or no sample.
    #[error("no voxels to measure")]
    Nothing,
    /// The images are equal, so that the ratio to their error is infinite.
    #[error("the images are equal, so the ratio is infinite")]
    Identical,
    /// The reference is zero everywhere, and the metric divides by its power.
    #[error("the reference is zero everywhere")]
    ZeroReference,
    /// There is no error at all, and the metric is relative to it.
    #[error("there is no error to compare with")]
    NoError,
    /// One input has the same value everywhere, and the metric divides by its spread.
    #[error("one of the inputs is constant")]
    Constant,
    /// The image is smaller than the metric's windows.
    #[error("the image is too small: {size:?} voxels [nx, ny, nz], the least is {least} along every axis in use")]
    TooSmall {
        /// Size `[nx, ny, nz]`.
        size: [usize; 3],
        /// Least number of voxels along each axis in use.
        least: usize,
    },
    /// A NaN or an infinity outside the mask lies under a window that is centred inside it.
    #[error("a window reaches voxels outside the mask that are not finite")]
    NotFinite,
    /// Neither the reference nor the test has this structure.
    #[error("absent in both the reference and the test")]
    AbsentInBoth,
    /// The reference lacks this structure.
    #[error("absent in the reference")]
    AbsentInReference,
    /// The test lacks this structure.
    #[error("absent in the test")]
    AbsentInTest,
    /// All samples are positive, or all are negative.
    #[error("the truth has one class only")]
    OneClass,
    /// The calibration sample is too small for the wished coverage.
    #[error("{samples} calibration samples are too few for a coverage of {coverage}")]
    TooFewSamples {
        /// How many there are.
        samples: usize,
        /// The wished coverage, 0 to 1.
        coverage: f64,
    },
}
