//! An opened file that gives its frames as planes, or writes them straight into a volume.

use std::io;

use super::plane::{Plane, Target, ToReal};
use super::{Decoded, Samples, check_size, colour, jpeg, jpeg_2000, jpeg_ls, jpeg_xl, locate, native, rle};
use crate::io::IoError;
use crate::io::dicom::image_file::ImageFile;
use crate::io::dicom::pixel_format::{Photometric, PixelFormat, Sample};
use crate::io::dicom::source::Bytes;
use crate::io::dicom::syntax::Codec;
use crate::volume::VoxelType;

/// One file, opened, with its frames located.
#[derive(Debug)]
pub(crate) struct FrameReader<'f> {
    file: &'f ImageFile,
    bytes: Bytes,
    /// Fragments of each frame; empty for native pixels.
    frames: Vec<Vec<locate::Run>>,
}

impl<'f> FrameReader<'f> {
    /// Opens the file and finds its frames.
    pub(crate) fn open(file: &'f ImageFile) -> Result<Self, IoError> {
        let failed = |e: io::Error| IoError::system(file.source.path(), e);
        let bytes = file.source.open().map_err(failed)?;
        let frames = if file.pixels.length.is_none() {
            locate::encapsulated_frames(&bytes, file).map_err(failed)?
        } else {
            Vec::new()
        };
        Ok(Self { file, bytes, frames })
    }

    /// Writes a frame into a slice of a volume: stored values, or real ones where `real` is given. Returns whether
    /// the frame was whole.
    pub(crate) fn write<T: Target>(&self, frame: usize, out: &mut [T], real: Option<ToReal>) -> Result<bool, IoError> {
        if real.is_none() && self.is_direct::<T>() {
            return self.write_direct(frame, out);
        }
        let (plane, whole) = self.plane(frame)?;
        plane.write_into(out, real);
        Ok(whole)
    }

    /// Whether the stored bytes are the voxels, but for unused bits.
    fn is_direct<T: Target>(&self) -> bool {
        let (format, file) = (&self.file.format, self.file);
        cfg!(target_endian = "little")
            && file.syntax.codec == Codec::Native
            && !file.syntax.big_endian_pixels
            && file.modality_lut.is_none()
            && !format.is_colour()
            && format.voxel_type() == T::TYPE
            && match T::TYPE {
                VoxelType::U8 => format.allocated == 8 && format.stored == 8,
                VoxelType::I16 | VoxelType::U16 => format.allocated == 16,
                VoxelType::I32 => format.stored == 32,
                VoxelType::F32 | VoxelType::F64 => true,
                VoxelType::Rgb8 => false,
            }
    }

    /// Reads native pixels from the file into the volume, without a copy in between.
    fn write_direct<T: Target>(&self, frame: usize, out: &mut [T]) -> Result<bool, IoError> {
        let format = &self.file.format;
        let (offset, available) = self.native_run(frame);
        let wanted = std::mem::size_of_val(out) as u64;
        let n = usize::try_from(wanted.min(available)).unwrap_or(0);
        let target: &mut [u8] = bytemuck::cast_slice_mut(out);
        let got =
            self.bytes.read_at(offset, &mut target[..n]).map_err(|e| IoError::system(self.file.source.path(), e))?;
        match T::TYPE {
            VoxelType::I16 => native::fit_signed_16(bytemuck::cast_slice_mut(out), format),
            VoxelType::U16 => native::fit_unsigned_16(bytemuck::cast_slice_mut(out), format),
            _ => {}
        }
        Ok(got as u64 == wanted)
    }

    /// Where a native frame starts and how many bytes are there from it on.
    fn native_run(&self, frame: usize) -> (u64, u64) {
        let skip = self.file.format.frame_bits().saturating_mul(frame as u64) / 8;
        let end =
            self.file.pixels.offset.saturating_add(self.file.pixels.length.unwrap_or(u64::MAX)).min(self.bytes.len());
        let start = self.file.pixels.offset.saturating_add(skip);
        (start, end.saturating_sub(start))
    }

    /// Bit `bit` of each pixel's word of a native frame, packed, lowest bit first.
    pub(crate) fn bits(&self, frame: usize, bit: u32) -> Result<Vec<u8>, IoError> {
        let format = &self.file.format;
        let (start, available) = self.native_run(frame);
        let wanted = (format.frame_bits() / 8).min(available);
        let words = self.bytes.read(start, wanted).map_err(|e| IoError::system(self.file.source.path(), e))?;
        let word = (format.allocated / 8) as usize;
        // In big-endian words the byte with the lowest bits comes last; single bytes may lie in words, second first.
        let paired = self.file.syntax.big_endian_pixels && word == 1 && &self.file.pixels.vr == b"OW";
        let within = (bit / 8) as usize;
        let byte = if self.file.syntax.big_endian_pixels { word - 1 - within.min(word - 1) } else { within };
        let mut packed = vec![0_u8; format.pixels().div_ceil(8)];
        for pixel in 0..format.pixels().min(words.len() / word) {
            let at = if paired { pixel ^ 1 } else { pixel * word + byte };
            if words.get(at).is_some_and(|b| b >> (bit % 8) & 1 == 1) {
                packed[pixel / 8] |= 1 << (pixel % 8);
            }
        }
        Ok(packed)
    }

    /// One frame in its own number type, and whether it was whole.
    pub(crate) fn plane(&self, frame: usize) -> Result<(Plane, bool), IoError> {
        let file = self.file;
        let format = &file.format;
        let path = file.source.path();
        let (plane, whole) = if file.pixels.length.is_some() {
            let (start, available) = self.native_run(frame);
            // A frame of single bits may start inside a byte.
            let lead = (format.frame_bits() * frame as u64 % 8) as u32;
            let wanted = (format.frame_bits() + u64::from(lead)).div_ceil(8);
            // Bytes in big-endian words come in pairs, the second first.
            let paired = file.syntax.big_endian_pixels && format.allocated == 8 && &file.pixels.vr == b"OW";
            let odd = if paired { (start - file.pixels.offset) % 2 } else { 0 };
            let wanted_more = if paired { (wanted + odd).next_multiple_of(2) } else { wanted };
            let mut bytes =
                self.bytes.read(start - odd, wanted_more.min(available + odd)).map_err(|e| IoError::system(path, e))?;
            let whole = bytes.len() as u64 >= wanted;
            if paired {
                bytes.chunks_exact_mut(2).for_each(|pair| pair.swap(0, 1));
                bytes.drain(..usize::from(odd == 1).min(bytes.len()));
            }
            if lead > 0 {
                shift_down(&mut bytes, lead);
            }
            if file.syntax.codec == Codec::Native {
                (native_plane(&bytes, file), whole)
            } else {
                // Compressed data with a length of its own, as some writers leave it.
                self.decode(&bytes)?
            }
        } else {
            let Some(runs) = self.frames.get(frame).filter(|runs| !runs.is_empty()) else {
                return Ok((native_plane(&[], file), false));
            };
            let mut data = Vec::new();
            for run in runs {
                data.extend(self.bytes.read(run.offset, run.len).map_err(|e| IoError::system(path, e))?);
            }
            self.decode(&data)?
        };
        Ok((self.mapped(plane), whole))
    }

    /// Palette and Modality LUT.
    fn mapped(&self, plane: Plane) -> Plane {
        if let (Photometric::Palette, Some(palette)) = (self.file.format.photometric, &self.file.palette) {
            return Plane::Rgb(plane.integers().map(|x| palette.colour(x)).collect());
        }
        if let (Some(lut), false) = (&self.file.modality_lut, matches!(plane, Plane::Rgb(_))) {
            return Plane::U16(plane.integers().map(|x| lut.apply(x)).collect());
        }
        plane
    }

    fn decode(&self, data: &[u8]) -> Result<(Plane, bool), IoError> {
        let file = self.file;
        let format = &file.format;
        let fail =
            |found: String| IoError::format(file.source.path(), format!("pixels in {}", file.syntax.name), found);
        let codec = match file.syntax.codec {
            // The codestream knows better than a missing or unknown transfer syntax.
            Codec::Unknown | Codec::Native => codec_of(data).ok_or_else(|| IoError::Unsupported {
                path: file.source.path().to_owned(),
                what: format!("an image in the transfer syntax {}", file.syntax.name),
                doing: "shown",
                remedy: "convert it to an uncompressed transfer syntax".to_owned(),
            })?,
            codec => {
                codec_of(data).filter(|seen| *seen != Codec::Rle && codec != Codec::EncapsulatedNative).unwrap_or(codec)
            }
        };
        let size = [format.columns, format.rows];
        let decoded = match codec {
            Codec::EncapsulatedNative => {
                let whole = data.len() as u64 >= format.frame_bits().div_ceil(8);
                return Ok((native_plane(data, file), whole));
            }
            Codec::Rle if format.samples > 1 => {
                let (bytes, whole) = rle::decode_colour(data, format).map_err(fail)?;
                let mut flat = *format;
                flat.planar = false;
                let samples = native::colour_samples(&bytes, &flat, false);
                return Ok((Plane::Rgb(colour::to_rgb(&samples, format.samples, format.photometric, None)), whole));
            }
            Codec::Rle => return rle::decode(data, format).map_err(fail),
            Codec::Jpeg => contained(|| jpeg::decode(data, size)),
            Codec::JpegLs => contained(|| jpeg_ls::decode(data, size)),
            Codec::Jpeg2000 => contained(|| jpeg_2000::decode(data, size)),
            Codec::JpegXl => contained(|| jpeg_xl::decode(data, size)),
            Codec::Native | Codec::Unknown => return Err(fail("an unknown codec".to_owned())),
        }
        .map_err(fail)?;
        check_size(decoded.columns, decoded.rows, size).map_err(fail)?;
        let whole = !decoded.incomplete;
        Ok((plane_of(decoded, format).map_err(fail)?, whole))
    }
}

/// The one place where a panic is caught: a codec that stumbles over one frame's bytes (most are not ours) costs that
/// frame and not the program. The caller names file and transfer syntax.
fn contained(decode: impl FnOnce() -> Result<Decoded, String>) -> Result<Decoded, String> {
    // A codec starts anew with each frame, so a broken state is not seen again.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
        Err(format!("a codestream on which the decoder broke down ({})", text.unwrap_or("no reason given")))
    })
}

/// Which codec made a codestream, by how it starts.
fn codec_of(data: &[u8]) -> Option<Codec> {
    if data.starts_with(&[0xFF, 0x4F, 0xFF, 0x51]) || data.starts_with(b"\0\0\0\x0CjP  ") {
        Some(Codec::Jpeg2000)
    } else if data.starts_with(&[0xFF, 0xD8]) {
        // JPEG-LS is told from JPEG by its frame marker.
        Some(if jpeg_ls::is_jpeg_ls(data) { Codec::JpegLs } else { Codec::Jpeg })
    } else if data.starts_with(&[0xFF, 0x0A]) || data.starts_with(b"\0\0\0\x0CJXL ") {
        Some(Codec::JpegXl)
    } else {
        None
    }
}

fn native_plane(bytes: &[u8], file: &ImageFile) -> Plane {
    let format = &file.format;
    if format.samples == 1 {
        return native::plane_of(bytes, format, file.syntax.big_endian_pixels);
    }
    let samples = match format.photometric {
        Photometric::YbrFull422 | Photometric::YbrPartial422 if format.allocated == 8 => {
            colour::widen_422(bytes, format)
        }
        _ => native::colour_samples(bytes, format, file.syntax.big_endian_pixels),
    };
    // The codec that would have undone YBR_RCT is not there: such files hold RGB.
    Plane::Rgb(colour::to_rgb(&samples, format.samples, format.photometric, None))
}

/// A codec's samples as the header means them: sign, type, colour.
fn plane_of(decoded: Decoded, format: &PixelFormat) -> Result<Plane, String> {
    if format.samples > 1 {
        if decoded.components < 3 {
            return Err(format!("{} component where the header says {}", decoded.components, format.samples));
        }
        let samples: Vec<u8> = match decoded.samples {
            Samples::U8(v) => v,
            Samples::U16(v) => {
                let down = decoded.precision.saturating_sub(8);
                v.into_iter().map(|x| (x >> down).min(255) as u8).collect()
            }
            Samples::I32(v) => {
                let down = decoded.precision.saturating_sub(8);
                v.into_iter().map(|x| (x >> down).clamp(0, 255) as u8).collect()
            }
        };
        return Ok(Plane::Rgb(colour::to_rgb(&samples, decoded.components, format.photometric, decoded.is_rgb)));
    }
    let mut decoded = decoded;
    if decoded.components > 1 {
        // A grey image that was compressed as colour: its components are equal.
        let step = decoded.components;
        decoded.samples = match decoded.samples {
            Samples::U8(v) => Samples::U8(v.into_iter().step_by(step).collect()),
            Samples::U16(v) => Samples::U16(v.into_iter().step_by(step).collect()),
            Samples::I32(v) => Samples::I32(v.into_iter().step_by(step).collect()),
        };
    }
    if format.sample != Sample::Integer {
        return Err("compressed floats".to_owned());
    }
    // Unsigned codestreams of signed numbers hold their two's complement in the bits that there are.
    let bits = decoded.precision.min(format.stored).clamp(1, 32);
    let fit = |x: i64| -> i64 {
        if format.signed && !decoded.signed {
            let up = 64 - bits;
            (x << up) >> up
        } else if !format.signed && decoded.signed {
            x & ((1_i64 << decoded.precision.clamp(1, 32)) - 1)
        } else {
            x
        }
    };
    Ok(match (decoded.samples, format.voxel_type()) {
        (Samples::U8(v), VoxelType::U8) => Plane::U8(v),
        (Samples::U16(v), VoxelType::U16) => Plane::U16(v),
        (Samples::U16(v), VoxelType::I16) => {
            let up = 16 - bits.min(16);
            Plane::I16(v.into_iter().map(|x| (x << up).cast_signed() >> up).collect())
        }
        (samples, wanted) => {
            let wide: Vec<i64> = match samples {
                Samples::U8(v) => v.into_iter().map(|x| fit(i64::from(x))).collect(),
                Samples::U16(v) => v.into_iter().map(|x| fit(i64::from(x))).collect(),
                Samples::I32(v) => v.into_iter().map(|x| fit(i64::from(x))).collect(),
            };
            match wanted {
                VoxelType::U8 => Plane::U8(wide.into_iter().map(|x| x.clamp(0, 255) as u8).collect()),
                VoxelType::I16 => Plane::I16(wide.into_iter().map(|x| x.clamp(-32_768, 32_767) as i16).collect()),
                VoxelType::U16 => Plane::U16(wide.into_iter().map(|x| x.clamp(0, 65_535) as u16).collect()),
                _ if !format.signed && format.stored == 32 => Plane::U32(wide.into_iter().map(|x| x as u32).collect()),
                _ => Plane::I32(wide.into_iter().map(|x| x as i32).collect()),
            }
        }
    })
}

/// Moves a bit string down by `lead` bits, lowest bit first.
fn shift_down(bytes: &mut [u8], lead: u32) {
    for at in 0..bytes.len() {
        let next = bytes.get(at + 1).copied().unwrap_or(0);
        bytes[at] = bytes[at] >> lead | next << (8 - lead);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_that_panics_is_an_error_with_its_reason() {
        let error = contained(|| panic!("index {} out of range", 7)).unwrap_err();
        assert!(error.contains("index 7 out of range"), "{error}");
        assert_eq!(contained(|| Err("broken".to_owned())), Err("broken".to_owned()));
    }
}
