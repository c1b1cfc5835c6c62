//! JPEG-LS, lossless and near-lossless (ISO 14495-1): markers, and samples out of scans.

use super::jpeg_ls_scan::{Coding, ScanDecoder};
use super::{Decoded, Samples, check_size};

/// Whether a codestream that starts as JPEG is JPEG-LS: its frame marker is SOF55.
pub(crate) fn is_jpeg_ls(data: &[u8]) -> bool {
    let mut at = 2;
    while let Some(&[0xFF, marker]) = data.get(at..at + 2) {
        match marker {
            0xF7 => return true,
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF | 0xDA => return false,
            0xFF => at += 1,
            _ => {
                let Some(&[high, low]) = data.get(at + 2..at + 4) else { return false };
                at += 2 + usize::from(u16::from_be_bytes([high, low]));
            }
        }
    }
    false
}

#[derive(Debug, Clone)]
struct Frame {
    precision: u32,
    rows: usize,
    columns: usize,
    components: Vec<u8>,
}

/// Preset coding parameters; zeros mean the default.
#[derive(Debug, Clone, Copy, Default)]
struct Preset {
    max_value: i32,
    thresholds: [i32; 3],
    reset: i32,
}

/// Decodes one frame.
pub(crate) fn decode(data: &[u8], size: [usize; 2]) -> Result<Decoded, String> {
    let mut at = 2;
    let mut frame: Option<Frame> = None;
    let mut preset = Preset::default();
    let mut samples: Vec<u16> = Vec::new();
    let mut incomplete = false;
    let mut scans = 0;
    loop {
        let Some(marker) = next_marker(data, &mut at) else {
            incomplete = true;
            break;
        };
        if marker == 0xD9 {
            break;
        }
        if matches!(marker, 0xD0..=0xD8) {
            continue;
        }
        let length = data.get(at..at + 2).map_or(0, |b| usize::from(u16::from_be_bytes([b[0], b[1]])));
        let Some(body) = data.get(at + 2..at + length.max(2)) else {
            incomplete = true;
            break;
        };
        at += length.max(2);
        match marker {
            0xF7 => {
                let parsed = parse_frame(body)?;
                check_size(parsed.columns, parsed.rows, size)?;
                samples = vec![0; parsed.rows * parsed.columns * parsed.components.len()];
                frame = Some(parsed);
            }
            0xF8 => parse_preset(body, &mut preset)?,
            0xDD if body.iter().any(|b| *b != 0) => return Err("JPEG-LS with restart intervals".to_owned()),
            0xE8 if body.starts_with(b"mrfx") && body.get(4).is_some_and(|t| *t != 0) => {
                return Err("JPEG-LS with HP's colour transform".to_owned());
            }
            0xDA => {
                let frame = frame.as_ref().ok_or("a JPEG-LS scan without a frame")?;
                // A blank scan is a few bytes and a whole image of work.
                if scans == frame.components.len() {
                    return Err("a JPEG-LS codestream with more scans than components".to_owned());
                }
                let (end, whole) = scan(data, at, body, frame, &preset, &mut samples)?;
                at = end;
                incomplete |= !whole;
                scans += 1;
                if !whole {
                    break;
                }
            }
            _ => {}
        }
    }
    let frame = frame.ok_or("no JPEG-LS frame")?;
    if scans == 0 {
        return Err("a JPEG-LS codestream without pixels".to_owned());
    }
    let samples = if frame.precision <= 8 {
        Samples::U8(samples.into_iter().map(|s| s as u8).collect())
    } else {
        Samples::U16(samples)
    };
    Ok(Decoded {
        columns: frame.columns,
        rows: frame.rows,
        components: frame.components.len(),
        precision: frame.precision,
        signed: false,
        samples,
        is_rgb: None,
        incomplete,
    })
}

/// Passes to the byte behind the next marker.
fn next_marker(data: &[u8], at: &mut usize) -> Option<u8> {
    loop {
        let rest = data.get(*at..)?;
        let ff = rest.iter().position(|b| *b == 0xFF)?;
        let marker = *rest.get(ff + 1)?;
        *at += ff + 1;
        // In scan data a byte below 0x80 follows 0xFF: no marker.
        if marker >= 0x80 && marker != 0xFF {
            *at += 1;
            return Some(marker);
        }
    }
}

fn parse_frame(body: &[u8]) -> Result<Frame, String> {
    let &[precision, r1, r0, c1, c0, count, ref rest @ ..] = body else {
        return Err("a JPEG-LS frame header that is too short".to_owned());
    };
    let (rows, columns) = (usize::from(u16::from_be_bytes([r1, r0])), usize::from(u16::from_be_bytes([c1, c0])));
    if !(2..=16).contains(&precision) || rows == 0 || columns == 0 || !matches!(count, 1 | 3 | 4) {
        return Err(format!("a JPEG-LS frame of {columns} x {rows}, {count} components of {precision} bits"));
    }
    let components = rest.chunks_exact(3).take(usize::from(count)).map(|c| c[0]).collect::<Vec<u8>>();
    if components.len() != usize::from(count) {
        return Err("a JPEG-LS frame header that is too short".to_owned());
    }
    Ok(Frame { precision: u32::from(precision), rows, columns, components })
}

fn parse_preset(body: &[u8], preset: &mut Preset) -> Result<(), String> {
    let word = |at: usize| body.get(at..at + 2).map_or(0, |b| i32::from(u16::from_be_bytes([b[0], b[1]])));
    match body.first() {
        Some(1) => {
            *preset = Preset { max_value: word(1), thresholds: [word(3), word(5), word(7)], reset: word(9) };
            Ok(())
        }
        Some(2 | 3) => Err("JPEG-LS with mapping tables".to_owned()),
        _ => Ok(()),
    }
}

/// Decodes a scan into `samples`; returns where it ends and whether it was whole.
fn scan(
    data: &[u8],
    start: usize,
    header: &[u8],
    frame: &Frame,
    preset: &Preset,
    samples: &mut [u16],
) -> Result<(usize, bool), String> {
    let count = usize::from(*header.first().unwrap_or(&0));
    let selectors: Vec<u8> = header.get(1..).unwrap_or(&[]).chunks_exact(2).take(count).map(|c| c[0]).collect();
    let (Some(&near), Some(&interleave), Some(&shift)) =
        (header.get(1 + 2 * count), header.get(2 + 2 * count), header.get(3 + 2 * count))
    else {
        return Err("a JPEG-LS scan header that is too short".to_owned());
    };
    let position = |s: &u8| frame.components.iter().position(|c| c == s);
    let targets: Vec<usize> = selectors.iter().filter_map(position).collect();
    if targets.is_empty() || targets.len() != count || shift & 0x0F != 0 {
        return Err("a JPEG-LS scan of unknown components".to_owned());
    }
    let coding = Coding::new(frame.precision, i32::from(near), preset.max_value, preset.thresholds, preset.reset)?;
    let mut decoder = ScanDecoder::new(data.get(start..).unwrap_or(&[]), coding, frame.columns, targets.len());
    let all = frame.components.len();
    for row in samples.chunks_exact_mut(frame.columns * all) {
        let whole = match (interleave, targets.len()) {
            (_, 1) => decoder.line(0),
            (1, n) => (0..n).all(|c| decoder.line(c)),
            (2, 3 | 4) => decoder.line_of_pixels(),
            _ => return Err(format!("JPEG-LS interleave mode {interleave}")),
        };
        for (source, target) in targets.iter().enumerate() {
            for (pixel, value) in row.chunks_exact_mut(all).zip(decoder.values(source)) {
                pixel[*target] = *value as u16;
            }
        }
        decoder.next_row();
        if !whole {
            return Ok((start + decoder.position(), false));
        }
    }
    Ok((start + decoder.position(), true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_scans_than_components_are_refused() {
        let mut data = vec![0xFF, 0xD8, 0xFF, 0xF7, 0, 11, 8, 0, 2, 0, 2, 1, 1, 0x11, 0];
        for _ in 0..2 {
            data.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 0, 0, 0, 0x7F, 0x7F, 0x7F, 0x7F]);
        }
        data.extend([0xFF, 0xD9]);
        assert!(decode(&data, [2, 2]).unwrap_err().contains("more scans than components"));
    }
}
