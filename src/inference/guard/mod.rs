//! Whether an input is like what the model was trained on.
//!
//! - [`Verdict`]: what was found
//! - `check`: an input held against the manifest's `[guard]`
//! - `reference`: the files that the manifest names, read and checked
//! - [`histogram`]: intensity histograms and their distance
//! - `embedding`: the distance of a network's features

mod check;
mod embedding;
pub mod histogram;
mod reference;
mod verdict;

pub(crate) use check::{FEATURES, check, check_features};
pub(crate) use reference::{HistogramFile, Quantiles, verify};
pub use verdict::{GuardCheck, Verdict};
