//! Means, squares and products of two images under a Gaussian window, in one pass and without a volume in between.
//!
//! For every slice of the result the window is applied along z into one plane, then along y into one row, then along x,
//! all in `f64`: the variances of SSIM are small differences of large numbers.

use std::ops::Range;

use rayon::prelude::*;

use super::undefined::Undefined;

/// A symmetric window: the middle weight and those to either side, nearest first; they sum to 1.
#[derive(Debug, Clone)]
pub(super) struct Taps {
    middle: f64,
    sides: Vec<f64>,
}

impl Taps {
    /// A Gaussian of `sigma` voxels, if it [fits](Self::width) an image of size `[nx, ny, nz]`.
    ///
    /// # Errors
    /// [`Undefined::TooSmall`]. A slice (`nz = 1`) has no window along z.
    pub(super) fn gaussian(sigma: f64, size: [usize; 3]) -> Result<Self, Undefined> {
        let [nx, ny, nz] = size;
        let least = Self::width(sigma);
        if nx < least || ny < least || (nz < least && nz != 1) {
            return Err(Undefined::TooSmall { size, least });
        }
        let radius = least / 2;
        let weight = |k: usize| (-0.5 * (k as f64 / sigma).powi(2)).exp();
        let sum = 1.0 + 2.0 * (1..=radius).map(weight).sum::<f64>();
        Ok(Self { middle: 1.0 / sum, sides: (1..=radius).map(|k| weight(k) / sum).collect() })
    }

    /// The number of taps: cut off at 3.5 sigma as scikit-image's SSIM does, so 11 for 1.5.
    pub(super) fn width(sigma: f64) -> usize {
        ((3.5 * sigma + 0.5) as usize).saturating_mul(2).saturating_add(1)
    }

    pub(super) fn radius(&self) -> usize {
        self.sides.len()
    }
}

/// Two images `[nz, ny, nx]` of size `[nx, ny, nz]`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Images<'a, T> {
    pub(super) a: &'a [T],
    pub(super) b: &'a [T],
    pub(super) size: [usize; 3],
}

/// The windowed values along one row, x from `first_x`.
pub(super) struct Row<'a> {
    pub(super) y: usize,
    pub(super) z: usize,
    pub(super) first_x: usize,
    pub(super) moments: &'a Moments,
}

/// Windowed `a`, `b`, `a^2 + b^2` and `ab`. SSIM needs the squares only in their sum.
#[derive(Debug, Clone, Default)]
pub(super) struct Moments {
    pub(super) a: Vec<f64>,
    pub(super) b: Vec<f64>,
    pub(super) squares: Vec<f64>,
    pub(super) product: Vec<f64>,
}

impl Moments {
    fn zeros(n: usize) -> Self {
        Self { a: vec![0.0; n], b: vec![0.0; n], squares: vec![0.0; n], product: vec![0.0; n] }
    }

    fn fields(&self) -> [&[f64]; 4] {
        [&self.a, &self.b, &self.squares, &self.product]
    }

    fn fields_mut(&mut self) -> [&mut [f64]; 4] {
        [&mut self.a, &mut self.b, &mut self.squares, &mut self.product]
    }
}

/// Where the window is centred.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Centres {
    /// Only where it lies wholly in the image.
    Inside,
    /// Everywhere, the image mirrored at its outer faces (`d c b a | a b c d`, scipy's `reflect`).
    Everywhere,
}

/// Calls `visit` for every row of windowed values with the state of its slice, and returns the states in order of z.
/// The window must have been made for this size. A single slice has no window along z.
pub(super) fn windowed<T, S>(
    images: Images<T>,
    taps: &Taps,
    centres: Centres,
    start: impl Fn() -> S + Sync,
    visit: impl Fn(&mut S, Row) + Sync,
) -> Vec<S>
where
    T: Copy + Into<f64> + Sync,
    S: Send,
{
    let [nx, ny, nz] = images.size;
    let reach = if centres == Centres::Inside { taps.radius() } else { 0 };
    let slices = if nz == 1 { 0..1 } else { reach..nz - reach };
    let padded = nx + 2 * (taps.radius() - reach);
    let scratch = || (Moments::zeros(nx * ny), Moments::zeros(padded), Moments::zeros(nx - 2 * reach));
    let of_slice = |(plane, row, out): &mut (Moments, Moments, Moments), z: usize| {
        along_z(images, taps, z, plane);
        let mut state = start();
        for y in reach..ny - reach {
            along_y(plane, [nx, ny], taps, y, taps.radius() - reach, row);
            for (from, to) in row.fields().into_iter().zip(out.fields_mut()) {
                along_x(from, taps, to);
            }
            visit(&mut state, Row { y, z, first_x: reach, moments: out });
        }
        state
    };
    slices.into_par_iter().map_init(scratch, of_slice).collect()
}

/// The index `k` steps before and after `at`, mirrored at the ends.
fn mirrored(at: usize, k: usize, n: usize) -> (usize, usize) {
    let before = if at >= k { at - k } else { k - at - 1 };
    let after = if at + k < n { at + k } else { 2 * n - 1 - (at + k) };
    (before, after)
}

fn along_z<T: Copy + Into<f64>>(images: Images<T>, taps: &Taps, z: usize, out: &mut Moments) {
    let [nx, ny, nz] = images.size;
    let sides: &[f64] = if nz == 1 { &[] } else { &taps.sides };
    let middle = if nz == 1 { 1.0 } else { taps.middle };
    for y in 0..ny {
        let row = |z: usize| -> (&[T], &[T]) {
            let start = (z * ny + y) * nx;
            (&images.a[start..start + nx], &images.b[start..start + nx])
        };
        let here = y * nx..(y + 1) * nx;
        let [out_a, out_b, out_s, out_p] = out.fields_mut().map(|field| &mut field[here.clone()]);
        let (a, b) = row(z);
        for x in 0..nx {
            let (a, b): (f64, f64) = (a[x].into(), b[x].into());
            out_a[x] = middle * a;
            out_b[x] = middle * b;
            out_s[x] = middle * (a * a + b * b);
            out_p[x] = middle * (a * b);
        }
        for (k, weight) in sides.iter().enumerate() {
            let (before, after) = mirrored(z, k + 1, nz);
            let ((a, b), (c, d)) = (row(before), row(after));
            for x in 0..nx {
                let (a, b): (f64, f64) = (a[x].into(), b[x].into());
                let (c, d): (f64, f64) = (c[x].into(), d[x].into());
                out_a[x] += weight * (a + c);
                out_b[x] += weight * (b + d);
                out_s[x] += weight * ((a * a + b * b) + (c * c + d * d));
                out_p[x] += weight * (a * b + c * d);
            }
        }
    }
}

/// One row of the plane windowed along y, with `margin` mirrored values at either end.
fn along_y(plane: &Moments, [nx, ny]: [usize; 2], taps: &Taps, y: usize, margin: usize, out: &mut Moments) {
    let row = |y: usize| -> Range<usize> { y * nx..(y + 1) * nx };
    for (from, to) in plane.fields().into_iter().zip(out.fields_mut()) {
        let inner = &mut to[margin..margin + nx];
        for (o, v) in inner.iter_mut().zip(&from[row(y)]) {
            *o = taps.middle * v;
        }
        for (k, weight) in taps.sides.iter().enumerate() {
            let (before, after) = mirrored(y, k + 1, ny);
            for ((o, u), v) in inner.iter_mut().zip(&from[row(before)]).zip(&from[row(after)]) {
                *o += weight * (u + v);
            }
        }
        for k in 0..margin {
            to[margin - 1 - k] = to[margin + k];
            to[margin + nx + k] = to[margin + nx - 1 - k];
        }
    }
}

/// `out[x]` is the window over `from[x .. x + width]`.
fn along_x(from: &[f64], taps: &Taps, out: &mut [f64]) {
    let (n, radius) = (out.len(), taps.radius());
    for (o, v) in out.iter_mut().zip(&from[radius..]) {
        *o = taps.middle * v;
    }
    for (k, weight) in taps.sides.iter().enumerate() {
        let (before, after) = (&from[radius - 1 - k..][..n], &from[radius + 1 + k..][..n]);
        for ((o, u), v) in out.iter_mut().zip(before).zip(after) {
            *o += weight * (u + v);
        }
    }
}
