//! Reader studies: how well people read images, and whether one kind of image is read as well as another.
//!
//! - [`design`]: the plan, its reading lists, and what of it readers may know
//! - [`package`]: the folder that readers get, with its truth sealed
//! - [`leaks`]: what could tell the arms of a study apart
//! - [`quiz`]: a study of which nothing is analysed, for teaching
//! - [`session`]: what a reader does, kept line by line, and what comes next
//! - [`outcome`]: from the logs of a study to its results
//! - [`study_analysis`]: from a package, its key and its logs to a folder with the report
//! - [`example`]: a small study with simulated readers
//! - [`analysis`]: from a table of ratings to figures of merit, tests, intervals and sample sizes

pub mod analysis;
pub mod design;
pub mod example;
pub mod leaks;
pub mod outcome;
pub mod package;
pub mod quiz;
pub mod session;
pub mod study_analysis;
