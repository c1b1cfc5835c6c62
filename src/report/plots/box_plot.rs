//! Boxes with their points, one row a series: names of any length stand to their left.

use super::axis::{Axis, Point};
use super::canvas::{Canvas, Pen, SMALL, Side, drawn};
use super::frame::{BELOW, Frame};
use super::palette::Look;
use super::quartiles::Quartiles;
use super::scale::Scale;
use super::text_width::{fitted, text_width};
use crate::report::numbers::count;

/// Above this many values only those beyond the whiskers are drawn as points.
const MOST_POINTS: usize = 300;
const ROW_PX: f64 = 46.0;
const R_PX: f64 = 2.6;

/// The values of one series; `x` of a point is its value.
#[derive(Debug, Clone)]
pub struct BoxRow {
    /// For instance the model.
    pub name: String,
    /// Its values.
    pub points: Vec<Point>,
}

/// A box plot: quartiles, Tukey's whiskers, every point (above 300 those beyond the whiskers).
#[derive(Debug, Clone)]
pub struct BoxPlot {
    axis: Axis,
    rows: Vec<BoxRow>,
    width_px: f64,
}

impl BoxPlot {
    /// Boxes over one axis.
    #[must_use]
    pub fn new(axis: Axis, rows: Vec<BoxRow>) -> Self {
        Self { axis, rows, width_px: 720.0 }
    }

    /// The same for half of the page's width.
    #[must_use]
    pub fn half(self) -> Self {
        Self { width_px: 360.0, ..self }
    }

    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let rows = self.rows.len().max(1) as f64;
        let height = 8.0 + rows * ROW_PX + BELOW;
        let most = self.width_px * 0.32;
        let longest = self.rows.iter().map(|r| text_width(&r.name, SMALL)).fold(0.0, f64::max).min(most);
        let values = self.rows.iter().flat_map(|r| &r.points).map(|p| p.x);
        drawn(self.width_px, height, |canvas| {
            let frame = Frame {
                x: Scale::new(self.axis.over(values), [longest + 14.0, self.width_px - 14.0]),
                y: Scale::new([0.0, rows], [height - BELOW, 8.0]),
            };
            frame.below(canvas, &self.axis, true);
            for (at, row) in self.rows.iter().enumerate() {
                let y = frame.y.at(rows - at as f64 - 0.5);
                let name = fitted(&row.name, SMALL, most);
                canvas.words(&name, [longest + 4.0, y - 6.0], Side::End, SMALL, Pen::INK);
                let n = row.points.iter().filter(|p| p.x.is_finite()).count();
                let n = format!("n = {}", count(n as u64));
                canvas.words(&n, [longest + 4.0, y + 8.0], Side::End, SMALL - 1.0, Pen::QUIET);
                draw_row(canvas, frame.x, y, row, Look::of(at));
            }
        })
    }
}

fn draw_row(canvas: &mut Canvas<'_>, x: Scale, y: f64, row: &BoxRow, look: Look) {
    let mut points: Vec<&Point> = row.points.iter().filter(|p| p.x.is_finite()).collect();
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    let values: Vec<f64> = points.iter().map(|p| p.x).collect();
    let Some(q) = Quartiles::of(&values) else { return };
    let [low, first, median, third, high] = [q.low, q.first, q.median, q.third, q.high].map(|v| x.at(v));
    let half = ROW_PX * 0.30;
    canvas.block([first, y - half], [third, y + half], Pen::of(look.color).cover(0.18));
    if points.len() > MOST_POINTS {
        points.retain(|p| p.x < q.low || p.x > q.high);
    }
    for (point, shift) in swarm(&points, x, half) {
        let at = [x.at(point.x), y + shift];
        canvas.mark(at, R_PX, look, 0.75);
        canvas.hit(at, R_PX + 1.5, point);
    }
    let pen = Pen::of(look.color).width(1.3);
    canvas.outline([first, y - half], [third, y + half], pen);
    canvas.line([low, y], [first, y], pen);
    canvas.line([third, y], [high, y], pen);
    canvas.line([low, y - half * 0.45], [low, y + half * 0.45], pen);
    canvas.line([high, y - half * 0.45], [high, y + half * 0.45], pen);
    canvas.line([median, y - half], [median, y + half], Pen::INK.width(2.0));
}

/// Rising points moved up and down until none lies on another, as far as `half` px allow.
fn swarm<'a>(points: &[&'a Point], x: Scale, half: f64) -> Vec<(&'a Point, f64)> {
    let gap = 2.0 * R_PX + 0.4;
    let lanes = (half / gap).floor() as i32;
    let shifts: Vec<f64> =
        (0..=2 * lanes).map(|n| f64::from((n + 1) / 2) * gap * if n % 2 == 0 { 1.0 } else { -1.0 }).collect();
    // The last point's place in each lane.
    let mut ends = vec![f64::NEG_INFINITY; shifts.len()];
    let mut placed = Vec::with_capacity(points.len());
    for point in points {
        let at = x.at(point.x);
        let free = ends.iter().position(|end| at - end >= gap);
        // Where every lane is taken, the one that was left first.
        let lane = free.unwrap_or_else(|| (0..ends.len()).min_by(|a, b| ends[*a].total_cmp(&ends[*b])).unwrap_or(0));
        if let (Some(end), Some(shift)) = (ends.get_mut(lane), shifts.get(lane)) {
            *end = at;
            placed.push((*point, *shift));
        }
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(n: usize) -> Vec<BoxRow> {
        let point = |i: usize| Point::new((i * i % 17) as f64, 0.0).named(format!("case {i}"), None);
        vec![BoxRow { name: "a".into(), points: (0..n).map(point).collect() }]
    }

    #[test]
    fn every_value_is_a_point_until_there_are_too_many() {
        assert_eq!(BoxPlot::new(Axis::new("x", ""), rows(20)).svg().matches("<circle class=\"hit\"").count(), 20);
        assert_eq!(BoxPlot::new(Axis::new("x", ""), rows(301)).svg().matches("<circle class=\"hit\"").count(), 0);
    }

    #[test]
    fn the_words_of_the_last_tick_stay_inside_of_the_plot() {
        let points = [-0.0868, -0.0705].map(|x| Point::new(x, 0.0)).to_vec();
        let row = BoxRow { name: "t1-to-t2-diffusion".into(), points };
        let svg = BoxPlot::new(Axis::new("Spearman", ""), vec![row]).half().svg();
        let before = svg.split(">\n−0.070").next().unwrap();
        let x: f64 = before.rsplit("<text x=\"").next().unwrap().split('"').next().unwrap().parse().unwrap();
        // Plots are drawn at ten units a px.
        assert!(x / 10.0 + text_width("−0.070", SMALL) / 2.0 <= 360.0, "{x}");
    }

    #[test]
    fn nothing_to_show_is_an_empty_plot() {
        let nothing = BoxRow { name: "none".into(), points: vec![Point::new(f64::NAN, 0.0)] };
        assert!(BoxPlot::new(Axis::default(), vec![nothing]).svg().contains("n = 0"));
        assert!(BoxPlot::new(Axis::default(), Vec::new()).svg().ends_with("</svg>\n"));
    }
}
