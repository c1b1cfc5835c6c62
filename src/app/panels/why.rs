//! Why here: what is known at the cursor, and where it came from.

use eframe::egui::{
    self, Align, Button, Color32, CornerRadius, Label, Layout, Rect, RichText, ScrollArea, Sense, Ui, vec2,
};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::evidence::{self, Evidence, OutputEvidence, Reading, RunEvidence};
use crate::app::results::Meaning;
use crate::app::stage::{Overlay, Stage};
use crate::app::state::{Model, Probe};
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{icon, icon_button, named, panel_title, quiet, word_badge};
use crate::inference::guard::Likeness;
use crate::volume::{PatientPoint, Provenance, ReviewState};

/// Draws it. Gives the layer whose record the person wants: an overlay, or the base.
pub(crate) fn show(ui: &mut Ui, model: &Model, queue: &mut Vec<Action>) -> Option<Option<u64>> {
    panel_title(ui, "Why here?", |ui| {
        if icon_button(ui, Icon::X, "Close why here", false).clicked() {
            queue.push(Action::ToggleWhy);
        }
    });
    let mut wanted = None;
    let Some((stage, point, pointed)) = place(model) else {
        quiet(ui, "Open a series; what is known at the cursor appears here");
        return None;
    };
    let found = evidence::at(stage, point);
    ScrollArea::vertical().id_salt("why").auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 3.0;
        ui.spacing_mut().interact_size.y = 16.0;
        all(ui, stage, &found, pointed, &mut wanted);
    });
    wanted
}

/// The point under the pointer, else the crosshair.
fn place(model: &Model) -> Option<(&Stage, PatientPoint, bool)> {
    if let Some(Probe { series, point }) = model.probe
        && let Some(stage) = model.stages.get(&series)
    {
        return Some((stage, point, true));
    }
    let pane = model.pane()?;
    Some((model.stages.get(&pane.series?)?, pane.point, false))
}

fn all(ui: &mut Ui, stage: &Stage, found: &Evidence, pointed: bool, wanted: &mut Option<Option<u64>>) {
    let t = tokens(ui.ctx());
    quiet(ui, format!("{}   {}", found.place, if pointed { "pointer" } else { "crosshair" }));
    for reading in &found.readings {
        value(ui, reading);
    }
    if found.runs.is_empty() {
        quiet(ui, "No model has run on this series");
    }
    for run in &found.runs {
        ui.add_space(t.space.xs);
        of_run(ui, run);
    }
    ui.add_space(t.space.s);
    origin(ui, stage, wanted);
}

fn line(ui: &mut Ui, name: &str, text: &str, color: Color32) {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            ui.add(Label::new(RichText::new(text).size(t.size.small + 1.0).color(color)).truncate());
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.add(Label::new(RichText::new(name).size(t.size.small).color(t.quiet)).truncate())
                    .on_hover_text(name);
            });
        });
    });
}

fn value(ui: &mut Ui, reading: &Reading) {
    let t = tokens(ui.ctx());
    let color = match (&reading.value, reading.synthetic) {
        (None, _) => t.quiet,
        (Some(_), true) => t.synthetic,
        (Some(_), false) => t.text,
    };
    let text = reading.value.as_deref().unwrap_or("nothing here");
    let text = if reading.synthetic { format!("{text}  synthetic") } else { text.to_owned() };
    line(ui, &reading.name, &text, color);
}

fn of_run(ui: &mut Ui, run: &RunEvidence) {
    let t = tokens(ui.ctx());
    ui.label(RichText::new(&run.model).family(theme::bold_family()).size(t.size.small + 1.0).color(t.text));
    match &run.guard {
        Some((likeness, sentence)) => guard_line(ui, *likeness, sentence),
        None => {
            ui.add(Label::new(RichText::new(NOT_KNOWN).size(t.size.small).color(t.quiet)).wrap());
        }
    }
    for output in &run.outputs {
        of_output(ui, output, run.unknown);
    }
}

/// Where a model has no guard.
pub(crate) const NOT_KNOWN: &str = "Whether the input is like the training data is not known";

/// The guard's verdict: a colour, a sign and words. What was compared in part is no green light.
pub(crate) fn guard_line(ui: &mut Ui, likeness: Likeness, sentence: &str) {
    let t = tokens(ui.ctx());
    let (picture, color) = match likeness {
        Likeness::Like => (Icon::CircleCheck, t.approved),
        Likeness::InPart => (Icon::CircleQuestionMark, t.quiet),
        Likeness::Unlike => (Icon::TriangleAlert, t.error),
    };
    ui.horizontal_top(|ui| {
        ui.spacing_mut().item_spacing.x = t.space.xs;
        ui.label(icon(picture).size(13.0).color(color));
        ui.add(Label::new(RichText::new(sentence).size(t.size.small + 1.0).color(color)).wrap());
    });
}

fn of_output(ui: &mut Ui, output: &OutputEvidence, unknown: &str) {
    let t = tokens(ui.ctx());
    value(ui, &output.reading);
    match &output.certainty {
        None => {
            line(ui, "Uncertainty", unknown, t.quiet);
        }
        Some(lines) => {
            for (name, text) in lines {
                let color = if text == "unknown here" { t.quiet } else { t.uncertain };
                line(ui, name, text, color);
            }
        }
    }
    for (name, text) in &output.invented {
        line(ui, name, text, if text.starts_with("unknown here") { t.quiet } else { t.uncertain });
    }
    if let Some(finding) = &output.finding {
        line(ui, "By threshold", finding, t.text);
    }
    for (name, share, color) in &output.probabilities {
        bar(ui, name, *share, None, *color);
    }
    for (name, text) in &output.saliency {
        line(ui, name, text, t.text);
    }
    for (name, text) in &output.structures {
        line(ui, name, text, t.text);
    }
}

/// A probability as a bar with its number.
pub(crate) fn bar(ui: &mut Ui, name: &str, share: f64, std: Option<f64>, color: Option<[u8; 3]>) {
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width(), 16.0), Sense::hover());
        let spread = std.map(|s| format!(" ± {:.0} %", s * 100.0)).unwrap_or_default();
        let number = format!("{:.0} %{spread}", share * 100.0);
        response.widget_info(|| {
            let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::Meter, true, name);
            info.current_text_value = Some(number.clone());
            info
        });
        let radius = CornerRadius::same(2);
        ui.painter().rect_filled(rect, radius, t.field);
        let width = rect.width() * share.clamp(0.0, 1.0) as f32;
        let fill = color.map_or(t.accent, |[r, g, b]| Color32::from_rgb(r, g, b)).gamma_multiply(0.45);
        ui.painter().rect_filled(Rect::from_min_size(rect.min, vec2(width, rect.height())), radius, fill);
        let font = egui::FontId::proportional(t.size.small);
        let inner = rect.shrink2(vec2(4.0, 0.0));
        ui.painter().text(inner.left_center(), egui::Align2::LEFT_CENTER, name, font.clone(), t.text);
        ui.painter().text(inner.right_center(), egui::Align2::RIGHT_CENTER, number, font, t.text);
    });
}

/// Where the newest result came from; the base where there is none.
fn origin(ui: &mut Ui, stage: &Stage, wanted: &mut Option<Option<u64>>) {
    let t = tokens(ui.ctx());
    let newest = newest_result(stage);
    let (name, content) = newest.map_or((&stage.base.name, &stage.base.content), |o| (&o.layer.name, &o.layer.content));
    ui.label(
        RichText::new(format!("Origin of {name}")).family(theme::bold_family()).size(t.size.small + 1.0).color(t.text),
    );
    tree(ui, content.provenance(), 0);
    let button = Button::new((icon(Icon::FileJson).size(13.0), RichText::new("Open the record").size(t.size.small)));
    let response = ui.add(button);
    named(&response, "Open the record", None);
    if response.on_hover_text("Everything that is kept of its origin, as JSON").clicked() {
        *wanted = Some(newest.map(|o| o.id));
    }
}

/// The layer that the newest run made.
pub(crate) fn newest_result(stage: &Stage) -> Option<&Overlay> {
    let newest = |o: &&Overlay| o.part.as_ref().map(|p| (p.run, std::cmp::Reverse(p.output)));
    let results = stage
        .overlays
        .iter()
        .filter(|o| o.part.as_ref().is_some_and(|p| matches!(p.meaning, Meaning::Result | Meaning::Anomaly)));
    results.max_by_key(newest)
}

/// A step and what it was made of, indented.
fn tree(ui: &mut Ui, of: &Provenance, depth: usize) {
    let t = tokens(ui.ctx());
    ui.horizontal_top(|ui| {
        ui.add_space(depth as f32 * t.space.m);
        ui.spacing_mut().item_spacing.x = t.space.xs;
        ui.label(
            icon(if of.derivation().is_some() { Icon::CornerDownRight } else { Icon::Scan }).size(12.0).color(t.quiet),
        );
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let text = RichText::new(step(of)).size(t.size.small + 1.0).color(t.text);
            ui.add(Label::new(text).wrap()).on_hover_text(details(of));
            let marks = of.is_synthetic() || of.review().is_some();
            if marks {
                ui.horizontal(|ui| {
                    if of.is_synthetic() {
                        word_badge(ui, "SYNTHETIC", t.synthetic);
                    }
                    if let Some(review) = of.review() {
                        review_badge(ui, review);
                    }
                });
            }
        });
    });
    if depth < 6 {
        for parent in of.parents() {
            tree(ui, parent, depth + 1);
        }
    }
}

/// A person's word on a layer, with the reason on hover.
pub(crate) fn review_badge(ui: &mut Ui, review: &crate::volume::Review) {
    let t = tokens(ui.ctx());
    let (word, color) = match review.state {
        ReviewState::Accepted => ("ACCEPTED", t.approved),
        ReviewState::Rejected => ("REJECTED", t.quiet),
        ReviewState::Corrected => ("SEMI-AUTOMATIC", t.text),
    };
    let reason = if review.reason.is_empty() { "No reason given" } else { &review.reason };
    word_badge(ui, word, color).on_hover_text(format!("{reason}\n{}", review.time));
}

fn step(of: &Provenance) -> String {
    match of.derivation() {
        Some(by) if !by.description.is_empty() => by.description.clone(),
        Some(by) => by.model.clone().unwrap_or_else(|| "A program".to_owned()),
        None => match of.sources() {
            [] => "Acquired; the source is not known".to_owned(),
            [one] => last_part(one),
            many => format!("{} and {} more", last_part(&many[0]), many.len() - 1),
        },
    }
}

/// A file's name out of a path; a UID as it is.
fn last_part(source: &str) -> String {
    source.rsplit(['/', '\\']).next().unwrap_or(source).to_owned()
}

fn details(of: &Provenance) -> String {
    let mut lines: Vec<String> = of.sources().iter().take(8).cloned().collect();
    if let Some(by) = of.derivation() {
        let mut add = |name: &str, text: Option<String>| lines.extend(text.map(|t| format!("{name} {t}")));
        let version = by.model_version.clone().unwrap_or_default();
        add("Model", by.model.as_ref().map(|m| format!("{m} {version}")));
        add("Weights", by.weights_sha256.as_ref().map(|h| h.chars().take(16).collect()));
        add("On", by.provider.clone());
        add("Seed", by.seed.map(|s| s.to_string()));
        add("At", by.time.clone());
    }
    lines.join("\n")
}
