//! Maps out of a tapped activation: Score-CAM, HiResCAM, and the plain mean for attention.

use super::ExplainError;
use super::scored::{Activations, Saliency, Scored, masked, voxels};
use super::upsample::upsample;
use crate::jobs::Control;

fn tapped(scored: &dyn Scored, method: &'static str) -> Result<Activations, ExplainError> {
    let found = scored.activations()?.ok_or_else(|| ExplainError::Needs {
        method,
        what: "an activation of the network; name it in the manifest (explain.cam_tensor) or with --tensor".into(),
    })?;
    check(&found, "the tapped tensor")?;
    Ok(found)
}

fn check(found: &Activations, what: &'static str) -> Result<(), ExplainError> {
    let expected = voxels(found.size).max(1);
    match found.channels.iter().find(|c| c.len() != expected) {
        Some(channel) => Err(ExplainError::Size { what, expected, found: channel.len() }),
        None if found.channels.is_empty() => Err(ExplainError::Size { what, expected, found: 0 }),
        None => Ok(()),
    }
}

/// Score-CAM (Wang 2020): each channel of the tap, scaled to 0..1, masks the image; the channels are weighted by the
/// softmax of how much of the score they keep: `ReLU Σ w A`, `w = softmax(f(x ⊙ A) - f(b))`.
///
/// The differences are divided by `|f(x) - f(b)|` before the softmax, so that the weights do not depend on how large a network's
/// logits are: large ones would leave one channel only. Channels without any contrast are left out.
///
/// # Errors
/// When no tensor is tapped or the model cannot be run; [`ExplainError::Cancelled`].
pub fn score_cam(scored: &dyn Scored, control: &Control) -> Result<Saliency, ExplainError> {
    let taps = tapped(scored, "Score-CAM")?;
    let size = scored.size();
    let base = scored.score(scored.channels())?;
    let empty = scored.score(&masked(scored, &vec![0.0; voxels(size)]))?;
    let full = (base - empty).abs();
    let unit = if full > 0.0 { full } else { 1.0 };
    let mut passes = 2;
    let mut kept: Vec<(usize, f64)> = Vec::new();
    control.stage("Masking with each channel", taps.channels.len() as u64);
    for (n, channel) in taps.channels.iter().enumerate() {
        control.checkpoint()?;
        control.advance(1);
        let (low, high) = range(channel);
        if high > low {
            let mut mask = upsample(channel, taps.size, size);
            mask.iter_mut().for_each(|x| *x = ((*x - low) / (high - low)).clamp(0.0, 1.0));
            kept.push((n, (scored.score(&masked(scored, &mask))? - empty) / unit));
            passes += 1;
        }
    }
    let highest = kept.iter().map(|(_, s)| *s).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = kept.iter().map(|(_, s)| (s - highest).exp()).sum();
    let mut sum = vec![0.0_f64; voxels(taps.size)];
    for (n, score) in &kept {
        let weight = (score - highest).exp() / total;
        sum.iter_mut().zip(&taps.channels[*n]).for_each(|(s, a)| *s += weight * f64::from(*a));
    }
    let coarse: Vec<f32> = sum.into_iter().map(|x| x.max(0.0) as f32).collect();
    let parameters = serde_json::json!({ "channels": taps.channels.len(), "used": kept.len(), "size": taps.size });
    Ok(Saliency { map: upsample(&coarse, taps.size, size), passes, parameters, notes: Vec::new() })
}

/// HiResCAM (Draelos 2020): `Σ (∂y/∂A) ⊙ A` over the channels, without averaging the gradient; signed.
///
/// # Errors
/// When no tensor is tapped, the graph has no output for its gradient, or the model cannot be run.
pub fn hires_cam(scored: &dyn Scored) -> Result<Saliency, ExplainError> {
    const METHOD: &str = "HiResCAM";
    let taps = tapped(scored, METHOD)?;
    let gradients = scored.gradients()?.ok_or_else(|| ExplainError::Needs {
        method: METHOD,
        what: "the gradient of the score by the tapped tensor as an output of the graph, named `TENSOR_grad`; ONNX \
               cannot compute it, the model's recipe has to export it. Score-CAM needs none"
            .into(),
    })?;
    check(&gradients, "the gradient")?;
    if gradients.size != taps.size || gradients.channels.len() != taps.channels.len() {
        let expected = voxels(taps.size) * taps.channels.len();
        let found = voxels(gradients.size) * gradients.channels.len();
        return Err(ExplainError::Size { what: "the gradient", expected, found });
    }
    let mut sum = vec![0.0_f32; voxels(taps.size)];
    for (a, g) in taps.channels.iter().zip(&gradients.channels) {
        sum.iter_mut().zip(a.iter().zip(g)).for_each(|(s, (a, g))| *s += a * g);
    }
    let parameters = serde_json::json!({ "channels": taps.channels.len(), "size": taps.size });
    Ok(Saliency { map: upsample(&sum, taps.size, scored.size()), passes: 1, parameters, notes: Vec::new() })
}

/// The mean of the tapped channels on the image's grid: what an attention gate let through.
///
/// It shows where the network looked, not what it concluded: it does not depend on the target.
///
/// # Errors
/// When no tensor is tapped or the model cannot be run.
pub fn attention(scored: &dyn Scored) -> Result<Saliency, ExplainError> {
    let taps = tapped(scored, "An attention map")?;
    let mut mean = vec![0.0_f32; voxels(taps.size)];
    let share = 1.0 / taps.channels.len() as f32;
    for channel in &taps.channels {
        mean.iter_mut().zip(channel).for_each(|(m, a)| *m += share * a);
    }
    let parameters = serde_json::json!({ "channels": taps.channels.len(), "size": taps.size });
    let notes = vec!["The attention map is the same for every target: it says where, not why".to_owned()];
    Ok(Saliency { map: upsample(&mean, taps.size, scored.size()), passes: 1, parameters, notes })
}

fn range(values: &[f32]) -> (f32, f32) {
    values.iter().fold((f32::INFINITY, f32::NEG_INFINITY), |(low, high), x| (low.min(*x), high.max(*x)))
}

#[cfg(test)]
mod tests {
    use super::super::scored::tests::Linear;
    use super::*;

    /// Left half matters; channel 0 lights the left half, channel 1 the right one, channel 2 nothing.
    fn halves() -> Linear {
        let left = |n: usize| f32::from(u8::from(n % 4 < 2));
        let mut score = Linear::new([4, 4, 1], left, |_| 1.0);
        let channels = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![0.5, 0.5]];
        score.activations = Some(Activations { channels, size: [2, 1, 1] });
        score
    }

    #[test]
    fn the_channel_that_keeps_the_score_weighs_most() {
        let found = score_cam(&halves(), &Control::new()).unwrap();
        assert_eq!(found.passes, 4);
        // f(x) = 8. Channel 0 upsampled: 1, 0.75, 0.25, 0 along x, keeps 1.75 / 2; channel 1 keeps 0.25 / 2.
        let w = 1.0 / (1.0 + (-0.75_f32).exp());
        for row in found.map.chunks(4) {
            assert!((row[0] - w).abs() < 1e-6 && (row[3] - (1.0 - w)).abs() < 1e-6, "{row:?}");
        }
    }

    #[test]
    fn hirescam_is_the_sum_of_products_and_asks_for_the_gradient() {
        let mut score = halves();
        let e = hires_cam(&score).unwrap_err().to_string();
        assert!(e.contains("gradient") && e.contains("Score-CAM"), "{e}");
        let channels = vec![vec![2.0, 0.0], vec![0.0, -3.0], vec![0.0, 2.0]];
        score.gradients = Some(Activations { channels, size: [2, 1, 1] });
        let found = hires_cam(&score).unwrap();
        assert_eq!((found.map[0], found.map[3]), (2.0, -2.0));
    }

    #[test]
    fn attention_is_the_mean_and_a_missing_tap_is_told() {
        let mut score = halves();
        let found = attention(&score).unwrap();
        assert!(found.map.iter().all(|x| (x - 0.5).abs() < 1e-6));
        score.activations = None;
        let e = attention(&score).unwrap_err().to_string();
        assert!(e.contains("explain.cam_tensor"), "{e}");
    }
}
