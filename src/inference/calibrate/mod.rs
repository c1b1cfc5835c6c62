//! Calibration of a model on labelled cases: what its certainty is worth, written into its manifest.
//!
//! - [`calibrate`]: the whole work, for `veritome calibrate` and the window
//! - `cases`: where the labelled cases lie
//! - [`fit_temperature`], [`expected_calibration_error`]: classes
//! - [`conformal_quantile`], [`case_score`], [`voxel_coverage`]: intervals of grey values
//! - `guard_statistics`, `writing`: what goes into the manifest and how

pub(in crate::inference) mod cases;
mod conformal;
mod guard_statistics;
mod samples;
mod temperature;
mod work;
mod writing;

pub use cases::Case;
pub use conformal::{CASE_PERCENTILE, TooFewCases, case_score, cases_needed, conformal_quantile, voxel_coverage};
pub use samples::Samples;
pub use temperature::{RANGE, expected_calibration_error, fit_temperature, negative_log_likelihood};
pub use work::{
    Calibrated, CalibrationError, CalibrationOptions, GuardFound, IntervalFound, TemperatureFound, calibrate,
};
