//! What drags, wheel and clicks do in a viewport.

use eframe::egui::{self, Align2, CursorIcon, Event, MouseWheelUnit, PointerButton, Pos2, Ui, Vec2, vec2};

use super::{Canvas, Spot};
use crate::app::action::Tool;
use crate::app::ui_kit::{halo, theme::over_image};
use crate::display::{Voi, VoiFunction, Window};

/// Slices that the wheel moved and Ctrl + wheel's magnification, since the last frame.
pub(super) struct Wheel {
    pub slices: i64,
    pub zoom: f64,
}

/// Reads the wheel while the pointer is over the viewport. Wheel: slices; Shift: five; Ctrl: magnification.
pub(super) fn wheel(ui: &Ui, canvas: &Canvas<'_>, spot: &Spot) -> Wheel {
    let speed = canvas.model.settings.preferences.zoom_speed;
    let mut wheel = Wheel { slices: 0, zoom: 1.0 };
    if !spot.response.contains_pointer() {
        return wheel;
    }
    let rest_id = spot.response.id.with("wheel");
    let mut rest: f32 = ui.data(|d| d.get_temp(rest_id)).unwrap_or(0.0);
    ui.input(|input| {
        for event in &input.events {
            let Event::MouseWheel { unit, delta, modifiers, .. } = event else { continue };
            // Shift turns the wheel sideways on some systems.
            let along = if delta.y.abs() >= delta.x.abs() { delta.y } else { delta.x };
            let lines = match unit {
                MouseWheelUnit::Line => along,
                MouseWheelUnit::Point => along / 40.0,
                MouseWheelUnit::Page => along * 10.0,
            };
            if modifiers.command || modifiers.ctrl {
                if !canvas.model.may(Tool::Zoom) {
                    continue;
                }
                wheel.zoom *= 1.15_f64.powf(f64::from(lines * speed));
            } else {
                rest -= lines * if modifiers.shift { 5.0 } else { 1.0 };
            }
        }
    });
    if !canvas.model.may(Tool::Scroll) {
        rest = 0.0;
    }
    let whole = rest.trunc();
    wheel.slices = whole as i64;
    ui.data_mut(|d| d.insert_temp(rest_id, rest - whole));
    wheel
}

/// Which tool the buttons that are down stand for, and how far the pointer went, points.
pub(super) fn drag(ui: &Ui, canvas: &Canvas<'_>, spot: &Spot) -> Option<(Tool, Vec2)> {
    any_drag(ui, canvas, spot).filter(|(tool, _)| canvas.model.may(*tool))
}

fn any_drag(ui: &Ui, canvas: &Canvas<'_>, spot: &Spot) -> Option<(Tool, Vec2)> {
    let response = &spot.response;
    let tool = |button| match button {
        PointerButton::Middle => Some(Tool::Pan),
        PointerButton::Secondary => Some(Tool::Zoom),
        PointerButton::Primary => Some(canvas.model.tool),
        _ => None,
    };
    for button in [PointerButton::Middle, PointerButton::Secondary, PointerButton::Primary] {
        if response.dragged_by(button) {
            // The way before it was known to be a drag counts too.
            let start = response.interact_pointer_pos().zip(ui.input(|i| i.pointer.press_origin()));
            let delta = match start {
                Some((now, origin)) if response.drag_started_by(button) => now - origin,
                _ => response.drag_delta(),
            };
            return Some((tool(button)?, delta));
        }
        if response.drag_stopped_by(button) {
            let delta = ui.input(|i| i.pointer.delta());
            return if delta == Vec2::ZERO { None } else { Some((tool(button)?, delta)) };
        }
    }
    let (button, delta, _) = hidden_drag(ui, spot)?;
    Some((tool(button)?, delta))
}

/// A drag that began and ended between two frames: its button, its way, where it ended.
pub(super) fn hidden_drag(ui: &Ui, spot: &Spot) -> Option<(PointerButton, Vec2, Pos2)> {
    const LEAST: f32 = 6.0;
    let (button, from, to) = ui.input(|i| {
        let mut began = None;
        for event in &i.events {
            if let Event::PointerButton { pos, button, pressed, .. } = event {
                match began {
                    None if *pressed => began = Some((*button, *pos)),
                    Some((down, from)) if !*pressed && down == *button && from.distance(*pos) >= LEAST => {
                        return Some((down, from, *pos));
                    }
                    _ => began = None,
                }
            }
        }
        None
    })?;
    let here = spot.rect.contains(from) && ui.ctx().layer_id_at(from) == Some(ui.layer_id());
    here.then_some((button, to - from, to))
}

/// The pointer that shows a tool.
pub(super) fn cursor(tool: Tool, dragging: bool) -> CursorIcon {
    match tool {
        Tool::Window => CursorIcon::AllScroll,
        Tool::Pan if dragging => CursorIcon::Grabbing,
        Tool::Pan => CursorIcon::Grab,
        Tool::Zoom => CursorIcon::ZoomIn,
        Tool::Scroll => CursorIcon::ResizeVertical,
        Tool::Crosshair | Tool::Length | Tool::Angle | Tool::Ellipse | Tool::Rectangle => CursorIcon::Crosshair,
    }
}

/// Changes the window by a drag and says the new one.
pub(super) fn change_window(canvas: &mut Canvas<'_>, spot: &Spot, delta: Vec2) -> Option<String> {
    let brightens = canvas.model.settings.preferences.drag_down_brightens;
    let id = canvas.model.panes.get(spot.index)?.series?;
    let stage = canvas.model.stages.get_mut(&id)?;
    let mut window = match &stage.base.voi {
        Voi::Window(w) => *w,
        Voi::Lut(_) => stage.auto,
    };
    // A drag of 300 points doubles the width, whatever the unit.
    let floor = if window.function == VoiFunction::Linear { 1.0 } else { stage.auto.width.abs() * 1e-3 };
    let step = window.width.max(floor * 20.0) / 300.0;
    let width = (window.width + f64::from(delta.x) * step).max(floor.max(f64::MIN_POSITIVE));
    // A lower level makes the image brighter.
    let down = f64::from(delta.y) * step;
    let center = window.center + if brightens { -down } else { down };
    window = Window::with_function(center, width, window.function);
    stage.base.voi = Voi::Window(window);
    Some(format_window(&window))
}

/// A window as it stands in the corner and beside the cursor.
pub(crate) fn format_window(w: &Window) -> String {
    let digits = |x: f64| {
        if w.width >= 20.0 {
            format!("{x:.0}")
        } else if w.width >= 0.2 {
            format!("{x:.2}")
        } else {
            format!("{x:.2e}")
        }
    };
    format!("W {}  L {}", digits(w.width), digits(w.center))
}

/// The drag of the zoom tool as a factor: up magnifies.
pub(super) fn zoom_factor(canvas: &Canvas<'_>, delta: Vec2) -> f64 {
    (-f64::from(delta.y * canvas.model.settings.preferences.zoom_speed) * 0.008).exp()
}

/// How many slices a drag of the scroll tool moves: the whole stack over the height of the viewport, at most one a
/// quarter of a centimetre.
pub(super) fn drag_slices(ui: &Ui, spot: &Spot, delta: Vec2, count: usize) -> i64 {
    let id = spot.response.id.with("drag slices");
    let per_point = (count as f32 / spot.rect.height().max(1.0)).clamp(0.05, 1.0);
    let total = ui.data(|d| d.get_temp::<f32>(id)).unwrap_or(0.0) + delta.y * per_point;
    let whole = total.trunc();
    ui.data_mut(|d| d.insert_temp(id, total - whole));
    whole as i64
}

/// Shows a changing value beside the pointer.
pub(super) fn value_at_cursor(spot: &Spot, at: Option<Pos2>, text: &str) {
    let Some(at) = at else { return };
    let font = egui::FontId::new(13.0, crate::app::ui_kit::theme::bold_family());
    let left = at.x + 140.0 > spot.rect.right();
    let (offset, anchor) =
        if left { (vec2(-16.0, 18.0), Align2::RIGHT_TOP) } else { (vec2(16.0, 18.0), Align2::LEFT_TOP) };
    halo::text(&spot.painter, at + offset, anchor, text, font, over_image().text);
}
