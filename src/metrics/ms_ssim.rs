//! Multi-scale structural similarity (Wang, Simoncelli and Bovik 2003, doi:10.1109/ACSSC.2003.1292216).
//!
//! As MONAI's `MultiScaleSSIMMetric`: at each scale the mean contrast-structure factor, at the coarsest the mean SSIM,
//! negative ones set to 0, each to the power of its weight, all multiplied; from scale to scale the image is halved by
//! means of 2 (x2 x2) voxels, an odd last one dropped. The window is [`ssim`](super::ssim())'s, and windows lie wholly
//! inside. There is no masked form: a mask has no agreed meaning on the coarser scales.
//!
//! With the paper's five scales every axis in use needs 176 voxels; most volumes have fewer slices, so give slices.

use rayon::prelude::*;

use super::gaussian_moments::{Images, Taps};
use super::image::{ImagePair, Real, flat_last};
use super::ssim::{SsimOptions, whole};
use super::undefined::Undefined;

/// The paper's weights, finest scale first.
pub const MS_SSIM_WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];

/// MS-SSIM of the whole pair, whatever its mask; a volume in 3D, a single slice (one voxel along any axis) in 2D.
///
/// # Errors
/// [`Undefined::TooSmall`] below MONAI's least size, `window * (scales - 1)^2` voxels (176 for 11 and 5) along every
/// axis in use, or the window's width at the coarsest scale; [`Undefined::Nothing`] without weights;
/// [`Undefined::NotFinite`] when a value outside the pair's mask is not finite.
pub fn ms_ssim<T: Real>(pair: &ImagePair<T>, options: &SsimOptions, weights: &[f64]) -> Result<f64, Undefined> {
    let (size, _) = flat_last(pair.size(), [(); 3]);
    product(Images { a: pair.reference(), b: pair.test(), size }, options, weights)
}

/// MS-SSIM of each slice along z by itself; `nz` of them.
#[must_use]
pub fn ms_ssim_per_slice<T: Real>(
    pair: &ImagePair<T>,
    options: &SsimOptions,
    weights: &[f64],
) -> Vec<Result<f64, Undefined>> {
    let [nx, ny, _] = pair.size();
    let slices = pair.reference().par_chunks(nx * ny).zip(pair.test().par_chunks(nx * ny));
    slices.map(|(a, b)| product(Images { a, b, size: [nx, ny, 1] }, options, weights)).collect()
}

fn least_size(window: usize, scales: usize) -> usize {
    let halvings = scales.saturating_sub(1);
    // MONAI asks that `n / (scales - 1)^2` (rounded down) reaches the window; what is halved must hold it too.
    let halved = window.checked_shl(halvings as u32).unwrap_or(usize::MAX);
    window.saturating_mul(halvings.max(1).saturating_pow(2)).max(halved)
}

fn product<T: Real>(images: Images<T>, options: &SsimOptions, weights: &[f64]) -> Result<f64, Undefined> {
    let [finest, coarser @ ..] = weights else { return Err(Undefined::Nothing) };
    let size = images.size;
    let least = least_size(Taps::width(options.sigma), weights.len());
    if size.iter().enumerate().any(|(axis, n)| *n < least && !(axis == 2 && *n == 1)) {
        return Err(Undefined::TooSmall { size, least });
    }
    let mut means = whole(images, options)?;
    let mut product = 1.0;
    let mut weight = finest;
    let mut level: Option<(Vec<f64>, Vec<f64>, [usize; 3])> = None;
    for next in coarser {
        product *= means.contrast.max(0.0).powf(*weight);
        let (a, b, size) = match &level {
            None => (halved(images.a, size), halved(images.b, size), half_size(size)),
            Some((a, b, size)) => (halved(a, *size), halved(b, *size), half_size(*size)),
        };
        means = whole(Images { a: &a, b: &b, size }, options)?;
        level = Some((a, b, size));
        weight = next;
    }
    Ok(product * means.ssim.max(0.0).powf(*weight))
}

fn half_size([nx, ny, nz]: [usize; 3]) -> [usize; 3] {
    [nx / 2, ny / 2, if nz == 1 { 1 } else { nz / 2 }]
}

/// Means of 2 x 2 x 2 voxels, or 2 x 2 of a single slice.
fn halved<T: Copy + Into<f64> + Sync>(values: &[T], size: [usize; 3]) -> Vec<f64> {
    let [nx, ny, nz] = size;
    let [half_x, half_y, half_z] = half_size(size);
    let depth = if nz == 1 { 1 } else { 2 };
    let mut out = vec![0.0; half_x * half_y * half_z];
    out.par_chunks_mut(half_x * half_y).enumerate().for_each(|(z, plane)| {
        for (y, row) in plane.chunks_mut(half_x).enumerate() {
            for (k, j) in (0..depth).flat_map(|k| [(k, 0), (k, 1)]) {
                let start = ((z * depth + k) * ny + 2 * y + j) * nx;
                for (o, pair) in row.iter_mut().zip(values[start..start + nx].chunks_exact(2)) {
                    *o += pair.iter().map(|v| (*v).into()).sum::<f64>();
                }
            }
            row.iter_mut().for_each(|o| *o /= (4 * depth) as f64);
        }
    });
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::image::DataRange;

    #[test]
    fn the_least_size_is_monais() {
        assert_eq!([1, 2, 3, 5].map(|scales| least_size(11, scales)), [11, 22, 44, 176]);
        let image = vec![0.0_f32; 175 * 176];
        let pair = ImagePair::new(&image, &image, [175, 176, 1], None).unwrap();
        let options = SsimOptions::new(DataRange::new(1.0).unwrap());
        let small = Undefined::TooSmall { size: [175, 176, 1], least: 176 };
        assert_eq!(ms_ssim(&pair, &options, &MS_SSIM_WEIGHTS), Err(small));
        assert_eq!(ms_ssim(&pair, &options, &[]), Err(Undefined::Nothing));
        assert_eq!(ms_ssim_per_slice(&pair, &options, &MS_SSIM_WEIGHTS).len(), 1);
    }

    #[test]
    fn an_odd_last_voxel_is_dropped_when_halving() {
        let values: Vec<f64> = (0..15).map(f64::from).collect();
        assert_eq!(halved(&values, [5, 3, 1]), [3.0, 5.0]);
    }
}
