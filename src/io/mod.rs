//! Files in, files out: the only code that knows file formats. Everything is LPS from here on.
//!
//! - [`study`]: what opening a path gives: [`Opened`], [`Study`], [`Series`]
//! - [`open`]: finds out what a path holds and reads its headers
//! - [`samples`]: a real head to try things on, and the phantom that stands in for it
//! - [`packages`], [`folders`]: how samples and libraries are fetched, and where they are kept
//! - [`errors`]: [`IoError`], which names the file, what was expected, what was found and what to do
//! - [`formats`]: [`nifti`], [`nrrd`] and [`raster`] files, told apart by their content
//! - [`measurements`]: lengths, angles and regions as a file
//! - [`mark`]: how a file that is not DICOM says that its content is synthetic
//!
//! ```no_run
//! use veritome::{io, jobs::Control};
//! let opened = io::open(std::path::Path::new("study"), &Control::new())?;
//! let series = &opened.studies[0].series[0];
//! let volume = series.load(0, &Control::new())?;
//! println!("{:?}", volume.geometry.spacing_mm());
//! # Ok::<(), veritome::io::IoError>(())
//! ```

mod archive;
pub mod convert;
pub mod dicom;
pub mod errors;
pub mod folders;
pub mod formats;
pub mod info;
pub mod labels;
pub mod mark;
pub mod measurements;
pub mod nifti;
pub mod npz;
pub mod nrrd;
mod opening;
pub mod packages;
pub mod raster;
pub mod samples;
pub mod study;
pub mod write;

pub use convert::{ConvertOptions, Converted, convert};
pub use errors::IoError;
pub use opening::{open, open_all};
pub use study::{Attribute, Opened, Patient, PixelSource, Series, SeriesKind, Skipped, Study};
