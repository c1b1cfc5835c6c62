//! Counterfactual: what the image would look like for the score to be another, by a walk through a latent space.

use serde::{Deserialize, Serialize};

use super::ExplainError;
use crate::jobs::Control;

/// Numbers to numbers, as an encoder or a decoder gives them.
pub type Mapping<'a> = dyn Fn(&[f32]) -> Result<Vec<f32>, ExplainError> + 'a;

/// An autoencoder and a score of what it decodes. Images are `[nz, ny, nx]`, x fastest, normalised.
pub struct Latent<'a> {
    /// Image to latent numbers.
    pub encode: &'a Mapping<'a>,
    /// Latent numbers to image.
    pub decode: &'a Mapping<'a>,
    /// Score of an image.
    pub score: &'a dyn Fn(&[f32]) -> Result<f64, ExplainError>,
}

/// Parameters of [`counterfactual`].
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Traversal {
    /// How far to walk to each side; 1 is one standard deviation of the latent prior.
    pub distance: f64,
    /// Steps to each side.
    pub steps: usize,
    /// Largest number of latent dimensions whose slope is measured (two passes each); others stay where they are.
    pub dimensions: usize,
}

impl Default for Traversal {
    fn default() -> Self {
        Self { distance: 3.0, steps: 5, dimensions: 256 }
    }
}

impl Traversal {
    /// How often the decoder is run, at most.
    #[must_use]
    pub fn passes(&self) -> usize {
        2 * self.dimensions + 2 * self.steps.max(1) + 1
    }
}

/// The walk.
#[derive(Debug, Clone, PartialEq)]
pub struct Counterfactual {
    /// Where each image stands on the way, from `-distance` to `distance`.
    pub positions: Vec<f64>,
    /// The decoded images.
    pub images: Vec<Vec<f32>>,
    /// Each image less the one at 0: the autoencoder's own error drops out.
    pub differences: Vec<Vec<f32>>,
    /// The score of each.
    pub scores: Vec<f64>,
    /// The direction, of length 1.
    pub direction: Vec<f32>,
    /// How often the decoder was run.
    pub passes: usize,
}

impl Counterfactual {
    /// The difference that changes the score most.
    #[must_use]
    pub fn strongest(&self) -> Option<(f64, &[f32])> {
        let middle = self.scores.get(self.scores.len() / 2)?;
        let at = (0..self.scores.len())
            .max_by(|a, b| (self.scores[*a] - middle).abs().total_cmp(&(self.scores[*b] - middle).abs()))?;
        Some((*self.positions.get(at)?, self.differences.get(at)?))
    }
}

/// Walks from the image's latent numbers up and down the score's slope, measured by central differences, or along
/// `direction` where one is given.
///
/// # Errors
/// A direction of another length or of length 0, no slope at all, a model that cannot be run;
/// [`ExplainError::Cancelled`].
pub fn counterfactual(
    latent: &Latent<'_>,
    image: &[f32],
    direction: Option<&[f32]>,
    p: &Traversal,
    control: &Control,
) -> Result<Counterfactual, ExplainError> {
    let z = (latent.encode)(image)?;
    let mut passes = 0;
    let mut direction = match direction {
        Some(given) if given.len() != z.len() => {
            return Err(ExplainError::Size { what: "the direction", expected: z.len(), found: given.len() });
        }
        Some(given) => given.to_vec(),
        None => {
            let measured = z.len().min(p.dimensions);
            control.stage("Measuring the slope", 2 * measured as u64);
            let mut slope = vec![0.0; z.len()];
            for (n, out) in slope.iter_mut().enumerate().take(measured) {
                // A tenth of a standard deviation of the prior: small, and far above rounding.
                let mut moved = |delta: f32| -> Result<f64, ExplainError> {
                    control.checkpoint()?;
                    let mut at = z.clone();
                    at[n] += delta;
                    passes += 1;
                    control.advance(1);
                    (latent.score)(&(latent.decode)(&at)?)
                };
                *out = ((moved(0.1)? - moved(-0.1)?) / 0.2) as f32;
            }
            slope
        }
    };
    let length = direction.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if !(length.is_finite() && length > 0.0) {
        return Err(ExplainError::Needs {
            method: "A counterfactual",
            what: "a score that changes with the latent numbers; this one does not".into(),
        });
    }
    direction.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
    let steps = p.steps.max(1) as i64;
    let (mut positions, mut images, mut scores) = (Vec::new(), Vec::new(), Vec::new());
    control.stage("Walking", 2 * steps as u64 + 1);
    for step in -steps..=steps {
        control.checkpoint()?;
        let t = p.distance * step as f64 / steps as f64;
        let at: Vec<f32> = z.iter().zip(&direction).map(|(z, d)| (f64::from(*z) + t * f64::from(*d)) as f32).collect();
        let decoded = (latent.decode)(&at)?;
        passes += 1;
        scores.push((latent.score)(&decoded)?);
        images.push(decoded);
        positions.push(t);
        control.advance(1);
    }
    let middle = &images[steps as usize];
    let differences = images.iter().map(|i| i.iter().zip(middle).map(|(a, b)| a - b).collect()).collect();
    Ok(Counterfactual { differences, positions, images, scores, direction, passes })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A linear autoencoder of two numbers: the first brightens the left voxel, the second the right one; the score
    /// is the left voxel.
    #[test]
    fn the_walk_changes_what_the_score_depends_on() {
        let encode = |x: &[f32]| Ok(x.to_vec());
        let decode = |z: &[f32]| Ok(vec![2.0 * z[0], z[1]]);
        let score = |x: &[f32]| Ok(f64::from(x[0]));
        let latent = Latent { encode: &encode, decode: &decode, score: &score };
        let found = counterfactual(&latent, &[0.5, 7.0], None, &Traversal::default(), &Control::new()).unwrap();
        assert_eq!((found.positions[0], found.positions[10], found.images.len()), (-3.0, 3.0, 11));
        assert!((found.direction[0] - 1.0).abs() < 1e-6 && found.direction[1].abs() < 1e-6);
        let expected: Vec<f64> = found.positions.iter().map(|t| 1.0 + 2.0 * t).collect();
        assert!(found.scores.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4));
        let (_, difference) = found.strongest().unwrap();
        assert!(difference[0].abs() > 5.9 && difference[1].abs() < 1e-5);
        assert_eq!(found.passes, 4 + 11);
    }

    #[test]
    fn a_score_that_ignores_the_latent_numbers_is_told() {
        let same = |x: &[f32]| Ok(x.to_vec());
        let flat = |_: &[f32]| Ok(1.0);
        let latent = Latent { encode: &same, decode: &same, score: &flat };
        let e = counterfactual(&latent, &[1.0], None, &Traversal::default(), &Control::new()).unwrap_err();
        assert!(e.to_string().contains("does not"), "{e}");
        let e = counterfactual(&latent, &[1.0], Some(&[1.0, 2.0]), &Traversal::default(), &Control::new());
        assert!(matches!(e, Err(ExplainError::Size { .. })));
    }
}
