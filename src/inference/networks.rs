//! The networks of a model, opened, and the core that calls them: [`Networks`].

use std::sync::{Arc, Mutex};

use super::autoencode::{Autoencoder, Draw};
use super::core::{Plain, Stopwatch};
use super::cutter::Cutter;
use super::denoise::{Denoiser, LatentDenoiser, Steps};
use super::dense::{Core, window_sizes};
use super::engine::RunOptions;
use super::errors::InferenceError;
use super::fields;
use super::manifest::Model;
use super::manifest::schema::{InfererKind, UncertaintySource};
use super::ports;
use super::session::{self, Network};
use crate::jobs::Control;

/// How a model's files work together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `network`, or an ensemble of `network.1`, `network.2` …
    Members,
    /// `encoder` and `decoder`.
    Autoencoder,
    /// `denoiser` (or `network`), step by step.
    Diffusion,
    /// `encoder`, `denoiser`, `decoder`.
    LatentDiffusion,
}

/// A model's networks with their roles, the first one being that which decides the provider and the hash on record.
pub(crate) struct Networks {
    form: Form,
    all: Vec<(String, Arc<Network>)>,
}

impl Networks {
    /// Opens every file that a run needs; members of further models that the person named come last.
    ///
    /// # Errors
    /// What [`session::open`] says; models that cannot be averaged.
    pub fn open(model: &Model, options: &RunOptions, control: &Control) -> Result<Self, InferenceError> {
        let m = &model.manifest;
        let has = |role: &str| m.files.0.contains_key(role);
        let members = |of: &Model| {
            let is_member = |r: &&String| *r == "network" || r.starts_with("network.");
            of.manifest.files.0.keys().filter(is_member).cloned().collect::<Vec<_>>()
        };
        let (form, roles) = match m.inferer.kind {
            InfererKind::Diffusion => (Form::Diffusion, vec![if has("denoiser") { "denoiser" } else { "network" }]),
            InfererKind::LatentDiffusion if m.inputs.is_empty() => (Form::LatentDiffusion, vec!["denoiser", "decoder"]),
            InfererKind::LatentDiffusion => (Form::LatentDiffusion, vec!["denoiser", "encoder", "decoder"]),
            _ if members(model).is_empty() => (Form::Autoencoder, vec!["encoder", "decoder"]),
            _ => (Form::Members, Vec::new()),
        };
        // A network that draws at random goes on drawing: only a new session repeats its numbers.
        let draws = m.uncertainty.sources.contains(&UncertaintySource::Stochastic);
        let open = |of: &Model, role: &str| {
            if draws {
                session::open_anew(of, role, options.provider, control)
            } else {
                session::open(of, role, options.provider, control)
            }
        };
        let mut all = Vec::new();
        for role in roles {
            all.push((role.to_owned(), open(model, role)?));
        }
        if form == Form::Members {
            for of in std::iter::once(model).chain(&options.ensemble) {
                same_interface(model, of)?;
                for role in members(of) {
                    let name = if of.folder == model.folder { role.clone() } else { format!("{}/{role}", of.title()) };
                    all.push((name, open(of, &role)?));
                }
            }
        } else if !options.ensemble.is_empty() {
            let what = "an ensemble of diffusion models or autoencoders".to_owned();
            return Err(InferenceError::NotSupported { model: model.title(), what });
        }
        if form == Form::Members {
            all.iter().try_for_each(|(_, network)| ports::check_labels(network, model))?;
        }
        Ok(Self { form, all })
    }

    /// The network that decides the provider and the hash on record.
    ///
    /// # Errors
    /// When the model has no network at all.
    pub fn main(&self, model: &Model) -> Result<&Arc<Network>, InferenceError> {
        let none = || InferenceError::NotSupported { model: model.title(), what: "a model without a network".into() };
        self.all.first().map(|(_, n)| n).ok_or_else(none)
    }

    /// What the person must know of how they were opened, each sentence once.
    pub fn notes(&self) -> Vec<String> {
        let mut notes: Vec<String> = Vec::new();
        for note in self.all.iter().flat_map(|(_, n)| &n.notes) {
            if !notes.contains(note) {
                notes.push(note.clone());
            }
        }
        notes
    }

    /// How many networks are averaged.
    pub fn members(&self) -> usize {
        if self.form == Form::Members { self.all.len() } else { 1 }
    }

    /// Role and SHA-256 of every graph.
    pub fn hashes(&self) -> Vec<(String, String)> {
        self.all.iter().map(|(role, n)| (role.clone(), n.sha256.clone())).collect()
    }

    /// The same with another network in the place of a role's: one whose graph was edited.
    pub fn with(mut self, role: &str, network: Arc<Network>) -> Self {
        self.all.iter_mut().filter(|(r, _)| r == role).for_each(|(_, n)| *n = network.clone());
        self
    }

    /// Whether one of the graphs has an output of that name.
    pub fn has_output(&self, name: &str) -> bool {
        self.all.iter().flat_map(|(_, n)| &n.outputs).any(|p| p.name == name)
    }

    fn role(&self, model: &Model, role: &str) -> Result<Arc<Network>, InferenceError> {
        let found = self.all.iter().find(|(r, _)| r == role).map(|(_, n)| n.clone());
        found.ok_or_else(|| InferenceError::NotSupported {
            model: model.title(),
            what: format!("a model without the file `{role}`"),
        })
    }

    /// The core that calls them, after their tensors were checked against the manifest.
    ///
    /// # Errors
    /// [`InferenceError::Mismatch`] names the manifest's word and the graph's.
    pub fn core<'a>(
        &self,
        model: &Model,
        cutter: &Cutter,
        draw: &Draw,
        watch: &'a Stopwatch,
    ) -> Result<Box<dyn Core + 'a>, InferenceError> {
        let m = &model.manifest;
        let windows = window_sizes(m, cutter);
        let wanted = fields::wanted(model);
        let main = self.main(model)?;
        let batch = ports::fixed_batch(main, cutter);
        match self.form {
            Form::Members => {
                for (role, network) in &self.all {
                    ports::check_inputs(network, model, role, cutter, &windows, &[], None)?;
                }
                gives(model, &wanted, &[main])?;
                let members = self.all.iter().map(|(_, n)| n.clone()).collect();
                Ok(Box::new(Plain { title: model.title(), members, wanted, batch, watch }))
            }
            Form::Autoencoder => {
                let decoder = self.role(model, "decoder")?;
                ports::check_inputs(main, model, "encoder", cutter, &windows, &[], None)?;
                gives(model, &wanted, &[main, &decoder])?;
                Ok(Box::new(Autoencoder::new(model, main.clone(), decoder, wanted, *draw, batch, watch)))
            }
            Form::Diffusion => {
                let output = wanted.first().cloned().unwrap_or_default();
                let steps = Steps::new(model, main.clone(), Some(&output), draw.seed, watch)?;
                let d = m.diffusion.as_ref();
                let [sample, timestep] = d.map_or(["", ""], |d| [&d.sample_tensor, &d.timestep_tensor]);
                let layout = cutter.layout(0);
                // The noisy image has the channels before the first condition, or all that the graph takes.
                let before = m.inputs.iter().filter(|i| i.tensor == sample).map(|i| i.channel).min();
                let port = main.inputs.iter().find(|p| p.name == sample);
                let declared = layout.position('C').and_then(|c| usize::try_from(*port?.shape.get(c)?).ok());
                let channels = before.or(declared).unwrap_or(1).max(1);
                ports::check_inputs(
                    main,
                    model,
                    &self.all[0].0,
                    cutter,
                    &windows,
                    &[timestep],
                    Some((sample, channels)),
                )?;
                // Windows must lie behind each other to have noise of their own.
                let batch = if layout.position('N') == Some(0) { batch } else { Some(1) };
                Ok(Box::new(Denoiser {
                    steps,
                    layouts: (0..cutter.planes()).map(|p| cutter.layout(p).clone()).collect(),
                    size: cutter.size(),
                    order: cutter.order(),
                    channels,
                    output,
                    batch,
                    start: Mutex::new(None),
                }))
            }
            Form::LatentDiffusion => {
                let decoder = self.role(model, "decoder")?;
                let encoder = self.role(model, "encoder").ok();
                if let Some(encoder) = &encoder {
                    ports::check_inputs(encoder, model, "encoder", cutter, &windows, &[], None)?;
                }
                gives(model, &wanted, &[&decoder])?;
                let steps = Steps::new(model, main.clone(), None, draw.seed, watch)?;
                let channel_axis = cutter.layout(0).position('C').unwrap_or(1);
                let batch = encoder.as_ref().map_or(Some(1), |e| ports::fixed_batch(e, cutter));
                Ok(Box::new(LatentDenoiser { steps, encoder, decoder, wanted, batch, channel_axis }))
            }
        }
    }
}

/// Every wanted tensor must be an output of one of the networks.
fn gives(model: &Model, wanted: &[String], networks: &[&Arc<Network>]) -> Result<(), InferenceError> {
    let known: Vec<&str> = networks.iter().flat_map(|n| &n.outputs).map(|p| p.name.as_str()).collect();
    match wanted.iter().find(|w| !known.contains(&w.as_str())) {
        None => Ok(()),
        Some(missing) => Err(InferenceError::Mismatch {
            path: model.folder.clone(),
            expected: format!("an output tensor `{missing}` (outputs.tensor)"),
            found: format!("the outputs {}", known.join(", ")),
        }),
    }
}

/// Models of an ensemble must take and give the same.
fn same_interface(model: &Model, other: &Model) -> Result<(), InferenceError> {
    let (a, b) = (&model.manifest, &other.manifest);
    let same = [
        ("[[inputs]]", a.inputs == b.inputs),
        ("[preprocess]", a.preprocess == b.preprocess),
        ("[inferer]", a.inferer == b.inferer),
        ("[[outputs]]", a.outputs == b.outputs),
    ];
    match same.iter().find(|(_, same)| !same) {
        None => Ok(()),
        Some((table, _)) => Err(InferenceError::Mismatch {
            path: other.folder.join("manifest.toml"),
            expected: format!("the same {table} as {}, to be averaged with it", model.title()),
            found: "others".into(),
        }),
    }
}
