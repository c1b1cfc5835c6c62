//! Baseline and extended sequential JPEG with Huffman coding, 8 or 12 bits (annex F).

use super::huffman::{BitReader, Table};
use super::markers::{Codestream, Scan, natural};
use super::transform::{inverse_cosine, upsample};
use crate::io::dicom::pixels::{Decoded, Samples};

/// A component's samples, in whole blocks.
pub(super) struct Plane {
    /// Samples a row; a multiple of 8.
    pub(super) stride: usize,
    /// Samples that belong to the image.
    pub(super) size: [usize; 2],
    pub(super) samples: Vec<u16>,
}

/// Decodes a sequential codestream.
pub(super) fn decode(stream: &Codestream<'_>) -> Result<Decoded, String> {
    let most = |axis: usize| stream.components.iter().map(|c| c.sampling[axis]).max().unwrap_or(1);
    let largest = [most(0), most(1)];
    let units = [stream.columns.div_ceil(8 * largest[0]), stream.rows.div_ceil(8 * largest[1])];
    let mut planes: Vec<Plane> = stream
        .components
        .iter()
        .map(|c| {
            let stride = units[0] * c.sampling[0] * 8;
            Plane {
                stride,
                size: [
                    (stream.columns * c.sampling[0]).div_ceil(largest[0]),
                    (stream.rows * c.sampling[1]).div_ceil(largest[1]),
                ],
                samples: vec![0; stride * units[1] * c.sampling[1] * 8],
            }
        })
        .collect();
    let mut incomplete = stream.cut_short;
    for scan in &stream.scans {
        incomplete |= !decode_scan(stream, scan, units, &mut planes)?;
    }
    let all = planes.len();
    let mut samples = vec![0_u16; stream.columns * stream.rows * all];
    for (c, (plane, component)) in planes.iter().zip(&stream.components).enumerate() {
        let factor = [largest[0] / component.sampling[0], largest[1] / component.sampling[1]];
        upsample(plane, factor, stream.columns, stream.rows, |at, value| samples[at * all + c] = value);
    }
    let samples = if stream.precision == 8 {
        Samples::U8(samples.into_iter().map(|s| s as u8).collect())
    } else {
        Samples::U16(samples)
    };
    Ok(Decoded {
        columns: stream.columns,
        rows: stream.rows,
        components: all,
        precision: stream.precision,
        signed: false,
        samples,
        is_rgb: stream.is_rgb(),
        incomplete,
    })
}

fn decode_scan(
    stream: &Codestream<'_>,
    scan: &Scan<'_>,
    units: [usize; 2],
    planes: &mut [Plane],
) -> Result<bool, String> {
    let mut tables: Vec<(&Table, &Table)> = Vec::new();
    for (_, dc, ac) in &scan.components {
        let missing = "a JPEG scan without its Huffman tables";
        tables.push((scan.dc[*dc].as_deref().ok_or(missing)?, scan.ac[*ac].as_deref().ok_or(missing)?));
    }
    let mut reader = BitReader::new(scan.data);
    let mut predictions = vec![0_i32; scan.components.len()];
    let mut until_restart = scan.restart;
    // A scan of one component has its blocks row by row, without those that only pad the last unit.
    let alone = scan.components.len() == 1;
    let [across, down] = if alone {
        let plane = &planes[scan.components[0].0];
        [plane.size[0].div_ceil(8), plane.size[1].div_ceil(8)]
    } else {
        units
    };
    for my in 0..down {
        for mx in 0..across {
            if scan.restart > 0 {
                if until_restart == 0 {
                    reader.restart();
                    predictions.fill(0);
                    until_restart = scan.restart;
                }
                until_restart -= 1;
            }
            for (n, (component, _, _)) in scan.components.iter().enumerate() {
                let about = &stream.components[*component];
                let [h, v] = if alone { [1, 1] } else { about.sampling };
                for (by, bx) in (0..v).flat_map(|by| (0..h).map(move |bx| (by, bx))) {
                    let block = read_block(
                        &mut reader,
                        tables[n],
                        &mut predictions[n],
                        &stream.quantisation[about.quantisation],
                    );
                    let plane = &mut planes[*component];
                    let at = (my * v + by) * 8 * plane.stride + (mx * h + bx) * 8;
                    let stride = plane.stride;
                    if let Some(out) = plane.samples.get_mut(at..) {
                        inverse_cosine(&block, stream.precision, out, stride);
                    }
                }
            }
        }
        if reader.exhausted() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// One block of coefficients, multiplied by the quantisation, in rows.
fn read_block(reader: &mut BitReader<'_>, tables: (&Table, &Table), prediction: &mut i32, q: &[u16; 64]) -> [i32; 64] {
    let mut block = [0_i32; 64];
    let bits = u32::from(reader.decode(tables.0)).min(16);
    *prediction = prediction.wrapping_add(reader.extended(bits));
    block[0] = prediction.wrapping_mul(i32::from(q[0]));
    let mut k = 1;
    while k < 64 {
        let symbol = reader.decode(tables.1);
        let (run, bits) = (usize::from(symbol >> 4), u32::from(symbol & 15));
        if bits == 0 {
            if run != 15 {
                break;
            }
            k += 16;
            continue;
        }
        k += run;
        let value = reader.extended(bits);
        if k < 64 {
            let place = natural(k);
            block[place] = value.wrapping_mul(i32::from(q[place]));
        }
        k += 1;
    }
    block
}
