//! Detection by connected component: is each lesion found, and how many finds are none; panoptic quality.
//!
//! ```
//! use veritome::metrics::{Components, Connectivity, Detection, Match};
//! let components = |mask: [bool; 7]| Components::of(&mask, [7, 1, 1], Connectivity::Faces).unwrap();
//! let (reference, test) = (
//!     components([true, true, false, false, false, true, true]),
//!     components([false, true, false, true, false, false, false]),
//! );
//! let found = Detection::between(&reference, &test, Match::AnyOverlap).unwrap();
//! assert_eq!((found.true_positives, found.false_negatives, found.false_positives), (1, 1, 1));
//! assert_eq!(found.sensitivity(), Ok(0.5));
//! ```

use std::collections::BTreeMap;

use super::image::{PairError, check_length};
use super::undefined::Undefined;
pub use crate::volume::components::{Components, Connectivity};

/// When a component of the test stands for one of the reference.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Match {
    /// When they share a voxel: every reference component that is touched is found, and a test component that touches
    /// none is a false positive. One of either may touch several of the other.
    AnyOverlap,
    /// When their intersection over union is above this, at least 0.5, where at most one can be.
    IouAbove(f64),
}

/// What was found among the components of one scan, or of several by [`and`](Self::and).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Detection {
    /// Reference components that were found.
    pub true_positives: u64,
    /// Reference components that were missed.
    pub false_negatives: u64,
    /// Test components that stand for nothing in the reference.
    pub false_positives: u64,
    /// Sum of the intersections over unions of the pairs; only for [`Match::IouAbove`].
    pub iou_sum: f64,
    /// How many scans.
    pub scans: u64,
}

impl Detection {
    /// Counts in one scan.
    ///
    /// # Errors
    /// When the two grids have different lengths. An IoU threshold outside 0.5 to 1 is taken as the nearer of the two;
    /// NaN matches nothing.
    pub fn between(reference: &Components, test: &Components, rule: Match) -> Result<Self, PairError> {
        check_length("test components", test.numbers().len(), reference.numbers().len())?;
        let mut shared: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for pair in reference.numbers().iter().copied().zip(test.numbers().iter().copied()) {
            if pair.0 != 0 && pair.1 != 0 {
                *shared.entry(pair).or_default() += 1;
            }
        }
        let iou =
            |((r, t), both): (&(u32, u32), &u64)| *both as f64 / (reference.voxels(*r) + test.voxels(*t) - both) as f64;
        let mut iou_sum = 0.0;
        let pairs: Vec<(u32, u32)> = match rule {
            Match::AnyOverlap => shared.keys().copied().collect(),
            Match::IouAbove(threshold) => {
                let least = threshold.clamp(0.5, 1.0);
                let pairs: Vec<_> = shared.iter().filter(|pair| iou(*pair) > least).collect();
                iou_sum = pairs.iter().map(|pair| iou(*pair)).sum();
                pairs.into_iter().map(|(pair, _)| *pair).collect()
            }
        };
        let distinct = |mut numbers: Vec<u32>| {
            numbers.sort_unstable();
            numbers.dedup();
            numbers.len()
        };
        let found = distinct(pairs.iter().map(|pair| pair.0).collect());
        let right = distinct(pairs.iter().map(|pair| pair.1).collect());
        Ok(Self {
            true_positives: found as u64,
            false_negatives: (reference.count() - found) as u64,
            false_positives: (test.count() - right) as u64,
            iou_sum,
            scans: 1,
        })
    }

    /// The counts of both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            true_positives: self.true_positives + other.true_positives,
            false_negatives: self.false_negatives + other.false_negatives,
            false_positives: self.false_positives + other.false_positives,
            iou_sum: self.iou_sum + other.iou_sum,
            scans: self.scans + other.scans,
        }
    }

    /// Share of the reference's components that were found.
    ///
    /// # Errors
    /// [`Undefined::AbsentInReference`] when there are none.
    pub fn sensitivity(&self) -> Result<f64, Undefined> {
        let components = self.true_positives + self.false_negatives;
        if components > 0 {
            Ok(self.true_positives as f64 / components as f64)
        } else {
            Err(Undefined::AbsentInReference)
        }
    }

    /// False positives in a scan, on average.
    ///
    /// # Errors
    /// [`Undefined::Nothing`] without scans.
    pub fn false_positives_per_scan(&self) -> Result<f64, Undefined> {
        if self.scans > 0 { Ok(self.false_positives as f64 / self.scans as f64) } else { Err(Undefined::Nothing) }
    }

    /// Recognition quality, `TP / (TP + FP / 2 + FN / 2)` (Kirillov et al. 2019, arXiv:1801.00868), 0 to 1.
    ///
    /// # Errors
    /// [`Undefined::AbsentInBoth`] when there are no components at all.
    pub fn recognition_quality(&self) -> Result<f64, Undefined> {
        self.over_components(self.true_positives as f64)
    }

    /// Segmentation quality: mean intersection over union of the pairs, above 0.5. For [`Match::IouAbove`].
    ///
    /// # Errors
    /// [`Undefined::Nothing`] without pairs.
    pub fn segmentation_quality(&self) -> Result<f64, Undefined> {
        if self.true_positives > 0 { Ok(self.iou_sum / self.true_positives as f64) } else { Err(Undefined::Nothing) }
    }

    /// Panoptic quality: sum of the pairs' IoU over `TP + FP / 2 + FN / 2`, 0 to 1. For [`Match::IouAbove`]`(0.5)`, as
    /// MONAI's `compute_panoptic_quality` without its smoothing of 1e-6.
    ///
    /// # Errors
    /// [`Undefined::AbsentInBoth`] when there are no components at all.
    pub fn panoptic_quality(&self) -> Result<f64, Undefined> {
        self.over_components(self.iou_sum)
    }

    fn over_components(&self, sum: f64) -> Result<f64, Undefined> {
        let wrong = 0.5 * (self.false_positives + self.false_negatives) as f64;
        let all = self.true_positives as f64 + wrong;
        if all > 0.0 { Ok(sum / all) } else { Err(Undefined::AbsentInBoth) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_touches_over_an_edge_or_a_corner_is_one_only_if_asked() {
        let mut mask = [false; 27];
        for at in [0, 4, 17] {
            mask[at] = true;
        }
        let count = |c| Components::of(&mask, [3, 3, 3], c).unwrap().count();
        assert_eq!([Connectivity::Faces, Connectivity::Edges, Connectivity::Corners].map(count), [3, 2, 1]);
    }

    #[test]
    fn without_components_there_is_a_reason_and_no_number() {
        let none = Components::of(&[false; 4], [4, 1, 1], Connectivity::Faces).unwrap();
        let nothing = Detection::between(&none, &none, Match::IouAbove(0.5)).unwrap();
        assert_eq!(nothing.sensitivity(), Err(Undefined::AbsentInReference));
        assert_eq!(nothing.panoptic_quality(), Err(Undefined::AbsentInBoth));
        assert_eq!(nothing.segmentation_quality(), Err(Undefined::Nothing));
        assert_eq!(nothing.false_positives_per_scan(), Ok(0.0));
        assert_eq!(Detection::default().false_positives_per_scan(), Err(Undefined::Nothing));
    }
}
