//! NRRD, versions 1 to 5: attached and detached headers, raw, gzip and text encodings.
//!
//! - [`header`]: fields and key/value pairs, as text
//! - [`axes`]: which axes are space, colour, components or time
//! - [`space`]: where the voxels lie
//! - [`data`]: where the numbers are
//! - [`reading`]: from a file to a study
//! - [`segments`]: the label table of 3D Slicer's `.seg.nrrd`
//!
//! Field names and their meaning from the format's definition, `teem.sourceforge.net/nrrd/format.html`.

pub mod axes;
pub mod data;
pub mod header;
pub mod reading;
pub mod segments;
pub mod space;

pub use header::Header;
pub use reading::open;
