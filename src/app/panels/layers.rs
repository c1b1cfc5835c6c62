//! The layers of the active series: what lies over what, how strongly, in which colours.

use eframe::egui::{self, Color32, ComboBox, CornerRadius, DragValue, Label, Rect, RichText, Slider, Ui, pos2, vec2};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::stage::{Overlay, Stage};
use crate::app::state::Model;
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{card, icon_button, panel_title, quiet, row, synthetic_badge};
use crate::display::{ColorMap, Voi, Window};
use crate::render::scene::{Compare, Content, Layer};

/// What the buttons of a row ask for.
enum Change {
    Up,
    Down,
    Remove,
}

/// Draws it.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    let on = model.overlays_on;
    panel_title(ui, "Layers", |ui| {
        if icon_button(ui, Icon::Plus, "Add overlay from file", false).clicked() {
            queue.push(Action::AddOverlay);
        }
        let (picture, name) = if on { (Icon::Eye, "Hide all overlays") } else { (Icon::EyeOff, "Show all overlays") };
        if icon_button(ui, picture, name, on).clicked() {
            queue.push(Action::ToggleOverlays);
        }
    });
    let Some(stage) = model.active_stage() else {
        quiet(ui, "Layers of the active series appear here");
        return;
    };
    // The top layer stands on top of the list.
    let mut change = None;
    let count = stage.overlays.len();
    for index in (0..count).rev() {
        let Some(overlay) = stage.overlays.get_mut(index) else { continue };
        if let Some(asked) = overlay_card(ui, overlay, (index, count)) {
            change = Some((index, asked));
        }
        ui.add_space(t.space.xs);
    }
    match change {
        Some((i, Change::Up)) if i + 1 < count => stage.overlays.swap(i, i + 1),
        Some((i, Change::Down)) if i > 0 => stage.overlays.swap(i, i - 1),
        Some((i, Change::Remove)) => {
            stage.overlays.remove(i);
        }
        _ => {}
    }
    base_card(ui, stage);
    if stage.overlays.iter().any(|o| matches!(o.layer.content, Content::Image(_))) {
        ui.add_space(t.space.s);
        compare(ui, stage);
    }
}

fn heading(ui: &mut Ui, layer: &Layer, buttons: impl FnOnce(&mut Ui)) {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            buttons(ui);
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                ui.add(Label::new(RichText::new(&layer.name).color(t.text)).truncate()).on_hover_text(&layer.name);
            });
        });
    });
    if layer.content.is_synthetic() {
        synthetic_badge(ui);
    }
}

fn base_card(ui: &mut Ui, stage: &mut Stage) {
    card(ui, false, |ui| {
        ui.set_width(ui.available_width());
        heading(ui, &stage.base, |ui| {
            quiet(ui, "base");
        });
        let Content::Image(volume) = &stage.base.content else { return };
        if volume.voxels.is_colour() {
            return;
        }
        let unit = volume.unit.symbol().to_owned();
        color_map(ui, &mut stage.base.colormap, "Colours of the base");
        let auto = stage.auto;
        window(ui, &mut stage.base.voi, auto, &unit, "base");
    });
}

fn overlay_card(ui: &mut Ui, overlay: &mut Overlay, (index, count): (usize, usize)) -> Option<Change> {
    let mut change = None;
    let name = overlay.layer.name.clone();
    card(ui, false, |ui| {
        ui.set_width(ui.available_width());
        let visible = overlay.layer.visible;
        let open = overlay.open;
        let mut toggle = (false, false);
        heading(ui, &overlay.layer, |ui| {
            if icon_button(ui, Icon::Trash2, &format!("Remove {name}"), false).clicked() {
                change = Some(Change::Remove);
            }
            if index > 0 && icon_button(ui, Icon::ArrowDown, &format!("Move {name} down"), false).clicked() {
                change = Some(Change::Down);
            }
            if index + 1 < count && icon_button(ui, Icon::ArrowUp, &format!("Move {name} up"), false).clicked() {
                change = Some(Change::Up);
            }
            let more = if open { Icon::ChevronDown } else { Icon::ChevronRight };
            toggle.1 = icon_button(ui, more, &format!("Settings of {name}"), open).clicked();
            let eye = if visible { Icon::Eye } else { Icon::EyeOff };
            toggle.0 = icon_button(ui, eye, &format!("Show {name}"), visible).clicked();
        });
        overlay.layer.visible ^= toggle.0;
        overlay.open ^= toggle.1;
        row(ui, "Opacity", |ui| {
            let mut percent = overlay.layer.opacity * 100.0;
            let slider = Slider::new(&mut percent, 0.0..=100.0).suffix(" %").fixed_decimals(0);
            let response = ui.add(slider).on_hover_text("How strongly the layer covers what lies below it");
            label_for(&response, &format!("Opacity of {name}"), f64::from(percent));
            overlay.layer.opacity = percent / 100.0;
        });
        if !overlay.open {
            return;
        }
        match &overlay.layer.content {
            Content::Image(volume) => {
                let unit = volume.unit.symbol().to_owned();
                color_map(ui, &mut overlay.layer.colormap, &format!("Colours of {name}"));
                let [low, high] = overlay.range;
                window(ui, &mut overlay.layer.voi, Window::spanning(low, high), &unit, &name);
                threshold(ui, &mut overlay.layer.threshold, overlay.range, &name);
            }
            Content::Labels(_) => labels(ui, &mut overlay.layer, &name),
        }
    });
    change
}

fn label_for(response: &egui::Response, name: &str, value: f64) {
    response.widget_info(|| egui::WidgetInfo::slider(true, value, name));
}

/// A colour map by name, with its colours.
fn color_map(ui: &mut Ui, chosen: &mut ColorMap, name: &str) {
    row(ui, "Colours", |ui| {
        let response = ComboBox::from_id_salt(name)
            .width(ui.available_width() - 8.0)
            .selected_text(title(*chosen))
            .show_ui(ui, |ui| {
                for map in ColorMap::ALL {
                    ui.horizontal(|ui| {
                        let (bar, _) = ui.allocate_exact_size(vec2(72.0, 10.0), egui::Sense::hover());
                        ramp(ui, bar, map);
                        ui.selectable_value(chosen, map, title(map));
                    });
                }
            })
            .response;
        let value = chosen.name();
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, name);
            info.current_text_value = Some(value.to_owned());
            info
        });
    });
}

/// A colour map's name with a capital letter.
fn title(map: ColorMap) -> String {
    let name = map.name();
    name.chars().next().map_or_else(String::new, |c| c.to_uppercase().collect::<String>() + &name[c.len_utf8()..])
}

/// A bar with the colours of a map.
pub(crate) fn ramp(ui: &Ui, bar: Rect, map: ColorMap) {
    let table = map.table();
    let steps = 32;
    for n in 0..steps {
        let [r, g, b] = table[n * 255 / (steps - 1)];
        let x = bar.left() + bar.width() * n as f32 / steps as f32;
        let piece = Rect::from_min_size(pos2(x, bar.top()), vec2(bar.width() / steps as f32 + 0.5, bar.height()));
        ui.painter().rect_filled(piece, 0.0, Color32::from_rgb(r, g, b));
    }
}

/// Width and level as numbers.
fn window(ui: &mut Ui, voi: &mut Voi, auto: Window, unit: &str, name: &str) {
    row(ui, "Window", |ui| {
        let mut w = match voi {
            Voi::Window(w) => *w,
            Voi::Lut(lut) => {
                quiet(ui, format!("table {}", lut.name));
                return;
            }
        };
        let speed = auto.width.abs().max(1e-6) / 300.0;
        let before = w;
        let decimals = usize::from(auto.width < 20.0) * 2;
        let width = ui
            .add(DragValue::new(&mut w.width).speed(speed).max_decimals(decimals).prefix("W "))
            .on_hover_text(format!("Width of the window {unit}"));
        width.widget_info(|| {
            egui::WidgetInfo::labeled(egui::accesskit::Role::SpinButton, true, format!("Width of {name}"))
        });
        let level = ui
            .add(DragValue::new(&mut w.center).speed(speed).max_decimals(decimals).prefix("L "))
            .on_hover_text(format!("Level of the window {unit}"));
        level.widget_info(|| {
            egui::WidgetInfo::labeled(egui::accesskit::Role::SpinButton, true, format!("Level of {name}"))
        });
        if w != before {
            *voi = Voi::Window(Window::with_function(w.center, w.width.max(f64::MIN_POSITIVE), w.function));
        }
    });
}

fn threshold(ui: &mut Ui, threshold: &mut Option<[f64; 2]>, [low, high]: [f64; 2], name: &str) {
    row(ui, "Shows", |ui| {
        let [mut from, mut to] = threshold.unwrap_or([low, high]);
        let slider = egui::RangeSlider::new(&mut from, &mut to, low..=high).max_decimals(2);
        let response = ui.add(slider).on_hover_text("Values outside are not drawn");
        label_for(&response, &format!("Threshold of {name}"), from);
        if response.changed() {
            *threshold = (from > low || to < high).then_some([from, to]);
        }
    });
}

/// Outline or area, and the table of labels.
fn labels(ui: &mut Ui, layer: &mut Layer, name: &str) {
    let t = tokens(ui.ctx());
    let response = ui.checkbox(&mut layer.outline, "Outlines only");
    response.on_hover_text(format!("Draws {name} as lines instead of areas"));
    let Content::Labels(map) = &mut layer.content else { return };
    let rows: Vec<_> = map.labels.iter().map(|l| (l.value, l.name.clone(), l.color, l.visible)).collect();
    let mut toggled = None;
    egui::ScrollArea::vertical().id_salt(name).max_height(160.0).show(ui, |ui| {
        for (value, label, color, visible) in &rows {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = t.space.xs;
                let (square, _) = ui.allocate_exact_size(vec2(12.0, 12.0), egui::Sense::hover());
                let [r, g, b] = *color;
                ui.painter().rect_filled(square, CornerRadius::same(2), Color32::from_rgb(r, g, b));
                let mut on = *visible;
                if ui.checkbox(&mut on, label).changed() {
                    toggled = Some((*value, on));
                }
            });
        }
    });
    if let Some((value, on)) = toggled {
        // The voxels stay shared; only the table is copied.
        let map = std::sync::Arc::make_mut(map);
        if let Some(row) = map.labels.iter_mut().find(|l| l.value == value) {
            row.visible = on;
        }
    }
}

/// How the lowest overlay image meets the base.
fn compare(ui: &mut Ui, stage: &mut Stage) {
    let t = tokens(ui.ctx());
    ui.label(RichText::new("Compare").family(theme::bold_family()).size(t.size.body));
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = t.space.xs;
        let kinds = [
            ("Blend", Compare::Blend),
            ("Checkerboard", Compare::Checkerboard { square_px: 48 }),
            ("Swipe", Compare::Swipe { position: 0.5 }),
        ];
        for (name, kind) in kinds {
            let same = std::mem::discriminant(&kind) == std::mem::discriminant(&stage.compare);
            if ui.selectable_label(same, name).clicked() {
                stage.compare = kind;
            }
        }
    });
    match &mut stage.compare {
        Compare::Blend => {}
        Compare::Checkerboard { square_px } => {
            row(ui, "Squares", |ui| {
                let response = ui.add(Slider::new(square_px, 8..=256).suffix(" px"));
                label_for(&response, "Side of a square", 0.0);
            });
        }
        Compare::Swipe { position } => {
            row(ui, "Line", |ui| {
                let response = ui.add(Slider::new(position, 0.0..=1.0).show_value(false));
                label_for(&response, "Place of the line", f64::from(*position));
            });
        }
    }
}
