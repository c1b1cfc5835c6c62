//! Models on images: the only code that knows ONNX Runtime.
//!
//! Interface that the faces build on (floor 3 calls nothing else):
//! - [`runtime`]: finds, installs and describes ONNX Runtime
//! - [`manifest`]: a model folder as a checked type
//! - [`engine`]: [`engine::run`]: inputs through a model, back onto the first input's own grid
//! - [`check`]: whether a model folder is what it says
//! - [`import`]: model folders out of MONAI bundles and nnU-Net exports
//! - [`diffusion`]: the mathematics of samplers
//! - [`audit`]: what a model kept of its training data
//! - [`calibrate`]: what its certainty is worth, from labelled cases
//! - [`report`]: what a run gave as files and as the JSON of `veritome run --json`
//! - [`InferenceError`]: why a model could not be run
//!
//! Inside, in the order of a run: `session` opens the network, `grid` finds the model's grid, `normalize` prepares the
//! values, `layout` makes tensors of them, `sink` brings the answer back, `components` cleans it, `faithful` asks a second
//! model about it.

pub mod audit;
mod autoencode;
pub mod batch;
pub mod calibrate;
pub mod check;
mod components;
mod core;
mod cutter;
mod denoise;
mod dense;
pub mod diffusion;
pub mod engine;
mod errors;
mod faithful;
mod fields;
mod grid;
pub mod guard;
pub mod import;
mod layout;
pub mod manifest;
mod networks;
mod normalize;
mod onnx;
mod onnx_edit;
mod onnx_graph;
mod onnx_limits;
mod outputs;
mod ports;
mod prepare;
pub(crate) mod probe;
pub(crate) mod probe_latent;
mod probe_led;
mod provider;
mod region;
pub mod report;
mod result;
pub mod runtime;
mod session;
mod sink;
mod slab;
mod uncertainty;
mod windows;

pub use errors::InferenceError;
