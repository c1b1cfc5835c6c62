//! Images as lists of numbers: by an encoder, or by [`super::thumbprint`].

use std::sync::Arc;

use super::{AuditError, thumbprint};
use crate::inference::engine::{self, OutputContent, RunOptions};
use crate::inference::manifest::Model;
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

    /// The numbers of one image.
    ///
    /// # Errors
    /// When the encoder fails or has no such output.
    pub fn row(&self, volume: &Arc<Volume>, picture: bool, control: &Control) -> Result<Vec<f64>, AuditError> {
        match self {
            Self::Thumbprint => {
                let cells = if picture { thumbprint::PICTURE_CELLS } else { thumbprint::CELLS };
                Ok(thumbprint::of(volume, cells))
            }
            Self::Encoder(model, provider) => {
                let options = RunOptions { provider: *provider, samples: Some(1), ..RunOptions::default() };
                let result = engine::run(model, &[(String::new(), volume.clone())], &options, control)?;
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
