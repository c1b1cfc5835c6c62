//! Palette, help, settings, messages, attributes: one at a time, beside the images.

use std::sync::Arc;

use eframe::egui::{self, Align2, ScrollArea, Window, vec2};

use super::help::{HelpRow, HelpWindow};
use super::key_bindings::{KeyBindings, KeyEvent};
use super::log::{LogEvent, LogPanel};
use super::metrics::{MetricsPanel, MetricsWish};
use super::settings::SettingsPanel;
use super::study_analysis::StudyAnalysisPanel;
use super::study_reading::StudyReading;
use super::study_wizard::StudyWizard;
use super::tag_browser::{TagBrowser, TagInput};
use crate::app::action::Action;
use crate::app::keymap;
use crate::app::library::SeriesId;
use crate::app::palette::{Palette, PaletteItem};
use crate::app::program::Program;
use crate::app::state::{Dialog, Model};
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::toast::Messages;
use crate::app::ui_kit::widgets::quiet;
use crate::display::presets;
use crate::io::{Attribute, IoError};
use crate::jobs::{Job, Poll};

/// What the palette or a dialog asks for.
#[derive(Debug, Clone)]
pub(crate) enum Choice {
    Do(Action),
    Series(SeriesId),
    /// A window preset by its place in the modality's list, from 1.
    Preset(usize),
    /// Other keys for actions.
    Keys(Vec<KeyEvent>),
    Metrics(MetricsWish),
}

/// What the dialogs remember.
#[derive(Debug, Default)]
pub(crate) struct Dialogs {
    palette: Palette,
    help: HelpWindow,
    settings: SettingsPanel,
    keys: KeyBindings,
    log: LogPanel,
    tags: TagBrowser,
    study: StudyWizard,
    pub metrics: MetricsPanel,
    to_read: StudyReading,
    to_analyse: StudyAnalysisPanel,
    program: Program,
    reading: Reading,
    before: Option<Dialog>,
}

/// Of the metrics panel, points.
const METRICS_WIDTH: f32 = 480.0;

/// The file behind the tag browser.
#[derive(Debug, Default)]
struct Reading {
    of: Option<(SeriesId, usize, usize)>,
    job: Option<Job<Result<Vec<Attribute>, IoError>>>,
    attributes: Option<Arc<Vec<Attribute>>>,
    error: String,
}

impl Dialogs {
    /// Opens the details of a message in the log.
    pub fn reveal(&mut self, message: usize) {
        self.log.reveal(message);
    }

    /// With the commands that were chosen lately, newest first.
    pub fn new(recent_commands: &[String], program: Program) -> Self {
        let mut dialogs = Self { program, ..Self::default() };
        dialogs.palette.set_recent(recent_commands.iter().cloned());
        dialogs
    }

    /// Whether no dialog works at something.
    pub fn is_idle(&self) -> bool {
        match self.before {
            Some(Dialog::Study) => self.study.is_idle(),
            Some(Dialog::Reading) => self.to_read.is_idle(),
            Some(Dialog::Analysis) => self.to_analyse.is_idle(),
            _ => true,
        }
    }

    /// Whether the next key belongs to the table of keys.
    pub fn is_listening(&self) -> bool {
        self.before == Some(Dialog::Keys) && self.keys.is_listening()
    }

    /// The commands that were chosen lately, newest first.
    pub fn recent_commands(&self) -> Vec<String> {
        self.palette.recent()
    }

    /// Draws the one that is open.
    pub fn show(&mut self, ctx: &egui::Context, model: &mut Model, messages: &mut Messages) -> Option<Choice> {
        self.metrics.let_go(model);
        let opened = model.dialog != self.before;
        self.before = model.dialog;
        match model.dialog? {
            Dialog::Palette => {
                let (items, choices) = everything(ctx, model);
                if opened {
                    self.palette.open();
                }
                let chosen = self.palette.ui(ctx, &items);
                if !self.palette.is_open() {
                    model.dialog = None;
                }
                return chosen.and_then(|id| choices.get(id).cloned());
            }
            Dialog::Help => {
                let mut open = true;
                self.help.ui(ctx, &mut open, &help_rows(ctx));
                if !open {
                    model.dialog = None;
                }
            }
            Dialog::Keys => {
                let (panel, mut events) = (&mut self.keys, Vec::new());
                let rows = keymap::rows(ctx);
                window(ctx, model, "Keys", vec2(560.0, 560.0), |ui, _| events = panel.ui(ui, &rows));
                return (!events.is_empty()).then_some(Choice::Keys(events));
            }
            Dialog::Settings => {
                let panel = &mut self.settings;
                let mut keys = false;
                window(ctx, model, "Settings", vec2(460.0, 420.0), |ui, model| {
                    ScrollArea::vertical().show(ui, |ui| {
                        panel.ui(ui, &mut model.settings.preferences);
                        ui.add_space(tokens(ui.ctx()).space.s);
                        keys = ui.button(Action::Keys.text()).on_hover_text(Action::Keys.hint()).clicked();
                        quiet(ui, "Uncalibrated display");
                    });
                });
                if keys {
                    return Some(Choice::Do(Action::Keys));
                }
            }
            Dialog::Log => {
                let panel = &mut self.log;
                window(ctx, model, "Messages", vec2(640.0, 400.0), |ui, _| {
                    if panel.ui(ui, messages.log()) == Some(LogEvent::Clear) {
                        messages.clear();
                    }
                });
            }
            Dialog::Record => {
                let view = model.record.clone();
                let title = view.as_ref().map_or_else(|| "Record".to_owned(), |v| format!("Record of {}", v.title));
                window(ctx, model, &title, vec2(600.0, 480.0), |ui, _| match &view {
                    Some(view) => super::record::show(ui, view),
                    None => {
                        quiet(ui, "Reading…");
                    }
                });
            }
            Dialog::Study => {
                let wizard = &mut self.study;
                // Its pages are long: as high as there is room for, up to a height that can be taken in at a glance.
                let height = (ctx.content_rect().height() - 180.0).clamp(360.0, 760.0);
                let mut made = None;
                window(ctx, model, "New reader study", vec2(640.0, height), |ui, _| made = wizard.ui(ui));
                if let Some((package, key)) = made {
                    self.to_analyse.of(package, Some(key));
                    return Some(Choice::Do(Action::AnalyseStudy));
                }
            }
            Dialog::Metrics => {
                let (panel, mut wish) = (&mut self.metrics, None);
                if opened {
                    panel.opened(model);
                }
                window(ctx, model, "Metrics", vec2(METRICS_WIDTH, 620.0), |ui, model| {
                    // As wide as it is made, however long a name or a reason is.
                    ui.set_max_width(ui.available_width().max(METRICS_WIDTH - 40.0));
                    wish = panel.ui(ui, model);
                });
                return wish.map(Choice::Metrics);
            }
            Dialog::Reading => {
                let (panel, program) = (&mut self.to_read, &self.program);
                let mut over = None;
                window(ctx, model, "Read a study package", vec2(560.0, 380.0), |ui, _| over = panel.ui(ui, program));
                if let Some(package) = over {
                    self.to_analyse.of(package, None);
                    return Some(Choice::Do(Action::AnalyseStudy));
                }
            }
            Dialog::Analysis => {
                let panel = &mut self.to_analyse;
                let height = (ctx.content_rect().height() - 180.0).clamp(360.0, 620.0);
                window(ctx, model, "Analyse a study", vec2(640.0, height), |ui, _| panel.ui(ui));
            }
            Dialog::Tags => {
                let (panel, reading) = (&mut self.tags, &mut self.reading);
                window(ctx, model, "Attributes of the file", vec2(760.0, 560.0), |ui, model| {
                    attributes(ui, model, panel, reading);
                });
            }
        }
        None
    }
}

/// How large the content of a window may be, so that all of it lies in the program's own window, title and margins too.
pub(super) fn room_for_window(ctx: &egui::Context) -> egui::Vec2 {
    (ctx.content_rect().size() - vec2(48.0, 88.0)).max(vec2(240.0, 160.0))
}

fn window(
    ctx: &egui::Context,
    model: &mut Model,
    title: &str,
    size: egui::Vec2,
    content: impl FnOnce(&mut egui::Ui, &mut Model),
) {
    let mut open = true;
    let room = room_for_window(ctx);
    Window::new(title)
        .open(&mut open)
        .collapsible(false)
        .default_size(size.min(room))
        .max_size(room)
        .pivot(Align2::CENTER_CENTER)
        .default_pos(ctx.content_rect().center())
        .show(ctx, |ui| content(ui, model));
    if !open {
        model.dialog = None;
    }
}

/// All commands, series and presets, with what each stands for.
fn everything(ctx: &egui::Context, model: &Model) -> (Vec<PaletteItem>, Vec<Choice>) {
    let (mut items, mut choices) = (Vec::new(), Vec::new());
    let mut add =
        |title: String, detail: String, shortcut: Option<String>, icon: lucide_icons::Icon, choice: Choice| {
            let icon = Some(icon.unicode());
            items.push(PaletteItem { id: choices.len(), title, detail, shortcut, icon, enabled: true });
            choices.push(choice);
        };
    for action in Action::all().into_iter().filter(|a| !matches!(a, Action::Palette | Action::Preset(_))) {
        let key = keymap::key(ctx, action).map(|s| keymap::words(ctx, &s));
        add(action.text(), action.hint().to_owned(), key, action.icon(), Choice::Do(action));
    }
    for id in model.library.images() {
        if let Some(entry) = model.library.get(id) {
            let title = format!("Series {}", entry.series.description);
            add(title, entry.series.modality.clone(), None, lucide_icons::Icon::Scan, Choice::Series(id));
        }
    }
    if let Some(volume) = model.stage_of(model.active).and_then(|s| s.volume()) {
        for (n, preset) in presets::for_modality(&volume.modality, volume.unit.symbol()).iter().enumerate() {
            let detail = format!("W {:.0}  L {:.0}", preset.width, preset.center);
            let key = (n < 9).then(|| (n + 1).to_string());
            let title = format!("Window {}", preset.name);
            add(title, detail, key, lucide_icons::Icon::Contrast, Choice::Preset(n + 1));
        }
    }
    (items, choices)
}

/// What the mouse does, and every key.
fn help_rows(ctx: &egui::Context) -> Vec<HelpRow> {
    const MOUSE: [(&str, &str); 9] = [
        ("Left drag", "The tool of the toolbar"),
        ("Middle drag", "Moves the image"),
        ("Right drag", "Magnifies"),
        ("Wheel", "One slice"),
        ("Shift+Wheel", "Five slices"),
        ("Ctrl+Wheel", "Magnifies about the pointer"),
        ("Shift+Move", "Places the crosshair"),
        ("Double-click", "One viewport alone, and back"),
        ("Ctrl+Left drag", "On a volume: the window"),
    ];
    let row = |group: &str, keys: String, text: String| HelpRow { group: group.to_owned(), keys, text };
    let mouse = MOUSE.map(|(keys, text)| row("Mouse", keys.to_owned(), text.to_owned()));
    let keys = Action::all().into_iter().filter_map(|action| {
        let shortcut = keymap::key(ctx, action)?;
        Some(row(action.group(), keymap::words(ctx, &shortcut), action.text().trim_end_matches('…').to_owned()))
    });
    mouse.into_iter().chain(keys).collect()
}

/// The tag browser over the slice on show; reads its file on a worker.
fn attributes(ui: &mut egui::Ui, model: &mut Model, panel: &mut TagBrowser, reading: &mut Reading) {
    let key = file_on_show(model);
    if let Some(job) = &reading.job {
        match job.poll() {
            Poll::Running => {}
            Poll::Ready(Ok(rows)) => {
                reading.attributes = Some(Arc::new(rows));
                reading.error.clear();
                reading.job = None;
            }
            Poll::Ready(Err(error)) => {
                reading.attributes = None;
                reading.error = error.to_string();
                reading.job = None;
            }
            Poll::Gone => reading.job = None,
        }
    }
    if reading.job.is_none()
        && reading.of != key
        && let Some((id, time, slice)) = key
        && let Some(entry) = model.library.get(id)
    {
        let source = entry.series.source.clone();
        let job = Job::spawn("Attributes", move |_| source.attributes(time, slice));
        let context = ui.ctx().clone();
        job.control().on_change(move || context.request_repaint());
        reading.of = key;
        reading.job = Some(job);
    }
    let entry = key.and_then(|(id, ..)| model.library.get(id));
    let title = entry.map(|e| e.series.description.clone()).unwrap_or_default();
    let input = TagInput {
        title: &title,
        attributes: reading.attributes.as_ref(),
        error: &reading.error,
        slice: key.map_or(0, |k| k.2),
        slices: entry.map_or(0, |e| e.series.size[2]),
        hide_patient: model.settings.preferences.hide_patient,
    };
    if let Some(slice) = panel.ui(ui, input)
        && let Some((id, ..)) = key
        && let Some(stage) = model.stages.get(&id)
        && let Some(pane) = model.pane()
    {
        let mut voxel = stage.geometry().to_voxel(pane.point);
        voxel.0.z = slice as f64;
        let to = stage.geometry().to_patient(voxel);
        model.move_point(model.active, to);
    }
}

/// Series, time point, and slice along the third voxel axis.
fn file_on_show(model: &Model) -> Option<(SeriesId, usize, usize)> {
    let pane = model.pane()?;
    let id = pane.series?;
    let entry = model.library.get(id)?;
    let slice = model.stages.get(&id).map_or(0, |stage| {
        let k = stage.geometry().to_voxel(pane.point).0.z;
        (k.round().max(0.0) as usize).min(entry.series.size[2].saturating_sub(1))
    });
    Some((id, entry.time_point, slice))
}
