//! The editor of a transfer function: points of colour and opacity over the volume's histogram.
//!
//! Drag a point to move it, double-click to add one, right-click or Delete to remove one, arrow keys to move the chosen
//! one. Every change comes back as an [`Edit`]; the editor keeps nothing but what is chosen and how far one looks in.

use eframe::egui::accesskit::Role;
use eframe::egui::{
    Align, Color32, ComboBox, CornerRadius, CursorIcon, DragValue, EventFilter, Id, Key, Layout, Mesh, Modifiers, Pos2,
    Rect, Response, Sense, Shape, Stroke, StrokeKind, Tooltip, Ui, Vec2, WidgetInfo, pos2, vec2,
};
use lucide_icons::Icon;

use super::histogram::{self, Axis, readable};
use crate::app::ui_kit::theme::{Tokens, tokens};
use crate::app::ui_kit::widgets;
use crate::render::scene::{TransferFunction, TransferPoint};
use crate::volume::statistics::Histogram;

/// What the editor shows.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransferInput<'a> {
    /// What is edited.
    pub transfer: &'a TransferFunction,
    /// Of the volume on show; `None` while it is computed.
    pub histogram: Option<&'a Histogram>,
    /// Stands behind values; may be empty.
    pub unit: &'a str,
    /// What the menu offers.
    pub presets: &'a [TransferFunction],
}

/// A change that the person made.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Edit {
    /// The transfer function from now on.
    pub transfer: TransferFunction,
    /// False while a drag goes on: one step of undo ends with the edit that is settled.
    pub settled: bool,
}

/// What the editor remembers between frames.
#[derive(Debug, Clone, Default)]
pub(crate) struct TransferEditor {
    /// Index of the chosen point.
    selected: Option<usize>,
    /// From the pointer to the centre of the point that it drags.
    grip: Vec2,
    /// Real values in sight, if the person looked in.
    view: Option<[f64; 2]>,
    /// The axis stays as it was when a drag began.
    frozen: Option<[f64; 2]>,
    /// A colour is being dragged in its picker.
    colouring: bool,
}

/// What happened to the points in a frame.
enum Change {
    Move { index: usize, value: f64, opacity: f32, settled: bool },
    Add(TransferPoint),
    Remove(usize),
    Colour { index: usize, color: [f32; 3], settled: bool },
    Settled,
}

const PLOT_HEIGHT: f32 = 128.0;
const RAMP_HEIGHT: f32 = 8.0;
const AXIS_HEIGHT: f32 = 20.0;
const POINT_RADIUS: f32 = 5.0;

impl TransferEditor {
    /// Draws the editor over the full width; gives the change, if there was one.
    pub fn ui(&mut self, ui: &mut Ui, input: TransferInput<'_>) -> Option<Edit> {
        if self.selected.is_some_and(|i| i >= input.transfer.points.len()) {
            self.selected = None;
        }
        let chosen = self.presets(ui, input);
        ui.add_space(tokens(ui.ctx()).space.xs);
        let in_plot = self.plot(ui, input);
        ui.add_space(tokens(ui.ctx()).space.xs);
        let in_row = self.point_row(ui, input);
        if let Some(transfer) = chosen {
            self.selected = None;
            self.view = None;
            return Some(Edit { transfer, settled: true });
        }
        in_plot.or(in_row).and_then(|change| self.apply(input.transfer, &change))
    }

    fn presets(&mut self, ui: &mut Ui, input: TransferInput<'_>) -> Option<TransferFunction> {
        let mut chosen = None;
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let whole = ui.add_enabled_ui(self.view.is_some(), |ui| {
                    widgets::icon_button(ui, Icon::Scan, "Show all values", false).clicked()
                });
                if whole.inner {
                    self.view = None;
                }
                let name = if input.transfer.name.is_empty() { "Custom" } else { &input.transfer.name };
                let combo = ComboBox::from_id_salt("transfer preset")
                    .selected_text(name)
                    .width(ui.available_width())
                    .truncate()
                    .show_ui(ui, |ui| {
                        for preset in input.presets {
                            if ui.selectable_label(preset.name == input.transfer.name, &preset.name).clicked() {
                                chosen = Some(preset.clone());
                            }
                        }
                    });
                combo
                    .response
                    .accessible_name("Transfer function")
                    .on_hover_text("Colours and opacities for a kind of tissue");
            });
        });
        chosen
    }

    /// The real values in sight: all that the histogram and the points cover, unless the person looked in.
    fn range(&self, input: TransferInput<'_>) -> [f64; 2] {
        self.frozen.or(self.view).unwrap_or_else(|| whole(input))
    }

    fn plot(&mut self, ui: &mut Ui, input: TransferInput<'_>) -> Option<Change> {
        let t = tokens(ui.ctx());
        let size = vec2(ui.available_width(), PLOT_HEIGHT + t.space.xs + RAMP_HEIGHT + AXIS_HEIGHT);
        let (all, _) = ui.allocate_exact_size(size, Sense::hover());
        let field = Rect::from_min_size(all.min, vec2(all.width(), PLOT_HEIGHT));
        // Room for whole circles at the ends and corners.
        let inner = field.shrink(POINT_RADIUS + 3.0);
        let axis = Axis::new(self.range(input), inner);
        let id = ui.scope_id().with("transfer plot");
        let ground = ui.interact(field, id, Sense::click());
        ground
            .widget_info(|| WidgetInfo::labeled(Role::Canvas, true, "Opacity over value. Double-click to add a point"));
        self.look_in(ui, &ground, &axis, input);

        paint_ground(ui, field, inner, &axis, input, t);
        let ramp =
            Rect::from_min_size(pos2(inner.left(), field.bottom() + t.space.xs), vec2(inner.width(), RAMP_HEIGHT));
        paint_ramp(ui, ramp, &axis, input.transfer);
        histogram::paint_axis(ui, ramp.bottom() + 2.0, &axis, input.unit);

        let mut change = None;
        let mut tip = None;
        for (index, point) in input.transfer.points.iter().enumerate() {
            let center = place(inner, &axis, point);
            if !field.contains(center) {
                continue;
            }
            let hit = Rect::from_center_size(center, Vec2::splat(4.0 * POINT_RADIUS));
            let response = ui.interact(hit, id.with(index), Sense::click_and_drag());
            name_point(&response, index, input, axis.value_per_point());
            let response = response.on_hover_and_drag_cursor(CursorIcon::Grab);
            change = self.handle(ui, &response, index, inner, &axis, input).or(change);
            if response.hovered() || response.dragged() {
                tip = Some((index, response.clone()));
            }
            paint_point(ui, center, point, self.selected == Some(index), &response, t);
        }
        if let Some((index, response)) = &tip
            && let Some(point) = input.transfer.points.get(*index)
        {
            let text = describe(point, input.unit, axis.value_per_point());
            Tooltip::always_open(ui.ctx().clone(), ui.layer_id(), response.id, eframe::egui::PopupAnchor::Pointer)
                .gap(t.space.m)
                .show(|ui| ui.label(text));
        } else if let Some(pos) = ground.hover_pos()
            && inner.contains(pos)
        {
            let x = pos.x;
            ui.painter().vline(x, field.y_range(), Stroke::new(1.0, t.line));
            let text = with_unit(&readable(axis.value_at(x), axis.value_per_point()), input.unit);
            ui.painter().text(
                pos2(inner.left(), field.top() + t.space.xs),
                eframe::egui::Align2::LEFT_TOP,
                text,
                eframe::egui::FontId::proportional(t.size.small),
                t.quiet,
            );
        }
        if ground.double_clicked()
            && let Some(pos) = ground.interact_pointer_pos()
        {
            let value = axis.value_at(pos.x.clamp(inner.left(), inner.right()));
            let [r, g, b, _] = input.transfer.at(value);
            change = Some(Change::Add(TransferPoint { value, color: [r, g, b], opacity: opacity_at(inner, pos.y) }));
        } else if ground.clicked() {
            self.selected = None;
        }
        change
    }

    /// Ctrl and wheel, or a pinch, magnify the value axis about the pointer.
    fn look_in(&mut self, ui: &Ui, ground: &Response, axis: &Axis, input: TransferInput<'_>) {
        let zoom = f64::from(ui.input(eframe::egui::InputState::zoom_delta));
        let Some(pos) = ui.ctx().pointer_hover_pos().filter(|p| ground.rect.contains(*p)) else { return };
        if (zoom - 1.0).abs() < 1e-3 || self.frozen.is_some() {
            return;
        }
        let at = axis.value_at(pos.x);
        let [low, high] = whole(input);
        let [a, b] = axis.range.map(|v| at + (v - at) / zoom);
        self.view = (b - a < high - low).then(|| [a.max(low), b.min(high)]);
    }

    fn handle(
        &mut self,
        ui: &Ui,
        response: &Response,
        index: usize,
        inner: Rect,
        axis: &Axis,
        input: TransferInput<'_>,
    ) -> Option<Change> {
        let point = input.transfer.points.get(index)?;
        if response.clicked() || response.drag_started() {
            self.selected = Some(index);
            response.request_focus();
        }
        if response.gained_focus() {
            self.selected = Some(index);
        }
        if response.secondary_clicked() {
            return Some(Change::Remove(index));
        }
        if response.drag_started() {
            let press = ui.input(|i| i.pointer.press_origin()).unwrap_or(place(inner, axis, point));
            self.grip = place(inner, axis, point) - press;
            self.frozen = Some(axis.range);
        }
        if response.dragged()
            && let Some(pos) = response.interact_pointer_pos()
        {
            let pos = pos + self.grip;
            let value = axis.value_at(pos.x.clamp(inner.left(), inner.right()));
            return Some(Change::Move { index, value, opacity: opacity_at(inner, pos.y), settled: false });
        }
        if response.drag_stopped() {
            self.frozen = None;
            return Some(Change::Settled);
        }
        if response.has_focus() {
            return keys(ui, response.id, index, point, axis);
        }
        None
    }

    /// Numbers, colour and removal of the chosen point.
    fn point_row(&mut self, ui: &mut Ui, input: TransferInput<'_>) -> Option<Change> {
        let Some((index, point)) = self.selected.and_then(|i| Some((i, input.transfer.points.get(i)?))) else {
            ui.allocate_ui_with_layout(vec2(ui.available_width(), 24.0), Layout::left_to_right(Align::Center), |ui| {
                widgets::quiet(ui, "Double-click adds a point, drag moves it");
            });
            return None;
        };
        let mut change = None;
        ui.allocate_ui_with_layout(vec2(ui.available_width(), 24.0), Layout::left_to_right(Align::Center), |ui| {
            let mut srgb = point.color.map(|c| (c * 255.0).round() as u8);
            let colour = ui.color_edit_button_srgb(&mut srgb).accessible_name("Colour of the point");
            if colour.changed() {
                // A drag in the picker is one step of undo.
                self.colouring = ui.input(|i| i.pointer.any_down());
                let color = srgb.map(|c| f32::from(c) / 255.0);
                change = Some(Change::Colour { index, color, settled: !self.colouring });
            } else if self.colouring && !ui.input(|i| i.pointer.any_down()) {
                self.colouring = false;
                change = Some(Change::Settled);
            }
            colour.on_hover_text("Colour of the point");
            let range = self.range(input);
            let per_point = (range[1] - range[0]) / 200.0;
            let (mut value, mut percent) = (point.value, point.opacity * 100.0);
            let suffix = if input.unit.is_empty() { String::new() } else { format!(" {}", input.unit) };
            let number = DragValue::new(&mut value)
                .speed(per_point)
                .max_decimals((-per_point.log10()).ceil().clamp(0.0, 6.0) as usize)
                .suffix(suffix)
                .min_size(vec2(72.0, 24.0));
            let number = ui.add(number).accessible_name("Value of the point");
            let opacity = DragValue::new(&mut percent).range(0.0..=100.0).speed(0.5).max_decimals(0).suffix(" %");
            let opacity = ui.add(opacity.min_size(vec2(48.0, 24.0))).accessible_name("Opacity of the point");
            if number.changed() || opacity.changed() {
                let settled = !(number.dragged() || opacity.dragged());
                change = Some(Change::Move { index, value, opacity: percent / 100.0, settled });
            } else if number.drag_stopped() || opacity.drag_stopped() {
                change = Some(Change::Settled);
            }
            number.on_hover_text("Value at which the point stands");
            opacity.on_hover_text("Opacity of a millimetre of tissue with this value");
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let can = input.transfer.points.len() > 2;
                let remove = ui.add_enabled_ui(can, |ui| {
                    widgets::icon_button(ui, Icon::Trash2, "Remove the point  (Delete)", false)
                        .on_disabled_hover_text("Two points stay at least")
                        .clicked()
                });
                if remove.inner {
                    change = Some(Change::Remove(index));
                }
            });
        });
        change
    }

    /// The transfer function after a change; `None` where the change is not allowed.
    fn apply(&mut self, from: &TransferFunction, change: &Change) -> Option<Edit> {
        let mut transfer = from.clone();
        let mut settled = true;
        match *change {
            Change::Move { index, value, opacity, settled: done } => {
                let low = index.checked_sub(1).and_then(|i| from.points.get(i)).map_or(f64::NEG_INFINITY, |p| p.value);
                let high = from.points.get(index + 1).map_or(f64::INFINITY, |p| p.value);
                let point = transfer.points.get_mut(index)?;
                point.value = value.clamp(low, high);
                point.opacity = opacity.clamp(0.0, 1.0);
                settled = done;
            }
            Change::Add(point) => {
                let index = transfer.points.partition_point(|p| p.value <= point.value);
                transfer.points.insert(index, point);
                self.selected = Some(index);
            }
            Change::Remove(index) => {
                if transfer.points.len() <= 2 || index >= transfer.points.len() {
                    return None;
                }
                transfer.points.remove(index);
                self.selected = None;
            }
            Change::Colour { index, color, settled: done } => {
                transfer.points.get_mut(index)?.color = color;
                settled = done;
            }
            Change::Settled => {}
        }
        if !matches!(change, Change::Settled) {
            transfer.name = String::new();
        }
        Some(Edit { transfer, settled })
    }
}

fn whole(input: TransferInput<'_>) -> [f64; 2] {
    let [a, b] = input.transfer.range();
    input.histogram.map_or([a, b], |h| [a.min(h.range[0]), b.max(h.range[1])])
}

/// What a key does to the point that has the focus: arrows move it by a hundredth, with Shift by a tenth.
fn keys(ui: &Ui, id: Id, index: usize, point: &TransferPoint, axis: &Axis) -> Option<Change> {
    let filter = EventFilter { horizontal_arrows: true, vertical_arrows: true, ..EventFilter::default() };
    ui.memory_mut(|m| m.set_focus_lock_filter(id, filter));
    let hundredth = (axis.range[1] - axis.range[0]) / 100.0;
    ui.input_mut(|i| {
        if i.consume_key(Modifiers::NONE, Key::Delete) || i.consume_key(Modifiers::NONE, Key::Backspace) {
            return Some(Change::Remove(index));
        }
        for (modifiers, factor) in [(Modifiers::SHIFT, 10.0), (Modifiers::NONE, 1.0)] {
            for (key, dx, dy) in [
                (Key::ArrowLeft, -1.0, 0.0),
                (Key::ArrowRight, 1.0, 0.0),
                (Key::ArrowUp, 0.0, 0.01),
                (Key::ArrowDown, 0.0, -0.01),
            ] {
                if i.consume_key(modifiers, key) {
                    let value = point.value + dx * hundredth * factor;
                    let opacity = point.opacity + (dy * factor) as f32;
                    return Some(Change::Move { index, value, opacity, settled: true });
                }
            }
        }
        None
    })
}

fn place(inner: Rect, axis: &Axis, point: &TransferPoint) -> Pos2 {
    pos2(axis.x_at(point.value), inner.bottom() - inner.height() * point.opacity)
}

fn opacity_at(inner: Rect, y: f32) -> f32 {
    ((inner.bottom() - y) / inner.height()).clamp(0.0, 1.0)
}

fn with_unit(value: &str, unit: &str) -> String {
    if unit.is_empty() { value.to_owned() } else { format!("{value} {unit}") }
}

fn describe(point: &TransferPoint, unit: &str, per_point: f64) -> String {
    format!("{}   {:.0} %", with_unit(&readable(point.value, per_point), unit), point.opacity * 100.0)
}

fn name_point(response: &Response, index: usize, input: TransferInput<'_>, per_point: f64) {
    let Some(point) = input.transfer.points.get(index) else { return };
    response.widget_info(|| {
        let mut info = WidgetInfo::labeled(Role::Slider, true, format!("Point {}", index + 1));
        info.value = Some(point.value);
        info.current_text_value = Some(describe(point, input.unit, per_point));
        info
    });
}

fn color(point: [f32; 3]) -> Color32 {
    let [r, g, b] = point.map(|c| (c.clamp(0.0, 1.0) * 255.0).round() as u8);
    Color32::from_rgb(r, g, b)
}

fn paint_ground(ui: &Ui, field: Rect, inner: Rect, axis: &Axis, input: TransferInput<'_>, t: &Tokens) {
    let painter = ui.painter();
    painter.rect_filled(field, CornerRadius::same(t.size.radius), t.image);
    painter.rect_stroke(field, CornerRadius::same(t.size.radius), Stroke::new(1.0, t.line), StrokeKind::Inside);
    if let Some(histogram) = input.histogram {
        histogram::paint(
            painter,
            inner,
            axis,
            histogram,
            crate::app::ui_kit::theme::over_image().quiet.gamma_multiply(0.3),
        );
    }
    let clipped = painter.with_clip_rect(field.shrink(1.0));
    let points: Vec<(Pos2, Color32)> = std::iter::once(field.left())
        .filter_map(|x| Some((x, input.transfer.points.first()?)))
        .map(|(x, p)| (pos2(x, place(inner, axis, p).y), color(p.color)))
        .chain(input.transfer.points.iter().map(|p| (place(inner, axis, p), color(p.color))))
        .chain(input.transfer.points.last().map(|p| (pos2(field.right(), place(inner, axis, p).y), color(p.color))))
        .collect();
    let mut mesh = Mesh::default();
    for pair in points.windows(2) {
        let [(a, ca), (b, cb)] = pair else { continue };
        let start = mesh.vertices.len() as u32;
        for (pos, color) in [(*a, *ca), (pos2(a.x, inner.bottom()), *ca), (*b, *cb), (pos2(b.x, inner.bottom()), *cb)] {
            mesh.colored_vertex(pos, color.gamma_multiply(0.35));
        }
        mesh.add_triangle(start, start + 1, start + 2);
        mesh.add_triangle(start + 1, start + 2, start + 3);
    }
    clipped.add(Shape::mesh(mesh));
    let line = crate::app::ui_kit::theme::over_image().text;
    clipped.add(Shape::line(points.into_iter().map(|(p, _)| p).collect(), Stroke::new(1.5, line)));
}

fn paint_ramp(ui: &Ui, rect: Rect, axis: &Axis, transfer: &TransferFunction) {
    let mut mesh = Mesh::default();
    let columns = rect.width().round().max(1.0) as u32;
    for i in 0..=columns {
        let x = rect.left() + rect.width() * i as f32 / columns as f32;
        let [r, g, b, _] = transfer.at(axis.value_at(x));
        mesh.colored_vertex(pos2(x, rect.top()), color([r, g, b]));
        mesh.colored_vertex(pos2(x, rect.bottom()), color([r, g, b]));
        if i > 0 {
            mesh.add_triangle(2 * i - 2, 2 * i - 1, 2 * i);
            mesh.add_triangle(2 * i - 1, 2 * i, 2 * i + 1);
        }
    }
    ui.painter().add(Shape::mesh(mesh));
}

fn paint_point(ui: &Ui, center: Pos2, point: &TransferPoint, chosen: bool, response: &Response, t: &Tokens) {
    let over = crate::app::ui_kit::theme::over_image();
    let radius = if chosen || response.hovered() { POINT_RADIUS + 1.0 } else { POINT_RADIUS };
    ui.painter().circle(center, radius, color(point.color), Stroke::new(1.5, over.handle));
    if chosen {
        ui.painter().circle_stroke(center, radius + 2.5, Stroke::new(1.5, t.accent));
    }
}

#[cfg(test)]
#[path = "transfer_editor_tests.rs"]
mod tests;
