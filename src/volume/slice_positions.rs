//! Where the slices of an uneven stack really lie, beside the even grid that stands for them.

use super::{Geometry, PatientPoint, VoxelPoint};

/// The true places of slices that are not evenly spaced. Such a stack has an even grid from its first to its last slice
/// (CONVENTIONS: last - first over n - 1), which pictures are drawn on; positions that a person reads, and that other
/// series are looked up at, go through this map. Between two slices it is linear, beyond the ends the grid holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SlicePositions {
    /// Where slice `k` lies, as an index of the even grid: rising, from 0 to n - 1.
    at: Vec<f64>,
}

impl SlicePositions {
    /// From the distances of the slices along the normal, mm, in their order. `None` where they do not rise.
    #[must_use]
    pub fn from_distances_mm(distances: &[f64]) -> Option<Self> {
        let (first, last) = (*distances.first()?, *distances.last()?);
        let step = (last - first) / (distances.len() as f64 - 1.0);
        let at: Vec<f64> = distances.iter().map(|d| (d - first) / step).collect();
        let rising = at.iter().all(|x| x.is_finite()) && at.windows(2).all(|w| w[1] > w[0]);
        rising.then_some(Self { at })
    }

    /// Where each slice lies from the first, mm.
    #[must_use]
    pub fn distances_mm(&self, grid: &Geometry) -> Vec<f64> {
        let normal = grid.step_mm(0).cross(grid.step_mm(1)).normalize_or_zero();
        let step = grid.step_mm(2).dot(normal).abs();
        self.at.iter().map(|x| x * step).collect()
    }

    /// The place in the patient of what the even grid shows at `p`.
    #[must_use]
    pub fn to_true(&self, grid: &Geometry, p: PatientPoint) -> PatientPoint {
        let VoxelPoint(mut v) = grid.to_voxel(p);
        let k = v.z.floor().clamp(0.0, self.at.len() as f64 - 1.0) as usize;
        if let (Some(a), Some(b)) = (self.at.get(k), self.at.get(k + 1))
            && v.z >= 0.0
        {
            v.z = a + (b - a) * (v.z - k as f64);
        }
        grid.to_patient(VoxelPoint(v))
    }

    /// Where the even grid shows the place `p` in the patient.
    #[must_use]
    pub fn to_grid(&self, grid: &Geometry, p: PatientPoint) -> PatientPoint {
        let VoxelPoint(mut v) = grid.to_voxel(p);
        let next = self.at.partition_point(|x| *x <= v.z);
        if let (Some(k), Some(b)) = (next.checked_sub(1), self.at.get(next)) {
            let a = self.at[k];
            v.z = k as f64 + (v.z - a) / (b - a);
        }
        grid.to_patient(VoxelPoint(v))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glam::{DMat4, DVec3};

    #[test]
    fn a_slice_after_a_gap_is_read_at_its_own_place_and_found_there_again() {
        // Slices at 0, 2, 4, 10 mm: one grid step is 10 / 3 mm.
        let positions = SlicePositions::from_distances_mm(&[0.0, 2.0, 4.0, 10.0]).unwrap();
        let grid = Geometry::new([4, 4, 4], DMat4::from_scale(DVec3::new(1.0, 1.0, 10.0 / 3.0))).unwrap();
        let at = |z: f64| PatientPoint::new(1.0, 2.0, z);
        let near = |a: PatientPoint, b: PatientPoint| a.0.distance(b.0) < 1e-9;
        for (shown, real) in [(0.0, 0.0), (10.0 / 3.0, 2.0), (20.0 / 3.0, 4.0), (25.0 / 3.0, 7.0), (10.0, 10.0)] {
            assert!(near(positions.to_true(&grid, at(shown)), at(real)), "{shown}");
            assert!(near(positions.to_grid(&grid, at(real)), at(shown)), "{real}");
        }
        for outside in [-3.0, 12.0] {
            assert!(near(positions.to_true(&grid, at(outside)), at(outside)));
            assert!(near(positions.to_grid(&grid, at(outside)), at(outside)));
        }
        assert!(positions.distances_mm(&grid).iter().zip([0.0, 2.0, 4.0, 10.0]).all(|(a, b)| (a - b).abs() < 1e-9));
        assert!(SlicePositions::from_distances_mm(&[0.0, 0.0]).is_none());
        assert!(SlicePositions::from_distances_mm(&[1.0]).is_none());
    }
}
