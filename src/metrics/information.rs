//! What two images tell about each other by their histograms: mutual information, and how far the histograms are apart.
//!
//! Bins are as numpy's `histogram`: of equal width from the least to the greatest value, each closed below and open
//! above, the last one closed.

use rayon::prelude::*;

use super::image::{ImagePair, Real};
use super::undefined::Undefined;

/// Mutual information from a joint histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MutualInformation {
    /// `H(R) + H(T) - H(R, T)`, nats, 0 where independent (scikit-learn `mutual_info_score` of the bin numbers).
    pub nats: f64,
    /// `(H(R) + H(T)) / H(R, T)`, 1 where independent, 2 where one determines the other (Studholme, Hill and Hawkes
    /// 1999, doi:10.1016/S0031-3203(98)00091-0; scikit-image `normalized_mutual_information`).
    pub normalized: f64,
}

/// How far apart the histograms of two images are. Says nothing of where values lie: two images that are nothing alike
/// can have one histogram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HistogramDistance {
    /// Half the sum of the differences of the bins' shares, 0 to 1.
    pub total_variation: f64,
    /// Root of the Jensen-Shannon divergence in nats, 0 to `sqrt(ln 2)` (scipy `jensenshannon`).
    pub jensen_shannon: f64,
    /// Wasserstein-1 (earth mover's) distance of the values themselves, not of bins, in the images' unit (scipy
    /// `wasserstein_distance`).
    pub wasserstein: f64,
}

/// Mutual information of what counts in a pair, each image in `bins` bins over its own range; scikit-image takes 100.
///
/// # Errors
/// [`Undefined::Constant`] when either image is, [`Undefined::Nothing`] without bins.
pub fn mutual_information<T: Real>(pair: &ImagePair<T>, bins: usize) -> Result<MutualInformation, Undefined> {
    let bins_r = Bins::over(pair.values().map(|pair| pair.0.into()), bins)?;
    let bins_t = Bins::over(pair.values().map(|pair| pair.1.into()), bins)?;
    let mut joint = vec![0_u64; bins * bins];
    let mut n = 0.0;
    for (r, t) in pair.values() {
        n += 1.0;
        joint[bins_r.of(r.into()) * bins + bins_t.of(t.into())] += 1;
    }
    let rows = joint.chunks(bins).map(|row| row.iter().sum());
    let columns = (0..bins).map(|t| joint.iter().skip(t).step_by(bins).sum());
    let (h_r, h_t, h_joint) = (entropy(rows, n), entropy(columns, n), entropy(joint.iter().copied(), n));
    Ok(MutualInformation { nats: (h_r + h_t - h_joint).max(0.0), normalized: (h_r + h_t) / h_joint })
}

/// Distances between the histograms of what counts in a pair, in `bins` bins over the range of both together.
///
/// # Errors
/// [`Undefined::Constant`] when both images are the same constant, [`Undefined::Nothing`] without bins.
pub fn histogram_distance<T: Real>(pair: &ImagePair<T>, bins: usize) -> Result<HistogramDistance, Undefined> {
    // Copies, as the Wasserstein distance needs them sorted.
    let (mut r, mut t): (Vec<T>, Vec<T>) = pair.values().unzip();
    let common = Bins::over(r.iter().chain(&t).map(|v| (*v).into()), bins)?;
    let n = r.len() as f64;
    let shares = |values: &[T]| {
        let mut counts = vec![0.0; bins];
        values.iter().for_each(|v| counts[common.of((*v).into())] += 1.0);
        counts.into_iter().map(|count| count / n).collect::<Vec<f64>>()
    };
    let (p, q) = (shares(&r), shares(&t));
    let total_variation = 0.5 * p.iter().zip(&q).map(|(p, q)| (p - q).abs()).sum::<f64>();
    let divergence = |p: f64, mean: f64| if p > 0.0 { p * (p / mean).ln() } else { 0.0 };
    let twice: f64 = p.iter().zip(&q).map(|(p, q)| divergence(*p, 0.5 * (p + q)) + divergence(*q, 0.5 * (p + q))).sum();
    let rising = |a: &T, b: &T| f64::total_cmp(&(*a).into(), &(*b).into());
    r.par_sort_unstable_by(rising);
    t.par_sort_unstable_by(rising);
    let wasserstein = r.iter().zip(&t).map(|(r, t)| ((*r).into() - (*t).into()).abs()).sum::<f64>() / n;
    Ok(HistogramDistance { total_variation, jensen_shannon: (0.5 * twice).max(0.0).sqrt(), wasserstein })
}

fn entropy(counts: impl Iterator<Item = u64>, n: f64) -> f64 {
    counts.filter(|count| *count > 0).map(|count| count as f64 / n).map(|p| -p * p.ln()).sum()
}

/// Bins of equal width.
struct Bins {
    edges: Vec<f64>,
    per_unit: f64,
}

impl Bins {
    fn over(values: impl Iterator<Item = f64>, bins: usize) -> Result<Self, Undefined> {
        if bins == 0 {
            return Err(Undefined::Nothing);
        }
        let (low, high) = values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
        let width = high - low;
        if width.is_nan() || width <= 0.0 {
            return Err(Undefined::Constant);
        }
        let mut edges: Vec<f64> = (0..bins).map(|n| low + n as f64 * (width / bins as f64)).collect();
        edges.push(high);
        Ok(Self { edges, per_unit: bins as f64 / width })
    }

    /// The bin of a value in the range. The quotient may be a bin off at an edge; the edges decide.
    fn of(&self, value: f64) -> usize {
        let last = self.edges.len() - 2;
        let mut bin = (((value - self.edges[0]) * self.per_unit) as usize).min(last);
        while bin > 0 && value < self.edges[bin] {
            bin -= 1;
        }
        while bin < last && value >= self.edges[bin + 1] {
            bin += 1;
        }
        bin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_tells_all_about_itself_and_nothing_of_a_constant() {
        let image: Vec<f32> = (0..64).map(|n| (n % 8) as f32).collect();
        let pair = ImagePair::new(&image, &image, [8, 8, 1], None).unwrap();
        let itself = mutual_information(&pair, 8).unwrap();
        assert!((itself.nats - 8.0_f64.ln()).abs() < 1e-12 && (itself.normalized - 2.0).abs() < 1e-12);
        let distance = histogram_distance(&pair, 8).unwrap();
        assert_eq!((distance.total_variation, distance.jensen_shannon, distance.wasserstein), (0.0, 0.0, 0.0));
        assert_eq!(mutual_information(&pair, 0), Err(Undefined::Nothing));
        let flat = [1.0; 64];
        let pair = ImagePair::new(&image, &flat, [8, 8, 1], None).unwrap();
        assert_eq!(mutual_information(&pair, 8), Err(Undefined::Constant));
    }
}
