//! `evaluate` from a plan to its report, on tiny images that are really measured.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

mod files;
mod imaging;
mod numbers;
mod plans;
mod real_model;
mod report;
mod resume;
mod tiny;
mod whole;
