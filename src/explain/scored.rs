//! What is explained: a score of images, by [`Scored`].

use super::ExplainError;

/// A score of images. Every method sees the model through this alone, so that it can be held against functions whose
/// explanation is known.
///
/// Channels are `[nz, ny, nx]`, x fastest, normalised values on the model's grid.
pub trait Scored: Sync {
    /// Size of the grid, `[nx, ny, nz]`.
    fn size(&self) -> [usize; 3];

    /// The channels that are explained.
    fn channels(&self) -> &[Vec<f32>];

    /// The normalised background of each channel: what stands where something was taken away.
    fn background(&self) -> &[f32];

    /// The score of other channels of the same size.
    ///
    /// # Errors
    /// When the model cannot be run; [`ExplainError::Cancelled`].
    fn score(&self, channels: &[Vec<f32>]) -> Result<f64, ExplainError>;

    /// The tapped tensor on the explained channels; `None` when no tensor is named.
    ///
    /// # Errors
    /// When the model cannot be run; [`ExplainError::Cancelled`].
    fn activations(&self) -> Result<Option<Activations>, ExplainError>;

    /// The gradient of the score by the tapped tensor, where the graph has an output for it.
    ///
    /// # Errors
    /// When the model cannot be run; [`ExplainError::Cancelled`].
    fn gradients(&self) -> Result<Option<Activations>, ExplainError> {
        Ok(None)
    }
}

/// A tapped tensor.
#[derive(Debug, Clone, PartialEq)]
pub struct Activations {
    /// One `[nz, ny, nx]` each, x fastest.
    pub channels: Vec<Vec<f32>>,
    /// `[nx, ny, nz]`, usually smaller than the grid of the image, over the same field of view.
    pub size: [usize; 3],
}

/// What a method found.
#[derive(Debug, Clone, PartialEq)]
pub struct Saliency {
    /// `[nz, ny, nx]`, x fastest, on the grid of the image. Above 0: speaks for the target; below 0: against it.
    pub map: Vec<f32>,
    /// How often the model was run.
    pub passes: usize,
    /// Every number that was set, for the record.
    pub parameters: serde_json::Value,
    /// What a person should know of this map.
    pub notes: Vec<String>,
}

/// `channels` with the background of `scored` where `keep` is 0, themselves where it is 1: `x keep + b (1 - keep)`.
pub(super) fn masked(scored: &dyn Scored, keep: &[f32]) -> Vec<Vec<f32>> {
    let backgrounds = scored.background().iter().copied().chain(std::iter::repeat(0.0));
    scored
        .channels()
        .iter()
        .zip(backgrounds)
        .map(|(channel, b)| channel.iter().zip(keep).map(|(x, k)| b + (x - b) * k).collect())
        .collect()
}

/// Number of voxels of a grid `[nx, ny, nz]`.
pub(super) fn voxels(size: [usize; 3]) -> usize {
    size.iter().product()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// `Σ w x` over one channel: each voxel's contribution is known.
    pub struct Linear {
        pub size: [usize; 3],
        pub weights: Vec<f32>,
        pub channels: Vec<Vec<f32>>,
        pub background: Vec<f32>,
        pub activations: Option<Activations>,
        pub gradients: Option<Activations>,
    }

    impl Linear {
        pub fn new(size: [usize; 3], weight: impl Fn(usize) -> f32, value: impl Fn(usize) -> f32) -> Self {
            let n = voxels(size);
            Self {
                size,
                weights: (0..n).map(weight).collect(),
                channels: vec![(0..n).map(value).collect()],
                background: vec![0.0],
                activations: None,
                gradients: None,
            }
        }

        /// What the voxel adds to the score over the background.
        pub fn contributions(&self) -> Vec<f32> {
            self.weights.iter().zip(&self.channels[0]).map(|(w, x)| w * (x - self.background[0])).collect()
        }
    }

    impl Scored for Linear {
        fn size(&self) -> [usize; 3] {
            self.size
        }
        fn channels(&self) -> &[Vec<f32>] {
            &self.channels
        }
        fn background(&self) -> &[f32] {
            &self.background
        }
        fn score(&self, channels: &[Vec<f32>]) -> Result<f64, ExplainError> {
            Ok(self.weights.iter().zip(&channels[0]).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum())
        }
        fn activations(&self) -> Result<Option<Activations>, ExplainError> {
            Ok(self.activations.clone())
        }
        fn gradients(&self) -> Result<Option<Activations>, ExplainError> {
            Ok(self.gradients.clone())
        }
    }
}
