//! Postprocessing of labels and values: components, holes, median.

use rayon::prelude::*;

use super::manifest::schema::Postprocess;
use crate::error::Cancelled;
use crate::jobs::Control;
use crate::volume::components::{Components, Connectivity};

/// Applies what the manifest asks for, label by label. `voxel_ml` is a voxel's volume in millilitres.
///
/// # Errors
/// [`Cancelled`].
pub(crate) fn clean_labels(
    voxels: &mut Vec<u16>,
    size: [usize; 3],
    voxel_ml: f64,
    p: &Postprocess,
    control: &Control,
) -> Result<(), Cancelled> {
    if p.median > 1 {
        *voxels = most_frequent(voxels, size, p.median, control)?;
    }
    let mut present: Vec<u16> = voxels.iter().copied().filter(|v| *v > 0).collect();
    present.sort_unstable();
    present.dedup();
    for label in present {
        control.checkpoint()?;
        let largest = p.largest_component.holds(label);
        if largest || p.min_volume_ml > 0.0 {
            let parts = Components::find(size, Connectivity::Corners, |at| voxels[at] == label, control)?;
            let keep_only = parts.largest();
            for (v, part) in voxels.iter_mut().zip(parts.numbers()).filter(|(_, part)| **part > 0) {
                let small = parts.voxels(*part) as f64 * voxel_ml < p.min_volume_ml;
                if small || largest && *part != keep_only {
                    *v = 0;
                }
            }
        }
        if p.fill_holes {
            fill_holes(voxels, size, label, control)?;
        }
    }
    Ok(())
}

/// Background that cannot be reached from the border over faces becomes the label that encloses it.
fn fill_holes(voxels: &mut [u16], size: [usize; 3], label: u16, control: &Control) -> Result<(), Cancelled> {
    let [nx, ny, nz] = size;
    let mut outside = vec![false; voxels.len()];
    let mut open = Vec::new();
    for at in 0..voxels.len() {
        let (x, y, z) = (at % nx, at / nx % ny, at / (nx * ny));
        let border = x == 0 || y == 0 || z == 0 || x == nx - 1 || y == ny - 1 || z == nz - 1;
        if border && voxels[at] != label {
            outside[at] = true;
            open.push(at);
        }
    }
    let mut count = 0_usize;
    while let Some(at) = open.pop() {
        count += 1;
        if usize::is_multiple_of(count, 1 << 16) {
            control.checkpoint()?;
        }
        Connectivity::Faces.neighbours(at, size, |n| {
            if voxels[n] != label && !outside[n] {
                outside[n] = true;
                open.push(n);
            }
        });
    }
    for (v, out) in voxels.iter_mut().zip(outside) {
        if *v == 0 && !out {
            *v = label;
        }
    }
    Ok(())
}

/// The most frequent label of a cube of `width` voxels; for one label that is the median.
fn most_frequent(voxels: &[u16], size: [usize; 3], width: usize, control: &Control) -> Result<Vec<u16>, Cancelled> {
    windows(voxels, size, width, control, |window| {
        window.sort_unstable();
        let mut best = (0, 0);
        for run in window.chunk_by(|a, b| a == b) {
            if run.len() > best.1 {
                best = (run[0], run.len());
            }
        }
        best.0
    })
}

/// The median of a cube of `width` voxels, cut off at the border.
///
/// # Errors
/// [`Cancelled`].
pub(crate) fn median(values: &[f32], size: [usize; 3], width: usize, control: &Control) -> Result<Vec<f32>, Cancelled> {
    windows(values, size, width, control, |window| {
        let middle = window.len() / 2;
        *window.select_nth_unstable_by(middle, f32::total_cmp).1
    })
}

fn windows<T: Copy + Send + Sync + Default>(
    values: &[T],
    size: [usize; 3],
    width: usize,
    control: &Control,
    choose: impl Fn(&mut [T]) -> T + Sync,
) -> Result<Vec<T>, Cancelled> {
    let [nx, ny, nz] = size;
    let reach = width / 2;
    let range = |c: usize, n: usize| c.saturating_sub(reach)..(c + reach + 1).min(n);
    let mut out = vec![T::default(); values.len()];
    out.par_chunks_mut(nx * ny).enumerate().try_for_each(|(z, plane)| {
        let mut window = Vec::with_capacity(width.pow(3));
        for (y, row) in plane.chunks_mut(nx).enumerate() {
            control.checkpoint()?;
            for (x, o) in row.iter_mut().enumerate() {
                window.clear();
                for k in range(z, nz) {
                    for j in range(y, ny) {
                        let start = (k * ny + j) * nx;
                        window.extend_from_slice(&values[start + range(x, nx).start..start + range(x, nx).end]);
                    }
                }
                *o = choose(&mut window);
            }
        }
        Ok(())
    })?;
    Ok(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "helpers of tests")]
    use super::*;
    use crate::inference::manifest::schema::Which;

    const SIZE: [usize; 3] = [7, 7, 7];

    fn at(x: usize, y: usize, z: usize) -> usize {
        (z * 7 + y) * 7 + x
    }

    fn run(mut voxels: Vec<u16>, p: &Postprocess) -> Vec<u16> {
        clean_labels(&mut voxels, SIZE, 0.001, p, &Control::new()).unwrap();
        voxels
    }

    #[test]
    fn the_largest_component_of_each_asked_label_stays_and_corners_connect() {
        let mut v = vec![0; 343];
        for (i, label) in [(at(1, 1, 1), 1), (at(2, 2, 2), 1), (at(5, 5, 5), 1), (at(5, 1, 1), 2), (at(1, 5, 1), 2)] {
            v[i] = label;
        }
        let out = run(v.clone(), &Postprocess { largest_component: Which::Labels(vec![1]), ..Postprocess::default() });
        assert_eq!((out[at(1, 1, 1)], out[at(2, 2, 2)], out[at(5, 5, 5)]), (1, 1, 0));
        assert_eq!((out[at(5, 1, 1)], out[at(1, 5, 1)]), (2, 2));
        let out = run(v, &Postprocess { min_volume_ml: 0.0015, ..Postprocess::default() });
        assert_eq!(out.iter().filter(|x| **x > 0).count(), 2);
    }

    #[test]
    fn holes_are_filled_and_bays_are_not() {
        let mut v = vec![0; 343];
        for z in 1..6 {
            for y in 1..6 {
                for x in 1..6 {
                    v[at(x, y, z)] = 3;
                }
            }
        }
        v[at(3, 3, 3)] = 0;
        v[at(3, 3, 1)] = 0;
        let out = run(v, &Postprocess { fill_holes: true, ..Postprocess::default() });
        assert_eq!((out[at(3, 3, 3)], out[at(3, 3, 1)], out[at(0, 0, 0)]), (3, 0, 0));
    }

    #[test]
    fn the_median_removes_single_voxels() {
        let mut v = vec![0.0_f32; 343];
        v[at(3, 3, 3)] = 9.0;
        assert!(median(&v, SIZE, 3, &Control::new()).unwrap().iter().all(|x| *x == 0.0));
        let mut labels = vec![0_u16; 343];
        labels[at(3, 3, 3)] = 9;
        let out = run(labels, &Postprocess { median: 3, ..Postprocess::default() });
        assert!(out.iter().all(|x| *x == 0));
    }
}
