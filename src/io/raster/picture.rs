//! One page of a picture file: what it is without decoding it, and its voxels.

use std::io::BufReader;

use image::{ColorType, DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader};

use super::tiff_page;
use crate::io::formats::{Bytes, Origin};
use crate::io::{IoError, mark};
use crate::volume::{Provenance, VoxelType, Voxels};

/// A side beyond this is a broken header.
pub const LONGEST_SIDE: u32 = 1 << 17;
/// Decoders may take so many bytes for one picture.
pub const MOST_BYTES: u64 = 4 << 30;
/// No picture format packs more than so many bytes into one (deflate does 1032, fax codes somewhat more).
const MOST_EXPANSION: u64 = 4096;

/// What the file's header says of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// Which format the file has.
    pub format: ImageFormat,
    /// Pixels along x and y.
    pub size: [usize; 2],
    /// What decoding gives.
    pub voxel_type: VoxelType,
    /// Whether it has an alpha channel, which is left out.
    pub alpha: bool,
    /// Whether colours come in more than 8 bits, of which the upper 8 are kept.
    pub deep_colour: bool,
}

/// One page of a file.
#[derive(Debug, Clone)]
pub struct Page {
    /// The file.
    pub origin: Origin,
    /// Number in it, from 0.
    pub number: usize,
    /// What its header says.
    pub look: Look,
}

/// The picture format of a file's first bytes, if it is one that is read.
#[must_use]
pub fn format_of(head: &[u8]) -> Option<ImageFormat> {
    let known = [ImageFormat::Png, ImageFormat::Jpeg, ImageFormat::Tiff, ImageFormat::Bmp];
    // BigTIFF, which `guess_format` does not know.
    if head.starts_with(b"II+\0") || head.starts_with(b"MM\0+") {
        return Some(ImageFormat::Tiff);
    }
    let format = image::guess_format(head).ok().filter(|f| known.contains(f))?;
    // "BM" alone is also the start of many a text: a bitmap names the size of its second header.
    let plausible =
        format != ImageFormat::Bmp || matches!(head.get(14..18), Some([12 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]));
    plausible.then_some(format)
}

/// The name of a format.
#[must_use]
pub fn format_name(format: ImageFormat) -> &'static str {
    match format {
        ImageFormat::Png => "PNG",
        ImageFormat::Jpeg => "JPEG",
        ImageFormat::Tiff => "TIFF",
        _ => "BMP",
    }
}

/// The pages of a picture file.
///
/// # Errors
/// When its header is broken or claims more than the file can hold.
pub fn pages(origin: &Origin, format: ImageFormat) -> Result<Vec<Page>, IoError> {
    let looks = if format == ImageFormat::Tiff { tiff_page::looks(origin)? } else { vec![look(origin, format)?] };
    let length = origin.byte_len()?;
    for look in &looks {
        let [nx, ny] = look.size;
        let bytes = (nx as u64).saturating_mul(ny as u64).saturating_mul(look.voxel_type.bytes() as u64);
        let absurd = nx.max(ny) > LONGEST_SIDE as usize || bytes > length.saturating_mul(MOST_EXPANSION);
        if absurd || bytes > MOST_BYTES || bytes == 0 {
            return Err(IoError::Format {
                path: origin.path().to_owned(),
                expected: "a picture whose size fits its file".to_owned(),
                found: format!("{nx} x {ny} pixels in {length} bytes"),
                remedy: "the file is truncated or its header is wrong; copy it again".to_owned(),
            });
        }
    }
    Ok(looks.into_iter().enumerate().map(|(number, look)| Page { origin: origin.clone(), number, look }).collect())
}

fn reader(origin: &Origin, format: ImageFormat) -> Result<ImageReader<BufReader<Box<dyn Bytes>>>, IoError> {
    let mut reader = ImageReader::with_format(BufReader::new(origin.open()?), format);
    let mut limits = image::Limits::default();
    limits.max_image_width = Some(LONGEST_SIDE);
    limits.max_image_height = Some(LONGEST_SIDE);
    limits.max_alloc = Some(MOST_BYTES);
    reader.limits(limits);
    Ok(reader)
}

fn broken(origin: &Origin, error: ImageError) -> IoError {
    match error {
        ImageError::IoError(e) => IoError::system(origin.path(), e),
        ImageError::Unsupported(e) => IoError::Unsupported {
            path: origin.path().to_owned(),
            what: format!("a picture of this kind ({e})"),
            doing: "read",
            remedy: "save it as a PNG".to_owned(),
        },
        other => IoError::Format {
            path: origin.path().to_owned(),
            expected: "a whole picture".to_owned(),
            found: other.to_string(),
            remedy: "the file may be truncated; copy it again".to_owned(),
        },
    }
}

fn look(origin: &Origin, format: ImageFormat) -> Result<Look, IoError> {
    let decoder = reader(origin, format)?.into_decoder().map_err(|e| broken(origin, e))?;
    let (nx, ny) = decoder.dimensions();
    let color = decoder.color_type();
    let voxel_type = match color {
        ColorType::L8 | ColorType::La8 => VoxelType::U8,
        ColorType::L16 | ColorType::La16 => VoxelType::U16,
        _ => VoxelType::Rgb8,
    };
    Ok(Look {
        format,
        size: [nx as usize, ny as usize],
        voxel_type,
        alpha: color.has_alpha(),
        deep_colour: color.has_color() && color.bytes_per_pixel() / color.channel_count() > 1,
    })
}

/// The voxels of a page, top row first.
///
/// # Errors
/// When the file is broken.
pub fn decode(page: &Page) -> Result<Voxels, IoError> {
    if page.look.format == ImageFormat::Tiff {
        return tiff_page::decode(page);
    }
    let picture = reader(&page.origin, page.look.format)?.decode().map_err(|e| broken(&page.origin, e))?;
    Ok(voxels(picture))
}

/// The voxels of a decoded picture; alpha is left out.
pub fn voxels(picture: DynamicImage) -> Voxels {
    match picture {
        DynamicImage::ImageLuma8(i) => Voxels::from(i.into_raw()),
        DynamicImage::ImageLumaA8(i) => Voxels::from(i.pixels().map(|p| p.0[0]).collect::<Vec<_>>()),
        DynamicImage::ImageLuma16(i) => Voxels::from(i.into_raw()),
        DynamicImage::ImageLumaA16(i) => Voxels::from(i.pixels().map(|p| p.0[0]).collect::<Vec<_>>()),
        DynamicImage::ImageRgba8(i) => Voxels::from(i.pixels().map(|p| [p.0[0], p.0[1], p.0[2]]).collect::<Vec<_>>()),
        other => Voxels::from(other.into_rgb8().into_raw().as_chunks::<3>().0.to_vec()),
    }
}

/// Where a picture came from: its text chunks tell whether it is synthetic.
#[must_use]
pub fn provenance(origin: &Origin, format: ImageFormat) -> Provenance {
    let source = origin.path().display().to_string();
    let texts = if format == ImageFormat::Png { png_texts(origin).unwrap_or_default() } else { Vec::new() };
    let text = |key: &str| texts.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str());
    let marked = text(mark::KEY).and_then(mark::of_value);
    let lossy = (format == ImageFormat::Jpeg).then(|| "JPEG".to_owned());
    mark::provenance(source, marked, text(mark::RECORD_KEY)).lossily_compressed(lossy)
}

/// Keywords and texts before a PNG's pixels.
fn png_texts(origin: &Origin) -> Option<Vec<(String, String)>> {
    let reader = png::Decoder::new(BufReader::new(origin.open().ok()?)).read_info().ok()?;
    let info = reader.info();
    let plain = info.uncompressed_latin1_text.iter().map(|t| (t.keyword.clone(), t.text.clone()));
    let unicode = info.utf8_text.iter().filter_map(|t| Some((t.keyword.clone(), t.get_text().ok()?)));
    Some(plain.chain(unicode).collect())
}
