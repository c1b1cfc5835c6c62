//! What stands around the images.
//!
//! - `toolbar`, `status`: above and below
//! - `studies`: the series browser on the left
//! - `layers`, `look`: layers and the volume view's settings on the right
//! - `start`: what an empty window offers
//! - `dialogs`: help, settings, messages, attributes; `palette`: all commands

pub(crate) mod dialogs;
pub(crate) mod layers;
pub(crate) mod look;
pub(crate) mod palette;
pub(crate) mod start;
pub(crate) mod status;
pub(crate) mod studies;
pub(crate) mod toolbar;
