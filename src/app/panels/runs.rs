//! The head of a run in the list of layers: what the guard and the engine said, classes, and what can be done with it.

use eframe::egui::{self, Align, Button, Label, Layout, RichText, TextEdit, Ui};
use lucide_icons::Icon;

use super::why::{bar, guard_line};
use crate::app::results::{self, Run};
use crate::app::stage::{Overlay, Stage};
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{icon, icon_button, named, notice, quiet, synthetic_badge};
use crate::inference::engine::{ClassScore, OutputContent};
use crate::render::scene::Content;
use crate::volume::{Review, ReviewState};

/// What the person asked of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RunWish {
    Fold,
    Remove,
    Save,
    Subtract,
}

/// Draws it.
pub(super) fn head(ui: &mut Ui, stage: &Stage, run: &Run) -> Option<RunWish> {
    let t = tokens(ui.ctx());
    let result = &run.result;
    let mut wish = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, Icon::Trash2, &format!("Remove all layers of {}", result.model), false).clicked() {
                wish = Some(RunWish::Remove);
            }
            if run.made.is_some()
                && icon_button(ui, Icon::Save, &format!("Save results of {}…", result.model), false).clicked()
            {
                wish = Some(RunWish::Save);
            }
            subtract(ui, stage, run, &mut wish);
            let (picture, verb) = if run.open { (Icon::ChevronDown, "Fold") } else { (Icon::ChevronRight, "Unfold") };
            if icon_button(ui, picture, &format!("{verb} {}", result.model), run.open).clicked() {
                wish = Some(RunWish::Fold);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let title = RichText::new(&result.model).family(theme::bold_family()).color(t.text);
                ui.add(Label::new(title).truncate()).on_hover_text(facts(run));
            });
        });
    });
    // The verdict stands before what was made.
    if let Some(guard) = &result.guard {
        guard_line(ui, guard.likeness(), &guard.sentence());
    }
    if !run.open {
        return wish;
    }
    if result.provenance.is_synthetic() {
        synthetic_badge(ui);
    }
    quiet(ui, facts(run));
    for warning in &result.warnings {
        notice(ui, warning);
    }
    for output in &result.outputs {
        if let OutputContent::Classes(classes) = &output.content {
            self::classes(ui, &output.name, classes);
        }
    }
    wish
}

fn facts(run: &Run) -> String {
    let r = &run.result;
    let repeats = if r.repeats > 1 { format!("   {} repeats", r.repeats) } else { String::new() };
    format!("{}   {:.1} s{repeats}", r.provider, r.seconds.total)
}

/// The button of the difference layer, where there is an image to subtract from.
fn subtract(ui: &mut Ui, stage: &Stage, run: &Run, wish: &mut Option<RunWish>) {
    let Some(result) = first_image(stage, run.id) else { return };
    let Content::Image(made) = &result.layer.content else { return };
    let Some(source) = stage.volume() else { return };
    let why = results::no_difference(made, source);
    let name = format!("Difference of {} and its source", result.layer.name);
    ui.add_enabled_ui(why.is_none(), |ui| {
        let response = icon_button(ui, Icon::Diff, &name, false);
        if response.on_disabled_hover_text(why.unwrap_or_default()).clicked() {
            *wish = Some(RunWish::Subtract);
        }
    });
}

/// The first image that a run made.
pub(crate) fn first_image(stage: &Stage, run: u64) -> Option<&Overlay> {
    stage.overlays.iter().find(|o| {
        o.part.as_ref().is_some_and(|p| p.run == run && p.meaning == results::Meaning::Result)
            && matches!(o.layer.content, Content::Image(_))
    })
}

/// Classes of the whole image: bars where they are probabilities, with their spread where it is known.
fn classes(ui: &mut Ui, name: &str, classes: &[ClassScore]) {
    let t = tokens(ui.ctx());
    ui.label(RichText::new(name).size(t.size.small).color(t.quiet));
    let shares = classes.iter().all(|c| (0.0..=1.0).contains(&c.score));
    for class in classes {
        if shares {
            bar(ui, &class.name, class.score, class.std, None);
        } else {
            let spread = class.std.map(|s| format!(" ± {s:.3}")).unwrap_or_default();
            quiet(ui, format!("{}   {:.3}{spread}", class.name, class.score));
        }
    }
    if classes.iter().all(|c| c.std.is_none()) {
        quiet(ui, crate::app::evidence::NO_UNCERTAINTY);
    }
}

/// A decision that waits for its reason.
#[derive(Debug, Clone)]
struct Pending {
    state: ReviewState,
    reason: String,
}

/// Accept, reject or correct a result; or what was decided, and its withdrawal.
pub(super) fn review(ui: &mut Ui, overlay: &mut Overlay) {
    let t = tokens(ui.ctx());
    let name = overlay.layer.name.clone();
    let memory = egui::Id::unique("review").with(overlay.id);
    let decided = overlay.layer.content.provenance().review().cloned();
    if let Some(decided) = decided {
        ui.horizontal(|ui| {
            let response = ui.small_button("Withdraw");
            named(&response, &format!("Withdraw the word on {name}"), None);
            if response.on_hover_text("The layer is undecided again").clicked() {
                results::review(&mut overlay.layer, None);
            }
        });
        if !decided.reason.is_empty() {
            quiet(ui, &decided.reason).on_hover_text(&decided.reason);
        }
        if decided.state == ReviewState::Corrected {
            ui.add(
                Label::new(
                    RichText::new("Counts as drawn by a program and a person. Tools to edit it come later")
                        .size(t.size.small)
                        .color(t.quiet),
                )
                .wrap(),
            );
        }
        return;
    }
    let pending: Option<Pending> = ui.data(|d| d.get_temp(memory));
    let Some(mut pending) = pending else {
        ui.horizontal(|ui| {
            ui.spacing_mut().item_spacing.x = t.space.xs;
            let choices = [
                (ReviewState::Accepted, Icon::Check, "Accept", t.approved),
                (ReviewState::Rejected, Icon::X, "Reject", t.text),
                (ReviewState::Corrected, Icon::Pencil, "Correct", t.text),
            ];
            for (state, picture, word, color) in choices {
                let text = RichText::new(word).size(t.size.small);
                let response = ui.add(Button::new((icon(picture).size(12.0).color(color), text)));
                named(&response, &format!("{word} {name}"), None);
                if response.on_hover_text(hint(state)).clicked() {
                    ui.data_mut(|d| d.insert_temp(memory, Pending { state, reason: String::new() }));
                }
            }
        });
        return;
    };
    let response = TextEdit::singleline(&mut pending.reason)
        .hint_text("Reason")
        .desired_width(ui.available_width())
        .show(ui)
        .response
        .response
        .clone()
        .accessible_name(format!("Reason for {name}"));
    let entered = response.lost_focus() && ui.input(|i| i.key_pressed(egui::Key::Enter));
    let mut done = false;
    ui.horizontal(|ui| {
        let word = match pending.state {
            ReviewState::Accepted => "Accept",
            ReviewState::Rejected => "Reject",
            ReviewState::Corrected => "Mark as corrected",
        };
        let confirm = ui.button(word);
        named(&confirm, &format!("Confirm: {} {name}", word.to_lowercase()), None);
        if confirm.clicked() || entered {
            let review = Review {
                state: pending.state,
                reason: pending.reason.trim().to_owned(),
                time: crate::provenance::now(),
            };
            results::review(&mut overlay.layer, Some(review));
            done = true;
        }
        done |= ui.button("Cancel").clicked();
    });
    ui.data_mut(|d| {
        if done {
            d.remove::<Pending>(memory);
        } else {
            d.insert_temp(memory, pending);
        }
    });
}

fn hint(state: ReviewState) -> &'static str {
    match state {
        ReviewState::Accepted => "Good for its purpose; kept in its record and in what is exported",
        ReviewState::Rejected => "Not to be used: hidden, and marked so in its record and in what is exported",
        ReviewState::Corrected => "A person takes it over: it counts as drawn by a program and a person",
    }
}
