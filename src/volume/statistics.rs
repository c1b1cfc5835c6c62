//! Range, histogram and percentiles of real values, without padding and without NaN.

use rayon::prelude::*;

use super::voxels::{Scalar, luma};
use super::{Padding, Shutter, Volume};
use crate::with_voxels;

/// Lowest and highest real value; `None` when nothing but padding or NaN is there.
#[must_use]
pub fn range(volume: &Volume) -> Option<[f64; 2]> {
    let stored = stored_range(volume)?;
    let (a, b) = (volume.rescale.apply(stored[0]), volume.rescale.apply(stored[1]));
    Some([a.min(b), a.max(b)])
}

/// Lowest and highest stored value; see [`range`].
#[must_use]
pub fn stored_range(volume: &Volume) -> Option<[f64; 2]> {
    with_voxels!(
        &volume.voxels,
        |v| slice_range(v, volume.padding),
        rgb | v | v.par_iter().map(luma).fold(|| None, widen).reduce(|| None, join)
    )
}

fn slice_range<T: Scalar>(v: &[T], padding: Option<Padding>) -> Option<[f64; 2]> {
    v.par_chunks(CHUNK)
        .map(|chunk| match padding {
            None => {
                // Comparisons in the stored type, so that the compiler can use vector instructions.
                let mut it = chunk.iter().copied().filter(|x| x.to_f64().is_finite());
                let first = it.next()?;
                let (low, high) = it.fold((first, first), |(low, high), x| {
                    (if x < low { x } else { low }, if x > high { x } else { high })
                });
                Some([low.to_f64(), high.to_f64()])
            }
            Some(p) => chunk.iter().map(|x| x.to_f64()).filter(|x| x.is_finite() && !p.holds(*x)).fold(None, widen),
        })
        .reduce(|| None, join)
}

fn widen(range: Option<[f64; 2]>, x: f64) -> Option<[f64; 2]> {
    Some(range.map_or([x, x], |[low, high]| [low.min(x), high.max(x)]))
}

fn join(a: Option<[f64; 2]>, b: Option<[f64; 2]>) -> Option<[f64; 2]> {
    match (a, b) {
        (Some(a), Some(b)) => Some([a[0].min(b[0]), a[1].max(b[1])]),
        (one, other) => one.or(other),
    }
}

/// Counts of real values in equal bins between the lowest and the highest.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    /// Lowest and highest real value.
    pub range: [f64; 2],
    /// Voxels a bin.
    pub counts: Vec<u64>,
}

/// Lowest and highest stored value outside the shutter; see [`range`].
fn seen_range(volume: &Volume, shutter: &Shutter) -> Option<[f64; 2]> {
    let counts = |i: usize, x: f64| x.is_finite() && !volume.padding.is_some_and(|p| p.holds(x)) && !shutter.hides(i);
    let of = |chunk: usize| {
        let reach = chunk * CHUNK..((chunk + 1) * CHUNK).min(volume.voxels.len());
        let values = reach.filter_map(|i| volume.voxels.get(i).filter(|x| counts(i, *x)));
        values.fold(None, widen)
    };
    (0..volume.voxels.len().div_ceil(CHUNK)).into_par_iter().map(of).reduce(|| None, join)
}

/// Voxels that one task looks through.
const CHUNK: usize = 1 << 16;

/// The histogram of a volume over at most `bins` bins. Volumes beyond four million voxels are read with a stride: it
/// serves windows and plots, not measurements. What a shutter hides does not count.
#[must_use]
pub fn histogram(volume: &Volume, bins: usize) -> Option<Histogram> {
    let shutter = volume.graphics.shutter.as_deref().filter(|s| s.grid == volume.geometry);
    let stored = match shutter {
        Some(shutter) => seen_range(volume, shutter)?,
        None => stored_range(volume)?,
    };
    let stride = (volume.voxels.len() / 4_000_000).max(1) | 1;
    let scale = if stored[1] > stored[0] { bins as f64 / (stored[1] - stored[0]) } else { 0.0 };
    let mut counts = vec![0_u64; bins.max(1)];
    let mut add = |(n, x): (usize, f64)| {
        let hidden = || shutter.is_some_and(|s| s.hides(n * stride));
        if x.is_finite() && !volume.padding.is_some_and(|p| p.holds(x)) && !hidden() {
            let bin = (((x - stored[0]) * scale) as usize).min(bins.max(1) - 1);
            counts[bin] += 1;
        }
    };
    with_voxels!(
        &volume.voxels,
        |v| v.iter().step_by(stride).map(|x| x.to_f64()).enumerate().for_each(&mut add),
        rgb | v | {
            v.iter().step_by(stride).map(luma).enumerate().for_each(&mut add);
        }
    );
    if volume.rescale.slope < 0.0 {
        counts.reverse();
    }
    let (a, b) = (volume.rescale.apply(stored[0]), volume.rescale.apply(stored[1]));
    Some(Histogram { range: [a.min(b), a.max(b)], counts })
}

impl Histogram {
    /// The real value below which `fraction` (0 to 1) of the voxels lie, linear within a bin.
    #[must_use]
    pub fn percentile(&self, fraction: f64) -> f64 {
        let total: u64 = self.counts.iter().sum();
        let target = fraction.clamp(0.0, 1.0) * total as f64;
        let width = (self.range[1] - self.range[0]) / self.counts.len() as f64;
        let mut below = 0.0;
        for (bin, count) in self.counts.iter().enumerate() {
            let count = *count as f64;
            if count > 0.0 && below + count >= target {
                return self.range[0] + width * (bin as f64 + ((target - below) / count).clamp(0.0, 1.0));
            }
            below += count;
        }
        self.range[1]
    }
}
