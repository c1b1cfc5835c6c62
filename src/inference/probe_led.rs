//! A model whose answer comes from many calls of its networks (slices, steps of a diffusion, autoencoders, ensembles),
//! led over a grid by the engine's own path: [`Led`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::autoencode::Draw;
use super::core::Stopwatch;
use super::cutter::{Cutter, Window};
use super::dense::{self, Pass, Work};
use super::errors::InferenceError;
use super::grid::ModelGrid;
use super::manifest::Model;
use super::manifest::schema::{Activation, OutputKind, OutputSpec, Postprocess, Task, Uncertainty};
use super::networks::Networks;
use super::normalize::Applied;
use super::probe::{Field, ProbeOptions, field, open_network};
use super::result::RunOptions;
use super::session::Network;
use crate::jobs::Control;
use crate::volume::Geometry;

/// The networks of a model and what is needed to lead them.
pub(crate) struct Led {
    /// With the steps that explanations take.
    model: Model,
    networks: Networks,
    /// Of a tap or a gradient: the main network with the tensor as an output.
    tapped: Option<Arc<Network>>,
    applied: Vec<(String, Applied)>,
    /// Seed of the noise that a diffusion begins with: the same at every call.
    seed: u64,
    /// Calls of networks that the last answer took.
    calls: AtomicUsize,
}

/// First voxel and the one behind the last, along x, y, z.
pub(crate) type Box3 = [[usize; 3]; 2];

impl Led {
    /// Opens the networks, the last `noise.0` layers of their deciding one replaced by noise where that is asked for.
    ///
    /// # Errors
    /// As a run; when a graph cannot be edited.
    pub fn open(
        model: &Model,
        applied: Vec<(String, Applied)>,
        options: &ProbeOptions,
        noise: Option<(usize, u64)>,
        control: &Control,
    ) -> Result<Self, InferenceError> {
        let mut model = model.clone();
        if let (Some(d), Some(steps)) = (&mut model.manifest.diffusion, options.steps) {
            d.steps = d.steps.min(steps.max(1));
        }
        let run = RunOptions { provider: options.provider, ..RunOptions::default() };
        let mut networks = Networks::open(&model, &run, control)?;
        if noise.is_some() {
            for role in deciding(&networks) {
                let plain = ProbeOptions { tap: None, ..options.clone() };
                let edited = open_network(&model, &role, &plain, noise, control)?;
                networks = networks.with(&role, edited);
            }
        }
        let tapped = match &options.tap {
            Some(_) => Some(open_network(&model, "network", options, noise, control)?),
            None => None,
        };
        Ok(Self { model, networks, tapped, applied, seed: options.noise_seed, calls: AtomicUsize::new(0) })
    }

    /// The network that decides the provider and the hash on record.
    pub fn main(&self) -> Result<&Arc<Network>, InferenceError> {
        self.networks.main(&self.model)
    }

    /// The role whose layers are replaced by noise.
    pub fn deciding_role(&self) -> Option<String> {
        deciding(&self.networks).into_iter().next()
    }

    /// Calls of networks that the last answer took.
    pub fn calls(&self) -> usize {
        self.calls.load(Ordering::Relaxed)
    }

    /// Steps of a diffusion; 1 for other models.
    pub fn steps(&self) -> usize {
        self.model.manifest.diffusion.as_ref().map_or(1, |d| d.steps)
    }

    /// Whether a graph has an output of that name.
    pub fn has_output(&self, name: &str) -> bool {
        self.networks.has_output(name) || self.tapped.as_ref().is_some_and(|n| n.outputs.iter().any(|p| p.name == name))
    }

    /// A tensor that the manifest names, as the network gives it, for channels on a grid; only the windows that touch
    /// `within` are run, and what no window touches is NaN.
    ///
    /// # Errors
    /// As a run.
    pub fn answer(
        &self,
        grid: &Geometry,
        channels: &[Vec<f32>],
        tensor: &str,
        within: Option<Box3>,
        control: &Control,
    ) -> Result<Field, InferenceError> {
        let asked = asked(&self.model, tensor);
        let cutter = Cutter::new(&self.model.manifest, channels.to_vec(), grid.size());
        let watch = Stopwatch::default();
        let draw = Draw { at_random: false, seed: self.seed };
        let core = self.networks.core(&self.model, &cutter, &draw, &watch)?;
        let passes: Vec<Pass> =
            (0..self.networks.members().max(1)).map(|member| Pass { member, augmentation: None, sample: 0 }).collect();
        let placed =
            ModelGrid { grid: grid.clone(), padded: grid.clone(), before: [0; 3], bounds: None, notes: Vec::new() };
        // Its stages are not those of the explanation; its cancel is.
        let own = control.child();
        let work = Work {
            model: &asked,
            core: &*core,
            cutter: &cutter,
            grid: &placed,
            target: grid,
            applied: &self.applied,
            passes: &passes,
            snapped: None,
            probabilities: false,
            block_bytes: dense::BLOCK_BYTES,
            within,
            control: &own,
        };
        let done = dense::run(&work, "")?;
        self.calls.store(done.patches * core.steps() * passes.len(), Ordering::Relaxed);
        let missing = || InferenceError::Run {
            model: self.model.title(),
            reason: format!("it gave no `{tensor}` that is an image or a number"),
        };
        let outcome = done.outcomes.into_iter().next().ok_or_else(missing)?;
        if !outcome.values.is_empty() {
            return Ok(Field { channels: outcome.values, size: grid.size() });
        }
        // Numbers for the whole of each window: the mean over windows and members.
        let count = outcome.whole.len() as f32;
        let mut numbers = outcome.whole.into_iter();
        let mut sum = numbers.next().filter(|n| !n.is_empty()).ok_or_else(missing)?;
        for more in numbers {
            sum.iter_mut().zip(more).for_each(|(s, x)| *s += x);
        }
        Ok(Field { channels: sum.into_iter().map(|s| vec![s / count]).collect(), size: [1; 3] })
    }

    /// A tensor inside the network, slice by slice across the first of the manifest's planes: as many slices as the
    /// grid has, each as small as the network made it.
    ///
    /// # Errors
    /// When it is no image of a slice, or the network cannot be run.
    pub fn tapped(
        &self,
        grid: &Geometry,
        channels: &[Vec<f32>],
        tensor: &str,
        control: &Control,
    ) -> Result<Field, InferenceError> {
        let size = grid.size();
        let cutter = Cutter::new(&self.model.manifest, channels.to_vec(), size);
        let not = |what: &str| InferenceError::NotSupported { model: self.model.title(), what: what.to_owned() };
        let (Some(network), Some(axis)) = (&self.tapped, cutter.across(0)) else {
            return Err(not("an activation of networks that are called many times an image"));
        };
        let mut slice = size;
        slice[axis] = 1;
        let own = control.child();
        let mut slices: Vec<Field> = Vec::with_capacity(size[axis]);
        for n in 0..size[axis] {
            let mut start = [0; 3];
            start[axis] = n;
            let tensors = cutter.cut(&[Window { start, size: slice, plane: 0 }], None);
            let given = network.run(&self.model.title(), &tensors, &[tensor], &own)?;
            let found = given.first().map(|t| field(cutter.layout(0), t)).filter(|f| f.size[axis] == 1);
            slices.push(found.ok_or_else(|| not("an activation that is no image of a slice"))?);
        }
        stacked(&slices, axis).ok_or_else(|| not("activations that differ in size from slice to slice"))
    }
}

/// The roles whose layers make the answer: the denoiser of a diffusion, the decoder of an autoencoder, else all.
fn deciding(networks: &Networks) -> Vec<String> {
    let roles: Vec<String> = networks.hashes().into_iter().map(|(role, _)| role).collect();
    match ["denoiser", "decoder"].into_iter().find(|r| roles.iter().any(|role| role == r)) {
        Some(one) => vec![one.to_owned()],
        None => roles,
    }
}

/// The model with one output: the tensor's own numbers, not activated, not scaled.
fn asked(model: &Model, tensor: &str) -> Model {
    let mut asked = model.clone();
    let m = &mut asked.manifest;
    m.task = Task::Synthesis;
    m.outputs = vec![OutputSpec {
        name: tensor.to_owned(),
        tensor: tensor.to_owned(),
        kind: OutputKind::Image,
        channels: None,
        activation: Activation::None,
        value: None,
        unit: None,
        modality: None,
        labels: Vec::new(),
        explains: None,
    }];
    m.postprocess = Postprocess::default();
    m.uncertainty = Uncertainty::default();
    m.anomaly = None;
    m.guard = None;
    asked
}

/// Slices put behind each other along an axis; `None` when they differ in size.
fn stacked(slices: &[Field], axis: usize) -> Option<Field> {
    let first = slices.first()?;
    let mut size = first.size;
    size[axis] = slices.len();
    let count = first.channels.len();
    let mut channels = vec![vec![0.0; size.iter().product()]; count];
    for (n, slice) in slices.iter().enumerate() {
        if slice.size != first.size || slice.channels.len() != count {
            return None;
        }
        for (to, from) in channels.iter_mut().zip(&slice.channels) {
            let [sx, sy, _] = slice.size;
            for (i, x) in from.iter().enumerate() {
                let mut at = [i % sx, i / sx % sy, i / (sx * sy)];
                at[axis] = n;
                to[(at[2] * size[1] + at[1]) * size[0] + at[0]] = *x;
            }
        }
    }
    Some(Field { channels, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_stacked_along_any_axis() {
        let slice = |size: [usize; 3], from: f32| Field {
            channels: vec![(0..size.iter().product::<usize>()).map(|n| from + n as f32).collect()],
            size,
        };
        let found = stacked(&[slice([2, 1, 2], 0.0), slice([2, 1, 2], 10.0)], 1).unwrap();
        assert_eq!((found.size, found.channels[0].as_slice()), ([2, 2, 2], &[0., 1., 10., 11., 2., 3., 12., 13.][..]));
        assert!(stacked(&[slice([2, 1, 2], 0.0), slice([1, 1, 2], 0.0)], 1).is_none());
    }
}
