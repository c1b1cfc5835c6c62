//! How stored numbers become what a person sees: the grey pipeline, windows, colour maps, orientation.
//!
//! - [`window`]: [`Window`] and the three VOI functions of PS3.3 C.11.2.1
//! - [`grey`]: [`Grey`], the whole pipeline from stored value to grey level
//! - [`presets`]: the CT windows on the digit keys
//! - [`colormap`]: colour maps by name
//! - [`slices`]: which slices a view scrolls through
//! - [`orientation`]: the standard views and the letters at the edges

pub mod colormap;
pub mod grey;
pub mod orientation;
pub mod presets;
pub mod slices;
pub mod window;

pub use colormap::ColorMap;
pub use grey::{Grey, Voi, VoiLut};
pub use orientation::{View, edge_letters, letters};
pub use slices::Slices;
pub use window::{VoiFunction, Window};
