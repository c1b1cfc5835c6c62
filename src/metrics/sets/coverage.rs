//! Whether generated images look like real ones, and whether they are as varied: precision, recall, density, coverage.

use serde::Serialize;

use super::errors::SetError;
use super::features::Features;
use super::neighbours::{Neighbours, balls_around};

/// Precision and recall after Kynkäänniemi et al. 2019 (arXiv:1904.06991), density and coverage after Naeem et al. 2020
/// (arXiv:2002.09797), over balls around each image that reach to its `k`th neighbour in its own set.
///
/// A ball is without its rim, as in Naeem's `prdc`; that matters only where images are copies of one another. One outlier
/// among the real images raises precision, which density does not follow.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Coverage {
    /// Neighbours that a ball reaches to.
    pub k: usize,
    /// Share of the generated images inside some ball of a real one, 0 to 1.
    pub precision: f64,
    /// Share of the real images inside some ball of a generated one, 0 to 1.
    pub recall: f64,
    /// Mean number of balls of real images that a generated one lies in, over `k`; may exceed 1, and is about 1 for equal
    /// distributions.
    pub density: f64,
    /// Share of the real images with a generated one in their ball, 0 to 1; about `1 - 2^-k` for equal distributions and
    /// sizes.
    pub coverage: f64,
}

impl Coverage {
    /// Compares `generated` with `real`; `k` is 3 in the first paper, 5 in the second.
    ///
    /// # Errors
    /// When the sets differ in their features, `k` is 0, or a set has no more than `k` images.
    pub fn new(real: &Features, generated: &Features, k: usize) -> Result<Self, SetError> {
        real.same_space(generated)?;
        let real_radii = Neighbours::within(real, k)?.kth_distances();
        let generated_radii = Neighbours::within(generated, k)?.kth_distances();
        let around_generated = balls_around(generated, real, &real_radii)?;
        let around_real = balls_around(real, generated, &generated_radii)?;
        let nearest = Neighbours::between(real, generated, 1)?;
        let covered = nearest.nearest().zip(&real_radii).filter(|(near, radius)| near.distance < **radius).count();
        let share = |counts: &[usize]| counts.iter().filter(|n| **n > 0).count() as f64 / counts.len() as f64;
        Ok(Self {
            k,
            precision: share(&around_generated),
            recall: share(&around_real),
            density: around_generated.iter().sum::<usize>() as f64 / (k * generated.len()) as f64,
            coverage: covered as f64 / real.len() as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_perfect_copy_has_one_everywhere() {
        let set = Features::new((0..40).map(|n| f64::from(n * n % 37)).collect(), 2).unwrap();
        let same = Coverage::new(&set, &set, 3).unwrap();
        assert_eq!((same.precision, same.recall, same.density, same.coverage), (1.0, 1.0, 1.0, 1.0));
    }
}
