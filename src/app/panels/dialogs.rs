//! Help, settings, messages, attributes.

use eframe::egui;

use crate::app::action::Action;
use crate::app::state::Model;
use crate::app::ui_kit::toast::Messages;

/// Draws the one that is open.
pub(crate) fn show(_ctx: &egui::Context, _model: &mut Model, _messages: &mut Messages, _queue: &mut Vec<Action>) {}
