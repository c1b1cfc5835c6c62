//! What the panels of models and runs ask for, and what becomes of finished runs.

use std::path::PathBuf;

use eframe::egui;

use super::Veritome;
use super::library::SeriesId;
use super::panels::models::Wish;
use super::panels::runs::RunWish;
use super::results::{self, Part, Prepared, PreparedLayer};
use super::ui_kit::toast::Level;

impl Veritome {
    /// Does what the panels of models, layers and evidence ask for.
    pub(super) fn wishes(
        &mut self,
        ctx: &egui::Context,
        models: Vec<Wish>,
        of_run: Option<(u64, RunWish)>,
        record: Option<Option<u64>>,
    ) {
        for wish in models {
            match wish {
                Wish::Run(asked) => {
                    // Its layers need the series on show, at least loaded.
                    self.reach(ctx).request(asked.on);
                    self.tasks.ask(*asked);
                }
                Wish::Cancel(id) => self.tasks.cancel_run(id),
                Wish::Agree(license) => {
                    self.model.settings.licences.insert(license);
                }
                Wish::Runtime => self.tasks.look_at_runtime(),
                Wish::Look(asked) => {
                    let (question, asked) = *asked;
                    self.tasks.look(question, asked);
                }
            }
        }
        match of_run {
            Some((run, RunWish::Save)) => self.reach(ctx).save_run(run),
            Some((run, RunWish::Subtract)) => self.reach(ctx).difference(Some(run)),
            Some((_, RunWish::Fold | RunWish::Remove)) | None => {}
        }
        if let Some(overlay) = record {
            self.reach(ctx).record(overlay);
        }
    }

    /// What a model found waits to be laid over the series that it ran on.
    pub(super) fn ran(&mut self, id: SeriesId, title: &str, prepared: Prepared) {
        let result = prepared.result.clone();
        let seconds = result.seconds.total;
        let text = format!("{title} ran on {} in {seconds:.1} s", result.provider);
        let unlike = result.guard.as_ref().filter(|g| !g.is_like()).map(crate::inference::guard::Verdict::sentence);
        let told: Vec<String> = unlike.into_iter().chain(result.warnings.iter().cloned()).collect();
        let level = if told.is_empty() { Level::Info } else { Level::Warning };
        self.messages.push(level, text, told.join("\n"));
        self.model.arrived_results.push((id, prepared));
        if !self.model.stages.contains_key(&id) {
            self.messages.push(Level::Info, "Show its series to see the result", "");
        }
    }

    /// The difference of a run's image and its source lies above that image.
    pub(super) fn subtracted(&mut self, id: SeriesId, run: u64, result: Result<Box<PreparedLayer>, String>) {
        match result {
            Ok(made) => {
                if let Some(stage) = self.model.stages.get_mut(&id)
                    && stage.run(run).is_some()
                {
                    let part = Part { run, output: made.output, meaning: made.meaning };
                    stage.add_part(made.layer, made.range, Some(part));
                }
            }
            Err(why) => self.messages.push(Level::Error, "There is no difference layer", why),
        }
    }

    pub(super) fn saved(&mut self, id: SeriesId, run: u64, result: Result<Option<PathBuf>, String>) {
        match result {
            Ok(Some(folder)) => {
                self.messages.push(Level::Info, format!("Results and records are in {}", folder.display()), "");
                let stage = self.model.stages.get_mut(&id);
                if let Some(run) = stage.and_then(|s| s.runs.iter_mut().find(|r| r.id == run)) {
                    run.saved = Some(folder);
                }
            }
            Ok(None) => {}
            Err(why) => self.messages.push(Level::Error, "The results could not be saved", why),
        }
    }

    /// Lays a hand-made result over the active series, as if a model had run, for tests and for pictures of the window.
    #[doc(hidden)]
    pub fn lay_result(&mut self, result: crate::inference::engine::RunResult) {
        if let Some(stage) = self.model.active_stage() {
            results::lay(stage, results::prepare(result));
        }
    }

    /// The folder that is chosen when results are saved, for tests: nobody is asked.
    #[doc(hidden)]
    pub fn save_into(&mut self, folder: PathBuf) {
        self.tasks.folder = Some(folder);
    }

    /// The names of the layers over the active series, from below, and whether each is on show.
    #[must_use]
    pub fn overlays(&self) -> Vec<(String, bool)> {
        let stage = self.model.stage_of(self.model.active);
        stage.map(|s| s.overlays.iter().map(|o| (o.layer.name.clone(), o.layer.visible)).collect()).unwrap_or_default()
    }
}
