//! JPEG XL, by `jxl-oxide`.

use super::{Decoded, Samples, check_size};

/// Decodes one frame.
pub(crate) fn decode(data: &[u8], size: [usize; 2]) -> Result<Decoded, String> {
    let image = jxl_oxide::JxlImage::builder()
        .pool(jxl_oxide::JxlThreadPool::none())
        .read(std::io::Cursor::new(data))
        .map_err(|e| format!("a JPEG XL stream that does not decode ({e})"))?;
    check_size(image.width() as usize, image.height() as usize, size)?;
    let precision = image.image_header().metadata.bit_depth.bits_per_sample();
    let render = image.render_frame(0).map_err(|e| format!("a JPEG XL frame that does not decode ({e})"))?;
    let mut stream = render.stream_no_alpha();
    let (columns, rows) = (stream.width() as usize, stream.height() as usize);
    let components = stream.channels() as usize;
    let count = columns * rows * components;
    let samples = if precision <= 8 {
        let mut values = vec![0_u8; count];
        stream.write_to_buffer(&mut values);
        let down = 8 - precision.clamp(1, 8);
        values.iter_mut().for_each(|v| *v >>= down);
        Samples::U8(values)
    } else {
        let mut real = vec![0_f32; count];
        stream.write_to_buffer(&mut real);
        let top = ((1_u32 << precision.min(24)) - 1) as f32;
        Samples::U16(real.into_iter().map(|x| (x * top).round().clamp(0.0, 65_535.0) as u16).collect())
    };
    Ok(Decoded { columns, rows, components, precision, signed: false, samples, is_rgb: Some(true), incomplete: false })
}
