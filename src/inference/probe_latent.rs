//! A model's encoder and decoder, for walks through its latent space.

use std::sync::Arc;

use super::errors::InferenceError;
use super::layout::Layout;
use super::manifest::Model;
use super::manifest::schema::OutputKind;
use super::probe::field;
use super::provider::Provider;
use super::session::{self, Network, Tensor};
use crate::jobs::Control;

/// The two networks.
pub(crate) struct LatentNetworks {
    title: String,
    layout: Layout,
    encoder: Arc<Network>,
    decoder: Arc<Network>,
    latent: Option<String>,
}

/// Numbers of the latent space with the shape that the decoder takes.
pub(crate) struct LatentTensor {
    pub values: Vec<f32>,
    shape: Vec<usize>,
}

impl LatentNetworks {
    /// Opens the files of the two roles.
    ///
    /// # Errors
    /// As [`session::open`].
    pub fn open(
        model: &Model,
        roles: [&str; 2],
        provider: Provider,
        control: &Control,
    ) -> Result<Self, InferenceError> {
        let [encoder, decoder] = roles;
        let latent = model.manifest.outputs.iter().find(|o| o.kind == OutputKind::MeanLatent);
        Ok(Self {
            title: model.title(),
            layout: Layout::new(&model.manifest.inferer.layout),
            encoder: session::open(model, encoder, provider, control)?,
            decoder: session::open(model, decoder, provider, control)?,
            latent: latent.map(|o| o.tensor.clone()),
        })
    }

    /// Channels `[nz, ny, nx]` of a size to latent numbers (the mean, where the encoder gives a distribution).
    ///
    /// # Errors
    /// When the encoder cannot be run.
    pub fn encode(
        &self,
        channels: &[&[f32]],
        size: [usize; 3],
        control: &Control,
    ) -> Result<LatentTensor, InferenceError> {
        let (shape, data) = self.layout.pack(channels, size);
        let named = |wanted: &String| self.encoder.outputs.iter().any(|p| p.name == *wanted);
        let output = match &self.latent {
            Some(name) if named(name) => name.clone(),
            _ => first(&self.encoder.outputs),
        };
        let found = self.run(&self.encoder, shape, data, &output, control)?;
        Ok(LatentTensor { values: found.data, shape: found.shape })
    }

    /// Latent numbers of the shape of `like` to channels `[nz, ny, nx]`.
    ///
    /// # Errors
    /// When the decoder cannot be run.
    pub fn decode(
        &self,
        values: &[f32],
        like: &LatentTensor,
        control: &Control,
    ) -> Result<Vec<Vec<f32>>, InferenceError> {
        let output = first(&self.decoder.outputs);
        let found = self.run(&self.decoder, like.shape.clone(), values.to_vec(), &output, control)?;
        Ok(field(&self.layout, &found).channels)
    }

    fn run(
        &self,
        network: &Network,
        shape: Vec<usize>,
        data: Vec<f32>,
        output: &str,
        control: &Control,
    ) -> Result<Tensor, InferenceError> {
        let tensor = Tensor { name: first(&network.inputs), shape, data };
        let found = network.run(&self.title, &[tensor], &[output], control)?;
        found
            .into_iter()
            .next()
            .ok_or_else(|| InferenceError::Run { model: self.title.clone(), reason: format!("it gave no `{output}`") })
    }
}

fn first(ports: &[session::Port]) -> String {
    ports.first().map(|p| p.name.clone()).unwrap_or_default()
}
