//! One frame of the window: panels around viewports, and what the person asked for in them.

use std::path::PathBuf;
use std::time::Duration;

use eframe::egui::{self, CentralPanel, Frame, Margin, Panel, Stroke, Ui};

use super::Veritome;
use super::action::Action;
use super::keymap;
use super::library::{Load, SeriesId};
use super::panels::{
    self,
    dialogs::Choice,
    metrics::MetricsWish,
    models::{self, Seen},
    runs::RunWish,
    status::Figures,
    studies::Wish,
};
use super::persist::WindowPlace;
use super::state::Dialog;
use super::tasks::Purpose;
use super::ui_kit::{theme::tokens, toast::Level, widgets::panel_title};
use super::viewport::{self, Canvas};

/// What the person asked for in the panels of this frame.
#[derive(Default)]
struct Wishes {
    series: Option<Wish>,
    models: Vec<models::Wish>,
    run: Option<(u64, RunWish)>,
    record: Option<Option<u64>>,
    recent: Option<PathBuf>,
    /// Series that were dropped on a viewport.
    dropped: Vec<(usize, SeriesId)>,
}

impl eframe::App for Veritome {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.collect(&ctx);
        self.dropped_files(&ctx);
        self.keys(&ctx);
        self.figures(&ctx);
        self.apply_preferences(&ctx);
        if self.model.peek && !keymap::is_down(&ctx, Action::Peek) {
            self.model.peek = false;
            ctx.request_repaint();
        }
        let mut wishes = Wishes::default();
        if !self.model.full_screen {
            self.show_panels(ui, &mut wishes);
        }
        self.keeper.poll(&mut self.kept.recent);
        self.show_images(ui, &mut wishes);
        self.grant(&ctx, wishes);
        self.show_dialogs(&ctx);
        self.perform_all(&ctx);
        self.drive_tour();
        self.fetch_slices();
        if !ctx.input(|i| i.pointer.any_down()) {
            self.history.watch(&self.model);
        }
        if self.kept.settings != self.model.settings {
            self.keep();
        }
        if self.typed.waits() {
            ctx.request_repaint();
        }
        if !self.tasks.is_idle() {
            // A task's own waker asks for repaints; this one is for a task that ended between two of them.
            ctx.request_repaint_after(Duration::from_millis(200));
        }
        self.remember_place(&ctx);
    }

    fn raw_input_hook(&mut self, _context: &egui::Context, input: &mut egui::RawInput) {
        self.wheel.filter(input);
        self.typed.pass(input);
    }

    fn on_exit(&mut self) {
        self.tasks.cancel_all();
        self.keep();
    }

    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        [0.0, 0.0, 0.0, 1.0]
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}

impl Veritome {
    fn dropped_files(&mut self, ctx: &egui::Context) {
        let paths: Vec<PathBuf> = ctx.input(|i| i.raw.dropped_files.iter().map(|f| f.path().to_owned()).collect());
        self.reach(ctx).open(paths, Purpose::Show);
    }

    fn figures(&mut self, ctx: &egui::Context) {
        if self.steady {
            return;
        }
        let now = ctx.time();
        if now - self.memory_read > 1.0 {
            self.memory_read = now;
            self.memory_mb = memory_stats::memory_stats().map(|m| (m.physical_mem / (1 << 20)) as u64);
        }
        // Frames of the last second: nothing is drawn while nothing changes, and then nothing is said.
        self.frames.push_back(now);
        while self.frames.front().is_some_and(|t| now - t > 1.0) {
            self.frames.pop_front();
        }
        self.fps = (self.frames.len() > 8).then_some(self.frames.len() as f32);
        if self.fps.is_some() {
            // One more frame when it is still, in which the number goes.
            ctx.request_repaint_after(Duration::from_millis(1100));
        }
    }

    fn apply_preferences(&mut self, ctx: &egui::Context) {
        let preferences = &self.model.settings.preferences;
        if self.light != Some(preferences.light_theme) {
            self.light = Some(preferences.light_theme);
            ctx.set_theme(if preferences.light_theme { egui::Theme::Light } else { egui::Theme::Dark });
        }
        if ctx.zoom_factor() != preferences.ui_scale {
            ctx.set_zoom_factor(preferences.ui_scale);
        }
    }

    fn show_panels(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        let t = tokens(ui.ctx());
        let panel = |margin: Margin| Frame::new().fill(t.panel).inner_margin(margin);
        Panel::top("toolbar")
            .exact_size(t.size.toolbar)
            .frame(panel(Margin::symmetric(t.space.m as i8, 0)))
            .show(ui, |ui| panels::toolbar::show(ui, &mut self.model, &mut self.queue));
        let device = self.pictures.device().to_owned();
        let figures = Figures {
            device: &device,
            memory_mb: self.memory_mb,
            fps: self.fps.filter(|_| !self.steady),
            messages: self.messages.log().len(),
        };
        Panel::bottom("status")
            .exact_size(t.size.status)
            .frame(panel(Margin::symmetric(t.space.m as i8, 0)))
            .show(ui, |ui| panels::status::show(ui, &self.model, &mut self.tasks, &figures, &mut self.queue));
        // In a narrow window side panels are as narrow as their content allows. They have other names there, so that a window
        // that was narrow once does not keep its narrow panels.
        let width = ui.ctx().content_rect().width();
        self.model.side.set_width(width);
        let is_narrow = self.model.side.is_narrow();
        let most = |wanted: f32, least: f32| least..=wanted.min(width * 0.3).max(least);
        let named = |name: &'static str| (name, is_narrow);
        if self.model.touring.is_some() {
            let working = self.tasks.tour().map(|(step, control)| (step, control.progress()));
            Panel::left(named("tour"))
                .default_size(t.size.panel + 56.0)
                .size_range(most(520.0, 240.0))
                .frame(panel(Margin::same(t.space.s as i8)))
                .show(ui, |ui| panels::tour::show(ui, &self.model, working.as_ref(), &mut self.queue));
        } else if self.model.shows_studies() && !self.model.library.is_empty() {
            Panel::left(named("studies"))
                .default_size(t.size.panel)
                .size_range(most(480.0, 180.0))
                .frame(panel(Margin::same(t.space.s as i8)))
                .show(ui, |ui| wishes.series = panels::studies::show(ui, &mut self.model, &mut self.queue));
        }
        if self.model.shows_layers() && !self.model.library.is_empty() {
            Panel::right(named("layers"))
                .default_size(t.size.panel)
                .size_range(most(480.0, 232.0))
                .frame(panel(Margin::same(t.space.s as i8)))
                .show(ui, |ui| self.show_layers(ui, wishes));
        }
    }

    /// The right panel: layers, models, look; at its foot *Why here?* and a licence that waits for a word.
    fn show_layers(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        let t = tokens(ui.ctx());
        let foot = Frame::new().fill(t.panel).inner_margin(Margin { top: t.space.s as i8, ..Margin::ZERO });
        if self.models_panel.asks() {
            let seen = Seen {
                window: &self.model,
                rows: self.models.as_deref(),
                tasks: &self.tasks,
                runtime: self.runtime.as_ref(),
            };
            let panel = Panel::bottom("license").resizable(false).frame(foot);
            wishes.models = panel.show(ui, |ui| self.models_panel.license(ui, &seen)).inner;
        }
        if self.model.settings.why_open {
            Panel::bottom("why")
                .default_size(260.0)
                .size_range(120.0..=520.0)
                .resizable(true)
                .frame(foot)
                .show(ui, |ui| wishes.record = panels::why::show(ui, &self.model, &mut self.queue));
        }
        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
            wishes.run = panels::layers::show(ui, &mut self.model, &mut self.queue);
            panels::measurements::show(ui, &mut self.model, &mut self.queue);
            ui.add_space(t.space.m);
            panel_title(ui, "Models", |_| {});
            let seen = Seen {
                window: &self.model,
                rows: self.models.as_deref(),
                tasks: &self.tasks,
                runtime: self.runtime.as_ref(),
            };
            wishes.models.extend(self.models_panel.show(ui, &seen));
            ui.add_space(t.space.m);
            panels::look::show(ui, &mut self.model, &mut self.editor, &mut self.queue);
        });
    }

    fn show_images(&mut self, ui: &mut Ui, wishes: &mut Wishes) {
        let fill = tokens(ui.ctx()).image;
        CentralPanel::no_frame().frame(Frame::new().fill(fill).stroke(Stroke::NONE)).show(ui, |ui| {
            if self.model.library.is_empty() {
                let working = self.tasks.waiting_for();
                wishes.recent = panels::start::show(ui, &self.kept.recent, working.as_deref(), &mut self.queue);
                return;
            }
            let mut canvas = Canvas {
                model: &mut self.model,
                pictures: &mut self.pictures,
                queue: &mut self.queue,
                dropped: &mut wishes.dropped,
                active_size: &mut self.active_size,
            };
            self.viewport_focus = viewport::show(ui, &mut canvas);
        });
        if let Some(why) = self.pictures.take_trouble() {
            self.messages.push(Level::Error, "An image could not be drawn by the graphics device", why);
        }
    }

    fn grant(&mut self, ctx: &egui::Context, wishes: Wishes) {
        if let Some(path) = wishes.recent {
            self.reach(ctx).open(vec![path], Purpose::Show);
        }
        for (pane, id) in wishes.dropped {
            self.model.active = pane;
            self.reach(ctx).show(id);
        }
        self.wishes(ctx, wishes.models, wishes.run, wishes.record);
        match wishes.series {
            Some(Wish::Show(id)) => self.reach(ctx).show(id),
            Some(Wish::Overlay(id)) => {
                let over = self.model.active_series();
                if let (Some(over), Some(series)) = (over, self.model.library.get(id).map(|e| e.series.clone())) {
                    self.tasks.load_overlay(over, &series);
                }
            }
            Some(Wish::TimePoint(id, point)) => {
                if let Some(entry) = self.model.library.get_mut(id) {
                    entry.time_point = point;
                    entry.load = Load::Idle;
                }
                self.reach(ctx).request(id);
            }
            None => {}
        }
    }

    fn show_dialogs(&mut self, ctx: &egui::Context) {
        match self.dialogs.show(ctx, &mut self.model, &mut self.messages) {
            Some(Choice::Do(action)) => self.queue.push(action),
            Some(Choice::Series(id)) => self.reach(ctx).show(id),
            Some(Choice::Preset(n)) => self.reach(ctx).preset(n),
            Some(Choice::Keys(events)) => {
                for event in events {
                    keymap::apply(&mut self.kept.key_bindings, event);
                }
                keymap::install(ctx, &self.kept.key_bindings);
                self.keep();
            }
            Some(Choice::Metrics(MetricsWish::Measure(question))) => {
                let control = self.tasks.measure(question);
                self.dialogs.metrics.began(control);
            }
            Some(Choice::Metrics(MetricsWish::ErrorMap(question, compared, kind))) => {
                self.tasks.error_map(*question, compared, kind);
            }
            None => {}
        }
        if let Some(message) = self.messages.show(ctx) {
            self.dialogs.reveal(message);
            self.model.dialog = Some(Dialog::Log);
        }
    }

    fn perform_all(&mut self, ctx: &egui::Context) {
        let queue = std::mem::take(&mut self.queue);
        if !queue.is_empty() {
            for action in queue {
                self.reach(ctx).perform(action);
            }
            ctx.request_repaint();
        }
    }

    fn remember_place(&mut self, ctx: &egui::Context) {
        let Some((outer, inner)) = ctx.input(|i| i.viewport().outer_rect.zip(i.viewport().inner_rect)) else { return };
        let maximized = ctx.input(|i| i.viewport().maximized).unwrap_or(false);
        // A maximised window goes back to the size that it had before.
        if maximized && let Some(place) = &mut self.kept.window {
            place.maximized = true;
        } else {
            let position = Some([outer.min.x, outer.min.y]);
            self.kept.window = Some(WindowPlace { position, size: [inner.width(), inner.height()], maximized });
        }
    }
}
