//! Images as lists of numbers: by an encoder, or by [`super::thumbprint`].

use std::path::Path;
use std::sync::Arc;

use super::{AuditError, images, thumbprint};
use crate::inference::engine::{self, OutputContent, RunOptions};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::{OutputKind, OutputSpec};
use crate::inference::provider::Provider;
use crate::jobs::Control;
use crate::metrics::sets::Features;
use crate::volume::Volume;

/// What makes numbers of an image.
#[derive(Debug)]
pub enum Extractor {
    /// Means over a coarse grid.
    Thumbprint,
    /// A model whose output holds numbers for the whole image.
    Encoder(Box<Model>, Provider),
}

impl Extractor {
    /// What a report calls it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Thumbprint => "standardised means over a coarse grid".to_owned(),
            Self::Encoder(model, _) => format!("the encoder {}", model.title()),
        }
    }

    /// An encoder, of which only the numbers for the whole image are asked: its outputs of kind `features`, else its classes.
    ///
    /// # Errors
    /// When its manifest names neither.
    pub fn encoder(model: Model, provider: Provider) -> Result<Self, AuditError> {
        let mut model = model;
        let is_features = |o: &OutputSpec| o.kind == OutputKind::Features;
        let outputs = &mut model.manifest.outputs;
        if outputs.iter().any(is_features) {
            outputs.retain(is_features);
        } else if !outputs.iter().any(|o| !o.labels.is_empty() && o.kind != OutputKind::Labels) {
            return Err(AuditError::NoFeatures { model: model.title() });
        }
        Ok(Self::Encoder(Box::new(model), provider))
    }

    /// Whether an encoder gives numbers for the first image of a folder, before anything that takes long.
    ///
    /// # Errors
    /// When the folder cannot be read, or the encoder fails.
    pub fn check(&self, folder: &Path, control: &Control) -> Result<(), AuditError> {
        if matches!(self, Self::Thumbprint) {
            return Ok(());
        }
        control.stage(format!("Trying {}", self.name()), 0);
        for path in images::paths(folder)? {
            if let Some(first) = images::read(&path, &mut Vec::new(), &control.child())?.first() {
                return self.row(&first.volume, false, &control.child()).map(drop);
            }
        }
        Ok(())
    }

    /// The numbers of one image.
    ///
    /// # Errors
    /// When the encoder fails or gives no such numbers.
    pub fn row(&self, volume: &Arc<Volume>, picture: bool, control: &Control) -> Result<Vec<f64>, AuditError> {
        match self {
            Self::Thumbprint => {
                let cells = if picture { thumbprint::PICTURE_CELLS } else { thumbprint::CELLS };
                Ok(thumbprint::of(volume, cells))
            }
            Self::Encoder(model, provider) => {
                let options = RunOptions { provider: *provider, samples: Some(1), ..RunOptions::default() };
                let result = engine::run(model, &[(String::new(), volume.clone())], &options, control)?;
                if !result.features.is_empty() {
                    return Ok(result.features);
                }
                let numbers = result.outputs.iter().find_map(|o| match &o.content {
                    OutputContent::Classes(scores) => Some(scores.iter().map(|s| s.score).collect()),
                    _ => None,
                });
                numbers.ok_or_else(|| AuditError::NoFeatures { model: model.title() })
            }
        }
    }
}

/// Rows of equal length as a checked set.
///
/// # Errors
/// When there are fewer than two, or a number is none.
pub fn set(rows: &[Vec<f64>]) -> Result<Features, AuditError> {
    let dimensions = rows.first().map_or(1, Vec::len);
    Ok(Features::new(rows.concat(), dimensions)?)
}
