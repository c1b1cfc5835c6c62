//! What stands around the images.
//!
//! - `toolbar`, `status`: above and below
//! - `studies`: the series browser on the left
//! - `layers`, `look`: layers and the volume view's settings on the right
//! - `start`: what an empty window offers
//! - `transfer`: the transfer function as a curve
//! - `dialogs`: help, settings, messages; `tags`: attributes; `palette`: all commands

pub(crate) mod dialogs;
pub(crate) mod layers;
pub(crate) mod look;
pub(crate) mod palette;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod studies;
mod tags;
pub(crate) mod toolbar;
mod transfer;
