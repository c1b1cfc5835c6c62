//! All commands, series and presets, found by a few letters.

use eframe::egui::{self, Align2, Button, Key, Modifiers, RichText, ScrollArea, TextEdit, Window, vec2};
use lucide_icons::Icon;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use crate::app::action::Action;
use crate::app::library::SeriesId;
use crate::app::state::Model;
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::icon;
use crate::display::presets;

/// What was typed, and which line is marked.
#[derive(Debug, Default)]
pub(crate) struct Palette {
    query: String,
    marked: usize,
    fresh: bool,
}

/// What was chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Choice {
    Do(Action),
    Series(SeriesId),
    /// A window preset by its place in the modality's list.
    Preset(usize),
}

struct Line {
    text: String,
    side: String,
    icon: Icon,
    choice: Choice,
}

impl Palette {
    /// Starts again with an empty query.
    pub fn open(&mut self) {
        *self = Self { fresh: true, ..Self::default() };
    }

    /// Draws it; gives what was chosen.
    pub fn show(&mut self, ctx: &egui::Context, model: &Model) -> Option<Choice> {
        let t = tokens(ctx);
        let lines = self.matching(ctx, model);
        let step = ctx.input_mut(|i| {
            i.count_and_consume_key(Modifiers::NONE, Key::ArrowDown) as i64
                - i.count_and_consume_key(Modifiers::NONE, Key::ArrowUp) as i64
        });
        let last = lines.len().saturating_sub(1) as i64;
        self.marked = (self.marked as i64 + step).clamp(0, last) as usize;
        let enter = ctx.input_mut(|i| i.consume_key(Modifiers::NONE, Key::Enter));
        let mut chosen = None;
        Window::new("Commands")
            .title_bar(false)
            .resizable(false)
            .fixed_size(vec2(520.0, 400.0))
            .anchor(Align2::CENTER_TOP, vec2(0.0, 72.0))
            .show(ctx, |ui| {
                let field = TextEdit::singleline(&mut self.query)
                    .hint_text("Find a command, a series or a preset")
                    .desired_width(f32::INFINITY);
                let response = ui.add(field);
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::accesskit::Role::SearchInput, true, "Find a command")
                });
                if self.fresh {
                    response.request_focus();
                    self.fresh = false;
                }
                if response.changed() {
                    self.marked = 0;
                }
                ui.add_space(t.space.xs);
                ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                    ui.spacing_mut().item_spacing.y = 1.0;
                    for (n, line) in lines.iter().enumerate() {
                        let text = RichText::new(&line.text).color(t.text);
                        let button = Button::new((icon(line.icon).size(14.0).color(t.quiet), text))
                            .shortcut_text(RichText::new(&line.side).color(t.quiet))
                            .selected(n == self.marked)
                            .frame_when_inactive(n == self.marked)
                            .min_size(vec2(ui.available_width(), 26.0));
                        let response = ui.add(button);
                        response.widget_info(|| {
                            egui::WidgetInfo::selected(
                                egui::accesskit::Role::Button,
                                true,
                                n == self.marked,
                                &line.text,
                            )
                        });
                        if n == self.marked && step != 0 {
                            response.scroll_to_me(None);
                        }
                        if response.clicked() || enter && n == self.marked {
                            chosen = Some(line.choice);
                        }
                    }
                    if lines.is_empty() {
                        ui.label(RichText::new("Nothing is called that").color(t.quiet));
                    }
                });
            });
        chosen
    }

    fn matching(&self, ctx: &egui::Context, model: &Model) -> Vec<Line> {
        let lines = all(ctx, model);
        if self.query.trim().is_empty() {
            return lines;
        }
        let pattern = Pattern::parse(&self.query, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut buffer = Vec::new();
        let mut scored: Vec<(u32, Line)> = lines
            .into_iter()
            .filter_map(|line| {
                let score = pattern.score(Utf32Str::new(&line.text, &mut buffer), &mut matcher)?;
                Some((score, line))
            })
            .collect();
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        scored.into_iter().map(|(_, line)| line).collect()
    }
}

fn all(ctx: &egui::Context, model: &Model) -> Vec<Line> {
    let mut lines: Vec<Line> = Action::all()
        .into_iter()
        .filter(|a| !matches!(a, Action::Palette | Action::Preset(_)))
        .map(|action| Line {
            text: action.text(),
            side: action.shortcut().map(|s| ctx.format_shortcut(&s)).unwrap_or_default(),
            icon: action.icon(),
            choice: Choice::Do(action),
        })
        .collect();
    for id in model.library.images() {
        let Some(entry) = model.library.get(id) else { continue };
        lines.push(Line {
            text: format!("Series {}", entry.series.description),
            side: entry.series.modality.clone(),
            icon: Icon::Scan,
            choice: Choice::Series(id),
        });
    }
    if let Some(volume) = model.stage_of(model.active).and_then(|s| s.volume()) {
        let list = presets::for_modality(&volume.modality, volume.unit.symbol());
        for (n, preset) in list.iter().enumerate() {
            lines.push(Line {
                text: format!("Window {}", preset.name),
                side: format!("W {:.0}  L {:.0}", preset.width, preset.center),
                icon: Icon::Contrast,
                choice: Choice::Preset(n),
            });
        }
    }
    lines
}
