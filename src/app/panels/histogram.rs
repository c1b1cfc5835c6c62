//! A histogram on a logarithmic scale over an axis of real values; what lies over it is drawn by others.

use eframe::egui::{Align2, Color32, FontId, Mesh, Painter, Pos2, Rect, Shape, Stroke, Ui, pos2};

use crate::app::ui_kit::theme::tokens;
use crate::volume::statistics::Histogram;

/// How real values map onto points of the screen, left to right.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Axis {
    /// Real values at the left and right end; the second is higher.
    pub range: [f64; 2],
    /// Where the ends lie, points.
    pub x: [f32; 2],
}

impl Axis {
    /// An axis over `range` along the width of `rect`; a range without extent is widened.
    pub fn new(range: [f64; 2], rect: Rect) -> Self {
        let [low, high] = range;
        let high = if high > low { high } else { low + 1.0 };
        Self { range: [low, high], x: [rect.left(), rect.right()] }
    }

    /// The point of a value.
    pub fn x_at(&self, value: f64) -> f32 {
        let t = (value - self.range[0]) / (self.range[1] - self.range[0]);
        self.x[0] + (self.x[1] - self.x[0]) * t as f32
    }

    /// The value at a point.
    pub fn value_at(&self, x: f32) -> f64 {
        let t = f64::from((x - self.x[0]) / (self.x[1] - self.x[0]).max(1.0));
        self.range[0] + (self.range[1] - self.range[0]) * t
    }

    /// How much a value changes for one point.
    pub fn value_per_point(&self) -> f64 {
        (self.range[1] - self.range[0]) / f64::from((self.x[1] - self.x[0]).max(1.0))
    }

    /// Whole values for ticks (1, 2 or 5 times a power of ten), at least `apart` points from each other.
    pub fn ticks(&self, apart: f32) -> Vec<f64> {
        let least = self.value_per_point() * f64::from(apart);
        let power = 10_f64.powf(least.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * power).into_iter().find(|s| *s >= least).unwrap_or(10.0 * power);
        let first = (self.range[0] / step).ceil() as i64;
        let last = (self.range[1] / step).floor() as i64;
        (first..=last).take(64).map(|i| i as f64 * step).collect()
    }
}

/// A value as people read it on this axis: as many decimals as one point on the screen can tell apart.
pub(crate) fn readable(value: f64, per_point: f64) -> String {
    let decimals = if per_point > 0.0 { (-per_point.log10()).ceil().clamp(0.0, 6.0) as usize } else { 0 };
    let text = format!("{value:.decimals$}");
    let text = if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') {
        text.trim_start_matches('-').to_owned()
    } else {
        text
    };
    text.replace('-', "−")
}

/// Heights from 0 to 1 for `columns` equal parts of `range`: the logarithm of the fullest bin that each part touches.
pub(crate) fn heights(histogram: &Histogram, range: [f64; 2], columns: usize) -> Vec<f32> {
    let bins = histogram.counts.len();
    let [low, high] = histogram.range;
    let most = histogram.counts.iter().copied().max().unwrap_or(0);
    if bins == 0 || most == 0 || columns == 0 {
        return vec![0.0; columns];
    }
    let width = if high > low { (high - low) / bins as f64 } else { 1.0 };
    let scale = 1.0 / (1.0 + most as f64).ln();
    let bin = |value: f64| (value - low) / width;
    (0..columns)
        .map(|i| {
            let at = |i: usize| range[0] + (range[1] - range[0]) * i as f64 / columns as f64;
            let (first, last) = (bin(at(i)).floor(), bin(at(i + 1)).ceil() - 1.0);
            if last < 0.0 || first >= bins as f64 {
                return 0.0;
            }
            let first = first.max(0.0) as usize;
            let last = (last.max(0.0) as usize).min(bins - 1);
            let count =
                histogram.counts.get(first..=last.max(first)).and_then(|c| c.iter().max()).copied().unwrap_or(0);
            ((1.0 + count as f64).ln() * scale) as f32
        })
        .collect()
}

/// Fills the histogram from the bottom of `rect`, one column a point.
pub(crate) fn paint(painter: &Painter, rect: Rect, axis: &Axis, histogram: &Histogram, fill: Color32) {
    let columns = (axis.x[1] - axis.x[0]).round().max(1.0) as usize;
    let step = (axis.x[1] - axis.x[0]) / columns as f32;
    let mut mesh = Mesh::default();
    for (i, height) in heights(histogram, axis.range, columns).into_iter().enumerate() {
        if height > 0.0 {
            let left = axis.x[0] + step * i as f32;
            let top = rect.bottom() - height * rect.height();
            mesh.add_colored_rect(Rect::from_min_max(pos2(left, top), pos2(left + step, rect.bottom())), fill);
        }
    }
    painter.add(Shape::mesh(mesh));
}

/// Ticks and their values below `top`, the unit at the right end.
pub(crate) fn paint_axis(ui: &Ui, top: f32, axis: &Axis, unit: &str) {
    let t = tokens(ui.ctx());
    let painter = ui.painter();
    let font = FontId::proportional(t.size.small);
    let text = |x: f32, anchor: Align2, text: String| {
        let galley = painter.layout_no_wrap(text, font.clone(), t.quiet);
        let rect = anchor.anchor_size(pos2(x, top + t.space.xs), galley.size());
        (rect, galley)
    };
    let mut free_to = axis.x[1];
    if !unit.is_empty() {
        let (rect, galley) = text(axis.x[1], Align2::RIGHT_TOP, unit.to_owned());
        free_to = rect.left() - t.space.s;
        painter.galley(rect.min, galley, t.quiet);
    }
    let ticks = axis.ticks(48.0);
    let step = ticks.windows(2).map(|w| w[1] - w[0]).next().unwrap_or(1.0);
    for value in ticks {
        let x = axis.x_at(value);
        painter.line_segment([pos2(x, top), pos2(x, top + 3.0)], Stroke::new(1.0, t.disabled));
        let (rect, galley) = text(x, Align2::CENTER_TOP, readable(value, step));
        let shift = (axis.x[0] - rect.left()).max(0.0);
        if rect.right() + shift <= free_to {
            painter.galley(Pos2::new(rect.left() + shift, rect.top()), galley, t.quiet);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(low: f64, high: f64) -> Axis {
        Axis { range: [low, high], x: [10.0, 210.0] }
    }

    #[test]
    fn axis_goes_there_and_back() {
        let a = axis(-1000.0, 3000.0);
        assert_eq!(a.x_at(-1000.0), 10.0);
        assert_eq!(a.x_at(3000.0), 210.0);
        assert!((a.value_at(a.x_at(812.0)) - 812.0).abs() < 0.1);
    }

    #[test]
    fn ticks_are_round_and_apart() {
        assert_eq!(axis(-1024.0, 3071.0).ticks(48.0), [-1000.0, 0.0, 1000.0, 2000.0, 3000.0]);
        assert_eq!(axis(0.0, 1.0).ticks(48.0), [0.0, 0.5, 1.0]);
    }

    #[test]
    fn no_value_reads_as_minus_zero() {
        assert_eq!(readable(-0.2, 10.0), "0");
        assert_eq!(readable(-0.004, 0.1), "0.0");
        assert_eq!(readable(-12.5, 0.1), "−12.5");
    }

    #[test]
    fn one_spike_does_not_hide_the_rest() {
        let h = Histogram { range: [0.0, 4.0], counts: vec![1_000_000, 0, 1000, 1] };
        let heights = heights(&h, [0.0, 4.0], 4);
        assert_eq!(heights[0], 1.0);
        assert_eq!(heights[1], 0.0);
        assert!((heights[2] - 0.5).abs() < 0.01, "log(1001) is half of log(1000001)");
    }

    #[test]
    fn outside_the_histogram_nothing_is_drawn() {
        let h = Histogram { range: [0.0, 1.0], counts: vec![5, 5] };
        assert_eq!(heights(&h, [-4.0, -2.0], 3), [0.0; 3]);
        assert_eq!(heights(&h, [2.0, 3.0], 2), [0.0; 2]);
    }
}
