//! The window itself: one frame after another.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use eframe::egui::{self, CentralPanel, Frame, Margin, Panel, Stroke, Ui};
use eframe::wgpu;

use super::action::{Action, Layout, Tool};
use super::dispatch::Reach;
use super::history::History;
use super::keymap;
use super::library::{Load, SeriesId};
use super::panels::{
    self,
    dialogs::{Choice, Dialogs},
    models::{ModelsPanel, Row, Seen},
    status::Figures,
    studies::Wish,
    transfer_editor::TransferEditor,
};
use super::persist::{self, Keeper, Kept, WindowPlace};
use super::picture::Pictures;
use super::results;
use super::state::{Dialog, Model, Settings};
use super::tasks::{Done, Purpose, Tasks};
use super::ui_kit::{
    theme::{self, tokens},
    toast::{Level, Messages},
    widgets::panel_title,
};
use super::viewport::{self, Canvas};
use super::wheel::Wheel;
use crate::display::Window;
use crate::inference::demo::Findings;
use crate::inference::runtime::RuntimeStatus;
use crate::io::IoError;
use crate::render::gpu;
use crate::render::scene::{Content, Layer, front_cut_away};
use crate::volume::{PatientPoint, statistics};

/// How a window starts.
#[derive(Debug, Default)]
pub struct WindowOptions {
    /// Files that are laid over the first series once it is there.
    pub overlays: Vec<PathBuf>,
    /// Layers that are laid over the first series once it is there.
    pub layers: Vec<Layer>,
    /// Begins with the demo.
    pub demo: bool,
    /// Where settings are kept; `None`: `VERITOME_DATA`, else the user's data folder.
    pub data_folder: Option<PathBuf>,
    /// The folders of the models that are offered; `None`: those of this machine.
    pub models: Option<Vec<PathBuf>>,
    /// Leaves out what differs from run to run (memory, frames a second), for pictures in tests.
    pub steady: bool,
}

/// Opens the window on `paths` and returns when it is closed.
///
/// # Errors
/// When no window can be opened: no display, or nothing that draws.
pub fn open_window(paths: Vec<PathBuf>, options: WindowOptions) -> anyhow::Result<()> {
    let folder = options.data_folder.clone().or_else(persist::data_folder);
    let place = folder.as_deref().map(persist::read::<Settings>).and_then(|kept| kept.window);
    let mut builder = egui::ViewportBuilder::default()
        .with_title("Veritome")
        .with_app_id("veritome")
        .with_min_inner_size([640.0, 420.0]);
    builder = builder.with_inner_size(place.map_or([1440.0, 900.0], |p| p.size));
    if let Some(place) = place {
        builder = builder.with_maximized(place.maximized);
        if let Some(position) = place.position {
            builder = builder.with_position(position);
        }
    }
    let mut setup = eframe::egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
        label: Some("veritome"),
        required_features: gpu::wanted_features(adapter),
        required_limits: gpu::wanted_limits(adapter),
        ..wgpu::DeviceDescriptor::default()
    });
    let native = eframe::NativeOptions {
        viewport: builder,
        wgpu_options: eframe::egui_wgpu::WgpuConfiguration {
            wgpu_setup: setup.into(),
            ..eframe::egui_wgpu::WgpuConfiguration::default()
        },
        renderer: eframe::Renderer::Wgpu,
        persist_window: false,
        ..eframe::NativeOptions::default()
    };
    eframe::run_native("veritome", native, Box::new(move |cc| Ok(Box::new(Veritome::new(cc, paths, options)))))
        .map_err(|error| anyhow::anyhow!("the window could not be opened: {error}"))
}

/// Whether there is a display on which a window could open.
#[must_use]
pub fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|v| !v.is_empty());
    !cfg!(target_os = "linux") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}

/// The content of the window.
pub struct Veritome {
    pub(super) model: Model,
    pub(super) tasks: Tasks,
    pub(super) messages: Messages,
    kept: Kept<Settings>,
    keeper: Keeper<Settings>,
    pictures: Pictures,
    queue: Vec<Action>,
    history: History,
    wheel: Wheel,
    typed: Typed,
    first_clip: Option<[[f32; 2]; 3]>,
    first_layers: Vec<Layer>,
    first_overlays: Vec<PathBuf>,
    active_size: [u32; 2],
    steady: bool,
    fps: Option<f32>,
    frames: VecDeque<f64>,
    memory_mb: Option<u64>,
    memory_read: f64,
    light: Option<bool>,
    viewport_focus: Vec<egui::Id>,
    dialogs: Dialogs,
    editor: TransferEditor,
    models: Option<Vec<Row>>,
    models_panel: ModelsPanel,
    runtime: Option<Result<RuntimeStatus, String>>,
}

impl std::fmt::Debug for Veritome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Veritome").field("model", &self.model).finish_non_exhaustive()
    }
}

impl Veritome {
    /// A window's content that opens `paths`.
    #[must_use]
    pub fn new(cc: &eframe::CreationContext<'_>, paths: Vec<PathBuf>, options: WindowOptions) -> Self {
        theme::install(&cc.egui_ctx);
        let folder = options.data_folder.or_else(persist::data_folder);
        let mut kept = folder.as_deref().map(persist::read::<Settings>).unwrap_or_default();
        kept.settings.preferences = kept.settings.preferences.sane();
        let keeper = Keeper::new(folder);
        let ctx = cc.egui_ctx.clone();
        keeper.look_for(&kept.recent, move || ctx.request_repaint());
        keymap::install(&cc.egui_ctx, &kept.key_bindings);
        let dialogs = Dialogs::new(&kept.palette);
        let mut app = Self {
            model: Model::new(kept.settings.clone()),
            tasks: Tasks::new(cc.egui_ctx.clone()),
            messages: Messages::default(),
            kept,
            keeper,
            pictures: Pictures::new(cc.wgpu_render_state.as_ref()),
            queue: Vec::new(),
            history: History::default(),
            typed: Typed::default(),
            wheel: if options.steady { Wheel::default() } else { Wheel::of_display() },
            first_clip: None,
            first_layers: options.layers,
            first_overlays: options.overlays,
            active_size: [1, 1],
            steady: options.steady,
            fps: None,
            frames: VecDeque::new(),
            memory_mb: None,
            memory_read: f64::NEG_INFINITY,
            light: None,
            viewport_focus: Vec::new(),
            dialogs,
            editor: TransferEditor::default(),
            models: None,
            models_panel: ModelsPanel::default(),
            runtime: None,
        };
        app.tasks.find_models(options.models);
        if options.demo {
            app.tasks.demo();
        }
        if !paths.is_empty() {
            app.tasks.open(paths, Purpose::Show);
        }
        app
    }

    /// Does an action in the next frame, as if the person had asked for it.
    pub fn perform(&mut self, action: Action) {
        self.queue.push(action);
    }

    /// Opens paths, as if they had been dropped on the window.
    pub fn open(&mut self, paths: Vec<PathBuf>) {
        self.tasks.open(paths, Purpose::Show);
    }

    /// Whether nothing loads or runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.tasks.is_idle() && self.queue.is_empty()
    }

    /// The layout.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.model.layout
    }

    /// What a left drag does.
    #[must_use]
    pub fn tool(&self) -> Tool {
        self.model.tool
    }

    /// The window of the series in the active viewport.
    #[must_use]
    pub fn active_window(&self) -> Option<Window> {
        self.model.stage_of(self.model.active).and_then(super::stage::Stage::window)
    }

    /// The crosshair of the active viewport.
    #[must_use]
    pub fn crosshair(&self) -> Option<PatientPoint> {
        self.model.pane().filter(|p| p.series.is_some()).map(|p| p.point)
    }

    /// Whether overlays are drawn.
    #[must_use]
    pub fn overlays_shown(&self) -> bool {
        self.model.overlays_on
    }

    /// Sentences that were shown to the person so far.
    #[must_use]
    pub fn messages(&self) -> Vec<String> {
        self.messages.log().iter().map(|m| m.text.clone()).collect()
    }

    pub(super) fn reach<'a>(&'a mut self, ctx: &'a egui::Context) -> Reach<'a> {
        Reach {
            model: &mut self.model,
            tasks: &mut self.tasks,
            messages: &mut self.messages,
            history: &mut self.history,
            ctx,
            active_size: self.active_size,
        }
    }

    fn collect(&mut self, ctx: &egui::Context) {
        let finished = self.tasks.poll();
        if finished.is_empty() {
            return;
        }
        self.history.watch(&self.model);
        for done in finished {
            match done {
                Done::Chosen(paths, purpose) => self.reach(ctx).open(paths, purpose),
                Done::Opened(paths, purpose, Ok(opened)) => self.opened(ctx, &paths, purpose, opened),
                Done::Opened(_, _, Err(error)) => self.failed("Nothing could be opened", &error),
                Done::Preview(id, Ok((loaded, image))) => {
                    if let Some(entry) = self.model.library.get_mut(id) {
                        entry.preview = Some(loaded);
                        entry.thumbnail = Some(image);
                    }
                    self.model.arrived(id);
                }
                Done::Preview(id, Err(error)) => {
                    if let Some(entry) = self.model.library.get_mut(id) {
                        entry.preview_error = Some(error.reason());
                    }
                }
                Done::Loaded(id, result) => self.loaded(id, result),
                Done::OverlayLoaded(over, _, Ok((layer, range))) => {
                    if let Some(stage) = self.model.stages.get_mut(&over) {
                        stage.add_overlay(layer, range);
                    }
                }
                Done::OverlayLoaded(_, name, Err(error)) => self.failed(&format!("{name} could not be loaded"), &error),
                Done::Models(rows) => self.models = Some(rows),
                Done::Runtime(status) => self.runtime = Some(status),
                Done::Ran(id, title, Ok(prepared)) => self.ran(id, &title, prepared),
                Done::Ran(_, title, Err(why)) => self.told(&format!("{title} did not run"), &why),
                Done::Subtracted(id, run, result) => self.subtracted(id, run, result),
                Done::Saved(id, run, result) => self.saved(id, run, result),
                Done::Record(view) => self.model.record = Some(view),
                Done::Demo(Ok(findings)) => self.show_demo(ctx, &findings),
                Done::Demo(Err(why)) => self.told("The demo could not be prepared", &why),
                Done::Lost(name) => {
                    self.messages.push(Level::Error, format!("{name} stopped without a result"), "A fault in Veritome");
                }
            }
        }
        results::settle(&mut self.model);
        self.history.accept(&self.model);
    }

    fn show_demo(&mut self, ctx: &egui::Context, findings: &Findings) {
        let mut study = findings.study.clone();
        study.series = vec![findings.series.clone()];
        self.first_clip = Some(front_cut_away(&findings.volume.geometry));
        self.model.lay_out(Layout::FourUp);
        let opened = crate::io::Opened { studies: vec![study], skipped: Vec::new() };
        self.opened(ctx, &[], Purpose::Show, opened);
        if let Some(id) = self.model.active_series() {
            self.model.arrived_results.push((id, results::of_demo(findings)));
        }
        let text = format!("{} found {:.0} ml of brain on {}", findings.model, findings.brain_ml(), findings.provider);
        self.messages.push(Level::Info, text, findings.sample.notice());
    }

    /// A failure of a model or of the demo; a cancelled one is no failure.
    fn told(&mut self, what: &str, why: &str) {
        if why != crate::error::Cancelled.to_string() {
            self.messages.push(Level::Error, what, why);
        }
    }

    fn failed(&mut self, what: &str, error: &IoError) {
        if !matches!(error, IoError::Cancelled(_)) {
            self.messages.push(Level::Error, what, error.to_string());
        }
    }

    fn opened(&mut self, ctx: &egui::Context, paths: &[PathBuf], purpose: Purpose, opened: crate::io::Opened) {
        let (skipped, files) =
            (opened.skipped.clone(), opened.studies.iter().flat_map(|s| &s.series).map(|s| s.files).sum::<usize>());
        if !skipped.is_empty() {
            let list = skipped.iter().map(|s| format!("{}: {}", s.path.display(), s.reason)).collect::<Vec<_>>();
            let text = format!("Could not open {} of {} files", skipped.len(), skipped.len() + files);
            self.messages.push(Level::Warning, text, list.join("\n"));
        }
        if let Purpose::Overlay(over) = purpose {
            match opened.studies.iter().flat_map(|s| &s.series).find(|s| s.is_image()) {
                Some(series) => self.tasks.load_overlay(over, series),
                None => self.messages.push(Level::Error, "There is no image in it that could lie over another", ""),
            }
            return;
        }
        self.kept.remember(paths);
        self.keep();
        let images = self.model.library.add(opened);
        if let Some(first) = images.first().copied() {
            let nothing_shown = self.model.panes.iter().all(|p| p.series.is_none());
            if let Some(entry) = self.model.library.get(first)
                && nothing_shown
            {
                let fits = entry.is_volumetric();
                if !fits && self.model.layout.is_one_series() {
                    self.model.lay_out(Layout::Single);
                }
            }
            if nothing_shown {
                self.model.show(first);
                if !self.model.layout.is_one_series() {
                    let layout = self.model.layout;
                    self.model.lay_out(layout);
                }
            } else {
                self.model.show(first);
            }
            // The series on show gets its picture first, then its volume, then come the other thumbnails.
            if let Some(series) = self.model.library.get(first).map(|e| e.series.clone()) {
                self.tasks.preview(first, series, true);
            }
            for id in self.model.panes.iter().filter_map(|p| p.series).collect::<Vec<_>>() {
                self.reach(ctx).request(id);
            }
            for id in images.into_iter().skip(1) {
                if let Some(series) = self.model.library.get(id).map(|e| e.series.clone()) {
                    self.tasks.preview(id, series, false);
                }
            }
        }
    }

    fn loaded(&mut self, id: SeriesId, result: Result<super::library::Loaded, IoError>) {
        let Some(entry) = self.model.library.get_mut(id) else { return };
        match result {
            Ok(loaded) => {
                for warning in entry.series.source.late_warnings() {
                    if !entry.series.warnings.contains(&warning) {
                        entry.series.warnings.push(warning);
                    }
                }
                entry.load = Load::Ready(loaded);
                self.model.arrived(id);
                if let Some(clip) = self.first_clip.take()
                    && let Some(stage) = self.model.stages.get_mut(&id)
                {
                    stage.look.clip = clip;
                }
                for layer in std::mem::take(&mut self.first_layers) {
                    self.add_overlay(id, layer);
                }
                for path in std::mem::take(&mut self.first_overlays) {
                    self.tasks.open(vec![path], Purpose::Overlay(id));
                }
            }
            Err(IoError::Cancelled(_)) => entry.load = Load::Idle,
            Err(error) => {
                let name = entry.series.description.clone();
                entry.load = Load::Failed(error.reason());
                self.failed(&format!("{name} could not be loaded"), &error);
            }
        }
    }

    fn add_overlay(&mut self, over: SeriesId, layer: Layer) {
        let range = match &layer.content {
            Content::Image(volume) => statistics::range(volume).unwrap_or([0.0, 1.0]),
            Content::Labels(_) => [0.0, 1.0],
        };
        if let Some(stage) = self.model.stages.get_mut(&over) {
            stage.add_overlay(layer, range);
        }
    }

    fn keys(&mut self, ctx: &egui::Context) {
        if self.dialogs.is_listening() {
            return;
        }
        if ctx.text_edit_focused() {
            // A text field of a panel gives the keyboard back by itself; one in a dialog goes with the dialog.
            if self.model.dialog.is_some() && ctx.input_mut(|i| i.consume_key(egui::Modifiers::NONE, egui::Key::Escape))
            {
                self.queue.push(Action::Leave);
            }
            return;
        }
        let in_viewport = ctx.memory(egui::Memory::focused).is_none_or(|id| self.viewport_focus.contains(&id));
        let mut all: Vec<_> = Action::all().into_iter().filter_map(|a| Some((a, keymap::key(ctx, a)?))).collect();
        // Shift + key before the key alone, which would match too.
        all.sort_by_key(|(_, shortcut)| shortcut.modifiers.is_none());
        // In the order in which they were pressed. What follows a key that opens a dialog is for the dialog.
        let mut events = ctx.input_mut(|i| std::mem::take(&mut i.events)).into_iter();
        let mut left = Vec::new();
        while let Some(event) = events.next() {
            let action = match &event {
                egui::Event::Key { key, pressed: true, modifiers, .. } => all
                    .iter()
                    .filter(|(_, s)| in_viewport || !Action::needs_viewport_focus(*s))
                    .find(|(_, s)| s.logical_key == *key && modifiers.matches_logically(s.modifiers)),
                _ => None,
            };
            let Some((action, _)) = action else {
                left.push(event);
                continue;
            };
            self.queue.push(*action);
            if action.opens_dialog() {
                let (typed, other): (Vec<_>, Vec<_>) = events.by_ref().partition(is_typed);
                left.extend(other);
                self.typed.hold(typed);
            }
        }
        ctx.input_mut(|i| i.events = left);
    }

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

    fn keep(&mut self) {
        self.kept.settings = self.model.settings.clone();
        self.kept.palette = self.dialogs.recent_commands();
        self.keeper.save(self.kept.clone());
    }
}

/// Keys that were pressed before the dialog that they are for could take them.
#[derive(Debug, Default)]
struct Typed {
    events: Vec<egui::Event>,
    frames: u8,
}

impl Typed {
    /// A dialog has the keyboard in the second frame after this one.
    fn hold(&mut self, events: Vec<egui::Event>) {
        self.events.extend(events);
        self.frames = 2;
    }

    fn pass(&mut self, input: &mut egui::RawInput) {
        if self.events.is_empty() {
            return;
        }
        if self.frames > 0 {
            self.frames -= 1;
            let (typed, other): (Vec<_>, Vec<_>) = input.events.drain(..).partition(is_typed);
            self.events.extend(typed);
            input.events = other;
        } else {
            input.events.splice(..0, self.events.drain(..));
        }
    }
}

fn is_typed(event: &egui::Event) -> bool {
    matches!(event, egui::Event::Key { .. } | egui::Event::Text(_))
}

impl eframe::App for Veritome {
    fn ui(&mut self, ui: &mut Ui, _frame: &mut eframe::Frame) {
        let ctx = ui.ctx().clone();
        self.collect(&ctx);
        self.dropped_files(&ctx);
        self.keys(&ctx);
        self.figures(&ctx);
        let settings = self.model.settings.clone();
        if self.light != Some(settings.preferences.light_theme) {
            self.light = Some(settings.preferences.light_theme);
            ctx.set_theme(if settings.preferences.light_theme { egui::Theme::Light } else { egui::Theme::Dark });
        }
        if ctx.zoom_factor() != settings.preferences.ui_scale {
            ctx.set_zoom_factor(settings.preferences.ui_scale);
        }
        let t = tokens(&ctx);
        let panel = |margin: Margin| Frame::new().fill(t.panel).inner_margin(margin);
        let mut wish = None;
        let mut asked = Vec::new();
        let mut of_run = None;
        let mut record = None;
        if self.model.peek && !keymap::is_down(&ctx, Action::Peek) {
            self.model.peek = false;
            ctx.request_repaint();
        }
        if !self.model.full_screen {
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
            if self.model.settings.studies_open && !self.model.library.is_empty() {
                Panel::left("studies")
                    .default_size(t.size.panel)
                    .size_range(180.0..=480.0)
                    .frame(panel(Margin::same(t.space.s as i8)))
                    .show(ui, |ui| wish = panels::studies::show(ui, &mut self.model, &mut self.queue));
            }
            if self.model.settings.layers_open && !self.model.library.is_empty() {
                Panel::right("layers")
                    .default_size(t.size.panel)
                    .size_range(220.0..=480.0)
                    .frame(panel(Margin::same(t.space.s as i8)))
                    .show(ui, |ui| {
                        if self.model.settings.why_open {
                            Panel::bottom("why")
                                .default_size(260.0)
                                .size_range(120.0..=520.0)
                                .resizable(true)
                                .frame(panel(Margin { top: t.space.s as i8, ..Margin::ZERO }))
                                .show(ui, |ui| record = panels::why::show(ui, &self.model, &mut self.queue));
                        }
                        egui::ScrollArea::vertical().auto_shrink([false, false]).show(ui, |ui| {
                            of_run = panels::layers::show(ui, &mut self.model, &mut self.queue);
                            ui.add_space(t.space.m);
                            panel_title(ui, "Models", |_| {});
                            let seen = Seen {
                                window: &self.model,
                                rows: self.models.as_deref(),
                                tasks: &self.tasks,
                                runtime: self.runtime.as_ref(),
                            };
                            asked = self.models_panel.show(ui, &seen);
                            ui.add_space(t.space.m);
                            panels::look::show(ui, &mut self.model, &mut self.editor, &mut self.queue);
                        });
                    });
            }
        }
        let mut dropped = Vec::new();
        self.keeper.poll(&mut self.kept.recent);
        let mut recent = None;
        CentralPanel::no_frame().frame(Frame::new().fill(t.image).stroke(Stroke::NONE)).show(ui, |ui| {
            if self.model.library.is_empty() {
                let opening = !self.tasks.is_idle();
                recent = panels::start::show(ui, &self.kept.recent, opening, &mut self.queue);
                return;
            }
            let mut canvas = Canvas {
                model: &mut self.model,
                pictures: &mut self.pictures,
                queue: &mut self.queue,
                dropped: &mut dropped,
                active_size: &mut self.active_size,
            };
            self.viewport_focus = viewport::show(ui, &mut canvas);
        });
        if let Some(path) = recent {
            self.reach(&ctx).open(vec![path], Purpose::Show);
        }
        for (pane, id) in dropped {
            self.model.active = pane;
            self.reach(&ctx).show(id);
        }
        self.wishes(&ctx, asked, of_run, record);
        if let Some(why) = self.pictures.take_trouble() {
            self.messages.push(Level::Error, "An image could not be drawn by the graphics device", why);
        }
        match wish {
            Some(Wish::Show(id)) => self.reach(&ctx).show(id),
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
                self.reach(&ctx).request(id);
            }
            None => {}
        }
        let chosen = self.dialogs.show(&ctx, &mut self.model, &mut self.messages);
        match chosen {
            Some(Choice::Do(action)) => self.queue.push(action),
            Some(Choice::Series(id)) => self.reach(&ctx).show(id),
            Some(Choice::Preset(n)) => self.reach(&ctx).preset(n),
            Some(Choice::Keys(events)) => {
                for event in events {
                    keymap::apply(&mut self.kept.key_bindings, event);
                }
                keymap::install(&ctx, &self.kept.key_bindings);
                self.keep();
            }
            None => {}
        }
        if let Some(message) = self.messages.show(&ctx) {
            self.dialogs.reveal(message);
            self.model.dialog = Some(Dialog::Log);
        }
        let queue = std::mem::take(&mut self.queue);
        if !queue.is_empty() {
            for action in queue {
                self.reach(&ctx).perform(action);
            }
            ctx.request_repaint();
        }
        if !ctx.input(|i| i.pointer.any_down()) {
            self.history.watch(&self.model);
        }
        if self.kept.settings != self.model.settings {
            self.keep();
        }
        if !self.typed.events.is_empty() {
            ctx.request_repaint();
        }
        if !self.tasks.is_idle() {
            // A task's own waker asks for repaints; this one is for a task that ended between two of them.
            ctx.request_repaint_after(Duration::from_millis(200));
        }
        if let Some((outer, inner)) = ctx.input(|i| i.viewport().outer_rect.zip(i.viewport().inner_rect)) {
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
