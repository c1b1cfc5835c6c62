//! The measurements of the active series: what each says, where it is, and its end.

use eframe::egui::{self, Label, RichText, Sense, Ui, UiBuilder};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::measuring::{Measured, is_on_slice};
use crate::app::pane::Kind as PaneKind;
use crate::app::state::Model;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{card, icon_button, panel_title, quiet};
use crate::volume::PatientPoint;
use crate::volume::measure::{Kind, Reading, Ruler};

/// Draws it, where there are any.
pub(crate) fn show(ui: &mut Ui, model: &mut Model, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    let Some(series) = model.active_series() else { return };
    let measured: Vec<Measured> = model.stages.get(&series).map(|s| s.measured.clone()).unwrap_or_default();
    if measured.is_empty() {
        return;
    }
    ui.add_space(t.space.m);
    let on = model.measurements_on;
    let mut copy = false;
    panel_title(ui, "Measurements", |ui| {
        let (picture, name) = if on { (Icon::Eye, "Hide measurements") } else { (Icon::EyeOff, "Show measurements") };
        if icon_button(ui, picture, name, on).clicked() {
            queue.push(Action::ToggleMeasurements);
        }
        if model.blinded.is_none() {
            copy = icon_button(ui, Icon::Copy, "Copy measurements", false).clicked();
            if icon_button(ui, Icon::Save, "Save measurements…", false).clicked() {
                queue.push(Action::SaveMeasurements);
            }
        }
    });
    let (mut go_to, mut delete, mut text) = (None, None, String::new());
    for (n, one) in measured.iter().enumerate() {
        let Some(stage) = model.stages.get(&series) else { return };
        let reading = model.measuring.readings.get(ui.ctx(), series, one.id, &one.what, stage);
        let chosen = model.measuring.chosen == Some((series, one.id));
        let headline = reading.as_ref().map_or_else(|| "…".to_owned(), Reading::headline);
        let details = reading.as_ref().map(|r| r.details().join("   ")).unwrap_or_default();
        let name = format!("{} {}", one.what.kind.name(), n + 1);
        text.push_str(format!("{name}\t{headline}\t{details}").trim_end());
        text.push('\n');
        // The card is told before its buttons, so that it lies beneath them and a click on one is that button's.
        let response = ui
            .scope_builder(UiBuilder::new().sense(Sense::click()), |ui| {
                card(ui, chosen, |ui| {
                    ui.set_width(ui.available_width());
                    ui.horizontal(|ui| {
                        ui.spacing_mut().item_spacing.x = t.space.xs;
                        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                            if icon_button(ui, Icon::Trash2, &format!("Delete {name}"), false).clicked() {
                                delete = Some(one.id);
                            }
                            if icon_button(ui, Icon::Locate, &format!("Go to {name}"), false).clicked() {
                                go_to = Some(one.clone());
                            }
                            ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                                ui.label(RichText::new(&name).size(t.size.small).color(t.quiet));
                                if details.is_empty() {
                                    ui.add(Label::new(RichText::new(&headline).color(t.text)).truncate());
                                }
                            });
                        });
                    });
                    if !details.is_empty() {
                        ui.add(Label::new(RichText::new(&headline).color(t.text)).truncate());
                        ui.add(Label::new(RichText::new(&details).size(t.size.small).color(t.quiet)).wrap());
                    }
                });
            })
            .response;
        if response.clicked() && go_to.is_none() && delete.is_none() {
            go_to = Some(one.clone());
        }
        ui.add_space(2.0);
    }
    let ruler = model.stages.get(&series).map(|s| Ruler::of(s.base.content.space()));
    if let Some(why) = ruler.as_ref().and_then(Ruler::pixels_because) {
        let text = RichText::new(format!("Lengths are {why}")).size(t.size.small).color(t.quiet);
        ui.add(Label::new(text).wrap());
        if measured.iter().any(|m| m.what.kind == Kind::Angle) {
            quiet(ui, "Angles take pixels for square");
        }
    }
    if copy {
        ui.ctx().copy_text(text);
    }
    if let Some(id) = delete
        && let Some(stage) = model.stages.get_mut(&series)
    {
        stage.measured.retain(|m| m.id != id);
        model.measuring.chosen = model.measuring.chosen.filter(|c| *c != (series, id));
    }
    if let Some(one) = go_to {
        model.measuring.chosen = Some((series, one.id));
        show_slice_of(model, &one);
    }
}

/// Goes to the slice on which a measurement lies, in the viewport that cuts that way.
fn show_slice_of(model: &mut Model, one: &Measured) {
    let series = model.active_series();
    let normal = one.what.right.cross(one.what.down).normalize_or_zero();
    let cuts = |index: usize| {
        let (pane, stage) = model.panes.get(index).zip(model.stage_of(index))?;
        let along = pane.axes(stage).forward.dot(normal).abs() > 0.999_99;
        (pane.series == series && matches!(pane.kind, PaneKind::Slice(_)) && along).then_some(index)
    };
    let found = std::iter::once(model.active).chain(0..model.panes.len()).find_map(cuts);
    let (Some(index), Some(first)) = (found, one.what.points.first().copied()) else { return };
    let Some((pane, stage)) = model.panes.get(index).zip(model.stage_of(index)) else { return };
    if is_on_slice(&one.what, pane, stage) {
        return;
    }
    let forward = pane.axes(stage).forward;
    let to = PatientPoint(pane.point.0 + forward * (first.0 - pane.point.0).dot(forward));
    model.move_point(index, to);
}
