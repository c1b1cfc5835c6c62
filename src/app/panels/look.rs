//! How the volume view looks: projection, transfer function over the histogram, shading, clip box.

use eframe::egui::{ComboBox, DragValue, RangeSlider, Ui, WidgetInfo, accesskit::Role};
use lucide_icons::Icon;

use super::transfer;
use crate::app::action::{Action, Projection};
use crate::app::pane::Kind;
use crate::app::stage::Stage;
use crate::app::state::Model;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{card, icon_button, panel_title, quiet, row};
use crate::display::letters;
use crate::render::scene::WHOLE;

/// Draws it, where a volume is on show.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    if !model.panes.iter().any(|p| p.kind == Kind::Volume && p.series == model.active_series()) {
        return;
    }
    let Some(stage) = model.active_stage() else { return };
    if !stage.whole || !stage.base.content.space().is_patient() {
        return;
    }
    panel_title(ui, "Volume", |ui| {
        if icon_button(ui, Icon::RotateCcw, "Whole volume again", false).clicked() {
            stage.look.clip = WHOLE;
        }
    });
    card(ui, false, |ui| {
        ui.set_width(ui.available_width());
        projection(ui, stage, queue);
        if stage.look.projection == Projection::Composite {
            presets(ui, stage);
            transfer::editor(ui, stage);
            point_fields(ui, stage);
            ui.checkbox(&mut stage.look.shaded, "Shaded").on_hover_text("Light from the eye on the surfaces");
        } else {
            quiet(ui, "The window of the base layer applies; Ctrl + drag changes it");
        }
        ui.add_space(t.space.xs);
        clip_box(ui, stage);
    });
}

fn projection(ui: &mut Ui, stage: &Stage, queue: &mut Vec<Action>) {
    row(ui, "Shows", |ui| {
        let chosen = stage.look.projection;
        let response = ComboBox::from_id_salt("projection")
            .width(ui.available_width() - 8.0)
            .selected_text(chosen.name())
            .show_ui(ui, |ui| {
                for one in Projection::ALL {
                    let action = Action::Project(one);
                    if ui.selectable_label(chosen == one, one.name()).on_hover_text(action.hint()).clicked() {
                        queue.push(action);
                    }
                }
            })
            .response;
        response.widget_info(|| combo_info("Projection", chosen.name()));
    });
}

fn combo_info(name: &str, value: &str) -> WidgetInfo {
    let mut info = WidgetInfo::labeled(Role::ComboBox, true, name);
    info.current_text_value = Some(value.to_owned());
    info
}

fn presets(ui: &mut Ui, stage: &mut Stage) {
    row(ui, "Colours", |ui| {
        let chosen = stage.look.transfer.name.clone();
        let mut wanted = None;
        let response = ComboBox::from_id_salt("transfer presets")
            .width(ui.available_width() - 8.0)
            .selected_text(&chosen)
            .show_ui(ui, |ui| {
                for preset in stage.transfer_presets() {
                    if ui.selectable_label(preset.name == chosen, &preset.name).clicked() {
                        wanted = Some(preset);
                    }
                }
            })
            .response;
        response.widget_info(|| combo_info("Transfer function", &chosen));
        if let Some(preset) = wanted {
            stage.look.transfer = preset;
            stage.look.chosen_point = None;
        }
    });
}

/// The chosen point in numbers.
fn point_fields(ui: &mut Ui, stage: &mut Stage) {
    let unit = stage.volume().map(|v| v.unit.symbol().to_owned()).unwrap_or_default();
    let look = &mut stage.look;
    let count = look.transfer.points.len();
    ui.horizontal(|ui| {
        if icon_button(ui, Icon::ArrowLeft, "Previous point", false).clicked() {
            look.chosen_point = Some(look.chosen_point.map_or(0, |i| i.saturating_sub(1)));
        }
        if icon_button(ui, Icon::ArrowRight, "Next point", false).clicked() {
            look.chosen_point = Some(look.chosen_point.map_or(0, |i| (i + 1).min(count.saturating_sub(1))));
        }
        let chosen = look.chosen_point.filter(|i| *i < count);
        let Some(index) = chosen else {
            quiet(ui, "Drag points; double-click adds one");
            return;
        };
        let span = look.transfer.range();
        let speed = ((span[1] - span[0]) / 400.0).max(1e-9);
        let (low, high) = transfer::neighbours(&look.transfer.points, index);
        let Some(point) = look.transfer.points.get_mut(index) else { return };
        let value = DragValue::new(&mut point.value)
            .speed(speed)
            .range(low..=high)
            .max_decimals(2)
            .suffix(if unit.is_empty() { String::new() } else { format!(" {unit}") });
        let mut changed = ui.add(value).on_hover_text("Value of the point").changed();
        let mut percent = point.opacity * 100.0;
        let field = DragValue::new(&mut percent).speed(0.5).range(0.0..=100.0).max_decimals(1).suffix(" %");
        changed |= ui.add(field).on_hover_text("Opacity of a millimetre").changed();
        point.opacity = percent / 100.0;
        changed |= ui.color_edit_button_rgb(&mut point.color).on_hover_text("Colour of the point").changed();
        if count > 2 && icon_button(ui, Icon::Trash2, "Delete point", false).clicked() {
            look.transfer.points.remove(index);
            look.chosen_point = None;
            changed = true;
        }
        if changed {
            transfer::mark_edited(&mut look.transfer);
        }
    });
}

/// What is left of the volume, along its own axes.
fn clip_box(ui: &mut Ui, stage: &mut Stage) {
    let directions = stage.geometry().directions();
    for (axis, direction) in directions.into_iter().enumerate() {
        let (from, to) = (letters(-direction, false), letters(direction, false));
        row(ui, &format!("{from} – {to}"), |ui| {
            let [low, high] = &mut stage.look.clip[axis];
            let slider = RangeSlider::new(low, high, 0.0..=1.0).show_value(false).min_separation(0.02);
            let response = ui.add(slider).on_hover_text("Cuts the volume off at both ends");
            response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, format!("Clip {from} to {to}")));
        });
    }
}
