//! Random numbers that are the same for the same plan on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// What is drawn; each has a stream of its own, so that one kind of draw does not shift another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::reader_study) enum Purpose {
    Blocks = 1,
    Couples = 2,
    Sides = 3,
    Repeats = 4,
    Training = 5,
    Order = 6,
    Codes = 7,
    Quiz = 8,
}

/// A generator of integers; no float takes part, so that no machine rounds otherwise.
pub(in crate::reader_study) struct Draws(ChaCha8Rng);

impl Draws {
    /// What concerns one list: ChaCha8, its key the SHA-256 of the lines `veritome-list/1`, seed, reader and session
    /// (each but the last ended by a newline), its stream the purpose. Session 0 is all of a reader's sessions.
    pub(in crate::reader_study) fn of_list(seed: u64, reader: &str, session: u32, purpose: Purpose) -> Self {
        let key = Sha256::digest(format!("veritome-list/1\n{seed}\n{reader}\n{session}").as_bytes());
        let mut rng = ChaCha8Rng::from_seed(key.into());
        rng.set_stream(purpose as u64);
        Self(rng)
    }

    /// What concerns the whole study: that of a reader without a name.
    pub(in crate::reader_study) fn of_study(seed: u64, purpose: Purpose) -> Self {
        Self::of_list(seed, "", 0, purpose)
    }

    /// From 0 to below `n`, each equally likely; 0 for none.
    pub(in crate::reader_study) fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        if n < 2 {
            return 0;
        }
        // The last, incomplete run of `n` values would favour the low ones.
        let complete = u64::MAX - u64::MAX % n;
        loop {
            let value = self.0.next_u64();
            if value < complete {
                return (value % n) as usize;
            }
        }
    }

    /// Every order equally likely (Fisher and Yates).
    pub(in crate::reader_study) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }

    /// One of them, taken out; none of none.
    pub(in crate::reader_study) fn take<T>(&mut self, from: &mut Vec<T>) -> Option<T> {
        if from.is_empty() { None } else { Some(from.swap_remove(self.below(from.len()))) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_pinned() {
        // From this generator itself: a change here changes the lists of studies that are under way.
        let mut draws = Draws::of_list(7, "R1", 1, Purpose::Order);
        let drawn: Vec<usize> = (0..8).map(|_| draws.below(1000)).collect();
        assert_eq!(drawn, PINNED);
    }

    const PINNED: [usize; 8] = [146, 893, 786, 396, 664, 401, 720, 107];

    #[test]
    fn reader_session_seed_and_purpose_each_change_the_draws() {
        let drawn = |seed, reader, session, purpose| {
            let mut draws = Draws::of_list(seed, reader, session, purpose);
            (0..4).map(|_| draws.below(1 << 30)).collect::<Vec<_>>()
        };
        let base = drawn(7, "R1", 1, Purpose::Order);
        assert_eq!(base, drawn(7, "R1", 1, Purpose::Order));
        for other in [
            drawn(8, "R1", 1, Purpose::Order),
            drawn(7, "R2", 1, Purpose::Order),
            drawn(7, "R1", 2, Purpose::Order),
            drawn(7, "R1", 1, Purpose::Codes),
        ] {
            assert_ne!(base, other);
        }
    }

    #[test]
    fn shuffles_favour_no_order() {
        let mut draws = Draws::of_study(1, Purpose::Order);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..6000 {
            let mut values = [0, 1, 2];
            draws.shuffle(&mut values);
            *counts.entry(values).or_insert(0) += 1;
        }
        // Binomial(6000, 1/6): standard deviation 29.
        assert_eq!(counts.len(), 6);
        assert!(counts.values().all(|n| (880..1120).contains(n)), "{counts:?}");
    }
}
