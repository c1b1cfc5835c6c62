//! Three samples a pixel to RGB (PS3.3 C.7.6.3.1.2).

use crate::io::dicom::pixel_format::{Photometric, PixelFormat};

/// Samples side by side to pixels, converted where the header (or the codestream, `is_rgb`) says that they are YBR.
pub(crate) fn to_rgb(
    samples: &[u8],
    components: usize,
    photometric: Photometric,
    is_rgb: Option<bool>,
) -> Vec<[u8; 3]> {
    let ybr = match is_rgb {
        Some(rgb) => !rgb,
        None => matches!(
            photometric,
            Photometric::YbrFull | Photometric::YbrFull422 | Photometric::YbrPartial422 | Photometric::YbrPartial420
        ),
    };
    let partial = matches!(photometric, Photometric::YbrPartial422 | Photometric::YbrPartial420);
    samples
        .chunks_exact(components.max(3))
        .map(|p| {
            let pixel = [p[0], p[1], p[2]];
            match (ybr, partial && is_rgb.is_none()) {
                (false, _) => pixel,
                (true, false) => from_ybr_full(pixel),
                (true, true) => from_ybr_partial(pixel),
            }
        })
        .collect()
}

/// Full-range YCbCr (ITU-R BT.601) to RGB.
pub(crate) fn from_ybr_full([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (f32::from(y), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.402 * cr, y - 0.344_136_3 * cb - 0.714_136_3 * cr, y + 1.772 * cb].map(byte)
}

/// Video-range YCbCr (16 to 235 and 240) to RGB.
fn from_ybr_partial([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    let (y, cb, cr) = (1.1644 * (f32::from(y) - 16.0), f32::from(cb) - 128.0, f32::from(cr) - 128.0);
    [y + 1.5960 * cr, y - 0.3917 * cb - 0.8130 * cr, y + 2.0173 * cb].map(byte)
}

fn byte(x: f32) -> u8 {
    x.round().clamp(0.0, 255.0) as u8
}

/// Native YBR_FULL_422 and YBR_PARTIAL_422: two luma, one of each chroma; to three samples a pixel.
pub(crate) fn widen_422(bytes: &[u8], format: &PixelFormat) -> Vec<u8> {
    let mut out = Vec::with_capacity(format.pixels() * 3);
    for group in bytes.chunks_exact(4).take(format.pixels().div_ceil(2)) {
        let [y0, y1, cb, cr] = [group[0], group[1], group[2], group[3]];
        out.extend([y0, cb, cr, y1, cb, cr]);
    }
    out.resize(format.pixels() * 3, 0);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ybr_full_comes_out_as_the_standard_says() {
        assert_eq!(from_ybr_full([76, 85, 255]), [254, 0, 0]);
        assert_eq!(from_ybr_full([128, 128, 128]), [128, 128, 128]);
        assert_eq!(to_rgb(&[10, 20, 30], 3, Photometric::Rgb, None), vec![[10, 20, 30]]);
    }
}
