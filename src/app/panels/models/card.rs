//! One model: folded a line and its words, open all that there is to know before it is run.

use eframe::egui::{self, Align, Button, Label, Layout, RichText, Ui};
use lucide_icons::Icon;

use super::card_text;
use super::form::Form;
use super::list::{Ready, Seen, Wish};
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{icon, icon_button, named, word_badge};
use crate::inference::manifest::schema::Status;

/// Draws it. True when the person folded or unfolded it.
pub(super) fn show(
    ui: &mut Ui,
    ready: &Ready,
    form: &mut Form,
    seen: &Seen<'_>,
    open: bool,
    wishes: &mut Vec<Wish>,
) -> bool {
    let t = tokens(ui.ctx());
    let m = &ready.model.manifest;
    let mut toggled = false;
    ui.with_layout(Layout::right_to_left(Align::TOP), |ui| {
        let (picture, verb) = if open { (Icon::ChevronDown, "Close") } else { (Icon::ChevronRight, "Open") };
        toggled |= icon_button(ui, picture, &format!("{verb} {}", m.title), open).clicked();
        if !open {
            run_button(ui, ready, form, seen, wishes, &mut toggled);
        }
        ui.with_layout(Layout::top_down(Align::LEFT), |ui| {
            let title = Label::new(RichText::new(&m.title).color(t.text)).wrap().sense(egui::Sense::click());
            toggled |= ui.add(title).on_hover_text(&m.intended_use).clicked();
        });
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing = egui::vec2(t.space.xs, t.space.xs);
        let (word, color, hint) = match m.status {
            Status::Demonstration => ("DEMONSTRATION", t.quiet, "Shows a principle; not for patients"),
            Status::Research => ("RESEARCH", t.text, "For studies; not for decisions about a patient"),
            Status::Cleared => {
                ("CLEARED", t.approved, "Cleared by a regulator for its intended use, by its maker's word")
            }
        };
        word_badge(ui, word, color).on_hover_text(hint);
        if m.task.generates_pixels() {
            word_badge(ui, "MAKES SYNTHETIC", t.synthetic)
                .on_hover_text("What it makes is marked SYNTHETIC wherever it goes");
        }
        let facts = RichText::new(format!("{}  {}", m.task.title(), m.version)).size(t.size.small).color(t.quiet);
        ui.add(Label::new(facts).extend());
    });
    if open {
        body(ui, ready, form, seen, wishes);
    }
    toggled
}

fn body(ui: &mut Ui, ready: &Ready, form: &mut Form, seen: &Seen<'_>, wishes: &mut Vec<Wish>) {
    let t = tokens(ui.ctx());
    let m = &ready.model.manifest;
    let fact = |ui: &mut Ui, name: &str, text: &str, color| {
        if !text.is_empty() {
            ui.label(RichText::new(name).size(t.size.small).color(t.quiet));
            ui.add(Label::new(RichText::new(text).size(t.size.small + 1.0).color(color)).wrap());
        }
    };
    ui.add_space(t.space.xs);
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.y = 2.0;
        fact(ui, "For", &m.intended_use, t.text);
        fact(ui, "Not for", &m.not_for, t.text);
    });
    if let Some(card) = &ready.card {
        let word = if form.reading { "Hide the card" } else { "Read the card" };
        let response = ui.add(Button::new((icon(Icon::BookOpen).size(13.0), RichText::new(word).size(t.size.small))));
        named(&response, &format!("Card of {}", m.title), Some(form.reading));
        if response.on_hover_text("How it was made, what was measured, and where it fails").clicked() {
            form.reading = !form.reading;
        }
        if form.reading {
            card_text::show(ui, card);
        }
    }
    ui.add_space(t.space.xs);
    form.show(ui, seen, &ready.model, wishes);
    ui.add_space(t.space.xs);
    ui.horizontal(|ui| {
        run_button(ui, ready, form, seen, wishes, &mut false);
        let licenses = license_lines(ready).join("\n");
        ui.add(Label::new(RichText::new(&m.license).size(t.size.small).color(t.quiet)).truncate())
            .on_hover_text(licenses);
    });
}

/// A longer licence scrolls, points.
const MOST_LICENSE: f32 = 96.0;

/// The licences of weights, code and data, a line each.
fn license_lines(ready: &Ready) -> Vec<String> {
    let m = &ready.model.manifest;
    let mut lines = vec![format!("Weights: {}", m.license)];
    lines.extend(m.license_code.iter().map(|l| format!("Code: {l}")));
    lines.extend(m.license_data.iter().map(|l| format!("Data: {l}")));
    lines
}

/// The licences before the first run; what was agreed to is not asked again.
pub(super) fn license(ui: &mut Ui, ready: &Ready, form: &mut Form, seen: &Seen<'_>, wishes: &mut Vec<Wish>) {
    let t = tokens(ui.ctx());
    let title = format!("Licence of {}", ready.model.manifest.title);
    ui.add(Label::new(RichText::new(title).size(t.size.small).color(t.quiet)).truncate());
    egui::ScrollArea::vertical().id_salt("license").max_height(MOST_LICENSE).show(ui, |ui| {
        for line in license_lines(ready) {
            ui.add(Label::new(RichText::new(line).size(t.size.small + 1.0).color(t.text)).wrap());
        }
    });
    ui.add_space(t.space.xs);
    ui.horizontal(|ui| {
        let response = ui.add(Button::new((icon(Icon::Play).size(12.0), RichText::new("Agree and run"))));
        named(&response, &format!("Agree to the licence and run {}", ready.model.manifest.title), None);
        if response.on_hover_text("Runs; this licence is not shown again").clicked() {
            form.asking = false;
            wishes.push(Wish::Agree(ready.license_key()));
            if let Ok(asked) = form.asked(seen.window, &ready.model) {
                wishes.push(Wish::Run(Box::new(asked)));
            }
        }
        if ui.button("Not now").clicked() {
            form.asking = false;
        }
    });
}

fn run_button(
    ui: &mut Ui,
    ready: &Ready,
    form: &mut Form,
    seen: &Seen<'_>,
    wishes: &mut Vec<Wish>,
    toggled: &mut bool,
) {
    let asked = form.asked(seen.window, &ready.model);
    let folded = ui.layout().prefer_right_to_left();
    let button = Button::new((icon(Icon::Play).size(12.0), RichText::new("Run")));
    // A card that is folded can always be run: it opens where something is left to choose.
    let response = ui.add_enabled(asked.is_ok(), button);
    named(&response, &format!("Run {}", ready.model.manifest.title), None);
    let mut hint = "Runs; fetches ONNX Runtime first if it is missing".to_owned();
    if let Ok(asked) = &asked
        && let Some(entry) = seen.window.library.get(asked.on)
    {
        hint = format!("Runs on {}; fetches ONNX Runtime first if it is missing", entry.series.description);
    }
    let why = asked.as_ref().err().cloned().unwrap_or_default();
    let response = response.on_hover_text(hint).on_disabled_hover_text(why.clone());
    if response.clicked()
        && let Ok(asked) = asked
    {
        if seen.window.settings.licences.contains(&ready.license_key()) {
            wishes.push(Wish::Run(Box::new(asked)));
        } else {
            form.asking = true;
            *toggled |= folded;
        }
    }
    if !folded && !why.is_empty() {
        let t = tokens(ui.ctx());
        ui.add(Label::new(RichText::new(why).size(t.size.small).color(t.quiet)).truncate());
    }
}
