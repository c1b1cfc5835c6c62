//! The window itself: how it opens, what it holds, and what a test may ask of it.
//!
//! What goes on in it stands beside: `frame` (one frame), `arrivals` (what other threads finished), `typing` (keys).

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;
use eframe::wgpu;

use super::action::{Action, Layout, Tool};
use super::dispatch::Reach;
use super::history::History;
use super::keymap;
use super::panels::{
    dialogs::Dialogs,
    models::{ModelsPanel, Row},
    transfer_editor::TransferEditor,
};
use super::persist::{self, Keeper, Kept};
use super::picture::Pictures;
use super::program::Program;
use super::state::{Model, Settings};
use super::tasks::{Purpose, Tasks};
use super::typing::Typed;
use super::ui_kit::{theme, toast::Messages};
use super::wheel::Wheel;
use crate::display::Window;
use crate::inference::runtime::RuntimeStatus;
use crate::render::gpu;
use crate::render::scene::Layer;
use crate::tour::{Models, Tour};
use crate::volume::PatientPoint;
use crate::volume::measure::Ruler;

/// How a window starts.
#[derive(Debug, Default)]
pub struct WindowOptions {
    /// Files that are laid over the first series once it is there.
    pub overlays: Vec<PathBuf>,
    /// Layers that are laid over the first series once it is there.
    pub layers: Vec<Layer>,
    /// Begins with this tour.
    pub tour: Option<Tour>,
    /// Where settings are kept; `None`: `VERITOME_DATA`, else the user's data folder.
    pub data_folder: Option<PathBuf>,
    /// The folders of the models that are offered; `None`: those of this machine.
    pub models: Option<Vec<PathBuf>>,
    /// Leaves out what differs from run to run (memory, frames a second), for pictures in tests.
    pub steady: bool,
    /// The program that opens windows beside this one; `None`: this one.
    pub program: Option<PathBuf>,
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
    eframe::run_native(
        "veritome",
        native_options(builder),
        Box::new(move |cc| Ok(Box::new(Veritome::new(cc, paths, options)))),
    )
    .map_err(|error| anyhow::anyhow!("the window could not be opened: {error}"))
}

/// A window on the graphics device, with what `render` needs of it.
pub(super) fn native_options(viewport: egui::ViewportBuilder) -> eframe::NativeOptions {
    let mut setup = eframe::egui_wgpu::WgpuSetupCreateNew::without_display_handle();
    setup.device_descriptor = Arc::new(|adapter| wgpu::DeviceDescriptor {
        label: Some("veritome"),
        required_features: gpu::wanted_features(adapter),
        required_limits: gpu::wanted_limits(adapter),
        ..wgpu::DeviceDescriptor::default()
    });
    eframe::NativeOptions {
        viewport,
        wgpu_options: eframe::egui_wgpu::WgpuConfiguration {
            wgpu_setup: setup.into(),
            ..eframe::egui_wgpu::WgpuConfiguration::default()
        },
        renderer: eframe::Renderer::Wgpu,
        persist_window: false,
        ..eframe::NativeOptions::default()
    }
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
    pub(super) kept: Kept<Settings>,
    pub(super) keeper: Keeper<Settings>,
    pub(super) pictures: Pictures,
    pub(super) queue: Vec<Action>,
    pub(super) history: History,
    pub(super) wheel: Wheel,
    pub(super) typed: Typed,
    pub(super) first_clip: Option<[[f32; 2]; 3]>,
    pub(super) first_layers: Vec<Layer>,
    pub(super) first_overlays: Vec<PathBuf>,
    pub(super) active_size: [u32; 2],
    pub(super) steady: bool,
    pub(super) fps: Option<f32>,
    pub(super) frames: VecDeque<f64>,
    pub(super) memory_mb: Option<u64>,
    pub(super) memory_read: f64,
    pub(super) light: Option<bool>,
    pub(super) viewport_focus: Vec<egui::Id>,
    pub(super) dialogs: Dialogs,
    pub(super) editor: TransferEditor,
    pub(super) models: Option<Vec<Row>>,
    pub(super) models_panel: ModelsPanel,
    pub(super) runtime: Option<Result<RuntimeStatus, String>>,
    /// Where the models of tours come from.
    pub(super) tour_models: Models,
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
        let program = Program::new(options.program.clone());
        let dialogs = Dialogs::new(&kept.palette, program.clone());
        let mut app = Self {
            model: Model::new(kept.settings.clone()),
            tasks: Tasks::new(cc.egui_ctx.clone(), program),
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
            tour_models: options.models.clone().map_or(Models::Installed, Models::Folders),
        };
        app.tasks.find_models(options.models);
        if let Some(tour) = options.tour {
            app.start_tour(tour);
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

    /// Begins a tour.
    pub fn start_tour(&mut self, tour: Tour) {
        let ctx = egui::Context::default();
        self.reach(&ctx).start_tour(tour);
    }

    /// Opens paths, as if they had been dropped on the window.
    pub fn open(&mut self, paths: Vec<PathBuf>) {
        self.tasks.open(paths, Purpose::Show);
    }

    /// Whether nothing loads or runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.tasks.is_idle() && self.queue.is_empty() && self.dialogs.is_idle()
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

    /// What the measurements of the series in the active viewport say, in the order in which they were drawn.
    #[must_use]
    pub fn measurements(&self) -> Vec<String> {
        let Some(stage) = self.model.stage_of(self.model.active) else { return Vec::new() };
        let ruler = Ruler::of(stage.base.content.space());
        let volume = stage.volume().map(Arc::as_ref);
        let reading = |m: &super::measuring::Measured| m.what.reading(volume, &ruler);
        stage.measured.iter().filter_map(reading).map(|r| r.headline()).collect()
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
            tour_models: &self.tour_models,
        }
    }

    pub(super) fn keep(&mut self) {
        self.kept.settings = self.model.settings.clone();
        self.kept.palette = self.dialogs.recent_commands();
        self.keeper.save(self.kept.clone());
    }
}
