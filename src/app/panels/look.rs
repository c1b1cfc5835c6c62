//! How the volume view looks: projection, transfer function over the histogram, shading, clip box.

use eframe::egui::{self, Ui};

use crate::app::action::Action;
use crate::app::state::Model;

/// Draws it.
pub(crate) fn show(_ui: &mut Ui, _model: &mut Model, _queue: &mut Vec<Action>) {}
#[expect(dead_code, reason = "soon")]
fn _unused(_: &egui::Context) {}
