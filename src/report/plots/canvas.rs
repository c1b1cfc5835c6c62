//! The SVG that a plot is drawn on, in px, by plotters' backend.
//!
//! The backend takes whole numbers, so one px is ten of its units. What it cannot do (titles and links over points) is added to
//! what it wrote.

use std::fmt::Write as _;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::{DrawingArea, IntoDrawingArea};
use plotters::element::{Circle, PathElement, Polygon, Text};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color as _, FontStyle, FontTransform, IntoFont, RGBColor, ShapeStyle, TextStyle};

use super::axis::Point;
use super::palette::{Color, INK, Look, Mark};
use crate::report::text::{escaped, is_forbidden};

const UNITS: f64 = 10.0;

/// Size of the words at ticks and in legends, px.
pub(super) const SMALL: f64 = 11.0;
/// Size of the words that name an axis, px.
pub(super) const BODY: f64 = 12.0;

/// A colour, how much of it covers what lies below, and for lines the width in px.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pen {
    pub color: Color,
    pub cover: f64,
    pub width: f64,
}

impl Pen {
    /// Ink of full strength.
    pub const INK: Self = Self { color: INK, cover: 1.0, width: 1.0 };
    /// What stands behind: secondary words and lines.
    pub const QUIET: Self = Self { color: INK, cover: 0.65, width: 1.0 };
    /// Lines that only help the eye.
    pub const GRID: Self = Self { color: INK, cover: 0.12, width: 1.0 };

    pub fn of(color: Color) -> Self {
        Self { color, cover: 1.0, width: 1.5 }
    }

    pub fn cover(self, cover: f64) -> Self {
        Self { cover, ..self }
    }

    pub fn width(self, width: f64) -> Self {
        Self { width, ..self }
    }

    fn style(self, filled: bool) -> ShapeStyle {
        let [r, g, b] = self.color;
        ShapeStyle {
            color: RGBColor(r, g, b).mix(self.cover),
            filled,
            stroke_width: (self.width * UNITS).round() as u32,
        }
    }
}

/// Where words stand about their point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The words begin there.
    Start,
    /// Their middle is there.
    Middle,
    /// They end there.
    End,
}

/// What a plot draws on; x to the right, y down, px.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    hits: String,
}

/// Draws a picture of `width` by `height` px and gives it as SVG.
pub(super) fn drawn(width: f64, height: f64, picture: impl FnOnce(&mut Canvas<'_>)) -> String {
    let mut svg = String::new();
    let size = [width, height].map(|side| (side.clamp(1.0, 20_000.0) * UNITS) as u32);
    let hits = {
        let area = SVGBackend::with_string(&mut svg, (size[0], size[1])).into_drawing_area();
        let mut canvas = Canvas { area, hits: String::new() };
        picture(&mut canvas);
        // Drawing into a string does not fail.
        let _ = canvas.area.present();
        canvas.hits
    };
    let head = format!("<svg width=\"{}\" height=\"{}\" ", size[0], size[1]);
    let sized = format!("<svg width=\"{width}\" height=\"{height}\" ");
    let [r, g, b] = INK;
    let ink = format!("\"#{r:02X}{g:02X}{b:02X}\"");
    let body = svg.trim_end().trim_end_matches("</svg>").replacen(&head, &sized, 1).replace(&ink, "\"currentColor\"");
    format!("{body}{hits}</svg>\n")
}

fn units([x, y]: [f64; 2]) -> (i32, i32) {
    let unit = |v: f64| (v * UNITS).round().clamp(-1e6, 1e6) as i32;
    (unit(x), unit(y))
}

impl Canvas<'_> {
    /// A line through points.
    pub fn path(&mut self, points: &[[f64; 2]], pen: Pen) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(units).collect();
        let _ = self.area.draw(&PathElement::new(points, pen.style(false)));
    }

    /// A straight line.
    pub fn line(&mut self, from: [f64; 2], to: [f64; 2], pen: Pen) {
        self.path(&[from, to], pen);
    }

    /// A line through points with gaps; `None` for none.
    pub fn dashed(&mut self, points: &[[f64; 2]], dash: Option<[f64; 2]>, pen: Pen) {
        let Some([on, off]) = dash else { return self.path(points, pen) };
        let (mut at, mut drawing) = (0.0, true);
        let mut stroke: Vec<[f64; 2]> = points.first().copied().into_iter().collect();
        for pair in points.windows(2) {
            let (mut from, to) = (pair[0], pair[1]);
            loop {
                let length = (to[0] - from[0]).hypot(to[1] - from[1]);
                let left = if drawing { on } else { off } - at;
                if length <= left {
                    at += length;
                    stroke.push(to);
                    break;
                }
                let share = left / length;
                from = [from[0] + share * (to[0] - from[0]), from[1] + share * (to[1] - from[1])];
                stroke.push(from);
                if drawing {
                    self.path(&stroke, pen);
                }
                (stroke, at, drawing) = (vec![from], 0.0, !drawing);
            }
        }
        if drawing && stroke.len() > 1 {
            self.path(&stroke, pen);
        }
    }

    /// A filled shape.
    pub fn area(&mut self, points: &[[f64; 2]], pen: Pen) {
        let points: Vec<(i32, i32)> = points.iter().copied().map(units).collect();
        let _ = self.area.draw(&Polygon::new(points, pen.style(true)));
    }

    /// A filled rectangle from one corner to the other.
    pub fn block(&mut self, from: [f64; 2], to: [f64; 2], pen: Pen) {
        self.area(&[from, [to[0], from[1]], to, [from[0], to[1]]], pen);
    }

    /// A rectangle's outline.
    pub fn outline(&mut self, from: [f64; 2], to: [f64; 2], pen: Pen) {
        self.path(&[from, [to[0], from[1]], to, [from[0], to[1]], from], pen);
    }

    /// A point of a series with half the size `r` px.
    pub fn mark(&mut self, [x, y]: [f64; 2], r: f64, look: Look, cover: f64) {
        let pen = Pen::of(look.color).cover(cover);
        match look.mark {
            Mark::Disc => {
                let _ = self.area.draw(&Circle::new(units([x, y]), (r * UNITS) as u32, pen.style(true)));
            }
            Mark::Square => self.block([x - 0.9 * r, y - 0.9 * r], [x + 0.9 * r, y + 0.9 * r], pen),
            Mark::Triangle => {
                self.area(&[[x, y - 1.25 * r], [x + 1.15 * r, y + 0.85 * r], [x - 1.15 * r, y + 0.85 * r]], pen);
            }
            Mark::Diamond => {
                self.area(&[[x, y - 1.3 * r], [x + 1.3 * r, y], [x, y + 1.3 * r], [x - 1.3 * r, y]], pen);
            }
        }
    }

    /// Words, their middle at the height of the point.
    pub fn words(&mut self, text: &str, at: [f64; 2], side: Side, size: f64, pen: Pen) {
        self.write(text, at, side, size, pen, false, FontTransform::None);
    }

    /// The same in bold.
    pub fn strong(&mut self, text: &str, at: [f64; 2], side: Side, size: f64) {
        self.write(text, at, side, size, Pen::INK, true, FontTransform::None);
    }

    /// Words that run upwards, their middle at the point.
    pub fn upright(&mut self, text: &str, at: [f64; 2], size: f64, pen: Pen) {
        self.write(text, at, Side::Middle, size, pen, false, FontTransform::Rotate270);
    }

    #[expect(clippy::too_many_arguments, reason = "the three above name the combinations that are used")]
    fn write(&mut self, text: &str, at: [f64; 2], side: Side, size: f64, pen: Pen, bold: bool, turn: FontTransform) {
        let text: String =
            text.chars().map(|c| if is_forbidden(c) { char::REPLACEMENT_CHARACTER } else { c }).collect();
        let across = match side {
            Side::Start => HPos::Left,
            Side::Middle => HPos::Center,
            Side::End => HPos::Right,
        };
        // The backend divides by 1.24 to come from the height of a line to the size of a font.
        let font = ("sans-serif", size * UNITS * 1.24).into_font().transform(turn);
        let font = if bold { font.style(FontStyle::Bold) } else { font };
        let [r, g, b] = pen.color;
        let color = RGBColor(r, g, b).mix(pen.cover);
        let style = TextStyle::from(font).color(&color).pos(Pos::new(across, VPos::Center));
        let _ = self.area.draw(&Text::new(text, units(at), style));
    }

    /// Lets a point say its name, and lead to its case.
    pub fn hit(&mut self, at: [f64; 2], r: f64, point: &Point) {
        if point.label.is_empty() && point.href.is_none() {
            return;
        }
        let (x, y) = units(at);
        let circle = format!(
            "<circle class=\"hit\" cx=\"{x}\" cy=\"{y}\" r=\"{}\" fill=\"#000\" fill-opacity=\"0\" stroke=\"#000\" \
             stroke-width=\"15\" stroke-opacity=\"0\"><title>{}</title></circle>",
            (r * UNITS) as u32,
            escaped(&point.label)
        );
        // Writing to a string does not fail.
        let _ = match &point.href {
            Some(href) => writeln!(self.hits, "<a href=\"{}\">{circle}</a>", escaped(href.as_str())),
            None => writeln!(self.hits, "{circle}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::text::Href;

    #[test]
    fn an_svg_is_whole_and_its_words_are_escaped() {
        let svg = drawn(100.0, 50.0, |canvas| {
            canvas.line([0.0, 0.0], [10.0, 10.0], Pen::INK);
            canvas.words("a <b> & \u{1}", [5.0, 5.0], Side::Start, 11.0, Pen::QUIET);
            let href = Some(Href::anchor("c"));
            canvas.hit([1.0, 2.0], 3.0, &Point { x: 0.0, y: 0.0, label: "<case>".into(), href });
        });
        assert!(svg.starts_with("<svg width=\"100\" height=\"50\" viewBox=\"0 0 1000 500\""), "{svg}");
        assert!(svg.contains("a &lt;b&gt; &amp; \u{FFFD}") && svg.contains("<title>&lt;case&gt;</title>"), "{svg}");
        assert!(svg.contains("<a href=\"#c\">") && svg.ends_with("</svg>\n") && svg.matches("</svg>").count() == 1);
        assert!(!svg.contains("#15191D") && svg.contains("currentColor"));
    }

    #[test]
    fn dashes_cover_their_share_of_a_line() {
        let svg =
            drawn(100.0, 10.0, |c| c.dashed(&[[0.0, 0.0], [40.0, 0.0], [100.0, 0.0]], Some([6.0, 4.0]), Pen::INK));
        assert_eq!(svg.matches("<polyline").count(), 10);
    }
}
