//! JPEG XL, by `jxl-oxide`.

use super::{Decoded, Samples, check_size};

/// What the decoder may take for an image: its planes are floats, with those of the steps in between. A small stream can
/// claim any number of further channels and layers.
fn memory_limit([columns, rows]: [usize; 2]) -> usize {
    columns.saturating_mul(rows).saturating_mul(100).saturating_add(64 << 20)
}

/// Decodes one frame.
pub(crate) fn decode(data: &[u8], size: [usize; 2]) -> Result<Decoded, String> {
    let image = jxl_oxide::JxlImage::builder()
        .pool(jxl_oxide::JxlThreadPool::none())
        .alloc_tracker(jxl_oxide::AllocTracker::with_limit(memory_limit(size)))
        .read(std::io::Cursor::new(data))
        .map_err(|e| format!("a JPEG XL stream that does not decode ({e})"))?;
    check_size(image.width() as usize, image.height() as usize, size)?;
    let precision = image.image_header().metadata.bit_depth.bits_per_sample();
    let render = image.render_frame(0).map_err(|e| format!("a JPEG XL frame that does not decode ({e})"))?;
    let mut stream = render.stream_no_alpha();
    let (columns, rows) = (stream.width() as usize, stream.height() as usize);
    check_size(columns, rows, size)?;
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
        let whole = real.into_iter().map(|x| (x * top).round().clamp(0.0, top));
        if precision <= 16 {
            Samples::U16(whole.map(|x| x as u16).collect())
        } else {
            Samples::I32(whole.map(|x| x as i32).collect())
        }
    };
    let precision = precision.min(24);
    Ok(Decoded { columns, rows, components, precision, signed: false, samples, is_rgb: Some(true), incomplete: false })
}
