//! Keys on their way to actions and to dialogs.

use eframe::egui;

use super::Veritome;
use super::action::Action;
use super::keymap;

/// Keys that were pressed before the dialog that they are for could take them.
#[derive(Debug, Default)]
pub(super) struct Typed {
    events: Vec<egui::Event>,
    frames: u8,
}

impl Typed {
    /// Whether some are still held back.
    pub(super) fn waits(&self) -> bool {
        !self.events.is_empty()
    }

    /// A dialog has the keyboard in the second frame after this one.
    fn hold(&mut self, events: Vec<egui::Event>) {
        self.events.extend(events);
        self.frames = 2;
    }

    pub(super) fn pass(&mut self, input: &mut egui::RawInput) {
        if self.events.is_empty() {
            return;
        }
        if self.frames > 0 {
            self.frames -= 1;
            let (typed, other): (Vec<_>, Vec<_>) = input.events.drain(..).partition(is_typed);
            self.events.extend(typed);
            input.events = other;
        } else {
            input.events.splice(..0, self.events.drain(..));
        }
    }
}

fn is_typed(event: &egui::Event) -> bool {
    matches!(event, egui::Event::Key { .. } | egui::Event::Text(_))
}

impl Veritome {
    pub(super) fn keys(&mut self, ctx: &egui::Context) {
        if self.dialogs.is_listening() {
            return;
        }
        if ctx.text_edit_focused() {
            // A text field of a panel gives the keyboard back by itself; one in a dialog goes with the dialog.
            if self.model.dialog.is_some() && ctx.input_mut(|i| i.consume_key(egui::Modifiers::NONE, egui::Key::Escape))
            {
                self.queue.push(Action::Leave);
            }
            return;
        }
        // An open menu has the keys that lead through it and close it.
        let in_menu = egui::Popup::is_any_open(ctx);
        let focused = ctx.memory(egui::Memory::focused);
        let in_viewport = !in_menu && focused.is_none_or(|id| self.viewport_focus.contains(&id));
        let mut all: Vec<_> = Action::all().into_iter().filter_map(|a| Some((a, keymap::key(ctx, a)?))).collect();
        // Shift + key before the key alone, which would match too.
        all.sort_by_key(|(_, shortcut)| shortcut.modifiers.is_none());
        // In the order in which they were pressed. What follows a key that opens a dialog is for the dialog.
        let mut events = ctx.input_mut(|i| std::mem::take(&mut i.events)).into_iter();
        let mut left = Vec::new();
        while let Some(event) = events.next() {
            let action = match &event {
                egui::Event::Key { key, pressed: true, modifiers, .. } => all
                    .iter()
                    .filter(|(_, s)| in_viewport || !Action::needs_viewport_focus(*s))
                    .filter(|(_, s)| !in_menu || s.logical_key != egui::Key::Escape)
                    .find(|(_, s)| s.logical_key == *key && modifiers.matches_logically(s.modifiers)),
                _ => None,
            };
            let Some((action, _)) = action else {
                left.push(event);
                continue;
            };
            self.queue.push(*action);
            if action.opens_dialog() {
                let (typed, other): (Vec<_>, Vec<_>) = events.by_ref().partition(is_typed);
                left.extend(other);
                self.typed.hold(typed);
            }
        }
        ctx.input_mut(|i| i.events = left);
    }
}
