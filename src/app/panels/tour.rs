//! The guided tour: what the person looks at, what to believe and what not, the numbers, and the way on and back.

use eframe::egui::{self, Align, Button, Frame, Label, Layout, Margin, Panel, RichText, ScrollArea, Stroke, Ui};
use eframe::egui::{FontFamily, FontId, TextFormat, text::LayoutJob, vec2};
use lucide_icons::Icon;

use crate::app::action::Action;
use crate::app::state::Model;
use crate::app::touring::{Stand, Touring};
use crate::app::ui_kit::theme::{self, tokens};
use crate::app::ui_kit::widgets::{icon, icon_button, named, notice, quiet, tooltip};
use crate::jobs::Progress;
use crate::tour::words::{Span, SpanKind, blocks};
use crate::tour::{Number, Step};

/// Draws it. `working`: the step that the worker plays (none: the image is being opened), and how far it is.
pub(crate) fn show(ui: &mut Ui, model: &Model, working: Option<&(Option<usize>, Progress)>, queue: &mut Vec<Action>) {
    let Some(touring) = &model.touring else { return };
    let t = tokens(ui.ctx());
    ui.horizontal(|ui| {
        ui.label(icon(Icon::GraduationCap).size(14.0).color(t.quiet));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if icon_button(ui, Icon::X, &Action::LeaveTour.text(), false).clicked() {
                queue.push(Action::LeaveTour);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| quiet(ui, &touring.tour.title));
        });
    });
    Panel::bottom("tour steps")
        .frame(Frame::new().inner_margin(Margin { top: t.space.s as i8, ..Margin::ZERO }))
        .show_separator_line(false)
        .show(ui, |ui| steps(ui, touring, queue));
    let Some((step, stand)) = touring.step() else { return };
    ScrollArea::vertical().id_salt(("tour", touring.at)).auto_shrink([false, false]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = t.space.s;
        let title = RichText::new(&step.title).size(t.size.title).family(theme::bold_family()).color(t.text);
        ui.add(Label::new(title).wrap());
        text(ui, &step.text, t.text);
        standing(ui, touring, stand, working, queue);
        if let Stand::Done(played) = stand {
            numbers(ui, &played.numbers);
        }
        beliefs(ui, step, stand);
        if let Stand::Done(played) = stand {
            for ran in played.runs() {
                let (r, licence) = (&ran.result, &ran.model.manifest.license);
                let facts = format!("{}   {licence}   {}   {:.1} s", r.model, r.provider, r.seconds.total);
                quiet(ui, facts).on_hover_text(format!("SHA-256 of the weights {}", r.weights_sha256));
            }
            for one in &played.notices {
                notice(ui, one);
            }
        }
    });
}

/// Back, where the tour is, next.
fn steps(ui: &mut Ui, touring: &Touring, queue: &mut Vec<Action>) {
    let t = tokens(ui.ctx());
    // Between them stands where the tour is.
    let width = if ui.available_width() > 250.0 { 84.0 } else { 72.0 };
    ui.horizontal(|ui| {
        let mut button = |ui: &mut Ui, action: Action, enabled: bool, first: bool| {
            let content = (icon(action.icon()).size(14.0), RichText::new(action.text()));
            let fill = if first { t.accent_ground } else { t.field };
            let response = ui.add_enabled(enabled, Button::new(content).fill(fill).min_size(vec2(width, 28.0)));
            named(&response, &action.text(), None);
            if response.on_hover_text(tooltip(ui.ctx(), action)).clicked() {
                queue.push(action);
            }
        };
        button(ui, Action::TourBack, touring.at > 0, false);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            button(ui, Action::TourNext, !touring.is_last(), true);
            ui.with_layout(Layout::centered_and_justified(egui::Direction::LeftToRight), |ui| {
                let place = format!("{} of {}", touring.at + 1, touring.steps.len());
                let place = if ui.available_width() > 80.0 { format!("Step {place}") } else { place };
                ui.label(RichText::new(place).size(t.size.small).color(t.quiet));
            });
        });
    });
}

/// What the step still waits for.
fn standing(
    ui: &mut Ui,
    touring: &Touring,
    stand: &Stand,
    working: Option<&(Option<usize>, Progress)>,
    queue: &mut Vec<Action>,
) {
    let t = tokens(ui.ctx());
    match stand {
        Stand::Done(_) => {}
        Stand::Stopped => {
            ui.horizontal(|ui| {
                ui.label(RichText::new("Stopped").color(t.quiet));
                if ui.button(Action::TourAgain.text()).on_hover_text(Action::TourAgain.hint()).clicked() {
                    queue.push(Action::TourAgain);
                }
            });
        }
        Stand::Waiting | Stand::Running => {
            let other = working.and_then(|(step, _)| *step).filter(|step| *step != touring.at);
            let progress = working.map(|(_, progress)| progress);
            let stage = progress.map(|p| p.stage.as_str()).filter(|stage| !stage.is_empty());
            let words = match (other, stage) {
                _ if touring.on.is_none() => stage.unwrap_or("Opening the image").to_owned(),
                (Some(other), _) => format!("Waiting for step {}, which is still being worked on", other + 1),
                (None, Some(stage)) => stage.to_owned(),
                (None, None) => "Working on this step".to_owned(),
            };
            ui.horizontal(|ui| {
                ui.spinner();
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    let response = ui.button(other.map_or("Cancel".to_owned(), |n| format!("Cancel step {}", n + 1)));
                    named(&response, &Action::TourStop.text(), None);
                    if response.on_hover_text(Action::TourStop.hint()).clicked() {
                        queue.push(Action::TourStop);
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| quiet(ui, words));
                });
            });
            if let Some(fraction) = progress.filter(|_| other.is_none()).and_then(Progress::fraction) {
                ui.add(egui::ProgressBar::new(fraction).desired_height(4.0));
            }
        }
    }
}

/// A table of two columns: what, and how much.
fn numbers(ui: &mut Ui, numbers: &[Number]) {
    if numbers.is_empty() {
        return;
    }
    let t = tokens(ui.ctx());
    let small = |s: &str| RichText::new(s).size(t.size.small + 1.0);
    let half = (ui.available_width() - t.space.s) * 0.5;
    for number in numbers {
        let color = if number.value.is_some() { t.text } else { t.quiet };
        ui.horizontal_top(|ui| {
            ui.spacing_mut().item_spacing.x = t.space.s;
            for text in [small(&number.title).color(t.quiet), small(&number.words).color(color)] {
                ui.allocate_ui_with_layout(vec2(half, 0.0), Layout::top_down(Align::Min), |ui| {
                    ui.set_width(half);
                    ui.add(Label::new(text).wrap());
                });
            }
        });
    }
}

fn beliefs(ui: &mut Ui, step: &Step, stand: &Stand) {
    let t = tokens(ui.ctx());
    let failed = matches!(stand, Stand::Done(played) if !played.is_whole());
    if let Some(not) = step.do_not_believe.as_ref().filter(|_| !failed) {
        boxed(ui, Icon::TriangleAlert, "What not to believe", t.uncertain, not);
    }
    // Nothing is there to believe before it is made.
    let made = matches!(stand, Stand::Done(_)) && !failed;
    if let Some(believe) = step.believe.as_ref().filter(|_| made) {
        boxed(ui, Icon::Check, "What you can believe", t.approved, believe);
    }
}

/// A box with a sign, a heading and words.
fn boxed(ui: &mut Ui, sign: Icon, heading: &str, color: egui::Color32, words: &str) {
    let t = tokens(ui.ctx());
    Frame::new()
        .fill(t.raised)
        .stroke(Stroke::new(1.0, color.gamma_multiply(0.5)))
        .corner_radius(t.size.radius)
        .inner_margin(Margin::same(t.space.s as i8))
        .show(ui, |ui| {
            ui.set_min_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = t.space.xs;
            ui.horizontal(|ui| {
                ui.spacing_mut().item_spacing.x = t.space.xs;
                ui.label(icon(sign).size(14.0).color(color));
                ui.label(RichText::new(heading).family(theme::bold_family()).color(color));
            });
            text(ui, words, t.text);
        });
}

fn text(ui: &mut Ui, words: &str, color: egui::Color32) {
    for block in blocks(words) {
        let job = styled(ui, &block.spans, color);
        if block.item {
            ui.horizontal_top(|ui| {
                ui.spacing_mut().item_spacing.x = tokens(ui.ctx()).space.xs;
                ui.label("•");
                ui.add(Label::new(job).wrap());
            });
        } else {
            ui.add(Label::new(job).wrap());
        }
    }
}

fn styled(ui: &Ui, spans: &[Span], color: egui::Color32) -> LayoutJob {
    let size = tokens(ui.ctx()).size.body;
    let mut job = LayoutJob::default();
    for span in spans {
        let family = match span.kind {
            SpanKind::Plain => FontFamily::Proportional,
            SpanKind::Strong => theme::bold_family(),
            SpanKind::Code => FontFamily::Monospace,
        };
        job.append(&span.words, 0.0, TextFormat::simple(FontId::new(size, family), color));
    }
    job
}
