//! What each action does.

use std::path::PathBuf;

use eframe::egui::{self, ViewportCommand};

use super::action::{Action, Layout, Projection, Tool};
use super::history::History;
use super::library::{Load, SeriesId};
use super::pane::Kind;
use super::panels::{record::RecordView, runs::first_image, why::newest_result};
use super::results;
use super::stage::Side;
use super::state::{Dialog, Model};
use super::tasks::{Purpose, Tasks};
use super::ui_kit::toast::{Level, Messages};
use crate::display::{Voi, presets};
use crate::render::scene::{Content, Slab, SlabMode};
use crate::tour::{Models, Tour, fit, shipped};

/// What an action may touch.
pub(crate) struct Reach<'a> {
    pub model: &'a mut Model,
    pub tasks: &'a mut Tasks,
    pub messages: &'a mut Messages,
    pub history: &'a mut History,
    pub ctx: &'a egui::Context,
    /// Physical pixels of the active viewport.
    pub active_size: [u32; 2],
    /// Where the models of tours come from.
    pub tour_models: &'a Models,
}

impl Reach<'_> {
    /// Does it.
    pub fn perform(&mut self, action: Action) {
        let active = self.model.active;
        match action {
            Action::OpenFiles => self.tasks.choose(false, Purpose::Show),
            Action::OpenFolder => self.tasks.choose(true, Purpose::Show),
            Action::TryDemo => self.start_shipped(0),
            Action::StartTour(n) => self.start_shipped(n),
            Action::OpenTour => self.tasks.choose_tour(),
            Action::TourNext => self.tour_to(1),
            Action::TourBack => self.tour_to(-1),
            Action::TourStop => {
                if let Some((_, control)) = self.tasks.tour() {
                    control.cancel();
                }
            }
            Action::TourAgain => {
                if let Some(touring) = &mut self.model.touring {
                    touring.again();
                }
            }
            Action::LeaveTour => self.leave_tour(),
            Action::AddOverlay => match self.model.active_series() {
                Some(id) => self.tasks.choose(false, Purpose::Overlay(id)),
                None => self.messages.push(Level::Info, "Open a series first; overlays lie over it", ""),
            },
            Action::CloseAll => self.close_all(),
            Action::SetLayout(layout) => self.set_layout(layout),
            Action::Maximise => self.model.maximised = !self.model.maximised && self.model.panes.len() > 1,
            Action::Undo => {
                if !self.history.undo(self.model) {
                    self.messages.push(Level::Info, "Nothing to undo", "");
                }
                self.request_shown();
            }
            Action::Redo => {
                if !self.history.redo(self.model) {
                    self.messages.push(Level::Info, "Nothing to redo", "");
                }
                self.request_shown();
            }
            Action::SetTool(tool) => {
                self.model.tool = tool;
                self.model.measuring.pending = None;
            }
            Action::Fit => self.with_pane(super::pane::Pane::fit),
            Action::ActualSize => {
                let size = self.active_size;
                if let Some(scale) =
                    self.model.stage_of(active).zip(self.model.pane()).map(|(s, p)| p.scale_of_one_to_one(s, size))
                {
                    self.with_pane(|p| {
                        p.scale = scale;
                        p.pan = glam::DVec2::ZERO;
                    });
                }
            }
            Action::Reset => self.reset(),
            Action::Leave => self.leave(),
            Action::Preset(n) => self.preset(usize::from(n)),
            Action::AutoWindow => {
                if let Some(stage) = self.model.active_stage() {
                    stage.base.voi = Voi::Window(stage.auto);
                }
            }
            Action::HeaderWindow => {
                if let Some(stage) = self.model.active_stage() {
                    stage.base.voi = stage.header.clone();
                }
            }
            Action::Invert => {
                if let Some(stage) = self.model.active_stage() {
                    stage.base.inverted = !stage.base.inverted;
                }
            }
            Action::Slices(n) => self.model.scroll(active, i64::from(n)),
            Action::FirstSlice => self.model.scroll(active, i64::from(i32::MIN)),
            Action::LastSlice => self.model.scroll(active, i64::from(i32::MAX)),
            Action::NextSeries => self.neighbour(1),
            Action::PreviousSeries => self.neighbour(-1),
            Action::NextViewport => {
                self.model.active = (active + 1) % self.model.panes.len().max(1);
            }
            Action::ShowView(view) => self.with_pane(|p| p.kind = Kind::Slice(view)),
            Action::ShowVolume => self.with_pane(|p| p.kind = Kind::Volume),
            Action::AcquisitionPlanes => {
                if let Some(stage) = self.model.active_stage() {
                    stage.acquisition = !stage.acquisition;
                }
            }
            Action::Slab(mode) => self.with_pane(|p| {
                let thickness_mm = if p.slab.thickness_mm > 0.0 { p.slab.thickness_mm } else { 10.0 };
                p.slab = Slab { thickness_mm, mode };
            }),
            Action::ThinSlice => self.with_pane(|p| p.slab = Slab { thickness_mm: 0.0, mode: SlabMode::Mean }),
            Action::Interpolate(interpolation) => self.model.settings.preferences.interpolation = interpolation,
            Action::Project(projection) => self.project(projection),
            Action::ToggleText => toggle(&mut self.model.settings.preferences.show_text),
            Action::ToggleOverlays => toggle(&mut self.model.overlays_on),
            Action::ToggleGraphics => toggle(&mut self.model.graphics_on),
            Action::ToggleShutter => toggle(&mut self.model.shutter_on),
            Action::ToggleDoubts => {
                if let Some(stage) = self.model.active_stage() {
                    stage.toggle_doubts();
                }
            }
            Action::Peek => self.model.peek = true,
            Action::Flicker => self.flicker(),
            Action::Difference => self.difference(None),
            Action::DeleteMeasurement => self.delete_measurement(),
            Action::SaveMeasurements => self.save_measurements(),
            Action::OpenMeasurements => self.open_measurements(),
            Action::ToggleMeasurements => toggle(&mut self.model.measurements_on),
            Action::ToggleCrosshair => toggle(&mut self.model.settings.show_crosshair),
            Action::ToggleReferenceLines => toggle(&mut self.model.settings.show_reference_lines),
            Action::ToggleSync => toggle(&mut self.model.settings.sync),
            Action::ToggleHidePatient => toggle(&mut self.model.settings.preferences.hide_patient),
            Action::ToggleLightTheme => toggle(&mut self.model.settings.preferences.light_theme),
            Action::ToggleDragBrightens => toggle(&mut self.model.settings.preferences.drag_down_brightens),
            Action::ToggleStudies => self.model.toggle_studies(),
            Action::ToggleLayers => self.model.toggle_layers(),
            Action::ToggleWhy => toggle(&mut self.model.settings.why_open),
            Action::FullScreen => {
                toggle(&mut self.model.full_screen);
                self.ctx.send_viewport_cmd(ViewportCommand::Fullscreen(self.model.full_screen));
            }
            Action::Palette => self.dialog(Dialog::Palette),
            Action::Help => self.dialog(Dialog::Help),
            Action::Settings => self.dialog(Dialog::Settings),
            Action::Keys => self.dialog(Dialog::Keys),
            Action::Log => self.dialog(Dialog::Log),
            Action::Tags => self.dialog(Dialog::Tags),
            Action::Metrics => self.dialog(Dialog::Metrics),
            Action::NewStudy => self.dialog(Dialog::Study),
            Action::ReadStudy => self.dialog(Dialog::Reading),
            Action::AnalyseStudy => self.dialog(Dialog::Analysis),
            Action::PlayQuiz => self.tasks.quiz(),
            Action::Record => self.record(None),
            Action::CancelJobs => self.tasks.cancel_all(),
            Action::Quit => self.ctx.send_viewport_cmd(ViewportCommand::Close),
        }
    }

    fn start_shipped(&mut self, n: u8) {
        let Some(shipped) = shipped::ALL.get(usize::from(n)) else { return };
        match shipped.tour() {
            Ok(tour) => self.start_tour(tour),
            Err(error) => self.messages.push(Level::Error, "The tour cannot be played", error.to_string()),
        }
    }

    /// Begins a tour, without the steps whose models are not there.
    pub fn start_tour(&mut self, tour: Tour) {
        self.leave_tour();
        let id = self.model.start_tour(fit(tour, self.tour_models));
        if let Some(touring) = &self.model.touring {
            self.tasks.open_tour(id, touring.tour.clone());
        }
    }

    fn tour_to(&mut self, by: i64) {
        if self.model.touring.is_some() {
            self.model.tour_to(by);
        } else {
            self.messages.push(Level::Info, "No tour is on; the start of the window and Ctrl+P offer some", "");
        }
    }

    fn leave_tour(&mut self) {
        if let Some((_, control)) = self.tasks.tour() {
            control.cancel();
        }
        self.model.leave_tour();
        // What was undone before belonged to steps that are gone.
        self.history.clear();
    }

    fn with_pane(&mut self, change: impl FnOnce(&mut super::pane::Pane)) {
        let active = self.model.active;
        if let Some(pane) = self.model.panes.get_mut(active) {
            change(pane);
        }
    }

    fn dialog(&mut self, dialog: Dialog) {
        self.model.dialog = (self.model.dialog != Some(dialog)).then_some(dialog);
    }

    fn set_layout(&mut self, layout: Layout) {
        self.model.lay_out(layout);
        self.model.settings.layout = layout;
        self.request_shown();
    }

    /// Loads what is on show, where it is not there yet.
    fn request_shown(&mut self) {
        for id in self.model.panes.iter().filter_map(|p| p.series).collect::<Vec<_>>() {
            self.request(id);
        }
    }

    fn close_all(&mut self) {
        self.tasks.cancel_all();
        self.history.clear();
        let mut library = std::mem::take(&mut self.model.library);
        library.clear();
        *self.model = Model::new(self.model.settings.clone());
        self.model.library = library;
    }

    /// One step out: of a dialog, of full screen, of a tool, and then of what was done to the view.
    fn leave(&mut self) {
        if self.model.dialog.take().is_some() {
            return;
        }
        if self.model.flicker.take().is_some()
            || self.model.measuring.pending.take().is_some()
            || self.model.measuring.chosen.take().is_some()
        {
            return;
        }
        if self.model.full_screen {
            self.perform(Action::FullScreen);
        } else if self.model.tool != Tool::default() {
            self.model.tool = Tool::default();
        } else {
            self.reset();
        }
    }

    fn reset(&mut self) {
        let active = self.model.active;
        self.model.turn_planes(active, glam::DQuat::IDENTITY);
        self.with_pane(super::pane::Pane::reset);
        if let Some(stage) = self.model.active_stage() {
            stage.base.voi = stage.header.clone();
            stage.base.inverted = stage.volume().is_some_and(|v| v.display.inverted);
            let point = super::pane::middle(stage.geometry());
            self.model.move_point(active, point);
        }
    }

    /// The `n`-th window of the modality, of the file, or around the automatic one; from 1.
    pub fn preset(&mut self, n: usize) {
        let Some(stage) = self.model.active_stage() else { return };
        let Some(volume) = stage.volume() else { return };
        let header = volume.display.windows.clone();
        let list = presets::for_modality(&volume.modality, volume.unit.symbol());
        if let Some(preset) = list.get(n - 1) {
            stage.base.voi = Voi::Window(preset.window());
        } else if let Some(window) = header.get(n - 1) {
            stage.base.voi = Voi::Window(window.window);
        } else if list.is_empty() && n <= 3 {
            // Where units are arbitrary, three windows around the automatic one.
            let factor = [1.0, 0.6, 1.6][n - 1];
            let mut window = stage.auto;
            window.width *= factor;
            stage.base.voi = Voi::Window(window);
        } else {
            self.messages.push(Level::Info, format!("There is no window preset {n} for this series"), "");
        }
    }

    fn neighbour(&mut self, by: i64) {
        let images = self.model.library.images();
        let Some(current) = self.model.active_series() else { return };
        let Some(at) = images.iter().position(|id| *id == current) else { return };
        let next = at as i64 + by;
        if let Some(id) = usize::try_from(next).ok().and_then(|i| images.get(i)) {
            self.show(*id);
        }
    }

    fn project(&mut self, projection: Projection) {
        if let Some(stage) = self.model.active_stage() {
            stage.look.projection = projection;
        }
    }

    /// The overlay alone, then the base alone, and so on.
    fn flicker(&mut self) {
        let there = self.model.active_stage().is_some_and(|s| s.counterpart().is_some());
        self.model.flicker = match self.model.flicker {
            Some(Side::Overlay) => Some(Side::Base),
            _ if there => Some(Side::Overlay),
            _ => None,
        };
        if !there {
            self.messages.push(Level::Info, "There is no image over this series to flicker with", "");
        }
    }

    /// Takes the chosen measurement away.
    fn delete_measurement(&mut self) {
        let Some((series, id)) = self.model.measuring.chosen.take() else {
            self.messages.push(Level::Info, "No measurement is chosen; click one first", "");
            return;
        };
        if let Some(stage) = self.model.stages.get_mut(&series) {
            stage.measured.retain(|m| m.id != id);
        }
    }

    /// Asks for a file and writes the measurements of the active series there.
    fn save_measurements(&mut self) {
        let Some((id, stage)) = self.measured_stage() else { return };
        let measured: Vec<_> = stage.measured.iter().map(|m| m.what.clone()).collect();
        let volume = stage.volume().filter(|_| stage.whole).cloned();
        if measured.is_empty() {
            self.messages.push(Level::Info, "There is nothing measured on this series", "");
        } else if let (Some(volume), Some(entry)) = (volume, self.model.library.get(id)) {
            self.tasks.save_measurements(&entry.series, volume, measured);
        } else {
            self.messages.push(Level::Info, "The image is still loading; save its measurements when it is there", "");
        }
    }

    /// Asks for a file and lays its measurements over the active series, if they belong to it.
    fn open_measurements(&mut self) {
        let Some((id, stage)) = self.measured_stage() else { return };
        let volume = stage.volume().filter(|_| stage.whole).cloned();
        if let (Some(volume), Some(entry)) = (volume, self.model.library.get(id)) {
            self.tasks.open_measurements(id, &entry.series, volume);
        } else {
            self.messages.push(Level::Info, "The image is still loading; open measurements when it is there", "");
        }
    }

    /// The active series, where measurements may leave the window or come into it: nothing does from a blinded study.
    fn measured_stage(&mut self) -> Option<(SeriesId, &super::stage::Stage)> {
        if self.model.blinded.is_some() {
            return None;
        }
        let id = self.model.active_series();
        if id.is_none() {
            self.messages.push(Level::Info, "Open a series first", "");
        }
        let id = id?;
        Some((id, self.model.stages.get(&id)?))
    }

    /// A run's image (the newest run's, where none is named) minus its source.
    pub fn difference(&mut self, run: Option<u64>) {
        let Some(id) = self.model.active_series() else { return };
        let Some(stage) = self.model.stages.get(&id) else { return };
        let run = run.or_else(|| stage.runs.last().map(|r| r.id));
        let made = run.and_then(|run| Some((run, first_image(stage, run)?)));
        if let Some((run, overlay)) = made
            && let (Content::Image(result), Some(source)) = (&overlay.layer.content, stage.volume())
        {
            let output = overlay.part.as_ref().map_or(0, |p| p.output);
            self.tasks.subtract(id, run, output, result.clone(), source.clone());
        } else {
            self.messages.push(Level::Info, "No model made an image of this series", "");
        }
    }

    /// Asks for a folder and writes a run there.
    pub fn save_run(&mut self, run: u64) {
        let Some(id) = self.model.active_series() else { return };
        let Some(stage) = self.model.stages.get(&id) else { return };
        if let Some(run) = stage.run(run)
            && let Some(made) = run.made.clone()
        {
            self.tasks.save_run(id, run.id, results::reviewed(stage, run), made);
        }
    }

    /// Shows the record of an overlay; without one, of the newest result, else of the base.
    pub fn record(&mut self, overlay: Option<u64>) {
        let Some(stage) = self.model.active_stage() else {
            self.messages.push(Level::Info, "Open a series first", "");
            return;
        };
        let overlay = match overlay {
            Some(id) => stage.overlays.iter().find(|o| o.id == id),
            None => newest_result(stage),
        };
        let (layer, part) = overlay.map_or((&stage.base, None), |o| (&o.layer, o.part.as_ref()));
        let text = results::record(stage, layer, part);
        let saved = part.and_then(|p| stage.run(p.run)).and_then(|run| {
            let output = run.result.outputs.get(part?.output)?;
            Some(run.saved.as_ref()?.join(format!("{}.nii.gz", output.name)))
        });
        let source = || layer.content.provenance().sources().first().map(PathBuf::from);
        let file = if part.is_some() { saved } else { source() };
        let beside = file.map(|f| crate::provenance::record_path(&f));
        let view = RecordView { title: layer.name.clone(), text: text.into(), path: None };
        self.model.record = None;
        self.model.dialog = Some(Dialog::Record);
        self.tasks.read_record(view, beside);
    }

    /// Opens paths into the browser, or as an overlay.
    pub fn open(&mut self, paths: Vec<PathBuf>, purpose: Purpose) {
        if !paths.is_empty() {
            self.tasks.open(paths, purpose);
        }
    }

    /// Shows a series and loads it if it is not there yet.
    pub fn show(&mut self, id: SeriesId) {
        if let Some(entry) = self.model.library.get(id)
            && !entry.series.is_image()
        {
            let what = entry.series.description.clone();
            self.messages.push(Level::Info, format!("{what} is no image; its attributes can be read (Ctrl+I)"), "");
            return;
        }
        self.model.show(id);
        self.request(id);
    }

    /// Loads a series, unless it is there or on its way.
    pub fn request(&mut self, id: SeriesId) {
        let Some(entry) = self.model.library.get_mut(id) else { return };
        if matches!(entry.load, Load::Idle | Load::Failed(_)) {
            let (series, time) = (entry.series.clone(), entry.time_point);
            let control = self.tasks.load(id, &series, time);
            if let Some(entry) = self.model.library.get_mut(id) {
                entry.load = Load::Running(control);
            }
        }
    }
}

fn toggle(switch: &mut bool) {
    *switch = !*switch;
}
