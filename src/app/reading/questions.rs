//! The questions of a trial, answered by mouse or by keys: digits choose, left and right move a scale, Tab goes on.

use std::collections::BTreeMap;

use eframe::egui::{self, Align, Button, Event, Key, Label, Layout, Modifiers, RichText, Slider, TextEdit, Ui, vec2};
use lucide_icons::Icon;

use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::app::ui_kit::widgets::{card, icon_button, named, quiet};
use crate::reader_study::design::asking::asked;
use crate::reader_study::design::{AnswerKind, AnswerValue, Answers, Question, RatedMark};

/// Steps of a scale that are buttons, each with a digit of its own; longer ones are sliders.
const MOST_BUTTONS: i64 = 10;

/// What is on its way to an answer: where the keys go, a slider that is held, a text that is typed.
#[derive(Debug, Default)]
pub(super) struct Form {
    /// The question that keys answer.
    focus: Option<String>,
    /// The slider that is held, and where.
    held: Option<(String, i64)>,
    /// Texts that are typed, by question.
    texts: BTreeMap<String, String>,
}

/// An answer that changed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Changed {
    pub question: String,
    pub value: AnswerValue,
}

/// The marks of a trial.
pub(super) fn marks<'a>(question: &Question, answers: &'a Answers) -> &'a [RatedMark] {
    answers.get(&question.id).and_then(AnswerValue::marks).unwrap_or_default()
}

impl Form {
    /// The question that keys answer.
    fn current<'a>(&self, asked: &[&'a Question], answers: &Answers) -> Option<&'a Question> {
        let chosen = self.focus.as_ref().and_then(|id| asked.iter().find(|q| q.id == *id));
        let open = asked.iter().find(|q| !q.is_answered(answers));
        chosen.or(open).or(asked.first()).copied()
    }

    /// What keys answer. Text fields get their keys by themselves.
    pub fn keys(&mut self, ctx: &egui::Context, questions: &[Question], answers: &Answers) -> Option<Changed> {
        let asked = asked(questions, answers);
        let current = self.current(&asked, answers)?;
        if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Tab)) {
            let at = asked.iter().position(|q| q.id == current.id).unwrap_or(0);
            self.focus = asked.get((at + 1) % asked.len()).map(|q| q.id.clone());
            return None;
        }
        let answer = answers.get(&current.id);
        let value = match &current.answer {
            AnswerKind::Scale { from, to, .. } => scale_by_keys(ctx, *from, *to, answer.and_then(AnswerValue::number)),
            AnswerKind::Choice { options, several } => digit(ctx)
                .and_then(|n| options.get(usize::try_from(n - 1).ok()?))
                .map(|option| chosen(option, *several, answer)),
            AnswerKind::Marks { .. } | AnswerKind::Text => None,
        }?;
        self.focus = Some(next(&asked, current, answers));
        Some(Changed { question: current.id.clone(), value })
    }

    /// Texts that were typed and are not among the answers yet.
    pub fn take_texts(&mut self, answers: &Answers) -> Vec<Changed> {
        let typed = std::mem::take(&mut self.texts).into_iter();
        typed
            .filter(|(id, text)| answers.get(id).and_then(AnswerValue::text).unwrap_or_default() != text)
            .map(|(question, text)| Changed { question, value: AnswerValue::Text(text) })
            .collect()
    }

    /// Draws them.
    pub fn show(&mut self, ui: &mut Ui, questions: &[Question], answers: &Answers) -> Option<Changed> {
        let asked = asked(questions, answers);
        let current = self.current(&asked, answers).map(|q| q.id.clone());
        let mut changed = None;
        for question in &asked {
            let is_current = current.as_deref() == Some(question.id.as_str());
            let shown = card(ui, is_current, |ui| {
                ui.set_width(ui.available_width());
                heading(ui, question);
                self.answer(ui, question, answers)
            });
            if let Some(value) = shown.inner {
                self.focus = Some(next(&asked, question, answers));
                changed = Some(Changed { question: question.id.clone(), value });
            }
            ui.add_space(tokens(ui.ctx()).space.s);
        }
        changed
    }

    fn answer(&mut self, ui: &mut Ui, question: &Question, answers: &Answers) -> Option<AnswerValue> {
        let answer = answers.get(&question.id);
        let number = answer.and_then(AnswerValue::number).map(|n| n as i64);
        match &question.answer {
            AnswerKind::Scale { from, to, labels } if to - from < MOST_BUTTONS => {
                steps(ui, &question.text, *from..=*to, labels, number).map(|n| AnswerValue::Number(n as f64))
            }
            AnswerKind::Scale { from, to, labels } => {
                self.long_scale(ui, question, [*from, *to], labels, number).map(|n| AnswerValue::Number(n as f64))
            }
            AnswerKind::Choice { options, several } => options_list(ui, options, *several, answer),
            AnswerKind::Marks { from, to, labels } => {
                self.mark_list(ui, question, [*from, *to], labels, marks(question, answers))
            }
            AnswerKind::Text => self.text(ui, question, answer.and_then(AnswerValue::text).unwrap_or_default()),
        }
    }

    /// The value under the thumb of a slider that is held, else `now`; and the answer when it is let go.
    fn slider(
        &mut self,
        ui: &mut Ui,
        name: &str,
        id: &str,
        [from, to]: [i64; 2],
        now: Option<i64>,
    ) -> (i64, Option<i64>) {
        let held = self.held.as_ref().filter(|(of, _)| of == id).map(|(_, at)| *at);
        let before = held.or(now).unwrap_or_else(|| i64::midpoint(from, to));
        let mut value = before;
        let slider =
            Slider::new(&mut value, from..=to).show_value(false).trailing_fill(now.is_some() || held.is_some());
        let response = ui.add(slider);
        response.widget_info(|| egui::WidgetInfo::slider(true, value as f64, name));
        if response.dragged() {
            self.held = Some((id.to_owned(), value));
            return (value, None);
        }
        // A click on the middle of an open scale answers it too.
        let let_go = response.drag_stopped() || response.clicked() || value != before;
        if let_go || held.is_some() {
            self.held = None;
            return (value, Some(value));
        }
        (value, None)
    }

    fn long_scale(
        &mut self,
        ui: &mut Ui,
        question: &Question,
        range: [i64; 2],
        labels: &BTreeMap<i64, String>,
        now: Option<i64>,
    ) -> Option<i64> {
        let t = tokens(ui.ctx());
        let held = self.held.as_ref().filter(|(of, _)| *of == question.id).map(|(_, at)| *at);
        let shown = held.or(now).map_or_else(|| "not answered".to_owned(), |n| n.to_string());
        let color = if held.or(now).is_some() { t.text } else { t.quiet };
        ui.label(RichText::new(shown).size(t.size.title).color(color));
        ui.spacing_mut().slider_width = ui.available_width() - t.space.s;
        let (_, answer) = self.slider(ui, &question.text, &question.id, range, now);
        ends(ui, labels, range);
        answer
    }

    fn mark_list(
        &mut self,
        ui: &mut Ui,
        question: &Question,
        range: [i64; 2],
        labels: &BTreeMap<i64, String>,
        marks: &[RatedMark],
    ) -> Option<AnswerValue> {
        let t = tokens(ui.ctx());
        quiet(
            ui,
            if marks.is_empty() {
                "Double-click a place to mark it; none is an answer too"
            } else {
                "Double-click to add another"
            },
        );
        let mut changed = None;
        for (n, mark) in marks.iter().enumerate() {
            ui.horizontal(|ui| {
                ui.label(RichText::new(format!("{}", n + 1)).family(bold_family()).color(t.text));
                ui.spacing_mut().slider_width = (ui.available_width() - 72.0).max(60.0);
                let name = format!("Rating of mark {}", n + 1);
                let id = format!("{} {n}", question.id);
                let (value, answer) = self.slider(ui, &name, &id, range, Some(mark.rating as i64));
                ui.label(RichText::new(value.to_string()).color(t.text));
                let rated = |rating: i64| {
                    let mut marks = marks.to_vec();
                    if let Some(mark) = marks.get_mut(n) {
                        mark.rating = rating as f64;
                    }
                    marks
                };
                if let Some(rating) = answer.filter(|rating| *rating as f64 != mark.rating) {
                    changed = Some(rated(rating));
                }
                if icon_button(ui, Icon::X, &format!("Remove mark {}", n + 1), false).clicked() {
                    let mut marks = marks.to_vec();
                    marks.remove(n);
                    changed = Some(marks);
                }
            });
        }
        if !marks.is_empty() {
            ends(ui, labels, range);
        }
        changed.map(AnswerValue::Marks)
    }

    /// A text counts when its field is left.
    fn text(&mut self, ui: &mut Ui, question: &Question, now: &str) -> Option<AnswerValue> {
        let text = self.texts.entry(question.id.clone()).or_insert_with(|| now.to_owned());
        let edit = TextEdit::multiline(text).desired_rows(3).desired_width(ui.available_width());
        let response = ui.add(edit.id_salt(&question.id));
        named_text(&response, &question.text, text);
        (response.lost_focus() && text != now).then(|| AnswerValue::Text(text.clone()))
    }
}

/// The question that keys answer once this one is answered: the next open one, where one key or click is all that this one
/// takes.
fn next(asked: &[&Question], answered: &Question, answers: &Answers) -> String {
    let done = match &answered.answer {
        AnswerKind::Scale { from, to, .. } => to - from < MOST_BUTTONS,
        AnswerKind::Choice { several, .. } => !several,
        AnswerKind::Marks { .. } | AnswerKind::Text => false,
    };
    let at = asked.iter().position(|q| q.id == answered.id).unwrap_or(0);
    let open = asked.iter().skip(at + 1).find(|q| done && !q.is_answered(answers));
    open.map_or_else(|| answered.id.clone(), |q| q.id.clone())
}

fn named_text(response: &egui::Response, name: &str, text: &str) {
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::labeled(egui::accesskit::Role::MultilineTextInput, true, name);
        info.current_text_value = Some(text.to_owned());
        info
    });
}

fn heading(ui: &mut Ui, question: &Question) {
    let t = tokens(ui.ctx());
    let text = RichText::new(&question.text).size(t.size.body + 1.0).family(bold_family()).color(t.text);
    ui.add(Label::new(text).wrap());
    if !question.required {
        quiet(ui, "May be left open");
    }
    ui.add_space(t.space.xs);
}

/// A button for each step.
fn steps(
    ui: &mut Ui,
    name: &str,
    range: std::ops::RangeInclusive<i64>,
    labels: &BTreeMap<i64, String>,
    now: Option<i64>,
) -> Option<i64> {
    let t = tokens(ui.ctx());
    let count = (range.end() - range.start() + 1) as f32;
    let gap = t.space.xs;
    let width = ((ui.available_width() - gap * (count - 1.0)) / count).floor().max(16.0);
    let mut chosen = None;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = gap;
        ui.spacing_mut().button_padding.x = 0.0;
        for step in range.clone() {
            let is_now = now == Some(step);
            let text = RichText::new(step.to_string()).color(if is_now { t.accent } else { t.text });
            let response = ui.add(Button::new(text).selected(is_now).min_size(vec2(width, 30.0)));
            let word = labels.get(&step).map_or_else(|| step.to_string(), |label| format!("{step}, {label}"));
            named(&response, &format!("{name} {word}"), Some(is_now));
            if response.on_hover_text(word).clicked() {
                chosen = Some(step);
            }
        }
    });
    ends(ui, labels, [*range.start(), *range.end()]);
    chosen
}

/// The words at both ends of a scale.
fn ends(ui: &mut Ui, labels: &BTreeMap<i64, String>, [from, to]: [i64; 2]) {
    if labels.is_empty() {
        return;
    }
    let half = (ui.available_width() - ui.spacing().item_spacing.x) / 2.0;
    ui.horizontal_top(|ui| {
        for (step, side) in [(from, Align::Min), (to, Align::Max)] {
            ui.allocate_ui_with_layout(vec2(half, 0.0), Layout::top_down(side), |ui| {
                ui.set_width(half);
                let text = RichText::new(labels.get(&step).cloned().unwrap_or_default());
                let t = tokens(ui.ctx());
                ui.add(Label::new(text.size(t.size.small).color(t.quiet)).halign(side).wrap());
            });
        }
    });
}

fn chosen(option: &str, several: bool, before: Option<&AnswerValue>) -> AnswerValue {
    if !several {
        return AnswerValue::Text(option.to_owned());
    }
    let mut list = before.map(|b| b.choices().to_vec()).unwrap_or_default();
    match list.iter().position(|one| one == option) {
        Some(at) => {
            list.remove(at);
        }
        None => list.push(option.to_owned()),
    }
    AnswerValue::Choices(list)
}

fn options_list(ui: &mut Ui, options: &[String], several: bool, answer: Option<&AnswerValue>) -> Option<AnswerValue> {
    let t = tokens(ui.ctx());
    let mut value = None;
    for (n, option) in options.iter().enumerate() {
        let is_now = answer.is_some_and(|a| a.choices().contains(option));
        let color = if is_now { t.accent } else { t.text };
        let key = if n < 9 { format!("{}   ", n + 1) } else { String::new() };
        let text = (RichText::new(key).color(t.quiet), RichText::new(option).color(color));
        let response = ui.add(Button::new(text).selected(is_now).min_size(vec2(ui.available_width(), 30.0)));
        named(&response, option, Some(is_now));
        if response.clicked() {
            value = Some(chosen(option, several, answer));
        }
    }
    if several {
        quiet(ui, "Any number of them");
    }
    value
}

/// The digit that was pressed.
fn digit(ctx: &egui::Context) -> Option<i64> {
    ctx.input(|input| {
        input.events.iter().find_map(|event| match event {
            Event::Text(text) if text.len() == 1 => text.parse().ok(),
            _ => None,
        })
    })
}

/// A short scale takes the digit itself (0 is ten where the scale begins above 0); a longer one moves by left and right,
/// with Shift by ten.
fn scale_by_keys(ctx: &egui::Context, from: i64, to: i64, now: Option<f64>) -> Option<AnswerValue> {
    if to - from < MOST_BUTTONS
        && let Some(n) = digit(ctx)
    {
        let n = if n == 0 && from > 0 { 10 } else { n };
        return (from..=to).contains(&n).then_some(AnswerValue::Number(n as f64));
    }
    let pressed = |modifiers, key| ctx.input_mut(|i| i.consume_key(modifiers, key));
    let by = if pressed(Modifiers::SHIFT, Key::ArrowRight) {
        10
    } else if pressed(Modifiers::SHIFT, Key::ArrowLeft) {
        -10
    } else if pressed(Modifiers::NONE, Key::ArrowRight) {
        1
    } else if pressed(Modifiers::NONE, Key::ArrowLeft) {
        -1
    } else {
        return None;
    };
    let start = now.map_or_else(|| i64::midpoint(from, to), |n| n as i64);
    Some(AnswerValue::Number((start + by).clamp(from, to) as f64))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_options_are_taken_and_given_back_one_by_one() {
        let one = chosen("edges", true, None);
        let two = chosen("texture", true, Some(&one));
        assert_eq!(two, AnswerValue::Choices(vec!["edges".into(), "texture".into()]));
        assert_eq!(chosen("edges", true, Some(&two)), AnswerValue::Choices(vec!["texture".into()]));
        assert_eq!(chosen("left", false, Some(&two)), AnswerValue::Text("left".into()));
    }
}
