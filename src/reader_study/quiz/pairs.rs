//! An acquired image and one that a model made of the same place: what a quiz is cut out of.
//!
//! The two lie on one grid and share their number steps and range, so that nothing but the synthesis is between them.

use std::sync::Arc;

use glam::{DMat4, DVec3};

use super::places::Place;
use crate::error::Cancelled;
use crate::inference::InferenceError;
use crate::inference::engine::{OutputContent, RunOptions, run};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::{OutputKind, Spacing, Task};
use crate::jobs::Control;
use crate::reader_study::design::draws::{Draws, Purpose};
use crate::volume::resample::resample_onto;
use crate::volume::{Geometry, Interpolation, Provenance, Volume, Voxels};

/// An acquired image and what a model made of the same place, both in 32-bit floats on one grid.
#[derive(Debug, Clone)]
pub struct Pair {
    /// The model's name.
    pub model: String,
    /// Its name and version.
    pub title: String,
    /// Acquired.
    pub real: Volume,
    /// Made.
    pub made: Volume,
}

/// A model that takes no part, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct LeftOut {
    /// Its name.
    pub model: String,
    /// Why.
    pub why: String,
}

/// How a model is brought to make a partner of the head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// From the head at half the resolution, or with noise, whichever the model mends.
    Mend,
    /// From the head itself.
    Through,
}

/// Why a model made no pair.
enum NoPair {
    Cancelled,
    Why(String),
}

impl From<Cancelled> for NoPair {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl From<InferenceError> for NoPair {
    fn from(error: InferenceError) -> Self {
        match error {
            InferenceError::Cancelled(_) => Self::Cancelled,
            other => Self::Why(other.to_string()),
        }
    }
}

fn why<T>(text: impl Into<String>) -> Result<T, NoPair> {
    Err(NoPair::Why(text.into()))
}

/// Whether a model makes images that could stand in a quiz at all.
#[must_use]
pub fn makes_images(model: &Model) -> bool {
    let m = &model.manifest;
    let image = |kind| matches!(kind, OutputKind::Image | OutputKind::Reconstruction);
    let reconstructs = m.outputs.iter().any(|o| o.kind == OutputKind::Reconstruction);
    (m.task.generates_pixels() || reconstructs) && m.outputs.iter().any(|o| image(o.kind))
}

/// The pair of a model, or why it takes no part. `head` is a T1-weighted head of 32-bit floats.
///
/// # Errors
/// [`Cancelled`] when the person asked to stop.
pub fn pair(model: &Model, head: &Volume, seed: u64, control: &Control) -> Result<Result<Pair, LeftOut>, Cancelled> {
    match made(model, head, seed, control) {
        Ok((real, mut made)) => {
            like(&mut made, &real);
            let (name, title) = (model.manifest.name.clone(), model.title());
            Ok(Ok(Pair { model: name, title, real, made }))
        }
        Err(NoPair::Cancelled) => Err(Cancelled),
        Err(NoPair::Why(why)) => Ok(Err(LeftOut { model: model.manifest.name.clone(), why })),
    }
}

fn way(model: &Model) -> Result<Way, NoPair> {
    let m = &model.manifest;
    let needed: Vec<_> = m.inputs.iter().filter(|i| !i.optional).collect();
    if m.outputs.iter().any(|o| o.modality.as_ref().is_some_and(|modality| modality != "MR")) {
        return why("it makes no MR image, and the demo's head has no acquired image of another kind");
    }
    match (m.task, needed.as_slice()) {
        (Task::Sampling, _) => why(
            "its images are of nobody: to stand beside them the head would have to be prepared as its training images were \
             (without a skull, say), which no manifest tells",
        ),
        (_, []) => why("it takes no image"),
        (_, [_, _, ..]) => why("it takes several images, and the demo has one"),
        (_, [one]) if !one.modality.is_empty() && !one.modality.iter().any(|modality| modality == "MR") => {
            why(format!("it takes {}, and the demo's head is MR", one.modality.join(" or ")))
        }
        (Task::Synthesis, _) => why(
            "it makes another contrast, of which the demo's head has no acquired image: the contrast alone would tell",
        ),
        (Task::Enhancement, _) => Ok(Way::Mend),
        _ => Ok(Way::Through),
    }
}

fn made(model: &Model, head: &Volume, seed: u64, control: &Control) -> Result<(Volume, Volume), NoPair> {
    match way(model)? {
        Way::Mend => {
            let even = even(head).ok_or_else(|| NoPair::Why("the head is too small".into()))?;
            let half = half(&even).ok_or_else(|| NoPair::Why("the head is too small".into()))?;
            // A small piece tells whether the model makes voxels of half the size, or mends noise on its input's grid.
            let piece = ask(model, middle(&half), seed, control)?;
            let is_finer = piece.size() == middle(&half).size().map(|n| 2 * n);
            let given = if is_finer { half } else { noisy(&even, seed) };
            let made = ask(model, given, seed, control)?;
            on_grid(even, made)
        }
        Way::Through => {
            let made = ask(model, head.clone(), seed, control)?;
            // What the model's coarser grid takes away is no synthesis: the acquired image goes through it too.
            let real = match model.manifest.preprocess.spacing_mm {
                Spacing::Native => head.clone(),
                spacing => through(head, spacing, control)?,
            };
            on_grid(real, made)
        }
    }
}

fn on_grid(real: Volume, made: Volume) -> Result<(Volume, Volume), NoPair> {
    if made.size() != real.size() {
        return why(format!("it answered with {:?} voxels where {:?} were due", made.size(), real.size()));
    }
    Ok((real.clone(), Volume { geometry: real.geometry, ..made }))
}

/// Runs the model and takes its image.
fn ask(model: &Model, image: Volume, seed: u64, control: &Control) -> Result<Volume, NoPair> {
    let options = RunOptions { seed, samples: Some(1), tta: Some(false), alone: true, ..RunOptions::default() };
    let result = run(model, &[(String::new(), Arc::new(image))], &options, control)?;
    let image = result.outputs.iter().find_map(|output| match &output.content {
        OutputContent::Image(volume) if matches!(output.kind.as_str(), "image" | "reconstruction") => Some(volume),
        _ => None,
    });
    match image {
        Some(volume) => Ok(floats(volume)),
        None => why("it gave no image"),
    }
}

/// A volume as real values in 32-bit floats.
#[must_use]
pub(super) fn floats(volume: &Volume) -> Volume {
    let values: Vec<f32> = (0..volume.voxels.len())
        .map(|i| volume.voxels.get(i).map_or(0.0, |stored| volume.rescale.apply(stored) as f32))
        .collect();
    Volume { voxels: Voxels::from(values), rescale: crate::volume::Rescale::IDENTITY, padding: None, ..volume.clone() }
}

pub(super) fn values(volume: &Volume) -> &[f32] {
    match &volume.voxels {
        Voxels::F32(values) => values,
        _ => &[],
    }
}

fn with(volume: &Volume, values: Vec<f32>, geometry: Geometry) -> Volume {
    Volume { voxels: Voxels::from(values), geometry, ..volume.clone() }
}

/// The head without the last voxel along axes of an odd number.
fn even(head: &Volume) -> Option<Volume> {
    let size = head.size().map(|n| n / 2 * 2);
    let all = Place { first: [0; 3], size };
    let cut = super::places::cut(head, all, &head.name)?;
    Some(Volume { modality: head.modality.clone(), space: head.space.clone(), ..cut })
}

/// Each eight voxels as their mean.
fn half(head: &Volume) -> Option<Volume> {
    let [nx, ny, _] = head.size();
    let size = head.size().map(|n| n / 2);
    let own = values(head);
    let mut means = Vec::with_capacity(size.iter().product());
    for k in 0..size[2] {
        for j in 0..size[1] {
            for i in 0..size[0] {
                let mut sum = 0.0;
                for at in 0..8 {
                    let [x, y, z] = [2 * i + at % 2, 2 * j + at / 2 % 2, 2 * k + at / 4];
                    sum += own.get(x + nx * (y + ny * z)).copied()?;
                }
                means.push(sum / 8.0);
            }
        }
    }
    let to_fine = DMat4::from_translation(DVec3::splat(0.5)) * DMat4::from_scale(DVec3::splat(2.0));
    let geometry = Geometry::new(size, head.geometry.voxel_to_patient() * to_fine).ok()?;
    Some(with(head, means, geometry))
}

/// At most 48 voxels along each axis, from the middle.
fn middle(volume: &Volume) -> Volume {
    let size = volume.size().map(|n| n.min(48));
    let first = std::array::from_fn(|a| (volume.size()[a] - size[a]) / 2);
    let cut = super::places::cut(volume, Place { first, size }, &volume.name);
    cut.map_or_else(|| volume.clone(), |cut| Volume { modality: volume.modality.clone(), ..cut })
}

/// Rician noise of 5 % of the brightest values: what a fast scan looks like.
fn noisy(head: &Volume, seed: u64) -> Volume {
    let own = values(head);
    let brightest = own.iter().copied().fold(0.0_f32, f32::max);
    let sigma = f64::from(brightest) * 0.05;
    let mut draws = Draws::of_list(seed, "noise", 0, Purpose::Quiz);
    // The sum of twelve uniform numbers less six has the standard deviation 1 (central limit).
    let mut normal = || {
        let sum: usize = (0..12).map(|_| draws.below(1 << 20)).sum();
        sum as f64 / f64::from(1 << 20) - 6.0
    };
    let rician = |v: f32| ((f64::from(v) + sigma * normal()).powi(2) + (sigma * normal()).powi(2)).sqrt() as f32;
    with(head, own.iter().copied().map(rician).collect(), head.geometry.clone())
}

/// The head on a coarser grid and back, in whole numbers where it holds such.
fn through(head: &Volume, spacing: Spacing, control: &Control) -> Result<Volume, NoPair> {
    let own = head.geometry.spacing_mm();
    let wanted = spacing.over(own);
    if (0..3).all(|a| wanted[a] <= own[a] * 1.01) {
        return Ok(head.clone());
    }
    let ratio: [f64; 3] = std::array::from_fn(|a| wanted[a].max(own[a]) / own[a]);
    let size = std::array::from_fn(|a| ((head.size()[a] as f64 / ratio[a]).ceil() as usize).max(1));
    let scale = DMat4::from_scale(DVec3::from_array(ratio));
    let grid = Geometry::new(size, head.geometry.voxel_to_patient() * scale);
    let grid = grid.map_err(|e| NoPair::Why(e.to_string()))?;
    let coarse = resample_onto(head, &grid, Interpolation::Linear, 0.0, control)?;
    let back = resample_onto(&coarse, &head.geometry, Interpolation::Linear, 0.0, control)?;
    if values(head).iter().any(|v| v.fract() != 0.0) {
        return Ok(back);
    }
    let whole = values(&back).iter().map(|v| v.round()).collect();
    let geometry = back.geometry.clone();
    Ok(with(&back, whole, geometry))
}

/// Number steps and grey values of a made image become those of the acquired one: a rising curve brings its percentiles to the
/// acquired ones. A model that changes contrast could else be told by its brightness, and nobody would look at the image.
fn like(made: &mut Volume, real: &Volume) {
    let own = values(real);
    let low = own.iter().copied().fold(f32::INFINITY, f32::min);
    let is_whole = own.iter().all(|v| v.fract() == 0.0);
    let (from, to) = (percentiles(values(made)), percentiles(own));
    let fitted = |v: f32| {
        // The first percentile that is not below; the curve is straight between two.
        let n = from.partition_point(|x| *x < v).min(from.len().saturating_sub(1));
        let v = match (from.get(n.wrapping_sub(1)), from.get(n), to.get(n.wrapping_sub(1)), to.get(n)) {
            (Some(a), Some(b), Some(c), Some(d)) if b > a => c + (d - c) * ((v - a) / (b - a)).clamp(0.0, 1.0),
            (_, _, _, Some(d)) => *d,
            _ => low,
        };
        if is_whole { v.round() } else { v }
    };
    let fitted: Vec<f32> = values(made).iter().map(|v| if v.is_finite() { fitted(*v) } else { low }).collect();
    made.voxels = Voxels::from(fitted);
    made.provenance = Provenance::marked_synthetic(Vec::new(), made.provenance.derivation().cloned());
}

/// The finite values at every half percent, from the lowest to the highest.
fn percentiles(values: &[f32]) -> Vec<f32> {
    let mut sorted: Vec<f32> = values.iter().copied().filter(|v| v.is_finite()).collect();
    sorted.sort_by(f32::total_cmp);
    (0..=200).filter_map(|p| sorted.get(sorted.len().saturating_sub(1) * p / 200).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(size: [usize; 3]) -> Volume {
        let values: Vec<f32> = (0..size.iter().product::<usize>()).map(|i| (i % size[0]) as f32).collect();
        let geometry = Geometry::new(size, DMat4::IDENTITY).unwrap();
        Volume::new("ramp", Voxels::from(values), geometry, Provenance::acquired(vec![])).unwrap()
    }

    #[test]
    fn half_the_resolution_lies_where_the_fine_voxels_lie() {
        let fine = even(&ramp([9, 8, 7])).unwrap();
        assert_eq!(fine.size(), [8, 8, 6]);
        let half = half(&fine).unwrap();
        assert_eq!(half.size(), [4, 4, 3]);
        assert_eq!(&values(&half)[..4], [0.5, 2.5, 4.5, 6.5]);
        // The first coarse voxel is centred between the first eight fine ones.
        assert_eq!(half.geometry.to_patient(crate::volume::VoxelPoint::new(0.0, 0.0, 0.0)).0, DVec3::splat(0.5));
        assert_eq!(half.geometry.spacing_mm(), [2.0; 3]);
    }

    #[test]
    fn a_made_image_takes_the_steps_and_the_range_of_the_acquired_one() {
        let real = ramp([8, 8, 8]);
        let off: Vec<f32> = values(&real).iter().map(|v| v * 1.1 - 0.3).collect();
        let mut made = with(&real, off, real.geometry.clone());
        like(&mut made, &real);
        assert!(values(&made).iter().all(|v| v.fract() == 0.0 && (0.0..=7.0).contains(v)));
        assert!(made.provenance.is_synthetic());
        let mut sample = with(&real, values(&real).iter().map(|v| v / 100.0).collect(), real.geometry.clone());
        like(&mut sample, &real);
        assert_eq!(values(&sample), values(&real));
    }
}
