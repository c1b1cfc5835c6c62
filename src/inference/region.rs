//! Where in an image something means something: another model's mask, or what is above background.

use std::sync::Arc;

use super::engine::{OutputContent, RunOptions, run};
use super::errors::InferenceError;
use super::grid::real;
use super::manifest::{self, ModelError};
use crate::jobs::Control;
use crate::volume::{Labelmap, Volume};

/// The labels that a model of that name (or `NAME-mask`) finds in the first input that it can take.
///
/// # Errors
/// When there is no such model, it gives no labels, or cannot be run.
pub(crate) fn of_model(
    name: &str,
    inputs: &[Option<Arc<Volume>>],
    options: &RunOptions,
    control: &Control,
) -> Result<Arc<Labelmap>, InferenceError> {
    let model = match manifest::find(name) {
        Err(ModelError::NotFound { .. }) => manifest::find(&format!("{name}-mask"))?,
        other => other?,
    };
    let given: Vec<(String, Arc<Volume>)> =
        inputs.iter().flatten().take(1).map(|v| (String::new(), v.clone())).collect();
    let options = RunOptions { provider: options.provider, alone: true, ..RunOptions::default() };
    let result = run(&model, &given, &options, control)?;
    let labels = result.outputs.into_iter().find_map(|o| match o.content {
        OutputContent::Labels(labels) => Some(labels),
        _ => None,
    });
    labels.ok_or_else(|| InferenceError::NotSupported {
        model: model.title(),
        what: "to serve as a mask, for it gives no labels: that".into(),
    })
}

/// The region of a manifest's `anomaly.region`: `foreground` (above 0), `nonzero`, or a model as [`of_model`] takes it.
///
/// # Errors
/// As [`of_model`].
pub(crate) fn named(
    name: &str,
    inputs: &[Option<Arc<Volume>>],
    options: &RunOptions,
    control: &Control,
) -> Result<Arc<Labelmap>, InferenceError> {
    let first = inputs.iter().flatten().next();
    let inside: fn(f64) -> bool = match name {
        "foreground" => |x| x > 0.0,
        "nonzero" => |x| x != 0.0,
        _ => return of_model(name, inputs, options, control),
    };
    let Some(first) = first else {
        return Err(InferenceError::NotSupported { model: name.into(), what: "a region without an input".into() });
    };
    let voxels = (0..first.geometry.voxel_count()).map(|i| u16::from(real(first, i).is_some_and(inside))).collect();
    Ok(Arc::new(Labelmap {
        voxels: Arc::new(voxels),
        geometry: first.geometry.clone(),
        space: first.space.clone(),
        labels: Vec::new(),
        provenance: first.provenance.clone(),
        name: name.to_owned(),
    }))
}
