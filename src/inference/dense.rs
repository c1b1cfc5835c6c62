//! The network led over the image: windows through the core, into the slab, over the repeats, onto the input's grid.
//!
//! With one repeat the slab runs along with the windows and lets planes go as soon as no further window touches them.
//! With several, blocks of planes are finished repeat by repeat, so that only running statistics are kept; windows that
//! lie over a border between blocks are run once for each of the two.

use std::sync::mpsc::sync_channel;

use rayon::prelude::*;

use super::cutter::{Cutter, Window, apply};
use super::errors::InferenceError;
use super::fields::{self, Field, Reading, Role, activate, divergence, softmax, votes};
use super::grid::ModelGrid;
use super::layout::{Box3, Order, Strides, copy};
use super::manifest::schema::{Activation, AnomalyScore, Augmentation, InfererKind};
use super::manifest::{Manifest, Model};
use super::normalize::Applied;
use super::result::UncertaintyKind;
use super::session::Tensor;
use super::sink::{ByteSink, Decision, LabelSink, Mapper, ValueSink};
use super::slab::{Part, Slab};
use super::uncertainty::Moments;
use super::windows;
use crate::jobs::Control;
use crate::volume::Geometry;

/// One time that the image goes through.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Pass {
    /// Which member of an ensemble.
    pub member: usize,
    /// Place in the manifest's list of augmentations; `None`: the image as it is.
    pub augmentation: Option<usize>,
    /// Which sample of a stochastic network or diffusion model.
    pub sample: usize,
}

/// What turns the tensors of a batch of windows into the wanted ones.
pub(crate) trait Core: Sync {
    /// Runs a batch.
    fn call(
        &self,
        pass: &Pass,
        tensors: Vec<Tensor>,
        windows: &[Window],
        control: &Control,
    ) -> Result<Vec<Tensor>, InferenceError>;

    /// How many windows must go in at once, where the graph fixes it.
    fn fixed_batch(&self) -> Option<usize>;

    /// Calls of the network for one batch; the core advances the progress by the batch's windows after each.
    fn steps(&self) -> usize {
        1
    }
}

/// All that a run needs.
pub(crate) struct Work<'a> {
    pub model: &'a Model,
    pub core: &'a dyn Core,
    pub cutter: &'a Cutter,
    pub grid: &'a ModelGrid,
    /// The first input's own grid.
    pub target: &'a Geometry,
    pub applied: &'a [(String, Applied)],
    pub passes: &'a [Pass],
    /// The axis of the model's grid along which results are not interpolated.
    pub snapped: Option<usize>,
    /// Whether class probabilities are brought back too.
    pub probabilities: bool,
    /// Bytes that the statistics of several repeats may take at once; [`BLOCK_BYTES`] as a rule.
    pub block_bytes: usize,
    /// Only windows that touch this box (first voxel, the one behind the last) are run; `None`: all.
    pub within: Option<[[usize; 3]; 2]>,
    pub control: &'a Control,
}

/// What came of one field, on the input's grid.
pub(crate) struct Outcome {
    pub field: Field,
    pub labels: Option<Vec<u16>>,
    /// Channel by channel.
    pub values: Vec<Vec<f32>>,
    /// Channel by channel; empty when nothing is known.
    pub std: Vec<Vec<f32>>,
    pub maps: Vec<(UncertaintyKind, Vec<f32>)>,
    /// By label.
    pub probabilities: Vec<(u16, Vec<u8>)>,
    /// Volumes of the labels in each repeat, millilitres; empty with one repeat.
    pub volumes_ml: Vec<Vec<(u16, f64)>>,
    /// Numbers for the whole image, one list a repeat.
    pub whole: Vec<Vec<f32>>,
}

/// What a run gave.
pub(crate) struct Dense {
    pub outcomes: Vec<Outcome>,
    /// Windows of one pass.
    pub patches: usize,
    /// Whether every voxel of the input lies in the model's grid.
    pub covers: bool,
}

/// Bytes that the statistics of several repeats may take at once.
pub(crate) const BLOCK_BYTES: usize = 1_500_000_000;

/// A slab of more bytes than this is laid along another axis if that makes it smaller.
const LARGE_SLAB_BYTES: usize = 700_000_000;

struct Job {
    pass: usize,
    windows: Vec<Window>,
    /// The planes that are finished for this pass after the job.
    finished: Option<[usize; 2]>,
    /// Whether this was the last pass over them.
    last_pass: bool,
}

/// Leads the network over the image.
///
/// # Errors
/// What the core says; a tensor that does not fit; [`InferenceError::Cancelled`].
pub(crate) fn run(work: &Work<'_>, stage: &str) -> Result<Dense, InferenceError> {
    let m = &work.model.manifest;
    let windows = all_windows(work);
    let batch = work.core.fixed_batch().unwrap_or(m.inferer.batch).max(1);
    let weights: Vec<Vec<f32>> = window_sizes(m, work.cutter)
        .iter()
        .enumerate()
        .map(|(plane, size)| {
            let [a, b, c] = work.cutter.layout(plane).order().0;
            windows::weights([size[a], size[b], size[c]], &m.inferer)
        })
        .collect();
    let channels = m.outputs.iter().map(|o| o.channels.as_ref().map_or(o.labels.len() + 1, Vec::len)).sum::<usize>();
    let plan = Plan::new(&windows, work.cutter, channels.max(1), [work.passes.len(), work.block_bytes]);
    let jobs = plan.jobs(&windows, work.passes.len(), batch);
    let total: usize = jobs.iter().map(|j| j.windows.len()).sum();
    work.control.stage(stage, (total * work.core.steps()) as u64);
    let state = std::thread::scope(|scope| {
        // While one batch is in the network the next one is cut and the last one is added.
        let (cut, to_run) = sync_channel::<Vec<Tensor>>(1);
        let (ran, to_add) = sync_channel::<Vec<Tensor>>(1);
        let (jobs, fixed) = (&jobs, work.core.fixed_batch());
        scope.spawn(move || {
            for job in jobs {
                let mut windows = job.windows.clone();
                if let (Some(n), Some(last)) = (fixed, windows.last().copied()) {
                    windows.resize(n, last);
                }
                if cut.send(work.cutter.cut(&windows, work.augmentation(&work.passes[job.pass]))).is_err() {
                    return;
                }
            }
        });
        let (plan, weights, windows) = (&plan, &weights, &windows);
        let adding = scope.spawn(move || {
            let mut state: Option<State<'_>> = None;
            // The channel ends early when the network failed: then that is what is reported.
            for (job, tensors) in jobs.iter().zip(to_add) {
                if !job.windows.is_empty() {
                    let state = match &mut state {
                        Some(state) => state,
                        none => none.insert(State::new(work, plan, &tensors, windows)?),
                    };
                    state.add(tensors, &job.windows, &work.passes[job.pass], job.pass, weights)?;
                }
                if let (Some(range), Some(state)) = (job.finished, &mut state) {
                    state.finish_pass(range, job.pass)?;
                    if job.last_pass {
                        state.finish_block(range)?;
                    }
                }
            }
            Ok::<_, InferenceError>(state)
        });
        for job in jobs {
            work.control.checkpoint()?;
            // The producer ends early only by a fault.
            let Ok(tensors) = to_run.recv() else { break };
            let given = match job.windows.as_slice() {
                [] => Vec::new(),
                windows => work.core.call(&work.passes[job.pass], tensors, windows, work.control)?,
            };
            if ran.send(given).is_err() {
                break;
            }
        }
        drop(ran);
        adding.join().unwrap_or_else(|fault| std::panic::resume_unwind(fault))
    })?;
    let Some(state) = state else {
        return Err(InferenceError::NotSupported {
            model: work.model.title(),
            what: "an image without a window".into(),
        });
    };
    let patches = windows.len();
    Ok(Dense { covers: state.mapper.covers(), outcomes: state.outcomes(), patches })
}

impl Work<'_> {
    fn augmentation(&self, pass: &Pass) -> Option<&Augmentation> {
        pass.augmentation.and_then(|n| self.model.manifest.uncertainty.tta.get(n))
    }
}

/// The size of a window in each plane.
pub(crate) fn window_sizes(m: &Manifest, cutter: &Cutter) -> Vec<[usize; 3]> {
    let size = cutter.size();
    let patch = m.inferer.patch.filter(|_| m.inferer.kind != InfererKind::Whole).unwrap_or([0; 3]);
    let window = |plane: usize| {
        [0, 1, 2].map(|a| match patch[a] {
            _ if cutter.across(plane) == Some(a) => 1,
            0 => size[a],
            n => n.min(size[a]),
        })
    };
    (0..cutter.planes()).map(window).collect()
}

fn all_windows(work: &Work<'_>) -> Vec<Window> {
    let m = &work.model.manifest;
    let size = work.cutter.size();
    let mut all = Vec::new();
    for (plane, window) in window_sizes(m, work.cutter).into_iter().enumerate() {
        let along = |a: usize| windows::starts(size[a], window[a], m.inferer.overlap, m.inferer.starts);
        let [xs, ys, zs] = [along(0), along(1), along(2)];
        for x in &xs {
            for y in &ys {
                all.extend(zs.iter().map(|z| Window { start: [*x, *y, *z], size: window, plane }));
            }
        }
    }
    if let Some([low, high]) = work.within {
        all.retain(|w| (0..3).all(|a| w.start[a] < high[a] && w.start[a] + w.size[a] > low[a]));
    }
    if m.inferer.skip_background {
        let kept: Vec<Window> = all.iter().copied().filter(|w| has_foreground(work, w)).collect();
        // One window tells what the outputs look like.
        return if kept.is_empty() { all.into_iter().take(1).collect() } else { kept };
    }
    all
}

/// Whether any input has more than its lowest value in a window.
fn has_foreground(work: &Work<'_>, window: &Window) -> bool {
    let order = work.cutter.order();
    let strides = order.strides(work.cutter.size());
    let [slow, middle, fast] = order.0;
    work.applied.iter().enumerate().any(|(n, (_, applied))| {
        let background = applied.background as f32;
        let channel = work.cutter.channel(n);
        (0..window.size[slow]).any(|a| {
            (0..window.size[middle]).any(|b| {
                let at = (window.start[slow] + a) * strides[slow]
                    + (window.start[middle] + b) * strides[middle]
                    + window.start[fast] * strides[fast];
                channel[at..at + window.size[fast]].iter().any(|x| (x - background).abs() > 1e-6 && *x != 0.0)
            })
        })
    })
}

/// Along which axis the slab runs, how thick it is, and which planes are finished together.
struct Plan {
    axis: usize,
    planes: usize,
    /// With several repeats; empty with one.
    blocks: Vec<[usize; 2]>,
    size: [usize; 3],
}

impl Plan {
    fn new(windows: &[Window], cutter: &Cutter, channels: usize, [repeats, block_bytes]: [usize; 2]) -> Self {
        let size = cutter.size();
        let voxels: usize = size.iter().product();
        let bytes = |axis: usize| rolling(windows, axis, size[axis]) * (voxels / size[axis]) * 4 * (channels + 1);
        let first = cutter.order().0[0];
        let smallest = cutter.order().0.into_iter().min_by_key(|a| bytes(*a)).unwrap_or(first);
        let axis = if bytes(first) <= LARGE_SLAB_BYTES { first } else { smallest };
        if repeats == 1 {
            return Self { axis, planes: rolling(windows, axis, size[axis]), blocks: Vec::new(), size };
        }
        let a_plane = voxels / size[axis] * 4 * (3 * channels + 4);
        let longest = windows.iter().map(|w| w.size[axis]).max().unwrap_or(1);
        let count = size[axis].div_ceil((block_bytes / a_plane.max(1)).max(longest).min(size[axis]));
        let border = |n: usize| n * size[axis] / count;
        let blocks: Vec<[usize; 2]> = (0..count).map(|n| [border(n), border(n + 1)]).collect();
        let planes = blocks.iter().map(|[lo, hi]| hi - lo).max().unwrap_or(size[axis]);
        Self { axis, planes, blocks, size }
    }

    fn jobs(&self, windows: &[Window], repeats: usize, batch: usize) -> Vec<Job> {
        let mut jobs = Vec::new();
        let mut push = |of: &[Window], pass: usize, finished: [usize; 2], last_pass: bool| {
            let mut groups: Vec<Vec<Window>> = Vec::new();
            for plane in 0..=of.iter().map(|w| w.plane).max().unwrap_or(0) {
                let own: Vec<Window> = of.iter().copied().filter(|w| w.plane == plane).collect();
                groups.extend(own.chunks(batch).map(<[Window]>::to_vec));
            }
            if groups.is_empty() {
                groups.push(Vec::new());
            }
            let count = groups.len();
            for (n, windows) in groups.into_iter().enumerate() {
                let last = n + 1 == count;
                jobs.push(Job { pass, windows, finished: last.then_some(finished), last_pass });
            }
        };
        if repeats > 1 {
            for block in &self.blocks {
                let touching =
                    |w: &Window| w.start[self.axis] < block[1] && w.start[self.axis] + w.size[self.axis] > block[0];
                let own: Vec<Window> = windows.iter().copied().filter(touching).collect();
                for pass in 0..repeats {
                    push(&own, pass, *block, pass + 1 == repeats);
                }
            }
            return jobs;
        }
        let mut sorted = windows.to_vec();
        sorted.sort_by_key(|w| w.start[self.axis]);
        let mut lo = 0;
        let mut rest = sorted.as_slice();
        while let Some(start) = rest.first().map(|w| w.start[self.axis]) {
            let n = rest.iter().take_while(|w| w.start[self.axis] == start).count();
            let (group, further) = rest.split_at(n);
            let hi = further.first().map_or(self.size[self.axis], |w| w.start[self.axis]);
            push(group, 0, [lo, hi], true);
            (lo, rest) = (hi, further);
        }
        jobs
    }
}

/// Planes that a running slab must hold along an axis.
fn rolling(windows: &[Window], axis: usize, size: usize) -> usize {
    let mut starts: Vec<[usize; 2]> = windows.iter().map(|w| [w.start[axis], w.start[axis] + w.size[axis]]).collect();
    starts.sort_unstable();
    starts.dedup();
    let mut most = 1;
    let (mut lo, mut end) = (0, 0);
    for (n, [_, stop]) in starts.iter().enumerate() {
        end = end.max(*stop);
        let next = starts.get(n + 1).map_or(size, |s| s[0]);
        // Planes before the first window, or between windows that do not touch, are let go with it.
        most = most.max(end.max(next) - lo);
        lo = next;
    }
    most.min(size)
}

struct State<'a> {
    work: &'a Work<'a>,
    reading: Reading<'a>,
    fields: Vec<Field>,
    slab: Slab,
    mapper: Mapper,
    moments: Vec<Option<Moments>>,
    scores: Vec<Vec<f32>>,
    sinks: Vec<Sinks>,
    repeats: usize,
}

#[derive(Default)]
struct Sinks {
    labels: Option<LabelSink>,
    values: Vec<ValueSink>,
    std: Vec<ValueSink>,
    maps: Vec<(UncertaintyKind, ValueSink)>,
    probabilities: Vec<(u16, usize, ByteSink)>,
    volumes_ml: Vec<std::collections::BTreeMap<u16, f64>>,
    whole: Vec<(Vec<f64>, f64)>,
}

/// Class probabilities are kept up to so many bytes.
const PROBABILITY_BYTES: usize = 400_000_000;

impl<'a> State<'a> {
    fn new(work: &'a Work<'a>, plan: &Plan, tensors: &[Tensor], windows: &[Window]) -> Result<Self, InferenceError> {
        let repeats = work.passes.len();
        let window = windows.first().map_or([1; 3], |w| w.size);
        let several = windows.len() > 1 || repeats > 1;
        let reading =
            Reading { model: work.model, layout: work.cutter.layout(0), window, several, applied: work.applied };
        let fields = reading.fields(tensors)?;
        let counts: Vec<usize> = fields.iter().map(Field::count).collect();
        let slab = Slab::new(plan.size, plan.axis, work.cutter.order(), plan.planes, &counts);
        let mapper = Mapper::new(work.grid, work.target, slab.order(), work.snapped);
        let sinks = fields.iter().map(|f| Sinks::new(f, &fields, work, repeats)).collect();
        Ok(Self {
            moments: fields.iter().map(|_| None).collect(),
            scores: vec![Vec::new(); fields.len()],
            work,
            reading,
            fields,
            slab,
            mapper,
            sinks,
            repeats,
        })
    }

    /// Adds the outputs of a batch.
    fn add(
        &mut self,
        mut tensors: Vec<Tensor>,
        windows: &[Window],
        pass: &Pass,
        number: usize,
        weights: &[Vec<f32>],
    ) -> Result<(), InferenceError> {
        let Some(first) = windows.first() else { return Ok(()) };
        let outputs = &self.work.model.manifest.outputs;
        let layout = self.work.cutter.layout(first.plane);
        let order = layout.order();
        let reading = Reading { layout, window: first.size, ..self.reading };
        let n: usize = first.size.iter().product();
        let packed = Strides { batch: 0, channel: n, space: order.strides(first.size) };
        // Each field's values for the whole batch, with the steps in them.
        let mut buffers: Vec<(Vec<f32>, Strides, Vec<usize>)> = Vec::new();
        for (f, field) in self.fields.iter().enumerate() {
            let Some(tensor) = tensors.get(field.tensor) else { continue };
            let spec = &outputs[field.output];
            match &field.role {
                Role::Score { .. } => buffers.push((Vec::new(), packed, Vec::new())),
                Role::Whole => {
                    let per = tensor.data.len() / tensor.shape.first().copied().unwrap_or(1).max(1);
                    let mut values = tensor.data.get(..per * windows.len()).unwrap_or(&[]).to_vec();
                    for row in values.chunks_mut(per.max(1)) {
                        let strides = Strides { batch: 0, channel: 1, space: [0; 3] };
                        scale(row, field.temperature);
                        activate(row, per, strides, 1, spec.activation);
                        let sums = &mut self.sinks[f].whole[number];
                        sums.0.resize(field.channels.len(), 0.0);
                        for (s, c) in sums.0.iter_mut().zip(&field.channels) {
                            *s += row.get(*c).copied().map_or(0.0, f64::from);
                        }
                        sums.1 += 1.0;
                    }
                    buffers.push((Vec::new(), packed, Vec::new()));
                }
                Role::Features => {
                    let count = tensor.shape.get(1).copied().unwrap_or(1).max(1);
                    let batch = tensor.shape.first().copied().unwrap_or(1).max(1);
                    let inner = (tensor.data.len() / batch / count).max(1);
                    for row in tensor.data.chunks(count * inner).take(windows.len()) {
                        let sums = &mut self.sinks[f].whole[number];
                        sums.0.resize(field.channels.len(), 0.0);
                        for (s, c) in sums.0.iter_mut().zip(&field.channels) {
                            let values = row.get(c * inner..(c + 1) * inner).unwrap_or(&[]);
                            *s += values.iter().copied().map(f64::from).sum::<f64>() / inner as f64;
                        }
                        sums.1 += 1.0;
                    }
                    buffers.push((Vec::new(), packed, Vec::new()));
                }
                Role::Divergence { log_variance } => {
                    let data = self.lifted_divergence(tensor, &tensors[*log_variance], windows, &reading)?;
                    buffers.push((data, Strides { batch: n, ..packed }, vec![0]));
                }
                role => {
                    let layout = reading.layout_of(tensor).filter(|l| l.size_in(&tensor.shape) == first.size);
                    let layout = layout.ok_or_else(|| {
                        let found = format!("{:?}", tensor.shape);
                        reading.mismatch(format!("`{}` as large as the window {:?}", tensor.name, first.size), found)
                    })?;
                    let strides = layout.strides(&tensor.shape);
                    let count = layout.position('C').and_then(|c| tensor.shape.get(c).copied()).unwrap_or(1);
                    // The last field that needs a tensor takes it: a copy of many classes costs as much as adding them.
                    let needed = self.fields.iter().skip(f + 1).any(|other| other.needs(field.tensor));
                    let mut data =
                        if needed { tensor.data.clone() } else { std::mem::take(&mut tensors[field.tensor].data) };
                    for b in 0..windows.len() {
                        let window = &mut data[b * strides.batch..];
                        let end = if strides.batch > 0 { strides.batch } else { window.len() };
                        let window = &mut window[..end];
                        if let Some(a) = self.work.augmentation(pass) {
                            for c in 0..count {
                                apply(a, &mut window[c * strides.channel..], strides.space, first.size, true);
                            }
                            for [a, b] in pass.augmentation.and_then(|t| field.swaps.get(t)).into_iter().flatten() {
                                swap_channels(window, strides, first.size, *a, *b);
                            }
                        }
                        scale(window, field.temperature);
                        if field.activate_windows {
                            activate(window, count, strides, n, spec.activation);
                        }
                    }
                    if let Role::Votes { labels } = role {
                        let mut all = Vec::with_capacity(windows.len() * n * (labels.len() + 1));
                        for b in 0..windows.len() {
                            let mut own = vec![0.0; n];
                            let to = Box3 { start: [0; 3], strides: packed.space.map(|s| s as isize) };
                            let from = Box3 { start: [0; 3], strides: strides.space.map(|s| s as isize) };
                            copy(&mut own, to, &data[b * strides.batch..], from, first.size, order);
                            all.extend(votes(&own, labels));
                        }
                        let batch = n * (labels.len() + 1);
                        buffers.push((all, Strides { batch, ..packed }, (0..=labels.len()).collect()));
                    } else {
                        buffers.push((data, strides, field.channels.clone()));
                    }
                }
            }
        }
        for (b, window) in windows.iter().enumerate() {
            let parts: Vec<Part<'_>> = buffers
                .iter()
                .map(|(data, strides, channels)| Part {
                    data: data.get(b * strides.batch..).unwrap_or(&[]),
                    channels,
                    strides: *strides,
                })
                .collect();
            self.slab.add(window, &weights[window.plane], order, &parts);
        }
        Ok(())
    }

    /// The latent divergence of each window, spread over its voxels: `[window][voxel]` in the layout's order.
    fn lifted_divergence(
        &self,
        mean: &Tensor,
        log_variance: &Tensor,
        windows: &[Window],
        reading: &Reading<'_>,
    ) -> Result<Vec<f32>, InferenceError> {
        let size = windows.first().map_or([1; 3], |w| w.size);
        let order = reading.layout.order();
        let per = mean.data.len() / mean.shape.first().copied().unwrap_or(1).max(1);
        let is_map = mean.shape.len() == reading.layout.rank();
        let strides = reading.layout.strides(&mean.shape);
        if is_map && strides.channel > 0 && strides.channel < *strides.space.iter().max().unwrap_or(&1) {
            return Err(reading.mismatch(
                format!("the channel axis of `{}` before its axes of space", mean.name),
                format!("layout {}", self.work.model.manifest.inferer.layout),
            ));
        }
        let small = if is_map { reading.layout.size_in(&mean.shape) } else { [1; 3] };
        let channels = (per / small.iter().product::<usize>().max(1)).max(1);
        let mut out = Vec::with_capacity(windows.len() * size.iter().product::<usize>());
        for b in 0..windows.len() {
            let range = b * per..(b + 1) * per;
            let (mu, v) = (mean.data.get(range.clone()).unwrap_or(&[]), log_variance.data.get(range).unwrap_or(&[]));
            let map = divergence(mu, v, channels);
            let steps = order.strides(small);
            let [slow, middle, fast] = order.0;
            // The nearest latent voxel: what lies between two of them is not known.
            let nearest = |a: usize, i: usize| (i * small[a] / size[a]).min(small[a] - 1) * steps[a];
            for i in 0..size[slow] {
                for j in 0..size[middle] {
                    let row = nearest(slow, i) + nearest(middle, j);
                    out.extend((0..size[fast]).map(|k| map.get(row + nearest(fast, k)).copied().unwrap_or(0.0)));
                }
            }
        }
        Ok(out)
    }

    /// The planes `range` are finished for this pass.
    fn finish_pass(&mut self, [lo, hi]: [usize; 2], pass: usize) -> Result<(), InferenceError> {
        self.work.control.checkpoint()?;
        self.slab.finish(hi);
        let voxels = (hi - lo) * self.slab.area();
        for f in 0..self.fields.len() {
            if let Role::Score { kind, reconstruction, divergence, gradient } = self.fields[f].role.clone() {
                self.scores[f] = self.score(kind, [reconstruction, divergence, gradient], [lo, hi]);
            }
        }
        if self.repeats == 1 {
            return Ok(());
        }
        for f in 0..self.fields.len() {
            let field = self.fields[f].clone();
            let spec = &self.work.model.manifest.outputs[field.output];
            let count = field.count();
            let slab = &self.slab;
            match &field.role {
                Role::Classes { decision, exclusive } => {
                    let moments = self.moments[f]
                        .get_or_insert_with(|| Moments::of_classes(count, voxels, !field.activate_windows));
                    let values = slab.channels(f, hi);
                    let mut owned: Vec<Vec<f32>> = Vec::new();
                    if !field.activate_windows {
                        owned = values.iter().map(|c| c.to_vec()).collect();
                        activated(&mut owned.iter_mut().map(Vec::as_mut_slice).collect::<Vec<_>>(), spec.activation);
                    }
                    let probabilities: Vec<&[f32]> =
                        if owned.is_empty() { values.clone() } else { owned.iter().map(Vec::as_slice).collect() };
                    moments.add_classes(&values, &probabilities, *exclusive);
                    let shown = selected(&probabilities, spec.channels.as_deref());
                    self.mapper.count(slab.area(), [lo, hi], &shown, decision, &mut self.sinks[f].volumes_ml[pass]);
                }
                Role::Votes { labels } => {
                    let moments = self.moments[f].get_or_insert_with(|| Moments::of_classes(count, voxels, false));
                    let values = slab.channels(f, hi);
                    moments.add_classes(&values, &values, true);
                    let decision = votes_decision(labels);
                    self.mapper.count(slab.area(), [lo, hi], &values, &decision, &mut self.sinks[f].volumes_ml[pass]);
                }
                Role::Values { .. } => {
                    let moments = self.moments[f].get_or_insert_with(|| Moments::of_values(count, voxels));
                    moments.add_values(&slab.channels(f, hi));
                }
                Role::Score { .. } => {
                    let moments = self.moments[f].get_or_insert_with(|| Moments::of_values(1, voxels));
                    moments.add_values(&[&self.scores[f]]);
                }
                Role::Variance { log, .. } => {
                    let log = *log;
                    let variance: Vec<f32> = slab
                        .channels(f, hi)
                        .first()
                        .map(|c| c.iter().map(|x| variance(*x, log)).collect())
                        .unwrap_or_default();
                    if let Some(Some(moments)) = self.first_values().map(|v| &mut self.moments[v]) {
                        moments.add_predicted_variance(&variance);
                    }
                }
                Role::Divergence { .. } | Role::Whole | Role::Features => {}
            }
        }
        self.slab.reset(lo);
        Ok(())
    }

    /// The field of grey values that a predicted variance belongs to.
    fn first_values(&self) -> Option<usize> {
        first_values(&self.fields)
    }

    /// How strange the voxels of the finished planes are, in the network's own units.
    fn score(
        &self,
        kind: AnomalyScore,
        [recon, latent, gradient]: [Option<usize>; 3],
        [lo, hi]: [usize; 2],
    ) -> Vec<f32> {
        let residual = |squared: bool| -> Vec<f32> {
            let Some(f) = recon else { return Vec::new() };
            let channels = self.slab.channels(f, hi);
            let inputs = self.work.applied.len().max(1);
            let mut out = vec![0.0; (hi - lo) * self.slab.area()];
            for (made, c) in channels.iter().zip(&self.fields[f].channels) {
                let given = self.input_planes(if *c < inputs { *c } else { 0 }, [lo, hi]);
                out.par_iter_mut().zip(*made).zip(given).for_each(|((o, x), y)| {
                    let d = (x - y).abs();
                    *o += if squared { d * d } else { d } / channels.len() as f32;
                });
            }
            out
        };
        let first = |f: Option<usize>| f.and_then(|f| self.slab.channels(f, hi).first().map(|c| c.to_vec()));
        match kind {
            AnomalyScore::Residual | AnomalyScore::Restoration => residual(false),
            AnomalyScore::Squared => residual(true),
            AnomalyScore::Kl => first(latent).unwrap_or_default(),
            AnomalyScore::LatentGradient => first(gradient).unwrap_or_default().into_iter().map(f32::abs).collect(),
            AnomalyScore::Combined => {
                let factor = first(gradient).or_else(|| first(latent)).unwrap_or_default();
                residual(false).into_iter().zip(factor).map(|(a, b)| a * b.abs()).collect()
            }
        }
    }

    /// An input's normalised values in the slab's order.
    fn input_planes(&self, input: usize, [lo, hi]: [usize; 2]) -> Vec<f32> {
        let (size, order) = (self.work.cutter.size(), self.slab.order());
        let mut window = size;
        window[order.0[0]] = hi - lo;
        let mut start = [0; 3];
        start[order.0[0]] = lo;
        let mut out = vec![0.0; window.iter().product()];
        let strides = |o: Order, size: [usize; 3]| o.strides(size).map(|s| s as isize);
        let from = Box3 { start, strides: strides(self.work.cutter.order(), size) };
        let to = Box3 { start: [0; 3], strides: strides(order, window) };
        copy(&mut out, to, self.work.cutter.channel(input), from, window, order);
        out
    }

    /// The planes `range` are finished: they go onto the input's grid.
    fn finish_block(&mut self, range: [usize; 2]) -> Result<(), InferenceError> {
        let hi = range[1];
        let (area, control) = (self.slab.area(), self.work.control);
        let predicted = self.fields.iter().position(|f| matches!(f.role, Role::Variance { .. }));
        let values_field = self.first_values();
        for f in 0..self.fields.len() {
            let field = self.fields[f].clone();
            let spec = &self.work.model.manifest.outputs[field.output];
            let mut moments = self.moments[f].take();
            if let Role::Classes { .. } = field.role
                && !field.activate_windows
            {
                match &mut moments {
                    Some(m) => activated(&mut m.mean_mut(), spec.activation),
                    None => activated(&mut self.slab.channels_mut(f, hi), spec.activation),
                }
            }
            let score = [self.scores[f].as_slice()];
            let channels: Vec<&[f32]> = match (&moments, &field.role) {
                (Some(m), _) => m.mean(),
                (None, Role::Score { .. }) => score.to_vec(),
                (None, _) => self.slab.channels(f, hi),
            };
            let sinks = &mut self.sinks[f];
            match &field.role {
                Role::Classes { .. } | Role::Votes { .. } => {
                    let exclusive = !matches!(field.role, Role::Classes { exclusive: false, .. });
                    let wanted = if matches!(field.role, Role::Votes { .. }) { None } else { spec.channels.as_deref() };
                    let shown = selected(&channels, wanted);
                    for (_, channel, sink) in &mut sinks.probabilities {
                        if let Some(c) = shown.get(*channel) {
                            sink.take(&self.mapper, range, area, c, control)?;
                        }
                    }
                    if let Some(sink) = &mut sinks.labels {
                        sink.take(&self.mapper, range, area, shown, control)?;
                    }
                    if let Some(m) = &moments {
                        let predictive = m.predictive_entropy(exclusive);
                        let expected = m.expected_entropy();
                        for (kind, sink) in &mut sinks.maps {
                            let map = match kind {
                                UncertaintyKind::PredictiveEntropy => predictive.clone(),
                                UncertaintyKind::ExpectedEntropy => expected.to_vec(),
                                UncertaintyKind::MutualInformation => {
                                    predictive.iter().zip(expected).map(|(h, e)| (h - e).max(0.0)).collect()
                                }
                                _ => m.class_variance(),
                            };
                            sink.take(&self.mapper, range, area, &map, control)?;
                        }
                    }
                }
                Role::Values { .. } | Role::Score { .. } => {
                    for (sink, c) in sinks.values.iter_mut().zip(&channels) {
                        sink.take(&self.mapper, range, area, c, control)?;
                    }
                    let alone = predicted.filter(|_| moments.is_none() && values_field == Some(f));
                    for (c, sink) in sinks.std.iter_mut().enumerate() {
                        let std = match (&moments, alone) {
                            (Some(m), _) => m.standard_deviation(c),
                            (None, Some(v)) => {
                                let log = matches!(self.fields[v].role, Role::Variance { log: true, .. });
                                let own = self.slab.channels(v, hi);
                                own.first()
                                    .map(|x| x.iter().map(|x| variance(*x, log).sqrt()).collect())
                                    .unwrap_or_default()
                            }
                            (None, None) => continue,
                        };
                        sink.take(&self.mapper, range, area, &std, control)?;
                    }
                }
                Role::Variance { .. } | Role::Divergence { .. } | Role::Whole | Role::Features => {}
            }
        }
        if self.repeats == 1 {
            self.slab.advance(hi);
        } else {
            self.slab.reset(hi);
        }
        Ok(())
    }

    fn outcomes(self) -> Vec<Outcome> {
        let repeats = self.repeats;
        self.fields
            .into_iter()
            .zip(self.sinks)
            .map(|(field, s)| Outcome {
                field,
                labels: s.labels.map(|l| l.out),
                values: s.values.into_iter().map(ValueSink::completed).collect(),
                std: s.std.into_iter().map(|v| v.out).collect(),
                maps: s.maps.into_iter().map(|(kind, v)| (kind, v.out)).collect(),
                probabilities: s.probabilities.into_iter().map(|(label, _, b)| (label, b.out)).collect(),
                volumes_ml: if repeats > 1 {
                    s.volumes_ml.into_iter().map(|v| v.into_iter().collect()).collect()
                } else {
                    Vec::new()
                },
                whole: s
                    .whole
                    .into_iter()
                    .map(|(sums, n)| sums.iter().map(|x| (x / n.max(1.0)) as f32).collect())
                    .collect(),
            })
            .collect()
    }
}

impl Sinks {
    fn new(field: &Field, all: &[Field], work: &Work<'_>, repeats: usize) -> Self {
        let voxels = work.target.voxel_count();
        let values = |n: usize, real: [f64; 2]| (0..n).map(|_| ValueSink::new(voxels, real)).collect::<Vec<_>>();
        let mut sinks = Self { volumes_ml: vec![Default::default(); repeats], ..Self::default() };
        let several = repeats > 1;
        let mut classes = |decision: &Decision| {
            sinks.labels = Some(LabelSink::new(voxels, decision.clone()));
            if several {
                use UncertaintyKind as K;
                let kinds = [K::PredictiveEntropy, K::MutualInformation, K::ExpectedEntropy, K::Variance];
                sinks.maps = kinds.map(|k| (k, ValueSink::new(voxels, [1.0, 0.0]))).into();
            }
            let labelled: Vec<(u16, usize)> = match decision {
                Decision::Highest(labels) => {
                    labels.iter().enumerate().filter(|(_, l)| **l > 0).map(|(c, l)| (*l, c)).collect()
                }
                Decision::Regions(regions, _) => regions.iter().map(|r| (r.value, r.channel)).collect(),
                Decision::Nearest => Vec::new(),
            };
            if work.probabilities && labelled.len().saturating_mul(voxels) <= PROBABILITY_BYTES {
                sinks.probabilities = labelled.into_iter().map(|(l, c)| (l, c, ByteSink::new(voxels))).collect();
            }
        };
        match &field.role {
            Role::Classes { decision, .. } => classes(decision),
            Role::Votes { labels } => classes(&votes_decision(labels)),
            Role::Values { real } => {
                sinks.values = values(field.count(), *real);
                let predicted = all.iter().any(|f| matches!(f.role, Role::Variance { .. }));
                let own = first_values(all).and_then(|f| all.get(f)).is_some_and(|f| f.output == field.output);
                if several || predicted && own {
                    let n = if several { field.count() } else { 1 };
                    sinks.std = values(n, [real[0].abs(), 0.0]);
                }
            }
            Role::Score { .. } => {
                sinks.values = values(1, [1.0, 0.0]);
                if several {
                    sinks.std = values(1, [1.0, 0.0]);
                }
            }
            Role::Whole | Role::Features => sinks.whole = vec![(Vec::new(), 0.0); repeats],
            Role::Variance { .. } | Role::Divergence { .. } => {}
        }
        sinks
    }
}

fn first_values(fields: &[Field]) -> Option<usize> {
    fields.iter().position(|f| matches!(f.role, Role::Values { .. }))
}

fn votes_decision(labels: &[u16]) -> Decision {
    Decision::Highest(std::iter::once(0).chain(labels.iter().copied()).collect())
}

fn variance(x: f32, log: bool) -> f32 {
    if log { x.clamp(-60.0, 60.0).exp() } else { x.max(0.0) }
}

fn scale(logits: &mut [f32], temperature: f32) {
    if (temperature - 1.0).abs() > f32::EPSILON {
        logits.iter_mut().for_each(|x| *x /= temperature);
    }
}

fn selected<'a>(channels: &[&'a [f32]], wanted: Option<&[usize]>) -> Vec<&'a [f32]> {
    match wanted {
        Some(wanted) => wanted.iter().filter_map(|c| channels.get(*c).copied()).collect(),
        None => channels.to_vec(),
    }
}

fn activated(channels: &mut [&mut [f32]], activation: Activation) {
    let whole = Strides { batch: 0, channel: 0, space: [0; 3] };
    match activation {
        Activation::Softmax => softmax(channels),
        other => channels.iter_mut().for_each(|c| {
            let n = c.len();
            fields::activate(c, 1, whole, n, other);
        }),
    }
}

fn swap_channels(window: &mut [f32], strides: Strides, size: [usize; 3], a: usize, b: usize) {
    for z in 0..size[2] {
        for y in 0..size[1] {
            for x in 0..size[0] {
                let at = x * strides.space[0] + y * strides.space[1] + z * strides.space[2];
                window.swap(a * strides.channel + at, b * strides.channel + at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;
    use crate::inference::manifest::schema::PadMode;
    use crate::volume::{Provenance, Volume};

    /// Answers with the image, raised by the number of the sample and bent by the place within the window, so that
    /// windows that overlap differ.
    struct Bent;

    impl Core for Bent {
        fn call(
            &self,
            pass: &Pass,
            tensors: Vec<Tensor>,
            _: &[Window],
            _: &Control,
        ) -> Result<Vec<Tensor>, InferenceError> {
            let Tensor { shape, data, .. } = tensors.into_iter().next().unwrap();
            let bent = |(i, x): (usize, f32)| x + pass.sample as f32 * 0.5 + (i % 13) as f32 * 0.1;
            let data = data.into_iter().enumerate().map(bent).collect();
            Ok(vec![Tensor { name: "out".into(), shape, data }])
        }

        fn fixed_batch(&self) -> Option<usize> {
            None
        }
    }

    const MANIFEST: &str = r#"
schema = 1
name = "bent"
version = "1.0.0"
title = "Bent"
task = "segmentation"
status = "demonstration"
intended_use = "Tests"
license = "MIT"
files.network = { path = "m.onnx", sha256 = "0000000000000000000000000000000000000000000000000000000000000000" }
[[inputs]]
name = "image"
tensor = "image"
[inferer]
kind = "sliding_window"
patch = [6, 5, 4]
overlap = 0.5
blend = "gaussian"
[[outputs]]
name = "grey"
tensor = "out"
kind = "image"
[[outputs]]
name = "thing"
tensor = "out"
kind = "probabilities"
labels = [{ value = 3, name = "Thing" }]
"#;

    #[test]
    fn blocks_and_a_running_slab_give_what_one_block_gives() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("manifest.toml"), MANIFEST).unwrap();
        let model = Model::open(folder.path()).unwrap();
        assert_eq!(model.manifest.inferer.pad_mode, PadMode::Constant);
        let m = glam::DMat4::from_scale(glam::DVec3::new(-1.3, -1.0, 2.0));
        let geometry = Geometry::new([23, 9, 11], m).unwrap();
        let data: Vec<f32> = (0..geometry.voxel_count()).map(|i| (i % 17) as f32 * 0.07).collect();
        let volume = Volume::new("v", data.into(), geometry, Provenance::acquired(vec![])).unwrap();
        let volume = std::sync::Arc::new(volume);
        let control = Control::new();
        let go = |repeats: usize, block_bytes: usize| {
            let prepared = crate::inference::prepare::prepare(&model, &[Some(volume.clone())], None, &control).unwrap();
            let size = prepared.grid.padded.size();
            let applied: Vec<_> = prepared.inputs.iter().map(|c| (c.name.clone(), c.applied)).collect();
            let channels = prepared.inputs.into_iter().map(|c| c.values).collect();
            let cutter = Cutter::new(&model.manifest, channels, size);
            let passes: Vec<Pass> = (0..repeats).map(|sample| Pass { member: 0, augmentation: None, sample }).collect();
            let work = Work {
                model: &model,
                core: &Bent,
                cutter: &cutter,
                grid: &prepared.grid,
                target: &volume.geometry,
                applied: &applied,
                passes: &passes,
                snapped: None,
                probabilities: true,
                block_bytes,
                within: None,
                control: &control,
            };
            run(&work, "").unwrap().outcomes
        };
        let (whole, blocks) = (go(3, BLOCK_BYTES), go(3, 1));
        assert_eq!(whole[0].values, blocks[0].values);
        assert_eq!(whole[0].std, blocks[0].std);
        assert_eq!(whole[1].labels, blocks[1].labels);
        assert_eq!(whole[1].maps, blocks[1].maps);
        assert_eq!(whole[1].probabilities, blocks[1].probabilities);
        for (a, b) in whole[1].volumes_ml.iter().zip(&blocks[1].volumes_ml) {
            assert!(a.iter().zip(b).all(|(a, b)| a.0 == b.0 && (a.1 - b.1).abs() < 1e-9), "{a:?} {b:?}");
        }
        // Three samples raise the first by 0, 0.5 and 1.
        let once = go(1, BLOCK_BYTES);
        for (one, mean) in once[0].values[0].iter().zip(&whole[0].values[0]) {
            assert!((one + 0.5 - mean).abs() < 1e-5, "{one} {mean}");
        }
        assert!(whole[0].std[0].iter().all(|s| (s - 0.5).abs() < 1e-4));
        assert!(once[0].std.is_empty() && once[1].maps.is_empty());
    }
}
