//! What becomes of a window's tensors before they are added to the slab.

use super::state::State;
use super::{Pass, Work};
use crate::inference::cutter::{Window, apply};
use crate::inference::errors::InferenceError;
use crate::inference::fields::{Field, Reading, Role, activate, divergence, votes};
use crate::inference::layout::{Box3, Strides, copy};
use crate::inference::manifest::schema::{Activation, OutputSpec};
use crate::inference::session::Tensor;
use crate::inference::slab::Part;

/// One field's values for a whole batch, as they are added.
struct Buffer {
    data: Vec<f32>,
    strides: Strides,
    /// Which of its channels are added, in the field's order.
    channels: Vec<usize>,
    /// A softmax is yet to be taken.
    softmax: bool,
}

impl State<'_> {
    /// Adds the outputs of a batch of windows of the padded grid, for the pass with this number.
    pub fn add(
        &mut self,
        mut tensors: Vec<Tensor>,
        windows: &[Window],
        pass: &Pass,
        number: usize,
    ) -> Result<(), InferenceError> {
        let windows: Vec<Window> = windows.iter().map(|w| self.scale.window(w)).collect();
        let Some(first) = windows.first() else { return Ok(()) };
        let layout = self.work.cutter.layout(first.plane);
        let order = layout.order();
        let reading = Reading { layout, window: first.size, ..self.reading };
        let n: usize = first.size.iter().product();
        let packed = Strides { batch: 0, channel: n, space: order.strides(first.size) };
        let nothing = || Buffer { data: Vec::new(), strides: packed, channels: Vec::new(), softmax: false };
        let mut buffers: Vec<Buffer> = Vec::new();
        for (f, field) in self.fields.iter().enumerate() {
            let Some(tensor) = tensors.get(field.tensor) else { continue };
            let spec = &self.work.model.manifest.outputs[field.output];
            buffers.push(match &field.role {
                Role::Score { .. } => nothing(),
                Role::Whole => {
                    add_whole(&mut self.sinks[f].whole[number], tensor, field, spec, windows.len());
                    nothing()
                }
                Role::Features => {
                    add_features(&mut self.sinks[f].whole[number], tensor, field, windows.len());
                    nothing()
                }
                Role::Divergence { log_variance } => {
                    let counted = spec.channels.as_deref();
                    let data = self.lifted_divergence(tensor, &tensors[*log_variance], counted, &windows, &reading)?;
                    Buffer { data, strides: Strides { batch: n, ..packed }, channels: vec![0], softmax: false }
                }
                _ => {
                    // The last field that needs a tensor takes it: a copy of many classes costs as much as adding them.
                    let needed = self.fields.iter().skip(f + 1).any(|other| other.needs(field.tensor));
                    let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
                    let data =
                        if needed { tensor.data.clone() } else { std::mem::take(&mut tensors[field.tensor].data) };
                    let taken = Tensor { name, shape, data };
                    let row_by_row = |strides| self.slab.takes_rows(order, strides);
                    activated(self.work, field, spec, taken, &windows, pass, &reading, &row_by_row)?
                }
            });
        }
        for (b, window) in windows.iter().enumerate() {
            let parts: Vec<Part<'_>> = buffers
                .iter()
                .map(|buffer| Part {
                    data: buffer.data.get(b * buffer.strides.batch..).unwrap_or(&[]),
                    channels: &buffer.channels,
                    strides: buffer.strides,
                    softmax: buffer.softmax,
                })
                .collect();
            self.slab.add(window, &self.weights[window.plane], order, &parts);
        }
        Ok(())
    }

    /// The latent divergence of each window, spread over its voxels: `[window][voxel]` in the layout's order.
    fn lifted_divergence(
        &self,
        mean: &Tensor,
        log_variance: &Tensor,
        counted: Option<&[usize]>,
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
            let map = divergence(mu, v, channels, counted);
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
}

/// Numbers for whole windows, added to their sums.
fn add_whole(sums: &mut (Vec<f64>, f64), tensor: &Tensor, field: &Field, spec: &OutputSpec, windows: usize) {
    let per = tensor.data.len() / tensor.shape.first().copied().unwrap_or(1).max(1);
    let mut values = tensor.data.get(..per * windows).unwrap_or(&[]).to_vec();
    for row in values.chunks_mut(per.max(1)) {
        let strides = Strides { batch: 0, channel: 1, space: [0; 3] };
        cooled(row, field.temperature);
        activate(row, per, strides, 1, spec.activation);
        sums.0.resize(field.channels.len(), 0.0);
        for (s, c) in sums.0.iter_mut().zip(&field.channels) {
            *s += row.get(*c).copied().map_or(0.0, f64::from);
        }
        sums.1 += 1.0;
    }
}

/// The mean of each feature over its window, added to their sums.
fn add_features(sums: &mut (Vec<f64>, f64), tensor: &Tensor, field: &Field, windows: usize) {
    let count = tensor.shape.get(1).copied().unwrap_or(1).max(1);
    let batch = tensor.shape.first().copied().unwrap_or(1).max(1);
    let inner = (tensor.data.len() / batch / count).max(1);
    for row in tensor.data.chunks(count * inner).take(windows) {
        sums.0.resize(field.channels.len(), 0.0);
        for (s, c) in sums.0.iter_mut().zip(&field.channels) {
            let values = row.get(c * inner..(c + 1) * inner).unwrap_or(&[]);
            *s += values.iter().copied().map(f64::from).sum::<f64>() / inner as f64;
        }
        sums.1 += 1.0;
    }
}

/// A tensor with its augmentation undone and its activation applied; labels as votes. A softmax over rows is left to the
/// adding, which has them in the cache.
#[expect(clippy::too_many_arguments, reason = "one place calls it")]
fn activated(
    work: &Work<'_>,
    field: &Field,
    spec: &OutputSpec,
    tensor: Tensor,
    windows: &[Window],
    pass: &Pass,
    reading: &Reading<'_>,
    row_by_row: &dyn Fn(Strides) -> bool,
) -> Result<Buffer, InferenceError> {
    let size = reading.window;
    let n: usize = size.iter().product();
    let order = reading.layout.order();
    let layout = reading.layout_of(&tensor).filter(|l| l.size_in(&tensor.shape) == size).ok_or_else(|| {
        let found = format!("{:?}", tensor.shape);
        reading.mismatch(format!("`{}` as large as the window {size:?}", tensor.name), found)
    })?;
    let strides = layout.strides(&tensor.shape);
    let count = layout.position('C').and_then(|c| tensor.shape.get(c).copied()).unwrap_or(1);
    let is_classes = matches!(field.role, Role::Classes { .. }) && field.channels.len() == count;
    let later = field.activate_windows && spec.activation == Activation::Softmax && is_classes && row_by_row(strides);
    let mut data = tensor.data;
    for b in 0..windows.len() {
        let window = &mut data[b * strides.batch..];
        let end = if strides.batch > 0 { strides.batch } else { window.len() };
        let window = &mut window[..end];
        if let Some(a) = work.augmentation(pass) {
            for c in 0..count {
                apply(a, &mut window[c * strides.channel..], strides.space, size, true);
            }
            for [a, b] in pass.augmentation.and_then(|t| field.swaps.get(t)).into_iter().flatten() {
                swap_channels(window, strides, size, *a, *b);
            }
        }
        cooled(window, field.temperature);
        if field.activate_windows && !later {
            activate(window, count, strides, n, spec.activation);
        }
    }
    let Role::Votes { labels } = &field.role else {
        return Ok(Buffer { data, strides, channels: field.channels.clone(), softmax: later });
    };
    let packed = Strides { batch: n * (labels.len() + 1), channel: n, space: order.strides(size) };
    let mut all = Vec::with_capacity(windows.len() * packed.batch);
    for b in 0..windows.len() {
        let mut own = vec![0.0; n];
        let to = Box3 { start: [0; 3], strides: packed.space.map(|s| s as isize) };
        let from = Box3 { start: [0; 3], strides: strides.space.map(|s| s as isize) };
        copy(&mut own, to, &data[b * strides.batch..], from, size, order);
        all.extend(votes(&own, labels));
    }
    Ok(Buffer { data: all, strides: packed, channels: (0..=labels.len()).collect(), softmax: false })
}

/// Logits divided by the calibrated temperature.
fn cooled(logits: &mut [f32], temperature: f32) {
    if (temperature - 1.0).abs() > f32::EPSILON {
        logits.iter_mut().for_each(|x| *x /= temperature);
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
