//! The questions of a study that is thought up: added, removed, moved, and asked only when another was answered so.

use std::collections::BTreeMap;

use eframe::egui::{Button, ComboBox, DragValue, RichText, TextEdit, Ui};
use lucide_icons::Icon;

use super::study_wizard::line;
use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::app::ui_kit::widgets::{card, icon, icon_button, named, quiet, row, text_name};
use crate::reader_study::design::{AnswerKind, AsksFor, Condition, Design, Draft, Question};

/// What a person did to the list.
enum Change {
    Up(usize),
    Down(usize),
    Remove(usize),
    Primary(usize),
}

/// Draws the questions of a draft. As long as nothing is changed they are the design's own.
pub(super) fn show(ui: &mut Ui, draft: &mut Draft) {
    let t = tokens(ui.ctx());
    ui.add_space(t.space.s);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Questions").family(bold_family()));
        if draft.questions.is_empty() {
            quiet(ui, "those of the design");
        } else if ui.button("Back to those of the design").clicked() {
            draft.questions.clear();
        }
    });
    let before = draft.asked();
    let mut questions = before.clone();
    let mut change = None;
    let count = questions.len();
    for at in 0..count {
        let earlier: Vec<Question> = questions.iter().take(at).cloned().collect();
        let Some(question) = questions.get_mut(at) else { continue };
        card(ui, question.primary, |ui| {
            ui.set_width(ui.available_width());
            ui.push_id(at, |ui| {
                if let Some(wanted) = one(ui, (at, count), draft.design, question, &earlier) {
                    change = Some(wanted);
                }
            });
        });
        ui.add_space(t.space.xs);
    }
    match change {
        Some(Change::Up(at)) if at > 0 => questions.swap(at - 1, at),
        Some(Change::Down(at)) if at + 1 < count => questions.swap(at, at + 1),
        Some(Change::Remove(at)) => remove(&mut questions, at),
        Some(Change::Primary(at)) => {
            questions.iter_mut().enumerate().for_each(|(n, question)| question.primary = n == at);
        }
        _ => {}
    }
    let add = ui.add(Button::new((icon(Icon::Plus), RichText::new("Add a question"))));
    named(&add, "Add a question", None);
    if add.clicked() {
        let free = (1..).map(|n| format!("question{n}")).find(|id| questions.iter().all(|q| q.id != *id));
        questions.push(Question {
            id: free.unwrap_or_default(),
            text: "What do you see?".to_owned(),
            answer: AnswerKind::Text,
            primary: questions.is_empty(),
            required: false,
            asks_for: None,
            approved: Vec::new(),
            when: None,
        });
    }
    if questions != before {
        draft.questions = questions;
    }
}

/// Takes a question out; what depended on it is always asked, and the first one gives the figure where it did.
fn remove(questions: &mut Vec<Question>, at: usize) {
    let gone = questions.remove(at);
    for question in questions.iter_mut() {
        if question.when.as_ref().is_some_and(|when| when.question == gone.id) {
            question.when = None;
        }
    }
    if let Some(first) = questions.first_mut().filter(|_| gone.primary) {
        first.primary = true;
    }
}

fn one(
    ui: &mut Ui,
    (at, count): (usize, usize),
    design: Design,
    question: &mut Question,
    earlier: &[Question],
) -> Option<Change> {
    let t = tokens(ui.ctx());
    let name = |what: &str| format!("{what} {}", at + 1);
    let mut change = None;
    ui.horizontal(|ui| {
        ui.label(RichText::new(format!("{}", at + 1)).family(bold_family()).color(t.text));
        let primary = ui.radio(question.primary, "The study's figure comes from it");
        named(&primary, &name("Figure from question"), Some(question.primary));
        if primary.clicked() && !question.primary {
            change = Some(Change::Primary(at));
        }
        for (shown, picture, what, wanted) in [
            (at > 0, Icon::ArrowUp, "Move up question", Change::Up(at)),
            (at + 1 < count, Icon::ArrowDown, "Move down question", Change::Down(at)),
            (count > 1, Icon::X, "Remove question", Change::Remove(at)),
        ] {
            if shown && icon_button(ui, picture, &name(what), false).clicked() {
                change = Some(wanted);
            }
        }
    });
    row(ui, "Text", |ui| line(ui, &name("Text of question"), &mut question.text));
    row(ui, "Short name", |ui| line(ui, &name("Short name of question"), &mut question.id));
    row(ui, "Answer", |ui| kind(ui, &name("Answer to question"), &mut question.answer));
    answer(ui, &name(""), &mut question.answer);
    meaning(ui, &name, design, question);
    ui.horizontal(|ui| {
        let required = ui.checkbox(&mut question.required, "Needs an answer");
        named(&required, &name("Needs an answer, question"), Some(question.required));
    });
    if !earlier.is_empty() && !question.primary {
        condition(ui, &name("When question"), &mut question.when, earlier);
    }
    change
}

/// What the options of the question mean that the study's figure comes from.
fn meaning(ui: &mut Ui, name: &dyn Fn(&str) -> String, design: Design, question: &mut Question) {
    if !(question.primary && design == Design::ForcedChoice) {
        question.asks_for = None;
    }
    if !(question.primary && design == Design::Approval) {
        question.approved.clear();
    }
    if !question.primary {
        return;
    }
    if design == Design::ForcedChoice {
        row(ui, "Asks for", |ui| {
            for kind in AsksFor::ALL {
                let words = match kind {
                    AsksFor::Real => "the real image",
                    AsksFor::Synthetic => "the synthetic image",
                };
                let chosen = question.wanted() == kind;
                let radio = ui.radio(chosen, words);
                named(&radio, &name(&format!("Asks for {words}, question")), Some(chosen));
                if radio.clicked() {
                    question.asks_for = Some(kind);
                }
            }
        });
        question.asks_for.get_or_insert(question.wanted());
    }
    if let (Design::Approval, AnswerKind::Choice { options, several: false }) = (design, &question.answer) {
        if question.approved.is_empty() {
            question.approved = question.approved_options();
        }
        question.approved.retain(|option| options.contains(option));
        row(ui, "Approved", |ui| {
            ui.vertical(|ui| {
                for option in options.iter().filter(|option| !option.trim().is_empty()) {
                    let at = question.approved.iter().position(|approved| approved == option);
                    let mut is_approved = at.is_some();
                    let rank = at.map_or_else(String::new, |at| format!(" ({})", at + 1));
                    let check = ui.checkbox(&mut is_approved, format!("{option}{rank}"));
                    named(&check, &name(&format!("`{option}` means approved, question")), Some(is_approved));
                    if check.clicked() && is_approved {
                        question.approved.push(option.clone());
                    } else if check.clicked() {
                        question.approved.retain(|approved| approved != option);
                    }
                }
                quiet(ui, "Best first, in the order in which they are ticked");
            });
        });
    }
}

fn words(answer: &AnswerKind) -> &'static str {
    match answer {
        AnswerKind::Scale { .. } => "Steps of a scale",
        AnswerKind::Choice { several: false, .. } => "One of several options",
        AnswerKind::Choice { several: true, .. } => "Any number of options",
        AnswerKind::Marks { .. } => "Marks on the image, each rated",
        AnswerKind::Text => "Free text",
    }
}

fn kind(ui: &mut Ui, name: &str, answer: &mut AnswerKind) {
    let options = |several| AnswerKind::Choice { options: vec!["yes".to_owned(), "no".to_owned()], several };
    let scale = (1, 5, BTreeMap::new());
    let kinds = [
        AnswerKind::Scale { from: scale.0, to: scale.1, labels: scale.2.clone() },
        options(false),
        options(true),
        AnswerKind::Marks { from: 1, to: 100, labels: scale.2 },
        AnswerKind::Text,
    ];
    let shown = ComboBox::from_id_salt("kind").selected_text(words(answer)).width(260.0).show_ui(ui, |ui| {
        for new in kinds {
            let is_now = words(answer) == words(&new);
            if ui.selectable_label(is_now, words(&new)).clicked() && !is_now {
                *answer = match (&*answer, new) {
                    // What was written as options stays.
                    (AnswerKind::Choice { options, .. }, AnswerKind::Choice { several, .. }) => {
                        AnswerKind::Choice { options: options.clone(), several }
                    }
                    (_, new) => new,
                };
            }
        }
    });
    named(&shown.response, name, None);
}

fn answer(ui: &mut Ui, name: &str, answer: &mut AnswerKind) {
    match answer {
        AnswerKind::Scale { from, to, labels } | AnswerKind::Marks { from, to, labels } => {
            row(ui, "Steps", |ui| {
                let first = ui.add(DragValue::new(from).range(-1000..=1000));
                named(&first, &format!("First step{name}"), None);
                ui.label("to");
                let last = ui.add(DragValue::new(to).range(-1000..=10_000));
                named(&last, &format!("Last step{name}"), None);
            });
            for (what, step) in [("Low end", *from), ("High end", *to)] {
                let mut text = labels.get(&step).cloned().unwrap_or_default();
                row(ui, what, |ui| line(ui, &format!("{what}{name}"), &mut text));
                if text.is_empty() {
                    labels.remove(&step);
                } else {
                    labels.insert(step, text);
                }
            }
            // Words of ends that moved.
            labels.retain(|step, _| (*from..=*to).contains(step));
        }
        AnswerKind::Choice { options, .. } => {
            let mut text = options.join("\n");
            row(ui, "Options", |ui| {
                let edit =
                    TextEdit::multiline(&mut text).desired_rows(options.len().clamp(2, 8)).desired_width(f32::INFINITY);
                let response = ui.add(edit.hint_text("One a line"));
                text_name(&response, &format!("Options{name}"), &text);
                if response.changed() {
                    *options = text.split('\n').map(str::to_owned).collect();
                }
            });
        }
        AnswerKind::Text => {}
    }
}

/// When the question is asked.
fn condition(ui: &mut Ui, name: &str, when: &mut Option<Condition>, earlier: &[Question]) {
    let of = |id: &str| earlier.iter().find(|q| q.id == id);
    row(ui, "Asked", |ui| {
        let now = when.as_ref().map_or_else(|| "always".to_owned(), |w| format!("by the answer to {}", w.question));
        let shown = ComboBox::from_id_salt("when").selected_text(now).width(220.0).show_ui(ui, |ui| {
            if ui.selectable_label(when.is_none(), "always").clicked() {
                *when = None;
            }
            for question in earlier {
                let chosen = when.as_ref().is_some_and(|w| w.question == question.id);
                let fresh = match &question.answer {
                    AnswerKind::Scale { to, .. } => (Some(*to), None),
                    AnswerKind::Choice { options, .. } => (None, options.first().cloned()),
                    _ => continue,
                };
                if ui.selectable_label(chosen, &question.id).clicked() && !chosen {
                    let (at_least, is) = fresh;
                    *when = Some(Condition { question: question.id.clone(), at_least, at_most: None, is });
                }
            }
        });
        named(&shown.response, name, None);
    });
    let Some(when) = when else { return };
    match of(&when.question).map(|q| &q.answer) {
        Some(AnswerKind::Scale { from, to, .. }) => {
            let (mut least, mut most) = (when.at_least.unwrap_or(*from), when.at_most.unwrap_or(*to));
            row(ui, "", |ui| {
                ui.label("if it is");
                let first = ui.add(DragValue::new(&mut least).range(*from..=*to));
                named(&first, &format!("{name} at least"), None);
                ui.label("to");
                let last = ui.add(DragValue::new(&mut most).range(*from..=*to));
                named(&last, &format!("{name} at most"), None);
            });
            when.at_least = (least != *from || most == *to).then_some(least);
            when.at_most = (most != *to).then_some(most);
        }
        Some(AnswerKind::Choice { options, .. }) => {
            row(ui, "", |ui| {
                ui.label("if it is");
                let now = when.is.clone().unwrap_or_default();
                let shown = ComboBox::from_id_salt("is").selected_text(&now).show_ui(ui, |ui| {
                    for option in options {
                        ui.selectable_value(&mut when.is, Some(option.clone()), option);
                    }
                });
                named(&shown.response, &format!("{name} is"), None);
            });
        }
        _ => {}
    }
}
