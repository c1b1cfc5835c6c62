//! What a file lays over its own image: overlay planes, and a shutter that hides part of it. Neither changes a voxel.

use std::sync::Arc;

use super::{Geometry, Labelmap};

/// The colour of overlay planes: `graphic` in `assets/theme.toml`, which a test holds to this; it means nothing else.
pub const GRAPHIC_COLOR: [u8; 3] = [0x5F, 0xE3, 0xE8];

/// The graphics of an image. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Graphics {
    /// One for each overlay group (60xx), on the part of the image's grid that it covers; its one label is 1.
    pub planes: Vec<Arc<Labelmap>>,
    /// What the file wants hidden.
    pub shutter: Option<Arc<Shutter>>,
}

impl Graphics {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.planes.is_empty() && self.shutter.is_none()
    }

    /// Whether `labels` is one of them: it then belongs over its image whatever its grid is.
    #[must_use]
    pub fn holds(&self, labels: &Labelmap) -> bool {
        let is = |l: &Labelmap| Arc::ptr_eq(&l.voxels, &labels.voxels);
        self.planes.iter().any(|p| is(p)) || self.is_shutter(labels)
    }

    /// Whether `labels` is the shutter.
    #[must_use]
    pub fn is_shutter(&self, labels: &Labelmap) -> bool {
        self.shutter.as_ref().is_some_and(|s| Arc::ptr_eq(&s.mask.voxels, &labels.voxels))
    }
}

/// Where a display shutter (PS3.3 C.7.6.11) hides the image.
#[derive(Debug, Clone)]
pub struct Shutter {
    /// 1 where it hides, in the colour that is seen instead; one slice as thick as the image where all slices share it.
    pub mask: Arc<Labelmap>,
    /// The image's grid.
    pub grid: Geometry,
}

impl Shutter {
    /// The shutter of slice `k` alone, on a grid of one slice.
    #[must_use]
    pub fn slice(&self, k: usize, grid: &Geometry) -> Option<Self> {
        let [nx, ny, nz] = self.mask.geometry.size();
        let k = if nz == 1 { 0 } else { k };
        let voxels = self.mask.voxels.get(k * nx * ny..(k + 1) * nx * ny)?.to_vec();
        let mask = Labelmap { voxels: Arc::new(voxels), geometry: grid.clone(), ..(*self.mask).clone() };
        Some(Self { mask: Arc::new(mask), grid: grid.clone() })
    }

    /// What is seen instead of the image.
    #[must_use]
    pub fn color(&self) -> [u8; 3] {
        self.mask.labels.first().map_or([0; 3], |l| l.color)
    }

    /// Whether it hides the voxel at a flat index of its image.
    #[must_use]
    pub fn hides(&self, index: usize) -> bool {
        let [nx, ny, nz] = self.mask.geometry.size();
        let at = if nz == 1 { index % (nx * ny).max(1) } else { index };
        self.mask.voxels.get(at).is_some_and(|v| *v > 0)
    }
}

/// The part of `grid` from `low` up to, not including, `high`, as a grid of its own: the same voxels at the same places.
/// `thick`: one slice as thick as the whole part.
///
/// `None` where the part is empty or reaches beyond the grid.
#[must_use]
pub fn part_of(grid: &Geometry, low: [usize; 3], high: [usize; 3], thick: bool) -> Option<Geometry> {
    let inside = (0..3).all(|a| low[a] < high[a] && high[a] <= grid.size()[a]);
    if !inside {
        return None;
    }
    let mut size = [0, 1, 2].map(|a| high[a] - low[a]);
    let mut corner = low.map(|n| n as f64);
    let mut matrix = grid.voxel_to_patient();
    if thick {
        corner[2] += (size[2] as f64 - 1.0) / 2.0;
        matrix.z_axis *= size[2] as f64;
        size[2] = 1;
    }
    matrix.w_axis = grid.voxel_to_patient() * glam::DVec3::from_array(corner).extend(1.0);
    Geometry::new(size, matrix).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::VoxelPoint;
    use glam::{DMat4, DVec3};

    #[test]
    fn a_part_lies_where_its_voxels_do_and_a_thick_one_covers_all_slices() {
        let grid = Geometry::new([8, 6, 5], DMat4::from_scale(DVec3::new(0.5, 0.7, 2.0))).unwrap();
        let part = part_of(&grid, [2, 1, 3], [4, 6, 5], false).unwrap();
        assert_eq!(part.size(), [2, 5, 2]);
        assert_eq!(part.to_patient(VoxelPoint::new(1.0, 2.0, 1.0)), grid.to_patient(VoxelPoint::new(3.0, 3.0, 4.0)));
        let thick = part_of(&grid, [0; 3], [8, 6, 5], true).unwrap();
        assert_eq!(thick.size(), [8, 6, 1]);
        let close = |a: (f64, f64), b: (f64, f64)| (a.0 - b.0).abs() < 1e-9 && (a.1 - b.1).abs() < 1e-9;
        assert!(close(thick.extent_along(DVec3::Z), grid.extent_along(DVec3::Z)));
        assert!(part_of(&grid, [2, 1, 3], [2, 6, 5], false).is_none());
        assert!(part_of(&grid, [0; 3], [9, 6, 5], false).is_none());
    }
}
