//! What a run is asked for: inputs, provider, repeats, seed.

use eframe::egui::{self, ComboBox, DragValue, RichText, Ui, WidgetInfo, accesskit::Role};

use super::slots::{self, Candidate, Chosen};
use crate::app::library::{Load, SeriesId};
use crate::app::state::Model as Window;
use crate::app::tasks::{Asked, Source};
use crate::app::ui_kit::theme::tokens;
use crate::app::ui_kit::widgets::{quiet, row};
use crate::inference::engine::{Provider, RunOptions};
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
    /// `CARD.md` is on show.
    pub(super) reading: bool,
    /// The licence is on show before the first run.
    pub(super) asking: bool,
    /// The licence is to be scrolled into view.
    pub(super) reveal: bool,
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
            reading: false,
            asking: false,
            reveal: false,
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
            probabilities: true,
            ..RunOptions::default()
        };
        Ok(Asked { model: Box::new(model.clone()), on, inputs: sources.collect(), options })
    }

    /// Draws it.
    pub fn show(
        &mut self,
        ui: &mut Ui,
        window: &Window,
        model: &Model,
        runtime: Option<&Result<RuntimeStatus, String>>,
    ) {
        let t = tokens(ui.ctx());
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
        row(ui, "Explains", |ui| {
            let width = ui.available_width() - 8.0;
            let response = ui
                .add_enabled_ui(false, |ui| {
                    ComboBox::from_id_salt("explanation")
                        .width(width)
                        .selected_text("Nothing")
                        .show_ui(ui, |_| {})
                        .response
                })
                .inner;
            response.widget_info(|| WidgetInfo::labeled(Role::ComboBox, false, "Explanation"));
            response.on_disabled_hover_text("Maps of what the model looked at are not part of this version yet");
        });
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
