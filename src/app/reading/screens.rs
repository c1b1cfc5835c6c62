//! What stands above and between the trials.

use eframe::egui::{self, Align, Button, Key, Label, Layout, Modifiers, RichText, Ui, vec2};
use lucide_icons::Icon;

use super::room::ReadingRoom;
use super::tools;
use crate::app::action::Action;
use crate::app::ui_kit::theme::{bold_family, tokens};
use crate::app::ui_kit::widgets::{icon, named};
use crate::reader_study::session::ReadingSession;
use crate::reader_study::session::event::CloseReason;
use crate::reader_study::session::step::Step;

/// The widest that text is set.
const COLUMN: f32 = 560.0;

/// Narrower than this, points, the bar has only what is needed.
const NARROW: f32 = 1000.0;

/// The bar at the top: the study, its tools, how far the session is. Its title is cut where the rest needs the room.
pub(super) fn bar(ui: &mut Ui, room: &mut ReadingRoom, step: &Step) {
    let t = tokens(ui.ctx());
    let reads = room.begun() && room.trouble.is_none() && matches!(step, Step::Answer { .. });
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        let narrow = ui.available_width() < NARROW;
        progress(ui, room, step, reads, narrow);
        ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
            let single = room.model.layout.shape() == (1, 1);
            let actions = if reads { tools::actions(&room.study().reading.tools, single) } else { Vec::new() };
            if narrow {
                ui.spacing_mut().item_spacing.x = t.space.xs;
            }
            let gap = ui.spacing().item_spacing.x;
            let button = (t.size.icon + 2.0 * ui.spacing().button_padding.x).max(28.0) + gap;
            let of_tools = if reads { t.space.m + actions.len() as f32 * button } else { 0.0 };
            let most = (ui.available_width() - of_tools - gap).max(0.0);
            let title = RichText::new(&room.study().title).family(bold_family()).color(t.text);
            let font = egui::FontId::new(t.size.body, bold_family());
            let width = ui.painter().layout_no_wrap(title.text().to_owned(), font, t.text).size().x.ceil() + 1.0;
            let layout = Layout::left_to_right(Align::Center);
            ui.allocate_ui_with_layout(vec2(width.min(most), t.size.toolbar), layout, |ui| {
                ui.add(Label::new(title.clone()).truncate()).on_hover_text(title.text());
            });
            if reads {
                ui.add_space(t.space.m);
            }
            for (action, key) in actions {
                let chosen = matches!(action, Action::SetTool(tool) if tool == room.model.tool);
                let tint = if chosen { t.accent } else { t.text };
                let button = Button::new(icon(action.icon()).color(tint)).min_size(vec2(28.0, 28.0));
                let response = ui.add(button.selected(chosen).frame_when_inactive(false));
                named(&response, &action.text(), Some(chosen));
                let hint = format!("{}  ({})\n{}", action.text(), key.symbol_or_name(), tools::hint(action));
                if response.on_hover_text(hint).clicked() {
                    room.queue.push(action);
                }
            }
        });
    });
}

/// How far the session is, and its pause; from the right end of the bar.
fn progress(ui: &mut Ui, room: &mut ReadingRoom, step: &Step, reads: bool, narrow: bool) {
    let t = tokens(ui.ctx());
    if reads || matches!(step, Step::Show { .. }) && room.begun() {
        let response = ui.add(Button::new((icon(Icon::Pause), RichText::new("Pause"))).frame_when_inactive(false));
        named(&response, "Pause", None);
        let key = ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::F9));
        if response.on_hover_text("Stops the clock and hides the image  (F9)").clicked() || key {
            room.act(ReadingSession::pause_or_continue);
        }
        ui.add_space(t.space.m);
    }
    let (done, of) = room.progress().counts();
    let at = match step {
        Step::Answer { at, .. } | Step::Show { at, .. } => at + 1,
        _ => done,
    };
    // The words beside it say the same.
    if !narrow {
        let bar = egui::ProgressBar::new(done as f32 / of.max(1) as f32).desired_width(120.0).desired_height(6.0);
        ui.add(bar.fill(t.accent));
    }
    let left = room.remaining_ms();
    let left = left.map(|ms| format!("   {} min left", ms.div_ceil(60_000))).unwrap_or_default();
    let what = if room.is_quiz() { "cases" } else { "trials" };
    let text = if room.begun() && of > 0 { format!("{at} of {of}{left}") } else { format!("{of} {what}") };
    ui.label(RichText::new(text).color(t.quiet));
}

/// A column of text in the middle of the window.
pub(super) fn column<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let width = COLUMN.min(ui.available_width() - 48.0);
    let left = (ui.available_width() - width) / 2.0;
    ui.add_space((ui.available_height() * 0.16).max(24.0));
    ui.horizontal_top(|ui| {
        ui.add_space(left);
        ui.vertical(|ui| {
            ui.set_width(width);
            content(ui)
        })
        .inner
    })
    .inner
}

pub(super) fn title(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ui.add(Label::new(RichText::new(text).size(22.0).family(bold_family()).color(t.text)).wrap());
    ui.add_space(t.space.m);
}

pub(super) fn paragraph(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ui.add(Label::new(RichText::new(text).size(t.size.body + 1.0).color(t.text)).wrap());
    ui.add_space(t.space.s);
}

pub(super) fn small(ui: &mut Ui, text: &str) {
    let t = tokens(ui.ctx());
    ui.add(Label::new(RichText::new(text).color(t.quiet)).wrap());
    ui.add_space(t.space.xs);
}

/// The one button of a screen; Enter presses it too.
fn go(ui: &mut Ui, text: &str) -> bool {
    let t = tokens(ui.ctx());
    ui.add_space(t.space.m);
    let button = Button::new(RichText::new(text).size(t.size.body + 1.0).color(t.accent));
    let response = ui.add_sized([160.0, 36.0], button);
    named(&response, text, None);
    response.clicked() || ui.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter))
}

/// Before the first trial.
pub(super) fn welcome(ui: &mut Ui, room: &mut ReadingRoom) {
    let (done, of) = room.progress().counts();
    let began = column(ui, |ui| {
        title(ui, &room.study().title);
        if let Some(text) = &room.study().instructions {
            for part in text.trim().split("\n\n") {
                paragraph(ui, part);
            }
        }
        let list = &room.desk.list;
        let what = if room.is_quiz() {
            if done > 0 {
                format!("{done} of {of} cases are answered; the next one comes now.")
            } else {
                format!("{of} cases.")
            }
        } else if done > 0 {
            format!(
                "Reader {}, session {}: {done} of {of} trials are answered; the next one comes now.",
                list.reader, list.session
            )
        } else {
            format!("Reader {}, session {}: {of} trials.", list.reader, list.session)
        };
        paragraph(ui, &what);
        small(
            ui,
            "Digits answer, Tab goes to the next question, Enter confirms. The wheel and the arrow keys go through the slices. Every answer is on disk before the next image comes; you may stop at any time and go on later.",
        );
        if !room.study().reading.allow_back && !room.is_quiz() {
            small(ui, "What is confirmed cannot be changed.");
        }
        small(ui, "Any of the images may be synthetic. They are not for diagnosis.");
        go(ui, if done > 0 { "Go on" } else { "Begin" })
    });
    if began {
        room.begin(&ui.ctx().clone());
    }
}

/// Something could not be kept or read.
pub(super) fn trouble(ui: &mut Ui, room: &mut ReadingRoom, why: &str) {
    let t = tokens(ui.ctx());
    let again = column(ui, |ui| {
        ui.label(icon(Icon::TriangleAlert).size(28.0).color(t.error));
        title(ui, "The study cannot go on");
        paragraph(ui, why);
        small(
            ui,
            "Nothing that was confirmed before is lost. Mend this, then try again; or close the window and go on later.",
        );
        go(ui, "Try again")
    });
    if again {
        room.trouble = None;
        room.clear_stage();
    }
}

/// What the reader keeps, so that a change of the log can be seen later.
fn receipt(ui: &mut Ui, room: &ReadingRoom) {
    let Some(receipt) = &room.desk.receipt else { return };
    let t = tokens(ui.ctx());
    ui.add_space(t.space.s);
    small(
        ui,
        "Your receipt. Keep it, written down or as a photo: it shows later whether a line of your log was changed.",
    );
    let hash = &receipt.last_line_sha256;
    let groups: Vec<&str> = (0..8).filter_map(|n| hash.get(8 * n..8 * n + 8)).collect();
    let rows = groups.chunks(4).map(|row| row.join(" ")).collect::<Vec<_>>().join("\n");
    let response = ui.label(RichText::new(rows).monospace().color(t.text));
    named(&response, &format!("Receipt {hash}"), None);
    let place = match &room.hint {
        Some(why) => format!("It could not be written beside the log: {why}"),
        None => "It also lies beside the log, in `logs`".to_owned(),
    };
    small(ui, &place);
}

/// Break, pause, end.
pub(super) fn between(ui: &mut Ui, room: &mut ReadingRoom, step: &Step) {
    let (done, of) = room.progress().counts();
    match step {
        Step::Break => {
            let now = ui.input(|i| i.time);
            let since = *room.break_since.get_or_insert(now);
            let go_on = column(ui, |ui| {
                title(ui, "Time for a break");
                paragraph(ui, &format!("{done} of {of} trials are answered. Rest your eyes; the clock stands still."));
                go(ui, "Go on")
            });
            if go_on && room.act(|s| s.break_taken(now - since)) {
                room.break_since = None;
            }
        }
        Step::Paused => {
            let go_on = column(ui, |ui| {
                title(ui, "Paused");
                paragraph(ui, "The clock stands still and the image is hidden.");
                go(ui, "Continue")
            });
            if go_on {
                room.act(ReadingSession::pause_or_continue);
            }
        }
        Step::Closed(reason) => {
            let close = column(ui, |ui| {
                let (head, text) = match reason {
                    CloseReason::Finished => {
                        ("Thank you", format!("All {of} trials of this session are answered and on disk."))
                    }
                    CloseReason::TimeLimit => (
                        "The time is over",
                        format!("{done} of {of} trials are answered and on disk; the others stay unread, as planned."),
                    ),
                    _ => ("The session is closed", format!("{done} of {of} trials are answered and on disk.")),
                };
                title(ui, head);
                paragraph(ui, &text);
                small(ui, "Give the folder `logs` back to the study's owner.");
                receipt(ui, room);
                go(ui, "Close")
            });
            if close {
                ui.ctx().send_viewport_cmd(egui::ViewportCommand::Close);
            }
        }
        _ => {}
    }
}
