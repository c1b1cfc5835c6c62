//! Boxes that sweep over a grid as MONAI's sliding window does.

use super::scored::voxels;

/// Where boxes of `length` start along an axis of `n` voxels: MONAI's `dense_patch_slices` (steps of
/// `trunc(length (1 - overlap))`, the last one pushed back).
pub(super) fn starts(n: usize, length: usize, overlap: f64) -> Vec<usize> {
    if length >= n {
        return vec![0];
    }
    let step = ((length as f64 * (1.0 - overlap)) as usize).max(1);
    let mut starts = Vec::new();
    let mut at = 0;
    while at + length < n {
        starts.push(at);
        at += step;
    }
    starts.push(n - length);
    starts
}

/// The corner of every box, the last axis slowest.
pub(super) fn corners(size: [usize; 3], length: [usize; 3], overlap: f64) -> Vec<[usize; 3]> {
    let [xs, ys, zs] = [0, 1, 2].map(|a| starts(size[a], length[a], overlap));
    let mut corners = Vec::with_capacity(xs.len() * ys.len() * zs.len());
    for z in &zs {
        for y in &ys {
            corners.extend(xs.iter().map(|x| [*x, *y, *z]));
        }
    }
    corners
}

/// Calls `visit` with the index in the box and the index in the grid, x fastest.
pub(super) fn each_voxel(
    size: [usize; 3],
    corner: [usize; 3],
    length: [usize; 3],
    mut visit: impl FnMut(usize, usize),
) {
    let mut inside = 0;
    for z in corner[2]..corner[2] + length[2] {
        for y in corner[1]..corner[1] + length[1] {
            let row = (z * size[1] + y) * size[0] + corner[0];
            for at in row..row + length[0] {
                visit(inside, at);
                inside += 1;
            }
        }
    }
}

/// A product of one profile an axis, x fastest.
pub(super) fn product(profiles: &[Vec<f64>; 3]) -> Vec<f64> {
    let size = [0, 1, 2].map(|a| profiles[a].len());
    let mut out = Vec::with_capacity(voxels(size));
    for z in &profiles[2] {
        for y in &profiles[1] {
            out.extend(profiles[0].iter().map(|x| x * y * z));
        }
    }
    out
}

/// MONAI's Gaussian importance map: `σ = 0.125 n`, not below `max(smallest, 1e-3)`.
pub(super) fn gaussian_weights(length: [usize; 3]) -> Vec<f64> {
    let profiles = length.map(|n| {
        let (half, sigma) = ((n as f64 - 1.0) / 2.0, 0.125 * n as f64);
        (0..n).map(|i| (-(i as f64 - half).powi(2) / (2.0 * sigma * sigma)).exp()).collect()
    });
    let mut weights = product(&profiles);
    let floor = weights.iter().copied().fold(f64::INFINITY, f64::min).max(1e-3);
    weights.iter_mut().for_each(|w| *w = w.max(floor));
    weights
}

#[cfg(test)]
mod tests {
    use super::*;

    /// By hand after MONAI's rule: 96 voxels, boxes of 16, overlap 0.6: steps of trunc(6.4) = 6, the last at 80.
    #[test]
    fn boxes_start_where_monais_do() {
        let s = starts(96, 16, 0.6);
        assert_eq!((s.len(), s[1], s[13], s[14]), (15, 6, 78, 80));
        assert_eq!(starts(10, 16, 0.6), [0]);
        assert_eq!(starts(17, 16, 0.0), [0, 1]);
        assert_eq!(corners([17, 16, 20], [16; 3], 0.6).len(), 4);
    }
}
