//! Autoencoders given as an encoder and a decoder: reconstructions, draws from the latent distribution, and the search
//! for a latent whose image is nearest to the input.

use std::sync::Arc;

use super::core::Stopwatch;
use super::cutter::Window;
use super::dense::{Core, Pass};
use super::diffusion::{Noise, Purpose};
use super::errors::InferenceError;
use super::manifest::Model;
use super::manifest::schema::{AnomalyScore, OutputKind};
use super::session::{Network, Tensor};
use crate::jobs::Control;

/// Encoder, latent, decoder.
pub(crate) struct Autoencoder<'a> {
    title: String,
    encoder: Arc<Network>,
    decoder: Arc<Network>,
    /// Outputs that the manifest names, of the one or the other.
    wanted: Vec<String>,
    mean: String,
    log_variance: Option<String>,
    reconstruction: Option<String>,
    draw: Draw,
    /// The search for a latent, where there is one.
    search: Option<Search>,
    batch: Option<usize>,
    watch: &'a Stopwatch,
}

/// How a latent is taken from its distribution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draw {
    /// Whether it is drawn (several samples) or is the mean.
    pub at_random: bool,
    pub seed: u64,
}

/// A search for a latent.
#[derive(Debug, Clone, Copy)]
struct Search {
    steps: usize,
    /// Length of the first step along each axis of the latent.
    reach: f32,
}

/// Weight of the residual's total variation (You 2019, as INFERENCE.md, section 6, has it).
const TOTAL_VARIATION: f32 = 1.8;

impl<'a> Autoencoder<'a> {
    /// From the files of roles `encoder` and `decoder`. The latent is the encoder's output of kind `mean_latent`, or its
    /// first one.
    pub fn new(
        model: &Model,
        encoder: Arc<Network>,
        decoder: Arc<Network>,
        wanted: Vec<String>,
        draw: Draw,
        batch: Option<usize>,
        watch: &'a Stopwatch,
    ) -> Self {
        let m = &model.manifest;
        let of_kind = |kind: OutputKind| m.outputs.iter().find(|o| o.kind == kind).map(|o| o.tensor.clone());
        let first = encoder.outputs.first().map(|p| p.name.clone()).unwrap_or_default();
        Self {
            title: model.title(),
            mean: of_kind(OutputKind::MeanLatent).unwrap_or(first),
            log_variance: of_kind(OutputKind::LogvarLatent),
            reconstruction: of_kind(OutputKind::Reconstruction).or_else(|| of_kind(OutputKind::Image)),
            encoder,
            decoder,
            wanted,
            draw,
            search: m
                .anomaly
                .as_ref()
                .filter(|a| a.score == AnomalyScore::Restoration)
                .map(|a| Search { steps: a.restoration_steps, reach: a.restoration_step }),
            batch,
            watch,
        }
    }

    fn decode(&self, latent: &Tensor, wanted: &[&str], control: &Control) -> Result<Vec<Tensor>, InferenceError> {
        let name = self.decoder.inputs.first().map(|p| p.name.clone()).unwrap_or_default();
        let input = Tensor { name, shape: latent.shape.clone(), data: latent.data.clone() };
        self.watch.time(|| self.decoder.run(&self.title, &[input], wanted, control))
    }

    /// Moves the latent so that its image comes nearer to the input: simultaneous perturbation (Spall 1992), a step
    /// being kept only if the distance became smaller. No gradient is needed, for ONNX has none.
    fn restore(
        &self,
        search: Search,
        latent: &mut Tensor,
        image: &Tensor,
        noise: &mut Noise,
        control: &Control,
    ) -> Result<(), InferenceError> {
        let Some(name) = &self.reconstruction else { return Ok(()) };
        let loss = |latent: &Tensor| -> Result<f64, InferenceError> {
            let made = self.decode(latent, &[name], control)?;
            Ok(made.first().map_or(f64::INFINITY, |t| distance(&image.data, &t.data, &t.shape)))
        };
        let mut best = loss(latent)?;
        let mut reach = search.reach;
        let at = |latent: &Tensor, direction: &[f32], step: f32| Tensor {
            name: latent.name.clone(),
            shape: latent.shape.clone(),
            data: latent.data.iter().zip(direction).map(|(z, d)| z + step * d).collect(),
        };
        for _ in 0..search.steps {
            control.checkpoint()?;
            let signs: Vec<f32> = latent.data.iter().map(|_| if noise.draw() < 0.0 { -1.0 } else { 1.0 }).collect();
            let mut moved = false;
            for step in [reach, -reach] {
                let tried = at(latent, &signs, step);
                let found = loss(&tried)?;
                if found < best {
                    (best, *latent, moved) = (found, tried, true);
                    break;
                }
            }
            reach *= if moved { 1.2 } else { 0.9 };
        }
        Ok(())
    }
}

/// Mean absolute difference, and that of the residual between neighbours along the tensor's last three axes.
fn distance(image: &[f32], made: &[f32], shape: &[usize]) -> f64 {
    let residual: Vec<f32> = image.iter().zip(made).map(|(x, y)| x - y).collect();
    let n = residual.len().max(1) as f64;
    let absolute: f64 = residual.iter().map(|x| f64::from(x.abs())).sum();
    let mut variation = 0.0;
    let mut stride = 1;
    for size in shape.iter().rev().take(3) {
        if *size > 1 {
            let at_end = |i: usize| i / stride % size + 1 == *size;
            let steps = (0..residual.len().saturating_sub(stride)).filter(|i| !at_end(*i));
            variation += steps.map(|i| f64::from((residual[i + stride] - residual[i]).abs())).sum::<f64>();
        }
        stride *= size;
    }
    (absolute + f64::from(TOTAL_VARIATION) * variation) / n
}

impl Core for Autoencoder<'_> {
    fn call(
        &self,
        pass: &Pass,
        tensors: Vec<Tensor>,
        windows: &[Window],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError> {
        let has = |network: &Network, name: &str| network.outputs.iter().any(|p| p.name == name);
        let mut from_encoder: Vec<&str> =
            self.wanted.iter().map(String::as_str).filter(|n| has(&self.encoder, n)).collect();
        for name in std::iter::once(&self.mean).chain(&self.log_variance) {
            if !from_encoder.contains(&name.as_str()) {
                from_encoder.push(name);
            }
        }
        let mut given = self.watch.time(|| self.encoder.run(&self.title, &tensors, &from_encoder, control))?;
        let of =
            |name: &str, all: &[Tensor]| all.iter().find(|t| t.name == name).map(|t| (t.shape.clone(), t.data.clone()));
        let Some((shape, mut data)) = of(&self.mean, &given) else {
            return Err(InferenceError::Run {
                model: self.title.clone(),
                reason: "the encoder gives no latent".into(),
            });
        };
        let sample = u32::try_from(pass.sample).unwrap_or(u32::MAX);
        let window = windows.first().map_or(0, |w| w.start.iter().fold(1_u64, |k, n| k << 16 | *n as u64));
        let mut noise = Noise::of_window(self.draw.seed, sample, Purpose::Latent, window);
        if self.draw.at_random
            && let Some((_, log_variance)) = self.log_variance.as_ref().and_then(|n| of(n, &given))
        {
            for (z, v) in data.iter_mut().zip(log_variance) {
                *z += (0.5 * v.clamp(-30.0, 20.0)).exp() * noise.draw();
            }
        }
        let mut latent = Tensor { name: self.mean.clone(), shape, data };
        if let Some(search) = self.search
            && let Some(image) = tensors.first()
        {
            self.restore(search, &mut latent, image, &mut noise, control)?;
        }
        let from_decoder: Vec<&str> =
            self.wanted.iter().map(String::as_str).filter(|n| has(&self.decoder, n)).collect();
        given.extend(self.decode(&latent, &from_decoder, control)?);
        control.advance(windows.len() as u64);
        // In the manifest's order, whichever network gave it.
        let mut ordered = Vec::new();
        for name in &self.wanted {
            if let Some(at) = given.iter().position(|t| t.name == *name) {
                ordered.push(given.swap_remove(at));
            }
        }
        Ok(ordered)
    }

    fn fixed_batch(&self) -> Option<usize> {
        self.batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand: |1| + |0| + |-1| over 3, and 1.8 times the two steps of 1.
    #[test]
    fn distance_counts_differences_and_their_steps() {
        let d = distance(&[1.0, 0.0, 0.0], &[0.0, 0.0, 1.0], &[1, 1, 1, 1, 3]);
        assert!((d - (2.0 + 1.8 * 2.0) / 3.0).abs() < 1e-6, "{d}");
    }
}
