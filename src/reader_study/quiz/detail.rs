//! What a made image lacks beside the acquired one, as numbers that can be told.

use crate::volume::{Geometry, Provenance, Volume, Voxels};

/// How a made image differs from the acquired one of the same place.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Difference {
    /// Fine detail of the made image as a share of the acquired one's: root mean square of what is left when the mean of
    /// 3 x 3 x 3 voxels is taken away.
    pub detail_share: f64,
    /// Mean absolute difference as a share of the acquired one's range (1st to 99th percentile).
    pub mean_share: f64,
}

impl Difference {
    /// Of two images on one grid; none where the acquired one is flat.
    #[must_use]
    pub fn of(real: &[f32], made: &[f32], size: [usize; 3]) -> Option<Self> {
        let mut sorted = real.to_vec();
        sorted.sort_by(f32::total_cmp);
        let at = |percent: usize| sorted.get(sorted.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0.0);
        let range = f64::from(at(99) - at(1));
        let (fine, own) = (detail(made, size), detail(real, size));
        let sum: f64 = real.iter().zip(made).map(|(r, m)| f64::from((r - m).abs())).sum();
        (range > 0.0 && own > 0.0)
            .then(|| Self { detail_share: fine / own, mean_share: sum / real.len().max(1) as f64 / range })
    }

    /// What to look for, for who guessed.
    #[must_use]
    pub fn words(&self, synthetic: bool) -> String {
        let percent = self.detail_share * 100.0;
        let whose = if synthetic { "This image" } else { "The model's image of this place" };
        let kind = if percent < 97.0 {
            "it is smoother than the acquired one"
        } else if percent > 103.0 {
            "it is rougher than the acquired one"
        } else {
            "its texture is as fine as the acquired one's, and only the map shows where it differs"
        };
        format!(
            "{whose} has {percent:.0} % of the acquired image's fine detail: {kind}. On average it is off by {:.1} % of the \
             grey range.",
            self.mean_share * 100.0
        )
    }
}

/// Root mean square of values less the mean of their 27 neighbours, inside the outermost voxels.
fn detail(values: &[f32], [nx, ny, nz]: [usize; 3]) -> f64 {
    let (mut sum, mut count) = (0.0, 0_usize);
    for k in 1..nz.saturating_sub(1) {
        for j in 1..ny.saturating_sub(1) {
            for i in 1..nx.saturating_sub(1) {
                let mut mean = 0.0;
                for c in k - 1..=k + 1 {
                    for b in j - 1..=j + 1 {
                        let row = i - 1 + nx * (b + ny * c);
                        mean += values.get(row..row + 3).into_iter().flatten().map(|v| f64::from(*v)).sum::<f64>();
                    }
                }
                let own = values.get(i + nx * (j + ny * k)).copied().unwrap_or(0.0);
                sum += (f64::from(own) - mean / 27.0).powi(2);
                count += 1;
            }
        }
    }
    (sum / count.max(1) as f64).sqrt()
}

/// Where two images differ: their absolute difference, on their grid.
#[must_use]
pub fn map(real: &[f32], made: &[f32], geometry: &Geometry) -> Option<Volume> {
    let values: Vec<f32> = real.iter().zip(made).map(|(r, m)| (r - m).abs()).collect();
    Volume::new("difference", Voxels::from(values), geometry.clone(), Provenance::marked_synthetic(Vec::new(), None))
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoothed_image_has_less_detail_and_says_so() {
        let size = [12, 12, 12];
        let real: Vec<f32> = (0..1728_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 20) as f32).collect();
        let half: Vec<f32> = real.iter().map(|v| 2048.0 + (v - 2048.0) * 0.5).collect();
        let found = Difference::of(&real, &half, size).unwrap();
        assert!((found.detail_share - 0.5).abs() < 1e-6, "{}", found.detail_share);
        assert!(found.words(true).contains("50 %") && found.words(true).contains("smoother"));
        assert!(Difference::of(&[1.0; 27], &[1.0; 27], [3; 3]).is_none());
    }
}
