//! What is accumulated over windows and repeats, and how finished planes leave.

use super::scale::Scale;
use super::sinks::{Sinks, first_values, votes_decision};
use super::{Outcome, Plan, Work, window_sizes};
use crate::inference::cutter::Window;
use crate::inference::errors::InferenceError;
use crate::inference::fields::{self, Field, Reading, Role, softmax};
use crate::inference::layout::Strides;
use crate::inference::manifest::schema::Activation;
use crate::inference::result::UncertaintyKind;
use crate::inference::session::Tensor;
use crate::inference::sink::{Mapper, ValueSink};
use crate::inference::slab::Slab;
use crate::inference::uncertainty::Moments;
use crate::inference::windows;
use crate::volume::Geometry;

/// Sums, statistics and results of a run.
pub(super) struct State<'a> {
    pub work: &'a Work<'a>,
    pub reading: Reading<'a>,
    pub fields: Vec<Field>,
    pub scale: Scale,
    pub slab: Slab,
    pub mapper: Mapper,
    /// The grid of the results.
    pub target: Geometry,
    /// Of the answer's voxels, one list a plane of the manifest.
    pub weights: Vec<Vec<f32>>,
    moments: Vec<Option<Moments>>,
    scores: Vec<Vec<f32>>,
    pub sinks: Vec<Sinks>,
    repeats: usize,
}

impl<'a> State<'a> {
    /// For what the first batch gave, which may be of any plane where only some windows are run; `windows` are all.
    ///
    /// # Errors
    /// Tensors that do not fit the manifest.
    pub fn new(
        work: &'a Work<'a>,
        plan: &Plan,
        tensors: &[Tensor],
        [batch, windows]: [&[Window]; 2],
    ) -> Result<Self, InferenceError> {
        let m = &work.model.manifest;
        let repeats = work.passes.len();
        let (given, plane) = batch.first().map_or(([1; 3], 0), |w| (w.size, w.plane));
        let several = windows.len() > 1 || repeats > 1;
        let layout = work.cutter.layout(plane);
        let scale = Scale::of_answer(m, layout, tensors, given);
        let reading = Reading { model: work.model, layout, window: scale.all(given), several, applied: work.applied };
        let fields = reading.fields(tensors)?;
        if !scale.is_one() && fields.iter().any(|f| matches!(f.role, Role::Score { .. })) {
            let found = format!("{:?} for a window of {given:?}", scale.all(given));
            return Err(reading.mismatch("answers as large as the input, for an anomaly score".into(), found));
        }
        let counts: Vec<usize> = fields.iter().map(Field::count).collect();
        let planes = plan.planes(windows, scale);
        let slab = Slab::new(scale.all(plan.size), plan.axis, work.cutter.order(), planes, &counts);
        let (grid, target) = scale.grids(work.grid, work.target)?;
        let mapper = Mapper::new(&grid, &target, slab.order(), work.snapped, scale.margin());
        let sinks = fields.iter().map(|f| Sinks::new(f, &fields, work, target.voxel_count())).collect();
        let weights = window_sizes(m, work.cutter).into_iter().enumerate().map(|(plane, size)| {
            let order = work.cutter.layout(plane).order();
            let [a, b, c] = order.0;
            scale.weights(&windows::weights([size[a], size[b], size[c]], &m.inferer), size, order)
        });
        Ok(Self {
            moments: fields.iter().map(|_| None).collect(),
            scores: vec![Vec::new(); fields.len()],
            weights: weights.collect(),
            work,
            reading,
            fields,
            scale,
            slab,
            mapper,
            target,
            sinks,
            repeats,
        })
    }

    /// The planes of the answer's grid for those of the padded grid.
    fn planes(&self, range: [usize; 2]) -> [usize; 2] {
        range.map(|plane| self.scale.at(self.slab.order().0[0], plane))
    }

    /// The planes `range` are finished for this pass.
    pub fn finish_pass(&mut self, range: [usize; 2], pass: usize) -> Result<(), InferenceError> {
        self.work.control.checkpoint()?;
        let [lo, hi] = self.planes(range);
        if lo == hi {
            // Of a coarser answer no plane may be finished yet; what further windows add comes with the next block.
            if self.repeats > 1 {
                self.slab.reset(lo);
            }
            return Ok(());
        }
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

    /// The planes `range` are finished: they go onto the input's grid.
    pub fn finish_block(&mut self, range: [usize; 2]) -> Result<(), InferenceError> {
        let range = self.planes(range);
        let hi = range[1];
        if range[0] == hi {
            return Ok(());
        }
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

    /// What came of each field.
    pub fn outcomes(self) -> Vec<Outcome> {
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

fn variance(x: f32, log: bool) -> f32 {
    if log { x.clamp(-60.0, 60.0).exp() } else { x.max(0.0) }
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
