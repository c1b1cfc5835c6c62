//! DICOM: files to series, series to volumes, volumes to files.
//!
//! The way in, one file a step:
//! - `source`: where an object's bytes are (a file, a ZIP member, a deflated data set)
//! - `header`, `parser`, `dataset`, `syntax`, `text`: bytes to a data set, up to Pixel Data
//! - `image_file`, `frame`, `pixel_format`, `lookup`, `overlays`, `shutters`, `real_world`, `uptake`, `objects`,
//!   `omissions`: a data set to checked types
//! - `assembly`, `separation`, `stacking`: frames to series with a geometry and warnings
//! - `pixels`: codecs and the way from stored bytes to voxels
//! - `graphics`: overlay planes and shutters of all slices, as labels on the series' grid
//! - `series_source`, `attributes`: what a series offers: volumes, previews, tags
//! - `directory`: the index of a medium
//!
//! And the way out: [`write_series`] and [`SeriesWriter`].

mod assembly;
mod attributes;
mod dataset;
mod directory;
mod frame;
mod graphics;
mod header;
mod image_file;
mod lookup;
mod objects;
mod omissions;
mod overlays;
mod parser;
mod pixel_format;
mod pixels;
mod real_world;
mod separation;
mod series_source;
mod shutters;
mod source;
mod stacking;
mod syntax;
mod text;
mod uptake;
mod writing;

pub(crate) use assembly::assemble;
pub(crate) use directory::listed_files;
pub(crate) use header::with_header;
pub(crate) use image_file::{Entry, entry_of};
pub(crate) use source::{INFLATED_LIMIT, Source};
pub use writing::{SeriesWriter, write_series};

/// Synthetic Data (0008,001C), newer than the dictionary.
pub(crate) const SYNTHETIC_DATA: dicom_core::Tag = dicom_core::Tag(0x0008, 0x001C);
