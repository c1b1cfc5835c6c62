//! Pictures of volumes: the only code that knows wgpu.
//!
//! - [`scene`]: what is to be drawn: layers, planes, cameras, transfer functions
//! - [`reference`]: the same pictures on the CPU, to the formula; what the shaders are tested against, and what the
//!   headless commands use where there is no adapter
//! - [`gpu`]: the same pictures by the shaders in `shaders/`

pub mod badge;
pub mod fidelity;
#[cfg(test)]
pub(crate) mod fixtures;
pub mod gpu;
pub(crate) mod plan;
pub mod reference;
pub mod scene;
