//! Reader studies: how well people read images, and whether one kind of image is read as well as another.
//!
//! - [`analysis`]: from a table of ratings to figures of merit, tests, intervals and sample sizes

pub mod analysis;
