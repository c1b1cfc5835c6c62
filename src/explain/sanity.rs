//! Is a map about the model at all? Cascading randomisation (Adebayo 2018) and repeatability.

use serde::Serialize;

use super::ExplainError;
use super::evaluate::{Evaluation, Faithfulness, evaluate};
use super::random::{seeded, uniform};
use super::scored::{Saliency, Scored, voxels};
use super::similarity::{spearman, ssim};
use crate::jobs::Control;

/// The same score by a network whose last layers are noise.
pub trait Randomized {
    /// How many layers can be replaced.
    fn layers(&self) -> usize;

    /// The score with the last `count` layers replaced by noise of equal standard deviation.
    ///
    /// # Errors
    /// When such a network cannot be opened.
    fn with_noise(&self, count: usize, seed: u64) -> Result<Box<dyn Scored>, ExplainError>;

    /// The score with other noise at the start, for models that begin with noise (diffusion).
    ///
    /// # Errors
    /// When such a network cannot be opened.
    fn with_other_noise(&self, _seed: u64) -> Result<Option<Box<dyn Scored>>, ExplainError> {
        Ok(None)
    }
}

/// What the check found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Sanity {
    /// From the output inwards.
    pub cascade: Vec<Step>,
    /// The method with another seed (of its masks, of the noise that a diffusion begins with), where it has one.
    pub repeatability: Likeness,
    /// The map's own deletion and insertion.
    pub faithfulness: Faithfulness,
    /// The same of a random map: what the numbers are without any knowledge.
    pub random: Faithfulness,
    /// Whether the map follows the model; see [`Sanity::sentence`].
    pub passed: bool,
}

/// One step of the cascade.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Step {
    /// Layers replaced, from the output.
    pub layers: usize,
    /// How alike the map is to the true one.
    #[serde(flatten)]
    pub likeness: Likeness,
}

/// How alike two maps are.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Likeness {
    /// Rank correlation, -1 to 1.
    pub spearman: f64,
    /// Structural similarity, at most 1.
    pub ssim: f64,
}

impl Likeness {
    fn of(a: &[f32], b: &[f32], size: [usize; 3]) -> Self {
        Self { spearman: spearman(a, b), ssim: ssim(a, b, size) }
    }
}

/// Rank correlation with the map of a wholly randomised network from which on a map is said to ignore the model.
pub const IGNORES_THE_MODEL: f64 = 0.5;

/// Rank correlation between two seeds below which a map is said not to repeat.
pub const DOES_NOT_REPEAT: f64 = 0.5;

impl Sanity {
    /// What is wrong with the map, one sentence each.
    fn failures(&self) -> Vec<String> {
        let last = self.cascade.last().map_or(0.0, |s| s.likeness.spearman);
        let mut failures = Vec::new();
        if last.abs() >= IGNORES_THE_MODEL {
            failures.push(format!(
                "the map hardly depends on the model: with random weights it still correlates by {last:.2}"
            ));
        }
        if self.repeatability.spearman < DOES_NOT_REPEAT {
            let r = self.repeatability.spearman;
            failures.push(format!("the map does not repeat: two seeds correlate by {r:.2}"));
        }
        if let (Some(own), Some(random)) = (self.faithfulness.deletion_auc, self.random.deletion_auc)
            && own >= random
        {
            failures.push(format!("deletion ({own:.2}) is no better than of a random map ({random:.2})"));
        }
        failures
    }

    /// The verdict, for a person.
    #[must_use]
    pub fn sentence(&self) -> String {
        let failures = self.failures();
        if failures.is_empty() {
            "Passed: the map follows the model, repeats, and beats a random map".to_owned()
        } else {
            format!("Failed: {}", failures.join("; "))
        }
    }
}

/// Layers to replace at each step: 1, 2, 4 … and all.
pub(super) fn stages(layers: usize) -> Vec<usize> {
    let mut stages: Vec<usize> = std::iter::successors(Some(1), |n| Some(n * 2)).take_while(|n| *n < layers).collect();
    if layers > 0 {
        stages.push(layers);
    }
    stages
}

/// Repeats `explain` with ever more of the network replaced by noise, with another seed, and tests the true map.
///
/// A map that stays as it was although the network is noise shows the image's edges, not the network's reasons.
///
/// # Errors
/// When a network cannot be randomised or run; [`ExplainError::Cancelled`].
pub fn sanity(
    scored: &dyn Scored,
    randomized: &dyn Randomized,
    explain: &dyn Fn(&dyn Scored, u64) -> Result<Saliency, ExplainError>,
    seed: u64,
    p: &Evaluation,
    control: &Control,
) -> Result<Sanity, ExplainError> {
    let size = scored.size();
    let truth = explain(scored, seed)?.map;
    let other = seed.wrapping_add(1);
    let repeated = match randomized.with_other_noise(other)? {
        Some(begun_otherwise) => explain(&*begun_otherwise, other)?.map,
        None => explain(scored, other)?.map,
    };
    let repeatability = Likeness::of(&truth, &repeated, size);
    let mut cascade = Vec::new();
    for layers in stages(randomized.layers()) {
        control.checkpoint()?;
        let noisy = randomized.with_noise(layers, seed)?;
        let map = explain(&*noisy, seed)?.map;
        cascade.push(Step { layers, likeness: Likeness::of(&truth, &map, size) });
    }
    let faithfulness = evaluate(scored, &truth, p, control)?;
    let mut rng = seeded(seed, 4);
    let random: Vec<f32> = (0..voxels(size)).map(|_| uniform(&mut rng) as f32).collect();
    let random = evaluate(scored, &random, p, control)?;
    let mut found = Sanity { cascade, repeatability, faithfulness, random, passed: false };
    found.passed = found.failures().is_empty();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::occlusion::{Cover, Occlusion, occlusion};
    use super::super::scored::tests::Linear;
    use super::*;

    struct Layered;

    fn score(noise: f32, seed: u64) -> Linear {
        let mut rng = seeded(seed, 9);
        let noisy: Vec<f32> = (0..512).map(|_| uniform(&mut rng) as f32 - 0.5).collect();
        let own = |n: usize| if n % 8 < 3 { 1.0 } else { 0.0 };
        Linear::new([8; 3], move |n| (1.0 - noise) * own(n) + noise * noisy[n], |n| 1.0 + (n % 3) as f32)
    }

    impl Randomized for Layered {
        fn layers(&self) -> usize {
            5
        }
        fn with_noise(&self, count: usize, seed: u64) -> Result<Box<dyn Scored>, ExplainError> {
            Ok(Box::new(score(count as f32 / 5.0, seed)))
        }
    }

    #[test]
    fn occlusion_follows_the_weights_and_an_edge_map_does_not() {
        let p = Occlusion { mask_size: 2, overlap: 0.0, cover: Cover::Background, coarse: None };
        let control = Control::new();
        let real = |s: &dyn Scored, _: u64| occlusion(s, &p, &Control::new());
        let own = score(0.0, 0);
        let good = sanity(&own, &Layered, &real, 7, &Evaluation::default(), &control).unwrap();
        assert!(good.passed, "{}", good.sentence());
        let layers: Vec<usize> = good.cascade.iter().map(|s| s.layers).collect();
        assert_eq!(layers, [1, 2, 4, 5]);
        assert!(good.cascade[0].likeness.spearman > 0.8 && good.cascade[3].likeness.spearman.abs() < 0.4);
        assert!(good.repeatability.spearman > 0.999);
        let image = |s: &dyn Scored, _: u64| {
            let map = s.channels()[0].clone();
            Ok(Saliency { map, passes: 0, parameters: serde_json::Value::Null, notes: Vec::new() })
        };
        let bad = sanity(&own, &Layered, &image, 7, &Evaluation::default(), &control).unwrap();
        assert!(!bad.passed && bad.sentence().contains("hardly depends"), "{}", bad.sentence());
    }
}
