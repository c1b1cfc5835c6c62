//! Random numbers that are the same for the same seed on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A generator of its own for each `purpose`, so that one method's draws do not shift another's.
pub(super) fn seeded(seed: u64, purpose: u64) -> ChaCha8Rng {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(purpose);
    rng
}

/// From 0 to below 1.
pub(super) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    // The 53 bits that a double holds.
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// From 0 to below `n`; 0 for none.
pub(super) fn below(rng: &mut ChaCha8Rng, n: usize) -> usize {
    ((uniform(rng) * n as f64) as usize).min(n.saturating_sub(1))
}
