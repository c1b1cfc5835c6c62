//! A model's score: [`Target`] found among the numbers of its network.

use super::scored::{Activations, Scored};
use super::target::{Region, Target};
use super::{ExplainError, Randomized};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::{Activation, OutputKind, OutputSpec, Task};
use crate::inference::probe::{Field, Probe};
use crate::jobs::Control;
use crate::volume::{PatientPoint, VoxelPoint};

/// The score of one target by one network.
pub(super) struct ModelScore {
    pub probe: Probe,
    rule: Rule,
    /// What a person should know of the part of the image that is explained.
    pub notes: Vec<String>,
    control: Control,
}

/// What is averaged.
#[derive(Debug, Clone)]
enum Rule {
    /// The mean logit of a channel over voxels of the window.
    Logits { tensor: String, channel: usize, voxels: Vec<usize>, probabilities: bool },
    /// Less the mean change of an image over voxels (`None`: all).
    Change { tensor: String, reference: Vec<Vec<f32>>, voxels: Option<Vec<usize>> },
}

/// The output that a target is about.
pub(super) fn output_of<'a>(model: &'a Model, target: &Target) -> Result<&'a OutputSpec, ExplainError> {
    let outputs = &model.manifest.outputs;
    let found = match target {
        Target::Class { class, .. } => {
            let named = |o: &&OutputSpec| o.labels.iter().any(|l| names(l.value, &l.name, class));
            outputs.iter().find(named).or_else(|| outputs.iter().find(|o| is_classes(o) && o.labels.is_empty()))
        }
        Target::Change { .. } => {
            outputs.iter().find(|o| matches!(o.kind, OutputKind::Image | OutputKind::Reconstruction))
        }
    };
    found.ok_or_else(|| {
        let known: Vec<String> =
            outputs.iter().flat_map(|o| &o.labels).map(|l| format!("{} ({})", l.name, l.value)).collect();
        let reason = match target {
            Target::Class { .. } if known.is_empty() => format!("{} gives no classes; try `change`", model.title()),
            Target::Class { .. } => format!("{} knows {}", model.title(), known.join(", ")),
            Target::Change { .. } => format!("{} gives no image; try `class=NAME`", model.title()),
        };
        ExplainError::Target { target: target.to_string(), reason }
    })
}

fn is_classes(o: &OutputSpec) -> bool {
    matches!(o.kind, OutputKind::Logits | OutputKind::Probabilities)
}

fn names(value: u16, name: &str, class: &str) -> bool {
    name.eq_ignore_ascii_case(class) || class.parse() == Ok(value)
}

/// What is explained where nobody says: the first label, around `at` if it is given; else the change of the image.
pub(super) fn default_target(model: &Model, at: Option<PatientPoint>) -> Target {
    let m = &model.manifest;
    let classes = m.outputs.iter().find(|o| is_classes(o));
    let label = m.outputs.iter().filter(|o| is_classes(o)).flat_map(|o| &o.labels).next();
    match (label, at) {
        (Some(label), Some(at)) if m.task != Task::Classification => Target::near(label.name.clone(), at),
        (Some(label), _) => Target::Class { class: label.name.clone(), region: Region::Predicted },
        (None, _) if classes.is_some() && m.task == Task::Classification => {
            Target::Class { class: "0".to_owned(), region: Region::Predicted }
        }
        (None, _) => Target::Change { corners: None },
    }
}

impl ModelScore {
    /// Runs the model once to find where the target lies, and leaves of the image only what bears on it: of a model that
    /// runs slice by slice the slab of slices that touches the target.
    ///
    /// # Errors
    /// When the target does not fit the model or the network cannot be run.
    pub fn new(mut probe: Probe, target: &Target, control: &Control) -> Result<Self, ExplainError> {
        let mut notes = Vec::new();
        let rule = rule(&mut probe, target, &mut notes, control)?;
        Ok(Self { probe, rule, notes, control: control.clone() })
    }

    /// How often the model is run to make it and to time it.
    pub const PASSES: usize = 2;

    /// The same with other noise at the start of a diffusion; `None` for models that begin with none.
    pub fn with_noise_seed(&self, seed: u64) -> Result<Option<Self>, ExplainError> {
        let Some(probe) = self.probe.with_noise_seed(seed, &self.control)? else { return Ok(None) };
        self.on(probe).map(Some)
    }

    /// The same voxels asked of another network; a change is one from that network's own answer.
    fn on(&self, probe: Probe) -> Result<Self, ExplainError> {
        let rule = match self.rule.clone() {
            Rule::Change { tensor, voxels, .. } => {
                let field = first(probe.run(&probe.channels, &[&tensor], &self.control)?)?;
                let spec = probe.model.manifest.outputs.iter().find(|o| o.tensor == tensor);
                let reference = spec.map_or_else(Vec::new, |s| shown(s, field.channels));
                Rule::Change { tensor, reference, voxels }
            }
            logits @ Rule::Logits { .. } => logits,
        };
        Ok(Self { probe, rule, notes: self.notes.clone(), control: self.control.clone() })
    }
}

/// Slices that a slab has at most where nobody points at a place: as thick as a box of the occlusion.
const SLAB: usize = 16;

fn rule(probe: &mut Probe, target: &Target, notes: &mut Vec<String>, control: &Control) -> Result<Rule, ExplainError> {
    let wrong = |reason: String| ExplainError::Target { target: target.to_string(), reason };
    let spec = output_of(&probe.model, target)?.clone();
    let tensor = spec.tensor.clone();
    if !probe.has_output(&tensor) {
        return Err(wrong(format!("the network has no output `{tensor}`")));
    }
    let run = |probe: &Probe| first(probe.run(&probe.channels, &[&tensor], control)?);
    match target {
        Target::Change { corners } => {
            let voxels = corners.as_ref().map(|c| in_box(probe, c));
            if voxels.as_ref().is_some_and(Vec::is_empty) {
                return Err(wrong("the box holds no voxel of what the model sees".into()));
            }
            let voxels = in_slab(probe, target, voxels, corners.is_some(), notes)?;
            let (field, size) = (run(probe)?, probe.grid.size());
            let finer = finer(size, field.size)
                .ok_or_else(|| wrong(format!("the network's image has {:?} voxels, its input {size:?}", field.size)))?;
            let voxels = voxels.map(|voxels| on_finer(&voxels, size, finer));
            Ok(Rule::Change { tensor, reference: shown(&spec, field.channels), voxels })
        }
        Target::Class { class, region } => {
            let near = match region {
                Region::Predicted => None,
                Region::Near { at, radius_mm } => Some(around(probe, *at, *radius_mm)),
            };
            if near.as_ref().is_some_and(Vec::is_empty) {
                return Err(wrong("the place lies outside of what the model sees".into()));
            }
            let mut voxels = match near {
                Some(near) => in_slab(probe, target, Some(near), true, notes)?,
                None => None,
            };
            let (field, size) = (run(probe)?, probe.grid.size());
            let channel = channel_of(&probe.model, &spec, class, field.channels.len()).ok_or_else(|| {
                wrong(format!("`{}` has no channel for it ({} channels)", spec.name, field.channels.len()))
            })?;
            let probabilities = spec.kind == OutputKind::Probabilities && spec.activation == Activation::None;
            if field.size == [1; 3] && size != [1; 3] {
                // Numbers for the whole image: of slices, for those of the slab.
                if voxels.is_none() {
                    in_slab(probe, target, None, false, notes)?;
                }
                return Ok(Rule::Logits { tensor, channel, voxels: vec![0], probabilities });
            }
            if field.size != size {
                return Err(wrong(format!("the network's classes have {:?} voxels, its input {size:?}", field.size)));
            }
            if voxels.is_none() {
                let wins = winner(&probe.model, &spec, &field, channel, probabilities);
                let found: Vec<usize> = (0..size.iter().product()).filter(|n| wins(*n)).collect();
                if found.is_empty() {
                    let none = "the model finds none of it here; give a place with class=NAME@X,Y,Z";
                    return Err(wrong(none.into()));
                }
                voxels = in_slab(probe, target, Some(found), false, notes)?;
            }
            Ok(Rule::Logits { tensor, channel, voxels: voxels.unwrap_or_default(), probabilities })
        }
    }
}

/// How many voxels of the network's image lie in one of its input along each axis, of images with the same outer faces.
fn finer(input: [usize; 3], image: [usize; 3]) -> Option<[usize; 3]> {
    let all_whole = (0..3).all(|a| image[a] >= input[a] && input[a] > 0 && image[a].is_multiple_of(input[a]));
    all_whole.then(|| [0, 1, 2].map(|a| image[a] / input[a]))
}

/// The voxels of an image `finer` than the grid of `size` that lie in voxels of that grid.
fn on_finer(voxels: &[usize], size: [usize; 3], finer: [usize; 3]) -> Vec<usize> {
    if finer == [1; 3] {
        return voxels.to_vec();
    }
    let (nx, ny) = (size[0] * finer[0], size[1] * finer[1]);
    let one = |n: &usize| {
        let first = [n % size[0] * finer[0], n / size[0] % size[1] * finer[1], n / (size[0] * size[1]) * finer[2]];
        let row = move |k: usize, j: usize| ((first[2] + k) * ny + first[1] + j) * nx + first[0];
        (0..finer[2]).flat_map(move |k| (0..finer[1]).flat_map(move |j| row(k, j)..row(k, j) + finer[0]))
    };
    voxels.iter().flat_map(one).collect()
}

/// Voxels within two corners, LPS mm.
fn in_box(probe: &Probe, [a, b]: &[[f64; 3]; 2]) -> Vec<usize> {
    let inside = |n: &usize| {
        let p = place(probe, *n);
        (0..3).all(|k| p[k] >= a[k].min(b[k]) && p[k] <= a[k].max(b[k]))
    };
    (0..probe.grid.voxel_count()).filter(inside).collect()
}

/// Voxels around a place; the one that holds it, where the radius is below half a voxel.
fn around(probe: &Probe, at: [f64; 3], radius_mm: f64) -> Vec<usize> {
    let size = probe.grid.size();
    let mut near: Vec<usize> =
        (0..probe.grid.voxel_count()).filter(|n| distance(place(probe, *n), at) <= radius_mm).collect();
    if near.is_empty() {
        let p = probe.grid.to_voxel(PatientPoint(glam::DVec3::from_array(at)));
        near.extend(flat(size, p));
    }
    near
}

/// Of a model that runs slice by slice only the slices that touch the target are run from here on. Where nobody `pointed`
/// at a place, the target is what of it lies within [`SLAB`] slices around its middle. Gives the voxels on the new grid.
fn in_slab(
    probe: &mut Probe,
    target: &Target,
    voxels: Option<Vec<usize>>,
    pointed: bool,
    notes: &mut Vec<String>,
) -> Result<Option<Vec<usize>>, ExplainError> {
    let axes = probe.slice_axes();
    if axes.is_empty() {
        return Ok(voxels);
    }
    let size = probe.grid.size();
    let index = |n: usize| [n % size[0], n / size[0] % size[1], n / (size[0] * size[1])];
    let (mut low, mut high) = (size, [0; 3]);
    let mut sum = [0.0; 3];
    let grow = |p: [usize; 3], low: &mut [usize; 3], high: &mut [usize; 3]| {
        for a in 0..3 {
            low[a] = low[a].min(p[a]);
            high[a] = high[a].max(p[a] + 1);
        }
    };
    match &voxels {
        None => (low, high) = ([0; 3], size),
        Some(voxels) => {
            for p in voxels.iter().map(|n| index(*n)) {
                grow(p, &mut low, &mut high);
                (0..3).for_each(|a| sum[a] += p[a] as f64);
            }
        }
    }
    let at = probe.at().map(|p| probe.grid.to_voxel(p).0.to_array());
    // The middle between two islands holds nothing: the voxel of the target that is nearest to it.
    let nearest = voxels.as_ref().and_then(|voxels| {
        let middle = sum.map(|s| s / voxels.len() as f64);
        let apart = |p: [usize; 3]| (0..3).map(|a| (p[a] as f64 - middle[a]).powi(2)).sum::<f64>();
        voxels.iter().map(|n| index(*n)).min_by(|p, q| apart(*p).total_cmp(&apart(*q)))
    });
    for a in axes.iter().copied().filter(|_| !pointed) {
        let middle = match (at, nearest) {
            (Some(at), _) => at[a].round().max(0.0) as usize,
            (None, Some(p)) => p[a],
            (None, None) => size[a] / 2,
        };
        let first = middle.saturating_sub(SLAB / 2).clamp(low[a], high[a].saturating_sub(SLAB).max(low[a]));
        (low[a], high[a]) = (first, high[a].min(first + SLAB));
    }
    let kept = |p: [usize; 3]| (0..3).all(|a| p[a] >= low[a] && p[a] < high[a]);
    let part: Vec<usize> = match &voxels {
        Some(voxels) => voxels.iter().copied().filter(|n| kept(index(*n))).collect(),
        None => (0..probe.grid.voxel_count()).filter(|n| kept(index(*n))).collect(),
    };
    if part.is_empty() {
        let reason = format!("none of it lies within {SLAB} slices around the place");
        return Err(ExplainError::Target { target: target.to_string(), reason });
    }
    let (mut tight_low, mut tight_high) = (size, [0; 3]);
    part.iter().for_each(|n| grow(index(*n), &mut tight_low, &mut tight_high));
    let from = probe.narrow([tight_low, tight_high])?;
    let new = probe.grid.size();
    let words: Vec<String> = axes.iter().map(|a| (tight_high[*a] - tight_low[*a]).to_string()).collect();
    notes.push(format!(
        "The model runs slice by slice: explained is the slab of slices that touches the target ({} across), not the \
         whole image",
        words.join(" x ")
    ));
    let moved = part
        .into_iter()
        .map(|n| {
            let p = index(n);
            ((p[2] - from[2]) * new[1] + p[1] - from[1]) * new[0] + p[0] - from[0]
        })
        .collect();
    Ok(Some(moved))
}

fn first(fields: Vec<Field>) -> Result<Field, ExplainError> {
    fields.into_iter().next().ok_or(ExplainError::Size { what: "the network's answer", expected: 1, found: 0 })
}

fn shown(spec: &OutputSpec, channels: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
    match &spec.channels {
        Some(wanted) => wanted.iter().filter_map(|c| channels.get(*c).cloned()).collect(),
        None => channels,
    }
}

fn flat(size: [usize; 3], p: VoxelPoint) -> Option<usize> {
    let cell = |x: f64, n: usize| (x >= -0.5 && x < n as f64 - 0.5).then(|| ((x + 0.5) as usize).min(n - 1));
    let (x, y, z) = (cell(p.0.x, size[0])?, cell(p.0.y, size[1])?, cell(p.0.z, size[2])?);
    Some((z * size[1] + y) * size[0] + x)
}

fn place(probe: &Probe, n: usize) -> [f64; 3] {
    let [nx, ny, _] = probe.grid.size();
    let v = VoxelPoint::new((n % nx) as f64, (n / nx % ny) as f64, (n / (nx * ny)) as f64);
    probe.grid.to_patient(v).0.to_array()
}

fn distance(a: [f64; 3], b: [f64; 3]) -> f64 {
    (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt()
}

/// The tensor's channel that stands for a class, by the rules with which a run makes labels.
fn channel_of(model: &Model, spec: &OutputSpec, class: &str, count: usize) -> Option<usize> {
    let at = spec.labels.iter().position(|l| names(l.value, &l.name, class));
    let value = match at {
        Some(at) => spec.labels.get(at).map(|l| l.value)?,
        None => class.parse().ok()?,
    };
    let numbers: Vec<usize> = spec.channels.clone().unwrap_or_else(|| (0..count).collect());
    let channel = if let Some(region) = model.manifest.postprocess.regions.iter().find(|r| r.value == value) {
        region.channel
    } else if exclusive(spec, &numbers) || at.is_none() {
        usize::from(value)
    } else {
        *numbers.get(at?)?
    };
    (channel < count && numbers.contains(&channel)).then_some(channel)
}

/// Whether the classes exclude each other, so that the highest one wins.
fn exclusive(spec: &OutputSpec, numbers: &[usize]) -> bool {
    numbers.len() > 1 && spec.activation != Activation::Sigmoid
}

/// Whether a voxel belongs to the channel's class.
fn winner<'a>(
    model: &Model,
    spec: &OutputSpec,
    field: &'a Field,
    channel: usize,
    probabilities: bool,
) -> Box<dyn Fn(usize) -> bool + 'a> {
    let p = &model.manifest.postprocess;
    let numbers: Vec<usize> = spec.channels.clone().unwrap_or_else(|| (0..field.channels.len()).collect());
    let own = &field.channels[channel];
    if p.regions.is_empty() && exclusive(spec, &numbers) {
        let channels = &field.channels;
        Box::new(move |n| numbers.iter().all(|c| channels[*c][n] <= own[n]))
    } else {
        let threshold = if probabilities { p.threshold } else { logit(p.threshold) };
        Box::new(move |n| own[n] >= threshold)
    }
}

/// The logit of a probability that is not quite 0 or 1.
fn logit(p: f32) -> f32 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    (p / (1.0 - p)).ln()
}

impl Scored for ModelScore {
    fn size(&self) -> [usize; 3] {
        self.probe.grid.size()
    }

    fn channels(&self) -> &[Vec<f32>] {
        &self.probe.channels
    }

    fn background(&self) -> &[f32] {
        &self.probe.background
    }

    fn score(&self, channels: &[Vec<f32>]) -> Result<f64, ExplainError> {
        match &self.rule {
            Rule::Logits { tensor, channel, voxels, probabilities } => {
                let field = first(self.probe.run(channels, &[tensor], &self.control)?)?;
                let values = field.channels.get(*channel).map_or(&[][..], Vec::as_slice);
                let one =
                    |n: &usize| values.get(*n).copied().map_or(0.0, |x| if *probabilities { logit(x) } else { x });
                let sum: f64 = voxels.iter().map(|n| f64::from(one(n))).sum();
                Ok(sum / voxels.len().max(1) as f64)
            }
            Rule::Change { tensor, reference, voxels } => {
                let field = first(self.probe.run(channels, &[tensor], &self.control)?)?;
                let spec = self.probe.model.manifest.outputs.iter().find(|o| o.tensor == *tensor);
                let now = spec.map_or_else(Vec::new, |s| shown(s, field.channels));
                let (mut sum, mut count) = (0.0, 0.0);
                for (a, b) in now.iter().zip(reference) {
                    let mut add = |n: usize| {
                        sum += f64::from((a[n] - b[n]).abs());
                        count += 1.0;
                    };
                    match voxels {
                        Some(voxels) => voxels.iter().for_each(|n| add(*n)),
                        None => (0..a.len().min(b.len())).for_each(add),
                    }
                }
                Ok(if count > 0.0 { -sum / count } else { 0.0 })
            }
        }
    }

    fn activations(&self) -> Result<Option<Activations>, ExplainError> {
        let Some(tap) = self.probe.tap() else { return Ok(None) };
        let field = first(self.probe.run(&self.probe.channels, &[tap], &self.control)?)?;
        Ok(Some(Activations { channels: field.channels, size: field.size }))
    }

    fn gradients(&self) -> Result<Option<Activations>, ExplainError> {
        let Some(name) = self.probe.tap().map(|tap| format!("{tap}_grad")).filter(|n| self.probe.has_output(n)) else {
            return Ok(None);
        };
        let mut field = first(self.probe.run(&self.probe.channels, &[&name], &self.control)?)?;
        if let Rule::Logits { voxels, .. } = &self.rule {
            // Graphs export the gradient of the sum over the region, whose size they cannot know beforehand.
            let voxels = voxels.len().max(1) as f32;
            field.channels.iter_mut().flatten().for_each(|slope| *slope /= voxels);
        }
        Ok(Some(Activations { channels: field.channels, size: field.size }))
    }
}

/// The same score by the same network with noise in its last layers.
pub(super) struct NoisyModel<'a> {
    pub score: &'a ModelScore,
    pub layers: usize,
}

impl Randomized for NoisyModel<'_> {
    fn layers(&self) -> usize {
        self.layers
    }

    fn with_noise(&self, count: usize, seed: u64) -> Result<Box<dyn Scored>, ExplainError> {
        let own = self.score;
        Ok(Box::new(own.on(own.probe.with_noise(count, seed, &own.control)?)?))
    }

    fn with_other_noise(&self, seed: u64) -> Result<Option<Box<dyn Scored>>, ExplainError> {
        Ok(self.score.with_noise_seed(seed)?.map(|s| Box::new(s) as Box<dyn Scored>))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_larger_answer_is_asked_where_its_input_was() {
        assert_eq!(finer([40, 40, 20], [80, 80, 20]), Some([2, 2, 1]));
        assert_eq!(finer([40, 40, 20], [60, 80, 20]), None);
        assert_eq!(finer([40, 40, 20], [20, 40, 20]), None);
        // Voxel (1, 0, 1) of 2 x 1 x 2, each halved along x and z.
        let found = on_finer(&[3], [2, 1, 2], [2, 1, 2]);
        assert_eq!(found, [2 * 4 + 2, 2 * 4 + 3, 3 * 4 + 2, 3 * 4 + 3]);
        assert_eq!(on_finer(&[1, 3], [2, 1, 2], [1; 3]), [1, 3]);
    }
}
