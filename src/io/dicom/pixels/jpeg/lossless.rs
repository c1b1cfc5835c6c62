//! Lossless JPEG, process 14 with any predictor (annex H).

use super::huffman::BitReader;
use super::markers::{Codestream, Scan};
use crate::io::dicom::pixels::{Decoded, Samples};

/// Decodes a lossless codestream.
pub(super) fn decode(stream: &Codestream<'_>) -> Result<Decoded, String> {
    if stream.components.iter().any(|c| c.sampling != stream.components[0].sampling) {
        return Err("lossless JPEG with subsampled colour".to_owned());
    }
    let (columns, rows, all) = (stream.columns, stream.rows, stream.components.len());
    let mut samples = vec![0_u16; columns * rows * all];
    let mut incomplete = stream.cut_short;
    for scan in &stream.scans {
        incomplete |= !decode_scan(stream, scan, &mut samples)?;
    }
    let samples = if stream.precision <= 8 {
        Samples::U8(samples.into_iter().map(|s| s as u8).collect())
    } else {
        Samples::U16(samples)
    };
    Ok(Decoded {
        columns,
        rows,
        components: all,
        precision: stream.precision,
        signed: false,
        samples,
        is_rgb: None,
        incomplete,
    })
}

fn decode_scan(stream: &Codestream<'_>, scan: &Scan<'_>, samples: &mut [u16]) -> Result<bool, String> {
    let (columns, all) = (stream.columns, stream.components.len());
    let tables = scan
        .components
        .iter()
        .map(|(_, dc, _)| scan.dc[*dc].as_deref().ok_or("a lossless JPEG scan without its Huffman table"))
        .collect::<Result<Vec<_>, _>>()?;
    if !(1..=7).contains(&scan.selection) || scan.shift >= stream.precision {
        return Err(format!("a lossless JPEG scan with predictor {}", scan.selection));
    }
    let start = 1_i32 << (stream.precision - scan.shift - 1);
    let mut reader = BitReader::new(scan.data);
    let count = scan.components.len();
    // Samples before the point transform, which the predictions are made of.
    let mut above = vec![vec![0_i32; columns]; count];
    let mut row = vec![vec![0_i32; columns]; count];
    let mut until_restart = scan.restart;
    // After a restart the first line is predicted as the first of the image.
    let mut fresh = true;
    for out in samples.chunks_exact_mut(columns * all) {
        let mut first_of_row = fresh;
        let mut whole_fresh_row = fresh;
        for x in 0..columns {
            if scan.restart > 0 {
                if until_restart == 0 {
                    reader.restart();
                    until_restart = scan.restart;
                    first_of_row = true;
                    whole_fresh_row = true;
                }
                until_restart -= 1;
            }
            for c in 0..count {
                let bits = u32::from(reader.decode(tables[c]));
                let difference = if bits >= 16 { 32_768 } else { reader.extended(bits) };
                let predicted = if first_of_row {
                    start
                } else if whole_fresh_row {
                    row[c][x - 1]
                } else if x == 0 {
                    above[c][0]
                } else {
                    let (a, b, d) = (row[c][x - 1], above[c][x], above[c][x - 1]);
                    match scan.selection {
                        1 => a,
                        2 => b,
                        3 => d,
                        4 => a + b - d,
                        5 => a + ((b - d) >> 1),
                        6 => b + ((a - d) >> 1),
                        _ => (a + b) >> 1,
                    }
                };
                row[c][x] = (predicted + difference) & 0xFFFF;
            }
            first_of_row = false;
        }
        fresh = false;
        for (line, (component, _, _)) in row.iter().zip(&scan.components) {
            for (pixel, value) in out.chunks_exact_mut(all).zip(line) {
                pixel[*component] = (*value << scan.shift) as u16;
            }
        }
        std::mem::swap(&mut above, &mut row);
        if reader.exhausted() {
            return Ok(false);
        }
    }
    Ok(true)
}
