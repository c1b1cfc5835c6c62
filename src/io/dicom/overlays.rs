//! Overlay planes (60xx, PS3.3 C.9.2): what a header says of them, and their bits.

use dicom_core::Tag;

use super::dataset::{DataSet, Value};
use super::header::{Header, with_header};
use super::image_file::ImageFile;
use super::pixel_format::PixelFormat;
use super::syntax::Codec;
use super::text::Charset;
use crate::io::IoError;

/// A file has at most so many groups (PS3.5 7.6: 6000 to 601E, even).
const GROUP_LIMIT: usize = 16;

const ROWS: u16 = 0x0010;
const COLUMNS: u16 = 0x0011;
const FRAMES: u16 = 0x0015;
const DESCRIPTION: u16 = 0x0022;
const TYPE: u16 = 0x0040;
const ORIGIN: u16 = 0x0050;
const FRAME_ORIGIN: u16 = 0x0051;
const BIT_POSITION: u16 = 0x0102;
const LABEL: u16 = 0x1500;
const DATA: u16 = 0x3000;

/// Where the bits of a plane are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Bits {
    /// Packed, in (60xx,3000).
    Packed,
    /// Each at this position of a pixel's word, as before 2004.
    InPixels(u32),
}

/// One overlay group, checked.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OverlayPlane {
    /// 6000, 6002 …
    pub(crate) group: u16,
    /// What the person reads.
    pub(crate) name: String,
    rows: usize,
    columns: usize,
    /// Row and column of the image, counted from 0, that the first pixel of the plane lies on.
    origin: [i64; 2],
    frames: usize,
    /// The frame of the image that its first frame lies on; `None`: its one frame lies on all.
    first_frame: Option<i64>,
    bits: Bits,
}

/// The planes of a header, and what is wrong with those that cannot be shown as they are, as sentences.
pub(crate) fn overlay_planes(header: &Header<'_>, format: &PixelFormat) -> (Vec<OverlayPlane>, Vec<String>) {
    let dataset = &header.dataset;
    let mut groups: Vec<u16> =
        dataset.elements.iter().map(|e| e.tag.group()).filter(|g| g & 0xFF01 == 0x6000).collect();
    groups.dedup();
    let (mut planes, mut faults) = (Vec::new(), Vec::new());
    if groups.len() > GROUP_LIMIT {
        faults
            .push(format!("{} overlay planes (60xx) are in the file; the first {GROUP_LIMIT} are shown", groups.len()));
    }
    for group in groups.into_iter().take(GROUP_LIMIT) {
        // A group without a size is no plane: a lone label, or what is left of one.
        if dataset.get(Tag(group, ROWS)).is_none() && dataset.get(Tag(group, DATA)).is_none() {
            continue;
        }
        match plane(header, format, group) {
            Ok((plane, fault)) => {
                faults.extend(fault.map(|f| format!("Overlay plane {group:04X} ({}) {f}", plane.name)));
                planes.push(plane);
            }
            Err(fault) => faults.push(format!("Overlay plane {group:04X} is not shown: {fault}")),
        }
    }
    (planes, faults)
}

/// One plane with what is missing of it; the error says why there is none.
fn plane(header: &Header<'_>, format: &PixelFormat, group: u16) -> Result<(OverlayPlane, Option<String>), String> {
    let dataset = &header.dataset;
    let charset = Charset::of(dataset);
    let integer = |element| dataset.integer(Tag(group, element));
    let words = |element| charset.text(dataset, Tag(group, element)).filter(|t| !t.trim().is_empty());
    let side = |element, name: &str| match integer(element) {
        Some(n) if (1..=i64::from(u16::MAX)).contains(&n) => Ok(n as usize),
        Some(n) => Err(format!("its {name} are {n}")),
        None => Err(format!("it gives no {name}")),
    };
    let (mut rows, mut columns) = (side(ROWS, "rows")?, side(COLUMNS, "columns")?);
    let mut origin = dataset.vector::<2>(Tag(group, ORIGIN)).unwrap_or([1.0, 1.0]).map(|x| x as i64 - 1);
    let counted = integer(FRAMES).filter(|n| *n > 0);
    let mut frames = counted.unwrap_or(1) as usize;
    let first_frame = match (integer(FRAME_ORIGIN), counted) {
        // One plane and no word on frames: it lies on each of them.
        (None, None | Some(1)) => None,
        (first, _) => Some(first.unwrap_or(1) - 1),
    };
    let kind = if dataset.text(Tag(group, TYPE)).as_deref() == Some("R") { "Region" } else { "Overlay" };
    let name = words(LABEL).or_else(|| words(DESCRIPTION)).unwrap_or_else(|| format!("{kind} {group:04X}"));
    let mut fault = None;
    let bits = match dataset.get(Tag(group, DATA)).map(|e| &e.value) {
        Some(Value::Bytes(bytes)) if !bytes.is_empty() => {
            let needed = (rows as u64 * columns as u64).saturating_mul(frames as u64).div_ceil(8);
            if (bytes.len() as u64) < needed {
                fault = Some(format!("ends after {} of {needed} bytes; the rest is empty", bytes.len()));
            }
            Bits::Packed
        }
        _ => {
            let at = integer(BIT_POSITION).and_then(|n| u32::try_from(n).ok()).ok_or("it has no data")?;
            check_bit(header, format, at)?;
            // Such a plane is the image's own size, whatever it claims.
            (rows, columns, origin, frames) = (format.rows, format.columns, [0, 0], format.frames);
            return Ok((
                OverlayPlane {
                    group,
                    name,
                    rows,
                    columns,
                    origin,
                    frames,
                    first_frame: Some(0),
                    bits: Bits::InPixels(at),
                },
                None,
            ));
        }
    };
    let inside = |start: i64, length: usize, size: usize| start < size as i64 && start + length as i64 > 0;
    if !inside(origin[0], rows, format.rows) || !inside(origin[1], columns, format.columns) {
        return Err(format!("it lies outside the image, at row {} and column {}", origin[0] + 1, origin[1] + 1));
    }
    let beyond = |start: i64, length: usize, size: usize| start < 0 || start + length as i64 > size as i64;
    if fault.is_none() && (beyond(origin[0], rows, format.rows) || beyond(origin[1], columns, format.columns)) {
        fault = Some("reaches beyond the image; what lies outside is cut off".to_owned());
    }
    Ok((OverlayPlane { group, name, rows, columns, origin, frames, first_frame, bits }, fault))
}

/// Whether the pixels can hold overlay bits at this position.
fn check_bit(header: &Header<'_>, format: &PixelFormat, at: u32) -> Result<(), String> {
    let image = format.high_bit + 1 - format.stored..=format.high_bit;
    if format.samples > 1 || !matches!(format.allocated, 8 | 16 | 32) {
        return Err("it has no data, and the pixels have no bits to spare".to_owned());
    }
    if at >= format.allocated || image.contains(&at) {
        return Err(format!("it has no data, and bit {at} of the pixels belongs to the image or is not there"));
    }
    if header.syntax.codec != Codec::Native || header.pixels.is_none_or(|p| p.length.is_none()) {
        return Err(format!("its bits are in the pixels, which {} does not keep", header.syntax.name));
    }
    Ok(())
}

/// The packed bits of all planes of a file, in their order, lowest bit first; empty where they are in the pixels.
pub(crate) fn packed_bits(file: &ImageFile) -> Result<Vec<Vec<u8>>, IoError> {
    if !file.overlays.iter().any(|p| p.bits == Bits::Packed) {
        return Ok(vec![Vec::new(); file.overlays.len()]);
    }
    let bits = with_header(&file.source, |header| {
        Ok(file.overlays.iter().map(|p| packed(&header.dataset, p)).collect::<Vec<_>>())
    })?;
    Ok(bits.unwrap_or_else(|| vec![Vec::new(); file.overlays.len()]))
}

fn packed(dataset: &DataSet<'_>, plane: &OverlayPlane) -> Vec<u8> {
    let tag = Tag(plane.group, DATA);
    let mut bytes = match plane.bits {
        Bits::Packed => dataset.bytes(tag).unwrap_or_default().to_vec(),
        Bits::InPixels(_) => Vec::new(),
    };
    // In big-endian words the first eight bits are the second byte.
    if dataset.big_endian && dataset.get(tag).is_some_and(|e| &e.vr != b"OB") {
        bytes.as_chunks_mut::<2>().0.iter_mut().for_each(|pair| pair.swap(0, 1));
    }
    bytes
}

impl OverlayPlane {
    /// At which bit of the pixels it is, if it is there.
    pub(crate) fn bit_in_pixels(&self) -> Option<u32> {
        match self.bits {
            Bits::Packed => None,
            Bits::InPixels(at) => Some(at),
        }
    }

    /// Which of its own frames lies on a frame of the image.
    fn frame_on(&self, frame: usize) -> Option<usize> {
        let Some(first) = self.first_frame else { return Some(0) };
        let own = usize::try_from(frame as i64 - first).ok()?;
        (own < self.frames).then_some(own)
    }

    /// What it draws on a frame of the image, out of its packed bits.
    pub(crate) fn drawn<'b>(&'b self, frame: usize, bytes: &'b [u8]) -> Option<Drawn<'b>> {
        // Frames follow each other without a gap (PS3.5 8.1.2); those in the pixels come one at a time.
        let own = if self.bit_in_pixels().is_some() { 0 } else { self.frame_on(frame)? };
        let start = (self.rows as u64 * self.columns as u64).checked_mul(own as u64)?;
        (start / 8 < bytes.len() as u64).then_some(Drawn { plane: self, bytes, start })
    }
}

/// A plane on one frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Drawn<'b> {
    plane: &'b OverlayPlane,
    bytes: &'b [u8],
    /// The first bit.
    start: u64,
}

impl Drawn<'_> {
    /// Whether it draws on a pixel of the image.
    pub(crate) fn at(&self, column: usize, row: usize) -> bool {
        let p = self.plane;
        let (y, x) = (row as i64 - p.origin[0], column as i64 - p.origin[1]);
        if y < 0 || x < 0 || y >= p.rows as i64 || x >= p.columns as i64 {
            return false;
        }
        let bit = self.start + y as u64 * p.columns as u64 + x as u64;
        let byte = usize::try_from(bit / 8).ok().and_then(|at| self.bytes.get(at));
        byte.is_some_and(|b| b >> (bit % 8) & 1 == 1)
    }

    /// Whether both draw the same, because they are the same bits in the same place.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        let shape = |d: &Self| (d.plane.rows, d.plane.columns, d.plane.origin);
        let same_bits = std::ptr::eq(self.bytes, other.bytes) && self.start == other.start;
        shape(self) == shape(other) && (same_bits || self.start == 0 && other.start == 0 && self.bytes == other.bytes)
    }
}
