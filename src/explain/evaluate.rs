//! Does a map name what the score depends on? Deletion and insertion (Petsiuk 2018).

use serde::{Deserialize, Serialize};

use super::ExplainError;
use super::random::seeded;
use super::scored::{Scored, voxels};
use crate::jobs::Control;
use rand_chacha::rand_core::Rng;

/// Parameters of [`evaluate`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Into how many equal parts the voxels are divided.
    pub steps: usize,
    /// Standard deviation of the blur that insertion starts from, voxels.
    pub blur: f64,
}

impl Evaluation {
    /// How often the model is run: both curves, and the blurred image once before.
    #[must_use]
    pub fn passes(&self) -> usize {
        2 * (self.steps + 1) + 1
    }
}

impl Default for Evaluation {
    fn default() -> Self {
        Self { steps: 20, blur: 5.0 }
    }
}

/// What insertion puts voxels back into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum InsertionStart {
    /// The blurred image, as Petsiuk has it.
    Blurred,
    /// Background: blurring took away less than [`TAKEN_BY_BLUR`] of the score, so that the way from the blurred image to the
    /// sharp one would be measured against next to nothing.
    Empty,
}

/// Share of the score, between the empty image and the whole one, that blurring has to take away for insertion to start from the
/// blurred image. Ours: a convention.
pub const TAKEN_BY_BLUR: f64 = 0.25;

/// How the score falls and rises by a map's order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Faithfulness {
    /// Area under the deletion curve: lower is better. `None` when taking everything away changes nothing.
    pub deletion_auc: Option<f64>,
    /// Area under the insertion curve: higher is better. `None` when the image that it starts from scores as the whole one.
    pub insertion_auc: Option<f64>,
    /// The scores themselves, from nothing to everything replaced by background.
    pub deletion: Vec<f64>,
    /// The scores themselves, from the image that insertion starts from to the sharp one.
    pub insertion: Vec<f64>,
    /// The image that insertion starts from.
    pub insertion_from: InsertionStart,
}

/// Takes the most important voxels away first (background stands in their place), and puts the most important ones
/// back first into a blurred image, or into background where the blurred image scores nearly as the sharp one. The areas
/// are of the score between that of the image it starts from (0) and of the whole one (1), so they do not depend on the
/// score's unit; a curve may leave that range. Voxels of equal importance follow in a random but fixed order, so that
/// blocks are not eaten row by row.
///
/// # Errors
/// A map of another size, a model that cannot be run; [`ExplainError::Cancelled`].
pub fn evaluate(
    scored: &dyn Scored,
    map: &[f32],
    p: &Evaluation,
    control: &Control,
) -> Result<Faithfulness, ExplainError> {
    let n = voxels(scored.size());
    if map.len() != n {
        return Err(ExplainError::Size { what: "the map", expected: n, found: map.len() });
    }
    if p.steps == 0 || !(p.blur.is_finite() && p.blur > 0.0) {
        let value = format!("{p:?}");
        return Err(ExplainError::Parameter { name: "evaluation", value, expected: "every number must be positive" });
    }
    let order = by_importance(map);
    control.stage("Testing the map by deletion", p.steps as u64 + 1);
    let sharp = scored.channels();
    let empty: Vec<Vec<f32>> =
        (0..sharp.len()).map(|c| vec![scored.background().get(c).copied().unwrap_or(0.0); n]).collect();
    let deletion = curve(scored, sharp, &empty, &order, p.steps, control)?;
    control.stage("Testing the map by insertion", p.steps as u64 + 1);
    let soft: Vec<Vec<f32>> = sharp.iter().map(|c| blurred(c, scored.size(), p.blur)).collect();
    let (full, nothing) = (deletion[0], deletion[p.steps]);
    let taken = (full - scored.score(&soft)?) / (full - nothing);
    let insertion_from = if taken.abs() < TAKEN_BY_BLUR { InsertionStart::Empty } else { InsertionStart::Blurred };
    let start = if insertion_from == InsertionStart::Empty { &empty } else { &soft };
    let insertion = curve(scored, start, sharp, &order, p.steps, control)?;
    Ok(Faithfulness {
        deletion_auc: area(&deletion, nothing, full),
        insertion_auc: area(&insertion, insertion[0], full),
        deletion,
        insertion,
        insertion_from,
    })
}

/// Highest first.
fn by_importance(map: &[f32]) -> Vec<usize> {
    let mut rng = seeded(0, 3);
    let mut keyed: Vec<(f32, u32, usize)> = map.iter().enumerate().map(|(n, x)| (*x, rng.next_u32(), n)).collect();
    keyed.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
    keyed.into_iter().map(|(_, _, n)| n).collect()
}

/// Scores while `from` becomes `to` in the order given: `steps + 1` of them.
fn curve(
    scored: &dyn Scored,
    from: &[Vec<f32>],
    to: &[Vec<f32>],
    order: &[usize],
    steps: usize,
    control: &Control,
) -> Result<Vec<f64>, ExplainError> {
    let mut now = from.to_vec();
    let mut done = 0;
    let mut scores = Vec::with_capacity(steps + 1);
    for step in 0..=steps {
        control.checkpoint()?;
        let until = order.len() * step / steps;
        for at in &order[done..until] {
            for (channel, target) in now.iter_mut().zip(to) {
                channel[*at] = target[*at];
            }
        }
        done = until;
        scores.push(scored.score(&now)?);
        control.advance(1);
    }
    Ok(scores)
}

/// Trapezoids over the curve scaled so that `zero` is 0 and `one` is 1.
fn area(curve: &[f64], zero: f64, one: f64) -> Option<f64> {
    let unit = one - zero;
    if unit.abs() <= 1e-9 * one.abs().max(zero.abs()) || curve.len() < 2 {
        return None;
    }
    let sum: f64 = curve.windows(2).map(|w| (w[0] + w[1]) / 2.0 - zero).sum();
    Some(sum / unit / (curve.len() - 1) as f64)
}

/// Gaussian, separable, cut at 3σ; at the border the weights inside are scaled up.
fn blurred(channel: &[f32], size: [usize; 3], sigma: f64) -> Vec<f32> {
    let reach = (3.0 * sigma).ceil() as usize;
    let kernel: Vec<f32> = (0..=reach).map(|d| (-(d as f64).powi(2) / (2.0 * sigma * sigma)).exp() as f32).collect();
    let mut out = channel.to_vec();
    for (axis, stride) in [(0, 1), (1, size[0]), (2, size[0] * size[1])] {
        let n = size[axis];
        let mut line = vec![0.0_f32; n];
        for start in (0..out.len()).filter(|at| (at / stride).is_multiple_of(n)) {
            for (i, x) in line.iter_mut().enumerate() {
                *x = out[start + i * stride];
            }
            for i in 0..n {
                let (mut sum, mut weight) = (0.0, 0.0);
                for j in i.saturating_sub(reach)..(i + reach + 1).min(n) {
                    let w = kernel[i.abs_diff(j)];
                    sum += w * line[j];
                    weight += w;
                }
                out[start + i * stride] = sum / weight;
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::scored::tests::Linear;
    use super::*;

    fn few() -> Linear {
        // A tenth of the voxels carries the whole score.
        Linear::new([10, 10, 10], |n| f32::from(u8::from(n % 10 == 3)), |n| f32::from(u8::from(n % 10 == 3)))
    }

    #[test]
    fn the_true_map_beats_a_random_one_and_the_reverse() {
        let score = few();
        let p = Evaluation { steps: 20, blur: 2.0 };
        let truth = score.contributions();
        let random: Vec<f32> = (0..1000).map(|n| ((n * 7919) % 1000) as f32).collect();
        let reversed: Vec<f32> = truth.iter().map(|x| -x).collect();
        let run = |map: &[f32]| evaluate(&score, map, &p, &Control::new()).unwrap();
        let (best, middle, worst) = (run(&truth), run(&random), run(&reversed));
        // All is gone after 2 of 20 steps: areas of 1 -> 0.5 -> 0: (0.75 + 0.25) / 20.
        assert!((best.deletion_auc.unwrap() - 0.05).abs() < 1e-9, "{best:?}");
        assert!((middle.deletion_auc.unwrap() - 0.5).abs() < 0.05);
        assert!((worst.deletion_auc.unwrap() - 0.95).abs() < 1e-9);
        assert!(best.insertion_auc > middle.insertion_auc && middle.insertion_auc > worst.insertion_auc);
        assert_eq!((best.deletion[0], best.deletion[20]), (100.0, 0.0));
    }

    /// What blurring does not touch is measured from the empty image: a mean over all voxels of a smooth image.
    #[test]
    fn where_blurring_takes_nothing_insertion_starts_from_the_empty_image() {
        let score = Linear::new([6, 6, 6], |_| 1.0, |_| 100.0);
        let p = Evaluation { steps: 10, ..Evaluation::default() };
        let found = evaluate(&score, &[1.0; 216], &p, &Control::new()).unwrap();
        assert_eq!(found.insertion_from, InsertionStart::Empty);
        assert!((found.insertion_auc.unwrap() - 0.5).abs() < 0.01, "{found:?}");
        assert!((found.insertion[0] - found.deletion[10]).abs() < 1e-9);
    }

    #[test]
    fn a_score_that_nothing_changes_has_no_area() {
        let score = Linear::new([3, 3, 3], |_| 0.0, |_| 1.0);
        let found = evaluate(&score, &[0.0; 27], &Evaluation::default(), &Control::new()).unwrap();
        assert_eq!((found.deletion_auc, found.insertion_auc), (None, None));
        assert!(evaluate(&score, &[0.0; 26], &Evaluation::default(), &Control::new()).is_err());
    }

    #[test]
    fn a_blur_keeps_what_is_flat_and_spreads_a_point() {
        let flat = blurred(&[2.0; 60], [3, 4, 5], 1.5);
        assert!(flat.iter().all(|x| (x - 2.0).abs() < 1e-5));
        let mut point = vec![0.0; 21];
        point[10] = 1.0;
        let soft = blurred(&point, [21, 1, 1], 2.0);
        // Between whole taps exp(-d^2 / 8) the ratio is the Gaussian's.
        assert!((soft[12] / soft[10] - (-0.5_f32).exp()).abs() < 1e-5);
    }
}
