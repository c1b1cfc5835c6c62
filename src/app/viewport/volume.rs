//! A viewport with a volume.

use eframe::egui::{Color32, PointerButton, Rect, Ui, pos2};
use glam::DVec2;

use super::{Canvas, Spot, annotate, gestures};
use crate::app::action::Tool;
use crate::app::picture::Scene;
use crate::render::scene::{Content, VolumeScene};

/// Seconds without a change after which the picture is drawn at full quality.
const STILL: f64 = 0.18;

/// Answers the person, then draws: coarse while moving, refined when still.
pub(super) fn show(ui: &mut Ui, canvas: &mut Canvas<'_>, spot: &Spot) {
    let said = answer(ui, canvas, spot);
    let moving = is_moving(ui, canvas, spot);
    let Some((stage, pane)) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index)) else { return };
    if !stage.base.content.space().is_patient() || !stage.whole {
        let why = if stage.whole { "A stack of pictures has no volume view" } else { "The volume is loading" };
        let galley = spot.painter.layout_no_wrap(
            why.to_owned(),
            crate::app::ui_kit::halo::overlay_font(),
            crate::app::ui_kit::theme::over_image().quiet,
        );
        let at = spot.rect.center() - galley.size() / 2.0;
        spot.painter.galley(at, galley, Color32::WHITE);
        return;
    }
    let size = if moving { spot.size.map(|n| n.div_ceil(2)) } else { spot.size };
    let labels = stage
        .overlays
        .iter()
        .map(|o| o.layer.clone())
        .filter(|l| canvas.model.showing().overlays && matches!(l.content, Content::Labels(_)))
        .collect();
    let scene = VolumeScene {
        base: stage.base.clone(),
        labels,
        camera: pane.camera(stage.geometry(), size),
        size,
        mode: stage.look.mode(),
        clip: stage.look.clip,
        step: if moving { 1.5 } else { 0.5 },
    };
    let plane = pane.camera(stage.geometry(), spot.size).plane(spot.size);
    let texture = canvas.pictures.show(ui.ctx(), spot.index, Scene::Volume(scene), canvas.model.fidelity(spot.index));
    let uv = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
    spot.painter.image(texture, spot.rect, uv, Color32::WHITE);
    if canvas.model.settings.preferences.show_text {
        annotate::volume(canvas.model, spot, &plane);
    }
    if let Some(said) = said {
        gestures::value_at_cursor(spot, ui.input(|i| i.pointer.latest_pos()), &said);
    }
}

/// Whether the view changed a moment ago. What changes is compared, not the input, so that sliders count too.
fn is_moving(ui: &Ui, canvas: &Canvas<'_>, spot: &Spot) -> bool {
    let Some((stage, pane)) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index)) else {
        return false;
    };
    let id = spot.response.id.with("volume state");
    let state = format!("{:?}{:?}{:?}{:?}{:?}", pane.orbit, pane.scale, pane.pan, stage.look, stage.base.voi);
    let now = ui.ctx().time();
    let before: Option<(String, f64)> = ui.data(|d| d.get_temp(id));
    let since = match before {
        Some((old, since)) if old == state => since,
        Some(_) => {
            ui.data_mut(|d| d.insert_temp(id, (state, now)));
            now
        }
        // The first picture comes quickly, the good one after it.
        None => {
            ui.data_mut(|d| d.insert_temp(id, (state, now)));
            now
        }
    };
    let moving = now - since < STILL;
    if moving {
        ui.ctx().request_repaint_after_secs((STILL - (now - since)) as f32 + 0.01);
    }
    moving
}

fn answer(ui: &Ui, canvas: &mut Canvas<'_>, spot: &Spot) -> Option<String> {
    let wheel = gestures::wheel(ui, canvas, spot);
    let mut factor = wheel.zoom * 1.1_f64.powf(-(wheel.slices as f64));
    let dragging = gestures::drag(ui, canvas, spot);
    if spot.response.contains_pointer() || dragging.is_some() {
        let icon = match dragging.map_or(canvas.model.tool, |d| d.0) {
            tool @ (Tool::Pan | Tool::Zoom) => gestures::cursor(tool, dragging.is_some()),
            _ if dragging.is_some() => eframe::egui::CursorIcon::Grabbing,
            _ => eframe::egui::CursorIcon::Grab,
        };
        ui.ctx().set_cursor_icon(icon);
    }
    let mut said = None;
    if let Some((tool, delta)) = dragging {
        let ctrl = ui.input(|i| i.modifiers.command) && spot.response.dragged_by(PointerButton::Primary);
        match tool {
            _ if ctrl => said = gestures::change_window(canvas, spot, delta),
            Tool::Zoom => factor *= gestures::zoom_factor(canvas, delta),
            Tool::Pan => {
                let (stage, pane) = canvas.model.stage_of(spot.index).zip(canvas.model.panes.get(spot.index))?;
                let mm = pane.camera(stage.geometry(), spot.size).mm_per_pixel * f64::from(spot.ppp);
                let by = DVec2::new(f64::from(delta.x), f64::from(delta.y)) * mm;
                canvas.model.panes.get_mut(spot.index)?.pan += by;
            }
            _ => {
                let pane = canvas.model.panes.get_mut(spot.index)?;
                pane.orbit.azimuth_deg = (pane.orbit.azimuth_deg - f64::from(delta.x) * 0.5).rem_euclid(360.0);
                pane.orbit.elevation_deg = (pane.orbit.elevation_deg + f64::from(delta.y) * 0.5).clamp(-90.0, 90.0);
            }
        }
    }
    if factor != 1.0 {
        let pane = canvas.model.panes.get_mut(spot.index)?;
        pane.scale = (pane.scale * factor).clamp(0.1, 50.0);
    }
    said
}
