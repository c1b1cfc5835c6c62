//! Reliability diagrams: how often what was given a probability came true, over how many there were.

use super::axis::{Axis, Point};
use super::canvas::{Pen, SMALL, Side, drawn};
use super::frame::{BELOW, Frame, Margins};
use super::legend::{self, Sample};
use super::palette::Look;
use super::scale::Scale;
use crate::report::numbers::count;

/// A bin with samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// Mean of the probabilities in it.
    pub mean_probability: f64,
    /// Share of its samples that were positive.
    pub share_positive: f64,
    /// Interval of that share.
    pub interval: Option<[f64; 2]>,
    /// How many samples.
    pub n: u64,
    /// Its ends.
    pub range: [f64; 2],
}

/// One model's bins.
#[derive(Debug, Clone)]
pub struct ReliabilityCurve {
    /// The model; may be empty where there is one.
    pub name: String,
    /// Its bins, those without samples left out.
    pub bins: Vec<ReliabilityBin>,
}

/// A reliability diagram with the counts below it.
#[derive(Debug, Clone)]
pub struct Reliability {
    /// What is shown.
    pub curves: Vec<ReliabilityCurve>,
}

const COUNTS_PX: f64 = 70.0;

impl Reliability {
    /// The plot.
    #[must_use]
    pub fn svg(&self) -> String {
        let width = 360.0;
        let names: Vec<&str> = self.curves.iter().map(|c| c.name.as_str()).collect();
        let top = legend::height(&names, width - 20.0) + 4.0;
        let size = [width, top + 300.0 + COUNTS_PX + 26.0];
        let unit = |title: &str| Axis::new(title, "").range([0.0, 1.0]);
        drawn(size[0], size[1], |canvas| {
            let looks: Vec<_> = names.iter().enumerate().map(|(n, name)| (*name, Look::of(n))).collect();
            legend::draw(canvas, &looks, width - 20.0, Sample::Both);
            let margins = Margins { bottom: COUNTS_PX + 26.0, ..Margins::below(top) };
            let (x, y) = (unit("Mean predicted probability"), unit("Share that was positive"));
            let frame = Frame::draw(canvas, size, margins, (&x, [0.0, 1.0]), (&y, [0.0, 1.0]));
            canvas.dashed(&[frame.at(0.0, 0.0), frame.at(1.0, 1.0)], Some([4.0, 3.0]), Pen::QUIET);
            for (curve, (_, look)) in self.curves.iter().zip(&looks) {
                let pen = Pen::of(look.color).width(1.8);
                let path: Vec<[f64; 2]> =
                    curve.bins.iter().map(|b| frame.at(b.mean_probability, b.share_positive)).collect();
                for bin in &curve.bins {
                    if let Some([low, high]) = bin.interval {
                        let ends = [frame.at(bin.mean_probability, low), frame.at(bin.mean_probability, high)];
                        canvas.line(ends[0], ends[1], pen.cover(0.55).width(1.2));
                    }
                }
                canvas.dashed(&path, look.dash, pen);
                for (at, bin) in path.into_iter().zip(&curve.bins) {
                    canvas.mark(at, 3.6, *look, 1.0);
                    let words = format!(
                        "{} from {:.2} to {:.2}: {} samples, mean {:.3}, positive {:.3}",
                        curve.name,
                        bin.range[0],
                        bin.range[1],
                        count(bin.n),
                        bin.mean_probability,
                        bin.share_positive
                    );
                    canvas.hit(at, 6.0, &Point::new(0.0, 0.0).named(words.trim(), None));
                }
            }
            // Counts, on the same axis.
            let (from, to) = (size[1] - COUNTS_PX - 4.0, size[1] - 6.0);
            let most = self.curves.iter().flat_map(|c| &c.bins).map(|b| b.n).max().unwrap_or(0).max(1);
            let scale = Scale::new([0.0, most as f64], [to, from]);
            canvas.line([frame.x.from_px, to], [frame.x.to_px, to], Pen::QUIET);
            canvas.words(&count(most), [frame.x.from_px - 7.0, from + 2.0], Side::End, SMALL - 1.0, Pen::QUIET);
            canvas.words("0", [frame.x.from_px - 7.0, to - 3.0], Side::End, SMALL - 1.0, Pen::QUIET);
            canvas.words("n", [frame.x.from_px - 7.0, f64::midpoint(from, to)], Side::End, SMALL, Pen::INK);
            let share = 1.0 / self.curves.len().max(1) as f64;
            for (at, (curve, (_, look))) in self.curves.iter().zip(&looks).enumerate() {
                for bin in &curve.bins {
                    let [low, high] = bin.range.map(|v| frame.x.at(v));
                    let step = (high - low - 2.0) * share;
                    let start = low + 1.0 + at as f64 * step;
                    let bar = Pen::of(look.color).cover(0.75);
                    canvas.block([start, scale.at(bin.n as f64)], [start + step - 0.5, to], bar);
                }
            }
            debug_assert!(from > frame.y.from_px + BELOW - 10.0);
        })
    }
}
