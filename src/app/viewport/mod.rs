//! The image area: viewports side by side, each a slice or a volume.
//!
//! - `slice`, `volume`: the two kinds
//! - `gestures`: what drags, wheel and clicks do
//! - `crosshair`: the lines of the other views, their handles, reference lines
//! - `measuring`: lengths, angles, regions
//! - `annotate`: letters, corner text, legends

mod annotate;
mod crosshair;
mod gestures;
mod measuring;
mod slice;
mod volume;

use eframe::egui::{self, Rect, Sense, Stroke, StrokeKind, Ui, emath::GuiRounding as _, pos2, vec2};

use super::action::Action;
use super::library::SeriesId;
use super::pane::Kind;
use super::picture::Pictures;
use super::state::Model;
use super::ui_kit::theme::{over_image, tokens};
use crate::render::scene::{Content, Layer};

/// What a viewport needs to draw itself and to answer.
pub(crate) struct Canvas<'a> {
    pub model: &'a mut Model,
    pub pictures: &'a mut Pictures,
    pub queue: &'a mut Vec<Action>,
    /// Series that were dropped on a viewport.
    pub dropped: &'a mut Vec<(usize, SeriesId)>,
    /// Physical pixels of the active viewport.
    pub active_size: &'a mut [u32; 2],
}

/// Draws all viewports into the rest of `ui`. Gives what has the focus when a viewport has it.
pub(crate) fn show(ui: &mut Ui, canvas: &mut Canvas<'_>) -> Vec<egui::Id> {
    let area = ui.available_rect_before_wrap();
    ui.painter().rect_filled(area, 0.0, tokens(ui.ctx()).image);
    canvas.model.probe = None;
    let rects = rects(area, canvas.model);
    let many = rects.len() > 1;
    let mut ids = Vec::new();
    for (index, rect) in rects {
        let rect = rect.round_to_pixels(ui.pixels_per_point());
        ids.push(viewport_id(ui, index));
        one(ui, canvas, index, rect, many);
    }
    if many {
        let line = Stroke::new(1.0, tokens(ui.ctx()).line);
        for (index, rect) in self::rects(area, canvas.model) {
            if index != canvas.model.active {
                ui.painter().rect_stroke(rect.expand(0.5), 0.0, line, StrokeKind::Middle);
            }
        }
        if let Some((_, rect)) = self::rects(area, canvas.model).into_iter().find(|(i, _)| *i == canvas.model.active) {
            let accent = Stroke::new(1.0, tokens(ui.ctx()).accent);
            ui.painter().rect_stroke(rect.shrink(0.5), 0.0, accent, StrokeKind::Middle);
        }
    }
    ui.advance_cursor_after_rect(area);
    ids
}

fn viewport_id(ui: &Ui, index: usize) -> egui::Id {
    ui.scope_id().with(("viewport", index))
}

/// Where each viewport lies, with a point between them.
fn rects(area: Rect, model: &Model) -> Vec<(usize, Rect)> {
    if model.maximised {
        return vec![(model.active, area)];
    }
    let (rows, columns) = model.layout.shape();
    let gap = 1.0;
    let width = (area.width() - gap * (columns as f32 - 1.0)) / columns as f32;
    let height = (area.height() - gap * (rows as f32 - 1.0)) / rows as f32;
    (0..rows * columns)
        .map(|i| {
            let (r, c) = ((i / columns) as f32, (i % columns) as f32);
            let min = area.min + vec2(c * (width + gap), r * (height + gap));
            (i, Rect::from_min_size(min, vec2(width, height)))
        })
        .collect()
}

fn one(ui: &mut Ui, canvas: &mut Canvas<'_>, index: usize, rect: Rect, many: bool) {
    let id = viewport_id(ui, index);
    let response = ui.interact(rect, id, Sense::click_and_drag());
    let name = accessible_name(canvas.model, index);
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::Canvas, true, &name.0);
        info.current_text_value = Some(name.1.clone());
        info
    });
    if response.drag_started() || response.clicked() || response.gained_focus() {
        canvas.model.active = index;
        response.request_focus();
    }
    if canvas.model.active == index && ui.memory(|m| m.focused().is_none()) {
        response.request_focus();
    }
    if response.has_focus() {
        let filter = egui::EventFilter { tab: true, horizontal_arrows: true, vertical_arrows: true, escape: true };
        ui.memory_mut(|m| m.set_focus_lock_filter(id, filter));
        if canvas.model.active != index {
            // The keys moved on to another viewport.
            response.surrender_focus();
        }
    }
    if response.double_clicked() && many || response.double_clicked() && canvas.model.maximised {
        canvas.queue.push(Action::Maximise);
    }
    if let Some(series) = response.dnd_release_payload::<SeriesId>() {
        canvas.dropped.push((index, *series));
    }
    let ppp = ui.pixels_per_point();
    let size = [rect.width() * ppp, rect.height() * ppp].map(|x| (x.round() as u32).max(1));
    if canvas.model.active == index {
        *canvas.active_size = size;
    }
    let painter = ui.painter_at(rect);
    let spot = Spot { index, rect, size, ppp, response, painter };
    match (canvas.model.stage_of(index).is_some(), canvas.model.panes.get(index).map(|p| p.kind)) {
        (true, Some(Kind::Slice(_))) => slice::show(ui, canvas, &spot),
        (true, Some(Kind::Volume)) => volume::show(ui, canvas, &spot),
        _ => empty(canvas, &spot),
    }
    badge_hint(ui, canvas.model, &spot);
    if spot.response.dnd_hover_payload::<SeriesId>().is_some() {
        let accent = tokens(ui.ctx()).accent;
        spot.painter.rect_stroke(rect.shrink(1.0), 0.0, Stroke::new(2.0, accent), StrokeKind::Inside);
    }
}

/// Who made what is synthetic, while the pointer is on the badge that is in the picture.
fn badge_hint(ui: &Ui, model: &Model, spot: &Spot) {
    let Some(stage) = model.stage_of(spot.index) else { return };
    let badge = Rect::from_min_max(spot.rect.max - vec2(160.0, 36.0), spot.rect.max);
    if !spot.response.hover_pos().is_some_and(|at| badge.contains(at)) {
        return;
    }
    let made = makers(&stage.layers(model.showing()));
    if !made.is_empty() {
        let text = format!("Some or all of this was made artificially\n{}", made.join("\n"));
        egui::Tooltip::always_open(
            ui.ctx().clone(),
            ui.layer_id(),
            spot.response.id.with("badge"),
            egui::PopupAnchor::Pointer,
        )
        .show(|ui| ui.label(text));
    }
}

/// What is synthetic of the layers that are drawn, and what made it.
fn makers(layers: &[Layer]) -> Vec<String> {
    let shown = layers.iter().filter(|l| l.visible && l.opacity > 0.0 && l.content.is_synthetic());
    let mut made: Vec<String> = shown.map(|l| maker(&l.name, &l.content)).collect();
    made.dedup();
    made
}

/// A synthetic layer and what made it, as far as its file or its run says.
fn maker(name: &str, content: &Content) -> String {
    match content.provenance().derivation() {
        Some(by) => match (&by.model, &by.model_version) {
            (Some(model), Some(version)) => format!("{name}: {model} {version}"),
            (Some(model), None) => format!("{name}: {model}"),
            _ => format!("{name}: {}", by.description),
        },
        None => format!("{name}: the file does not say by what"),
    }
}

/// One viewport on the screen.
pub(crate) struct Spot {
    pub index: usize,
    pub rect: Rect,
    /// Physical pixels.
    pub size: [u32; 2],
    pub ppp: f32,
    pub response: egui::Response,
    pub painter: egui::Painter,
}

impl Spot {
    /// The picture pixel at a screen position.
    pub fn pixel(&self, at: egui::Pos2) -> glam::DVec2 {
        let d = (at - self.rect.min) * self.ppp;
        glam::DVec2::new(f64::from(d.x) - 0.5, f64::from(d.y) - 0.5)
    }

    /// The screen position of a picture pixel.
    pub fn screen(&self, x: f64, y: f64) -> egui::Pos2 {
        let at = |v: f64| (v + 0.5) as f32 / self.ppp;
        pos2(self.rect.min.x + at(x), self.rect.min.y + at(y))
    }
}

fn accessible_name(model: &Model, index: usize) -> (String, String) {
    let stage = model.stage_of(index);
    let Some(pane) = model.panes.get(index) else { return (String::new(), String::new()) };
    let view = pane.view_name(stage);
    let value = match (stage, pane.kind) {
        (Some(stage), Kind::Slice(_)) => {
            let n = pane.slice_number(stage);
            format!("slice {} of {}", n.index + 1, n.count)
        }
        (Some(_), Kind::Volume) => stage.map(|s| s.look.projection.name().to_owned()).unwrap_or_default(),
        (None, _) => "empty".to_owned(),
    };
    (format!("Viewport {} {view}", index + 1), value)
}

fn empty(canvas: &Canvas<'_>, spot: &Spot) {
    let text = match canvas.model.panes.get(spot.index).and_then(|p| p.series) {
        Some(id) => match canvas.model.library.get(id).map(|e| &e.load) {
            Some(super::library::Load::Failed(why)) => format!("This series could not be loaded\n{why}"),
            _ => "Loading…".to_owned(),
        },
        None => "Drag a series here".to_owned(),
    };
    let color = over_image().quiet;
    let font = super::ui_kit::halo::overlay_font();
    let galley = spot.painter.layout(text, font, color, spot.rect.width() - 32.0);
    let at = spot.rect.center() - galley.size() / 2.0;
    spot.painter.galley(at, galley, color);
}
