//! Volumes to tensors: matching by name, the model's grid, normalisation, padding, the graph's own shapes.

use std::sync::Arc;

use super::errors::InferenceError;
use super::grid::{ModelGrid, crop_bounds, model_grid};
use super::layout::Layout;
use super::manifest::schema::{InfererKind, Input, PadValue, Task};
use super::manifest::{Manifest, Model};
use super::normalize::{Applied, normalize};
use super::session::{Network, Tensor};
use crate::jobs::Control;
use crate::volume::{Space, Volume, Voxels, resample::resample_onto};

/// What goes into the network, and what is needed on the way back.
pub(crate) struct Prepared {
    pub grid: ModelGrid,
    pub tensors: Vec<Tensor>,
    /// What the normalisation of each input did, by name.
    pub applied: Vec<(String, Applied)>,
    pub notes: Vec<String>,
}

/// Bytes of input tensors that a run may take at most.
const LIMIT_BYTES: f64 = 16e9;

/// Features of the manifest that are not run yet.
///
/// # Errors
/// [`InferenceError::NotSupported`] names the first one.
pub(crate) fn supported(model: &Model) -> Result<(), InferenceError> {
    let m = &model.manifest;
    let p = &m.preprocess;
    let what = match m.inferer.kind {
        InfererKind::Whole => None,
        InfererKind::SlidingWindow => Some("inferer.kind = \"sliding_window\""),
        InfererKind::Slices => Some("inferer.kind = \"slices\""),
        InfererKind::Diffusion => Some("inferer.kind = \"diffusion\""),
        InfererKind::LatentDiffusion => Some("inferer.kind = \"latent_diffusion\""),
    };
    let what = what
        .or((m.task == Task::Anomaly).then_some("task = \"anomaly\""))
        .or((m.task == Task::Classification).then_some("task = \"classification\""))
        .or(p.anisotropic.then_some("preprocess.anisotropic"))
        .or(p.normalize_first.then_some("preprocess.normalize_first"))
        .or(p.mask.is_some().then_some("preprocess.mask"))
        .or((!m.files.0.contains_key("network")).then_some("a model without a single `network` file"));
    match what {
        Some(what) => Err(InferenceError::NotSupported { model: model.title(), what: what.to_owned() }),
        None => Ok(()),
    }
}

/// The given volumes in the manifest's order; `None` for optional ones that were not given. A volume without a name
/// takes the next free input.
///
/// # Errors
/// Unknown names, names given twice, inputs that are missing, images that no model can take.
pub(crate) fn match_inputs(
    model: &Model,
    given: &[(String, Arc<Volume>)],
) -> Result<Vec<Option<Arc<Volume>>>, InferenceError> {
    let specs = &model.manifest.inputs;
    let mut matched: Vec<Option<Arc<Volume>>> = vec![None; specs.len()];
    let known = || specs.iter().map(|i| format!("`{}`", i.name)).collect::<Vec<_>>().join(", ");
    let unknown =
        |name: &str| InferenceError::UnknownInput { model: model.title(), input: name.to_owned(), known: known() };
    // Named ones first, so that unnamed ones fill what is left.
    for named in [true, false] {
        for (name, volume) in given.iter().filter(|(name, _)| name.is_empty() != named) {
            let at = specs.iter().enumerate().position(|(n, i)| matched[n].is_none() && (!named || i.name == *name));
            let slot = at.and_then(|n| matched.get_mut(n)).ok_or_else(|| unknown(name))?;
            usable(volume)?;
            *slot = Some(volume.clone());
        }
    }
    for (spec, volume) in specs.iter().zip(&matched) {
        if volume.is_none() && !spec.optional {
            let hint = [spec.modality.join(" or "), spec.contrast.clone()];
            let hint: Vec<String> = hint.into_iter().filter(|h| !h.is_empty()).collect();
            return Err(InferenceError::MissingInput {
                model: model.title(),
                input: spec.name.clone(),
                hint: hint.join(", "),
            });
        }
    }
    same_frame(&matched)?;
    Ok(matched)
}

fn usable(volume: &Volume) -> Result<(), InferenceError> {
    let bad = |reason: String| Err(InferenceError::BadInput { name: volume.name.clone(), reason });
    match (&volume.voxels, &volume.space) {
        (Voxels::Rgb8(_), _) => bad("it is in colour, and models take grey values".into()),
        (_, Space::Stack { reason, .. }) => bad(format!("it is a stack of pictures, not a volume ({reason})")),
        _ => Ok(()),
    }
}

/// Two inputs may be compared when their coordinate systems are the same, or one is unknown.
fn same_frame(matched: &[Option<Arc<Volume>>]) -> Result<(), InferenceError> {
    let frame = |v: &Volume| match &v.space {
        Space::Patient { frame_of_reference } => frame_of_reference.clone(),
        Space::Stack { .. } => None,
    };
    let mut volumes = matched.iter().flatten();
    let Some(first) = volumes.next() else { return Ok(()) };
    for other in volumes {
        if let (Some(a), Some(b)) = (frame(first), frame(other))
            && a != b
        {
            let (first, other) = (first.name.clone(), other.name.clone());
            return Err(InferenceError::FrameOfReference { first, other });
        }
    }
    Ok(())
}

/// Makes the tensors.
///
/// # Errors
/// A grid that cannot be, an image without a voxel in it, a graph that does not fit; [`InferenceError::Cancelled`].
pub(crate) fn prepare(
    model: &Model,
    network: &Network,
    matched: &[Option<Arc<Volume>>],
    control: &Control,
) -> Result<Prepared, InferenceError> {
    let m = &model.manifest;
    let Some(first) = matched.iter().flatten().next() else {
        return Err(InferenceError::NotSupported { model: model.title(), what: "a model without inputs".into() });
    };
    let present: Vec<&Volume> = matched.iter().flatten().map(|v| &**v).collect();
    let bounds = crop_bounds(m.preprocess.crop, &present);
    let grid = model_grid(&m.preprocess, first, bounds)?;
    let size = grid.padded.size();
    let bytes = 4.0 * size.iter().map(|n| *n as f64).product::<f64>() * m.inputs.len() as f64;
    if bytes > LIMIT_BYTES {
        let (gigabytes, limit) = (bytes / 1e9, LIMIT_BYTES / 1e9);
        return Err(InferenceError::TooLarge { size, channels: m.inputs.len(), gigabytes, limit });
    }
    let layout = Layout::new(&m.inferer.layout);
    let tensors = tensor_names(m);
    for name in &tensors {
        check_port(network, model, name, &layout, m.inputs.iter().filter(|i| i.tensor == **name).count(), size)?;
    }
    let mut notes = grid.notes.clone();
    let mut applied = Vec::new();
    let mut channels = Vec::new();
    control.stage("Preparing the inputs", m.inputs.len() as u64);
    for (spec, volume) in m.inputs.iter().zip(matched) {
        let Some(volume) = volume else {
            channels.push(vec![spec.fill.unwrap_or(0.0); grid.padded.voxel_count()]);
            notes.push(format!("The optional input `{}` was not given", spec.name));
            continue;
        };
        notes.extend(remarks(spec, volume, first));
        let resampled = resample_onto(volume, &grid.grid, m.preprocess.interpolation, f32::NAN, control)?;
        let Voxels::F32(values) = resampled.voxels else {
            return Err(InferenceError::BadInput { name: volume.name.clone(), reason: "it has no grey values".into() });
        };
        let mut values = Arc::unwrap_or_clone(values);
        values.iter_mut().filter(|x| x.is_infinite()).for_each(|x| *x = f32::NAN);
        if values.iter().all(|x| x.is_nan()) {
            let reason = "no voxel of it lies in the model's grid; is it the same patient?".into();
            return Err(InferenceError::BadInput { name: volume.name.clone(), reason });
        }
        let done = normalize(&mut values, &m.preprocess.normalize);
        if done.clipped > 0.2 {
            let share = (done.clipped * 100.0).round();
            notes.push(format!("`{}`: {share} % of the voxels were clipped by the normalisation", spec.name));
        }
        let pad = match m.preprocess.pad_value {
            PadValue::Zero => 0.0,
            PadValue::Background => done.background as f32,
        };
        channels.push(padded(&values, &grid, pad));
        applied.push((spec.name.clone(), done));
        control.advance(1);
    }
    let tensors = tensors
        .into_iter()
        .map(|name| {
            let mut own: Vec<(usize, &[f32])> = m
                .inputs
                .iter()
                .zip(&channels)
                .filter(|(i, _)| i.tensor == name)
                .map(|(i, c)| (i.channel, c.as_slice()))
                .collect();
            own.sort_by_key(|(channel, _)| *channel);
            let own: Vec<&[f32]> = own.into_iter().map(|(_, c)| c).collect();
            let (shape, data) = layout.pack(&own, size);
            Tensor { name, shape, data }
        })
        .collect();
    Ok(Prepared { grid, tensors, applied, notes })
}

fn tensor_names(m: &Manifest) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for input in &m.inputs {
        if !names.contains(&input.tensor) {
            names.push(input.tensor.clone());
        }
    }
    names
}

/// What a person should know of one input.
fn remarks(spec: &Input, volume: &Volume, first: &Volume) -> Vec<String> {
    let mut notes = Vec::new();
    if !volume.modality.is_empty() && !spec.modality.is_empty() && !spec.modality.contains(&volume.modality) {
        notes.push(format!(
            "`{}` was made for {}, but the image is {}: the result may mean nothing",
            spec.name,
            spec.modality.join(" or "),
            volume.modality
        ));
    }
    if volume.geometry.distance_mm(&first.geometry) > 1e-2 {
        notes.push(format!("`{}` lies on another grid and was resampled onto that of `{}`", volume.name, first.name));
    }
    notes
}

/// NaN becomes the pad value, and the padding goes around.
fn padded(values: &[f32], grid: &ModelGrid, pad: f32) -> Vec<f32> {
    let (size, total) = (grid.grid.size(), grid.padded.size());
    let mut out = vec![pad; grid.padded.voxel_count()];
    for (row, source) in values.chunks(size[0]).enumerate() {
        let (y, z) = (row % size[1] + grid.before[1], row / size[1] + grid.before[2]);
        let start = (z * total[1] + y) * total[0] + grid.before[0];
        for (o, x) in out[start..].iter_mut().zip(source).filter(|(_, x)| !x.is_nan()) {
            *o = *x;
        }
    }
    out
}

/// The graph's own input must have the layout's rank, the manifest's channels and the grid's size where it is fixed.
fn check_port(
    network: &Network,
    model: &Model,
    name: &str,
    layout: &Layout,
    channels: usize,
    size: [usize; 3],
) -> Result<(), InferenceError> {
    let path =
        model.manifest.files.0.get("network").map_or_else(|| model.folder.clone(), |f| model.folder.join(&f.path));
    let mismatch =
        |expected: String, found: String| Err(InferenceError::Mismatch { path: path.clone(), expected, found });
    let Some(port) = network.inputs.iter().find(|p| p.name == name) else {
        let names: Vec<&str> = network.inputs.iter().map(|p| p.name.as_str()).collect();
        return mismatch(
            format!("an input tensor `{name}` (inputs.tensor)"),
            format!("the inputs {}", names.join(", ")),
        );
    };
    if port.element != Some(ort::value::TensorElementType::Float32) {
        let found = port.element.map_or_else(|| "no tensor".to_owned(), |e| e.to_string());
        return mismatch(format!("`{name}` to take 32-bit floats"), found);
    }
    if port.shape.len() != layout.rank() {
        let word = &model.manifest.inferer.layout;
        return mismatch(
            format!("`{name}` to have the {} axes of layout {word}", layout.rank()),
            format!("the shape {}", shape_text(&port.shape)),
        );
    }
    let wanted = layout.shape(channels, size);
    let fits =
        |(declared, wanted): (&i64, &usize)| *declared < 0 || usize::try_from(*declared).is_ok_and(|d| d == *wanted);
    if !port.shape.iter().zip(&wanted).all(fits) {
        let at_channel = layout.position('C').and_then(|c| Some((*port.shape.get(c)?, *wanted.get(c)?)));
        return match at_channel {
            Some((declared, given)) if declared >= 0 && usize::try_from(declared).is_ok_and(|d| d != given) => {
                mismatch(
                    format!("{given} channels in `{name}` (as many [[inputs]] name it)"),
                    format!("a graph that takes {declared}, shape {}", shape_text(&port.shape)),
                )
            }
            _ => mismatch(
                format!(
                    "`{name}` of shape {wanted:?} (layout {}, the preprocessing's size)",
                    model.manifest.inferer.layout
                ),
                format!("a graph that takes {}; set preprocess.size or pad_multiple", shape_text(&port.shape)),
            ),
        };
    }
    let given = tensor_names(&model.manifest);
    match network.inputs.iter().find(|p| !given.contains(&p.name)) {
        Some(extra) => mismatch(
            format!("the graph to take only {}", given.join(", ")),
            format!("a further input `{}` that no [[inputs]] names", extra.name),
        ),
        None => Ok(()),
    }
}

pub(super) fn shape_text(shape: &[i64]) -> String {
    let parts: Vec<String> = shape.iter().map(|n| if *n < 0 { "any".to_owned() } else { n.to_string() }).collect();
    format!("[{}]", parts.join(", "))
}
