//! What an explanation will cost, told before it starts: [`Cost`]; and which methods make sense of which kind of model.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::score::ModelScore;
use super::{ExplainError, ExplainOptions, Method, Scored};
use crate::inference::manifest::Model;
use crate::inference::manifest::schema::InfererKind;

/// Steps of a diffusion where nobody says how many: enough to see what the condition does, a fifth of what a picture
/// takes.
pub const FEW_STEPS: usize = 5;

/// Passes of the model, by a pass that was timed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Cost {
    /// Passes of the model, at most.
    pub passes: usize,
    /// Windows or slices of one pass.
    pub windows: usize,
    /// Steps of a diffusion; 1 for other models.
    pub steps: usize,
    /// Seconds for all, as the first pass went.
    pub seconds: f64,
}

impl Cost {
    pub(super) fn of(score: &ModelScore, options: &ExplainOptions, a_pass: Duration) -> Result<Self, ExplainError> {
        let size = score.size();
        let passes = match options.method {
            Method::Occlusion => options.occlusion.passes(size),
            Method::Rise => options.rise.masks,
            Method::SmoothGrad => options.smoothgrad.passes(size),
            Method::ScoreCam => 3 + score.activations()?.map_or(0, |a| a.channels.len()),
            Method::HiResCam => 2,
            Method::Attention => 1,
            // Both sides of each number of the latent, then the walk; each image is decoded and scored.
            Method::Counterfactual => 2 * options.traversal.unwrap_or_default().passes(),
        };
        let tests = options.evaluation.filter(|_| options.method != Method::Counterfactual);
        let passes = passes + tests.map_or(0, |p| p.passes());
        let (calls, steps) = score.probe.calls();
        let windows = (calls / steps.max(1)).max(1);
        Ok(Self { passes, windows, steps, seconds: a_pass.as_secs_f64() * passes as f64 })
    }

    /// The same for so many maps.
    pub(super) fn times(self, maps: usize) -> Self {
        Self { passes: self.passes * maps, seconds: self.seconds * maps as f64, ..self }
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "up to {} passes", self.passes)?;
        match (self.windows, self.steps) {
            (1, 1) => {}
            (windows, 1) => write!(f, " of {windows} slices or windows")?,
            (1, steps) => write!(f, " of {steps} steps")?,
            (windows, steps) => write!(f, " of {windows} slices or windows x {steps} steps")?,
        }
        match self.seconds {
            s if s < 90.0 => write!(f, ", about {s:.0} s"),
            s if s < 5400.0 => write!(f, ", about {:.0} min", s / 60.0),
            s => write!(f, ", about {:.1} h", s / 3600.0),
        }
    }
}

/// Whether a method makes sense of a kind of model.
///
/// # Errors
/// [`ExplainError::Needs`] names the reason and what to use in its place.
pub(super) fn offered(model: &Model, method: Method) -> Result<(), ExplainError> {
    let m = &model.manifest;
    let kind = m.inferer.kind;
    let diffusion = matches!(kind, InfererKind::Diffusion | InfererKind::LatentDiffusion);
    let sliced = !m.slice_axes().is_empty();
    let several = m.files.0.keys().any(|role| role.starts_with("network."));
    let autoencoder = !diffusion && !several && !m.files.0.contains_key("network");
    let instead = "use occlusion or rise";
    let needs = |what: String| Err(ExplainError::Needs { method: method.title(), what });
    match method {
        Method::Occlusion | Method::Rise => Ok(()),
        Method::SmoothGrad if diffusion => needs(format!(
            "an answer without noise in it: finite differences of a sampler take {} runs a block, and what a small step \
             changes drowns in what few steps leave out; {instead}",
            8 * FEW_STEPS
        )),
        Method::SmoothGrad => Ok(()),
        Method::Counterfactual if diffusion => needs(format!(
            "one score an image: a sampler gives another image for every noise, and the walk would be one through noise; \
             {instead}"
        )),
        Method::Counterfactual if sliced => needs(format!(
            "an encoder and a decoder of the whole image; those of a model that runs slice by slice see one slice, and \
             walks of the slices apart are no image of one patient; {instead}"
        )),
        Method::Counterfactual => Ok(()),
        Method::ScoreCam | Method::HiResCam | Method::Attention if diffusion => needs(format!(
            "one activation: that of a denoiser is another one at each of its steps, and none of them is the answer's; \
             {instead}"
        )),
        Method::ScoreCam | Method::HiResCam | Method::Attention if several => {
            needs(format!("one network; the members of an ensemble have activations of their own; {instead}"))
        }
        Method::ScoreCam | Method::HiResCam | Method::Attention if autoencoder => needs(format!(
            "a network that answers in one piece; an encoder and a decoder have activations on both sides of the latent; \
             {instead}"
        )),
        Method::ScoreCam | Method::HiResCam | Method::Attention if sliced && m.inferer.patch.is_some() => {
            let patch = m.inferer.patch.unwrap_or([0; 3]);
            let plane = m.slice_axes()[0];
            // 0 is the whole side; a fixed grid may be as large as the window.
            let whole =
                (0..3).all(|a| a == plane || patch[a] == 0 || m.preprocess.size.is_some_and(|s| s[a] <= patch[a]));
            if whole {
                return Ok(());
            }
            needs(format!(
                "the activation of a whole slice; this model sees windows of it, and their activations do not join; \
                 {instead}"
            ))
        }
        Method::ScoreCam | Method::HiResCam | Method::Attention => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_reads_as_a_person_would_say_it() {
        let cost = Cost { passes: 368, windows: 7, steps: 5, seconds: 130.0 };
        assert_eq!(cost.to_string(), "up to 368 passes of 7 slices or windows x 5 steps, about 2 min");
        let one = Cost { windows: 1, steps: 1, seconds: 12.2, ..cost };
        assert_eq!(one.to_string(), "up to 368 passes, about 12 s");
        assert_eq!(one.times(600).to_string(), "up to 220800 passes, about 2.0 h");
    }
}
