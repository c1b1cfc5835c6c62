//! A picture of 8 bits, through the grey pipeline. The mark of synthetic content is in its text chunks and, since these are soon
//! lost, in its pixels: a picture is made to be looked at. Numbers without a badge are what NIfTI, NRRD and DICOM are for.

use std::io::{self, Write};
use std::path::Path;

use image::{Rgba, RgbaImage};

use crate::display::Grey;
use crate::io::IoError;
use crate::io::mark::{self, Record};
use crate::render::badge::{lay_stamps, stamps};
use crate::render::fidelity::Fidelity;
use crate::volume::voxels::Scalar;
use crate::volume::{OriginMark, Volume, Voxels};
use crate::with_voxels;

/// Refuses what is more than one picture.
///
/// # Errors
/// When there is more than one slice or time point.
pub fn check(volumes: &[Volume], path: &Path) -> Result<(), IoError> {
    match volumes {
        [one] if one.size()[2] == 1 => Ok(()),
        _ => {
            let slices: usize = volumes.iter().map(|v| v.size()[2]).sum();
            Err(IoError::Unsupported {
                path: path.to_owned(),
                what: format!("a volume of {slices} slices"),
                doing: "written as one PNG",
                remedy: "render a slice of it, or write .nii.gz or .nrrd".to_owned(),
            })
        }
    }
}

/// Writes one slice as `grey` shows it; colour as it is. What the shutter of the file hides stays hidden. A slice that is marked
/// bears its badge, in colour.
///
/// # Errors
/// When `out` takes no more.
pub fn write(slice: &Volume, grey: &Grey, out: &mut dyn Write) -> io::Result<()> {
    let [nx, ny, _] = slice.size();
    let side = |n: usize| u32::try_from(n).map_err(io::Error::other);
    let mut encoder = ::png::Encoder::new(out, side(nx)?, side(ny)?);
    encoder.set_depth(::png::BitDepth::Eight);
    let (colour, mark) = (slice.voxels.is_colour(), slice.provenance.mark());
    encoder.set_color(if colour || mark.is_some() { ::png::ColorType::Rgb } else { ::png::ColorType::Grayscale });
    encoder.add_text_chunk("Software".to_owned(), concat!("Veritome ", env!("CARGO_PKG_VERSION")).to_owned())?;
    if let Some(record) = Record::of(&slice.provenance) {
        if let Some(value) = record.value() {
            encoder.add_text_chunk(mark::KEY.to_owned(), value.to_owned())?;
        }
        encoder.add_itxt_chunk(mark::RECORD_KEY.to_owned(), record.to_json())?;
    }
    let mut writer = encoder.write_header()?;
    let mut bytes: Vec<u8> = match &slice.voxels {
        Voxels::Rgb8(v) => bytemuck::cast_slice(v).to_vec(),
        grey_voxels => with_voxels!(
            grey_voxels,
            |v| v.iter().map(|x| grey.byte(x.to_f64())).collect(),
            rgb | v | bytemuck::cast_slice(v).to_vec()
        ),
    };
    if let Some(shutter) = slice.graphics.shutter.as_deref().filter(|s| s.grid == slice.geometry) {
        let [r, g, b] = shutter.color();
        let hidden: &[u8] = if colour { &[r, g, b] } else { &[r] };
        let pixels = bytes.chunks_exact_mut(hidden.len()).enumerate();
        pixels.filter(|(n, _)| shutter.hides(*n)).for_each(|(_, pixel)| pixel.copy_from_slice(hidden));
    }
    if let Some(mark) = mark {
        bytes = badged(&bytes, colour, [side(nx)?, side(ny)?], mark);
    }
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(())
}

/// Red, green and blue of the picture with its badge.
fn badged(bytes: &[u8], colour: bool, size: [u32; 2], mark: OriginMark) -> Vec<u8> {
    let pixel = |n: usize| match colour {
        true => [0, 1, 2].map(|c| bytes.get(3 * n + c).copied().unwrap_or(0)),
        false => [bytes.get(n).copied().unwrap_or(0); 3],
    };
    let mut picture = RgbaImage::from_fn(size[0], size[1], |x, y| {
        let [r, g, b] = pixel(x as usize + y as usize * size[0] as usize);
        Rgba([r, g, b, 255])
    });
    lay_stamps(&mut picture, &stamps(size, Some(mark), &Fidelity::default(), 1.0));
    picture.pixels().flat_map(|p| [p.0[0], p.0[1], p.0[2]]).collect()
}
