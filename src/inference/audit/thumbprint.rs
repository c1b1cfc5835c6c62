//! An image as a short list of numbers that two copies of it share: means over a coarse grid of cells, along the patient's
//! axes, standardised.
//!
//! A copy that is shifted by a few voxels, windowed or scaled in value differs little; another head differs much. For what a
//! trained network calls alike, name an encoder.

use glam::DVec3;

use crate::volume::{Volume, VoxelPoint};

/// Cells along each side of a volume; a single picture has so many squared, times this.
pub const CELLS: [usize; 3] = [12, 12, 12];
/// Cells of a single picture.
pub const PICTURE_CELLS: [usize; 3] = [40, 40, 1];

/// The means of `cells`, x fastest along the patient's left, posterior and superior, minus their mean, over their standard
/// deviation. All 0 where the image is even. Padding counts as the image's lowest value.
#[must_use]
pub fn of(volume: &Volume, cells: [usize; 3]) -> Vec<f64> {
    let size = volume.size();
    // The voxel axis that follows each patient axis, and whether it runs against it. Pictures without a place keep theirs.
    let mut axis_of = [(0, 1.0); 3];
    for (voxel_axis, (patient_axis, sign)) in volume.geometry.nearest_axes().into_iter().enumerate() {
        axis_of[patient_axis] = (voxel_axis, sign);
    }
    let lowest = lowest(volume);
    let mut sums = vec![(0.0, 0_u32); cells.iter().product()];
    let count = volume.voxels.len();
    for index in 0..count {
        let at = [index % size[0], index / size[0] % size[1], index / (size[0] * size[1])];
        let mut cell = [0; 3];
        for (axis, cell) in cell.iter_mut().enumerate() {
            let (voxel_axis, sign) = axis_of[axis];
            let n = size[voxel_axis];
            let place = if sign < 0.0 { n - 1 - at[voxel_axis] } else { at[voxel_axis] };
            *cell = place * cells[axis] / n;
        }
        let Some(stored) = volume.voxels.get(index) else { continue };
        let padding = volume.padding.is_some_and(|p| p.holds(stored)) || !stored.is_finite();
        let value = if padding { lowest } else { volume.rescale.apply(stored) };
        let sum = &mut sums[(cell[2] * cells[1] + cell[1]) * cells[0] + cell[0]];
        sum.0 += value;
        sum.1 += 1;
    }
    let means = sums.iter().enumerate().map(|(n, (sum, count))| {
        if *count > 0 { sum / f64::from(*count) } else { between(volume, cells, n, axis_of, lowest) }
    });
    standardised(means.collect())
}

/// The value in the middle of a cell that no voxel falls into, where there are more cells than voxels.
fn between(volume: &Volume, cells: [usize; 3], cell: usize, axis_of: [(usize, f64); 3], lowest: f64) -> f64 {
    let place = [cell % cells[0], cell / cells[0] % cells[1], cell / (cells[0] * cells[1])];
    let mut at = DVec3::ZERO;
    for axis in 0..3 {
        let (voxel_axis, sign) = axis_of[axis];
        let share = (place[axis] as f64 + 0.5) / cells[axis] as f64;
        let share = if sign < 0.0 { 1.0 - share } else { share };
        at[voxel_axis] = share * volume.size()[voxel_axis] as f64 - 0.5;
    }
    let stored = volume.index_at(VoxelPoint(at)).and_then(|i| volume.voxels.get(i));
    stored.filter(|s| s.is_finite()).map_or(lowest, |s| volume.rescale.apply(s))
}

fn lowest(volume: &Volume) -> f64 {
    let stored = (0..volume.voxels.len()).filter_map(|i| volume.voxels.get(i));
    let real = stored
        .filter(|s| s.is_finite() && !volume.padding.is_some_and(|p| p.holds(*s)))
        .map(|s| volume.rescale.apply(s));
    let lowest = real.fold(f64::INFINITY, f64::min);
    if lowest.is_finite() { lowest } else { 0.0 }
}

fn standardised(mut values: Vec<f64>) -> Vec<f64> {
    let n = values.len().max(1) as f64;
    let mean = values.iter().sum::<f64>() / n;
    let sd = (values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    for value in &mut values {
        *value = if sd > 0.0 { (*value - mean) / sd } else { 0.0 };
    }
    values
}

#[cfg(test)]
mod tests {
    use glam::{DMat4, DVec4};

    use super::*;
    use crate::volume::{Geometry, Provenance};

    fn image(flip: bool, factor: f32) -> Volume {
        let (nx, ny, nz) = (20, 18, 16);
        let mut voxels = vec![0.0_f32; nx * ny * nz];
        for (n, v) in voxels.iter_mut().enumerate() {
            let x = if flip { nx - 1 - n % nx } else { n % nx };
            *v = factor * ((x * x) as f32 + (n / nx % ny) as f32 * 3.0 - (n / (nx * ny)) as f32);
        }
        let mut matrix = DMat4::IDENTITY;
        if flip {
            matrix.x_axis = DVec4::new(-1.0, 0.0, 0.0, 0.0);
            matrix.w_axis.x = nx as f64 - 1.0;
        }
        let geometry = Geometry::new([nx, ny, nz], matrix).unwrap();
        Volume::new("v", voxels.into(), geometry, Provenance::acquired(vec![])).unwrap()
    }

    #[test]
    fn the_order_of_voxels_and_the_scale_of_values_do_not_matter() {
        let (a, b) = (of(&image(false, 1.0), [5, 6, 4]), of(&image(true, 7.0), [5, 6, 4]));
        assert_eq!(a.len(), 120);
        let apart = a.iter().zip(&b).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        assert!(apart < 1e-6, "{apart}");
        let mean = a.iter().sum::<f64>() / 120.0;
        let var = a.iter().map(|v| v * v).sum::<f64>() / 120.0;
        assert!(mean.abs() < 1e-12 && (var - 1.0).abs() < 1e-9);
    }

    #[test]
    fn more_cells_than_voxels_repeat_voxels_and_an_even_image_is_all_zero() {
        let fine = of(&image(false, 1.0), [40, 36, 32]);
        assert_eq!(fine[0], fine[1]);
        assert!(of(&image(false, 0.0), CELLS).iter().all(|v| *v == 0.0));
    }
}
