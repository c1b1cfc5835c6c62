//! Models on images: the only code that knows ONNX Runtime.
//!
//! Interface that the faces build on (floor 3 calls nothing else):
//! - [`runtime`]: finds, installs and describes ONNX Runtime
//! - [`manifest`]: a model folder as a checked type
//! - [`engine`]: [`engine::run`]: inputs through a model, back onto the first input's own grid

pub mod engine;
mod errors;
pub mod manifest;
mod onnx;
mod session;
pub mod runtime;

pub use errors::InferenceError;
