//! Structural similarity (Wang et al. 2004, doi:10.1109/TIP.2003.819861) under a Gaussian window.
//!
//! As scikit-image's `structural_similarity(gaussian_weights=True, sigma=1.5, use_sample_covariance=False,
//! data_range=R)`: 11 taps, and the mean leaves out the 5 voxels next to each face, where the window would leave the
//! image. A volume has a 3D window, a single slice (one voxel along any axis) a 2D one; spacing plays no part.
//!
//! ```
//! use veritome::metrics::{DataRange, ImagePair, SsimOptions, ssim};
//! let image: Vec<f32> = (0..16 * 16).map(|n| (n % 7) as f32).collect();
//! let pair = ImagePair::new(&image, &image, [16, 16, 1], None).unwrap();
//! let options = SsimOptions::new(DataRange::of_reference(&pair).unwrap());
//! assert!((ssim(&pair, &options).unwrap().mean - 1.0).abs() < 1e-12);
//! ```

use rayon::prelude::*;

use super::gaussian_moments::{Centres, Images, Row, Taps, windowed};
use super::image::{DataRange, ImagePair, Real, flat_last};
use super::undefined::Undefined;

/// How SSIM is taken.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SsimOptions {
    /// Full scale of the values; sets the two constants.
    pub data_range: DataRange,
    /// Standard deviation of the window, voxels.
    pub sigma: f64,
    /// Constant of the luminance term.
    pub k1: f64,
    /// Constant of the contrast term.
    pub k2: f64,
    /// Whether to return the value at every voxel too.
    pub map: bool,
}

impl SsimOptions {
    /// The paper's: sigma 1.5, K1 0.01, K2 0.03; no map.
    #[must_use]
    pub fn new(data_range: DataRange) -> Self {
        Self { data_range, sigma: 1.5, k1: 0.01, k2: 0.03, map: false }
    }

    fn constants(&self) -> [f64; 2] {
        [self.k1, self.k2].map(|k| (k * self.data_range.value()).powi(2))
    }
}

/// Structural similarity of a pair.
#[derive(Debug, Clone, PartialEq)]
pub struct Ssim {
    /// Mean over the voxels of the mask that the window can be centred on, -1 to 1.
    pub mean: f64,
    /// How many those are.
    pub n: u64,
    /// The value at every voxel `[nz, ny, nx]`, masked or not, the image mirrored beyond its faces; NaN where the
    /// window reaches a value that is not finite. If asked for.
    pub map: Option<Vec<f32>>,
}

/// Sums over one slice.
#[derive(Default)]
struct Slice {
    n: u64,
    ssim: f64,
    contrast: f64,
    map: Vec<f32>,
}

/// Means of the structural similarity and of its contrast-structure factor, over voxels inside.
pub(super) struct Means {
    pub(super) n: u64,
    pub(super) ssim: f64,
    pub(super) contrast: f64,
}

/// SSIM of a pair.
///
/// # Errors
/// When the image is smaller than the window along an axis in use, no masked voxel can be its centre, or it reaches a
/// value outside the mask that is not finite.
pub fn ssim<T: Real>(pair: &ImagePair<T>, options: &SsimOptions) -> Result<Ssim, Undefined> {
    let (size, _) = flat_last(pair.size(), [(); 3]);
    let images = Images { a: pair.reference(), b: pair.test(), size };
    let mut slices = slices(images, pair.mask(), options)?;
    let map = options.map.then(|| slices.iter_mut().flat_map(|slice| std::mem::take(&mut slice.map)).collect());
    let means = means(&slices)?;
    Ok(Ssim { mean: means.ssim, n: means.n, map })
}

/// SSIM of each slice along z by itself, with a 2D window; `nz` of them.
#[must_use]
pub fn ssim_per_slice<T: Real>(pair: &ImagePair<T>, options: &SsimOptions) -> Vec<Result<f64, Undefined>> {
    let [nx, ny, nz] = pair.size();
    let of_slice = |z: usize| {
        let here = z * nx * ny..(z + 1) * nx * ny;
        let (a, b) = (&pair.reference()[here.clone()], &pair.test()[here.clone()]);
        let mask = pair.mask().map(|mask| &mask[here]);
        let options = SsimOptions { map: false, ..*options };
        means(&slices(Images { a, b, size: [nx, ny, 1] }, mask, &options)?).map(|means| means.ssim)
    };
    (0..nz).into_par_iter().map(of_slice).collect()
}

/// The two means over a whole image of any number type.
pub(super) fn whole<T: Copy + Into<f64> + Sync>(images: Images<T>, options: &SsimOptions) -> Result<Means, Undefined> {
    means(&slices(images, None, &SsimOptions { map: false, ..*options })?)
}

fn means(slices: &[Slice]) -> Result<Means, Undefined> {
    let n: u64 = slices.iter().map(|slice| slice.n).sum();
    let mean = |of: fn(&Slice) -> f64| slices.iter().map(of).sum::<f64>() / n as f64;
    let (ssim, contrast) = (mean(|slice| slice.ssim), mean(|slice| slice.contrast));
    match n {
        0 => Err(Undefined::Nothing),
        _ if ssim.is_finite() => Ok(Means { n, ssim, contrast }),
        _ => Err(Undefined::NotFinite),
    }
}

fn slices<T: Copy + Into<f64> + Sync>(
    images: Images<T>,
    mask: Option<&[bool]>,
    options: &SsimOptions,
) -> Result<Vec<Slice>, Undefined> {
    let size = images.size;
    let taps = Taps::gaussian(options.sigma, size)?;
    let radius = taps.radius();
    let [nx, ny, nz] = size;
    let [c1, c2] = options.constants();
    let inside = |at: usize, n: usize| n == 1 || (radius..n - radius).contains(&at);
    let visit = |slice: &mut Slice, row: Row| {
        let start = (row.z * ny + row.y) * nx + row.first_x;
        let mask = mask.map(|mask| &mask[start..]);
        let row_counts = inside(row.y, ny) && inside(row.z, nz);
        let moments = row.moments;
        let fields = moments.a.iter().zip(&moments.b).zip(&moments.squares).zip(&moments.product);
        for (x, (((a, b), squares), product)) in fields.enumerate() {
            let (means, spread) = (a * a + b * b, squares - (a * a + b * b));
            let luminance = (2.0 * a * b + c1) / (means + c1);
            let contrast = (2.0 * (product - a * b) + c2) / (spread + c2);
            let counts = row_counts && inside(row.first_x + x, nx) && mask.is_none_or(|mask| mask[x]);
            if counts {
                slice.n += 1;
                slice.ssim += luminance * contrast;
                slice.contrast += contrast;
            }
            if options.map {
                slice.map.push((luminance * contrast) as f32);
            }
        }
    };
    let centres = if options.map { Centres::Everywhere } else { Centres::Inside };
    Ok(windowed(images, &taps, centres, Slice::default, visit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_smaller_than_the_window_has_no_ssim() {
        let image = [0.5_f32; 10 * 20];
        let pair = ImagePair::new(&image, &image, [20, 10, 1], None).unwrap();
        let options = SsimOptions::new(DataRange::new(1.0).unwrap());
        assert_eq!(ssim(&pair, &options), Err(Undefined::TooSmall { size: [20, 10, 1], least: 11 }));
        assert!(ssim_per_slice(&pair, &options)[0].is_err());
    }

    #[test]
    fn a_mask_at_the_border_only_has_no_ssim_and_nan_beside_the_mask_is_told() {
        let mut image = vec![0.5_f32; 16 * 16];
        image[9 * 16 + 9] = f32::NAN;
        let options = SsimOptions::new(DataRange::new(1.0).unwrap());
        let run = |at: usize| {
            let mut mask = vec![false; 16 * 16];
            mask[at] = true;
            ssim(&ImagePair::new(&image, &image, [16, 16, 1], Some(&mask)).unwrap(), &options).map(|s| s.n)
        };
        assert_eq!(run(0), Err(Undefined::Nothing));
        assert_eq!(run(7 * 16 + 7), Err(Undefined::NotFinite));
    }

    #[test]
    fn asking_for_the_map_does_not_change_the_mean() {
        let a: Vec<f32> = (0..13 * 12 * 14).map(|n| ((n * 37) % 101) as f32).collect();
        let b: Vec<f32> = a.iter().enumerate().map(|(n, v)| v + (n % 5) as f32).collect();
        let pair = ImagePair::new(&a, &b, [13, 12, 14], None).unwrap();
        let options = SsimOptions::new(DataRange::new(100.0).unwrap());
        let (bare, full) =
            (ssim(&pair, &options).unwrap(), ssim(&pair, &SsimOptions { map: true, ..options }).unwrap());
        assert!((bare.mean - full.mean).abs() < 1e-14 && bare.n == full.n && bare.n == 3 * 2 * 4);
        assert_eq!(full.map.unwrap().len(), a.len());
    }
}
