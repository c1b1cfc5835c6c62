//! What a run is asked for: inputs, provider, repeats, seed.

use eframe::egui::{self, ComboBox, DragValue, RichText, Ui, WidgetInfo, accesskit::Role};

use super::list::{Seen, Wish};
use super::slots::{self, Candidate, Chosen};
use crate::app::guard_words::{Question, Word};
use crate::app::library::{Load, SeriesId};
use crate::app::panels::why::{NOT_KNOWN, guard_line};
use crate::app::state::Model as Window;
use crate::app::tasks::{Asked, Source};
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{notice, quiet, row};
use crate::explain::Method;
use crate::inference::engine::{Provider, RunOptions};
use crate::inference::guard::Likeness;
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::UncertaintySource;
use crate::inference::runtime::RuntimeStatus;

/// What the person has set for one model.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    pub(super) slots: Vec<Chosen>,
    provider: Provider,
    samples: usize,
    tta: bool,
    seed: u64,
    registered: bool,
    /// Without second models.
    alone: bool,
    explain: Option<Method>,
    /// `CARD.md` is on show.
    pub(super) reading: bool,
    /// The licence is on show before the first run.
    pub(super) asking: bool,
}

/// Which controls make sense for a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Offers {
    samples: bool,
    tta: bool,
    seed: bool,
}

fn offers(model: &Model) -> Offers {
    let m = &model.manifest;
    let has = |source| m.uncertainty.sources.contains(&source);
    let drawn = has(UncertaintySource::Samples) || has(UncertaintySource::Stochastic);
    Offers { samples: drawn, tta: has(UncertaintySource::Tta), seed: drawn || m.diffusion.is_some() }
}

impl Form {
    /// As the manifest has it.
    pub fn new(model: &Model) -> Self {
        let m = &model.manifest;
        Self {
            slots: vec![None; m.inputs.len()],
            provider: Provider::Auto,
            samples: m.uncertainty.default_samples.unwrap_or(1).max(1),
            tta: m.uncertainty.default_samples.is_some(),
            seed: 0,
            registered: false,
            alone: false,
            explain: None,
            reading: false,
            asking: false,
        }
    }

    /// The run that is asked for now, or why there is none.
    pub fn asked(&self, window: &Window, model: &Model) -> Result<Asked, String> {
        let inputs = &model.manifest.inputs;
        let filled = slots::guess(inputs, &self.slots, &slots::candidates(window));
        if let Some((input, _)) = inputs.iter().zip(&filled).find(|(i, f)| f.is_none() && !i.optional) {
            let open = "Open a series with a place in the patient first";
            let none = slots::candidates(window).is_empty();
            return Err(if none { open.to_owned() } else { format!("Choose a series for {}", input.name) });
        }
        let series: Vec<SeriesId> = filled.iter().flatten().copied().collect();
        let differ = slots::frames_differ(window, &series);
        if differ && !self.registered {
            return Err("The series do not share a frame of reference; say that they are registered".to_owned());
        }
        // What is made lies over the first series that goes in.
        let on = *series.first().ok_or("Choose a series")?;
        let sources = inputs.iter().zip(&filled).filter_map(|(input, id)| {
            let entry = window.library.get((*id)?)?;
            let source = match &entry.load {
                Load::Ready(loaded) => Source::Loaded(loaded.volume.clone()),
                _ => Source::File(Box::new(entry.series.clone()), entry.time_point),
            };
            Some((input.name.clone(), source))
        });
        let offers = offers(model);
        let options = RunOptions {
            provider: self.provider,
            samples: offers.samples.then_some(self.samples),
            tta: offers.tta.then_some(self.tta),
            seed: self.seed,
            registered: differ && self.registered,
            alone: self.alone,
            probabilities: true,
            ..RunOptions::default()
        };
        Ok(Asked { model: Box::new(model.clone()), on, inputs: sources.collect(), options, explain: self.explain })
    }

    /// What the guard is asked about: the series in the slots. `None` while one of them is on its way, or where they
    /// could not be run.
    fn question(&self, window: &Window, model: &Model) -> Option<(Question, Asked)> {
        let asked = self.asked(window, model).ok()?;
        let inputs = &model.manifest.inputs;
        let filled = slots::guess(inputs, &self.slots, &slots::candidates(window));
        let mut named = Vec::new();
        for (input, id) in inputs.iter().zip(filled).filter_map(|(input, id)| Some((input, id?))) {
            let entry = window.library.get(id)?;
            if matches!(entry.load, Load::Running(_)) {
                return None;
            }
            named.push((input.name.clone(), id, entry.time_point));
        }
        Some((Question { folder: model.folder.clone(), inputs: named }, asked))
    }

    /// Whether what lies in the slots is like the training data, said before anything runs.
    fn guard(&self, ui: &mut Ui, seen: &Seen<'_>, model: &Model, wishes: &mut Vec<Wish>) {
        let t = tokens(ui.ctx());
        let Some((question, asked)) = self.question(seen.window, model) else { return };
        let failed = |ui: &mut Ui, why: &str| {
            guard_line(ui, Likeness::Unlike, &format!("The inputs could not be looked at: {why}"));
        };
        match seen.tasks.guards.word(&question) {
            Word::Unasked => wishes.push(Wish::Look(Box::new((question, asked)))),
            Word::Looking => {
                quiet(ui, "Comparing the inputs with the training data…");
            }
            Word::Said(Err(why)) => failed(ui, why),
            Word::Said(Ok(look)) => {
                match look.word() {
                    Some((likeness, sentence)) => guard_line(ui, likeness, &sentence),
                    None => {
                        let text = RichText::new(NOT_KNOWN).size(t.size.small).color(t.quiet);
                        ui.add(egui::Label::new(text).wrap());
                    }
                }
                look.notices.iter().for_each(|text| notice(ui, text));
            }
        }
    }

    /// Draws it.
    pub fn show(&mut self, ui: &mut Ui, seen: &Seen<'_>, model: &Model, wishes: &mut Vec<Wish>) {
        let t = tokens(ui.ctx());
        let (window, runtime) = (seen.window, seen.runtime);
        let candidates: Vec<Candidate> = slots::candidates(window);
        let filled = slots::guess(&model.manifest.inputs, &self.slots, &candidates);
        for ((input, chosen), guessed) in model.manifest.inputs.iter().zip(&mut self.slots).zip(&filled) {
            slots::show(ui, window, input, chosen, *guessed, &candidates);
        }
        let series: Vec<SeriesId> = filled.iter().flatten().copied().collect();
        if slots::frames_differ(window, &series) {
            ui.checkbox(&mut self.registered, "These series are registered").on_hover_text(
                "They do not share a frame of reference: only you can know whether their positions agree",
            );
        }
        self.guard(ui, seen, model, wishes);
        ui.add_space(t.space.xs);
        let offers = offers(model);
        provider(ui, &mut self.provider, runtime);
        if offers.samples {
            row(ui, "Samples", |ui| {
                let response = ui.add(DragValue::new(&mut self.samples).range(1..=256));
                response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Samples"));
                response.on_hover_text("How many times the model draws anew; more samples tell more of its spread");
            });
        }
        if offers.tta {
            row(ui, "Repeats", |ui| {
                ui.checkbox(&mut self.tta, "Augmented")
                    .on_hover_text("Runs the mirrored and changed inputs of the manifest too: how far the results differ tells how sure the model is");
            });
        }
        if offers.seed {
            row(ui, "Seed", |ui| {
                let response = ui.add(DragValue::new(&mut self.seed));
                response.widget_info(|| WidgetInfo::labeled(Role::SpinButton, true, "Seed"));
                response.on_hover_text("The same seed, model and provider give the same result");
            });
        }
        if model.manifest.faithfulness.is_some() {
            row(ui, "Faithful?", |ui| {
                let mut second = !self.alone;
                ui.checkbox(&mut second, "Second model").on_hover_text(
                    "Runs another model on what was made and holds it against its source: a map of where it may be invented",
                );
                self.alone = !second;
            });
        }
        row(ui, "Explains", |ui| {
            let response = ComboBox::from_id_salt("explanation")
                .width(ui.available_width() - 8.0)
                .selected_text(self.explain.map_or("Nothing", Method::title))
                .show_ui(ui, |ui| {
                    ui.selectable_value(&mut self.explain, None, "Nothing");
                    for method in Method::ALL.into_iter().filter(|method| can_explain(model, *method)) {
                        ui.selectable_value(&mut self.explain, Some(method), method.title());
                    }
                })
                .response;
            response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, true, "Explanation"));
            response.on_hover_text("Adds a map of what mattered; runs the network a hundred times or more");
        });
    }
}

/// Whether the manifest gives what a method needs.
fn can_explain(model: &Model, method: Method) -> bool {
    let explain = model.manifest.explain.as_ref();
    match method {
        Method::Counterfactual => explain.is_some_and(|e| e.latent.is_some()),
        method if method.needs_tap() => explain.is_some_and(|e| e.cam_tensor.is_some()),
        _ => true,
    }
}

/// Automatic, and every provider that there is, each with the reason if it does not work.
fn provider(ui: &mut Ui, chosen: &mut Provider, runtime: Option<&Result<RuntimeStatus, String>>) {
    let t = tokens(ui.ctx());
    row(ui, "Runs on", |ui| {
        let response = ComboBox::from_id_salt("provider")
            .width(ui.available_width() - 8.0)
            .selected_text(title(*chosen))
            .show_ui(ui, |ui| {
                ui.selectable_value(chosen, Provider::Auto, title(Provider::Auto))
                    .on_hover_text("The fastest that works; says so where that is the processor");
                match runtime {
                    None => {
                        quiet(ui, "Looking at what works…");
                    }
                    Some(Err(why)) => {
                        quiet(ui, "ONNX Runtime is fetched by the first run").on_hover_text(why);
                    }
                    Some(Ok(status)) => {
                        for one in &status.providers {
                            let text = RichText::new(title(one.provider));
                            let text = if one.works { text } else { text.color(t.disabled) };
                            let response =
                                ui.add_enabled(one.works, egui::Button::selectable(*chosen == one.provider, text));
                            if response.clicked() {
                                *chosen = one.provider;
                            }
                            response.on_disabled_hover_text(sentence(&one.reason));
                        }
                    }
                }
            })
            .response;
        let value = title(*chosen);
        response.widget_info(|| {
            let mut info = WidgetInfo::labeled(Role::ComboBox, true, "Provider");
            info.current_text_value = Some(value.to_owned());
            info
        });
    });
    if let Some(Ok(status)) = runtime
        && let Some(one) = status.providers.iter().find(|p| p.provider == *chosen && !p.works)
    {
        ui.label(RichText::new(sentence(&one.reason)).size(t.size.small).color(t.error));
    }
}

fn title(provider: Provider) -> &'static str {
    match provider {
        Provider::Auto => "Automatic",
        Provider::Cpu => "Processor",
        Provider::Cuda => "CUDA",
        Provider::TensorRt => "TensorRT",
        Provider::DirectMl => "DirectML",
        Provider::CoreMl => "Core ML",
        Provider::OpenVino => "OpenVINO",
        Provider::WebGpu => "WebGPU",
    }
}

fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().collect::<String>() + letters.as_str())
}
