//! Text drawn into a picture: white with a dark halo, legible on any image. Ubuntu Light, the font of the window too.

use ab_glyph::{Font, FontRef, Glyph, PxScale, ScaleFont, point};
use image::{Rgba, RgbaImage};

fn font() -> Option<FontRef<'static>> {
    FontRef::try_from_slice(epaint_default_fonts::UBUNTU_LIGHT).ok()
}

/// Glyphs of a line that starts at (0, 0), with their advance summed up.
fn layout(font: &FontRef<'static>, text: &str, size_px: f32) -> (Vec<Glyph>, f32) {
    let scaled = font.as_scaled(PxScale::from(size_px));
    let (mut x, mut glyphs) = (0.0, Vec::new());
    let mut previous = None;
    for c in text.chars() {
        let id = font.glyph_id(c);
        if let Some(p) = previous {
            x += scaled.kern(p, id);
        }
        glyphs.push(id.with_scale_and_position(PxScale::from(size_px), point(x, scaled.ascent())));
        x += scaled.h_advance(id);
        previous = Some(id);
    }
    (glyphs, x)
}

/// Width and height of a line, pixels.
#[must_use]
pub fn line_size(text: &str, size_px: f32) -> [f32; 2] {
    font().map_or([0.0; 2], |f| {
        let (_, width) = layout(&f, text, size_px);
        let scaled = f.as_scaled(PxScale::from(size_px));
        [width, scaled.ascent() - scaled.descent()]
    })
}

/// Draws a line with its upper left corner at `at`, pixels. `bold` draws it a little thicker; `halo` lays black around it.
pub fn draw_line(
    image: &mut RgbaImage,
    text: &str,
    at: [f32; 2],
    size_px: f32,
    color: [u8; 3],
    bold: bool,
    halo: bool,
) {
    let Some(font) = font() else { return };
    let (glyphs, _) = layout(&font, text, size_px);
    let shift = (size_px / 16.0).max(0.6);
    if halo {
        for (dx, dy) in
            [(-1.0, 0.0), (1.0, 0.0), (0.0, -1.0), (0.0, 1.0), (-0.7, -0.7), (0.7, 0.7), (-0.7, 0.7), (0.7, -0.7)]
        {
            let reach = shift * 1.5;
            paint(image, &font, &glyphs, [at[0] + dx * reach, at[1] + dy * reach], [0; 3]);
        }
    }
    paint(image, &font, &glyphs, at, color);
    if bold {
        paint(image, &font, &glyphs, [at[0] + shift * 0.7, at[1]], color);
    }
}

fn paint(image: &mut RgbaImage, font: &FontRef<'static>, glyphs: &[Glyph], at: [f32; 2], color: [u8; 3]) {
    let (width, height) = image.dimensions();
    for glyph in glyphs {
        let mut glyph = glyph.clone();
        glyph.position.x += at[0];
        glyph.position.y += at[1];
        let Some(outline) = font.outline_glyph(glyph) else { continue };
        let bounds = outline.px_bounds();
        outline.draw(|x, y, coverage| {
            let (px, py) = (bounds.min.x as i64 + i64::from(x), bounds.min.y as i64 + i64::from(y));
            let (Ok(px), Ok(py)) = (u32::try_from(px), u32::try_from(py)) else { return };
            if px < width && py < height {
                let Rgba([r, g, b, a]) = *image.get_pixel(px, py);
                let mix = |from: u8, to: u8| {
                    (f32::from(from) + (f32::from(to) - f32::from(from)) * coverage.clamp(0.0, 1.0)).round() as u8
                };
                image.put_pixel(px, py, Rgba([mix(r, color[0]), mix(g, color[1]), mix(b, color[2]), a]));
            }
        });
    }
}
