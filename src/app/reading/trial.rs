//! One trial: its images and its questions.

use eframe::egui::{
    self, Button, CentralPanel, Color32, Frame, Key, Label, Margin, Modifiers, Panel, Pos2, Rect, RichText, Stroke, Ui,
    vec2,
};
use lucide_icons::Icon;

use super::blobs::Blob;
use super::questions::{Changed, marks};
use super::quiz;
use super::room::ReadingRoom;
use super::tools;
use crate::app::action::{Action, Layout, Tool};
use crate::app::library::Load;
use crate::app::pane::Kind;
use crate::app::ui_kit::halo;
use crate::app::ui_kit::theme::{bold_family, over_image, tokens};
use crate::app::ui_kit::widgets::{icon, named, quiet};
use crate::app::viewport::{self, Canvas};
use crate::reader_study::design::asking::asked;
use crate::reader_study::design::{AnswerKind, AnswerValue, Answers, Question, RatedMark, Told, TrialKind};
use crate::reader_study::session::ReadingSession;
use crate::reader_study::session::event::{MarkAction, Viewed};
use crate::reader_study::session::step::Step;
use crate::volume::PatientPoint;

/// Shows trial `at`; with `feedback`, its truth instead of its questions.
pub(super) fn show(ui: &mut Ui, room: &mut ReadingRoom, at: usize, feedback: Option<&str>) {
    let ctx = ui.ctx().clone();
    let t = tokens(&ctx);
    if room.on_stage != Some(at) {
        fetch(room, &ctx, at);
    }
    let ready = room.on_stage == Some(at);
    if let Some(told) = told_of(room, at).filter(|_| ready && feedback.is_some()) {
        quiz::unveil(room, &told);
    }
    let answering = ready && matches!(room.step(), Step::Answer { .. });
    if answering {
        if room.progress().first_input().is_some() && ctx.input(|i| touched(&i.events)) {
            room.act(ReadingSession::touched);
        }
        keys(room, &ctx);
    }
    let panel = Frame::new().fill(t.panel).inner_margin(Margin::same(t.space.m as i8));
    Panel::right("questions").exact_size(340.0).frame(panel).show(ui, |ui| {
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| match feedback {
            Some(_) if told_of(room, at).is_some() => quiz::told(ui, room, at),
            Some(text) => told(ui, room, text),
            None => asks(ui, room, at, answering),
        });
    });
    CentralPanel::no_frame().frame(Frame::new().fill(t.image)).show(ui, |ui| {
        if !ready {
            ui.centered_and_justified(|ui| ui.label(RichText::new("Loading…").color(over_image().quiet)));
            return;
        }
        let mut canvas = Canvas {
            model: &mut room.model,
            pictures: &mut room.pictures,
            queue: &mut room.queue,
            dropped: &mut Vec::new(),
            active_size: &mut room.active_size,
        };
        let ids = viewport::show(ui, &mut canvas);
        over_images(ui, room, &ids, answering);
    });
    if ready {
        let still = !ctx.input(|i| i.pointer.any_down());
        room.seen.watch(&room.model, room.active_size, still);
        if still {
            room.measured_before.watch(&room.model.stages);
        }
    }
    if ready && matches!(room.step(), Step::Show { .. }) {
        // The frame that was just laid out puts the images on the screen; the next one may call them shown.
        if room.drawn {
            room.act(ReadingSession::show);
        }
        room.drawn = true;
        ctx.request_repaint();
    }
    let step = room.step();
    room.look_ahead(&ctx, &step);
}

/// The truth of a trial of a quiz.
pub(super) fn told_of(room: &ReadingRoom, at: usize) -> Option<Told> {
    room.desk.list.trials.get(at)?.told.clone()
}

fn touched(events: &[egui::Event]) -> bool {
    use egui::Event::{Key, MouseWheel, PointerButton, Text};
    events.iter().any(|e| matches!(e, Key { pressed: true, .. } | PointerButton { .. } | MouseWheel { .. } | Text(_)))
}

/// Puts the images of a trial on the stage, once they are there.
fn fetch(room: &mut ReadingRoom, ctx: &egui::Context, at: usize) {
    if room.on_stage.is_some() {
        room.clear_stage();
    }
    let Some(trial) = room.desk.list.trials.get(at) else { return };
    let wake = ctx.clone();
    room.blobs.want(at, trial, &room.desk.package.folder, move || wake.request_repaint());
    match room.blobs.take(at) {
        None => {}
        Some(Ok(blobs)) => {
            set(room, blobs);
            room.on_stage = Some(at);
        }
        Some(Err(why)) => room.trouble = Some(why),
    }
}

fn set(room: &mut ReadingRoom, blobs: Vec<Blob>) {
    let layout = if blobs.len() > 1 { Layout::OneByTwo } else { Layout::Single };
    let model = &mut room.model;
    model.lay_out(layout);
    for (pane, blob) in blobs.into_iter().enumerate() {
        let opened = crate::io::Opened { studies: vec![blob.study], skipped: Vec::new() };
        let Some(id) = model.library.add(opened).first().copied() else { continue };
        if let Some(entry) = model.library.get_mut(id) {
            entry.load = Load::Ready(blob.loaded);
        }
        model.place(pane, id);
        let Some(stage) = model.stages.get_mut(&id) else { continue };
        if let Some(overlay) = blob.overlay {
            stage.add_overlay(overlay, [0.0, 1.0]);
        }
        if let Some((hint, range)) = blob.hint {
            stage.add_overlay(hint, range);
        }
    }
    model.active = 0;
}

/// The question that takes marks, if one is asked.
fn marking<'a>(questions: &'a [Question], answers: &Answers) -> Option<(&'a Question, [i64; 2])> {
    asked(questions, answers).into_iter().find_map(|q| match q.answer {
        AnswerKind::Marks { from, to, .. } => Some((q, [from, to])),
        _ => None,
    })
}

fn answers(room: &ReadingRoom) -> Answers {
    room.progress().answers().cloned().unwrap_or_default()
}

fn keys(room: &mut ReadingRoom, ctx: &egui::Context) {
    let confirm_anyway = ctx.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Enter));
    if ctx.text_edit_focused() {
        if confirm_anyway {
            confirm(room);
        }
        return;
    }
    if confirm_anyway || ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter)) {
        confirm(room);
        return;
    }
    if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Backspace)) && room.progress().may_go_back() {
        back(room);
        return;
    }
    let now = answers(room);
    let changed = room.form.keys(ctx, &room.desk.package.study.questions, &now);
    if let Some(changed) = changed {
        answer(room, changed);
    }
    if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::H)) {
        quiz::hint(room);
    }
    if let Some(action) = tools::slices(ctx) {
        room.queue.push(action);
    }
    let measures = room.model.blinded.as_ref().is_some_and(|tools| tools.contains(&Tool::Length));
    if measures && ctx.input_mut(|i| i.consume_key(Modifiers::COMMAND, Key::Z)) {
        room.queue.push(Action::Undo);
    }
    let single = room.model.layout.shape() == (1, 1);
    for (action, key) in tools::actions(&room.study().reading.tools, single) {
        if ctx.input_mut(|i| i.consume_key(Modifiers::NONE, key)) {
            room.queue.push(action);
        }
    }
}

fn answer(room: &mut ReadingRoom, changed: Changed) {
    room.act(|s| s.answer(&changed.question, Some(changed.value)));
}

/// Whether the answers are final now.
fn confirm(room: &mut ReadingRoom) {
    for changed in room.form.take_texts(&answers(room)) {
        // A text of a question that fell away is refused, which is right.
        answer(room, changed);
    }
    let seen = &room.seen;
    let range = seen.slice_range().unwrap_or([0, 0]);
    let viewed = Viewed {
        code: String::new(),
        slices_from: range[0] as u32,
        slices_to: range[1] as u32,
        slices_share: seen.slices_share(),
        windows: seen.windows().to_vec(),
        zoom_max: seen.zoom_max(),
        layouts: seen.layouts(),
    };
    if room.act(|s| s.confirm(Some(viewed))) && !matches!(room.step(), Step::Feedback { .. }) {
        room.clear_stage();
    }
}

fn back(room: &mut ReadingRoom) {
    if room.act(ReadingSession::back) {
        room.clear_stage();
    }
}

/// The right panel while the reader answers.
fn asks(ui: &mut Ui, room: &mut ReadingRoom, at: usize, answering: bool) {
    let t = tokens(ui.ctx());
    let trial = room.desk.list.trials.get(at);
    let training = !room.is_quiz() && trial.is_some_and(|t| t.kind == TrialKind::Training);
    ui.horizontal(|ui| {
        let code = trial.map(|t| t.code.clone()).unwrap_or_default();
        ui.label(RichText::new(code).size(t.size.title).family(bold_family()).color(t.text));
        if training {
            ui.label(RichText::new("Training, not analysed").color(t.quiet));
        }
    });
    ui.add_space(t.space.s);
    let now = answers(room);
    ui.add_enabled_ui(answering, |ui| {
        let changed = room.form.show(ui, &room.desk.package.study.questions, &now);
        if let Some(changed) = changed {
            answer(room, changed);
        }
        ui.add_space(t.space.xs);
        let button = Button::new(RichText::new("Confirm").size(t.size.body + 1.0).color(t.accent));
        let response = ui.add_sized([ui.available_width(), 36.0], button);
        named(&response, "Confirm", None);
        if response.on_hover_text("Enter").clicked() {
            confirm(room);
        }
        if room.progress().may_go_back() {
            let button = Button::new((icon(Icon::ArrowLeft), RichText::new("Back")));
            let response = ui.add_sized([ui.available_width(), 28.0], button);
            named(&response, "Back", None);
            if response.on_hover_text("Opens the trial before again  (Backspace)").clicked() {
                back(room);
            }
        }
    });
    if answering {
        quiz::offer(ui, room, at);
    }
    if let Some(hint) = &room.hint {
        ui.add_space(t.space.xs);
        ui.add(Label::new(RichText::new(in_words(hint, &room.desk.package.study.questions)).color(t.uncertain)).wrap());
    }
    ui.add_space(t.space.m);
    quiet(ui, "Enter confirms, Tab goes on, digits answer");
}

/// Questions by their text instead of their id.
fn in_words(hint: &str, questions: &[Question]) -> String {
    let mut text = hint.to_owned();
    if let Some(ids) = hint.strip_prefix("there is no answer yet to ") {
        let name = |id: &str| questions.iter().find(|q| q.id == id).map_or_else(|| id.to_owned(), |q| q.text.clone());
        text = format!("No answer yet: {}", ids.split(", ").map(name).collect::<Vec<_>>().join("; "));
    }
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}

/// The right panel after a training trial.
fn told(ui: &mut Ui, room: &mut ReadingRoom, text: &str) {
    let t = tokens(ui.ctx());
    ui.add(Label::new(RichText::new(text).size(t.size.title).family(bold_family()).color(t.text)).wrap());
    ui.add_space(t.space.s);
    quiet(ui, "Only training trials tell this");
    ui.add_space(t.space.m);
    let button = Button::new(RichText::new("Continue").size(t.size.body + 1.0).color(t.accent));
    let response = ui.add_sized([ui.available_width(), 36.0], button);
    named(&response, "Continue", None);
    if (response.clicked() || ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter)))
        && room.act(ReadingSession::feedback_shown)
    {
        room.clear_stage();
    }
}

/// Left and right, and the marks.
fn over_images(ui: &mut Ui, room: &mut ReadingRoom, ids: &[egui::Id], answering: bool) {
    let rects: Vec<Rect> = ids.iter().filter_map(|id| ui.ctx().read_response(*id)).map(|r| r.rect).collect();
    let sides = room.study().design.is_side_by_side();
    if sides && rects.len() == 2 {
        for (rect, name) in rects.iter().zip(["Left", "Right"]) {
            let at = Pos2::new(rect.center().x, rect.bottom() - 34.0);
            let font = egui::FontId::new(16.0, bold_family());
            halo::text(ui.painter(), at, egui::Align2::CENTER_BOTTOM, name, font, over_image().text);
        }
    }
    let now = answers(room);
    let Some((question, [from, to])) = marking(&room.desk.package.study.questions, &now) else { return };
    let (question, list) = (question.clone(), marks(question, &now).to_vec());
    draw_marks(ui, room, &rects, &list);
    let double = ui.input(|i| i.pointer.button_double_clicked(egui::PointerButton::Primary));
    let inside = ui.input(|i| i.pointer.latest_pos()).is_some_and(|p| rects.iter().any(|r| r.contains(p)));
    if answering && double && inside {
        // A double-click marks here; it enlarges nothing.
        room.queue.retain(|a| *a != Action::Maximise);
        if let Some(probe) = room.model.probe {
            let position_mm = probe.point.0.to_array();
            let mut marks = list;
            marks.push(RatedMark { position_mm, rating: i64::midpoint(from, to) as f64 });
            if room.act(|s| s.mark(MarkAction::Placed, position_mm)) {
                answer(room, Changed { question: question.id, value: AnswerValue::Marks(marks) });
            }
        }
    }
}

/// A circle for each mark whose slice is near; fainter further away.
fn draw_marks(ui: &Ui, room: &ReadingRoom, rects: &[Rect], marks: &[RatedMark]) {
    const REACH_MM: f64 = 5.0;
    let ppp = ui.pixels_per_point();
    for (index, rect) in rects.iter().enumerate() {
        let Some((stage, pane)) = room.model.stage_of(index).zip(room.model.panes.get(index)) else { continue };
        if !matches!(pane.kind, Kind::Slice(_)) {
            continue;
        }
        let size = [rect.width() * ppp, rect.height() * ppp].map(|x| (x.round() as u32).max(1));
        let plane = pane.plane(stage, size);
        for (n, mark) in marks.iter().enumerate() {
            let (x, y, away) = plane.project(PatientPoint(mark.position_mm.into()));
            if away.abs() > REACH_MM {
                continue;
            }
            let at = rect.min + vec2((x as f32 + 0.5) / ppp, (y as f32 + 0.5) / ppp);
            let strength = 1.0 - 0.6 * (away.abs() / REACH_MM) as f32;
            let color = tokens(ui.ctx()).accent.gamma_multiply(strength);
            ui.painter().circle_stroke(at, 11.0, Stroke::new(3.0, Color32::from_black_alpha(160)));
            ui.painter().circle_stroke(at, 11.0, Stroke::new(1.5, color));
            let font = egui::FontId::new(12.0, bold_family());
            let label = at + vec2(13.0, -11.0);
            halo::text(ui.painter(), label, egui::Align2::LEFT_CENTER, &(n + 1).to_string(), font, color);
        }
    }
}
