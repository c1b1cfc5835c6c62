//! How alike two maps are: Spearman's rank correlation and SSIM.

use super::scored::voxels;
use crate::metrics::error_uncertainty_spearman;

/// Spearman's rank correlation, ties sharing their mean rank; 0 where one of the two is constant or not finite.
#[must_use]
pub fn spearman(a: &[f32], b: &[f32]) -> f64 {
    error_uncertainty_spearman(a, b).unwrap_or(0.0)
}

/// Structural similarity of two maps `[nz, ny, nx]`, each scaled to at most 1 in size (so the data range is 2): mean
/// over uniform windows of 7 voxels an axis (fewer where the grid is smaller), sample covariance, as scikit-image's
/// default.
#[must_use]
pub fn ssim(a: &[f32], b: &[f32], size: [usize; 3]) -> f64 {
    let n = voxels(size);
    if a.len() != n || b.len() != n || n == 0 {
        return 0.0;
    }
    let scaled = |v: &[f32]| -> Vec<f64> {
        let largest = v.iter().fold(0.0_f32, |m, x| m.max(x.abs()));
        let unit = if largest > 0.0 { f64::from(largest) } else { 1.0 };
        v.iter().map(|x| f64::from(*x) / unit).collect()
    };
    let (a, b) = (scaled(a), scaled(b));
    // The largest odd window that fits.
    let window = size.map(|n| (if n.is_multiple_of(2) { n - 1 } else { n }).min(7));
    let product = |u: &[f64], v: &[f64]| -> Vec<f64> { u.iter().zip(v).map(|(x, y)| x * y).collect() };
    let mean = |v: Vec<f64>| box_means(v, size, window);
    let (ma, mb) = (mean(a.clone()), mean(b.clone()));
    let (aa, bb, ab) = (mean(product(&a, &a)), mean(product(&b, &b)), mean(product(&a, &b)));
    let count = voxels(window) as f64;
    let sample = if count > 1.0 { count / (count - 1.0) } else { 1.0 };
    let (c1, c2) = ((0.01 * 2.0_f64).powi(2), (0.03 * 2.0_f64).powi(2));
    let sum: f64 = (0..ma.len())
        .map(|n| {
            let (ua, ub) = (ma[n], mb[n]);
            let (va, vb, vab) = (sample * (aa[n] - ua * ua), sample * (bb[n] - ub * ub), sample * (ab[n] - ua * ub));
            (2.0 * ua * ub + c1) * (2.0 * vab + c2) / ((ua * ua + ub * ub + c1) * (va + vb + c2))
        })
        .sum();
    sum / ma.len() as f64
}

/// Means over every box that lies wholly in the grid.
fn box_means(values: Vec<f64>, size: [usize; 3], window: [usize; 3]) -> Vec<f64> {
    let mut values = values;
    let mut size = size;
    for axis in 0..3 {
        let stride: usize = size[..axis].iter().product();
        let (n, w) = (size[axis], window[axis]);
        let kept = n + 1 - w;
        let outer: usize = size[axis + 1..].iter().product();
        let mut out = vec![0.0; stride * kept * outer];
        for o in 0..outer {
            for i in 0..kept {
                for s in 0..stride {
                    let sum: f64 = (0..w).map(|k| values[(o * n + i + k) * stride + s]).sum();
                    out[(o * kept + i) * stride + s] = sum / w as f64;
                }
            }
        }
        values = out;
        size[axis] = kept;
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Expected: scipy.stats.spearmanr and skimage.metrics.structural_similarity (`tests/expected/make_similarity.py`).
    #[test]
    fn numbers_are_scipys_and_scikit_images() {
        let cases: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/expected/similarity.json")).unwrap();
        for case in cases.as_array().unwrap() {
            let numbers = |key: &str| -> Vec<f32> {
                case[key].as_array().unwrap().iter().map(|x| x.as_f64().unwrap() as f32).collect()
            };
            let size: Vec<usize> = numbers("size").iter().map(|n| *n as usize).collect();
            let (a, b) = (numbers("a"), numbers("b"));
            let rank = spearman(&a, &b);
            assert!((rank - case["spearman"].as_f64().unwrap()).abs() < 1e-9, "{rank}");
            let found = ssim(&a, &b, [size[0], size[1], size[2]]);
            assert!((found - case["ssim"].as_f64().unwrap()).abs() < 1e-6, "{found} {}", case["ssim"]);
        }
    }

    #[test]
    fn equal_maps_are_alike_and_constant_ones_say_nothing() {
        let a: Vec<f32> = (0..64).map(|n| ((n * 37) % 64) as f32).collect();
        assert!((spearman(&a, &a) - 1.0).abs() < 1e-12);
        assert!((ssim(&a, &a, [4, 4, 4]) - 1.0).abs() < 1e-12);
        assert_eq!(spearman(&a, &[1.0; 64]), 0.0);
    }
}
