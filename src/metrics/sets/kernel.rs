//! The kernel distance (KID): squared maximum mean discrepancy with a polynomial kernel.

use rayon::prelude::*;
use serde::Serialize;

use super::draws::{draw_to_front, seeded};
use super::errors::SetError;
use super::features::Features;
use super::products::{blocks, dots, rows};

/// Squared maximum mean discrepancy over random subsets.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct KernelDistance {
    /// Mean over the subsets; unbiased, so it may be below 0 for equal distributions.
    pub mean: f64,
    /// Standard deviation over the subsets with divisor n, as torch-fidelity gives it. Subsets overlap: it is not the
    /// standard error of the mean.
    pub sd: f64,
    /// How many subsets.
    pub subsets: usize,
}

/// The unbiased squared MMD of two whole sets with the kernel `(x.y/d + 1)^3` (Gretton et al. 2012; Binkowski et al.
/// 2018, arXiv:1801.01401). Time grows with the square of the number of images, memory does not.
///
/// # Errors
/// When the sets differ in their features.
pub fn kernel_distance(real: &Features, generated: &Features) -> Result<f64, SetError> {
    real.same_space(generated)?;
    let (n, m) = (real.len() as f64, generated.len() as f64);
    let own = |set: &Features, n: f64| sum_within(set) / (n * (n - 1.0));
    Ok(own(real, n) + own(generated, m) - 2.0 * sum_between(real, generated) / (n * m))
}

/// The same over subsets, each the places of real and of generated images, as [`draw_subsets`] gives them.
///
/// # Errors
/// When the sets differ in their features, there is no subset, or one has fewer than 2 images or a place outside its set.
pub fn kernel_distance_over(
    real: &Features,
    generated: &Features,
    subsets: &[[Vec<usize>; 2]],
) -> Result<KernelDistance, SetError> {
    SetError::at_least("subsets", 1, subsets.len())?;
    let of_subset = |[real_at, generated_at]: &[Vec<usize>; 2]| {
        kernel_distance(&real.select(real_at)?, &generated.select(generated_at)?)
    };
    let distances: Vec<f64> = subsets.iter().map(of_subset).collect::<Result<_, _>>()?;
    let n = distances.len() as f64;
    let mean = distances.iter().sum::<f64>() / n;
    let sd = (distances.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / n).sqrt();
    Ok(KernelDistance { mean, sd, subsets: distances.len() })
}

/// `count` draws without repetition of `size` places out of each set; in the field 100 draws of 1000.
///
/// # Errors
/// When `size` is below 2 or above the number of images in either set.
pub fn draw_subsets(
    images: [usize; 2],
    count: usize,
    size: usize,
    seed: u64,
) -> Result<Vec<[Vec<usize>; 2]>, SetError> {
    SetError::at_least("images in a subset", 2, size)?;
    SetError::at_least("images to draw a subset from", size, images[0].min(images[1]))?;
    let draw = |stream: u64, n: usize| {
        let mut places: Vec<usize> = (0..n).collect();
        draw_to_front(&mut places, size, &mut seeded(seed, stream));
        places.truncate(size);
        places
    };
    Ok((0..count as u64).map(|subset| [draw(2 * subset, images[0]), draw(2 * subset + 1, images[1])]).collect())
}

fn kernel(product: f64, dimensions: usize) -> f64 {
    let base = product / dimensions as f64 + 1.0;
    base * base * base
}

fn sum_between(a: &Features, b: &Features) -> f64 {
    let of_block = |block: std::ops::Range<usize>| -> f64 {
        let own = rows(a, block);
        let products = blocks(b.len()).into_iter().map(|columns| dots(&own, b, columns));
        products.map(|block| block.iter().map(|p| kernel(*p, a.dimensions())).sum::<f64>()).sum()
    };
    // Collected, so that the order of the sum does not depend on the threads.
    blocks(a.len()).into_par_iter().map(of_block).collect::<Vec<f64>>().iter().sum()
}

/// Over all ordered pairs of different images.
fn sum_within(set: &Features) -> f64 {
    let of_block = |block: std::ops::Range<usize>| -> f64 {
        let own = rows(set, block.clone());
        let others = blocks(set.len()).into_iter().filter(|columns| columns.start >= block.start);
        let sum = |columns: std::ops::Range<usize>| {
            let mut products = dots(&own, set, columns.clone());
            products.apply(|p| *p = kernel(*p, set.dimensions()));
            if columns == block { products.sum() - products.trace() } else { 2.0 * products.sum() }
        };
        others.map(sum).sum()
    };
    blocks(set.len()).into_par_iter().map(of_block).collect::<Vec<f64>>().iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subsets_are_drawn_without_repetition_and_again_with_the_same_seed() {
        let subsets = draw_subsets([30, 20], 5, 20, 7).unwrap();
        assert_eq!(subsets, draw_subsets([30, 20], 5, 20, 7).unwrap());
        assert_ne!(subsets, draw_subsets([30, 20], 5, 20, 8).unwrap());
        for places in subsets.iter().flatten() {
            let different: std::collections::BTreeSet<_> = places.iter().collect();
            assert_eq!(different.len(), 20);
        }
        assert!(draw_subsets([30, 19], 5, 20, 7).is_err());
        assert!(draw_subsets([30, 19], 5, 1, 7).is_err());
    }
}
