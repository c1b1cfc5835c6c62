//! Two images of one grid, and the errors between them voxel by voxel.
//!
//! ```
//! use veritome::metrics::{DataRange, ImagePair};
//! let (reference, test) = ([0.0_f32, 10.0, 20.0, 30.0], [1.0_f32, 10.0, 20.0, 27.0]);
//! let pair = ImagePair::new(&reference, &test, [2, 2, 1], None).unwrap();
//! let errors = pair.errors();
//! assert_eq!(errors.mae().unwrap(), 1.0);
//! assert_eq!(errors.mse().unwrap(), 2.5);
//! let range = DataRange::of_reference(&pair).unwrap();
//! assert_eq!(range.value(), 30.0);
//! assert!((errors.psnr_db(range).unwrap() - 10.0 * 360.0_f64.log10()).abs() < 1e-12);
//! ```

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::undefined::Undefined;

/// Voxels that one task sums. Fixed, so that the order of the sums, and so the last bit, is the same on any machine.
const CHUNK: usize = 1 << 16;

/// Why arrays do not belong together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PairError {
    /// The grid has no voxels, or more than can be counted.
    #[error("the size {0:?} has no voxels or too many")]
    Size([usize; 3]),
    /// An array does not fill the grid.
    #[error("the {what} has {found} values, the grid has {expected}")]
    Length {
        /// Which array.
        what: &'static str,
        /// Its length.
        found: usize,
        /// The grid's number of voxels.
        expected: usize,
    },
    /// The mask selects no voxel.
    #[error("the mask is empty")]
    EmptyMask,
    /// NaN or infinity where it would be measured.
    #[error("the {what} is not finite at voxel {index}")]
    NotFinite {
        /// Which array.
        what: &'static str,
        /// Flat index of the first such voxel.
        index: usize,
    },
    /// The data range is not a positive finite number.
    #[error("the data range must be positive and finite, got {0}")]
    DataRange(f64),
    /// A voxel's volume is not a positive finite number.
    #[error("the volume of a voxel must be positive and finite, got {0} mm³")]
    VoxelVolume(f64),
    /// A spacing is not a positive finite number.
    #[error("the spacing must be positive and finite, got {0:?} mm")]
    Spacing([f64; 3]),
}

/// The number of voxels of a grid `[nx, ny, nz]`.
///
/// # Errors
/// When it is zero or cannot be counted.
pub(super) fn voxel_count(size: [usize; 3]) -> Result<usize, PairError> {
    let count = size[0].checked_mul(size[1]).and_then(|n| n.checked_mul(size[2]));
    count.filter(|n| *n > 0).ok_or(PairError::Size(size))
}

/// Whether an array fills the grid.
///
/// # Errors
/// When its length is another.
pub(super) fn check_length(what: &'static str, found: usize, expected: usize) -> Result<(), PairError> {
    if found == expected { Ok(()) } else { Err(PairError::Length { what, found, expected }) }
}

/// A number type that images are measured in: `f32` where it holds every value exactly, else `f64`.
pub trait Real: Copy + Into<f64> + Send + Sync + 'static {}

impl Real for f32 {}
impl Real for f64 {}

/// The axes of a grid with those of a single voxel last, and what belongs to them: a slice is a slice, whichever axis it is
/// stored across. With x fastest the order of the voxels stays as it is.
#[must_use]
pub(super) fn flat_last<T: Copy>(size: [usize; 3], of_axes: [T; 3]) -> ([usize; 3], [T; 3]) {
    let mut order = [0, 1, 2];
    order.sort_by_key(|axis| size[*axis] == 1);
    (order.map(|axis| size[axis]), order.map(|axis| of_axes[axis]))
}

/// A reference and a test image `[nz, ny, nx]`, x fastest, of one size, with an optional mask of what counts.
///
/// Checked once: lengths, a mask with at least one voxel, and finite values wherever the mask (or without one, the
/// grid) is. NaN may stand outside the mask.
#[derive(Debug, Clone, Copy)]
pub struct ImagePair<'a, T = f32> {
    reference: &'a [T],
    test: &'a [T],
    size: [usize; 3],
    mask: Option<&'a [bool]>,
}

impl<'a, T: Real> ImagePair<'a, T> {
    /// Checks and keeps two images of size `[nx, ny, nz]`; a single slice has `nz = 1`.
    ///
    /// # Errors
    /// When lengths differ from the size, the mask is empty, or a value that counts is not finite.
    pub fn new(
        reference: &'a [T],
        test: &'a [T],
        size: [usize; 3],
        mask: Option<&'a [bool]>,
    ) -> Result<Self, PairError> {
        let count = voxel_count(size)?;
        check_length("reference", reference.len(), count)?;
        check_length("test image", test.len(), count)?;
        if let Some(mask) = mask {
            check_length("mask", mask.len(), count)?;
            if !mask.contains(&true) {
                return Err(PairError::EmptyMask);
            }
        }
        for (what, values) in [("reference", reference), ("test image", test)] {
            let is_bad = |(index, value): (usize, &T)| !(*value).into().is_finite() && mask.is_none_or(|m| m[index]);
            if let Some(index) = values.par_iter().enumerate().position_first(is_bad) {
                return Err(PairError::NotFinite { what, index });
            }
        }
        Ok(Self { reference, test, size, mask })
    }

    /// The reference, `[nz, ny, nx]`.
    #[must_use]
    pub fn reference(&self) -> &'a [T] {
        self.reference
    }

    /// The image under test, `[nz, ny, nx]`.
    #[must_use]
    pub fn test(&self) -> &'a [T] {
        self.test
    }

    /// Size in voxels `[nx, ny, nz]`.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// What counts, `[nz, ny, nx]`; all of it when `None`.
    #[must_use]
    pub fn mask(&self) -> Option<&'a [bool]> {
        self.mask
    }

    /// The pairs of values that count, reference first, in the order of the array.
    pub fn values(&self) -> impl Iterator<Item = (T, T)> + use<'a, T> {
        Run { reference: self.reference, test: self.test, mask: self.mask }.values()
    }

    /// Errors over all that counts.
    #[must_use]
    pub fn errors(&self) -> Errors {
        let parts: Vec<Errors> = self.chunks(CHUNK).map(|chunk| chunk.values().collect()).collect();
        parts.into_iter().fold(Errors::default(), Errors::and)
    }

    /// Errors of each slice along z, `nz` of them; slices outside the mask have `n = 0`.
    #[must_use]
    pub fn errors_per_slice(&self) -> Vec<Errors> {
        self.chunks(self.size[0] * self.size[1]).map(|slice| slice.values().collect()).collect()
    }

    /// Errors of each label of a map `[nz, ny, nx]` on the same grid, in the order of the labels, 0 included, within
    /// the mask.
    ///
    /// # Errors
    /// When the map does not fill the grid.
    pub fn errors_by_label(&self, labels: &[u16]) -> Result<BTreeMap<u16, Errors>, PairError> {
        check_length("label map", labels.len(), self.reference.len())?;
        let mut by_label: BTreeMap<u16, Errors> = BTreeMap::new();
        let mut start = 0;
        // Labels come in runs, and a run needs the map only once.
        for labels in labels.chunk_by(|a, b| a == b) {
            let here = start..start + labels.len();
            start = here.end;
            let (reference, test) = (&self.reference[here.clone()], &self.test[here.clone()]);
            let errors: Errors = Run { reference, test, mask: self.mask.map(|m| &m[here]) }.values().collect();
            if errors.n > 0 {
                let sums = by_label.entry(labels[0]).or_default();
                *sums = sums.and(errors);
            }
        }
        Ok(by_label)
    }

    /// Test minus reference `[nz, ny, nx]`, in the images' unit; 0 outside the mask.
    #[must_use]
    pub fn error_map(&self) -> Vec<f32> {
        let pairs = self.reference.par_iter().zip(self.test).enumerate();
        pairs
            .map(
                |(index, (r, t))| {
                    if self.mask.is_none_or(|m| m[index]) { ((*t).into() - (*r).into()) as f32 } else { 0.0 }
                },
            )
            .collect()
    }

    /// Zero-normalised cross-correlation, that is Pearson's correlation of the values: -1 to 1.
    ///
    /// # Errors
    /// [`Undefined::Constant`] when either image is.
    pub fn ncc(&self) -> Result<f64, Undefined> {
        let n = self.errors().n as f64;
        let sums = self.sums(|r, t| [r, t, 0.0]);
        let (mean_r, mean_t) = (sums[0] / n, sums[1] / n);
        let [rr, tt, rt] = self.sums(|r, t| {
            let (r, t) = (r - mean_r, t - mean_t);
            [r * r, t * t, r * t]
        });
        if rr > 0.0 && tt > 0.0 {
            Ok((rt / (rr.sqrt() * tt.sqrt())).clamp(-1.0, 1.0))
        } else {
            Err(Undefined::Constant)
        }
    }

    /// The same pair cut into runs of `length` voxels, without looking at them again.
    fn chunks(&self, length: usize) -> impl IndexedParallelIterator<Item = Run<'a, T>> {
        let mask = self.mask;
        let pairs = self.reference.par_chunks(length).zip(self.test.par_chunks(length)).enumerate();
        pairs.map(move |(at, (reference, test))| {
            let start = at * length;
            Run { reference, test, mask: mask.map(|m| &m[start..start + reference.len()]) }
        })
    }

    fn sums(&self, term: impl Fn(f64, f64) -> [f64; 3] + Sync) -> [f64; 3] {
        let of_run = |run: Run<T>| run.values().fold([0.0; 3], |sum, (r, t)| plus(sum, term(r.into(), t.into())));
        let parts: Vec<[f64; 3]> = self.chunks(CHUNK).map(of_run).collect();
        parts.into_iter().fold([0.0; 3], plus)
    }
}

fn plus(a: [f64; 3], b: [f64; 3]) -> [f64; 3] {
    [a[0] + b[0], a[1] + b[1], a[2] + b[2]]
}

/// A stretch of a pair.
struct Run<'a, T> {
    reference: &'a [T],
    test: &'a [T],
    mask: Option<&'a [bool]>,
}

impl<'a, T: Real> Run<'a, T> {
    fn values(&self) -> impl Iterator<Item = (T, T)> + use<'a, T> {
        let mask = self.mask;
        let pairs = self.reference.iter().copied().zip(self.test.iter().copied());
        pairs.enumerate().filter(move |(index, _)| mask.is_none_or(|m| m[*index])).map(|(_, pair)| pair)
    }
}

/// The width of the values that PSNR and SSIM take as full scale. Always stated, never guessed from the number type.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DataRange(f64);

impl DataRange {
    /// A stated width, in the images' unit.
    ///
    /// # Errors
    /// When it is not positive and finite.
    pub fn new(width: f64) -> Result<Self, PairError> {
        if width > 0.0 && width.is_finite() { Ok(Self(width)) } else { Err(PairError::DataRange(width)) }
    }

    /// Maximum minus minimum of the whole reference, in or out of the mask; NaN and infinities are passed over.
    ///
    /// # Errors
    /// When the reference is constant.
    pub fn of_reference<T: Real>(pair: &ImagePair<T>) -> Result<Self, PairError> {
        let wider = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
        let finite = pair.reference.par_iter().map(|v| (*v).into()).filter(|v: &f64| v.is_finite());
        let (low, high) = finite.map(|v| (v, v)).reduce(|| (f64::INFINITY, f64::NEG_INFINITY), wider);
        Self::new(high - low)
    }

    /// The width, in the images' unit.
    #[must_use]
    pub fn value(self) -> f64 {
        self.0
    }
}

/// Sums of the errors `test - reference` over some voxels, kept in `f64`; every metric here is a ratio of them.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    /// How many voxels.
    pub n: u64,
    /// Sum of the errors.
    pub signed: f64,
    /// Sum of their sizes.
    pub absolute: f64,
    /// Sum of their squares.
    pub squared: f64,
    /// Sum of the squares of the reference.
    pub reference_squared: f64,
}

impl Errors {
    /// Takes one voxel in.
    pub fn add(&mut self, reference: f64, test: f64) {
        let error = test - reference;
        self.n += 1;
        self.signed += error;
        self.absolute += error.abs();
        self.squared += error * error;
        self.reference_squared += reference * reference;
    }

    /// The sums over the voxels of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            n: self.n + other.n,
            signed: self.signed + other.signed,
            absolute: self.absolute + other.absolute,
            squared: self.squared + other.squared,
            reference_squared: self.reference_squared + other.reference_squared,
        }
    }

    fn mean(&self, sum: f64) -> Result<f64, Undefined> {
        if self.n > 0 { Ok(sum / self.n as f64) } else { Err(Undefined::Nothing) }
    }

    /// Mean error, test minus reference, in the images' unit: the bias.
    ///
    /// # Errors
    /// [`Undefined::Nothing`] without voxels, as for all that follow.
    pub fn bias(&self) -> Result<f64, Undefined> {
        self.mean(self.signed)
    }

    /// Mean absolute error, in the images' unit.
    ///
    /// # Errors
    /// Without voxels.
    pub fn mae(&self) -> Result<f64, Undefined> {
        self.mean(self.absolute)
    }

    /// Mean squared error, in the images' unit squared (scikit-image `mean_squared_error`).
    ///
    /// # Errors
    /// Without voxels.
    pub fn mse(&self) -> Result<f64, Undefined> {
        self.mean(self.squared)
    }

    /// Root of the mean squared error, in the images' unit.
    ///
    /// # Errors
    /// Without voxels.
    pub fn rmse(&self) -> Result<f64, Undefined> {
        self.mse().map(f64::sqrt)
    }

    /// Squared error over the reference's squares, `|test - reference|^2 / |reference|^2`, as fastMRI reports it
    /// (Zbontar et al. 2018, arXiv:1811.08839); the square of scikit-image's `normalized_root_mse` with its default
    /// `euclidean` normalisation.
    ///
    /// # Errors
    /// Without voxels, or when the reference is zero.
    pub fn nmse(&self) -> Result<f64, Undefined> {
        self.mean(self.squared)?;
        if self.reference_squared > 0.0 {
            Ok(self.squared / self.reference_squared)
        } else {
            Err(Undefined::ZeroReference)
        }
    }

    /// Peak signal-to-noise ratio, `10 log10(range^2 / mse)`, dB (scikit-image `peak_signal_noise_ratio`).
    ///
    /// # Errors
    /// Without voxels, or [`Undefined::Identical`] where it would be infinite.
    pub fn psnr_db(&self, range: DataRange) -> Result<f64, Undefined> {
        let mse = self.mse()?;
        if mse > 0.0 { Ok(10.0 * (range.value() * range.value() / mse).log10()) } else { Err(Undefined::Identical) }
    }
}

impl<T: Into<f64>> FromIterator<(T, T)> for Errors {
    fn from_iter<I: IntoIterator<Item = (T, T)>>(pairs: I) -> Self {
        let mut errors = Self::default();
        for (reference, test) in pairs {
            errors.add(reference.into(), test.into());
        }
        errors
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_compared_is_refused_with_the_reason() {
        let (a, b) = ([1.0_f32; 8], [2.0_f32; 8]);
        let new = |a, b, size, mask| ImagePair::new(a, b, size, mask).map(|_| ());
        assert_eq!(new(&a, &b, [2, 2, 0], None), Err(PairError::Size([2, 2, 0])));
        assert_eq!(new(&a, &b, [usize::MAX, 2, 2], None), Err(PairError::Size([usize::MAX, 2, 2])));
        let short = PairError::Length { what: "test image", found: 7, expected: 8 };
        assert_eq!(new(&a, &b[..7], [2, 2, 2], None), Err(short));
        assert_eq!(new(&a, &b, [2, 2, 2], Some(&[false; 8])), Err(PairError::EmptyMask));
        let mut holed = b;
        holed[5] = f32::NAN;
        assert_eq!(new(&a, &holed, [2, 2, 2], None), Err(PairError::NotFinite { what: "test image", index: 5 }));
        let mut mask = [true; 8];
        mask[5] = false;
        let pair = ImagePair::new(&a, &holed, [2, 2, 2], Some(&mask)).unwrap();
        assert_eq!((pair.errors().n, pair.errors().mae()), (7, Ok(1.0)));
        assert_eq!(pair.error_map()[5], 0.0);
    }

    #[test]
    fn what_would_divide_by_zero_says_why() {
        let (zero, one) = ([0.0_f32; 4], [1.0_f32; 4]);
        let equal = ImagePair::new(&one, &one, [4, 1, 1], None).unwrap();
        assert_eq!(equal.errors().psnr_db(DataRange::new(1.0).unwrap()), Err(Undefined::Identical));
        assert_eq!(equal.ncc(), Err(Undefined::Constant));
        assert!(DataRange::of_reference(&equal).is_err() && DataRange::new(f64::NAN).is_err());
        let pair = ImagePair::new(&zero, &one, [4, 1, 1], None).unwrap();
        assert_eq!(pair.errors().nmse(), Err(Undefined::ZeroReference));
        let mask = [true, true, false, false];
        let pair = ImagePair::new(&zero, &one, [2, 1, 2], Some(&mask)).unwrap();
        assert_eq!(pair.errors_per_slice()[1].mae(), Err(Undefined::Nothing));
    }
}
