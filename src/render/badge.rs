//! The SYNTHETIC badge (bottom right, magenta on black, never away), the BLINDED STUDY badge in its place, and the marks of lowered quality (bottom left, amber),
//! which are part of the picture itself, whichever device drew it.

use image::{Rgba, RgbaImage};

use super::fidelity::Fidelity;
use super::lettering::{lay, line};
use crate::volume::OriginMark;

/// The colour that means synthetic and nothing else.
pub const SYNTHETIC_MAGENTA: [u8; 3] = [255, 64, 255];
/// The colour of a blinded study: none that means anything.
pub const BLINDED_GREY: [u8; 3] = [216, 216, 216];
/// The colour of lowered quality.
pub const FIDELITY_AMBER: [u8; 3] = [255, 191, 64];

/// A small picture, straight alpha, and where its upper left pixel belongs.
#[derive(Debug, Clone)]
pub struct Stamp {
    /// What is laid over.
    pub image: RgbaImage,
    /// Where, pixels from the upper left; all of it lies inside the picture.
    pub at: [u32; 2],
}

/// A line of text on a black plate with a border.
fn plate(text: &str, height_px: f32, color: [u8; 3]) -> RgbaImage {
    let words = line(text, height_px, color, false);
    let edge = (height_px / 4.0).ceil() as u32 + 1;
    let (width, height) = (words.width() + 2 * edge, words.height() + edge);
    let [r, g, b] = color;
    let mut plate = RgbaImage::from_fn(width, height, |x, y| {
        let border = x == 0 || y == 0 || x == width - 1 || y == height - 1;
        if border { Rgba([r, g, b, 255]) } else { Rgba([0, 0, 0, 255]) }
    });
    lay(&mut plate, &words, i64::from(edge), i64::from(edge / 2));
    plate
}

/// The badge in the largest of its forms that leaves most of the picture free: the words, a plate with their first letter, a
/// square of its colour.
fn badge(mark: OriginMark, [width, height]: [u32; 2], scale: f32) -> RgbaImage {
    let (words, first, color) = match mark {
        OriginMark::Synthetic => ("SYNTHETIC", "S", SYNTHETIC_MAGENTA),
        OriginMark::Blinded => ("BLINDED STUDY", "B", BLINDED_GREY),
    };
    let side = width.min(height);
    let word = plate(words, (side as f32 / 28.0).clamp(11.0, 22.0 * scale.max(1.0)), color);
    if word.width() * 2 <= width && word.height() * 4 <= height {
        return word;
    }
    let letter = plate(first, 11.0, color);
    if letter.width() * 2 <= width && letter.height() * 2 <= height {
        return letter;
    }
    let [r, g, b] = color;
    let side = (side / 2).max(1);
    RgbaImage::from_pixel(side, side, Rgba([r, g, b, 255]))
}

/// The marks of a picture of `size` pixels; `scale` is the pixels that a point of text takes on its screen, 1 elsewhere.
#[must_use]
pub fn stamps(size: [u32; 2], origin: Option<OriginMark>, fidelity: &Fidelity, scale: f32) -> Vec<Stamp> {
    let [width, height] = size;
    let margin = (width.min(height) / 64).min((8.0 * scale) as u32);
    let mut stamps = Vec::new();
    let mut bottom = height.saturating_sub(margin);
    for mark in fidelity.marks().iter().rev() {
        // Marks shrink with the picture, down to what can still be read.
        let fits = |px: &f32| {
            let plate = plate(mark, *px, FIDELITY_AMBER);
            (plate.width() + margin <= width && plate.height() <= bottom).then_some(plate)
        };
        if let Some(image) = [13.0 * scale, 13.0, 10.0, 8.0].iter().find_map(fits) {
            bottom -= image.height();
            stamps.push(Stamp { image, at: [margin, bottom] });
        }
    }
    if let Some(mark) = origin.filter(|_| width > 0 && height > 0) {
        let image = badge(mark, size, scale);
        let at = [width - image.width(), height - image.height()].map(|x| x.saturating_sub(margin));
        // Last, so that nothing lies over it.
        stamps.push(Stamp { image, at });
    }
    stamps
}

/// Lays marks into a picture on the CPU.
pub fn lay_stamps(picture: &mut RgbaImage, stamps: &[Stamp]) {
    for stamp in stamps {
        lay(picture, &stamp.image, i64::from(stamp.at[0]), i64::from(stamp.at[1]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_badge_is_on_a_picture_of_any_size_at_the_bottom_right() {
        for size in [[1, 1], [3, 9], [20, 16], [40, 40], [100, 60], [512, 512], [1600, 900]] {
            let fidelity = Fidelity { coarse: true, reduced: 4, uneven_spacing: true, ..Fidelity::default() };
            let stamps = stamps(size, Some(OriginMark::Synthetic), &fidelity, 1.0);
            let mut picture = RgbaImage::from_pixel(size[0], size[1], Rgba([90, 90, 90, 255]));
            lay_stamps(&mut picture, &stamps);
            let magenta = |p: &&Rgba<u8>| p.0[0] > 200 && p.0[1] < 100 && p.0[2] > 200;
            assert!(picture.pixels().filter(magenta).count() > 0, "{size:?}");
            for s in &stamps {
                assert!(s.at[0] + s.image.width() <= size[0] && s.at[1] + s.image.height() <= size[1], "{size:?}");
            }
            let badge = stamps.last().unwrap();
            assert!(badge.at[0] * 2 + badge.image.width() >= size[0], "{size:?}: right half");
        }
    }

    #[test]
    fn marks_are_as_large_for_the_eye_on_a_screen_with_twice_the_pixels() {
        let fidelity = Fidelity { coarse: true, ..Fidelity::default() };
        let heights = |size, scale| {
            stamps(size, Some(OriginMark::Synthetic), &fidelity, scale)
                .iter()
                .map(|s| s.image.height())
                .collect::<Vec<_>>()
        };
        let (once, twice) = (heights([700, 700], 1.0), heights([1400, 1400], 2.0));
        assert_eq!(once.len(), twice.len());
        for (a, b) in once.iter().zip(&twice) {
            assert!(b.abs_diff(2 * a) <= 3, "{once:?} {twice:?}");
        }
    }

    #[test]
    fn a_real_picture_of_full_quality_carries_no_mark() {
        assert!(stamps([512, 512], None, &Fidelity::default(), 1.0).is_empty());
    }
}
