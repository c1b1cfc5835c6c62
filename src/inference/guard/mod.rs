//! Whether an input is like what the model was trained on.
//!
//! - [`Verdict`]: what was found
//! - [`look`]: the guard's word before the network runs
//! - `check`: an input held against the manifest's `[guard]`
//! - `reference`: the files that the manifest names, read and checked
//! - [`histogram`]: intensity histograms and their distance
//! - `embedding`: the distance of a network's features

mod check;
mod embedding;
pub mod histogram;
mod look;
mod reference;
mod verdict;

pub(crate) use check::{check, check_features};
pub(crate) use look::of_the_run;
pub use look::{Look, look};
pub(crate) use reference::{HistogramFile, Quantiles, verify};
pub use verdict::{GuardCheck, Likeness, Verdict};
