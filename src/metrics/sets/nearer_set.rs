//! Whether generated images lie nearer to the training set than to a hold-out set, as a whole.
//!
//! Without memorisation the images of both sets are exchangeable, so the nearest of them all is a training image as often
//! as their share among all says. Many generated images may have the same nearest one, which a binomial test takes for
//! independent evidence; the permutation test, which relabels the images (or the patients), does not.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use serde::Serialize;

use super::draws::{draw_to_front, permutation_p, seeded};
use super::errors::SetError;
use super::memorisation::ReferenceSet;
use super::neighbours::Neighbour;
use crate::reader_study::analysis::proportion::Proportion;

/// How many generated images are nearer to the training set than to the hold-out set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct NearerSet {
    /// Generated images that are nearer to the training set.
    pub nearer_to_training: u64,
    /// Generated images that are nearer to one of the sets.
    pub of: u64,
    /// Generated images that are equally near to both, left out.
    pub ties: u64,
    /// Their share, 0 to 1; none when all are ties.
    pub share: Option<f64>,
    /// Of the share, Clopper and Pearson 1934; as if the generated images were independent of each other.
    pub interval: Option<[f64; 2]>,
    /// The share without memorisation: training images among all of both sets, or training patients among all.
    pub expected: f64,
    /// Exact binomial, one-sided; as if the generated images were independent of each other.
    pub p_binomial: Option<f64>,
    /// One-sided, by relabelling; the one to report.
    pub p_permutation: Option<f64>,
    /// What was relabelled.
    pub relabelled: Unit,
    /// How often.
    pub permutations: usize,
}

/// What counts as independent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Each image.
    Image,
    /// All images of a patient together.
    Patient,
}

impl NearerSet {
    /// Counts and tests the nearest training and hold-out image of each generated one.
    pub(super) fn new(
        nearest: &[[Neighbour; 2]],
        sets: [&ReferenceSet; 2],
        alpha: f64,
        permutations: usize,
        seed: u64,
    ) -> Result<Self, SetError> {
        let units = Units::new(sets)?;
        let mut weights = vec![0_u64; units.training + units.holdout];
        let (mut nearer_to_training, mut ties) = (0, 0);
        for [training, holdout] in nearest {
            if training.distance < holdout.distance {
                nearer_to_training += 1;
                weights[units.of[0][training.index]] += 1;
            } else if holdout.distance < training.distance {
                weights[units.of[1][holdout.index]] += 1;
            } else {
                ties += 1;
            }
        }
        let of = nearest.len() as u64 - ties;
        let expected = units.training as f64 / weights.len() as f64;
        let counted = if of > 0 { Some(Proportion::new(nearer_to_training, of)?) } else { None };
        let as_extreme = || {
            let relabelled = (0..permutations as u64).into_par_iter().filter(|stream| {
                let mut weights = weights.clone();
                draw_to_front(&mut weights, units.training, &mut seeded(seed, *stream));
                weights.iter().take(units.training).sum::<u64>() >= nearer_to_training
            });
            relabelled.count()
        };
        Ok(Self {
            nearer_to_training,
            of,
            ties,
            share: counted.map(Proportion::share),
            interval: counted.map(|c| c.clopper_pearson(alpha)),
            expected,
            p_binomial: counted.map(|c| c.test(expected).p_greater),
            p_permutation: counted.map(|_| permutation_p(as_extreme(), permutations)),
            relabelled: units.unit,
            permutations,
        })
    }
}

/// The unit of each image: training ones first, then those of the hold-out set.
struct Units {
    unit: Unit,
    training: usize,
    holdout: usize,
    of: [Vec<usize>; 2],
}

impl Units {
    fn new([training, holdout]: [&ReferenceSet; 2]) -> Result<Self, SetError> {
        if let (Some(train), Some(hold)) = (training.patients, holdout.patients) {
            let seen: BTreeSet<&String> = train.iter().collect();
            if let Some(patient) = hold.iter().find(|patient| seen.contains(patient)) {
                return Err(SetError::PatientInBoth { patient: patient.clone() });
            }
        }
        let (of_training, n) = numbered(training, 0);
        let (of_holdout, m) = numbered(holdout, n);
        let by_patient = training.patients.is_some() || holdout.patients.is_some();
        let unit = if by_patient { Unit::Patient } else { Unit::Image };
        Ok(Self { unit, training: n, holdout: m, of: [of_training, of_holdout] })
    }
}

/// The unit of each image, counted from `first`, and how many units there are; without patients each image is one.
fn numbered(set: &ReferenceSet, first: usize) -> (Vec<usize>, usize) {
    let Some(patients) = set.patients else {
        let n = set.features.len();
        return ((first..first + n).collect(), n);
    };
    let mut numbers = BTreeMap::<&String, usize>::new();
    let number = |patient| {
        let next = first + numbers.len();
        *numbers.entry(patient).or_insert(next)
    };
    (patients.iter().map(number).collect(), numbers.len())
}
