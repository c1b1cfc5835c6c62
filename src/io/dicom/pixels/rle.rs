//! RLE Lossless (PS3.5 Annex G): PackBits segments, one a byte plane, most significant first.

use super::native::{bytes_to_plane, fit_signed_16, fit_unsigned_16};
use super::plane::Plane;
use crate::io::dicom::pixel_format::{PixelFormat, Sample};

/// Where the segments of a frame are.
fn segments(data: &[u8], expected: usize) -> Result<Vec<&[u8]>, String> {
    let word = |at: usize| data.get(at * 4..at * 4 + 4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]]) as usize);
    let count = word(0).ok_or("an RLE frame shorter than its header")?;
    if count == 0 || count > 15 || data.len() < 64 {
        return Err(format!("an RLE header with {count} segments"));
    }
    if count < expected {
        return Err(format!("{count} RLE segments where {expected} are needed"));
    }
    let starts: Vec<usize> = (1..=count).filter_map(word).collect();
    if starts.first() != Some(&64) || !starts.is_sorted() || starts.iter().any(|s| *s > data.len()) {
        return Err(format!("RLE segments that start at {starts:?}"));
    }
    let mut parts = Vec::with_capacity(expected);
    for (at, start) in starts.iter().take(expected).enumerate() {
        let end = starts.get(at + 1).copied().filter(|e| e > start).unwrap_or(data.len()).min(data.len());
        parts.push(data.get(*start..end).unwrap_or(&[]));
    }
    Ok(parts)
}

/// Unpacks one segment into every `stride`-th byte of `out`; returns how many were written.
fn unpack(mut data: &[u8], out: &mut [u8], stride: usize) -> usize {
    let n = out.len().div_ceil(stride);
    let mut at = 0;
    while at < n {
        let Some((&control, rest)) = data.split_first() else { break };
        data = rest;
        match control {
            0..=127 => {
                let run = (usize::from(control) + 1).min(n - at).min(data.len());
                if stride == 1 {
                    out[at..at + run].copy_from_slice(&data[..run]);
                } else {
                    for (to, from) in out[at * stride..].iter_mut().step_by(stride).zip(&data[..run]) {
                        *to = *from;
                    }
                }
                at += run;
                data = &data[(usize::from(control) + 1).min(data.len())..];
                if run == 0 {
                    break;
                }
            }
            128 => {}
            129..=255 => {
                let Some((&value, rest)) = data.split_first() else { break };
                data = rest;
                let run = (257 - usize::from(control)).min(n - at);
                if stride == 1 {
                    out[at..at + run].fill(value);
                } else {
                    out[at * stride..].iter_mut().step_by(stride).take(run).for_each(|to| *to = value);
                }
                at += run;
            }
        }
    }
    at
}

/// Sixteen-bit numbers of one sample straight into `out`, as stored; whether all were there.
pub(crate) fn unpack_words(data: &[u8], out: &mut [u8]) -> Result<bool, String> {
    let n = out.len() / 2;
    let parts = segments(data, 2)?;
    // Little-endian words: the high byte second.
    let (high, low) = (unpack(parts[0], &mut out[1..], 2), unpack(parts[1], out, 2));
    Ok(high == n && low == n)
}

/// A frame of one sample a pixel.
pub(crate) fn decode(data: &[u8], format: &PixelFormat) -> Result<(Plane, bool), String> {
    let n = format.pixels();
    match format.allocated {
        8 => {
            let mut values = vec![0; n];
            let got = unpack(segments(data, 1)?[0], &mut values, 1);
            Ok((bytes_to_plane(values, format), got == n))
        }
        16 if format.signed => {
            let mut values = vec![0_i16; n];
            let whole = unpack_words(data, bytemuck::cast_slice_mut(&mut values))?;
            values.iter_mut().for_each(|v| *v = i16::from_le(*v));
            fit_signed_16(&mut values, format);
            Ok((Plane::I16(values), whole))
        }
        16 => {
            let mut values = vec![0_u16; n];
            let whole = unpack_words(data, bytemuck::cast_slice_mut(&mut values))?;
            values.iter_mut().for_each(|v| *v = u16::from_le(*v));
            fit_unsigned_16(&mut values, format);
            Ok((Plane::U16(values), whole))
        }
        32 if format.sample == Sample::Integer => {
            let mut bytes = vec![0_u8; n * 4];
            let mut whole = true;
            for (at, part) in segments(data, 4)?.into_iter().enumerate() {
                whole &= unpack(part, &mut bytes[3 - at..], 4) == n;
            }
            Ok((super::native::plane_of(&bytes, format, false), whole))
        }
        other => Err(format!("RLE with {other} bits a sample")),
    }
}

/// A colour frame: samples side by side, in as many bytes as they are stored in.
pub(crate) fn decode_colour(data: &[u8], format: &PixelFormat) -> Result<(Vec<u8>, bool), String> {
    let (n, width) = (format.pixels(), (format.allocated / 8).max(1) as usize);
    let parts = segments(data, format.samples * width)?;
    let stride = format.samples * width;
    let mut bytes = vec![0_u8; n * stride];
    let mut whole = true;
    for (at, part) in parts.into_iter().enumerate() {
        let (sample, byte) = (at / width, at % width);
        whole &= unpack(part, &mut bytes[sample * width + (width - 1 - byte)..], stride) == n;
    }
    Ok((bytes, whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_literals_and_broken_ends_unpack() {
        let mut out = [0; 6];
        assert_eq!(unpack(&[2, 1, 2, 3, 254, 9], &mut out, 1), 6);
        assert_eq!(out, [1, 2, 3, 9, 9, 9]);
        let mut out = [0; 6];
        assert_eq!(unpack(&[5, 1, 2], &mut out, 1), 2);
        let mut wide = [0; 4];
        assert_eq!(unpack(&[255, 7], &mut wide[1..], 2), 2);
        assert_eq!(wide, [0, 7, 0, 7]);
    }
}
