//! ROC, precision-recall and FROC curves.

use super::axis::Axis;
use super::canvas::{Pen, drawn};
use super::frame::{Frame, Margins};
use super::legend::{self, Sample};
use super::palette::Look;
use super::scale::Ticks;

/// One curve.
#[derive(Debug, Clone)]
pub struct Curve {
    /// Its name, for instance `model A, AUC 0.91 (0.85 to 0.96)`.
    pub name: String,
    /// Points in rising order of x.
    pub points: Vec<[f64; 2]>,
    /// How it looks; `None`: by its place among the curves.
    pub look: Option<Look>,
}

/// ROC curves over the line of chance; `x` is 1 minus specificity, `y` sensitivity.
#[must_use]
pub fn roc(curves: &[Curve]) -> String {
    let unit = |title: &str| Axis::new(title, "").range([0.0, 1.0]);
    curves_over(curves, &unit("1 − specificity"), &unit("Sensitivity"), &[[[0.0, 0.0], [1.0, 1.0]]])
}

/// Precision-recall curves over the lines of chance, one at each share of positives; `x` is recall, `y` precision.
#[must_use]
pub fn precision_recall(curves: &[Curve], shares: &[f64]) -> String {
    let unit = |title: &str| Axis::new(title, "").range([0.0, 1.0]);
    let chance: Vec<[[f64; 2]; 2]> = shares.iter().map(|share| [[0.0, *share], [1.0, *share]]).collect();
    curves_over(curves, &unit("Recall"), &unit("Precision"), &chance)
}

/// FROC curves; `x` is the mean number of false marks a case, `y` the share of lesions found. `x` ends at a round number that
/// holds all of them, and `most` where that is more: several plots that are compared have one axis.
#[must_use]
pub fn froc(curves: &[Curve], most: f64) -> String {
    let reached = curves.iter().flat_map(|c| &c.points).map(|p| p[0]).filter(|x| x.is_finite()).fold(most, f64::max);
    let x = Axis::new("False positives per case", "").range([0.0, round_end(reached)]);
    curves_over(curves, &x, &Axis::new("Share of lesions found", "").range([0.0, 1.0]), &[])
}

/// The first tick of an axis from 0 at or above a value.
fn round_end(value: f64) -> f64 {
    if value <= 0.0 {
        return 1.0;
    }
    let ticks = Ticks::over([0.0, value], 6).values;
    let step = ticks.get(1).zip(ticks.first()).map_or(value, |(second, first)| second - first);
    (value / step - 1e-9).ceil() * step
}

fn curves_over(curves: &[Curve], x: &Axis, y: &Axis, chance: &[[[f64; 2]; 2]]) -> String {
    let width = 360.0;
    let names: Vec<&str> = curves.iter().map(|c| c.name.as_str()).collect();
    let top = legend::height(&names, width - 20.0) + 4.0;
    let size = [width, top + 340.0];
    let looks: Vec<_> =
        curves.iter().enumerate().map(|(n, c)| (c.name.as_str(), c.look.unwrap_or(Look::of(n)))).collect();
    drawn(size[0], size[1], |canvas| {
        legend::draw(canvas, &looks, width - 20.0, Sample::Line);
        let ranges = (x.over(std::iter::empty()), y.over(std::iter::empty()));
        let frame = Frame::draw(canvas, size, Margins::below(top), (x, ranges.0), (y, ranges.1));
        for [a, b] in chance {
            canvas.dashed(&[frame.at(a[0], a[1]), frame.at(b[0], b[1])], Some([4.0, 3.0]), Pen::QUIET);
        }
        for (curve, (_, look)) in curves.iter().zip(&looks) {
            let finite = curve.points.iter().filter(|p| p[0].is_finite() && p[1].is_finite());
            let path: Vec<[f64; 2]> = finite.map(|p| frame.at(p[0], p[1])).collect();
            canvas.dashed(&path, look.dash, Pen::of(look.color).width(2.0));
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_of_false_positives_ends_at_a_round_number_that_all_plots_share() {
        for (value, end) in [(0.0, 1.0), (0.57, 0.6), (0.6, 0.6), (1.33, 1.5), (2.0, 2.0), (13.0, 15.0)] {
            assert!((round_end(value) - end).abs() < 1e-9, "{value}: {}", round_end(value));
        }
        let curve = |x: f64| Curve { name: "R1".into(), points: vec![[0.0, 0.0], [x, 1.0]], look: None };
        let end = |svg: String| svg.contains(">\n2.0\n<");
        assert!(!end(froc(&[curve(0.5)], 0.0)) && end(froc(&[curve(0.5)], 2.0)) && end(froc(&[curve(1.9)], 0.0)));
    }
}
