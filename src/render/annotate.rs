//! Letters at the edges and text in the corners of a picture that leaves the program (`render --annotate`, the demo).

use image::RgbaImage;

use super::lettering::{draw_line, line_size};
use super::scene::Plane;
use crate::display::letters;
use crate::io::{Series, Study};

/// What is written over a picture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Annotation {
    /// Letters for the left, right, top and bottom edge.
    pub letters: [String; 4],
    /// Lines of the upper left corner: who.
    pub upper_left: Vec<String>,
    /// Lines of the upper right corner: which examination.
    pub upper_right: Vec<String>,
    /// Lines of the lower left corner: which view.
    pub lower_left: Vec<String>,
}

impl Annotation {
    /// The letters of a plane and what the headers say; nothing of letters where the series has no place in the patient.
    #[must_use]
    pub fn for_plane(plane: &Plane, study: &Study, series: &Series, view: &str) -> Self {
        let filled =
            |lines: &[&str]| lines.iter().filter(|l| !l.is_empty()).map(|l| (*l).to_owned()).collect::<Vec<_>>();
        let placed = series.space.is_patient();
        let mut lower_left = vec![view.to_owned()];
        if placed {
            let offset = plane.origin.0.dot(plane.normal());
            lower_left.push(format!("{} {:.1} mm", letters(plane.normal() * offset.signum(), false), offset.abs()));
        }
        Self {
            letters: if placed { plane.letters(false) } else { Default::default() },
            upper_left: filled(&[&study.patient.name, &study.patient.id]),
            upper_right: filled(&[&study.institution, &study.date, &study.description, &series.description]),
            lower_left,
        }
    }

    /// Draws it. Letters are 14/768 of the shorter side, text 12/768, never below 9 pixels; pictures too small for text
    /// get letters alone, then nothing.
    pub fn draw(&self, image: &mut RgbaImage) {
        let (w, h) = (image.width() as f32, image.height() as f32);
        let side = w.min(h);
        if side < 64.0 {
            return;
        }
        let (letter_px, text_px) = ((side * 26.0 / 768.0).max(12.0), (side * 19.0 / 768.0).max(10.0));
        let margin = letter_px * 0.35;
        let [left, right, top, bottom] = &self.letters;
        let mut letter = |text: &str, place: fn([f32; 2], [f32; 2], f32) -> [f32; 2]| {
            let size = line_size(text, letter_px);
            draw_line(image, text, place([w, h], size, margin), letter_px, [235; 3], true, true);
        };
        letter(left, |[_, h], [_, lh], m| [m, (h - lh) / 2.0]);
        letter(right, |[w, h], [lw, lh], m| [w - lw - m, (h - lh) / 2.0]);
        letter(top, |[w, _], [lw, _], m| [(w - lw) / 2.0, m]);
        letter(bottom, |[w, h], [lw, lh], m| [(w - lw) / 2.0, h - lh - m]);
        if side < 256.0 {
            return;
        }
        let step = line_size("Ag", text_px)[1];
        let fitting = |lines: &[String]| lines.len().min(4);
        for (n, line) in self.upper_left[..fitting(&self.upper_left)].iter().enumerate() {
            draw_line(image, line, [margin, margin + n as f32 * step], text_px, [215; 3], false, true);
        }
        for (n, line) in self.upper_right[..fitting(&self.upper_right)].iter().enumerate() {
            let width = line_size(line, text_px)[0];
            draw_line(image, line, [w - width - margin, margin + n as f32 * step], text_px, [215; 3], false, true);
        }
        let lines = &self.lower_left[..fitting(&self.lower_left)];
        for (n, line) in lines.iter().rev().enumerate() {
            let y = h - margin - (n + 1) as f32 * step;
            draw_line(image, line, [margin, y], text_px, [215; 3], false, true);
        }
    }
}
