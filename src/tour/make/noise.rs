//! Rician noise, as the magnitude of an MR image has it.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;

use super::{MakeError, made, values};
use crate::jobs::Control;
use crate::tour::format::Noise;
use crate::volume::{Derivation, Volume, statistics};

/// What the fraction is a fraction of: bright tissue, and not the single brightest voxel.
const BRIGHT: f64 = 0.98;

/// `√((v + a)² + b²)` with `a`, `b` normal of the stated standard deviation (Gudbjartsson and Patz 1995).
///
/// # Errors
/// When the image has no values.
pub fn add(of: &Volume, noise: &Noise, control: &Control) -> Result<Volume, MakeError> {
    let bright = statistics::histogram(of, 1024).map(|h| h.percentile(BRIGHT));
    let Some(bright) = bright.filter(|b| *b > 0.0) else { return Err(MakeError::Empty { image: of.name.clone() }) };
    let sigma = noise.fraction * bright;
    let mut values = values(of, control)?;
    let [nx, ny, _] = of.size();
    // A stream a slice, so that threads do not change what is drawn.
    values.par_chunks_mut((nx * ny).max(1)).enumerate().for_each(|(k, slice)| {
        let mut rng = ChaCha8Rng::seed_from_u64(noise.seed);
        rng.set_stream(k as u64);
        let mut draw = || -> f64 { StandardNormal.sample(&mut rng) };
        for value in slice.iter_mut() {
            let (a, b) = (sigma * draw(), sigma * draw());
            *value = (f64::from(*value) + a).hypot(b) as f32;
        }
    });
    control.checkpoint()?;
    let derivation = Derivation {
        description: format!("Rician noise of {:.1} % of the bright tissue added", noise.fraction * 100.0),
        seed: Some(noise.seed),
        generates_pixels: true,
        ..Derivation::default()
    };
    made(of, &[], format!("{} with added noise", of.name), values, of.geometry.clone(), derivation)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::{Geometry, Provenance};

    #[test]
    fn noise_has_the_spread_and_the_rician_lift_of_the_background() {
        let geometry = Geometry::new([40; 3], glam::DMat4::IDENTITY).unwrap();
        let half: Vec<f32> = (0..64_000).map(|n| if n % 40 < 20 { 0.0 } else { 1000.0 }).collect();
        let volume = Volume::new("half", half.into(), geometry, Provenance::acquired(vec![])).unwrap();
        let asked = Noise { name: "n".into(), of: "image".into(), fraction: 0.05, seed: 1 };
        let noisy = add(&volume, &asked, &Control::new()).unwrap();
        let of = |bright: bool| -> Vec<f64> {
            (0..64_000).filter(|n| (n % 40 >= 20) == bright).filter_map(|n| noisy.voxels.get(n)).collect()
        };
        let mean = |v: &[f64]| v.iter().sum::<f64>() / v.len() as f64;
        // Rayleigh: σ √(π/2).
        assert!((mean(&of(false)) - 50.0 * (std::f64::consts::PI / 2.0).sqrt()).abs() < 1.0);
        let bright = of(true);
        let m = mean(&bright);
        let spread = (bright.iter().map(|v| (v - m).powi(2)).sum::<f64>() / bright.len() as f64).sqrt();
        assert!((spread - 50.0).abs() < 1.5, "{spread}");
        assert!(noisy.provenance.is_synthetic());
    }
}
