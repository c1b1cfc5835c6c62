//! Pictures by the shaders in `shaders/`.
//!
//! - [`device`]: adapters, what a device needs, errors
//! - [`renderer`]: [`Renderer`], scenes to [`Picture`]s
//! - [`picture`]: [`Picture`], a finished texture, and how it is read back
//! - `texture_store`: volumes as 3D textures in their stored precision, uploaded once
//! - `slice_pass`, `volume_pass`: the passes, one WGSL file each
//! - `ray_labels`: label layers in the volume passes
//! - `blocks`: what rays may step over
//! - `stamp_pass`: marks laid into a picture

pub(crate) mod blocks;
pub mod device;
pub mod picture;
pub(crate) mod ray_labels;
pub mod renderer;
pub(crate) mod slice_pass;
pub(crate) mod stamp_pass;
pub(crate) mod texture_store;
pub(crate) mod volume_pass;

pub use device::{RenderError, wanted_features, wanted_limits};
pub use picture::Picture;
pub use renderer::Renderer;

#[cfg(test)]
mod tests;
