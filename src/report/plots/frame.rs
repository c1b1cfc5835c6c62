//! The two axes of a plot and the room within them.

use super::axis::Axis;
use super::canvas::{BODY, Canvas, Pen, SMALL, Side};
use super::scale::{Scale, Ticks};
use super::text_width::text_width;

/// Where a plot's data lie.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub x: Scale,
    pub y: Scale,
}

/// Room around the axes, px.
#[derive(Debug, Clone, Copy)]
pub(super) struct Margins {
    pub top: f64,
    pub right: f64,
    pub bottom: f64,
}

impl Margins {
    pub fn below(top: f64) -> Self {
        Self { top, right: BESIDE, bottom: 0.0 }
    }
}

/// The least room to the right of an x axis, px.
const BESIDE: f64 = 14.0;

/// Height of the words and the title below an x axis, px.
pub(super) const BELOW: f64 = 44.0;

impl Frame {
    /// Draws both axes with light lines at the ticks, within `size` px; `square` makes one unit of x as long as one of y.
    pub fn draw(
        canvas: &mut Canvas<'_>,
        size: [f64; 2],
        margins: Margins,
        (x, x_range): (&Axis, [f64; 2]),
        (y, y_range): (&Axis, [f64; 2]),
    ) -> Self {
        let (top, bottom) = (margins.top, size[1] - BELOW - margins.bottom);
        let y_ticks = Ticks::over(y_range, ((bottom - top) / 34.0) as usize);
        let widest = y_ticks.words.iter().map(|w| text_width(w, SMALL)).fold(0.0, f64::max);
        let left = 24.0 + widest + 8.0;
        let right = size[0] - margins.right;
        let frame = Self { x: Scale::new(x_range, [left, right]), y: Scale::new(y_range, [bottom, top]) };
        for (value, word) in y_ticks.iter() {
            let at = frame.y.at(value);
            canvas.line([left, at], [right, at], Pen::GRID);
            canvas.words(word, [left - 7.0, at], Side::End, SMALL, Pen::QUIET);
        }
        canvas.upright(&y.words(&y_ticks.power), [9.0, f64::midpoint(top, bottom)], BODY, Pen::INK);
        canvas.line([left, top], [left, bottom], Pen::QUIET);
        frame.below(canvas, x, true);
        frame
    }

    /// Draws the x axis alone, at the foot of the frame.
    pub fn below(&self, canvas: &mut Canvas<'_>, x: &Axis, lines: bool) {
        let (left, right, bottom) = (self.x.from_px, self.x.to_px, self.y.from_px);
        let ticks = Ticks::across([self.x.low, self.x.high], right - left);
        for (value, word) in ticks.iter() {
            let at = self.x.at(value);
            if lines {
                canvas.line([at, self.y.to_px], [at, bottom], Pen::GRID);
            }
            canvas.line([at, bottom], [at, bottom + 4.0], Pen::QUIET);
            // The last word may be wider than the room beside the axis.
            let middle = at.min(right + BESIDE - text_width(word, SMALL) / 2.0);
            canvas.words(word, [middle, bottom + 13.0], Side::Middle, SMALL, Pen::QUIET);
        }
        canvas.line([left, bottom], [right, bottom], Pen::QUIET);
        canvas.words(&x.words(&ticks.power), [f64::midpoint(left, right), bottom + 33.0], Side::Middle, BODY, Pen::INK);
    }

    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [self.x.at(x), self.y.at(y)]
    }

    pub fn holds(&self, x: f64, y: f64) -> bool {
        self.x.holds(x) && self.y.holds(y)
    }
}
