//! The crosshair: where the other planes of the frame of reference cut this one; handles that turn them; reference lines.

use eframe::egui::{Painter, PointerButton, Pos2, Stroke, Ui, Vec2};
use glam::{DQuat, DVec3};

use super::Spot;
use crate::app::pane::{Kind, Pane};
use crate::app::stage::Stage;
use crate::app::state::Model;
use crate::app::ui_kit::theme::over_image;
use crate::display::View;
use crate::render::scene::Plane;
use crate::volume::PatientPoint;

/// What a drag with the crosshair tool holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Grip {
    Center,
    /// The angle of the pointer about the centre in the last frame, radians.
    Turn(f32),
}

/// Puts the crosshair where the pointer is.
pub(super) fn place(model: &mut Model, spot: &Spot, at: Pos2) {
    let Some((stage, pane)) = model.stage_of(spot.index).zip(model.panes.get(spot.index)) else { return };
    let pixel = spot.pixel(at);
    let to = pane.plane(stage, spot.size).at(pixel.x, pixel.y);
    let inside = stage.geometry().contains(stage.geometry().to_voxel(to));
    if inside || !stage.base.content.space().is_patient() {
        model.move_point(spot.index, to);
    }
}

/// Clicks and drags with the crosshair tool; true where it took them.
pub(super) fn answer(ui: &Ui, model: &mut Model, spot: &Spot) -> bool {
    let response = &spot.response;
    let grip_id = response.id.with("crosshair grip");
    let Some(at) = response.interact_pointer_pos().or(response.hover_pos()) else { return false };
    let Some((stage, pane)) = model.stage_of(spot.index).zip(model.panes.get(spot.index)) else { return false };
    let plane = pane.plane(stage, spot.size);
    let (x, y, _) = plane.project(pane.point);
    let center = spot.screen(x, y);
    let angle = |p: Pos2| (p - center).angle();
    let before_id = response.id.with("before the click");
    if response.double_clicked() {
        // The first of the two clicks placed it; a double-click means something else.
        if let Some(Some(before)) = ui.data(|d| d.get_temp::<Option<PatientPoint>>(before_id)) {
            model.move_point(spot.index, before);
        }
        return true;
    }
    if response.clicked() {
        let before = Some(pane.point);
        ui.data_mut(|d| d.insert_temp(before_id, before));
        place(model, spot, at);
        return true;
    }
    if response.drag_started_by(PointerButton::Primary) {
        let origin = ui.input(|i| i.pointer.press_origin()).unwrap_or(at);
        let on_handle = handles(stage, pane, spot, &plane).iter().any(|h| h.distance(origin) < 12.0);
        let grip = if on_handle { Grip::Turn(angle(origin)) } else { Grip::Center };
        ui.data_mut(|d| d.insert_temp(grip_id, grip_code(grip)));
    }
    if !response.dragged_by(PointerButton::Primary) {
        return false;
    }
    match grip_of(ui.data(|d| d.get_temp(grip_id))) {
        Grip::Center => place(model, spot, at),
        Grip::Turn(before) => {
            let now = angle(at);
            let away = plane.normal();
            let turn = DQuat::from_axis_angle(away, f64::from(now - before)) * pane.turn;
            model.turn_planes(spot.index, turn.normalize());
            ui.data_mut(|d| d.insert_temp(grip_id, grip_code(Grip::Turn(now))));
        }
    }
    true
}

fn grip_code(grip: Grip) -> Option<f32> {
    match grip {
        Grip::Center => None,
        Grip::Turn(angle) => Some(angle),
    }
}

fn grip_of(code: Option<Option<f32>>) -> Grip {
    code.flatten().map_or(Grip::Center, Grip::Turn)
}

/// The directions, on the screen, of the two lines in which the other planes of the triad cut this one.
fn line_directions(stage: &Stage, pane: &Pane, plane: &Plane) -> Vec<Vec2> {
    let Kind::Slice(own) = pane.kind else { return Vec::new() };
    let normal = plane.normal();
    View::ALL
        .into_iter()
        .filter(|v| *v != own)
        .map(|v| {
            let other = pane.turn * stage.basis() * v.forward();
            screen_direction(plane, normal.cross(other))
        })
        .collect()
}

fn screen_direction(plane: &Plane, along: DVec3) -> Vec2 {
    let (x, y) = (along.dot(plane.right.normalize_or_zero()), along.dot(plane.down.normalize_or_zero()));
    Vec2::new(x as f32, y as f32).normalized()
}

/// Where the handles are: on each line, well away from the centre but inside the viewport.
fn handles(stage: &Stage, pane: &Pane, spot: &Spot, plane: &Plane) -> Vec<Pos2> {
    let (x, y, _) = plane.project(pane.point);
    let center = spot.screen(x, y);
    let reach = spot.rect.width().min(spot.rect.height()) * 0.32;
    line_directions(stage, pane, plane).into_iter().flat_map(|d| [center + d * reach, center - d * reach]).collect()
}

/// Draws crosshair and reference lines.
pub(super) fn draw(model: &Model, spot: &Spot, plane: &Plane) {
    let Some((stage, pane)) = model.stage_of(spot.index).zip(model.panes.get(spot.index)) else { return };
    if !stage.base.content.space().is_patient() {
        return;
    }
    let colors = over_image();
    let others_show = model.panes.iter().enumerate().any(|(i, p)| i != spot.index && p.series.is_some());
    let crosshair_tool = model.tool == crate::app::action::Tool::Crosshair;
    if model.settings.show_crosshair && (others_show || crosshair_tool) && is_triad(model, pane) {
        let (x, y, _) = plane.project(pane.point);
        let center = spot.screen(x, y);
        let gap = 14.0;
        let far = spot.rect.width() + spot.rect.height();
        let line = Stroke::new(1.0, colors.line.gamma_multiply(0.75));
        // The letters at the edges stay free.
        let painter = spot.painter.with_clip_rect(spot.rect.shrink(28.0));
        for d in line_directions(stage, pane, plane) {
            for d in [d, -d] {
                dark_backed(&painter, [center + d * gap, center + d * far], line);
            }
        }
        if crosshair_tool {
            for handle in handles(stage, pane, spot, plane) {
                spot.painter.circle_filled(handle, 5.0, eframe::egui::Color32::BLACK);
                spot.painter.circle_stroke(handle, 4.0, Stroke::new(1.5, colors.handle));
            }
        }
        return;
    }
    if model.settings.show_reference_lines {
        reference_lines(model, spot, plane);
    }
}

/// Whether the crosshair's lines stand for other views here: in layouts of one series.
fn is_triad(model: &Model, pane: &Pane) -> bool {
    model.panes.iter().any(|p| p.series == pane.series && p.kind != pane.kind) || model.layout.is_one_series()
}

/// Where the slices of other viewports with the same frame of reference cut this one.
fn reference_lines(model: &Model, spot: &Spot, plane: &Plane) {
    let Some(id) = model.panes.get(spot.index).and_then(|p| p.series) else { return };
    let normal = plane.normal();
    for (index, other) in model.panes.iter().enumerate() {
        let (true, Kind::Slice(_), Some(series)) = (index != spot.index, other.kind, other.series) else { continue };
        let Some(stage) = model.stages.get(&series) else { continue };
        if !model.same_frame(id, series) || !stage.base.content.space().is_patient() {
            continue;
        }
        let forward = other.axes(stage).forward;
        let along = normal.cross(forward);
        if along.length() < 0.05 {
            continue;
        }
        // A point of this plane that is on the other: from the other's point, within this plane's normal complement.
        let (x, y, distance) = plane.project(other.point);
        let step = forward - normal * normal.dot(forward);
        let shift = distance * normal.dot(forward) / step.length_squared().max(1e-9);
        let foot = plane.at(x, y).0 + step * shift;
        let (x, y, _) = plane.project(PatientPoint(foot));
        let at = spot.screen(x, y);
        let d = screen_direction(plane, along);
        let far = spot.rect.width() + spot.rect.height();
        let line = Stroke::new(1.0, over_image().line.gamma_multiply(0.6));
        dark_backed(&spot.painter, [at - d * far, at + d * far], line);
    }
}

/// A line that shows on bright and on dark.
fn dark_backed(painter: &Painter, points: [Pos2; 2], line: Stroke) {
    painter.line_segment(points, Stroke::new(line.width + 1.5, eframe::egui::Color32::from_black_alpha(90)));
    painter.line_segment(points, line);
}
