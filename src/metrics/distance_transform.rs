//! Exact Euclidean distance to the nearest seed, with a spacing of its own along each axis.
//!
//! Squared distances add up over the axes: steps to the nearest seed along z, then lower envelopes of parabolas along y
//! and x (Felzenszwalb and Huttenlocher 2012, doi:10.4086/toc.2012.v008a019).
//!
//! ```
//! use veritome::metrics::squared_distances;
//! let seeds = [false, false, true];
//! assert_eq!(squared_distances(&seeds, [3, 1, 1], [0.5, 1.0, 1.0]), [1.0, 0.25, 0.0]);
//! ```

use rayon::prelude::*;

/// Marks a column along z that has no seed.
const NO_SEED: u32 = u32::MAX;

/// The squared distance, mm², from each voxel centre `[nz, ny, nx]` to the nearest seed's, 0 at a seed, infinite when
/// there is none. `size` is `[nx, ny, nz]`, `spacing_mm` `[x, y, z]`; empty when `seeds` does not fill the size.
///
/// The sum runs z, y, x, as scipy's `distance_transform_edt` of `[nz, ny, nx]` adds them, so equal distances come out
/// equal to the last bit.
#[must_use]
pub fn squared_distances(seeds: &[bool], size: [usize; 3], spacing_mm: [f64; 3]) -> Vec<f64> {
    let [nx, ny, _] = size;
    if seeds.is_empty() || size.iter().try_fold(1_usize, |n, m| n.checked_mul(*m)) != Some(seeds.len()) {
        return Vec::new();
    }
    let steps = steps_along_z(seeds, nx * ny);
    let mut out = vec![0.0; seeds.len()];
    let scratch = || (Envelope::default(), vec![0.0; nx * ny], vec![0.0; nx.max(ny)]);
    let planes = out.par_chunks_mut(nx * ny).zip(steps.par_chunks(nx * ny));
    planes.for_each_init(scratch, |(envelope, columns, line), (plane, steps)| {
        // Transposed, so that both passes run along memory.
        for (y, row) in steps.chunks(nx).enumerate() {
            for (x, step) in row.iter().enumerate() {
                let distance = f64::from(*step) * spacing_mm[2];
                columns[x * ny + y] = if *step == NO_SEED { f64::INFINITY } else { distance * distance };
            }
        }
        for column in columns.chunks_mut(ny) {
            envelope.lower(column, spacing_mm[1], &mut line[..ny]);
            column.copy_from_slice(&line[..ny]);
        }
        for (y, row) in plane.chunks_mut(nx).enumerate() {
            for (x, value) in line[..nx].iter_mut().enumerate() {
                *value = columns[x * ny + y];
            }
            envelope.lower(&line[..nx], spacing_mm[0], row);
        }
    });
    out
}

/// Steps along z to the nearest seed of the same column, [`NO_SEED`] without one.
fn steps_along_z(seeds: &[bool], plane: usize) -> Vec<u32> {
    let mut steps: Vec<u32> = seeds.par_iter().map(|seed| if *seed { 0 } else { NO_SEED }).collect();
    let nearer = |step: &mut u32, neighbour: &u32| *step = (*step).min(neighbour.saturating_add(1));
    let nz = steps.len() / plane;
    for z in 1..nz {
        let (before, here) = steps.split_at_mut(z * plane);
        here[..plane].iter_mut().zip(&before[(z - 1) * plane..]).for_each(|(step, b)| nearer(step, b));
    }
    for z in (1..nz).rev() {
        let (here, after) = steps.split_at_mut(z * plane);
        here[(z - 1) * plane..].iter_mut().zip(&after[..plane]).for_each(|(step, a)| nearer(step, a));
    }
    steps
}

/// The parabolas that are lowest somewhere along a line, from left to right.
#[derive(Default)]
struct Envelope {
    parabolas: Vec<Parabola>,
}

struct Parabola {
    /// Where it has its lowest point.
    at: usize,
    /// Its value there.
    height: f64,
    /// From where on it is the lowest, in steps.
    from: f64,
}

impl Envelope {
    /// `out[i]` is the least of `heights[j] + ((i - j) * spacing)^2` over all `j`.
    fn lower(&mut self, heights: &[f64], spacing: f64, out: &mut [f64]) {
        self.parabolas.clear();
        let scale = 0.5 / (spacing * spacing);
        for (at, height) in heights.iter().copied().enumerate().filter(|(_, height)| height.is_finite()) {
            let mut from = f64::NEG_INFINITY;
            while let Some(last) = self.parabolas.last() {
                let apart = (at - last.at) as f64;
                from = (height - last.height) * scale / apart + 0.5 * (at + last.at) as f64;
                if from > last.from {
                    break;
                }
                self.parabolas.pop();
                from = f64::NEG_INFINITY;
            }
            self.parabolas.push(Parabola { at, height, from });
        }
        let mut rest = self.parabolas.iter().peekable();
        let Some(mut lowest) = rest.next() else {
            out.fill(f64::INFINITY);
            return;
        };
        for (i, o) in out.iter_mut().enumerate() {
            while let Some(next) = rest.next_if(|next| next.from <= i as f64) {
                lowest = next;
            }
            let away = i.abs_diff(lowest.at) as f64 * spacing;
            *o = lowest.height + away * away;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against the distance to every seed in turn.
    #[test]
    fn every_voxel_has_the_least_distance_to_any_seed() {
        let (size, spacing) = ([9, 7, 6], [0.7, 1.3, 2.9]);
        for stride in [1, 5, 37, 200] {
            let seeds: Vec<bool> = (0..9 * 7 * 6).map(|n| (n * 131 + 17) % 211 % stride == 0).collect();
            let place = |n: usize| [n % 9, n / 9 % 7, n / 63];
            let found = squared_distances(&seeds, size, spacing);
            for (n, d) in found.iter().enumerate() {
                let to_seed = |m: usize| -> f64 {
                    let (a, b) = (place(n), place(m));
                    (0..3).map(|axis| (a[axis].abs_diff(b[axis]) as f64 * spacing[axis]).powi(2)).sum()
                };
                let least = (0..seeds.len()).filter(|m| seeds[*m]).map(to_seed).fold(f64::INFINITY, f64::min);
                assert!((d - least).abs() <= 1e-12 * least, "{n}: {d} {least}");
            }
        }
    }

    #[test]
    fn without_a_seed_all_is_infinitely_far_and_a_wrong_size_gives_nothing() {
        assert_eq!(squared_distances(&[false; 4], [2, 2, 1], [1.0; 3]), [f64::INFINITY; 4]);
        assert!(squared_distances(&[false; 4], [2, 2, 2], [1.0; 3]).is_empty());
        assert!(squared_distances(&[], [0, 2, 2], [1.0; 3]).is_empty());
    }
}
