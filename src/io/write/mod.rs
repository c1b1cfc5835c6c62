//! Volumes and label maps into files, by the extension of the path.
//!
//! - [`mod@format`]: [`Format`], which one a path asks for
//! - [`inputs`]: what is read is not written over
//! - [`target`]: written beside, then renamed: a full disk leaves nothing half-written
//! - [`numbers`]: which numbers are written: integers stay integers
//! - [`gzip`]: one gzip stream, compressed on all cores
//! - [`nifti`], [`nrrd`], [`png`]: the formats themselves
//!
//! DICOM is written by `io::dicom`.

pub mod format;
pub mod gzip;
pub mod inputs;
pub mod nifti;
pub mod nrrd;
pub mod numbers;
pub mod png;
pub mod target;
pub mod writing;

pub use format::Format;
pub use writing::{WriteOptions, write, write_labelmap, write_with};
