//! The models that are there, what each is for, and a run on the active series.

use eframe::egui::{self, Button, Label, RichText, Ui};
use lucide_icons::Icon;

use crate::app::library::SeriesId;
use crate::app::state::Model as Window;
use crate::app::tasks::Tasks;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{card, icon, icon_button, named, panel_title, quiet, word_badge};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::Status;

/// A model folder as the list shows it.
#[derive(Debug)]
pub(crate) enum Row {
    Ready(Box<Model>),
    /// A folder whose manifest is not right.
    Broken {
        name: String,
        why: String,
    },
}

/// What the person asked for.
pub(crate) struct Run {
    pub model: Box<Model>,
    pub on: SeriesId,
}

/// Draws the list; `rows` is `None` while the folders are read.
pub(crate) fn show(ui: &mut Ui, window: &Window, rows: Option<&[Row]>, tasks: &Tasks) -> Option<Run> {
    let t = tokens(ui.ctx());
    let mut run = None;
    panel_title(ui, "Models", |_| {});
    let Some(rows) = rows else {
        quiet(ui, "Looking for models…");
        return None;
    };
    if rows.is_empty() {
        quiet(ui, "No model is installed");
    }
    let target = window
        .active_series()
        .filter(|id| window.stages.get(id).is_some_and(|s| s.whole && s.base.content.space().is_patient()));
    for row in rows {
        card(ui, false, |ui| {
            ui.set_width(ui.available_width());
            match row {
                Row::Ready(model) => {
                    if let Some(on) = ready(ui, model, target, tasks) {
                        run = Some(Run { model: model.clone(), on });
                    }
                }
                Row::Broken { name, why } => {
                    ui.add(Label::new(RichText::new(name).color(t.text)).truncate());
                    ui.add(Label::new(RichText::new(why).size(t.size.small).color(t.error)).wrap());
                }
            }
        });
        ui.add_space(t.space.xs);
    }
    run
}

fn ready(ui: &mut Ui, model: &Model, target: Option<SeriesId>, tasks: &Tasks) -> Option<SeriesId> {
    let t = tokens(ui.ctx());
    let m = &model.manifest;
    let mut run = None;
    let running = tasks.run_of(&model.title());
    ui.scope(|ui| {
        ui.with_layout(egui::Layout::right_to_left(egui::Align::TOP), |ui| {
            match &running {
                Some(control) => {
                    if icon_button(ui, Icon::X, &format!("Cancel {}", m.title), false).clicked() {
                        control.cancel();
                    }
                }
                None => {
                    let button = Button::new((icon(Icon::Play).size(12.0), RichText::new("Run")));
                    let response = ui.add_enabled(target.is_some(), button);
                    named(&response, &format!("Run {}", m.title), None);
                    let response = response
                        .on_hover_text("Runs on the active series; fetches ONNX Runtime first if it is missing")
                        .on_disabled_hover_text("Open a series with a place in the patient first");
                    if response.clicked() {
                        run = target;
                    }
                }
            }
            ui.with_layout(egui::Layout::top_down(egui::Align::LEFT), |ui| {
                ui.add(Label::new(RichText::new(&m.title).color(t.text)).wrap());
            });
        });
    });
    if let Some(control) = &running {
        let progress = control.progress();
        let bar = egui::ProgressBar::new(progress.fraction().unwrap_or(0.0)).desired_height(6.0).fill(t.accent);
        ui.add(bar);
        quiet(ui, progress.stage);
    } else {
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = t.space.xs;
            quiet(ui, format!("{}  {}", m.task.title(), m.version));
            let (word, color) = match m.status {
                Status::Demonstration => ("DEMONSTRATION", t.uncertain),
                Status::Research => ("RESEARCH", t.uncertain),
                Status::Cleared => ("CLEARED", t.approved),
            };
            word_badge(ui, word, color);
            if m.task.generates_pixels() {
                word_badge(ui, "MAKES SYNTHETIC", t.synthetic);
            }
        })
        .response
        .on_hover_text(&m.intended_use);
    }
    run
}
