//! NIfTI-1, NIfTI-2 and Analyze 7.5: `.nii`, `.nii.gz`, `.hdr` with `.img`.
//!
//! - [`header`]: the fields, of either version and byte order
//! - [`affine`]: sform, qform or pixdim, and what to say when they disagree
//! - [`extension`]: header extensions; the mark of synthetic content
//! - [`reading`]: from a file to a study
//!
//! Numbers of fields from `nifti1.h` and `nifti2.h` (NIfTI Data Format Working Group).

pub mod affine;
pub mod extension;
pub mod header;
pub mod reading;

pub use header::{Header, is_header};
pub use reading::open;
