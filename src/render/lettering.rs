//! Words drawn into pictures.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use image::{Rgba, RgbaImage};

/// The font of all words in pictures: Ubuntu Light, the window's own, which egui ships.
fn font() -> Option<&'static FontRef<'static>> {
    static FONT: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok()).as_ref()
}

/// A line of text, `height_px` high, on nothing, with a dark halo one pixel wide if wanted.
#[must_use]
pub fn line(text: &str, height_px: f32, color: [u8; 3], halo: bool) -> RgbaImage {
    let Some(font) = font() else { return RgbaImage::new(1, 1) };
    let scaled = font.as_scaled(PxScale::from(height_px));
    let edge = if halo { 1 } else { 0 };
    let mut x = edge as f32;
    let glyphs: Vec<Glyph> = text
        .chars()
        .map(|c| {
            let mut glyph = scaled.scaled_glyph(c);
            glyph.position = point(x, edge as f32 + scaled.ascent());
            x += scaled.h_advance(glyph.id);
            glyph
        })
        .collect();
    let (width, height) = (x.ceil() as u32 + edge, height_px.ceil() as u32 + 2 * edge);
    let mut cover = vec![0.0_f32; (width * height) as usize];
    for outline in glyphs.into_iter().filter_map(|g| font.outline_glyph(g)) {
        let corner = outline.px_bounds().min;
        outline.draw(|gx, gy, c| {
            let (px, py) = (corner.x as i64 + i64::from(gx), corner.y as i64 + i64::from(gy));
            if px >= 0 && py >= 0 && px < i64::from(width) && py < i64::from(height) {
                let at = &mut cover[py as usize * width as usize + px as usize];
                *at = at.max(c);
            }
        });
    }
    let at = |x: i64, y: i64| {
        let inside = x >= 0 && y >= 0 && x < i64::from(width) && y < i64::from(height);
        if inside { cover[y as usize * width as usize + x as usize] } else { 0.0 }
    };
    RgbaImage::from_fn(width, height, |x, y| {
        let (x, y) = (i64::from(x), i64::from(y));
        let ink = at(x, y).clamp(0.0, 1.0);
        let around = (-1..=1).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy))).map(|(dx, dy)| at(x + dx, y + dy));
        let dark = if halo { around.fold(0.0, f32::max) * 0.85 } else { 0.0 };
        let alpha = ink + dark * (1.0 - ink);
        // Straight alpha: the ink's share of what covers.
        let share = if alpha > 0.0 { ink / alpha } else { 0.0 };
        let [r, g, b] = color.map(|c| (f32::from(c) * share).round() as u8);
        Rgba([r, g, b, (alpha * 255.0).round() as u8])
    })
}

/// Lays `over` (straight alpha) onto a picture; what reaches beyond the edge is cut.
pub fn lay(picture: &mut RgbaImage, over: &RgbaImage, left: i64, top: i64) {
    for (x, y, o) in over.enumerate_pixels() {
        let (x, y) = (i64::from(x) + left, i64::from(y) + top);
        if let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y))
            && let Some(p) = picture.get_pixel_mut_checked(x, y)
        {
            let alpha = f32::from(o.0[3]) / 255.0;
            for (p, o) in p.0.iter_mut().zip(&o.0[..3]) {
                *p = (f32::from(*p) + (f32::from(*o) - f32::from(*p)) * alpha).round() as u8;
            }
        }
    }
}
