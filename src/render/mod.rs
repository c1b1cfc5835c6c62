//! Pictures of volumes: the only code that knows wgpu.
//!
//! - [`scene`]: what is to be drawn: layers, planes, cameras, transfer functions
//! - [`transfer_presets`]: transfer functions to begin with
//! - [`output`]: finished pictures for the command line and exports, on whichever device there is
//! - [`gpu`]: pictures by the shaders in `shaders/`
//! - [`mod@reference`]: the same pictures on the CPU, to the formula; what the shaders are tested against, and what the
//!   headless commands use where there is no adapter
//! - [`badge`], [`fidelity`]: the SYNTHETIC badge and the marks of lowered quality
//! - [`annotate`], [`lettering`]: letters and corner text

pub mod annotate;
pub mod badge;
pub mod fidelity;
pub mod gpu;
pub mod lettering;
pub mod output;
pub(crate) mod plan;
pub mod reference;
pub mod scene;
pub mod transfer_presets;

#[cfg(test)]
pub(crate) mod fixtures;

pub use fidelity::Fidelity;
pub use output::{Device, Rendered, save_png, slice_picture, volume_picture};

#[cfg(test)]
mod badge_tests;
