//! Whether the graph takes what the manifest gives: [`check_inputs`].

use super::cutter::Cutter;
use super::errors::InferenceError;
use super::fields::label_channels;
use super::manifest::Model;
use super::manifest::schema::OutputKind;
use super::session::{Network, Port};

/// The graph's own inputs must have the layout's rank, the manifest's channels and the window's size where it is fixed.
/// `served` are tensors that the inferer itself makes, such as the timestep; `extra` are channels that it puts before the
/// inputs' own in one tensor, such as the noisy image.
///
/// # Errors
/// [`InferenceError::Mismatch`] names the manifest's word and the graph's.
pub(crate) fn check_inputs(
    network: &Network,
    model: &Model,
    role: &str,
    cutter: &Cutter,
    windows: &[[usize; 3]],
    served: &[&str],
    extra: Option<(&str, usize)>,
) -> Result<(), InferenceError> {
    let path = model.manifest.files.0.get(role).map_or_else(|| model.folder.clone(), |f| model.folder.join(&f.path));
    let mismatch =
        |expected: String, found: String| Err(InferenceError::Mismatch { path: path.clone(), expected, found });
    let mut given = cutter.tensors();
    if let Some((name, more)) = extra {
        match given.iter_mut().find(|(n, _)| n == name) {
            Some((_, channels)) => *channels += more,
            None => given.push((name.to_owned(), more)),
        }
    }
    for (name, channels) in &given {
        let Some(port) = network.inputs.iter().find(|p| p.name == *name) else {
            let names: Vec<&str> = network.inputs.iter().map(|p| p.name.as_str()).collect();
            return mismatch(
                format!("an input tensor `{name}` (inputs.tensor)"),
                format!("the inputs {}", names.join(", ")),
            );
        };
        if let Err((expected, found)) = fits(port, model, cutter, *channels, windows) {
            return mismatch(expected, found);
        }
    }
    let is_given = |name: &str| served.contains(&name) || given.iter().any(|(n, _)| n == name);
    match network.inputs.iter().find(|p| !is_given(&p.name)) {
        Some(extra) => {
            let names: Vec<&str> = given.iter().map(|(n, _)| n.as_str()).collect();
            mismatch(
                format!("the graph to take only {}", names.join(", ")),
                format!("a further input `{}` that no [[inputs]] names", extra.name),
            )
        }
        None => Ok(()),
    }
}

/// The error is (expected, found).
fn fits(
    port: &Port,
    model: &Model,
    cutter: &Cutter,
    channels: usize,
    windows: &[[usize; 3]],
) -> Result<(), (String, String)> {
    let name = &port.name;
    let word = &model.manifest.inferer.layout;
    if port.element != Some(ort::value::TensorElementType::Float32) {
        let found = port.element.map_or_else(|| "no tensor".to_owned(), |e| e.to_string());
        return Err((format!("`{name}` to take 32-bit floats"), found));
    }
    for (plane, window) in windows.iter().enumerate() {
        let layout = cutter.layout(plane);
        if port.shape.len() != layout.rank() {
            return Err((
                format!("`{name}` to have the {} axes of layout {word}", layout.rank()),
                format!("the shape {}", shape_text(&port.shape)),
            ));
        }
        let wanted = layout.shape(1, channels, *window);
        let differs = |at: usize| {
            let (declared, wanted) = (port.shape.get(at).copied().unwrap_or(-1), wanted.get(at).copied().unwrap_or(0));
            declared >= 0 && usize::try_from(declared).is_ok_and(|d| d != wanted)
        };
        if let Some(at) = layout.position('C').filter(|at| differs(*at)) {
            return Err((
                format!("{channels} channels in `{name}` (as many [[inputs]] name it)"),
                format!(
                    "a graph that takes {}, shape {}",
                    port.shape.get(at).copied().unwrap_or(-1),
                    shape_text(&port.shape)
                ),
            ));
        }
        let batch = layout.position('N');
        if (0..port.shape.len()).any(|at| Some(at) != batch && differs(at)) {
            let remedy = if model.manifest.inferer.patch.is_some() {
                "set inferer.patch"
            } else {
                "set preprocess.size or pad_multiple"
            };
            return Err((
                format!("`{name}` of shape {wanted:?} (layout {word}, the preprocessing's size)"),
                format!("a graph that takes {}; {remedy}", shape_text(&port.shape)),
            ));
        }
    }
    Ok(())
}

/// Each label of classes of the whole image must have its channel, as far as the graph says how many it has.
///
/// # Errors
/// [`InferenceError::Mismatch`] names the label and the channels.
pub(crate) fn check_labels(network: &Network, model: &Model) -> Result<(), InferenceError> {
    let m = &model.manifest;
    let path = m.files.0.values().next().map_or_else(|| model.folder.clone(), |f| model.folder.join(&f.path));
    for spec in m.outputs.iter().filter(|o| matches!(o.kind, OutputKind::Logits | OutputKind::Probabilities)) {
        // `[classes]` or `[batch, classes]`: no axis of space.
        let port = network.outputs.iter().find(|p| p.name == spec.tensor && (1..=2).contains(&p.shape.len()));
        let count = port.and_then(|p| p.shape.last()).and_then(|n| usize::try_from(*n).ok());
        let Some(count) = count else { continue };
        let numbers = spec.channels.clone().unwrap_or_else(|| (0..count).collect());
        label_channels(spec, &numbers).map_err(|(expected, found)| InferenceError::Mismatch {
            path: path.clone(),
            expected,
            found,
        })?;
    }
    Ok(())
}

/// The number of windows that a graph wants at once, where its batch axis is fixed.
pub(crate) fn fixed_batch(network: &Network, cutter: &Cutter) -> Option<usize> {
    let at = cutter.layout(0).position('N')?;
    let name = cutter.tensors().into_iter().next().map(|(name, _)| name);
    let port = network.inputs.iter().find(|p| name.as_ref().is_none_or(|n| p.name == *n))?;
    usize::try_from(*port.shape.get(at)?).ok().filter(|n| *n > 0)
}

/// A shape as a person reads it.
pub(crate) fn shape_text(shape: &[i64]) -> String {
    let parts: Vec<String> = shape.iter().map(|n| if *n < 0 { "any".to_owned() } else { n.to_string() }).collect();
    format!("[{}]", parts.join(", "))
}
