//! Which key does what, as the person set it.

use std::collections::BTreeMap;
use std::sync::Arc;

use eframe::egui::{self, Id, KeyboardShortcut};

use super::action::Action;
use super::panels::key_bindings::{KeyEvent, KeyRow, from_text, to_text};

/// Keys that differ from their defaults, by the name of the action; empty text for none.
pub(crate) type Changed = BTreeMap<String, String>;

/// Makes changed keys count everywhere: menus, tooltips, help and the keyboard.
pub(crate) fn install(ctx: &egui::Context, changed: &Changed) {
    ctx.data_mut(|d| d.insert_temp(place(), Arc::new(changed.clone())));
}

fn place() -> Id {
    Id::unique("changed keys")
}

/// The key of an action now.
pub(crate) fn key(ctx: &egui::Context, action: Action) -> Option<KeyboardShortcut> {
    let changed: Option<Arc<Changed>> = ctx.data(|d| d.get_temp(place()));
    match changed.as_ref().and_then(|c| c.get(&name(action))) {
        Some(text) => from_text(text),
        None => action.shortcut(),
    }
}

/// A key as a person reads it: `Ctrl+,` and `?` where egui says `Ctrl+Comma` and `Questionmark`.
pub(crate) fn words(ctx: &egui::Context, shortcut: &KeyboardShortcut) -> String {
    let text = ctx.format_shortcut(shortcut);
    let (name, symbol) = (shortcut.logical_key.name(), shortcut.logical_key.symbol_or_name());
    // `+` joins keys: the key itself keeps its name.
    match text.strip_suffix(name) {
        Some(front) if symbol.len() == 1 && symbol != "+" => format!("{front}{symbol}"),
        _ => text,
    }
}

/// Whether the key of an action is held down.
pub(crate) fn is_down(ctx: &egui::Context, action: Action) -> bool {
    key(ctx, action).is_some_and(|s| ctx.input(|i| i.key_down(s.logical_key)))
}

/// What a settings file calls an action.
fn name(action: Action) -> String {
    format!("{action:?}")
}

/// All actions as the table of keys shows them; their ids are their places in [`Action::all`]. One heading after another.
pub(crate) fn rows(ctx: &egui::Context) -> Vec<KeyRow> {
    let mut rows: Vec<KeyRow> = Vec::new();
    for (id, action) in Action::all().into_iter().enumerate() {
        let row = KeyRow {
            id,
            group: action.group().to_owned(),
            name: action.text().trim_end_matches('…').to_owned(),
            shortcut: key(ctx, action),
            default: action.shortcut(),
        };
        let after = rows.iter().rposition(|r| r.group == row.group).map_or(rows.len(), |i| i + 1);
        rows.insert(after, row);
    }
    rows
}

/// Takes over what the person changed in the table.
pub(crate) fn apply(changed: &mut Changed, event: KeyEvent) {
    match event {
        KeyEvent::ResetAll => changed.clear(),
        KeyEvent::Set(id, shortcut) => {
            let Some(action) = Action::all().get(id).copied() else { return };
            if shortcut == action.shortcut() {
                changed.remove(&name(action));
            } else {
                changed.insert(name(action), shortcut.map(to_text).unwrap_or_default());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{Key, Modifiers};

    use super::*;

    #[test]
    fn keys_are_written_as_they_stand_on_the_keyboard() {
        let ctx = egui::Context::default();
        let of = |modifiers, key| words(&ctx, &KeyboardShortcut::new(modifiers, key));
        assert_eq!(of(Modifiers::CTRL, Key::Comma), "Ctrl+,");
        assert_eq!(of(Modifiers::NONE, Key::Questionmark), "?");
        assert_eq!(of(Modifiers::CTRL, Key::Plus), "Ctrl+Plus");
        assert_eq!(of(Modifiers::SHIFT, Key::ArrowDown), "Shift+Down");
    }

    #[test]
    fn a_changed_key_counts_and_its_default_is_not_kept() {
        let ctx = egui::Context::default();
        let mut changed = Changed::new();
        let id = Action::all().iter().position(|a| *a == Action::Invert).unwrap();
        let new = KeyboardShortcut::new(Modifiers::COMMAND, Key::J);
        apply(&mut changed, KeyEvent::Set(id, Some(new)));
        install(&ctx, &changed);
        assert_eq!(key(&ctx, Action::Invert), Some(new));
        assert_eq!(key(&ctx, Action::Fit), Action::Fit.shortcut());
        assert_eq!(rows(&ctx).iter().find(|r| r.id == id).unwrap().shortcut, Some(new));
        apply(&mut changed, KeyEvent::Set(id, None));
        install(&ctx, &changed);
        assert_eq!(key(&ctx, Action::Invert), None);
        apply(&mut changed, KeyEvent::Set(id, Action::Invert.shortcut()));
        assert!(changed.is_empty());
    }
}
