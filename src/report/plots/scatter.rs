//! Points over two axes, with the line on which both are equal.

use super::axis::{Axis, Point};
use super::canvas::{Pen, drawn};
use super::frame::{Frame, Margins};
use super::legend::{self, Sample};
use super::palette::Look;

/// Points of one look.
#[derive(Debug, Clone)]
pub struct ScatterSeries {
    /// For instance the model; may be empty where there is one series.
    pub name: String,
    /// Its points.
    pub points: Vec<Point>,
}

/// A scatter plot.
#[derive(Debug, Clone)]
pub struct Scatter {
    /// Across.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is shown.
    pub series: Vec<ScatterSeries>,
    /// Both axes have one range, and the line `y = x` is drawn.
    pub identity: bool,
    /// The look of the first series; from 0.
    pub first_look: usize,
    /// For half of the page's width.
    pub half: bool,
}

impl Scatter {
    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let finite = |s: &ScatterSeries| s.points.iter().filter(|p| p.is_finite()).cloned().collect::<Vec<_>>();
        let series: Vec<Vec<Point>> = self.series.iter().map(finite).collect();
        let all = || series.iter().flatten();
        let (mut x, mut y) = (self.x.over(all().map(|p| p.x)), self.y.over(all().map(|p| p.y)));
        if self.identity {
            let both =
                self.x.range.or(self.y.range).map_or_else(|| self.x.clone(), |range| self.x.clone().range(range));
            x = both.over(all().flat_map(|p| [p.x, p.y]));
            y = x;
        }
        let width = if self.half { 360.0 } else { 720.0 };
        let names: Vec<&str> = self.series.iter().map(|s| s.name.as_str()).collect();
        let top = legend::height(&names, width - 20.0) + 4.0;
        let size = [width, top + if self.half { 290.0 } else { 400.0 }];
        drawn(size[0], size[1], |canvas| {
            let looks: Vec<_> =
                names.iter().enumerate().map(|(n, name)| (*name, Look::of(self.first_look + n))).collect();
            legend::draw(canvas, &looks, width - 20.0, Sample::Point);
            let frame = Frame::draw(canvas, size, Margins::below(top), (&self.x, x), (&self.y, y));
            if self.identity {
                canvas.dashed(&[frame.at(x[0], y[0]), frame.at(x[1], y[1])], Some([4.0, 3.0]), Pen::QUIET);
            }
            for (points, (_, look)) in series.iter().zip(&looks) {
                for point in points.iter().filter(|p| frame.holds(p.x, p.y)) {
                    let at = frame.at(point.x, point.y);
                    canvas.mark(at, 3.2, *look, 0.75);
                    canvas.hit(at, 5.0, point);
                }
            }
        })
    }
}
