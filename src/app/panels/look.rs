//! How the volume view looks: projection, transfer function over the histogram, shading, clip box.

use eframe::egui::{ComboBox, RangeSlider, Ui, WidgetInfo, accesskit::Role};
use lucide_icons::Icon;

use super::transfer_editor::{TransferEditor, TransferInput};
use crate::app::action::{Action, Projection};
use crate::app::pane::Kind;
use crate::app::stage::Stage;
use crate::app::state::Model;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{card, icon_button, panel_title, quiet, row};
use crate::display::letters;
use crate::render::scene::WHOLE;

/// Draws it, where a volume is on show.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, editor: &mut TransferEditor, queue: &mut Vec<Action>) {
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
            let unit = stage.volume().map(|v| v.unit.symbol().to_owned()).unwrap_or_default();
            let histogram = stage.histogram.clone();
            let presets = stage.look.presets.clone();
            let input = TransferInput {
                transfer: &stage.look.transfer,
                histogram: histogram.as_deref(),
                unit: &unit,
                presets: &presets,
            };
            if let Some(edit) = editor.ui(ui, input) {
                stage.look.transfer = edit.transfer;
            }
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
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::ComboBox, true, "Projection");
            info.current_text_value = Some(chosen.name().to_owned());
            info
        });
    });
}

/// What is left of the volume, along its own axes.
fn clip_box(ui: &mut Ui, stage: &mut Stage) {
    let directions = stage.geometry().directions();
    for (axis, direction) in directions.into_iter().enumerate() {
        let (from, to) = (letters(-direction, false), letters(direction, false));
        row(ui, &format!("Clip {from} – {to}"), |ui| {
            ui.spacing_mut().slider_width = (ui.available_width() - 12.0).max(60.0);
            let [low, high] = &mut stage.look.clip[axis];
            let slider = RangeSlider::new(low, high, 0.0..=1.0).show_value(false).min_separation(0.02);
            let response = ui.add(slider).on_hover_text("Cuts the volume off at both ends");
            response.widget_info(|| WidgetInfo::labeled(Role::Slider, true, format!("Clip {from} to {to}")));
        });
    }
}
