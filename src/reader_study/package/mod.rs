//! The package of a study: the one folder that readers get.
//!
//! ```text
//! study.json             what readers may know of the study
//! images/<blob>.nii      images without names; which is which is sealed
//! lists/<reader>-s<n>.json   what is read in which order
//! sealed/truth.age       plan and keys, encrypted for the study's owner
//! SHA256SUMS             what each of these files has to be
//! logs/<reader>-s<n>.jsonl   written while reading
//! logs/looks.txt         who looked at the truth before all sessions were closed
//! ```
//!
//! - [`create`]: a plan into a package; [`images`]: what is left of an image
//! - [`seal`]: the owner's key; [`checksums`]: whether the package is as it was made
//! - [`check`]: what could tell the arms apart
//! - [`opening`]: a package with its truth, for who has the key

pub mod check;
pub mod checksums;
pub mod creating;
pub mod errors;
pub mod images;
pub mod opening;
pub mod seal;

pub use check::{LeakCheck, leaks};
pub use creating::{Made, create};
pub use errors::PackageError;
pub use opening::{extra_files, not_as_sealed, sealed_truth, verify};
pub use seal::{OwnerKey, random_seed};
