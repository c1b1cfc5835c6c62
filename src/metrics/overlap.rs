//! Two label maps of one grid, and how their voxels overlap label by label: Dice, IoU, volumes.
//!
//! ```
//! use veritome::metrics::{LabelPair, Undefined};
//! let (reference, test) = ([0, 1, 1, 2], [1, 1, 0, 0]);
//! let pair = LabelPair::new(&reference, &test, [4, 1, 1], [1.0, 1.0, 1.0]).unwrap();
//! let overlaps = pair.overlaps();
//! assert_eq!(overlaps[0].label, 1);
//! assert_eq!(overlaps[0].dice(), Ok(0.5));
//! assert_eq!(overlaps[1].dice(), Ok(0.0));
//! assert_eq!(pair.overlap(7).dice(), Err(Undefined::AbsentInBoth));
//! ```

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::image::{PairError, check_length, voxel_count};
use super::undefined::Undefined;

/// Reference and test labels `[nz, ny, nx]`, x fastest, on one grid; 0 is background. Checked once.
#[derive(Debug, Clone, Copy)]
pub struct LabelPair<'a> {
    reference: &'a [u16],
    test: &'a [u16],
    size: [usize; 3],
    spacing_mm: [f64; 3],
    voxel_ml: f64,
}

impl<'a> LabelPair<'a> {
    /// Checks and keeps two label maps of size `[nx, ny, nz]` with the spacing `[x, y, z]` in mm.
    ///
    /// # Errors
    /// When lengths differ from the size or a spacing is not positive and finite.
    pub fn new(
        reference: &'a [u16],
        test: &'a [u16],
        size: [usize; 3],
        spacing_mm: [f64; 3],
    ) -> Result<Self, PairError> {
        let count = voxel_count(size)?;
        check_length("reference", reference.len(), count)?;
        check_length("test labels", test.len(), count)?;
        if !spacing_mm.iter().all(|s| *s > 0.0 && s.is_finite()) {
            return Err(PairError::Spacing(spacing_mm));
        }
        let voxel_ml = spacing_mm.iter().product::<f64>() / 1000.0;
        Ok(Self { reference, test, size, spacing_mm, voxel_ml })
    }

    /// With the volume of a voxel in mm³, where it is not the product of the spacing: on a sheared grid it is the
    /// determinant of the axes.
    ///
    /// # Errors
    /// When it is not positive and finite.
    pub fn with_voxel_mm3(self, voxel_mm3: f64) -> Result<Self, PairError> {
        let is_sound = voxel_mm3 > 0.0 && voxel_mm3.is_finite();
        if is_sound {
            Ok(Self { voxel_ml: voxel_mm3 / 1000.0, ..self })
        } else {
            Err(PairError::VoxelVolume(voxel_mm3))
        }
    }

    /// The reference labels, `[nz, ny, nx]`.
    #[must_use]
    pub fn reference(&self) -> &'a [u16] {
        self.reference
    }

    /// The labels under test, `[nz, ny, nx]`.
    #[must_use]
    pub fn test(&self) -> &'a [u16] {
        self.test
    }

    /// Size in voxels `[nx, ny, nz]`.
    #[must_use]
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// Spacing `[x, y, z]`, mm.
    #[must_use]
    pub fn spacing_mm(&self) -> [f64; 3] {
        self.spacing_mm
    }

    /// A voxel's volume, millilitres.
    #[must_use]
    pub fn voxel_ml(&self) -> f64 {
        self.voxel_ml
    }

    /// The overlap of every label but 0 that either map has, in the order of the labels.
    #[must_use]
    pub fn overlaps(&self) -> Vec<Overlap> {
        self.count(|label| label != 0)
    }

    /// The overlap of one label, with zero counts when neither map has it.
    #[must_use]
    pub fn overlap(&self, label: u16) -> Overlap {
        let absent = Overlap { label, both: 0, reference: 0, test: 0, voxel_ml: self.voxel_ml() };
        self.count(|l| l == label).first().copied().unwrap_or(absent)
    }

    fn count(&self, wanted: impl Fn(u16) -> bool + Sync) -> Vec<Overlap> {
        let plane = self.size[0] * self.size[1];
        let voxel_ml = self.voxel_ml();
        let of_plane = |(reference, test): (&[u16], &[u16])| {
            let mut counts: BTreeMap<u16, [u64; 3]> = BTreeMap::new();
            // Labels come in runs, and a run needs the map only once.
            let mut count = |r: u16, t: u16, n: u64| {
                let mut add = |label, at: usize| {
                    if wanted(label) {
                        counts.entry(label).or_default()[at] += n;
                    }
                };
                add(r, 1);
                add(t, 2);
                if r == t {
                    add(r, 0);
                }
            };
            let mut run: Option<(u16, u16, u64)> = None;
            for (r, t) in reference.iter().zip(test) {
                run = match run {
                    Some((a, b, n)) if (a, b) == (*r, *t) => Some((a, b, n + 1)),
                    Some((a, b, n)) => {
                        count(a, b, n);
                        Some((*r, *t, 1))
                    }
                    None => Some((*r, *t, 1)),
                };
            }
            if let Some((a, b, n)) = run {
                count(a, b, n);
            }
            counts
        };
        let merged = |mut a: BTreeMap<u16, [u64; 3]>, b: BTreeMap<u16, [u64; 3]>| {
            for (label, counts) in b {
                let sums = a.entry(label).or_default();
                sums.iter_mut().zip(counts).for_each(|(sum, n)| *sum += n);
            }
            a
        };
        let planes = self.reference.par_chunks(plane).zip(self.test.par_chunks(plane));
        let counts = planes.map(of_plane).reduce(BTreeMap::new, merged);
        let overlap =
            |(label, [both, reference, test]): (u16, [u64; 3])| Overlap { label, both, reference, test, voxel_ml };
        counts.into_iter().map(overlap).collect()
    }
}

/// How many voxels two maps give one label, and both at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Overlap {
    /// The label.
    pub label: u16,
    /// Voxels that both give it.
    pub both: u64,
    /// Voxels that the reference gives it.
    pub reference: u64,
    /// Voxels that the test gives it.
    pub test: u64,
    /// A voxel's volume, millilitres.
    pub voxel_ml: f64,
}

impl Overlap {
    /// Dice coefficient, `2 |R and T| / (|R| + |T|)`, 0 to 1; 0 where one of the two lacks the label. (MONAI's
    /// `DiceMetric` gives NaN where the reference lacks it, unless `ignore_empty=False`.)
    ///
    /// # Errors
    /// [`Undefined::AbsentInBoth`].
    pub fn dice(&self) -> Result<f64, Undefined> {
        ratio(2 * self.both, self.reference + self.test, Undefined::AbsentInBoth)
    }

    /// Intersection over union (Jaccard), 0 to 1; 0 where one of the two lacks the label.
    ///
    /// # Errors
    /// [`Undefined::AbsentInBoth`].
    pub fn iou(&self) -> Result<f64, Undefined> {
        ratio(self.both, self.reference + self.test - self.both, Undefined::AbsentInBoth)
    }

    /// Share of the reference that the test finds (recall).
    ///
    /// # Errors
    /// [`Undefined::AbsentInReference`].
    pub fn sensitivity(&self) -> Result<f64, Undefined> {
        ratio(self.both, self.reference, Undefined::AbsentInReference)
    }

    /// Share of the test that is right (positive predictive value).
    ///
    /// # Errors
    /// [`Undefined::AbsentInTest`].
    pub fn precision(&self) -> Result<f64, Undefined> {
        ratio(self.both, self.test, Undefined::AbsentInTest)
    }

    /// Volume in the reference, millilitres.
    #[must_use]
    pub fn reference_ml(&self) -> f64 {
        self.reference as f64 * self.voxel_ml
    }

    /// Volume in the test, millilitres.
    #[must_use]
    pub fn test_ml(&self) -> f64 {
        self.test as f64 * self.voxel_ml
    }

    /// Test volume minus reference volume, millilitres.
    #[must_use]
    pub fn volume_difference_ml(&self) -> f64 {
        (self.test as f64 - self.reference as f64) * self.voxel_ml
    }

    /// Test volume minus reference volume, over the reference volume.
    ///
    /// # Errors
    /// [`Undefined::AbsentInReference`].
    pub fn relative_volume_difference(&self) -> Result<f64, Undefined> {
        ratio(self.test, self.reference, Undefined::AbsentInReference).map(|share| share - 1.0)
    }
}

fn ratio(part: u64, whole: u64, reason: Undefined) -> Result<f64, Undefined> {
    if whole > 0 { Ok(part as f64 / whole as f64) } else { Err(reason) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_that_one_side_lacks_scores_zero_and_says_what_has_no_number() {
        let pair = LabelPair::new(&[3, 0, 0], &[0, 0, 5], [3, 1, 1], [1.0, 2.0, 5.0]).unwrap();
        let [three, five] = pair.overlaps()[..] else { panic!("two labels") };
        assert_eq!((three.label, three.dice(), three.iou()), (3, Ok(0.0), Ok(0.0)));
        assert_eq!(three.precision(), Err(Undefined::AbsentInTest));
        assert_eq!(five.sensitivity(), Err(Undefined::AbsentInReference));
        assert_eq!(five.relative_volume_difference(), Err(Undefined::AbsentInReference));
        assert_eq!(five.volume_difference_ml(), 0.01);
    }

    #[test]
    fn labels_that_do_not_belong_together_are_refused() {
        assert!(LabelPair::new(&[1], &[1, 2], [2, 1, 1], [1.0; 3]).is_err());
        assert!(LabelPair::new(&[1], &[1], [1; 3], [1.0, 0.0, 1.0]).is_err());
        assert!(LabelPair::new(&[1], &[1], [1; 3], [1.0, f64::NAN, 1.0]).is_err());
    }
}
