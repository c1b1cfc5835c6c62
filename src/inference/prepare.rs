//! Volumes to the network's channels: matching by name, mask, the model's grid, normalisation, padding.

use std::sync::Arc;

use rayon::prelude::*;

use super::errors::InferenceError;
use super::grid::{ModelGrid, crop_bounds, free_grid, model_grid, real};
use super::manifest::Model;
use super::manifest::schema::{Input, PadMode, PadValue};
use super::normalize::{Applied, normalize};
use crate::jobs::Control;
use crate::volume::resample::{resample_snapped_onto, sample_label};
use crate::volume::{Labelmap, Rescale, Space, Volume, VoxelPoint, Voxels};

/// What goes into the network, and what is needed on the way back.
pub(crate) struct Prepared {
    pub grid: ModelGrid,
    /// In the manifest's order.
    pub inputs: Vec<Channel>,
    pub notes: Vec<String>,
}

/// One input on the padded grid.
pub(crate) struct Channel {
    /// Its name in the manifest.
    pub name: String,
    /// `[nz, ny, nx]`, x fastest.
    pub values: Vec<f32>,
    /// What the normalisation did.
    pub applied: Applied,
    /// Whether the person gave it.
    pub given: bool,
}

/// Bytes of input tensors that a run may take at most.
const LIMIT_BYTES: f64 = 16e9;

/// The given volumes in the manifest's order; `None` for optional ones that were not given. A volume without a name
/// takes the next free input.
///
/// # Errors
/// Unknown names, names given twice, inputs that are missing, images that no model can take.
pub(crate) fn match_inputs(
    model: &Model,
    given: &[(String, Arc<Volume>)],
    registered: bool,
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
    if !registered {
        same_frame(&matched)?;
    }
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

/// Makes the channels.
///
/// # Errors
/// A grid that cannot be, an image without a voxel in it; [`InferenceError::Cancelled`].
pub(crate) fn prepare(
    model: &Model,
    matched: &[Option<Arc<Volume>>],
    mask: Option<&Labelmap>,
    control: &Control,
) -> Result<Prepared, InferenceError> {
    let m = &model.manifest;
    let p = &m.preprocess;
    let masked: Vec<Option<Arc<Volume>>> = match mask {
        Some(mask) => matched.iter().map(|v| v.as_ref().map(|v| Arc::new(outside_set_to_zero(v, mask)))).collect(),
        None => matched.to_vec(),
    };
    let present: Vec<&Volume> = masked.iter().flatten().map(|v| &**v).collect();
    let mut grid = match present.first() {
        Some(first) => model_grid(p, first, crop_bounds(p.crop, &present))?,
        None => free_grid(p)?,
    };
    grid.pad_to(m.least_size())?;
    let size = grid.padded.size();
    let bytes = 4.0 * size.iter().map(|n| *n as f64).product::<f64>() * m.inputs.len().max(1) as f64;
    if bytes > LIMIT_BYTES {
        let (gigabytes, limit) = (bytes / 1e9, LIMIT_BYTES / 1e9);
        return Err(InferenceError::TooLarge { size, channels: m.inputs.len(), gigabytes, limit });
    }
    let mut notes = grid.notes.clone();
    let mut inputs = Vec::new();
    control.stage("Preparing the inputs", m.inputs.len() as u64);
    for (spec, volume) in m.inputs.iter().zip(&masked) {
        let Some(volume) = volume else {
            let fill = spec.fill.unwrap_or(0.0);
            let values = vec![fill; grid.padded.voxel_count()];
            inputs.push(Channel { name: spec.name.clone(), values, applied: Applied::default(), given: false });
            notes.push(format!("The optional input `{}` was not given", spec.name));
            continue;
        };
        if let Some(first) = present.first() {
            notes.extend(remarks(spec, volume, first));
        }
        let holes = (0..volume.voxels.len()).filter(|n| volume.voxels.get(*n).is_some_and(|x| !x.is_finite())).count();
        if holes > 0 {
            notes.push(format!(
                "`{}`: {holes} voxels have no value (NaN or infinite); the network was given background there",
                spec.name
            ));
        }
        let (values, applied) = normalized_on_grid(model, volume, &grid, control)?;
        if applied.clipped > 0.2 {
            let share = (applied.clipped * 100.0).round();
            notes.push(format!("`{}`: {share} % of the voxels were clipped by the normalisation", spec.name));
        }
        let pad = match p.pad_value {
            PadValue::Zero => 0.0,
            PadValue::Background => applied.background as f32,
        };
        let values = padded(&values, &grid, pad, m.inferer.pad_mode);
        inputs.push(Channel { name: spec.name.clone(), values, applied, given: true });
        control.advance(1);
    }
    Ok(Prepared { grid, inputs, notes })
}

/// An input's values on the grid, before the padding; NaN where it has no image.
fn normalized_on_grid(
    model: &Model,
    volume: &Volume,
    grid: &ModelGrid,
    control: &Control,
) -> Result<(Vec<f32>, Applied), InferenceError> {
    let p = &model.manifest.preprocess;
    let no_value = (0..volume.voxels.len()).all(|n| volume.voxels.get(n).is_none_or(|x| !x.is_finite()));
    let reason = if no_value {
        "none of its voxels has a value (all are NaN or infinite); open the file in the viewer and look at it"
    } else if model.manifest.inputs.len() > 1 {
        "no voxel of it lies where the other inputs lie; are they of the same patient and visit?"
    } else {
        "no voxel of it lies on the model's grid: it is thinner than one of the model's voxels; give more slices"
    };
    let empty = || InferenceError::BadInput { name: volume.name.clone(), reason: reason.into() };
    let mut applied = None;
    let own;
    let mut source = volume;
    if p.normalize_first {
        // nnU-Net: the statistics are those of the cropped image at its own resolution.
        let mut cropped = grid.cropped(volume)?;
        let Voxels::F32(values) = &mut cropped.voxels else { return Err(empty()) };
        applied = Some(normalize(Arc::make_mut(values).as_mut_slice(), &p.normalize));
        own = cropped;
        source = &own;
    }
    let thick = if p.anisotropic { grid.thick_axis(volume) } else { None };
    let resampled = resample_snapped_onto(source, &grid.grid, p.interpolation, thick, f32::NAN, control)?;
    let Voxels::F32(values) = resampled.voxels else { return Err(empty()) };
    let mut values = Arc::unwrap_or_clone(values);
    values.iter_mut().filter(|x| x.is_infinite()).for_each(|x| *x = f32::NAN);
    if values.iter().all(|x| x.is_nan()) {
        return Err(empty());
    }
    let applied = applied.unwrap_or_else(|| normalize(&mut values, &p.normalize));
    Ok((values, applied))
}

/// The volume with every voxel outside the mask set to the real value 0.
fn outside_set_to_zero(volume: &Volume, mask: &Labelmap) -> Volume {
    let map = mask.geometry.patient_to_voxel() * volume.geometry.voxel_to_patient();
    let [nx, ny, _] = volume.size();
    let mut values = vec![f32::NAN; volume.geometry.voxel_count()];
    values.par_chunks_mut(nx * ny).enumerate().for_each(|(k, plane)| {
        for (n, o) in plane.iter_mut().enumerate() {
            let at = glam::DVec3::new((n % nx) as f64, (n / nx) as f64, k as f64);
            let inside = sample_label(mask, VoxelPoint(map.transform_point3(at))).is_some_and(|l| l > 0);
            *o = if inside { real(volume, k * nx * ny + n).map_or(f32::NAN, |x| x as f32) } else { 0.0 };
        }
    });
    Volume { voxels: Voxels::from(values), rescale: Rescale::IDENTITY, padding: None, ..volume.clone() }
}

/// What a person should know of the inputs as they are given.
pub(crate) fn remarks_of(model: &Model, matched: &[Option<Arc<Volume>>]) -> Vec<String> {
    let Some(first) = matched.iter().flatten().next() else { return Vec::new() };
    let given = model.manifest.inputs.iter().zip(matched).filter_map(|(spec, v)| v.as_ref().map(|v| (spec, v)));
    given.flat_map(|(spec, volume)| remarks(spec, volume, first)).collect()
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
    if let Some(how) = volume.provenance.lossy() {
        let how = if how.is_empty() { String::new() } else { format!(" ({how})") };
        notes.push(format!(
            "`{}`: the image was lossily compressed{how}; fine detail of it may be lost or false",
            spec.name
        ));
    }
    if volume.geometry.distance_mm(&first.geometry) > 1e-2 {
        notes.push(format!("`{}` lies on another grid and was resampled onto that of `{}`", volume.name, first.name));
    }
    notes
}

/// NaN becomes the pad value, and the padding goes around: one value, or the image continued.
fn padded(values: &[f32], grid: &ModelGrid, pad: f32, mode: PadMode) -> Vec<f32> {
    let (size, total) = (grid.grid.size(), grid.padded.size());
    // Where the image is continued, each voxel of the padded grid has one it is copied from.
    let sources: [Vec<Option<usize>>; 3] = [0, 1, 2].map(|a| {
        let n = size[a] as isize;
        let from = |i: usize| {
            let i = i as isize - grid.before[a] as isize;
            let inside = (0..n).contains(&i);
            let at = match mode {
                PadMode::Constant => return inside.then_some(i as usize),
                PadMode::Replicate => i.clamp(0, n - 1),
                PadMode::Circular => i.rem_euclid(n),
                PadMode::Reflect if n == 1 => 0,
                PadMode::Reflect => {
                    let period = 2 * (n - 1);
                    let r = i.rem_euclid(period);
                    if r < n { r } else { period - r }
                }
            };
            Some(at as usize)
        };
        (0..total[a]).map(from).collect()
    });
    let mut out = vec![pad; grid.padded.voxel_count()];
    for (z, sz) in sources[2].iter().enumerate().filter_map(|(z, s)| Some((z, (*s)?))) {
        for (y, sy) in sources[1].iter().enumerate().filter_map(|(y, s)| Some((y, (*s)?))) {
            let row = &values[(sz * size[1] + sy) * size[0]..][..size[0]];
            let target = &mut out[(z * total[1] + y) * total[0]..][..total[0]];
            for (o, sx) in target.iter_mut().zip(&sources[0]) {
                if let Some(x) = sx.map(|s| row[s]).filter(|x| !x.is_nan()) {
                    *o = x;
                }
            }
        }
    }
    out
}
