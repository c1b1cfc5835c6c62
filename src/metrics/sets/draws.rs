//! Seeded draws that are the same on every machine and with any number of threads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A generator of its own for each `stream`, so that the order in which threads draw does not matter.
#[must_use]
pub fn seeded(seed: u64, stream: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(stream);
    rng
}

/// From 0 to below `n`; 0 for none.
pub fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    // The upper half of a 128-bit product: uniform to within n / 2^64.
    ((u128::from(rng.next_u64()) * n as u128) >> 64) as usize
}

/// Puts `values` in random order (Fisher and Yates).
pub fn shuffle<T>(values: &mut [T], rng: &mut ChaCha8Rng) {
    let all = values.len();
    draw_to_front(values, all, rng);
}

/// Brings a random choice of `count` values, in random order, to the front.
pub fn draw_to_front<T>(values: &mut [T], count: usize, rng: &mut ChaCha8Rng) {
    for at in 0..count.min(values.len()) {
        let from = at + below(rng, values.len() - at);
        values.swap(at, from);
    }
}

/// The p value of an outcome that `as_extreme` of `permutations` random ones reach too; the outcome itself counts as
/// one (Phipson and Smyth 2010), so it is never 0.
#[must_use]
pub fn permutation_p(as_extreme: usize, permutations: usize) -> f64 {
    (as_extreme + 1) as f64 / (permutations + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_order_is_as_likely_as_any_other() {
        let mut counts = std::collections::BTreeMap::<[u8; 3], u32>::new();
        for stream in 0..6000 {
            let mut order = [0, 1, 2];
            shuffle(&mut order, &mut seeded(1, stream));
            *counts.entry(order).or_default() += 1;
        }
        assert_eq!(counts.len(), 6);
        // Standard deviation 29.
        assert!(counts.values().all(|n| n.abs_diff(1000) < 120), "{counts:?}");
        assert_eq!(below(&mut seeded(1, 0), 0), 0);
    }
}
