//! Lines over time or over any number, with bands for their intervals.

use super::axis::Axis;
use super::canvas::{Pen, drawn};
use super::frame::{Frame, Margins};
use super::legend::{self, Sample};
use super::palette::Look;

/// One line.
#[derive(Debug, Clone)]
pub struct LineSeries {
    /// For instance the reader; may be empty where there is one line.
    pub name: String,
    /// Places and values in rising order of the place; where a value is not finite the line has a gap.
    pub points: Vec<[f64; 2]>,
    /// The interval at each place; empty for none.
    pub band: Vec<[f64; 2]>,
}

/// A line plot.
#[derive(Debug, Clone)]
pub struct Line {
    /// Across: time, or the number of a trial.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
    /// What is shown.
    pub series: Vec<LineSeries>,
    /// Points stand on the lines.
    pub marks: bool,
    /// For half of the page's width.
    pub half: bool,
}

impl Line {
    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let width = if self.half { 360.0 } else { 720.0 };
        let points = || self.series.iter().flat_map(|s| &s.points);
        let bands = self.series.iter().flat_map(|s| &s.band).flatten();
        let x = self.x.over(points().map(|p| p[0]));
        let y = self.y.over(points().map(|p| p[1]).chain(bands.copied()));
        let names: Vec<&str> = self.series.iter().map(|s| s.name.as_str()).collect();
        let top = legend::height(&names, width - 20.0) + 4.0;
        let size = [width, top + if self.half { 250.0 } else { 320.0 }];
        drawn(size[0], size[1], |canvas| {
            let looks: Vec<_> = names.iter().enumerate().map(|(n, name)| (*name, Look::of(n))).collect();
            legend::draw(canvas, &looks, width - 20.0, if self.marks { Sample::Both } else { Sample::Line });
            let frame = Frame::draw(canvas, size, Margins::below(top), (&self.x, x), (&self.y, y));
            for (series, (_, look)) in self.series.iter().zip(&looks) {
                let pairs: Vec<([f64; 2], Option<[f64; 2]>)> =
                    series.points.iter().enumerate().map(|(n, p)| (*p, series.band.get(n).copied())).collect();
                // A place without a value parts the line.
                for run in pairs.split(|(p, _)| !(p[0].is_finite() && p[1].is_finite())) {
                    let banded = run.iter().filter_map(|(p, band)| Some((p[0], (*band)?)));
                    let upper = banded.clone().map(|(x, band)| frame.at(x, band[1]));
                    let lower = banded.map(|(x, band)| frame.at(x, band[0]));
                    let mut around: Vec<[f64; 2]> = upper.collect();
                    let back: Vec<[f64; 2]> = lower.collect();
                    around.extend(back.into_iter().rev());
                    if around.len() > 3 {
                        canvas.area(&around, Pen::of(look.color).cover(0.15));
                    }
                    let path: Vec<[f64; 2]> = run.iter().map(|(p, _)| frame.at(p[0], p[1])).collect();
                    if path.len() > 1 {
                        canvas.dashed(&path, look.dash, Pen::of(look.color).width(1.8));
                    }
                    if self.marks || path.len() == 1 {
                        path.into_iter().for_each(|at| canvas.mark(at, 3.2, *look, 1.0));
                    }
                }
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_value_parts_the_line() {
        let points = vec![[0.0, 1.0], [1.0, 2.0], [2.0, f64::NAN], [3.0, 2.0], [4.0, 1.0]];
        let series = vec![LineSeries { name: String::new(), points, band: Vec::new() }];
        let line = Line { x: Axis::default(), y: Axis::default(), series, marks: false, half: false };
        assert_eq!(line.svg().matches("stroke-width=\"18\"").count(), 2);
    }
}
