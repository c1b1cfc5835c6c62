//! The image itself: where its voxels lie in the patient, what they hold, and where they came from.
//!
//! - [`geometry`]: [`Geometry`], typed points, the LPS convention
//! - [`voxels`]: [`Voxels`], the stored numbers in the type they came in
//! - [`graphics`]: overlay planes and shutters of the file, which lie over an image and change no voxel
//! - [`image`]: [`Volume`], voxels with geometry, unit, display hints and origin
//! - [`labelmap`]: [`Labelmap`], integer voxels with a table of labels
//! - [`origin`]: [`Provenance`], acquired or derived; what derives from synthetic is synthetic
//! - [`phantom`]: a synthetic head where no real one is at hand
//! - [`quantity`]: second readings of the values, with units of their own
//! - [`components`]: which voxels hang together
//! - [`measure`]: lengths, angles and regions on a slice
//! - [`resample`]: interpolation of a volume at a patient position and onto another grid
//! - [`slice_positions`]: the true places of slices that are not evenly spaced
//! - [`statistics`]: range, histogram and percentiles without padding

pub mod components;
pub mod geometry;
pub mod graphics;
pub mod image;
pub mod labelmap;
pub mod measure;
pub mod origin;
pub mod phantom;
pub mod quantity;
pub mod resample;
pub mod slice_positions;
pub mod statistics;
pub mod voxels;

pub use geometry::{Geometry, GeometryError, PatientPoint, VoxelPoint};
pub use graphics::{Graphics, Shutter};
pub use image::{DisplayHints, Space, Unit, Volume};
pub use labelmap::{Label, Labelmap};
pub use origin::{Derivation, OriginMark, Provenance, Review, ReviewState};
pub use quantity::Quantity;
pub use resample::Interpolation;
pub use slice_positions::SlicePositions;
pub use voxels::{Padding, Rescale, VoxelType, Voxels};
