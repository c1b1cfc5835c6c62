//! Distances to the nearest seed at a few voxels only, such as those of a surface: much quicker than a distance
//! transform of them all, and to the last bit the same.
//!
//! Steps along x to the nearest seed of the same row are known for every voxel. The rows around a place are looked at
//! from near to far until the next is farther off than the nearest seed found.

use rayon::prelude::*;

use super::distance_transform::squared_distances;

/// Marks a row without a seed.
const NO_SEED: u32 = u32::MAX;
/// Rows looked at around each place before it counts as far off.
const NEAR: usize = 4096;
/// So many places far off are worth a look at all rows; for more, the distance transform is quicker.
const FEW: usize = 512;

/// The squared distance, mm², to the nearest seed from each of the voxels `at`, by flat index into `seeds`
/// `[nz, ny, nx]`; `size` is `[nx, ny, nz]`, `spacing_mm` `[x, y, z]`. Infinite where there is none.
pub(super) fn squared_distances_at(at: &[usize], seeds: &[bool], size: [usize; 3], spacing_mm: [f64; 3]) -> Vec<f64> {
    let rows = Rows { steps: steps_along_x(seeds, size[0]), size, spacing_mm };
    let offsets = rows.offsets();
    let mut found: Vec<Option<f64>> = at.par_iter().map(|from| rows.near(*from, &offsets)).collect();
    let far = found.iter().filter(|distance| distance.is_none()).count();
    if far > FEW {
        drop(rows);
        let all = squared_distances(seeds, size, spacing_mm);
        return at.iter().map(|from| all[*from]).collect();
    }
    let wanting = found.par_iter_mut().zip(at).filter(|(distance, _)| distance.is_none());
    wanting.for_each(|(distance, from)| *distance = Some(rows.anywhere(*from)));
    found.into_iter().flatten().collect()
}

/// Steps along x to the nearest seed of the same row, [`NO_SEED`] without one.
fn steps_along_x(seeds: &[bool], nx: usize) -> Vec<u32> {
    let mut steps = vec![NO_SEED; seeds.len()];
    steps.par_chunks_mut(nx).zip(seeds.par_chunks(nx)).filter(|(_, seeds)| seeds.contains(&true)).for_each(
        |(steps, seeds)| {
            let mut away = NO_SEED;
            for (step, seed) in steps.iter_mut().zip(seeds) {
                away = if *seed { 0 } else { away.saturating_add(1) };
                *step = away;
            }
            for step in steps.iter_mut().rev() {
                away = away.saturating_add(1).min(*step);
                *step = away;
            }
        },
    );
    steps
}

/// A row beside another.
struct Offset {
    squared_mm: f64,
    y: isize,
    z: isize,
}

struct Rows {
    steps: Vec<u32>,
    size: [usize; 3],
    spacing_mm: [f64; 3],
}

impl Rows {
    /// All rows within an ellipse of about [`NEAR`] rows, from near to far.
    fn offsets(&self) -> Vec<Offset> {
        let [_, dy, dz] = self.spacing_mm;
        let reach = (NEAR as f64 / std::f64::consts::PI * dy * dz).sqrt();
        let steps = |spacing: f64, n: usize| ((reach / spacing) as usize).min(n - 1) as isize;
        let (ys, zs) = (steps(dy, self.size[1]), steps(dz, self.size[2]));
        let offset = |y: isize, z: isize| Offset { squared_mm: self.across(y.unsigned_abs(), z.unsigned_abs()), y, z };
        let all = (-zs..=zs).flat_map(|z| (-ys..=ys).map(move |y| (y, z))).map(|(y, z)| offset(y, z));
        let mut offsets: Vec<Offset> = all.filter(|o| o.squared_mm <= reach * reach).collect();
        offsets.sort_by(|a, b| a.squared_mm.total_cmp(&b.squared_mm));
        offsets
    }

    /// Summed z, y and then x as the distance transform does.
    fn across(&self, y: usize, z: usize) -> f64 {
        let [_, dy, dz] = self.spacing_mm;
        let (y, z) = (y as f64 * dy, z as f64 * dz);
        z * z + y * y
    }

    fn along(&self, x: usize, y: usize, z: usize) -> Option<f64> {
        let [nx, ny, _] = self.size;
        let steps = self.steps[(z * ny + y) * nx + x];
        let along = f64::from(steps) * self.spacing_mm[0];
        (steps != NO_SEED).then_some(along * along)
    }

    fn place(&self, from: usize) -> [usize; 3] {
        let [nx, ny, _] = self.size;
        [from % nx, from / nx % ny, from / (nx * ny)]
    }

    /// The squared distance, unless a row beyond the offsets may be nearer.
    fn near(&self, from: usize, offsets: &[Offset]) -> Option<f64> {
        let ([x, y, z], [_, ny, nz]) = (self.place(from), self.size);
        let mut nearest = f64::INFINITY;
        for offset in offsets {
            if offset.squared_mm >= nearest {
                return Some(nearest);
            }
            let row = y.checked_add_signed(offset.y).zip(z.checked_add_signed(offset.z));
            if let Some((y, z)) = row.filter(|(y, z)| *y < ny && *z < nz)
                && let Some(along) = self.along(x, y, z)
            {
                nearest = nearest.min(offset.squared_mm + along);
            }
        }
        None
    }

    /// The squared distance by way of every row.
    fn anywhere(&self, from: usize) -> f64 {
        let ([x, y, z], [_, ny, nz]) = (self.place(from), self.size);
        let rows = (0..nz).flat_map(|k| (0..ny).map(move |j| (j, k)));
        let distances =
            rows.filter_map(|(j, k)| Some(self.across(j.abs_diff(y), k.abs_diff(z)) + self.along(x, j, k)?));
        distances.fold(f64::INFINITY, f64::min)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everywhere in a grid and at a few places of it: near, far and few, far and many.
    #[test]
    fn the_distances_are_those_of_the_distance_transform() {
        for (size, spacing) in [([31, 24, 18], [0.7, 0.9, 2.5]), ([3, 150, 90], [1.0, 1.1, 0.8])] {
            for stride in [3, 41, 997, 9000] {
                let n = size.iter().product();
                let seeds: Vec<bool> = (0..n).map(|n| (n * 7919 + 13) % 10007 % stride == 0 && n < 30000).collect();
                let all = squared_distances(&seeds, size, spacing);
                for step in [1, 200] {
                    let at: Vec<usize> = (0..n).step_by(step).collect();
                    let wanted: Vec<f64> = at.iter().map(|from| all[*from]).collect();
                    assert_eq!(squared_distances_at(&at, &seeds, size, spacing), wanted, "{size:?} {stride} {step}");
                }
            }
        }
        assert_eq!(squared_distances_at(&[1], &[false; 4], [2, 2, 1], [1.0; 3]), [f64::INFINITY]);
    }
}
