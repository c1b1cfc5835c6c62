//! How often values fall into bins of one width.

use super::axis::Axis;
use super::canvas::{Pen, drawn};
use super::frame::{Frame, Margins};
use super::palette::Look;
use super::quartiles::quantile;
use super::scale::Ticks;

/// A histogram.
#[derive(Debug, Clone)]
pub struct Histogram {
    axis: Axis,
    values: Vec<f64>,
    half: bool,
}

impl Histogram {
    /// A histogram of the finite ones among `values`; its bins end on round values.
    #[must_use]
    pub fn new(axis: Axis, values: &[f64]) -> Self {
        let mut values: Vec<f64> = values.iter().copied().filter(|v| v.is_finite()).collect();
        values.sort_by(f64::total_cmp);
        Self { axis, values, half: false }
    }

    /// The same for half of the page's width.
    #[must_use]
    pub fn half(self) -> Self {
        Self { half: true, ..self }
    }

    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let size = if self.half { [360.0, 250.0] } else { [720.0, 320.0] };
        let range = self.axis.over(self.values.iter().copied());
        let edges = edges(&self.values, range);
        let bins = edges.windows(2).enumerate().map(|(at, edge)| {
            let last = at + 2 == edges.len();
            let below = |v: f64| self.values.partition_point(|x| *x < v);
            let up_to = if last { self.values.partition_point(|x| *x <= edge[1]) } else { below(edge[1]) };
            ([edge[0], edge[1]], (up_to - below(edge[0])) as f64)
        });
        let bins: Vec<([f64; 2], f64)> = bins.collect();
        let most = bins.iter().map(|b| b.1).fold(1.0, f64::max);
        let (low, high) = (edges.first().copied().unwrap_or(range[0]), edges.last().copied().unwrap_or(range[1]));
        let room = 0.02 * (high - low);
        drawn(size[0], size[1], |canvas| {
            let (x, y) = ((&self.axis, [low - room, high + room]), (&Axis::new("Count", ""), [0.0, most * 1.06]));
            let frame = Frame::draw(canvas, size, Margins::below(10.0), x, y);
            let look = Look::of(0);
            for ([from, to], n) in bins.into_iter().filter(|b| b.1 > 0.0) {
                let (upper, lower) = (frame.at(from, n), frame.at(to, 0.0));
                canvas.block([upper[0] + 0.7, upper[1]], [lower[0] - 0.7, lower[1]], Pen::of(look.color).cover(0.75));
            }
        })
    }
}

/// Edges at round values about as far apart as Freedman and Diaconis 1981 say, `2 iqr / n^(1/3)`; 5 to 40 bins.
fn edges(sorted: &[f64], [low, high]: [f64; 2]) -> Vec<f64> {
    let spread = [0.75, 0.25].map(|p| quantile(sorted, p).unwrap_or_default());
    let wished = 2.0 * (spread[0] - spread[1]) / (sorted.len().max(1) as f64).cbrt();
    let bins = if wished > 0.0 { ((high - low) / wished).clamp(5.0, 40.0) } else { 10.0 };
    let ticks = Ticks::over([low, high], bins as usize + 1).values;
    let Some((first, second)) = ticks.first().zip(ticks.get(1)) else { return vec![low, high] };
    let step = second - first;
    let start = (low / step + 1e-9).floor();
    let end = (high / step - 1e-9).ceil();
    (0..=(end - start) as usize).map(|n| (start + n as f64) * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_every_value_and_end_on_round_ones() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        let edges = edges(&values, [0.0, 99.0]);
        assert_eq!((edges[0], edges[1], edges[edges.len() - 1]), (0.0, 50.0_f64.min(edges[1]), 100.0));
        assert!(Histogram::new(Axis::new("x", ""), &[]).svg().ends_with("</svg>\n"));
        assert!(Histogram::new(Axis::new("x", ""), &[3.0, 3.0]).svg().contains("polygon"));
    }
}
