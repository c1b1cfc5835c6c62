//! Short messages over the window, and the log that keeps them.

use eframe::egui::{self, Align2, Area, Id, Order, RichText, Stroke, vec2};

use super::theme::tokens;
use super::widgets;

/// How grave a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    Info,
    Warning,
    Error,
}

/// One message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub level: Level,
    /// One sentence.
    pub text: String,
    /// What lies behind it; may be empty.
    pub details: String,
}

/// All messages of this session; the newest are also shown over the window for a while.
#[derive(Debug, Default)]
pub(crate) struct Messages {
    log: Vec<Message>,
    /// Index into the log, and when the toast goes (`None`: not shown yet).
    showing: Vec<(usize, Option<f64>)>,
}

const SECONDS: f64 = 6.0;
/// Room for the SYNTHETIC badge at the lower right of the picture below, points: no message lies over it.
const BADGE: f32 = 44.0;

impl Messages {
    /// Adds one, and shows it.
    pub fn push(&mut self, level: Level, text: impl Into<String>, details: impl Into<String>) {
        self.log.push(Message { level, text: text.into(), details: details.into() });
        self.showing.push((self.log.len() - 1, None));
        if self.showing.len() > 4 {
            self.showing.remove(0);
        }
    }

    /// Every message so far, oldest first.
    pub fn log(&self) -> &[Message] {
        &self.log
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.log.clear();
        self.showing.clear();
    }

    /// Draws the toasts; gives the message whose details the person wants.
    pub fn show(&mut self, ctx: &egui::Context) -> Option<usize> {
        if self.showing.is_empty() {
            return None;
        }
        let now = ctx.time();
        for (index, until) in &mut self.showing {
            let error = self.log.get(*index).is_some_and(|m| m.level == Level::Error);
            until.get_or_insert(now + if error { 3.0 * SECONDS } else { SECONDS });
        }
        let t = tokens(ctx);
        let mut details = None;
        let mut gone = Vec::new();
        let area = Area::new(Id::unique("toasts"))
            .order(Order::Foreground)
            .anchor(Align2::RIGHT_BOTTOM, vec2(-t.space.l, -(t.size.status + BADGE)))
            .show(ctx, |ui| {
                for (index, _) in &self.showing {
                    let Some(message) = self.log.get(*index) else { continue };
                    let color = match message.level {
                        Level::Info => t.accent,
                        Level::Warning => t.uncertain,
                        Level::Error => t.error,
                    };
                    egui::Frame::popup(ui.style()).stroke(Stroke::new(1.0, color)).show(ui, |ui| {
                        ui.set_width(360.0);
                        ui.horizontal(|ui| {
                            let picture = match message.level {
                                Level::Info => lucide_icons::Icon::Info,
                                Level::Warning | Level::Error => lucide_icons::Icon::TriangleAlert,
                            };
                            ui.label(widgets::icon(picture).color(color));
                            ui.add(egui::Label::new(RichText::new(&message.text).color(t.text)).wrap());
                        });
                        ui.horizontal(|ui| {
                            if !message.details.is_empty() && ui.small_button("Details…").clicked() {
                                details = Some(*index);
                                gone.push(*index);
                            }
                            if ui.small_button("Dismiss").clicked() {
                                gone.push(*index);
                            }
                        });
                    });
                }
            });
        let hovered = area.response.contains_pointer();
        self.showing
            .retain(|(index, until)| !gone.contains(index) && (hovered || until.is_none_or(|until| until > now)));
        let next = self.showing.iter().filter_map(|(_, until)| *until).fold(f64::INFINITY, f64::min);
        if next.is_finite() {
            ctx.request_repaint_after_secs((next - now).max(0.05) as f32);
        }
        details
    }
}
