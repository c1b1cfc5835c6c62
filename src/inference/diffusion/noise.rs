//! Seeded normal numbers.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};

/// What numbers are drawn for; each has a stream of its own, so that one does not shift another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Purpose {
    /// The image of pure noise that a sampling begins with.
    Start,
    /// The noise of the steps.
    Steps,
    /// Noise that is put onto a real image.
    Forward,
    /// Draws from the latent distribution of an autoencoder.
    Latent,
}

/// Standard normal numbers: a stream for each seed, sample and purpose. The same triple gives the same bytes on every
/// machine: the bits are ChaCha8's, and they become numbers by multiplication alone (Ziggurat; only beyond 3.65 a
/// logarithm is taken, in `f64`, far finer than the `f32` that is kept).
#[derive(Debug, Clone)]
pub struct Noise(ChaCha8Rng);

impl Noise {
    /// The stream of one sample's purpose.
    #[must_use]
    pub fn new(seed: u64, sample: u32, purpose: Purpose) -> Self {
        Self::of_window(seed, sample, purpose, 0)
    }

    /// A stream of its own for one of many windows, so that neither their order nor their number changes what each draws.
    #[must_use]
    pub fn of_window(seed: u64, sample: u32, purpose: Purpose, window: u64) -> Self {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(b"veritome");
        key[16..24].copy_from_slice(&window.to_le_bytes());
        let mut rng = ChaCha8Rng::from_seed(key);
        let purpose = match purpose {
            Purpose::Start => 0,
            Purpose::Steps => 1,
            Purpose::Forward => 2,
            Purpose::Latent => 3,
        };
        rng.set_stream(u64::from(sample) << 8 | purpose);
        Self(rng)
    }

    /// The next number.
    pub fn draw(&mut self) -> f32 {
        StandardNormal.sample(&mut self.0)
    }

    /// The next `n` numbers.
    #[must_use]
    pub fn take(&mut self, n: usize) -> Vec<f32> {
        (0..n).map(|_| self.draw()).collect()
    }
}

#[cfg(test)]
mod tests {
    use sha2::{Digest, Sha256};

    use super::*;
    use crate::io::packages::hex;

    #[test]
    fn streams_repeat_and_differ_from_each_other() {
        let first = Noise::new(1, 0, Purpose::Start).take(1000);
        assert_eq!(first, Noise::new(1, 0, Purpose::Start).take(1000));
        for other in [
            Noise::new(2, 0, Purpose::Start),
            Noise::new(1, 1, Purpose::Start),
            Noise::new(1, 0, Purpose::Steps),
            Noise::new(1, 256, Purpose::Start),
        ] {
            let other = other.clone().take(1000);
            let correlation = first.iter().zip(&other).map(|(a, b)| f64::from(a * b)).sum::<f64>() / 1000.0;
            // Five standard errors.
            assert!(correlation.abs() < 0.16, "{correlation}");
        }
    }

    /// A run that is repeated on another machine or by a later version has to meet these bytes.
    #[test]
    fn the_bytes_stay_the_same() {
        let numbers = Noise::new(42, 3, Purpose::Steps).take(100_000);
        let bytes: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
        assert_eq!(hex(&Sha256::digest(&bytes)), "55a77b3b5e9bb03cd3cf2877252b10cd4ff5498398ac9905e5e1736d641e7ae0");
    }

    #[test]
    fn moments_are_those_of_a_normal_distribution() {
        let x = Noise::new(5, 0, Purpose::Forward).take(400_000);
        let mean_of = |power: i32| x.iter().map(|v| f64::from(*v).powi(power)).sum::<f64>() / x.len() as f64;
        // Standard errors of the moments: sqrt(1, 2, 15, 96) / sqrt(n); five of them.
        for (power, expected, error) in
            [(1, 0.0, 1.0), (2, 1.0, 2_f64.sqrt()), (3, 0.0, 15_f64.sqrt()), (4, 3.0, 96_f64.sqrt())]
        {
            let found = mean_of(power);
            assert!((found - expected).abs() < 5.0 * error / (x.len() as f64).sqrt(), "{power}: {found}");
        }
    }
}
