//! Files other than DICOM: what a file is, and the parts that its readers share.
//!
//! - [`detect`]: [`open_file`], [`open_bytes`]: which format a file has, by its content
//! - [`grid`]: [`GridFile`], an image behind one header whose numbers are read when they are asked for
//! - [`origin`], [`stream`], [`inflate`], [`ascii`]: the bytes, on the disk or in memory, raw, gzip or text
//! - [`samples`]: number types and their way into `Voxels`
//!
//! The readers themselves: [`super::nifti`], [`super::nrrd`], [`super::raster`].

pub mod ascii;
pub mod detect;
pub mod grid;
pub mod inflate;
pub mod origin;
pub mod samples;
pub mod stream;

pub use super::raster::{open_folder_as_stack, open_stack};
pub use detect::{open_bytes, open_file, open_memory};
pub use grid::{GridFile, TimeOrder};
pub use origin::{Beside, Bytes, Origin};
pub use samples::SampleType;
pub use stream::{DataFile, Packing};
