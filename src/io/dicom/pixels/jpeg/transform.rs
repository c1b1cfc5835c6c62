//! The inverse cosine transform and chroma upsampling, both with the integer arithmetic of the Independent JPEG Group's
//! library ("islow" and "fancy"), so that lossy images come out as other programs show them.

use super::sequential::Plane;

const BITS: u32 = 13;

/// Dequantised coefficients to an 8 x 8 block of samples in `out`, whose rows are `stride` apart.
pub(super) fn inverse_cosine(block: &[i32; 64], precision: u32, out: &mut [u16], stride: usize) {
    let extra = if precision == 8 { 2 } else { 1 };
    let mut work = [0_i64; 64];
    for x in 0..8 {
        let column = std::array::from_fn(|y| i64::from(block[y * 8 + x]));
        let result = one_dimension(column);
        for (y, value) in result.into_iter().enumerate() {
            work[y * 8 + x] = descale(value, BITS - extra);
        }
    }
    let (middle, top) = (1_i64 << (precision - 1), (1_i64 << precision) - 1);
    for y in 0..8 {
        let row = std::array::from_fn(|x| work[y * 8 + x]);
        let result = one_dimension(row);
        if let Some(line) = out.get_mut(y * stride..y * stride + 8) {
            for (to, value) in line.iter_mut().zip(result) {
                *to = (descale(value, BITS + extra + 3) + middle).clamp(0, top) as u16;
            }
        }
    }
}

fn descale(x: i64, bits: u32) -> i64 {
    (x + (1 << (bits - 1))) >> bits
}

/// Loeffler, Ligtenberg and Moschytz 1989, scaled by 2^13.
fn one_dimension(v: [i64; 8]) -> [i64; 8] {
    let z1 = (v[2] + v[6]) * 4433;
    let (t2, t3) = (z1 - v[6] * 15_137, z1 + v[2] * 6270);
    let (t0, t1) = ((v[0] + v[4]) << BITS, (v[0] - v[4]) << BITS);
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];
    let [t0, t1, t2, t3] = [v[7], v[5], v[3], v[1]];
    let z5 = (t0 + t2 + t1 + t3) * 9633;
    let (z1, z2) = (-(t0 + t3) * 7373, -(t1 + t2) * 20_995);
    let (z3, z4) = (z5 - (t0 + t2) * 16_069, z5 - (t1 + t3) * 3196);
    let odd = [t3 * 12_299 + z1 + z4, t2 * 25_172 + z2 + z3, t1 * 16_819 + z2 + z4, t0 * 2446 + z1 + z3];
    [
        even[0] + odd[0],
        even[1] + odd[1],
        even[2] + odd[2],
        even[3] + odd[3],
        even[3] - odd[3],
        even[2] - odd[2],
        even[1] - odd[1],
        even[0] - odd[0],
    ]
}

/// Brings a component to the size of the image: a triangle filter for halved ones, repetition for others.
pub(super) fn upsample(
    plane: &Plane,
    factor: [usize; 2],
    columns: usize,
    rows: usize,
    mut put: impl FnMut(usize, u16),
) {
    let [width, height] = plane.size;
    let line = |y: usize| &plane.samples[y.min(height - 1) * plane.stride..][..width];
    let fancy = width > 2;
    for y in 0..rows {
        match factor {
            [2, 1] if fancy => {
                let row: Vec<u32> = line(y).iter().map(|s| u32::from(*s)).collect();
                widen(&row, columns, [3, 1, 2, 2], |x, value| put(y * columns + x, value));
            }
            [2, 2] if fancy => {
                let near = line(y / 2);
                let far = if y % 2 == 0 { line((y / 2).saturating_sub(1)) } else { line(y / 2 + 1) };
                let row: Vec<u32> = near.iter().zip(far).map(|(n, f)| u32::from(*n) * 3 + u32::from(*f)).collect();
                widen(&row, columns, [3, 8, 7, 4], |x, value| put(y * columns + x, value));
            }
            [fx, fy] => {
                let row = line(y / fy.max(1));
                for x in 0..columns {
                    put(y * columns + x, row[(x / fx.max(1)).min(width - 1)]);
                }
            }
        }
    }
}

/// Doubles a line: each output is three quarters of the nearer sample and one of the farther. `[_, left, right, shift]`
/// are the rounding terms of left and right outputs and the scale.
fn widen(row: &[u32], columns: usize, [_, left, right, shift]: [u32; 4], mut put: impl FnMut(usize, u16)) {
    let last = row.len() - 1;
    // The two outer samples stand alone: four quarters of themselves.
    let rounding = if shift == 2 { [0, 0] } else { [left, right] };
    for x in 0..columns {
        let at = (x / 2).min(last);
        let value = if x % 2 == 0 {
            if at == 0 { (row[0] * 4 + rounding[0]) >> shift } else { (row[at] * 3 + row[at - 1] + left) >> shift }
        } else if at == last {
            (row[last] * 4 + rounding[1]) >> shift
        } else {
            (row[at] * 3 + row[at + 1] + right) >> shift
        };
        put(x, value as u16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_with_a_mean_alone_is_flat() {
        let mut block = [0; 64];
        block[0] = 80;
        let mut out = [0; 64];
        inverse_cosine(&block, 8, &mut out, 8);
        assert_eq!(out, [138; 64]);
    }

    #[test]
    fn halved_lines_are_widened_as_the_reference_library_does() {
        let mut out = vec![0; 6];
        // h2v1: (3 * near + far + 1) >> 2 to the left, + 2 to the right; the ends stand alone.
        widen(&[10, 20, 40], 6, [3, 1, 2, 2], |x, v| out[x] = v);
        assert_eq!(out, [10, 13, 17, 25, 35, 40]);
    }
}
