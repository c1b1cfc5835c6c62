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

use super::image::{PairError, check_length, voxel_count};
use super::undefined::Undefined;

/// Which neighbours hang together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Connectivity {
    /// Over faces: 6 neighbours, 4 in a slice.
    Faces,
    /// Over faces and edges: 18 neighbours, 8 in a slice.
    Edges,
    /// Over faces, edges and corners: 26 neighbours, 8 in a slice.
    Corners,
}

impl Connectivity {
    fn most_steps(self) -> usize {
        match self {
            Self::Faces => 1,
            Self::Edges => 2,
            Self::Corners => 3,
        }
    }
}

/// The pieces of a mask that hang together, numbered from 1 in the order of their first voxels; or objects that came
/// with their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Components {
    numbers: Vec<u32>,
    /// Voxels of each number but 0.
    counts: BTreeMap<u32, u64>,
}

impl Components {
    /// Finds the pieces of a mask `[nz, ny, nx]` of size `[nx, ny, nz]`.
    ///
    /// # Errors
    /// When the mask does not fill the size.
    pub fn of(mask: &[bool], size: [usize; 3], connectivity: Connectivity) -> Result<Self, PairError> {
        check_length("mask", mask.len(), voxel_count(size)?)?;
        let mut numbers = vec![0_u32; mask.len()];
        let mut open = Vec::new();
        let mut found = 0;
        for seed in 0..mask.len() {
            if !mask[seed] || numbers[seed] != 0 {
                continue;
            }
            found += 1;
            numbers[seed] = found;
            open.push(seed);
            while let Some(at) = open.pop() {
                for_neighbours(at, size, connectivity, |n| {
                    if mask[n] && numbers[n] == 0 {
                        numbers[n] = found;
                        open.push(n);
                    }
                });
            }
        }
        Ok(Self::numbered(numbers))
    }

    /// Takes objects as they are numbered, `[nz, ny, nx]`, 0 where there is none; they need not hang together.
    #[must_use]
    pub fn numbered(numbers: Vec<u32>) -> Self {
        let mut counts = BTreeMap::new();
        for run in numbers.chunk_by(|a, b| a == b).filter(|run| run[0] != 0) {
            *counts.entry(run[0]).or_default() += run.len() as u64;
        }
        Self { numbers, counts }
    }

    /// The number of each voxel, `[nz, ny, nx]`; 0 outside.
    #[must_use]
    pub fn numbers(&self) -> &[u32] {
        &self.numbers
    }

    /// How many components.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counts.len()
    }
}

fn for_neighbours(at: usize, [nx, ny, nz]: [usize; 3], connectivity: Connectivity, mut visit: impl FnMut(usize)) {
    let (x, y, z) = (at % nx, at / nx % ny, at / (nx * ny));
    let around = |c: usize, n: usize| c.saturating_sub(1)..(c + 2).min(n);
    for k in around(z, nz) {
        for j in around(y, ny) {
            for i in around(x, nx) {
                let steps = i.abs_diff(x) + j.abs_diff(y) + k.abs_diff(z);
                if (1..=connectivity.most_steps()).contains(&steps) {
                    visit((k * ny + j) * nx + i);
                }
            }
        }
    }
}

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
        check_length("test components", test.numbers.len(), reference.numbers.len())?;
        let mut shared: BTreeMap<(u32, u32), u64> = BTreeMap::new();
        for pair in reference.numbers.iter().copied().zip(test.numbers.iter().copied()) {
            if pair.0 != 0 && pair.1 != 0 {
                *shared.entry(pair).or_default() += 1;
            }
        }
        let iou = |((r, t), both): (&(u32, u32), &u64)| {
            let size = |of: &Components, number| of.counts.get(number).copied().unwrap_or(0);
            *both as f64 / (size(reference, r) + size(test, t) - both) as f64
        };
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
