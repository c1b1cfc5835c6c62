//! The table of keys, in which each can be changed. A key that is taken is never stolen silently.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    self, Align, Align2, Button, EventFilter, FontId, Key, KeyboardShortcut, Layout, Modifiers, RichText, ScrollArea,
    Sense, Ui, WidgetInfo, pos2, vec2,
};
use lucide_icons::Icon;

use super::help::key_caps;
use super::search_field::search_field;
use crate::app::keymap;
use crate::app::ui_kit::theme::{self, Tokens, tokens};
use crate::app::ui_kit::widgets;

/// An action and its key.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct KeyRow {
    /// What comes back in events.
    pub id: usize,
    /// The heading that it stands under.
    pub group: String,
    /// What the person calls it.
    pub name: String,
    /// Its key now.
    pub shortcut: Option<KeyboardShortcut>,
    /// Its key at first.
    pub default: Option<KeyboardShortcut>,
}

/// What the person changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum KeyEvent {
    /// The action `id` has this key from now on, or none.
    Set(usize, Option<KeyboardShortcut>),
    /// Every action has its first key again.
    ResetAll,
}

/// What the table remembers between frames.
#[derive(Debug, Clone, Default)]
pub(crate) struct KeyBindings {
    query: String,
    /// The action that waits for a key.
    listening: Option<usize>,
    /// A key that another action has: who wants it, the key, who has it.
    asking: Option<(usize, KeyboardShortcut, usize)>,
}

const ROW: f32 = 28.0;
const KEYS_WIDTH: f32 = 180.0;

/// Pairs of actions (their ids) that share a key.
#[must_use]
pub(crate) fn conflicts(rows: &[KeyRow]) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    for (i, a) in rows.iter().enumerate() {
        for b in rows.iter().skip(i + 1) {
            if a.shortcut.is_some() && a.shortcut == b.shortcut {
                pairs.push((a.id, b.id));
            }
        }
    }
    pairs
}

/// A shortcut as a settings file keeps it, the same on every system: `Ctrl+Shift+O`.
#[must_use]
pub(crate) fn to_text(shortcut: KeyboardShortcut) -> String {
    let m = shortcut.modifiers;
    let names = [(m.command || m.ctrl, "Ctrl+"), (m.alt, "Alt+"), (m.shift, "Shift+")];
    let held: String = names.into_iter().filter(|(on, _)| *on).map(|(_, name)| name).collect();
    format!("{held}{}", shortcut.logical_key.name())
}

/// The shortcut that [`to_text`] wrote; `None` for what is none.
#[must_use]
pub(crate) fn from_text(text: &str) -> Option<KeyboardShortcut> {
    let mut modifiers = Modifiers::NONE;
    let mut rest = text;
    for (name, modifier) in [("Ctrl+", Modifiers::COMMAND), ("Alt+", Modifiers::ALT), ("Shift+", Modifiers::SHIFT)] {
        if let Some(after) = rest.strip_prefix(name) {
            modifiers |= modifier;
            rest = after;
        }
    }
    Key::from_name(rest).map(|key| KeyboardShortcut::new(modifiers, key))
}

impl KeyBindings {
    /// Whether the next key belongs to this table: the window must not act on it.
    pub fn is_listening(&self) -> bool {
        self.listening.is_some()
    }

    /// Draws the table over all the room that is left; gives what the person changed, in order.
    pub fn ui(&mut self, ui: &mut Ui, rows: &[KeyRow]) -> Vec<KeyEvent> {
        let t = tokens(ui.ctx());
        let mut events = Vec::new();
        self.listen(ui, rows, &mut events);
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let usual = rows.iter().all(|r| r.shortcut == r.default);
                let button = ui.add_enabled(!usual, Button::new("Reset all keys"));
                widgets::named(&button, "Reset all keys", None);
                if button.on_hover_text("Every key as it was at first").clicked() {
                    events.push(KeyEvent::ResetAll);
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    search_field(ui, &mut self.query, "Search actions", "Part of an action or its key");
                });
            });
        });
        ui.add_space(t.space.xs);
        let pairs = conflicts(rows);
        let query = self.query.to_lowercase();
        let matches = |row: &&KeyRow| {
            let text = format!("{} {} {}", row.group, row.name, caps(ui.ctx(), row.shortcut)).to_lowercase();
            query.split_whitespace().all(|word| text.contains(word))
        };
        let shown: Vec<&KeyRow> = rows.iter().filter(matches).collect();
        if shown.is_empty() {
            widgets::quiet(ui, format!("No action with “{}”", self.query.trim()));
        }
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let mut group = "";
            for row in shown {
                if row.group != group {
                    group = &row.group;
                    ui.add_space(t.space.m);
                    ui.label(RichText::new(group).family(theme::bold_family()).color(t.text));
                    ui.add_space(t.space.xs);
                }
                let shared = pairs.iter().find_map(|(a, b)| match row.id {
                    id if id == *a => Some(*b),
                    id if id == *b => Some(*a),
                    _ => None,
                });
                let rival = shared.and_then(|id| rows.iter().find(|r| r.id == id));
                self.row(ui, row, rival, &mut events, t);
                if let Some((wants, key, has)) = self.asking
                    && wants == row.id
                    && let Some(holder) = rows.iter().find(|r| r.id == has)
                {
                    self.question(ui, row, key, holder, &mut events, t);
                }
            }
        });
        events
    }

    fn row(&mut self, ui: &mut Ui, row: &KeyRow, rival: Option<&KeyRow>, events: &mut Vec<KeyEvent>, t: &Tokens) {
        ui.push_id(row.id, |ui| {
            ui.allocate_ui_with_layout(vec2(ui.available_width(), ROW), Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = t.space.xs;
                let changed = row.shortcut != row.default;
                let reset = ui.add_enabled_ui(changed, |ui| {
                    let name = format!("Reset the key of {}", row.name);
                    widgets::icon_button(ui, Icon::RotateCcw, &name, false).clicked()
                });
                if reset.inner {
                    events.push(KeyEvent::Set(row.id, row.default));
                }
                let clear = ui.add_enabled_ui(row.shortcut.is_some(), |ui| {
                    widgets::icon_button(ui, Icon::X, &format!("No key for {}", row.name), false).clicked()
                });
                if clear.inner {
                    events.push(KeyEvent::Set(row.id, None));
                }
                self.key_cell(ui, row, t);
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    ui.add(egui::Label::new(RichText::new(&row.name).color(t.text)).truncate());
                    if let Some(rival) = rival {
                        let text = RichText::new(format!("also {}", rival.name)).size(t.size.small).color(t.error);
                        ui.label(widgets::icon(Icon::TriangleAlert).size(t.size.body).color(t.error));
                        ui.add(egui::Label::new(text).truncate()).on_hover_text("Two actions share this key");
                    }
                });
            });
        });
    }

    /// The key of an action; a click makes it wait for another.
    fn key_cell(&mut self, ui: &mut Ui, row: &KeyRow, t: &Tokens) {
        let (rect, response) = ui.allocate_exact_size(vec2(KEYS_WIDTH, ROW - 2.0), Sense::click());
        let listening = self.listening == Some(row.id);
        let keys = caps(ui.ctx(), row.shortcut);
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::Button, true, format!("Key of {}", row.name));
            info.current_text_value = Some(if keys.is_empty() { "none".into() } else { keys.clone() });
            info
        });
        let stroke = match (listening, response.hovered() || response.has_focus()) {
            (true, _) => egui::Stroke::new(1.0, t.accent),
            (_, true) => egui::Stroke::new(1.0, t.line),
            _ => egui::Stroke::NONE,
        };
        let radius = egui::CornerRadius::same(t.size.radius);
        ui.painter().rect_stroke(rect, radius, stroke, egui::StrokeKind::Inside);
        let left = pos2(rect.left() + t.space.s, rect.center().y);
        let font = FontId::proportional(t.size.small);
        if listening {
            ui.painter().text(left, Align2::LEFT_CENTER, "Press a key, Esc cancels", font, t.accent);
            let all = EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
            ui.memory_mut(|m| m.set_focus_lock_filter(response.id, all));
            if !response.has_focus() {
                self.listening = None;
            }
        } else if keys.is_empty() {
            ui.painter().text(left, Align2::LEFT_CENTER, "No key", font, t.quiet);
        } else {
            key_caps(ui, left, &keys, t);
        }
        if response.clicked() && !listening {
            self.listening = Some(row.id);
            self.asking = None;
            response.request_focus();
        }
        response.on_hover_text("Click, then press the new key");
    }

    /// Takes the key that the person pressed for the action that waits.
    fn listen(&mut self, ui: &Ui, rows: &[KeyRow], events: &mut Vec<KeyEvent>) {
        let Some(id) = self.listening else { return };
        let pressed = ui.input_mut(|i| {
            let at = i.events.iter().position(|e| matches!(e, egui::Event::Key { pressed: true, .. }))?;
            let egui::Event::Key { key, modifiers, .. } = i.events.remove(at) else { return None };
            // What the key would have typed belongs to it.
            i.events.retain(|e| !matches!(e, egui::Event::Text(_)));
            Some((key, modifiers))
        });
        let Some((key, modifiers)) = pressed else { return };
        self.listening = None;
        if key == Key::Escape && modifiers.is_none() {
            return;
        }
        let modifiers = Modifiers { alt: modifiers.alt, shift: modifiers.shift, ..Modifiers::NONE }
            | if modifiers.command { Modifiers::COMMAND } else { Modifiers::NONE };
        let shortcut = KeyboardShortcut::new(modifiers, key);
        match rows.iter().find(|r| r.id != id && r.shortcut == Some(shortcut)) {
            Some(holder) => self.asking = Some((id, shortcut, holder.id)),
            None => events.push(KeyEvent::Set(id, Some(shortcut))),
        }
    }

    /// Whether a key that is taken shall change its action.
    fn question(
        &mut self,
        ui: &mut Ui,
        row: &KeyRow,
        key: KeyboardShortcut,
        holder: &KeyRow,
        events: &mut Vec<KeyEvent>,
        t: &Tokens,
    ) {
        ui.allocate_ui_with_layout(vec2(ui.available_width(), ROW), Layout::right_to_left(Align::Center), |ui| {
            let keep = ui.button("Keep").on_hover_text("Nothing changes").clicked();
            let take = ui.button("Take it").on_hover_text(format!("{} has no key then", holder.name)).clicked();
            let text = format!("{} belongs to {}", keymap::words(ui.ctx(), &key), holder.name);
            ui.label(RichText::new(text).size(t.size.small).color(t.error));
            if take {
                events.push(KeyEvent::Set(holder.id, None));
                events.push(KeyEvent::Set(row.id, Some(key)));
            }
            if take || keep {
                self.asking = None;
            }
        });
    }
}

fn caps(ctx: &egui::Context, shortcut: Option<KeyboardShortcut>) -> String {
    shortcut.map(|s| keymap::words(ctx, &s)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use eframe::egui::Theme;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::app::test_window::{harness, picture};

    fn key(modifiers: Modifiers, key: Key) -> Option<KeyboardShortcut> {
        Some(KeyboardShortcut::new(modifiers, key))
    }

    fn rows() -> Vec<KeyRow> {
        [
            ("Tools", "Window", key(Modifiers::NONE, Key::W)),
            ("Tools", "Pan", key(Modifiers::NONE, Key::T)),
            ("Tools", "Crosshair", key(Modifiers::NONE, Key::H)),
            ("View", "Invert", key(Modifiers::NONE, Key::I)),
            ("View", "Crosshair lines", key(Modifiers::SHIFT, Key::H)),
            ("View", "Try the demo", None),
            ("Program", "All commands", key(Modifiers::COMMAND, Key::P)),
            ("Program", "Open folder", key(Modifiers::COMMAND | Modifiers::SHIFT, Key::O)),
        ]
        .into_iter()
        .enumerate()
        .map(|(id, (group, name, default))| KeyRow {
            id,
            group: group.into(),
            name: name.into(),
            shortcut: default,
            default,
        })
        .collect()
    }

    struct Shown {
        table: KeyBindings,
        rows: Vec<KeyRow>,
    }

    fn shown(theme: Theme) -> Harness<'static, Shown> {
        let state = Shown { table: KeyBindings::default(), rows: rows() };
        harness(vec2(560.0, 420.0), theme, state, |ui, s| {
            for event in s.table.ui(ui, &s.rows) {
                match event {
                    KeyEvent::Set(id, shortcut) => s.rows[id].shortcut = shortcut,
                    KeyEvent::ResetAll => s.rows.iter_mut().for_each(|r| r.shortcut = r.default),
                }
            }
        })
    }

    #[test]
    fn every_key_survives_a_settings_file() {
        let all = [
            Modifiers::NONE,
            Modifiers::SHIFT,
            Modifiers::COMMAND,
            Modifiers::COMMAND | Modifiers::ALT | Modifiers::SHIFT,
        ];
        for modifiers in all {
            for key in Key::ALL {
                let shortcut = KeyboardShortcut::new(modifiers, *key);
                assert_eq!(from_text(&to_text(shortcut)), Some(shortcut), "{}", to_text(shortcut));
            }
        }
        assert_eq!(from_text("Ctrl+"), None);
        assert_eq!(from_text("nonsense"), None);
    }

    #[test]
    fn a_click_and_a_key_bind_it() {
        let mut h = shown(Theme::Dark);
        h.run();
        h.get_by_label("Key of Try the demo").click();
        h.run();
        assert!(h.state().table.is_listening());
        h.key_press_modifiers(Modifiers::COMMAND, Key::D);
        h.run();
        assert_eq!(h.state().rows[5].shortcut, key(Modifiers::COMMAND, Key::D));
        assert!(!h.state().table.is_listening());
        h.get_by_label("Reset the key of Try the demo").click();
        h.run();
        assert_eq!(h.state().rows[5].shortcut, None);
    }

    #[test]
    fn a_key_that_is_taken_is_asked_for() {
        let mut h = shown(Theme::Dark);
        h.run();
        h.get_by_label("Key of Pan").click();
        h.run();
        picture(&mut h, "keys_listening");
        h.key_press(Key::I);
        h.run();
        assert_eq!(h.state().rows[1].shortcut, key(Modifiers::NONE, Key::T), "nothing before the answer");
        picture(&mut h, "keys_question");
        h.get_by_label("Take it").click();
        h.run();
        assert_eq!(h.state().rows[1].shortcut, key(Modifiers::NONE, Key::I));
        assert_eq!(h.state().rows[3].shortcut, None);
    }

    #[test]
    fn escape_and_tab_do_not_leak_out_while_it_listens() {
        let mut h = shown(Theme::Dark);
        h.run();
        h.get_by_label("Key of Pan").click();
        h.run();
        h.key_press(Key::Escape);
        h.run();
        assert!(!h.state().table.is_listening());
        assert_eq!(h.state().rows, rows());
        h.get_by_label("Key of Pan").click();
        h.run();
        h.key_press(Key::Tab);
        h.run();
        assert_eq!(h.state().rows[1].shortcut, key(Modifiers::NONE, Key::Tab));
    }

    #[test]
    fn shared_keys_are_shown() {
        let mut h = shown(Theme::Light);
        h.state_mut().rows[1].shortcut = key(Modifiers::NONE, Key::W);
        assert_eq!(conflicts(&h.state().rows), [(0, 1)]);
        h.run();
        h.get_by_label("also Window");
        h.get_by_label("also Pan");
        picture(&mut h, "keys_conflict");
    }
}
