//! The pages of a TIFF.

use std::io::BufReader;

use image::ImageFormat;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::Tag;
use tiff::{ColorType, TiffError};

use super::picture::{LONGEST_SIDE, Look, MOST_BYTES, Page};
use crate::io::IoError;
use crate::io::formats::{Bytes, Origin};
use crate::volume::{VoxelType, Voxels};

/// More pages than this are a loop in the file.
const MOST_PAGES: usize = 100_000;

fn open(origin: &Origin) -> Result<Decoder<BufReader<Box<dyn Bytes>>>, IoError> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = usize::try_from(MOST_BYTES).unwrap_or(usize::MAX);
    limits.intermediate_buffer_size = limits.decoding_buffer_size;
    let decoder = Decoder::new(BufReader::new(origin.open()?)).map_err(|e| broken(origin, e))?;
    Ok(decoder.with_limits(limits))
}

fn broken(origin: &Origin, error: TiffError) -> IoError {
    match error {
        TiffError::IoError(e) => IoError::system(origin.path(), e),
        TiffError::UnsupportedError(e) => unsupported(origin, format!("a TIFF of this kind ({e})")),
        other => IoError::Format {
            path: origin.path().to_owned(),
            expected: "a whole TIFF".to_owned(),
            found: other.to_string(),
            remedy: "the file may be truncated; copy it again".to_owned(),
        },
    }
}

fn unsupported(origin: &Origin, what: String) -> IoError {
    let remedy = "save it with 8, 16 or 32 bits of grey, or as RGB".to_owned();
    IoError::Unsupported { path: origin.path().to_owned(), what, doing: "read", remedy }
}

/// What the headers of all pages say.
///
/// # Errors
/// When a header is broken or of a kind that is not read.
pub fn looks(origin: &Origin) -> Result<Vec<Look>, IoError> {
    let mut decoder = open(origin)?;
    let mut looks = Vec::new();
    loop {
        looks.push(look(&mut decoder, origin)?);
        if !decoder.more_images() || looks.len() >= MOST_PAGES {
            return Ok(looks);
        }
        decoder.next_image().map_err(|e| broken(origin, e))?;
    }
}

fn look(decoder: &mut Decoder<BufReader<Box<dyn Bytes>>>, origin: &Origin) -> Result<Look, IoError> {
    let (nx, ny) = decoder.dimensions().map_err(|e| broken(origin, e))?;
    if nx.max(ny) > LONGEST_SIDE {
        return Err(IoError::format(
            origin.path(),
            "a picture whose size fits its file",
            format!("{nx} x {ny} pixels"),
        ));
    }
    let color = decoder.colortype().map_err(|e| broken(origin, e))?;
    let sample_format: u64 = decoder
        .find_tag_unsigned_vec::<u64>(Tag::SampleFormat)
        .ok()
        .flatten()
        .and_then(|v| v.first().copied())
        .unwrap_or(1);
    let (voxel_type, alpha, deep_colour) = match color {
        ColorType::Gray(bits) | ColorType::GrayA(bits) => {
            let alpha = matches!(color, ColorType::GrayA(_));
            let kind = match (bits, sample_format) {
                (1..=8, 1) => VoxelType::U8,
                (9..=16, 1) => VoxelType::U16,
                (8 | 16, 2) => VoxelType::I16,
                (32 | 64, 1 | 2) => VoxelType::I32,
                (16 | 32, 3) => VoxelType::F32,
                (64, 3) => VoxelType::F64,
                _ => return Err(unsupported(origin, format!("a TIFF with {bits} bits of grey"))),
            };
            (kind, alpha, false)
        }
        ColorType::RGB(bits) | ColorType::RGBA(bits) => {
            (VoxelType::Rgb8, matches!(color, ColorType::RGBA(_)), bits > 8)
        }
        // Left to the image crate, which knows them on the first page.
        ColorType::YCbCr(_) | ColorType::CMYK(_) | ColorType::Palette(_) => (VoxelType::Rgb8, false, false),
        other => return Err(unsupported(origin, format!("a TIFF of {other:?}"))),
    };
    Ok(Look { format: ImageFormat::Tiff, size: [nx as usize, ny as usize], voxel_type, alpha, deep_colour })
}

/// The voxels of a page.
///
/// # Errors
/// When the page is broken.
pub fn decode(page: &Page) -> Result<Voxels, IoError> {
    let origin = &page.origin;
    let mut decoder = open(origin)?;
    decoder.seek_to_image(page.number).map_err(|e| broken(origin, e))?;
    let color = decoder.colortype().map_err(|e| broken(origin, e))?;
    let channels = match color {
        ColorType::Gray(8 | 16 | 32 | 64) => 1,
        ColorType::GrayA(8 | 16 | 32 | 64) => 2,
        ColorType::RGB(8 | 16) => 3,
        ColorType::RGBA(8 | 16) => 4,
        _ if page.number == 0 => {
            let mut reader = image::ImageReader::with_format(BufReader::new(origin.open()?), ImageFormat::Tiff);
            let mut limits = image::Limits::default();
            limits.max_alloc = Some(MOST_BYTES);
            reader.limits(limits);
            let picture = reader.decode().map_err(|e| unsupported(origin, format!("a TIFF of {color:?} ({e})")))?;
            return Ok(super::picture::voxels(picture));
        }
        _ => return Err(unsupported(origin, format!("page {} of a TIFF of {color:?}", page.number + 1))),
    };
    let mut result = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut result).map_err(|e| broken(origin, e))?;
    let planar = layout.planes > 1 && channels > 1;
    if planar {
        let pixels = page.look.size[0] * page.look.size[1];
        result = match result {
            DecodingResult::U8(v) if v.len() == pixels * channels => DecodingResult::U8(interleaved(&v, channels)),
            DecodingResult::U16(v) if v.len() == pixels * channels => DecodingResult::U16(interleaved(&v, channels)),
            _ => return Err(unsupported(origin, format!("a TIFF of {color:?} in separate planes"))),
        };
    }
    let voxels = match result {
        DecodingResult::U8(v) if channels >= 3 => colours(&v, channels, |x| x),
        DecodingResult::U16(v) if channels >= 3 => colours(&v, channels, |x| (x >> 8) as u8),
        _ if channels >= 3 => return Err(unsupported(origin, format!("a TIFF of {color:?}"))),
        DecodingResult::U8(v) => Voxels::from(first(v, channels)),
        DecodingResult::U16(v) => Voxels::from(first(v, channels)),
        DecodingResult::I8(v) => Voxels::from(first(v, channels).into_iter().map(i16::from).collect::<Vec<_>>()),
        DecodingResult::I16(v) => Voxels::from(first(v, channels)),
        DecodingResult::I32(v) => Voxels::from(first(v, channels)),
        DecodingResult::U32(v) => whole(&first(v, channels)),
        DecodingResult::I64(v) => whole(&first(v, channels)),
        DecodingResult::U64(v) => whole(&first(v, channels)),
        DecodingResult::F32(v) => Voxels::from(first(v, channels)),
        DecodingResult::F64(v) => Voxels::from(first(v, channels)),
        DecodingResult::F16(v) => Voxels::from(first(v, channels).iter().map(|x| x.to_f32()).collect::<Vec<_>>()),
    };
    Ok(voxels)
}

/// Planes one after the other as pixels.
fn interleaved<T: Copy>(planes: &[T], channels: usize) -> Vec<T> {
    let pixels = planes.len() / channels;
    (0..pixels).flat_map(|i| (0..channels).map(move |c| planes[c * pixels + i])).collect()
}

/// The first channel of each pixel.
fn first<T: Copy>(v: Vec<T>, channels: usize) -> Vec<T> {
    if channels == 1 { v } else { v.into_iter().step_by(channels).collect() }
}

fn colours<T: Copy>(v: &[T], channels: usize, byte: impl Fn(T) -> u8) -> Voxels {
    Voxels::from(v.chunks_exact(channels).map(|p| [byte(p[0]), byte(p[1]), byte(p[2])]).collect::<Vec<_>>())
}

/// Integers as `i32` where they fit, else as `f64`.
fn whole<T: Copy + TryInto<i32> + Into<i128>>(v: &[T]) -> Voxels {
    let fitting: Result<Vec<i32>, _> = v.iter().map(|x| (*x).try_into()).collect();
    fitting.map_or_else(
        |_| Voxels::from(v.iter().map(|x| Into::<i128>::into(*x) as f64).collect::<Vec<_>>()),
        Voxels::from,
    )
}
