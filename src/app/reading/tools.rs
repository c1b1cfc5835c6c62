//! What a plan allows in the viewer, and the keys of it.

use eframe::egui::{self, Key, Modifiers};

use crate::app::action::{Action, Layout, Tool};
use crate::reader_study::design::Tool as Allowed;

/// The tools of the viewer that a plan's tools stand for. Scrolling is never forbidden where an image has slices: without it
/// there would be nothing to read.
pub(super) fn tools(allowed: &[Allowed]) -> Vec<Tool> {
    let mut tools = vec![Tool::Scroll];
    for (plan, tool) in [(Allowed::Window, Tool::Window), (Allowed::Pan, Tool::Pan), (Allowed::Zoom, Tool::Zoom)] {
        if allowed.contains(&plan) {
            tools.push(tool);
        }
    }
    if allowed.contains(&Allowed::Layout) {
        tools.push(Tool::Crosshair);
    }
    if allowed.contains(&Allowed::Measure) {
        tools.extend(Tool::MEASURES);
    }
    tools
}

/// What is done with the keyboard, and by the buttons of the bar; in their order there.
pub(super) fn actions(allowed: &[Allowed], single: bool) -> Vec<(Action, Key)> {
    let mut actions = Vec::new();
    let mut add = |is: bool, action, key| {
        if is {
            actions.push((action, key));
        }
    };
    let has = |tool| allowed.contains(&tool);
    add(has(Allowed::Window), Action::SetTool(Tool::Window), Key::W);
    add(has(Allowed::Pan), Action::SetTool(Tool::Pan), Key::T);
    add(has(Allowed::Zoom), Action::SetTool(Tool::Zoom), Key::Z);
    add(true, Action::SetTool(Tool::Scroll), Key::S);
    let measures = Tool::MEASURES.into_iter().zip([Key::D, Key::A, Key::E, Key::B]);
    for (tool, key) in measures {
        add(has(Allowed::Measure), Action::SetTool(tool), key);
    }
    add(has(Allowed::Measure), Action::DeleteMeasurement, Key::Delete);
    add(has(Allowed::Measure), Action::Undo, Key::U);
    add(has(Allowed::Invert), Action::Invert, Key::I);
    add(has(Allowed::Window), Action::HeaderWindow, Key::R);
    add(has(Allowed::Zoom) || has(Allowed::Pan), Action::Fit, Key::F);
    add(has(Allowed::Layout) && single, Action::SetLayout(Layout::FourUp), Key::L);
    actions
}

/// One sentence on what an action does here.
pub(super) fn hint(action: Action) -> &'static str {
    match action {
        Action::Undo => "Takes back what was measured last, or the last change of it; Ctrl+Z too",
        other => other.hint(),
    }
}

/// Slices by keys.
pub(super) fn slices(ctx: &egui::Context) -> Option<Action> {
    let pressed = |modifiers, key| ctx.input_mut(|i| i.consume_key(modifiers, key));
    let keys = [
        (Modifiers::SHIFT, Key::ArrowDown, Action::Slices(10)),
        (Modifiers::SHIFT, Key::ArrowUp, Action::Slices(-10)),
        (Modifiers::NONE, Key::ArrowDown, Action::Slices(1)),
        (Modifiers::NONE, Key::ArrowUp, Action::Slices(-1)),
        (Modifiers::NONE, Key::PageDown, Action::Slices(10)),
        (Modifiers::NONE, Key::PageUp, Action::Slices(-10)),
        (Modifiers::NONE, Key::Home, Action::FirstSlice),
        (Modifiers::NONE, Key::End, Action::LastSlice),
    ];
    keys.into_iter().find(|(modifiers, key, _)| pressed(*modifiers, *key)).map(|(.., action)| action)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn measuring_is_there_only_where_the_plan_allows_it() {
        let measures = |allowed: &[Allowed]| {
            let tools = tools(allowed).iter().filter(|t| Tool::MEASURES.contains(t)).count();
            let actions = actions(allowed, true);
            let keys = actions.iter().filter(|(a, _)| matches!(a, Action::SetTool(t) if Tool::MEASURES.contains(t)));
            (tools, keys.count(), actions.iter().any(|(a, _)| *a == Action::DeleteMeasurement))
        };
        assert_eq!(measures(&[Allowed::Window, Allowed::Zoom, Allowed::Pan]), (0, 0, false));
        assert_eq!(measures(&[Allowed::Window, Allowed::Measure]), (4, 4, true));
        let all = [Allowed::Window, Allowed::Pan, Allowed::Zoom, Allowed::Invert, Allowed::Layout, Allowed::Measure];
        let mut keys: Vec<Key> = actions(&all, true).into_iter().map(|(_, key)| key).collect();
        let count = keys.len();
        keys.sort_by_key(|k| k.name());
        keys.dedup();
        assert_eq!(keys.len(), count, "no two share a key");
    }
}
