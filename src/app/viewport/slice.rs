//! A viewport with a slice.

use eframe::egui::{Color32, Rect, Ui, pos2};
use glam::DVec2;

use super::{Canvas, Spot, annotate, crosshair, gestures, measuring};
use crate::app::action::Tool;
use crate::app::picture::Scene;
use crate::app::state::Probe;
use crate::render::scene::SliceScene;

/// Answers the person, then draws.
pub(super) fn show(ui: &mut Ui, canvas: &mut Canvas<'_>, spot: &Spot) {
    let said = answer(ui, canvas, spot);
    let Some((stage, pane)) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index)) else { return };
    let plane = pane.plane(stage, spot.size);
    let scene = SliceScene {
        plane,
        size: spot.size,
        slab: pane.slab,
        interpolation: canvas.model.settings.preferences.interpolation,
        layers: stage.layers(canvas.model.showing()),
        compare: stage.compare,
    };
    let known = canvas.model.fidelity(spot.index);
    let texture = canvas.pictures.show(ui.ctx(), spot.index, Scene::Slice(scene), known);
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    spot.painter.image(texture, spot.rect, uv, Color32::WHITE);

    if let Some(at) = spot.response.hover_pos() {
        let pixel = spot.pixel(at);
        if let Some(series) = pane.series {
            canvas.model.probe = Some(Probe { series, point: plane.at(pixel.x, pixel.y) });
        }
    }
    crosshair::draw(canvas.model, spot, &plane);
    measuring::show(ui, canvas.model, spot, &plane);
    measuring::cursor(ui, canvas.model, spot, &plane);
    if canvas.model.settings.preferences.show_text {
        annotate::slice(canvas.model, spot, &plane);
    }
    annotate::legends(canvas.model, spot);
    if let Some(said) = said {
        gestures::value_at_cursor(spot, ui.input(|i| i.pointer.latest_pos()), &said);
    }
}

/// What the person did here since the last frame. Gives the value that a drag changes, to be shown beside the pointer.
fn answer(ui: &mut Ui, canvas: &mut Canvas<'_>, spot: &Spot) -> Option<String> {
    let wheel = gestures::wheel(ui, canvas, spot);
    if wheel.slices != 0 {
        canvas.model.scroll(spot.index, wheel.slices);
    }
    let pointer = ui.input(|i| i.pointer.latest_pos());
    if wheel.zoom != 1.0
        && let Some(at) = pointer
    {
        zoom(canvas, spot, spot.pixel(at), wheel.zoom);
    }
    let shift = ui.input(|i| i.modifiers.shift);
    let dragging = gestures::drag(ui, canvas, spot);
    if spot.response.contains_pointer() || dragging.is_some() {
        let tool = dragging.map_or(if shift { Tool::Crosshair } else { canvas.model.tool }, |d| d.0);
        ui.ctx().set_cursor_icon(gestures::cursor(tool, dragging.is_some()));
    }
    if shift
        && canvas.model.may(Tool::Crosshair)
        && dragging.is_none()
        && spot.response.contains_pointer()
        && ui.input(|i| i.pointer.is_moving())
    {
        crosshair::place(canvas.model, spot, pointer?);
        return None;
    }
    if measuring::answer(ui, canvas.model, spot) {
        return None;
    }
    if canvas.model.tool == Tool::Crosshair && crosshair::answer(ui, canvas.model, spot) {
        return None;
    }
    let (tool, delta) = dragging?;
    // A drag that began and ended between two frames.
    if tool == Tool::Crosshair
        && let Some((_, _, end)) = gestures::hidden_drag(ui, spot)
    {
        crosshair::place(canvas.model, spot, end);
        return None;
    }
    match tool {
        Tool::Window => gestures::change_window(canvas, spot, delta),
        Tool::Pan => {
            let (stage, pane) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index))?;
            let mm = pane.fit_mm_per_pixel(stage, spot.size) / pane.scale * f64::from(spot.ppp);
            let by = DVec2::new(f64::from(delta.x), f64::from(delta.y)) * mm;
            canvas.model.panes.get_mut(spot.index)?.pan += by;
            None
        }
        Tool::Zoom => {
            let origin = ui.input(|i| i.pointer.press_origin())?;
            let factor = gestures::zoom_factor(canvas, delta);
            zoom(canvas, spot, spot.pixel(origin), factor);
            let (stage, pane) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index))?;
            Some(format!("{:.0} %", pane.zoom(stage, spot.size) * 100.0))
        }
        Tool::Scroll => {
            let (stage, pane) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index))?;
            let count = pane.slice_number(stage).count;
            let by = gestures::drag_slices(ui, spot, delta, count);
            if by != 0 {
                canvas.model.scroll(spot.index, by);
            }
            let (stage, pane) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index))?;
            let n = pane.slice_number(stage);
            Some(format!("{} / {}", n.index + 1, n.count))
        }
        Tool::Crosshair | Tool::Length | Tool::Angle | Tool::Ellipse | Tool::Rectangle => None,
    }
}

fn zoom(canvas: &mut Canvas<'_>, spot: &Spot, at: DVec2, factor: f64) {
    let Some(stage) =
        canvas.model.panes.get(spot.index).and_then(|p| p.series).and_then(|id| canvas.model.stages.get(&id))
    else {
        return;
    };
    if let Some(pane) = canvas.model.panes.get_mut(spot.index) {
        pane.zoom_about(stage, spot.size, at, factor);
    }
}
