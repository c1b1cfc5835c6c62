//! Tensors to volumes and labels on the first input's own grid.

use std::sync::Arc;

use super::components::{clean_labels, median};
use super::engine::{Output, OutputContent};
use super::errors::InferenceError;
use super::grid::ModelGrid;
use super::inverse::{Decision, Inverse};
use super::layout::Layout;
use super::manifest::schema::{Activation, LabelSpec, OutputKind, OutputSpec, Postprocess, Region, ValueRule};
use super::manifest::{Model, parse_color};
use super::normalize::Applied;
use super::session::Tensor;
use crate::jobs::Control;
use crate::volume::labelmap::distinct_color;
use crate::volume::{Label, Labelmap, Provenance, Unit, Volume, Voxels};

/// All that the way back needs besides the tensor.
pub(crate) struct Context<'a> {
    pub model: &'a Model,
    pub first: &'a Volume,
    pub grid: &'a ModelGrid,
    pub applied: &'a [(String, Applied)],
    pub provenance: &'a Provenance,
    pub control: &'a Control,
}

/// Whether a run returns this output; the others serve uncertainty and guards.
pub(crate) fn is_shown(kind: OutputKind) -> bool {
    use OutputKind as K;
    matches!(kind, K::Image | K::Logits | K::Probabilities | K::Labels | K::Reconstruction)
}

impl Context<'_> {
    /// One output of the manifest; images with several channels become one output each.
    ///
    /// # Errors
    /// When the tensor does not fit the manifest; [`InferenceError::Cancelled`].
    pub fn output(
        &self,
        spec: &OutputSpec,
        tensor: &Tensor,
        notes: &mut Vec<String>,
    ) -> Result<Vec<Output>, InferenceError> {
        let channels = self.channels(spec, tensor)?;
        let steps = self.first.size()[2] as u64;
        self.control.stage(format!("Bringing {} back onto the image", spec.name), steps);
        if spec.labels.is_empty() {
            let several = channels.len() > 1;
            return channels
                .into_iter()
                .enumerate()
                .map(|(n, channel)| {
                    let name = if several { format!("{}_{n}", spec.name) } else { spec.name.clone() };
                    self.image(spec, name, channel, notes)
                })
                .collect();
        }
        Ok(vec![self.labels(spec, channels)?])
    }

    fn mismatch(&self, expected: String, found: String) -> InferenceError {
        let file = self.model.manifest.files.0.get("network").map(|f| self.model.folder.join(&f.path));
        InferenceError::Mismatch { path: file.unwrap_or_default(), expected, found }
    }

    /// The output's channels on the padded grid, activated.
    fn channels(&self, spec: &OutputSpec, tensor: &Tensor) -> Result<Vec<Vec<f32>>, InferenceError> {
        let word = &self.model.manifest.inferer.layout;
        let mut layout = Layout::new(word);
        if tensor.shape.len() + 1 == layout.rank() {
            layout = layout.without_channel();
        }
        let size = self.grid.padded.size();
        let count = layout.position('C').and_then(|c| tensor.shape.get(c).copied()).unwrap_or(1);
        if tensor.shape != layout.shape(count, size) {
            return Err(self.mismatch(
                format!(
                    "`{}` of shape {:?} (layout {word}, as large as the input)",
                    spec.tensor,
                    layout.shape(count, size)
                ),
                format!("{:?}", tensor.shape),
            ));
        }
        if let Some(beyond) = spec.channels.iter().flatten().find(|c| **c >= count) {
            return Err(self.mismatch(
                format!("channel {beyond} in `{}` (outputs.{}.channels)", spec.tensor, spec.name),
                format!("{count} channels"),
            ));
        }
        // A softmax is over all channels, also those that are not shown.
        let mut all: Vec<Vec<f32>> = (0..count).map(|c| layout.unpack(&tensor.data, &tensor.shape, c, size)).collect();
        activate(&mut all, spec.activation);
        Ok(match &spec.channels {
            Some(wanted) => wanted.iter().filter_map(|c| all.get(*c).cloned()).collect(),
            None => all,
        })
    }

    fn inverse(&self, channels: Vec<Vec<f32>>) -> Inverse<'_> {
        Inverse { channels, grid: &self.grid.padded, target: &self.first.geometry, bounds: self.grid.bounds }
    }

    fn labels(&self, spec: &OutputSpec, channels: Vec<Vec<f32>>) -> Result<Output, InferenceError> {
        let p = &self.model.manifest.postprocess;
        let numbers = spec.channels.clone().unwrap_or_else(|| (0..channels.len()).collect());
        let decision = decision(spec, p, &numbers).map_err(|(e, f)| self.mismatch(e, f))?;
        let mut voxels = self.inverse(channels).labels(&decision, self.control)?;
        self.control.stage(format!("Cleaning {}", spec.name), 0);
        let g = &self.first.geometry;
        let voxel_ml = g.voxel_to_patient().determinant().abs() / 1000.0;
        clean_labels(&mut voxels, g.size(), voxel_ml, p, self.control)?;
        let mut labelmap = Labelmap {
            voxels: Arc::new(voxels),
            geometry: g.clone(),
            space: self.first.space.clone(),
            labels: spec.labels.iter().map(label).collect(),
            provenance: self.provenance.clone(),
            name: spec.name.clone(),
        };
        labelmap.complete_table();
        Ok(Output::new(&spec.name, spec.kind.name(), OutputContent::Labels(Arc::new(labelmap))))
    }

    fn image(
        &self,
        spec: &OutputSpec,
        name: String,
        mut channel: Vec<f32>,
        notes: &mut Vec<String>,
    ) -> Result<Output, InferenceError> {
        let [scale, offset] = self.real_values(spec)?;
        for x in &mut channel {
            *x = (f64::from(*x) * scale + offset) as f32;
        }
        let lowest = channel.iter().copied().fold(f32::INFINITY, f32::min);
        let inverse = self.inverse(vec![channel]);
        if !inverse.covers() || self.grid.bounds.is_some() {
            notes.push(format!(
                "Parts of the image lie outside what the model saw; `{name}` holds its lowest value there"
            ));
        }
        let mut values = inverse.values(lowest, self.control)?;
        let width = self.model.manifest.postprocess.median;
        if width > 1 {
            values = median(&values, self.first.size(), width, self.control)?;
        }
        let volume = Volume {
            voxels: Voxels::from(values),
            rescale: crate::volume::Rescale::IDENTITY,
            padding: None,
            modality: spec.modality.clone().unwrap_or_else(|| self.first.modality.clone()),
            unit: unit(spec.unit.as_deref()),
            display: crate::volume::DisplayHints::default(),
            provenance: self.provenance.clone(),
            name: name.clone(),
            ..self.first.clone()
        };
        let content = OutputContent::Image(Arc::new(volume));
        Ok(Output::new(name, spec.kind.name(), content))
    }

    /// Factor and offset from the network's numbers to real values.
    fn real_values(&self, spec: &OutputSpec) -> Result<[f64; 2], InferenceError> {
        let of = |input: &str| self.applied.iter().find(|(name, _)| name == input).map(|(_, a)| *a);
        let lacking = |input: &str, what: &str| {
            self.mismatch(
                format!("the normalisation of `{input}` to have {what} (outputs.{}.value)", spec.name),
                "none in preprocess.normalize".to_owned(),
            )
        };
        match &spec.value {
            None | Some(ValueRule::None) => Ok([1.0, 0.0]),
            Some(ValueRule::Affine { scale, offset }) => Ok([*scale, *offset]),
            Some(ValueRule::ZscoreOf { input }) => {
                let [mean, std] = of(input).and_then(|a| a.zscore).ok_or_else(|| lacking(input, "a z-score"))?;
                Ok([std, mean])
            }
            Some(ValueRule::UnitOf { input }) => {
                let [from, to] = of(input).and_then(|a| a.range).ok_or_else(|| lacking(input, "a range scaling"))?;
                let scale = (from[1] - from[0]) / (to[1] - to[0]);
                Ok([scale, from[0] - to[0] * scale])
            }
        }
    }
}

/// How an output's channels become labels; the error is (expected, found). `numbers` are the channels' places in the
/// tensor: for classes that exclude each other they are the labels, and 0 is background.
fn decision(spec: &OutputSpec, p: &Postprocess, numbers: &[usize]) -> Result<Decision, (String, String)> {
    if spec.kind == OutputKind::Labels {
        return Ok(Decision::Nearest);
    }
    let found = || format!("channels {numbers:?}");
    if !p.regions.is_empty() {
        let regions = p.regions.iter().map(|r| {
            let channel = numbers.iter().position(|n| *n == r.channel);
            let expected = || format!("channel {} (postprocess.regions)", r.channel);
            channel.map(|channel| Region { channel, value: r.value }).ok_or_else(|| (expected(), found()))
        });
        return Ok(Decision::Regions(regions.collect::<Result<_, _>>()?, p.threshold));
    }
    if numbers.len() > 1 && spec.activation != Activation::Sigmoid {
        if let Some(label) = spec.labels.iter().find(|l| !numbers.contains(&usize::from(l.value))) {
            let expected = format!("a channel for label {} (outputs.{}.labels)", label.value, spec.name);
            return Err((expected, format!("{}, of which 0 is background", found())));
        }
        return Ok(Decision::Highest(numbers.iter().map(|n| u16::try_from(*n).unwrap_or(u16::MAX)).collect()));
    }
    if spec.labels.len() != numbers.len() {
        let expected = format!("a channel for each of {} labels (outputs.{}.labels)", spec.labels.len(), spec.name);
        return Err((expected, found()));
    }
    let regions = spec.labels.iter().enumerate().map(|(channel, l)| Region { channel, value: l.value }).collect();
    Ok(Decision::Regions(regions, p.threshold))
}

fn label(spec: &LabelSpec) -> Label {
    let color = spec.color.as_deref().and_then(parse_color).unwrap_or_else(|| distinct_color(spec.value));
    Label { code: spec.scheme.clone().zip(spec.code.clone()), ..Label::new(spec.value, spec.name.clone(), color) }
}

fn unit(name: Option<&str>) -> Unit {
    match name {
        None | Some("" | "arbitrary") => Unit::Arbitrary,
        Some("HU") => Unit::Hounsfield,
        Some("SUV") => Unit::Suv,
        Some("Bq/ml") => Unit::BqPerMl,
        Some(other) => Unit::Named(other.to_owned()),
    }
}

fn activate(channels: &mut [Vec<f32>], activation: Activation) {
    match activation {
        Activation::None => {}
        Activation::Sigmoid => channels.iter_mut().flatten().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
        Activation::Tanh => channels.iter_mut().flatten().for_each(|x| *x = x.tanh()),
        Activation::Softmax => {
            let n = channels.first().map_or(0, Vec::len);
            for i in 0..n {
                let highest = channels.iter().map(|c| c[i]).fold(f32::NEG_INFINITY, f32::max);
                let mut sum = 0.0;
                for c in channels.iter_mut() {
                    c[i] = (c[i] - highest).exp();
                    sum += c[i];
                }
                for c in channels.iter_mut() {
                    c[i] /= sum;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: scipy.special.softmax([1, 2, 3]) and expit(0.5).
    #[test]
    fn activations_equal_scipys() {
        let mut c = vec![vec![1.0], vec![2.0], vec![3.0]];
        activate(&mut c, Activation::Softmax);
        for (a, e) in c.iter().zip([0.090_030_57, 0.244_728_47, 0.665_240_96]) {
            assert!((a[0] - e).abs() < 1e-6);
        }
        let mut c = vec![vec![0.5]];
        activate(&mut c, Activation::Sigmoid);
        assert!((c[0][0] - 0.622_459_35).abs() < 1e-6);
    }
}
