//! A picture of 8 bits, through the grey pipeline, with the mark of synthetic content in its text chunks.

use std::io::{self, Write};
use std::path::Path;

use crate::display::Grey;
use crate::io::IoError;
use crate::io::mark::{self, Record};
use crate::volume::voxels::Scalar;
use crate::volume::{Volume, Voxels};
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

/// Writes one slice as `grey` shows it; colour as it is. What the shutter of the file hides stays hidden.
///
/// # Errors
/// When `out` takes no more.
pub fn write(slice: &Volume, grey: &Grey, out: &mut dyn Write) -> io::Result<()> {
    let [nx, ny, _] = slice.size();
    let side = |n: usize| u32::try_from(n).map_err(io::Error::other);
    let mut encoder = ::png::Encoder::new(out, side(nx)?, side(ny)?);
    encoder.set_depth(::png::BitDepth::Eight);
    let colour = slice.voxels.is_colour();
    encoder.set_color(if colour { ::png::ColorType::Rgb } else { ::png::ColorType::Grayscale });
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
    writer.write_image_data(&bytes)?;
    writer.finish()?;
    Ok(())
}
