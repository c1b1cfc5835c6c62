//! Pictures: PNG, JPEG, TIFF, BMP. One picture, the pages of a TIFF, or a folder of pictures of one size. No place in
//! the patient is ever made up for them.
//!
//! - [`picture`]: one page: its size and type, its voxels
//! - [`tiff_page`]: the pages of a TIFF
//! - [`stack`]: pictures of one size as a series

pub mod picture;
pub mod stack;
pub mod tiff_page;

pub use stack::{open, open_folder_as_stack, open_stack};
