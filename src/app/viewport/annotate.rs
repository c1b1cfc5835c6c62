//! What stands over an image: edge letters, corner text, legends.

use eframe::egui::{Align2, Color32, FontId, Pos2, Rect, Stroke, StrokeKind, pos2, vec2};

use super::{Spot, gestures::format_window};
use crate::app::library::Load;
use crate::app::pane::Kind;
use crate::app::stage::Stage;
use crate::app::state::Model;
use crate::app::ui_kit::{halo, theme::over_image};
use crate::display::{Voi, orientation, presets};
use crate::render::scene::{Content, Layer, Plane, SlabMode};
use crate::volume::Space;

const MARGIN: f32 = 10.0;
const LINE: f32 = 16.0;

/// Letters and corner text of a slice.
pub(super) fn slice(model: &Model, spot: &Spot, plane: &Plane) {
    let Some(stage) = model.stage_of(spot.index) else { return };
    let lettered = stage.base.content.space().is_patient();
    if lettered {
        let quadruped = stage.volume().is_some_and(|v| v.display.quadruped);
        letters(spot, plane.letters(quadruped));
    }
    corners(model, spot, stage);
}

/// Letters and corner text of the volume view.
pub(super) fn volume(model: &Model, spot: &Spot, plane: &Plane) {
    let Some(stage) = model.stage_of(spot.index) else { return };
    let quadruped = stage.volume().is_some_and(|v| v.display.quadruped);
    letters(spot, plane.letters(quadruped));
    corners(model, spot, stage);
}

fn letters(spot: &Spot, [left, right, top, bottom]: [String; 4]) {
    let (r, color) = (spot.rect, over_image().text);
    let draw = |at: Pos2, anchor: Align2, text: &str| {
        halo::text(&spot.painter, at, anchor, text, halo::letter_font(), color);
    };
    draw(pos2(r.left() + MARGIN, r.center().y), Align2::LEFT_CENTER, &left);
    draw(pos2(r.right() - MARGIN, r.center().y), Align2::RIGHT_CENTER, &right);
    draw(pos2(r.center().x, r.top() + MARGIN - 2.0), Align2::CENTER_TOP, &top);
    draw(pos2(r.center().x, r.bottom() - MARGIN + 2.0), Align2::CENTER_BOTTOM, &bottom);
}

/// How much room a viewport has: fewer lines when it is small, in the order of `UI.md`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
struct Room {
    institution: bool,
    date: bool,
    window: bool,
    position: bool,
    slice: bool,
}

impl Room {
    fn of(rect: Rect) -> Self {
        let side = rect.width().min(rect.height() * 1.4);
        Self {
            institution: side > 440.0,
            date: side > 360.0,
            window: side > 280.0,
            position: side > 220.0,
            slice: side > 150.0,
        }
    }
}

fn corners(model: &Model, spot: &Spot, stage: &Stage) {
    let room = Room::of(spot.rect);
    let r = spot.rect.shrink(MARGIN);
    let [top_left, top_right, bottom_left] = lines(model, spot, stage, room);
    let limit = spot.rect.width() / 2.0 - 24.0;
    let draw = |lines: &[(String, bool)], at: Pos2, right: bool, up: bool| {
        for (n, (text, strong)) in lines.iter().enumerate() {
            let row = if up { -((lines.len() - 1 - n) as f32) } else { n as f32 } * LINE;
            let color = if *strong { over_image().text } else { over_image().quiet };
            let galley = fitted(spot, text, limit, color);
            let x = if right { at.x - galley.size().x } else { at.x };
            let y = at.y + row - if up { galley.size().y } else { 0.0 };
            halo::galley_at(&spot.painter, pos2(x, y), &galley);
        }
    };
    draw(&top_left, r.left_top(), false, false);
    draw(&top_right, r.right_top(), true, false);
    // The marks of lowered quality are in the picture's lower left corner.
    let marks = model.fidelity(spot.index).marks().len() as f32 * 23.0 / spot.ppp;
    draw(&bottom_left, r.left_bottom() - vec2(0.0, marks), false, true);
}

/// Text cut to a width, with an ellipsis.
fn fitted(spot: &Spot, text: &str, width: f32, color: Color32) -> std::sync::Arc<eframe::egui::Galley> {
    let mut job = eframe::egui::text::LayoutJob::simple_singleline(text.to_owned(), halo::overlay_font(), color);
    job.wrap.max_width = width.max(24.0);
    job.wrap.max_rows = 1;
    job.wrap.break_anywhere = true;
    spot.painter.layout_job(job)
}

type Lines = Vec<(String, bool)>;

/// Top left: who; top right: what; bottom left: where and how.
fn lines(model: &Model, spot: &Spot, stage: &Stage, room: Room) -> [Lines; 3] {
    let mut who = Lines::new();
    let mut what = Lines::new();
    let mut how = Lines::new();
    let Some(pane) = model.panes.get(spot.index) else { return [who, what, how] };
    let named = pane.series.filter(|_| model.blinded.is_none());
    let entry = named.and_then(|id| model.library.get(id));
    let study = named.and_then(|id| model.library.study_of(id));
    if let Some(study) = study
        && !model.settings.preferences.hide_patient
    {
        if !study.patient.name.is_empty() {
            who.push((study.patient.name.clone(), true));
        }
        let parts = [&study.patient.id, &study.patient.birth_date, &study.patient.sex];
        let id = parts.iter().filter(|s| !s.is_empty()).map(|s| s.as_str()).collect::<Vec<_>>().join("  ");
        if !id.is_empty() {
            who.push((id, false));
        }
        let when = format!("{} {}", study.date, study.time.get(..5).unwrap_or_default()).trim().to_owned();
        if room.date && !when.is_empty() {
            who.push((when, false));
        }
        if room.institution && !study.institution.is_empty() {
            who.push((study.institution.clone(), false));
        }
    }
    what.push((pane.view_name(Some(stage)), true));
    if let Some(entry) = entry {
        what.push((entry.series.description.clone(), false));
    }
    // Whose image it is says nothing of what a model laid over it.
    if matches!(pane.kind, Kind::Slice(_)) && model.blinded.is_none() && !stage.base.content.is_synthetic() {
        let made = super::makers(&stage.layers(model.showing()));
        if let [first, more @ ..] = made.as_slice() {
            let (name, by) = first.rsplit_once(": ").unwrap_or((first, ""));
            let rest = if more.is_empty() { String::new() } else { format!(" and {} more", more.len()) };
            what.push((format!("Over it: {name}{rest}"), false));
            what.push((by.to_owned(), false));
        }
    }
    if let Some(study) = study
        && room.date
        && !study.description.is_empty()
        && entry.is_none_or(|e| e.series.description != study.description)
    {
        what.push((study.description.clone(), false));
    }
    if !stage.whole {
        let loads = entry.is_some_and(|e| matches!(e.load, Load::Running(_)));
        let across = !stage.lies_in_slices(pane.axes(stage).forward);
        let text = match (stage.shows_slice(pane.point), loads) {
            (_, true) if across => "The rest of the volume is loading",
            (_, false) if across => "The rest of the volume was not loaded",
            (true, true) => "This slice; the rest is loading",
            (false, true) => "This slice is loading",
            (true, false) => "This slice alone was loaded",
            (false, false) => "This slice was not loaded",
        };
        what.push((text.to_owned(), false));
    }
    if let Kind::Slice(_) = pane.kind {
        let number = pane.slice_number(stage);
        if room.slice {
            how.push((format!("{} / {}", number.index + 1, number.count), true));
        }
        if room.position
            && stage.base.content.space().is_patient()
            && let Some((text, _)) = how.last_mut()
        {
            let forward = pane.axes(stage).forward;
            let point = pane.series.map_or(pane.point, |id| model.true_point(id, pane.point));
            let mm = forward.dot(point.0);
            let direction = if mm < 0.0 { -forward } else { forward };
            text.push_str(&format!("   {} {:.1} mm", orientation::letters(direction, false), mm.abs()));
        }
        if pane.slab.thickness_mm > 0.0 {
            let mode = match pane.slab.mode {
                SlabMode::Mean => "Mean",
                SlabMode::Mip => "Maximum",
                SlabMode::MinIp => "Minimum",
            };
            how.push((format!("{mode} of {:.1} mm", pane.slab.thickness_mm), true));
        } else if room.position && stage.base.content.space().is_patient() {
            how.push((format!("Thickness {:.1} mm", number.step), false));
        }
        if room.window {
            how.push((window_text(stage), true));
            how.push((format!("Zoom {:.0} %", pane.zoom(stage, spot.size) * 100.0), false));
        }
        if let Space::Stack { reason, .. } = stage.base.content.space() {
            what.push((sentence(reason), false));
        }
    } else {
        // At the top: while the eye moves, the lower left corner says that the picture is coarse.
        let look = if stage.look.projection == crate::app::action::Projection::Composite {
            stage.look.transfer.name.clone()
        } else {
            format!("{}  {}", stage.look.projection.name(), window_text(stage))
        };
        what.insert(1, (look, false));
    }
    what.truncate(4);
    how.truncate(4);
    [who, what, how]
}

/// With a capital letter.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

fn window_text(stage: &Stage) -> String {
    match &stage.base.voi {
        Voi::Window(w) => {
            let preset = stage.volume().and_then(|v| {
                presets::for_modality(&v.modality, v.unit.symbol()).iter().find(|p| p.window() == *w).map(|p| p.name)
            });
            let inverted = if stage.base.inverted { "  inverted" } else { "" };
            match preset {
                Some(name) => format!("{}  {name}{inverted}", format_window(w)),
                None => format!("{}{inverted}", format_window(w)),
            }
        }
        Voi::Lut(lut) => format!("Table {}", lut.name),
    }
}

/// One legend for every colour-mapped layer: name, unit, ends, the level under the cursor.
pub(super) fn legends(model: &Model, spot: &Spot) {
    let Some(stage) = model.stage_of(spot.index) else { return };
    let layers = stage.layers(model.showing());
    let mapped = layers.iter().filter(|l| l.visible && l.opacity > 0.0).filter(|l| {
        matches!(&l.content, Content::Image(v) if !v.voxels.is_colour()) && l.colormap != crate::display::ColorMap::Grey
    });
    let width = 120.0_f32.min(spot.rect.width() * 0.3);
    let mut top = spot.rect.top() + MARGIN + 4.0 * LINE + 8.0;
    for layer in mapped {
        if top + 50.0 > spot.rect.center().y - 12.0 && spot.rect.height() > 300.0 {
            break;
        }
        legend(model, spot, layer, pos2(spot.rect.right() - MARGIN - width, top), width);
        top += 54.0;
    }
}

fn legend(model: &Model, spot: &Spot, layer: &Layer, at: Pos2, width: f32) {
    let (Content::Image(volume), Voi::Window(window)) = (&layer.content, &layer.voi) else { return };
    let table = layer.colormap.table();
    let bar = Rect::from_min_size(pos2(at.x, at.y + 21.0), vec2(width, 8.0));
    let steps = 64;
    for n in 0..steps {
        let level = n * 255 / (steps - 1);
        let [r, g, b] = table[if layer.inverted { 255 - level } else { level }];
        let x = bar.left() + bar.width() * n as f32 / steps as f32;
        let piece = Rect::from_min_size(pos2(x, bar.top()), vec2(bar.width() / steps as f32 + 0.5, bar.height()));
        spot.painter.rect_filled(piece, 0.0, Color32::from_rgb(r, g, b));
    }
    let (low, high) = (window.center - window.width / 2.0, window.center + window.width / 2.0);
    let along = |x: f64| bar.left() + bar.width() * (((x - low) / (high - low).max(1e-12)).clamp(0.0, 1.0) as f32);
    // What is not drawn is dark here too.
    if let Some([from, to]) = layer.threshold {
        let dark = Color32::from_black_alpha(190);
        spot.painter.rect_filled(Rect::from_min_max(bar.min, pos2(along(from), bar.bottom())), 0.0, dark);
        spot.painter.rect_filled(Rect::from_min_max(pos2(along(to), bar.top()), bar.max), 0.0, dark);
    }
    if let Some(level) = layer.contour {
        let line = Stroke::new(2.0, over_image().text);
        spot.painter.line_segment([pos2(along(level), bar.top() - 2.0), pos2(along(level), bar.bottom() + 2.0)], line);
    }
    spot.painter.rect_stroke(bar, 0.0, Stroke::new(1.0, Color32::from_white_alpha(80)), StrokeKind::Outside);
    let font = FontId::new(11.0, eframe::egui::FontFamily::Proportional);
    let unit = volume.unit.symbol();
    let title = if unit.is_empty() { layer.name.clone() } else { format!("{} ({unit})", layer.name) };
    let galley = fitted(spot, &title, width.max((spot.rect.width() * 0.45).min(240.0)), over_image().text);
    halo::galley_at(&spot.painter, pos2(bar.right() - galley.size().x, at.y - 2.0), &galley);
    let number = |x: f64| {
        if window.width >= 20.0 { format!("{x:.0}") } else { format!("{x:.2}") }
    };
    let color = over_image().quiet;
    halo::text(&spot.painter, bar.left_bottom() + vec2(0.0, 2.0), Align2::LEFT_TOP, &number(low), font.clone(), color);
    halo::text(&spot.painter, bar.right_bottom() + vec2(0.0, 2.0), Align2::RIGHT_TOP, &number(high), font, color);
    // The level under the cursor.
    if let Some(probe) = model.probe
        && let Some(crate::volume::image::Value::Number(x)) = volume.value_at(volume.geometry.to_voxel(probe.point))
    {
        let tip = pos2(along(x), bar.top() - 1.0);
        let shape = vec![tip, tip + vec2(-4.0, -6.0), tip + vec2(4.0, -6.0)];
        spot.painter.add(eframe::egui::Shape::convex_polygon(
            shape,
            over_image().text,
            Stroke::new(1.0, Color32::BLACK),
        ));
    }
}
