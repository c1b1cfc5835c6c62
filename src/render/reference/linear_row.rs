//! A row of trilinear samples: the common case of a slice, made fast.
//!
//! The row is clipped to the part where all eight neighbours exist, so that its inner loop asks nothing; there the position
//! walks in fixed point (32 bits of fraction), which gives voxel and weights without a conversion, and drifts by less than
//! 1e-7 voxel over a tile. Everything else is left to [`Sampler::linear`], pixel by pixel, which is also what the tests
//! compare with.

use std::ops::{Add, Mul, Range, Sub};

use fearless_simd::{Level, dispatch};
use glam::DVec3;

use super::sampler::Sampler;
use crate::volume::voxels::Scalar;

/// The number in which neighbours are weighted.
pub(crate) trait Weighted:
    Copy + PartialOrd + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self>
{
    const NOTHING: Self;
    fn of(x: f64) -> Self;
    fn whole(x: i32) -> Self;
    /// A fraction of 32 bits, 0 to below 1.
    fn fraction(bits: u32) -> Self;
}

impl Weighted for f32 {
    const NOTHING: Self = Self::NAN;
    #[inline]
    fn of(x: f64) -> Self {
        x as Self
    }
    #[inline]
    fn whole(x: i32) -> Self {
        x as Self
    }
    #[inline]
    fn fraction(bits: u32) -> Self {
        // 24 bits are exact in `f32`, and a signed conversion is one instruction.
        (bits >> 8) as i32 as Self * (1.0 / (1 << 24) as Self)
    }
}

impl Weighted for f64 {
    const NOTHING: Self = Self::NAN;
    #[inline]
    fn of(x: f64) -> Self {
        x
    }
    #[inline]
    fn whole(x: i32) -> Self {
        Self::from(x)
    }
    #[inline]
    fn fraction(bits: u32) -> Self {
        Self::from(bits) * (1.0 / (1_u64 << 32) as Self)
    }
}

/// A number of which two neighbours along a row are fetched at once: short ones in one word, which is half the stores.
pub(crate) trait Fetched: Scalar {
    type Pair: Copy;
    const NOTHING: Self::Pair;
    fn pair(low: Self, high: Self) -> Self::Pair;
    fn parts<F: Weighted>(pair: Self::Pair) -> [F; 2];
}

impl Fetched for i16 {
    type Pair = u32;
    const NOTHING: u32 = 0;
    #[inline(always)]
    fn pair(low: Self, high: Self) -> u32 {
        u32::from(low.cast_unsigned()) | u32::from(high.cast_unsigned()) << 16
    }
    #[inline(always)]
    fn parts<F: Weighted>(pair: u32) -> [F; 2] {
        let both = pair.cast_signed();
        [F::whole(both << 16 >> 16), F::whole(both >> 16)]
    }
}

impl Fetched for u16 {
    type Pair = u32;
    const NOTHING: u32 = 0;
    #[inline(always)]
    fn pair(low: Self, high: Self) -> u32 {
        u32::from(low) | u32::from(high) << 16
    }
    #[inline(always)]
    fn parts<F: Weighted>(pair: u32) -> [F; 2] {
        [F::whole((pair & 0xFFFF).cast_signed()), F::whole((pair >> 16).cast_signed())]
    }
}

impl Fetched for u8 {
    type Pair = u16;
    const NOTHING: u16 = 0;
    #[inline(always)]
    fn pair(low: Self, high: Self) -> u16 {
        u16::from(low) | u16::from(high) << 8
    }
    #[inline(always)]
    fn parts<F: Weighted>(pair: u16) -> [F; 2] {
        [F::whole(i32::from(pair & 0xFF)), F::whole(i32::from(pair >> 8))]
    }
}

macro_rules! fetched_as_they_are {
    ($($number:ty),*) => {$(
        impl Fetched for $number {
            type Pair = [Self; 2];
            const NOTHING: [Self; 2] = [0 as Self; 2];
            #[inline(always)]
            fn pair(low: Self, high: Self) -> [Self; 2] {
                [low, high]
            }
            #[inline(always)]
            fn parts<F: Weighted>(pair: [Self; 2]) -> [F; 2] {
                pair.map(|x| F::of(x.to_f64()))
            }
        }
    )*};
}

fetched_as_they_are!(i32, f32, f64);

/// Samples fetched together.
const CHUNK: usize = 32;

const ONE: f64 = (1_u64 << 32) as f64;

/// The pixels `0..n` of a row whose position, `start + step * pixel`, has `low <= q <= high` on each axis, give or take
/// rounding.
fn between(start: DVec3, step: DVec3, n: usize, low: DVec3, high: DVec3) -> Range<usize> {
    let (mut first, mut last) = (0.0_f64, n as f64 - 1.0);
    for a in 0..3 {
        if step[a].abs() < 1e-12 {
            if !(low[a]..=high[a]).contains(&start[a]) {
                return 0..0;
            }
            continue;
        }
        let (x, y) = ((low[a] - start[a]) / step[a], (high[a] - start[a]) / step[a]);
        first = first.max(x.min(y));
        last = last.min(x.max(y));
    }
    // Also for NaN, which a broken matrix would give.
    if first <= last { first.ceil() as usize..(last.floor() as usize + 1).min(n) } else { 0..0 }
}

impl<T: Fetched> Sampler<'_, T> {
    /// The samples at `start + step * pixel`; NaN where there is nothing.
    pub(super) fn linear_row<F: Weighted>(&self, start: DVec3, step: DVec3, values: &mut [F]) {
        dispatch!(Level::new(), _simd => self.row(start, step, values));
    }

    /// [`Sampler::linear_row`] within a loop that is compiled for several widths of vectors; none changes a bit of the
    /// result.
    #[inline(always)]
    pub(super) fn row<F: Weighted>(&self, start: DVec3, step: DVec3, values: &mut [F]) {
        let n = values.len();
        let size = DVec3::from_array(self.size.map(|n| n as f64));
        let place = |x: usize| start + step * x as f64;
        // Half a voxel beyond the outer centres, and a pixel more for rounding.
        let some = between(start, step, n, DVec3::splat(-0.51), size - 0.49);
        let some = some.start.saturating_sub(1)..(some.end + 1).min(n);
        let mut whole = between(start, step, n, DVec3::ZERO, size - 1.0);
        let fixed = |q: DVec3| [q.x, q.y, q.z].map(|x| (x * ONE) as i64);
        let (from, by) = (fixed(start), fixed(step));
        let limit = self.size.map(|n| (n as i64 - 1) << 32);
        // The walk is straight, so that what holds for both ends holds between them.
        let is_whole = |x: usize| {
            (0..3).all(|a| {
                let p = from[a] + by[a] * x as i64;
                p >= 0 && p < limit[a]
            })
        };
        while !whole.is_empty() && !is_whole(whole.start) {
            whole.start += 1;
        }
        while !whole.is_empty() && !is_whole(whole.end - 1) {
            whole.end -= 1;
        }
        if whole.is_empty() {
            whole = some.start.min(n)..some.start.min(n);
        }
        values[..some.start.min(n)].fill(F::NOTHING);
        values[some.end.max(some.start)..].fill(F::NOTHING);
        for x in (some.start..whole.start).chain(whole.end..some.end) {
            values[x] = F::of(self.linear(place(x)));
        }
        let mut at = [0, 1, 2].map(|a| from[a] + by[a] * whole.start as i64);
        let first = whole.start;
        for (n, values) in values[whole].chunks_mut(CHUNK).enumerate() {
            self.linear_chunk(&mut at, by, values, |n_in| place(first + n * CHUNK + n_in));
        }
    }

    /// Samples that have all neighbours. First all are fetched, so that many cache misses are under way at once, then all
    /// are weighted, several in one instruction.
    #[inline(always)]
    fn linear_chunk<F: Weighted>(
        &self,
        at: &mut [i64; 3],
        by: [i64; 3],
        values: &mut [F],
        place: impl Fn(usize) -> DVec3,
    ) {
        let [nx, ny, _] = self.size;
        let n = values.len().min(CHUNK);
        let mut rows = [0_usize; CHUNK];
        let mut fractions = [[F::NOTHING; CHUNK]; 3];
        for i in 0..CHUNK {
            // Places behind the last sample are worked out too, and never looked up.
            let p = [0, 1, 2].map(|a| at[a].wrapping_add(by[a].wrapping_mul(i as i64)));
            let [x, y, z] = p.map(|p| (p >> 32) as usize);
            rows[i] = z.wrapping_mul(ny).wrapping_add(y).wrapping_mul(nx).wrapping_add(x);
            for a in 0..3 {
                fractions[a][i] = F::fraction(p[a] as u32);
            }
        }
        for a in 0..3 {
            at[a] = at[a].wrapping_add(by[a].wrapping_mul(n as i64));
        }
        let mut corners = [[T::NOTHING; CHUNK]; 4];
        let reach = nx * ny + nx + 2;
        for (i, row) in rows.iter().copied().enumerate().take(n) {
            // Always there, as the row was clipped.
            if let Some(w) = self.data.get(row..row.saturating_add(reach)) {
                corners[0][i] = T::pair(w[0], w[1]);
                corners[1][i] = T::pair(w[nx], w[nx + 1]);
                corners[2][i] = T::pair(w[nx * ny], w[nx * ny + 1]);
                corners[3][i] = T::pair(w[nx * ny + nx], w[nx * ny + nx + 1]);
            }
        }
        let mut weighted = [F::NOTHING; CHUNK];
        for (i, value) in weighted.iter_mut().enumerate() {
            let corners = [0, 1, 2, 3].map(|c: usize| T::parts::<F>(corners[c][i]));
            let [a, b, c, d] = corners.map(|[a, b]| a + (b - a) * fractions[0][i]);
            let (low, high) = (a + (b - a) * fractions[1][i], c + (d - c) * fractions[1][i]);
            *value = low + (high - low) * fractions[2][i];
        }
        values.iter_mut().zip(&weighted).for_each(|(value, w)| *value = *w);
        let mut is_odd = [false; CHUNK];
        if let Some(padding) = self.padding {
            let (low, high) = (F::of(padding.low), F::of(padding.high));
            for (i, odd) in is_odd.iter_mut().enumerate() {
                let parts = [0, 1, 2, 3].map(|c: usize| T::parts::<F>(corners[c][i]));
                *odd = parts.as_flattened().iter().fold(false, |odd, x| odd | ((*x >= low) & (*x <= high)));
            }
        }
        for (i, value) in values.iter_mut().enumerate().take(CHUNK) {
            #[expect(clippy::eq_op, reason = "NaN is not equal to itself")]
            let is_nan = *value != *value;
            // It may stand where the weight is zero.
            if is_odd[i] || is_nan {
                *value = F::of(self.linear(place(i)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::Padding;

    /// A reproducible number, -1 to 1.
    fn noise(n: u32) -> f64 {
        let h = (n ^ 0x9E37_79B9).wrapping_mul(0x85EB_CA6B);
        f64::from((h ^ (h >> 13)).wrapping_mul(0xC2B2_AE35) >> 8) / f64::from(1 << 23) - 1.0
    }

    #[test]
    fn rows_in_every_direction_equal_the_rule_sample_by_sample() {
        let size = [13, 9, 7];
        let data: Vec<i16> = (0..13 * 9 * 7).map(|n| (noise(n) * 2000.0) as i16).collect();
        for padding in [None, Some(Padding { low: -2000.0, high: -1500.0 })] {
            let sampler = Sampler { data: &data, size, padding };
            for row in 0..2000_u32 {
                let three = |n: u32| DVec3::from_array([0, 1, 2].map(|a| noise(row * 16 + n + a)));
                let start = DVec3::new(6.0, 4.0, 3.0) + three(0) * 12.0;
                // Along an axis too, and not at all.
                let step = three(4) * DVec3::from_array([1, 2, 4].map(|bit| if row & bit == 0 { 0.0 } else { 0.6 }));
                let (mut f64s, mut f32s) = ([0.0_f64; 45], [0.0_f32; 45]);
                sampler.linear_row(start, step, &mut f64s);
                sampler.linear_row(start, step, &mut f32s);
                for x in 0..45 {
                    let rule = sampler.linear(start + step * x as f64);
                    assert_eq!(rule.is_nan(), f64s[x].is_nan(), "{start} {step} {x}");
                    assert_eq!(rule.is_nan(), f32s[x].is_nan(), "{start} {step} {x}");
                    // Stored units; a weight is off by 1e-7, its voxels differ by 4000 at most.
                    assert!(rule.is_nan() || (f64s[x] - rule).abs() < 1e-3, "{start} {step} {x}");
                    assert!(rule.is_nan() || (f64::from(f32s[x]) - rule).abs() < 5e-3, "{start} {step} {x}");
                }
            }
        }
    }

    #[test]
    fn nothing_is_read_from_volumes_one_voxel_thick_or_broken_matrices() {
        let sampler = Sampler { data: &[7_u8, 9], size: [2, 1, 1], padding: None };
        let mut values = [0.0_f64; 5];
        sampler.linear_row(DVec3::new(-1.0, 0.0, 0.0), DVec3::X, &mut values);
        assert!(values[0].is_nan() && values[1..3] == [7.0, 9.0] && values[3].is_nan());
        sampler.linear_row(DVec3::NAN, DVec3::NAN, &mut values);
        assert!(values.iter().all(|x| x.is_nan()));
        sampler.linear_row(DVec3::splat(1e300), DVec3::splat(1e300), &mut values);
        assert!(values.iter().all(|x| x.is_nan()));
    }
}
