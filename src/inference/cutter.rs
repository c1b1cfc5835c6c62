//! Windows of the padded grid as tensors: [`Cutter`].

use super::layout::{Box3, Layout, Order, copy};
use super::manifest::Manifest;
use super::manifest::schema::{Augmentation, Axis};
use super::session::Tensor;

/// A box of the padded grid that goes through the network at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Its first voxel.
    pub start: [usize; 3],
    /// Its size; 1 across a slice.
    pub size: [usize; 3],
    /// Which of the manifest's planes it belongs to; 0 for volumes.
    pub plane: usize,
}

/// One tensor of the graph and the inputs that are its channels.
struct Bundle {
    name: String,
    /// Channel number in the tensor, and place in the manifest's list of inputs.
    inputs: Vec<(usize, usize)>,
}

/// Cuts windows out of the normalised inputs.
pub(crate) struct Cutter {
    /// `[input][voxel]`, in `order`.
    channels: Vec<Vec<f32>>,
    size: [usize; 3],
    order: Order,
    /// One a plane; one alone for volumes.
    layouts: Vec<Layout>,
    /// The axis across the slices of each plane.
    across: Vec<usize>,
    neighbors: usize,
    bundles: Vec<Bundle>,
}

impl Cutter {
    /// Takes the channels, each `[nz, ny, nx]` with x fastest, in the manifest's order of inputs.
    pub fn new(m: &Manifest, channels: Vec<Vec<f32>>, size: [usize; 3]) -> Self {
        let word = Layout::new(&m.inferer.layout);
        let across = m.slice_axes();
        let layouts: Vec<Layout> =
            if across.is_empty() { vec![word] } else { across.iter().map(|a| word.of_slices(*a)).collect() };
        let order = layouts[0].order();
        let mut bundles: Vec<Bundle> = Vec::new();
        for (n, input) in m.inputs.iter().enumerate() {
            match bundles.iter_mut().find(|b| b.name == input.tensor) {
                Some(bundle) => bundle.inputs.push((input.channel, n)),
                None => bundles.push(Bundle { name: input.tensor.clone(), inputs: vec![(input.channel, n)] }),
            }
        }
        bundles.iter_mut().for_each(|b| b.inputs.sort_unstable());
        let channels = channels.into_iter().map(|c| order.arrange(c, size)).collect();
        Self { channels, size, order, layouts, across, neighbors: m.inferer.neighbors, bundles }
    }

    /// The order in which the grid is best walked.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Size of the padded grid.
    pub fn size(&self) -> [usize; 3] {
        self.size
    }

    /// One input's values, in [`Cutter::order`].
    pub fn channel(&self, input: usize) -> &[f32] {
        &self.channels[input]
    }

    /// The layout of a plane's tensors.
    pub fn layout(&self, plane: usize) -> &Layout {
        &self.layouts[plane]
    }

    /// How many planes are averaged; 1 for volumes.
    pub fn planes(&self) -> usize {
        self.layouts.len()
    }

    /// The axis across the slices of a plane; `None` for volumes.
    pub fn across(&self, plane: usize) -> Option<usize> {
        self.across.get(plane).copied()
    }

    /// Every tensor's name and how many channels it has.
    pub fn tensors(&self) -> Vec<(String, usize)> {
        let each = if self.across.is_empty() { 1 } else { 2 * self.neighbors + 1 };
        self.bundles.iter().map(|b| (b.name.clone(), b.inputs.len() * each)).collect()
    }

    /// Tensors of a batch of windows of one plane and one size. Slices with neighbours have, for each input in turn,
    /// the slices from the lowest to the highest as channels; beyond the image the outermost slice is repeated.
    pub fn cut(&self, windows: &[Window], augmentation: Option<&Augmentation>) -> Vec<Tensor> {
        let Some(first) = windows.first() else { return Vec::new() };
        let layout = &self.layouts[first.plane];
        let grid = self.order.strides(self.size);
        let across = self.across(first.plane);
        let reach = if across.is_some() { self.neighbors as isize } else { 0 };
        let tensor = |bundle: &Bundle| {
            let count = bundle.inputs.len() * (2 * reach as usize + 1);
            let shape = layout.shape(windows.len(), count, first.size);
            let strides = layout.strides(&shape);
            let mut data = vec![0.0; shape.iter().product()];
            for (b, window) in windows.iter().enumerate() {
                let mut at = b * strides.batch;
                for (_, input) in &bundle.inputs {
                    for offset in -reach..=reach {
                        let mut start = window.start;
                        if let Some(axis) = across {
                            let moved = start[axis] as isize + offset;
                            start[axis] = moved.clamp(0, self.size[axis] as isize - 1) as usize;
                        }
                        let from = Box3 { start, strides: grid.map(|s| s as isize) };
                        let to = Box3 { start: [0; 3], strides: strides.space.map(|s| s as isize) };
                        copy(&mut data[at..], to, &self.channels[*input], from, window.size, layout.order());
                        at += strides.channel;
                    }
                }
            }
            if let Some(a) = augmentation {
                for b in 0..windows.len() {
                    for c in 0..count {
                        let at = b * strides.batch + c * strides.channel;
                        apply(a, &mut data[at..], strides.space, first.size, false);
                    }
                }
            }
            Tensor { name: bundle.name.clone(), shape, data }
        };
        self.bundles.iter().map(tensor).collect()
    }
}

/// Changes one channel of a window as an augmentation asks; `back` undoes it for an output: intensities stay as the
/// network gave them.
pub(crate) fn apply(a: &Augmentation, data: &mut [f32], strides: [usize; 3], size: [usize; 3], back: bool) {
    let index = |axis: Axis| match axis {
        Axis::X => 0,
        Axis::Y => 1,
        Axis::Z => 2,
    };
    if back && let Some(r) = a.rotate {
        rotate(data, strides, size, index(r.axis), -r.degrees);
    }
    for axis in &a.flip {
        flip(data, strides, size, index(*axis));
    }
    if !back {
        if let Some(r) = a.rotate {
            rotate(data, strides, size, index(r.axis), r.degrees);
        }
        if let Some(i) = a.intensity {
            for_each(strides, size, |at| data[at] = data[at] * i.scale + i.shift);
        }
    }
}

fn for_each(strides: [usize; 3], size: [usize; 3], mut f: impl FnMut(usize)) {
    for z in 0..size[2] {
        for y in 0..size[1] {
            for x in 0..size[0] {
                f(x * strides[0] + y * strides[1] + z * strides[2]);
            }
        }
    }
}

fn flip(data: &mut [f32], strides: [usize; 3], size: [usize; 3], axis: usize) {
    let mut half = size;
    half[axis] /= 2;
    let last = size[axis] - 1;
    for z in 0..half[2] {
        for y in 0..half[1] {
            for x in 0..half[0] {
                let p = [x, y, z];
                let mut q = p;
                q[axis] = last - p[axis];
                let at = |p: [usize; 3]| p[0] * strides[0] + p[1] * strides[1] + p[2] * strides[2];
                data.swap(at(p), at(q));
            }
        }
    }
}

/// About the window's centre, linear, with the border's value beyond it.
fn rotate(data: &mut [f32], strides: [usize; 3], size: [usize; 3], axis: usize, degrees: f64) {
    let (u, v) = ((axis + 1) % 3, (axis + 2) % 3);
    let (sin, cos) = degrees.to_radians().sin_cos();
    let middle = [u, v].map(|a| (size[a] as f64 - 1.0) / 2.0);
    let last = [u, v].map(|a| size[a] as f64 - 1.0);
    let mut plane = vec![0.0_f32; size[u] * size[v]];
    for w in 0..size[axis] {
        let at = |p: usize, q: usize| w * strides[axis] + p * strides[u] + q * strides[v];
        for q in 0..size[v] {
            for p in 0..size[u] {
                let (x, y) = (p as f64 - middle[0], q as f64 - middle[1]);
                let sx = (cos * x + sin * y + middle[0]).clamp(0.0, last[0]);
                let sy = (-sin * x + cos * y + middle[1]).clamp(0.0, last[1]);
                let (i, j) = (sx as usize, sy as usize);
                let (i1, j1) = ((i + 1).min(size[u] - 1), (j + 1).min(size[v] - 1));
                let (tx, ty) = ((sx - i as f64) as f32, (sy - j as f64) as f32);
                let mix = |a: f32, b: f32, t: f32| a + (b - a) * t;
                let low = mix(data[at(i, j)], data[at(i1, j)], tx);
                let high = mix(data[at(i, j1)], data[at(i1, j1)], tx);
                plane[q * size[u] + p] = mix(low, high, ty);
            }
        }
        for q in 0..size[v] {
            for p in 0..size[u] {
                data[at(p, q)] = plane[q * size[u] + p];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::manifest::schema::{Intensity, Rotate};

    const SIZE: [usize; 3] = [5, 4, 3];
    const STRIDES: [usize; 3] = [12, 3, 1];

    fn ramp() -> Vec<f32> {
        (0_u8..60).map(f32::from).collect()
    }

    #[test]
    fn a_flip_undone_is_nothing_and_mirrors_its_axis_alone() {
        let a = Augmentation { flip: vec![Axis::X], ..Augmentation::default() };
        let mut d = ramp();
        apply(&a, &mut d, STRIDES, SIZE, false);
        assert_eq!((d[0], d[12 * 4]), (48.0, 0.0));
        apply(&a, &mut d, STRIDES, SIZE, true);
        assert_eq!(d, ramp());
    }

    #[test]
    fn a_quarter_turn_moves_voxels_and_back() {
        // Square in the plane of the rotation: no value is interpolated.
        let size = [5, 5, 2];
        let strides = [1, 5, 25];
        let original: Vec<f32> = (0_u8..50).map(f32::from).collect();
        let mut d = original.clone();
        rotate(&mut d, strides, size, 2, 90.0);
        assert!((d[0] - original[20]).abs() < 1e-4 || (d[0] - original[4]).abs() < 1e-4, "{}", d[0]);
        rotate(&mut d, strides, size, 2, -90.0);
        assert!(d.iter().zip(&original).all(|(a, b)| (a - b).abs() < 1e-4));
        let both = Augmentation {
            rotate: Some(Rotate { axis: Axis::Z, degrees: 0.0 }),
            intensity: Some(Intensity { scale: 2.0, shift: 1.0 }),
            ..Augmentation::default()
        };
        apply(&both, &mut d, strides, size, false);
        assert!((d[3] - (original[3] * 2.0 + 1.0)).abs() < 1e-3);
    }
}
