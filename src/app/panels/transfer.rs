//! The transfer function as a curve over the histogram: drag points, double-click adds, Delete removes.

use eframe::egui::{
    Color32, CursorIcon, Key, Mesh, Pos2, Rect, Sense, Shape, Stroke, StrokeKind, Ui, WidgetInfo, accesskit::Role,
    pos2, vec2,
};

use crate::app::stage::Stage;
use crate::app::ui_kit::theme::tokens;
use crate::render::scene::{TransferFunction, TransferPoint};

const HEIGHT: f32 = 120.0;
const GRAB: f32 = 9.0;

/// Opacities are small and their low end matters most: the height is the square root.
fn height(opacity: f32) -> f32 {
    opacity.clamp(0.0, 1.0).sqrt()
}

/// Screen to function and back.
struct Scale {
    rect: Rect,
    low: f64,
    high: f64,
}

impl Scale {
    fn at(&self, value: f64, opacity: f32) -> Pos2 {
        let x = ((value - self.low) / (self.high - self.low).max(1e-12)) as f32;
        pos2(self.rect.left() + x * self.rect.width(), self.rect.bottom() - height(opacity) * self.rect.height())
    }

    fn value(&self, x: f32) -> f64 {
        self.low + f64::from((x - self.rect.left()) / self.rect.width().max(1.0)) * (self.high - self.low)
    }

    fn opacity(&self, y: f32) -> f32 {
        let h = ((self.rect.bottom() - y) / self.rect.height().max(1.0)).clamp(0.0, 1.0);
        h * h
    }
}

/// Draws it and answers.
pub(crate) fn editor(ui: &mut Ui, stage: &mut Stage) {
    let t = tokens(ui.ctx());
    let (outer, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click_and_drag());
    let name = stage.look.transfer.name.clone();
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Canvas, true, "Transfer function curve");
        info.current_text_value = Some(name.clone());
        info
    });
    let painter = ui.painter_at(outer);
    painter.rect_filled(outer, f32::from(t.size.radius), t.image);
    let [mut low, mut high] = stage.look.transfer.range();
    if let Some(h) = &stage.histogram {
        low = low.min(h.percentile(0.001));
        high = high.max(h.percentile(0.9995));
    }
    let scale = Scale { rect: outer.shrink2(vec2(8.0, 8.0)), low, high };
    histogram(&painter, stage, &scale, t.line);
    curve(&painter, &stage.look.transfer, &scale, t.text);
    for (index, point) in stage.look.transfer.points.iter().enumerate() {
        let at = scale.at(point.value, point.opacity);
        let chosen = stage.look.chosen_point == Some(index);
        painter.circle(
            at,
            if chosen { 6.0 } else { 5.0 },
            color(point),
            Stroke::new(1.5, if chosen { t.accent } else { t.text }),
        );
    }
    if response.has_focus() {
        painter.rect_stroke(outer, f32::from(t.size.radius), Stroke::new(1.0, t.accent), StrokeKind::Inside);
    }
    answer(ui, stage, &response, &scale);
}

fn answer(ui: &Ui, stage: &mut Stage, response: &eframe::egui::Response, scale: &Scale) {
    let look = &mut stage.look;
    let nearest = |at: Pos2, points: &[TransferPoint]| {
        let distance = |p: &TransferPoint| scale.at(p.value, p.opacity).distance(at);
        (0..points.len())
            .map(|i| (i, distance(&points[i])))
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .filter(|(_, d)| *d < GRAB)
            .map(|(i, _)| i)
    };
    if let Some(at) = response.hover_pos()
        && nearest(at, &look.transfer.points).is_some()
    {
        ui.ctx().set_cursor_icon(CursorIcon::Grab);
    }
    if response.drag_started() {
        let origin = ui.input(|i| i.pointer.press_origin());
        look.chosen_point = origin.and_then(|at| nearest(at, &look.transfer.points));
    }
    if response.clicked() {
        response.request_focus();
        look.chosen_point = response.interact_pointer_pos().and_then(|at| nearest(at, &look.transfer.points));
    }
    if response.double_clicked()
        && let Some(at) = response.interact_pointer_pos()
        && nearest(at, &look.transfer.points).is_none()
    {
        let value = scale.value(at.x);
        let [r, g, b, _] = look.transfer.at(value);
        let point = TransferPoint { value, color: [r, g, b], opacity: scale.opacity(at.y) };
        let index = look.transfer.points.partition_point(|p| p.value < value);
        look.transfer.points.insert(index, point);
        look.chosen_point = Some(index);
        mark_edited(&mut look.transfer);
    }
    if response.dragged()
        && let Some(index) = look.chosen_point
        && let Some(at) = response.interact_pointer_pos()
    {
        let (low, high) = neighbours(&look.transfer.points, index);
        if let Some(point) = look.transfer.points.get_mut(index) {
            point.value = scale.value(at.x).clamp(low.max(scale.low), high.min(scale.high));
            point.opacity = scale.opacity(at.y);
            mark_edited(&mut look.transfer);
        }
    }
    if response.has_focus()
        && look.transfer.points.len() > 2
        && let Some(index) = look.chosen_point.filter(|i| *i < look.transfer.points.len())
        && ui.input(|i| i.key_pressed(Key::Delete))
    {
        look.transfer.points.remove(index);
        look.chosen_point = None;
        mark_edited(&mut look.transfer);
    }
}

/// The values between which a point may move, so that the order stays.
pub(crate) fn neighbours(points: &[TransferPoint], index: usize) -> (f64, f64) {
    let low = index.checked_sub(1).and_then(|i| points.get(i)).map_or(f64::NEG_INFINITY, |p| p.value);
    let high = points.get(index + 1).map_or(f64::INFINITY, |p| p.value);
    (low, high)
}

/// A changed preset is no longer the preset of its name.
pub(crate) fn mark_edited(transfer: &mut TransferFunction) {
    if !transfer.name.ends_with("(edited)") {
        transfer.name = format!("{} (edited)", transfer.name);
    }
}

fn color(point: &TransferPoint) -> Color32 {
    let [r, g, b] = point.color.map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8);
    Color32::from_rgb(r, g, b)
}

/// Counts as the logarithm, so that small structures show.
fn histogram(painter: &eframe::egui::Painter, stage: &Stage, scale: &Scale, fill: Color32) {
    let Some(histogram) = &stage.histogram else { return };
    let bins = histogram.counts.len();
    let width = (histogram.range[1] - histogram.range[0]) / bins.max(1) as f64;
    let highest = histogram.counts.iter().max().map_or(1.0, |m| (*m as f64 + 1.0).ln());
    for (bin, count) in histogram.counts.iter().enumerate() {
        let from = histogram.range[0] + bin as f64 * width;
        if *count == 0 || from + width < scale.low || from > scale.high {
            continue;
        }
        let tall = ((*count as f64 + 1.0).ln() / highest) as f32 * scale.rect.height();
        let (left, right) = (scale.at(from, 0.0).x, scale.at(from + width, 0.0).x);
        let bar = Rect::from_min_max(
            pos2(left.max(scale.rect.left()), scale.rect.bottom() - tall),
            pos2(right.min(scale.rect.right()).max(left + 0.5), scale.rect.bottom()),
        );
        painter.rect_filled(bar, 0.0, fill);
    }
}

/// The curve, its area filled with its colours.
fn curve(painter: &eframe::egui::Painter, transfer: &TransferFunction, scale: &Scale, line: Color32) {
    let mut mesh = Mesh::default();
    let steps = 96;
    let mut points = Vec::with_capacity(steps + 1);
    for n in 0..=steps {
        let value = scale.low + (scale.high - scale.low) * n as f64 / steps as f64;
        let [r, g, b, opacity] = transfer.at(value);
        let top = scale.at(value, opacity);
        let [r, g, b] = [r, g, b].map(|c| (c.clamp(0.0, 1.0) * 255.0) as u8);
        let fill = Color32::from_rgba_unmultiplied(r, g, b, 130);
        mesh.colored_vertex(top, fill);
        mesh.colored_vertex(pos2(top.x, scale.rect.bottom()), fill);
        if n > 0 {
            let i = 2 * n as u32;
            mesh.add_triangle(i - 2, i - 1, i);
            mesh.add_triangle(i - 1, i, i + 1);
        }
        points.push(top);
    }
    painter.add(Shape::mesh(mesh));
    painter.line(points, Stroke::new(1.5, line));
}
