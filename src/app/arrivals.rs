//! What finished on other threads, taken into the window.

use std::path::PathBuf;
use std::sync::Arc;

use eframe::egui;

use super::Veritome;
use super::action::Layout;
use super::library::{Load, Loaded, SeriesId};
use super::measuring::Measured;
use super::results;
use super::tasks::{Done, MEASURING, Purpose, Stopped};
use super::ui_kit::toast::Level;
use crate::io::IoError;
use crate::io::measurements::{Fit, Saved};
use crate::render::scene::{Content, Layer, front_cut_away};
use crate::tour::Scene;
use crate::volume::{Volume, statistics};

impl Veritome {
    pub(super) fn collect(&mut self, ctx: &egui::Context) {
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
                Done::Slice(id, which, Ok(slice)) => self.slice_came(id, which, slice),
                Done::Slice(id, [_, index], Err(_)) => {
                    if let Some(stage) = self.model.stages.get_mut(&id) {
                        stage.give_up_slice(index);
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
                Done::Measured(question, answer) => self.dialogs.metrics.ended(question, answer),
                Done::ErrorMap(on, Ok((layer, range))) => {
                    if let Some(stage) = self.model.stages.get_mut(&on) {
                        stage.add_overlay(layer, range);
                    }
                }
                Done::ErrorMap(_, Err(why)) => self.told("There is no error map", &why),
                Done::MeasurementsSaved(Ok(None)) | Done::MeasurementsRead(_, Ok(None)) => {}
                Done::MeasurementsSaved(Ok(Some(path))) => {
                    self.messages.push(Level::Info, format!("The measurements are in {}", path.display()), "");
                }
                Done::MeasurementsSaved(Err(why)) => self.told("The measurements could not be saved", &why),
                Done::MeasurementsRead(id, Ok(Some((saved, fit)))) => self.measurements_came(id, saved, fit),
                Done::MeasurementsRead(_, Err(why)) => self.told("The measurements could not be opened", &why),
                Done::Tour(Ok(tour)) => {
                    if let Some(tour) = tour {
                        self.reach(ctx).start_tour(*tour);
                    }
                }
                Done::Tour(Err(why)) => self.told("The tour cannot be played", &why),
                Done::TourScene(id, scene) => self.tour_image_came(ctx, id, scene),
                Done::TourStep(id, step, acted) => {
                    if let Err(Stopped(Some(why))) = &acted {
                        self.messages.push(Level::Error, "A step of the tour stopped", why.clone());
                    }
                    if let Some(touring) = self.model.touring.as_mut().filter(|t| t.id == id) {
                        touring.came(step, acted.ok().map(|acted| *acted));
                    }
                }
                Done::Played(Ok(())) => {}
                Done::Played(Err(why)) => self.told("The quiz could not be opened", &why),
                Done::Lost(name) => {
                    if name == MEASURING {
                        self.dialogs.metrics.lost();
                    }
                    self.messages.push(Level::Error, format!("{name} stopped without a result"), "A fault in Veritome");
                }
            }
        }
        results::settle(&mut self.model);
        self.history.accept(&self.model);
    }

    /// Shows the image of a tour; one that is open already is not opened again.
    fn tour_image_came(&mut self, ctx: &egui::Context, id: u64, scene: Result<Box<Scene>, Stopped>) {
        if self.model.touring.as_ref().is_none_or(|t| t.id != id) {
            return;
        }
        let scene = match scene {
            Ok(scene) => scene,
            Err(Stopped(why)) => {
                self.model.touring = None;
                if let Some(why) = why {
                    self.messages.push(Level::Error, "The tour has no image", why);
                }
                return;
            }
        };
        self.model.lay_out(Layout::FourUp);
        let open = self.model.tour_image.as_ref().filter(|(_, known)| known.origin == scene.origin).map(|(on, _)| *on);
        let on = match open.filter(|on| self.model.library.get(*on).is_some()) {
            Some(on) => {
                self.reach(ctx).show(on);
                Some(on)
            }
            None => {
                self.first_clip = Some(front_cut_away(&scene.volume.geometry));
                let opened = crate::io::Opened { studies: vec![scene.study.clone()], skipped: Vec::new() };
                self.opened(ctx, &[], Purpose::Show, opened);
                self.model.active_series()
            }
        };
        let Some(on) = on else { return };
        self.model.tour_opened(on, &scene);
        self.messages.push(Level::Info, scene.origin.name.clone(), scene.origin.notice.clone());
        self.model.tour_image = Some((on, scene));
    }

    /// Lays measurements of a file over the series for which they were opened, if they belong to it.
    fn measurements_came(&mut self, id: SeriesId, saved: Saved, fit: Fit) {
        match fit {
            Fit::Same => {}
            Fit::SameGrid => self.messages.push(
                Level::Warning,
                format!("These were measured on another image, {}", saved.image.name),
                "It has the same grid in the same place, so that they lie where they lay; regions say what this image holds there",
            ),
            Fit::Other(why) => {
                let what = "The measurements belong to another image and were not laid over this one";
                self.messages.push(Level::Error, what, why);
                return;
            }
        }
        let Some(stage) = self.model.stages.get_mut(&id) else { return };
        for what in saved.measurements {
            if !stage.measured.iter().any(|m| m.is_at(&what)) {
                let id = stage.next_id();
                stage.measured.push(Measured { id, what });
            }
        }
        self.model.measurements_on = true;
    }

    /// Gives the tour's next step to a worker and lays what is there.
    pub(super) fn drive_tour(&mut self) {
        let running = self.tasks.tour().is_some();
        let Some(touring) = &mut self.model.touring else { return };
        if !running {
            touring.nothing_runs();
            if let Some(step) = touring.next_to_play() {
                touring.begin(step);
                let (tour, names) = (touring.tour.clone(), touring.names.clone());
                self.tasks.play_step(touring.id, tour, step, names, self.tour_models.clone());
            }
        }
        if self.model.settle_tour() {
            self.history.clear();
        }
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

    /// Reads the slices that viewports wait for while the volumes load.
    pub(super) fn fetch_slices(&mut self) {
        for (id, index) in self.model.missing_slices() {
            let Some(entry) = self.model.library.get(id) else { continue };
            if matches!(entry.load, Load::Running(_)) {
                self.tasks.slice(id, &entry.series, [entry.time_point, index]);
            }
        }
    }

    fn slice_came(&mut self, id: SeriesId, [time_point, index]: [usize; 2], slice: Arc<Volume>) {
        let current = self.model.library.get(id).is_some_and(|e| e.time_point == time_point);
        let point = self.model.panes.iter().find(|p| p.series == Some(id)).map(|p| p.point);
        if let (true, Some(stage), Some(point)) = (current, self.model.stages.get_mut(&id), point) {
            stage.add_slice(index, slice, point);
        }
    }

    fn loaded(&mut self, id: SeriesId, result: Result<Loaded, IoError>) {
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
}
