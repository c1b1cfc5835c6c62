//! Lesions and candidates of one case, for free-response curves: which lesions a map finds at which score, and what else it marks.
//!
//! A candidate is a piece of the voxels whose score is at or above a threshold, hanging together over faces, edges or corners,
//! and it is rated by its highest score. A lesion is found by every candidate that shares a voxel with it, at the highest
//! rating of them; a candidate that touches no lesion is a false positive.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::error::Cancelled;
use crate::jobs::Control;
use crate::volume::components::{Components, Connectivity};

/// What was found in a case.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Candidates {
    /// Lesions of the reference.
    pub lesions: usize,
    /// Ratings of the lesions that were found.
    pub found: Vec<f64>,
    /// Ratings of what is no lesion.
    pub false_positives: Vec<f64>,
}

impl Candidates {
    /// Of a map and a reference `[nz, ny, nx]` of one size `[nx, ny, nz]`; `counts` says which voxels are judged.
    ///
    /// # Errors
    /// [`Cancelled`].
    pub fn of(
        scores: &[f32],
        lesion: &[u16],
        size: [usize; 3],
        threshold: f64,
        counts: impl Fn(usize) -> bool,
        control: &Control,
    ) -> Result<Self, Cancelled> {
        // In the precision of the map: a score that is stored as 0.9 is at 0.9.
        let threshold = threshold as f32;
        let marked = |at: usize| counts(at) && scores.get(at).is_some_and(|s| *s >= threshold);
        let is_lesion = |at: usize| counts(at) && lesion.get(at).is_some_and(|l| *l > 0);
        let lesions = Components::find(size, Connectivity::Corners, is_lesion, control)?;
        let candidates = Components::find(size, Connectivity::Corners, marked, control)?;
        let mut rating: BTreeMap<u32, f64> = BTreeMap::new();
        for (number, score) in candidates.numbers().iter().zip(scores).filter(|(number, _)| **number > 0) {
            let best = rating.entry(*number).or_insert(f64::NEG_INFINITY);
            *best = best.max(f64::from(*score));
        }
        let mut found: BTreeMap<u32, f64> = BTreeMap::new();
        let mut right: BTreeMap<u32, ()> = BTreeMap::new();
        for (lesion, candidate) in lesions.numbers().iter().zip(candidates.numbers()) {
            if *lesion > 0 && *candidate > 0 {
                let score = rating.get(candidate).copied().unwrap_or(f64::NEG_INFINITY);
                let best = found.entry(*lesion).or_insert(score);
                *best = best.max(score);
                right.insert(*candidate, ());
            }
        }
        let wrong = rating.into_iter().filter(|(candidate, _)| !right.contains_key(candidate));
        Ok(Self {
            lesions: lesions.count(),
            found: found.into_values().collect(),
            false_positives: wrong.map(|(_, score)| score).collect(),
        })
    }
}

/// The curve over several cases: false positives a case and the share of lesions found, from the strictest rating to the
/// laxest; `None` without lesions.
#[must_use]
pub fn froc_points<'a>(cases: impl Iterator<Item = &'a Candidates>) -> Option<Vec<[f64; 2]>> {
    let (mut lesions, mut scans) = (0_usize, 0_usize);
    let mut marks: Vec<(f64, bool)> = Vec::new();
    for case in cases {
        lesions += case.lesions;
        scans += 1;
        marks.extend(case.found.iter().map(|s| (*s, true)));
        marks.extend(case.false_positives.iter().map(|s| (*s, false)));
    }
    if lesions == 0 {
        return None;
    }
    marks.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut found, mut wrong) = (0_usize, 0_usize);
    let mut points = vec![[0.0, 0.0]];
    for tied in marks.chunk_by(|a, b| a.0 == b.0) {
        let right = tied.iter().filter(|m| m.1).count();
        found += right;
        wrong += tied.len() - right;
        points.push([wrong as f64 / scans as f64, found as f64 / lesions as f64]);
    }
    Some(points)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lesions_are_found_at_the_highest_rating_that_touches_them() {
        // Two lesions, the second missed; two candidates, the second a false positive.
        let lesion = [1, 1, 0, 0, 0, 0, 0, 0, 2, 2];
        let scores = [0.2, 0.6, 0.9, 0.1, 0.0, 0.7, 0.5, 0.0, 0.1, 0.2];
        let case = Candidates::of(&scores, &lesion, [10, 1, 1], 0.5, |_| true, &Control::new()).unwrap();
        let nine = f64::from(0.9_f32);
        assert_eq!((case.lesions, case.found.as_slice()), (2, [nine].as_slice()));
        assert_eq!(case.false_positives, [f64::from(0.7_f32)]);
        let at = |threshold: f64| {
            let found = Candidates::of(&scores, &lesion, [10, 1, 1], threshold, |_| true, &Control::new()).unwrap();
            found.found.len() + found.false_positives.len()
        };
        // f32 holds 0.9 as 0.89999998; it is at 0.9 all the same.
        assert_eq!((at(0.9), at(0.900_001)), (1, 0));
        let empty = Candidates::default();
        assert_eq!(froc_points([&case, &empty].into_iter()).unwrap(), [[0.0, 0.0], [0.0, 0.5], [0.5, 0.5]]);
        assert_eq!(froc_points([&empty].into_iter()), None);
    }
}
