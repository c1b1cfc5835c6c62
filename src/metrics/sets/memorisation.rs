//! Generated images that repeat a training image.
//!
//! Three questions, each with its own yardstick: is a generated image nearer to a training image than that one is to its
//! own kind (authenticity)? Is it nearer to the training set than unseen real images are (hold-out)? Are the generated
//! images as a whole nearer to the training set than to unseen images of the same source ([`super::nearer_set`])?

use serde::Serialize;

use super::errors::SetError;
use super::features::Features;
use super::nearer_set::NearerSet;
use super::neighbours::{Neighbour, Neighbours};
use super::quantiles::quantiles;
use crate::reader_study::analysis::AnalysisError;

/// Quantiles that are reported of each kind of distance.
pub const DISTANCE_QUANTILES: [f64; 7] = [0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95];

/// Real images, and whose they are.
#[derive(Debug, Clone, Copy)]
pub struct ReferenceSet<'a> {
    /// Features, `[n, d]`.
    pub features: &'a Features,
    /// The patient of each image; `None` where each image is of another one. Patients are what is relabelled, and a
    /// training image's own kind are those of other patients.
    pub patients: Option<&'a [String]>,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemorisationOptions {
    /// Training neighbours listed for a suspicious image.
    pub neighbours: usize,
    /// An image is suspicious when at most this share of unseen real images lie as near to the training set, 0 to 1.
    pub level: f64,
    /// One minus the confidence of intervals.
    pub alpha: f64,
    /// Relabellings of the permutation test.
    pub permutations: usize,
    /// Of the relabellings.
    pub seed: u64,
}

impl Default for MemorisationOptions {
    fn default() -> Self {
        Self { neighbours: 5, level: 0.01, alpha: 0.05, permutations: 9999, seed: 0 }
    }
}

/// One generated image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GeneratedImage {
    /// Its place among the generated ones, from 0.
    pub index: usize,
    /// The nearest training image.
    pub training: Neighbour,
    /// The nearest hold-out image.
    pub holdout: Neighbour,
    /// Its distance to that training image over the distance of that one to the nearest other training image; none where
    /// the latter is 0 because the training set holds it twice.
    pub authenticity_ratio: Option<f64>,
    /// Whether it is farther from the training image than that one is from the nearest other one.
    pub authentic: bool,
    /// Share of hold-out images as near to the training set, this image counted with them: `(1 + k)/(1 + n)`. A p value
    /// if generated and hold-out images are alike but for memorisation; never below `1/(1 + n)`.
    pub p: f64,
}

/// A generated image that lies too near to the training set, with what it may be a copy of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SuspiciousImage {
    /// The image.
    pub image: GeneratedImage,
    /// Training images nearest to it.
    pub neighbours: Vec<Neighbour>,
}

/// Quantiles of distances to the nearest image, at [`DISTANCE_QUANTILES`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DistanceQuantiles {
    /// From generated to training images.
    pub generated_to_training: Vec<f64>,
    /// From generated to hold-out images; has more to choose from when that set is larger.
    pub generated_to_holdout: Vec<f64>,
    /// From training images to others (of other patients, where these are known).
    pub training_to_training: Vec<f64>,
    /// From hold-out to training images: what a model that memorises nothing should look like.
    pub holdout_to_training: Vec<f64>,
}

/// The audit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Memorisation {
    /// Generated images nearer to the training than to the hold-out set.
    pub nearer: NearerSet,
    /// Share of authentic images, 0 to 1 (AuthPct/100; Alaa et al. 2022, arXiv:2102.08921).
    pub authentic_share: f64,
    /// Every generated image, in order.
    pub images: Vec<GeneratedImage>,
    /// Those with `p` at most the level, nearest to the training set first; ties in their order.
    pub suspicious: Vec<SuspiciousImage>,
    /// How many would be listed by chance, at most: level times images.
    pub suspicious_expected: f64,
    /// The smallest `p` that this hold-out set can give; above the level nothing can be suspicious.
    pub least_p: f64,
    /// Hold-out images that stand in the training set too, at distance 0.
    pub holdout_copies: usize,
    /// Distances compared.
    pub distances: DistanceQuantiles,
}

impl Memorisation {
    /// Compares `generated` with what the model was trained on and with what it has not seen.
    ///
    /// # Errors
    /// When the sets differ in their features, a set is too small for its neighbours, there is not one patient an image, a
    /// patient stands in both sets, or `level` or `alpha` is not inside 0 to 1.
    pub fn new(
        generated: &Features,
        training: &ReferenceSet,
        holdout: &ReferenceSet,
        options: &MemorisationOptions,
    ) -> Result<Self, SetError> {
        inside_unit("the level", options.level)?;
        inside_unit("alpha", options.alpha)?;
        for set in [training, holdout] {
            let found = set.patients.map_or(set.features.len(), <[String]>::len);
            SetError::same_length("patients, one an image", set.features.len(), found)?;
        }
        let to_training = Neighbours::between(generated, training.features, options.neighbours)?;
        let to_holdout = Neighbours::between(generated, holdout.features, 1)?;
        let holdout_distances = Neighbours::between(holdout.features, training.features, 1)?.kth_distances();
        let own_kind = |a: usize, b: usize| a != b && training.patients.is_none_or(|p| p[a] != p[b]);
        let training_distances =
            Neighbours::where_allowed(training.features, training.features, 1, &own_kind)?.kth_distances();

        let mut unseen = holdout_distances.clone();
        unseen.sort_by(f64::total_cmp);
        let nearest: Vec<[Neighbour; 2]> =
            to_training.nearest().zip(to_holdout.nearest()).map(|(t, h)| [t, h]).collect();
        let image = |(index, [training, holdout]): (usize, &[Neighbour; 2])| {
            let own = training_distances[training.index];
            let as_near = unseen.partition_point(|d| *d <= training.distance);
            GeneratedImage {
                index,
                training: *training,
                holdout: *holdout,
                authenticity_ratio: (own > 0.0).then(|| training.distance / own),
                authentic: own < training.distance,
                p: (as_near + 1) as f64 / (unseen.len() + 1) as f64,
            }
        };
        let images: Vec<GeneratedImage> = nearest.iter().enumerate().map(image).collect();
        let mut suspicious: Vec<SuspiciousImage> = images
            .iter()
            .filter(|image| image.p <= options.level)
            .map(|image| SuspiciousImage { image: *image, neighbours: to_training.of(image.index).to_vec() })
            .collect();
        suspicious.sort_by(|a, b| a.image.training.distance.total_cmp(&b.image.training.distance));
        let of = |distances: &[f64]| quantiles(distances, &DISTANCE_QUANTILES);
        let distances_to = |set: usize| nearest.iter().map(|n| n[set].distance).collect::<Vec<f64>>();
        Ok(Self {
            nearer: NearerSet::new(&nearest, [training, holdout], options.alpha, options.permutations, options.seed)?,
            authentic_share: images.iter().filter(|image| image.authentic).count() as f64 / images.len() as f64,
            suspicious,
            suspicious_expected: options.level * images.len() as f64,
            least_p: 1.0 / (unseen.len() + 1) as f64,
            holdout_copies: holdout_distances.iter().filter(|d| **d == 0.0).count(),
            distances: DistanceQuantiles {
                generated_to_training: of(&distances_to(0)),
                generated_to_holdout: of(&distances_to(1)),
                training_to_training: of(&training_distances),
                holdout_to_training: of(&holdout_distances),
            },
            images,
        })
    }
}

fn inside_unit(name: &'static str, value: f64) -> Result<(), SetError> {
    if value > 0.0 && value < 1.0 {
        Ok(())
    } else {
        Err(AnalysisError::Value { name, value, expected: "it lies between 0 and 1" }.into())
    }
}
