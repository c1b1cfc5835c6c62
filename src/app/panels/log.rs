//! What happened in this session: every message with its details, to be filtered and copied.

use eframe::egui::accesskit::Role;
use eframe::egui::{Align, Button, CornerRadius, Frame, Label, Layout, Margin, RichText, ScrollArea, Ui, WidgetInfo};
use lucide_icons::Icon;

use super::search_field::search_field;
use crate::app::ui_kit::theme::{Tokens, tokens};
use crate::app::ui_kit::toast::{Level, Message};
use crate::app::ui_kit::widgets;

/// What the panel remembers between frames.
#[derive(Debug, Default)]
pub(crate) struct LogPanel {
    query: String,
    /// Shows only messages as grave as this.
    least: Least,
    /// Indices of messages whose details are open.
    open: Vec<usize>,
}

/// How grave a message must be to be shown.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Least {
    #[default]
    All,
    Warnings,
    Errors,
}

/// What the person asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogEvent {
    /// Forget every message.
    Clear,
}

impl LogPanel {
    /// Opens the details of a message.
    pub fn reveal(&mut self, index: usize) {
        self.least = Least::All;
        self.query.clear();
        if !self.open.contains(&index) {
            self.open.push(index);
        }
    }

    /// Draws the log over all the room that is left, the newest message first.
    pub fn ui(&mut self, ui: &mut Ui, messages: &[Message]) -> Option<LogEvent> {
        let t = tokens(ui.ctx());
        if messages.is_empty() {
            ui.vertical_centered(|ui| {
                ui.add_space((ui.available_height() / 2.0 - 24.0).max(t.space.l));
                ui.label(widgets::icon(Icon::ScrollText).color(t.quiet));
                ui.label(RichText::new("Nothing to report in this session").color(t.quiet));
            });
            return None;
        }
        let mut event = None;
        let shown: Vec<usize> = (0..messages.len()).rev().filter(|i| self.shows(messages, *i)).collect();
        ui.horizontal(|ui| {
            for (least, name, hint) in [
                (Least::All, "All", "Every message"),
                (Least::Warnings, "Warnings and errors", "Not what only informs"),
                (Least::Errors, "Errors", "Only what failed"),
            ] {
                let chosen = self.least == least;
                let ground = if chosen { t.accent_ground } else { t.panel };
                let text = RichText::new(name).size(t.size.small).color(if chosen { t.text } else { t.quiet });
                let button = ui.add(Button::new(text).fill(ground)).on_hover_text(hint);
                widgets::named(&button, name, Some(chosen));
                if button.clicked() {
                    self.least = least;
                }
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if widgets::icon_button(ui, Icon::Trash2, "Clear the log", false).clicked() {
                    event = Some(LogEvent::Clear);
                    self.open.clear();
                }
                if widgets::icon_button(ui, Icon::Copy, "Copy what is shown", false).clicked() {
                    let text: Vec<String> = shown.iter().rev().filter_map(|i| messages.get(*i)).map(as_text).collect();
                    ui.ctx().copy_text(text.join("\n"));
                }
            });
        });
        ui.add_space(t.space.xs);
        search_field(ui, &mut self.query, "Search messages", "Part of a message or of its details");
        ui.add_space(t.space.xs);
        if shown.is_empty() {
            widgets::quiet(ui, "No such message");
        }
        ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            for index in shown {
                if let Some(message) = messages.get(index) {
                    self.row(ui, index, message, t);
                }
            }
        });
        event
    }

    fn shows(&self, messages: &[Message], index: usize) -> bool {
        let Some(message) = messages.get(index) else { return false };
        let grave = match self.least {
            Least::All => true,
            Least::Warnings => message.level != Level::Info,
            Least::Errors => message.level == Level::Error,
        };
        let text = format!("{}\n{}", message.text, message.details).to_lowercase();
        grave && self.query.to_lowercase().split_whitespace().all(|word| text.contains(word))
    }

    fn row(&mut self, ui: &mut Ui, index: usize, message: &Message, t: &Tokens) {
        let (picture, tint, word) = match message.level {
            Level::Info => (Icon::Info, t.quiet, "Message"),
            Level::Warning => (Icon::TriangleAlert, t.uncertain, "Warning"),
            Level::Error => (Icon::CircleX, t.error, "Error"),
        };
        let open = self.open.contains(&index);
        ui.push_id(index, |ui| {
            ui.horizontal(|ui| {
                ui.label(widgets::icon(picture).size(14.0).color(tint))
                    .widget_info(|| WidgetInfo::labeled(Role::Label, true, word));
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                    if widgets::icon_button(ui, Icon::Copy, "Copy this message", false).clicked() {
                        ui.ctx().copy_text(as_text(message));
                    }
                    if !message.details.is_empty() {
                        let name = if open { "Hide details" } else { "Details" };
                        let text = RichText::new(name).size(t.size.small).color(t.quiet);
                        let button = ui.add(Button::new(text).frame_when_inactive(false));
                        widgets::named(&button, name, Some(open));
                        if button.on_hover_text("What lies behind the message").clicked() {
                            if open {
                                self.open.retain(|i| *i != index);
                            } else {
                                self.open.push(index);
                            }
                        }
                    }
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        ui.add(Label::new(RichText::new(&message.text).color(t.text)).wrap());
                    });
                });
            });
            if open {
                Frame::new()
                    .fill(t.field)
                    .corner_radius(CornerRadius::same(t.size.radius))
                    .inner_margin(Margin::same(t.space.s as i8))
                    .show(ui, |ui| {
                        ui.set_width(ui.available_width());
                        let text = RichText::new(&message.details).monospace().size(t.size.small).color(t.quiet);
                        ui.add(Label::new(text).wrap().selectable(true));
                    });
            }
        });
    }
}

fn as_text(message: &Message) -> String {
    let level = match message.level {
        Level::Info => "",
        Level::Warning => "Warning: ",
        Level::Error => "Error: ",
    };
    let details = message.details.trim_end();
    if details.is_empty() {
        format!("{level}{}", message.text)
    } else {
        format!("{level}{}\n    {}", message.text, details.replace('\n', "\n    "))
    }
}

#[cfg(test)]
mod tests {
    use eframe::egui::{OutputCommand, Theme, vec2};
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;

    use super::*;
    use crate::app::test_window::{harness, picture};

    fn messages() -> Vec<Message> {
        let message = |level, text: &str, details: &str| Message { level, text: text.into(), details: details.into() };
        vec![
            message(Level::Info, "Opened 275 files in 2 studies", ""),
            message(
                Level::Warning,
                "Could not open 3 of 275 files",
                "IMG0007.dcm: pixel data ends after 131072 of 524288 bytes\nIMG0019.dcm: not a DICOM file\nnotes.txt: unknown format",
            ),
            message(Level::Error, "The model “brain-t1” needs an input that is not there", "expected T1, found none"),
        ]
    }

    fn shown(theme: Theme) -> Harness<'static, (LogPanel, Option<LogEvent>)> {
        let messages = messages();
        harness(vec2(520.0, 300.0), theme, (LogPanel::default(), None), move |ui, s| {
            s.1 = s.0.ui(ui, &messages).or(s.1);
        })
    }

    #[test]
    fn details_open_and_levels_filter() {
        let mut h = shown(Theme::Dark);
        h.run();
        h.get_all_by_label("Details").nth(1).unwrap().click();
        h.run();
        picture(&mut h, "log");
        h.get_by_label_contains("IMG0019.dcm");
        h.get_by_label("Errors").click();
        h.run();
        assert!(h.query_by_label("Could not open 3 of 275 files").is_none());
        h.get_by_label_contains("brain-t1");
        h.get_by_label("All").click();
        h.run();
        h.get_by_label("Search messages").focus();
        h.run();
        h.get_by_label("Search messages").type_text("pixel data");
        h.run();
        h.get_by_label("Could not open 3 of 275 files");
        assert!(h.query_by_label("Opened 275 files in 2 studies").is_none(), "the details are searched too");
    }

    #[test]
    fn copy_takes_what_is_shown_in_the_order_of_time() {
        let mut h = shown(Theme::Light);
        h.run();
        h.get_by_label("Copy what is shown").click();
        h.step();
        let text = h.output().platform_output.commands.iter().find_map(|c| match c {
            OutputCommand::CopyText(text) => Some(text.clone()),
            _ => None,
        });
        let text = text.unwrap();
        assert!(text.starts_with("Opened 275 files"));
        assert!(
            text.ends_with("Error: The model “brain-t1” needs an input that is not there\n    expected T1, found none")
        );
        h.get_by_label("Clear the log").click();
        h.run();
        assert_eq!(h.state().1, Some(LogEvent::Clear));
    }
}
