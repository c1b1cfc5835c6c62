//! Differences over means, with limits of agreement and the intervals of all three lines (Bland and Altman 1986, 1999).

use super::axis::{Axis, Point};
use super::canvas::{Pen, SMALL, Side, drawn};
use super::frame::{Frame, Margins};
use super::palette::Look;
use crate::report::numbers::{decimals_for, signed};

/// A line of the plot: where it lies, and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// The estimate.
    pub at: f64,
    /// Its interval.
    pub interval: [f64; 2],
}

/// A Bland-Altman plot; `x` of a point is the mean of two measurements, `y` their difference.
#[derive(Debug, Clone)]
pub struct BlandAltman {
    /// What the mean is.
    pub mean: Axis,
    /// What the difference is, for instance `Test − reference`.
    pub difference: Axis,
    /// The cases.
    pub points: Vec<Point>,
    /// Mean difference.
    pub bias: Level,
    /// Bias less 1.96 standard deviations.
    pub lower: Level,
    /// Bias plus 1.96 standard deviations.
    pub upper: Level,
    /// Which series of the report it is, for its colour; from 0.
    pub series: usize,
    /// For half of the page's width.
    pub half: bool,
}

impl BlandAltman {
    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let size = if self.half { [360.0, 290.0] } else { [720.0, 380.0] };
        let points: Vec<&Point> = self.points.iter().filter(|p| p.is_finite()).collect();
        let levels = [(self.upper, "+1.96 SD"), (self.bias, "Bias"), (self.lower, "−1.96 SD")];
        let ends = levels.iter().flat_map(|(l, _)| l.interval).chain([0.0]);
        let x = self.mean.over(points.iter().map(|p| p.x));
        let y = self.difference.over(points.iter().map(|p| p.y).chain(ends));
        let decimals = decimals_for((self.bias.interval[1] - self.bias.interval[0]) / 2.0);
        let look = Look::of(self.series);
        drawn(size[0], size[1], |canvas| {
            let margins = Margins { right: 72.0, ..Margins::below(12.0) };
            let frame = Frame::draw(canvas, size, margins, (&self.mean, x), (&self.difference, y));
            let (left, right) = (frame.x.from_px, frame.x.to_px);
            canvas.line([left, frame.y.at(0.0)], [right, frame.y.at(0.0)], Pen::QUIET);
            let mut beside = Vec::new();
            for (level, name) in levels {
                let [low, high] = level.interval.map(|v| frame.y.at(v));
                canvas.block([left, low], [right, high], Pen::of(look.color).cover(0.14));
                let dash = (name != "Bias").then_some([7.0, 4.0]);
                let at = frame.y.at(level.at);
                canvas.dashed(&[[left, at], [right, at]], dash, Pen::of(look.color).width(1.6));
                beside.push((at, name, signed(level.at, decimals)));
            }
            for point in points {
                let at = frame.at(point.x, point.y);
                canvas.mark(at, 3.0, look, 0.8);
                canvas.hit(at, 5.0, point);
            }
            let room = [frame.y.to_px, frame.y.from_px];
            for ((_, name, value), at) in
                beside.iter().zip(apart(&beside.iter().map(|b| b.0).collect::<Vec<_>>(), 28.0, room))
            {
                canvas.words(name, [right + 6.0, at - 6.5], Side::Start, SMALL - 1.0, Pen::QUIET);
                canvas.words(value, [right + 6.0, at + 6.5], Side::Start, SMALL, Pen::INK);
            }
        })
    }
}

/// Places in rising order moved apart to at least `gap` px, within `room`.
fn apart(places: &[f64], gap: f64, [top, bottom]: [f64; 2]) -> Vec<f64> {
    let mut moved = places.to_vec();
    for n in 1..moved.len() {
        moved[n] = moved[n].max(moved[n - 1] + gap);
    }
    let mut below = bottom;
    for place in moved.iter_mut().rev() {
        *place = place.min(below).max(top);
        below = *place - gap;
    }
    moved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_beside_lines_do_not_lie_on_each_other() {
        assert_eq!(apart(&[10.0, 12.0, 200.0], 28.0, [0.0, 300.0]), [10.0, 38.0, 200.0]);
        assert_eq!(apart(&[280.0, 290.0, 299.0], 28.0, [0.0, 300.0]), [244.0, 272.0, 300.0]);
    }
}
