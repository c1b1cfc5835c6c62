//! Pictures on the CPU, to the formula: what the shaders are tested against, and what the headless commands use where
//! there is no adapter.
//!
//! # What a slice picture is
//! Every pixel starts black. Each visible layer, from the base up, is looked up at the pixel's place in the patient
//! ([`Plane::at`](super::scene::Plane::at), then the layer's own `patient -> voxel` map) and laid over:
//! `c = c + (layer - c) * opacity`.
//! - **Samples** are those of [`volume::resample`](crate::volume::resample): nearest, trilinear or tricubic between voxel
//!   centres, the border's value for half a voxel beyond them, nothing outside. Where the nearest voxel is padding there
//!   is nothing; the weights of other padding voxels are left out and the rest made up to one. A point within 1e-5 voxel
//!   below the border between two voxels is nearest to the upper one. NaN is nothing.
//! - **Slabs** take the mean, highest or lowest real value over [`Slab::offsets_mm`](super::scene::Slab::offsets_mm);
//!   samples that are nothing are left out, and if all are, the pixel has nothing of this layer.
//! - **Grey**: rescale, threshold (real values outside are not drawn), VOI, inversion, then the colour map, linear between
//!   its 256 colours at `level * 255`.
//! - **Colour voxels** are shown as they are: no window, inversion or colour map. Slabs work on each channel, the
//!   threshold on luma.
//! - **Labels** are always the nearest voxel on the plane itself, filled, or as an outline: the pixels whose label differs
//!   from that of one of the four neighbouring pixels. Labels that are not on show count as background.
//! - **A stack** ([`Space::Stack`](crate::volume::Space::Stack)) is drawn in its own coordinates, with layers on the same
//!   stack only, and never interpolated or slabbed between its pictures.
//! - **Checkerboard and swipe**: on its share of the pixels the second visible image takes the place and the opacity of the
//!   first. The upper left square and the left side belong to the first.
//! - **Contours** of grey images: the pixels at or above the value (or a hair below it, for rounding) of which one of the
//!   four neighbouring pixels is not, opaque, in the map's colour at that value made as bright as it goes; a threshold does not cut them.
//! - **Fading**: the opacity of a layer times 1 where the other volume is at or below the first value, 0 from the second
//!   on, linear between; slabs take its highest value; nothing of the layer where the other volume has nothing.
//! - The last step is `round(c * 255)`.
//!
//! # What a volume picture is
//! See [`raycast`].

mod adornment;
mod linear_row;
pub mod raycast;
pub(crate) mod sampler;
pub mod slice;

pub use raycast::render_volume;
pub use slice::render_slice;

#[cfg(test)]
mod tests;
