//! Where the pieces of a quiz are cut out of a head.

use glam::{DMat4, DVec3};

use crate::reader_study::design::draws::Draws;
use crate::volume::{Geometry, Volume, Voxels};

/// A block of voxels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its first voxel.
    pub first: [usize; 3],
    /// How many voxels.
    pub size: [usize; 3],
}

/// A block is so much of the head along each axis: of a head of 1 mm voxels about 80 x 96 x 12 mm.
const SHARE: [f64; 3] = [4.0 / 9.0, 4.0 / 9.0, 1.0 / 15.0];
/// Voxels above this share of the brightest ones belong to the head.
const HEAD: f64 = 0.15;
/// A block holds at least this share of head.
const LEAST_HEAD: f64 = 0.6;

/// Blocks that do not overlap and are mostly head, in an order drawn at random.
pub(super) fn places(head: &[f32], size: [usize; 3], draws: &mut Draws) -> Vec<Place> {
    let block: [usize; 3] = std::array::from_fn(|a| ((size[a] as f64 * SHARE[a]) as usize).clamp(1, size[a]));
    let threshold = HEAD as f32 * brightest(head);
    let is_head = |i: usize, j: usize, k: usize| head[i + size[0] * (j + size[1] * k)] > threshold;
    // The box of the head.
    let (mut low, mut high) = (size, [0; 3]);
    for k in 0..size[2] {
        for j in 0..size[1] {
            for i in (0..size[0]).filter(|i| is_head(*i, j, k)) {
                for (axis, at) in [i, j, k].into_iter().enumerate() {
                    low[axis] = low[axis].min(at);
                    high[axis] = high[axis].max(at + 1);
                }
            }
        }
    }
    let mut found = Vec::new();
    // Two beside each other, two behind each other, as many over each other as fit.
    for z in starts(low[2], high[2], block[2], size[2]) {
        for y in halves(low[1], high[1], block[1], size[1]) {
            for x in halves(low[0], high[0], block[0], size[0]) {
                let mut inside = 0;
                for k in z..z + block[2] {
                    for j in y..y + block[1] {
                        inside += (x..x + block[0]).filter(|i| is_head(*i, j, k)).count();
                    }
                }
                if inside as f64 >= LEAST_HEAD * block.iter().product::<usize>() as f64 {
                    found.push(Place { first: [x, y, z], size: block });
                }
            }
        }
    }
    draws.shuffle(&mut found);
    found
}

/// The 99th percentile.
fn brightest(values: &[f32]) -> f32 {
    let mut some: Vec<f32> = values.iter().copied().step_by(1 + values.len() / 200_000).collect();
    some.sort_by(f32::total_cmp);
    some.get(some.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(0.0)
}

/// The blocks on both sides of the middle of the head, which do not overlap.
fn halves(low: usize, high: usize, block: usize, size: usize) -> Vec<usize> {
    let middle = usize::midpoint(low, high.max(low));
    let second = middle.min(size - block);
    match middle.checked_sub(block) {
        Some(first) if first + block <= second => vec![first, second],
        _ => vec![second],
    }
}

/// One block after the other.
fn starts(low: usize, high: usize, block: usize, size: usize) -> Vec<usize> {
    (low..high.min(size).saturating_sub(block - 1)).step_by(block).collect()
}

/// A block of a volume, as real values in 32-bit floats; nothing else of the volume comes along but its origin.
pub(super) fn cut(volume: &Volume, place: Place, name: &str) -> Option<Volume> {
    let [nx, ny, _] = volume.size();
    let Place { first: [x, y, z], size } = place;
    let mut values = Vec::with_capacity(size.iter().product());
    for k in z..z + size[2] {
        for j in y..y + size[1] {
            for i in x..x + size[0] {
                values.push(volume.rescale.apply(volume.voxels.get(i + nx * (j + ny * k))?) as f32);
            }
        }
    }
    let shift = DMat4::from_translation(DVec3::new(x as f64, y as f64, z as f64));
    let geometry = Geometry::new(size, volume.geometry.voxel_to_patient() * shift).ok()?;
    Volume::new(name, Voxels::from(values), geometry, volume.provenance.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader_study::design::draws::Purpose;

    #[test]
    fn blocks_lie_in_the_head_and_never_overlap() {
        let size = [45, 54, 60];
        let values: Vec<f32> = (0..size.iter().product::<usize>())
            .map(|i| {
                let p = [i % 45, i / 45 % 54, i / (45 * 54)];
                let r: f64 = (0..3).map(|a| ((p[a] as f64 + 0.5) / size[a] as f64 * 2.0 - 1.0).powi(2)).sum();
                if r < 0.8 { 100.0 } else { 0.0 }
            })
            .collect();
        let found = places(&values, size, &mut Draws::of_study(1, Purpose::Blocks));
        assert!(found.len() >= 20, "{}", found.len());
        for (n, a) in found.iter().enumerate() {
            assert!((0..3).all(|axis| a.first[axis] + a.size[axis] <= size[axis]));
            let overlaps =
                |b: &Place| (0..3).all(|x| a.first[x] < b.first[x] + b.size[x] && b.first[x] < a.first[x] + a.size[x]);
            assert!(!found.iter().skip(n + 1).any(overlaps));
        }
    }
}
