//! JPEG 2000 and its high-throughput form, by OpenJPEG.

use super::{Decoded, Samples, check_size};

/// Decodes one frame.
pub(crate) fn decode(data: &[u8], size: [usize; 2]) -> Result<Decoded, String> {
    let [claimed_columns, claimed_rows] = claimed_size(data).ok_or("a JPEG 2000 codestream without its size")?;
    check_size(claimed_columns, claimed_rows, size)?;
    let image = jpeg2k::Image::from_bytes_with(data, jpeg2k::DecodeParameters::new().strict(false))
        .map_err(|e| format!("a JPEG 2000 codestream that does not decode ({e})"))?;
    let parts = image.components();
    let Some(first) = parts.first() else { return Err("a JPEG 2000 codestream without components".to_owned()) };
    let (columns, rows) = (first.width() as usize, first.height() as usize);
    let n = columns * rows;
    let (precision, signed) = (first.precision(), first.is_signed());
    if n == 0
        || parts.iter().any(|p| p.data().len() < n || (p.width() as usize, p.height() as usize) != (columns, rows))
    {
        return Err("JPEG 2000 components of different sizes".to_owned());
    }
    let components = if parts.len() >= 3 { 3 } else { 1 };
    let interleaved = |at: usize| parts[at % components].data()[at / components];
    let samples = if signed || precision > 16 {
        Samples::I32((0..n * components).map(interleaved).collect())
    } else if precision <= 8 {
        Samples::U8((0..n * components).map(|at| interleaved(at).clamp(0, 255) as u8).collect())
    } else if components == 1 {
        Samples::U16(first.data()[..n].iter().map(|x| *x as u16).collect())
    } else {
        Samples::U16((0..n * components).map(|at| interleaved(at).clamp(0, 65_535) as u16).collect())
    };
    Ok(Decoded { columns, rows, components, precision, signed, samples, is_rgb: None, incomplete: false })
}

/// The size in the SIZ marker, which follows the start of the codestream.
fn claimed_size(data: &[u8]) -> Option<[usize; 2]> {
    let at = data.windows(4).position(|w| w == [0xFF, 0x4F, 0xFF, 0x51])?;
    let word = |n: usize| {
        let bytes = data.get(at + 8 + 4 * n..at + 12 + 4 * n)?;
        Some(u32::from_be_bytes(*bytes.as_array::<4>()?) as usize)
    };
    Some([word(0)?.checked_sub(word(2)?)?, word(1)?.checked_sub(word(3)?)?])
}
