//! Letters and corner text, for `render --annotate` and exports.

use image::RgbaImage;

use super::lettering::{lay, line};
use super::scene::Plane;
use crate::display::letters;
use crate::io::{Series, Study};

/// What is written over a picture.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Annotation {
    /// Letters at the left, right, top and bottom edge, as [`Plane::letters`](super::scene::Plane::letters) gives them.
    pub letters: [String; 4],
    /// Lines in the corners: upper left, upper right, lower left, lower right. The lower right leaves room for the
    /// SYNTHETIC badge.
    pub corners: [Vec<String>; 4],
}

const WHITE: [u8; 3] = [235, 235, 235];

impl Annotation {
    /// The letters of a plane and what the headers say; no letters where the series has no place in the patient.
    #[must_use]
    pub fn for_plane(plane: &Plane, study: &Study, series: &Series, view: &str) -> Self {
        let filled =
            |lines: &[&str]| lines.iter().filter(|l| !l.is_empty()).map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let placed = series.space.is_patient();
        let mut where_it_is = vec![view.to_owned()];
        if placed {
            let offset = series.true_point(plane.origin).0.dot(plane.normal());
            where_it_is.push(format!("{} {:.1} mm", letters(plane.normal() * offset.signum(), false), offset.abs()));
        }
        Self {
            letters: if placed { plane.letters(false) } else { Default::default() },
            corners: [
                filled(&[&study.patient.name, &study.patient.id]),
                filled(&[&study.institution, &study.date, &study.description, &series.description]),
                where_it_is,
                Vec::new(),
            ],
        }
    }
}

/// Writes letters and corner text with a dark halo, at most four lines a corner. They grow with the picture, from 16 and 13
/// pixels at 512; a picture below 128 pixels stays without.
pub fn annotate(picture: &mut RgbaImage, annotation: &Annotation) {
    let (width, height) = (i64::from(picture.width()), i64::from(picture.height()));
    if width.min(height) < 128 {
        return;
    }
    let scale = (width.min(height) as f32 / 512.0).max(1.0);
    let margin = (4.0 * scale) as i64;
    for (n, letters) in annotation.letters.iter().enumerate().filter(|(_, l)| !l.is_empty()) {
        let word = line(letters, 16.0 * scale, WHITE, true);
        let (w, h) = (i64::from(word.width()), i64::from(word.height()));
        let (x, y) = match n {
            0 => (margin, (height - h) / 2),
            1 => (width - w - margin, (height - h) / 2),
            2 => ((width - w) / 2, margin),
            _ => ((width - w) / 2, height - h - margin),
        };
        lay(picture, &word, x, y);
    }
    for (n, lines) in annotation.corners.iter().enumerate() {
        let lines: Vec<RgbaImage> = lines.iter().take(4).map(|l| line(l, 13.0 * scale, WHITE, true)).collect();
        let total: i64 = lines.iter().map(|l| i64::from(l.height())).sum();
        let badge_room = if n == 3 { (height / 16).min(40) } else { 0 };
        let mut y = if n < 2 { margin } else { height - total - margin - badge_room };
        for word in lines {
            let x = if n % 2 == 0 { margin } else { width - i64::from(word.width()) - margin };
            lay(picture, &word, x, y);
            y += i64::from(word.height());
        }
    }
}
