//! JPEG 2000 and its high-throughput form, by OpenJPEG.

use super::{Decoded, Samples, check_size};

/// Decodes one frame.
pub(crate) fn decode(data: &[u8], size: [usize; 2]) -> Result<Decoded, String> {
    plausible(data, size)?;
    let failed = |e| format!("a JPEG 2000 codestream that does not decode ({e})");
    let parameters = jpeg2k::DecodeParameters::new().strict(false);
    // The header first: memory is taken by what the decoder itself read there.
    let stream = jpeg2k::DumpImage::from_bytes_with(data, parameters).map_err(failed)?;
    check_size(stream.img.orig_width() as usize, stream.img.orig_height() as usize, size)?;
    stream.decode().map_err(failed)?;
    let image = &stream.img;
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

/// Looks at the SIZ marker before the decoder does, which takes memory for each tile and component that it claims.
fn plausible(data: &[u8], size: [usize; 2]) -> Result<(), String> {
    const NONE: &str = "a JPEG 2000 codestream without its size";
    // A tile has at least its two markers.
    const LEAST_TILE_BYTES: usize = 14;
    let siz = codestream(data).and_then(|c| c.strip_prefix(&[0xFF, 0x4F, 0xFF, 0x51])).ok_or(NONE)?;
    let word = |n: usize| Some(u32::from_be_bytes(*siz.get(4 + 4 * n..8 + 4 * n)?.as_array::<4>()?) as usize);
    let words: Vec<usize> = (0..8).map_while(word).collect();
    let &[x1, y1, x0, y0, tile_width, tile_height, tile_x, tile_y] = words.as_slice() else { return Err(NONE.into()) };
    let (Some(columns), Some(rows)) = (x1.checked_sub(x0), y1.checked_sub(y0)) else { return Err(NONE.into()) };
    check_size(columns, rows, size)?;
    let across = x1.saturating_sub(tile_x).div_ceil(tile_width.max(1));
    let down = y1.saturating_sub(tile_y).div_ceil(tile_height.max(1));
    let tiles = across.saturating_mul(down);
    if tiles > 64 + 2 * data.len() / LEAST_TILE_BYTES {
        return Err(format!("{tiles} JPEG 2000 tiles in {} bytes", data.len()));
    }
    let components = siz.get(36..38).map_or(0, |b| u16::from_be_bytes([b[0], b[1]]));
    if !(1..=5).contains(&components) {
        return Err(format!("a JPEG 2000 codestream of {components} components"));
    }
    Ok(())
}

/// The codestream itself: all of the data, or the content of the box `jp2c`.
fn codestream(data: &[u8]) -> Option<&[u8]> {
    if data.starts_with(&[0xFF, 0x4F]) {
        return Some(data);
    }
    let mut rest = data;
    loop {
        let length = u32::from_be_bytes(*rest.get(..4)?.as_array::<4>()?);
        let kind = rest.get(4..8)?;
        let (head, length) = match length {
            1 => (16, usize::try_from(u64::from_be_bytes(*rest.get(8..16)?.as_array::<8>()?)).ok()?),
            0 => (8, rest.len()),
            n => (8, n as usize),
        };
        if kind == b"jp2c" {
            return rest.get(head..);
        }
        rest = rest.get(length.max(head)..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A main header of SIZ alone.
    fn siz(columns: u32, rows: u32, tile: u32, components: u16) -> Vec<u8> {
        let mut out = vec![0xFF, 0x4F, 0xFF, 0x51, 0, 41, 0, 0];
        for word in [columns, rows, 0, 0, tile, tile, 0, 0] {
            out.extend(word.to_be_bytes());
        }
        out.extend(components.to_be_bytes());
        out.extend([7, 1, 1]);
        out
    }

    #[test]
    fn headers_that_claim_what_their_bytes_cannot_hold_are_refused() {
        assert!(plausible(&siz(512, 512, 512, 1), [512, 512]).is_ok());
        assert!(plausible(&siz(60_000, 60_000, 60_000, 1), [512, 512]).unwrap_err().contains("60000 x 60000"));
        assert!(plausible(&siz(512, 512, 2, 1), [512, 512]).unwrap_err().contains("65536 JPEG 2000 tiles"));
        assert!(plausible(&siz(512, 512, 512, 16_384), [512, 512]).unwrap_err().contains("16384 components"));
        assert!(plausible(&siz(512, 512, 512, 1)[..30], [512, 512]).is_err());
    }

    #[test]
    fn the_codestream_of_a_jp2_file_is_found_behind_other_boxes() {
        // A box whose content looks like a codestream comes first.
        let decoy = siz(1, 1, 1, 1);
        let mut file = vec![0, 0, 0, 8 + decoy.len() as u8];
        file.extend(b"uuid");
        file.extend(&decoy);
        file.extend([0, 0, 0, 0]);
        file.extend(b"jp2c");
        file.extend(siz(512, 512, 512, 1));
        assert!(plausible(&file, [512, 512]).is_ok());
        assert_eq!(codestream(b"\0\0\0\x0CjP  "), None);
    }
}
