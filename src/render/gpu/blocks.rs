//! A coarse grid over a volume, by which rays step over what they need not see.

use rayon::prelude::*;

use crate::volume::voxels::{Scalar, luma};
use crate::volume::{Padding, Volume};
use crate::with_voxels;

/// Voxels of a block's side; `BLOCK` in `shaders/ray.wgsl`.
pub(crate) const BLOCK: usize = 8;
/// Blocks of a big block's side; `BIG` in `shaders/raycast_projection.wgsl`.
const BIG: usize = 4;

/// Lowest and highest stored value in each block of a texture and on its border with the next ones; low above high where
/// nothing is.
#[derive(Debug)]
pub(crate) struct Blocks {
    pub(crate) size: [usize; 3],
    pub(crate) ranges: Vec<[f32; 2]>,
}

/// What nothing widens.
const EMPTY: [f32; 2] = [f32::INFINITY, f32::NEG_INFINITY];

impl Blocks {
    /// Of a volume of which the texture holds every `reduced`-th voxel.
    pub(crate) fn of(volume: &Volume, reduced: usize) -> Self {
        let (size, padding) = (volume.size(), volume.padding);
        with_voxels!(
            &volume.voxels,
            |v| match padding {
                // Comparisons in the stored type: quick, and NaN is left out by both.
                None => Self::scan(size, reduced, |row, range: &mut Option<[_; 2]>| widen(&v[row], range)),
                Some(p) => Self::scan(size, reduced, |row, range| widen_outside(&v[row], p, range)),
            },
            rgb | v
                | Self::scan(size, reduced, |row, range: &mut Option<[f64; 2]>| {
                    v[row].iter().for_each(|c| widen(&[luma(c)], range));
                })
        )
    }

    fn scan<T: Scalar>(
        whole: [usize; 3],
        reduced: usize,
        widen: impl Fn(std::ops::Range<usize>, &mut Option<[T; 2]>) + Sync,
    ) -> Self {
        let side = BLOCK * reduced;
        let size = whole.map(|n| n.div_ceil(side));
        let span = |b: usize, n: usize| b * side..(b * side + side + 1).min(n);
        let mut ranges = vec![EMPTY; size.iter().product()];
        ranges.par_chunks_mut(size[0] * size[1]).enumerate().for_each(|(bz, plane)| {
            for (by, row) in plane.chunks_mut(size[0]).enumerate() {
                let mut found: Vec<Option<[T; 2]>> = vec![None; size[0]];
                for z in span(bz, whole[2]) {
                    for y in span(by, whole[1]) {
                        let start = (z * whole[1] + y) * whole[0];
                        for (bx, range) in found.iter_mut().enumerate() {
                            let x = span(bx, whole[0]);
                            widen(start + x.start..start + x.end, range);
                        }
                    }
                }
                for (range, found) in row.iter_mut().zip(found) {
                    *range = found.map_or(EMPTY, |f| f.map(|x| x.to_f64() as f32));
                }
            }
        });
        Self { size, ranges }
    }

    /// `value` of each block, and the highest of it in each big block.
    pub(crate) fn highest(&self, value: impl Fn([f32; 2]) -> f32) -> (Grid, Grid) {
        let small: Vec<f32> = self.ranges.iter().map(|r| value(*r)).collect();
        let big_size = self.size.map(|n| n.div_ceil(BIG));
        let mut big = vec![f32::NEG_INFINITY; big_size.iter().product()];
        let [nx, ny, _] = self.size;
        for (n, v) in small.iter().enumerate() {
            let [x, y, z] = [n % nx / BIG, n / nx % ny / BIG, n / nx / ny / BIG];
            let b = &mut big[(z * big_size[1] + y) * big_size[0] + x];
            *b = b.max(*v);
        }
        let tame = |v: Vec<f32>| v.into_iter().map(|x| x.clamp(-3.4e38, 3.4e38)).collect();
        (Grid { size: self.size, values: tame(small) }, Grid { size: big_size, values: tame(big) })
    }
}

/// One number a block.
#[derive(Debug)]
pub(crate) struct Grid {
    pub(crate) size: [usize; 3],
    pub(crate) values: Vec<f32>,
}

impl Grid {
    /// From each block, how many blocks one may go in any direction (also askew) before one that is `taken`: 0 for a taken
    /// one. At most 64.
    pub(crate) fn free_distance(size: [usize; 3], taken: &[bool]) -> Self {
        let [nx, ny, nz] = size.map(|n| n as isize);
        let mut values: Vec<f32> = taken.iter().map(|t| if *t { 0.0 } else { 64.0 }).collect();
        let at = |x: isize, y: isize, z: isize| {
            (x >= 0 && y >= 0 && z >= 0 && x < nx && y < ny && z < nz).then_some(((z * ny + y) * nx + x) as usize)
        };
        let before: Vec<[isize; 3]> = (0..13).map(|n: isize| [n % 3 - 1, n / 3 % 3 - 1, n / 9 - 1]).collect();
        // Two sweeps with the 13 neighbours before and after give the exact chessboard distance.
        for forward in [true, false] {
            for n in 0..nx * ny * nz {
                let n = if forward { n } else { nx * ny * nz - 1 - n };
                let [x, y, z] = [n % nx, n / nx % ny, n / nx / ny];
                let sign = if forward { 1 } else { -1 };
                let mut best = values[n as usize];
                for [dx, dy, dz] in &before {
                    if let Some(i) = at(x + sign * dx, y + sign * dy, z + sign * dz) {
                        best = best.min(values[i] + 1.0);
                    }
                }
                values[n as usize] = best;
            }
        }
        Self { size, values }
    }
}

fn widen<T: Scalar>(row: &[T], range: &mut Option<[T; 2]>) {
    for x in row {
        match range {
            Some([low, high]) => {
                *low = if *x < *low { *x } else { *low };
                *high = if *x > *high { *x } else { *high };
            }
            None if x.to_f64().is_nan() => {}
            None => *range = Some([*x, *x]),
        }
    }
}

fn widen_outside<T: Scalar>(row: &[T], padding: Padding, range: &mut Option<[T; 2]>) {
    row.iter().filter(|x| !padding.holds(x.to_f64())).for_each(|x| widen(std::slice::from_ref(x), range));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_free_distance_is_the_chessboard_distance() {
        let size = [7, 5, 6];
        let mut taken = vec![false; 7 * 5 * 6];
        let spots = [[1, 1, 1], [6, 4, 3]];
        for [x, y, z] in spots {
            taken[(z * 5 + y) * 7 + x] = true;
        }
        let grid = Grid::free_distance(size, &taken);
        for (n, value) in grid.values.iter().enumerate() {
            let p = [n % 7, n / 7 % 5, n / 35];
            let far = |s: &[usize; 3]| (0..3).map(|a| s[a].abs_diff(p[a])).max().unwrap();
            assert_eq!(*value as usize, spots.iter().map(far).min().unwrap());
        }
    }
}
