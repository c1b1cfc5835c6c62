//! What becomes of each output of the manifest: [`Field`], found out when the first window has come back.

use super::errors::InferenceError;
use super::layout::{Layout, Strides};
use super::manifest::schema::{
    Activation, AnomalyScore, Mean, OutputKind, OutputSpec, Postprocess, Region, Task, ValueRule,
};
use super::manifest::{Manifest, Model};
use super::normalize::Applied;
use super::session::Tensor;
use super::sink::Decision;

/// What a field's numbers are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Role {
    /// Classes: how they become labels, and whether they exclude each other.
    Classes { decision: Decision, exclusive: bool },
    /// Labels that the network decided itself; several windows vote by one channel a label.
    Votes { labels: Vec<u16> },
    /// Grey values; factor and offset to real ones.
    Values { real: [f64; 2] },
    /// The variance that the network predicts for the first field of values; factor to real units.
    Variance { log: bool, scale: f64 },
    /// Divergence of the latent distribution, from the tensor of means and that of log variances.
    Divergence { log_variance: usize },
    /// How strange a voxel is; not from a tensor but from other fields, by their places in the list.
    Score { kind: AnomalyScore, reconstruction: Option<usize>, divergence: Option<usize>, gradient: Option<usize> },
    /// Numbers for the whole window: averaged over windows.
    Whole,
    /// What the guard or an audit looks at: the mean of each channel over the window, averaged over windows.
    Features,
}

/// One output on its way: which tensor, which channels, and what they are.
#[derive(Debug, Clone)]
pub(crate) struct Field {
    /// Its place in the manifest's outputs.
    pub output: usize,
    /// Its tensor's place among the wanted ones.
    pub tensor: usize,
    /// Channels of the tensor that are kept.
    pub channels: Vec<usize>,
    /// What its numbers are.
    pub role: Role,
    /// Applied to each window (true), or after everything was averaged.
    pub activate_windows: bool,
    /// Logits are divided by it before they are activated (Guo 2017); 1 where nothing was calibrated.
    pub temperature: f32,
    /// Pairs of channels that change places under a flip, one list an augmentation.
    pub swaps: Vec<Vec<[usize; 2]>>,
}

impl Field {
    /// Whether it is made of a tensor.
    pub fn needs(&self, tensor: usize) -> bool {
        match self.role {
            Role::Score { .. } => false,
            Role::Divergence { log_variance } => self.tensor == tensor || log_variance == tensor,
            _ => self.tensor == tensor,
        }
    }

    /// How many channels are accumulated.
    pub fn count(&self) -> usize {
        match &self.role {
            Role::Votes { labels } => labels.len() + 1,
            Role::Divergence { .. } => 1,
            Role::Score { .. } | Role::Whole | Role::Features => 0,
            _ => self.channels.len(),
        }
    }
}

/// The tensors that a run needs, each once, in the order of the manifest.
pub(crate) fn wanted(model: &Model) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for output in model.manifest.outputs.iter().filter(|o| is_run(&model.manifest, o)) {
        if !names.contains(&output.tensor) {
            names.push(output.tensor.clone());
        }
    }
    names
}

/// Whether a run needs this output; features serve the guard alone, but for an encoder, which has nothing else.
pub(crate) fn is_run(m: &Manifest, spec: &OutputSpec) -> bool {
    let guarded = m.guard.as_ref().and_then(|g| g.embedding.as_ref());
    let is_features = |o: &OutputSpec| o.kind == OutputKind::Features;
    !is_features(spec) || guarded.is_some_and(|e| e.tensor == spec.tensor) || m.outputs.iter().all(is_features)
}

/// Whether an output's tensor is meant to have a number for each voxel.
pub(crate) fn is_dense(spec: &OutputSpec) -> bool {
    !matches!(spec.kind, OutputKind::MeanLatent | OutputKind::LogvarLatent | OutputKind::Features)
}

/// Everything that decides how outputs are read.
pub(crate) struct Reading<'a> {
    pub model: &'a Model,
    pub layout: &'a Layout,
    /// The size of a window's answer.
    pub window: [usize; 3],
    /// Whether more than one window or repeat is averaged.
    pub several: bool,
    /// What the normalisation of each input did, by name.
    pub applied: &'a [(String, Applied)],
}

impl Reading<'_> {
    /// Fields for the tensors of the first window.
    ///
    /// # Errors
    /// When a tensor does not fit the manifest.
    pub fn fields(&self, tensors: &[Tensor]) -> Result<Vec<Field>, InferenceError> {
        let m = &self.model.manifest;
        let mut fields = Vec::new();
        for (n, spec) in m.outputs.iter().enumerate().filter(|(_, o)| is_run(m, o)) {
            let Some(tensor) = tensors.iter().position(|t| t.name == spec.tensor) else { continue };
            fields.extend(self.field(n, spec, tensor, tensors)?);
        }
        if m.task == Task::Anomaly
            && let Some(a) = &m.anomaly
        {
            fields.push(self.score(a.score, &fields)?);
        }
        Ok(fields)
    }

    /// The anomaly score out of the other fields.
    fn score(&self, kind: AnomalyScore, fields: &[Field]) -> Result<Field, InferenceError> {
        let outputs = &self.model.manifest.outputs;
        let of_kind = |kind: OutputKind| {
            let found = |f: &Field| outputs[f.output].kind == kind && matches!(f.role, Role::Values { .. });
            fields.iter().position(found)
        };
        let reconstruction = of_kind(OutputKind::Reconstruction);
        let gradient = of_kind(OutputKind::Image);
        let divergence = fields.iter().position(|f| matches!(f.role, Role::Divergence { .. }));
        let (needed, there) = match kind {
            AnomalyScore::Residual | AnomalyScore::Squared | AnomalyScore::Restoration => {
                ("an output of kind `reconstruction`", reconstruction.is_some())
            }
            AnomalyScore::Kl => ("outputs of kind `mean_latent` and `logvar_latent`", divergence.is_some()),
            AnomalyScore::LatentGradient => ("an output of kind `image` with the gradient", gradient.is_some()),
            AnomalyScore::Combined => (
                "outputs of kind `reconstruction` and of `image` (the gradient) or `mean_latent`, `logvar_latent`",
                reconstruction.is_some() && (gradient.is_some() || divergence.is_some()),
            ),
        };
        if !there {
            return Err(self.mismatch(format!("{needed} (anomaly.score)"), "none in [[outputs]]".into()));
        }
        Ok(Field {
            output: reconstruction.or(gradient).or(divergence).and_then(|n| fields.get(n)).map_or(0, |f| f.output),
            tensor: 0,
            channels: Vec::new(),
            role: Role::Score { kind, reconstruction, divergence, gradient },
            activate_windows: true,
            temperature: 1.0,
            swaps: Vec::new(),
        })
    }

    fn field(
        &self,
        output: usize,
        spec: &OutputSpec,
        tensor: usize,
        tensors: &[Tensor],
    ) -> Result<Option<Field>, InferenceError> {
        use OutputKind as K;
        let m = &self.model.manifest;
        let given = &tensors[tensor];
        if spec.kind == K::Features {
            let count = given.shape.get(1).copied().unwrap_or(1);
            let channels = spec.channels.clone().unwrap_or_else(|| (0..count).collect());
            return Ok(Some(Field {
                output,
                tensor,
                channels,
                role: Role::Features,
                activate_windows: true,
                temperature: 1.0,
                swaps: Vec::new(),
            }));
        }
        let layout = self.layout_of(given);
        let count = layout.as_ref().map_or_else(
            || given.shape.last().copied().unwrap_or(1),
            |l| l.position('C').and_then(|c| given.shape.get(c).copied()).unwrap_or(1),
        );
        if let Some(beyond) = spec.channels.iter().flatten().find(|c| **c >= count) {
            return Err(self.mismatch(
                format!("channel {beyond} in `{}` (outputs.{}.channels)", spec.tensor, spec.name),
                format!("{count} channels"),
            ));
        }
        let all: Vec<usize> = (0..count).collect();
        let numbers = spec.channels.clone().unwrap_or_else(|| all.clone());
        let is_latent = matches!(spec.kind, K::MeanLatent | K::LogvarLatent);
        let mut field = Field {
            output,
            tensor,
            channels: numbers.clone(),
            role: Role::Whole,
            activate_windows: true,
            temperature: temperature(m, spec),
            swaps: vec![Vec::new(); m.uncertainty.tta.len()],
        };
        if is_latent {
            let pair = m.outputs.iter().find(|o| o.kind == K::LogvarLatent).map(|o| &o.tensor);
            let pair = pair.and_then(|name| tensors.iter().position(|t| t.name == *name));
            let (K::MeanLatent, Some(log_variance)) = (spec.kind, pair) else { return Ok(None) };
            if tensors[log_variance].shape != given.shape {
                return Err(self.mismatch(
                    format!("`{}` as large as `{}`", tensors[log_variance].name, given.name),
                    format!("{:?} and {:?}", tensors[log_variance].shape, given.shape),
                ));
            }
            field.role = Role::Divergence { log_variance };
            return Ok(Some(field));
        }
        let Some(layout) = layout else {
            if given.shape.len() <= 2 {
                label_channels(spec, &numbers).map_err(|(e, f)| self.mismatch(e, f))?;
                return Ok(Some(field));
            }
            let word = &m.inferer.layout;
            return Err(self.mismatch(
                format!(
                    "`{}` of shape {:?} (layout {word}, as large as the input), or larger or smaller by a whole factor",
                    spec.tensor,
                    self.layout.shape(1, count, self.window)
                ),
                format!("{:?}", given.shape),
            ));
        };
        if layout.size_in(&given.shape) == [1; 3] && self.window != [1; 3] {
            label_channels(spec, &numbers).map_err(|(e, f)| self.mismatch(e, f))?;
            return Ok(Some(field));
        }
        field.role = match spec.kind {
            K::Labels if self.several => Role::Votes { labels: spec.labels.iter().map(|l| l.value).collect() },
            K::LogVariance | K::Variance => {
                let image = m.outputs.iter().find(|o| matches!(o.kind, K::Image | K::Reconstruction));
                let scale = image.map_or(Ok([1.0, 0.0]), |o| self.real_values(o))?[0];
                Role::Variance { log: spec.kind == K::LogVariance, scale }
            }
            _ if !spec.labels.is_empty() => {
                let p = &m.postprocess;
                let decision = decision(spec, p, &numbers).map_err(|(e, f)| self.mismatch(e, f))?;
                let exclusive = matches!(decision, Decision::Highest(_));
                for (swap, a) in field.swaps.iter_mut().zip(&m.uncertainty.tta) {
                    *swap = a.swap.iter().filter_map(|pair| channels_of(&decision, &numbers, *pair)).collect();
                }
                // A softmax is over all channels, also those that are not shown.
                field.channels = all;
                Role::Classes { decision, exclusive }
            }
            _ => Role::Values { real: self.real_values(spec)? },
        };
        let is_classes = matches!(field.role, Role::Classes { .. });
        field.activate_windows = !(is_classes && m.inferer.mean == Mean::Logits);
        Ok(Some(field))
    }

    /// The layout that a tensor has: the manifest's, with or without a channel axis; `None` when it is no image.
    pub fn layout_of(&self, tensor: &Tensor) -> Option<Layout> {
        let whole = self.layout.clone();
        let flat = self.layout.without_channel();
        let batch = |l: &Layout| l.position('N').and_then(|n| tensor.shape.get(n).copied()).unwrap_or(1);
        [whole, flat].into_iter().find(|l| {
            let channels = l.position('C').and_then(|c| tensor.shape.get(c).copied()).unwrap_or(1);
            tensor.shape.len() == l.rank()
                && (tensor.shape == l.shape(batch(l), channels, self.window)
                    || tensor.shape == l.shape(batch(l), channels, [1; 3]))
        })
    }

    /// An error that names the network's file.
    pub fn mismatch(&self, expected: String, found: String) -> InferenceError {
        let files = &self.model.manifest.files.0;
        let file = files.get("network").or_else(|| files.values().next()).map(|f| self.model.folder.join(&f.path));
        InferenceError::Mismatch { path: file.unwrap_or_default(), expected, found }
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

/// The calibrated temperature, where the output is one of logits that are activated here.
fn temperature(m: &Manifest, spec: &OutputSpec) -> f32 {
    let calibrated = m.uncertainty.calibration.temperature.filter(|t| t.is_finite() && *t > 0.0);
    let activated = matches!(spec.activation, Activation::Softmax | Activation::Sigmoid);
    calibrated.filter(|_| activated).map_or(1.0, |t| t as f32)
}

/// The channels of two labels.
fn channels_of(decision: &Decision, numbers: &[usize], pair: [u16; 2]) -> Option<[usize; 2]> {
    let channel = |label: u16| match decision {
        Decision::Highest(labels) => labels.iter().position(|l| *l == label).and_then(|n| numbers.get(n)).copied(),
        Decision::Regions(regions, _) => {
            regions.iter().find(|r| r.value == label).and_then(|r| numbers.get(r.channel)).copied()
        }
        Decision::Nearest => None,
    };
    Some([channel(pair[0])?, channel(pair[1])?])
}

/// Whether each label of classes of the whole image has the channel of its number among `numbers`; the error is (expected,
/// found). One number and one label belong together whatever the label is called.
pub(crate) fn label_channels(spec: &OutputSpec, numbers: &[usize]) -> Result<(), (String, String)> {
    if numbers.len() == 1 && spec.labels.len() == 1 {
        return Ok(());
    }
    match spec.labels.iter().find(|l| !numbers.contains(&usize::from(l.value))) {
        Some(label) => {
            let expected = format!("a channel for label {} (outputs.{}.labels)", label.value, spec.name);
            Err((expected, format!("the channels {numbers:?} in `{}`", spec.tensor)))
        }
        None => Ok(()),
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

/// One channel a label, 0 first: where the tensor (one channel, whole numbers) holds it.
pub(crate) fn votes(data: &[f32], labels: &[u16]) -> Vec<f32> {
    let mut out = vec![0.0; data.len() * (labels.len() + 1)];
    for (i, x) in data.iter().enumerate() {
        let label = x.round().clamp(0.0, f32::from(u16::MAX)) as u16;
        let channel = labels.iter().position(|l| *l == label).map_or(0, |n| n + 1);
        out[channel * data.len() + i] = 1.0;
    }
    out
}

/// Divergence of a diagonal Gaussian from the standard one, summed over the latent channels (of `channels` those in `counted`, all
/// without it): `[latent voxel]`, nats.
pub(crate) fn divergence(mean: &[f32], log_variance: &[f32], channels: usize, counted: Option<&[usize]>) -> Vec<f32> {
    let n = mean.len() / channels.max(1);
    let counted = counted.map_or_else(|| (0..channels).collect(), <[usize]>::to_vec);
    let term = |i: usize| {
        let (mu, v) = (mean[i], log_variance[i].clamp(-30.0, 20.0));
        0.5 * (mu * mu + v.exp() - 1.0 - v)
    };
    (0..n).map(|i| counted.iter().filter(|c| **c < channels).map(|c| term(c * n + i)).sum()).collect()
}

/// Softmax, sigmoid or tanh over one window of a tensor: `channels` at `strides.channel`, of `n` values each in a row
/// (where the channel is not the fastest axis) or `n` rows of channels (where it is).
pub(crate) fn activate(data: &mut [f32], channels: usize, strides: Strides, n: usize, activation: Activation) {
    use rayon::prelude::*;
    const ROW: usize = 1 << 13;
    match activation {
        Activation::None => {}
        Activation::Sigmoid => data.par_iter_mut().for_each(|x| *x = 1.0 / (1.0 + (-*x).exp())),
        Activation::Tanh => data.par_iter_mut().for_each(|x| *x = x.tanh()),
        Activation::Softmax if strides.channel == 1 && channels > 1 => {
            data.par_chunks_mut(channels)
                .for_each(|row| softmax(&mut row.iter_mut().map(std::slice::from_mut).collect::<Vec<_>>()));
        }
        Activation::Softmax => {
            let mut parts: Vec<Vec<&mut [f32]>> = (0..n.div_ceil(ROW)).map(|_| Vec::with_capacity(channels)).collect();
            for channel in data.chunks_mut(strides.channel.max(n)).take(channels) {
                for (part, piece) in parts.iter_mut().zip(channel[..n].chunks_mut(ROW)) {
                    part.push(piece);
                }
            }
            parts.par_iter_mut().for_each(|part| softmax(part));
        }
    }
}

/// `e^x` for `x <= 0`, within two units in the last place. The library's own is a call for each number; this one is
/// compiled into vector instructions, and softmax over many classes is as slow as its exponentials. Reduction by powers
/// of two and a Taylor polynomial (Cody and Waite 1980).
///
/// Below -60 (9e-27) it is 0: times a window's weight smaller ones would be subnormal, and processors add those a hundred
/// times slower.
#[inline(always)]
pub(crate) fn exponential(x: f32) -> f32 {
    const SHIFT: f32 = 12_582_912.0;
    const LN_2: [f32; 2] = [0.693_359_4, -2.121_944_4e-4];
    const LEAST: f32 = -60.0;
    let (given, x) = (x, x.clamp(LEAST, 0.0));
    // Adding the shift leaves the nearest whole number in the low bits.
    let shifted = x * std::f32::consts::LOG2_E + SHIFT;
    let n = shifted - SHIFT;
    let r = (x - n * LN_2[0]) - n * LN_2[1];
    let series = 1.0 + r * (1.0 + r * (0.5 + r * (1.0 / 6.0 + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r / 720.0)))));
    let power = f32::from_bits(shifted.to_bits().wrapping_sub(SHIFT.to_bits()).wrapping_add(127) << 23);
    if given < LEAST { 0.0 } else { series * power }
}

/// Softmax over channels that lie beside each other as slices of one length.
pub(crate) fn softmax(channels: &mut [&mut [f32]]) {
    let Some(first) = channels.first() else { return };
    let mut highest = first.to_vec();
    for c in channels.iter().skip(1) {
        for (h, x) in highest.iter_mut().zip(c.iter()) {
            *h = h.max(*x);
        }
    }
    let mut sum = vec![0.0_f32; highest.len()];
    for c in channels.iter_mut() {
        for ((x, h), s) in c.iter_mut().zip(&highest).zip(&mut sum) {
            *x = exponential(*x - h);
            *s += *x;
        }
    }
    for c in channels.iter_mut() {
        for (x, s) in c.iter_mut().zip(&sum) {
            *x /= s;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: scipy.special.softmax([1, 2, 3]) and expit(0.5).
    #[test]
    fn activations_equal_scipys() {
        let strides = |channel| Strides { batch: 0, channel, space: [0; 3] };
        let expected = [0.090_030_57, 0.244_728_47, 0.665_240_96];
        let mut c = vec![1.0, 5.0, 2.0, 5.0, 3.0, 5.0];
        activate(&mut c, 3, strides(2), 2, Activation::Softmax);
        for (n, e) in expected.iter().enumerate() {
            assert!((c[2 * n] - e).abs() < 1e-6 && (c[2 * n + 1] - 1.0 / 3.0).abs() < 1e-6);
        }
        let mut c = vec![1.0, 2.0, 3.0];
        activate(&mut c, 3, strides(1), 1, Activation::Softmax);
        assert!(c.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-6));
        let mut c = vec![0.5];
        activate(&mut c, 1, strides(1), 1, Activation::Sigmoid);
        assert!((c[0] - 0.622_459_35).abs() < 1e-6);
    }

    #[test]
    fn the_exponential_is_that_of_the_library() {
        for i in 0..60_000_u32 {
            let x = -(i as f32) / 1000.0;
            let (a, b) = (f64::from(exponential(x)), f64::from(x).exp());
            assert!((a - b).abs() <= 3e-7 * b, "{x}: {a} {b}");
        }
        assert_eq!(exponential(0.0), 1.0);
        assert_eq!(exponential(-61.0), 0.0);
        assert_eq!(exponential(f32::NEG_INFINITY), 0.0);
        assert!(exponential(f32::NAN).is_nan());
    }

    /// Expected: torch.distributions.kl_divergence(Normal(1, e^0.25), Normal(0, 1)) = 0.574361; and 0 for the prior.
    #[test]
    fn the_divergence_is_that_of_a_gaussian_from_the_standard_one() {
        let d = divergence(&[1.0, 0.0], &[0.5, 0.0], 1, None);
        assert!((d[0] - 0.574_360_6).abs() < 1e-6 && d[1].abs() < 1e-7, "{d:?}");
        let two = divergence(&[1.0, 0.0], &[0.5, 0.0], 2, None);
        let second = divergence(&[7.0, 1.0], &[0.0, 0.5], 2, Some(&[1]));
        assert!((second[0] - 0.574_360_6).abs() < 1e-6 && second.len() == 1);
        assert!((two[0] - 0.574_360_6).abs() < 1e-6 && two.len() == 1);
    }

    #[test]
    fn labels_become_votes() {
        assert_eq!(votes(&[0.0, 7.0, 3.0], &[3, 7]), [1.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 0.0]);
    }
}
