//! Plain numbers: any width, sign, byte order and position of the bits.

use super::plane::Plane;
use crate::io::dicom::pixel_format::{PixelFormat, Sample};

/// Bytes of one frame as a plane of numbers (one sample a pixel). What is missing at the end is 0.
pub(crate) fn plane_of(bytes: &[u8], format: &PixelFormat, big_endian: bool) -> Plane {
    let n = format.pixels();
    match (format.sample, format.allocated) {
        (Sample::Float, _) => Plane::F32(words(bytes, n, big_endian, f32::from_le_bytes)),
        (Sample::Double, _) => Plane::F64(words(bytes, n, big_endian, f64::from_le_bytes)),
        (_, 1) => Plane::U8(bits(bytes, n)),
        (_, 8) => {
            let mut values = bytes[..n.min(bytes.len())].to_vec();
            values.resize(n, 0);
            bytes_to_plane(values, format)
        }
        (_, 16) if format.signed => {
            let mut values = words(bytes, n, big_endian, i16::from_le_bytes);
            fit_signed_16(&mut values, format);
            Plane::I16(values)
        }
        (_, 16) => {
            let mut values = words(bytes, n, big_endian, u16::from_le_bytes);
            fit_unsigned_16(&mut values, format);
            Plane::U16(values)
        }
        _ => {
            let mut values = words(bytes, n, big_endian, u32::from_le_bytes);
            let (shift, mask) = (format.high_bit + 1 - format.stored, low_mask(format.stored));
            values.iter_mut().for_each(|v| *v = *v >> shift & mask);
            if format.signed {
                let up = 32 - format.stored;
                return Plane::I32(values.into_iter().map(|v| (v << up).cast_signed() >> up).collect());
            }
            if format.stored < 32 {
                return Plane::I32(values.into_iter().map(u32::cast_signed).collect());
            }
            Plane::U32(values)
        }
    }
}

/// Eight-bit samples with their sign and unused bits put right.
pub(crate) fn bytes_to_plane(mut values: Vec<u8>, format: &PixelFormat) -> Plane {
    let (shift, mask) = (format.high_bit + 1 - format.stored, low_mask(format.stored) as u8);
    if format.stored < 8 {
        values.iter_mut().for_each(|v| *v = *v >> shift & mask);
    }
    if format.signed {
        let up = 8 - format.stored.min(8);
        return Plane::I16(values.into_iter().map(|v| i16::from((v << up).cast_signed() >> up)).collect());
    }
    Plane::U8(values)
}

/// Signed words: the stored bits moved down and their sign extended; other bits (overlays) dropped.
pub(crate) fn fit_signed_16(values: &mut [i16], format: &PixelFormat) {
    if format.stored < 16 {
        let (left, right) = (15 - format.high_bit, 16 - format.stored);
        values.iter_mut().for_each(|v| *v = (*v << left) >> right);
    }
}

/// Unsigned words: the stored bits moved down, other bits (overlays) dropped.
pub(crate) fn fit_unsigned_16(values: &mut [u16], format: &PixelFormat) {
    if format.stored < 16 {
        let (shift, mask) = (format.high_bit + 1 - format.stored, low_mask(format.stored) as u16);
        values.iter_mut().for_each(|v| *v = *v >> shift & mask);
    }
}

fn low_mask(bits: u32) -> u32 {
    if bits >= 32 { u32::MAX } else { (1 << bits) - 1 }
}

fn words<const N: usize, T: Copy + Default>(
    bytes: &[u8],
    n: usize,
    big_endian: bool,
    from_le: fn([u8; N]) -> T,
) -> Vec<T> {
    let chunks = bytes.as_chunks::<N>().0.iter().take(n);
    let mut values: Vec<T> = if big_endian {
        chunks
            .map(|chunk| {
                let mut chunk = *chunk;
                chunk.reverse();
                from_le(chunk)
            })
            .collect()
    } else {
        chunks.map(|chunk| from_le(*chunk)).collect()
    };
    values.resize(n, T::default());
    values
}

/// One-bit pixels, lowest bit first (PS3.5 8.1.1). A frame need not start at a byte: the caller has shifted it.
fn bits(bytes: &[u8], n: usize) -> Vec<u8> {
    (0..n).map(|i| bytes.get(i / 8).map_or(0, |b| b >> (i % 8) & 1)).collect()
}

/// Samples of a colour frame side by side, 8 bits each.
pub(crate) fn colour_samples(bytes: &[u8], format: &PixelFormat, big_endian: bool) -> Vec<u8> {
    let n = format.pixels() * format.samples;
    let mut values: Vec<u8> = match format.allocated {
        8 => bytes[..n.min(bytes.len())].to_vec(),
        16 => {
            let mut wide = words(bytes, n, big_endian, u16::from_le_bytes);
            fit_unsigned_16(&mut wide, format);
            let down = format.stored.saturating_sub(8);
            wide.into_iter().map(|v| (v >> down).min(255) as u8).collect()
        }
        32 => {
            let down = format.stored.saturating_sub(8);
            words(bytes, n, big_endian, u32::from_le_bytes).into_iter().map(|v| (v >> down).min(255) as u8).collect()
        }
        _ => bits(bytes, n).into_iter().map(|b| b * 255).collect(),
    };
    values.resize(n, 0);
    if format.planar { interleave(&values, format.samples) } else { values }
}

/// Planes one after the other to samples side by side.
pub(crate) fn interleave(planes: &[u8], samples: usize) -> Vec<u8> {
    let n = planes.len() / samples.max(1);
    let mut out = vec![0; planes.len()];
    for (s, plane) in planes.chunks_exact(n.max(1)).take(samples).enumerate() {
        for (pixel, value) in out.chunks_exact_mut(samples).zip(plane) {
            pixel[s] = *value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::dicom::pixel_format::Photometric;

    fn format(allocated: u32, stored: u32, high_bit: u32, signed: bool) -> PixelFormat {
        PixelFormat {
            rows: 1,
            columns: 2,
            frames: 1,
            samples: 1,
            photometric: Photometric::Monochrome2,
            planar: false,
            allocated,
            stored,
            high_bit,
            signed,
            sample: Sample::Integer,
        }
    }

    #[test]
    fn twelve_stored_bits_are_sign_extended_and_overlay_bits_dropped() {
        let bytes = [0xFF, 0x1F, 0x01, 0xF8]; // 0x1FFF: -1 with an overlay bit; 0xF801
        assert_eq!(plane_of(&bytes, &format(16, 12, 11, true), false), Plane::I16(vec![-1, -2047]));
        assert_eq!(plane_of(&bytes, &format(16, 12, 11, false), false), Plane::U16(vec![0xFFF, 0x801]));
        // Twelve bits at the top of the word.
        assert_eq!(plane_of(&[0xF0, 0xFF, 0x10, 0x00], &format(16, 12, 15, true), false), Plane::I16(vec![-1, 1]));
        assert_eq!(plane_of(&[0x01, 0x02], &format(16, 16, 15, false), true), Plane::U16(vec![0x0102, 0]));
    }

    #[test]
    fn signed_bytes_become_words_and_large_unsigned_ones_stay_whole() {
        assert_eq!(plane_of(&[0xFF, 0x7F], &format(8, 8, 7, true), false), Plane::I16(vec![-1, 127]));
        let big = [0xFF, 0xFF, 0xFF, 0xFF, 1, 0, 0, 0];
        assert_eq!(plane_of(&big, &format(32, 32, 31, false), false), Plane::U32(vec![u32::MAX, 1]));
        assert_eq!(plane_of(&big, &format(32, 32, 31, true), false), Plane::I32(vec![-1, 1]));
        assert_eq!(plane_of(&[0b10], &format(1, 1, 0, false), false), Plane::U8(vec![0, 1]));
    }
}
