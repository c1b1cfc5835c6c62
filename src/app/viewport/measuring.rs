//! Measurements in a slice: drawn, taken hold of, chosen.

use eframe::egui::{Align2, CursorIcon, FontId, PointerButton, Pos2, Shape, Stroke, Ui, pos2, vec2};

use super::{Spot, gestures};
use crate::app::measuring::{Grip, Held, Measured, Pending, corners, drag, handles, is_on_slice, kind};
use crate::app::state::Model;
use crate::app::ui_kit::halo;
use crate::app::ui_kit::theme::{bold_family, over_image};
use crate::render::scene::Plane;
use crate::volume::PatientPoint;
use crate::volume::measure::{Kind, Measurement, Reading};

/// How near the pointer has to be to a handle, points.
const NEAR: f32 = 9.0;
/// A drag that is shorter draws nothing, points.
const LEAST: f32 = 4.0;

/// What the person did; true where it was about a measurement, so that it does nothing else.
pub(super) fn answer(ui: &Ui, model: &mut Model, spot: &Spot) -> bool {
    let Some((stage, pane)) = model.stage_of(spot.index).zip(model.panes.get(spot.index)) else { return false };
    let Some(series) = pane.series else { return false };
    let plane = pane.plane(stage, spot.size);
    let axes = pane.axes(stage);
    let there = |at: Pos2| {
        let pixel = spot.pixel(at);
        plane.at(pixel.x, pixel.y)
    };
    let pointer = ui.input(|i| i.pointer.latest_pos());
    if let Some(taken) = finish_angle(ui, model, spot, pointer, there) {
        return taken;
    }
    let drawing = kind(model.tool).filter(|_| model.may(model.tool));
    if spot.response.drag_started_by(PointerButton::Primary)
        && let Some(origin) = ui.input(|i| i.pointer.press_origin())
        && let Some(held) = grip_at(model, spot, &plane, origin, drawing.is_some())
    {
        model.measuring.chosen = Some((series, held.id));
        model.measuring.held = Some(held);
    } else if let Some(kind) = drawing
        && let Some((from, to)) = new_drag(ui, spot)
    {
        let points =
            if kind == Kind::Angle { vec![there(from), there(to), there(to)] } else { vec![there(from), there(to)] };
        let what = Measurement { kind, points, right: axes.right, down: axes.down };
        if kind == Kind::Angle {
            model.measuring.pending = Some(Pending { series, pane: spot.index, what });
        } else if let Some(stage) = model.stages.get_mut(&series) {
            let id = stage.next_id();
            stage.measured.push(Measured { id, what });
            model.measuring.chosen = Some((series, id));
            // A drag goes on with the end that it draws.
            let goes_on = ui.input(|i| i.pointer.primary_down());
            model.measuring.held =
                goes_on.then_some(Held { series, id, grip: Grip::Point(if kind == Kind::Length { 1 } else { 2 }) });
        }
        return true;
    }
    let Some(mut held) = model.measuring.held.filter(|h| h.series == series) else {
        if spot.response.clicked()
            && let Some(at) = spot.response.interact_pointer_pos()
        {
            let found = grip_at(model, spot, &plane, at, true);
            let before = model.measuring.chosen;
            model.measuring.chosen = found.map(|held| (series, held.id));
            return found.is_some() || drawing.is_some() || before.is_some() && model.measuring.chosen.is_none();
        }
        return drawing.is_some() && spot.response.dragged_by(PointerButton::Primary);
    };
    if !spot.response.dragged_by(PointerButton::Primary) {
        if !ui.input(|i| i.pointer.primary_down()) {
            model.measuring.held = None;
        }
        return spot.response.drag_stopped();
    }
    if let (Some(at), Some(stage)) = (pointer, model.stages.get_mut(&series))
        && let Some(measured) = stage.measured.iter_mut().find(|m| m.id == held.id)
    {
        drag(&mut measured.what, &mut held.grip, there(at));
        model.measuring.held = Some(held);
    }
    true
}

/// The second arm of an angle follows the pointer until the next click.
fn finish_angle(
    ui: &Ui,
    model: &mut Model,
    spot: &Spot,
    pointer: Option<Pos2>,
    there: impl Fn(Pos2) -> PatientPoint,
) -> Option<bool> {
    let pending = model.measuring.pending.as_mut().filter(|p| p.pane == spot.index)?;
    let at = pointer.filter(|at| spot.rect.contains(*at))?;
    let drawn_first = spot.response.dragged_by(PointerButton::Primary);
    let moving = if drawn_first { 1 } else { 2 };
    for point in pending.what.points.iter_mut().skip(moving) {
        *point = there(at);
    }
    if spot.response.clicked() {
        let done = model.measuring.pending.take()?;
        if let Some(stage) = model.stages.get_mut(&done.series) {
            let id = stage.next_id();
            stage.measured.push(Measured { id, what: done.what });
            model.measuring.chosen = Some((done.series, id));
        }
    }
    ui.ctx().request_repaint();
    Some(true)
}

/// Where a drag that draws something began, and where the pointer is.
fn new_drag(ui: &Ui, spot: &Spot) -> Option<(Pos2, Pos2)> {
    if let Some((PointerButton::Primary, way, end)) = gestures::hidden_drag(ui, spot) {
        return (way.length() >= LEAST).then_some((end - way, end));
    }
    if !spot.response.drag_started_by(PointerButton::Primary) {
        return None;
    }
    let from = ui.input(|i| i.pointer.press_origin())?;
    Some((from, spot.response.interact_pointer_pos().unwrap_or(from)))
}

/// The part of a measurement on this slice that is under the pointer; `all`: also of those that are not chosen.
fn grip_at(model: &Model, spot: &Spot, plane: &Plane, at: Pos2, all: bool) -> Option<Held> {
    if !model.measurements_on {
        return None;
    }
    let (stage, pane) = model.stage_of(spot.index).zip(model.panes.get(spot.index))?;
    let series = pane.series?;
    let mine = stage.measured.iter().rev().filter(|m| is_on_slice(&m.what, pane, stage));
    mine.filter(|m| all || model.measuring.chosen == Some((series, m.id))).find_map(|m| {
        let near = |(point, _): &(PatientPoint, Grip)| screen(spot, plane, *point).distance(at) <= NEAR;
        handles(&m.what).into_iter().find(near).map(|(_, grip)| Held { series, id: m.id, grip })
    })
}

/// The pointer over what can be taken hold of.
pub(super) fn cursor(ui: &Ui, model: &Model, spot: &Spot, plane: &Plane) {
    let Some(at) = spot.response.hover_pos() else { return };
    if let Some(held) = grip_at(model, spot, plane, at, kind(model.tool).is_some()) {
        let icon = if matches!(held.grip, Grip::Whole(_)) { CursorIcon::Move } else { CursorIcon::PointingHand };
        ui.ctx().set_cursor_icon(icon);
    }
}

fn screen(spot: &Spot, plane: &Plane, point: PatientPoint) -> Pos2 {
    let (x, y, _) = plane.project(point);
    spot.screen(x, y)
}

/// Draws those that lie on this slice, and what each says.
pub(super) fn show(ui: &Ui, model: &mut Model, spot: &Spot, plane: &Plane) {
    if !model.measurements_on {
        return;
    }
    let Some(series) = model.panes.get(spot.index).and_then(|p| p.series) else { return };
    let Some((stage, pane)) = model.stages.get(&series).zip(model.panes.get(spot.index)) else { return };
    let all_handles = kind(model.tool).is_some();
    for measured in stage.measured.iter().filter(|m| is_on_slice(&m.what, pane, stage)) {
        let chosen = model.measuring.chosen == Some((series, measured.id));
        let reading = model.measuring.readings.get(ui.ctx(), series, measured.id, &measured.what, stage);
        outline(spot, plane, &measured.what, chosen, chosen || all_handles);
        let mut lines = vec![reading.as_ref().map_or_else(|| "…".to_owned(), Reading::headline)];
        // Of what is not chosen the first line is enough.
        lines.extend(reading.iter().filter(|_| chosen).flat_map(Reading::details));
        if pane.slab.thickness_mm > 0.0 && chosen && measured.what.region().is_some() {
            lines.push("of the middle plane, not of the slab".to_owned());
        }
        label(spot, plane, &measured.what, &lines);
    }
    if let Some(pending) = model.measuring.pending.as_ref().filter(|p| p.pane == spot.index && p.series == series) {
        let ruler = crate::volume::measure::Ruler::of(stage.base.content.space());
        outline(spot, plane, &pending.what, true, true);
        let text = pending.what.reading(None, &ruler).map(|r| r.headline()).unwrap_or_default();
        label(spot, plane, &pending.what, &[text]);
    }
}

fn outline(spot: &Spot, plane: &Plane, what: &Measurement, chosen: bool, with_handles: bool) {
    let points: Vec<Pos2> = corners(what).into_iter().map(|p| screen(spot, plane, p)).collect();
    let colors = over_image();
    let line = Stroke::new(if chosen { 2.0 } else { 1.5 }, colors.measure);
    let backed = |points: Vec<Pos2>| {
        let dark = Stroke::new(line.width + 2.0, eframe::egui::Color32::from_black_alpha(140));
        spot.painter.add(Shape::line(points.clone(), dark));
        spot.painter.add(Shape::line(points, line));
    };
    match (what.kind, points.as_slice()) {
        (Kind::Ellipse, [a, b, c, _]) => {
            let (center, right, down) = (a.lerp(*c, 0.5), (*b - *a) / 2.0, (*c - *b) / 2.0);
            let around = (0..=72).map(|n| {
                let angle = n as f32 * std::f32::consts::TAU / 72.0;
                center + right * angle.cos() + down * angle.sin()
            });
            backed(around.collect());
        }
        (Kind::Rectangle, [a, b, c, d]) => backed(vec![*a, *b, *c, *d, *a]),
        _ => backed(points.clone()),
    }
    if with_handles {
        for (point, grip) in handles(what) {
            let at = screen(spot, plane, point);
            let radius = if matches!(grip, Grip::Whole(_)) { 2.5 } else { 3.5 };
            spot.painter.circle_filled(at, radius + 1.0, eframe::egui::Color32::BLACK);
            spot.painter.circle_filled(at, radius, if chosen { colors.handle } else { colors.measure });
        }
    }
}

/// Beside the rightmost point, inside the viewport.
fn label(spot: &Spot, plane: &Plane, what: &Measurement, lines: &[String]) {
    let points: Vec<Pos2> = corners(what).into_iter().map(|p| screen(spot, plane, p)).collect();
    let Some(most) = points.iter().copied().max_by(|a, b| a.x.total_cmp(&b.x)) else { return };
    let at = match what.kind {
        Kind::Angle => points.get(1).copied().unwrap_or(most),
        Kind::Ellipse | Kind::Rectangle => {
            let middle = points.iter().map(|p| p.y).sum::<f32>() / points.len() as f32;
            pos2(most.x, middle - 7.0 * lines.len() as f32)
        }
        Kind::Length => most,
    };
    let height = 15.0 * lines.len() as f32;
    let room = spot.rect.shrink(6.0);
    let width = lines.iter().map(|l| l.chars().count()).max().unwrap_or(0) as f32 * 7.5 + 8.0;
    let left = at.x + width > room.right();
    let x = if left { points.iter().map(|p| p.x).fold(at.x, f32::min) - 8.0 } else { at.x + 8.0 };
    let y = at.y.clamp(room.top(), (room.bottom() - height).max(room.top()));
    let anchor = if left { Align2::RIGHT_TOP } else { Align2::LEFT_TOP };
    for (n, line) in lines.iter().enumerate() {
        let font = if n == 0 { FontId::new(13.0, bold_family()) } else { halo::overlay_font() };
        halo::text(&spot.painter, pos2(x, y) + vec2(0.0, 15.0 * n as f32), anchor, line, font, over_image().measure);
    }
}
