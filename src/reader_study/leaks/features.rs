//! What is measured of one image: numbers from its header, its file, its histogram and its border.

use rayon::prelude::*;
use serde::Serialize;

use super::errors::LeakError;
use crate::metrics::sets::quantiles::quantile;

/// Distinct values are counted up to here, which all 16-bit images stay within.
pub const MOST_DISTINCT: usize = 1 << 16;

/// Shares of voxels at which the histogram is read.
pub const HISTOGRAM_QUANTILES: [f64; 7] = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];

/// What a header and a file say, as far as they are known.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct ImageHeader {
    /// Distance of voxel centres along x, y and z, mm.
    pub spacing_mm: Option<[f64; 3]>,
    /// Whether the grid is turned against the patient's axes.
    pub oblique: Option<bool>,
    /// Type of a stored voxel, as NIfTI numbers them (2 `u8`, 4 `i16`, 512 `u16`, 16 `f32` …).
    pub data_type: Option<u16>,
    /// Bits of a stored voxel that are used (DICOM Bits Stored).
    pub bits_used: Option<u16>,
    /// Size of the file or of all files, bytes.
    pub file_size_bytes: Option<u64>,
    /// The value that stands for "outside the image", on the scale of the voxels.
    pub padding: Option<f32>,
}

/// The traits of one image; which of them a reader can reach is in [`super::catalogue`].
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ImageTraits {
    /// Size in voxels `[nx, ny, nz]`.
    pub dims: [usize; 3],
    /// As the header says.
    #[serde(flatten)]
    pub header: ImageHeader,
    /// Lowest finite value.
    pub minimum: f64,
    /// Highest finite value.
    pub maximum: f64,
    /// Share of the voxels at the lowest value, 0 to 1.
    pub share_at_minimum: f64,
    /// Share of the voxels at the highest value.
    pub share_at_maximum: f64,
    /// Share of the voxels at 0.
    pub share_zero: f64,
    /// Share of the voxels that are NaN or infinite; those count for nothing else.
    pub share_not_finite: f64,
    /// How many values occur; [`MOST_DISTINCT`] stands for that many or more.
    pub distinct_values: usize,
    /// The largest step of which all differences between values are multiples; none where there is no such grid, or too
    /// many values to tell.
    pub quantisation_step: Option<f64>,
    /// Mean of the outermost row and column of voxels on all four sides of every slice `z`.
    pub border_mean: Option<f64>,
    /// Their standard deviation, divisor n.
    pub border_sd: Option<f64>,
    /// Share of them at the header's padding value, or at the lowest value where no padding is declared.
    pub border_padding_share: f64,
    /// Mean square of the Laplacian within slices (4 neighbours, step 1 voxel) over the variance of all voxels; none
    /// where all are equal or a slice has no inside.
    pub high_frequency_ratio: Option<f64>,
    /// [`HISTOGRAM_QUANTILES`] (linear between values), 0 at the lowest value and 1 at the highest; none where all are
    /// equal.
    pub histogram: Option<[f64; 7]>,
}

impl ImageTraits {
    /// Measures `voxels`, x fastest, on a grid of `dims` `[nx, ny, nz]`.
    ///
    /// # Errors
    /// When the voxels do not fill the grid, or none is finite.
    pub fn new(voxels: &[f32], dims: [usize; 3], header: &ImageHeader) -> Result<Self, LeakError> {
        let [nx, ny, nz] = dims;
        if nx.checked_mul(ny).and_then(|n| n.checked_mul(nz)) != Some(voxels.len()) {
            return Err(LeakError::Size { voxels: voxels.len(), dims });
        }
        // A sorted copy, of which quantiles, ends, distinct values and steps are read.
        let mut sorted: Vec<f32> = voxels.par_iter().copied().filter(|v| v.is_finite()).collect();
        sorted.par_sort_unstable_by(f32::total_cmp);
        let (Some(low), Some(high)) = (sorted.first().copied(), sorted.last().copied()) else {
            return Err(LeakError::NoFiniteVoxel);
        };
        let n = sorted.len();
        let below = |value: f32| sorted.partition_point(|v| *v < value);
        let not_above = |value: f32| sorted.partition_point(|v| *v <= value);
        let share = |count: usize| count as f64 / n as f64;
        let (minimum, maximum) = (f64::from(low), f64::from(high));
        let normalised = |p: f64| {
            let value = quantile(n, |at| f64::from(sorted[at]), p).unwrap_or(minimum);
            (value - minimum) / (maximum - minimum)
        };
        let distinct = distinct(&sorted);
        let border = Border::new(voxels, dims, header.padding.unwrap_or(low));
        Ok(Self {
            dims,
            header: *header,
            minimum,
            maximum,
            share_at_minimum: share(not_above(low)),
            share_at_maximum: share(n - below(high)),
            share_zero: share(not_above(0.0) - below(0.0)),
            share_not_finite: (voxels.len() - n) as f64 / voxels.len() as f64,
            distinct_values: distinct.len(),
            quantisation_step: if distinct.len() < MOST_DISTINCT { step(&distinct) } else { None },
            border_mean: border.mean,
            border_sd: border.sd,
            border_padding_share: border.padding_share,
            high_frequency_ratio: high_frequency_ratio(voxels, dims, &sorted),
            histogram: (low < high).then(|| HISTOGRAM_QUANTILES.map(normalised)),
        })
    }
}

/// Distinct values in rising order, the first [`MOST_DISTINCT`]; minus zero is zero.
fn distinct(sorted: &[f32]) -> Vec<f64> {
    let firsts = sorted.chunk_by(|a, b| a == b).filter_map(|equal| equal.first());
    firsts.take(MOST_DISTINCT).map(|v| f64::from(*v)).collect()
}

/// The greatest common divisor of the gaps: exact for whole numbers, else as far as single precision tells.
fn step(distinct: &[f64]) -> Option<f64> {
    let gaps = distinct.windows(2).map(|pair| pair[1] - pair[0]);
    // Whole numbers of this size have whole gaps that a double holds.
    if distinct.iter().all(|v| v.fract() == 0.0 && v.abs() < 1e15) {
        let divisor = gaps.map(|gap| gap as u64).fold(0, whole_divisor);
        return (divisor > 0).then_some(divisor as f64);
    }
    let largest = distinct.iter().fold(0.0_f64, |largest, v| largest.max(v.abs()));
    // Each value is off by half a unit in its last place, each difference of two by one; doubled.
    let tolerance = 2.0 * largest * f64::from(f32::EPSILON);
    let mut gaps: Vec<f64> = gaps.collect();
    gaps.sort_by(f64::total_cmp);
    let mut divisor = gaps.first().copied()?;
    for gap in gaps {
        // A gap of very many steps is off by too much to tell.
        if (1.0 + gap / divisor) * tolerance < divisor / 4.0 {
            divisor = common_divisor(gap, divisor, tolerance);
        }
        // No grid that fine can be told from none.
        if divisor < 16.0 * tolerance {
            return None;
        }
    }
    Some(divisor)
}

fn whole_divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { whole_divisor(b, a % b) }
}

/// Euclid's algorithm; the remainder of `k` steps that are each off by the tolerance may be off by `k + 1` times that.
fn common_divisor(a: f64, b: f64, tolerance: f64) -> f64 {
    let (mut a, mut b, mut within) = (a.max(b), a.min(b), 0.0);
    while b > within {
        let steps = (a / b).round();
        within = (1.0 + steps) * tolerance;
        (a, b) = (b, (a - b * steps).abs());
    }
    a
}

struct Border {
    mean: Option<f64>,
    sd: Option<f64>,
    padding_share: f64,
}

impl Border {
    fn new(voxels: &[f32], [nx, ny, _]: [usize; 3], padding: f32) -> Self {
        let of_slice = |slice: &[f32]| {
            let on_border = |at: usize| matches!(at % nx, 0) || at % nx == nx - 1 || at / nx == 0 || at / nx == ny - 1;
            let rim = slice.iter().enumerate().filter(|(at, v)| v.is_finite() && on_border(*at));
            rim.map(|(_, v)| *v).collect::<Vec<f32>>()
        };
        let rim: Vec<f32> = voxels.par_chunks(nx * ny).flat_map_iter(of_slice).collect();
        let n = rim.len() as f64;
        if rim.is_empty() {
            return Self { mean: None, sd: None, padding_share: 0.0 };
        }
        let mean = rim.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
        let variance = rim.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
        let padded = rim.iter().filter(|v| **v == padding).count() as f64;
        Self { mean: Some(mean), sd: Some(variance.sqrt()), padding_share: padded / n }
    }
}

fn high_frequency_ratio(voxels: &[f32], [nx, ny, _]: [usize; 3], sorted: &[f32]) -> Option<f64> {
    let n = sorted.len() as f64;
    let mean = sorted.iter().map(|v| f64::from(*v)).sum::<f64>() / n;
    let variance = sorted.iter().map(|v| (f64::from(*v) - mean).powi(2)).sum::<f64>() / n;
    if nx < 3 || ny < 3 || variance == 0.0 {
        return None;
    }
    let of_slice = |slice: &[f32]| {
        let value = |at: usize| f64::from(slice[at]);
        let (mut sum, mut count) = (0.0, 0_usize);
        for y in 1..ny - 1 {
            for at in y * nx + 1..(y + 1) * nx - 1 {
                let around = value(at - 1) + value(at + 1) + value(at - nx) + value(at + nx);
                let square = (around - 4.0 * value(at)).powi(2);
                if square.is_finite() {
                    sum += square;
                    count += 1;
                }
            }
        }
        (sum, count)
    };
    // Collected, so that the order of the sum does not depend on the threads.
    let slices: Vec<(f64, usize)> = voxels.par_chunks(nx * ny).map(of_slice).collect();
    let (sum, count) = slices.iter().fold((0.0, 0), |(sum, count), (s, c)| (sum + s, count + c));
    (count > 0).then(|| sum / count as f64 / variance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_found_where_there_are_some() {
        let of = |values: &[f32]| {
            let mut sorted = values.to_vec();
            sorted.sort_by(f32::total_cmp);
            step(&distinct(&sorted))
        };
        assert_eq!(of(&[0.0, 4.0, 10.0, -6.0]), Some(2.0));
        assert_eq!(of(&[7.0, 7.0]), None);
        assert_eq!(of(&[-1024.0, -1021.0, 5.0, 3000.0]), Some(1.0));
        let scaled: Vec<f32> = (0..400).map(|n| (n * n % 251) as f32 * 0.0123 + 0.5).collect();
        assert!((of(&scaled).unwrap() - 0.0123).abs() < 1e-5);
        let irregular: Vec<f32> = (1..400).map(|n| (n as f32).sqrt()).collect();
        assert_eq!(of(&irregular), None);
    }

    #[test]
    fn a_small_image_is_measured_by_hand() {
        // Two slices of 3 x 3; the middle of the first is 8, of the second NaN.
        let mut voxels = vec![1.0_f32; 18];
        (voxels[4], voxels[13], voxels[0]) = (8.0, f32::NAN, 0.0);
        let found = ImageTraits::new(&voxels, [3, 3, 2], &ImageHeader::default()).unwrap();
        assert_eq!((found.minimum, found.maximum, found.distinct_values), (0.0, 8.0, 3));
        assert_eq!(found.quantisation_step, Some(1.0));
        let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-12, "{a}, {b}");
        near(found.share_zero, 1.0 / 17.0);
        near(found.share_at_maximum, 1.0 / 17.0);
        near(found.share_not_finite, 1.0 / 18.0);
        near(found.border_mean.unwrap(), 15.0 / 16.0);
        near(found.border_sd.unwrap(), (15.0_f64 / 256.0).sqrt());
        near(found.border_padding_share, 1.0 / 16.0);
        // One Laplacian, -28; the other is not finite.
        let variance = (15.0 + 64.0) / 17.0 - (23.0_f64 / 17.0).powi(2);
        near(found.high_frequency_ratio.unwrap(), 784.0 / variance);
        near(found.histogram.unwrap()[3], 0.125);
        let padded = ImageHeader { padding: Some(1.0), ..ImageHeader::default() };
        near(ImageTraits::new(&voxels, [3, 3, 2], &padded).unwrap().border_padding_share, 15.0 / 16.0);
    }

    #[test]
    fn images_without_voxels_or_spread_are_not_a_crash() {
        let header = ImageHeader::default();
        assert_eq!(ImageTraits::new(&[], [0, 3, 2], &header), Err(LeakError::NoFiniteVoxel));
        assert_eq!(ImageTraits::new(&[f32::NAN], [1, 1, 1], &header), Err(LeakError::NoFiniteVoxel));
        assert!(matches!(ImageTraits::new(&[1.0], [usize::MAX, 2, 1], &header), Err(LeakError::Size { .. })));
        let flat = ImageTraits::new(&[5.0; 27], [3, 3, 3], &header).unwrap();
        assert_eq!((flat.histogram, flat.high_frequency_ratio, flat.quantisation_step), (None, None, None));
    }
}
