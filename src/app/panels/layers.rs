//! The layers of the active series: what lies over what, how strongly, in which colours. The layers of a run stand
//! together under its head.

use std::sync::Arc;

use eframe::egui::{self, Color32, ComboBox, CornerRadius, DragValue, Label, Rect, RichText, Slider, Ui, pos2, vec2};
use lucide_icons::Icon;

use super::runs::{self, RunWish};
use super::why::review_badge;
use crate::app::action::Action;
use crate::app::evidence::digits;
use crate::app::results::{self, Meaning};
use crate::app::stage::{Overlay, Side, Stage};
use crate::app::state::Model;
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{card, icon_button, panel_title, quiet, row, synthetic_badge, tooltip};
use crate::display::{ColorMap, Voi, Window};
use crate::render::scene::{Compare, Content, Fade, Layer};
use crate::volume::{ReviewState, Volume};

/// What the buttons of a row ask for.
enum Change {
    Up,
    Down,
    Remove,
}

/// A map that another layer can be faded by: its name, its values, their range.
struct Map {
    name: String,
    volume: Arc<Volume>,
    range: [f64; 2],
}

/// Draws it. Gives what the person asked of a run.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) -> Option<(u64, RunWish)> {
    let t = tokens(ui.ctx());
    let on = model.overlays_on;
    let flicker = model.flicker;
    let (graphics_on, shutter_on) = (model.graphics_on, model.shutter_on);
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
        return None;
    };
    let maps = maps(stage);
    let (mut change, mut wish) = (None, None);
    // Runs that made no layer stand above all, the newest first.
    let bare = |id: u64| !stage.overlays.iter().any(|o| o.part.as_ref().is_some_and(|p| p.run == id));
    for id in stage.runs.iter().rev().map(|r| r.id).filter(|id| bare(*id)).collect::<Vec<_>>() {
        group(ui, stage, id, &[], &maps, (&mut change, &mut wish));
    }
    // The top layer stands on top of the list.
    let count = stage.overlays.len();
    let mut index = count;
    while index > 0 {
        let top = index - 1;
        let run = stage.overlays.get(top).and_then(|o| o.part.as_ref()).map(|p| p.run);
        let same = |o: &Overlay| o.part.as_ref().map(|p| p.run) == run;
        let first = stage.overlays[..top].iter().rposition(|o| run.is_none() || !same(o)).map_or(0, |i| i + 1);
        let members: Vec<usize> = (first..=top).rev().collect();
        match run {
            Some(id) => group(ui, stage, id, &members, &maps, (&mut change, &mut wish)),
            None => {
                if let Some(overlay) = stage.overlays.get_mut(top)
                    && let Some(asked) = overlay_card(ui, overlay, (top, count), &maps)
                {
                    change = Some((top, asked));
                }
            }
        }
        index = if run.is_some() { first } else { top };
        ui.add_space(t.space.xs);
    }
    match change {
        Some((i, Change::Up)) => stage.move_overlay(i, true),
        Some((i, Change::Down)) => stage.move_overlay(i, false),
        Some((i, Change::Remove)) => {
            stage.overlays.remove(i);
        }
        None => {}
    }
    let shown = base_card(ui, stage, (graphics_on, shutter_on));
    queue.extend(shown);
    if stage.overlays.iter().any(|o| matches!(o.layer.content, Content::Image(_))) {
        ui.add_space(t.space.s);
        compare(ui, stage, flicker, queue);
    }
    match wish {
        Some((run, RunWish::Fold)) => {
            if let Some(run) = stage.runs.iter_mut().find(|r| r.id == run) {
                run.open = !run.open;
            }
            None
        }
        Some((run, RunWish::Remove)) => {
            stage.remove_run(run);
            None
        }
        other => other,
    }
}

/// The maps among the overlays that say how sure a model is.
fn maps(stage: &Stage) -> Vec<Map> {
    let is_map = |o: &&Overlay| o.part.as_ref().is_some_and(|p| p.meaning.is_doubt());
    let map = |o: &Overlay| match &o.layer.content {
        Content::Image(volume) => Some(Map { name: o.layer.name.clone(), volume: volume.clone(), range: o.range }),
        Content::Labels(_) => None,
    };
    stage.overlays.iter().filter(is_map).filter_map(map).collect()
}

type Asked<'a> = (&'a mut Option<(usize, Change)>, &'a mut Option<(u64, RunWish)>);

/// A run and its layers.
fn group(ui: &mut Ui, stage: &mut Stage, id: u64, members: &[usize], maps: &[Map], (change, wish): Asked<'_>) {
    let t = tokens(ui.ctx());
    let Some(run) = stage.run(id).cloned() else { return };
    let count = stage.overlays.len();
    let frame = egui::Frame::new()
        .stroke(egui::Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(t.size.radius))
        .inner_margin(4);
    frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        if let Some(asked) = runs::head(ui, stage, &run) {
            *wish = Some((id, asked));
        }
        if !run.open {
            return;
        }
        for index in members {
            if let Some(overlay) = stage.overlays.get_mut(*index)
                && let Some(asked) = overlay_card(ui, overlay, (*index, count), maps)
            {
                *change = Some((*index, asked));
            }
            ui.add_space(2.0);
        }
    });
}

fn heading(ui: &mut Ui, layer: &Layer, buttons: impl FnOnce(&mut Ui)) {
    let t = tokens(ui.ctx());
    let word = layer.content.provenance().review();
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            buttons(ui);
            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                let rejected = word.is_some_and(|r| r.state == ReviewState::Rejected);
                let text = RichText::new(&layer.name).color(if rejected { t.quiet } else { t.text });
                let text = if rejected { text.strikethrough() } else { text };
                ui.add(Label::new(text).truncate()).on_hover_text(&layer.name);
            });
        });
    });
    if layer.content.is_synthetic() || word.is_some() {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = t.space.xs;
            if layer.content.is_synthetic() {
                synthetic_badge(ui);
            }
            if let Some(word) = word {
                review_badge(ui, word);
            }
        });
    }
}

/// The base and what its file lays over it. Gives what is to be turned on or off.
fn base_card(ui: &mut Ui, stage: &mut Stage, (graphics_on, shutter_on): (bool, bool)) -> Option<Action> {
    let mut asked = None;
    card(ui, false, |ui| {
        ui.set_width(ui.available_width());
        heading(ui, &stage.base, |ui| {
            quiet(ui, "base");
        });
        let Content::Image(volume) = &stage.base.content else { return };
        let mut switch = |ui: &mut Ui, on: bool, action: Action, text: String, details: &str| {
            let mut ticked = on;
            let hint = tooltip(ui.ctx(), action) + details;
            if ui.checkbox(&mut ticked, text).on_hover_text(hint).changed() {
                asked = Some(action);
            }
        };
        if !volume.graphics.planes.is_empty() {
            let names: Vec<&str> = volume.graphics.planes.iter().map(|p| p.name.as_str()).collect();
            let text = format!("Graphics of the file ({})", names.len());
            switch(ui, graphics_on, Action::ToggleGraphics, text, &format!("\n{}", names.join(", ")));
        }
        if volume.graphics.shutter.is_some() {
            switch(ui, shutter_on, Action::ToggleShutter, "Shutter of the file".to_owned(), "");
        }
        if volume.voxels.is_colour() {
            return;
        }
        let unit = volume.unit.symbol().to_owned();
        color_map(ui, &mut stage.base.colormap, "Colours of the base");
        let auto = stage.auto;
        window(ui, &mut stage.base.voi, auto, &unit, "base");
    });
    asked
}

fn overlay_card(ui: &mut Ui, overlay: &mut Overlay, (index, count): (usize, usize), maps: &[Map]) -> Option<Change> {
    let mut change = None;
    let name = overlay.layer.name.clone();
    // The layers of a run are many: what is needed seldom stands in their unfolded part.
    let of_run = overlay.part.is_some();
    card(ui, false, |ui| {
        ui.set_width(ui.available_width());
        let visible = overlay.layer.visible;
        let open = overlay.open;
        let mut toggle = (false, false);
        heading(ui, &overlay.layer, |ui| {
            if !of_run {
                change = order(ui, &name, (index, count));
            }
            let more = if open { Icon::ChevronDown } else { Icon::ChevronRight };
            toggle.1 = icon_button(ui, more, &format!("Settings of {name}"), open).clicked();
            let eye = if visible { Icon::Eye } else { Icon::EyeOff };
            toggle.0 = icon_button(ui, eye, &format!("Show {name}"), visible).clicked();
        });
        overlay.layer.visible ^= toggle.0;
        overlay.open ^= toggle.1;
        if !of_run || overlay.open || overlay.layer.visible {
            row(ui, "Opacity", |ui| {
                // The number beside it has its room, so that the panel does not grow.
                ui.spacing_mut().slider_width = (ui.available_width() - 72.0).clamp(48.0, 160.0);
                let mut percent = overlay.layer.opacity * 100.0;
                let slider = Slider::new(&mut percent, 0.0..=100.0).suffix(" %").fixed_decimals(0);
                let response = ui.add(slider).on_hover_text("How strongly the layer covers what lies below it");
                label_for(&response, &format!("Opacity of {name}"), f64::from(percent));
                overlay.layer.opacity = percent / 100.0;
            });
        }
        if overlay.part.as_ref().is_some_and(|p| p.meaning == Meaning::Result) {
            runs::review(ui, overlay);
        }
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
                contour(ui, &mut overlay.layer, overlay.range, &unit, &name);
            }
            Content::Labels(_) => labels(ui, &mut overlay.layer, &name),
        }
        let is_map = overlay.part.as_ref().is_some_and(|p| p.meaning.is_doubt());
        if !is_map && !maps.is_empty() {
            fade(ui, &mut overlay.layer.fade, maps, &name);
        }
        if of_run {
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = 2.0;
                change = order(ui, &name, (index, count));
            });
        }
    });
    change
}

/// The buttons that move a layer and take it away.
fn order(ui: &mut Ui, name: &str, (index, count): (usize, usize)) -> Option<Change> {
    let mut change = None;
    if icon_button(ui, Icon::Trash2, &format!("Remove {name}"), false).clicked() {
        change = Some(Change::Remove);
    }
    if index > 0 && icon_button(ui, Icon::ArrowDown, &format!("Move {name} down"), false).clicked() {
        change = Some(Change::Down);
    }
    if index + 1 < count && icon_button(ui, Icon::ArrowUp, &format!("Move {name} up"), false).clicked() {
        change = Some(Change::Up);
    }
    change
}

/// A line along one value.
fn contour(ui: &mut Ui, layer: &mut Layer, [low, high]: [f64; 2], unit: &str, name: &str) {
    row(ui, "Contour", |ui| {
        let mut on = layer.contour.is_some();
        let response = ui.checkbox(&mut on, "");
        response.widget_info(|| {
            egui::WidgetInfo::selected(egui::accesskit::Role::CheckBox, true, on, format!("Contour of {name}"))
        });
        if response.on_hover_text("Draws a line along one value").changed() {
            layer.contour = on.then_some(low + (high - low) / 2.0);
            layer.outline = false;
        }
        if let Some(value) = &mut layer.contour {
            let speed = (high - low).abs().max(1e-9) / 300.0;
            let decimals = if high - low < 20.0 { 3 } else { 0 };
            let level = ui.add(
                DragValue::new(value).speed(speed).range(low..=high).max_decimals(decimals).suffix(format!(" {unit}")),
            );
            level.widget_info(|| {
                egui::WidgetInfo::labeled(
                    egui::accesskit::Role::SpinButton,
                    true,
                    format!("Level of the contour of {name}"),
                )
            });
            let alone = ui.checkbox(&mut layer.outline, "Alone");
            alone.on_hover_text("The line without the colours");
        }
    });
}

/// Less of a layer where a map is high.
fn fade(ui: &mut Ui, fade: &mut Option<Fade>, maps: &[Map], name: &str) {
    row(ui, "Fades by", |ui| {
        let chosen = fade.as_ref().and_then(|f| maps.iter().find(|m| Arc::ptr_eq(&m.volume, &f.by)));
        let text = chosen.map_or("Nothing", |m| m.name.as_str()).to_owned();
        let response = ComboBox::from_id_salt(("fade", name))
            .width(ui.available_width() - 8.0)
            .truncate()
            .selected_text(&text)
            .show_ui(ui, |ui| {
                if ui.selectable_label(fade.is_none(), "Nothing").clicked() {
                    *fade = None;
                }
                for map in maps {
                    if ui.selectable_label(text == map.name, &map.name).clicked() {
                        *fade = Some(Fade { by: map.volume.clone(), range: map.range });
                    }
                }
            })
            .response
            .on_hover_text("Draws this layer less where the map is high: the synthetic fades where it is less certain");
        response.widget_info(|| {
            let mut info =
                egui::WidgetInfo::labeled(egui::accesskit::Role::ComboBox, true, format!("Fading of {name}"));
            info.current_text_value = Some(text.clone());
            info
        });
    });
    if let Some(fade) = fade
        && let Some(map) = maps.iter().find(|m| Arc::ptr_eq(&m.volume, &fade.by))
    {
        row(ui, "From – to", |ui| {
            let [from, to] = &mut fade.range;
            let hint = "Whole up to the first value, gone from the second on";
            let response = range_slider(ui, [from, to], map.range).on_hover_text(hint);
            label_for(&response, &format!("Range of the fading of {name}"), fade.range[0]);
        });
    }
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

/// Two handles, and their values in words beside them.
fn range_slider(ui: &mut Ui, [from, to]: [&mut f64; 2], [low, high]: [f64; 2]) -> egui::Response {
    let t = tokens(ui.ctx());
    ui.spacing_mut().slider_width = (ui.available_width() - 84.0).clamp(40.0, 160.0);
    let response = ui.add(egui::RangeSlider::new(&mut *from, &mut *to, low..=high).show_value(false));
    let text = format!("{} – {}", digits(*from), digits(*to));
    ui.add(Label::new(RichText::new(text).size(t.size.small).color(t.text)).truncate());
    response
}

fn threshold(ui: &mut Ui, threshold: &mut Option<[f64; 2]>, [low, high]: [f64; 2], name: &str) {
    row(ui, "Shows", |ui| {
        let [mut from, to] = threshold.unwrap_or([low, high]);
        let mut to = to.min(high);
        let response =
            range_slider(ui, [&mut from, &mut to], [low, high]).on_hover_text("Values outside are not drawn");
        label_for(&response, &format!("Threshold of {name}"), from);
        if response.changed() {
            let to = if to < high { to } else { results::from(from, [low, high])[1] };
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
fn compare(ui: &mut Ui, stage: &mut Stage, flicker: Option<Side>, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    ui.label(RichText::new("Compare").family(theme::bold_family()).size(t.size.body));
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = t.space.xs;
        let kinds = [
            ("Blend", Compare::Blend),
            ("Checkers", Compare::Checkerboard { square_px: 48 }),
            ("Swipe", Compare::Swipe { position: 0.5 }),
        ];
        for (name, kind) in kinds {
            let same = std::mem::discriminant(&kind) == std::mem::discriminant(&stage.compare);
            if ui.selectable_label(same, RichText::new(name).size(t.size.small)).clicked() {
                stage.compare = kind;
            }
        }
        let word = match flicker {
            None => "Flicker",
            Some(Side::Base) => "Flicker: base",
            Some(Side::Overlay) => "Flicker: overlay",
        };
        let response = ui.selectable_label(flicker.is_some(), RichText::new(word).size(t.size.small));
        if response.on_hover_text(crate::app::ui_kit::widgets::tooltip(ui.ctx(), Action::Flicker)).clicked() {
            queue.push(Action::Flicker);
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
