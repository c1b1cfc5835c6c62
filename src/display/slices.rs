//! How many slices a view scrolls through, and where each lies: the same numbers in the corner text, the wheel and
//! `render --slice`.

use glam::DVec3;

use crate::volume::{Geometry, PatientPoint};

/// Below this angle a view direction counts as one of the volume's own axes.
const ALONG_AXIS_LIMIT_DEG: f64 = 0.1;

/// The slices of a volume along a viewing direction: the volume's own slices where the direction is one of its axes,
/// else planes that are the nearest axis' spacing apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Slices {
    /// Unit direction of scrolling forward.
    pub direction: DVec3,
    /// Position of the first slice along `direction`, mm.
    pub first_mm: f64,
    /// Distance of neighbouring slices, mm.
    pub step_mm: f64,
    /// How many; at least 1.
    pub count: usize,
}

impl Slices {
    /// The slices of `geometry` along a unit `direction`.
    #[must_use]
    pub fn along(geometry: &Geometry, direction: DVec3) -> Self {
        let direction = direction.normalize_or(DVec3::Z);
        // The axis whose planes (not whose step: a tilted stack) are most nearly perpendicular to the direction.
        let planes = [0, 1, 2].map(|a| {
            let (u, v) = (geometry.step_mm((a + 1) % 3), geometry.step_mm((a + 2) % 3));
            u.cross(v).normalize_or_zero().dot(direction).abs()
        });
        let axis = (0..3).max_by(|a, b| planes[*a].total_cmp(&planes[*b])).unwrap_or(2);
        let step_mm = geometry.step_mm(axis).dot(direction).abs();
        if planes[axis] >= ALONG_AXIS_LIMIT_DEG.to_radians().cos() && step_mm > 0.0 {
            let ends = [0.0, geometry.size()[axis] as f64 - 1.0].map(|n| {
                let origin = geometry.voxel_to_patient().w_axis.truncate();
                (origin + geometry.step_mm(axis) * n).dot(direction)
            });
            return Self { direction, first_mm: ends[0].min(ends[1]), step_mm, count: geometry.size()[axis] };
        }
        let step_mm = geometry.spacing_mm()[axis];
        let (low, high) = geometry.extent_along(direction);
        let count = ((high - low) / step_mm).round().max(1.0) as usize;
        let slack = (high - low) - (count - 1) as f64 * step_mm;
        Self { direction, first_mm: low + slack / 2.0, step_mm, count }
    }

    /// Position along the direction of slice `n`, counted from 0, mm.
    #[must_use]
    pub fn position_mm(&self, n: usize) -> f64 {
        self.first_mm + self.step_mm * n as f64
    }

    /// The slice that is nearest to a patient position, counted from 0; the ends for positions beyond them.
    #[must_use]
    pub fn nearest(&self, p: PatientPoint) -> usize {
        let n = (p.0.dot(self.direction) - self.first_mm) / self.step_mm;
        (n.round().max(0.0) as usize).min(self.count - 1)
    }

    /// `p` moved along the direction onto slice `n`.
    #[must_use]
    pub fn snap(&self, p: PatientPoint, n: usize) -> PatientPoint {
        PatientPoint(p.0 + self.direction * (self.position_mm(n) - p.0.dot(self.direction)))
    }

    /// A point of the middle slice, on the line through the volume's centre.
    #[must_use]
    pub fn middle(&self, geometry: &Geometry) -> PatientPoint {
        self.snap(geometry.center(), self.count / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::display::View;
    use glam::{DMat4, DVec4};

    #[test]
    fn an_aligned_volume_scrolls_through_its_own_slices_from_the_feet_up() {
        // A stack stored from the head down.
        let m = DMat4::from_cols(DVec4::X, DVec4::Y, -2.0 * DVec4::Z, DVec4::new(0.0, 0.0, 100.0, 1.0));
        let g = Geometry::new([4, 4, 11], m).unwrap();
        let s = Slices::along(&g, View::Axial.forward());
        assert_eq!((s.count, s.first_mm, s.step_mm), (11, 80.0, 2.0));
        assert_eq!(s.nearest(PatientPoint::new(0.0, 0.0, 200.0)), 10);
    }

    #[test]
    fn a_tilted_stack_keeps_its_count_along_its_own_normal() {
        let step = DVec3::new(0.0, 1.0, 2.0);
        let g = Geometry::new([4, 4, 9], DMat4::from_cols(DVec4::X, DVec4::Y, step.extend(0.0), DVec4::W)).unwrap();
        let s = Slices::along(&g, DVec3::Z);
        assert_eq!((s.count, s.step_mm), (9, 2.0));
    }

    #[test]
    fn an_oblique_direction_covers_the_volume() {
        let g = Geometry::new([10, 10, 10], DMat4::IDENTITY).unwrap();
        let s = Slices::along(&g, DVec3::new(0.0, 0.6, 0.8));
        let (low, high) = g.extent_along(s.direction);
        assert!(s.first_mm >= low && s.position_mm(s.count - 1) <= high && s.count >= 13);
    }
}
