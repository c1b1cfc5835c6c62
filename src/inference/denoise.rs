//! Diffusion models as the inferer calls them: the loop over the steps runs here, the network is called a step at a time.
//!
//! - [`Denoiser`]: noise in the image's own space; the inputs are further channels of the noisy image
//! - [`LatentDenoiser`]: noise in the latent space of an autoencoder

use std::sync::{Arc, Mutex, PoisonError};

use ort::value::TensorElementType;

use super::core::Stopwatch;
use super::cutter::Window;
use super::dense::{Core, Pass};
use super::diffusion::{Noise, Purpose, Sampler};
use super::errors::InferenceError;
use super::layout::{Box3, Layout, Order, copy};
use super::manifest::Model;
use super::manifest::schema::Diffusion;
use super::session::{Integers, Network, Tensor};
use crate::jobs::Control;

/// What both kinds need to call the denoising network.
pub(crate) struct Steps<'a> {
    title: String,
    network: Arc<Network>,
    sampler: Sampler,
    diffusion: Diffusion,
    seed: u64,
    /// The network's output that predicts.
    output: String,
    watch: &'a Stopwatch,
}

impl<'a> Steps<'a> {
    /// `output`: the tensor that predicts; the graph's first one if it has no such output.
    ///
    /// # Errors
    /// Numbers that no diffusion can have; a graph without the tensors that the manifest names.
    pub fn new(
        model: &Model,
        network: Arc<Network>,
        output: Option<&str>,
        seed: u64,
        watch: &'a Stopwatch,
    ) -> Result<Self, InferenceError> {
        let mismatch = |expected: String, found: String| InferenceError::Mismatch {
            path: model.folder.join("manifest.toml"),
            expected,
            found,
        };
        let Some(diffusion) = model.manifest.diffusion.clone() else {
            return Err(mismatch("a [diffusion] table".into(), "none".into()));
        };
        let sampler = Sampler::new(&diffusion)
            .map_err(|e| mismatch("numbers that a diffusion can have".into(), e.to_string()))?;
        let names: Vec<&str> = network.inputs.iter().map(|p| p.name.as_str()).collect();
        for (key, name) in [("sample", &diffusion.sample_tensor), ("timestep", &diffusion.timestep_tensor)] {
            if !names.contains(&name.as_str()) {
                return Err(mismatch(
                    format!("an input tensor `{name}` of the denoiser (diffusion.{key}_tensor)"),
                    format!("the inputs {}", names.join(", ")),
                ));
            }
        }
        let known = |name: &&str| network.outputs.iter().any(|p| p.name == **name);
        let first = network.outputs.first().map(|p| p.name.clone()).unwrap_or_default();
        let output = output.filter(known).map_or(first, str::to_owned);
        Ok(Self { title: model.title(), network, sampler, diffusion, seed, output, watch })
    }

    /// The timestep as the graph declares it: whole or real, a number alone or one for each of the batch.
    fn timestep(&self, t: f64, batch: usize) -> (Vec<Tensor>, Vec<Integers>) {
        let name = self.diffusion.timestep_tensor.clone();
        let port = self.network.inputs.iter().find(|p| p.name == name);
        let declared = port.map(|p| p.shape.clone()).unwrap_or_default();
        let shape: Vec<usize> = declared.iter().map(|n| usize::try_from(*n).unwrap_or(batch)).collect();
        let count: usize = shape.iter().product();
        match port.and_then(|p| p.element) {
            Some(TensorElementType::Int64 | TensorElementType::Int32) => {
                (Vec::new(), vec![Integers { name, shape, data: vec![t.round() as i64; count] }])
            }
            _ => (vec![Tensor { name, shape, data: vec![t as f32; count] }], Vec::new()),
        }
    }

    /// From noise to an image: `x` is changed in place. `with` puts the condition beside it; `noise` is one stream a
    /// window, for steps that draw.
    fn denoise(
        &self,
        x: &mut [f32],
        batch: usize,
        with: impl Fn(&[f32]) -> Vec<Tensor>,
        noise: &mut [Noise],
        windows: usize,
        control: &Control,
    ) -> Result<(), InferenceError> {
        let per = x.len() / batch.max(1);
        for (k, t) in self.sampler.timesteps().iter().enumerate() {
            control.checkpoint()?;
            let (numbers, integers) = self.timestep(*t, batch);
            let mut tensors = with(x);
            tensors.extend(numbers);
            let given = self
                .watch
                .time(|| self.network.run_with_integers(&self.title, &tensors, &integers, &[&self.output], control))?;
            let output = given.first().map(|t| t.data.as_slice()).unwrap_or_default();
            if output.len() < x.len() {
                return Err(InferenceError::Run {
                    model: self.title.clone(),
                    reason: format!("`{}` holds {} values, the noisy image {}", self.output, output.len(), x.len()),
                });
            }
            // A network that predicts a variance too gives it in further channels.
            let given_per = output.len() / batch.max(1);
            for (b, window) in x.chunks_mut(per).enumerate() {
                let output = &output[b * given_per..b * given_per + per];
                match noise.get_mut(b) {
                    Some(noise) => self.sampler.step(k, output, window, || noise.draw()),
                    None => self.sampler.step(k, output, window, || 0.0),
                }
            }
            control.advance(windows as u64);
        }
        Ok(())
    }

    fn window_noise(&self, pass: &Pass, windows: &[Window], purpose: Purpose) -> Vec<Noise> {
        let sample = sample_of(pass);
        windows.iter().map(|w| Noise::of_window(self.seed, sample, purpose, key(w))).collect()
    }
}

/// Members and augmentations draw numbers of their own too.
fn sample_of(pass: &Pass) -> u32 {
    let augmented = pass.augmentation.map_or(0, |n| n + 1);
    u32::try_from(pass.sample + 1000 * augmented + 100_000 * pass.member).unwrap_or(u32::MAX)
}

fn key(w: &Window) -> u64 {
    let [x, y, z] = w.start.map(|n| n as u64);
    1 + (x | y << 16 | z << 32 | (w.plane as u64) << 48)
}

/// Noise in the image's own space.
pub(crate) struct Denoiser<'a> {
    pub steps: Steps<'a>,
    pub layouts: Vec<Layout>,
    /// Size of the padded grid and the order in which its noise lies.
    pub size: [usize; 3],
    pub order: Order,
    /// Channels of the noisy image.
    pub channels: usize,
    /// The name under which the image is given on.
    pub output: String,
    pub batch: Option<usize>,
    /// The noise that the last sample began with: windows that overlap begin with the same.
    pub start: Mutex<Option<(u32, Arc<Vec<f32>>)>>,
}

impl Denoiser<'_> {
    fn start(&self, pass: &Pass) -> Arc<Vec<f32>> {
        let sample = sample_of(pass);
        let mut kept = self.start.lock().unwrap_or_else(PoisonError::into_inner);
        match &*kept {
            Some((of, noise)) if *of == sample => noise.clone(),
            _ => {
                let n = self.channels * self.size.iter().product::<usize>();
                let noise = Arc::new(Noise::new(self.steps.seed, sample, Purpose::Start).take(n));
                *kept = Some((sample, noise.clone()));
                noise
            }
        }
    }
}

impl Core for Denoiser<'_> {
    fn call(
        &self,
        pass: &Pass,
        tensors: Vec<Tensor>,
        windows: &[Window],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let Some(first) = windows.first() else { return Ok(Vec::new()) };
        let layout = &self.layouts[first.plane];
        let batch = self.batch.unwrap_or(windows.len());
        let shape = layout.shape(batch, self.channels, first.size);
        let strides = layout.strides(&shape);
        let voxels: usize = self.size.iter().product();
        let noise = self.start(pass);
        let grid = self.order.strides(self.size).map(|s| s as isize);
        let mut x = vec![0.0; shape.iter().product()];
        for (b, window) in windows.iter().enumerate() {
            for c in 0..self.channels {
                let from = Box3 { start: window.start, strides: grid };
                let to = Box3 { start: [0; 3], strides: strides.space.map(|s| s as isize) };
                let at = b * strides.batch + c * strides.channel;
                copy(&mut x[at..], to, &noise[c * voxels..(c + 1) * voxels], from, window.size, layout.order());
            }
        }
        let sample_tensor = &self.steps.diffusion.sample_tensor;
        let axis = layout.position('C');
        let (beside, others): (Vec<&Tensor>, Vec<&Tensor>) = tensors.iter().partition(|t| t.name == *sample_tensor);
        let with = |x: &[f32]| {
            let noisy = Tensor { name: sample_tensor.clone(), shape: shape.clone(), data: x.to_vec() };
            let mut all = vec![match (beside.first(), axis) {
                (Some(condition), Some(axis)) => joined(noisy, condition, axis),
                _ => noisy,
            }];
            all.extend(others.iter().map(|t| Tensor {
                name: t.name.clone(),
                shape: t.shape.clone(),
                data: t.data.clone(),
            }));
            all
        };
        let mut noise = self.steps.window_noise(pass, windows, Purpose::Steps);
        self.steps.denoise(&mut x, batch, with, &mut noise, windows.len(), control)?;
        Ok(vec![Tensor { name: self.output.clone(), shape, data: x }])
    }

    fn fixed_batch(&self) -> Option<usize> {
        self.batch
    }

    fn steps(&self) -> usize {
        self.steps.sampler.timesteps().len()
    }
}

/// Two tensors, one behind the other along an axis.
fn joined(first: Tensor, second: &Tensor, axis: usize) -> Tensor {
    let mut shape = first.shape.clone();
    shape[axis] += second.shape.get(axis).copied().unwrap_or(0);
    let inner: usize = first.shape[axis + 1..].iter().product();
    let (a, b) = (first.shape[axis] * inner, second.shape.get(axis).copied().unwrap_or(0) * inner);
    let mut data = Vec::with_capacity(first.data.len() + second.data.len());
    for (x, y) in first.data.chunks(a.max(1)).zip(second.data.chunks(b.max(1))) {
        data.extend_from_slice(x);
        data.extend_from_slice(y);
    }
    Tensor { name: first.name, shape, data }
}

/// Noise in the latent space of an autoencoder. The inputs, encoded, are the condition.
pub(crate) struct LatentDenoiser<'a> {
    pub steps: Steps<'a>,
    /// `None` when there is nothing to encode.
    pub encoder: Option<Arc<Network>>,
    pub decoder: Arc<Network>,
    /// Outputs of the decoder that the manifest names.
    pub wanted: Vec<String>,
    pub batch: Option<usize>,
    /// Where the denoiser's channels lie.
    pub channel_axis: usize,
}

impl Core for LatentDenoiser<'_> {
    fn call(
        &self,
        pass: &Pass,
        tensors: Vec<Tensor>,
        windows: &[Window],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let d = &self.steps.diffusion;
        let title = &self.steps.title;
        let batch = self.batch.unwrap_or(windows.len());
        let failed = |reason: String| InferenceError::Run { model: title.clone(), reason };
        let condition = match &self.encoder {
            Some(encoder) => {
                let names: Vec<&str> = encoder.outputs.iter().take(1).map(|p| p.name.as_str()).collect();
                let mut given = self.steps.watch.time(|| encoder.run(title, &tensors, &names, control))?;
                let mut latent = given.pop().ok_or_else(|| failed("the encoder gives nothing".into()))?;
                latent.data.iter_mut().for_each(|x| *x *= d.latent_scale as f32);
                Some(latent)
            }
            None => None,
        };
        let port = self.steps.network.inputs.iter().find(|p| p.name == d.sample_tensor);
        let declared = port.map(|p| p.shape.clone()).unwrap_or_default();
        let axis = self.channel_axis;
        let mut shape: Vec<usize> = match &condition {
            Some(c) => c.shape.clone(),
            None => declared.iter().map(|n| usize::try_from(*n).unwrap_or(0)).collect(),
        };
        if let (Some(c), Some(all)) = (&condition, declared.get(axis).and_then(|n| usize::try_from(*n).ok())) {
            // What the condition leaves of the denoiser's channels is the noisy latent's.
            shape[axis] = all.saturating_sub(c.shape[axis]).max(1);
        }
        if let Some(n) = shape.first_mut() {
            *n = batch;
        }
        if shape.contains(&0) || shape.is_empty() {
            return Err(failed("the denoiser leaves the size of its latent free, and no input gives it".into()));
        }
        let per: usize = shape[1..].iter().product();
        let mut start = self.steps.window_noise(pass, windows, Purpose::Start);
        let mut x: Vec<f32> = start.iter_mut().flat_map(|n| n.take(per)).collect();
        x.resize(batch * per, 0.0);
        let with = |x: &[f32]| {
            let noisy = Tensor { name: d.sample_tensor.clone(), shape: shape.clone(), data: x.to_vec() };
            vec![match &condition {
                Some(c) => joined(noisy, c, axis),
                None => noisy,
            }]
        };
        let mut noise = self.steps.window_noise(pass, windows, Purpose::Steps);
        self.steps.denoise(&mut x, batch, with, &mut noise, windows.len(), control)?;
        x.iter_mut().for_each(|v| *v /= d.latent_scale as f32);
        let name = self.decoder.inputs.first().map(|p| p.name.clone()).unwrap_or_default();
        let wanted: Vec<&str> = self.wanted.iter().map(String::as_str).collect();
        self.steps.watch.time(|| self.decoder.run(title, &[Tensor { name, shape, data: x }], &wanted, control))
    }

    fn fixed_batch(&self) -> Option<usize> {
        self.batch
    }

    fn steps(&self) -> usize {
        self.steps.sampler.timesteps().len()
    }
}
